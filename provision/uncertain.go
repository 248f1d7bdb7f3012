package provision

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/rule"
)

// probed is what looking for the objects of creates has come to. A create that is in neither was looked for and not found.
type probed struct {
	hits     map[lockstep.ActionID][]connection.Object
	unasked  map[lockstep.ActionID]bool  // the target cannot be searched for it
	unusable map[lockstep.ActionID]error // it is there, with an id that cannot be kept
}

// probe looks at the target for the objects of creates, by their matching values. An error means that nothing can be asked now.
func (r *run) probe(ctx context.Context, rows []*plan.Action) (probed, error) {
	seen := probed{map[lockstep.ActionID][]connection.Object{}, map[lockstep.ActionID]bool{}, map[lockstep.ActionID]error{}}
	return seen, r.eachType(rows, func(p *plan.Program, mine map[lockstep.ActionID][]plan.Question, all []plan.Question) error {
		a, err := r.find(ctx, p.Type, all)
		if err != nil {
			return err
		}
		for id, questions := range mine {
			for _, q := range questions {
				if len(a.Found[q.Key]) > 0 {
					seen.hits[id] = a.Found[q.Key]
					delete(seen.unasked, id)
					break
				}
				if err := a.Failed[q.Key]; lockstep.CodeOf(err) == lockstep.CodeTargetID && err != nil {
					seen.unusable[id] = err
					break
				} else if err != nil {
					seen.unasked[id] = true
				}
			}
		}
		return nil
	})
}

// eachType calls f with the matching values of the rows of each type: by row, and all of them.
func (r *run) eachType(rows []*plan.Action, f func(p *plan.Program, mine map[lockstep.ActionID][]plan.Question, all []plan.Question) error) error {
	for typ, p := range r.programs {
		var all []plan.Question
		mine := map[lockstep.ActionID][]plan.Question{}
		for _, row := range rows {
			if row.Source.Type == typ {
				mine[row.ID] = p.Questions(row.After)
				all = append(all, mine[row.ID]...)
			}
		}
		if len(all) == 0 {
			continue
		}
		if err := f(p, mine, all); err != nil {
			return err
		}
	}
	return nil
}

// resume takes up the rows that a slice left open when it ended without knowing what became of them. What can be repeated
// without harm is. A create is looked for first, and sent again only when the target would refuse a second one or when it is
// certain that a first one would be listed by now.
func (a *applier) resume(ctx context.Context, work chan<- []*item) error {
	all, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Open}, Limit: 4 * loadChunk})
	if err != nil || len(all) == 0 {
		return err
	}
	early, seen, err := a.lookFor(ctx, all)
	if err != nil {
		return err
	}
	found := map[lockstep.ActionID]*connection.Object{}
	var rows []plan.Action
	for _, row := range all {
		h := seen.hits[row.ID]
		switch {
		case early[row.ID]:
			continue // it stays open
		case seen.unusable[row.ID] != nil:
			if err := a.lapse(ctx, &row, plan.Refused, lockstep.CodeTargetID, text(seen.unusable[row.ID])); err != nil {
				return err
			}
			continue
		case len(h) == 1:
			owner, err := a.Store.Links(ctx, a.job.Tenant, a.job.ID, plan.LinkQuery{Type: row.Source.Type, Targets: []string{h[0].ID}, Limit: 1})
			if err != nil {
				return err
			}
			switch {
			case len(owner) == 0 || owner[0].Source == row.Source.Ref:
				found[row.ID] = &h[0]
			case !a.certain(row): // its own may be listed later, beside that of somebody else
				continue
			}
		case len(h) > 1:
			refused := plan.Transition{
				ID: row.ID, From: plan.Open, To: plan.Refused, Code: lockstep.CodeMatchAmbiguous, At: a.now(),
				Detail: fmt.Sprintf("%d objects in %s match %s: none is taken over and no other is created", len(h), a.to.Name, row.Target.Name),
			}
			if err := a.commit(ctx, Batch{Cycle: a.cycle, Moved: []plan.Transition{refused}}); err != nil {
				return err
			}
			continue
		}
		if row.Kind == rule.Create && a.programs[row.Source.Type] == nil { // nor can it be looked for
			if err := a.lapse(ctx, &row, plan.Failed, lockstep.CodeTargetNotListed, "no rule brings such objects any more"); err != nil {
				return err
			}
			continue
		}
		if row.Code == lockstep.CodeTargetContradicts && found[row.ID] == nil {
			if err := a.lapse(ctx, &row, plan.Refused, row.Code, row.Detail+"; who was created cannot be found"); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, row)
	}
	for len(rows) > 0 {
		n := len(sameStage(rows))
		if err := a.hand(ctx, rows[:n], found, work); err != nil {
			return err
		}
		a.drain(ctx, 0)
		rows = rows[n:]
	}
	return nil
}

