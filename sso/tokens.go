package sso

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// The types of JWTs, so that none is taken for another (RFC 8725 §3.11).
const (
	typeID     = "JWT"
	typeAccess = "at+jwt"     // RFC 9068
	typeLogout = "logout+jwt" // OpenID Connect Back-Channel Logout 1.0 §2.4
)

// tokenAnswer is what the token endpoint gives (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
type tokenAnswer struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	ID      string `json:"id_token,omitempty"`
	Scope   string `json:"scope"`
}

// token gives tokens for a code, a refresh token, or the client itself. The client is authenticated before anything else is looked up.
func (s *Server) tokenEndpoint(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	c, err := s.authenticate(x, r, values)
	if err != nil {
		return err
	}
	g := GrantType(values.Get("grant_type"))
	give := map[GrantType]func(context.Context, site, Client, url.Values) (tokenAnswer, error){
		GrantCode: s.redeem, GrantRefresh: s.refresh, GrantCredentials: s.credentials,
	}[g]
	switch {
	case g == "":
		return badRequest("invalid_request", "grant_type is missing")
	case give == nil:
		return badRequest("unsupported_grant_type", "grant_type is authorization_code, refresh_token or client_credentials")
	case !c.May(g):
		return badRequest("unauthorized_client", "the client may not use this grant_type")
	}
	answer, err := give(r.Context(), x, c, values)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// errGrant is the one answer to every code and refresh token that gives nothing.
var errGrant = oauthError{Status: http.StatusBadRequest, Code: "invalid_grant", Description: "the code or refresh token is not valid (any more), or not for this client"}

// redeem gives tokens for a code: once, within a minute, to the client that it was made for, with the same redirect URI and the verifier of
// its challenge. A code that comes again was stolen, or what it gave was: both end (RFC 6749 §4.1.2).
func (s *Server) redeem(ctx context.Context, x site, c Client, v url.Values) (tokenAnswer, error) {
	g, text, err := s.taken(ctx, x, c, v.Get("code"), v.Get("redirect_uri"), v.Get("code_verifier"))
	if err != nil {
		return tokenAnswer{}, err
	}
	return s.give(ctx, x, c, g, g.Scopes, text)
}

// taken uses a code up. It returns what the person gave, and the first refresh token if the client gets them.
func (s *Server) taken(ctx context.Context, x site, c Client, code, redirect, verifier string) (Grant, string, error) {
	g, err := s.Store.GrantByCode(ctx, x.tenant.ID, token.HashOf(code))
	if errors.Is(err, lockstep.ErrNotFound) {
		return g, "", errGrant
	}
	if err != nil {
		return g, "", err
	}
	if g.Client != c.ID || g.Redirect != redirect || !verifies(g.Challenge, verifier) {
		return g, "", errGrant
	}
	if !g.CodeUsed.IsZero() {
		return g, "", s.stolen(ctx, x, g, "code used again")
	}
	if !g.usable(c) || !s.now().Before(g.CodeEnds) {
		return g, "", errGrant
	}
	text, first := s.firstRefresh(c, g)
	err = s.Store.Redeem(ctx, x.tenant.ID, g.ID, first)
	if errors.Is(err, lockstep.ErrConflict) {
		err = s.again(ctx, x, g)
	}
	return g, text, err
}

// usable reports whether a grant gives anything: it stands, the client may still be signed in to through the provider that let the person in, and a
// second factor was shown if by now one is demanded of everybody.
func (g Grant) usable(c Client) bool {
	if g.OfTenant() {
		return g.Live && c.asksSCIM()
	}
	demanded := g.Demanded || c.SecondFactor == DemandRequired
	return g.Live && c.allows(g.Provider) && (!demanded || g.Factor != "")
}

// again is what a lost race for a code means: another request used it in this very moment.
func (s *Server) again(ctx context.Context, x site, g Grant) error {
	now, err := s.Store.Grant(ctx, x.tenant.ID, g.ID)
	if err != nil {
		return err
	}
	if now.CodeUsed.IsZero() { // the person was disabled meanwhile
		return errGrant
	}
	return s.stolen(ctx, x, g, "code used again")
}

// stolen ends a grant whose code or refresh token came twice.
func (s *Server) stolen(ctx context.Context, x site, g Grant, why string) error {
	n, err := s.Store.End(ctx, audit.Actor{Kind: audit.System}, x.tenant.ID, Who{Grant: g.ID}, why)
	if err != nil {
		return err
	}
	if n > 0 {
		s.log().WarnContext(ctx, "what a sign-in gave was ended: "+why, "tenant", x.tenant.Slug, "client", g.Client, "user", g.Person.User, "grant", g.ID)
		s.wake.up()
	}
	return errGrant
}

// verifies compares a verifier with the challenge (RFC 7636 §4.6). One that is there without a challenge is as wrong as the reverse, so that
// nobody can take PKCE out of a flow.
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func (s *Server) firstRefresh(c Client, g Grant) (string, *Refresh) {
	if !c.May(GrantRefresh) {
		return "", nil
	}
	text, hash := secret()
	return text, &Refresh{Hash: hash, Grant: g.ID, Ends: s.refreshEnds(g)}
}

func (s *Server) refreshEnds(g Grant) time.Time {
	idle := refreshIdle
	if g.OfTenant() {
		idle = consentIdle
	}
	if ends := s.now().Add(idle); ends.Before(g.Expires) {
		return ends
	}
	return g.Expires
}

// refreshGrace is how long a refresh token that was used may come again without being counted as stolen: two requests of one client may
// have crossed. It gives nothing even then.
const refreshGrace = 5 * time.Second

// refresh gives tokens for a refresh token, and the next one (RFC 9700 §4.14.2).
func (s *Server) refresh(ctx context.Context, x site, c Client, v url.Values) (tokenAnswer, error) {
	g, used, err := s.Store.GrantByRefresh(ctx, x.tenant.ID, token.HashOf(v.Get("refresh_token")))
	if errors.Is(err, lockstep.ErrNotFound) {
		return tokenAnswer{}, errGrant
	}
	if err != nil {
		return tokenAnswer{}, err
	}
	now := s.now()
	switch {
	case g.Client != c.ID || !g.usable(c):
		return tokenAnswer{}, errGrant
	case !used.Used.IsZero() && now.Sub(used.Used) > refreshGrace:
		return tokenAnswer{}, s.stolen(ctx, x, g, "refresh token used again")
	case !used.Used.IsZero() || !now.Before(used.Ends):
		return tokenAnswer{}, errGrant
	}
	scopes := g.Scopes
	if asked := strings.Fields(v.Get("scope")); len(asked) > 0 {
		for _, one := range asked {
			if !slices.Contains(g.Scopes, one) {
				return tokenAnswer{}, badRequest("invalid_scope", "a refresh cannot add scopes")
			}
		}
		scopes = c.scopes(asked)
	}
	text, hash := secret()
	err = s.Store.Rotate(ctx, x.tenant.ID, used.Hash, Refresh{Hash: hash, Former: used.Hash, Grant: g.ID, Ends: s.refreshEnds(g)})
	if errors.Is(err, lockstep.ErrConflict) {
		return tokenAnswer{}, errGrant
	}
	if err != nil {
		return tokenAnswer{}, err
	}
	g.Nonce = "" // that of the sign-in is not repeated (OpenID Connect Core §12.2)
	return s.give(ctx, x, c, g, scopes, text)
}

// credentials gives a client a token of its own (RFC 6749 §4.4).
func (s *Server) credentials(ctx context.Context, x site, c Client, v url.Values) (tokenAnswer, error) {
	scopes := c.Scopes
	if asked := strings.Fields(v.Get("scope")); len(asked) > 0 {
		for _, one := range asked {
			if !slices.Contains(c.Scopes, one) {
				return tokenAnswer{}, badRequest("invalid_scope", "the client may not ask for "+clip(one))
			}
		}
		scopes = asked
	}
	text, life, err := s.access(ctx, x, c, access{Client: c.ID, Scopes: scopes})
	return tokenAnswer{Access: text, Type: "Bearer", Expires: int(life.Seconds()), Scope: strings.Join(scopes, " ")}, err
}

// give makes the tokens of a grant.
func (s *Server) give(ctx context.Context, x site, c Client, g Grant, scopes []string, refresh string) (tokenAnswer, error) {
	text, life, err := s.access(ctx, x, c, access{Grant: g.ID, Client: c.ID, User: g.Person.User, Scopes: scopes, AuthTime: g.AuthTime, ACR: g.ACR})
	if err != nil {
		return tokenAnswer{}, err
	}
	answer := tokenAnswer{Access: text, Type: "Bearer", Expires: int(life.Seconds()), Refresh: refresh, Scope: strings.Join(scopes, " ")}
	if slices.Contains(scopes, "openid") {
		answer.ID, err = s.idToken(ctx, x, c, g, text)
	}
	return answer, err
}

// idToken makes an ID token (OpenID Connect Core §2).
func (s *Server) idToken(ctx context.Context, x site, c Client, g Grant, access string) (string, error) {
	alg := c.IDToken
	if alg == "" {
		alg = token.RS256
	}
	key, err := s.signer(ctx, x.tenant.ID, alg)
	if err != nil {
		return "", err
	}
	now := s.now()
	sum := sha256.Sum256([]byte(access))
	claims := idClaims{
		x.issuer, g.Person.User, c.ID, now.Add(idTokenLife).Unix(), now.Unix(), g.AuthTime.Unix(), g.Nonce,
		base64.RawURLEncoding.EncodeToString(sum[:16]), g.Session, g.ACR, g.AMR,
	}
	if len(g.Claims.IDToken) == 0 {
		return key.Sign(typeID, claims)
	}
	all, err := s.claims(ctx, x, g.Person.User, g.Claims.IDToken)
	if err != nil {
		return "", err
	}
	if err := claims.into(all); err != nil {
		return "", err
	}
	return key.Sign(typeID, all)
}

// idClaims are those of every ID token.
type idClaims struct {
	Iss      string          `json:"iss"`
	Sub      lockstep.UserID `json:"sub"`
	Aud      ClientID        `json:"aud"`
	Exp      int64           `json:"exp"`
	Iat      int64           `json:"iat"`
	AuthTime int64           `json:"auth_time"`
	Nonce    string          `json:"nonce,omitempty"`
	AtHash   string          `json:"at_hash"`
	SID      SessionID       `json:"sid"`
	ACR      string          `json:"acr,omitempty"`
	AMR      []string        `json:"amr,omitempty"`
}

// into puts the claims among others, over which they prevail.
func (c idClaims) into(all map[string]any) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var own map[string]json.RawMessage
	if err := json.Unmarshal(text, &own); err != nil {
		return err
	}
	for name, value := range own {
		all[name] = value
	}
	return nil
}

