// Package drift finds where an application has departed from what was written there, and has that written anew.
//
// Design. A look is work of its own, beside the cycles: it runs in turns under a lease of its own, compares values, and references that lists show,
// with the mirror, and then asks for each group by its id. It stands on what a job knows (package provision, whose Engine opens the application)
// and on what was seen (package mirror). What it has found is kept until the next look has ended; whoever asks reads that, and nothing is compared
// for them (docs/adr/0029).
//
// Invariants. A look changes nothing at the application. What was written, or may have been, after the application was seen is never called drift. To restore
// decides nothing either: the job takes what was seen for what is there, and its next cycle plans the difference like any other, before the guard.
package drift

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
	"lockstep/provision"
)

// Finder finds drift. Its fields must be set; its methods may be called at the same time.
type Finder struct {
	Engine  *provision.Engine
	Mirrors Mirrors
	Looks   Looks
}

// Mirrors is what applications looked like when they were last read.
type Mirrors interface {
	Head(ctx context.Context, id mirror.ID) (mirror.Head, error)
	// Get returns the rows of these objects; unknown ones are left out, gone ones are not.
	Get(ctx context.Context, id mirror.ID, refs ...connection.Ref) ([]mirror.Row, error)
	// Request asks for a pass over every type of the system, and returns the number of the request.
	Request(ctx context.Context, id mirror.ID, r mirror.Request) (int64, error)
}

// Looks keeps what looks have come to, the last one of each job.
type Looks interface {
	DriftLook(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) (plan.DriftLook, error)
	// AskDrift notes that somebody wants a look at the read that answers this request.
	AskDrift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, request int64) error
	// ClaimDrift takes the lease of the look that is under way, or of a new one: also where one is under way whose first stage has not ended, since
	// what that has kept may no longer be so. It fails with lockstep.ErrEpoch while somebody else has it.
	ClaimDrift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, until time.Time) (plan.DriftWork, error)
	// KeepDrift keeps a piece of a look, if the lease is still its own.
	KeepDrift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, p plan.DriftPiece) error
	Drifts(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.DriftQuery) ([]plan.Drift, error)
	DriftEnds(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.DriftEndQuery) ([]plan.RowReference, error)
}

// chunkOf is how many links are compared, or changed, at once.
const chunkOf = 500

// leaseOf is how long a look is its node's, counted from its last commit.
const leaseOf = 2 * time.Minute

// outward returns a job that has an application to look at.
func (f *Finder) outward(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (provision.Job, error) {
	job, err := f.Engine.Store.Job(ctx, t, id)
	if err == nil && job.Direction == provision.Inbound {
		err = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: job.Name + " is a source: what differs there is a change, and no drift."}
	}
	return job, err
}

func (f *Finder) now() time.Time {
	if f.Engine.Now != nil {
		return f.Engine.Now()
	}
	return time.Now()
}

// Found returns what the last look has found, a page of it. It compares nothing.
func (f *Finder) Found(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, q plan.DriftQuery) ([]plan.Drift, plan.DriftLook, error) {
	if _, err := f.outward(ctx, t, id); err != nil {
		return nil, plan.DriftLook{}, err
	}
	look, err := f.Looks.DriftLook(ctx, t, id)
	if err != nil || look.Read.IsZero() {
		return nil, look, err
	}
	found, err := f.Looks.Drifts(ctx, t, id, q)
	return found, look, err
}

