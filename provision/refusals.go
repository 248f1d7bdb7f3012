package provision

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/words"
)

// An application that refuses one thing after the other in the same way is not asked everything (docs/adr/0033). While there is doubt (rule.Refusals),
// one row is sent at a time, from anywhere in the plan, since neighbours are often alike. When it goes through the cycle goes on; when it is refused,
// too, the cycle stops as it does for a token that is not taken, its rows stay planned, and its next turn begins with one row again.

// heed counts what came of a call, as far as it tells whether the application would refuse everything.
func (a *applier) heed(it *item) {
	if a.job.Direction != Outbound || it.end != answered {
		return
	}
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	if it.result.Err == nil || it.result.Wrote != nil { // the object stands, if a part of it was refused
		a.refusals.Passed(it.Kind, it.Source.Type)
		return
	}
	code := lockstep.CodeOf(it.result.Err)
	if it.link.Attempts > 0 { // what is refused once more says nothing about the others
		return
	}
	switch code {
	case lockstep.CodeTargetHides, lockstep.CodeTargetID, lockstep.CodeMatchAmbiguous, lockstep.CodeMatchTaken, lockstep.CodePlanStale,
		lockstep.CodeTargetConflict, lockstep.CodeVersion, lockstep.CodeInternal:
		return // about this object, or of our own
	}
	if code != lockstep.CodeTargetContradicts && lockstep.Describe(code).Class == lockstep.Heals {
		return
	}
	says := text(it.result.Err)
	a.refusals.Refused(it.Kind, it.Source.Type, string(code), rule.CauseOf(says, it.Target.Name, it.Source.Name), says, a.cycle.Counts.Planned)
}

// doubt returns what there is doubt about; nil is nothing.
func (a *applier) doubt() *rule.Alike {
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	return a.refusals.Doubt
}

// doubted reports whether an item is not to be sent, since it would be refused like the others.
func (a *applier) doubted(it *item) bool {
	return a.doubt().Of(it.Kind, it.Source.Type) && it.ID != a.probing
}

// probeOne sends one row of those that there is doubt about, when they are next. It reports whether there were any; when it is refused like the others
// the slice ends.
func (a *applier) probeOne(ctx context.Context, rows []plan.Action, work chan<- []*item) (bool, error) {
	before := a.doubt()
	if len(rows) == 0 || !before.Of(rows[0].Kind, rows[0].Source.Type) {
		return false, nil
	}
	a.drain(ctx, 0)
	if before = a.doubt(); before == nil || a.halted(ctx) {
		return true, nil
	}
	if a.cycle.Config != a.job.Config { // what is planned is of rules from before somebody mended them
		return true, a.leaveRest(ctx, *before)
	}
	row, err := a.another(ctx, rows[0])
	if err != nil {
		return true, err
	}
	some, err := a.upToDate(ctx, []plan.Action{row})
	if err != nil || len(some) == 0 {
		return true, err
	}
	a.probing = row.ID
	if err := a.hand(ctx, some, nil, work); err != nil {
		return true, err
	}
	a.drain(ctx, 0)
	after := a.doubt()
	if after == nil || after.All == before.All { // it went through, or failed for another reason
		return true, nil
	}
	if a.stopped { // it has waited, and what is new has waited with it: somebody may have left
		newer, err := a.newer(ctx)
		if err != nil {
			return true, err
		}
		if newer {
			return true, a.leaveRest(ctx, *after)
		}
	}
	a.halt(a.refusesAll(*after))
	return true, nil
}

// probeEvery is the longest pause of a cycle that has stopped so.
const probeEvery = 2 * time.Minute

// refusesAll says that the application refuses everything alike.
func (a *applier) refusesAll(of rule.Alike) error {
	return &lockstep.Error{Code: lockstep.CodeTargetRefusesAll, Detail: fmt.Sprintf("%s refuses to %s one %s after the other, for the same reason: %d so far, the last one: %s",
		a.to.Name, words.DeedOf(of.Kind).Will, strings.ToLower(of.Type), of.All, of.Says)}
}

