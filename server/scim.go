package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/bearer"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
)

// scimPrefix is where the SCIM endpoints of the tenants stand: /scim/{tenant}/v2.
const scimPrefix = "/scim/"

// The scopes of the SCIM endpoint. Whoever may write may read.
const (
	scopeSCIMRead  token.Scope = "scim:read"
	scopeSCIMWrite token.Scope = "scim:write"
)

// SCIM is how the SCIM endpoints behave.
type SCIM struct {
	PublicURL string  // address by which others know the server, such as https://id.example.com behind a proxy; "" is the request's own
	Rate      float64 // requests a second that a token may send, each operation of a Bulk request counted; 0 is as many as it likes
}

// scimServer serves the directory of each tenant as a SCIM endpoint, to whoever has a token of kind scim for that tenant.
type scimServer struct {
	db     *store.DB
	config Config
	scim   *directory.SCIM
	http   *scimhttp.Handler
	seen   web.Inspector // the last exchanges, by tenant
	now    func() time.Time

	sso     *sso.Server     // whose access tokens are taken; nil is nobody's
	issuers *bearer.Issuers // nil trusts no other issuer

	// standing tells until when a token stands, and that it does not because one that it was made with is no more.
	standing func(context.Context, operate.TokenEntry) (time.Time, error)

	reports scimReports
	calls   *scimCalls

	mu      sync.Mutex
	clients map[token.Hash]*scimClient
	limits  map[lockstep.TokenID]*budget // of those tokens: both secrets of one share its limit
}

// scimClient is a token that has been seen, with what it may do.
type scimClient struct {
	token   store.Token
	tenant  directory.Tenant
	until   time.Time // when it is looked up again
	limit   *budget
	ended   string             // why it opens nothing any more, as SCIMCall.Type has it; "" when it does
	then    func(web.Exchange) // remembers an exchange
	thenIf  func(int) bool     // if there is something to remember
	secrets atomic.Pointer[secretNames]
}

// clientLife is how long a token is believed without looking it up: the longest that a revoked one still works.
const clientLife = time.Second

// maxClients is how many tokens are remembered.
const maxClients = 10_000

func newSCIM(db *store.DB, c Config) *scimServer {
	s := &scimServer{db: db, config: c, now: time.Now, reports: scimReports{db: db}, clients: map[token.Hash]*scimClient{}, limits: map[lockstep.TokenID]*budget{}}
	s.scim = &directory.SCIM{Store: db, Search: db, Pages: &directory.Pages{}}
	s.http = &scimhttp.Handler{Tenant: s.endpoint, ChangePassword: true, Metadata: s.metadataOf}
	if !c.Key.Zero() {
		s.http.Cursors = &scimhttp.Cursors{Box: c.Key.Box("scim cursor")}
	}
	if base := strings.TrimSuffix(c.SCIM.PublicURL, "/"); base != "" {
		s.http.Base = func(r *http.Request) string { return base + scimPrefix + r.PathValue("tenant") + "/v2" }
	}
	s.calls = newSCIMCalls(db, func() time.Time { return s.now() })
	tokens := &operate.Operator{Tokens: Tokens{db}, Now: func() time.Time { return s.now() }}
	s.standing = tokens.Standing
	return s
}

// handler is the surface of all tenants.
func (s *scimServer) handler() http.Handler {
	surface := &web.Surface{Errors: s.http.WriteError, MaxBody: 16 << 20, Log: s.config.Log}
	mux := http.NewServeMux()
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix(scimPrefix+r.PathValue("tenant")+"/v2", s.http).ServeHTTP(w, r)
	})
	mux.Handle(scimPrefix+"{tenant}/v2", serve)
	mux.Handle(scimPrefix+"{tenant}/v2/", serve)
	mux.HandleFunc(resourceMetadata+scimPrefix+"{tenant}/v2", s.protectedResource)
	mux.HandleFunc(scimPrefix, func(w http.ResponseWriter, r *http.Request) {
		s.http.WriteError(w, r, scim.ErrNotFound("A SCIM endpoint has the form "+scimPrefix+"{tenant}/v2."))
	})
	return surface.Wrap(mux)
}

// errNoToken says the same of every token that does not open the tenant, so that nobody learns which tenants there are.
var errNoToken = &scim.Error{Status: http.StatusUnauthorized, Detail: "A valid bearer token for this endpoint is required."}

