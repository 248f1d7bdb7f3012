package ldap

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
)

// Directories as they are. Each is a real server with what an administrator's directory holds.

const units = `dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

`

// attributesOfAD are those of Active Directory's that OpenLDAP can be taught.
func attributesOfAD(t *testing.T) string {
	t.Helper()
	schema, err := os.ReadFile("testdata/ad.schema")
	if err != nil {
		t.Fatal(err)
	}
	return string(schema)
}

func b64(s string) string { return ":: " + base64.StdEncoding.EncodeToString([]byte(s)) }

func person(uid string, more ...string) string {
	lines := append([]string{"dn: uid=" + uid + ",ou=people,dc=example,dc=com", "objectClass: inetOrgPerson"}, more...)
	return strings.Join(append(lines, "uid: "+uid, "cn: "+uid, "sn: "+uid), "\n") + "\n\n"
}

func look(t *testing.T, server *parts.LDAP, change func(*Config)) *memory {
	t.Helper()
	r, _ := reader(t, server, change)
	m := remember(t, r)
	m.look()
	return m
}

// TestComposedLetters has a group that writes a member's name with its accents apart, which the server takes for the same.
func TestComposedLetters(t *testing.T) {
	composed, apart := "cn=Zo\u00eb \u00c5ngstr\u00f6m,ou=people,dc=example,dc=com", "cn=Zoe\u0308 A\u030angstro\u0308m,ou=people,dc=example,dc=com"
	m := look(t, parts.Slapd(t, units+"dn"+b64(composed)+"\nobjectClass: inetOrgPerson\ncn"+b64("Zo\u00eb \u00c5ngstr\u00f6m")+"\nsn: A\nuid: zoe\n\n"+
		person("finn", "manager"+b64(apart))+
		"dn: cn=Crew,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: Crew\nmember"+b64(apart)+"\n"), nil)
	want := []string{"Crew members Zo\u00eb \u00c5ngstr\u00f6m", "finn manager Zo\u00eb \u00c5ngstr\u00f6m"}
	if diff := cmp.Diff(want, m.relations()); diff != "" {
		t.Error(diff)
	}
}

