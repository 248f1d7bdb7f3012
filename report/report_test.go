package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/rule"
	"lockstep/terminal"
)

// hostile is a name that would clear a terminal, turn the line around, colour it, and begin a line of its own.
const hostile = "Eve\x1b[2J\u009b2J\u202e\x1b]0;x\a\nroot"

// written is where a test sees what was printed, and what was said beside it.
type written struct {
	Output
	out, said *strings.Builder
}

func output(form string) written {
	w := written{out: &strings.Builder{}, said: &strings.Builder{}}
	w.Output = Output{Form: form, Screen: terminal.New(w.out), Say: func(format string, args ...any) { fmt.Fprintln(w.said, terminal.Line(format, args...)) }}
	return w
}

// TestAction: what a line of the log tells, and what comes next, each as it is typed. A name does not leave its line.
func TestAction(t *testing.T) {
	ada, there := api.End{Type: "User", ID: "u1", Name: "ada@acme.example"}, api.End{Type: "User", ID: "t1", Name: "Ada"}
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.Local)
	for _, x := range []struct {
		a    api.Action
		want []string
		next string
	}{
		{
			api.Action{ID: "a1", Kind: "update", State: "done", Source: ada, Target: there, Why: "the values differ", Planned: &at, Ended: &at, Changes: []api.Change{{Attribute: "title", Before: "Painter", After: "Engineer"}, {Attribute: "department", After: "R&D"}}},
			[]string{"update", "done", "User ada@acme.example  (u1)", "User Ada  (t1)", "title “Painter” → “Engineer”", "department", "the values differ", "2026-11-30 09:00:00"},
			"Next: lockstep undo --app webex a1\n",
		},
		{
			api.Action{ID: "a2", Kind: "delete", State: "held", Source: ada, Target: there, Planned: &at},
			[]string{"held", "not yet"}, "Next: lockstep held approve --app webex a2 · lockstep held reject --app webex a2\n",
		},
		{
			api.Action{ID: "a3", Kind: "skip", State: "refused", Source: ada, Code: lockstep.CodeMatchDuplicate, Detail: "Another has it.", Hint: "Make it unique.", Attempt: 3, By: &audit.Actor{Name: "mia"}},
			[]string{"refused match.duplicate_source", "Another has it.", "Make it unique.", "docs/errors.md#match.duplicate_source", "attempts", "by mia", "target", "–"},
			"Next: lockstep explain ada@acme.example\n",
		},
		{api.Action{ID: "a4", Kind: "delete", State: "done", Source: ada, Target: there}, []string{"delete", "done"}, ""}, // it cannot be taken back
		{api.Action{ID: "a5", Kind: "create", State: "done", Source: api.End{Type: "User", Name: hostile}, Target: api.End{ID: "t"}, Why: hostile, Changes: []api.Change{{Attribute: hostile, After: hostile}}}, []string{"Eve"}, "Next: lockstep undo --app webex a5\n"},
	} {
		w := output("table")
		if err := w.Print(Action("webex", x.a, nil)); err != nil {
			t.Fatal(err)
		}
		text := w.out.String()
		for _, part := range x.want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: without %q:\n%s", x.a.ID, part, text)
			}
		}
		if w.said.String() != x.next {
			t.Errorf("%s: next is %q, want %q", x.a.ID, w.said, x.next)
		}
		for line := range strings.Lines(text) {
			if label, _, _ := strings.Cut(line, " "); !slices.Contains([]string{"", "what", "state", "who", "target", "app", "why", "note", "changes", "trouble", "remedy", "attempts", "decided", "planned", "ended", "cycle"}, label) || strings.ContainsAny(line, "\x1b\u009b\u202e\a") {
				t.Errorf("%s: a line is %q", x.a.ID, line)
			}
		}
	}
}

