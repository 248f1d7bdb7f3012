package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"lockstep"
	"lockstep/web"
)

// server is an LDAP server as the settings describe it.
type server struct {
	config  Config
	address string // host:port
	host    string
	tls     *tls.Config
	ldaps   bool
}

// session is a connection to the server and what the server says of itself. It ends with its context.
//
// The library may wait for ever, for an answer or for somebody to take one, and it can end a search as if it were complete when
// the connection breaks. So every wait here has a limit that ends the connection itself, and a search is complete only if the
// message that ends it has been seen.
type session struct {
	*server
	ctx      context.Context
	conn     *ldap.Conn
	guard    *guard
	stop     func() bool // ends the watch on the context
	expired  atomic.Bool // a wait reached its limit
	secure   bool        // TLS, or this machine
	root     *ldap.Entry // the root DSE
	searches int         // sent so far
}

func (s *server) connect(ctx context.Context) (*session, error) {
	within, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	raw, err := s.config.Dial(within, "tcp", s.address)
	if err != nil {
		return nil, s.unreachable(err)
	}
	c := &session{server: s, ctx: ctx, secure: s.ldaps || s.config.StartTLS || isLoopback(raw)}
	secured, err := s.encrypt(within, raw)
	if err != nil {
		_ = raw.Close() // the first error is the one to tell
		return nil, s.unreachable(err)
	}
	c.guard = newGuard(secured)
	c.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	c.conn = ldap.NewConn(c.guard, s.ldaps || s.config.StartTLS)
	c.conn.Start()
	return c, nil
}

// encrypt begins TLS where the settings want it.
func (s *server) encrypt(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if !s.ldaps && !s.config.StartTLS {
		return raw, nil
	}
	if s.config.StartTLS {
		if err := askForTLS(ctx, raw); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(raw, s.tls)
	return secured, secured.HandshakeContext(ctx)
}

func isLoopback(c net.Conn) bool {
	addr, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func (c *session) authenticate(ctx context.Context) error {
	if c.config.BindDN == "" {
		return nil
	}
	if !c.secure && !c.config.Insecure {
		return c.fault(lockstep.CodeSourceAuth, "the password would go out in the clear: use ldaps:// or StartTLS, or allow it with insecure", nil)
	}
	password, err := c.password(ctx)
	if err != nil {
		return err
	}
	err = c.limited(func() error { return c.conn.Bind(c.config.BindDN, password) })
	if err != nil {
		return c.translate("sign in as "+c.config.BindDN, err)
	}
	return nil
}

func (s *server) password(ctx context.Context) (string, error) {
	password := ""
	if s.config.Password != nil {
		var err error
		if password, err = s.config.Password(ctx); err != nil {
			return "", s.fault(lockstep.CodeSourceAuth, "there is no password", err)
		}
	}
	if password == "" { // to a server that would mean anonymous (RFC 4513 §5.1.2)
		return "", s.fault(lockstep.CodeSourceAuth, "the password is empty", nil)
	}
	return password, nil
}

func (c *session) readRoot() (err error) {
	c.root, err = c.lookUp("", "supportedControl", "supportedCapabilities", "vendorName", "highestCommittedUSN", "dsServiceName", "namingContexts")
	return err
}

// limited runs a request that ends the connection when it takes too long.
func (c *session) limited(request func() error) error {
	limit := time.AfterFunc(c.config.Timeout, c.expire)
	defer limit.Stop()
	return request()
}

func (c *session) expire() {
	c.expired.Store(true)
	_ = c.guard.Close() // whoever waits for an answer is told
}

func (c *session) close() {
	c.stop()
	_ = c.guard.Close() // first the network, so that the library waits for nothing
	_ = c.conn.Close()
}

// The controls and capabilities that matter.
const (
	pagingControl     = "1.2.840.113556.1.4.319"
	extendedDNControl = "1.2.840.113556.1.4.529"
	activeDirectory   = "1.2.840.113556.1.4.800"
)

func (c *session) has(attribute, value string) bool {
	return c.root != nil && slices.Contains(c.root.GetEqualFoldAttributeValues(attribute), value)
}

func (c *session) isAD() bool { return c.has("supportedCapabilities", activeDirectory) }

// service is the name of the domain controller, or "".
func (c *session) service() string {
	if c.root == nil {
		return ""
	}
	return c.root.GetEqualFoldAttributeValue("dsServiceName")
}

// suffixOf returns the naming context that holds the DN, the longest of several, or "".
func (c *session) suffixOf(dn string) string {
	found := ""
	for _, suffix := range c.root.GetEqualFoldAttributeValues("namingContexts") {
		if within(foldDN(dn), foldDN(suffix)) && len(suffix) > len(found) {
			found = suffix
		}
	}
	return found
}

// lookUp reads one entry, or nil when it is not there or not shown.
func (c *session) lookUp(dn string, attributes ...string) (*ldap.Entry, error) {
	request := ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil)
	var found *ldap.Entry
	_, err := c.search(request, func(e *ldap.Entry) error { found = e; return nil }, nil)
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		return nil, nil
	case err != nil:
		return nil, c.translate("read "+or(dn, "the root entry"), err)
	}
	return found, nil
}

