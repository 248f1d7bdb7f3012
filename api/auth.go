package api

import (
	"context"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/web"
)

// TenantHeader names the tenant, by slug or id, for callers whose token belongs to no tenant. Without it they speak of the
// tenant "default".
const TenantHeader = "Lockstep-Tenant"

// DefaultTenant is the slug of the tenant that the first start creates.
const DefaultTenant = operate.DefaultTenant

// The scopes of the API. Whoever may write may read.
const (
	ScopeRead  = operate.ScopeRead
	ScopeWrite = operate.ScopeWrite
)

type principalKey struct{}

// principalOf returns the principal that authenticate found.
func principalOf(ctx context.Context) operate.Principal {
	p, _ := ctx.Value(principalKey{}).(operate.Principal)
	return p
}

// authenticate lets nobody in without a token that allows the request.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		p, err := s.identify(r)
		web.By(r.Context(), string(p.Actor.Kind), p.Actor.ID) // also of who may not do it
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
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

// identify finds who asks, and of which tenant. What they may not do is refused before the request is read.
func (s *Server) identify(r *http.Request) (operate.Principal, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return operate.Principal{}, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The request carries no bearer token."}
	}
	p, err := s.Operator.Bearer(r.Context(), strings.TrimSpace(text))
	if err != nil {
		return p, err
	}
	verb := "write"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		verb = "read"
	}
	if err := p.MaySome(verb); err != nil {
		return p, err
	}
	return s.Operator.For(r.Context(), p, r.Header.Get(TenantHeader))
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

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
