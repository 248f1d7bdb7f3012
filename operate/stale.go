package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// staleNames is how many rows a refusal names.
const staleNames = 5

func stale(detail string) error {
	return &lockstep.Error{Code: lockstep.CodePlanStale, Detail: detail}
}

// gone tells why there is no plan to decide on.
func (o *Operator) gone(ctx context.Context, p Principal, j provision.Job, meant lockstep.CycleID) error {
	if meant != "" {
		if c, err := o.cycle(ctx, p.Tenant, j.ID, meant); err == nil && !c.EndedAt.IsZero() {
			return stale("The plan " + string(meant) + " was applied or dropped already.")
		}
	}
	return stale("No plan waits to be applied.")
}

// replaced tells that another plan waits than the one that was meant, and in which rows the two differ.
func (o *Operator) replaced(ctx context.Context, p Principal, j provision.Job, meant lockstep.CycleID) error {
	was, err := o.rowsOf(ctx, p, j, meant)
	if err != nil {
		return err
	}
	is, err := o.rowsOf(ctx, p, j, j.Cycle.ID)
	if err != nil {
		return err
	}
	var differ []string
	for _, rows := range []struct {
		of, in map[string]string
		how    string
	}{{is, was, "new or different in it"}, {was, is, "no longer in it"}} {
		var names []string
		for key, name := range rows.of {
			other, there := rows.in[key]
			if !there || rows.how != "no longer in it" && other != name {
				names = append(names, nameOfKey(key))
			}
		}
		if len(names) > 0 {
			differ = append(differ, rows.how+": "+some(names))
		}
	}
	detail := "Another plan, " + string(j.Cycle.ID) + ", has taken the place of " + string(meant)
	if len(differ) == 0 {
		return stale(detail + "; it has the same rows.")
	}
	return stale(detail + "; " + strings.Join(differ, "; ") + ".")
}

// outdated tells that the rules have changed since the plan was made, and names rows that were planned by those of before.
func (o *Operator) outdated(ctx context.Context, p Principal, j provision.Job) error {
	rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, plan.ActionQuery{
		Cycle: j.Cycle.ID, States: []plan.ActionState{plan.Planned, plan.Held}, Limit: staleNames + 1,
	})
	if err != nil {
		return err
	}
	names := make([]string, len(rows))
	for i, a := range rows {
		names[i] = rowName(a)
	}
	return stale(fmt.Sprintf("The plan %s was made by version %d of the rules, and the job has version %d now; it planned %s.",
		j.Cycle.ID, j.Cycle.Config, j.Config, some(names)))
}

// rowsOf are the rows of a plan by what they are about, each with what it does.
func (o *Operator) rowsOf(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID) (map[string]string, error) {
	rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, plan.ActionQuery{Cycle: cycle, Limit: 1000})
	all := make(map[string]string, len(rows))
	for _, a := range rows {
		all[string(a.Kind)+"\x00"+a.Source.Type+"\x00"+a.Source.ID+"\x00"+rowName(a)] = words.Sum(a.Changes(), 100)
	}
	return all, err
}

func nameOfKey(key string) string { return key[strings.LastIndexByte(key, 0)+1:] }

// rowName is a row in two or three words: update ada@acme.example.
func rowName(a plan.Action) string {
	name := a.Source.Name
	for _, other := range []string{a.Target.Name, a.Source.ID} {
		if name == "" {
			name = other
		}
	}
	return words.DeedOf(a.Kind).Will + " " + name
}

// some names the first of a list and counts the rest.
func some(names []string) string {
	slices.Sort(names)
	text := strings.Join(names[:min(len(names), staleNames)], ", ")
	if n := len(names) - staleNames; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
