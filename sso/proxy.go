package sso

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/token"
)

// proxied is one request of a reverse proxy about an application, or one of a browser that the proxy passes on to us.
type proxied struct {
	*Server
	site   site
	w      http.ResponseWriter
	r      *http.Request
	client Client
	origin string // of the application's host that the browser speaks to
	uri    string // what it asks there for; "" when the proxy does not say
	method string
}

// proxied reads what every request of a proxy says. Nothing of it decides whether somebody is signed in: that is for the cookie, which works at
// the one host that it was made for.
func (s *Server) proxied(w http.ResponseWriter, r *http.Request) (*proxied, error) {
	x, err := s.site(r)
	if err != nil {
		return nil, err
	}
	id := ClientID(r.PathValue("client"))
	c, err := s.Store.Client(r.Context(), x.tenant.ID, id)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.Disabled || c.Proxy == nil) {
		return nil, &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "“" + clip(string(id)) + "” is no application behind a proxy."}
	}
	if err != nil {
		return nil, err
	}
	p := &proxied{Server: s, site: x, w: w, r: r, client: c, method: r.Method}
	return p, p.asked()
}

// asked reads the address that a browser asks the proxy for: X-Forwarded-Proto, -Host and -Uri, or X-Original-URL.
func (p *proxied) asked() error {
	h := p.r.Header
	for _, name := range []string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Original-Url"} {
		if len(h.Values(name)) > 1 {
			return p.host("the proxy sends " + name + " twice")
		}
	}
	if m := h.Get("X-Forwarded-Method"); m != "" {
		p.method = m
	}
	host, proto := h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Proto")
	if host != "" {
		p.origin, p.uri = proto+"://"+strings.ToLower(host), h.Get("X-Forwarded-Uri")
		if proto == "https" {
			p.origin = strings.TrimSuffix(p.origin, ":443")
		}
	} else if u, err := url.Parse(h.Get("X-Original-Url")); err == nil && u.Host != "" {
		p.origin, p.uri = u.Scheme+"://"+strings.ToLower(u.Host), u.RequestURI()
	}
	if !slices.Contains(p.client.Proxy.Hosts, p.origin) {
		return p.host("“" + clip(p.origin) + "” is none of the hosts of " + p.client.Name)
	}
	return nil
}

func (p *proxied) host(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeSSOProxyHost, Detail: detail + "."}
}

// The cookies of an application's host: one says who has signed in, the other binds a sign-in to the browser that began it.
const (
	cookieProxied = "proxy"
	cookieBegun   = "begin"
)

func (p *proxied) cookieName(kind string) string {
	sum := sha256.Sum256([]byte(string(p.site.tenant.ID) + "\x00" + string(p.client.ID)))
	name := "lockstep-" + kind + "-" + hex.EncodeToString(sum[:8])
	if strings.HasPrefix(p.origin, "https://") {
		return "__Host-" + name
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(p.origin, "http://"), ":")
	return name + "-" + port // browsers do not keep the cookies of two ports apart
}

func (p *proxied) cookie(kind string) string {
	all := p.r.CookiesNamed(p.cookieName(kind))
	if len(all) != 1 || len(all[0].Value) != 43 {
		return ""
	}
	return all[0].Value
}

func (p *proxied) setCookie(kind, value string, life time.Duration) {
	c := &http.Cookie{Name: p.cookieName(kind), Value: value, Path: "/", HttpOnly: true, Secure: strings.HasPrefix(p.origin, "https://"), SameSite: http.SameSiteLaxMode, MaxAge: int(life.Seconds())}
	if life <= 0 {
		c.MaxAge = -1
	}
	http.SetCookie(p.w, c)
}

// hash is what is kept of a cookie. It is bound to the host, and can never be the hash of a refresh token.
func (p *proxied) hash(text string) Hash {
	return Hash(sha256.Sum256([]byte("proxy\x00" + p.origin + "\x00" + text)))
}

// grant is what the browser's cookie stands for; nil is nobody. It is asked for anew with each request, so a person who was disabled, a session
// that has ended or a provider that was switched off is out at the next.
func (p *proxied) grant(ctx context.Context) (*Grant, error) {
	text := p.cookie(cookieProxied)
	if text == "" {
		return nil, nil
	}
	g, f, err := p.Store.GrantByRefresh(ctx, p.site.tenant.ID, p.hash(text))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (!g.usable(p.client) || g.Client != p.client.ID || !p.now().Before(f.Ends)) {
		return nil, nil
	}
	return &g, err
}

