package csvfile

import (
	"strings"
	"testing"

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

func valueAt(t *testing.T, o connection.Object, name string) any {
	t.Helper()
	path, err := filter.ParsePath(name)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := o.Values.Get(path.URN).(scim.Object)
	return in.Get(path.Attr)
}