// Ask has the application read once more and what it has compared then. It returns the number by which plan.DriftLook.Answered tells that this was
// done.
func (f *Finder) Ask(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (int64, error) {
	if _, err := f.outward(ctx, t, id); err != nil {
		return 0, err
	}
	of := mirror.ID{Tenant: t, Connection: id}
	head, err := f.Mirrors.Head(ctx, of)
	if err == nil { // before the read, which may be faster than whoever says that somebody waits for it
		err = f.Looks.AskDrift(ctx, t, id, head.Requests+1)
	}
	if err != nil {
		return 0, err
	}
	n, err := f.Mirrors.Request(ctx, of, mirror.Request{Whole: true, Now: true})
	if err == nil && n > head.Requests+1 {
		err = f.Looks.AskDrift(ctx, t, id, n)
	}
	return n, err
}

// Look compares what an application had when it was last read, and whom its groups have now, with what was last written there, and keeps the objects
// that somebody else has changed or removed. It takes such a look up where it stands, works on it until the time is over, and reports whether
// there is more to do. It changes nothing at the application. While another node looks it does nothing.
func (f *Finder) Look(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, most time.Duration) (more bool, err error) {
	job, err := f.outward(ctx, t, id)
	if err != nil {
		return false, err
	}
	now := f.now()
	work, err := f.Looks.ClaimDrift(ctx, t, id, now.Add(leaseOf))
	if lockstep.CodeOf(err) == lockstep.CodeOf(lockstep.ErrEpoch) && err != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l := &look{Finder: f, job: job, over: now.Add(most), kept: now, found: plan.Drifts{Work: work}, stands: work}
	done, err := l.run(ctx)
	if err == nil && done {
		l.stands = l.found.Work
		return false, l.keep(ctx, plan.DriftPiece{Done: true})
	}
	// What it has come to stays; the next turn goes on from there, on whatever node.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return err == nil, cmp.Or(err, f.Looks.KeepDrift(release, t, id, plan.DriftPiece{Work: l.stands}))
}

// look is one turn of a look.
type look struct {
	*Finder
	job    provision.Job
	app    *provision.Visit
	found  plan.Drifts
	stands plan.DriftWork // found.Work as it was when the first stage, or the last group, had ended: whoever goes on goes on from there
	over   time.Time      // the turn
	kept   time.Time      // when the lease was last renewed
	row    int            // groups in a row that the application could not show for now
}

// keep commits a piece of the look.
func (d *look) keep(ctx context.Context, p plan.DriftPiece) error {
	d.kept = d.now()
	p.Work = d.stands
	if !p.Done {
		p.Until = d.kept.Add(leaseOf)
	}
	return d.Looks.KeepDrift(ctx, d.job.Tenant, d.job.ID, p)
}

// renew keeps the lease of a look that has nothing to commit for long.
func (d *look) renew(ctx context.Context) error {
	if d.now().Sub(d.kept) < leaseOf/4 {
		return nil
	}
	return d.keep(ctx, plan.DriftPiece{})
}

// run goes on with the look, and reports whether it has come to its end.
func (d *look) run(ctx context.Context) (done bool, err error) {
	if d.app, err = d.Engine.Visit(ctx, d.job.Tenant, d.job.ID); err != nil {
		return false, err
	}
	if d.found.Work.Stage == "" {
		if err := d.begin(ctx); err != nil {
			return false, err
		}
	}
	if d.found.Work.Stage == plan.DriftMembers {
		if done, err = d.members(ctx); err != nil || !done {
			return false, err
		}
	}
	if d.found.Work.Stage == plan.DriftBlank {
		return d.blanks(ctx)
	}
	return true, nil
}

// begin compares values, and the references that lists show. Whoever is stopped here begins anew.
func (d *look) begin(ctx context.Context) error {
	w := &d.found.Work
	*w = plan.DriftWork{No: w.No, Epoch: w.Epoch}
	if err := d.readAt(ctx); err != nil {
		return err
	}
	for typ, p := range d.app.Programs {
		if err := d.each(ctx, typ, p); err != nil {
			return err
		}
	}
	d.found.Settle()
	for chunk := range slices.Chunk(d.found.Found, chunkOf) {
		p := plan.DriftPiece{}
		for _, f := range chunk {
			if !w.Room(len(f.References)) {
				continue
			}
			p.Found = append(p.Found, f)
			for _, r := range f.References {
				p.Ends = append(p.Ends, plan.DriftedReference{Of: f.Source.Ref, RowReference: r})
			}
		}
		if err := d.keep(ctx, p); err != nil {
			return err
		}
	}
	d.found.Found = nil
	var err error
	if w.Of, err = d.groups(ctx); err != nil {
		return err
	}
	w.Stage = plan.DriftMembers
	d.stands = *w
	return d.keep(ctx, plan.DriftPiece{})
}

// readAt finds out since when the application is known. It fails when it was never read, or is being read.
func (d *look) readAt(ctx context.Context) error {
	head, err := d.app.Seen(ctx)
	if err != nil {
		return err
	}
	w := &d.found.Work
	w.Answers = head.Answered
	for _, p := range d.app.Programs {
		pass := head.Pass(p.Type)
		switch {
		case pass.Stage != mirror.Idle:
			return &lockstep.Error{Code: lockstep.CodeConflict, Detail: fmt.Sprintf("%s is being read; look again when that has ended.", d.app.System.Name)}
		case !pass.Once:
			return &lockstep.Error{Code: lockstep.CodeUnread, Detail: fmt.Sprintf("the %ss of %s were never read to their end", p.Type, d.app.System.Name)}
		}
		if w.Read.IsZero() || pass.Asked.Before(w.Read) {
			w.Read = pass.Asked
		}
	}
	return nil
}

// each compares the linked objects of one type.
func (d *look) each(ctx context.Context, typ string, p *plan.Program) error {
	after := ""
	for {
		if err := d.renew(ctx); err != nil {
			return err
		}
		links, err := d.Engine.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: typ, After: after, Limit: chunkOf})
		if err != nil {
			return err
		}
		if len(links) == 0 {
			return nil
		}
		after = links[len(links)-1].Source.ID
		links = slices.DeleteFunc(links, func(l plan.Link) bool { return l.Target == "" || l.Image == nil })
		refs, froms := make([]connection.Ref, len(links)), make([]connection.Ref, len(links))
		for i, l := range links {
			refs[i], froms[i] = connection.Ref{Type: p.Type, ID: l.Target}, l.Source
		}
		rows, err := d.Mirrors.Get(ctx, mirror.ID{Tenant: d.job.Tenant, Connection: d.job.ID}, refs...)
		if err != nil {
			return err
		}
		seen := make(map[string]*mirror.Row, len(rows))
		for i := range rows {
			seen[rows[i].Object.ID] = &rows[i]
		}
		managers, err := d.managers(ctx, p, froms)
		if err != nil {
			return err
		}
		from := len(d.found.Found)
		for i := range links {
			if err := d.compare(ctx, p, &links[i], seen[links[i].Target], managers[links[i].Source]); err != nil {
				return err
			}
		}
		if err := d.name(ctx, d.found.Found[from:]); err != nil {
			return err
		}
	}
}

