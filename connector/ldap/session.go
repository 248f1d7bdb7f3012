package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/web"
)

// session is a connection to the server and what the server says of itself.
type session struct {
	*Source
	conn     *ldap.Conn
	stop     func() bool // ends the watch on the context
	secure   bool        // TLS, or this machine
	root     *ldap.Entry // the root DSE
	searches int         // sent so far
}

// open connects, binds and reads the root DSE.
func (s *Source) open(ctx context.Context) (*session, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.bind(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *Source) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	raw, err := s.config.Dial(ctx, "tcp", s.address)
	if err != nil {
		return nil, s.unreachable(err)
	}
	c := &session{Source: s, secure: s.ldaps || s.config.StartTLS || isLoopback(raw)}
	if s.ldaps {
		secured := tls.Client(raw, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the first error is the one to tell
			return nil, s.unreachable(err)
		}
		raw = secured
	}
	c.conn = ldap.NewConn(raw, s.ldaps)
	c.conn.SetTimeout(s.config.Timeout)
	c.conn.Start()
	if s.config.StartTLS {
		if err := c.conn.StartTLS(s.tls); err != nil {
			c.close()
			return nil, s.unreachable(err)
		}
	}
	return c, nil
}

func isLoopback(c net.Conn) bool {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// bind authenticates and reads the root DSE. From here on the end of ctx ends the connection.
func (c *session) bind(ctx context.Context) error {
	c.stop = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	if c.config.BindDN != "" {
		if !c.secure && !c.config.Insecure {
			return c.fault(lockstep.CodeSourceAuth, "the password would go out in the clear: use ldaps:// or StartTLS, or allow it with insecure", nil)
		}
		password := ""
		if c.config.Password != nil {
			var err error
			if password, err = c.config.Password(ctx); err != nil {
				return c.fault(lockstep.CodeSourceAuth, "there is no password", err)
			}
		}
		if password == "" { // to a server that would mean anonymous (RFC 4513 §5.1.2)
			return c.fault(lockstep.CodeSourceAuth, "the password is empty", nil)
		}
		if err := c.conn.Bind(c.config.BindDN, password); err != nil {
			return c.translate("sign in as "+c.config.BindDN, err)
		}
	}
	root, err := c.lookUp("", "supportedControl", "supportedCapabilities", "vendorName", "highestCommittedUSN", "dsServiceName", "namingContexts")
	c.root = root
	return err
}

func (c *session) close() {
	if c.stop != nil {
		c.stop()
	}
	_ = c.conn.Close() // nothing is lost with it
}

// The controls and capabilities that matter.
const (
	pagingControl   = "1.2.840.113556.1.4.319"
	activeDirectory = "1.2.840.113556.1.4.800"
)

func (c *session) has(attribute, value string) bool {
	return c.root != nil && slices.Contains(c.root.GetAttributeValues(attribute), value)
}

func (c *session) isAD() bool { return c.has("supportedCapabilities", activeDirectory) }

// mark returns the server's mark of its last change, or "".
func (c *session) mark() (string, error) {
	if c.isAD() { // the number counts for this domain controller only
		return c.root.GetAttributeValue("dsServiceName") + "#" + c.root.GetAttributeValue("highestCommittedUSN"), nil
	}
	for _, suffix := range c.root.GetAttributeValues("namingContexts") {
		if !within(c.config.PeopleBase, suffix) {
			continue
		}
		entry, err := c.lookUp(suffix, "contextCSN")
		if err != nil || entry == nil {
			return "", err
		}
		marks := entry.GetAttributeValues("contextCSN")
		slices.Sort(marks)
		return strings.Join(marks, ","), nil
	}
	return "", nil
}

// lookUp reads one entry, or nil when it is not there or not shown.
func (c *session) lookUp(dn string, attributes ...string) (*ldap.Entry, error) {
	c.searches++
	found, err := c.conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		return nil, nil
	case err != nil:
		return nil, c.translate("read "+or(dn, "the root entry"), err)
	case len(found.Entries) == 0:
		return nil, nil
	}
	return found.Entries[0], nil
}

// pages searches a subtree and calls page with what comes. It returns the continuation references that came along. Each page
// has a request of its own: the library appends to the one it is given.
func (c *session) pages(base, filter string, attributes []string, page func([]*ldap.Entry) error) (referrals []string, err error) {
	var cookie []byte
	paged := c.has("supportedControl", pagingControl)
	for {
		request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
		if paged {
			request.Controls = []ldap.Control{&ldap.ControlPaging{PagingSize: uint32(c.config.PageSize), Cookie: cookie}}
		}
		c.searches++
		found, err := c.conn.Search(request)
		if err != nil {
			return nil, c.translate("search "+base, err)
		}
		referrals = append(referrals, found.Referrals...)
		if err := page(found.Entries); err != nil {
			return nil, err
		}
		next, ok := ldap.FindControl(found.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !paged || !ok || len(next.Cookie) == 0 {
			return referrals, nil
		}
		cookie = next.Cookie
	}
}

// translate makes an error with a code of what the library returns.
func (c *session) translate(what string, err error) error {
	e, ok := errors.AsType[*ldap.Error](err)
	if !ok {
		return c.unreachable(fmt.Errorf("%s: %w", what, err))
	}
	code, detail := lockstep.CodeSourceMalformed, "it refused"
	switch e.ResultCode {
	case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultStrongAuthRequired,
		ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultInsufficientAccessRights:
		code, detail = lockstep.CodeSourceAuth, "it did not accept the credentials"
	case ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		code, detail = lockstep.CodeSourceLimit, "it stopped at a limit before the end"
	case ldap.LDAPResultReferral:
		code, detail = lockstep.CodeSourceReferral, "it pointed to another server"
		if e.Packet != nil {
			detail += referralOf(e)
		}
	case ldap.LDAPResultNoSuchObject:
		detail = "there is no such entry"
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.ErrorNetwork, ldap.LDAPResultConnectError, ldap.LDAPResultServerDown, ldap.LDAPResultTimeout:
		code, detail = lockstep.CodeSourceUnreachable, "it cannot be reached"
	}
	return c.fault(code, what+": "+detail, err)
}

// referralOf returns where a referral points to, as far as the answer says.
func referralOf(e *ldap.Error) string {
	for _, child := range e.Packet.Children {
		for _, part := range child.Children {
			for _, uri := range part.Children {
				if s, ok := uri.Value.(string); ok && strings.HasPrefix(s, "ldap") {
					return ": " + s
				}
				if s := uri.Data.String(); strings.HasPrefix(s, "ldap") {
					return ": " + s
				}
			}
		}
	}
	return ""
}

func (s *Source) fault(code lockstep.Code, detail string, err error) error {
	return &lockstep.Error{Code: code, Detail: "LDAP server " + s.host + ": " + detail, Err: err}
}

func (s *Source) unreachable(err error) error {
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		return s.fault(lockstep.CodeBlocked, "the "+blocked.Error(), nil)
	}
	detail := "it cannot be reached"
	if web.IsTimeout(err) {
		detail = "it did not answer in time"
	}
	return s.fault(lockstep.CodeSourceUnreachable, detail, err)
}