// another returns a planned row of the deed from anywhere in the plan that takes no value that others give up; next when there is none.
func (a *applier) another(ctx context.Context, next plan.Action) (plan.Action, error) {
	q := plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Planned}, Kinds: []rule.Kind{next.Kind}, Newest: true, Limit: 1}
	last, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, q)
	if err != nil || len(last) == 0 {
		return next, err
	}
	q.Limit, q.After = probesFrom, between(next.ID, last[0].ID, a.random())
	rows, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, q)
	for _, r := range append(rows, last...) {
		if r.Source.Type == next.Source.Type && r.Rank == 0 && plan.StageOf(&r) == plan.StageOf(&next) {
			return r, err
		}
	}
	return next, err
}

// probesFrom is among how many neighbours one is looked for that can be tried.
const probesFrom = 20

// between returns an id between two at random, or "" when they are of no such form. Ids begin with when they were made.
func between(first, last lockstep.ActionID, random io.Reader) lockstep.ActionID {
	number := func(id lockstep.ActionID) uint64 {
		if !lockstep.ValidID(string(id)) {
			return 0
		}
		n, err := strconv.ParseUint(string(id[0:8]+id[9:13]+id[15:18]), 16, 64)
		if err != nil {
			return 0
		}
		return n
	}
	from, to := number(first), number(last)
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil || from == 0 || to < from {
		return ""
	}
	n := from + binary.BigEndian.Uint64(b[:])%(to-from+1)
	return lockstep.ActionID(fmt.Sprintf("%08x-%04x-7%03x-ffff-ffffffffffff", n>>28, n>>12&0xffff, n&0xfff))
}

var errSome = errors.New("there is something")

// newer reports whether the source has something that the cycle has not seen.
func (a *applier) newer(ctx context.Context) (bool, error) {
	if a.job.Manual {
		return false, nil
	}
	err := a.source.Read(ctx, a.cycle.Page, func(page connection.Page) error {
		if len(page.Objects)+len(page.Gone) > 0 {
			return errSome
		}
		return nil
	})
	if errors.Is(err, errSome) {
		return true, nil
	}
	return false, err
}

// leaveRest leaves out what is planned, so that the cycle ends; the next one plans it again, and goes by the same doubt if the rules are the same.
func (a *applier) leaveRest(ctx context.Context, of rule.Alike) error {
	a.idle.L.Lock()
	a.refusals.Left = true
	a.cycle.Refusals = a.refusals.Clone()
	a.idle.L.Unlock()
	for {
		rows, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, plan.ActionQuery{Cycle: a.cycle.ID, States: []plan.ActionState{plan.Planned}, Limit: loadChunk})
		if err != nil || len(rows) == 0 {
			return err
		}
		b := Batch{Cycle: a.cycle}
		for _, row := range rows {
			b.Moved = append(b.Moved, plan.Transition{ID: row.ID, From: plan.Planned, To: plan.LeftOut, Code: lockstep.CodeTargetRefusesAll, Detail: text(a.refusesAll(of)), At: a.now()})
			b.Due = append(b.Due, row.Source.Ref)
		}
		if err := a.commit(ctx, b); err != nil {
			return err
		}
	}
}

// inherit has a cycle go by the doubt of the one before it, if that was given up and the rules are the same.
func (r *run) inherit(ctx context.Context, c *Cycle) error {
	if r.job.Direction != Outbound {
		return nil
	}
	last, err := r.Store.Cycles(ctx, r.job.Tenant, r.job.ID, 5)
	for _, l := range last {
		if l.Kind == OnDemand {
			continue
		}
		if l.Refusals.Left && l.Config == r.job.Config {
			c.Refusals = l.Refusals
			c.Refusals.Left = false
		}
		break
	}
	return err
}