// lookFor looks for the objects of the creates among open rows: by asking the target, and where it cannot be searched, by what it
// had when it was read after they must have been listed. It returns what was found and which are too early to be sent again.
func (a *applier) lookFor(ctx context.Context, all []plan.Action) (early map[lockstep.ActionID]bool, seen probed, err error) {
	var creates, unasked []*plan.Action
	for i := range all {
		if all[i].Kind == rule.Create {
			creates = append(creates, &all[i])
		}
	}
	if seen, err = a.probe(ctx, creates); err != nil {
		return nil, seen, err
	}
	early = map[lockstep.ActionID]bool{}
	for _, row := range creates {
		switch {
		case seen.unasked[row.ID] && !a.canRepeat(row): // once more is quicker than a read
			unasked = append(unasked, row)
		case seen.unusable[row.ID] != nil:
		case len(seen.hits[row.ID]) == 0 && !a.certain(*row):
			early[row.ID] = true
		}
	}
	if len(unasked) == 0 {
		return early, seen, nil
	}
	return early, seen, a.lookAmong(ctx, unasked, early, seen.hits)
}

// canRepeat reports whether to send a create again is a way to find out what became of it: the target refuses a second one.
func (a *applier) canRepeat(row *plan.Action) bool {
	return row.Code != lockstep.CodeTargetContradicts && a.unique(&item{Action: *row}) && row.Attempt < maxReads-1
}

