package sso

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/token"
	"lockstep/web"
)

// Prefix is where the tenants' OpenID Providers stand: /sso/{tenant}. That address is the issuer.
const Prefix = "/sso/"

// How long things live.
const (
	loginLife   = 15 * time.Minute
	codeLife    = time.Minute // RFC 9700 §2.1.1 wants it short
	accessLife  = 5 * time.Minute
	idTokenLife = 10 * time.Minute
	sessionLife = 12 * time.Hour
	refreshIdle = 14 * 24 * time.Hour
	grantLife   = 90 * 24 * time.Hour // the longest that refreshing goes on without a new sign-in
	pushedLife  = 90 * time.Second
	tenantLife  = 10 * time.Second // how long a tenant is believed without looking it up
)

// Tenants finds tenants.
type Tenants interface {
	TenantBySlug(ctx context.Context, slug string) (directory.Tenant, error)
	Tenant(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error)
}

// Sealer makes opaque access tokens: what it opens for a purpose it has sealed for it. A store.Box is one.
type Sealer interface {
	Seal(text, purpose []byte) ([]byte, error)
	Open(sealed, purpose []byte) ([]byte, error)
}

// Server is the OpenID Provider of every tenant. Fields without a note must be set; do not change it once it serves.
type Server struct {
	Store     Store
	Directory directory.Store
	Tenants   Tenants
	Opener    Opener
	Box       Sealer
	Base      func() string    // the server's public address, without a slash at the end; it is configured, never taken from a request
	Client    *http.Client     // for logout tokens; guarded
	Consent   Consent          // who may let an application into the SCIM endpoint; nil is nobody
	Log       *slog.Logger     // nil is slog.Default
	Now       func() time.Time // nil is time.Now

	kept       keyring
	clientKeys clientKeys
	limits     limits
	hashing    sync.Mutex // a password that is set takes 19 MiB and a processor
	wake       wakeup
	tenants    sync.Map // slug → tenantEntry
}

type tenantEntry struct {
	tenant directory.Tenant
	until  time.Time
}

// site is the OpenID Provider of one tenant.
type site struct {
	tenant directory.Tenant
	issuer string // https://id.example.com/sso/acme
	path   string // /sso/acme
	scim   string // https://id.example.com/scim/acme/v2, the SCIM endpoint
	style  string // where the pages' style sheet is
	secure bool
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

// errNoSite says the same of a tenant that does not exist and of a server without an address.
var errNoSite = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no sign-in at this address."}

// site finds the tenant of a request. (A tenant with a host name of its own would be found by it, here.)
func (s *Server) site(r *http.Request) (site, error) {
	x, err := s.siteOf(r.Context(), r.PathValue("tenant"))
	if strings.HasPrefix(r.URL.Path, x.path+"/proxy/") {
		x.style = ProxyPath + "style.css" // the page stands at the application's host
	}
	return x, err
}

func (s *Server) siteOf(ctx context.Context, slug string) (site, error) {
	base := strings.TrimSuffix(s.Base(), "/")
	if base == "" {
		return site{}, errNoSite
	}
	t, err := s.tenant(ctx, slug)
	if errors.Is(err, lockstep.ErrNotFound) {
		return site{}, errNoSite
	}
	if err != nil {
		return site{}, err
	}
	return site{tenant: t, issuer: base + Prefix + t.Slug, path: Prefix + t.Slug, style: Prefix + t.Slug + "/style.css", scim: scimAt(base, t.Slug), secure: strings.HasPrefix(base, "https://")}, nil
}

// Issuer returns the issuer of a tenant, by slug; "" while the server has no address.
func (s *Server) Issuer(slug string) string {
	base := strings.TrimSuffix(s.Base(), "/")
	if base == "" {
		return ""
	}
	return base + Prefix + slug
}

// RedirectURI is what an administrator registers at a provider. It stands as soon as the alias does.
func (s *Server) RedirectURI(slug, alias string) string {
	issuer := s.Issuer(slug)
	if issuer == "" {
		return ""
	}
	return issuer + "/idp/" + alias + "/callback"
}

func (x site) redirectURI(alias string) string { return x.issuer + "/idp/" + alias + "/callback" }

func (s *Server) tenant(ctx context.Context, slug string) (directory.Tenant, error) {
	now := s.now()
	if e, ok := s.tenants.Load(slug); ok && now.Before(e.(tenantEntry).until) {
		return e.(tenantEntry).tenant, nil
	}
	t, err := s.Tenants.TenantBySlug(ctx, slug)
	if err == nil {
		s.tenants.Store(slug, tenantEntry{t, now.Add(tenantLife)})
	}
	return t, err
}

// policyLogin is the Content-Security-Policy of the sign-in pages. A form there leads, by redirects, to the application or to the
// provider, which browsers count as targets of the form; so forms may go anywhere, over TLS.
const policyLogin = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self' " + submitHash +
	"; form-action 'self' https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; frame-ancestors 'none'"

// Handler answers everything below Prefix.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	pages := &web.Surface{Errors: s.writePage, Policy: policyLogin, Log: s.Log, Now: s.Now, MaxBody: 256 << 10}
	protocol := &web.Surface{Errors: s.writeOAuth, Log: s.Log, Now: s.Now, MaxBody: 64 << 10}
	page := func(pattern string, h web.Handler) { mux.Handle(pattern, pages.Wrap(noReferrer(pages.Handle(h)))) }
	api := func(pattern string, cors bool, h web.Handler) {
		var handler http.Handler = protocol.Handle(h)
		if cors {
			handler = anyOrigin(handler)
		}
		mux.Handle(pattern, protocol.Wrap(noReferrer(handler)))
	}
	at := Prefix + "{tenant}"
	api(at+"/.well-known/openid-configuration", true, s.discovery)
	api("/.well-known/oauth-authorization-server/sso/{tenant}", true, s.discovery)
	api(at+"/jwks", true, s.jwks)
	api(at+"/token", true, s.tokenEndpoint)
	api(at+"/userinfo", true, s.whoIs)
	api(at+"/par", false, s.push)
	api(at+"/introspect", false, s.introspect)
	api(at+"/revoke", false, s.revoke)
	api(at+"/idp/{alias}/logout", false, s.told)
	api(at+"/idp/{alias}/metadata", false, s.providerMetadata)
	api(at+revocationPath, false, s.revokeAll)
	page(at+"/authorize", s.authorize)
	page(at+"/login", s.loginPage)
	page(at+"/idp/{alias}/callback", s.callback)
	page("GET "+at+"/try", s.try)
	page(at+"/logout", s.endSession)
	page(at+"/saml/sso", s.samlSignOn)
	page("GET "+at+"/saml/go", s.samlGo)
	page("GET "+at+"/saml/start", s.samlStart)
	page(at+"/saml/slo", s.samlLogout)
	api(at+"/saml/metadata", true, s.samlMetadata)
	proxy := at + "/proxy/{client}/"
	page(proxy+"auth", s.proxyAuth)
	page(proxy+"forward", s.proxyForward)
	page("GET "+proxy+"start", s.proxyStart)
	page("GET "+at+"/begin/{client}", s.proxyBegin) // not below proxy/, since a proxy may take every redirect to that as one to itself (nginx does)
	page("GET "+proxy+"callback", s.proxyCallback)
	page("GET "+proxy+"logout", s.proxyLogout)
	page("GET "+proxy+"style.css", s.style)
	page("GET "+at+"/signed-out", s.signedOut)
	page("GET "+at+"/style.css", s.style)
	page("GET "+at+"/passkey.js", s.script)
	page(at+"/account", s.account)
	page(at+"/account/{part}", s.account)
	page(at+"/", func(http.ResponseWriter, *http.Request) error { return errNoSite })
	page(Prefix, func(http.ResponseWriter, *http.Request) error { return errNoSite })
	return mux
}

