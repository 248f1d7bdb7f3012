package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
)

// foundOf counts what the last look has found of a kind, and the job has not written since.
const foundOf = "(SELECT COUNT(*) FROM drift_found f WHERE f.look = d.look AND f.kind = "

const driftLook = "SELECT d.read_at, d.ended, d.compared, d.unsure, d.more, d.silent, d.asked, d.answered, d.making, d.work, " +
	foundOf + "'changed'), " + foundOf + "'missing'), " + foundOf + "'unsure'), " + foundOf + "'restored') FROM drift d WHERE d." + ofJob

// DriftLook returns what the last look for drift has come to; its Read is zero when there was none. It satisfies drift.Looks.
func (db *DB) DriftLook(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID) (plan.DriftLook, error) {
	rows, err := db.query(ctx, driftLook, string(tenant), string(job))
	all, err := collect(rows, err, func(s scanner) (l plan.DriftLook, err error) {
		var at, ended, making int64
		var since int
		var silent, work string
		if err := s.Scan(&at, &ended, &l.Compared, &l.Unsure, &l.More, &silent, &l.Asked, &l.Answered, &making, &work, &l.Changed, &l.Missing, &since, &l.Restored); err != nil {
			return l, err
		}
		l.Read, l.Ended, l.Unsure = instant(at), instant(ended), l.Unsure+since
		if making != 0 {
			var w plan.DriftWork
			if err := parse(work, &w); err != nil {
				return l, err
			}
			l.Under, l.Groups, l.Of = true, w.Groups, w.Of
		}
		return l, parse(silent, &l.Silent)
	})
	if err != nil {
		return plan.DriftLook{}, fmt.Errorf("read what a look for drift has come to: %w", err)
	}
	if len(all) == 0 {
		return plan.DriftLook{}, nil
	}
	return all[0], nil
}

// drifting does something with the job's row of drift, which it makes if there is none.
func (db *DB) drifting(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, rows int, do func(t *tx, no int64) error) error {
	return db.write(ctx, &work{tenant: tenant, rows: rows, run: func(t *tx) error {
		rows, err := t.query("SELECT no FROM job WHERE tenant = $1 AND id = $2", string(tenant), string(id))
		no, err := one(rows, err, scanInt)
		if err != nil {
			return absent(err, "job", string(id))
		}
		_, err = t.exec(`INSERT INTO drift (job, look, read_at, ended, compared, unsure, more, silent, asked, answered, making, work, epoch, deadline)
			VALUES ($1, 0, 0, 0, 0, 0, 0, '', 0, 0, 0, '', 0, 0) ON CONFLICT (job) DO NOTHING`, no)
		if err != nil {
			return err
		}
		return do(t, no)
	}})
}

// AskDrift satisfies drift.Looks.
func (db *DB) AskDrift(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, request int64) error {
	err := db.drifting(ctx, tenant, id, 1, func(t *tx, no int64) error {
		_, err := t.exec("UPDATE drift SET asked = $2 WHERE job = $1 AND asked < $2", no, request)
		return err
	})
	if err != nil {
		return fmt.Errorf("ask for a look for drift: %w", err)
	}
	return nil
}

// ClaimDrift satisfies drift.Looks.
func (db *DB) ClaimDrift(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, until time.Time) (plan.DriftWork, error) {
	var w plan.DriftWork
	err := db.drifting(ctx, tenant, id, 2, func(t *tx, no int64) error {
		end, args := db.lasts(until, no)
		now, args := db.clock(args...)
		rows, err := t.query("UPDATE drift SET epoch = epoch + 1, deadline = "+end+" WHERE job = $1 AND deadline <= "+now+" RETURNING epoch, making, work", args...)
		all, err := collect(rows, err, func(s scanner) (w plan.DriftWork, err error) {
			var epoch, making int64
			var text string
			if err = s.Scan(&epoch, &making, &text); err == nil {
				err = parse(text, &w)
			}
			w.Epoch, w.No = epoch, making
			return w, err
		})
		if err == nil && len(all) == 0 {
			err = lockstep.ErrEpoch
		}
		if err != nil {
			return err
		}
		if w = all[0]; w.No != 0 {
			if w.Stage != "" {
				return nil
			}
			if err := t.doom(w.No); err != nil {
				return err
			}
		}
		if w.No, err = t.number(); err == nil {
			_, err = t.exec("UPDATE drift SET making = $2, work = '' WHERE job = $1", no, w.No)
		}
		return err
	})
	if err != nil {
		return plan.DriftWork{}, fmt.Errorf("begin a look for drift: %w", err)
	}
	return w, nil
}

var (
	putFound = bulk{lead: []string{"BIGINT"}, n: 12, text: `INSERT INTO drift_found (look, type, id, kind, name, target_type, target, target_name, differ, differs, gone, added, known) VALUES @rows
		ON CONFLICT (look, type, id) DO UPDATE SET kind = excluded.kind, target_name = excluded.target_name, differ = excluded.differ, differs = excluded.differs,
			gone = excluded.gone, added = excluded.added, known = excluded.known`}
	putDriftEnds = bulk{lead: []string{"BIGINT"}, n: 8, text: `INSERT INTO drift_reference (look, type, id, gone, name, target, attribute, to_type, to_id) VALUES @rows
		ON CONFLICT (look, type, id, gone, name, target, attribute) DO NOTHING`}
)

