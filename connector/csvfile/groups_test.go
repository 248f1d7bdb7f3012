package csvfile

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
)

// TestRepeats checks that repeated ids are found however few are remembered at a time.
func TestRepeats(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, limit := range []int{2, 3, 10, 1000} {
		x := &repeats{seed: maphash.MakeSeed(), upto: math.MaxUint64, limit: limit}
		count := map[string]int{}
		var ids []string
		for range 500 {
			id := fmt.Sprint(random.IntN(700))
			ids = append(ids, id)
			count[id]++
		}
		passes := 0
		for again := true; again; again = x.next() {
			if passes++; passes > 2000 {
				t.Fatal("it does not end")
			}
			for _, id := range ids {
				x.add(x.hash([]byte(id)))
			}
			if len(x.keys) > limit {
				t.Errorf("%d keys, more than %d", len(x.keys), limit)
			}
		}
		for id, n := range count {
			if x.has([]byte(id)) != (n > 1) {
				t.Errorf("limit %d: %q stands in %d rows, has says %v", limit, id, n, x.has([]byte(id)))
			}
		}
		if limit == 1000 && passes != 1 || limit == 10 && passes < 5 {
			t.Errorf("limit %d: %d passes", limit, passes)
		}
	}
}

// TestMemberships checks the members of groups against a map, for memberships in any order and windows of any size.
func TestMemberships(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	want := map[string]map[string]bool{}
	var groups, memberships strings.Builder
	groups.WriteString("id,displayName,members\n")
	memberships.WriteString("member,group\n")
	for g := range 40 {
		id := fmt.Sprintf("g%d", g)
		want[id] = map[string]bool{"p1": true}
		fmt.Fprintf(&groups, "%s,Group,P1;;p1\n", id)
	}
	for range 600 {
		g, p := fmt.Sprintf("g%d", random.IntN(40)), fmt.Sprintf("p%d", random.IntN(50))
		want[g][p] = true
		fmt.Fprintf(&memberships, "%s,%s\n", p, g)
	}
	_, f := reader(t, "people.csv", people(50), "groups.csv", groups.String(), "memberships.csv", memberships.String())
	for _, window := range []uint32{1, 20, 100, 1 << 20} {
		f.limits.window = window
		objects, hidden, _ := readAll(t, f, connection.Read{Type: connection.GroupType})
		if len(objects) != 40 || len(hidden) != 0 {
			t.Fatalf("%d groups, %v", len(objects), hidden)
		}
		for id, o := range objects {
			got := map[string]bool{}
			for _, e := range o.References {
				if got[e.Name] || e.Attribute != connection.Members || e.To.ID != "" {
					t.Errorf("%+v twice, or wrong", e)
				}
				got[e.Name] = true
			}
			if diff := cmp.Diff(want[id], got); diff != "" {
				t.Errorf("window %d, %s: %s", window, id, diff)
			}
		}
	}
	f.limits.members = 15
	objects, hidden, _ := readAll(t, f, connection.Read{Type: connection.GroupType})
	if len(hidden) == 0 || len(hidden)+len(objects) != 40 || lockstep.CodeOf(hidden[0].Err) != lockstep.CodeSourceLimit {
		t.Errorf("groups that are too large: %d hidden, %d listed", len(hidden), len(objects))
	}
}

func TestReaderGet(t *testing.T) {
	_, f := reader(t, "people.csv", people(20)+"p3,again,x,\np30,broken\n,nobody,x,\n", "groups.csv", "id,displayName\ng,One\n", "memberships.csv", "group,member\ng,p1\n")
	user := func(id string) connection.Ref { return connection.Ref{Type: connection.UserType, ID: id} }
	got, err := f.Get(t.Context(), user("p19"), user("p1"), connection.Ref{Type: connection.GroupType, ID: "g"}, connection.Ref{Type: connection.GroupType, ID: "p1"})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if !slices.ContainsFunc(got, func(o connection.Object) bool { return o.Name == "u19@example.com" && len(o.References) == 1 }) ||
		!slices.ContainsFunc(got, func(o connection.Object) bool { return o.ID == "g" && len(o.References) == 1 }) {
		t.Errorf("%+v", got)
	}
	for id, code := range map[string]lockstep.Code{"p3": lockstep.CodeSourceDuplicate, "p30": lockstep.CodeSourceRow, "somebody": lockstep.CodeSourceRow} {
		if got, err := f.Get(t.Context(), user("p1"), user(id)); lockstep.CodeOf(err) != code {
			t.Errorf("%s may be in a row that cannot be read: %v, %v", id, got, err)
		}
	}
	_, f = reader(t, "people.csv", people(20))
	if got, err := f.Get(t.Context(), user("p19"), user("somebody")); len(got) != 1 || err != nil {
		t.Errorf("somebody is not there: %v, %v", got, err)
	}
}

func TestCheck(t *testing.T) {
	_, f := reader(t, "people.csv", people(3)+"broken\n", "groups.csv", "id;displayName\ng;All\n")
	var checks []connection.Check
	if err := f.Test(t.Context(), func(c connection.Check) { checks = append(checks, c) }); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`utf-8, delimiter ','; of 4 rows 1 cannot be used. The first one: people.csv, line 5: This row cannot be read: it has 1 cells, the header has 4. [source.bad_row] The column "id" holds the id. These columns are attributes: userName, name.givenName.`,
		`utf-8, delimiter ';'; of 1 rows each can be used. The column "id" holds the id. These columns are attributes: displayName.`,
	}
	for i, c := range checks {
		if c.Detail != want[i] || !c.OK {
			t.Errorf("%+v", c)
		}
	}
	if len(checks) != len(want) {
		t.Error(checks)
	}
	for code, text := range map[lockstep.Code]string{
		lockstep.CodeSourceMissing: "", lockstep.CodeSourceEmpty: "id\n", lockstep.CodeSourceMalformed: "name\nx\n", lockstep.CodeSourceEncoding: "id,n\n1,Pawe\xb3ek\n",
	} {
		_, f := reader(t)
		if text != "" {
			_, f = reader(t, "people.csv", text)
		}
		checks = nil
		if err := f.Test(t.Context(), func(c connection.Check) { checks = append(checks, c) }); lockstep.CodeOf(err) != code || len(checks) != 1 || checks[0].OK || checks[0].Code != code {
			t.Errorf("%q: %v, %+v", text, err, checks)
		}
	}
}
