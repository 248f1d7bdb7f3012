package oauth

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep/token"
	"lockstep/webexorg/page"
)

// deviceGrant is the grant type of RFC 8628 §3.4.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// deviceInterval is how long a device waits between two questions.
const deviceInterval = 2 * time.Second

// deviceAuthorize begins a device grant (RFC 8628 §3.1).
func (s *Server) deviceAuthorize(w http.ResponseWriter, r *http.Request, at door) error {
	if err := form(r); err != nil {
		return err
	}
	c, ok := s.Client(r.PostForm.Get("client_id"))
	if !ok || c.Kind == ServiceApp {
		return &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: unknown client."}
	}
	scopes := splitScopes(r.PostForm.Get("scope"))
	if len(scopes) == 0 || !subset(scopes, c.Scopes) || slices.ContainsFunc(scopes, func(x string) bool { return slices.Contains(openIDScopes(), x) }) {
		return refuse("invalid_scope", "The requested scope is missing or exceeds what the client registered; scopes of OpenID Connect are not for devices.")
	}
	_, text, err := token.New(token.KindOrg)
	if err != nil {
		return err
	}
	user, err := userCode()
	if err != nil {
		return err
	}
	now, life := s.now(), s.Settings().Device
	s.mu.Lock()
	if len(s.devices) >= maxPending {
		s.forgetExpired(now)
	}
	full := len(s.devices) >= maxPending
	if !full {
		s.devices[token.HashOf(text)] = &device{client: c.ID, scopes: scopes, userCode: user, expires: now.Add(life)}
	}
	s.mu.Unlock()
	if full {
		return &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", detail: "Too many devices are waiting."}
	}
	return writeJSON(w, http.StatusOK, struct {
		DeviceCode string `json:"device_code"`
		ExpiresIn  int64  `json:"expires_in"`
		UserCode   string `json:"user_code"`
		Verify     string `json:"verification_uri"`
		Complete   string `json:"verification_uri_complete"`
		Interval   int64  `json:"interval"`
	}{text, int64(life / time.Second), user, at.base + verifyPath, at.base + verifyPath + "?userCode=" + user, int64(deviceInterval / time.Second)})
}

// userCode makes a code that somebody types from a screen.
func userCode() (string, error) {
	const digits = 8
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", err
	}
	text := n.String()
	return strings.Repeat("0", digits-len(text)) + text, nil
}

// deviceToken is Webex's own address for the grant, whose client authenticates with its secret.
func (s *Server) deviceToken(w http.ResponseWriter, r *http.Request, _ door) error {
	c, known, err := s.authenticate(r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("grant_type") != deviceGrant {
		return refuse("unsupported_grant_type", "The grant type is not "+deviceGrant+".")
	}
	answer, err := s.redeemDevice(c, known, r.PostForm)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// redeemDevice tells a device how far its person is, and in the end gives it its tokens, once.
func (s *Server) redeemDevice(c Client, known bool, values url.Values) (Tokens, error) {
	if !known {
		return Tokens{}, &refusal{status: http.StatusUnauthorized, code: "invalid_client", detail: "Client authentication failed: no client secret."}
	}
	hash, now := token.HashOf(values.Get("device_code")), s.now()
	d, err := s.poll(hash, c.ID, now)
	if err != nil {
		return Tokens{}, err
	}
	if epoch, ok := s.config.People.Standing(d.who.Person); !ok || epoch != d.who.Epoch {
		return Tokens{}, badGrant("The person may no longer sign in, or their roles have changed.")
	}
	g := s.newGrant(c.ID, *d.who, d.scopes)
	answer, entries, err := s.pairOf(g, true)
	if err != nil {
		return Tokens{}, err
	}
	return answer, s.change(func() ([]entry, error) {
		if s.devices[hash] == nil {
			return nil, badGrant("The device code was used before.")
		}
		delete(s.devices, hash)
		return append([]entry{{Op: "grant", Grant: g}}, entries...), nil
	})
}

// poll returns the device's state once somebody allowed it.
func (s *Server) poll(hash token.Hash, client string, now time.Time) (device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[hash]
	switch {
	case d == nil || d.client != client:
		return device{}, badGrant("The device code is unknown, was used, or was made for another client.")
	case now.After(d.expires):
		return device{}, refuse("expired_token", "The device code has expired.")
	case d.refused:
		return device{}, refuse("access_denied", "The person denied access.")
	case d.who == nil && now.Sub(d.polled) < deviceInterval:
		return device{}, refuse("slow_down", "The device asks too often.")
	case d.who == nil:
		d.polled = now
		return device{}, &refusal{status: http.StatusPreconditionRequired, code: "authorization_pending", detail: "The person has not decided yet."}
	}
	return *d, nil
}

// verifyPage asks the person for the code on their device, and then for consent.
func (s *Server) verifyPage(w http.ResponseWriter, r *http.Request, at door) error {
	x, ok := s.session(r)
	if !ok || !s.fits(x.login, at) {
		values := url.Values{"goto": {at.path(verifyPath) + "?" + r.URL.RawQuery}}
		return seeOther(w, r, at.path(signInPath)+"?"+values.Encode())
	}
	return s.askDevice(w, at, x, strings.TrimSpace(r.URL.Query().Get("userCode")), "")
}

func (s *Server) askDevice(w http.ResponseWriter, at door, x session, user, said string) error {
	p, ok := s.config.People.Person(x.Person)
	if !ok {
		return errToken
	}
	content := struct {
		Action, Code, CSRF, Said string
		Client                   Client
		Asks                     []asked
	}{Action: at.path(verifyPath), Code: user, CSRF: x.csrf, Said: said}
	if d, found := s.deviceByUser(user); found && said == "" {
		content.Client, _ = s.Client(d.client)
		content.Asks = s.askedFor(d.scopes)
	} else if user != "" && said == "" {
		content.Said = "That code is unknown or has expired."
	}
	return page.Write(w, http.StatusOK, s.book, page.Frame{Title: "Connect a device", Place: "Webex sign-in", Who: p.Login}, "device", content)
}

func (s *Server) deviceByUser(user string) (device, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.devices {
		if sameSecret(d.userCode, user) && d.who == nil && !d.refused && !s.now().After(d.expires) {
			return *d, true
		}
	}
	return device{}, false
}

// postVerify takes the person's answer.
func (s *Server) postVerify(w http.ResponseWriter, r *http.Request, at door) error {
	if err := fromHere(r); err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	x, ok := s.session(r)
	if !ok || !s.fits(x.login, at) || !sameSecret(r.PostForm.Get("csrf"), x.csrf) {
		return &refusal{status: http.StatusForbidden, code: "access_denied", detail: "The form was not made for this session. Go back and try again."}
	}
	user, allow := r.PostForm.Get("userCode"), r.PostForm.Get("decision") == "allow"
	if !s.decideDevice(user, allow, x.login) {
		return s.askDevice(w, at, x, user, "That code is unknown or has expired.")
	}
	if allow {
		return s.askDevice(w, at, x, "", "The device is connected. You may close this page.")
	}
	return s.askDevice(w, at, x, "", "The device was refused.")
}

func (s *Server) decideDevice(user string, allow bool, who login) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if sameSecret(d.userCode, user) && d.who == nil && !d.refused && !s.now().After(d.expires) {
			if d.refused = !allow; allow {
				d.who = &who
			}
			return true
		}
	}
	return false
}
