package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/sso"
	"lockstep/token"
	"lockstep/web"
)

const staff = `dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
givenName: Ada
displayName: Ada Lovelace
mail: ada@example.com
employeeType: sales
userPassword: ada's password

dn: uid=a*a,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: a*a
cn: Star
sn: Star
userPassword: star

dn: cn=Eve \28the second\29\, Esq.,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: eve
cn: Eve (the second), Esq.
sn: Eve
userPassword: eve

dn: cn=Twin 1,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: twin
cn: Twin 1
sn: Twin
userPassword: twin

dn: cn=Twin 2,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: twin
cn: Twin 2
sn: Twin
userPassword: twin
`

func ldapProvider(l *parts.LDAP) sso.Provider {
	return sso.Provider{Kind: sso.KindLDAP, TrustEmail: true, Settings: map[string]string{"url": l.URL, "base": "ou=people," + l.Base, "bind_dn": l.BindDN}, Secrets: map[string]string{"bind_password": l.Password}}
}

func openPasswords(t *testing.T, o *Opener, p sso.Provider) sso.Passwords {
	t.Helper()
	u, err := o.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := u.(*directory); ok {
		d.pause = 0
	}
	return u.(sso.Passwords)
}

func TestLDAPPassword(t *testing.T) {
	t.Parallel()
	l := parts.Slapd(t, staff)
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	up := openPasswords(t, o, ldapProvider(l))
	for _, name := range []string{"ada", "ADA", "ada@example.com"} {
		var told stages
		who, err := up.SignIn(t.Context(), name, "ada's password", &told)
		if err != nil || len(who.Subject) != 36 || who.UserName != "ada" || who.Email != "ada@example.com" || !who.EmailVerified || who.Name != "Ada Lovelace" || who.GivenName != "Ada" || who.AuthTime.IsZero() {
			t.Errorf("%s: got %+v, %v", name, who, err)
		}
		if strings.Contains(encode(told), "password\"") && strings.Contains(encode(told), "ada's") || strings.Contains(encode(told), l.Password) {
			t.Errorf("a password is told: %s", encode(told))
		}
	}
	if who, err := up.SignIn(t.Context(), "eve", "eve", nil); err != nil || who.Subject == "" {
		t.Errorf("a DN with characters that need escaping: got %+v, %v", who, err)
	}
	if who, err := up.SignIn(t.Context(), "a*a", "star", nil); err != nil || who.UserName != "a*a" {
		t.Errorf("a name with a star is that name: got %+v, %v", who, err)
	}
	// One error for all of these, whatever the cause.
	for _, c := range []struct{ name, password, cause string }{
		{"ada", "wrong", "does not accept the password"}, {"nobody", "wrong", "no entry"}, {"ada", "", "cannot be one"}, {"", "x", "cannot be one"},
		{"*", "ada's password", "no entry"}, {"ad*", "ada's password", "no entry"}, {"ada)(uid=*", "ada's password", "no entry"},
		{"ada)(|(uid=*", "ada's password", "no entry"}, {`ada\2a`, "ada's password", "no entry"}, {"ada\x00", "ada's password", "cannot be one"},
		{"*)(objectClass=*))(|(uid=", "ada's password", "no entry"}, {" ada", "ada's password", "cannot be one"}, {"twin", "twin", "more than one"},
		{strings.Repeat("x", 300), "x", "cannot be one"}, {"ada", strings.Repeat("x", 2000), "cannot be one"},
	} {
		var told stages
		who, err := up.SignIn(t.Context(), c.name, c.password, &told)
		if who.Subject != "" || err == nil || err.Error() != wrongPassword().Error() || !strings.Contains(told.last().Detail, c.cause) {
			t.Errorf("%q, %q: got %+v, %v; told %+v", c.name, c.password, who, err, told.last())
		}
	}
}

