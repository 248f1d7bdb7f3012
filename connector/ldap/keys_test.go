package ldap

import (
	"context"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"lockstep"
)

func TestFoldDN(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"cn=Ada,dc=x", "CN=ada,DC=X"},
		{"cn=Ada,dc=x", "cn=Ada, dc=x"},
		{"cn=Ada Lovelace,dc=x", "cn = ada   lovelace , dc=x"},
		{`cn=Bob\, B,dc=x`, `cn=Bob\2C B,dc=x`},
		{"cn=a+uid=b,dc=x", "uid=B+cn=A,dc=x"},
		{"cn=Größe,dc=x", "CN=GRÖSSE,dc=x"},
	} {
		if same := foldDN(c.a) == foldDN(c.b); same == (c.b == "CN=GRÖSSE,dc=x") {
			t.Errorf("%q and %q: %q, %q", c.a, c.b, foldDN(c.a), foldDN(c.b))
		}
	}
	for _, c := range []struct{ a, b string }{{`cn=a\,cn=b,dc=x`, "cn=a,cn=b,dc=x"}, {"cn=a,dc=x", "cn=a,dc=xy"}, {`cn=a\+uid=b,dc=x`, "cn=a+uid=b,dc=x"}} {
		if foldDN(c.a) == foldDN(c.b) {
			t.Errorf("%q and %q are taken for the same", c.a, c.b)
		}
	}
}

func FuzzFoldDN(f *testing.F) {
	f.Add(`cn=Bob\2C the Builder+uid=x, ou=a b,dc=example`)
	f.Add(`cn="a,b" ,dc=#04024869`)
	f.Fuzz(func(t *testing.T, dn string) {
		foldDN(dn) // it must not panic, and two spellings that the library takes for one must be one here
		a, err := ldap.ParseDN(dn)
		if err != nil {
			return
		}
		if b, err := ldap.ParseDN(a.String()); err == nil && a.Equal(b) && foldDN(dn) != foldDN(a.String()) {
			t.Errorf("%q and %q: %q, %q", dn, a.String(), foldDN(dn), foldDN(a.String()))
		}
	})
}

func TestObjectGUID(t *testing.T) {
	want := "00112233-4455-6677-8899-aabbccddeeff"
	raw := string([]byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})
	e := &ldap.Entry{Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute("objectGUID", []string{raw})}}
	if got := idOf(e, "objectGUID"); got != want {
		t.Error(got)
	}
	if got := idFilter("objectGUID", want); got != `(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)` {
		t.Error(got)
	}
	if got := idFilter("entryUUID", want); got != "(entryUUID="+want+")" {
		t.Error(got)
	}
	if u := uuid.New(); swapGUID(swapGUID(u)) != u {
		t.Error("swapping twice is not the identity")
	}
}

func TestEnabled(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"userAccountControl", "512", true},
		{"userAccountControl", "514", false},
		{"userAccountControl", "66050", false},
		{"nsAccountLock", "TRUE", false},
		{"nsAccountLock", "false", true},
		{"pwdAccountLockedTime", "000001010000Z", false},
		{"pwdAccountLockedTime", "20260101000000Z", true},
		{"cn", "x", true},
	} {
		e := &ldap.Entry{Attributes: []*ldap.EntryAttribute{ldap.NewEntryAttribute(c.name, []string{c.value})}}
		if enabled, _ := standing(e, time.Now()); enabled != c.want {
			t.Errorf("%s %s", c.name, c.value)
		}
	}
}

func TestNextRange(t *testing.T) {
	for _, c := range []struct {
		options string
		next    int
		more    bool
	}{{"range=0-1499", 1500, true}, {"range=1500-*", 0, false}, {"", 0, false}, {"binary;range=0-9", 10, true}} {
		if next, more := nextRange(c.options, 10); next != c.next || more != c.more {
			t.Errorf("%q: %d, %v", c.options, next, more)
		}
	}
}

func TestElsewhere(t *testing.T) {
	got := (&server{}).elsewhere([]string{
		"ldap://ForestDnsZones.x/DC=ForestDnsZones,DC=x", "ldap://x/CN=Configuration,DC=x", "ldap://DomainDnsZones.x/DC=DomainDnsZones,DC=x",
		"ldap://b/ou=b", "ldap://a/ou=a", "ldap://b/ou=b",
	})
	if len(got) != 2 || got[0] != "ldap://a/ou=a" {
		t.Errorf("%q", got)
	}
}

func TestConfig(t *testing.T) {
	c, err := ParseConfig(map[string]string{
		"url": "ldaps://ldap.example.com", "base": "dc=x", "start_tls": "", "attributes": "extensionAttribute1, carLicense", "page_size": "200", "insecure": "true",
	})
	if err != nil || len(c.Attributes) != 2 || c.PageSize != 200 || !c.Insecure {
		t.Errorf("%+v, %v", c, err)
	}
	s, err := newServer(c)
	if err != nil || s.address != "ldap.example.com:636" || !s.ldaps {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []map[string]string{{"host": "x"}, {"page_size": "many"}, {"start_tls": "perhaps"}} {
		if _, err := ParseConfig(bad); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, bad := range []Config{{URL: "http://x", Base: "dc=x"}, {URL: "ldap://x"}, {URL: "ldaps://x", Base: "dc=x", StartTLS: true}, {URL: "ldap://x", Base: "dc=x", CA: []byte("x")}} {
		if _, err := NewReader(bad); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestPasswordInTheClear(t *testing.T) {
	s, err := newServer(Config{URL: "ldap://ldap.example.com", Base: "dc=x", BindDN: "cn=x", Password: func(context.Context) (string, error) {
		t.Error("the password was asked for")
		return "", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := &session{server: s, conn: ldap.NewConn(nil, false)}
	if err := c.authenticate(t.Context()); lockstep.CodeOf(err) != lockstep.CodeSourceAuth {
		t.Error(err)
	}
}
