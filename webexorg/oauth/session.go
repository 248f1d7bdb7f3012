package oauth

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"lockstep/token"
)

// secure reports whether the server is reached by HTTPS, where a cookie may have the prefix __Host- (RFC 6265bis §4.1.3.2).
func (s *Server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.config.BaseURL, "https://")
}

func (s *Server) cookieName(r *http.Request) string {
	if s.secure(r) {
		return "__Host-webexorg"
	}
	return "webexorg"
}

// Session is who is signed in with a browser.
type Session struct {
	Person Person
	CSRF   string // must stand in the form of whatever the page changes
}

// SignedIn returns who is signed in with the request's browser. A change of their roles signs them out.
func (s *Server) SignedIn(r *http.Request) (Session, bool) {
	x, ok := s.session(r)
	if !ok {
		return Session{}, false
	}
	p, ok := s.config.People.Person(x.Person)
	return Session{Person: p, CSRF: x.csrf}, ok
}

// SignInURL is where a browser signs in, and then goes on to a path of this server.
func SignInURL(path string) string { return signInPath + "?" + url.Values{"goto": {path}}.Encode() }

// SignOut ends the session of the request's browser.
func (s *Server) SignOut(w http.ResponseWriter, r *http.Request) { s.signOut(w, r) }

// Posted checks a form that changes something: it was sent from a page of this server, and made for this session.
func (s Session) Posted(r *http.Request) error {
	if err := fromHere(r); err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if !sameSecret(r.PostForm.Get("csrf"), s.CSRF) {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "The form was not made for this session. Go back and try again."}
	}
	return nil
}

// session returns the browser's session. The lock must not be held.
func (s *Server) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(s.cookieName(r))
	if err != nil {
		return session{}, false
	}
	s.mu.RLock()
	x := s.sessions[token.HashOf(c.Value)]
	s.mu.RUnlock()
	if x == nil || s.now().After(x.expires) {
		return session{}, false
	}
	epoch, ok := s.config.People.Standing(x.Person)
	return *x, ok && epoch == x.Epoch
}

// signIn begins a session, in place of whatever session the browser had.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, p Person, epoch int64) {
	s.signOut(w, r)
	text := secretHex(32)
	now, life := s.now(), s.Settings().Session
	s.mu.Lock()
	if len(s.sessions) >= maxPending {
		s.forgetExpired(now)
	}
	if len(s.sessions) < maxPending {
		s.sessions[token.HashOf(text)] = &session{
			login: login{Person: p.ID, Org: p.Org, Epoch: epoch, At: now}, csrf: secretHex(16), expires: now.Add(life),
		}
	}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(r), Value: text, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.secure(r),
		SameSite: http.SameSiteLaxMode,
	})
}

// signOut ends the browser's session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(s.cookieName(r))
	if err != nil {
		return
	}
	hash := token.HashOf(c.Value)
	s.mu.Lock()
	x := s.sessions[hash]
	delete(s.sessions, hash)
	s.mu.Unlock()
	if x != nil {
		s.note(r, SignIn{Person: x.Person, Org: x.Org, Logout: true})
	}
	http.SetCookie(w, &http.Cookie{Name: c.Name, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode})
}

// sameSecret compares in constant time; the empty text equals nothing.
func sameSecret(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
