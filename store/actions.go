package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

const actionColumns = `id, cycle, state, kind, lane, rank, source_type, source_id, source_name, target_type, target_id, target_name, refers,
	code, detail, attempt, epoch, undoes, planned, opened, ended, seen, decided, reason, before_doc, after_doc, refs, effect`

var upsertActions = bulk{lead: []string{"BIGINT"}, n: 30, text: "INSERT INTO action (job, " + actionColumns + `, search, cause) VALUES @rows
	ON CONFLICT (job, id) DO UPDATE SET cycle = excluded.cycle, state = excluded.state, kind = excluded.kind, lane = excluded.lane,
		rank = excluded.rank, source_type = excluded.source_type, source_id = excluded.source_id, source_name = excluded.source_name,
		target_type = excluded.target_type, target_id = excluded.target_id, target_name = excluded.target_name, refers = excluded.refers,
		code = excluded.code, detail = excluded.detail, attempt = excluded.attempt, epoch = excluded.epoch,
		undoes = excluded.undoes, planned = excluded.planned, opened = excluded.opened, ended = excluded.ended, seen = excluded.seen,
		decided = excluded.decided, reason = excluded.reason, before_doc = excluded.before_doc, after_doc = excluded.after_doc, refs = excluded.refs,
		effect = excluded.effect, search = excluded.search, cause = excluded.cause`}

func (w batch) actions(all []plan.Action) error {
	all = lastOf(all, func(a *plan.Action) lockstep.ActionID { return a.ID })
	_, err := w.bulk(&upsertActions, []any{w.no}, len(all), func(args []any, i int) []any { return appendAction(args, &all[i]) })
	return err
}

func appendAction(args []any, a *plan.Action) []any {
	return append(args, string(a.ID), string(a.Cycle), string(a.State), string(a.Kind), int64(a.Lane), int64(a.Rank),
		a.Source.Type, a.Source.ID, a.Source.Name, a.Target.Type, a.Target.ID, a.Target.Name, a.Refers, string(a.Code), a.Detail,
		int64(a.Attempt), a.Epoch, string(a.Undoes), millis(a.Planned), millis(a.Opened), millis(a.Ended),
		seenText(a.Seen), decidedText(a.Decided), reasonText(a.Reason), document(a.Before), document(a.After), refsText(a.References), effectText(a.Effect), searchText(a), causeText(a))
}

// causeText is the cause of a row that waits. Nobody counts the others by it.
func causeText(a *plan.Action) string {
	if a.State == plan.Planned || a.State == plan.Held {
		return a.Cause()
	}
	return ""
}

// searchText is what people search in: the names of both ends.
func searchText(a *plan.Action) string {
	source, target := fold(a.Source.Name), fold(a.Target.Name)
	if target == source || target == "" {
		return source
	}
	return source + "\n" + target
}

// refsText is how references are kept: a JSON array of arrays of six strings, since a group's create may have a hundred thousand.
func refsText(refs []plan.RowReference) string {
	if len(refs) == 0 {
		return ""
	}
	all := make([][6]string, len(refs))
	for i, r := range refs {
		all[i] = [6]string{r.Attribute, r.To.Type, r.To.ID, r.To.Name, r.Target, ""}
		switch {
		case r.Stays:
			all[i][5] = "stays"
		case r.Gone:
			all[i][5] = "gone"
		}
	}
	return plain(all)
}

// effectText is how what a row comes to is kept: as an object with three attributes.
func effectText(e *connection.Effect) string {
	if e == nil {
		return ""
	}
	return document(scim.Object{{Name: "before", Value: e.Before}, {Name: "after", Value: e.After}, {Name: "note", Value: e.Note}})
}

func effectOf(text string) (*connection.Effect, error) {
	o, err := object(text)
	if err != nil || o == nil {
		return nil, err
	}
	e := &connection.Effect{Note: o.Text("note")}
	e.Before, _ = o.Get("before").(scim.Object)
	e.After, _ = o.Get("after").(scim.Object)
	return e, nil
}

