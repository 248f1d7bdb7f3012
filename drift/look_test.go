package drift

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// desk is a look in memory: what a store and a mirror have of one job, an application that shows one object, and a clock that stands still.
type desk struct {
	*testing.T
	provision.Store
	Looks

	links map[connection.Ref]plan.Link
	rows  []plan.Action
	ends  []plan.EndRow
	head  mirror.Head
	shows connection.Object
	job   provision.Job
	clock time.Time
}

func newDesk(t *testing.T) *desk {
	of := func(name string, match int) rule.Mapping {
		return rule.Mapping{Target: name, Match: match, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: name, Expression: "[" + name + "]"}}
	}
	d := &desk{T: t, links: map[connection.Ref]plan.Link{}, clock: time.Unix(1_800_000_000, 0)}
	d.job = provision.Job{
		Tenant: "t", ID: "j", Name: "Job", Direction: provision.Outbound, State: provision.Active, Epoch: 5, Policy: provision.Policy{Groups: true},
		Rules: rule.Rules{Objects: []rule.ObjectMapping{
			{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: []rule.Mapping{of("userName", 1), of("title", 0)}},
			{Name: "groups", Enabled: true, Source: "Group", Target: "Group", Attributes: []rule.Mapping{of("displayName", 1), of("members", 0)}},
		}},
	}
	return d
}

func (d *desk) finder() *Finder {
	engine := &provision.Engine{Store: d, Mirrors: reads{d}, Directory: hub{d}, Connect: outside{d}, Now: func() time.Time { return d.clock }}
	return &Finder{Engine: engine, Mirrors: reads{d}, Looks: d}
}

// looks is a look at what was read at an instant.
func (d *desk) looks(read time.Time) *look {
	d.Helper()
	f := d.finder()
	app, err := f.Engine.Visit(d.Context(), "t", "j")
	d.do(err)
	return &look{Finder: f, job: d.job, app: app, kept: d.clock, found: plan.Drifts{Work: plan.DriftWork{Read: read}}}
}

