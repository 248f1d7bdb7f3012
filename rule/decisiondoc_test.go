package rule_test

import (
	"os"
	"strings"
	"testing"

	"lockstep"
	"lockstep/rule"
)

// situations are the rows of the table in docs/how-it-decides.md: the person and their account.
var situations = map[string]rule.Situation{
	"in scope | none matches":                                               {Enabled: true, In: true},
	"in scope | one matches, with the same values":                          {Enabled: true, In: true, Hits: 1},
	"in scope | one matches, with other values":                             {Enabled: true, In: true, Hits: 1, Differs: true},
	"in scope, blocked from signing in | none matches":                      {In: true},
	"in scope | linked, nothing differs":                                    {Enabled: true, In: true, Linked: true},
	"in scope | linked, values differ":                                      {Enabled: true, In: true, Linked: true, Differs: true},
	"in scope | linked, only managers or members differ":                    {Enabled: true, In: true, Linked: true, Refers: true},
	"in scope again | linked, disabled by us":                               {Enabled: true, In: true, Linked: true, Disabled: true, Differs: true},
	"in scope, blocked from signing in | linked":                            {In: true, Linked: true, Differs: true},
	"left scope, who leaves is disabled | linked":                           {Enabled: true, Linked: true, Differs: true},
	"left scope, who leaves is deleted | linked":                            {Enabled: true, Linked: true, Differs: true, Leave: rule.LeaveDelete},
	"left scope, who leaves is kept | linked":                               {Enabled: true, Linked: true, Differs: true, Leave: rule.LeaveKeep},
	"left scope and blocked, who leaves is kept | linked":                   {Linked: true, Differs: true, Leave: rule.LeaveKeep},
	"deleted at the source, restorable | linked":                            {Enabled: true, In: true, Linked: true, Differs: true, SoftDeleted: true},
	"deleted at the source for good | linked":                               {In: true, Linked: true, Differs: true, Gone: true},
	"deleted at the source for good, and deleting is switched off | linked": {In: true, Linked: true, Differs: true, Gone: true, Flow: "Add,Update"},
	"never in scope | none looked for":                                      {Enabled: true},
	"the filter cannot be evaluated | linked":                               {Enabled: true, Linked: true, Differs: true, Undecided: lockstep.CodeInternal},
	"a mapping fails | linked":                                              {Enabled: true, In: true, Linked: true, Differs: true, Problem: lockstep.CodeInternal},
	"a mapping fails, left scope | linked":                                  {Enabled: true, Linked: true, Differs: true, Problem: lockstep.CodeInternal},
	"in scope | linked, vanished at the target, none matches":               {Enabled: true, In: true, Linked: true, Vanished: true, Differs: true},
	"left scope | linked, vanished at the target":                           {Enabled: true, Linked: true, Vanished: true, Differs: true},
}

// The table of the page that explains decisions says what Decide does, row by row, and has each row once.
func TestDecisionPage(t *testing.T) {
	page, err := os.ReadFile("../docs/how-it-decides.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- decisions -->")
	table, _, found := strings.Cut(table, "<!-- end -->")
	if !found {
		t.Fatal("the page has no table of decisions")
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 3 {
			t.Fatalf("a row of %d cells: %s", len(cells), line)
		}
		name := cells[0] + " | " + cells[1]
		s, ok := situations[name]
		if !ok || seen[name] {
			t.Errorf("no situation, or a second time: %s", name)
			continue
		}
		seen[name] = true
		s.SoftDelete, s.Blocks = true, true // a target that can disable, and a mapping that does
		if got := rule.Decide(s).Kind; string(got) != cells[2] {
			t.Errorf("%s: the page says %s, Decide %s", name, cells[2], got)
		}
	}
	if len(seen) != len(situations) {
		t.Errorf("the page has %d of %d situations", len(seen), len(situations))
	}
}
