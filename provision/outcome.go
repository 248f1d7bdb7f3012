package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// outcome adds to the batch what became of an item: its row's transition, its link and its references.
func (a *applier) outcome(it *item, b *Batch) {
	now := a.now()
	to := plan.Transition{ID: it.ID, From: plan.Open, Attempt: it.Attempt, At: now}
	switch {
	case it.end == unsent && it.resumed: // what an earlier attempt may have done is not known yet
		to.To, to.Code, to.Detail = plan.Open, it.Code, it.Detail
	case it.end == unsent:
		to.To, to.At = plan.Planned, time.Time{}
		b.Written = append(b.Written, it.kept...)
	case it.end == uncertain:
		to.To, to.Code, to.Detail = plan.Open, lockstep.CodeTargetNotListed, text(it.result.Err)
		if code := lockstep.CodeOf(it.result.Err); code == lockstep.CodeTargetContradicts {
			to.Code = code
		}
	case it.end == answered && it.result.Err != nil:
		a.failure(it, &to, now, b)
	case it.end == pointless && it.Kind == rule.Refer:
		to.To, to.Detail = plan.Skipped, "nothing was left to do: no other end of the references is at the target"
	default:
		if it.stay > 0 && it.result.Note == "" {
			it.result.Note = fmt.Sprintf("%d of %d references stay: another source has them, too", it.stay, len(it.References))
		}
		to.To, to.Target, to.Detail = plan.Done, it.result.ID, it.result.Note
		if it.result.Same {
			to.To, to.Detail = plan.Skipped, cmp.Or(it.result.Note, "nothing was left to do: the object was as it was to be already")
		}
		if it.waiting > 0 {
			to.Detail = fmt.Sprintf("%d of %d references wait: their other end is not at the target", it.waiting, len(it.References))
		}
		a.success(it, b)
	}
	b.Moved = append(b.Moved, to)
}

// success moves the link to what the target has now.
func (a *applier) success(it *item, b *Batch) {
	l, row := it.link, &it.Action
	l.Code, l.Detail, l.Attempts = "", "", 0
	switch row.Kind {
	case rule.Delete, rule.Release:
		b.Unwrite = append(b.Unwrite, it.Source.Ref)
		if row.Kind == rule.Release {
			a.tally(it, &a.cycle.Counts.Released)
		} else {
			a.tally(it, &a.cycle.Counts.Deleted)
		}
		if row.Seen.Gone && !a.to.Restores {
			b.Unlink = append(b.Unlink, it.Source.Ref)
			return
		}
		if a.to.Restores {
			l.Former, l.Key, l.Verdict.In = it.op.Ref.ID, "", false
		}
		l.Target, l.Image, l.Version, l.Matched, l.Disabled = "", nil, "", "", false
		b.Links = append(b.Links, l)
		return
	case rule.Refer:
		a.cycle.Counts.Referred++
		b.Written = append(b.Written, it.carried...)
		return
	case rule.Create:
		a.cycle.Counts.Created++
	case rule.Link:
		a.cycle.Counts.Linked++
	case rule.Disable:
		a.tally(it, &a.cycle.Counts.Disabled)
		if has := a.programs[it.Source.Type].Key(row.After); has != "" && l.Key != "" && has != l.Key {
			l.Due = a.now() // what may be in use comes afterwards
		}
	case rule.Update:
		a.tally(it, &a.cycle.Counts.Updated)
	}
	a.stands(it, &l, row.After)
	b.Links = append(b.Links, l)
	b.Written = append(b.Written, it.carried...)
}

// stands moves the link to the object as it is at the target now.
func (a *applier) stands(it *item, l *plan.Link, image scim.Object) {
	l.Source, l.Name, l.Target, l.Image = it.Source.Ref, it.Source.Name, cmp.Or(it.result.ID, it.Target.ID), image
	if it.result.Version != "" {
		l.Version = it.result.Version
	}
	l.Disabled = it.Kind == rule.Disable || l.Disabled && image.Get("active") == false
	switch {
	case it.Kind == rule.Link && a.byHand(it.Source.Ref):
		l.Matched = "by hand"
	case it.Kind == rule.Link:
		l.Matched = a.programs[it.Source.Type].MatchedBy()
	case it.Kind != rule.Create:
	case it.found == nil:
		l.Matched = matchedCreated
	case it.ours():
		l.Matched = matchedFound
	default:
		l.Matched = matchedThere
	}
}

// tally counts what was done; what there was nothing to do about counts as skipped.
func (a *applier) tally(it *item, done *int) {
	if it.result.Same {
		done = &a.cycle.Counts.Skipped
	}
	*done++
}

