package api

import (
	"context"
	"time"

	"lockstep"
)

const (
	followEvery = 100 * time.Millisecond
	standStill  = 10 * time.Second // how long a cycle that was stopped by something which may pass is waited for while nothing moves
)

// LastCycle is the id of the job's last cycle that has ended, or "".
func (c *Client) LastCycle(ctx context.Context, job string) (lockstep.CycleID, error) {
	all, err := c.Cycles(ctx, job, 2)
	if err != nil {
		return "", err
	}
	for _, cycle := range all {
		if cycle.Ended != nil {
			return cycle.ID, nil
		}
	}
	return "", nil
}

// NextCycle waits for the job's first cycle after the given one.
func (c *Client) NextCycle(ctx context.Context, job string, last lockstep.CycleID) (lockstep.CycleID, error) {
	for began := time.Now(); ; {
		all, err := c.Cycles(ctx, job, 20)
		if err != nil {
			return "", err
		}
		first := lockstep.CycleID("")
		for _, cycle := range all { // newest first
			if cycle.ID == last {
				break
			}
			first = cycle.ID
		}
		if first != "" {
			return first, nil
		}
		if err := c.stuck(ctx, job, time.Since(began) > standStill); err != nil {
			return "", err
		}
		if err := wait(ctx, followEvery); err != nil {
			return "", err
		}
	}
}

// Follow shows a cycle as it goes on, until it has ended, waits for somebody, or does not move because of a failure, which is an error.
func (c *Client) Follow(ctx context.Context, job string, id lockstep.CycleID, show func(Cycle)) (Cycle, error) {
	var seen standing
	for {
		cycle, err := c.Cycle(ctx, job, id)
		if err != nil || cycle.Ended != nil || cycle.Phase == "review" {
			return cycle, err
		}
		show(cycle)
		if cycle.Code != "" {
			if err := c.stuck(ctx, job, false); err != nil {
				return cycle, err
			}
		}
		if seen.still(cycle, time.Now()) {
			detail := cycle.Detail
			if detail == "" {
				detail = lockstep.Describe(cycle.Code).Title
			}
			return cycle, &lockstep.Error{Code: cycle.Code, Detail: detail + " It is tried again by itself."}
		}
		if err := wait(ctx, followEvery); err != nil {
			return cycle, err
		}
	}
}

// stuck returns why the job does not go on by itself, or, after some patience, why it has not begun.
func (c *Client) stuck(ctx context.Context, job string, patient bool) error {
	j, err := c.Job(ctx, job)
	if err != nil {
		return err
	}
	if j.State == "quarantined" || patient && j.Code != "" {
		detail := j.Detail
		if detail == "" {
			detail = "The job is quarantined."
		}
		return &lockstep.Error{Code: j.Code, Detail: detail}
	}
	return nil
}

// standing notices a cycle that does not move.
type standing struct {
	cycle Cycle
	since time.Time
}

// still reports whether the cycle has been stopped by a failure and has not moved for standStill.
func (s *standing) still(cycle Cycle, now time.Time) bool {
	requests := s.cycle.Counts
	requests.TargetRequests = cycle.Counts.TargetRequests // an attempt that fails is no progress
	if s.since.IsZero() || requests != cycle.Counts || s.cycle.Phase != cycle.Phase {
		s.cycle, s.since = cycle, now
	}
	return cycle.Code != "" && now.Sub(s.since) > standStill
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