// noReferrer keeps codes and states in addresses from being told to others (RFC 9700 §4.2.4).
func noReferrer(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Pragma", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// anyOrigin lets pages of other origins ask, without cookies: what is answered here depends on none.
func anyOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			w.Header().Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// methods refuses a request of another method.
func methods(r *http.Request, allowed ...string) error {
	for _, m := range allowed {
		if r.Method == m || m == http.MethodGet && r.Method == http.MethodHead {
			return nil
		}
	}
	return oauthError{Status: http.StatusMethodNotAllowed, Code: "invalid_request", Description: "use " + strings.Join(allowed, " or "), Allow: strings.Join(allowed, ", ")}
}

// oauthError is an error of the protocol (RFC 6749 §5.2).
type oauthError struct {
	Status      int
	Code        string
	Description string
	Challenge   string // WWW-Authenticate
	Allow       string
}

func (e oauthError) Error() string { return e.Code + ": " + e.Description }

func badRequest(code, description string) error {
	return oauthError{Status: http.StatusBadRequest, Code: code, Description: description}
}

// writeOAuth answers with an error of the protocol. What went wrong inside stays inside.
func (s *Server) writeOAuth(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[oauthError](err)
	if !ok {
		switch lockstep.CodeOf(err) {
		case lockstep.CodeNotFound:
			e = oauthError{Status: http.StatusNotFound, Code: "invalid_request", Description: "there is nothing at this address"}
		default:
			s.log().ErrorContext(r.Context(), "sign-in failed", "error", err, "request", web.RequestID(r.Context()))
			e = oauthError{Status: http.StatusInternalServerError, Code: "server_error", Description: "request " + web.RequestID(r.Context())}
		}
	}
	if e.Challenge != "" {
		w.Header().Set("WWW-Authenticate", e.Challenge)
	}
	if e.Allow != "" {
		w.Header().Set("Allow", e.Allow)
	}
	writeJSON(w, e.Status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the peer may be gone
}

// secret makes 256 random bits as text of 43 characters, and its hash.
func secret() (string, Hash) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the program instead
	text := base64.RawURLEncoding.EncodeToString(bits[:])
	return text, token.HashOf(text)
}
