package hostile_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"lockstep/e2e/hostile"
)

// company is what the directory should say, kept beside it in the simplest form there is, and the target that it is to become.
type company struct {
	*world
	people []*person
	teams  []*team
	lacks  shortfall
}

// shortfall is what must not be expected of a target.
type shortfall struct {
	people bool // who was there before stays as they are
	team   bool // the team that was there before stays as it is
	extras bool // what others have put there may be lost
	titles bool // a title stays what it was first
}

// person is somebody of the company.
type person struct {
	id      string // in the directory
	name    string // userName
	given   string
	family  string
	title   string
	boss    *person
	blocked bool
	gone    bool
	exempt  bool // their name is taken at the target, and nobody sees by whom
	present bool // they had an account at the target before
}

// team is a group.
type team struct {
	id      string
	name    string
	members []*person
	gone    bool
}

// Who is special among the people.
const (
	bosses    = 10 // the first; everybody else reports to one of them
	headCount = 200
	teamCount = 10
	before    = 20 // the first have an account already, and some of what it says is old
	returner  = 20 // has an account that is blocked
	haunted   = 21 // may find their name taken by nobody
)

func newPerson(i int) *person {
	p := &person{
		name: fmt.Sprintf("person%d@acme.example", i), given: fmt.Sprintf("Given%d", i), family: fmt.Sprintf("Family %d", i),
		title: fmt.Sprintf("Title %d", i%7),
	}
	if i%7 == 3 { // names are as people write them
		p.name = fmt.Sprintf("Person%d.McBerg@Acme.Example", i)
	}
	if i%13 == 5 {
		p.family = fmt.Sprintf("van  der  Family %d", i)
	}
	return p
}

// newCompany fills the directory, and puts at the target who is there already.
func newCompany(w *world, haunt bool) *company {
	c := &company{world: w}
	for i := range headCount {
		p := newPerson(i)
		if i >= bosses {
			p.boss = c.people[i%bosses]
		}
		c.people = append(c.people, p)
	}
	for g := range teamCount {
		t := &team{name: fmt.Sprintf("Team %d", g)}
		for i, p := range c.people {
			if g == 0 && i%3 > 0 || g > 0 && g < teamCount-1 && (i/3+g)%5 == 0 { // the last has nobody
				t.members = append(t.members, p)
			}
		}
		c.teams = append(c.teams, t)
	}
	c.atTarget(haunt)
	for _, p := range c.people {
		c.hire(p)
	}
	for _, t := range c.teams {
		c.found(t)
	}
	return c
}

// atTarget is who is at the target before the first cycle.
func (c *company) atTarget(haunt bool) {
	for i, p := range c.people[:before+1] {
		p.present = true
		doc := map[string]any{
			"userName": p.name, "displayName": p.shown(), "active": i != returner, "nickName": "kept",
			"name": map[string]any{"givenName": p.given, "familyName": p.family}, "title": p.title,
			"emails": []any{map[string]any{"type": "home", "value": p.home()}},
		}
		if i%4 == 0 {
			doc["title"] = "An old title"
		}
		c.target.Put("Users", doc, false)
	}
	var theirs []any
	for i := range 5 {
		id := c.target.Put("Users", map[string]any{"userName": fmt.Sprintf("stranger%d@acme.example", i), "active": true, "title": "Stranger"}, true)
		theirs = append(theirs, map[string]any{"value": id})
	}
	c.target.Put("Groups", map[string]any{"displayName": "Strangers", "members": theirs}, true)
	c.target.Put("Groups", map[string]any{"displayName": c.teams[1].name, "members": theirs[:1]}, false)
	if haunt {
		c.people[haunted].exempt = true
		c.target.Haunt(c.people[haunted].name)
	}
}

// home is an address that nobody in the directory knows.
func (p *person) home() string { return p.given + "@home.example" }

func (p *person) shown() string { return p.given + " " + p.family }

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func (c *company) hire(p *person) {
	c.Helper()
	doc := map[string]any{
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterpriseURN},
		"userName": p.name, "displayName": p.shown(), "title": p.title, "active": true,
		"name":        map[string]any{"givenName": p.given, "familyName": p.family},
		"emails":      []any{map[string]any{"type": "work", "value": strings.ToLower(p.name)}},
		enterpriseURN: map[string]any{"department": "Department"},
	}
	if p.boss != nil {
		doc[enterpriseURN] = map[string]any{"department": "Department", "manager": map[string]any{"value": p.boss.id}}
	}
	p.id = c.scim(http.MethodPost, "/Users", doc)
}

func (c *company) found(t *team) {
	c.Helper()
	list := []any{}
	for _, p := range t.members {
		list = append(list, map[string]any{"value": p.id})
	}
	t.id = c.scim(http.MethodPost, "/Groups", map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": t.name, "members": list,
	})
}

// patch sends one operation about a user or a group.
func (c *company) patch(path, op, attribute string, value any) {
	c.Helper()
	operation := map[string]any{"op": op, "path": attribute}
	if value != nil {
		operation["value"] = value
	}
	c.scim(http.MethodPatch, path, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{operation},
	})
}

