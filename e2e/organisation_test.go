package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/webexorg"
)

// organisation is a Webex organisation on loopback. Its address has no verified-domain rule unless the test adds one.
type organisation struct {
	t        testing.TB
	universe *webexorg.Universe
	*webexorg.Org
	server *httptest.Server
	token  string
}

// newOrganisation starts one. wrap, when it is not nil, stands before the organisation and sees every request.
func newOrganisation(t testing.TB, wrap func(http.Handler) http.Handler) *organisation {
	t.Helper()
	universe, err := webexorg.New(webexorg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	org, err := universe.AddOrg(webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example"}, Enforce: true})
	if err != nil {
		t.Fatal(err)
	}
	token, err := org.IssueToken(webexorg.ReadWrite, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	handler := universe.Handler()
	if wrap != nil {
		handler = wrap(handler)
	}
	o := &organisation{t: t, universe: universe, Org: org, server: httptest.NewServer(handler), token: token}
	t.Cleanup(o.server.Close)
	return o
}

// endpoint is the address of the organisation's SCIM service.
func (o *organisation) endpoint() string { return o.server.URL + "/identity/scim/" + o.ID() + "/v2" }

// account is a user of a target as tests compare them: by attribute, in flat form.
type account map[string]string

// holdings is all that a target has: accounts by user name, and the names of each group's members, sorted. Names that occur
// twice are a fault by themselves.
type holdings struct {
	people map[string]account
	groups map[string][]string
	twice  []string
}

// resource is a user or a group in SCIM's form, as far as tests look.
type resource struct {
	ID          string `json:"id"`
	ExternalID  string `json:"externalId"`
	UserName    string `json:"userName"`
	DisplayName string `json:"displayName"`
	NickName    string `json:"nickName"`
	Title       string `json:"title"`
	Active      *bool  `json:"active"`
	Name        struct {
		GivenName  string `json:"givenName"`
		FamilyName string `json:"familyName"`
	} `json:"name"`
	PhoneNumbers []struct{ Type, Value string } `json:"phoneNumbers"`
	Emails       []struct{ Type, Value string } `json:"emails"`
	Addresses    []struct{ Type, Locality, Country, PostalCode string }
	Enterprise   struct {
		Department     string `json:"department"`
		EmployeeNumber string `json:"employeeNumber"`
		Manager        struct {
			Value string `json:"value"`
		} `json:"manager"`
	} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	Members []struct {
		Value string `json:"value"`
	} `json:"members"`
}

// account returns the user without what is empty.
func (r *resource) account() account {
	a := account{
		"userName": r.UserName, "displayName": r.DisplayName, "nickName": r.NickName, "title": r.Title,
		"name.givenName": r.Name.GivenName, "name.familyName": r.Name.FamilyName,
		"department": r.Enterprise.Department,
	}
	if r.Active != nil {
		a["active"] = fmt.Sprint(*r.Active)
	}
	for _, p := range r.PhoneNumbers {
		a["phone."+p.Type] = p.Value
	}
	for _, p := range r.Addresses {
		a["locality."+p.Type], a["country."+p.Type], a["postalCode."+p.Type] = p.Locality, p.Country, p.PostalCode
	}
	maps.DeleteFunc(a, func(_, v string) bool { return v == "" })
	return a
}

// hold puts resources together into holdings.
func hold(users, groups []resource) holdings {
	h := holdings{people: map[string]account{}, groups: map[string][]string{}}
	names, keys := map[string]string{}, map[string]bool{}
	once := func(what, key string) {
		if key != "" && keys[what+key] {
			h.twice = append(h.twice, what+" "+key)
		}
		keys[what+key] = true
	}
	for _, u := range users {
		names[u.ID] = strings.ToLower(u.UserName)
		once("userName", names[u.ID])
		once("user's externalId", u.ExternalID)
	}
	for _, u := range users {
		a := u.account()
		if m := u.Enterprise.Manager.Value; m != "" {
			a["manager"] = cmp.Or(names[m], "nobody: "+m)
		}
		h.people[names[u.ID]] = a
	}
	for _, g := range groups {
		once("group", strings.ToLower(g.DisplayName))
		once("group's externalId", g.ExternalID)
		members := []string{}
		for _, m := range g.Members {
			members = append(members, cmp.Or(names[m.Value], "nobody: "+m.Value))
		}
		slices.Sort(members)
		h.groups[g.DisplayName] = members
	}
	return h
}

// holdings reads all that the organisation has, past its SCIM service.
func (o *organisation) holdings() holdings {
	o.t.Helper()
	var dump bytes.Buffer
	if err := o.Dump(&dump); err != nil {
		o.t.Fatal(err)
	}
	var users, groups []resource
	place := map[string]int{}
	for decoder := json.NewDecoder(&dump); decoder.More(); {
		var line struct {
			Kind, ID, Group, Member string
			Resource                resource
		}
		if err := decoder.Decode(&line); err != nil {
			o.t.Fatal(err)
		}
		line.Resource.ID = line.ID
		switch line.Kind {
		case "user":
			users = append(users, line.Resource)
		case "group":
			place[line.ID] = len(groups)
			groups = append(groups, line.Resource)
		case "member":
			g := &groups[place[line.Group]]
			g.Members = append(g.Members, struct {
				Value string `json:"value"`
			}{line.Member})
		}
	}
	return hold(users, groups)
}

// compare returns how two holdings differ, in words; "" is not at all. Only accounts' attributes that one of the sides wants
// are named, so that what a target adds by itself can be left out with ignore.
func compare(want, got holdings, ignore ...string) string {
	var out []string
	for _, s := range got.twice {
		out = append(out, "twice: "+s)
	}
	for _, name := range both(want.people, got.people) {
		w, g := want.people[name], got.people[name]
		switch {
		case w == nil:
			out = append(out, name+": nobody wants this account")
			continue
		case g == nil:
			out = append(out, name+": no account")
			continue
		}
		for _, attribute := range both(w, g) {
			if w[attribute] != g[attribute] && !slices.Contains(ignore, attribute) {
				out = append(out, fmt.Sprintf("%s: %s is %q, not %q", name, attribute, g[attribute], w[attribute]))
			}
		}
	}
	for _, name := range both(want.groups, got.groups) {
		w, g := want.groups[name], got.groups[name]
		if (w == nil) != (g == nil) || !slices.Equal(w, g) {
			out = append(out, fmt.Sprintf("group %s: %q, not %q", name, g, w))
		}
	}
	if n := len(out); n > 20 {
		out = append(out[:20], fmt.Sprintf("and %d more", n-20))
	}
	return strings.Join(out, "\n")
}

func both[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// check fails the test unless the organisation has what is wanted.
func (o *organisation) check(want holdings, ignore ...string) {
	o.t.Helper()
	if problem := compare(want, o.holdings(), ignore...); problem != "" {
		o.t.Errorf("the organisation is not as it should be:\n%s", problem)
	}
}

// writes returns how many commits the organisation has seen, by operation and kind, such as "create User".
func (o *organisation) writes(since int64) (counts map[string]int, last int64) {
	commits, last := o.universe.Commits(since, 1<<17)
	counts = map[string]int{}
	for _, c := range commits {
		counts[c.Op+" "+c.Kind]++
	}
	return counts, last
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(one string) bool { return one == s })
}
