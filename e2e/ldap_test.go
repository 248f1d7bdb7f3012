package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"lockstep/demo"
	"lockstep/e2e/parts"
)

// TestLDAPToWebex is the main job from a real OpenLDAP server by the commands of the how-to page: 1,000 people with managers and
// 40 groups, four of which contain others.
func TestLDAPToWebex(t *testing.T) {
	for name, store := range map[string]func(*home){
		"sqlite":   func(*home) {},
		"postgres": func(h *home) { h.set("LOCKSTEP_STORE", parts.Postgres(h.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			store(h)
			ldapToWebex(t, h, demo.Company{People: 1000, Groups: 40})
		})
	}
}

func ldapToWebex(t *testing.T, h *home, company demo.Company) {
	page := openPage(t, "ldap-to-webex.md")
	server := parts.Slapd(t, ldif(company))
	org := newOrganisation(t, nil)
	page.given(h, map[string]string{
		"LDAP_URL": server.URL, "LDAP_BASE": server.Base, "LDAP_BIND_DN": server.BindDN,
		"LDAP_PASSWORD_FILE": h.write("ldap.password", server.Password), "LOCKSTEP_ALLOW_NETWORK": "127.0.0.0/8",
		"ENDPOINT": org.endpoint(), "TOKEN_FILE": h.write("webex.token", org.token),
	})
	page.start(h, "Start the server")
	expect(t, page.run(h, "Read the directory"), "find groups", "givenName", "@acme.example")
	expect(t, page.run(h, "Add the organisation"), "✓ reach")
	expect(t, page.run(h, "See what would happen, and make it so"), "+ create 1040", "created 1040", "failed 0")
	want := wanted(company)
	for i := range company.People {
		a := want.people[company.UserName(i)]
		a["nickName"] = a["name.givenName"]
		delete(a, "country.work") // inetOrgPerson has no country
	}
	org.check(want)

	section := page.commands(t, "Let it run by itself")
	page.blocks["Let it run by itself"] = section[:2]
	page.run(h, "Let it run by itself")
	_, before := org.writes(0)
	changeLDAP(t, server, company)
	want.people[company.UserName(7)]["title"] = "Fellow"
	want.people[company.UserName(8)]["manager"] = company.UserName(7)
	group := company.GroupOf(7)
	want.groups[demo.GroupName(group)] = without(want.groups[demo.GroupName(group)], company.UserName(7))
	arrives(h, org, want)
	counts, _ := org.writes(before)
	if fmt.Sprint(counts) != "map[members Group:1 update User:2]" {
		t.Errorf("more than the difference arrived: %v", counts)
	}
	page.blocks["Let it run by itself"] = section[2:]
	expect(t, page.run(h, "Let it run by itself"), "person7@acme.example", demo.GroupName(group))
}

// changeLDAP promotes person 7, who gets person 8 and leaves their group.
func changeLDAP(t *testing.T, server *parts.LDAP, c demo.Company) {
	conn, err := ldap.DialURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(server.AdminDN, server.AdminPassword); err != nil {
		t.Fatal(err)
	}
	title := ldap.NewModifyRequest(personDN(7), nil)
	title.Replace("title", []string{"Fellow"})
	manager := ldap.NewModifyRequest(personDN(8), nil)
	manager.Replace("manager", []string{personDN(7)})
	member := ldap.NewModifyRequest(groupDN(c.GroupOf(7)), nil)
	member.Delete("member", []string{personDN(7)})
	for _, change := range []*ldap.ModifyRequest{title, manager, member} {
		if err := conn.Modify(change); err != nil {
			t.Fatal(err)
		}
	}
}

func personDN(i int) string { return "uid=" + demo.PersonID(i) + ",ou=people,dc=example,dc=com" }
func groupDN(g int) string  { return "cn=" + demo.GroupName(g) + ",ou=groups,dc=example,dc=com" }

// ldif writes the company as an LDAP directory.
func ldif(c demo.Company) string {
	var b strings.Builder
	for _, unit := range []string{"people", "groups"} {
		fmt.Fprintf(&b, "dn: ou=%s,dc=example,dc=com\nobjectClass: organizationalUnit\nou: %s\n\n", unit, unit)
	}
	for i := range c.People {
		v := c.Person(i).Values
		fmt.Fprintf(&b, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\nmail: %s\ngivenName: %s\nsn: %s\ncn: %s\ndisplayName: %s\ntitle: %s\n",
			personDN(i), demo.PersonID(i), v[0], v[1], v[2], v[3], v[3], v[4])
		fmt.Fprintf(&b, "telephoneNumber: %s\nl: %s\ndepartmentNumber: %s\npostalCode: %s\n", v[9], v[10], v[13], v[19])
		if m := c.Person(i).Manager; m >= 0 {
			fmt.Fprintf(&b, "manager: %s\n", personDN(m))
		}
		b.WriteString("\n")
	}
	for g := range c.Groups {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: groupOfNames\ncn: %s\n", groupDN(g), demo.GroupName(g))
		for _, in := range c.Inside(g) {
			fmt.Fprintf(&b, "member: %s\n", groupDN(in))
		}
		for i := g; i < c.People; i += c.Groups {
			fmt.Fprintf(&b, "member: %s\n", personDN(i))
		}
		b.WriteString("\n")
	}
	return b.String()
}