// errCut means that the connection broke before the end of a search.
var errCut = errors.New("the connection ended before the answer")

// search sends one request and hands out what comes, as it comes. A nil error means that the server has said that this was all.
// An error is the library's, for translate, or the one that entry returned.
func (c *session) search(request *ldap.SearchRequest, entry func(*ldap.Entry) error, referral func(string)) ([]ldap.Control, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	c.searches++
	ended := c.guard.done.Load()
	limit := time.AfterFunc(c.config.Timeout, c.expire)
	defer limit.Stop()
	var controls []ldap.Control
	found := c.conn.SearchAsync(ctx, request, 0)
	for found.Next() {
		limit.Stop()
		switch e, r := found.Entry(), found.Referral(); {
		case e != nil:
			if err := entry(e); err != nil {
				return nil, err
			}
		case r != "" && referral != nil:
			referral(r)
		}
		if more := found.Controls(); more != nil {
			controls = more
		}
		limit.Reset(c.config.Timeout)
	}
	switch err := found.Err(); {
	case err != nil:
		return controls, err
	case c.ctx.Err() != nil:
		return nil, c.ctx.Err()
	case c.guard.done.Load() == ended:
		return nil, errCut
	}
	return controls, nil
}

// emptyPages is how many pages without an entry a server may send one after the other.
const emptyPages = 1000

// pageBytes is how many bytes of entries make a page, whatever their number.
const pageBytes = 4 << 20

// pages searches subtrees and calls page with what comes, at most a page at a time. It returns the continuation references that
// came along. Each page has a request of its own: the library appends to the one it is given.
func (c *session) pages(bases []string, filter string, attributes []string, page func([]*ldap.Entry) error, with ...ldap.Control) (referrals []string, err error) {
	for _, base := range bases {
		p := paging{session: c, base: base, filter: filter, attributes: attributes, give: page, with: with}
		err := p.run()
		referrals = append(referrals, p.referrals...)
		if err != nil {
			return referrals, err
		}
	}
	return referrals, nil
}

// pagesOfEach is pages for whom a limit in one base says nothing of the others. The limit itself is told by whoever reads the base.
func (c *session) pagesOfEach(bases []string, filter string, attributes []string, page func([]*ldap.Entry) error) error {
	for _, base := range bases {
		if _, err := c.pages([]string{base}, filter, attributes, page); err != nil && lockstep.CodeOf(err) != lockstep.CodeSourceLimit {
			return err
		}
	}
	return nil
}

// paging is one search with the control of RFC 2696, or without it where the server does not know it.
type paging struct {
	*session
	base       string
	filter     string
	attributes []string
	with       []ldap.Control
	give       func([]*ldap.Entry) error

	referrals []string
	entries   []*ldap.Entry
	bytes     int
	came      int // entries since the request
	first     string
}

