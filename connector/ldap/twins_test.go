package ldap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
)

// TestTwins has an id attribute that several entries come to share: neither is believed, whoever was known stays as they are, and
// once there is one entry again it is read.
func TestTwins(t *testing.T) {
	const admins = "ou=admins,dc=example,dc=com"
	server := parts.Slapd(t, units+"dn: "+admins+"\nobjectClass: organizationalUnit\nou: admins\n\n"+
		person("tove", "employeeNumber: 7", "title: Cook")+person("nils", "employeeNumber: 8")+
		person("bo", "employeeNumber: 9")+strings.Replace(person("adm-bo", "employeeNumber: 9"), "ou=people", "ou=admins", 1))
	clock := time.Now()
	open := func() *memory {
		r, _ := reader(t, server, func(c *Config) {
			c.ID, c.Now = "employeeNumber", func() time.Time { return clock }
		})
		return remember(t, r)
	}
	m := open()
	ref := func(id string) connection.Ref { return connection.Ref{Type: connection.UserType, ID: id} }
	pass := func(what string, twins ...string) {
		t.Helper()
		clock = clock.Add(5 * time.Minute)
		out := mustPass(t, m.reader, connection.UserType, m.marks[connection.UserType])
		var hidden []string
		for _, h := range out.hidden {
			if lockstep.CodeOf(h.Err) != lockstep.CodeSourceDuplicate || len(h.IDs) != 1 {
				t.Errorf("%s: %+v", what, h)
			}
			hidden = append(hidden, h.IDs...)
		}
		slices.Sort(hidden)
		if hidden = slices.Compact(hidden); !slices.Equal(hidden, twins) {
			t.Errorf("%s: %q are hidden, not %q", what, hidden, twins)
		}
		m.take(connection.UserType, out)
	}
	pass("at first", "9")
	if len(m.objects) != 2 || m.objects[ref("9")].ID != "" {
		t.Errorf("at first: %v", m.objects)
	}
	admin := connect(t, server)
	add := ldap.NewAddRequest("uid=adm-tove,"+admins, nil)
	for name, value := range map[string]string{"objectClass": "inetOrgPerson", "uid": "adm-tove", "cn": "adm", "sn": "adm", "employeeNumber": "7", "title": "Root"} {
		add.Attribute(name, []string{value})
	}
	errs(t, admin.Add(add))
	pass("a second account", "7", "9")
	title := ldap.NewModifyRequest("uid=tove,ou=people,dc=example,dc=com", nil)
	title.Replace("title", []string{"Chef"})
	errs(t, admin.Modify(title))
	pass("a change of the first", "7", "9")
	if o := m.objects[ref("7")]; o.Values.Text("title") != "Cook" {
		t.Errorf("%+v", o)
	}
	if got, err := m.reader.Get(t.Context(), ref("7")); lockstep.CodeOf(err) != lockstep.CodeSourceDuplicate {
		t.Errorf("asked for one of two: %v, %v", got, err)
	}
	errs(t, admin.Del(ldap.NewDelRequest("uid=adm-tove,"+admins, nil)))
	pass("one again", "9")
	if o := m.objects[ref("7")]; o.Values.Text("title") != "Chef" || o.Values.Text("uid") != "tove" {
		t.Errorf("%+v", o)
	}
	fresh := open()
	fresh.look()
	m.look()
	if diff := m.differs(fresh); diff != "" {
		t.Error(diff)
	}
}

// TestGoneByAnotherID follows the numbers of changes as Active Directory counts them, with an id that another entry has, too: one
// outside of the base that changes, and one that was made anew after somebody was deleted.
func TestGoneByAnotherID(t *testing.T) {
	user := func(uid, unit, number string, usn int) string {
		text := strings.Replace(person(uid, "sAMAccountName: "+number, fmt.Sprintf("uSNChanged: %d", usn)), "inetOrgPerson", "user\nobjectCategory: person", 1)
		return strings.Replace(text, "ou=people", unit, 1)
	}
	schema := attributesOfAD(t) + "attributetype ( 1.3.6.1.4.1.55555.1.20 NAME 'uSNChanged' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )\n"
	schema = strings.Replace(schema, "MAY ( objectGUID $ mS", "MAY ( uSNChanged $ objectGUID $ mS", 1)
	schema = strings.Join(func() (lines []string) { // a class may name only what stands before it
		var classes []string
		for line := range strings.Lines(schema) {
			if strings.HasPrefix(line, "objectclass") {
				classes = append(classes, line)
			} else {
				lines = append(lines, line)
			}
		}
		return append(lines, classes...)
	}(), "")
	server := parts.SlapdWith(t, schema, units+user("tove", "ou=people", "e7", 5)+user("adm-tove", "ou=groups", "e7", 20)+user("nils", "ou=groups", "e8", 21)+
		user("bo", "ou=people", "e9", 6)+user("bo2", "ou=people", "e9", 7)+user("bo3", "ou=groups", "e9", 22))
	for _, kept := range []bool{false, true} {
		r, _ := reader(t, server, func(c *Config) {
			c.PeopleBases, c.ID = []string{"ou=people,dc=example,dc=com"}, "sAMAccountName"
			if kept {
				c.ID = "entryUUID"
			}
		})
		c, err := r.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		var out connection.ReadPage
		cl, _ := r.class(connection.UserType, nil)
		p := &pass{
			session: c, shaping: newShaping(cl, r.config.ID, time.Now()), reader: r,
			old: mark{USN: map[string]int64{"dc1": 10}}, at: position{Server: "dc1", USN: 30},
			give: func(page connection.ReadPage) error {
				out.Gone, out.Objects, out.Hidden = append(out.Gone, page.Gone...), append(out.Objects, page.Objects...), append(out.Hidden, page.Hidden...)
				return nil
			},
		}
		if err := p.gone(map[string]bool{}); err != nil {
			t.Fatal(err)
		}
		if kept {
			if len(out.Gone) != 3 {
				t.Errorf("%q", out.Gone)
			}
			continue
		}
		if !slices.Equal(out.Gone, []string{"e8"}) || len(out.Objects) != 1 || out.Objects[0].Values.Text("uid") != "tove" {
			t.Errorf("gone %q, here %+v", out.Gone, out.Objects)
		}
		if len(out.Hidden) != 1 || out.Hidden[0].IDs[0] != "e9" {
			t.Errorf("hidden %+v", out.Hidden)
		}
		out = connection.ReadPage{}
		if err := p.gone(map[string]bool{"e7": true, "e8": true, "e9": true}); err != nil || len(out.Gone) > 0 {
			t.Errorf("gone %q although all are listed, %v", out.Gone, err)
		}
	}
}
