package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

const (
	tries      = 3               // calls for one action within a slice, when the system is to blame for the failure
	maxProbes  = 40              // slices that look for an object which the target says exists
	maxReads   = 3               // attempts, where it has to be read as a whole for that
	lookLong   = 2 * time.Second // how long one slice looks for it
	lookEvery  = 250 * time.Millisecond
	defaultLag = 30 * time.Second
)

// send carries out the items of one call and leaves each with its result and ending.
func (a *applier) send(ctx context.Context, batch []*item) {
	live := make([]*item, 0, len(batch))
	for _, it := range batch {
		switch {
		case it.end == answered && a.doubted(it):
			it.end = unsent
		case it.end != answered || !a.complete(ctx, it):
		case it.Kind == rule.Refer && len(it.carried) > plan.MemberLimit(a.to):
			a.inPieces(ctx, it, plan.MemberLimit(a.to))
		default:
			live = append(live, it)
		}
	}
	for try := 1; len(live) > 0; try++ {
		results, err := a.once(ctx, live)
		if err != nil {
			for _, it := range live {
				it.unsent()
			}
			return
		}
		again := live[:0]
		for i, it := range live {
			it.result = results[i]
			if a.again(ctx, it, try) {
				again = append(again, it)
				continue
			}
			if it.Kind == rule.Refer && it.end == answered && it.result.Err != nil {
				a.narrow(ctx, it)
			}
			a.heed(it)
		}
		live = again
	}
}

// complete makes the operation ready to be sent: the manager's id is waited for, an adopted object is compared. It reports
// whether there is anything to send.
func (a *applier) complete(ctx context.Context, it *item) bool {
	if it.manager != nil {
		select {
		case <-it.manager.done:
		case <-ctx.Done():
			it.end = unsent
			return false
		}
		if m := it.manager; m.id != "" {
			it.op.Add = append(it.op.Add, connection.Reference{Attribute: connection.Manager, To: connection.Ref{Type: it.Target.Type, ID: m.id}})
		} else { // their create failed: the reference waits
			it.carried = slices.DeleteFunc(it.carried, func(ref plan.ReferenceRow) bool { return ref.Attribute == connection.Manager })
			it.waiting++
		}
	}
	if it.found != nil {
		return a.takes(ctx, it, *it.found) && a.adopt(it)
	}
	if it.Kind == rule.Link {
		if !a.takes(ctx, it, connection.Object{Ref: it.Target.Ref, Name: it.Target.Name}) {
			return false
		}
		it.op.Kind, it.op.Brings = rule.Update, a.programs[it.Source.Type].References()
		it.result.ID = it.Target.ID
		if scim.Equal(it.Before, it.After) && !a.to.Claims {
			it.end = pointless
			return false
		}
	}
	return it.end == answered && it.result.Err == nil
}

// adopt turns a create into an update of the object that is there already, or into nothing when it is as it should be. What
// would have ridden along with the create is written afterwards.
func (a *applier) adopt(it *item) bool {
	it.op.Kind, it.op.Ref.ID, it.op.Version = rule.Update, it.found.ID, it.found.Version
	it.op.Before, it.op.Brings = a.programs[it.Source.Type].Found(it.found.Values, it.After), a.programs[it.Source.Type].References()
	if a.to.Replaces {
		it.op.Written = &connection.Written{Paths: a.programs[it.Source.Type].Names()}
		if it.ours() {
			it.op.Written = &connection.Written{Values: it.After, References: it.op.Add, Made: true}
		}
	}
	it.op.Add, it.carried = nil, nil
	it.result = connection.Result{ID: it.found.ID}
	if scim.Equal(it.op.Before, it.op.After) && !a.to.Claims {
		it.end = pointless
		return false
	}
	return true
}

// ours reports whether the object that was found was made by an attempt whose answer was lost: nobody had it when it was matched.
func (it *item) ours() bool { return it.resumed || it.lost }

var errTooLate = errors.New("the turn began too long ago to send anything")

