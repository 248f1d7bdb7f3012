package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// desk is a turn in memory: what a store has of one job, a target that answers as it is told, and a clock that stands still. What becomes of
// rows is decided here as it is anywhere, in microseconds.
type desk struct {
	*testing.T
	Store
	Mirrors

	mu    sync.Mutex
	links map[connection.Ref]plan.Link
	rows  []plan.Action
	refs  []plan.ReferenceRow
	kept  []Batch
	fails func(b *Batch) error                 // a commit that is refused
	look  func(q plan.LinkQuery) error         // a question about links that fails
	head  mirror.Head                          // of the mirror
	found func(values []string) []mirror.Found // in the mirror
	asks  int                                  // reads that were asked for

	job    Job
	cycle  Cycle
	to     connection.System
	rules  rule.Rules
	clock  time.Time
	target *wire
	source *shelf
}

// wire is a target that answers as it is told.
type wire struct {
	connection.Target
	desk   *desk
	answer func(op connection.Operation) connection.Result // nil does everything
	find   func(values []string) ([]connection.Object, error)
	get    connection.Object
	calls  [][]connection.Operation
	finds  int
}

// shelf is a source of which single objects are read.
type shelf struct {
	connection.Source
	objects []connection.Object
	pages   []connection.Page
	deaf    bool // it cannot be asked for single objects
}

func (s *shelf) Describe(context.Context) (connection.System, error) {
	return connection.System{Name: "the source"}, nil
}

func (s *shelf) Get(_ context.Context, refs ...connection.Ref) (all []connection.Object, err error) {
	if s.deaf {
		return nil, errors.ErrUnsupported
	}
	for _, o := range s.objects {
		if slices.Contains(refs, o.Ref) {
			all = append(all, o)
		}
	}
	return all, nil
}

func (s *shelf) Read(_ context.Context, _ connection.Cursor, page func(connection.Page) error) error {
	for _, p := range s.pages {
		if err := page(p); err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) Describe(context.Context) (connection.System, error) { return w.desk.to, nil }

func (w *wire) Apply(_ context.Context, ops []connection.Operation) []connection.Result {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	w.calls = append(w.calls, slices.Clone(ops))
	results := make([]connection.Result, len(ops))
	for i, op := range ops {
		if w.answer != nil {
			results[i] = w.answer(op)
		}
		if results[i].Err == nil && results[i].ID == "" {
			results[i].ID = cmp.Or(op.Ref.ID, "t-"+op.Name)
		}
	}
	return results
}

func (w *wire) Find(_ context.Context, _, _ string, values ...string) ([]connection.Object, error) {
	w.finds++
	if w.find == nil {
		return nil, nil
	}
	return w.find(values)
}

func (w *wire) Get(context.Context, connection.Ref) (connection.Object, error) { return w.get, nil }

// sent is what was sent, one call after another: "create ada, create ben".
func (w *wire) sent() (all []string) {
	for _, call := range w.calls {
		var ops []string
		for _, op := range call {
			ops = append(ops, string(op.Kind)+" "+op.Name)
		}
		all = append(all, strings.Join(ops, ", "))
	}
	return all
}

func fails(code lockstep.Code) connection.Result {
	return connection.Result{Err: &lockstep.Error{Code: code, Detail: "it says so"}}
}

// perhaps is an answer that did not come to what may have been done.
func perhaps() connection.Result {
	return connection.Result{Err: &lockstep.Error{Code: lockstep.CodeTargetTimeout}, MaybeSent: true}
}

func newDesk(t *testing.T) *desk {
	of := func(name string, match int) rule.Mapping {
		return rule.Mapping{Target: name, Match: match, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: name, Expression: "[" + name + "]"}}
	}
	d := &desk{T: t, links: map[connection.Ref]plan.Link{}, clock: time.Unix(1_800_000_000, 0)}
	d.job = Job{Tenant: "t", ID: "j", Name: "Job", Direction: Outbound, State: Active, Config: 1, Epoch: 5, Policy: Policy{Everyone: true, Groups: true}}
	d.cycle = Cycle{ID: "c", Job: "j", Kind: Incremental, Phase: Applying, Config: 2} // by other rules: nothing more is planned
	d.to = connection.System{
		Name: "Target", Key: "target", FindBy: map[string][]string{"User": {"userName", "nickName"}, "Group": {"displayName"}}, Unique: map[string][]string{"User": {"userName"}},
		SoftDelete: true, References: []string{"manager", "members"}, Lag: time.Minute, MaxMembers: 2,
	}
	d.rules = rule.Rules{Objects: []rule.ObjectMapping{
		{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: []rule.Mapping{of("userName", 1), of("nickName", 2), of("title", 0), of("active", 0), of(scim.EnterpriseUserURN+":manager", 0)}},
		{Name: "groups", Enabled: true, Source: "Group", Target: "Group", Attributes: []rule.Mapping{of("displayName", 1), of("members", 0)}},
	}}
	d.target, d.source = &wire{desk: d}, &shelf{}
	return d
}

// not says that names need not be unique at the target.
func (d *desk) notUnique() { d.to.Unique = nil }

