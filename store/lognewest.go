package store

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"lockstep/plan"
)

// The newest lines of a log that are of a kind, say: whoever looks for few among many does not read all of them. A way is a condition that an
// index answers in the order of time; the ways of a search have all its lines together.
type way struct {
	text string
	args []any
}

// Conditions as the indexes have them, word by word.
const (
	apartLines = "state IN ('held', 'left_out', 'failed', 'refused', 'rejected', 'skipped')"
	saidLines  = "(detail <> '' OR code <> '')"
	lateLines  = "ended > planned + 3600000"
)

// idSlack is by how much the time in the id of a line may differ from when it was planned, and from when it ended unless it is late.
const idSlack = 2 * time.Hour

// apart reports whether a line in the state stands apart from the many that are done or on their way.
func apart(s plan.ActionState) bool {
	switch s {
	case plan.Held, plan.LeftOut, plan.Failed, plan.Refused, plan.Rejected, plan.Skipped:
		return true
	case plan.Planned, plan.Open, plan.Done:
	}
	return false
}

// newest reads the newest lines, whose other conditions are set.
func (s *actionSearch) newest(q plan.ActionQuery) error {
	const order = " ORDER BY id DESC"
	if q.After != "" {
		s.where("id < ?", string(q.After))
	}
	if done, err := s.near(q); done || err != nil {
		return err
	}
	if err := s.bounds(q); err != nil {
		return err
	}
	if q.Code != "" || len(q.Codes) > 0 && !slices.Contains(q.Codes, "") {
		s.where(saidLines)
	}
	n, err := s.db.narrow(s.ctx, s.tenant, s.job, q)
	if err != nil {
		return err
	}
	if n.by && q.Source.ID == "" {
		in(s, "kind", q.Kinds)
		in(s, "state", q.States)
		err := lists(s.db, s.text+" AND source_id IN (@list)", s.args, n.ends, func(text string, args []any) error { return s.read(text+order, args, q.Limit) })
		if err == nil && n.said {
			err = s.read(s.text+" AND "+saidLines+order, s.args, q.Limit)
		}
		return err
	}
	if few, err := s.few(q); few != nil || err != nil {
		in(s, "kind", q.Kinds)
		in(s, "state", q.States)
		return errors.Join(err, lists(s.db, s.text+" AND id IN (@list)", s.args, few, func(text string, args []any) error { return s.read(text+order, args, q.Limit) }))
	}
	text, args := s.text, slices.Clip(s.args)
	for _, w := range waysOf(q) {
		for _, at := range sinceOf(q) {
			s.text, s.args = text, args
			if w.text != "" {
				s.where(w.text, w.args...)
			}
			if at.text != "" {
				s.where(at.text, at.args...)
			}
			if err := s.read(s.text+order, s.args, q.Limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewLines are read one by one. Of more the newest are soon found among all.
const fewLines = 500

// linesSince are the ids of what happened since an instant, by their index.
const linesSince = "SELECT id FROM action WHERE " + ofJob + " AND " + lineAt + " >= $3 AND " + lineAt + " < $4"

// few are the lines since an instant, if there are few: nil is more, or that the query names no instant. In their ids, which begin with the time
// at which they were planned, they stand behind all those that ended just before.
func (s *actionSearch) few(q plan.ActionQuery) ([]string, error) {
	if q.Since.IsZero() {
		return nil, nil
	}
	until := int64(math.MaxInt64)
	if !q.Until.IsZero() {
		until = millis(q.Until)
	}
	args := []any{string(s.tenant), string(s.job), millis(q.Since), until}
	rows, err := s.db.query(s.ctx, linesSince+limitTo(&args, fewLines+1), args...)
	found, err := collect(rows, err, scanText)
	if err != nil || len(found) > fewLines {
		return nil, err
	}
	return slices.Grow(found, 1), nil // none is not nil
}

// nearLines are so many newest lines that one may look whether they have the page of a cycle.
const nearLines = 500

// near reads a page of a cycle's newest lines if they are all among the newest of the log, or of those after which the page begins: the ends of a
// cycle of very many lines are not found in no time. It reports whether they were.
func (s *actionSearch) near(q plan.ActionQuery) (bool, error) {
	if q.Cycle == "" || q.Limit == 0 || q.Limit > nearLines || q.Text != "" || len(q.Words) > 0 || q.Code != "" || len(q.Codes) > 0 || q.Source.ID != "" || !q.Since.IsZero() || !q.Until.IsZero() {
		return false, nil
	}
	of, args := "SELECT id FROM action WHERE "+ofJob, slices.Clip(s.args)
	if q.After != "" {
		args = append(args, string(q.After))
		of += " AND id < $" + strconv.Itoa(len(args))
	}
	of += " ORDER BY id DESC" + limitTo(&args, nearLines)
	near := actionSearch{db: s.db, ctx: s.ctx, tenant: s.tenant, job: s.job, text: s.text + " AND id IN (" + of + ")", args: args}
	in(&near, "kind", q.Kinds)
	in(&near, "state", q.States)
	err := near.read(near.text+" ORDER BY id DESC", near.args, q.Limit)
	if err != nil || len(near.found) < q.Limit {
		return false, err
	}
	s.found = near.found
	return true, nil
}

// bounds are the ids between which the lines of a cycle, or from before an instant, are.
func (s *actionSearch) bounds(q plan.ActionQuery) error {
	if !q.Until.IsZero() {
		s.where("id < ?", firstID(q.Until.Add(idSlack)))
	}
	if q.Cycle == "" {
		return nil
	}
	rows, err := s.db.query(s.ctx, endsOfCycle, string(s.tenant), string(s.job), string(q.Cycle))
	found, err := one(rows, err, func(s scanner) (c [2]string, err error) { return c, s.Scan(&c[0], &c[1]) })
	if err == nil {
		s.where("id >= ?", found[0])
		s.where("id <= ?", found[1])
	}
	return err
}

// endsOfCycle are the first and the last line of a cycle, which an index has without the lines.
const endsOfCycle = "SELECT COALESCE(MIN(id), ''), COALESCE(MAX(id), '') FROM action WHERE " + ofJob + ` AND state IN
	('planned', 'held', 'left_out', 'open', 'done', 'failed', 'refused', 'rejected', 'skipped') AND cycle = $3`

// waysOf are the ways by states, or else by kinds.
func waysOf(q plan.ActionQuery) (ways []way) {
	var filter actionSearch
	condition := func(text string, args []any, set func(*actionSearch)) way {
		filter.text, filter.args = "", nil
		set(&filter)
		return way{text + filter.text, append(args, filter.args...)}
	}
	kinds := func(s *actionSearch) { inMarks(s, "kind", q.Kinds) }
	states := func(s *actionSearch) { inMarks(s, "state", q.States) }
	switch {
	case q.Source.ID != "":
		return []way{condition("TRUE", nil, func(s *actionSearch) { kinds(s); states(s) })}
	case len(q.States) > 0 && !slices.Contains(q.States, plan.Done):
		for _, state := range q.States {
			text := "state = ? AND " + apartLines
			if !apart(state) { // of these there are none but in the open cycle
				text = "id IN (SELECT id FROM action WHERE " + ofJob + " AND state = ?)"
			}
			ways = append(ways, condition(text, []any{string(state)}, kinds))
		}
	case len(q.Kinds) > 0:
		for _, kind := range q.Kinds {
			ways = append(ways, condition("kind = ?", []any{string(kind)}, states))
		}
	default:
		ways = []way{condition("TRUE", nil, states)}
	}
	return ways
}

// inMarks adds a condition on a column with few possible values, whose parameters are written ?.
func inMarks[S ~string](s *actionSearch, column string, values []S) {
	if len(values) == 0 {
		return
	}
	for _, v := range values {
		s.args = append(s.args, string(v))
	}
	s.text += " AND " + column + " IN (" + positional.list(1, len(values)) + ")"
}

// sinceOf are the ways to lines since an instant: those that were planned not long before, and those that took longer.
func sinceOf(q plan.ActionQuery) []way {
	if q.Since.IsZero() {
		return []way{{}}
	}
	return []way{{"id >= ?", []any{firstID(q.Since.Add(-idSlack))}}, {lateLines + " AND ended >= ?", []any{millis(q.Since)}}}
}
