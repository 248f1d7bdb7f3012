package drift

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// endsAtOnce is how many members of a group are compared, kept or written anew at once: nobody holds more of a large one than its ids.
const endsAtOnce = 1000

// membered returns the program of groups whose members the job writes, nil when there is none.
func (d *look) membered() *plan.Program {
	p := d.app.Programs[connection.GroupType]
	if p == nil || !slices.Contains(p.References(), connection.Members) {
		return nil
	}
	return p
}

// groups counts the groups that are to be asked for.
func (d *look) groups(ctx context.Context) (n int, err error) {
	if d.membered() == nil {
		return 0, nil
	}
	for after := ""; ; {
		links, err := d.Engine.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: connection.GroupType, After: after, Outline: true})
		if err != nil || len(links) == 0 {
			return n, err
		}
		after = links[len(links)-1].Source.ID
		for i := range links {
			if asked(&links[i]) {
				n++
			}
		}
	}
}

// asked reports whether a group is asked who is in it.
func asked(l *plan.Link) bool { return l.Target != "" && l.Verdict.In }

// members compares the members of the linked groups, each of which is asked for by its id since lists do not show them, until the turn is
// over. It reports whether that was the last one.
func (d *look) members(ctx context.Context) (done bool, err error) {
	p, w := d.membered(), &d.found.Work
	for p != nil && !w.Silenced() {
		links, err := d.Engine.Store.Links(ctx, d.job.Tenant, d.job.ID, plan.LinkQuery{Type: connection.GroupType, After: w.After, Outline: true, Limit: 100})
		if err != nil {
			return false, err
		}
		if len(links) == 0 {
			break
		}
		for i := range links {
			l := &links[i]
			if !asked(l) {
				d.compared(l.Source.ID)
				continue
			}
			w.Groups++
			if err := d.membersOf(ctx, l, p.Type); err != nil {
				return false, err
			}
			d.compared(l.Source.ID)
			if err := d.renew(ctx); err != nil || !d.now().Before(d.over) {
				return false, err
			}
		}
	}
	switch {
	case w.Quiet():
		w.Silent = append(w.Silent, connection.Members)
	case w.Blank > 0:
		w.Stage, w.After = plan.DriftBlank, ""
	}
	d.stands = *w
	return true, nil
}

// compared notes that a group was compared: whoever goes on goes on after it. What is kept of it last is kept with that.
func (d *look) compared(id string) {
	d.found.Work.After = id
	d.stands = d.found.Work
}

