package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// Sharing is another app whose connection leads to the same place. Two apps that write the same accounts undo each other's changes: one
// disables whom the other keeps.
type Sharing struct {
	Code     lockstep.Code `json:"code"`
	App      string        `json:"app,omitempty" doc:"The other app; absent for whoever may not see it."`
	Accounts int           `json:"accounts" doc:"Accounts that both write."`
	More     bool          `json:"more,omitempty" doc:"There may be more: they were not all counted."`
	Says     string        `json:"says" doc:"The same in a sentence."`
}

// mostShared is how many links of an app are compared with another's.
const mostShared = 10_000

// Shared tells which other apps of the tenant lead to the same place as an app, and how many accounts both write.
func (o *Operator) Shared(ctx context.Context, p Principal, name string) ([]Sharing, error) {
	if err := p.some(AppsRead); err != nil {
		return nil, err
	}
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return nil, err
	}
	return o.shared(ctx, p, j, nil)
}

// shared also counts the accounts that the rows of a plan would link.
func (o *Operator) shared(ctx context.Context, p Principal, j provision.Job, rows []plan.Action) ([]Sharing, error) {
	place := o.place(j)
	if place == "" {
		return nil, nil
	}
	all, err := o.Settings.ListJobs(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	var out []Sharing
	for _, other := range all {
		if other.ID == j.ID || other.Direction != provision.Outbound || o.place(other) != place {
			continue
		}
		s := Sharing{Code: lockstep.CodeShared}
		if s.Accounts, s.More, err = o.inCommon(ctx, p.Tenant, j.ID, other.ID, rows); err != nil {
			return nil, err
		}
		named := "another app"
		if p.mayApp(AppsRead, other.Slug) == nil {
			s.App, named = other.Slug, "the app "+nameOf(other)
		}
		s.Says = sharingSays(s, named)
		out = append(out, s)
	}
	return out, nil
}

func sharingSays(s Sharing, named string) string {
	switch {
	case s.Accounts == 0:
		return "The connection of " + named + " leads to the same place: give each person to one of the two."
	case s.More:
		return fmt.Sprintf("%s or more are also written by %s.", words.Many(s.Accounts, "account", "accounts"), named)
	case s.Accounts == 1:
		return "1 account is also written by " + named + "."
	}
	return fmt.Sprintf("%s are also written by %s.", words.Many(s.Accounts, "account", "accounts"), named)
}

// place is what the connection of an app leads to; "" is nowhere, or nobody knows.
func (o *Operator) place(j provision.Job) string {
	t, err := o.template(j.Connection.Kind, j.Direction)
	if err != nil || t.System == nil || j.Direction != provision.Outbound {
		return ""
	}
	return t.System(j.Connection.Settings)
}

// inCommon counts the accounts that two jobs have, or that one would link and the other has.
func (o *Operator) inCommon(ctx context.Context, t lockstep.TenantID, a, b lockstep.JobID, rows []plan.Action) (n int, more bool, err error) {
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		have := map[string]bool{}
		for i := range rows {
			if r := &rows[i]; r.Source.Type == typ && r.Target.ID != "" {
				have[r.Target.ID] = true
			}
		}
		for after := ""; len(have) < mostShared; {
			links, err := o.Jobs.Links(ctx, t, a, plan.LinkQuery{Type: typ, After: after, Bare: true, Limit: 1000})
			if err != nil {
				return n, more, err
			}
			for _, l := range links {
				if after = l.Source.ID; l.Target != "" {
					have[l.Target] = true
				}
			}
			if len(links) < 1000 {
				break
			}
		}
		more = more || len(have) >= mostShared
		ids := slices.Sorted(maps.Keys(have))
		if len(ids) == 0 {
			continue
		}
		links, err := o.Jobs.Links(ctx, t, b, plan.LinkQuery{Type: typ, Targets: ids, Bare: true})
		if err != nil {
			return n, more, err
		}
		n += len(links)
	}
	return n, more, nil
}