// once makes one call within the target's budget. An error means that it was not sent.
func (a *applier) once(ctx context.Context, items []*item) ([]connection.Result, error) {
	if err := a.limit.Acquire(ctx, a.until); err != nil {
		a.pause(err)
		return nil, err
	}
	start := a.now()
	if !a.maySend(start) || a.halted(ctx) {
		a.limit.Release(connection.Outcome{})
		return nil, errTooLate
	}
	ops := make([]connection.Operation, len(items))
	for i, it := range items {
		ops[i] = it.op
	}
	call, cancel := context.WithTimeout(ctx, a.callFor())
	results := a.target.Apply(call, ops)
	cancel()
	o := connection.Outcome{Took: a.now().Sub(start)}
	for _, res := range results {
		o.Requests += res.Requests
		switch lockstep.CodeOf(res.Err) {
		case lockstep.CodeTargetRateLimited:
			o.Throttled = true
		case lockstep.CodeTargetUnreachable, lockstep.CodeTargetTimeout, lockstep.CodeTargetServerError, lockstep.CodeTargetMalformed, lockstep.CodeOAuthEndpoint:
			o.Err = true
		}
		o.RetryAfter = max(o.RetryAfter, res.RetryAfter)
	}
	a.limit.Release(o)
	a.count(o.Requests, o.Throttled)
	a.idle.L.Lock()
	defer a.idle.L.Unlock()
	if a.row++; !o.Err {
		a.row = 0
	}
	return results, nil
}

// again decides after a call whether the item is sent once more, and sets its ending when it is not.
func (a *applier) again(ctx context.Context, it *item, try int) bool {
	res := &it.result
	if res.Err == nil {
		if it.op.Kind == rule.Create && !a.kept(it) {
			return false
		}
		if it.op.Ref.ID != "" {
			res.ID = it.op.Ref.ID
		}
		return false
	}
	if res.Wrote != nil && !a.partly(it) {
		return false
	}
	it.stands()
	code := lockstep.CodeOf(res.Err)
	if halts(code) {
		it.unsent()
		a.halt(res.Err)
		return false
	}
	switch code {
	case lockstep.CodeTargetRateLimited:
		return true // the budget waits as long as it must
	case lockstep.CodeTargetContradicts:
		if it.op.Kind == rule.Create {
			a.mayBeThere(it)
		}
		return false
	case lockstep.CodeTargetConflict:
		return it.op.Kind == rule.Create && a.conflict(ctx, it)
	case lockstep.CodeTargetUnreachable, lockstep.CodeTargetTimeout, lockstep.CodeTargetServerError, lockstep.CodeTargetMalformed, lockstep.CodeOAuthEndpoint:
		return a.systemFailed(ctx, it, try)
	case lockstep.CodeVersion: // others have changed it since it was last seen, and what is sent is ours, whatever stands beside it
		it.op.Version = ""
		return try < tries
	case lockstep.CodeTargetGone:
		if it.op.Kind == rule.Delete || it.op.Kind == rule.Release {
			res.Err, res.Same = nil, true // what was wished for
		}
	}
	return false
}

// halts reports whether every further call would fail with the code, until somebody has mended it.
func halts(code lockstep.Code) bool {
	switch code {
	case lockstep.CodeAuthToken, lockstep.CodeOAuthRefused, lockstep.CodeConsent, lockstep.CodeBlocked:
		return true
	}
	return false
}

// kept reports whether the object of a create can be kept: it has an id, and is nobody else's.
func (a *applier) kept(it *item) bool {
	if err := usable(fmt.Sprintf("create %s in %s: it says that it did, and what it has created", it.Target.Name, a.to.Name), it.result.ID); err != nil {
		it.result = connection.Result{Err: err}
		it.unkept = true
		return false
	}
	return a.created(it)
}

// partly goes on with what a call has left undone: what it has written is not written again.
func (a *applier) partly(it *item) bool {
	if it.op.Kind == rule.Create {
		if !a.kept(it) {
			return false
		}
		it.op.Kind, it.op.Ref.ID = rule.Update, it.result.ID
	}
	it.op.Before, it.op.Version, it.op.Add, it.op.Remove = it.result.Wrote, it.result.Version, nil, nil
	it.stood = &connection.Result{ID: cmp.Or(it.result.ID, it.op.Ref.ID), Version: it.result.Version, Wrote: it.result.Wrote}
	return true
}