// membersOf compares the members of one group.
func (d *look) membersOf(ctx context.Context, l *plan.Link, typ string) error {
	w, when := &d.found.Work, d.now()
	object, err := d.app.Get(ctx, connection.Ref{Type: typ, ID: l.Target})
	switch code := lockstep.CodeOf(err); {
	case err == nil:
		d.row = 0
	case code == lockstep.CodeNotFound || code == lockstep.CodeTargetGone:
		return nil // the read tells
	case d.bears(err):
		w.Unsure++
		return nil
	default:
		return err
	}
	seen := plan.See(connection.Members, object.References)
	found := plan.Drift{
		Kind: plan.DriftChanged, Source: plan.End{Ref: l.Source, Name: l.Name}, Target: plan.End{Ref: connection.Ref{Type: typ, ID: l.Target}, Name: object.Name},
	}
	object.References = nil
	written := 0
	err = d.eachEnd(ctx, l.Source, func(rows []plan.EndRow) error {
		for i := range rows {
			if rows[i].Written && rows[i].Target != "" {
				written++
			}
			if seen.Meet(&rows[i]) {
				found.Gone++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if written > 0 && seen.Len() > 0 {
		w.Shown++
	}
	if found.Gone+seen.Left() == 0 {
		return nil
	}
	since, err := d.writtenSince(ctx, l.Source, when.Add(-d.app.System.Lag))
	if err != nil {
		return err
	}
	if since || seen.Cut(found.Gone) {
		w.Unsure++
		return nil
	}
	if written > 0 && seen.Len() == 0 {
		if w.Blank++; w.Shown == 0 {
			if _, err := d.known(ctx, &found); err != nil {
				return err
			}
			found.Kind = plan.DriftHushed
			d.compared(l.Source.ID)
			return d.keep(ctx, plan.DriftPiece{Found: []plan.Drift{found}})
		}
	}
	return d.different(ctx, found, seen)
}

// known adds what the look has found of the object already, and reports whether that counts as an object that is kept.
func (d *look) known(ctx context.Context, found *plan.Drift) (bool, error) {
	was, err := d.Looks.Drifts(ctx, d.job.Tenant, d.job.ID, plan.DriftQuery{Work: d.found.Work.No, Kinds: []plan.DriftKind{plan.DriftChanged, plan.DriftHushed}, Of: found.Source.Ref})
	if err != nil || len(was) == 0 {
		return false, err
	}
	found.Differ, found.Differs = was[0].Differ, was[0].Differs
	return was[0].Kind == plan.DriftChanged || found.Differs > 0, nil
}

// trip is how many groups in a row an application may fail to show before it is left alone for now.
const trip = 3

// bears reports whether a failure is one group's, and no reason to ask for none any more.
func (d *look) bears(err error) bool {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeAuthToken, lockstep.CodeOAuthRefused, lockstep.CodeConsent, lockstep.CodeBlocked, lockstep.CodeTargetRateLimited:
		return false
	case lockstep.CodeTargetRefused, lockstep.CodeTargetUnsupported, lockstep.CodeTargetMalformed, lockstep.CodeTargetTooLarge:
		return true
	}
	d.row++
	return d.row < trip
}

// eachEnd calls f with the members of a group that the job knows, some at a time.
func (d *look) eachEnd(ctx context.Context, group connection.Ref, f func([]plan.EndRow) error) error {
	for q := (plan.EndQuery{From: []connection.Ref{group}, Attribute: connection.Members, Limit: endsAtOnce}); ; {
		rows, err := d.Engine.Store.Ends(ctx, d.job.Tenant, d.job.ID, q)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := f(rows); err != nil {
				return err
			}
		}
		if len(rows) < endsAtOnce {
			return nil
		}
		q.After = rows[len(rows)-1].To.Ref
	}
}

// different keeps a group whose members differ, with each of them.
func (d *look) different(ctx context.Context, found plan.Drift, seen *plan.SeenEnds) error {
	w, of := &d.found.Work, found.Source.Ref
	kept, err := d.known(ctx, &found)
	if err != nil {
		return err
	}
	if kept {
		w.Kept--
	}
	if !w.Room(found.Gone + seen.Left()) {
		return nil
	}
	found.Gone, found.Added = 0, 0
	p := plan.DriftPiece{Anew: of}
	ends := func(refs []plan.RowReference) error {
		for _, r := range refs {
			found.Tally(r)
			p.Ends = append(p.Ends, plan.DriftedReference{Of: of, RowReference: r})
		}
		err := d.keep(ctx, p)
		p = plan.DriftPiece{}
		return err
	}
	err = d.eachEnd(ctx, of, func(rows []plan.EndRow) error {
		var gone []plan.RowReference
		for i := range rows {
			if e := &rows[i]; seen.Meet(e) {
				gone = append(gone, plan.RowReference{Attribute: connection.Members, To: e.To, Target: e.Target, Gone: true})
			}
		}
		return ends(gone)
	})
	if err != nil {
		return err
	}
	err = seen.Strangers(connection.Members, endsAtOnce, func(refs []plan.RowReference) error {
		if err := d.app.Name(ctx, refs); err != nil {
			return err
		}
		return ends(refs)
	})
	if err != nil {
		return err
	}
	d.compared(of.ID)
	return d.keep(ctx, plan.DriftPiece{Found: []plan.Drift{found}})
}

// blanks has groups that show nobody count as groups that have nobody, since others show whom they have.
func (d *look) blanks(ctx context.Context) (done bool, err error) {
	nobody := plan.See(connection.Members, nil)
	for {
		q := plan.DriftQuery{Work: d.found.Work.No, Kinds: []plan.DriftKind{plan.DriftHushed}, Limit: 50}
		if after := d.found.Work.After; after != "" {
			q.After = connection.Ref{Type: connection.GroupType, ID: after}
		}
		hushed, err := d.Looks.Drifts(ctx, d.job.Tenant, d.job.ID, q)
		if err != nil || len(hushed) == 0 {
			return err == nil, err
		}
		for _, f := range hushed {
			f.Kind = plan.DriftChanged
			if err := d.different(ctx, f, nobody); err != nil {
				return false, err
			}
			if d.compared(f.Source.ID); !d.now().Before(d.over) {
				return false, nil
			}
		}
	}
}