func user(name string) connection.Ref { return connection.Ref{Type: "User", ID: name} }

func (d *desk) now() time.Time { return d.clock }

// run is a turn of the job.
func (d *desk) run() *run {
	programs, err := plan.Compile(d.rules, true, connection.System{}, d.to)
	if err != nil {
		d.Fatal(err)
	}
	cycle := d.cycle
	r := &run{
		Engine: &Engine{Store: d, Mirrors: d, Now: d.now, Connect: deskOutside{d}, Directory: deskHub{d}}, job: d.job, cycle: &cycle, until: d.clock.Add(5 * time.Second), sends: d.clock.Add(15 * time.Second),
		source: d.source, target: d.target, from: connection.System{Name: "Source"}, to: d.to, limit: &connection.Budget{}, connections: 1, programs: programs, waits: &plan.Waits{},
	}
	r.decide = r.planner(r.stored(), r.stored(), r)
	r.decide.Waits = r.waits
	return r
}

// deskHub is the directory of the desk's tenant, and deskOutside what its jobs lead to.
type (
	deskHub     struct{ *desk }
	deskOutside struct{ *desk }
)

func (h deskHub) Source(lockstep.TenantID, lockstep.AppID, bool, bool) connection.Source {
	return h.source
}
func (h deskHub) Target(lockstep.TenantID, audit.Actor) connection.Target { return h.target }
func (h deskHub) SourceWith(lockstep.TenantID, lockstep.AppID, bool, bool, []rule.AssignmentChange) connection.Source {
	return h.source
}
func (o deskOutside) Source(context.Context, Job) (connection.Source, error) { return o.source, nil }
func (o deskOutside) Target(context.Context, Job) (connection.Target, error) { return o.target, nil }

func (d *desk) Head(context.Context, mirror.ID) (mirror.Head, error) { return d.head, nil }

func (d *desk) Parts(context.Context, mirror.ID, string, int64) ([]mirror.Part, error) {
	return nil, nil
}

func (d *desk) Request(context.Context, mirror.ID, mirror.Request) (int64, error) {
	d.asks++
	return int64(d.asks), nil
}

func (d *desk) Find(_ context.Context, _ mirror.ID, _, _ string, values ...string) ([]mirror.Found, error) {
	if d.found == nil {
		return nil, nil
	}
	return d.found(values), nil
}

// Get says that the application was read and has nobody. It is the mirror's.
func (d *desk) Get(context.Context, mirror.ID, ...connection.Ref) ([]mirror.Row, error) {
	return nil, nil
}

func (d *desk) Job(context.Context, lockstep.TenantID, lockstep.JobID) (Job, error) {
	return d.job, nil
}

func (d *desk) Links(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, q plan.LinkQuery) (all []plan.Link, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.look != nil {
		if err := d.look(q); err != nil {
			return nil, err
		}
	}
	for _, l := range d.links {
		switch {
		case l.Source.Type != q.Type, q.Sources != nil && !slices.Contains(q.Sources, l.Source.ID), q.Targets != nil && !slices.Contains(q.Targets, l.Target), q.Keys != nil && !slices.Contains(q.Keys, l.Key):
		case l.Source.ID <= q.After, q.Unseen != "" && l.Seen == q.Unseen, !q.DueBefore.IsZero() && (l.Due.IsZero() || l.Due.After(q.DueBefore)):
		default:
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b plan.Link) int { return strings.Compare(a.Source.ID, b.Source.ID) })
	return all, nil
}

func (d *desk) References(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, q plan.ReferenceQuery) (all []plan.ReferenceRow, err error) {
	for _, e := range d.refs {
		if (q.From == nil || slices.Contains(q.From, e.From)) && (q.To == nil || slices.Contains(q.To, e.To)) && (!q.Ready && !q.Waiting || e.Wanted != e.Written) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (d *desk) EachWaiting(context.Context, lockstep.TenantID, lockstep.JobID, func(plan.ReferenceRow) error) error {
	return nil
}

func (d *desk) CountReferences(context.Context, lockstep.TenantID, lockstep.JobID, string) (int, error) {
	return 0, nil
}

func (d *desk) Actions(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, q plan.ActionQuery) (all []plan.Action, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	order := func(a, b plan.Action) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
	}
	for _, a := range d.rows {
		switch {
		case q.Cycle != "" && a.Cycle != q.Cycle, q.NotOf != "" && a.Cycle == q.NotOf, q.Source.ID != "" && a.Source.Ref != q.Source, q.Past != nil && order(*q.Past, a) >= 0:
		case q.States != nil && !slices.Contains(q.States, a.State), q.Kinds != nil && !slices.Contains(q.Kinds, a.Kind), q.Codes != nil && !slices.Contains(q.Codes, a.Code):
		default:
			all = append(all, a)
		}
	}
	slices.SortFunc(all, order)
	return all, nil
}

func (d *desk) Made(context.Context, lockstep.TenantID, lockstep.JobID, lockstep.CycleID, func(plan.Made)) error {
	return nil
}

func (d *desk) Renamed(context.Context, lockstep.TenantID, lockstep.JobID, lockstep.CycleID) ([]plan.Renamed, error) {
	return nil, nil
}

func (d *desk) Tally(context.Context, lockstep.TenantID, lockstep.JobID, lockstep.CycleID) (plan.Tally, error) {
	return plan.Tally{}, nil
}

// Commit keeps what becomes of rows and links, as a store does.
func (d *desk) Commit(_ context.Context, _ lockstep.TenantID, _ lockstep.JobID, _ int64, b Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		if err := d.fails(&b); err != nil {
			return err
		}
	}
	d.keep(b)
	return nil
}

