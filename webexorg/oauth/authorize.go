package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep/token"
)

// authorize answers an authorization request: with the client's answer when nobody needs to be asked anything, else with the way
// to the sign-in page, or with the consent page.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, at door) error {
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost { // OpenID Connect Core §3.1.2.1
		if err := r.ParseForm(); err != nil {
			return refuse("invalid_request", "The request is malformed.")
		}
		raw = r.PostForm.Encode()
	}
	q, err := parseRequest(raw, s.Client, s.untickedScopes())
	if err != nil {
		return s.refuseBack(w, r, &q, err)
	}
	x, ok := s.session(r)
	if ok {
		ok = s.fits(x.login, at)
	}
	age := s.now().Sub(x.At)
	asks := slices.Contains(q.prompt, "login") || slices.Contains(q.prompt, "select_account")
	switch {
	case slices.Contains(q.prompt, "none"):
		return s.silently(w, r, at, &q, x, ok && (q.maxAge < 0 || age <= q.maxAge))
	case (!ok || q.maxAge >= 0 && age > q.maxAge) && !asks:
		return s.toSignIn(w, r, at, &q, q.raw)
	case asks: // once: whoever signs in now has been asked
		return s.toSignIn(w, r, at, &q, q.without("prompt"))
	case s.Settings().AgentsOnly && slices.ContainsFunc(q.scopes, isContact) && !s.isAgent(x.Person):
		return s.refuseBack(w, r, &q, &refusal{code: "access_denied", detail: "The person is no user of the contact centre.", back: true})
	case !s.consented(&q, x.login) || slices.Contains(q.prompt, "consent"):
		return s.consentPage(w, at, &q, x)
	}
	return s.respond(w, r, at, &q, x.login)
}

// isContact reports whether a scope is one of the contact centre.
func isContact(scope string) bool { return strings.HasPrefix(scope, "cjp:") }

func (s *Server) isAgent(person string) bool {
	p, ok := s.config.People.Person(person)
	return ok && p.Agent
}

// refuseBack tells the client at its redirect URI, when that is known to be its own.
func (s *Server) refuseBack(w http.ResponseWriter, r *http.Request, q *request, err error) error {
	var e *refusal
	if !errors.As(err, &e) || !e.back {
		return err
	}
	return seeOther(w, r, q.answer(pair{"error", e.code}, pair{"error_description", e.detail}))
}

// silently answers a request that forbids any page (prompt=none).
func (s *Server) silently(w http.ResponseWriter, r *http.Request, at door, q *request, x session, signedIn bool) error {
	switch {
	case !signedIn:
		return s.refuseBack(w, r, q, &refusal{code: "login_required", detail: "Nobody is signed in.", back: true})
	case !s.consented(q, x.login):
		return s.refuseBack(w, r, q, &refusal{code: "consent_required", detail: "The person has not consented.", back: true})
	}
	return s.respond(w, r, at, q, x.login)
}

// toSignIn sends the browser to the sign-in page, and from there back to the request.
func (s *Server) toSignIn(w http.ResponseWriter, r *http.Request, at door, q *request, raw string) error {
	values := url.Values{"goto": {at.path(authorizePath) + "?" + raw}}
	if q.hint != "" {
		values.Set("login_hint", q.hint)
	}
	return seeOther(w, r, at.path(signInPath)+"?"+values.Encode())
}

// fits reports whether somebody may use this door.
func (s *Server) fits(who login, at door) bool {
	org, ok := s.config.People.Organisation(who.Org)
	return ok && s.serves(at, org.Region)
}

// consented reports whether the person need not be asked: Webex's own clients ask nobody, others not again for what the person
// allowed them already and did not revoke.
func (s *Server) consented(q *request, who login) bool {
	if q.client.Kind == FirstParty {
		return true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.grants {
		if g.Client == q.client.ID && g.Person == who.Person && g.Epoch == who.Epoch && subset(q.scopes, g.Scopes) {
			return true
		}
	}
	return false
}

// respond gives the client what it asked for.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, at door, q *request, who login) error {
	if q.asks("code") {
		text, err := s.newCode(q, who)
		if err != nil {
			return err
		}
		return seeOther(w, r, q.answer(pair{"code", text}))
	}
	answer, err := s.implicit(at, q, who)
	if err != nil {
		return err
	}
	return seeOther(w, r, q.answer(answer...))
}

// newCode makes an authorization code.
func (s *Server) newCode(q *request, who login) (string, error) {
	_, text, err := token.New(token.KindOrg)
	if err != nil {
		return "", err
	}
	now, life := s.now(), s.Settings().Code
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.codes) >= maxPending {
		s.forgetExpired(now)
	}
	if len(s.codes) >= maxPending {
		return "", &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", detail: "Too many codes are waiting to be used."}
	}
	s.codes[token.HashOf(text)] = &code{
		login: who, client: q.client.ID, redirect: q.redirect, challenge: q.challenge, plain: q.plain, nonce: q.nonce, scopes: q.scopes,
		expires: now.Add(life),
	}
	return text, nil
}

// implicit makes the tokens that stand in a fragment (RFC 6749 §4.2.2, OpenID Connect Core §3.2.2.5). There is no refresh token.
func (s *Server) implicit(at door, q *request, who login) ([]pair, error) {
	var answer []pair
	accessHash := ""
	if q.asks("token") {
		life := s.Settings().Access
		if q.client.ID == SCIMClient {
			life = s.Settings().SCIM
		}
		g := s.newGrant(q.client.ID, who, q.scopes)
		access, text, err := s.newToken(accessToken, g.ID, life)
		if err != nil {
			return nil, err
		}
		err = s.change(func() ([]entry, error) {
			return []entry{{Op: "grant", Grant: g}, {Op: "token", Token: access}}, nil
		})
		if err != nil {
			return nil, err
		}
		accessHash = halfHash(text)
		answer = []pair{{"access_token", text}, {"token_type", "Bearer"}, {"expires_in", strconv.Itoa(int(life.Seconds()))}}
	}
	if q.asks("id_token") {
		idToken, err := s.idToken(at, q.client.ID, q.nonce, accessHash, who)
		if err != nil {
			return nil, err
		}
		answer = append(answer, pair{"id_token", idToken})
	}
	return answer, nil
}

// halfHash is at_hash of OpenID Connect Core §3.1.3.6.
func halfHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// seeOther sends a browser on, with GET, and keeps where it comes from to itself.
func seeOther(w http.ResponseWriter, _ *http.Request, to string) error {
	h := w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}
