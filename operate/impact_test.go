package operate

import (
	"strings"
	"testing"

	"lockstep/provision"
	"lockstep/rule"
)

func TestImpactSays(t *testing.T) {
	for want, i := range map[string]provision.Impact{
		"Nobody is touched.":     {Looked: 5},
		"1 person: 1 to update.": {Touched: map[string]int{"User": 1}, Kinds: map[rule.Kind]int{rule.Update: 1}},
		"3 people and 1 group: 1 to create, 3 to disable; the guard would hold 3.": {Touched: map[string]int{"User": 3, "Group": 1}, Kinds: map[rule.Kind]int{rule.Disable: 3, rule.Create: 1}, Held: 3},
		"2 people: 2 to delete, among the 500 looked at so far.":                   {Touched: map[string]int{"User": 2}, Kinds: map[rule.Kind]int{rule.Delete: 2}, Partial: true, Looked: 500},
	} {
		if got := (DraftImpact{Impact: i}).Says(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	all := strings.Join(DraftImpact{Impact: provision.Impact{LetGo: 1, Failed: 2, Unread: true}}.Means(), "\n")
	for _, part := range []string{"memberships", "1 object in scope would not be looked after", "2 objects could not be planned", "never read"} {
		if !strings.Contains(all, part) {
			t.Errorf("%q is not told: %s", part, all)
		}
	}
}
