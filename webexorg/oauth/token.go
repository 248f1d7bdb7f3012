package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/token"
)

// Tokens is the answer of the token endpoint.
type Tokens struct {
	AccessToken   string `json:"access_token"`
	ExpiresIn     int64  `json:"expires_in"`
	RefreshToken  string `json:"refresh_token,omitempty"`
	RefreshExpiry int64  `json:"refresh_token_expires_in,omitempty"`
	TokenType     string `json:"token_type"`
	Scope         string `json:"scope,omitempty"`
	IDToken       string `json:"id_token,omitempty"`
}

// accessToken is the token endpoint (RFC 6749 §3.2). The client is known before anything else is looked at.
func (s *Server) accessToken(w http.ResponseWriter, r *http.Request, at door) error {
	c, known, err := s.authenticate(r)
	if err != nil {
		return err
	}
	var answer Tokens
	switch values := r.PostForm; values.Get("grant_type") {
	case "authorization_code":
		answer, err = s.redeem(at, c, known, values)
	case "refresh_token":
		answer, err = s.refresh(c, known, values)
	case scopeReduction:
		answer, err = s.reduce(c, values)
	case deviceGrant:
		answer, err = s.redeemDevice(c, known, values)
	case "":
		err = refuse("invalid_request", "The parameter grant_type is missing.")
	default:
		err = refuse("unsupported_grant_type", "The grant type is not supported: use authorization_code or refresh_token.")
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// authenticate returns the client of a request, and whether it proved with its secret that it is the one (RFC 6749 §2.3). A client
// without a proof may go on only where a code verifier proves as much.
func (s *Server) authenticate(r *http.Request) (c Client, known bool, err error) {
	bad := func(detail string) error {
		return &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: " + detail}
	}
	if err := form(r); err != nil {
		return c, false, err
	}
	for name, list := range r.PostForm {
		if len(list) > 1 {
			return c, false, refuse("invalid_request", "The parameter "+name+" is given more than once.")
		}
	}
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	user, password, basic := r.BasicAuth()
	if basic {
		user, password = unescape(user), unescape(password)
		if secret != "" || (id != "" && id != user) {
			return c, false, refuse("invalid_request", "The client uses more than one way to authenticate.")
		}
		id, secret = user, password
	} else if r.Header.Get("Authorization") != "" {
		return c, false, bad("the Authorization header is not of the Basic scheme.")
	}
	s.mu.RLock()
	kept := s.clients[id]
	s.mu.RUnlock()
	switch {
	case kept == nil:
		return c, false, bad("unknown client.")
	case secret != "" && !kept.secretIs(secret):
		return c, false, bad("wrong client secret.")
	case secret == "" && (basic || s.Settings().SecretAlways):
		return c, false, bad("no client secret.")
	}
	return kept.Client, secret != "", nil
}

// unescape undoes what RFC 6749 §2.3.1 does to both halves of HTTP Basic. What is not encoded stays as it is.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func badGrant(detail string) *refusal { return refuse("invalid_grant", detail) }

// redeem exchanges a code for tokens (RFC 6749 §4.1.3).
func (s *Server) redeem(at door, c Client, known bool, values url.Values) (Tokens, error) {
	hash := token.HashOf(values.Get("code"))
	s.mu.RLock()
	k := s.codes[hash]
	s.mu.RUnlock()
	if k == nil || k.client != c.ID || s.now().After(k.expires) {
		return Tokens{}, badGrant("The code is unknown, was made for another client, or has expired.")
	}
	if err := k.fits(known, values); err != nil {
		return Tokens{}, err
	}
	if epoch, ok := s.config.People.Standing(k.Person); !ok || epoch != k.Epoch {
		return Tokens{}, badGrant("The person may no longer sign in, or their roles have changed.")
	}
	g := s.newGrant(c.ID, k.login, k.scopes)
	g.Public = !known
	answer, entries, err := s.pairOf(g, true)
	if err != nil {
		return Tokens{}, err
	}
	var replay error
	err = s.change(func() ([]entry, error) {
		if k.grant != "" { // RFC 6749 §4.1.2: used twice, the tokens of the first use are ended too
			replay = badGrant("The code was used before. What it brought is ended.")
			if s.settings.ForgiveReuse {
				return nil, badGrant("The code was used before.")
			}
			return []entry{{Op: "end", ID: k.grant}}, nil
		}
		k.grant = g.ID
		return append([]entry{{Op: "grant", Grant: g}}, entries...), nil
	})
	if err = firstError(replay, err); err != nil {
		return Tokens{}, err
	}
	if slices.Contains(k.scopes, "openid") {
		answer.IDToken, err = s.idToken(at, c.ID, k.nonce, "", k.login)
	}
	return answer, err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fits reports whether a token request is that of whoever made the authorization request.
func (k *code) fits(known bool, values url.Values) error {
	verifier := values.Get("code_verifier")
	switch {
	case values.Get("redirect_uri") != k.redirect:
		return badGrant("The redirection URI is not the one that the code was made for.")
	case k.challenge == "" && verifier != "": // a downgrade: somebody took the challenge out of the request (RFC 9700 §2.1.1)
		return badGrant("There is a code verifier, but the code was made without a challenge.")
	case k.challenge == "" && !known:
		return &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: no client secret, and no code challenge."}
	case k.challenge == "":
		return nil
	case !isVerifier(verifier):
		return badGrant("The code verifier is missing, or has not the form of RFC 7636.")
	}
	want := verifier
	if !k.plain {
		sum := sha256.Sum256([]byte(verifier))
		want = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(k.challenge)) != 1 {
		return badGrant("The code verifier is not the one of the challenge.")
	}
	return nil
}

// pairOf makes an access token for the grant, and a refresh token if wanted, with the entries that make them valid.
func (s *Server) pairOf(g *grant, withRefresh bool) (Tokens, []entry, error) {
	life := s.Settings()
	if g.Person == "" {
		life.Access = life.Service
	}
	access, text, err := s.newToken(accessToken, g.ID, life.Access)
	if err != nil {
		return Tokens{}, nil, err
	}
	answer := Tokens{AccessToken: text, ExpiresIn: int64(life.Access / time.Second), TokenType: "Bearer", Scope: strings.Join(g.Scopes, " ")}
	entries := []entry{{Op: "token", Token: access}}
	if !withRefresh {
		return answer, entries, nil
	}
	refresh, text, err := s.newToken(refreshToken, g.ID, life.Refresh)
	if err != nil {
		return Tokens{}, nil, err
	}
	answer.RefreshToken, answer.RefreshExpiry = text, int64(life.Refresh/time.Second)
	return answer, append(entries, entry{Op: "token", Token: refresh}), nil
}

// refreshable returns the refresh token that the client shows, and its grant. A spent one is returned, too.
func (s *Server) refreshable(c Client, known bool, text string) (*issued, *grant, error) {
	s.mu.RLock()
	t, g, _ := s.lookup(text)
	s.mu.RUnlock()
	switch {
	case t == nil || t.Use == accessToken || g.Client != c.ID || t.expired(s.now()):
		return nil, nil, badGrant("The refresh token is unknown, was made for another client, has expired or was revoked.")
	case !known && !g.Public:
		return nil, nil, &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: no client secret."}
	case !s.stands(g):
		return nil, nil, badGrant("The person may no longer sign in, or their roles have changed.")
	}
	return t, g, nil
}

// refresh exchanges a refresh token (RFC 6749 §6). Each is good for one use; whoever uses one again ends the whole grant, since
// one of the two who have it stole it (RFC 9700 §4.14.2).
func (s *Server) refresh(c Client, known bool, values url.Values) (Tokens, error) {
	text := values.Get("refresh_token")
	hash := token.HashOf(text)
	t, g, err := s.refreshable(c, known, text)
	if err != nil {
		return Tokens{}, err
	}
	wanted := splitScopes(values.Get("scope"))
	if !subset(wanted, g.Scopes) {
		return Tokens{}, refuse("invalid_scope", "The requested scope exceeds what was granted.")
	}
	settings := s.Settings()
	answer, entries, err := s.pairOf(g, !settings.KeepRefresh)
	if err != nil {
		return Tokens{}, err
	}
	if len(wanted) > 0 { // this access token has fewer scopes; the grant keeps all
		entries[0].Token.Scopes, answer.Scope = wanted, strings.Join(wanted, " ")
	}
	if settings.KeepRefresh {
		answer.RefreshToken, answer.RefreshExpiry = text, int64(settings.Refresh/time.Second)
		entries = append(entries, entry{Op: "token", Token: &issued{
			Hash: hash, Use: refreshToken, Grant: g.ID, Expires: s.now().Add(settings.Refresh).UnixMilli(),
		}})
	} else {
		entries = append(entries, entry{Op: "token", Token: &issued{Hash: hash, Use: spentToken, Grant: g.ID, Expires: t.Expires}})
	}
	var refused error
	err = s.change(func() ([]entry, error) {
		now := s.tokens[hash]
		if now == nil || s.grants[g.ID] == nil {
			return nil, badGrant("The refresh token was revoked.")
		}
		if now.Use == spentToken {
			refused = badGrant("The refresh token was used before. All tokens of this consent are ended.")
			if s.settings.ForgiveReuse {
				return nil, badGrant("The refresh token was used before.")
			}
			return []entry{{Op: "end", ID: g.ID}}, nil
		}
		return entries, nil
	})
	return answer, firstError(refused, err)
}

// scopeReduction is a grant type of Webex's own, which its libraries use before they call a service.
const scopeReduction = "urn:cisco:oauth:grant-type:scope-reduction"

// reduce exchanges an access token for another one with fewer scopes, which lives no longer. Whoever has the token needs no secret.
func (s *Server) reduce(c Client, values url.Values) (Tokens, error) {
	a, g, err := s.check(values.Get("token"), accessToken)
	if err != nil || a.Client != c.ID {
		return Tokens{}, badGrant("The token is unknown, was made for another client, has expired or was revoked.")
	}
	scopes := splitScopes(values.Get("scope"))
	if len(scopes) == 0 || !subset(scopes, a.Scopes) {
		return Tokens{}, refuse("invalid_scope", "The requested scope is missing or exceeds that of the token.")
	}
	life := a.Expires.Sub(s.now())
	access, text, err := s.newToken(accessToken, g.ID, life)
	if err != nil {
		return Tokens{}, err
	}
	access.Scopes = scopes
	answer := Tokens{AccessToken: text, ExpiresIn: int64(life / time.Second), TokenType: "Bearer", Scope: strings.Join(scopes, " ")}
	return answer, s.change(func() ([]entry, error) {
		if s.grants[g.ID] == nil {
			return nil, badGrant("The token was revoked.")
		}
		return []entry{{Op: "token", Token: access}}, nil
	})
}
