package sso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/token"
	"lockstep/web"
)

// Telling applications that a session has ended (OpenID Connect Back-Channel Logout 1.0). Notices are rows: whoever takes one has it for a
// while, and when that node dies another one takes it again.
const (
	noticeHold  = 30 * time.Second
	noticeAtOne = 50
	noticeTime  = 10 * time.Second // for one application to answer
	noticeTries = 10
	noticeWait  = 32 // applications that are told at once
	lookEvery   = time.Second
	tidyEvery   = 10 * time.Minute
	logoutLife  = 2 * time.Minute
)

// wakeup wakes who waits, once for any number of calls. The zero value works.
type wakeup struct {
	once sync.Once
	c    chan struct{}
}

func (w *wakeup) ready() { w.once.Do(func() { w.c = make(chan struct{}, 1) }) }

func (w *wakeup) up() {
	w.ready()
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// Wake has a look taken at once whether somebody is to be told. It never waits.
func (s *Server) Wake() { s.wake.up() }

// Run tells applications of sessions that have ended, and removes what has expired, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	s.wake.ready()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	tidied := s.now()
	t := teller{Server: s, slots: make(chan struct{}, noticeWait)}
	defer t.busy.Wait()
	for {
		if err := t.take(ctx); err != nil && ctx.Err() == nil {
			s.log().WarnContext(ctx, "applications were not told that sessions have ended; tried again", "error", err)
		}
		if s.now().Sub(tidied) >= tidyEvery {
			tidied = s.now()
			if err := s.Store.Tidy(ctx); err != nil && ctx.Err() == nil {
				s.log().WarnContext(ctx, "what has expired was not removed; tried again later", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-s.wake.c:
		}
	}
}

// Tell tells applications of what has ended, as far as it is due, and returns when all of them were asked.
func (s *Server) Tell(ctx context.Context) error {
	t := teller{Server: s, slots: make(chan struct{}, noticeWait)}
	defer t.busy.Wait()
	return t.take(ctx)
}

// teller has some applications told at once. One that does not answer takes a slot until its time is over, and keeps nobody else from
// being told meanwhile.
type teller struct {
	*Server
	slots chan struct{}
	busy  sync.WaitGroup
}

// take takes what is due and has it sent.
func (t *teller) take(ctx context.Context) error {
	for ctx.Err() == nil {
		all, err := t.Store.Notices(ctx, noticeHold, noticeAtOne)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, n := range all {
			select {
			case t.slots <- struct{}{}:
			case <-ctx.Done():
				return nil // the rest is given out again
			}
			t.busy.Go(func() {
				defer func() { <-t.slots }()
				t.tell(ctx, n)
			})
		}
	}
	return nil
}

// tell tells one application and keeps how it went.
func (s *Server) tell(ctx context.Context, n Notice) {
	err := s.send(ctx, n)
	if ctx.Err() != nil {
		return // the notice is given out again
	}
	now := s.now()
	switch {
	case err == nil:
		n.Told, n.Error = now, ""
	case n.Tries >= noticeTries, isHopeless(err):
		n.GivenUp, n.Error = true, err.Error()
	default:
		n.Error, n.Due = err.Error(), now.Add(time.Second<<min(2*(n.Tries-1), 10)) // 1 s, 4 s, 16 s … 17 min
	}
	if err := s.Store.SettleNotice(ctx, n); err != nil {
		s.log().WarnContext(ctx, "how an application was told is not kept; it is told again", "client", n.Client, "error", err)
	}
}

func isHopeless(err error) bool {
	_, is := errors.AsType[hopeless](err)
	return is
}

// send posts a logout token. Whoever answers 200 or 204 knows (§2.8).
func (s *Server) send(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	c, err := s.Store.Client(ctx, n.Tenant, n.Client)
	if err != nil {
		return err
	}
	if c.SAML != nil {
		return s.sendSAML(ctx, c, n)
	}
	if n.Session == "" && c.RevocationURI != "" {
		return s.revokeAt(ctx, c, n)
	}
	if n.Session == "" || c.LogoutURI == "" {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "the client has no address for that any more"}
	}
	text, err := s.logoutToken(ctx, c, n)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.LogoutURI, strings.NewReader(url.Values{"logout_token": {text}}.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.Client.Do(r)
	if err != nil {
		return err
	}
	defer web.Discard(answer.Body)
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the application answered %d", answer.StatusCode)
	}
	return nil
}

// logoutToken makes a logout token (§2.4): for one client, short, with sid, and without a nonce, so that it is no ID token.
func (s *Server) logoutToken(ctx context.Context, c Client, n Notice) (string, error) {
	issuer, err := s.issuerOf(ctx, n.Tenant)
	if err != nil {
		return "", err
	}
	alg := c.IDToken
	if alg == "" {
		alg = token.RS256
	}
	key, err := s.signer(ctx, n.Tenant, alg)
	if err != nil {
		return "", err
	}
	now := s.now()
	id, _ := secret()
	return key.Sign(typeLogout, struct {
		Iss    string              `json:"iss"`
		Sub    lockstep.UserID     `json:"sub"`
		Aud    ClientID            `json:"aud"`
		Iat    int64               `json:"iat"`
		Exp    int64               `json:"exp"`
		JTI    string              `json:"jti"`
		SID    SessionID           `json:"sid,omitempty"`
		Events map[string]struct{} `json:"events"`
	}{
		issuer, n.User, c.ID, now.Unix(), now.Add(logoutLife).Unix(), id, n.Session,
		map[string]struct{}{"http://schemas.openid.net/event/backchannel-logout": {}},
	})
}

// issuerOf is the issuer of a tenant by its id.
func (s *Server) issuerOf(ctx context.Context, id lockstep.TenantID) (string, error) {
	t, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return "", err
	}
	issuer := s.Issuer(t.Slug)
	if issuer == "" {
		return "", errNoSite
	}
	return issuer, nil
}
