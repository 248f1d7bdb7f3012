package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/rule"
)

// look is how often a waiting step looks at a job.
const look = 40 * time.Millisecond

// newest returns the job's newest cycle; one with an empty id when there is none.
func newest(ctx context.Context, c *api.Client, job string) (api.Cycle, error) {
	all, err := c.Cycles(ctx, job, 1)
	if err != nil || len(all) == 0 {
		return api.Cycle{}, err
	}
	return all[0], nil
}

// await waits until a cycle of the job that is newer than the given one has ended, and returns the first. Progress sees the cycle
// as it goes; it may be nil.
func await(ctx context.Context, c *api.Client, job string, after lockstep.CycleID, progress func(api.Cycle)) (api.Cycle, error) {
	return awaitOne(ctx, c, job, progress, func(cy api.Cycle) bool { return cy.ID > after && cy.Ended != nil })
}

// heals is how long a job may say that it is in trouble which ends by itself.
const heals = 30 * time.Second

// until waits until done says so of the job's newest cycle. A job that has failed is an error.
func until(ctx context.Context, c *api.Client, job string, progress func(api.Cycle), done func(api.Cycle) bool) (api.Cycle, error) {
	return watch(ctx, c, job, 1, progress, done)
}

// awaitOne waits until done says so of a cycle, and returns the first: an empty one may follow it at once, and be the newest before
// anybody has looked.
func awaitOne(ctx context.Context, c *api.Client, job string, progress func(api.Cycle), done func(api.Cycle) bool) (api.Cycle, error) {
	const recent = 50
	return watch(ctx, c, job, recent, progress, done)
}

// watch looks at the job's last cycles until done says so of one of them.
func watch(ctx context.Context, c *api.Client, job string, last int, progress func(api.Cycle), done func(api.Cycle) bool) (api.Cycle, error) {
	began, tick := time.Now(), time.NewTicker(look)
	defer tick.Stop()
	for {
		all, err := c.Cycles(ctx, job, last)
		if err != nil {
			return api.Cycle{}, err
		}
		if progress != nil && len(all) > 0 {
			progress(all[0])
		}
		for _, cy := range slices.Backward(all) {
			if !done(cy) {
				continue
			}
			if cy.Code != "" {
				return cy, &lockstep.Error{Code: cy.Code, Detail: "The cycle of " + job + " failed: " + cy.Detail}
			}
			return cy, nil
		}
		j, err := c.Job(ctx, job)
		if err != nil {
			return api.Cycle{}, err
		}
		if j.Code != "" && (lockstep.Describe(j.Code).Class != lockstep.Heals || time.Since(began) > heals) {
			return api.Cycle{}, &lockstep.Error{Code: j.Code, Detail: "The job of " + job + " stopped: " + j.Detail}
		}
		select {
		case <-ctx.Done():
			return api.Cycle{}, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// took is how long a cycle was open.
func took(c api.Cycle) time.Duration {
	if c.Ended == nil {
		return 0
	}
	return c.Ended.Sub(c.Began)
}

// direct maps an attribute of the source onto the same of the target.
func direct(path string) rule.Mapping {
	return rule.Mapping{Target: path, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: path}}
}

// plainRules returns rules that bring users and groups over: these attributes as they are, active, manager, and members.
// The first attribute is matched by.
func plainRules(attributes []string) rule.Rules {
	users := rule.ObjectMapping{Name: "Users", Enabled: true, Source: "User", Target: "User"}
	for i, path := range attributes {
		m := direct(path)
		if i == 0 {
			m.Match = 1
		}
		users.Attributes = append(users.Attributes, m)
	}
	users.Attributes = append(users.Attributes,
		rule.Mapping{Target: "active", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: "Not([IsSoftDeleted])"}},
		direct(enterprise+":manager"))
	name, members := direct("displayName"), direct("members")
	name.Match = 1
	groups := rule.ObjectMapping{
		Name: "Groups", Enabled: true, Source: "Group", Target: "Group", Attributes: []rule.Mapping{name, members},
	}
	return rule.Rules{Objects: []rule.ObjectMapping{users, groups}}
}

// putRules replaces the rules of a job.
func putRules(ctx context.Context, c *api.Client, job string, r rule.Rules) error {
	_, err := c.PutRules(ctx, job, 0, r)
	if p, ok := errors.AsType[*api.Problem](err); ok && len(p.Errors) > 0 {
		return fmt.Errorf("rules of %s: %w: %v", job, err, p.Errors)
	}
	return err
}
