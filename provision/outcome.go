package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/plan"
	"lockstep/rule"
)

// outcome adds to the batch what became of an item: its row, its link and its references.
func (a *applier) outcome(it *item, b *Batch) {
	row := it.Action
	now := a.now()
	switch {
	case it.end == unsent:
		row.State = plan.Planned
		b.Actions = append(b.Actions, row)
		return
	case it.end == uncertain:
		row.Code, row.Detail = lockstep.CodeTargetNotListed, text(it.result.Err)
		b.Actions = append(b.Actions, row) // stays open
		return
	case it.end == answered && it.result.Err != nil:
		a.failure(it, row, now, b)
		return
	}
	row.State, row.Ended, row.Code, row.Detail = plan.Done, now, "", ""
	if it.result.ID != "" {
		row.Target.ID = it.result.ID
	}
	a.success(it, &row, b)
	b.Actions = append(b.Actions, row)
}

// success moves the link to what the target has now.
func (a *applier) success(it *item, row *plan.Action, b *Batch) {
	l := it.link
	l.Code, l.Detail, l.Attempts = "", "", 0
	switch row.Kind {
	case rule.Delete:
		b.Unwrite = append(b.Unwrite, it.Source.Ref)
		a.cycle.Counts.Deleted++
		if row.Seen.Gone {
			b.Unlink = append(b.Unlink, it.Source.Ref)
			return
		}
		l.Target, l.Image, l.Version, l.Matched, l.Disabled = "", nil, "", "", false
		b.Links = append(b.Links, l)
		return
	case rule.Refer:
		a.cycle.Counts.Referred++
		b.Written = append(b.Written, it.carried...)
		return
	case rule.Create:
		l.Matched = "created"
		if it.found != nil {
			l.Matched = "found after a lost answer"
		}
		a.cycle.Counts.Created++
	case rule.Link:
		l.Matched = matchedBy(a.programs[it.Source.Type])
		a.cycle.Counts.Linked++
	case rule.Disable:
		a.cycle.Counts.Disabled++
	case rule.Update:
		a.cycle.Counts.Updated++
	}
	l.Source, l.Name, l.Target, l.Image = it.Source.Ref, it.Source.Name, row.Target.ID, row.After
	if it.result.Version != "" {
		l.Version = it.result.Version
	}
	l.Disabled = row.Kind == rule.Disable || l.Disabled && row.After.Get("active") == false
	b.Links = append(b.Links, l)
	b.Written = append(b.Written, it.carried...)
}

// bequeath makes those due who were refused for the matching value of an object that is deleted now.
func (a *applier) bequeath(ctx context.Context, items []*item, b *Batch) error {
	given := map[string][]string{}
	for _, it := range items {
		if it.Kind == rule.Delete && it.link.Key != "" {
			given[it.Source.Type] = append(given[it.Source.Type], it.link.Key)
		}
	}
	for typ, keys := range given {
		heirs, err := a.heirs(context.WithoutCancel(ctx), typ, keys)
		if err != nil {
			return err
		}
		b.Links = append(b.Links, heirs...)
	}
	return nil
}

// matchedBy names the attributes that objects are matched by.
func matchedBy(p *program) string {
	var names []string
	for _, m := range p.mapping.Attributes {
		if m.Match > 0 {
			names = append(names, m.Target)
		}
	}
	return "matched by " + strings.Join(names, ", ")
}

// failure records a call that did not do what it should, and when the object is looked at again.
func (a *applier) failure(it *item, row plan.Action, now time.Time, b *Batch) {
	code := lockstep.CodeOf(it.result.Err)
	row.Code, row.Detail, row.Ended = code, text(it.result.Err), now
	a.cycle.Counts.Failed++
	l := it.link
	l.Source, l.Name, l.Code, l.Detail = it.Source.Ref, it.Source.Name, code, row.Detail
	l.Attempts++
	switch {
	case code == lockstep.CodeTargetGone:
		row.State = plan.Failed
		a.vanished(it, &l, now, b)
	case lockstep.Describe(code).Class == lockstep.Heals || code == lockstep.CodeInternal,
		code == lockstep.CodeTargetConflict && it.op.Kind != rule.Create: // the value may be about to be given up
		row.State = plan.Failed
		l.Due = now.Add(backOff(l.Attempts))
	default:
		row.State = plan.Refused
		l.Due = now.Add(backOff(slowest)) // somebody may have mended it by then
	}
	b.Actions = append(b.Actions, row)
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

// slowest is the number of failures after which pauses grow no more.
const slowest = 17

// backOff is how long an object waits after its n-th failure in a row: from five seconds, doubling, to six hours.
func backOff(n int) time.Duration {
	return min(5*time.Second<<min(max(n-1, 0), 16), 6*time.Hour)
}

// text is the error in words; its code stands beside it in the row.
func text(err error) string {
	if err == nil {
		return ""
	}
	return strings.Replace(err.Error(), " ["+string(lockstep.CodeOf(err))+"]", "", 1)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