// KeepDrift satisfies drift.Looks.
func (db *DB) KeepDrift(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, p plan.DriftPiece) error {
	state, err := json.Marshal(p.Work)
	if err != nil {
		return err
	}
	err = db.drifting(ctx, tenant, id, 1+len(p.Found)+len(p.Ends), func(t *tx, no int64) error {
		end, args := db.lasts(p.Until, no, p.Work.Epoch, p.Work.No, string(state))
		n, err := t.exec("UPDATE drift SET work = $4, deadline = "+end+" WHERE job = $1 AND epoch = $2 AND making = $3", args...)
		if err == nil && n == 0 {
			err = lockstep.ErrEpoch
		}
		if err == nil && p.Anew.ID != "" {
			_, err = t.exec("DELETE FROM drift_reference WHERE look = $1 AND type = $2 AND id = $3", p.Work.No, p.Anew.Type, p.Anew.ID)
		}
		if err != nil {
			return err
		}
		// Nobody can be linked to an end whose id is too long to be kept, and nothing could be restored of it.
		ends := slices.DeleteFunc(slices.Clone(p.Ends), func(e plan.DriftedReference) bool { return len(e.Target) > connection.LongestID })
		_, err = t.bulk(&putDriftEnds, []any{p.Work.No}, len(ends), func(args []any, i int) []any {
			e := &ends[i]
			return append(args, e.Of.Type, e.Of.ID, e.Gone, clipTo(e.To.Name, longestIndexed/2), e.Target, e.Attribute, e.To.Type, e.To.ID)
		})
		if err != nil {
			return err
		}
		_, err = t.bulk(&putFound, []any{p.Work.No}, len(p.Found), func(args []any, i int) []any {
			f := &p.Found[i]
			return append(args, f.Source.Type, f.Source.ID, string(f.Kind), f.Source.Name, f.Target.Type, f.Target.ID, f.Target.Name, differText(f.Differ),
				int64(f.Differs), int64(f.Gone), int64(f.Added), int64(f.Known))
		})
		if err == nil && p.Done {
			err = t.endLook(no, &p.Work)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep what a look for drift has found: %w", err)
	}
	return nil
}

// endLook has a look take the place of the one before. Groups that were not asked whether they have nobody, or only show nobody, are none of
// those that differ, unless their values do.
func (t *tx) endLook(no int64, w *plan.DriftWork) error {
	for _, text := range []string{
		"DELETE FROM drift_found WHERE look = $1 AND kind = 'hushed' AND differs = 0",
		"UPDATE drift_found SET kind = 'changed', gone = 0, added = 0, known = 0 WHERE look = $1 AND kind = 'hushed'",
	} {
		if _, err := t.exec(text, w.No); err != nil {
			return err
		}
	}
	rows, err := t.query("SELECT look FROM drift WHERE job = $1", no)
	before, err := one(rows, err, scanInt)
	if err != nil {
		return err
	}
	silent, err := json.Marshal(w.Silent)
	if err != nil {
		return err
	}
	_, err = t.exec(`UPDATE drift SET look = making, read_at = $2, ended = $3, compared = $4, unsure = $5, more = $6, silent = $7, answered = $8,
		making = 0, work = '', deadline = 0 WHERE job = $1`,
		no, millis(w.Read), millis(t.at), int64(w.Compared), int64(w.Unsure), int64(w.More), string(silent), w.Answers)
	if err == nil && before != 0 {
		err = t.doom(before)
	}
	return err
}

// differText is the attributes that differ as they are kept.
func differText(all []scim.Change) string {
	var list scim.List
	for _, c := range all {
		o := scim.Object{{Name: "path", Value: c.Path}}
		if c.Before != nil {
			o.Set("before", c.Before)
		}
		if c.After != nil {
			o.Set("after", c.After)
		}
		list = append(list, o)
	}
	if list == nil {
		return ""
	}
	return document(scim.Object{{Name: "differ", Value: list}})
}

func differOf(text string) (all []scim.Change, err error) {
	doc, err := object(text)
	list, _ := doc.Get("differ").(scim.List)
	for _, v := range list {
		o, _ := v.(scim.Object)
		all = append(all, scim.Change{Path: o.Text("path"), Before: o.Get("before"), After: o.Get("after")})
	}
	return all, err
}

// Drifts returns what a look has found. It satisfies drift.Looks.
func (db *DB) Drifts(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.DriftQuery) ([]plan.Drift, error) {
	args := []any{string(tenant), string(job)}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = []plan.DriftKind{plan.DriftChanged, plan.DriftMissing}
	}
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = "'" + string(k) + "'"
	}
	text := "SELECT look, type, id, kind, name, target_type, target, target_name, differ, differs, gone, added, known FROM drift_found WHERE look = "
	if q.Work != 0 {
		text += "(SELECT making FROM drift WHERE making = " + arg(q.Work) + " AND " + ofJob + ")"
	} else {
		text += "(SELECT look FROM drift WHERE " + ofJob + ")"
	}
	text += " AND kind IN (" + strings.Join(words, ", ") + ")"
	if q.Of.ID != "" {
		text += " AND type = " + arg(q.Of.Type) + " AND id = " + arg(q.Of.ID)
	}
	if q.After.ID != "" {
		text += " AND (type, id) > (" + arg(q.After.Type) + ", " + arg(q.After.ID) + ")"
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	text += " ORDER BY type, id" + limitTo(&args, q.Limit)
	rows, err := db.query(ctx, text, args...)
	var looks []int64
	all, err := collect(rows, err, func(s scanner) (f plan.Drift, err error) {
		var look int64
		var differ string
		err = s.Scan(&look, &f.Source.Type, &f.Source.ID, &f.Kind, &f.Source.Name, &f.Target.Type, &f.Target.ID, &f.Target.Name, &differ, &f.Differs, &f.Gone, &f.Added, &f.Known)
		if err == nil {
			f.Differ, err = differOf(differ)
		}
		looks = append(looks, look)
		return f, err
	})
	for i := range all {
		if f := &all[i]; err == nil && q.Ends > 0 && f.Gone+f.Added > 0 {
			f.References, err = db.driftEnds(ctx, looks[i], plan.DriftEndQuery{Of: f.Source.Ref, Limit: q.Ends})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read what a look for drift has found: %w", err)
	}
	return all, nil
}

// DriftEnds returns references that the last look has found to differ. It satisfies drift.Looks.
func (db *DB) DriftEnds(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.DriftEndQuery) ([]plan.RowReference, error) {
	rows, err := db.query(ctx, "SELECT look FROM drift WHERE "+ofJob, string(tenant), string(job))
	look, err := collect(rows, err, scanInt)
	if err != nil || len(look) == 0 {
		return nil, err
	}
	all, err := db.driftEnds(ctx, look[0], q)
	if err != nil {
		return nil, fmt.Errorf("read what a look for drift has found: %w", err)
	}
	return all, nil
}

func (db *DB) driftEnds(ctx context.Context, look int64, q plan.DriftEndQuery) ([]plan.RowReference, error) {
	args := []any{look, q.Of.Type, q.Of.ID}
	text := "SELECT gone, name, target, attribute, to_type, to_id FROM drift_reference WHERE look = $1 AND type = $2 AND id = $3"
	if q.Past != nil {
		text += " AND (gone, name, target, attribute) > ($4, $5, $6, $7)"
		args = append(args, q.Past.Gone, q.Past.To.Name, q.Past.Target, q.Past.Attribute)
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	text += " ORDER BY gone, name, target, attribute" + limitTo(&args, q.Limit)
	rows, err := db.query(ctx, text, args...)
	return collect(rows, err, func(s scanner) (r plan.RowReference, err error) {
		return r, s.Scan(&r.Gone, &r.To.Name, &r.Target, &r.Attribute, &r.To.Type, &r.To.ID)
	})
}

// driftWritten says of objects that are about to be written that nobody knows any more how they differ.
var driftWritten = bulk{lead: []string{"BIGINT"}, cols: []string{"TEXT"}, text: `WITH v(job, id) AS (VALUES @rows)
	UPDATE drift_found SET kind = 'unsure' FROM v JOIN action a ON a.job = v.job AND a.id = v.id JOIN drift d ON d.job = v.job
	WHERE drift_found.look IN (d.look, d.making) AND drift_found.type = a.source_type AND drift_found.id = a.source_id AND drift_found.kind <> 'unsure'`}

// drift keeps what was found up to date with what the job does.
func (w batch) drift(b *provision.Batch) error {
	if _, err := w.bulk(&driftWritten, []any{w.no}, len(b.Opened), func(args []any, i int) []any { return append(args, string(b.Opened[i])) }); err != nil {
		return err
	}
	const ours = " WHERE look IN (SELECT look FROM drift WHERE job = $1 UNION ALL SELECT making FROM drift WHERE job = $1) AND type = $2 AND id IN (@list)"
	for _, one := range []struct {
		text string
		refs []connection.Ref
	}{{"UPDATE drift_found SET kind = 'restored'" + ours + " AND kind IN ('changed', 'missing')", b.Restored}, {"DELETE FROM drift_found" + ours, b.Unlink}} {
		for typ, ids := range byType(one.refs) {
			if _, err := execLists(w.tx, one.text, []any{w.no, typ}, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetDrift is for a job that is gone, or whose application is another one now.
func (t *tx) forgetDrift(job int64) error {
	rows, err := t.query("DELETE FROM drift WHERE job = $1 RETURNING look, making", job)
	looks, err := collect(rows, err, func(s scanner) (l [2]int64, err error) { return l, s.Scan(&l[0], &l[1]) })
	if err != nil {
		return err
	}
	for _, both := range looks {
		for _, look := range both {
			if look == 0 {
				continue
			}
			if err := t.doom(look); err != nil {
				return err
			}
		}
	}
	return nil
}
