package demo

import (
	"context"
	"fmt"
	"slices"

	"lockstep/api"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/webexorg"
)

// story is what differs between the sample company and a large one.
type story struct {
	write    func(dir string) error
	accounts []resident                      // whom the organisation has already
	assign   []assignment                    // nil: everybody is in scope
	filter   []rule.Clause                   // of the scoping filter
	design   design                          //
	absent   []string                        // ids of people whom the source does not bring
	telling  []string                        // user names whose lines of the plan are shown
	explain  []string                        // user names
	change   func(*roster) ([]string, error) // edits the company and tells how, in a line each
	leaver   string                          // id of whom change removes
	later    []string                        // ids of whom change brings into scope
}

// resident is an account that the organisation has before Lockstep comes.
type resident struct {
	userName, given, family, display, title, number string
	owner                                           string // id of the person who owns it; "" leaves it as it is
	note                                            string // told at the end
}

// assignment gives a group of the sample company a role in the app.
type assignment struct{ group, role, note string }

// mapped are the attributes that the demo's rules bring into the organisation and that are compared.
var mapped = []string{
	"userName", "displayName", "name.givenName", "name.familyName", "title", `addresses[type eq "work"].country`,
	`addresses[type eq "work"].locality`, `phoneNumbers[type eq "work"].value`, enterprise + ":department", enterprise + ":employeeNumber",
}