// lookAmong looks for the objects of creates among what the target had when it was read. Those whose object such a read need not
// show are too early. When there was no read that shows all it is asked for; meanwhile the other rows go on.
func (a *applier) lookAmong(ctx context.Context, rows []*plan.Action, early map[lockstep.ActionID]bool, hits map[lockstep.ActionID][]connection.Object) error {
	head, err := a.Mirrors.Head(ctx, a.outside())
	if err != nil {
		return err
	}
	for _, row := range rows {
		early[row.ID] = true
	}
	switch {
	case a.job.Request == 0 && a.ripe(rows):
		if err := a.askForRead(ctx); err != nil {
			return err
		}
		return a.commit(ctx, Batch{Cycle: a.cycle, Job: &a.job})
	case a.job.Request == 0, head.Answered < a.job.Request && head.Failures < maxReads:
		return nil
	case head.Answered < a.job.Request:
		return a.giveUp(ctx, rows, head)
	}
	b, among := Batch{Cycle: a.cycle, Job: &a.job}, map[*plan.Action]int{} // rows whose objects may be among so many that could not be read
	err = a.eachType(rows, func(p *plan.Program, mine map[lockstep.ActionID][]plan.Question, all []plan.Question) error {
		found, err := a.fromMirror(ctx, p.Type, all)
		if err != nil {
			return err
		}
		hidden, err := a.unreadable(ctx, head.Pass(p.Type))
		if err != nil {
			return err
		}
		for _, row := range rows {
			for _, q := range mine[row.ID] {
				if h := found.Found[q.Key]; len(h) > 0 {
					hits[row.ID] = h
					break
				}
			}
			switch shown := shows(head.Pass(p.Type), a.visibleFrom(*row)); {
			case mine[row.ID] == nil, len(hits[row.ID]) == 0 && !shown:
			case len(hits[row.ID]) == 0 && hidden > 0 && !a.unique(&item{Action: *row}):
				among[row] = hidden
			case len(hits[row.ID]) == 0 && row.Detail != missedOnce && row.Code != lockstep.CodeTargetContradicts && !a.unique(&item{Action: *row}):
				b.Moved = append(b.Moved, plan.Transition{
					ID: row.ID, From: plan.Open, To: plan.Open, Code: row.Code, Detail: missedOnce, At: row.Ended,
				})
			default:
				delete(early, row.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.job.Request = 0
	if err := a.commit(ctx, b); err != nil {
		return err
	}
	for row, n := range among {
		detail := fmt.Sprintf("%d of %s of %s could not be read, and it would not refuse a second one: %s may be among them", n, strings.ToLower(row.Source.Type)+"s", a.to.Name, row.Target.Name)
		if err := a.lapse(ctx, row, plan.Refused, lockstep.CodeTargetID, detail); err != nil {
			return err
		}
	}
	return nil
}

// missedOnce is the detail of an open create whose object a read did not show. It may have slipped between two pages; where the target
// would not refuse a second one, another read has to miss it, too.
const missedOnce = "a read did not show it; another one has to miss it, too, before it is created again"

// giveUp ends the rows of creates whose objects cannot be looked for, since the target cannot be read either. Their people are
// matched again later, which nobody can be without a search or a read: nothing is created a second time meanwhile.
func (a *applier) giveUp(ctx context.Context, rows []*plan.Action, head mirror.Head) error {
	a.job.Request = 0
	for _, row := range rows {
		detail := fmt.Sprintf("%s may have %s, and can neither be searched nor read: %s", a.to.Name, row.Target.Name, head.Detail)
		if err := a.lapse(ctx, row, plan.Failed, lockstep.CodeTargetNotListed, detail); err != nil {
			return err
		}
	}
	return nil
}

// lapse ends the row of a create of which nobody knows what became of it.
func (a *applier) lapse(ctx context.Context, row *plan.Action, to plan.ActionState, code lockstep.Code, detail string) error {
	links := map[connection.Ref]plan.Link{}
	if err := a.loadLinks(ctx, plan.LinkQuery{Type: row.Source.Type, Sources: []string{row.Source.ID}}, links); err != nil {
		return err
	}
	l, now := links[row.Source.Ref], a.now()
	l.Source, l.Name, l.Code, l.Detail = row.Source.Ref, row.Source.Name, code, detail
	if code == lockstep.CodeTargetID {
		l.Matched = matchedCreated // the plan creates nobody in its place
	}
	l.Attempts++
	l.Due = now.Add(plan.BackOff(l.Attempts))
	if to == plan.Refused {
		l.Due = now.Add(plan.BackOff(plan.Slowest))
	}
	a.cycle.Counts.Failed++
	return a.commit(ctx, Batch{Cycle: a.cycle, Job: &a.job, Links: []plan.Link{l}, Moved: []plan.Transition{
		{ID: row.ID, From: plan.Open, To: to, Code: code, Detail: detail, At: now}, // whichever turn has opened it
	}})
}

// ripe reports whether a read that begins now would show the objects of all the creates.
func (a *applier) ripe(rows []*plan.Action) bool {
	for _, row := range rows {
		if !a.now().After(a.visibleFrom(*row)) {
			return false
		}
	}
	return true
}

// shows reports whether the newest complete pass listed everything that was there at the time, but for what it could not read.
func shows(p mirror.Pass, at time.Time) bool { return p.Stage == mirror.Idle && p.Asked.After(at) }

// certain reports whether an open create that is not listed can be sent again, or need not be looked for any longer.
func (a *applier) certain(row plan.Action) bool {
	return row.Code != lockstep.CodeTargetContradicts && a.unique(&item{Action: row}) || a.now().After(a.visibleFrom(row))
}

// visibleFrom is the time from which lists show what an attempt has created.
func (a *applier) visibleFrom(row plan.Action) time.Time {
	last := row.Ended  // when the call returned
	if last.IsZero() { // its process ended before: the call may have lasted as long as its lease
		last = row.Opened.Add(a.lease())
	}
	return last.Add(cmp.Or(a.to.Lag, defaultLag))
}
