package csvfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

const (
	enterprise = scim.EnterpriseUserURN + ":"
	own        = "urn:example:acme:1.0:User:"
)

// A heading that is the short name of an extension's attribute is that attribute: people write department, as in a scoping filter.
func TestShortHeadings(t *testing.T) {
	const header = "id,userName,Department,employeeNumber,costCenter,division,organization,badge,manager\n"
	_, f := reader(t, "people.csv", header+"1,ada,Sales,042,C1,North,Acme,B7,2\n2,bob,,,,,,,\n")
	all := []string{enterprise + "department", enterprise + "employeeNumber", enterprise + "costCenter", enterprise + "division", enterprise + "organization"}
	values := []string{"Sales", "042", "C1", "North", "Acme"}
	for name, r := range map[string]connection.Read{
		"everything": {Type: connection.UserType},
		"paths":      {Type: connection.UserType, Paths: append([]string{"userName", own + "badge"}, all...)},
	} {
		objects, hidden, last := readAll(t, f, r)
		if len(hidden) > 0 {
			t.Errorf("%s: %v", name, hidden)
		}
		for i, path := range all {
			if got := valueAt(t, objects["1"], path); got != values[i] {
				t.Errorf("%s: %s is %v, want %q", name, path, got, values[i])
			}
			if got := valueAt(t, objects["2"], path); got != nil {
				t.Errorf("%s: an empty cell gives %s %v", name, path, got)
			}
		}
		if got := objects["1"].Values.Get("department"); got != "Sales" {
			t.Errorf("%s: a mapping from [department] finds %v", name, got)
		}
		if notes := strings.Join(last.Notes, "\n"); !strings.Contains(notes, "are attributes: userName, Department, employeeNumber") {
			t.Errorf("%s: %s", name, notes)
		}
	}
	objects, _, _ := readAll(t, f, connection.Read{Type: connection.UserType, Paths: []string{own + "badge"}})
	if got := valueAt(t, objects["1"], own+"badge"); got != "B7" {
		t.Errorf("an attribute of a tenant's own: %v", got)
	}
	objects, _, _ = readAll(t, f, connection.Read{Type: connection.UserType, Paths: []string{own + "badge", "urn:example:other:1.0:User:badge"}})
	if len(objects["1"].Values) != 2 { // badge and active
		t.Errorf("two extensions have a badge: %v", objects["1"].Values)
	}
}

// The full name counts more than the short one beside it, which is then what a mapping may name.
func TestFullHeadingBesideShort(t *testing.T) {
	_, f := reader(t, "people.csv", "id,department,"+enterprise+"department\n1,short,full\n")
	objects, _, _ := readAll(t, f, connection.Read{Type: connection.UserType})
	if got := valueAt(t, objects["1"], enterprise+"department"); got != "full" {
		t.Errorf("the full name gives %v", got)
	}
	if got := objects["1"].Values.Get("department"); got != "short" {
		t.Errorf("the short name gives %v", got)
	}
}

// A heading that was misspelt is told with the name that was meant.
func TestMisspeltHeading(t *testing.T) {
	_, f := reader(t, "people.csv", "id,titel,departmnt,shoe size\n1,a,b,c\n")
	_, _, last := readAll(t, f, connection.Read{Type: connection.UserType})
	if notes := strings.Join(last.Notes, "\n"); !strings.Contains(notes, `"titel" (did you mean title?), "departmnt" (did you mean department?), "shoe size".`) {
		t.Error(notes)
	}
}

// A column that was read and is gone takes nobody's value away: the file is refused until somebody says that it is meant.
func TestLostColumn(t *testing.T) {
	paths := []string{"userName", "title", enterprise + "department"}
	const whole = "id,userName,title,department,active,manager,shoe\n1,ada,Engineer,Sales,yes,,42\n2,bob,Clerk,Law,no,1,43\n"
	for _, c := range []struct{ header, lost string }{
		{"id,userName,titel,department,active,manager,shoe", `"title"`},
		{"id,userName,title,dept,active,manager,shoe", `"department"`},
		{"id,userName,title,department,aktiv,manager,shoe", `"active"`},
		{"id,userName,title,department,active,boss,shoe", `"manager"`},
		{"id,userName,Title," + enterprise + "department,ACTIVE,manager,size", ""},
	} {
		dir, f := reader(t, "people.csv", whole)
		ask := connection.Read{Type: connection.UserType, Paths: paths}
		_, _, last := readAll(t, f, ask)
		ask.Since = last.Mark
		all, err := pages(t, f, ask)
		if err != nil || all[0].Reach != connection.Unchanged || all[0].Mark != last.Mark {
			t.Fatalf("the same bytes: %+v, %v", all, err)
		}
		ask.Since = all[0].Mark
		_, rows, _ := strings.Cut(whole, "\n")
		write(t, dir, "new", c.header+"\n"+rows)
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "people.csv")); err != nil {
			t.Fatal(err)
		}
		_, err = pages(t, f, ask)
		if c.lost == "" {
			if err != nil {
				t.Errorf("%s: %v", c.header, err)
			}
			continue
		}
		if lockstep.CodeOf(err) != lockstep.CodeSourceMalformed || !strings.Contains(lockstep.Said(err), "no longer has a column for "+c.lost) {
			t.Errorf("%s: %v", c.header, err)
		}
		again := ask
		again.Whole = true
		if objects, _, _ := readAll(t, f, again); len(objects) != 2 {
			t.Errorf("%s: it was meant: %v", c.header, objects)
		}
		other := ask
		other.Since = ""
		if objects, _, _ := readAll(t, f, other); len(objects) != 2 {
			t.Errorf("%s: other columns are asked for: %v", c.header, objects)
		}
	}
}

func valueAt(t *testing.T, o connection.Object, name string) any {
	t.Helper()
	path, err := filter.ParsePath(name)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := o.Values.Get(path.URN).(scim.Object)
	return in.Get(path.Attr)
}