// access is what an access token stands for.
type access struct {
	Grant    GrantID  `json:"g,omitempty"` // "" is the client's own
	Client   ClientID `json:"c"`
	Scopes   []string `json:"s,omitempty"`
	Made     int64    `json:"i"`
	Ends     int64    `json:"e"`
	ID       string   `json:"j"`
	Audience audience `json:"a,omitempty"`

	User     lockstep.UserID `json:"-"`
	AuthTime time.Time       `json:"-"`
	ACR      string          `json:"-"`
	live     Grant
}

// accessPrefix begins an opaque access token, so that a scanner recognises one that leaked.
const accessPrefix = "lka_"

// access makes an access token in the client's format. An opaque one is sealed text that only we can read, and good only as long as its
// grant is: no row is written for it, and it ends with the person.
func (s *Server) access(ctx context.Context, x site, c Client, a access) (string, time.Duration, error) {
	now := s.now()
	a.Made, a.Ends, a.Audience = now.Unix(), now.Add(accessLife).Unix(), append(audience{string(c.ID)}, c.Audience...)
	if slices.Contains(a.Scopes, token.ScopeSCIM) {
		a.Audience = append(a.Audience, x.scim)
	}
	id, _ := secret()
	a.ID = id[:22]
	if c.Token == SignedJWT {
		text, err := s.accessJWT(ctx, x, a)
		return text, accessLife, err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return "", 0, err
	}
	sealed, err := s.Box.Seal(text, purpose(x))
	return accessPrefix + base64.RawURLEncoding.EncodeToString(sealed), accessLife, err
}