func (d *desk) do(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// What the desk's engine reaches: the directory, the application, and what was read of it.
type (
	hub     struct{ *desk }
	outside struct{ *desk }
	reads   struct{ *desk }
	source  struct{ connection.Source }
	target  struct {
		connection.Target
		*desk
	}
)

func (h hub) Source(lockstep.TenantID, lockstep.AppID, bool, bool) connection.Source { return source{} }
func (h hub) Target(lockstep.TenantID, audit.Actor) connection.Target                { return nil }
func (h hub) SourceWith(lockstep.TenantID, lockstep.AppID, bool, bool, []rule.AssignmentChange) connection.Source {
	return nil
}

func (o outside) Source(context.Context, provision.Job) (connection.Source, error) { return nil, nil }
func (o outside) Target(context.Context, provision.Job) (connection.Target, error) {
	return target{desk: o.desk}, nil
}

func (source) Describe(context.Context) (connection.System, error) {
	return connection.System{Name: "the source"}, nil
}

func (t target) Describe(context.Context) (connection.System, error) {
	return connection.System{
		Name: "Target", Key: "target", FindBy: map[string][]string{"User": {"userName"}, "Group": {"displayName"}}, SoftDelete: true,
		References: []string{"manager", "members"}, Lag: time.Minute, MaxMembers: 2,
	}, nil
}
func (t target) Get(context.Context, connection.Ref) (connection.Object, error) { return t.shows, nil }

func (r reads) Head(context.Context, mirror.ID) (mirror.Head, error) { return r.head, nil }
func (r reads) Parts(context.Context, mirror.ID, string, int64) ([]mirror.Part, error) {
	return nil, nil
}
func (r reads) Request(context.Context, mirror.ID, mirror.Request) (int64, error) {
	return 1, nil
}
func (r reads) Find(context.Context, mirror.ID, string, string, ...string) ([]mirror.Found, error) {
	return nil, nil
}

// Get says that the application was read and has nobody.
func (r reads) Get(context.Context, mirror.ID, ...connection.Ref) ([]mirror.Row, error) {
	return nil, nil
}

func (d *desk) Job(context.Context, lockstep.TenantID, lockstep.JobID) (provision.Job, error) {
	return d.job, nil
}

func (d *desk) Links(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, q plan.LinkQuery) (all []plan.Link, err error) {
	for _, l := range d.links {
		if l.Source.Type == q.Type && l.Source.ID > q.After && (q.Sources == nil || slices.Contains(q.Sources, l.Source.ID)) {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b plan.Link) int { return strings.Compare(a.Source.ID, b.Source.ID) })
	return all, nil
}

func (d *desk) Actions(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, q plan.ActionQuery) (all []plan.Action, err error) {
	for _, a := range d.rows {
		if a.Source.Ref == q.Source && slices.Contains(q.States, a.State) {
			all = append(all, a)
		}
	}
	return all, nil
}

func (d *desk) Ends(context.Context, lockstep.TenantID, lockstep.JobID, plan.EndQuery) ([]plan.EndRow, error) {
	return d.ends, nil
}

func (d *desk) Drifts(context.Context, lockstep.TenantID, lockstep.JobID, plan.DriftQuery) ([]plan.Drift, error) {
	return nil, nil
}

func (d *desk) KeepDrift(context.Context, lockstep.TenantID, lockstep.JobID, plan.DriftPiece) error {
	return nil
}

// keep keeps what a batch says of links.
func (d *desk) keep(_ context.Context, b provision.Batch) error {
	for _, l := range b.Links {
		d.links[l.Source] = l
	}
	return nil
}

func user(name string) connection.Ref { return connection.Ref{Type: "User", ID: name} }

func called(name string) scim.Object { return scim.Object{{Name: "userName", Value: name}} }

// link adds somebody who has an object at the application.
func (d *desk) link(name, target string) *plan.Link {
	l := plan.Link{Source: user(name), Name: name, Target: target, Key: "userName=" + name, Image: called(name), Verdict: rule.Verdict{In: true}}
	d.links[l.Source] = l
	return &l
}

// wrote adds a row of something that was sent, so long after now.
func (d *desk) wrote(opened, ended time.Duration) {
	d.rows = append(d.rows, plan.Action{
		Kind: rule.Update, State: plan.Done, Source: plan.End{Ref: user("ada"), Name: "ada"}, Opened: d.clock.Add(opened), Ended: d.clock.Add(ended),
	})
}

// TestLookInMemory: which objects a look takes for changed or missing, and which it does not know.
func TestLookInMemory(t *testing.T) {
	row := func(state mirror.State, o scim.Object) *mirror.Row {
		return &mirror.Row{State: state, Object: connection.Object{Ref: connection.Ref{Type: "User", ID: "t1"}, Values: o}}
	}
	for _, c := range []struct {
		name   string
		out    bool // who has left scope
		row    *mirror.Row
		rows   func(d *desk)
		found  int
		unsure int
	}{
		{"as it was written", false, row(mirror.There, called("ada")), nil, 0, 0},
		{"changed", false, row(mirror.There, called("eva")), nil, 1, 0},
		{"never listed", false, nil, nil, 1, 0},
		{"gone", false, row(mirror.Gone, nil), nil, 1, 0},
		{"gone, and they have left", true, row(mirror.Gone, nil), nil, 0, 0},
		{"never listed, and they have left", true, nil, nil, 0, 0},
		{"in a part that could not be read", false, row(mirror.Hidden, called("eva")), nil, 0, 1},
		{"changed, and written again long ago", false, row(mirror.There, called("eva")), func(d *desk) { d.wrote(-time.Hour, -time.Hour) }, 1, 0},
		{"changed, and a call is on its way", false, row(mirror.There, called("eva")), func(d *desk) { d.wrote(-time.Hour, 0); d.rows[0].State, d.rows[0].Ended = plan.Open, time.Time{} }, 0, 1},
		{"changed, and a call that began before the read ended since", false, row(mirror.There, called("eva")), func(d *desk) { d.wrote(-time.Hour, time.Second) }, 0, 1},
		{"changed, and a call has begun since", false, row(mirror.There, called("eva")), func(d *desk) { d.wrote(time.Second, -time.Hour) }, 0, 1},
		{"changed, and something was skipped that was never sent", false, row(mirror.There, called("eva")), func(d *desk) { d.wrote(-time.Hour, time.Second); d.rows[0].Opened = time.Time{} }, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			l := d.link("ada", "t1")
			l.Verdict.In = !c.out
			if c.rows != nil {
				c.rows(d)
			}
			look := d.looks(d.clock)
			d.do(look.compare(t.Context(), look.app.Programs["User"], l, c.row, nil))
			if len(look.found.Found) != c.found || look.found.Work.Unsure != c.unsure {
				t.Errorf("found %+v, unsure %d", look.found.Found, look.found.Work.Unsure)
			}
		})
	}
	t.Run("what nobody has written is not compared", func(t *testing.T) {
		d := newDesk(t)
		d.link("ada", "t1")
		l := d.link("ben", "t2")
		l.Image = nil
		d.links[l.Source] = *l
		d.link("cy", "")
		look := d.looks(d.clock)
		d.do(look.each(t.Context(), "User", look.app.Programs["User"]))
		if w := look.found.Work; w.Compared != 1 || len(look.found.Found) != 1 || look.found.Found[0].Source.ID != "ada" {
			t.Errorf("%+v, found %+v", w, look.found.Found)
		}
	})
	t.Run("it counts from the read that began first", func(t *testing.T) {
		for range 20 { // types come in any order
			d := newDesk(t)
			d.head = mirror.Head{Passes: []mirror.Pass{{Type: "User", Once: true, Asked: d.clock}, {Type: "Group", Once: true, Asked: d.clock.Add(-time.Minute)}}}
			look := d.looks(time.Time{})
			if d.do(look.readAt(t.Context())); !look.found.Work.Read.Equal(d.clock.Add(-time.Minute)) {
				t.Fatalf("from %v", look.found.Work.Read)
			}
		}
	})
	t.Run("groups that have left are not asked", func(t *testing.T) {
		for l, want := range map[*plan.Link]bool{{Target: "tg", Verdict: rule.Verdict{In: true}}: true, {Target: "tg"}: false, {Verdict: rule.Verdict{In: true}}: false} {
			if asked(l) != want {
				t.Errorf("%+v", l)
			}
		}
	})
	t.Run("nothing is restored amid a cycle", func(t *testing.T) {
		d := newDesk(t)
		d.job.Cycle = &provision.Cycle{ID: "c"}
		_, err := d.finder().Restore(t.Context(), "t", "j", nil)
		if lockstep.CodeOf(err) != lockstep.CodeConflict || !strings.Contains(err.Error(), "under way") {
			t.Error(err)
		}
	})
	t.Run("who is linked to another object since is not restored", func(t *testing.T) {
		d := newDesk(t)
		d.link("ada", "t2")
		d.link("ben", "t3")
		r := &restore{Finder: d.finder(), job: d.job, write: d.keep}
		found := []plan.Drift{}
		for name, target := range map[string]string{"ada": "t1", "ben": "t3"} {
			found = append(found, plan.Drift{Kind: plan.DriftMissing, Source: plan.End{Ref: user(name)}, Target: plan.End{Ref: connection.Ref{Type: "User", ID: target}}})
		}
		d.do(r.all(t.Context(), found))
		if d.links[user("ada")].Target != "t2" || d.links[user("ben")].Target != "" || r.n != 1 {
			t.Errorf("%+v, %d restored", d.links, r.n)
		}
	})
	for name, c := range map[string]struct {
		members int
		wrote   bool
		found   bool
	}{"a member is missing": {2, false, true}, "a member is missing, and the group was written since": {2, true, false}, "the list seems to be cut off": {100, false, false}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			all := connection.Ref{Type: "Group", ID: "all"}
			d.links[all] = plan.Link{Source: all, Name: "all", Target: "tg", Verdict: rule.Verdict{In: true}}
			var shown []connection.Reference
			for i := range c.members + 1 {
				id := string(rune('a'+i%26)) + string(rune('a'+i/26))
				d.ends = append(d.ends, plan.EndRow{From: all, To: plan.End{Ref: user(id)}, Target: id, Wanted: true, Written: true})
				if i < c.members {
					shown = append(shown, connection.Reference{Attribute: "members", To: user(id)})
				}
			}
			if c.wrote {
				d.wrote(-time.Hour, time.Second)
				d.rows[0].Source.Ref = all
			}
			d.shows = connection.Object{Ref: connection.Ref{Type: "Group", ID: "tg"}, Name: "all", References: shown}
			look := d.looks(d.clock)
			l := d.links[all]
			d.do(look.membersOf(t.Context(), &l, "Group"))
			if w := look.found.Work; (w.Kept == 1) != c.found || (w.Unsure == 1) == c.found {
				t.Errorf("%+v", w)
			}
		})
	}
}
