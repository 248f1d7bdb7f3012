package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/bearer"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
	"lockstep/web"
)

// resourceMetadata is where the metadata of a protected resource stands: before its path (RFC 9728 §3.1).
const resourceMetadata = "/.well-known/oauth-protected-resource"

// lookOAuth finds the SCIM client of an access token: one that we gave to an application of the tenant, or a JWT of an issuer that it trusts.
func (s *scimServer) lookOAuth(ctx context.Context, slug, text string, now time.Time) (*scimClient, error) {
	if text == "" || len(text) > token.MaxJWT {
		return nil, errNoToken
	}
	t, err := s.tenantOf(ctx, slug)
	if errors.Is(err, lockstep.ErrNotFound) {
		return nil, errNoToken
	}
	if err != nil {
		return nil, err
	}
	k, ends, err := s.holder(ctx, t, text, now)
	if err != nil {
		return nil, err
	}
	c := &scimClient{token: k, tenant: t, until: until(k.Token, token.Current, now)}
	if ends.Before(c.until) {
		c.until = ends
	}
	switch {
	case !k.Revoked.IsZero():
		c.ended = endedRevoked
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		c.ended = endedExpired
	}
	return s.admit(ctx, c, token.Current)
}

func (s *scimServer) tenantOf(ctx context.Context, name string) (directory.Tenant, error) {
	if lockstep.ValidID(name) {
		return s.db.Tenant(ctx, lockstep.TenantID(name))
	}
	return s.db.TenantBySlug(ctx, name)
}

// holder returns the SCIM client that an access token is of, and when the token ends.
func (s *scimServer) holder(ctx context.Context, t directory.Tenant, text string, now time.Time) (store.Token, time.Time, error) {
	issuer := bearer.IssuerOf(text)
	if s.sso != nil && (issuer == "" && strings.HasPrefix(text, sso.AccessPrefix) || issuer != "" && issuer == s.sso.Issuer(t.Slug)) {
		id, ends, err := s.sso.SCIMAccess(ctx, t.Slug, text)
		if errors.Is(err, sso.ErrAccess) {
			err = errNoToken
		}
		if err != nil {
			return store.Token{}, ends, err
		}
		all, err := s.db.TokensBy(ctx, t.ID, token.OAuth{Client: string(id)}.Of())
		return first(all), ends, none(all, err)
	}
	if s.issuers == nil || issuer == "" {
		return store.Token{}, time.Time{}, errNoToken
	}
	return s.trusted(ctx, t, issuer, text, now)
}

// trusted finds the client of a JWT whose issuer one of the tenant's SCIM clients names. Nobody else is asked for keys.
func (s *scimServer) trusted(ctx context.Context, t directory.Tenant, issuer, text string, now time.Time) (store.Token, time.Time, error) {
	all, err := s.db.TokensBy(ctx, t.ID, token.OAuth{Issuer: issuer}.Of())
	if err := none(all, err); err != nil {
		return store.Token{}, time.Time{}, err
	}
	a, err := s.issuers.Verify(ctx, issuer, text, token.RS256, token.ES256)
	if err == token.ErrJWT { //nolint:errorlint // it is this very value
		err = errNoToken
	}
	if lockstep.CodeOf(err) == lockstep.CodeAuthIssuer {
		s.log().WarnContext(ctx, "an access token of a trusted issuer cannot be checked", "tenant", t.Slug, "issuer", issuer, "error", err)
		err = &scim.Error{Status: http.StatusServiceUnavailable, Detail: "The token cannot be checked at the moment: the keys of its issuer cannot be had."}
	}
	if err != nil {
		return store.Token{}, time.Time{}, err
	}
	why := ""
	fits := all[:0]
	for _, k := range all {
		if because := k.OAuth.Admits(a, now); because != "" {
			why = because
			continue
		}
		fits = append(fits, k)
	}
	if len(fits) == 0 {
		return store.Token{}, time.Time{}, &scim.Error{Status: http.StatusUnauthorized, Detail: "The access token opens nothing here: " + why + "."}
	}
	return first(fits), a.Expires.Add(token.Skew), nil
}

// first is the oldest client that was not revoked; else the oldest.
func first(all []store.Token) store.Token {
	i := slices.IndexFunc(all, func(k store.Token) bool { return k.Revoked.IsZero() })
	switch {
	case i >= 0:
		return all[i]
	case len(all) > 0:
		return all[0]
	}
	return store.Token{}
}

func none(all []store.Token, err error) error {
	if err == nil && len(all) == 0 {
		err = errNoToken
	}
	return err
}