// TestLinesAreOneLine: a name neither ends the line that it stands in nor begins another.
func TestLinesAreOneLine(t *testing.T) {
	w := output("table")
	plan := api.Plan{Kinds: map[string]int{"create": 1}, Actions: []api.Action{
		{Kind: "create", State: "planned", Source: api.End{Name: hostile}, Why: hostile},
		{Kind: "update", State: "planned", Source: api.End{Name: hostile}, Changes: []api.Change{{Attribute: hostile, Before: hostile, After: hostile}}},
		{Kind: "update", State: "refused", Code: "target.refused", Source: api.End{Name: hostile}, Detail: hostile},
	}}
	if err := w.Print(Plan("webex", plan, nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Print(Actions(plan.Actions, "", nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Print(Excluded("webex", rule.Exclusion{ID: hostile, Name: hostile, Reason: hostile}, nil)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w.Screen, w.Line(plan.Actions[2]))
	for _, text := range []string{w.out.String(), w.said.String()} {
		if strings.ContainsAny(text, "\x1b\u009b\u202e\a") {
			t.Errorf("written: %q", text)
		}
	}
	if n := strings.Count(w.out.String(), "\n"); n != 2+3+1+3+1+1 {
		t.Errorf("%d lines:\n%s", n, w.out.String())
	}
	if n := strings.Count(w.said.String(), "\n"); n != 1 {
		t.Errorf("%d lines said:\n%s", n, w.said.String())
	}
}

// TestForms: a list is a table, an array, or an object a line; an empty one is an empty array, nothing, or a sentence; what is said beside a
// result stands after it.
func TestForms(t *testing.T) {
	groups := []api.Group{{ID: "1", DisplayName: "Staff"}, {ID: "2", DisplayName: "Sales"}}
	for _, c := range []struct {
		form string
		all  []api.Group
		out  string // with ids and names only
		said string
	}{
		{"table", groups, "GROUP  ID\nStaff  1\nSales  2\n", ""},
		{"table", nil, "", "No groups.\n"},
		{"json", nil, "[]\n", ""},
		{"jsonl", nil, "", ""},
	} {
		w := output(c.form)
		if err := w.Print(Groups(c.all, nil)); err != nil || w.out.String() != c.out || w.said.String() != c.said {
			t.Errorf("%s: written %q, said %q, %v", c.form, w.out, w.said, err)
		}
	}
	w := output("jsonl")
	if err := w.Print(Groups(groups, nil)); err != nil || strings.Count(w.out.String(), "\n") != 2 {
		t.Errorf("JSON Lines: %s, %v", w.out, err)
	}
	w = output("json")
	var back []api.Group
	if err := w.Print(Groups(groups, nil)); err != nil || json.Unmarshal([]byte(w.out.String()), &back) != nil || len(back) != 2 || back[1].ID != "2" || back[1].DisplayName != "Sales" {
		t.Errorf("JSON: %s, %v", w.out, err)
	}
	w = output("table")
	failed := fmt.Errorf("no")
	if err := w.Print(Groups(groups, failed)); err != failed || w.out.Len() > 0 {
		t.Errorf("an error: %v, and %q", err, w.out)
	}
}

// TestSummary: a cycle is done only when nothing remains, and what failed is always told.
func TestSummary(t *testing.T) {
	ended := time.Unix(3, 0)
	cycle := api.Cycle{Began: time.Unix(0, 0), Ended: &ended}
	cycle.Counts.Created, cycle.Counts.Updated, cycle.Counts.Unchanged = 12, 5, 401
	for _, c := range []struct {
		clean bool
		held  int
		want  string
	}{
		{true, 0, "done in 3s: created 12 · updated 5 · failed 0 · same 401"},
		{false, 2, "ended after 3s: created 12 · updated 5 · failed 0 · held 2 · same 401"},
	} {
		cycle.Counts.Held = c.held
		if got := summary(cycle, c.clean); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
}

// TestRemains: what passes by itself is nothing that remains, and everything else does.
func TestRemains(t *testing.T) {
	s := &operate.State{}
	for _, v := range []operate.Value{operate.InStep, operate.Working, operate.Behind, operate.HeldBack, operate.Failing} {
		s.All = append(s.All, operate.Finding{Value: v})
	}
	got := Remains(s)
	if len(got) != 2 || got[0].Value != operate.HeldBack || got[1].Value != operate.Failing {
		t.Errorf("remains: %+v", got)
	}
	if Remains(nil) != nil {
		t.Error("something remains of what is not known")
	}
}

// TestWorst: a decision that somebody has to take counts more than a failure, and that more than what is under way.
func TestWorst(t *testing.T) {
	job := func(exit int) api.Job {
		return api.Job{Standing: &operate.State{Finding: operate.Finding{Exit: exit, Says: fmt.Sprint(exit)}}}
	}
	all := []api.Job{job(operate.ExitInStep)}
	if f, bad := Worst(all); bad {
		t.Errorf("in step ends with %d", f.Exit)
	}
	for _, exit := range []int{operate.ExitLater, operate.ExitSome, operate.ExitHeld} {
		all = append(all, job(exit))
		if f, bad := Worst(all); !bad || f.Exit != exit || f.Says != fmt.Sprint(exit) {
			t.Errorf("%d: ends with %+v", exit, f)
		}
	}
}

// TestUntold: a list of sign-outs ends with 0 only if every application has been told.
func TestUntold(t *testing.T) {
	told := time.Now()
	for _, c := range []struct {
		all  []api.SignOut
		exit int
	}{
		{nil, operate.ExitInStep},
		{[]api.SignOut{{Settled: &told}}, operate.ExitInStep},
		{[]api.SignOut{{Settled: &told}, {}}, operate.ExitLater},
		{[]api.SignOut{{}, {Settled: &told, Untold: 1}}, operate.ExitSome},
	} {
		if exit, _ := Untold(c.all); exit != c.exit {
			t.Errorf("%+v ends with %d, not %d", c.all, exit, c.exit)
		}
	}
}

// TestFailureOf: who mistyped is shown the help, who named what is not there is shown what there is, and a bug has no advice.
func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		err     error
		command string
		hint    string
	}{
		{&lockstep.Error{Code: lockstep.CodeNotFound}, "people show", "See what there is: lockstep people list"},
		{&lockstep.Error{Code: lockstep.CodeNotFound}, "app add", "See what there is: lockstep app gallery"},
		{&lockstep.Error{Code: lockstep.CodeUsage, Detail: "No."}, "app add", ""},
		{fmt.Errorf("broken"), "app add", ""},
	} {
		if f := FailureOf(c.err, c.command); f.Hint != c.hint || f.Message == "" || f.Doc != "docs/errors.md#"+string(f.Code) {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
}

// TestFailureAbout: what a failure is about is said once: by its message, or beside it as the flag or the field that it is.
func TestFailureAbout(t *testing.T) {
	flags := []string{"redirect-uris", "name"}
	for _, c := range []struct{ field, detail, about string }{
		{"", "No.", ""},
		{"redirect_uris", "Give a whole address.", "It is about --redirect-uris."},
		{"jwks_uri", "Give a whole address.", "It is about jwks_uri."},
		{"oauth.scope", "The Scope is too long.", ""},
		{"target userName", "userName is needed.", ""},
	} {
		err := fmt.Errorf("sent: %w", &lockstep.Error{Code: lockstep.CodeInvalid, Field: c.field, Detail: c.detail})
		if f := FailureOf(err, "client add"); f.Field != c.field || f.About(flags) != c.about {
			t.Errorf("%s: %q, about %q", c.field, f.Field, f.About(flags))
		}
	}
}