// proxyAuth tells a proxy whether the person may go on: 200 with who they are, or 401 (nginx: auth_request). With 403 the request itself is
// refused.
func (s *Server) proxyAuth(w http.ResponseWriter, r *http.Request) error {
	return s.proxyCheck(w, r, false)
}

// proxyForward is the same for proxies that hand any other answer to the browser (Caddy: forward_auth, Traefik: ForwardAuth): a page that is
// opened leads to the sign-in.
func (s *Server) proxyForward(w http.ResponseWriter, r *http.Request) error {
	return s.proxyCheck(w, r, true)
}

func (s *Server) proxyCheck(w http.ResponseWriter, r *http.Request, leads bool) error {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.proxied(w, r)
	if err != nil {
		return p.recorded(err)
	}
	if name := p.client.Proxy.forged(r.Header); name != "" {
		return p.recorded(&lockstep.Error{Code: lockstep.CodeSSOProxyHeader, Detail: "The browser sends " + clip(name) + ", which only the proxy may set."})
	}
	g, err := p.grant(r.Context())
	if err != nil {
		return err
	}
	if g != nil {
		return p.tell(g)
	}
	page := (p.method == http.MethodGet || p.method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
	if leads && page {
		redirect(w, r, p.origin+ProxyPath+"start?rd="+url.QueryEscape(p.uri))
		return nil
	}
	w.WriteHeader(http.StatusUnauthorized)
	return nil
}

// tell answers with who has signed in. Every header is there, even when it says nothing: so the proxy puts it in the place of one that a browser
// may have sent.
func (p *proxied) tell(g *Grant) error {
	u, err := p.user(p.r.Context(), p.site.tenant.ID, g.Person.User)
	if err != nil {
		return err
	}
	for _, m := range p.client.Proxy.Headers {
		values, err := p.valuesOf(p.r.Context(), p.site, u, m.From)
		if err != nil {
			return err
		}
		p.w.Header()[http.CanonicalHeaderKey(m.Name)] = []string{headerValue(values, m.From == "groups")}
	}
	p.w.WriteHeader(http.StatusOK)
	return nil
}

// headerValue puts values into one header, divided by commas. A comma within one of several is encoded, so that nobody is in a group because of
// the name of another.
func headerValue(all []string, list bool) string {
	plain := make([]string, len(all))
	for i, v := range all {
		v = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(v, ""))
		if list || len(all) > 1 {
			v = strings.NewReplacer("%", "%25", ",", "%2C").Replace(v)
		}
		plain[i] = v
	}
	return strings.Join(plain, ",")
}

// proxyRefusals is how many requests that are refused are kept for an application in a second.
const proxyRefusals = 5

// recorded keeps a request that was refused, so that it is found by its reference, and shows its page.
func (p *proxied) recorded(err error) error {
	code := lockstep.CodeOf(err)
	if p == nil || code != lockstep.CodeSSOProxyHost && code != lockstep.CodeSSOProxyHeader {
		return err
	}
	if !p.limits.take("refused\x00"+string(p.site.tenant.ID)+"\x00"+string(p.client.ID), proxyRefusals, time.Second, p.now()) {
		return err
	}
	v := p.newVisit(p.w, p.r, p.site, p.client)
	v.stage(Stage{Name: "proxy", Code: code, Detail: public(err), Fix: lockstep.Describe(code).Help, Facts: map[string]string{"client": string(p.client.ID), "host": clip(p.origin)}})
	v.trace(OutcomeRefused, err)
	v.login.Step = StepEnded
	if err := v.save(p.r.Context()); err != nil {
		return err
	}
	return v.errorPage(err, "")
}

// proxyStart begins a sign-in at an application's host: the browser gets a cookie there that the end of the sign-in is bound to, so that nobody
// can be signed in as somebody else by an address that they are sent.
func (s *Server) proxyStart(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.proxied(w, r)
	if err != nil {
		return p.recorded(err)
	}
	rd, twice := wanted(r.URL)
	if twice {
		return p.recorded(p.host("rd is there twice"))
	}
	to, ok := p.client.Proxy.returns(p.origin, rd)
	if !ok {
		return p.recorded(p.host("“" + clip(rd) + "” leads away from " + p.client.Name))
	}
	verifier := p.cookie(cookieBegun)
	if verifier == "" {
		verifier, _ = secret()
		p.setCookie(cookieBegun, verifier, loginLife)
	}
	redirect(w, r, p.site.issuer+"/begin/"+url.PathEscape(string(p.client.ID))+"?"+url.Values{"host": {p.origin}, "rd": {to}, "challenge": {challenge(verifier)}}.Encode())
	return nil
}

