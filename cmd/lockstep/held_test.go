package main

import (
	"regexp"
	"slices"
	"testing"

	"github.com/alecthomas/kong"

	"lockstep"
	"lockstep/demo"
)

// TestHeldWords: what is decided about may be named first or by --app, and the commands that help and demo show are whole.
func TestHeldWords(t *testing.T) {
	const id = "01a2297a-af29-71fb-b219-a20246e80c46"
	for _, x := range []struct {
		args []string
		app  string
		ids  []lockstep.ActionID
		bad  bool
	}{
		{args: []string{"webex", "--all"}, app: "webex"},
		{args: []string{"--all", "--app", "webex"}, app: "webex"},
		{args: []string{"--all"}},
		{args: []string{"webex", id}, app: "webex", ids: []lockstep.ActionID{id}},
		{args: []string{id}, ids: []lockstep.ActionID{id}},
		{args: []string{"webex"}, app: "webex", bad: true},
		{args: []string{id, "--all"}, bad: true},
		{args: []string{"webex", "webex"}, app: "webex", bad: true},
		{args: []string{id, "webex"}, bad: true},
		{args: []string{"webex", "--app", "other", "--all"}, app: "other", bad: true},
		{bad: true},
	} {
		var all commands
		parser, err := kong.New(&all, kong.Name("lockstep"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(append([]string{"held", "approve"}, x.args...)); err != nil {
			t.Fatal(err)
		}
		d := &all.Held.Approve.decision
		ids, err := d.ids()
		if d.App != x.app || !slices.Equal(ids, x.ids) || (err != nil) != x.bad {
			t.Errorf("held approve %q: %q %q %v", x.args, d.App, ids, err)
		}
	}
	texts := slices.Clone(examples["held approve"])
	for _, trouble := range demo.Troubles() {
		texts = append(texts, trouble.Mend)
	}
	n := 0
	for _, text := range texts {
		for _, m := range decided.FindAllStringSubmatch(text, -1) {
			n++
			d := decision{Of: []string{m[1]}, All: true}
			if _, err := d.ids(); err != nil {
				t.Errorf("%s: %v", m[0], err)
			}
		}
	}
	if n < 2 {
		t.Errorf("%d commands were found", n)
	}
}

var decided = regexp.MustCompile(`held (?:approve|reject) (\S+) --all`)
