package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
)

// DriftLook is what comparing an application with what was written there has come to.
type DriftLook = plan.DriftLook

// chunkOf is how many links are compared, or changed, at once.
const chunkOf = 500

// Drift compares what an application had when it was last read with what was last written there, and returns the objects that somebody
// else has changed or removed. It asks the application nothing and changes nothing. Members of groups are compared only when members
// says so: lists of applications do not show them, so each group is asked for by its id.
func (e *Engine) Drift(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, members bool) ([]plan.Drift, DriftLook, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return nil, DriftLook{}, err
	}
	d, err := e.drift(ctx, job, members)
	if err != nil {
		return nil, DriftLook{}, err
	}
	if members { // what the next look has come to would say otherwise
		return d.Found, d.Look, nil
	}
	return d.Found, d.Look, d.keep(ctx)
}

// keep notes what the look has come to, for whoever asks how the job stands.
func (d *drift) keep(ctx context.Context) error {
	was, err := d.Store.DriftLook(ctx, d.job.Tenant, d.job.ID)
	if now := d.Look; err != nil || was.Read.UnixMilli() == now.Read.UnixMilli() && was.Compared == now.Compared && was.Changed == now.Changed+now.More && was.Missing == now.Missing && was.Unsure == now.Unsure {
		return err
	}
	return d.Store.PutDriftLook(ctx, d.job.Tenant, d.job.ID, d.Look)
}

func (e *Engine) drift(ctx context.Context, job Job, members bool) (*drift, error) {
	if job.Direction == Inbound {
		return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: job.Name + " is a source: what differs there is a change, and no drift."}
	}
	d := &drift{
		run: &run{Engine: e, job: job, until: e.now().Add(patience), cycle: &Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: job.ID, Trigger: "person"}},
	}
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	if err := d.readAt(ctx); err != nil {
		return nil, err
	}
	for typ, p := range d.programs {
		if err := d.each(ctx, typ, p); err != nil {
			return nil, err
		}
	}
	if members {
		if err := d.members(ctx); err != nil {
			return nil, err
		}
	}
	d.Settle()
	return d, nil
}

// drift is one look for drift.
type drift struct {
	*run
	plan.Drifts
}

// readAt finds out since when the application is known. It fails when it was never read, or is being read.
func (d *drift) readAt(ctx context.Context) error {
	if err := d.unread(ctx); err != nil {
		return err
	}
	head, err := d.Mirrors.Head(ctx, d.outside())
	if err != nil {
		return err
	}
	for _, p := range d.programs {
		pass := head.Pass(p.Type)
		switch {
		case pass.Stage != mirror.Idle:
			return &lockstep.Error{Code: lockstep.CodeConflict, Detail: fmt.Sprintf("%s is being read; look again when that has ended.", d.to.Name)}
		case !pass.Once:
			return &lockstep.Error{Code: lockstep.CodeUnread, Detail: fmt.Sprintf("the %ss of %s were never read to their end", p.Type, d.to.Name)}
		}
		if d.Look.Read.IsZero() || pass.Asked.Before(d.Look.Read) {
			d.Look.Read = pass.Asked
		}
	}
	return nil
}

// each compares the linked objects of one type.
func (d *drift) each(ctx context.Context, typ string, p *plan.Program) error {
	after := ""
	for {
		links, err := d.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: typ, After: after, Limit: chunkOf})
		if err != nil {
			return err
		}
		if len(links) == 0 {
			return nil
		}
		after = links[len(links)-1].Source.ID
		links = slices.DeleteFunc(links, func(l plan.Link) bool { return l.Target == "" || l.Image == nil })
		refs := make([]connection.Ref, len(links))
		for i, l := range links {
			refs[i] = connection.Ref{Type: p.Type, ID: l.Target}
		}
		rows, err := d.Mirrors.Get(ctx, d.outside(), refs...)
		if err != nil {
			return err
		}
		seen := make(map[string]*mirror.Row, len(rows))
		for i := range rows {
			seen[rows[i].Object.ID] = &rows[i]
		}
		for i := range links {
			if err := d.compare(ctx, p, &links[i], seen[links[i].Target]); err != nil {
				return err
			}
		}
	}
}