func (d *desk) keep(b Batch) {
	if b.Cycle != nil {
		c := *b.Cycle
		b.Cycle = &c
		d.cycle = c
	}
	if b.Job != nil {
		d.job = *b.Job
	}
	for i := range d.rows {
		a := &d.rows[i]
		if slices.Contains(b.Opened, a.ID) {
			a.State, a.Opened, a.Ended = plan.Open, d.clock, time.Time{}
			a.Attempt++
		}
		for _, m := range b.Moved {
			if m.ID == a.ID {
				if m.From != a.State {
					d.Errorf("%s is %s, and not %s", a.Source.Name, a.State, m.From)
				}
				a.State, a.Code, a.Detail, a.Ended = m.To, m.Code, m.Detail, m.At
				a.Target.ID = cmp.Or(m.Target, a.Target.ID)
			}
		}
	}
	for _, l := range b.Links {
		d.links[l.Source] = l
	}
	for _, ref := range b.Unlink {
		delete(d.links, ref)
	}
	d.kept = append(d.kept, b)
}

// beside is what the desk keeps in a commit of the directory.
type beside struct{ batch Batch }

func (d *desk) Beside(_ lockstep.TenantID, _ lockstep.JobID, _ int64, b Batch) any { return beside{b} }

// link adds somebody who has an object at the target.
func (d *desk) link(name, target string) *plan.Link {
	l := plan.Link{Source: user(name), Name: name, Target: target, Matched: matchedCreated, Key: "userName=" + name, Image: called(name), Verdict: rule.Verdict{In: true}}
	d.links[l.Source] = l
	return &l
}

func called(name string, more ...any) scim.Object {
	o := scim.Object{{Name: "userName", Value: name}}
	for i := 0; i < len(more); i += 2 {
		o.Set(more[i].(string), more[i+1])
	}
	return o
}

// row adds a planned row about somebody.
func (d *desk) row(kind rule.Kind, name string, change ...func(*plan.Action)) *desk {
	lanes := map[rule.Kind]plan.Lane{rule.Disable: plan.LaneDisable, rule.Delete: plan.LaneDelete, rule.Release: plan.LaneDelete, rule.Update: plan.LaneUpdate, rule.Refer: plan.LaneRefer}
	lane, is := lanes[kind]
	if !is {
		lane = plan.LaneCreate
	}
	a := plan.Action{
		ID: lockstep.ActionID(fmt.Sprintf("%02d", len(d.rows))), Job: "j", Cycle: "c", Kind: kind, Lane: lane, State: plan.Planned, After: called(name),
		Source: plan.End{Ref: user(name), Name: name}, Target: plan.End{Ref: connection.Ref{Type: "User", ID: d.links[user(name)].Target}, Name: name},
	}
	for _, f := range change {
		f(&a)
	}
	d.rows = append(d.rows, a)
	return d
}

// opened has a row be one that an earlier turn has sent a while ago, and of which nobody knows what became.
func (d *desk) opened(ago time.Duration, attempts int) func(*plan.Action) {
	return func(a *plan.Action) {
		a.State, a.Attempt, a.Opened, a.Ended = plan.Open, attempts, d.clock.Add(-ago), d.clock.Add(-ago)
	}
}

func refers(attribute string, to ...string) func(*plan.Action) {
	return func(a *plan.Action) {
		for _, name := range to {
			a.References = append(a.References, plan.RowReference{Attribute: attribute, To: plan.End{Ref: user(name), Name: name}})
		}
	}
}

// apply carries out the rows in one turn. What ends it is no error of the test's.
func (d *desk) apply() error {
	d.Helper()
	err := d.run().apply(d.Context())
	if errors.Is(err, errYield) {
		return nil
	}
	return err
}

// is checks what has become of somebody's row.
func (d *desk) is(name string, state plan.ActionState, code lockstep.Code) *plan.Action {
	d.Helper()
	for i := range d.rows {
		if a := &d.rows[i]; a.Source.Name == name {
			if a.State != state || a.Code != code {
				d.Errorf("%s is %s %q (%s), want %s %q", name, a.State, a.Code, a.Detail, state, code)
			}
			return a
		}
	}
	d.Fatalf("there is no row of %s", name)
	return nil
}

// wasSent checks the calls.
func (d *desk) wasSent(want ...string) {
	d.Helper()
	if got := d.target.sent(); !slices.Equal(got, want) {
		d.Errorf("sent %q, want %q", got, want)
	}
}
