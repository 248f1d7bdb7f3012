package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"lockstep/api"
	"lockstep/terminal"
)

// hostile is a name that would clear a terminal, turn the line around, colour it, and begin a line of its own.
const hostile = "Eve\x1b[2J\u009b2J\u202e\x1b]0;x\a\nroot"

// TestLinesAreOneLine: a name neither ends the line that it stands in nor begins another.
func TestLinesAreOneLine(t *testing.T) {
	var out, said strings.Builder
	c := &cli{ctx: context.Background(), stdout: terminal.New(&out), stderr: terminal.New(&said)}
	c.Output = "table"
	plan := api.Plan{Kinds: map[string]int{"create": 1}, Actions: []api.Action{
		{Kind: "create", State: "planned", Source: api.End{Name: hostile}, Why: hostile},
		{Kind: "update", State: "planned", Source: api.End{Name: hostile}, Changes: []api.Change{{Attribute: hostile, Before: hostile, After: hostile}}},
		{Kind: "update", State: "refused", Code: "target.refused", Source: api.End{Name: hostile}, Detail: hostile},
	}}
	if err := c.showPlan("webex", plan); err != nil {
		t.Fatal(err)
	}
	if err := showActions(c, plan.Actions, ""); err != nil {
		t.Fatal(err)
	}
	c.say("%s", hostile)
	for _, text := range []string{out.String(), said.String()} {
		if strings.ContainsAny(text, "\x1b\u009b\u202e\a") {
			t.Errorf("written: %q", text)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2+3+1+3 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	if n := strings.Count(said.String(), "\n"); n != 1 {
		t.Errorf("%d lines said:\n%s", n, said.String())
	}
}

// TestUntold: a list of sign-outs ends with 0 only if every application has been told.
func TestUntold(t *testing.T) {
	told := time.Now()
	for _, c := range []struct {
		all  []api.SignOut
		code int
	}{
		{nil, 0},
		{[]api.SignOut{{Settled: &told}}, 0},
		{[]api.SignOut{{Settled: &told}, {}}, exitTimeout},
		{[]api.SignOut{{}, {Settled: &told, Untold: 1}}, exitSome},
	} {
		code := 0
		if o, ok := errors.AsType[*outcome](untold(c.all)); ok {
			code = o.code
		}
		if code != c.code {
			t.Errorf("%+v ends with %d, not %d", c.all, code, c.code)
		}
	}
}
