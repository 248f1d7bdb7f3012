package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"lockstep/api"
)

// hostile is a name that would clear a terminal, turn the line around, colour it, and begin a line of its own.
const hostile = "Eve\x1b[2J\u009b2J\u202e\x1b]0;x\a\nroot"

// TestScreen: whatever is written, in pieces of any size, nothing reaches the terminal that it would obey but our own colours.
func TestScreen(t *testing.T) {
	for size := 1; size < 40; size++ {
		var out strings.Builder
		s := newScreen(&out)
		text := s.paint(red, "gone") + " é 李 \x1b[31m \u202e \ufdd0" + s.key[:4] + "\ufdd0 \ufdd0x31\ufdd0 end\n"
		for len(text) > 0 {
			n := min(size, len(text))
			if _, err := s.Write([]byte(text[:n])); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		got := out.String()
		if !strings.HasPrefix(got, "\x1b[31mgone\x1b[0m é 李 ") || strings.Count(got, "\x1b") != 2 || strings.Contains(got, "\u202e") || !strings.HasSuffix(got, " end\n") {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
}

// TestScreenJSON: JSON stays the same JSON.
func TestScreenJSON(t *testing.T) {
	var out strings.Builder
	s := newScreen(&out)
	s.json = true
	if err := json.NewEncoder(s).Encode(map[string]string{"name": hostile}); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back["name"] != hostile {
		t.Errorf("read back: %q, %v", back["name"], err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b\u202e") {
		t.Errorf("written: %q", out.String())
	}
}

// TestLinesAreOneLine: a name neither ends the line that it stands in nor begins another.
func TestLinesAreOneLine(t *testing.T) {
	var out, said strings.Builder
	c := &cli{ctx: context.Background(), stdout: newScreen(&out), stderr: newScreen(&said)}
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
