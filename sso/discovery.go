package sso

import (
	"net/http"
)

// metadata is what a client finds out by itself (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). It lists what works and nothing else.
type metadata struct {
	Issuer            string   `json:"issuer"`
	Authorization     string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	UserInfo          string   `json:"userinfo_endpoint"`
	JWKS              string   `json:"jwks_uri"`
	PAR               string   `json:"pushed_authorization_request_endpoint"`
	Introspection     string   `json:"introspection_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	EndSession        string   `json:"end_session_endpoint"`
	RevokeAll         string   `json:"global_token_revocation_endpoint"`
	Scopes            []string `json:"scopes_supported"`
	ResponseTypes     []string `json:"response_types_supported"`
	ResponseModes     []string `json:"response_modes_supported"`
	Grants            []string `json:"grant_types_supported"`
	Subjects          []string `json:"subject_types_supported"`
	IDTokenAlgs       []string `json:"id_token_signing_alg_values_supported"`
	Auth              []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs          []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth []string `json:"introspection_endpoint_auth_methods_supported"`
	Challenges        []string `json:"code_challenge_methods_supported"`
	Claims            []string `json:"claims_supported"`
	Prompts           []string `json:"prompt_values_supported"`
	Locales           []string `json:"ui_locales_supported"`
	ACRs              []string `json:"acr_values_supported"`
	ClaimsParameter   bool     `json:"claims_parameter_supported"`
	RequestParameter  bool     `json:"request_parameter_supported"`
	RequestURI        bool     `json:"request_uri_parameter_supported"`
	Iss               bool     `json:"authorization_response_iss_parameter_supported"`
	BackChannel       bool     `json:"backchannel_logout_supported"`
	BackChannelSID    bool     `json:"backchannel_logout_session_supported"`
	Resources         []string `json:"protected_resources,omitempty"` // RFC 9728 §4
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	scopes, resources, err := s.scimOffered(r.Context(), x)
	if err != nil {
		return err
	}
	auth := []string{string(AuthBasic), string(AuthPost), string(AuthPrivateKey)}
	w.Header().Set("Cache-Control", keySetLife)
	writeJSON(w, http.StatusOK, metadata{
		Issuer: x.issuer, Authorization: x.issuer + "/authorize", Token: x.issuer + "/token", UserInfo: x.issuer + "/userinfo", JWKS: x.issuer + "/jwks",
		PAR: x.issuer + "/par", Introspection: x.issuer + "/introspect", Revocation: x.issuer + "/revoke", EndSession: x.issuer + "/logout",
		RevokeAll: x.issuer + revocationPath,
		Scopes:    append([]string{"openid", "profile", "email", "groups"}, scopes...), Resources: resources, ResponseTypes: []string{"code"}, ResponseModes: []string{"query", "form_post"},
		Grants: []string{string(GrantCode), string(GrantRefresh), string(GrantCredentials)}, Subjects: []string{"public"},
		IDTokenAlgs: []string{"RS256", "ES256"}, Auth: append(auth[:3:3], string(AuthNone)), AuthAlgs: []string{"RS256", "ES256"},
		RevocationAuth: append(auth[:3:3], string(AuthNone)), IntrospectionAuth: auth, Challenges: []string{"S256"},
		Claims: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "acr", "amr",
			"name", "given_name", "family_name", "preferred_username", "locale", "updated_at", "email", "email_verified", "groups",
		},
		Prompts: []string{"none", "login", "select_account"}, Locales: []string{"en", "de"}, ACRs: []string{ACRTwo, ACRPhishing},
		ClaimsParameter: true, Iss: true, BackChannel: true, BackChannelSID: true,
	})
	return nil
}