// stands adds to a failure what an earlier call of the slice has written: the object is there, and is linked.
func (it *item) stands() {
	if res := &it.result; it.stood != nil && res.Wrote == nil && lockstep.CodeOf(res.Err) != lockstep.CodeTargetGone {
		res.ID, res.Version, res.Wrote = it.stood.ID, cmp.Or(res.Version, it.stood.Version), it.stood.Wrote
	}
}

// unsent ends an item that is not sent any more in this slice: planned again, unless a part of it stands, which its last failure says.
func (it *item) unsent() {
	if it.stood == nil {
		it.end = unsent
	}
}

// narrow sends references that were refused together again in halves, until only those are left that the target will not have.
// One member that is unknown there must not keep the others out.
func (a *applier) narrow(ctx context.Context, it *item) {
	code := lockstep.CodeOf(it.result.Err)
	if len(it.carried) < 2 || lockstep.Describe(code).Class == lockstep.Heals || code == lockstep.CodeTargetHides {
		return
	}
	a.inPieces(ctx, it, (len(it.carried)+1)/2)
}

// pieces is the references of one row on their way, some at a time.
type pieces struct {
	*applier
	it      *item
	refs    []connection.Reference
	refused connection.Result // the last one that was refused by itself
	bad     int
}

// inPieces sends the references of a row in calls of at most size, and what is refused in halves. What went through is kept
// whatever becomes of the rest.
func (a *applier) inPieces(ctx context.Context, it *item, size int) {
	// The order is that of the call: what is added, then what is removed.
	slices.SortStableFunc(it.carried, func(x, y plan.ReferenceRow) int { return cmp.Compare(boolInt(y.Wanted), boolInt(x.Wanted)) })
	p := &pieces{applier: a, it: it, refs: append(slices.Clone(it.op.Add), it.op.Remove...)}
	all := it.carried
	for from := 0; from < len(all); from += size {
		if !p.try(ctx, from, min(from+size, len(all))) {
			return
		}
	}
	if p.bad == 0 { // together they were too many, one by one they were not
		it.result, it.carried = connection.Result{ID: it.op.Ref.ID}, it.kept
		return
	}
	it.result = p.refused
	it.result.Err = &lockstep.Error{
		Code: lockstep.CodeOf(p.refused.Err), Err: p.refused.Err,
		Detail: fmt.Sprintf("%d of %d references of %s were refused, %d were written", p.bad, len(all), it.Target.Name, len(it.kept)),
	}
}

