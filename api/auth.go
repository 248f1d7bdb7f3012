package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/token"
)

// TenantHeader names the tenant, by slug or id, for callers whose token belongs to no tenant. Without it they speak of the
// tenant "default".
const TenantHeader = "Lockstep-Tenant"

// DefaultTenant is the slug of the tenant that the first start creates.
const DefaultTenant = "default"

// The scopes of the API. Whoever may write may read.
const (
	ScopeRead  token.Scope = "api:read"
	ScopeWrite token.Scope = "api:write"
)

// caller is who asks, and about which tenant.
type caller struct {
	Actor  audit.Actor
	Tenant lockstep.TenantID
	Every  bool // may speak of every tenant
	Scopes token.Scopes
}

type callerKey struct{}

// callerOf returns the caller that authenticate found.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// authenticate lets nobody in without a token that allows the request.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		c, err := s.identify(r)
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// open reports whether a path needs no token.
func open(path string) bool {
	switch path {
	case "/livez", "/readyz", Prefix + "/version":
		return true
	}
	return strings.HasPrefix(path, Prefix+"/openapi")
}

func (s *Server) identify(r *http.Request) (caller, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return caller{}, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The request carries no bearer token."}
	}
	c, err := s.bearer(r.Context(), strings.TrimSpace(text))
	if err != nil {
		return caller{}, err
	}
	want := ScopeWrite
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		want = ScopeRead
	}
	if !c.Scopes.Allow(want) {
		return caller{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "The token lacks the scope " + string(want) + "."}
	}
	if c.Tenant != "" {
		return c, nil
	}
	c.Every = true
	name := r.Header.Get(TenantHeader)
	if name == "" {
		name = DefaultTenant
	}
	t, err := s.tenant(r.Context(), name)
	c.Tenant = t.ID
	return c, err
}

// bearer finds whose token the text is.
func (s *Server) bearer(ctx context.Context, text string) (caller, error) {
	if s.Local != "" && subtle.ConstantTimeCompare([]byte(text), []byte(s.Local)) == 1 {
		return caller{Actor: audit.Actor{Kind: audit.Admin, Name: "administrator of this machine"}, Scopes: token.Scopes{token.ScopeAll}}, nil
	}
	ref, err := token.Parse(text)
	if err != nil {
		return caller{}, err
	}
	entry, err := s.Tokens.FindToken(ctx, ref.ID)
	switch {
	case lockstep.CodeOf(err) == lockstep.CodeNotFound:
		return caller{}, token.ErrMismatch
	case err != nil:
		return caller{}, err
	case entry.Kind != token.KindAPI:
		return caller{}, token.ErrMismatch
	}
	half, err := entry.Match(text, s.now())
	if err != nil {
		return caller{}, err
	}
	if err := s.Tokens.UseToken(ctx, entry, half); err != nil {
		return caller{}, err
	}
	return caller{
		Actor:  audit.Actor{Kind: audit.Token, ID: string(entry.ID), Name: entry.Name},
		Tenant: entry.Tenant, Scopes: entry.Scopes,
	}, nil
}

// tenant finds a tenant by slug or id.
func (s *Server) tenant(ctx context.Context, name string) (directory.Tenant, error) {
	if lockstep.ValidID(name) {
		return s.Tenants.Tenant(ctx, lockstep.TenantID(name))
	}
	return s.Tenants.TenantBySlug(ctx, name)
}

func notFound(what, name string) error {
	return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no " + what + " “" + clip(name) + "”."}
}

func invalid(detail string) error { return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: detail} }

// clip keeps what a caller sent from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
