package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/words"
)

// Mirrors is what outside systems looked like when they were last read. They are read beside the engine, which asks for it and
// goes on when it has been done: no slice ever waits for a system to be read.
type Mirrors interface {
	Head(ctx context.Context, id mirror.ID) (mirror.Head, error)
	// Find returns the objects that have one of the raw values, whoever is linked to them.
	Find(ctx context.Context, id mirror.ID, typ, attribute string, values ...string) ([]mirror.Found, error)
	// Parts returns what a pass could not read.
	Parts(ctx context.Context, id mirror.ID, typ string, pass int64) ([]mirror.Part, error)
	// Request asks for a pass over every type of the system, and returns the number of the request.
	Request(ctx context.Context, id mirror.ID, r mirror.Request) (int64, error)
}

// outside names the mirror of the job's outside system.
func (r *run) outside() mirror.ID { return mirror.ID{Tenant: r.job.Tenant, Connection: r.job.ID} }

// askForRead asks for a read of the outside system that the job then waits for.
func (r *run) askForRead(ctx context.Context) error {
	n, err := r.Mirrors.Request(ctx, r.outside(), mirror.Request{Now: true})
	if err != nil {
		return fmt.Errorf("ask for a read: %w", err)
	}
	r.job.Request = n
	return nil
}

// awaitRead reports whether the read that the job waits for has been done. It fails with what the read failed with. Without a
// read to wait for it is true.
func (r *run) awaitRead(ctx context.Context) (bool, error) {
	if r.job.Request == 0 {
		return true, nil
	}
	head, err := r.Mirrors.Head(ctx, r.outside())
	switch {
	case err != nil:
		return false, err
	case head.Answered >= r.job.Request:
		return true, nil
	case head.Code != "":
		return false, &lockstep.Error{Code: head.Code, Detail: strings.Replace(head.Detail, " ["+string(head.Code)+"]", "", 1)}
	}
	return false, nil
}

// startInbound says whether a cycle of an inbound job may begin. Whoever asks for a run, by hand or by schedule, asks for a read
// first, and the cycle begins when that has ended.
func (r *run) startInbound(ctx context.Context, now time.Time) (bool, error) {
	ask := !r.job.NextRun.IsZero() && !r.job.NextRun.After(now) // also when a read was asked for already: this one begins later
	if !ask && r.job.Request == 0 {                             // nobody can say who has left before everything was read once
		_, err := r.unread(ctx)
		if ask = lockstep.CodeOf(err) == lockstep.CodeUnread; err != nil && !ask {
			return false, err
		}
	}
	if ask {
		if err := r.askForRead(ctx); err != nil {
			return false, err
		}
		r.job.NextRun = time.Time{}
		if r.job.Policy.Interval > 0 {
			r.job.NextRun = now.Add(r.job.Policy.Interval)
		}
		return false, r.endTurn(ctx, Batch{Job: &r.job})
	}
	return r.awaitRead(ctx)
}

// list has the target read, so that matching asks it nothing per person. The cycle goes on when the read has been done.
func (r *run) list(ctx context.Context) error {
	if r.job.Direction == Inbound { // the directory is asked as it is
		return r.listed(ctx)
	}
	if r.job.Request == 0 {
		if err := r.askForRead(ctx); err != nil {
			return err
		}
		if err := r.commit(ctx, Batch{Cycle: r.cycle, Job: &r.job}); err != nil {
			return err
		}
	}
	done, err := r.awaitRead(ctx)
	if err != nil {
		return err // it says what it is about, and stands beside the app
	}
	if !done {
		r.waiting = true
		return errYield
	}
	return r.listed(ctx)
}

// listed notes that what the target has is known as well as it need be.
func (r *run) listed(ctx context.Context) error {
	r.job.Request, r.cycle.Listed = 0, true
	if r.cycle.Phase == Listing {
		r.cycle.Phase = Reading
	}
	return r.commit(ctx, Batch{Cycle: r.cycle, Job: &r.job})
}