// bequeath makes those due who were refused, or are held, for the matching value of an object that has left the target or has another
// one now.
func (a *applier) bequeath(ctx context.Context, items []*item, b *Batch) error {
	given := map[string][]string{}
	for _, it := range items {
		given[it.Source.Type] = append(given[it.Source.Type], a.given(it)...)
	}
	ctx = context.WithoutCancel(ctx)
	for typ, keys := range given {
		if len(keys) == 0 {
			continue
		}
		heirs, err := a.Store.Links(ctx, a.job.Tenant, a.job.ID, plan.LinkQuery{Type: typ, Keys: keys})
		if err != nil {
			return err
		}
		for _, l := range heirs {
			if l.WaitsForKey() {
				b.Due = append(b.Due, l.Source)
			}
		}
		held, err := a.Store.Actions(ctx, a.job.Tenant, a.job.ID, plan.ActionQuery{States: []plan.ActionState{plan.Held}, Codes: []lockstep.Code{lockstep.CodeUniqueCircle}, Limit: 1 << 20})
		if err != nil {
			return err
		}
		for _, row := range held {
			if _, wants, _ := plan.SplitNames(row.Refers); row.Source.Type == typ && slices.Contains(keys, wants) {
				b.Due = append(b.Due, row.Source.Ref)
			}
		}
	}
	return nil
}

// given returns the matching values that others may have at the target after the item's call.
func (a *applier) given(it *item) []string {
	has := a.programs[it.Source.Type].Key(it.link.Image) // what the target has, whatever the source says by now
	switch {
	case it.Kind == rule.Delete && it.result.Err == nil, lockstep.CodeOf(it.result.Err) == lockstep.CodeTargetGone:
		return slices.DeleteFunc([]string{has, it.link.Key}, func(k string) bool { return k == "" })
	case it.Kind == rule.Update && (it.result.Err == nil || it.result.Wrote != nil) && it.end <= pointless:
		if from, _, renamed := plan.SplitNames(it.Refers); renamed {
			return []string{from}
		}
	}
	return nil
}

// failure records a call that did not do what it should, and when the object is looked at again.
func (a *applier) failure(it *item, row *plan.Transition, now time.Time, b *Batch) {
	code := lockstep.CodeOf(it.result.Err)
	row.Code, row.Detail = code, text(it.result.Err)
	a.cycle.Counts.Failed++
	l := it.link
	l.Source, l.Name, l.Code, l.Detail = it.Source.Ref, it.Source.Name, code, row.Detail
	l.Attempts++
	if it.result.Wrote != nil { // the object stands, but for a part
		a.stands(it, &l, it.result.Wrote)
		row.Target, b.Written = l.Target, append(b.Written, it.carried...)
	} else if from, _, renamed := plan.SplitNames(it.Refers); renamed && it.Kind == rule.Update {
		l.Key = from // which it has still
	}
	if it.Kind == rule.Link && (code == lockstep.CodeTargetHides || code == lockstep.CodeTargetContradicts) {
		l.Target, l.Image, l.Matched = it.Target.ID, it.Before, a.programs[it.Source.Type].MatchedBy() // theirs all the same: who leaves is disabled
	}
	if it.unkept {
		l.Matched = matchedCreated // the plan creates nobody in its place
	}
	switch {
	case code == lockstep.CodePlanStale: // nothing was written: it is planned again as things are now
		row.To, l.Code, l.Detail, l.Due = plan.LeftOut, "", "", now
		a.cycle.Counts.Failed--
		if l.Attempts > 1 {
			l.Due = now.Add(plan.BackOff(l.Attempts - 1))
		}
	case code == lockstep.CodeTargetGone:
		row.To = plan.Failed
		a.vanished(it, &l, now, b)
	case code == lockstep.CodeVersion: // it is written over whatever stands there then: what others have changed meanwhile is not ours
		row.To, l.Version = plan.Failed, ""
		l.Due = now.Add(plan.BackOff(l.Attempts))
	case lockstep.Describe(code).Class == lockstep.Heals || code == lockstep.CodeInternal, it.stood != nil && halts(code), // the rest, as soon as the system lets us
		code == lockstep.CodeTargetConflict && it.op.Kind != rule.Create, code == lockstep.CodeMatchTaken: // the value may be about to be given up
		row.To = plan.Failed
		l.Due = now.Add(plan.BackOff(l.Attempts))
	case code == lockstep.CodeTargetHides: // who is created meanwhile may let it show more
		row.To = plan.Refused
		l.Due = now.Add(plan.BackOff(l.Attempts + 3))
	default:
		row.To = plan.Refused
		l.Due = now.Add(plan.BackOff(plan.Slowest)) // somebody may have mended it by then
	}
	b.Links = append(b.Links, l)
	b.Written = append(b.Written, it.kept...)
}

// vanished lets go of a link whose target object is not there any more; what happens next is the administrator's policy.
func (a *applier) vanished(it *item, l *plan.Link, now time.Time, b *Batch) {
	if a.job.Policy.OnMissing == rule.MissingFail {
		return
	}
	l.Target, l.Image, l.Version, l.Matched, l.Disabled = "", nil, "", "", false
	b.Unwrite = append(b.Unwrite, it.Source.Ref)
	if a.job.Policy.OnMissing != rule.MissingDetach {
		l.Code, l.Detail, l.Due = "", "", now // matched anew
	}
}

// links reports whether the item has joined its object to one of the target that it had not before.
func (it *item) links() bool {
	return (it.Kind == rule.Create || it.Kind == rule.Link) && it.end <= pointless && (it.result.Err == nil || it.result.Wrote != nil) && it.result.ID != ""
}

// text is the error in words; its code stands beside it in the row.
func text(err error) string { return lockstep.Said(err) }
