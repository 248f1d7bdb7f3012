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
	"errors"
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
	"github.com/google/uuid"

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

func source(t testing.TB, server *parts.LDAP, change func(*Config)) (*Source, *counter) {
	t.Helper()
	n := &counter{}
	c := Config{
		URL: server.URL, Base: server.Base, BindDN: server.BindDN, Dial: n.dial,
		Password: func(context.Context) (string, error) { return server.Password, nil },
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, n
}

// outcome is everything that a read gives.
type outcome struct {
	objects map[string]connection.Object // by name
	bad     []connection.Bad
	next    []connection.Cursor
	whole   bool
	pages   int
	order   string // of types
}

func read(t testing.TB, s *Source, from connection.Cursor) (outcome, error) {
	t.Helper()
	out := outcome{objects: map[string]connection.Object{}}
	last := false
	err := s.Read(t.Context(), from, func(p connection.Page) error {
		for _, o := range p.Objects {
			if _, twice := out.objects[o.Name]; twice {
				t.Errorf("%s twice", o.Name)
			}
			out.objects[o.Name] = o
			if !strings.HasSuffix(out.order, o.Type[:1]) {
				out.order += o.Type[:1]
			}
		}
		out.bad = append(out.bad, p.Bad...)
		out.next = append(out.next, p.Next)
		out.whole, last = p.Whole, p.Last
		out.pages++
		return nil
	})
	if err == nil && !last {
		t.Error("no last page")
	}
	return out, err
}

func mustRead(t testing.TB, s *Source, from connection.Cursor) outcome {
	t.Helper()
	out, err := read(t, s, from)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

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

func TestCompany(t *testing.T) {
	server := parts.Slapd(t, company)
	s, _ := source(t, server, nil)
	out := mustRead(t, s, "")
	if len(out.objects) != 6 || !out.whole || out.order != "UG" {
		t.Fatalf("%d objects, whole %v, order %s", len(out.objects), out.whole, out.order)
	}
	ada, bob, builders := out.objects["countess@example.com"], out.objects["bob@example.com"], out.objects["Builders"]
	if ada.ID == "" {
		ada = out.objects["ada@example.com"]
	}
	if err := uuid.Validate(ada.ID); err != nil || ada.Version == "" || !ada.Enabled || ada.Time.IsZero() {
		t.Errorf("%+v", ada)
	}
	if ada.Values.Text("sn") != "Lovelace" || ada.Values.Text("dn") == "" || ada.Values.Has("jpegPhoto") || ada.Values.Has("manager") {
		t.Errorf("values %v", ada.Values)
	}
	if len(bob.References) != 1 || bob.References[0] != (connection.Reference{Attribute: "manager", To: ada.Ref}) {
		t.Errorf("Bob's manager %v", bob.References)
	}
	if len(builders.References) != 1 || builders.References[0].To != bob.Ref {
		t.Errorf("builders %v", builders.References)
	}
	if e := out.objects["Everybody"].References; len(e) != 2 || e[0].To != builders.Ref || e[1].To != ada.Ref {
		t.Errorf("everybody %v", e)
	}
	if e := out.objects["unix"].References; len(e) != 1 || e[0].To != bob.Ref {
		t.Errorf("unix %v", e)
	}
	var told []string
	for _, b := range out.bad {
		told = append(told, b.Err.Error())
	}
	for _, want := range []string{"such as cn=nobody,dc=example,dc=com", "such as ghost", "1 people have a manager who is not among those that are read"} {
		if !strings.Contains(strings.Join(told, "\n"), want) {
			t.Errorf("not told: %s in %q", want, told)
		}
	}
	got, err := s.Get(t.Context(), bob.Ref, builders.Ref, connection.Ref{Type: "User", ID: uuid.NewString()})
	if err != nil || len(got) != 2 || got[0].ID != bob.ID || len(got[0].References) != 1 || got[1].ID != builders.ID {
		t.Errorf("get %+v, %v", got, err)
	}
}

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

// TestTenThousand is the size of the example: no search per member, and nothing at all when nothing has changed.
func TestTenThousand(t *testing.T) {
	server := parts.Slapd(t, crowd(10_000, 200))
	s, n := source(t, server, nil)
	began, cpuBegan := time.Now(), cpu(t)
	out := mustRead(t, s, "")
	took, searches := time.Since(began), n.searches.Load()
	edges := 0
	for _, o := range out.objects {
		edges += len(o.References)
	}
	t.Logf("%d objects, %d edges, %d pages in %v with %d searches", len(out.objects), edges, out.pages, took, searches)
	if len(out.objects) != 10_200 || edges != 10_000+10_000+40 || !out.whole || len(out.bad) != 0 {
		t.Errorf("%d objects, %d edges, whole %v, bad %v", len(out.objects), edges, out.whole, out.bad)
	}
	if used := cpu(t) - cpuBegan; used > 2*time.Second { // not the wall clock, as the machine may be busy
		t.Errorf("it took %v of processor time", used)
	}
	if searches > 50 {
		t.Errorf("%d searches", searches)
	}

	n.searches.Store(0)
	began = time.Now()
	again := mustRead(t, s, out.next[len(out.next)-1])
	t.Logf("unchanged: %v with %d searches", time.Since(began), n.searches.Load())
	if len(again.objects) != 0 || again.whole || n.searches.Load() > 2 {
		t.Errorf("unchanged: %d objects, whole %v, %d searches", len(again.objects), again.whole, n.searches.Load())
	}

	rest := mustRead(t, s, out.next[3])
	if len(rest.objects) != 10_200-4*500 || !rest.whole {
		t.Errorf("continued: %d objects, whole %v", len(rest.objects), rest.whole)
	}
	admin := connect(t, server)
	modify := ldap.NewModifyRequest("uid=u7,ou=people,dc=example,dc=com", nil)
	modify.Replace("title", []string{"Director"})
	if err := admin.Modify(modify); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, s, out.next[3]); !errors.Is(err, lockstep.ErrCursorExpired) {
		t.Errorf("continued in another state: %v", err)
	}
	if changed := mustRead(t, s, again.next[0]); len(changed.objects) != 10_200 || changed.objects["u7@example.com"].Values.Text("title") != "Director" {
		t.Errorf("changed: %d objects", len(changed.objects))
	}
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

func TestChangeElsewhere(t *testing.T) {
	server := parts.Slapd(t, company)
	s, _ := source(t, server, nil)
	first := mustRead(t, s, "")
	add := ldap.NewAddRequest("ou=printers,dc=example,dc=com", nil)
	add.Attribute("objectClass", []string{"organizationalUnit"})
	add.Attribute("ou", []string{"printers"})
	if err := connect(t, server).Add(add); err != nil {
		t.Fatal(err)
	}
	second := mustRead(t, s, first.next[len(first.next)-1])
	if len(second.objects) != 0 || second.next[0] == first.next[len(first.next)-1] {
		t.Errorf("a change of something else: %d objects, cursor %s", len(second.objects), second.next[0])
	}
}

func TestWatch(t *testing.T) {
	server := parts.Slapd(t, company)
	s, n := source(t, server, func(c *Config) { c.Poll = 10 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changed := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-changed: // by what may have happened before
	case err := <-ended:
		t.Fatal(err)
	}
	for n.searches.Load() < 6 { // it has looked at least twice
		select {
		case <-changed:
			t.Fatal("told of a change that was none")
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	modify := ldap.NewModifyRequest("cn=Cy,ou=people,dc=example,dc=com", nil)
	modify.Replace("title", []string{"Director"})
	if err := connect(t, server).Modify(modify); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case err := <-ended:
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSizeLimit(t *testing.T) {
	server := parts.SlapdWith(t, "limits * size=100", crowd(300, 2))
	s, _ := source(t, server, nil)
	if out, err := read(t, s, ""); lockstep.CodeOf(err) != lockstep.CodeSourceLimit || len(out.objects) != 0 {
		t.Errorf("%d objects, %v", len(out.objects), err)
	}
}

func TestReferral(t *testing.T) {
	server := parts.Slapd(t, company, `dn: ou=elsewhere,dc=example,dc=com
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://ldap.example.org/ou=elsewhere,dc=example,dc=com
`)
	s, _ := source(t, server, nil)
	out := mustRead(t, s, "")
	if out.whole || len(out.objects) != 6 {
		t.Errorf("%d objects, whole %v", len(out.objects), out.whole)
	}
	told := 0
	for _, b := range out.bad {
		if lockstep.CodeOf(b.Err) == lockstep.CodeSourceReferral && strings.Contains(b.Err.Error(), "ldap.example.org") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times: %v", told, out.bad)
	}
	s, _ = source(t, server, func(c *Config) { c.Base = "ou=elsewhere,dc=example,dc=com" })
	if _, err := read(t, s, ""); lockstep.CodeOf(err) != lockstep.CodeSourceReferral || !strings.Contains(err.Error(), "ldap://ldap.example.org/") {
		t.Error(err)
	}
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
		{"good", nil, "", "reach, authenticate, read the keys"},
		{"wrong password", password("wrong"), lockstep.CodeSourceAuth, "reach, -authenticate"},
		{"no password", password(""), lockstep.CodeSourceAuth, "reach, -authenticate"},
		{"no such base", func(c *Config) { c.PeopleBases = []string{"ou=nowhere,dc=example,dc=com"} }, lockstep.CodeSourceMalformed, "reach, authenticate, -read the keys"},
		{"no such id", func(c *Config) { c.ID = "objectGUID" }, lockstep.CodeSourceMalformed, "reach, authenticate, -read the keys"},
		{"bad filter", func(c *Config) { c.PeopleFilter = "(mail=" }, lockstep.CodeSourceMalformed, "reach, authenticate, -read the keys"},
		{"nobody listens", func(c *Config) { c.URL = "ldap://127.0.0.1:1" }, lockstep.CodeSourceUnreachable, "-reach"},
		{"not allowed", func(c *Config) { c.Dial = (&web.Dialer{}).DialContext }, lockstep.CodeBlocked, "-reach"},
		{"no TLS there", func(c *Config) { c.StartTLS = true }, lockstep.CodeSourceUnreachable, "-reach"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := source(t, server, c.change)
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
	s, _ := source(t, server, func(c *Config) { c.URL, c.CA = "ldaps://"+ln.Addr().String(), authority })
	if out := mustRead(t, s, ""); len(out.objects) != 6 {
		t.Errorf("%d objects", len(out.objects))
	}
	s, _ = source(t, server, func(c *Config) { c.URL = "ldaps://" + ln.Addr().String() })
	if _, err := read(t, s, ""); lockstep.CodeOf(err) != lockstep.CodeSourceUnreachable || !strings.Contains(err.Error(), "certificate") {
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