// endpoint is the directory of the tenant in the address, for the token of the request.
func (s *scimServer) endpoint(r *http.Request) (scimhttp.Backend, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, "Bearer") {
		s.refused(r, scheme, text, errNoToken)
		return nil, errNoToken
	}
	slug := r.PathValue("tenant")
	c, ended := s.client(r.Context(), slug, text)
	if c == nil {
		s.refused(r, scheme, text, ended)
		return nil, ended
	}
	if slug != c.tenant.Slug && slug != string(c.tenant.ID) {
		s.calls.stranger(r, c.tenant.Slug, errNoToken.Status, c.token.ID, operate.StrangerTenant, "")
		return nil, errNoToken
	}
	web.By(r.Context(), string(audit.Token), string(c.token.ID))
	schemas, err := s.db.Schemas(r.Context(), c.tenant.ID)
	if err != nil {
		return nil, err
	}
	s.watch(r, c, schemas)
	if ended != nil {
		return nil, ended
	}
	if wait := c.limit.delay(s.now()); wait > 0 {
		return nil, scimhttp.Throttled{After: wait}
	}
	if !c.token.Scopes.Allow(scopeSCIMRead) {
		return nil, &scim.Error{Status: http.StatusForbidden, Detail: "The token lacks the scope " + string(scopeSCIMRead) + "."}
	}
	if err := s.refuse(r, c, schemas); err != nil {
		return nil, err
	}
	schemes := func(ctx context.Context) ([]scim.AuthenticationScheme, error) { return s.schemes(ctx, c) }
	return metered{budget: c.limit, now: s.now, schemes: schemes, profile: c.token.Profile, Endpoint: directory.Endpoint{
		SCIM: s.scim, Schemas: schemas, Tenant: c.tenant.ID, By: audit.Actor{Kind: audit.Token, ID: string(c.token.ID), Name: c.token.Name},
		Client: string(c.token.ID), Base: s.base(r, slug), ReadOnly: !c.token.Scopes.Allow(scopeSCIMWrite), Tolerant: c.token.Profile.Tolerates(),
	}}, nil
}

// base is the address of the endpoint as the client sees it.
func (s *scimServer) base(r *http.Request, slug string) string {
	if s.http.Base != nil {
		return s.http.Base(r)
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + scimPrefix + slug + "/v2"
}

// client finds whose token the text is. With the error of a token that has expired or was revoked it returns the client, so that
// its administrators see what it sends.
func (s *scimServer) client(ctx context.Context, slug, text string) (*scimClient, error) {
	look, hash, now := s.look, token.HashOf(text), s.now()
	if _, err := token.Parse(text); err != nil { // no token with a secret
		look, hash = s.lookOAuth, token.HashOf(slug+"\x00"+text)
	}
	s.mu.Lock()
	known := s.clients[hash]
	s.mu.Unlock()
	if known != nil && now.Before(known.until) {
		return known, nil
	}
	c, err := look(ctx, slug, text, now)
	if c != nil {
		s.remembers(c)
	}
	if err != nil {
		s.mu.Lock()
		delete(s.clients, hash)
		s.mu.Unlock()
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= maxClients {
		clear(s.clients)
		clear(s.limits)
	}
	rate := s.rateOf(c.token)
	c.limit = s.limits[c.token.ID]
	if c.limit.perSecond() != rate {
		c.limit = newBudget(rate)
		s.limits[c.token.ID] = c.limit
	}
	s.clients[hash] = c
	return c, nil
}

// rateOf is how much a token may send: its own limit, but never more than the server lets any.
func (s *scimServer) rateOf(k store.Token) float64 {
	if server := s.config.SCIM.Rate; k.Rate == 0 || server > 0 && server < k.Rate {
		return server
	}
	return k.Rate
}

// look reads the token from the database and checks it.
func (s *scimServer) look(ctx context.Context, _, text string, now time.Time) (*scimClient, error) {
	ref, err := token.Parse(text)
	if err != nil || ref.Kind != token.KindSCIM {
		return nil, errNoToken
	}
	k, err := s.db.Token(ctx, ref.ID)
	if errors.Is(err, lockstep.ErrNotFound) {
		return nil, errNoToken
	}
	if err != nil {
		return nil, err
	}
	half, err := k.Match(text, now)
	expired := err == token.ErrExpired                                                             //nolint:errorlint // the errors of Match share their code
	if err == token.ErrMismatch || k.Kind != token.KindSCIM || k.Tenant == "" || !k.OAuth.Zero() { //nolint:errorlint // see above
		return nil, errNoToken
	}
	t, err := s.db.Tenant(ctx, k.Tenant)
	if err != nil {
		return nil, err
	}
	c := &scimClient{token: k, tenant: t, until: until(k.Token, half, now)}
	switch {
	case !k.Revoked.IsZero():
		c.ended = endedRevoked
	case expired && half == token.Old:
		c.ended = endedFormer
	case expired:
		c.ended = endedExpired
	}
	return s.admit(ctx, c, half)
}

// admit lets a client in that has shown who it is, unless it has ended, or what it was made with.
func (s *scimServer) admit(ctx context.Context, c *scimClient, half token.Half) (*scimClient, error) {
	if c.ended == "" && c.token.Maker != "" {
		_, err := s.standing(ctx, entry(c.token))
		if lockstep.CodeOf(err) == lockstep.CodeUnauthorized {
			c.ended = endedMaker
		} else if err != nil {
			return nil, err
		}
	}
	if c.ended != "" {
		return c, errNoToken
	}
	return c, s.db.TouchToken(ctx, c.token, half)
}

// until is when the token has to be looked up again: after clientLife, or when the secret that was shown ends.
func until(k token.Token, half token.Half, now time.Time) time.Time {
	ends, at := k.Expires, now.Add(clientLife)
	if half == token.Old {
		ends = k.Former.Ends
	}
	if !ends.IsZero() && ends.Before(at) {
		return ends
	}
	return at
}
