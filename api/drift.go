package api

import (
	"context"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
)

// DriftView is how an application differs from what was written there.
type DriftView struct {
	Says     string    `json:"says" doc:"The result in a sentence."`
	Read     time.Time `json:"read" doc:"When the read of the application began that was compared."`
	Compared int       `json:"compared"`
	Changed  int       `json:"changed"`
	Missing  int       `json:"missing"`
	Unsure   int       `json:"unsure" doc:"Objects that were written since the read, or that it did not see for certain: the next read tells."`
	Silent   []string  `json:"silent,omitempty" doc:"Attributes that the application shows of nobody, so that they cannot be compared."`
	Items    []Drifted `json:"items"`
	More     int       `json:"more,omitempty" doc:"Objects that differ beyond these."`
}

// Drifted is one object that differs.
type Drifted struct {
	Kind    string   `json:"kind" enum:"changed,missing"`
	Source  End      `json:"source"`
	Target  End      `json:"target"`
	Changes []Change `json:"changes,omitempty" doc:"Before is what was written, after is what was seen."`
}

func driftOf(d operate.Drift) DriftView {
	l := d.Look
	return DriftView{
		Says: d.Says(), Read: l.Read, Compared: l.Compared, Changed: l.Changed, Missing: l.Missing, Unsure: l.Unsure, Silent: l.Silent, More: l.More,
		Items: mapped(d.Found, "", driftedOf).Items,
	}
}

func driftedOf(d plan.Drift) Drifted {
	v := Drifted{Kind: string(d.Kind), Source: End{d.Source.Type, d.Source.ID, d.Source.Name}, Target: End{d.Target.Type, d.Target.ID, d.Target.Name}}
	for _, c := range d.Changes() {
		v.Changes = append(v.Changes, Change(c))
	}
	return v
}

func (s *Server) drift(ctx context.Context, p operate.Principal, in *JobPath) (DriftView, error) {
	d, err := s.Operator.Drift(ctx, p, in.Job)
	return driftOf(d), err
}

func (s *Server) lookForDrift(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Wait    int  `query:"wait" minimum:"1" maximum:"600" default:"120" doc:"Seconds to wait for the end of the read."`
	Members bool `query:"members" doc:"Ask for each group by its id, too, and compare its members."`
},
) (DriftView, error) {
	d, err := s.Operator.LookForDrift(ctx, p, in.Job, time.Duration(in.Wait)*time.Second, in.Members)
	return driftOf(d), err
}

// DriftRestore chooses what is written anew: objects of the source, or all that differs.
type DriftRestore struct {
	All     bool  `json:"all,omitempty"`
	Sources []End `json:"sources,omitempty" maxItems:"10000" doc:"By type and id."`
	Members bool  `json:"members,omitempty" doc:"Ask for each group by its id, and write its members anew, too."`
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
	n, err := s.Operator.RestoreDrift(ctx, p, in.Job, refs, in.Body.Members)
	return Restored{n}, err
}