// set makes a set of ids.
func set(ids ...string) map[string]bool {
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// sampleStory is that of the sample company.
func sampleStory() story {
	return story{
		write: writeSample,
		accounts: []resident{
			{userName: "grace.okafor@acme.example", given: "Grace", family: "Okafor", display: "Grace Okafor", title: "Chief Executive", number: "1001", owner: "p001"},
			{userName: "marcus.feld@acme.example", given: "Marcus", family: "Feld", display: "Marcus Feld", title: "Sales Director", number: "1003", owner: "p003"},
			{userName: "Ada.Lindqvist@acme.example", given: "Ada", family: "Lindqvist", display: "Ada Lindqvist", title: "Chief Technology Officer", number: "1002", owner: "p002"},
			{userName: "eva.sommer@acme.example", given: "Eva", family: "Sommer", display: "Eva Sommer", title: "Controller", number: "0815", note: "nobody of the company has this account: it is left as it is"},
			{userName: "p.ito@acme.example", given: "Paul", family: "Ito", display: "Paul Ito", title: "Support engineer", number: "7001"},
			{userName: "paul.ito.old@acme.example", given: "Paul", family: "Ito", display: "Paul Ito (old)", title: "Trainee", number: "7001"},
		},
		assign: []assignment{
			{"Executives", "user", ""},
			{"Engineering", "user", "with the groups in it: Platform, Robotics"},
			{"Sales", "user", ""},
			{"Support", "user", ""},
			{"Contractors", "default-access", "a role that is not provisioned"},
		},
		filter: []rule.Clause{{Attribute: `addresses[type eq "work"].country`, Operator: "NOT EQUALS", Operand: rule.Operand{Values: []string{"JP"}}}},
		design: design{
			columns: mapped,
			out: set(
				"p015", "p035", // in Japan, whom the scoping filter leaves out
				"p044", "p045", "p046", "p047", "p048", "p057", "p058", // Finance and Operations are not assigned
				"p049",         // on a domain that the organisation has not verified
				"p051",         // a user name that differs from another by letter case alone
				"p052",         // two accounts have this employee number
				"p053",         // may not sign in
				"p054", "p055", // contractors
			),
			groups: set("g-exec", "g-eng", "g-sales", "g-supp"),
		},
		absent: []string{"p053"},
		telling: []string{
			"priya.raman@acme.example", "grace.okafor@acme.example", "marcus.feld@acme.example", "ada.lindqvist@acme.example",
			"robert.quinn@oldbrand.example", "hana.sato@acme.example", "tess.morgan@acme.example", "selma.yilmaz@acme.example",
			"paul.ito@acme.example", "Engineering",
		},
		explain: []string{"priya.raman@acme.example", "hana.sato@acme.example"},
		change:  changeSample, leaver: "p008", later: []string{"p015"},
	}
}

// changeSample is a week at the sample company.
func changeSample(r *roster) ([]string, error) {
	joiner := make([]string, len(r.people.header))
	for column, value := range map[string]string{
		"id": "p059", "userName": "noor.hassan@acme.example", "name.givenName": "Noor", "name.familyName": "Hassan",
		"displayName": "Noor Hassan", "title": "Software engineer", "userType": "Employee",
		`emails[type eq "work"].value`: "noor.hassan@acme.example", `addresses[type eq "work"].locality`: "Berlin",
		`addresses[type eq "work"].country`: "DE", enterprise + ":employeeNumber": "1059", enterprise + ":department": "Platform",
		"manager": "p005",
	} {
		i := r.people.column(column)
		if i < 0 {
			return nil, fmt.Errorf("people.csv has no column %s", column)
		}
		joiner[i] = value
	}
	r.people.rows = append(r.people.rows, joiner)
	err := firstError(
		func() error { return r.join("g-plat", "p059") },
		func() error { return r.remove("p008") },
		func() error { return r.people.set("p009", "title", "Principal engineer") },
		func() error { return r.leave("p028", "") },
		func() error { return r.join("g-supp", "p028") },
		func() error { return r.people.set("p028", enterprise+":department", "Support") },
		func() error { return r.people.set("p015", `addresses[type eq "work"].locality`, "Zurich") },
		func() error { return r.people.set("p015", `addresses[type eq "work"].country`, "CH") },
	)
	return []string{
		"Noor Hassan joins Platform",
		"Jonas Weiss leaves the company",
		"Priya Raman becomes Principal engineer",
		"Ben Carter moves from Sales to Support",
		"Hana Sato moves from Osaka to Zurich",
	}, err
}

// firstError runs the functions until one fails.
func firstError(fs ...func() error) error {
	for _, f := range fs {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// companyStory is that of a company made by rule: everybody is in scope.
func companyStory(c Company) story {
	last := c.People - 1 // manages nobody
	return story{
		write:   c.Write,
		design:  design{columns: append(slices.Clone(mapped), `addresses[type eq "work"].postalCode`), out: map[string]bool{}},
		telling: []string{c.UserName(0), c.UserName(1), c.UserName(last)},
		explain: []string{c.UserName(last / 2)},
		leaver:  PersonID(last),
		change: func(r *roster) ([]string, error) {
			joiner := append(append([]string{PersonID(c.People)}, c.Person(c.People).Values...), PersonID(0))
			r.people.rows = append(r.people.rows, joiner)
			err := firstError(
				func() error { return r.join(GroupID(0), PersonID(c.People)) },
				func() error { return r.remove(PersonID(last)) },
				func() error { return r.people.set(PersonID(last/2), "title", "Head of something") },
			)
			return []string{
				c.UserName(c.People) + " joins " + GroupName(0), c.UserName(last) + " leaves the company",
				c.UserName(last/2) + " gets another title",
			}, err
		},
	}
}

// settle gives the organisation the accounts that it has from the start.
func (s story) settle(ctx context.Context, o *webexorg.Org) error {
	for _, r := range s.accounts {
		if _, err := o.Add(ctx, "User", r.object()); err != nil {
			return fmt.Errorf("account %s: %w", r.userName, err)
		}
	}
	return nil
}

func (r resident) object() scim.Object {
	return scim.Object{
		{Name: "schemas", Value: scim.List{scim.UserURN, scim.EnterpriseUserURN}},
		{Name: "userName", Value: r.userName},
		{Name: "displayName", Value: r.display},
		{Name: "title", Value: r.title},
		{Name: "name", Value: scim.Object{{Name: "givenName", Value: r.given}, {Name: "familyName", Value: r.family}}},
		{Name: "active", Value: true},
		{Name: scim.EnterpriseUserURN, Value: scim.Object{{Name: "employeeNumber", Value: r.number}}},
	}
}

// keepResidents adds to an expectation the accounts that nobody owns, as they were.
func (s story) keepResidents(e *expectation) {
	for _, r := range s.accounts {
		if r.owner != "" {
			continue
		}
		a := account{UserName: r.userName, DisplayName: r.display, Title: r.title, Name: personName{r.given, r.family}}
		a.set(enterprise+":employeeNumber", r.number)
		want := &wantedPerson{active: true}
		for _, column := range e.columns {
			want.values = append(want.values, a.get(column))
		}
		e.people[key(r.userName)] = want
	}
}

const webexSlug, sourceSlug = "webex", "people"

// addWebex adds the app Webex and connects it with the organisation.
func addWebex(ctx context.Context, c *api.Client, o *org) error {
	if _, err := c.CreateApp(ctx, api.NewSystem{Kind: "webex", Slug: webexSlug, Name: "Cisco Webex", Settings: map[string]string{"endpoint": o.scim()}}); err != nil {
		return err
	}
	_, err := c.SetConnection(ctx, webexSlug, api.ConnectionChange{Secrets: map[string]string{"token": o.bearer}})
	return err
}