// year lets a year pass: people come, change and leave, and so do teams.
func (c *company) year() {
	c.Helper()
	for i := 30; i < 45; i++ { // titles
		p := c.people[i]
		p.title = fmt.Sprintf("New title %d", i)
		c.patch("/Users/"+p.id, "replace", "title", p.title)
	}
	for _, i := range []int{50, 52, 59} { // another name; 52 and 59 have capitals in theirs
		p := c.people[i]
		c.target.Expect() // nobody
		p.name = "Renamed." + p.name
		c.patch("/Users/"+p.id, "replace", "userName", p.name)
	}
	for i := 60; i < 66; i++ { // another boss
		p := c.people[i]
		p.boss = c.people[(i+3)%bosses]
		c.patch("/Users/"+p.id, "replace", enterpriseURN+":manager", map[string]any{"value": p.boss.id})
	}
	for i := 70; i < 76; i++ { // blocked
		p := c.people[i]
		c.target.Expect(p.name)
		p.blocked = true
		c.patch("/Users/"+p.id, "replace", "active", false)
	}
	for i := 80; i < 86; i++ { // gone
		p := c.people[i]
		c.target.Expect(p.name)
		p.gone = true
		c.scim(http.MethodDelete, "/Users/"+p.id, nil)
	}
	for i := headCount; i < headCount+12; i++ { // new
		p := newPerson(i)
		p.boss = c.people[i%bosses]
		c.people = append(c.people, p)
		c.hire(p)
	}
	c.reorganise()
}

// reorganise changes the teams.
func (c *company) reorganise() {
	c.Helper()
	two := c.teams[2]
	for _, p := range two.members[:5] {
		c.patch("/Groups/"+two.id, "remove", fmt.Sprintf("members[value eq %q]", p.id), nil)
	}
	two.members = two.members[5:]
	last := c.teams[teamCount-1]
	fresh := slices.Clone(c.people[86 : headCount+12]) // more than one request may carry
	list := []any{}
	for _, p := range fresh {
		list = append(list, map[string]any{"value": p.id})
	}
	c.patch("/Groups/"+last.id, "add", "members", list)
	last.members = append(last.members, fresh...)
	three := c.teams[3]
	three.name = "Team three"
	c.patch("/Groups/"+three.id, "replace", "displayName", three.name)
	four := c.teams[4]
	four.gone = true
	c.target.Expect(four.name)
	c.scim(http.MethodDelete, "/Groups/"+four.id, nil)
	founded := &team{name: "A new team", members: slices.Clone(c.people[100:110])}
	c.teams = append(c.teams, founded)
	c.found(founded)
}

// want is what the target must have. What it has now says what must not be judged: what those are called who have left, and
// what a quirk makes of a value when it is stored.
func (c *company) want(q hostile.Quirks, has hostile.Holdings) hostile.Holdings {
	want := hostile.Holdings{People: map[string]hostile.Account{}, Groups: map[string][]string{}}
	for name, a := range has.People {
		if strings.HasPrefix(name, "stranger") && strings.HasSuffix(name, "@acme.example") {
			want.People[name] = hostile.Account{"userName": name, "title": "Stranger", "active": "true"}
			_ = a
		}
	}
	for _, p := range c.people {
		key := strings.ToLower(p.name)
		switch {
		case p.exempt:
			continue
		case p.gone || p.blocked: // only that they are there, and blocked, counts
			if a := has.People[key]; a != nil {
				want.People[key] = maps.Clone(a)
			} else {
				want.People[key] = hostile.Account{}
			}
			want.People[key]["active"] = "false"
			continue
		}
		a := hostile.Account{
			"userName": p.name, "displayName": p.shown(), "name.givenName": p.given, "name.familyName": p.family, "title": p.title,
			"active": "true", "emails[work]": strings.ToLower(p.name), "department": "Department", "externalId": p.id,
		}
		if strings.HasPrefix(p.name, "Renamed.") { // the address stays
			a["emails[work]"] = strings.ToLower(strings.TrimPrefix(p.name, "Renamed."))
		}
		switch {
		case p.present && c.lacks.people:
			a = maps.Clone(has.People[key])
			fallthrough
		case p.present && !c.lacks.extras:
			a["nickName"], a["emails[home]"] = "kept", p.home()
		case p.present:
			for _, name := range []string{"nickName", "emails[home]"} {
				if v := has.People[key][name]; v != "" {
					a[name] = v
				}
			}
		}
		if old := has.People[key]["title"]; c.lacks.titles && old != "" {
			a["title"] = old
		}
		if p.boss != nil && !p.boss.exempt && !(p.present && c.lacks.people) {
			a["manager"] = strings.ToLower(p.boss.name)
		}
		for _, name := range q.Lower {
			a[name] = strings.ToLower(a[name])
		}
		for _, name := range q.Trim {
			a[name] = strings.Join(strings.Fields(a[name]), " ")
		}
		want.People[key] = a
	}
	strangers := []string{}
	for i := range 5 {
		strangers = append(strangers, fmt.Sprintf("stranger%d@acme.example", i))
	}
	want.Groups["Strangers"] = strangers
	for _, t := range c.teams {
		if t.gone {
			continue
		}
		list := []string{}
		for _, p := range t.members {
			key := strings.ToLower(p.name)
			if !p.exempt && (!p.gone || slices.Contains(has.Groups[t.name], key)) { // who is gone: see stayed
				list = append(list, key)
			}
		}
		if t == c.teams[1] && c.lacks.team {
			list = slices.DeleteFunc(slices.Clone(has.Groups[t.name]), func(s string) bool { return s == strangers[0] })
		}
		if t == c.teams[1] && (!c.lacks.extras || slices.Contains(has.Groups[t.name], strangers[0])) {
			list = append(list, strangers[0])
		}
		slices.Sort(list)
		want.Groups[t.name] = list
	}
	return want
}

// stayed names the members of teams at the target who are gone from the directory.
func (c *company) stayed() (problems []string) {
	has := c.target.Holdings()
	for _, t := range c.teams {
		for _, p := range t.members {
			if key := strings.ToLower(p.name); p.gone && slices.Contains(has.Groups[t.name], key) {
				problems = append(problems, fmt.Sprintf("group %s: %s is gone and still a member", t.name, key))
			}
		}
	}
	return problems
}