// fromMirror looks among the objects that the target had when it was read for this cycle.
func (r *run) fromMirror(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	byAttribute := map[string][]string{}
	for _, q := range asked {
		byAttribute[q.Attribute] = append(byAttribute[q.Attribute], q.Raw)
	}
	a := plan.Answers{Found: map[plan.Key][]connection.Object{}}
	for attribute, values := range byAttribute {
		found, err := r.Mirrors.Find(ctx, r.outside(), typ, attribute, values...)
		if err != nil {
			return a, fmt.Errorf("look for %s among what was read of %s: %w", words.Attribute(attribute), r.to.Name, err)
		}
		for _, f := range found {
			k := plan.Ask(attribute, f.Key.Value).Key
			a.Found[k] = append(a.Found[k], f.Object)
		}
	}
	return a, nil
}

// fromMirrorOrAsked looks among the objects that the target had when it was read, and asks it for those who were not among them and
// whom it would create once more: some lists leave out people whom a search finds.
func (r *run) fromMirrorOrAsked(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	a, err := r.fromMirror(ctx, typ, asked)
	if err != nil || r.job.Direction == Inbound {
		return a, err
	}
	if r.blind {
		return a, r.mayBeHidden(ctx, typ, asked, &a)
	}
	missed := slices.DeleteFunc(slices.Clone(asked), func(q plan.Question) bool {
		return len(a.Found[q.Key]) > 0 || r.programs.RefusesTwo(r.to, typ) || !plan.Searchable(r.to, typ, q.Attribute)
	})
	if len(missed) == 0 {
		return a, r.mayBeHidden(ctx, typ, asked, &a)
	}
	found, err := r.find(ctx, typ, missed)
	if err != nil {
		return a, err
	}
	maps.Copy(a.Found, found.Found)
	unusable := 0
	for k, err := range found.Failed {
		if lockstep.CodeOf(err) == lockstep.CodeTargetID { // somebody is there
			unusable++
			if a.Failed == nil {
				a.Failed = map[plan.Key]error{}
			}
			a.Failed[k] = err
		}
	}
	r.blind = len(found.Failed) == len(missed) && unusable == 0 // the list is all there is
	if r.blind {
		return a, r.mayBeHidden(ctx, typ, asked, &a)
	}
	return a, nil
}

// unreadable counts what the last read of a type could not read, but for what an administrator has said nobody is in.
func (r *run) unreadable(ctx context.Context, pass mirror.Pass) (n int, err error) {
	if pass.Counts.Hidden == 0 && pass.Parts == 0 {
		return 0, nil
	}
	all, err := r.Mirrors.Parts(ctx, r.outside(), pass.Type, pass.Parts)
	for _, p := range all {
		if !p.Answered {
			n++
		}
	}
	return n, err
}

// mayBeHidden fails those who were not found where a read is all that can tell who is there, and the last one could not read everything: who is
// created may be among that, whatever earlier reads have shown.
func (r *run) mayBeHidden(ctx context.Context, typ string, asked []plan.Question, a *plan.Answers) error {
	open := slices.DeleteFunc(slices.Clone(asked), func(q plan.Question) bool {
		return len(a.Found[q.Key]) > 0 || a.Failed[q.Key] != nil || r.programs.RefusesTwo(r.to, typ) || !r.blind && plan.Searchable(r.to, typ, q.Attribute)
	})
	if len(open) == 0 {
		return nil
	}
	head, err := r.Mirrors.Head(ctx, r.outside())
	if err != nil {
		return err
	}
	hidden, err := r.unreadable(ctx, head.Pass(typ))
	if hidden == 0 || err != nil {
		return err
	}
	if a.Failed == nil {
		a.Failed = map[plan.Key]error{}
	}
	for _, q := range open {
		a.Failed[q.Key] = &lockstep.Error{Code: lockstep.CodeTargetID, Detail: fmt.Sprintf(
			"%d of %s of %s could not be read, and it can neither be searched nor refuses a second one: %s may be among them", hidden, strings.ToLower(typ)+"s", r.to.Name, q.Raw)}
	}
	return nil
}

// unread fails when no plan can be made, since the outside system was never read to its end.
func (r *run) unread(ctx context.Context) (mirror.Head, error) {
	head, err := r.Mirrors.Head(ctx, r.outside())
	if err != nil || slices.ContainsFunc(head.Passes, func(p mirror.Pass) bool { return p.Once }) {
		return head, err
	}
	return head, &lockstep.Error{Code: lockstep.CodeUnread, Detail: fmt.Sprintf("%s was never read to its end, so nobody can say what would change", r.job.Name)}
}
