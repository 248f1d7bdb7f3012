package operate

import (
	"testing"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// TestOutcomeOf: what is said of somebody who was provisioned by hand. Done is said only when nothing of it waits, is held or failed.
func TestOutcomeOf(t *testing.T) {
	row := func(kind rule.Kind, state plan.ActionState) plan.Action { return plan.Action{Kind: kind, State: state} }
	in := plan.Link{Target: "t", Verdict: rule.Verdict{In: true}}
	for _, c := range []struct {
		name string
		of   provision.Cycle
		rows []plan.Action
		link plan.Link
		held bool
		want Value
		exit int
	}{
		{"done", provision.Cycle{}, []plan.Action{row(rule.Update, plan.Done)}, in, false, InStep, ExitInStep},
		{"nothing to do", provision.Cycle{}, nil, in, false, InStep, ExitInStep},
		{"out of scope", provision.Cycle{}, nil, plan.Link{Verdict: rule.Verdict{Reason: rule.Reason{Rule: "not in scope"}}}, false, InStep, ExitInStep},
		{"no link", provision.Cycle{}, nil, plan.Link{}, false, InStep, ExitInStep},
		{"the application could not be asked", provision.Cycle{Code: lockstep.CodeTargetUnreachable}, []plan.Action{row(rule.Update, plan.Done)}, in, false, Failing, ExitSome},
		{"refused", provision.Cycle{}, []plan.Action{row(rule.Update, plan.Done), row(rule.Refer, plan.Refused)}, in, false, Failing, ExitSome},
		{"failed", provision.Cycle{}, []plan.Action{row(rule.Update, plan.Failed)}, in, false, Failing, ExitSome},
		{"left out", provision.Cycle{}, []plan.Action{row(rule.Update, plan.LeftOut)}, in, false, Failing, ExitSome},
		{"not certain", provision.Cycle{}, []plan.Action{row(rule.Create, plan.Open)}, plan.Link{}, false, Working, ExitLater},
		{"held now", provision.Cycle{}, []plan.Action{row(rule.Update, plan.Done), row(rule.Refer, plan.Held)}, in, false, HeldBack, ExitHeld},
		{"held since before", provision.Cycle{}, []plan.Action{row(rule.Update, plan.Done)}, in, true, HeldBack, ExitHeld},
		{"refused before, and still so", provision.Cycle{}, nil, plan.Link{Code: lockstep.CodeMatchAmbiguous, Verdict: rule.Verdict{In: true}}, false, Failing, ExitSome},
	} {
		if got := outcomeOf(c.of, c.rows, c.link, c.held); got.Value != c.want || got.Exit != c.exit || got.Says == "" {
			t.Errorf("%s: %+v, want %s and %d", c.name, got, c.want, c.exit)
		}
	}
}

// TestDemandable: who can be provisioned by hand.
func TestDemandable(t *testing.T) {
	for _, c := range []struct {
		name string
		job  provision.Job
		typ  string
		want lockstep.Code
	}{
		{"a person of an app", provision.Job{Direction: provision.Outbound}, "User", ""},
		{"also in one that is paused", provision.Job{Direction: provision.Outbound, State: provision.Paused}, "User", ""},
		{"of a source", provision.Job{Direction: provision.Inbound}, "User", lockstep.CodeInvalid},
		{"a group", provision.Job{Direction: provision.Outbound}, "Group", lockstep.CodeInvalid},
		{"a group of an app that gets them", provision.Job{Direction: provision.Outbound, Policy: provision.Policy{Groups: true}}, "Group", ""},
		{"beside a plan in review", provision.Job{Direction: provision.Outbound, Cycle: &provision.Cycle{Phase: provision.Review}}, "User", lockstep.CodeConflict},
		{"beside a plan that is carried out", provision.Job{Direction: provision.Outbound, Cycle: &provision.Cycle{Phase: provision.Applying}}, "User", ""},
		{"amid a cycle that was paused", provision.Job{Direction: provision.Outbound, State: provision.Paused, Cycle: &provision.Cycle{Phase: provision.Applying}}, "User", lockstep.CodeConflict},
	} {
		if err := demandable(c.job, c.typ); lockstep.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
