package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/token"
)

func (s *Server) tokenRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/tokens", "list-tokens", "List the tenant's tokens", s.listTokens)
	route(s, a, http.MethodPost, "/tokens", "create-token", "Create a token; its text is shown this once", s.createToken)
	route(s, a, http.MethodPost, "/tokens/{token}/rotate", "rotate-token", "Give a token a new secret; its text is shown this once, the old one works for a while", s.rotateToken)
	route(s, a, http.MethodPatch, "/tokens/{token}", "set-token", "Change a token", s.setToken)
	command(s, a, http.MethodDelete, "/tokens/{token}", "revoke-token", "Revoke a token", s.revokeToken)
}

func tokenOf(e TokenEntry) Token {
	v := Token{
		ID: e.ID, Name: e.Name, Kind: kindNames[e.Kind], Scopes: []string{}, Created: e.Created,
		Expires: instant(e.Expires), LastUsed: instant(e.LastUsed), Strict: e.Strict,
	}
	for _, sc := range e.Scopes {
		v.Scopes = append(v.Scopes, string(sc))
	}
	if !e.Former.Ends.IsZero() {
		v.Former = &FormerSecret{Ends: e.Former.Ends, LastUsed: instant(e.FormerUsed)}
	}
	return v
}

// kindNames are the kinds of token that a tenant has, as the API calls them.
var kindNames = map[token.Kind]string{token.KindAPI: "api", token.KindSCIM: "scim"}

// findToken finds one of the tenant's tokens by its id or its name, which must then be that of one token only.
func (s *Server) findToken(ctx context.Context, t lockstep.TenantID, name string) (TokenEntry, error) {
	all, err := s.Tokens.ListTokens(ctx, t)
	if err != nil {
		return TokenEntry{}, err
	}
	var named []TokenEntry
	for _, e := range all {
		if string(e.ID) == name {
			return e, nil
		}
		if e.Name == name {
			named = append(named, e)
		}
	}
	switch len(named) {
	case 0:
		return TokenEntry{}, notFound("token", name)
	case 1:
		return named[0], nil
	}
	return TokenEntry{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "More than one token is called “" + clip(name) + "”: name it by its id."}
}

// mayGive refuses to hand out a token that can do what its giver cannot.
func mayGive(c caller, scopes token.Scopes) error {
	for _, want := range scopes {
		if !c.Scopes.Allow(want) {
			return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "A token cannot give away the scope " + string(want) + ", which it does not have."}
		}
	}
	return nil
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
	Strict bool   `json:"strict,omitempty" doc:"Examine what its holder sends by SCIM; nothing is refused because of it."`
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
	if err := mayGive(c, scopes); err != nil {
		return CreatedToken{}, err
	}
	kind := token.KindAPI
	if in.Body.Kind == "scim" {
		kind = token.KindSCIM
	}
	if in.Body.Strict && kind != token.KindSCIM {
		return CreatedToken{}, errNotSCIM
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
	e := TokenEntry{Token: t, Tenant: c.Tenant, Name: in.Body.Name, Created: now, Strict: in.Body.Strict}
	if err := s.Tokens.PutToken(ctx, c.Actor, e); err != nil {
		return CreatedToken{}, err
	}
	return CreatedToken{Token: tokenOf(e), Text: text}, nil
}

// RotateToken says how a token is rotated.
type RotateToken struct {
	Overlap *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"7776000" doc:"How long the secret of before goes on working; a day when absent."`
	Days    int  `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"How long the new secret is valid; 0 keeps the token's expiry as it is."`
}

// overlap is how long both secrets work, unless the caller says.
const overlap = 24 * time.Hour

func (s *Server) rotateToken(ctx context.Context, c caller, in *struct {
	Token string `path:"token" maxLength:"100"`
	Body  RotateToken
},
) (CreatedToken, error) {
	e, err := s.findToken(ctx, c.Tenant, in.Token)
	if err != nil {
		return CreatedToken{}, err
	}
	if err := mayGive(c, e.Scopes); err != nil {
		return CreatedToken{}, err
	}
	now, both, expires := s.now(), overlap, e.Expires
	if in.Body.Overlap != nil {
		both = time.Duration(*in.Body.Overlap) * time.Second
	}
	if in.Body.Days > 0 {
		expires = now.Add(time.Duration(in.Body.Days) * 24 * time.Hour)
	}
	next, text, err := e.Rotate(now, both, expires)
	if err != nil {
		return CreatedToken{}, err
	}
	if err := s.Tokens.RotateToken(ctx, c.Actor, c.Tenant, e.Hash, next); err != nil {
		return CreatedToken{}, err
	}
	e.Token, e.FormerUsed = next, time.Time{}
	return CreatedToken{Token: tokenOf(e), Text: text}, nil
}

// errNotSCIM says that only the requests of SCIM clients can be examined.
var errNotSCIM = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Only a token of kind scim can be strict: it is SCIM requests that are examined."}

// SetToken is what can be changed of a token.
type SetToken struct {
	Strict bool `json:"strict" doc:"Examine what its holder sends by SCIM; nothing is refused because of it."`
}

func (s *Server) setToken(ctx context.Context, c caller, in *struct {
	Token string `path:"token" maxLength:"100"`
	Body  SetToken
},
) (Token, error) {
	e, err := s.findToken(ctx, c.Tenant, in.Token)
	if err != nil {
		return Token{}, err
	}
	if in.Body.Strict && e.Kind != token.KindSCIM {
		return Token{}, errNotSCIM
	}
	e.Strict = in.Body.Strict
	return tokenOf(e), s.Tokens.SetStrict(ctx, c.Actor, c.Tenant, e.ID, e.Strict)
}

func (s *Server) revokeToken(ctx context.Context, c caller, in *struct {
	Token string `path:"token" maxLength:"100"`
},
) error {
	e, err := s.findToken(ctx, c.Tenant, in.Token)
	if err != nil {
		return err
	}
	return s.Tokens.RevokeToken(ctx, c.Actor, c.Tenant, e.ID)
}