// TestIDOfPeopleOnly has an id attribute that groups do not have. Groups are read nevertheless.
func TestIDOfPeopleOnly(t *testing.T) {
	server := parts.Slapd(t, units+person("tove")+person("nils")+
		"dn: cn=Odd,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\nobjectClass: extensibleObject\ncn: Odd\nuid: odd\nmember: uid=nils,ou=people,dc=example,dc=com\n\n"+
		"dn: cn=Crew,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: Crew\nmember: uid=tove,ou=people,dc=example,dc=com\nmember: uid=nils,ou=people,dc=example,dc=com\n")
	m := look(t, server, func(c *Config) { c.ID = "uid" }) // which the first of the groups has
	if len(m.objects) != 4 || len(m.relations()) != 3 || m.objects[connection.Ref{Type: "User", ID: "tove"}].Values.Text("uid") != "tove" {
		t.Errorf("%d objects, %v", len(m.objects), m.relations())
	}
	got, err := m.reader.Get(t.Context(), connection.Ref{Type: "User", ID: "tove"}, connection.Ref{Type: "User", ID: "*"})
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestExpired has accounts that ended, and one that ends while nobody changes anything.
func TestExpired(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ends := fmt.Sprint((now.Add(30*time.Minute).Unix() + 11_644_473_600) * 10_000_000)
	user := func(uid string, more ...string) string {
		return strings.Replace(person(uid, more...), "objectClass: inetOrgPerson\n", "objectClass: user\nobjectCategory: person\n", 1)
	}
	server := parts.SlapdWith(t, attributesOfAD(t), units+user("past", "accountExpires: 132000000000000000")+user("never", "accountExpires: 9223372036854775807")+
		user("zero", "accountExpires: 0")+user("soon", "accountExpires: "+ends)+user("off", "userAccountControl: 514")+
		person("unix", "objectClass: shadowAccount", "shadowExpire: 1")+person("unixzero", "objectClass: shadowAccount", "shadowExpire: 0"))
	r, _ := reader(t, server, func(c *Config) { c.Now = func() time.Time { return now } })
	m := remember(t, r)
	enabled := func() string {
		var names []string
		for _, o := range m.objects {
			if o.Enabled {
				names = append(names, o.Values.Text("uid"))
			}
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	m.look()
	if got := enabled(); got != "never soon unixzero zero" {
		t.Error(got)
	}
	now = now.Add(29 * time.Minute)
	if out := mustPass(t, r, connection.UserType, m.marks[connection.UserType]); out.last.Reach != connection.Unchanged {
		t.Errorf("reach %v", out.last.Reach)
	}
	now = now.Add(time.Minute)
	m.look()
	if got := enabled(); got != "never unixzero zero" || m.gets != 1 {
		t.Errorf("%s, %d read by id", got, m.gets)
	}
}

// TestPrimaryGroups has members whose groups stand in their own entries.
func TestPrimaryGroups(t *testing.T) {
	sid := func(rid byte) string {
		return "objectSid" + b64(string([]byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, rid, 4, 0, 0}))
	}
	group := func(cn, more string) string {
		return "dn: cn=" + cn + ",ou=groups,dc=example,dc=com\ncn: " + cn + "\n" + more + "\n\n"
	}
	server := parts.SlapdWith(t, attributesOfAD(t), units+
		strings.Replace(person("tove", sid(80), "primaryGroupID: 1026"), "inetOrgPerson", "user\nobjectCategory: person", 1)+
		strings.Replace(person("nils", sid(81), "primaryGroupID: 1027"), "inetOrgPerson", "user\nobjectCategory: person", 1)+
		person("bob", "objectClass: posixAccount", "uidNumber: 7", "gidNumber: 100", "homeDirectory: /", "uid: bobby")+
		group("Domain Users", "objectClass: group\n"+sid(2)+"\nmember: uid=nils,ou=people,dc=example,dc=com")+
		group("Engineers", "objectClass: group\n"+sid(3)+"\nmember: uid=tove,ou=people,dc=example,dc=com")+
		group("users", "objectClass: posixGroup\ngidNumber: 100\nmemberUid: tove\nmemberUid: TOVE\nmemberUid: Bobby"))
	m := look(t, server, nil)
	want := []string{
		"Domain Users members nils", "Engineers members tove", "bob memberOf users", "nils memberOf Engineers", "tove memberOf Domain Users",
		"users members bob", "users members tove",
	}
	if diff := cmp.Diff(want, m.relations()); diff != "" {
		t.Error(diff)
	}
}

// TestBinaryIDs tells people apart by an attribute that is not text, of whom one's value could be.
func TestBinaryIDs(t *testing.T) {
	user := func(uid, guid string) string {
		return strings.Replace(person(uid, "mS-DS-ConsistencyGuid"+b64(guid)), "inetOrgPerson", "user\nobjectCategory: person", 1)
	}
	server := parts.SlapdWith(t, attributesOfAD(t), units+user("a", "\xff\x80\x01"+strings.Repeat("\x00", 13))+user("b", "\xfe\x81\x01"+strings.Repeat("\x00", 13))+user("c", "0123456789abcdef"))
	m := look(t, server, func(c *Config) { c.ID = "mS-DS-ConsistencyGuid" })
	var refs []connection.Ref
	for ref := range m.objects {
		refs = append(refs, ref)
	}
	got, err := m.reader.Get(t.Context(), refs...)
	if err != nil || len(got) != 3 || len(refs) != 3 || m.objects[connection.Ref{Type: "User", ID: "MDEyMzQ1Njc4OWFiY2RlZg=="}].ID == "" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestFailedLogin has ppolicy note a wrong password in the person's entry: that is one entry, not everybody.
func TestFailedLogin(t *testing.T) {
	server := parts.SlapdWith(t, "moduleload ppolicy\noverlay ppolicy\nppolicy_default cn=policy,dc=example,dc=com\n", units+person("tove", "userPassword: right")+person("nils")+
		"dn: cn=policy,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\npwdLockout: TRUE\npwdMaxFailure: 100\n")
	clock := time.Now()
	r, _ := reader(t, server, func(c *Config) { c.Now = func() time.Time { return clock } })
	m := remember(t, r)
	m.look()
	conn, err := ldap.DialURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind("uid=tove,ou=people,dc=example,dc=com", "wrong"); err == nil {
		t.Fatal("the wrong password was right")
	}
	clock = clock.Add(10 * time.Second)
	out := mustPass(t, r, connection.UserType, m.marks[connection.UserType])
	if len(out.objects) > 1 {
		t.Errorf("%d objects were read, reach %v", len(out.objects), out.last.Reach)
	}
	for _, o := range out.objects {
		if !o.Enabled || o.Values.Text("uid") != "tove" {
			t.Errorf("%+v", o)
		}
	}
}

// TestNoContextCSN has a server that stamps its entries and keeps no mark of its last change, or keeps one no more: one that was
// left behind may never be believed.
func TestNoContextCSN(t *testing.T) {
	server := parts.Slapd(t, company)
	clock := time.Now()
	r, _ := reader(t, server, func(c *Config) { c.Now = func() time.Time { return clock } })
	out := mustPass(t, r, connection.UserType, "")
	m := decodeMark(out.last.Mark)
	p := &pass{session: &session{server: r.server}, shaping: &shaping{}, settings: m.Settings, at: m.At, newestCSN: "29990101000000.000000Z#000000#000#000000"}
	c, err := r.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	p.session, p.class = c, class{bases: []string{server.Base}}
	if stale, err := p.stale(); err != nil || !stale {
		t.Errorf("stale %v, %v", stale, err)
	}
	if after, err := p.mark(); err != nil || after.At.known() || after.Stamped {
		t.Errorf("%+v, %v", after, err)
	}
	m.At, m.Stamped = position{}, false // what such a pass leaves behind
	clock = clock.Add(10 * time.Minute)
	again := mustPass(t, r, connection.UserType, m.encode())
	if again.last.Reach != connection.Pages || len(again.present) != 3 {
		t.Errorf("reach %v, %d objects, %d names", again.last.Reach, len(again.objects), len(again.present))
	}
}

// TestSilentServer has a server that accepts and says nothing, and one that hangs in the middle of an answer.
func TestSilentServer(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "half": "\x30\x0c\x02\x01"} {
		t.Run(name, func(t *testing.T) {
			r, _ := reader(t, &parts.LDAP{URL: serve(t, answer), Base: "dc=x"}, func(c *Config) { c.BindDN, c.Timeout = "", 50*time.Millisecond })
			_, err := passOver(t, r, connection.Read{Type: connection.UserType})
			if lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable || !strings.Contains(err.Error(), "did not answer within") {
				t.Error(err)
			}
			r, _ = reader(t, &parts.LDAP{URL: serve(t, answer), Base: "dc=x"}, func(c *Config) { c.BindDN, c.Timeout = "", time.Hour })
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err = r.Read(ctx, connection.Read{Type: connection.UserType}, func(connection.ReadPage) error { return nil })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

// TestBrokenAnswers has servers whose answers must not be believed.
func TestBrokenAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"two gigabytes":           "\x30\x84\x7f\xff\xff\xff",
		"a part beyond the whole": "\x30\x0c\x02\x01\x01\x64\x84\x7f\xff\xff\xff\x04\x00\x30",
		"HTTP":                    "HTTP/1.1 400 Bad Request\r\n\r\n",
		"of unknown length":       "\x30\x80\x02\x01\x01\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := reader(t, &parts.LDAP{URL: serve(t, answer), Base: "dc=x"}, func(c *Config) { c.BindDN = "" })
			if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceMalformed {
				t.Error(err)
			}
		})
	}
}

// serve is a server that answers whatever it is asked with the same bytes, and does not hang up.
func serve(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					_, _ = io.WriteString(conn, answer)
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return "ldap://" + ln.Addr().String()
}

// TestManyParts has a small message of very many parts, which take a hundred times its room once decoded.
func TestManyParts(t *testing.T) {
	parts := bytes.Repeat([]byte{4, 0}, maxParts+1)
	message := append([]byte{0x30, 0x84, 0, byte(len(parts) >> 16), byte(len(parts) >> 8), byte(len(parts))}, parts...)
	if _, err := readMessage(bytes.NewReader(message), nil); err == nil || !strings.Contains(err.Error(), "values") {
		t.Error(err)
	}
	var deep []byte
	for range maxDepth + 2 {
		deep = append([]byte{0x30, byte(len(deep))}, deep...)
	}
	if err := walk(deep, 0, new(int)); err == nil {
		t.Error("nested for ever")
	}
	if err := walk(deep[4:], 0, new(int)); err != nil {
		t.Error(err)
	}
	if _, _, _, err := element([]byte{4, 2, 'a', 'b'}[:3]); err == nil {
		t.Error("a part that is one byte longer than the whole")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"))
	f.Add([]byte("\x30\x84\x00\x00\x00\x03\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		message, err := readMessage(bytes.NewReader(b), nil)
		if err == nil && !bytes.HasPrefix(b, message) {
			t.Errorf("%x of %x", message, b)
		}
		_, _, _ = operation(message) // it must not panic
	})
}

func TestIDText(t *testing.T) {
	for _, c := range []struct{ attribute, raw, id string }{
		{"entryUUID", "0189ABCD-0000-7000-8000-000000000000", "0189abcd-0000-7000-8000-000000000000"},
		{"objectGUID", "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", "00112233-4455-6677-8899-aabbccddeeff"},
		{"objectGUID", "0123456789abcdef", "33323130-3534-3736-3839-616263646566"},
		{"mS-DS-ConsistencyGuid", "0123456789abcdef", "MDEyMzQ1Njc4OWFiY2RlZg=="},
		{"GUID", "\x00\x01", "AAE="},
		{"objectSid", "\x01\x02\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x02\x00\x00", "S-1-5-21-513"},
		{"employeeNumber", "E\u00e9 7", "E\u00e9 7"},
		{"employeeNumber", "\xff\x00", "base64:/wA="},
		{"employeeNumber", "base64:/wA=", "base64:YmFzZTY0Oi93QT0="},
	} {
		got := idText(c.attribute, []byte(c.raw))
		back := string(idBytes(c.attribute, got))
		if got != c.id || !strings.EqualFold(back, c.raw) {
			t.Errorf("%s %q: %q, and back %q", c.attribute, c.raw, got, back)
		}
	}
	several := &ldap.Entry{DN: "uid=Beta,dc=x", Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute("uid", []string{"gamma", "beta", "alpha"})}}
	if got := idOf(several, "uid"); got != "beta" {
		t.Error(got)
	}
	several.DN = "cn=x,dc=x"
	if got := idOf(several, "uid"); got != "alpha" {
		t.Error(got)
	}
}

func TestOrderOfValues(t *testing.T) {
	one := &ldap.Entry{DN: "uid=zoe,dc=x", Attributes: []*ldap.EntryAttribute{
		ldap.NewEntryAttribute("mail", []string{"b@x", "a@x", "C@x"}), ldap.NewEntryAttribute("uid", []string{"ada", "Zoe"}),
	}}
	other := &ldap.Entry{DN: one.DN, Attributes: []*ldap.EntryAttribute{
		ldap.NewEntryAttribute("UID", []string{"Zoe", "ada"}), ldap.NewEntryAttribute("mail", []string{"C@x", "a@x", "b@x"}),
	}}
	s := newShaping(class{typ: "User", wanted: []string{"mail", "uid"}}, "entryUUID", time.Now())
	one.Attributes = append(one.Attributes, &ldap.EntryAttribute{Name: "objectSid"}) // without a value
	s.wants["objectsid"] = "objectSid"
	a, b := s.object(one), s.object(other)
	if diff := cmp.Diff(a.Values, b.Values); diff != "" || a.Name != "a@x" || fmt.Sprint(a.Values.Get("uid")) != "[Zoe ada]" {
		t.Errorf("%s %s %v", diff, a.Name, a.Values)
	}
}

func TestAttributesWanted(t *testing.T) {
	s := &server{config: Config{Attributes: []string{"carLicense"}}}
	c, _ := s.class(connection.UserType, []string{"mail", "Mail", "userPassword", "unicodePwd", "sambaNTPassword;x-y", "name.givenName", `emails[type eq "work"].value`, "extensionAttribute1", "*", "urn:x"})
	if got := strings.Join(c.wanted, " "); got != "carLicense emails extensionAttribute1 mail name" {
		t.Error(got)
	}
}

func TestSplitDNs(t *testing.T) {
	got := splitDNs("ou=a,dc=x; ou=b\\;c,dc=x\n\nou=d,dc=y;")
	if diff := cmp.Diff([]string{"ou=a,dc=x", `ou=b\;c,dc=x`, "ou=d,dc=y"}, got); diff != "" {
		t.Error(diff)
	}
}
