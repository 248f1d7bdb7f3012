package api

import (
	"context"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
)

// DriftView is how an application differs from what was written there, as the last look has found it.
type DriftView struct {
	Says     string     `json:"says" doc:"The result in a sentence."`
	Read     *time.Time `json:"read,omitempty" doc:"When the read of the application began that was compared; absent before the first look has ended."`
	Looked   *time.Time `json:"looked,omitempty" doc:"When the look had ended."`
	Looking  bool       `json:"looking,omitempty" doc:"Another look is under way, or asked for."`
	Trouble  string     `json:"trouble,omitempty" doc:"Why that does not come: the application cannot be read."`
	Compared int        `json:"compared"`
	Changed  int        `json:"changed"`
	Missing  int        `json:"missing"`
	Unsure   int        `json:"unsure" doc:"Objects that were written since the read, or that nobody could see for certain: the next look tells."`
	Restored int        `json:"restored,omitempty" doc:"Objects that are to be written anew."`
	Silent   []string   `json:"silent,omitempty" doc:"Attributes that the application shows of nobody, so that they cannot be compared."`
	Items    []Drifted  `json:"items"`
	Next     string     `json:"next,omitempty" doc:"Give it as after for the next page."`
	More     int        `json:"more,omitempty" doc:"Objects that differ and are only counted: beyond 10,000."`
}

// Drifted is one object that differs.
type Drifted struct {
	Kind    string   `json:"kind" enum:"changed,missing"`
	Source  End      `json:"source"`
	Target  End      `json:"target"`
	Changes []Change `json:"changes,omitempty" doc:"Before is what was written, after is what was seen. Of members and managers the first, up to ends."`
	Added   int      `json:"added,omitempty" doc:"Members or managers that somebody else has added, all of them."`
	Removed int      `json:"removed,omitempty" doc:"Members or managers that somebody else has taken away, all of them."`
}

// DriftPage is a page of what differs.
type DriftPage struct {
	After string `query:"after" maxLength:"1000" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Ends  int    `query:"ends" minimum:"1" maximum:"1000" default:"20" doc:"How many members of each group to name."`
}

func (q DriftPage) page() (operate.DriftPage, error) {
	p := operate.DriftPage{Limit: q.Limit, Ends: q.Ends}
	if q.After == "" {
		return p, nil
	}
	typ, id, ok := strings.Cut(q.After, ":")
	if p.After = (connection.Ref{Type: typ, ID: id}); !ok || id == "" {
		return p, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "That is not the next of a page."}
	}
	return p, nil
}

func driftOf(d operate.Drift) DriftView {
	l := d.Look
	v := DriftView{
		Says: d.Says(), Read: instant(l.Read), Looked: instant(l.Ended), Looking: l.Under || l.Waits(), Compared: l.Compared, Changed: l.Changed, Missing: l.Missing,
		Unsure: l.Unsure, Restored: l.Restored, Silent: l.Silent, More: l.More, Items: mapped(d.Found, "", driftedOf).Items,
	}
	if d.Trouble != nil {
		v.Trouble = lockstep.Said(d.Trouble)
	}
	if d.Next.ID != "" {
		v.Next = d.Next.Type + ":" + d.Next.ID
	}
	return v
}

func driftedOf(d plan.Drift) Drifted {
	v := Drifted{
		Kind: string(d.Kind), Source: End{d.Source.Type, d.Source.ID, d.Source.Name}, Target: End{d.Target.Type, d.Target.ID, d.Target.Name}, Added: d.Added, Removed: d.Gone,
	}
	for _, c := range d.Changes() {
		v.Changes = append(v.Changes, Change(c))
	}
	return v
}

func (s *Server) drift(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	DriftPage
},
) (DriftView, error) {
	page, err := in.page()
	if err != nil {
		return DriftView{}, err
	}
	d, err := s.Operator.Drift(ctx, p, in.Job, page)
	return driftOf(d), err
}

func (s *Server) lookForDrift(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	DriftPage
	Wait int `query:"wait" minimum:"1" maximum:"600" default:"120" doc:"Seconds to wait for the end of the look."`
},
) (DriftView, error) {
	page, err := in.page()
	if err != nil {
		return DriftView{}, err
	}
	d, err := s.Operator.LookForDrift(ctx, p, in.Job, time.Duration(in.Wait)*time.Second, page)
	return driftOf(d), err
}

// DriftRestore chooses what is written anew: objects of the source, or all that differs.
type DriftRestore struct {
	All     bool  `json:"all,omitempty"`
	Sources []End `json:"sources,omitempty" maxItems:"10000" doc:"By type and id."`
}

// Restored is how many objects are written anew.
type Restored struct {
	Restored int `json:"restored"`
}

func (s *Server) restoreDrift(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body DriftRestore
},
) (Restored, error) {
	if in.Body.All == (len(in.Body.Sources) > 0) {
		return Restored{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Name objects of the source, or say all."}
	}
	refs := make([]connection.Ref, len(in.Body.Sources))
	for i, e := range in.Body.Sources {
		refs[i] = connection.Ref{Type: e.Type, ID: e.ID}
	}
	n, err := s.Operator.RestoreDrift(ctx, p, in.Job, refs)
	return Restored{n}, err
}