func TestLDAPSettings(t *testing.T) {
	t.Parallel()
	l := parts.Slapd(t, staff)
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	for _, c := range []struct {
		name   string
		change func(p *sso.Provider)
		code   lockstep.Code
	}{
		{"search user's password wrong", func(p *sso.Provider) { p.Secrets["bind_password"] = "wrong" }, lockstep.CodeIdPSearchUser},
		{"base that is not there", func(p *sso.Provider) { p.Settings["base"] = "ou=elsewhere,dc=example,dc=com" }, lockstep.CodeIdPRefused},
		{"StartTLS that it does not do", func(p *sso.Provider) { p.Settings["start_tls"] = "true" }, lockstep.CodeIdPNotTLS},
		{"nobody listens", func(p *sso.Provider) { p.Settings["url"] = "ldap://127.0.0.1:1" }, lockstep.CodeIdPUnreachable},
		{"id attribute that nobody has", func(p *sso.Provider) { p.Settings["id_attribute"] = "employeeNumber" }, lockstep.CodeIdPClaimMissing},
		{"id attribute", func(p *sso.Provider) { p.Settings["id_attribute"] = "uid" }, ""},
		{"required attribute", func(p *sso.Provider) {
			p.Settings["require_claim"], p.Settings["require_value"] = "employeeType", "sales|support"
		}, ""},
		{"required attribute of another value", func(p *sso.Provider) {
			p.Settings["require_claim"], p.Settings["require_value"] = "employeeType", "support"
		}, lockstep.CodeIdPFiltered},
	} {
		p := ldapProvider(l)
		c.change(&p)
		var told stages
		who, err := openPasswords(t, o, p).SignIn(t.Context(), "ada", "ada's password", &told)
		if lockstep.CodeOf(err) != c.code || (who.Subject == "") != (c.code != "") || (c.code != "" && told.last().Fix == "") {
			t.Errorf("%s: got %+v, %v", c.name, who, err)
		}
	}
	p := ldapProvider(l)
	if _, err := openPasswords(t, &Opener{}, p).SignIn(t.Context(), "ada", "ada's password", nil); lockstep.CodeOf(err) != lockstep.CodeIdPBlocked {
		t.Errorf("an address that the operator does not allow: got %v", err)
	}
	// A plain connection that leaves this machine carries no password.
	far := &Opener{Dialer: &web.Dialer{Connect: func(ctx context.Context, _, _ string) (net.Conn, error) {
		u, _ := url.Parse(l.URL)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
		return distant{conn}, err
	}}}
	if _, err := openPasswords(t, far, p).SignIn(t.Context(), "ada", "ada's password", nil); lockstep.CodeOf(err) != lockstep.CodeIdPInTheClear {
		t.Errorf("in the clear: got %v", err)
	}
}

// distant is a connection that says that it leads to another machine.
type distant struct{ net.Conn }

func (distant) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 389}
}

// TestRefusalsTakeAsLong: an unknown name, a wrong password and a name that cannot be one take the same time, to a third of the pause.
func TestRefusalsTakeAsLong(t *testing.T) {
	t.Parallel()
	l := parts.Slapd(t, staff)
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	up := openPasswords(t, o, ldapProvider(l))
	up.(*directory).pause = failPause
	for _, c := range []struct{ name, password string }{{"ada", "wrong"}, {"nobody", "wrong"}, {"ada", ""}, {"twin", "twin"}} {
		begin := time.Now()
		_, err := up.SignIn(t.Context(), c.name, c.password, nil)
		took := time.Since(begin)
		if over := took % failPause; took < failPause || over > failPause/3 || lockstep.CodeOf(err) != lockstep.CodeIdPCredentials {
			t.Errorf("%s: took %v, %v", c.name, took, err)
		}
	}
	// Whoever goes away is not waited for.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if _, err := up.SignIn(gone, "nobody", "wrong", nil); err == nil || time.Since(begin) > failPause {
		t.Errorf("took %v, %v", time.Since(begin), err)
	}
}

