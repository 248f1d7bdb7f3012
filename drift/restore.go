package drift

import (
	"context"
	"fmt"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
)

// Restore has objects with drift written anew as the last look has found them, those of the given source objects or, with none, all: from now on
// the job takes what was seen for what is there, and the next cycle plans the difference like any other, before the guard. An object that the
// application has no longer is created again. It returns how many objects that concerns.
func (f *Finder) Restore(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, sources []connection.Ref) (n int, err error) {
	job, err := f.outward(ctx, t, id)
	if err != nil {
		return 0, err
	}
	if job.Cycle != nil {
		return 0, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A cycle of " + job.Name + " is under way; restore when it has ended."}
	}
	some := func(q plan.DriftQuery) ([]plan.Drift, error) {
		q.Limit = chunkOf
		return f.Looks.Drifts(ctx, t, id, q)
	}
	if first, err := some(plan.DriftQuery{}); err != nil || len(first) == 0 {
		return 0, err
	}
	err = f.Engine.Amend(ctx, t, id, func(job provision.Job, write provision.Write) error {
		r := &restore{Finder: f, job: job, write: write}
		defer func() { n = r.n }()
		for _, of := range sources {
			found, err := some(plan.DriftQuery{Of: of})
			if err == nil {
				err = r.all(ctx, found)
			}
			if err != nil {
				return err
			}
		}
		for after := (connection.Ref{}); len(sources) == 0; {
			found, err := some(plan.DriftQuery{After: after})
			if err != nil || len(found) == 0 {
				return err
			}
			after = found[len(found)-1].Source.Ref
			if err := r.all(ctx, found); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// restore has objects written anew.
type restore struct {
	*Finder
	job   provision.Job
	write provision.Write
	n     int
}

// all makes the links say what was seen, and due. References go before the link of their object, which says that it is restored; whoever is
// stopped between has restored some of them.
func (r *restore) all(ctx context.Context, found []plan.Drift) error {
	found = slices.DeleteFunc(found, func(f plan.Drift) bool { return !f.Restorable() })
	of := make(map[connection.Ref]*plan.Drift, len(found))
	ids := map[string][]string{}
	for i := range found {
		of[found[i].Source.Ref] = &found[i]
		ids[found[i].Source.Type] = append(ids[found[i].Source.Type], found[i].Source.ID)
	}
	for typ, list := range ids {
		links, err := r.Engine.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Sources: list, Limit: len(list)})
		if err != nil {
			return err
		}
		var b provision.Batch
		for _, l := range links {
			f := of[l.Source]
			if l.Target != f.Target.ID { // it was linked to another one meanwhile
				continue
			}
			l.Due = r.now()
			switch {
			case f.Kind == plan.DriftMissing:
				l.Target, l.Image, l.Version, l.Matched, l.Disabled = "", nil, "", "", false
				b.Unwrite = append(b.Unwrite, l.Source)
			case f.Differs > 0:
				if l.Image, err = f.SeenAs(l.Image); err != nil {
					return fmt.Errorf("take over what was seen of %s: %w", l.Name, err)
				}
				l.Disabled = l.Disabled && l.Image.Get("active") == false
			}
			if f.Gone+f.Known > 0 {
				if err := r.references(ctx, l.Source); err != nil {
					return err
				}
			}
			b.Links, b.Restored = append(b.Links, l), append(b.Restored, l.Source)
		}
		if len(b.Links) == 0 {
			continue
		}
		if err := r.write(ctx, b); err != nil {
			return err
		}
		r.n += len(b.Restored)
	}
	return nil
}

// references says of an object's references what is at the target: those that are no longer there are not written, those that somebody else
// has added, to whom the job knows, are, and nobody wants them who does not want them already.
func (r *restore) references(ctx context.Context, of connection.Ref) error {
	for q := (plan.DriftEndQuery{Of: of, Limit: endsAtOnce}); ; {
		ends, err := r.Looks.DriftEnds(ctx, r.job.Tenant, r.job.ID, q)
		if err != nil || len(ends) == 0 {
			return err
		}
		var b provision.Batch
		var added []connection.Ref
		for i := range ends {
			e := &ends[i]
			row := plan.ReferenceRow{From: of, Attribute: e.Attribute, To: e.To.Ref, Written: !e.Gone}
			switch {
			case e.Gone:
				b.Written = append(b.Written, row)
			case e.To.ID != "":
				b.Written, added = append(b.Written, row), append(added, e.To.Ref)
				b.Wanted = append(b.Wanted, row)
			}
		}
		if len(added) > 0 {
			rows, err := r.Engine.Store.References(ctx, r.job.Tenant, r.job.ID, plan.ReferenceQuery{From: []connection.Ref{of}, To: added})
			if err != nil {
				return err
			}
			b.Wanted = slices.DeleteFunc(b.Wanted, func(w plan.ReferenceRow) bool {
				return slices.ContainsFunc(rows, func(row plan.ReferenceRow) bool { return row.To == w.To && row.Attribute == w.Attribute && row.Wanted })
			})
		}
		if len(b.Written) > 0 {
			if err := r.write(ctx, b); err != nil {
				return err
			}
		}
		q.Past = &ends[len(ends)-1]
		if len(ends) < endsAtOnce {
			return nil
		}
	}
}