// try sends a range of the references. It reports whether there is any use in going on: not when the failure would meet the
// rest, too.
func (p *pieces) try(ctx context.Context, from, to int) bool {
	it := p.it
	it.op.Add, it.op.Remove = nil, nil
	for i := from; i < to; i++ {
		if it.carried[i].Wanted {
			it.op.Add = append(it.op.Add, p.refs[i])
		} else {
			it.op.Remove = append(it.op.Remove, p.refs[i])
		}
	}
	results, err := p.once(ctx, []*item{it})
	switch {
	case err != nil:
		it.end = unsent
		return false
	case results[0].Err == nil:
		it.kept = append(it.kept, it.carried[from:to]...)
		it.op.Written = it.op.Written.Then(&it.op)
	case lockstep.Describe(lockstep.CodeOf(results[0].Err)).Class == lockstep.Heals:
		it.result = results[0]
		return false // the rest waits
	case to-from == 1:
		p.bad++
		p.refused = results[0]
	default:
		half := (from + to) / 2
		return p.try(ctx, from, half) && p.try(ctx, half, to)
	}
	return true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// systemFailed handles a failure that is not the object's fault. A create that may have been sent is sent again only where the
// target itself would refuse a second one; elsewhere its row stays open and is looked for.
func (a *applier) systemFailed(ctx context.Context, it *item, try int) bool {
	risky := it.op.Kind == rule.Create && it.result.MaybeSent
	it.lost = it.lost || risky
	a.idle.L.Lock()
	tripped := a.row >= tripAfter
	a.idle.L.Unlock()
	switch {
	case tripped || ctx.Err() != nil:
		a.halt(it.result.Err)
		if it.unsent(); it.end == unsent && it.result.MaybeSent {
			it.end = uncertain
		}
		return false
	case risky && !a.unique(it):
		it.end = uncertain
		return false
	case try < tries:
		return true
	case risky:
		it.end = uncertain
	}
	return false
}

// unique reports whether the target would refuse a second object with the item's matching value.
func (a *applier) unique(it *item) bool {
	return a.programs.RefusesTwo(a.to, it.Target.Type)
}

// conflict handles the answer that the object exists. It is looked for, since it may be ours, from a call whose answer was
// lost, and lists may lag. It reports whether there is an update to be sent to it.
func (a *applier) conflict(ctx context.Context, it *item) bool {
	for end := a.now().Add(lookLong); ; {
		seen, err := a.probe(ctx, []*plan.Action{&it.Action})
		if err != nil {
			it.end = uncertain
			return false
		}
		if h, ok := seen.hits[it.ID]; ok {
			return a.takeOver(ctx, it, h)
		}
		if err := seen.unusable[it.ID]; err != nil { // it is there, and nobody can be linked to it
			it.result.Err, it.unkept = err, it.ours()
			return false
		}
		unasked := seen.unasked[it.ID]
		if it.Attempt >= maxProbes || unasked && it.Attempt >= maxReads {
			it.result.Err = &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: fmt.Sprintf("%s says that %s exists but does not list it", a.to.Name, it.Target.Name), Err: it.result.Err}
			return false
		}
		if unasked || !a.now().Add(lookEvery).Before(end) || a.halted(ctx) {
			it.end = uncertain
			return false
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			it.end = uncertain
			return false
		}
	}
}

// takeOver adopts the only hit of a conflict, unless it is somebody else's.
func (a *applier) takeOver(ctx context.Context, it *item, hits []connection.Object) bool {
	fail := func(code lockstep.Code, detail string) bool {
		it.result.Err = &lockstep.Error{Code: code, Detail: detail}
		return false
	}
	if len(hits) > 1 {
		return fail(lockstep.CodeMatchAmbiguous, fmt.Sprintf("%d objects in %s match %s", len(hits), a.to.Name, it.Target.Name))
	}
	it.result.Err = nil
	if !a.takes(ctx, it, hits[0]) {
		return false
	}
	it.found = &hits[0]
	return a.adopt(it)
}

// pause ends the slice when the target has asked to be left alone for longer than the slice lasts. Whoever waits here would hold
// a worker that other jobs need.
func (a *applier) pause(err error) {
	p, ok := errors.AsType[*connection.Pause](err)
	if !ok {
		return
	}
	a.idle.L.Lock()
	a.paused = p.Until
	a.idle.L.Unlock()
	a.idle.Broadcast()
}

// halt ends the slice: every further call would fail the same way.
func (a *applier) halt(err error) {
	a.idle.L.Lock()
	if a.fatal == nil {
		a.fatal = err
	}
	a.idle.L.Unlock()
	a.idle.Broadcast()
}

// call makes one reading call to the target within its budget.
func (r *run) call(ctx context.Context, f func(context.Context) ([]connection.Object, error)) ([]connection.Object, error) {
	for {
		if err := r.limit.Acquire(ctx, r.until); err != nil {
			return nil, err
		}
		start := r.now()
		call, cancel := context.WithTimeout(ctx, r.callFor())
		objects, err := f(call)
		cancel()
		o := connection.Outcome{Took: r.now().Sub(start)}
		e, _ := errors.AsType[*lockstep.Error](err)
		o.Throttled = e != nil && e.Code == lockstep.CodeTargetRateLimited
		if after, ok := errors.AsType[*connection.Later](err); ok {
			o.RetryAfter, o.Err = after.After, !o.Throttled
		}
		r.limit.Release(o)
		r.count(1, o.Throttled)
		if !o.Throttled {
			return objects, err
		}
	}
}
