package upstream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/sso"
	"lockstep/web"
)

// directory is an LDAP directory that checks passwords: somebody is looked for by the name they typed, then bound as (RFC 4511 §4.2).
type directory struct {
	onlyForm
	provider sso.Provider
	set      settings
	filter   filter
	dialer   *web.Dialer
	now      func() time.Time
	pause    time.Duration
	timeout  time.Duration

	host, address string
	ldaps         bool
	tls           *tls.Config
}

var _ sso.Passwords = (*directory)(nil)

// newDirectory makes the upstream of a provider that Check has passed.
func newDirectory(p sso.Provider, o *Opener) (*directory, error) {
	d := &directory{provider: p, set: settingsOf(p), dialer: o.Dialer, now: o.clock(), pause: failPause}
	d.filter = newFilter(d.set)
	if d.dialer == nil {
		d.dialer = &web.Dialer{}
	}
	u, err := url.Parse(d.set.text("url"))
	if err != nil {
		return nil, &lockstep.Error{Code: lockstep.CodeIdPSettingInvalid, Detail: "Server: it is not an address"}
	}
	d.host, d.ldaps = u.Hostname(), u.Scheme == "ldaps"
	d.address = net.JoinHostPort(d.host, or(u.Port(), map[bool]string{false: "389", true: "636"}[d.ldaps]))
	pool, err := trusted(p.Roots)
	if err != nil {
		return nil, err
	}
	d.tls = &tls.Config{ServerName: d.host, RootCAs: pool, MinVersion: tls.VersionTLS12}
	seconds, err := time.ParseDuration(d.set.text("timeout") + "s")
	if err != nil {
		seconds = 10 * time.Second
	}
	d.timeout = seconds
	return d, nil
}

// SignIn looks for the name and binds with the password.
func (d *directory) SignIn(ctx context.Context, name, password string, rec sso.Recorder) (sso.Identity, error) {
	h := startHop(rec, d.now, "password")
	h.fact("user name", name)
	h.fact("address", d.address)
	if !fitCredentials(name, password) {
		return sso.Identity{}, refuse(ctx, h, d.pause, found(lockstep.CodeIdPCredentials, "", "the name or the password is empty or cannot be one"))
	}
	within, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	entry, bad := d.find(within, h, name, password)
	if bad != nil {
		switch bad.code {
		case lockstep.CodeIdPCredentials, lockstep.CodeIdPAmbiguous:
			return sso.Identity{}, refuse(ctx, h, d.pause, bad)
		}
		return sso.Identity{}, h.fail(bad)
	}
	who, bad := d.identify(entry)
	if bad != nil {
		return sso.Identity{}, h.fail(bad)
	}
	noteIdentity(h, who)
	h.done("the directory accepts the password")
	return who, nil
}

// find returns the entry of whoever has the name and the password.
func (d *directory) find(ctx context.Context, h *hop, name, password string) (*ldap.Entry, *finding) {
	conn, done, bad := d.connect(ctx, h)
	if bad != nil {
		return nil, bad
	}
	defer done()
	if dn := d.set.text("bind_dn"); dn != "" {
		if err := conn.Bind(dn, d.set.secret("bind_password")); err != nil {
			return nil, d.fault(ctx, h, "sign in as the search user", lockstep.CodeIdPSearchUser, err)
		}
	}
	search := ldap.NewSearchRequest(d.set.text("base"), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 0, false,
		strings.ReplaceAll(d.set.text("filter"), "{name}", ldap.EscapeFilter(name)), d.attributes(), nil)
	result, err := conn.Search(search)
	many := ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)
	if err != nil && !many {
		return nil, d.fault(ctx, h, "look for the name", lockstep.CodeIdPRefused, err)
	}
	wanted := "cn=" + rand.Text() + "," + d.set.text("base") // nobody; the server has the same work to do
	if !many && len(result.Entries) == 1 {
		wanted = result.Entries[0].DN
	}
	err = conn.Bind(wanted, password)
	switch {
	case many || len(result.Entries) > 1:
		return nil, found(lockstep.CodeIdPAmbiguous, "", "more than one entry has this name")
	case len(result.Entries) == 0:
		return nil, found(lockstep.CodeIdPCredentials, "", "no entry below %s has this name", d.set.text("base"))
	case err != nil:
		return nil, d.wrong(ctx, h, err)
	}
	h.fact("dn", wanted)
	return result.Entries[0], nil
}

// wrong tells why the directory did not accept the password, for the stage alone.
func (d *directory) wrong(ctx context.Context, h *hop, err error) *finding {
	e, ok := errors.AsType[*ldap.Error](err)
	if !ok || e.ResultCode >= ldap.ErrorNetwork { // the library's own
		return d.fault(ctx, h, "check the password", lockstep.CodeIdPUnreachable, err)
	}
	switch e.ResultCode {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		return d.fault(ctx, h, "check the password", lockstep.CodeIdPUnreachable, err)
	case ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return found(lockstep.CodeIdPInTheClear, "", "the directory wants TLS before it looks at a password")
	}
	said := e.Err.Error()
	for _, known := range []struct{ data, means string }{ // Active Directory's
		{"data 525", "nobody has this name"}, {"data 52e", "the password is wrong"}, {"data 530", "not at this time"}, {"data 531", "not from this machine"},
		{"data 532", "the password has expired"}, {"data 533", "the account is disabled"}, {"data 701", "the account has expired"},
		{"data 773", "the password must be changed first"}, {"data 775", "the account is locked"},
	} {
		if strings.Contains(said, known.data) {
			return found(lockstep.CodeIdPCredentials, "", "the directory does not accept the password: %s", known.means)
		}
	}
	return found(lockstep.CodeIdPCredentials, "", "the directory does not accept the password (%s)", cleanText(ldap.LDAPResultCodeMap[e.ResultCode], 80))
}