// wanted is the address that a start is to lead back to. nginx cannot encode a value: what begins with a bare slash is the rest of the query, as it
// is (an encoded one begins with %2F).
func wanted(u *url.URL) (rd string, twice bool) {
	if rest, bare := strings.CutPrefix(u.RawQuery, "rd=/"); bare {
		return "/" + rest, false
	}
	all := u.Query()["rd"]
	if len(all) == 0 {
		return "", false
	}
	return all[0], len(all) > 1
}

// challenge is the challenge of a verifier, as in PKCE (RFC 7636 §4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// proxyBegin goes on with a sign-in at our own address. Everything that the browser brings is checked once more: this is where a stranger may
// send somebody.
func (s *Server) proxyBegin(w http.ResponseWriter, r *http.Request) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	id := ClientID(r.PathValue("client"))
	c, err := s.Store.Client(ctx, x.tenant.ID, id)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (c.Disabled || c.Proxy == nil) {
		return &lockstep.Error{Code: lockstep.CodeSSOClient, Detail: "“" + clip(string(id)) + "” is no application behind a proxy."}
	}
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p := &proxied{Server: s, site: x, w: w, r: r, client: c, origin: q.Get("host")}
	to, ok := c.Proxy.returns(p.origin, q.Get("rd"))
	if single(q) != nil || !ok || !slices.Contains(c.Proxy.Hosts, p.origin) {
		return p.recorded(p.host("“" + clip(q.Get("rd")) + "” leads away from " + c.Name))
	}
	if text := q.Get("challenge"); len(text) != 43 || strings.Trim(text, base64url) != "" {
		return request("challenge is missing: the sign-in begins at the application.")
	}
	if !s.limits.begins(x.tenant.ID, s.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	v := s.newVisit(w, r, x, c)
	v.login.Request.Redirect, v.login.Request.Nonce, v.login.Request.Challenge = p.origin+ProxyPath+"callback", to, q.Get("challenge")
	v.stage(Stage{Name: "proxy", OK: true, Facts: map[string]string{"client": string(c.ID), "host": p.origin}})
	v.bind()
	return v.run(ctx)
}

// proxyCallback ends a sign-in at the application's host: the code is exchanged, once, by the browser that began, for a cookie of this host.
func (s *Server) proxyCallback(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.proxied(w, r)
	if err != nil {
		return p.recorded(err)
	}
	ctx, q := r.Context(), r.URL.Query()
	if code := q.Get("error"); code != "" {
		return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: clip(q.Get("error_description"))}
	}
	g, err := s.Store.GrantByCode(ctx, p.site.tenant.ID, token.HashOf(q.Get("code")))
	if errors.Is(err, lockstep.ErrNotFound) {
		return errExpired
	}
	if err != nil {
		return err
	}
	if g.Client != p.client.ID || g.Redirect != p.origin+ProxyPath+"callback" {
		return errExpired
	}
	if verifier := p.cookie(cookieBegun); verifier == "" || !verifies(g.Challenge, verifier) {
		return errBrowser
	}
	to, ok := p.client.Proxy.returns(p.origin, g.Nonce)
	if !ok {
		return p.recorded(p.host("“" + clip(g.Nonce) + "” leads away from " + p.client.Name)) // its hosts were changed meanwhile
	}
	if own, err := p.grant(ctx); err != nil || own != nil && own.ID == g.ID { // the page was loaded anew
		if err == nil {
			redirect(w, r, to)
		}
		return err
	}
	text, _ := secret()
	err = s.Store.Redeem(ctx, p.site.tenant.ID, g.ID, &Refresh{Hash: p.hash(text), Grant: g.ID, Ends: g.Expires})
	if errors.Is(err, lockstep.ErrConflict) {
		return errExpired
	}
	if err != nil {
		return err
	}
	p.setCookie(cookieProxied, text, g.Expires.Sub(s.now()))
	redirect(w, r, to)
	return nil
}

// proxyLogout ends what a browser has at the application, and goes on to the sign-out here, where the person is asked.
func (s *Server) proxyLogout(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	p, err := s.proxied(w, r)
	if err != nil {
		return p.recorded(err)
	}
	g, err := p.grant(r.Context())
	if err != nil {
		return err
	}
	if g != nil {
		if _, err := s.Store.End(r.Context(), system, p.site.tenant.ID, Who{Grant: g.ID}, "signed out at "+p.client.Name); err != nil {
			return err
		}
	}
	p.setCookie(cookieProxied, "", 0)
	to := url.Values{"client_id": {string(p.client.ID)}}
	if len(p.client.AfterLogout) > 0 {
		to.Set("post_logout_redirect_uri", p.client.AfterLogout[0])
	}
	redirect(w, r, p.site.issuer+"/logout?"+to.Encode())
	return nil
}
