package csvfile

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"lockstep/connection"
)

// TestDocumentation reads the examples of the how-to page.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/how-to/csv-files.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, m := range regexp.MustCompile("(?s)```csv (\\S+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		files = append(files, m[1], m[2])
	}
	if len(files) != 6 {
		t.Fatalf("%d examples", len(files)/2)
	}
	_, f := reader(t, files...)
	people, hidden, last := readAll(t, f, connection.Read{Type: connection.UserType})
	if len(people) != 3 || len(hidden) != 0 || len(last.Notes) == 0 || people["1003"].Enabled || people["1003"].References[0].Name != people["1001"].Names[1] {
		t.Errorf("%+v, hidden: %v", people, hidden)
	}
	groups, hidden, _ := readAll(t, f, connection.Read{Type: connection.GroupType})
	if len(groups) != 2 || len(hidden) != 0 || len(groups["eng"].References) != 3 || len(groups["platform"].References) != 1 {
		t.Errorf("%+v, hidden: %v", groups, hidden)
	}
	for _, name := range []string{"people", "groups", "memberships", "id", "delimiter", "encoding", "max_bytes"} {
		if !strings.Contains(string(page), "`"+name+"`") || !strings.Contains(string(Template()), `"name": "`+name+`"`) {
			t.Errorf("the setting %s is not described", name)
		}
	}
}
