package sso

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lockstep"
	"lockstep/token"
)

// assertionType is the one type of client assertions (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// claimed is what a request says of its client.
type claimed struct {
	method    ClientAuth
	id        ClientID
	secret    string
	assertion token.JWT
	text      string // of the assertion
}

// errClient is the one answer to every client that does not authenticate (RFC 6749 §5.2), so that nobody learns which clients there are.
var errClient = oauthError{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "the client is not known or did not authenticate as it must", Challenge: `Basic realm="token"`}

// form reads the parameters of a request to an endpoint that clients call. Nothing counts that stands in the address, and each
// parameter is there once (RFC 6749 §3.2).
func form(r *http.Request) (url.Values, error) {
	if err := methods(r, http.MethodPost); err != nil {
		return nil, err
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, badRequest("invalid_request", "the body is application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			return nil, badRequest("invalid_request", "the body is too large")
		}
		return nil, badRequest("invalid_request", "the body cannot be read")
	}
	query := r.URL.Query()
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "code", "refresh_token", "token", "grant_type", "code_verifier"} {
		if query.Has(name) {
			return nil, badRequest("invalid_request", "parameters belong into the body, not into the address")
		}
	}
	return r.PostForm, single(r.PostForm)
}

// single refuses a parameter that is there more than once.
func single(values url.Values) error {
	for name, all := range values {
		if len(all) > 1 {
			return badRequest("invalid_request", "a parameter is there more than once: "+clip(name))
		}
	}
	return nil
}

// claim finds out how a request authenticates: in exactly one way (RFC 6749 §2.3).
func claim(r *http.Request, values url.Values) (c claimed, err error) {
	ways := 0
	if header := r.Header.Get("Authorization"); header != "" {
		ways++
		if c, err = basic(header); err != nil {
			return c, err
		}
	}
	if values.Has("client_assertion") || values.Has("client_assertion_type") {
		ways++
		if values.Get("client_assertion_type") != assertionType {
			return c, badRequest("invalid_request", "client_assertion_type is not "+assertionType)
		}
		c = claimed{method: AuthPrivateKey, id: subjectOf(values.Get("client_assertion")), text: values.Get("client_assertion")}
	}
	if values.Has("client_secret") {
		ways++
		c = claimed{method: AuthPost, id: ClientID(values.Get("client_id")), secret: values.Get("client_secret")}
	}
	switch {
	case ways > 1:
		return c, badRequest("invalid_request", "the client authenticates in more than one way")
	case ways == 0:
		c = claimed{method: AuthNone, id: ClientID(values.Get("client_id"))}
	case values.Has("client_id") && values.Get("client_id") != string(c.id):
		return c, errClient
	}
	if c.id == "" {
		return c, errClient
	}
	return c, nil
}

// basic reads HTTP Basic, whose parts are form-encoded (RFC 6749 §2.3.1).
func basic(header string) (claimed, error) {
	scheme, text, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	name, password, ok := strings.Cut(string(raw), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !ok {
		return claimed{}, errClient
	}
	id, err1 := url.QueryUnescape(name)
	secret, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil {
		return claimed{}, errClient
	}
	return claimed{method: AuthBasic, id: ClientID(id), secret: secret}, nil
}

// subjectOf reads whom an assertion is of, so that the client's keys can be found. It believes nothing.
func subjectOf(text string) ClientID {
	_, rest, _ := strings.Cut(text, ".")
	body, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	var v struct{ Sub ClientID }
	if err != nil || len(text) > token.MaxJWT || json.Unmarshal(raw, &v) != nil {
		return ""
	}
	return v.Sub
}

// authenticate finds the client of a request and has it show that it is the one, before anything else is looked at.
func (s *Server) authenticate(x site, r *http.Request, values url.Values) (Client, error) {
	said, err := claim(r, values)
	if err != nil {
		return Client{}, err
	}
	c, err := s.Store.Client(r.Context(), x.tenant.ID, said.id)
	if errors.Is(err, lockstep.ErrNotFound) {
		return Client{}, errClient
	}
	if err != nil {
		return Client{}, err
	}
	if c.Disabled || c.Auth != said.method {
		return Client{}, errClient
	}
	switch said.method {
	case AuthBasic, AuthPost:
		if !c.secretIs(said.secret, s.now()) {
			return Client{}, errClient
		}
	case AuthPrivateKey:
		if err := s.checkAssertion(r, x, c, said.text); err != nil {
			return Client{}, err
		}
	case AuthNone:
	}
	return c, nil
}

// secretIs compares a secret with both that the client has during a rotation, in constant time.
func (c *Client) secretIs(text string, now time.Time) bool {
	h := token.HashOf(text)
	current := subtle.ConstantTimeCompare(h[:], c.Secret[:]) == 1 && c.Secret != (Hash{})
	former := subtle.ConstantTimeCompare(h[:], c.Former.Hash[:]) == 1 && now.Before(c.Former.Ends)
	return current || former
}

// assertionLife is how far in the future an assertion may expire, and how far clocks may be apart.
const (
	assertionLife = 10 * time.Minute
	clockSkew     = 30 * time.Second
)

// checkAssertion checks a client's JWT (RFC 7523 §3, OpenID Connect Core §9): its own key and algorithm, for us, short, once.
func (s *Server) checkAssertion(r *http.Request, x site, c Client, text string) error {
	t, err := s.verify(r.Context(), c, text)
	if err != nil {
		return err
	}
	var v struct {
		Iss, Sub, JTI string
		Aud           audience
		Exp, Nbf, Iat float64
	}
	if json.Unmarshal(t.Claims, &v) != nil || v.Iss != string(c.ID) || v.Sub != string(c.ID) || v.JTI == "" || len(v.JTI) > 500 {
		return errClient
	}
	// Only the issuer or the endpoint itself, alone: an assertion that is good elsewhere, too, could be used there or come from there.
	if len(v.Aud) != 1 || v.Aud[0] != x.issuer && v.Aud[0] != x.issuer+"/token" && v.Aud[0] != x.issuer+r.URL.Path[len(x.path):] {
		return errClient
	}
	now, exp := s.now(), time.Unix(int64(v.Exp), 0)
	if !now.Before(exp.Add(clockSkew)) || exp.After(now.Add(assertionLife)) || v.Nbf != 0 && time.Unix(int64(v.Nbf), 0).After(now.Add(clockSkew)) {
		return errClient
	}
	err = s.Store.Once(r.Context(), x.tenant.ID, "assertion", token.HashOf(string(c.ID)+"\x00"+v.JTI), exp.Add(2*clockSkew))
	if errors.Is(err, lockstep.ErrConflict) {
		return errClient
	}
	return err
}

// audience is the claim aud: a text or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// MarshalJSON writes one as a text.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}