func purpose(x site) []byte { return []byte("access token\x00" + string(x.tenant.ID)) }

// accessClaims are those of RFC 9068 §2.2. The grant stands in jti, so that a JWT can be asked about, too.
type accessClaims struct {
	Iss      string   `json:"iss"`
	Sub      string   `json:"sub"`
	Aud      audience `json:"aud"`
	Exp      int64    `json:"exp"`
	Iat      int64    `json:"iat"`
	JTI      string   `json:"jti"`
	Client   ClientID `json:"client_id"`
	Scope    string   `json:"scope"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
}

func (s *Server) accessJWT(ctx context.Context, x site, a access) (string, error) {
	key, err := s.signer(ctx, x.tenant.ID, token.ES256)
	if err != nil {
		return "", err
	}
	v := accessClaims{
		Iss: x.issuer, Sub: string(a.User), Aud: a.Audience, Exp: a.Ends, Iat: a.Made, JTI: string(a.Grant) + "." + a.ID, Client: a.Client,
		Scope: strings.Join(a.Scopes, " "), ACR: a.ACR,
	}
	if a.Grant == "" {
		v.Sub = string(a.Client)
	} else {
		v.AuthTime = a.AuthTime.Unix()
	}
	return key.Sign(typeAccess, v)
}

// errAccess says that an access token is not valid, and nothing more.
var errAccess = errors.New("not a valid access token")

// opened reads an access token and finds out whether it is good now: it has not expired, and was not revoked; its client is enabled; and
// its grant stands, with its person.
func (s *Server) opened(ctx context.Context, x site, text string) (access, Client, error) {
	a, err := s.parse(ctx, x, text)
	if err != nil {
		return a, Client{}, err
	}
	if s.now().Unix() >= a.Ends {
		return a, Client{}, errAccess
	}
	c, err := s.Store.Client(ctx, x.tenant.ID, a.Client)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && c.Disabled {
		return a, c, errAccess
	}
	if err != nil {
		return a, c, err
	}
	if a.Grant == "" { // to revoke any other ends its grant
		revoked, err := s.Store.Noted(ctx, x.tenant.ID, "revoked", token.HashOf(a.ID))
		if err == nil && revoked {
			err = errAccess
		}
		return a, c, err
	}
	a.live, err = s.Store.Grant(ctx, x.tenant.ID, a.Grant)
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && (!a.live.usable(c) || a.live.Client != a.Client) {
		return a, c, errAccess
	}
	a.User, a.AuthTime, a.ACR = a.live.Person.User, a.live.AuthTime, a.live.ACR
	return a, c, err
}

// parse reads an access token of either format.
func (s *Server) parse(ctx context.Context, x site, text string) (a access, err error) {
	if len(text) > token.MaxJWT {
		return a, errAccess
	}
	if body, is := strings.CutPrefix(text, accessPrefix); is {
		sealed, err := base64.RawURLEncoding.Strict().DecodeString(body)
		if err != nil {
			return a, errAccess
		}
		clear, err := s.Box.Open(sealed, purpose(x))
		if err != nil || json.Unmarshal(clear, &a) != nil {
			return a, errAccess
		}
		return a, nil
	}
	set, err := s.published(ctx, x.tenant.ID)
	if err != nil {
		return a, err
	}
	t, err := set.Verify(text, token.ES256)
	if err != nil || t.Type != typeAccess {
		return a, errAccess
	}
	var v accessClaims
	if json.Unmarshal(t.Claims, &v) != nil || v.Iss != x.issuer {
		return a, errAccess
	}
	grant, id, _ := strings.Cut(v.JTI, ".")
	return access{Grant: GrantID(grant), Client: v.Client, Scopes: strings.Fields(v.Scope), Made: v.Iat, Ends: v.Exp, ID: id, Audience: v.Aud}, nil
}