func refsOf(text string) ([]plan.RowReference, error) {
	if text == "" {
		return nil, nil
	}
	refs := make([]plan.RowReference, 0, strings.Count(text, "],[")+1)
	bad := func(err error) ([]plan.RowReference, error) {
		return nil, fmt.Errorf("read references %.80q: %w", text, err)
	}
	for rest, more := strings.CutPrefix(text, "["); more; {
		var a [6]string
		if rest, more = strings.CutPrefix(rest, "["); !more {
			return bad(io.ErrUnexpectedEOF)
		}
		for i := range a {
			quoted := textLength(rest)
			if quoted < 2 || len(rest) == quoted {
				return bad(io.ErrUnexpectedEOF)
			}
			if a[i] = rest[1 : quoted-1]; strings.IndexByte(a[i], '\\') >= 0 {
				if err := json.Unmarshal([]byte(rest[:quoted]), &a[i]); err != nil {
					return bad(err)
				}
			}
			rest = rest[quoted+1:] // behind the comma, or the bracket
		}
		refs = append(refs, plan.RowReference{
			Attribute: a[0], To: plan.End{Ref: connection.Ref{Type: a[1], ID: a[2]}, Name: a[3]}, Target: a[4], Gone: a[5] != "", Stays: a[5] == "stays",
		})
		rest, more = strings.CutPrefix(rest, ",")
	}
	return refs, nil
}

// textLength is how long the text in quotes is with which a JSON text begins; 0 is that it begins with none, or that the text does not end.
func textLength(rest string) int {
	if rest == "" || rest[0] != '"' {
		return 0
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

var carryReferences = bulk{lead: []string{"BIGINT"}, cols: []string{"TEXT", "TEXT"}, text: `WITH v(job, id, refs) AS (VALUES @rows)
	UPDATE action SET refs = v.refs, refers = CASE WHEN v.refs = '' THEN '' ELSE action.refers END FROM v
	WHERE action.job = v.job AND action.id = v.id AND action.state = 'planned'`}

func (w batch) carry(all []plan.Carried) error {
	_, err := w.bulk(&carryReferences, []any{w.no}, len(all), func(args []any, i int) []any {
		return append(args, string(all[i].ID), refsText(all[i].References))
	})
	return err
}

func seenText(s plan.Seen) string {
	if s == (plan.Seen{}) {
		return ""
	}
	return plain(s)
}

func decidedText(d plan.Decision) string {
	if d == (plan.Decision{}) {
		return ""
	}
	return plain(d)
}

func reasonText(r rule.Reason) string {
	if r.Rule == "" && r.Clause == "" && r.Values == nil {
		return ""
	}
	return plain(r)
}

// plain is the JSON of a value that is made of strings, numbers and times, whose encoding cannot fail.
func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: encode %T: %v", v, err)) //nolint:forbidigo // see above
	}
	return string(text)
}

