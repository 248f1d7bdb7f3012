package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockstep/api"
)

// What a directory has that the source has not, or otherwise, is counted.
func TestImportedCompare(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/api/v1/users": `{"items":[
			{"id":"u1","user_name":"Ada@x","active":true,"attributes":{"userName":"Ada@x","title":"Head"}},
			{"id":"u2","user_name":"ben@x","active":true,"attributes":{"userName":"ben@x","title":"Engineer","` + enterprise + `":{"manager":{"value":"u1"}}}}]}`,
		"/api/v1/groups":            `{"items":[{"id":"g1","display_name":"All"},{"id":"g2","display_name":"Inner"}]}`,
		"/api/v1/groups/g1/members": `{"items":[{"kind":"User","id":"u1"},{"kind":"Group","id":"g2"}]}`,
		"/api/v1/groups/g2/members": `{"items":[]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	defer server.Close()
	for name, text := range answers {
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s is no JSON", name)
		}
	}
	person := func(x *imported, name, title, manager string) {
		x.person(func(column string) string { return map[string]string{"userName": name, "title": title}[column] }, true, manager)
	}
	for _, c := range []struct {
		name  string
		spoil func(x *imported)
		want  string // a part of what is told; "" is nothing
	}{
		{"the same", func(*imported) {}, ""},
		{"another title", func(x *imported) { delete(x.people, "ada@x"); person(x, "Ada@x", "Boss", "") }, "ada@x is not as in the source"},
		{"another manager", func(x *imported) { delete(x.people, "ben@x"); person(x, "ben@x", "Engineer", "") }, "ben@x is not as in the source"},
		{"a person more", func(x *imported) { person(x, "cy@x", "", "") }, "cy@x: no user"},
		{"a person less", func(x *imported) { delete(x.people, "ben@x") }, "ben@x: nobody of the source"},
		{"a person twice", func(x *imported) { person(x, "ben@x", "Engineer", "Ada@x") }, "the source has two"},
		{"a group more", func(x *imported) { x.group("Other") }, "group Other: not there"},
		{"a group less", func(x *imported) { delete(x.groups, "Inner") }, "group Inner: not in the source"},
		{"a member more", func(x *imported) { x.member("Inner", "User", "ben@x") }, "group Inner: User ben@x is missing"},
		{"a member less", func(x *imported) { delete(x.groups["All"], memberName("Group", "Inner")) }, "group All: Group Inner is no member"},
	} {
		x := newImported([]string{"userName", "title"})
		person(x, "Ada@x", "Head", "")
		person(x, "ben@x", "Engineer", "ada@X")
		x.group("Inner")
		x.member("All", "User", "ada@x")
		x.member("All", "Group", "Inner")
		c.spoil(x)
		m, err := x.compare(t.Context(), &api.Client{Base: server.URL})
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want == "" && m.count > 0, c.want != "" && (m.count == 0 || !strings.Contains(strings.Join(m.first, "\n"), c.want)):
			t.Errorf("%s: %d mismatches: %q, not %q", c.name, m.count, m.first, c.want)
		}
	}
}

func TestParseLDIF(t *testing.T) {
	t.Parallel()
	all, err := parseLDIF([]byte("dn: uid=a,dc=x\nobjectClass: top\nobjectClass: inetOrgPerson\ncn:: w4k=\ntitle: a: b\n\n# end\ndn:: ZGM9eA==\no:\n"))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	a := all[0]
	if a.dn != "uid=a,dc=x" || a.first("cn") != "É" || a.first("title") != "a: b" || !a.is("INETORGPERSON") || a.is("person") || all[1].dn != "dc=x" || all[1].first("o") != "" {
		t.Errorf("%+v", all)
	}
	if _, err := parseLDIF([]byte("dn: x\ncn:: é\n")); err == nil {
		t.Error("broken base64 is read")
	}
}
