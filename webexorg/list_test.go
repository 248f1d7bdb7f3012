package webexorg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// TestUserFilters checks every line of Webex's table of filters, and that nothing else is served.
func TestUserFilters(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	boss := p.do(201, "POST", "/Users", `{"userName":"boss@example.com","displayName":"The Boss"}`).body.Text("id")
	one := p.do(201, "POST", "/Users", `{"userName":"one@example.com","displayName":"First Person","nickName":"Uno","externalId":"x1",
		"name":{"givenName":"Ann","middleName":"Beth","familyName":"Clark","formatted":"Ann Beth Clark"},
		"emails":[{"value":"one@example.com","type":"work","primary":true,"display":"Work mail"}],
		"phoneNumbers":[{"value":"+1 111","type":"work","display":"desk"},{"value":"+1 222","type":"mobile"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"E1","costCenter":"C1","organization":"O1",
		"division":"V1","department":"D1","manager":{"value":"`+boss+`"}}}`).body.Text("id")
	two := p.do(201, "POST", "/Users", `{"userName":"two@example.com","displayName":"Second Person"}`).body.Text("id")
	all := []string{boss, one, two}
	for filter, want := range map[string][]string{
		`userName eq "ONE@example.com"`:                                    {one},
		`userName sw "t"`:                                                  {two},
		`userName ew "@example.com"`:                                       all,
		`id eq "` + one + `"`:                                              {one},
		`id eq "` + two + `" or id eq "` + one + `" or id eq "x"`:          {one, two},
		`id eq "` + one + `" and displayName eq "Second Person"`:           nil,
		`manager.value eq "` + boss + `"`:                                  {one},
		`manager eq "` + boss + `"`:                                        {one},
		`manager.displayName eq "the boss"`:                                {one},
		`name.familyName eq "clark"`:                                       {one},
		`name.familyName ew "ark"`:                                         {one},
		`name.givenName sw "An"`:                                           {one},
		`name.middleName eq "Beth"`:                                        {one},
		`name.formatted sw "ann"`:                                          {one},
		`displayName sw "second" or userName eq "one@example.com"`:         {one, two},
		`displayName ew "person" and (nickName eq "uno" or id eq "x")`:     {one},
		`nickName EQ "Uno"`:                                                {one},
		`emails.value eq "one@example.com"`:                                {one},
		`emails eq "one@example.com"`:                                      {one},
		`emails.display sw "work"`:                                         {one},
		`phoneNumbers.value eq "+1 222"`:                                   {one},
		`phoneNumbers.display eq "desk"`:                                   {one},
		`phoneNumbers[type eq "mobile" and value eq "+1 222"]`:             {one},
		`phoneNumbers[type eq "work" and value eq "+1 222"]`:               nil,
		`employeeNumber eq "e1"`:                                           {one},
		scim.EnterpriseUserURN + `:department sw "D"`:                      {one},
		`costCenter ew "1" and organization eq "O1" and division eq "V1"`:  {one},
		scim.CiscoUserURN + `:meta.organizationId eq "` + p.org.ID() + `"`: all,
		`userName eq "nobody@example.com"`:                                 nil,
	} {
		got := p.do(200, "GET", "/Users?filter="+filter, "")
		if ids := idsOf(got.body); !slices.Equal(ids, want) {
			t.Errorf("%s: got %v, want %v", filter, ids, want)
		}
		if got.body.Get("totalResults") != int64(len(want)) {
			t.Errorf("%s: totalResults %v, want %d", filter, got.body.Get("totalResults"), len(want))
		}
	}
	for _, filter := range []string{
		`externalId eq "x1"`, `title eq "x"`, `active eq true`, `userName co "one"`, `userName ne "one"`, `userName pr`, `id sw "0"`,
		`not (userName eq "one@example.com")`, `name.givenName ew "n"`, `manager.value sw "0"`, `meta.lastModified gt "2020-01-01T00:00:00Z"`,
		`emails[type eq "work"].value eq "one@example.com"`, `shoeSize eq 9`, `userName eq`, `userName xx "y"`, `(userName eq "x"`,
		`userName eq "one@example.com" or externalId eq "x1"`, `password eq "x"`,
	} {
		if got := p.do(400, "GET", "/Users?filter="+filter, ""); got.body.Text("scimType") != "invalidFilter" {
			t.Errorf("%s: %s", filter, got.text)
		}
	}
}

func TestGroupFilters(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	red, blue := p.group("Red"), p.group("Blue")
	for filter, want := range map[string][]string{
		`displayName Eq "red"`:                           {red},
		`displayName eq "RED" or displayName eq "green"`: {red},
		`displayName eq "Red" or displayName eq "Blue"`:  {red, blue},
		`displayName sw "b"`:                             {blue},
	} {
		if ids := idsOf(p.do(200, "GET", "/Groups?filter="+filter, "").body); !slices.Equal(ids, want) {
			t.Errorf("%s: got %v, want %v", filter, ids, want)
		}
	}
	for _, filter := range []string{`id eq "x"`, `members.value eq "x"`, `displayName ew "d"`, `displayName eq "Red" and displayName sw "R"`} {
		if got := p.do(400, "GET", "/Groups?filter="+filter, ""); got.body.Text("scimType") != "invalidFilter" {
			t.Errorf("%s: %s", filter, got.text)
		}
	}
}

func idsOf(list scim.Object) []string {
	var ids []string
	resources, _ := list.Get("Resources").(scim.List)
	for _, r := range resources {
		o, _ := r.(scim.Object)
		ids = append(ids, o.Text("id"))
	}
	return ids
}