// parse is the inverse of plain; "" leaves the value alone.
func parse(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

func scanAction(s scanner) (a plan.Action, err error) {
	var planned, opened, ended int64
	var seen, decided, reason, before, after, refs, effect string
	err = s.Scan(&a.ID, &a.Cycle, &a.State, &a.Kind, &a.Lane, &a.Rank, &a.Source.Type, &a.Source.ID, &a.Source.Name,
		&a.Target.Type, &a.Target.ID, &a.Target.Name, &a.Refers, &a.Code, &a.Detail, &a.Attempt, &a.Epoch, &a.Undoes,
		&planned, &opened, &ended, &seen, &decided, &reason, &before, &after, &refs, &effect)
	if err != nil {
		return a, err
	}
	a.Planned, a.Opened, a.Ended = instant(planned), instant(opened), instant(ended)
	if err := errors.Join(parse(seen, &a.Seen), parse(decided, &a.Decided), parse(reason, &a.Reason)); err != nil {
		return a, fmt.Errorf("action %s: %w", a.ID, err)
	}
	if a.References, err = refsOf(refs); err != nil {
		return a, fmt.Errorf("action %s: %w", a.ID, err)
	}
	if a.Before, err = object(before); err != nil {
		return a, err
	}
	if a.After, err = object(after); err != nil {
		return a, err
	}
	if a.Effect, err = effectOf(effect); err != nil {
		return a, fmt.Errorf("action %s: %w", a.ID, err)
	}
	return a, nil
}

var openActions = bulk{lead: []string{"BIGINT", "BIGINT", "BIGINT"}, cols: []string{"TEXT"}, text: `WITH v(job, epoch, at, id) AS (VALUES @rows)
	UPDATE action SET state = 'open', epoch = v.epoch, attempt = action.attempt + 1, opened = v.at, ended = 0 FROM v
	WHERE action.job = v.job AND action.id = v.id AND (action.state = 'planned' OR action.state = 'open' AND action.epoch < v.epoch)`}

// open marks planned actions as open, and takes over those that an earlier epoch left open. If one of them is neither any more,
// somebody has decided against it: then nothing may be sent, and the error is lockstep.CodePlanStale.
func (w batch) open(ids []lockstep.ActionID) error {
	n, err := w.bulk(&openActions, []any{w.no, w.epoch, millis(w.at)}, len(ids), func(args []any, i int) []any { return append(args, string(ids[i])) })
	if err == nil && n != int64(len(ids)) {
		err = stale("%d of %d changes are no longer planned.", int64(len(ids))-n, len(ids))
	}
	return err
}

var moveActions = bulk{
	lead: []string{"BIGINT", "BIGINT"}, cols: []string{"TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT"},
	text: `WITH v(job, epoch, id, was, attempt, state, code, detail, target, ended) AS (VALUES @rows)
	UPDATE action SET state = v.state, code = v.code, detail = v.detail, ended = v.ended,
		attempt = CASE WHEN v.was = 'planned' AND v.state = 'done' THEN action.attempt + 1 ELSE action.attempt END,
		epoch = CASE WHEN v.was = 'planned' AND v.state = 'done' THEN v.epoch ELSE action.epoch END,
		opened = CASE WHEN v.was = 'planned' AND v.state = 'done' THEN v.ended ELSE action.opened END,
		target_id = CASE WHEN v.target = '' THEN action.target_id ELSE v.target END FROM v
	WHERE action.job = v.job AND action.id = v.id AND action.state = v.was AND (v.attempt = 0 OR action.attempt = v.attempt AND action.epoch = v.epoch)`,
}

// move carries out transitions. A row that is done without having been open (connection.Committer) was opened and tried in the same
// moment. When a row is not in the state that it should be in, somebody else has moved it, and the error
// is lockstep.CodePlanStale.
func (w batch) move(all []plan.Transition) error {
	n, err := w.bulk(&moveActions, []any{w.no, w.epoch}, len(all), func(args []any, i int) []any {
		m := &all[i]
		return append(args, string(m.ID), string(m.From), int64(m.Attempt), string(m.To), string(m.Code), m.Detail, m.Target, millis(m.At))
	})
	if err == nil && n != int64(len(all)) {
		err = stale("%d of %d changes are no longer as they were.", int64(len(all))-n, len(all))
	}
	return err
}

var updateRanks = bulk{lead: []string{"BIGINT"}, cols: []string{"TEXT", "BIGINT"}, text: `WITH v(job, id, rank) AS (VALUES @rows)
	UPDATE action SET rank = v.rank FROM v WHERE action.job = v.job AND action.id = v.id AND action.rank <> v.rank`}

func (w batch) rank(ranks []provision.Rank) error {
	ranks = lastOf(ranks, func(r *provision.Rank) lockstep.ActionID { return r.Action })
	_, err := w.bulk(&updateRanks, []any{w.no}, len(ranks), func(args []any, i int) []any {
		return append(args, string(ranks[i].Action), int64(ranks[i].Rank))
	})
	return err
}

// Actions returns actions of a job. It satisfies provision.Store.
func (db *DB) Actions(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.ActionQuery) ([]plan.Action, error) {
	if q.Limit == 0 {
		q.Limit = 1000
	}
	s := actionSearch{db: db, ctx: ctx, tenant: tenant, job: job, most: q.Most, text: "SELECT " + actionColumns + " FROM action WHERE " + ofJob, args: []any{string(tenant), string(job)}}
	if err := s.run(q); err != nil {
		return nil, fmt.Errorf("read actions: %w", err)
	}
	slices.SortFunc(s.found, func(a, b plan.Action) int {
		if q.Newest {
			return cmp.Compare(b.ID, a.ID)
		}
		if q.Of != nil {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
	})
	s.found = slices.CompactFunc(s.found, func(a, b plan.Action) bool { return a.ID == b.ID })
	s.found = s.found[:min(len(s.found), q.Limit)]
	for i := range s.found {
		s.found[i].Job = job
	}
	return s.found, nil
}

// NewestOf satisfies provision.Rows.
func (db *DB) NewestOf(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, kinds []rule.Kind, of []connection.Ref) (map[connection.Ref]lockstep.ActionID, error) {
	text, args := "SELECT source_type, source_id, MAX(id) FROM action WHERE "+ofJob+" AND source_type = $3 AND kind IN (", []any{string(tenant), string(job), ""}
	for i, k := range kinds {
		if i > 0 {
			text += ", "
		}
		args = append(args, string(k))
		text += fmt.Sprintf("$%d", len(args))
	}
	text += ") AND source_id IN (@list) GROUP BY source_type, source_id"
	found := map[connection.Ref]lockstep.ActionID{}
	for typ, ids := range byType(of) {
		args[2] = typ
		err := lists(db, text, args, ids, func(text string, args []any) error {
			rows, err := db.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) {
				var ref connection.Ref
				var id lockstep.ActionID
				err := s.Scan(&ref.Type, &ref.ID, &id)
				found[ref] = id
				return struct{}{}, err
			})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the newest rows: %w", err)
		}
	}
	return found, nil
}

// actionSearch builds the statements of an ActionQuery. Each gives its first rows in order; the first of them all are the answer.
type actionSearch struct {
	db     *DB
	ctx    context.Context
	tenant lockstep.TenantID
	job    lockstep.JobID
	text   string
	args   []any
	most   int // references
	found  []plan.Action
}

// where adds a condition whose parameters are written ?.
func (s *actionSearch) where(condition string, values ...any) {
	for _, v := range values {
		s.args = append(s.args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(s.args)), 1)
	}
	s.text += " AND " + condition
}

