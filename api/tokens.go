package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/operate"
	"lockstep/token"
)

func (s *Server) tokenRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/tokens", "list-tokens", "List the tenant's tokens", s.listTokens)
	route(s, a, http.MethodPost, "/tokens", "create-token", "Create a token; its text is shown this once", s.createToken)
	route(s, a, http.MethodPost, "/tokens/{token}/rotate", "rotate-token", "Give a token a new secret; its text is shown this once, the old one works for a while", s.rotateToken)
	route(s, a, http.MethodPatch, "/tokens/{token}", "set-token", "Change a token", s.setToken)
	command(s, a, http.MethodDelete, "/tokens/{token}", "revoke-token", "Revoke a token", s.revokeToken)
	route(s, a, http.MethodGet, "/tokens/{token}/consents", "list-scim-consents", "List the consents on which a SCIM client lives", s.listSCIMConsents)
	command(s, a, http.MethodDelete, "/tokens/{token}/consents/{consent}", "end-scim-consent", "End a consent: what came of it is good for nothing any more", s.endSCIMConsent)
}

func tokenOf(e operate.TokenEntry) Token {
	v := Token{
		ID: e.ID, Name: e.Name, Kind: kindNames[e.Kind], Scopes: []string{}, Created: e.Created,
		Maker: e.Maker, Expires: instant(e.Expires), LastUsed: instant(e.LastUsed), Profile: profileOf(e), Product: string(e.Product), Rate: e.Rate,
	}
	if !e.OAuth.Zero() {
		o := TokenOAuth(e.OAuth)
		v.OAuth = &o
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

func (s *Server) listTokens(ctx context.Context, p operate.Principal, _ *struct{}) (list[Token], error) {
	all, err := s.Operator.ListTokens(ctx, p)
	return mapped(all, "", tokenOf), err
}

// NewToken is what creates a token.
type NewToken struct {
	Name    string      `json:"name" minLength:"1" maxLength:"100"`
	Kind    string      `json:"kind,omitempty" enum:"api,scim" doc:"What it opens: the management API, or the tenant's SCIM endpoint. api when absent."`
	Scopes  string      `json:"scopes" maxLength:"400" doc:"Divided by blanks, such as \"api:read\" or \"scim:write\"; writing includes reading."`
	Days    int         `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"How long it is valid; 0 is as long as the token that makes it. One made by a token ends with it."`
	Profile string      `json:"profile,omitempty" enum:"generic,entra,okta,strict,interop,ipsie" doc:"Of kind scim: what its holder is forgiven, and whether departures from the RFCs are counted."`
	Product string      `json:"product,omitempty" enum:"entra,okta,onelogin,ping,other" doc:"Of kind scim: which product it is given to. It changes nothing of how requests are answered."`
	Rate    float64     `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Of kind scim: requests a second that its holder may send, never more than the server lets any; 0 is that."`
	OAuth   *TokenOAuth `json:"oauth,omitempty" doc:"Of kind scim: its holder shows access tokens (OAuth 2.0), and there is no text."`
}

// TokenOAuth says whose access tokens a SCIM client shows in place of a secret of its own: a client's, or an issuer's.
type TokenOAuth struct {
	Client   string    `json:"client,omitempty" maxLength:"500" doc:"Client ID of an application of the tenant that may ask for the scope scim."`
	Issuer   string    `json:"issuer,omitempty" maxLength:"500" doc:"Or who makes them: JWTs after RFC 9068 whose claim iss is this address, byte for byte."`
	Audience string    `json:"audience,omitempty" maxLength:"500" doc:"Of an issuer's tokens: whom they have to be for (aud)."`
	Subject  string    `json:"subject,omitempty" maxLength:"500" doc:"Of an issuer's tokens: whose they have to be (sub, client_id, azp or appid)."`
	Scope    string    `json:"scope,omitempty" maxLength:"500" doc:"Of an issuer's tokens: scope or role that they have to carry; scim when absent, * none."`
	Alg      token.Alg `json:"alg,omitempty" enum:"RS256,ES256" doc:"Of an issuer's tokens: the one algorithm; either when absent."`
	Plain    bool      `json:"plain,omitempty" doc:"The issuer gives its access tokens the type JWT instead of at+jwt, as Microsoft Entra ID does."`
}

// CreatedToken is a new token with its text, which is shown this once.
type CreatedToken struct {
	Token
	Text string `json:"text,omitempty" doc:"Absent when its holder shows access tokens."`
}

func (s *Server) createToken(ctx context.Context, p operate.Principal, in *struct{ Body NewToken }) (CreatedToken, error) {
	b := in.Body
	kind := token.KindAPI
	if b.Kind == "scim" {
		kind = token.KindSCIM
	}
	made := operate.NewToken{Name: b.Name, Kind: kind, Scopes: b.Scopes, Days: b.Days, Profile: token.Profile(b.Profile), Product: token.Product(b.Product), Rate: b.Rate}
	if b.OAuth != nil {
		made.OAuth = token.OAuth(*b.OAuth)
	}
	e, text, err := s.Operator.CreateToken(ctx, p, made)
	return CreatedToken{Token: tokenOf(e), Text: text}, err
}

// RotateToken says how a token is rotated.
type RotateToken struct {
	Overlap *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"7776000" doc:"How long the secret of before goes on working; a day when absent."`
	Days    int  `json:"days,omitempty" minimum:"0" maximum:"3660" doc:"How long the new secret is valid; 0 keeps the token's expiry as it is."`
}

// overlap is how long both secrets work, unless the caller says.
const overlap = 24 * time.Hour

func (s *Server) rotateToken(ctx context.Context, p operate.Principal, in *struct {
	Token string `path:"token" maxLength:"100"`
	Body  RotateToken
},
) (CreatedToken, error) {
	r := operate.Rotation{Overlap: overlap, Days: in.Body.Days}
	if in.Body.Overlap != nil {
		r.Overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	e, text, err := s.Operator.RotateToken(ctx, p, in.Token, r)
	return CreatedToken{Token: tokenOf(e), Text: text}, err
}

// SetToken is what can be changed of a SCIM token. What is absent stays.
type SetToken struct {
	Profile string   `json:"profile,omitempty" enum:"generic,entra,okta,strict,interop,ipsie" doc:"What its holder is forgiven, and whether departures from the RFCs are counted."`
	Product string   `json:"product,omitempty" enum:"entra,okta,onelogin,ping,other" doc:"Which product it is given to."`
	Rate    *float64 `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Requests a second that its holder may send, never more than the server lets any; 0 is that."`
}

func (s *Server) setToken(ctx context.Context, p operate.Principal, in *struct {
	Token string `path:"token" maxLength:"100"`
	Body  SetToken
},
) (Token, error) {
	c := operate.TokenChange{Rate: in.Body.Rate}
	if profile := token.Profile(in.Body.Profile); profile != "" {
		c.Profile = &profile
	}
	if product := token.Product(in.Body.Product); product != "" {
		c.Product = &product
	}
	e, err := s.Operator.SetToken(ctx, p, in.Token, c)
	return tokenOf(e), err
}

// profileOf is the profile of a SCIM token, which others have none of.
func profileOf(e operate.TokenEntry) string {
	if e.Kind != token.KindSCIM {
		return ""
	}
	return string(cmp.Or(e.Profile, token.Generic))
}

func (s *Server) revokeToken(ctx context.Context, p operate.Principal, in *struct {
	Token string `path:"token" maxLength:"100"`
},
) error {
	return s.Operator.RevokeToken(ctx, p, in.Token)
}