func (p *paging) run() error {
	paged := p.has("supportedControl", pagingControl)
	seed := maphash.MakeSeed()
	begins := map[uint64]bool{} // first entries of pages: whoever comes to one again goes in a circle
	var cookie []byte
	for empty := 0; empty < emptyPages; empty++ {
		request := ldap.NewSearchRequest(p.base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, p.filter, p.attributes, slices.Clone(p.with))
		if paged {
			request.Controls = append(request.Controls, &ldap.ControlPaging{PagingSize: uint32(p.config.PageSize), Cookie: cookie})
		}
		p.came, p.first = 0, ""
		controls, err := p.search(request, p.add, func(r string) { p.referrals = append(p.referrals, r) })
		if err != nil {
			return p.broken(err)
		}
		if err := p.flush(); err != nil {
			return err
		}
		next, ok := ldap.FindControl(controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !paged || !ok || len(next.Cookie) == 0 {
			return nil
		}
		cookie = next.Cookie
		if p.came > 0 {
			empty = 0
			begin := maphash.String(seed, p.first)
			if begins[begin] {
				return p.fault(lockstep.CodeSourceMalformed, "it gives the page that begins with "+p.first+" again and again", nil)
			}
			begins[begin] = true
		}
	}
	return p.fault(lockstep.CodeSourceMalformed, fmt.Sprintf("it answers with empty pages, %d one after the other", emptyPages), nil)
}

// broken gives out what came before an error, as far as the server sent it, and translates the error.
func (p *paging) broken(err error) error {
	if fault, ok := errors.AsType[*pageError](err); ok {
		return fault.err
	}
	if err := p.flush(); err != nil {
		return err
	}
	return p.translate("search "+p.base, err)
}

// pageError is an error of whoever takes the pages, which is no error of the server.
type pageError struct{ err error }

func (e *pageError) Error() string { return e.err.Error() }

func (p *paging) add(e *ldap.Entry) error {
	if p.came++; p.came == 1 {
		p.first = e.DN
	}
	p.entries = append(p.entries, e)
	p.bytes += len(e.DN)
	for _, a := range e.Attributes {
		for _, v := range a.ByteValues {
			p.bytes += len(v)
		}
	}
	if len(p.entries) < p.config.PageSize && p.bytes < pageBytes {
		return nil
	}
	if err := p.flush(); err != nil {
		return &pageError{err}
	}
	return nil
}

func (p *paging) flush() error {
	if len(p.entries) == 0 {
		return nil
	}
	entries := p.entries
	p.entries, p.bytes = nil, 0
	return p.give(entries)
}

// translate makes an error with a code of what the library returns.
func (c *session) translate(what string, err error) error {
	bad := c.guard.fault.Load()
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case bad != nil:
		return c.fault(lockstep.CodeSourceMalformed, what+": "+bad.text, nil)
	case c.expired.Load():
		return c.fault(lockstep.CodeSourceUnreachable, fmt.Sprintf("%s: it did not answer within %v", what, c.config.Timeout), nil)
	}
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
	return c.fault(code, what+": "+detail+resultOf(e), err)
}

// resultOf returns the result of an operation by number and name (RFC 4511 §4.1.9), and the reason that Active Directory gives for a
// refused bind. The rest of what a server says is for the operator.
func resultOf(e *ldap.Error) string {
	if e.ResultCode >= ldap.ErrorNetwork { // of the library
		return ""
	}
	text := fmt.Sprintf(" (LDAP %d %s", e.ResultCode, ldap.LDAPResultCodeMap[e.ResultCode])
	if _, rest, ok := strings.Cut(fmt.Sprint(e.Err), ", data "); ok {
		reason, _, _ := strings.Cut(rest, ",")
		if number, err := strconv.ParseUint(reason, 16, 32); err == nil {
			text += fmt.Sprintf(", data %x", number)
		}
	}
	return text + ")"
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

func (s *server) fault(code lockstep.Code, detail string, err error) error {
	return &lockstep.Error{Code: code, Detail: "LDAP server " + s.host + ": " + detail, Err: err}
}

func (s *server) unreachable(err error) error {
	if blocked, ok := errors.AsType[*web.BlockedError](err); ok {
		return s.fault(lockstep.CodeBlocked, "the "+blocked.Error(), nil)
	}
	detail := "it cannot be reached"
	if web.IsTimeout(err) {
		detail = "it did not answer in time"
	}
	if why := web.Why(err); why != "" {
		detail += ": " + why
	}
	return s.fault(lockstep.CodeSourceUnreachable, detail, err)
}