// compare judges one object. row is nil when the read did not list it.
func (d *drift) compare(ctx context.Context, p *plan.Program, l *plan.Link, row *mirror.Row) error {
	found := plan.Drift{Kind: plan.DriftMissing, Source: plan.End{Ref: l.Source, Name: l.Name}, Target: plan.End{Ref: connection.Ref{Type: p.Type, ID: l.Target}, Name: l.Name}}
	there := row != nil && row.State != mirror.Gone && !row.Object.Deleted
	if !there && !l.Verdict.In {
		return nil // who has left need not be there
	}
	d.Look.Compared++
	if there {
		seen := p.Ours(row.Object.Values)
		found.Kind, found.Target.Name = plan.DriftChanged, cmp.Or(seen.Text("userName"), seen.Text("displayName"), l.Name)
		found.Differ = plan.Differ(l.Image, seen)
		if err := d.Count(l.Image, seen); err != nil {
			return err
		}
		if len(found.Differ) == 0 {
			return nil
		}
	}
	if row != nil && (row.State == mirror.Hidden || row.State == mirror.Missed) {
		d.Look.Unsure++
		return nil
	}
	since, err := d.writtenSince(ctx, l.Source)
	if err != nil {
		return err
	}
	if since {
		d.Look.Unsure++
		return nil
	}
	d.Add(found)
	return nil
}

// writtenSince reports whether we have written the object, or may have, so late that the read need not show it.
func (d *drift) writtenSince(ctx context.Context, ref connection.Ref) (bool, error) {
	return d.writtenAfter(ctx, ref, d.Look.Read.Add(-d.to.Lag))
}

func (d *drift) writtenAfter(ctx context.Context, ref connection.Ref, known time.Time) (bool, error) {
	rows, err := d.Store.Actions(ctx, d.job.Tenant, d.job.ID, plan.ActionQuery{Source: ref, States: []plan.ActionState{plan.Done, plan.Open, plan.Failed, plan.Skipped}, Newest: true, Limit: 20})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(rows, func(a plan.Action) bool {
		return a.State == plan.Open || !a.Opened.IsZero() && (a.Ended.After(known) || a.Opened.After(known))
	}), nil
}

// RestoreDrift has objects with drift written anew, those of the given source objects or, with none, all: from now on the job takes what
// was seen for what is there, and the next cycle plans the difference like any other, before the guard. An object that the
// application has no longer is created again. It returns how many objects that concerns.
func (e *Engine) RestoreDrift(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, sources []connection.Ref, members bool) (int, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return 0, err
	}
	if job.Cycle != nil {
		return 0, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " is under way; restore when it has ended."}
	}
	d, err := e.drift(ctx, job, members)
	if err != nil {
		return 0, err
	}
	found := slices.DeleteFunc(d.Found, func(f plan.Drift) bool { return !f.Restorable() })
	if len(sources) > 0 {
		found = slices.DeleteFunc(found, func(f plan.Drift) bool { return !slices.Contains(sources, f.Source.Ref) })
	}
	if len(found) == 0 {
		return 0, nil
	}
	// Whoever began a turn of the job meanwhile has lost it with this, and begins anew by what is written here.
	if job, err = e.Store.TakeOver(ctx, t, id, e.lease()); err != nil {
		return 0, err
	}
	if job.Cycle != nil {
		return 0, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " has just begun; restore when it has ended."}
	}
	d.job = job
	defer d.release(ctx)
	for chunk := range slices.Chunk(found, chunkOf) {
		if err := d.restore(ctx, chunk); err != nil {
			return 0, err
		}
	}
	for _, f := range found {
		if f.Kind == plan.DriftMissing {
			d.Look.Missing--
		} else {
			d.Look.Changed--
		}
	}
	if members {
		return len(found), nil
	}
	return len(found), d.keep(ctx)
}

// restore makes the links say what was seen, and due.
func (d *drift) restore(ctx context.Context, found []plan.Drift) error {
	var b Batch
	ids := map[string][]string{}
	of := make(map[connection.Ref]*plan.Drift, len(found))
	for i := range found {
		of[found[i].Source.Ref] = &found[i]
		ids[found[i].Source.Type] = append(ids[found[i].Source.Type], found[i].Source.ID)
	}
	for typ, list := range ids {
		links, err := d.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: typ, Sources: list, Limit: len(list)})
		if err != nil {
			return err
		}
		for _, l := range links {
			f := of[l.Source]
			if l.Target != f.Target.ID { // it was linked to another one meanwhile
				continue
			}
			l.Due = d.now()
			f.Members(&b.Wanted, &b.Written)
			if f.Kind == plan.DriftMissing {
				l.Target, l.Image, l.Version, l.Matched, l.Disabled = "", nil, "", "", false
				b.Unwrite = append(b.Unwrite, l.Source)
			} else if len(f.Differ) > 0 {
				if l.Image, err = f.SeenAs(l.Image); err != nil {
					return fmt.Errorf("take over what was seen of %s: %w", l.Name, err)
				}
				l.Disabled = l.Disabled && l.Image.Get("active") == false
			}
			b.Links = append(b.Links, l)
		}
	}
	return d.commit(ctx, b)
}