// TestHostileLDAP: what a server that is none may answer.
func TestHostileLDAP(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no LDAP": "HTTP/1.1 400 Bad Request\r\n\r\n", "a message of 2 GiB": "\x30\x84\x7f\xff\xff\xff", "a part of 2 GiB": "\x30\x0c\x02\x01\x01\x61\x84\x7f\xff\xff\xff\x00\x00\x00",
		"nested without end": "\x30\x82\x00\xc8" + strings.Repeat("\x30\x80", 100), "indefinite length": "\x30\x80\x02\x01\x01", "nothing": "", "an empty message": "\x30\x00",
		"a part longer than its message": "\x30\x05\x02\x01\x01\x04\x7f",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.ReadAtLeast(conn, make([]byte, 1024), 5)
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}()
		p := sso.Provider{Kind: sso.KindLDAP, Settings: map[string]string{"url": "ldap://" + listener.Addr().String(), "base": "dc=example,dc=com", "timeout": "3"}}
		_, err = openPasswords(t, &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}, p).SignIn(t.Context(), "ada", "x", nil)
		if code := lockstep.CodeOf(err); code != lockstep.CodeIdPUnreachable && code != lockstep.CodeIdPMalformed {
			t.Errorf("%s: got %v", name, err)
		}
		_ = listener.Close()
	}
}

func TestLocalPassword(t *testing.T) {
	t.Parallel()
	right, err := token.HashPassword("right")
	if err != nil {
		t.Fatal(err)
	}
	decoy, err := token.HashPassword("nobody knows")
	if err != nil {
		t.Fatal(err)
	}
	var compared []string
	kept := &Local{Decoy: decoy, Verify: func(hash, password string) (bool, error) {
		compared = append(compared, hash)
		return token.CheckPassword(hash, password)
	}, Lookup: func(_ context.Context, tenant lockstep.TenantID, name string) (string, sso.Identity, error) {
		switch {
		case tenant != "t1":
			return "", sso.Identity{}, nil
		case name == "ada":
			return right, sso.Identity{Subject: "u-1", UserName: "ada"}, nil
		case name == "damaged":
			return "no hash", sso.Identity{Subject: "u-2"}, nil
		case name == "broken":
			return "", sso.Identity{}, errors.New("the database is away")
		}
		return "", sso.Identity{}, nil
	}}
	o := &Opener{Local: kept}
	u, err := o.Open(t.Context(), sso.Provider{ID: "p", Tenant: "t1", Kind: sso.KindLocal})
	if err != nil {
		t.Fatal(err)
	}
	u.(*local).pause = 0
	up := u.(sso.Passwords)
	if who, err := up.SignIn(t.Context(), "ada", "right", nil); err != nil || who.Subject != "u-1" || !slices.Equal(who.AMR, []string{"pwd"}) {
		t.Errorf("got %+v, %v", who, err)
	}
	for _, c := range []struct{ name, password string }{{"ada", "wrong"}, {"nobody", "nobody knows"}, {"damaged", "right"}} {
		if _, err := up.SignIn(t.Context(), c.name, c.password, nil); err == nil || err.Error() != wrongPassword().Error() {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if !slices.Equal(compared, []string{right, right, decoy, "no hash"}) {
		t.Errorf("compared %q", compared)
	}
	if _, err := up.SignIn(t.Context(), "broken", "right", nil); lockstep.CodeOf(err) != lockstep.CodeIdPUnreachable {
		t.Errorf("got %v", err)
	}
	if _, err := u.Begin(t.Context(), sso.Attempt{}, nil); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("a redirect: got %v", err)
	}
	if _, err := (&Opener{}).Open(t.Context(), sso.Provider{Kind: sso.KindLocal}); lockstep.CodeOf(err) != lockstep.CodeIdPUnsupported {
		t.Errorf("without passwords: got %v", err)
	}
}
