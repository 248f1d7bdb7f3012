package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"lockstep/api"
	"lockstep/scim"
)

// change is one write to the directory and what has to follow from it.
type change struct {
	write   func(context.Context) error
	commits []string // ids of what the organisation has to write
}

// longestPause is how long the pause before a change may be.
const longestPause = 400 * time.Millisecond

// patience is how long the bench waits for a change to arrive.
const patience = 60 * time.Second

// oneChange measures how long single changes take: each from the return of the write to the last commit that it causes at the
// organisation. What arrives before the write has returned took no time.
func (r *benchRun) oneChange(ctx context.Context) error {
	if _, err := r.quiet(ctx); err != nil {
		return err
	}
	h, err := r.org.read(ctx)
	if err != nil {
		return err
	}
	ids := newIDs(h)
	random := rand.New(rand.NewPCG(r.Seed, 1))
	var all []time.Duration
	p := &r.report.OneChange
	err = r.measured(ctx, p, func() error {
		for i := range r.Changes {
			if err := pause(ctx, time.Duration(random.Float64()*float64(longestPause))); err != nil {
				return err
			}
			c, err := r.change(ids, i, random.IntN(r.People))
			if err != nil {
				return err
			}
			d, err := r.arrival(ctx, c)
			if err != nil {
				return fmt.Errorf("change %d: %w", i+1, err)
			}
			all = append(all, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(all)
	p.Changes = len(all)
	p.P50Seconds, p.P95Seconds, p.MaxSeconds = seconds(quantile(all, 0.5)), seconds(quantile(all, 0.95)), seconds(all[len(all)-1])
	p.Seconds = p.P95Seconds
	return nil
}

// quantile returns the smallest value that is not below the share q of the sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	n := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// ids finds what an organisation has by name.
type ids struct{ people, groups map[string]string }

func newIDs(h *holdings) ids {
	out := ids{map[string]string{}, map[string]string{}}
	for id, a := range h.accounts {
		out.people[key(a.UserName)] = id
	}
	for id, name := range h.groups {
		out.groups[name] = id
	}
	return out
}

// change returns the i-th change: a new title; every fifth time somebody comes into a group, or a new department. It adds to
// what the organisation is expected to have.
func (r *benchRun) change(at ids, i, person int) (change, error) {
	name := r.company.UserName(person)
	column := "title"
	switch {
	case i%5 == 3 && r.Groups > 0:
		if c, ok := r.join(at, i, person); ok {
			return c, nil
		}
	case i%5 == 4:
		column = enterprise + ":department"
	}
	value := fmt.Sprintf("Change %d", i+1)
	r.want.set(name, column, value)
	id := at.people[key(name)]
	if id == "" {
		return change{}, fmt.Errorf("%s is not in the organisation", name)
	}
	return change{commits: []string{id}, write: func(ctx context.Context) error {
		var p api.MergePatch
		if column == "title" {
			p.Set("title", value)
		} else {
			p.Set(enterprise, scim.Object{{Name: "department", Value: value}})
		}
		_, err := r.client.PatchUser(ctx, name, p)
		return err
	}}, nil
}

// join brings the person into a group that they are not in; ok is false when they are in it.
func (r *benchRun) join(at ids, i, person int) (c change, ok bool) {
	name, g := r.company.UserName(person), i%r.Groups
	if r.want.groups[GroupName(g)][key(name)] {
		return change{}, false
	}
	for _, group := range append(r.company.Around(g), g) {
		if members := r.want.groups[GroupName(group)]; !members[key(name)] {
			members[key(name)] = true
			c.commits = append(c.commits, at.groups[GroupName(group)])
		}
	}
	c.write = func(ctx context.Context) error {
		return r.client.ChangeMembers(ctx, GroupName(g), api.MemberChange{AddUsers: []string{name}})
	}
	return c, true
}

// arrival makes the change and returns how long it took to arrive.
func (r *benchRun) arrival(ctx context.Context, c change) (time.Duration, error) {
	_, seq, err := r.universe.commits(ctx, 1<<60, 0)
	if err != nil {
		return 0, err
	}
	if err := c.write(ctx); err != nil {
		return 0, err
	}
	returned := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not arrive in %s", patience))
	defer cancel()
	open := map[string]bool{}
	for _, id := range c.commits {
		open[id] = true
	}
	last := returned
	for len(open) > 0 {
		commits, newest, err := r.universe.commits(ctx, seq, 5*time.Second)
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err != nil {
			return 0, err
		}
		for _, done := range commits {
			if open[done.ID] && done.At.After(last) {
				last = done.At
			}
			delete(open, done.ID)
		}
		seq = newest
	}
	return last.Sub(returned), nil
}