// managers returns what the job knows of who manages these people.
func (d *look) managers(ctx context.Context, p *plan.Program, of []connection.Ref) (map[connection.Ref][]plan.EndRow, error) {
	if len(of) == 0 || !slices.Contains(p.References(), connection.Manager) {
		return nil, nil
	}
	rows, err := d.Engine.Store.Ends(ctx, d.job.Tenant, d.job.ID, plan.EndQuery{From: of, Attribute: connection.Manager})
	all := map[connection.Ref][]plan.EndRow{}
	for _, r := range rows {
		all[r.From] = append(all[r.From], r)
	}
	return all, err
}

// name says who they are whom somebody else has put in the place of others.
func (d *look) name(ctx context.Context, found []plan.Drift) error {
	var all []plan.RowReference
	for _, f := range found {
		all = append(all, f.References...)
	}
	if len(all) == 0 {
		return nil
	}
	if err := d.app.Name(ctx, all); err != nil {
		return err
	}
	for i := range found {
		n := copy(found[i].References, all)
		all = all[n:]
	}
	return nil
}

// compare judges one object. row is nil when the read did not list it.
func (d *look) compare(ctx context.Context, p *plan.Program, l *plan.Link, row *mirror.Row, managers []plan.EndRow) error {
	found := plan.Drift{Kind: plan.DriftMissing, Source: plan.End{Ref: l.Source, Name: l.Name}, Target: plan.End{Ref: connection.Ref{Type: p.Type, ID: l.Target}, Name: l.Name}}
	there := row != nil && row.State != mirror.Gone && !row.Object.Deleted
	if !there && !l.Verdict.In {
		return nil // who has left need not be there
	}
	w := &d.found.Work
	w.Compared++
	if there {
		seen := p.Ours(row.Object.Values)
		found.Kind, found.Target.Name = plan.DriftChanged, cmp.Or(seen.Text("userName"), seen.Text("displayName"), l.Name)
		found.Differ = plan.Differ(l.Image, seen)
		if err := d.found.Count(l.Image, seen); err != nil {
			return err
		}
		if l.Verdict.In {
			found.References = d.found.CompareManager(managers, row.Object.References)
		}
		if len(found.Differ)+len(found.References) == 0 {
			return nil
		}
	}
	if row != nil && (row.State == mirror.Hidden || row.State == mirror.Missed) {
		w.Unsure++
		return nil
	}
	since, err := d.writtenSince(ctx, l.Source, w.Read.Add(-d.app.System.Lag))
	if err != nil {
		return err
	}
	if since {
		w.Unsure++
		return nil
	}
	d.found.Add(found)
	return nil
}

// writtenSince reports whether we have written the object, or may have, so late that what was seen need not show it.
func (d *look) writtenSince(ctx context.Context, ref connection.Ref, known time.Time) (bool, error) {
	rows, err := d.Engine.Store.Actions(ctx, d.job.Tenant, d.job.ID, plan.ActionQuery{Source: ref, States: []plan.ActionState{plan.Done, plan.Open, plan.Failed, plan.Skipped}, Newest: true, Limit: 20})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(rows, func(a plan.Action) bool {
		return a.State == plan.Open || !a.Opened.IsZero() && (a.Ended.After(known) || a.Opened.After(known))
	}), nil
}
