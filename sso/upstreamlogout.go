package sso

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// Logouts is what an upstream fulfils whose provider tells when somebody has signed out there.
type Logouts interface {
	// ReadLogout believes a logout token or says why not (OpenID Connect Back-Channel Logout 1.0 §2.6). It returns whom it is about: issuer and
	// session, or subject, or both. The claim jti names the token; the caller sees to it that each is used once.
	ReadLogout(ctx context.Context, token string, rec Recorder) (Identity, error)
}

// LogoutURI is where a provider tells that somebody has signed out there, by its redirect URI.
func LogoutURI(redirectURI string) string {
	if redirectURI == "" {
		return ""
	}
	return strings.TrimSuffix(redirectURI, "callback") + "logout"
}

const logoutsMax = 100 // logout tokens of a provider in a second

// noLogout is the answer to every logout token that ends nothing (§2.8).
func noLogout(why string) error { return badRequest("invalid_request", why) }

// told ends the sessions that a provider says have ended there (OpenID Connect Back-Channel Logout 1.0 §2.5). Who it is about is looked for
// among the sessions of this very provider and issuer; what they gave ends with them, and the applications are told in their turn.
func (s *Server) told(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	values, err := form(r)
	if err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	p, err := s.Store.ProviderByAlias(ctx, x.tenant.ID, r.PathValue("alias"))
	if errors.Is(err, lockstep.ErrNotFound) || err == nil && p.State != Enabled {
		return noLogout("there is no such identity provider")
	}
	if err != nil {
		return err
	}
	if !s.limits.take("told\x00"+string(p.ID), logoutsMax, time.Second, s.now()) {
		return oauthError{Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", Description: "too many logout tokens at once"}
	}
	up, err := s.Opener.Open(ctx, p)
	if err != nil {
		return err
	}
	logouts, is := up.(Logouts)
	if !is {
		return noLogout("an identity provider of this kind sends no logout tokens")
	}
	who, err := logouts.ReadLogout(ctx, values.Get("logout_token"), noted{})
	if err != nil {
		s.log().WarnContext(ctx, "a logout token was refused", "tenant", x.tenant.Slug, "provider", p.Alias, "error", err)
		return noLogout(public(err))
	}
	return s.endTold(ctx, x, p, who)
}

// endTold ends what a logout token is about. The token counts as used once it has done so: one that failed halfway may come again.
func (s *Server) endTold(ctx context.Context, x site, p Provider, who Identity) error {
	id, _ := who.Claims["jti"].(string)
	hash := token.HashOf(string(p.ID) + "\x00" + who.Issuer + "\x00" + id)
	switch used, err := s.Store.Noted(ctx, x.tenant.ID, "logout token", hash); {
	case err != nil:
		return err
	case used:
		return noLogout("the logout token was used before")
	}
	n, err := s.Store.End(ctx, audit.Actor{Kind: audit.System, Name: p.Alias}, x.tenant.ID,
		Who{Provider: p.ID, Issuer: who.Issuer, Upstream: who.SessionID, Subject: who.Subject}, "signed out at the identity provider")
	if err != nil {
		return err
	}
	if n > 0 {
		s.wake.up()
	}
	err = s.Store.Once(ctx, x.tenant.ID, "logout token", hash, s.endOf(who.Claims["exp"]))
	if errors.Is(err, lockstep.ErrConflict) { // the same token came twice at once
		err = nil
	}
	return err
}

// endOf is until when a token with the claim exp is remembered.
func (s *Server) endOf(exp any) time.Time {
	least := s.now().Add(time.Hour)
	seconds, is := exp.(float64)
	if number, isNumber := exp.(json.Number); isNumber {
		f, err := number.Float64()
		seconds, is = f, err == nil
	}
	if !is || seconds > float64(s.now().Add(365*24*time.Hour).Unix()) {
		return s.now().Add(365 * 24 * time.Hour)
	}
	if ends := time.Unix(int64(seconds), 0).Add(time.Hour); ends.After(least) {
		return ends
	}
	return least
}

// noted takes down nothing: what was wrong with a logout token is in the error.
type noted struct{}

func (noted) Stage(Stage) {}