// fault names what the library returned. Its text may quote what the server said, and never holds a password.
func (d *directory) fault(ctx context.Context, h *hop, what string, refused lockstep.Code, err error) *finding {
	if e, ok := errors.AsType[*ldap.Error](err); ok && e.ResultCode < ldap.ErrorNetwork {
		return found(refused, "", "%s: the directory refuses to %s (%s)", d.host, what, cleanText(ldap.LDAPResultCodeMap[e.ResultCode], 80))
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return transport(h, d.host, err)
}

// connect opens a connection that ends with its context, encrypted unless it stays on this machine.
func (d *directory) connect(ctx context.Context, h *hop) (*ldap.Conn, func(), *finding) {
	raw, err := d.dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, nil, transport(h, d.host, err)
	}
	if until, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(until) // an error shows at the next read
	}
	secure := raw
	switch {
	case d.ldaps || d.set.on("start_tls"):
		if !d.ldaps {
			if err := askForTLS(raw); err != nil {
				_ = raw.Close() // the first error is the one to tell
				return nil, nil, found(lockstep.CodeIdPNotTLS, "Use ldaps://, or switch StartTLS on at the directory.", "%s does not begin TLS when it is asked to", d.host)
			}
		}
		secured := tls.Client(raw, d.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the first error is the one to tell
			return nil, nil, transport(h, d.host, err)
		}
		state := secured.ConnectionState()
		noteChain(h, &state)
		secure = secured
	case !onThisMachine(raw):
		_ = raw.Close() // nothing was sent
		return nil, nil, found(lockstep.CodeIdPInTheClear, "", "%s: the password would go out in the clear", d.host)
	}
	conn := ldap.NewConn(&messages{Conn: secure}, d.ldaps || d.set.on("start_tls"))
	conn.Start()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	return conn, func() {
		stop()
		_ = raw.Close()  // first the network, so that the library waits for nothing
		_ = conn.Close() // nothing is left to be sent
	}, nil
}

func onThisMachine(c net.Conn) bool {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// idAttributes are what servers keep over renames.
func idAttributes() []string { return []string{"entryUUID", "objectGUID", "nsUniqueId"} }

// attributes are what is asked for: nothing else is read.
func (d *directory) attributes() []string {
	names := idAttributes()
	for _, f := range attributeFields() {
		names = append(names, d.set.text(f.Name))
	}
	names = append(names, d.set.text("id_attribute"), d.filter.claim)
	names = slices.DeleteFunc(names, func(n string) bool { return !attributeForm.MatchString(n) })
	slices.Sort(names)
	return slices.Compact(names)
}

// identify makes an identity of an entry.
func (d *directory) identify(entry *ldap.Entry) (sso.Identity, *finding) {
	claims := map[string]any{"dn": entry.DN}
	for _, name := range d.attributes() {
		var list []any
		for _, v := range entry.GetEqualFoldRawAttributeValues(name) {
			list = append(list, attributeText(name, v))
		}
		if list != nil {
			claims[name] = list
		}
	}
	subject := ""
	for _, name := range append([]string{d.set.text("id_attribute")}, idAttributes()...) {
		if list, ok := claims[name].([]any); ok && len(list) == 1 && subject == "" {
			subject, _ = list[0].(string)
		}
		if d.set.text("id_attribute") != "" { // that one or none
			break
		}
	}
	if !fitSubject(subject) {
		return sso.Identity{}, found(lockstep.CodeIdPClaimMissing, "Name under “ID attribute” one that every person has and that never changes.", "the entry has no attribute that tells people apart for good")
	}
	if bad := d.filter.judge(claims); bad != nil {
		return sso.Identity{}, bad
	}
	who := personOf(d.set, claims)
	who.Issuer, who.Subject = d.set.text("url")+"/"+d.set.text("base"), subject
	who.EmailVerified = d.provider.TrustEmail && who.Email != "" // a directory does not say; the administrator does
	who.AuthTime, who.AMR = d.now(), []string{"pwd"}
	return who, nil
}

// attributeText writes a value as text: a GUID in Microsoft's order of bytes, what is no text in hexadecimal.
func attributeText(name string, v []byte) string {
	switch {
	case strings.EqualFold(name, "objectGUID") && len(v) == 16:
		return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{v[3], v[2], v[1], v[0]}, []byte{v[5], v[4]}, []byte{v[7], v[6]}, v[8:10], v[10:])
	case !utf8.Valid(v):
		return hex.EncodeToString(v)
	}
	return string(v)
}