func TestPaging(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	var all []string
	for i := range 7 {
		all = append(all, p.user(fmt.Sprintf("u%d@example.com", 9-i)))
	}
	byName := slices.Clone(all)
	slices.Reverse(byName)
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", all},
		{"?count=3", all[:3]},
		{"?startIndex=4&count=3", all[3:6]},
		{"?startIndex=7&count=3", all[6:]},
		{"?startIndex=8", nil},
		{"?startIndex=-5&count=2", all[:2]},
		{"?count=0", nil},
		{"?count=-1", nil},
		{"?count=9999", all},
		{"?sortBy=userName&count=2", byName[:2]},
		{"?sortBy=userName&sortOrder=descending&startIndex=2&count=2", all[1:3]},
		{"?sortBy=id", all},
		{"?sortBy=meta.lastModified&count=1", all[:1]},
		{"?filter=userName sw \"u\"&startIndex=6", all[5:]},
	} {
		got := p.do(200, "GET", "/Users"+c.query, "")
		if ids := idsOf(got.body); !slices.Equal(ids, c.want) || got.body.Get("totalResults") != int64(7) ||
			got.body.Get("itemsPerPage") != int64(len(c.want)) {
			t.Errorf("%q: %s", c.query, got.text)
		}
	}
	for _, query := range []string{"?sortBy=title", "?startIndex=x", "?sortOrder=random", "?count=1.5"} {
		p.do(400, "GET", "/Users"+query, "")
	}
}

// TestPagesStay walks the pages while users are added and none goes: nobody is missed, nobody comes twice.
func TestPagesStay(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	want := map[string]bool{}
	for i := range 20 {
		want[p.user(fmt.Sprintf("u%d@example.com", i))] = true
	}
	seen := map[string]int{}
	for start := 1; ; start += 3 {
		ids := idsOf(p.do(200, "GET", fmt.Sprintf("/Users?startIndex=%d&count=3", start), "").body)
		if len(ids) == 0 || len(seen) > 60 {
			break
		}
		for _, id := range ids {
			seen[id]++
		}
		if start < 40 {
			p.user(fmt.Sprintf("later%d@example.com", start))
		}
	}
	for id := range want {
		if seen[id] != 1 {
			t.Errorf("user %s was listed %d times", id, seen[id])
		}
	}
}

func TestMembersOfLists(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	ada := p.user("ada@example.com")
	inner := p.group("Inner", ada)
	outer := p.group("Outer", ada, inner)
	has := func(o scim.Object, name string) int { l, _ := o.Get(name).(scim.List); return len(l) }
	list := func(query string) scim.Object {
		r, _ := p.do(200, "GET", "/Groups"+query, "").body.Get("Resources").(scim.List)
		o, _ := r[len(r)-1].(scim.Object)
		return o
	}
	if n := has(list(""), "members"); n != 0 {
		t.Errorf("a list has %d members without includeMembers", n)
	}
	if n := has(list("?includeMembers=true"), "members"); n != 2 {
		t.Errorf("a list has %d members with includeMembers, want 2", n)
	}
	if n := has(p.do(200, "GET", "/Users/"+ada, "").body, "groups"); n != 0 {
		t.Errorf("a user comes with %d groups unasked", n)
	}
	for _, query := range []string{"?returnGroups=true", "?includeGroupDetails=true", "?attributes=groups"} {
		if n := has(p.do(200, "GET", "/Users/"+ada+query, "").body, "groups"); n != 2 {
			t.Errorf("%s: a user comes with %d groups, want 2", query, n)
		}
	}
	page := p.do(200, "GET", "/Groups/"+outer+"/Members?count=1&startIndex=2", "").body
	members, _ := page.Get("members").(scim.List)
	if page.Get("totalResults") != int64(2) || page.Get("memberSize") != int64(2) || len(members) != 1 {
		t.Errorf("a page of members: %v", page)
	}
	if only := p.do(200, "GET", "/Groups/"+outer+"/Members?memberType=group", "").body; only.Get("totalResults") != int64(1) {
		t.Errorf("groups among the members: %v", only)
	}
	p.do(204, "DELETE", "/Users/"+ada, "")
	if got := p.memberIDsOf(outer); !slices.Equal(got, []string{inner}) {
		t.Errorf("members after a user was deleted: %v", got)
	}
	p.do(204, "DELETE", "/Groups/"+inner, "")
	if got := p.memberIDsOf(outer); len(got) > 0 {
		t.Errorf("members after a group was deleted: %v", got)
	}
}

// TestLargeGroup fills a group by 500 and reads it by pages; its answer is cut at 500.
func TestLargeGroup(t *testing.T) {
	p := newPeer(t, Config{}, OrgConfig{})
	group := p.group("Everybody")
	var ids []string
	for i := range 1200 {
		id, err := p.org.Add(context.Background(), "User", scim.Object{{Name: "userName", Value: fmt.Sprintf("u%d@example.com", i)}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for part := range slices.Chunk(ids, 500) {
		body := `{"Operations":[{"op":"add","path":"members","value":[{"value":"` + strings.Join(part, `"},{"value":"`) + `"}]}]}`
		p.do(200, "PATCH", "/Groups/"+group, body)
	}
	if got := p.memberIDsOf(group); len(got) != 500 {
		t.Errorf("a group shows %d members, want 500", len(got))
	}
	var seen []string
	for start := 1; start <= 1200; start += 500 {
		page := p.do(200, "GET", fmt.Sprintf("/Groups/%s/Members?startIndex=%d", group, start), "").body
		some, err := state.MemberIDs(page.Get("members"))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, some...)
	}
	if !slices.Equal(seen, ids) {
		t.Errorf("the pages have %d members, want %d", len(seen), len(ids))
	}
}
