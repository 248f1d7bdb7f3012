package oauth

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"lockstep/token"
)

// claims are those of an ID token (OpenID Connect Core §2). Webex puts nothing else in, whatever scopes were asked for: the rest
// comes from the user-info endpoint.
type claims struct {
	Issuer     string `json:"iss"`
	Audience   string `json:"aud"`
	Subject    string `json:"sub"`
	AuthTime   int64  `json:"auth_time"`
	IssuedAt   int64  `json:"iat"`
	Expires    int64  `json:"exp"`
	Nonce      string `json:"nonce,omitempty"`
	AccessHash string `json:"at_hash,omitempty"`
}

// idToken makes an ID token. Its issuer is that of the person's home cluster, whichever door they came through, as Webex's is.
func (s *Server) idToken(at door, client, nonce, accessHash string, who login) (string, error) {
	key, err := s.signingKey()
	if err != nil {
		return "", err
	}
	settings, now := s.Settings(), s.now()
	return token.SignJWT(key, claims{
		Issuer: s.issuerOf(at, who.Org), Audience: client, Subject: who.Person, AuthTime: who.At.Unix(), IssuedAt: now.Unix(),
		Expires: now.Add(settings.IDToken).Unix(), Nonce: nonce, AccessHash: accessHash,
	})
}

// issuerOf is the issuer in the ID tokens of an organisation's people.
func (s *Server) issuerOf(at door, organisation string) string {
	if org, ok := s.config.People.Organisation(organisation); ok && !s.Settings().OneIssuer {
		return at.issuer(org.Region)
	}
	return at.issuer(at.region)
}

// Issuer is the issuer of an organisation's people as whoever sends the request reaches it, and the address of its public keys.
func (s *Server) Issuer(r *http.Request, organisation string) (issuer, keys string) {
	at := s.doorOf(r, Global)
	return s.issuerOf(at, organisation), at.base + "/idb/oauth2/v2/keys/verificationjwk"
}

// signingKey returns the key, made when it is first needed: it takes longer than everything else at the start.
func (s *Server) signingKey() (*rsa.PrivateKey, error) {
	s.mu.RLock()
	key := s.key
	s.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	made, err := token.NewRSAKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, fmt.Errorf("keep the signing key: %w", err)
	}
	err = s.change(func() ([]entry, error) {
		if key = s.key; key != nil { // somebody was faster
			return nil, nil
		}
		key = made
		return []entry{{Op: "key", Key: der}}, nil
	})
	return key, err
}

// keySet publishes the key (RFC 7517 §5).
func (s *Server) keySet(w http.ResponseWriter, _ *http.Request, _ door) error {
	key, err := s.signingKey()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return writeJSON(w, http.StatusOK, map[string][]token.JWK{"keys": {token.JWKOf(&key.PublicKey)}})
}

// metadata is the discovery document (OpenID Connect Discovery §3). As Webex's it names no end of session and no introspection.
type metadata struct {
	Issuer            string   `json:"issuer"`
	Authorize         string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	UserInfo          string   `json:"userinfo_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	Keys              string   `json:"jwks_uri"`
	ResponseTypes     []string `json:"response_types_supported"`
	GrantTypes        []string `json:"grant_types_supported"`
	SubjectTypes      []string `json:"subject_types_supported"`
	SigningAlgorithms []string `json:"id_token_signing_alg_values_supported"`
	Scopes            []string `json:"scopes_supported"`
	AuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	Claims            []string `json:"claims_supported"`
	ChallengeMethods  []string `json:"code_challenge_methods_supported"`
	ClaimsParameter   bool     `json:"claims_parameter_supported"`
	RequestParameter  bool     `json:"request_parameter_supported"`
	RequestURI        bool     `json:"request_uri_parameter_supported"`
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request, at door) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	return writeJSON(w, http.StatusOK, metadata{
		Issuer: at.issuer(at.region), Authorize: at.base + authorizePath, Token: at.base + "/v1/access_token",
		UserInfo: at.base + "/v1/userinfo", Revocation: at.base + "/idb/oauth2/v1/revoke", Keys: at.base + "/v1/verification",
		ResponseTypes: []string{"code", "id_token", "token", "id_token token"}, GrantTypes: []string{"authorization_code", "implicit", "refresh_token", deviceGrant},
		SubjectTypes: []string{"public"}, SigningAlgorithms: []string{"RS256"}, Scopes: openIDScopes(),
		AuthMethods: []string{"client_secret_basic", "client_secret_post", "none"},
		Claims: []string{
			"iss", "aud", "sub", "auth_time", "iat", "exp", "nonce", "at_hash", "email", "email_verified", "name", "given_name",
			"family_name", "locale", "phone_number", "address",
		},
		ChallengeMethods: []string{"plain", "S256"},
	})
}

// webFinger tells the issuer of somebody's home cluster (RFC 7033, OpenID Connect Discovery §2).
func (s *Server) webFinger(w http.ResponseWriter, r *http.Request, at door) error {
	resource := r.URL.Query().Get("resource")
	name, ok := strings.CutPrefix(resource, "acct:")
	if !ok {
		return refuse("invalid_request", "The resource is not of the form acct:name@domain.")
	}
	p, ok := s.config.People.Login(name)
	if !ok {
		return &refusal{status: http.StatusNotFound, code: "invalid_request", detail: "There is no such account."}
	}
	org, _ := s.config.People.Organisation(p.Org)
	type link struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	return writeJSON(w, http.StatusOK, struct {
		Subject string `json:"subject"`
		Links   []link `json:"links"`
	}{resource, []link{{"http://openid.net/specs/connect/1.0/issuer", at.issuer(org.Region)}}})
}

// Bearer returns what the bearer of the request's token may do.
func (s *Server) Bearer(r *http.Request) (Access, error) {
	a, _, err := s.bearer(r)
	return a, err
}

// bearer is Bearer, with the token's grant.
func (s *Server) bearer(r *http.Request) (Access, grant, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Access{}, grant{}, errToken
	}
	return s.check(strings.TrimSpace(text), accessToken)
}

// userClaims tells the claims that the token's scopes allow (OpenID Connect Core §5.3). email_verified is a text, as Webex's is.
func (s *Server) userClaims(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	p, ok := s.config.People.Person(a.Person)
	if !ok || !a.Allows("openid") {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid"`)
		return &refusal{status: http.StatusForbidden, code: "insufficient_scope", detail: "The token has not the scope openid."}
	}
	answer := map[string]string{"sub": p.ID}
	for _, c := range []struct{ scope, name, value string }{
		{"email", "email", p.Login},
		{"email", "email_verified", "true"},
		{"profile", "name", p.Display},
		{"profile", "given_name", p.GivenName},
		{"profile", "family_name", p.FamilyName},
		{"profile", "locale", p.Locale},
		{"phone", "phone_number", p.Phone},
	} {
		if c.value != "" && a.Allows(c.scope) {
			answer[c.name] = c.value
		}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// tokenExpiry tells when the bearer's token expires, in milliseconds.
func (s *Server) tokenExpiry(w http.ResponseWriter, r *http.Request, _ door) error {
	a, _, err := s.bearer(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]int64{"exp": a.Expires.UnixMilli()})
}
