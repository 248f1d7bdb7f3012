package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// TestHeldBack: rows by kind and type, "!" for one that was approved; which of them wait.
func TestHeldBack(t *testing.T) {
	few := rule.GuardLimit{Count: 2, Percent: 1}
	for _, c := range []struct {
		name  string
		job   Job
		rows  string
		holds string
	}{
		{"nothing", Job{Policy: Policy{Guard: few}}, "", ""},
		{"as many as may be", Job{Policy: Policy{Guard: few}}, "disable.User disable.User", ""},
		{"too many", Job{Policy: Policy{Guard: few}}, "disable.User disable.User disable.User update.User", "0 1 2"},
		{"disabled and deleted count together", Job{Policy: Policy{Guard: few}}, "disable.User disable.User delete.User", "0 1 2"},
		{"groups", Job{Policy: Policy{Guard: few}}, "delete.Group delete.Group delete.Group disable.Group", "0 1 2"},
		{"values taken away", Job{Policy: Policy{Guard: few}}, "clears.User clears.User clears.User update.User", "0 1 2"},
		{"groups that are disabled do no harm", Job{Policy: Policy{Guard: few}}, "disable.Group disable.Group disable.Group", ""},
		{"nor do objects of another type", Job{Policy: Policy{Guard: few}}, "delete.Device delete.Device delete.Device", ""},
		{"of groups they do no harm", Job{Policy: Policy{Guard: few}}, "clears.Group clears.Group clears.Group", ""},
		{"the approved neither count nor wait", Job{Policy: Policy{Guard: few}}, "disable.User! disable.User disable.User", ""},
		{"nor do they let others go", Job{Policy: Policy{Guard: few}}, "disable.User! disable.User disable.User disable.User", "1 2 3"},
		{"whom nobody else keeps enabled is disabled by letting go", Job{Policy: Policy{Guard: few}}, "switched.User disable.User disable.User", "0 1 2"},
		{"letting go is counted apart", Job{Policy: Policy{Guard: few}}, "release.User disable.User disable.User", ""},
		{"and goes too far by itself", Job{Policy: Policy{Guard: few}}, "release.User release.User release.Group", "0 1 2"},
		{"off", Job{Policy: Policy{Guard: rule.GuardLimit{Off: true}}}, "disable.User disable.User disable.User", ""},
		{"another system holds a single one", Job{Elsewhere: true, Policy: Policy{Guard: rule.GuardLimit{Off: true}}}, "disable.User update.User", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, h := range c.job.heldBack(harmful(c.rows), map[string]int{"User": 100, "Group": 100}) {
				if h.To != Held || h.From != Planned || h.Code != lockstep.CodeGuardHeld || strings.Contains(h.Detail, "another system") != c.job.Elsewhere {
					t.Errorf("%+v", h)
				}
				got = append(got, string(h.ID))
			}
			if s := strings.Join(got, " "); s != c.holds {
				t.Errorf("held: %s, want %s", s, c.holds)
			}
		})
	}
}

func harmful(text string) (rows []Action) {
	for i, word := range strings.Fields(text) {
		kind, typ, _ := strings.Cut(word, ".")
		a := Action{ID: lockstep.ActionID(fmt.Sprint(i)), Kind: rule.Kind(kind), State: Planned}
		if kind == "clears" {
			a.Kind, a.Code = rule.Update, lockstep.CodeClears
		}
		if kind == "switched" {
			a.Kind, a.Effect = rule.Release, &connection.Effect{After: scim.Object{{Name: "active", Value: false}}}
		}
		if a.Source.Type = strings.TrimSuffix(typ, "!"); a.Source.Type != typ {
			a.Decided.At = time.Unix(1, 0)
		}
		rows = append(rows, a)
	}
	return rows
}
