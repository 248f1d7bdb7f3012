package ldap

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"lockstep/connection"
	"lockstep/e2e/parts"
)

// domain is a domain controller and who may write to it.
type domain struct {
	*parts.LDAP
	t    testing.TB
	conn *ldap.Conn

	system map[string]bool // accounts that the domain itself needs
}

func newDomain(t *testing.T) *domain {
	server := parts.Samba(t)
	t.Setenv("GODEBUG", "x509negativeserial=1") // Samba makes such certificates
	// A password may be set over TLS only; the certificate is made at the start.
	conn, err := ldap.DialURL("ldaps://127.0.0.1:636", ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Bind(server.AdminDN, server.AdminPassword); err != nil {
		t.Fatal(err)
	}
	return &domain{LDAP: server, t: t, conn: conn}
}

func (d *domain) do(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *domain) add(rdn string, attributes ...string) string {
	d.t.Helper()
	dn := rdn + "," + d.Base
	request := ldap.NewAddRequest(dn, nil)
	for i := 0; i < len(attributes); i += 2 {
		request.Attribute(attributes[i], strings.Split(attributes[i+1], "|"))
	}
	d.do(d.conn.Add(request))
	return dn
}

func (d *domain) replace(dn, attribute string, values ...string) {
	d.t.Helper()
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, values)
	d.do(d.conn.Modify(request))
}

func (d *domain) person(name, unit string) string {
	d.t.Helper()
	return d.add("CN="+name+","+unit, "objectClass", "user", "sAMAccountName", name, "userPrincipalName", name+"@corp.example.test", "userAccountControl", "544")
}

func (d *domain) password(dn, password string) {
	d.t.Helper()
	var quoted []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		quoted = binary.LittleEndian.AppendUint16(quoted, unit)
	}
	d.replace(dn, "unicodePwd", string(quoted))
}

// TestActiveDirectory drives a real domain controller through a day, as an administrator, who is shown tombstones, and as somebody
// who is not. In the end both know what a newcomer finds.
func TestActiveDirectory(t *testing.T) {
	d := newDomain(t)
	d.add("OU=staff", "objectClass", "organizationalUnit")
	d.add("OU=away", "objectClass", "organizationalUnit")
	d.add("OU=teams", "objectClass", "organizationalUnit")
	var all []string
	for i := range 1510 {
		all = append(all, d.person(fmt.Sprintf("u%d", i), "OU=staff"))
	}
	crowd := d.add("CN=crowd,OU=teams", "objectClass", "group", "sAMAccountName", "crowd", "member", strings.Join(all, "|"))
	team := d.add("CN=team,OU=teams", "objectClass", "group", "sAMAccountName", "team", "member", all[0]+"|"+crowd)
	plain := d.person("reader", "CN=Users")
	d.password(plain, "Another-horse-8")
	d.replace(plain, "userAccountControl", "512")

	clock := time.Now()
	open := func(change func(*Config)) *memory {
		r, _ := reader(t, d.LDAP, func(c *Config) {
			c.Now = func() time.Time { return clock }
			c.PeopleBases = []string{"OU=staff," + d.Base, "CN=Users," + d.Base}
			if change != nil {
				change(c)
			}
		})
		return remember(t, r)
	}
	somebody := func(c *Config) {
		c.BindDN = "reader@corp.example.test"
		c.Password = fixed("Another-horse-8")
	}
	admin, other := open(nil), open(somebody)
	admin.look()
	other.look()
	first := admin.by(foldDN(crowd))
	if len(first.References) != 1510 {
		t.Errorf("a group of 1510 has %d members", len(first.References))
	}
	if admin.by("cn=krbtgt,cn=users,dc=corp,dc=example,dc=test").ID != "" || admin.by("cn=domain admins,cn=users,dc=corp,dc=example,dc=test").ID != "" {
		t.Error("what the domain itself needs was read")
	}
	check := func(what string, names bool) {
		t.Helper()
		clock = clock.Add(2 * time.Second)
		out := mustPass(t, admin.reader, connection.UserType, admin.marks[connection.UserType])
		if (out.last.Reach == connection.Pages) != names || len(out.objects) > 3 {
			t.Errorf("%s: reach %v, %d objects", what, out.last.Reach, len(out.objects))
		}
		admin.take(connection.UserType, out)
		admin.take(connection.GroupType, mustPass(t, admin.reader, connection.GroupType, admin.marks[connection.GroupType]))
		fresh := open(nil)
		fresh.look()
		if diff := admin.differs(fresh); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	d.replace(all[5], "title", "Director")
	check("a title", false)
	d.do(d.conn.Del(ldap.NewDelRequest(all[6], nil)))
	check("a leaver, by the tombstone", false)
	d.do(d.conn.ModifyDN(ldap.NewModifyDNRequest(all[7], "CN=u7", true, "OU=away,"+d.Base)))
	check("somebody moved away", false)
	d.replace(all[8], "userAccountControl", "546")
	check("somebody is disabled", false)
	if admin.by(foldDN(all[8])).Enabled {
		t.Error("still enabled")
	}
	d.replace(all[9], "accountExpires", fmt.Sprint((clock.Add(50*time.Minute).Unix()+11_644_473_600)*10_000_000))
	check("somebody's account will expire", false)
	d.do(d.conn.Del(ldap.NewDelRequest(team, nil)))
	check("a group less", false)
	renamed := admin.by(foldDN(all[10]))
	d.do(d.conn.ModifyDN(ldap.NewModifyDNRequest(all[10], "CN=someone else", true, "")))
	check("a member gets another name, which does not change the group", false)
	if !slices.Contains(admin.relations(), "crowd members someone else") || admin.objects[renamed.Ref].ID == "" {
		t.Error("the membership was lost")
	}
	clock = clock.Add(59*time.Minute + 50*time.Second)
	check("names after most of an hour, because an account expires", true)
	if admin.by(foldDN(all[9])).Enabled {
		t.Error("the account has expired and is enabled")
	}
	// Without tombstones: names after a minute at the earliest.
	other.look()
	other.look()
	clock = clock.Add(2 * time.Hour)
	other.look()
	fresh := open(somebody)
	fresh.look()
	if diff := other.differs(fresh); diff != "" {
		t.Error(diff)
	}
	got, err := admin.reader.Get(t.Context(), admin.by(foldDN(all[1])).Ref, first.Ref)
	if err != nil || len(got) != 2 || len(got[1].References) != 1509 {
		t.Errorf("%d objects, %v", len(got), err)
	}
}