// trustedIssuers keeps the keys of the issuers that SCIM clients name. They are fetched as connectors fetch: guarded.
func (n *Server) trustedIssuers() *bearer.Issuers {
	return &bearer.Issuers{Client: web.NewClient(web.ClientConfig{Dialer: n.systems.dialer, Timeout: 5 * time.Second, Redirects: -1})}
}

func (s *scimServer) log() *slog.Logger {
	if s.config.Log != nil {
		return s.config.Log
	}
	return slog.Default()
}

// schemes is how clients of a tenant authenticate, as they are set up; the way of the one who asks comes first (RFC 7643 §5).
func (s *scimServer) schemes(ctx context.Context, c *scimClient) ([]scim.AuthenticationScheme, error) {
	bearerToken := scim.AuthenticationScheme{Type: "oauthbearertoken", Name: "OAuth Bearer Token", Description: "A bearer token in the Authorization header (RFC 6750)."}
	oauth := scim.AuthenticationScheme{
		Type: "oauth2", Name: "OAuth 2.0",
		Description: "An access token with the scope scim in the Authorization header (RFC 6749, RFC 6750). Where it is had: the metadata of the endpoint (RFC 9728).",
	}
	all, err := s.standingClients(ctx, c.tenant.ID)
	if err != nil {
		return nil, err
	}
	var offered []scim.AuthenticationScheme
	if slices.ContainsFunc(all, func(k store.Token) bool { return k.OAuth.Zero() }) {
		offered = append(offered, bearerToken)
	}
	if slices.ContainsFunc(all, func(k store.Token) bool { return !k.OAuth.Zero() }) {
		offered = append(offered, oauth)
	}
	if !c.token.OAuth.Zero() {
		slices.Reverse(offered)
	}
	if len(offered) > 0 {
		offered[0].Primary = true
	}
	return offered, nil
}

// standingClients are the SCIM clients of a tenant that have not ended.
func (s *scimServer) standingClients(ctx context.Context, t lockstep.TenantID) ([]store.Token, error) {
	all, err := s.db.Tokens(ctx, t)
	now := s.now()
	return slices.DeleteFunc(all, func(k store.Token) bool {
		return k.Kind != token.KindSCIM || !k.Revoked.IsZero() || !k.Expires.IsZero() && !now.Before(k.Expires)
	}), err
}

// metadataOf is the address of the metadata of the endpoint that a request is for. It is made from the request alone: it tells nobody whether
// there is such a tenant.
func (s *scimServer) metadataOf(r *http.Request) string {
	u, err := url.Parse(s.base(r, r.PathValue("tenant")))
	if err != nil || strings.ContainsAny(u.Host, "\"\\") {
		return ""
	}
	return u.Scheme + "://" + u.Host + resourceMetadata + u.EscapedPath()
}

// resource is the metadata of a SCIM endpoint (RFC 9728 §2).
type resource struct {
	Resource      string   `json:"resource"`
	Authorization []string `json:"authorization_servers,omitempty"`
	Scopes        []string `json:"scopes_supported,omitempty"`
	Methods       []string `json:"bearer_methods_supported"`
	Name          string   `json:"resource_name"`
}

// errNoMetadata says that no access token opens an endpoint of this name.
var errNoMetadata = scim.ErrNotFound("No SCIM endpoint of this name takes access tokens.")

// protectedResource answers with the metadata of a tenant's endpoint, if a SCIM client is set up to show access tokens there: it lists the
// authorization servers of those that are.
func (s *scimServer) protectedResource(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		s.http.WriteError(w, r, &scim.Error{Status: http.StatusMethodNotAllowed, Detail: "The metadata is read with GET."})
		return
	}
	slug := r.PathValue("tenant")
	t, err := s.tenantOf(r.Context(), slug)
	if errors.Is(err, lockstep.ErrNotFound) {
		err = errNoMetadata
	}
	if err != nil {
		s.http.WriteError(w, r, err)
		return
	}
	all, err := s.standingClients(r.Context(), t.ID)
	if err != nil {
		s.http.WriteError(w, r, err)
		return
	}
	m := resource{Resource: s.base(r, slug), Methods: []string{"header"}, Name: "SCIM 2.0 endpoint of " + t.Name}
	for _, k := range all {
		server := k.OAuth.Issuer
		if k.OAuth.Client != "" && s.sso != nil {
			server = s.sso.Issuer(t.Slug)
		}
		if server != "" && !slices.Contains(m.Authorization, server) {
			m.Authorization = append(m.Authorization, server)
			m.Scopes = []string{token.ScopeSCIM}
		}
	}
	if len(m.Authorization) == 0 { // as if there were no such tenant: who has no token shall not learn which there are
		s.http.WriteError(w, r, errNoMetadata)
		return
	}
	text, err := json.Marshal(m)
	if err != nil {
		s.http.WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	_, _ = w.Write(text) // the client is gone: there is nobody to tell
}
