package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/directory"
	"lockstep/token"
)

func tenantOf(t directory.Tenant) Tenant {
	return Tenant{ID: t.ID, Slug: t.Slug, Name: t.Name, Created: t.Created}
}

func (s *Server) listTenants(ctx context.Context, c caller, _ *struct{}) (list[Tenant], error) {
	all, err := s.Tenants.Tenants(ctx)
	if err != nil {
		return list[Tenant]{}, err
	}
	var shown []Tenant
	for _, t := range all {
		if c.Every || t.ID == c.Tenant {
			shown = append(shown, tenantOf(t))
		}
	}
	return listOf(shown), nil
}

// NewTenant is what creates a tenant.
type NewTenant struct {
	Slug string `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

func (s *Server) createTenant(ctx context.Context, c caller, in *struct{ Body NewTenant }) (Tenant, error) {
	if !c.Every {
		return Tenant{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "The token belongs to one tenant and cannot create another."}
	}
	t := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: in.Body.Slug, Name: in.Body.Name, Created: s.now()}
	if err := s.Tenants.CreateTenant(ctx, c.Actor, t); err != nil {
		return Tenant{}, err
	}
	return tenantOf(t), nil
}

func (s *Server) tokenRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/tokens", "list-tokens", "List the tenant's tokens", s.listTokens)
	route(s, a, http.MethodPost, "/tokens", "create-token", "Create a token; its text is shown this once", s.createToken)
	command(s, a, http.MethodDelete, "/tokens/{token}", "revoke-token", "Revoke a token", s.revokeToken)
}

func tokenOf(e TokenEntry) Token {
	v := Token{ID: e.ID, Name: e.Name, Scopes: []string{}, Created: e.Created, Expires: instant(e.Expires)}
	for _, sc := range e.Scopes {
		v.Scopes = append(v.Scopes, string(sc))
	}
	return v
}

func (s *Server) listTokens(ctx context.Context, c caller, _ *struct{}) (list[Token], error) {
	all, err := s.Tokens.ListTokens(ctx, c.Tenant)
	if err != nil {
		return list[Token]{}, err
	}
	var shown []Token
	for _, e := range all {
		shown = append(shown, tokenOf(e))
	}
	return listOf(shown), nil
}

// NewToken is what creates a token.
type NewToken struct {
	Name   string `json:"name" minLength:"1" maxLength:"100"`
	Kind   string `json:"kind,omitempty" enum:"api,scim" doc:"What it opens: the management API, or the tenant's SCIM endpoint. api when absent."`
	Scopes string `json:"scopes" maxLength:"400" doc:"Divided by blanks, such as \"api:read\" or \"scim:write\"; writing includes reading."`
	Days   int    `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"How long it is valid; 0 is for ever."`
}

// CreatedToken is a new token with its text, which is shown this once.
type CreatedToken struct {
	Token
	Text string `json:"text"`
}

func (s *Server) createToken(ctx context.Context, c caller, in *struct{ Body NewToken }) (CreatedToken, error) {
	scopes, err := token.ParseScopes(in.Body.Scopes)
	if err != nil {
		return CreatedToken{}, err
	}
	for _, want := range scopes {
		if !c.Scopes.Allow(want) {
			return CreatedToken{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "A token cannot give away the scope " + string(want) + ", which it does not have."}
		}
	}
	kind := token.KindAPI
	if in.Body.Kind == "scim" {
		kind = token.KindSCIM
	}
	t, text, err := token.New(kind)
	if err != nil {
		return CreatedToken{}, err
	}
	t.Scopes = scopes
	now := s.now()
	if in.Body.Days > 0 {
		t.Expires = now.Add(time.Duration(in.Body.Days) * 24 * time.Hour)
	}
	e := TokenEntry{Token: t, Tenant: c.Tenant, Name: in.Body.Name, Created: now}
	if err := s.Tokens.PutToken(ctx, c.Actor, e); err != nil {
		return CreatedToken{}, err
	}
	return CreatedToken{Token: tokenOf(e), Text: text}, nil
}

func (s *Server) revokeToken(ctx context.Context, c caller, in *struct {
	Token string `path:"token" maxLength:"36"`
},
) error {
	return s.Tokens.RevokeToken(ctx, c.Actor, c.Tenant, lockstep.TokenID(in.Token))
}
