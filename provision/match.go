package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/words"
)

// lookup finds the target's objects that have one of the values. An error means that nothing can be asked at all.
type lookup func(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error)

// An incremental cycle asks for up to fewAsked values, and for more as long as that takes fewer calls than to read the whole target, a page of
// which has about listPage objects.
const (
	fewAsked = 100
	listPage = 200
)

// byFind asks the target, some values at a time. When it has been asked for more than is worth it, or cannot be asked, it is listed after all.
func (r *run) byFind(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	r.fresh += len(asked)
	if r.fresh > fewAsked && r.fresh/r.findBatch() > r.linked/listPage && r.cycle.Kind == Incremental && r.job.Direction == Outbound {
		return r.byListing(ctx, typ, asked)
	}
	a, err := r.find(ctx, typ, asked)
	if err != nil || !unsearchable(a) {
		return a, err
	}
	return r.byListing(ctx, typ, asked)
}

// lookUp looks up matching values. In an incremental cycle a target that cannot be asked stops only those who must be matched:
// whoever leaves, and whoever is linked, goes on. The target is not asked again before the next slice.
func (r *run) lookUp(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	a, err := r.lookup(ctx, typ, asked)
	_, paused := errors.AsType[*connection.Pause](err)
	code := lockstep.CodeOf(err)
	if err == nil || paused || code == lockstep.CodeAuthToken || code == lockstep.CodeOAuthRefused || code == lockstep.CodeConsent || code == lockstep.CodeBlocked || errors.Is(err, errYield) || r.cycle.Kind != Incremental || ctx.Err() != nil || errors.Is(err, lockstep.ErrEpoch) {
		return a, err
	}
	r.log().Warn("matching failed; who needs it waits", "job", r.job.ID, "error", err)
	r.lookup = func(_ context.Context, _ string, asked []plan.Question) (plan.Answers, error) {
		failed := make(map[plan.Key]error, len(asked))
		for _, q := range asked {
			failed[q.Key] = err
		}
		return plan.Answers{Failed: failed}, nil
	}
	return r.lookup(ctx, typ, asked)
}

// byListing reads the target's objects and looks among them, now and for the rest of the cycle.
func (r *run) byListing(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	if err := r.list(ctx); err != nil {
		return plan.Answers{}, err
	}
	r.lookup = r.fromMirrorOrAsked
	return r.lookup(ctx, typ, asked)
}

// unsearchable reports whether the target said that it cannot be searched like this.
func unsearchable(a plan.Answers) bool {
	for _, err := range a.Failed {
		if lockstep.CodeOf(err) == lockstep.CodeTargetUnsupported {
			return true
		}
	}
	return false
}

// find asks the target for each value: many in one call where it can, and where it refuses that, one by one. What it will not be
// asked for fails alone. What stops everything (no answer, no rights, a pause) is the error.
func (r *run) find(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	byAttribute := map[string][]plan.Question{}
	for _, q := range asked {
		byAttribute[q.Attribute] = append(byAttribute[q.Attribute], q)
	}
	a := plan.Answers{Found: map[plan.Key][]connection.Object{}, Failed: map[plan.Key]error{}}
	for attribute, questions := range byAttribute {
		for len(questions) > 0 {
			n := min(r.findBatch(), len(questions))
			if err := r.ask(ctx, typ, questions[:n], &a); err != nil {
				return a, fmt.Errorf("find %s by %s in %s: %w", typ, words.Attribute(attribute), r.to.Name, err)
			}
			if err := a.Failed[questions[n-1].Key]; lockstep.CodeOf(err) == lockstep.CodeTargetUnsupported {
				for _, q := range questions[n:] {
					a.Failed[q.Key] = err
				}
				break
			}
			questions = questions[n:]
		}
	}
	return a, nil
}

// findBatch is how many values one call may ask for.
func (r *run) findBatch() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.single[r.to.Key] {
		return 1
	}
	return max(r.to.FindBatch, 1)
}

// ask makes one call, or, when the target refuses that, one for each value.
func (r *run) ask(ctx context.Context, typ string, chunk []plan.Question, a *plan.Answers) error {
	attribute := chunk[0].Attribute
	values := make([]string, len(chunk))
	for i, q := range chunk {
		values[i] = q.Raw
	}
	objects, err := r.call(ctx, func(ctx context.Context) ([]connection.Object, error) {
		return r.target.Find(ctx, typ, attribute, values...)
	})
	if err == nil {
		err = nameless(attribute, objects)
	}
	switch {
	case err != nil && stopsAll(err):
		return err
	case err != nil && len(chunk) == 1:
		a.Failed[chunk[0].Key] = err
		return nil
	case err != nil:
		for i := range chunk {
			if err := r.ask(ctx, typ, chunk[i:i+1], a); err != nil {
				return err
			}
			if err := a.Failed[chunk[i].Key]; lockstep.CodeOf(err) == lockstep.CodeTargetUnsupported { // it would say so of each
				for _, q := range chunk[i+1:] {
					a.Failed[q.Key] = err
				}
				return nil
			}
		}
		if len(a.Failed) == 0 { // it was the number that it did not like
			r.mu.Lock()
			if r.single == nil {
				r.single = map[string]bool{}
			}
			r.single[r.to.Key] = true
			r.mu.Unlock()
		}
		return nil
	}
	return a.Take(attribute, objects)
}

// nameless fails when a search has found an object that nobody can be linked to, and that does not show for which value it was found.
func nameless(attribute string, objects []connection.Object) error {
	for _, o := range objects {
		if fault := connection.CheckID(o.ID); fault != "" && !plan.Shows(attribute, o.Values) {
			return &lockstep.Error{Code: lockstep.CodeTargetID, Detail: "the object that matches, " + cmp.Or(o.Name, "which shows nothing") + ", " + fault}
		}
	}
	return nil
}

// stopsAll reports whether the error would meet every further call, too.
func stopsAll(err error) bool {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeTargetRefused, lockstep.CodeTargetUnsupported, lockstep.CodeTargetGone, lockstep.CodeTargetID:
		return false
	}
	return true
}