// lineAt is when what a row says happened.
const lineAt = "CASE WHEN ended > 0 THEN ended ELSE planned END"

// people adds the conditions by which people search.
func (s *actionSearch) people(q plan.ActionQuery) {
	part := func(text string) string { return "%" + escapeLike(text) + "%" }
	if q.Text != "" {
		s.where(`search LIKE ? ESCAPE '\'`, part(fold(q.Text)))
	}
	for _, word := range q.Words {
		s.where(`(search LIKE ? ESCAPE '\' OR LOWER(detail) LIKE ? ESCAPE '\' OR code LIKE ? ESCAPE '\' OR source_id = ? OR target_id = ?)`,
			part(fold(word)), part(strings.ToLower(word)), part(strings.ToLower(word)), word, word)
	}
	if q.Code != "" {
		s.where(`code LIKE ? ESCAPE '\'`, part(strings.ToLower(q.Code)))
	}
	if !q.Since.IsZero() { // a row that was held may have waited for any time, so the ids, which begin with the time, say nothing
		s.where(lineAt+" >= ?", millis(q.Since))
	}
	if !q.Until.IsZero() {
		s.where(lineAt+" < ?", millis(q.Until))
	}
}

// in adds a condition on a column with few possible values.
func in[S ~string](s *actionSearch, column string, values []S) {
	if len(values) == 0 {
		return
	}
	first := len(s.args) + 1
	for _, v := range values {
		s.args = append(s.args, string(v))
	}
	s.text += " AND " + column + " IN (" + numbered.list(first, len(values)) + ")"
}

func (s *actionSearch) run(q plan.ActionQuery) error {
	if q.Cycle != "" {
		s.where("cycle = ?", string(q.Cycle))
	}
	if not := q.NotOf; not != "" { // in two parts, each of which the index has
		q.NotOf = ""
		for _, side := range []string{"cycle < ?", "cycle > ?"} {
			part := actionSearch{db: s.db, ctx: s.ctx, tenant: s.tenant, job: s.job, most: s.most, text: s.text, args: slices.Clip(s.args)}
			part.where(side, string(not))
			if err := part.run(q); err != nil {
				return err
			}
			s.found = append(s.found, part.found...)
		}
		return nil
	}
	in(s, "code", q.Codes)
	in(s, "cause", q.Causes)
	if q.Source.ID != "" {
		s.where("source_id = ?", q.Source.ID)
		s.where("source_type = ?", q.Source.Type)
	}
	s.people(q)
	if q.Of != nil {
		return s.group(q)
	}
	if q.Newest && q.IDs == nil {
		return s.newest(q)
	}
	in(s, "kind", q.Kinds)
	if p := q.Past; p != nil && !q.Newest {
		n := len(s.args)
		s.args = append(s.args, int64(p.Lane), int64(p.Rank), string(p.ID))
		s.text += fmt.Sprintf(" AND (lane, rank, id) > ($%d, $%d, $%d)", n+1, n+2, n+3)
	}
	if q.Newest && q.After != "" {
		s.where("id < ?", string(q.After))
	}
	order := " ORDER BY lane, rank, id"
	if q.Newest {
		order = " ORDER BY id DESC"
	}
	if q.IDs != nil {
		in(s, "state", q.States)
		return lists(s.db, s.text+" AND id IN (@list)", s.args, q.IDs, func(text string, args []any) error {
			return s.read(text+order, args, q.Limit)
		})
	}
	if q.Source.ID != "" || len(q.States) < 2 || q.Cycle == "" {
		in(s, "state", q.States)
		return s.read(s.text+order, s.args, q.Limit)
	}
	// The index gives the order within a state.
	text, args := s.text, slices.Clip(s.args)
	for _, state := range q.States {
		s.text, s.args = text, args
		s.where("state = ?", string(state))
		if err := s.read(s.text+order, s.args, q.Limit); err != nil {
			return err
		}
	}
	return nil
}

