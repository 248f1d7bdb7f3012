package demo

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"lockstep/webexorg"
)

// small is a company with nested groups and three levels of managers.
func small() Company { return Company{People: 40, Groups: 12} }

// ideal is an organisation that holds exactly what the company expects. The ids are those of the files.
func ideal(c Company) *holdings {
	h := &holdings{accounts: map[string]*account{}, groups: map[string]string{}, members: map[string][]string{}}
	for i := range c.People {
		p := c.Person(i)
		a := &account{Active: true, UserType: "user"}
		for n, column := range personColumns[:Mapped] {
			a.set(column, p.Values[n])
		}
		if p.Manager >= 0 {
			a.setManager(PersonID(p.Manager))
		}
		h.accounts[PersonID(i)] = a
	}
	for g := range c.Groups {
		h.groups[GroupID(g)] = GroupName(g)
		for _, i := range c.Members(g) {
			h.members[GroupID(g)] = append(h.members[GroupID(g)], PersonID(i))
		}
	}
	return h
}

// TestCompareSeesEveryDifference plants differences: a check that cannot fail is worth nothing.
func TestCompareSeesEveryDifference(t *testing.T) {
	for _, test := range []struct {
		name  string
		plant func(*holdings)
		want  []string
	}{
		{"nothing", func(*holdings) {}, nil},
		{"wrong title", func(h *holdings) { h.accounts["p7"].Title = "Boss" }, []string{
			`person7@acme.example: title is "Boss" instead of "Designer"`,
		}},
		{"lost number", func(h *holdings) { h.accounts["p7"].PhoneNumbers = nil }, []string{
			`person7@acme.example: phoneNumbers[type eq "work"].value is "" instead of "+41 44 0000007"`,
		}},
		{"what nobody mapped", func(h *holdings) { h.accounts["p7"].ProfileURL = "https://x" }, []string{
			`person7@acme.example: profileUrl is "https://x" instead of ""`,
		}},
		{"disabled", func(h *holdings) { h.accounts["p7"].Active = false }, []string{"person7@acme.example: active is false instead of true"}},
		{"wrong manager", func(h *holdings) { h.accounts["p9"].setManager("p0") }, []string{
			`person9@acme.example: the manager is "person0@acme.example" instead of "person1@acme.example"`,
		}},
		{"no manager", func(h *holdings) { h.accounts["p9"].setManager("") }, []string{
			`person9@acme.example: the manager is "" instead of "person1@acme.example"`,
		}},
		{"a manager who is nobody", func(h *holdings) { h.accounts["p9"].setManager("p999") }, []string{
			`person9@acme.example: the manager is "nobody" instead of "person1@acme.example"`,
		}},
		{"missing account", func(h *holdings) { delete(h.accounts, "p39") }, []string{
			"person39@acme.example: no account", "group Group 0: the member p39 is no account", "group Group 0: person39@acme.example is not in it",
			"group Group 3: the member p39 is no account", "group Group 3: person39@acme.example is not in it",
		}},
		{"an account too many", func(h *holdings) { h.accounts["x"] = &account{UserName: "x@acme.example"} }, []string{
			"x@acme.example: an account that nobody should have",
		}},
		{"two accounts", func(h *holdings) { h.accounts["x"] = h.accounts["p7"] }, []string{"person7@acme.example: two accounts, p7 and x"}},
		{"missing member", func(h *holdings) { h.members["g5"] = h.members["g5"][1:] }, []string{"group Group 5: person5@acme.example is not in it"}},
		{"wrong member", func(h *holdings) { h.members["g5"] = append(h.members["g5"], "p0") }, []string{"group Group 5: person0@acme.example is in it"}},
		{"missing group", func(h *holdings) { delete(h.groups, "g5") }, []string{"group Group 5: it is missing"}},
		{"a group too many", func(h *holdings) { h.groups["x"] = "X" }, []string{"group X: nobody asked for it"}},
		{"two groups", func(h *holdings) { h.groups["x"], h.members["x"] = "Group 5", h.members["g5"] }, []string{"group Group 5: there are two"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := ideal(small())
			test.plant(h)
			m := small().expect().compare(h)
			if m.count != len(test.want) || !slices.Equal(m.first, test.want) {
				t.Errorf("counted %d:\n%s\nwant\n%s", m.count, strings.Join(m.first, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestCompareLeavesGroupsOfTheDisabledAlone(t *testing.T) {
	e, h := small().expect(), ideal(small())
	e.people["person7@acme.example"].active = false
	delete(e.groups["Group 7"], "person7@acme.example")
	h.accounts["p7"].Active = false
	if m := e.compare(h); m.count != 0 {
		t.Errorf("%q", m.first)
	}
	h.accounts["p7"].Active = true
	if m := e.compare(h); m.count != 1 {
		t.Errorf("an account that is not disabled: %q", m.first)
	}
}

func TestCompareTellsOnlySome(t *testing.T) {
	c := small()
	if m := c.expect().compare(&holdings{}); m.count != c.People+c.Groups || len(m.first) != samples {
		t.Errorf("%d mismatches, %d told; want %d and %d", m.count, len(m.first), c.People+c.Groups, samples)
	}
}

// TestFilesSayWhatTheGeneratorSays checks the two ways to an expectation against each other.
func TestFilesSayWhatTheGeneratorSays(t *testing.T) {
	c, dir := small(), t.TempDir()
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	r, err := readRoster(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, want := r.expect(design{columns: personColumns[:Mapped]}), c.expect()
	if len(got.people) != c.People || !maps.EqualFunc(got.groups, want.groups, maps.Equal) {
		t.Errorf("%d people; groups %v, want %v", len(got.people), got.groups, want.groups)
	}
	for k, p := range want.people {
		q := got.people[k]
		if q == nil || q.manager != p.manager || !slices.Equal(q.values, p.values[:Mapped]) {
			t.Errorf("%s: %+v, want %+v", k, q, p)
		}
	}
}

func TestCompany(t *testing.T) {
	c := small()
	for g := range c.Groups {
		for _, in := range c.Inside(g) {
			if around := c.Around(in); !slices.Equal(around, []int{g}) {
				t.Errorf("group %d contains %d, which is in %v", g, in, around)
			}
		}
		for _, outer := range c.Around(g) {
			if !slices.Contains(c.Inside(outer), g) && outer < c.Groups {
				t.Errorf("group %d is not in %d", g, outer)
			}
		}
	}
	led := map[int]int{}
	for i := range c.People {
		p := c.Person(i)
		if len(p.Values) != len(personColumns) || len(p.Values) != 20 {
			t.Fatalf("person %d has %d attributes for %d columns", i, len(p.Values), len(personColumns))
		}
		if p.Manager >= i {
			t.Errorf("person %d has manager %d", i, p.Manager)
		}
		led[p.Manager]++
	}
	if delete(led, -1); slices.Max(slices.Collect(maps.Values(led))) != Span {
		t.Errorf("spans: %v", led)
	}
	if got := c.Members(0); !slices.Contains(got, 0) || !slices.Contains(got, 3) || slices.Contains(got, 4) {
		t.Errorf("group 0 has %v", got)
	}
}

// served is a universe on loopback with an organisation.
func served(t *testing.T) *org {
	t.Helper()
	u, err := webexorg.New(webexorg.Config{Control: "c"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(u.Handler())
	t.Cleanup(s.Close)
	o, err := universeAt(s.URL, "c").add(t.Context(), webexorg.OrgConfig{Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestBareWriter checks that the bare writer sends what an engine has to: all is as expected but the managers, who all are the
// first person.
func TestBareWriter(t *testing.T) {
	for _, limit := range []float64{0, 150} {
		o, c := served(t), Company{People: 700, Groups: 1}
		if err := o.misbehave(t.Context(), webexorg.Knobs{Rate: limit}); err != nil {
			t.Fatal(err)
		}
		b := newBare(c, o, 4, 0) // unpaced: with a limit it meets answers 429
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		h, err := o.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := c.expect()
		for i := range c.People {
			if i > 0 {
				want.people[key(c.UserName(i))].manager = c.UserName(0)
			}
		}
		if m := want.compare(h); m.count != 0 {
			t.Errorf("%d mismatches: %q", m.count, m.first)
		}
		counts, err := o.counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if counts.all-counts.throttled != c.People+2 || (counts.throttled > 0) != (limit > 0) {
			t.Errorf("%+v, want %d requests", counts, c.People+2) // 700 members take two
		}
	}
}

func TestUniverse(t *testing.T) {
	o := served(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := o.add(ctx, webexorg.OrgConfig{ID: "no uuid"}); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a bad organisation: %v", err)
	}
	if err := o.drop(ctx); err != nil {
		t.Error(err)
	}
	if _, err := o.read(ctx); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("read what is gone: %v", err)
	}
	o.Token = "wrong"
	if err := o.resetCounts(ctx); err == nil || !strings.Contains(err.Error(), http.StatusText(http.StatusUnauthorized)) {
		t.Errorf("with a wrong token: %v", err)
	}
	cancel()
	if _, err := o.counts(ctx); err == nil {
		t.Error("no error after the end")
	}
}
