package ldap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
	"lockstep/web"
)

// counter counts the search requests that go out over its connections.
type counter struct {
	searches atomic.Int64
	dials    atomic.Int64
}

func (c *counter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.dials.Add(1)
	conn, err := (&web.Dialer{Allow: web.Loopback()}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &counted{conn, c}, nil
}

type counted struct {
	net.Conn
	counter *counter
}

func (c *counted) Write(b []byte) (int, error) {
	if isSearch(b) {
		c.counter.searches.Add(1)
	}
	return c.Conn.Write(b)
}

// isSearch reports whether a message is a SearchRequest (RFC 4511 §4.1.1): a sequence of a message id and an element with the
// application tag 3.
func isSearch(b []byte) bool {
	if len(b) < 2 || b[0] != 0x30 {
		return false
	}
	id := 2
	if b[1]&0x80 != 0 {
		id += int(b[1] & 0x7f)
	}
	return len(b) > id+1 && len(b) > id+2+int(b[id+1]) && b[id] == 0x02 && b[id+2+int(b[id+1])] == 0x63
}

func (c *counted) RemoteAddr() net.Addr { return c.Conn.RemoteAddr() }

const company = `dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: cn=Ada Lovelace,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Ada Lovelace
sn: Lovelace
uid: ada
mail: ada@example.com
mail: countess@example.com
jpegPhoto:: /9j/4AAQ

dn: cn=Bob\, the Builder,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: posixAccount
cn: Bob, the Builder
sn: Builder
uid: bob
uidNumber: 1000
gidNumber: 1000
homeDirectory: /home/bob
mail: bob@example.com
manager: CN=ada  lovelace, OU=people,DC=example,DC=com

dn: cn=Cy,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Cy
sn: Cy
mail: cy@example.com
manager: cn=admin,dc=example,dc=com

dn: cn=Builders,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: Builders
member: cn=Bob\2C the Builder,ou=people,dc=example,dc=com
member: cn=nobody,dc=example,dc=com

dn: cn=Everybody,ou=groups,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: Everybody
uniqueMember: cn=Builders,ou=groups,dc=example,dc=com
uniqueMember: cn=Ada Lovelace,ou=people,dc=example,dc=com#'0101'B

dn: cn=unix,ou=groups,dc=example,dc=com
objectClass: posixGroup
cn: unix
gidNumber: 1000
memberUid: bob
memberUid: ghost
`

// crowd is a company of people and groups; everyone is in one group, every fifth group holds the one before it.
func crowd(people, groups int) string {
	var b strings.Builder
	b.WriteString("dn: ou=people,dc=example,dc=com\nobjectClass: organizationalUnit\nou: people\n\n")
	b.WriteString("dn: ou=groups,dc=example,dc=com\nobjectClass: organizationalUnit\nou: groups\n\n")
	for i := range people {
		fmt.Fprintf(&b, "dn: uid=u%d,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: u%d\ncn: Person %d\nsn: %d\ngivenName: Person\nmail: u%d@example.com\ntitle: Engineer\ntelephoneNumber: +44 20 %d\nl: London\nst: London\npostalCode: N1\nemployeeNumber: %d\ndepartmentNumber: D%d\nmanager: uid=u%d,ou=people,dc=example,dc=com\n\n",
			i, i, i, i, i, i, i, i%50, i/8)
	}
	for g := range groups {
		fmt.Fprintf(&b, "dn: cn=g%d,ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: g%d\n", g, g)
		for i := g; i < people; i += groups {
			fmt.Fprintf(&b, "member: uid=u%d,ou=people,dc=example,dc=com\n", i)
		}
		if g%5 == 4 {
			fmt.Fprintf(&b, "member: cn=g%d,ou=groups,dc=example,dc=com\n", g-1)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cpu returns the processor time that this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func connect(t *testing.T, server *parts.LDAP) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Bind(server.AdminDN, server.AdminPassword); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestFailures(t *testing.T) {
	server := parts.Slapd(t, company)
	password := func(s string) func(*Config) {
		return func(c *Config) { c.Password = func(context.Context) (string, error) { return s, nil } }
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		code   lockstep.Code
		checks string
	}{
		{"good", nil, "", "reach, authenticate, find people, find groups"},
		{"wrong password", password("wrong"), lockstep.CodeSourceAuth, "reach, -authenticate"},
		{"no password", password(""), lockstep.CodeSourceAuth, "reach, -authenticate"},
		{"no such base", func(c *Config) { c.PeopleBases = []string{"ou=nowhere,dc=example,dc=com"} }, lockstep.CodeSourceMalformed, "reach, authenticate, -find people"},
		{"no such id", func(c *Config) { c.ID = "objectGUID" }, lockstep.CodeSourceMalformed, "reach, authenticate, -find people"},
		{"bad filter", func(c *Config) { c.PeopleFilter = "(mail=" }, lockstep.CodeSourceMalformed, "reach, authenticate, -find people"},
		{"nobody listens", func(c *Config) { c.URL = "ldap://127.0.0.1:1" }, lockstep.CodeSourceUnreachable, "-reach"},
		{"not allowed", func(c *Config) { c.Dial = (&web.Dialer{}).DialContext }, lockstep.CodeBlocked, "-reach"},
		{"no TLS there", func(c *Config) { c.StartTLS = true }, lockstep.CodeSourceUnreachable, "-reach"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := reader(t, server, c.change)
			var names []string
			err := s.Test(t.Context(), func(check connection.Check) {
				if !check.OK {
					check.Name = "-" + check.Name
				}
				names = append(names, check.Name)
			})
			if got := strings.Join(names, ", "); lockstep.CodeOf(err) != c.code || got != c.checks {
				t.Errorf("%s; %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), server.Password) {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

// TestTLS puts a server with a certificate of its own in front of slapd.
func TestTLS(t *testing.T) {
	server := parts.Slapd(t, company)
	certificate, authority := selfSigned(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	behind, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go forward(conn, behind.Host)
		}
	}()
	r, _ := reader(t, server, func(c *Config) { c.URL, c.CA = "ldaps://"+ln.Addr().String(), authority })
	if out := mustPass(t, r, connection.UserType, ""); len(out.objects) != 3 {
		t.Errorf("%d objects", len(out.objects))
	}
	r, _ = reader(t, server, func(c *Config) { c.URL = "ldaps://" + ln.Addr().String() })
	if _, err := passOver(t, r, connection.Read{Type: connection.UserType}); lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

func forward(conn net.Conn, to string) {
	defer conn.Close()
	behind, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer behind.Close()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(behind, conn); _ = behind.Close() })
	both.Go(func() { _, _ = io.Copy(conn, behind); _ = conn.Close() })
	both.Wait()
}

func selfSigned(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{netip.MustParseAddr("127.0.0.1").AsSlice()}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