func (s *actionSearch) read(text string, args []any, limit int) error {
	args = slices.Clip(args)
	rows, err := s.db.query(s.ctx, text+limitTo(&args, limit), args...)
	if err != nil {
		return err
	}
	references := 0
	for rows.Next() {
		a, err := scanAction(rows)
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		s.found = append(s.found, a)
		if references += len(a.References); s.most > 0 && references >= s.most {
			break
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// escapeLike takes the meaning from the characters that LIKE knows.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s)
}

// Made calls f for each planned create and link of the cycle. It satisfies provision.Store.
func (db *DB) Made(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID, f func(plan.Made)) error {
	rows, err := db.query(ctx, "SELECT id, kind, source_type, source_id, refers, refs <> '', rank FROM action WHERE "+ofJob+
		" AND cycle = $3 AND state = 'planned' AND kind IN ('create', 'link')", string(tenant), string(job), string(cycle))
	if err != nil {
		return fmt.Errorf("read creates: %w", err)
	}
	for rows.Next() {
		var m plan.Made
		if err := rows.Scan(&m.ID, &m.Kind, &m.Source.Type, &m.Source.ID, &m.Refers, &m.References, &m.Rank); err != nil {
			return errors.Join(fmt.Errorf("read creates: %w", err), rows.Close())
		}
		f(m)
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Renamed returns the planned updates of the cycle that change the first matching value. It satisfies provision.Store.
func (db *DB) Renamed(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID) ([]plan.Renamed, error) {
	rows, err := db.query(ctx, "SELECT id, refers, decided <> '' FROM action WHERE "+ofJob+" AND cycle = $3 AND state = 'planned' AND kind = 'update' AND refers <> ''",
		string(tenant), string(job), string(cycle))
	all, err := collect(rows, err, func(s scanner) (r plan.Renamed, err error) {
		var refers string
		err = s.Scan(&r.ID, &refers, &r.Decided)
		r.From, r.To, _ = plan.SplitNames(refers)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read renames: %w", err)
	}
	return all, nil
}

// The counts of a Tally are answered by indexes alone. All states are named because the state comes before the cycle in its index. Rows are
// counted here, not by GROUP BY, for which SQLite would sort them all in memory.
const (
	countActions = "SELECT state, kind, source_type FROM action WHERE " + ofJob + ` AND state IN
		('planned', 'held', 'left_out', 'open', 'done', 'failed', 'refused', 'rejected', 'skipped') AND cycle = $3`
	countLinks = "SELECT type, COUNT(*) FROM link WHERE " + ofJob + " AND target <> '' AND NOT disabled GROUP BY type"
)

// Tally counts a cycle's actions and a job's linked objects. It satisfies provision.Store.
func (db *DB) Tally(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID) (plan.Tally, error) {
	t := plan.Tally{Actions: map[plan.TallyKey]int{}, Linked: map[string]int{}}
	rows, err := db.query(ctx, countActions, string(tenant), string(job), string(cycle))
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		var k plan.TallyKey
		err := s.Scan(&k.State, &k.Kind, &k.Type)
		t.Actions[k]++
		return struct{}{}, err
	})
	if err != nil {
		return t, fmt.Errorf("count actions: %w", err)
	}
	rows, err = db.query(ctx, countLinks, string(tenant), string(job))
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		var typ string
		var n int
		err := s.Scan(&typ, &n)
		t.Linked[typ] = n
		return struct{}{}, err
	})
	if err != nil {
		return t, fmt.Errorf("count links: %w", err)
	}
	return t, nil
}
