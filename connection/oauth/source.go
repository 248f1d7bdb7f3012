package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"lockstep"
)

// State is what a consent, or a refresh token that somebody typed, gave, as it is kept: one value of the store, sealed.
type State struct {
	Refresh string    `json:"refresh"`
	Access  string    `json:"access,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Scope   string    `json:"scope,omitempty"`
	By      string    `json:"by,omitempty"` // who consented, as the audit log names them
	Since   time.Time `json:"since,omitzero"`
	Begun   time.Time `json:"begun,omitzero"`  // a refresh is under way since then; zero is none
	Ended   bool      `json:"ended,omitempty"` // the server wants another consent
	Ends    time.Time `json:"ends,omitzero"`   // of the refresh token unless it is used before; zero is not known
	From    string    `json:"from,omitempty"`  // of Refresh: a digest of the refresh token that was typed
}

// Typed returns what a refresh token that somebody typed comes to: the State, if that came from it, else one that begins with it.
func (s State) Typed(refresh string) State {
	if refresh == "" {
		return State{}
	}
	sum := sha256.Sum256([]byte(refresh))
	if from := base64.RawURLEncoding.EncodeToString(sum[:]); !same(s.From, from) {
		return State{Refresh: refresh, From: from}
	}
	return s
}

// Store keeps what belongs to one connection. What it returns is of the connection as it was when the Source was made: it refuses to give what was
// meant for another destination.
type Store interface {
	// Secret returns the secret or key that we authenticate with; "" is none.
	Secret(ctx context.Context) (string, error)
	// State returns what the consent gave, and a mark of it; the zero State when there was none.
	State(ctx context.Context) (State, string, error)
	// Recent returns what State does, or did a moment ago: each request asks for it.
	Recent(ctx context.Context) (State, error)
	// Swap keeps another State if the stored one still has the mark, and returns the new mark; else lockstep.ErrVersion.
	Swap(ctx context.Context, mark string, next State) (string, error)
}

// When tokens are got anew.
const (
	early    = time.Minute      // before they end, or a tenth of their life if that is less
	underWay = 30 * time.Second // after that, whoever began a refresh has given up: longer than askTime
	pause    = 5 * time.Second  // between two tries that fail
	look     = 200 * time.Millisecond
)

// Source has the access tokens of one connection. Do not change its fields once it is used.
type Source struct {
	Config Config
	Client *Client
	Store  Store

	once   sync.Once
	turn   chan struct{} // whoever has taken it may use what follows
	tokens Tokens        // of Credentials
	begins time.Time     // when a token was got last, or one was given up
	failed error         // of the last try, which counts until, for who has not given another secret
	until  time.Time
	tried  string
	passed atomic.Value // string: the access token that was refused last

	unkept *State // what a refresh gave and the store did not take yet, with the mark of before
	mark   string
}

// Token returns an access token that is good for a while yet. It satisfies scimapp.Config.Token.
func (s *Source) Token(ctx context.Context) (string, error) {
	if s.Config.Grant.keeps() {
		st, err := s.Store.Recent(ctx)
		if err != nil {
			return "", err
		}
		if refused, _ := s.passed.Load().(string); s.fresh(st) && !same(st.Access, refused) {
			return st.Access, nil
		}
	}
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	if s.Config.Grant.keeps() {
		return s.refreshed(ctx)
	}
	now := s.Client.now()
	if s.tokens.Access != "" && now.Before(soon(s.begins, s.tokens.Expires)) {
		return s.tokens.Access, nil
	}
	secret, err := s.Store.Secret(ctx)
	if err != nil {
		return "", err
	}
	if now.Before(s.until) && same(s.tried, secret) {
		return "", s.failed
	}
	s.tried = secret
	values := url.Values{"grant_type": {string(Credentials)}}
	if s.Config.Scope != "" {
		values.Set("scope", s.Config.Scope)
	}
	got, err := s.Client.ask(ctx, s.Config, secret, values)
	if err != nil {
		return "", s.failing(ctx, err)
	}
	s.tokens, s.begins, s.failed, s.until = got, now, nil, time.Time{}
	return got.Access, nil
}

func (s *Source) enter(ctx context.Context) error {
	s.once.Do(func() { s.turn = make(chan struct{}, 1) })
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source) leave() { <-s.turn }

// failing keeps what went wrong for a moment, so that not every request asks again. That the caller gave up is nothing that went wrong.
func (s *Source) failing(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	s.failed, s.until = err, s.Client.now().Add(pause)
	return err
}

// soon is when a token is to be replaced.
func soon(from, ends time.Time) time.Time {
	ahead := early
	if tenth := ends.Sub(from) / 10; tenth < ahead {
		ahead = tenth
	}
	return ends.Add(-ahead)
}

// fresh reports whether the access token is good for a while yet.
func (s *Source) fresh(st State) bool {
	return st.Access != "" && !st.Ended && s.Client.now().Before(st.Expires.Add(-early))
}

// errConsent says that an administrator has to consent.
func errConsent(detail string, err error) error {
	return &lockstep.Error{Code: lockstep.CodeConsent, Detail: detail, Err: err}
}

// refreshed returns an access token of a consent, and has it refreshed first if that is needed. One caller of the process is here at a time.
func (s *Source) refreshed(ctx context.Context) (string, error) {
	for {
		if err := s.keep(ctx); err != nil {
			return "", err
		}
		st, mark, err := s.Store.State(ctx)
		if err != nil {
			return "", err
		}
		now := s.Client.now()
		switch {
		case st.Ended && s.Config.Grant == Refresh:
			return "", errConsent("the refresh token has ended, and somebody has to give another one", nil)
		case st.Ended:
			return "", errConsent("the consent has ended, and somebody has to consent anew", nil)
		case st.Refresh == "" && st.Access == "" && s.Config.Grant == Refresh:
			return "", errConsent("nobody has given a refresh token yet", nil)
		case st.Refresh == "" && st.Access == "":
			return "", errConsent("nobody has consented yet", nil)
		case s.fresh(st), st.Refresh == "" && now.Before(st.Expires):
			return st.Access, nil
		case st.Refresh == "":
			return "", errConsent("the access token has ended, and the server gave no refresh token (it may want the scope offline_access)", nil)
		case now.Before(s.until) && s.sameSecret(ctx):
			return "", s.failed
		case !st.Begun.IsZero() && now.Before(st.Begun.Add(underWay)): // another process is at it
			if now.Before(st.Expires) {
				return st.Access, nil
			}
			if err := wait(ctx); err != nil {
				return "", err
			}
			continue
		}
		begun := st
		begun.Begun = now
		mark, err = s.Store.Swap(ctx, mark, begun)
		if errors.Is(err, lockstep.ErrVersion) {
			continue
		}
		if err != nil {
			return "", err
		}
		return s.refresh(ctx, begun, mark)
	}
}

// sameSecret reports whether the last try was with the secret that there is now.
func (s *Source) sameSecret(ctx context.Context) bool {
	secret, err := s.Store.Secret(ctx)
	return err == nil && same(s.tried, secret)
}

func wait(ctx context.Context) error {
	select {
	case <-time.After(look):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refresh uses the refresh token of a State in which that is noted. The caller's context does not end it: what the server gave would be lost.
func (s *Source) refresh(ctx context.Context, begun State, mark string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime+5*time.Second)
	defer cancel()
	secret, err := s.Store.Secret(ctx)
	if err != nil {
		return "", err
	}
	s.tried = secret
	got, err := s.Client.ask(ctx, s.Config, secret, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {begun.Refresh}})
	refused, is := errors.AsType[*Refused](err)
	switch {
	case err == nil:
		next := begun
		next.Begun, next.Access, next.Expires = time.Time{}, got.Access, got.Expires
		if got.Refresh != "" && !same(got.Refresh, next.Refresh) {
			next.Refresh, next.Ends = got.Refresh, time.Time{}
		}
		if !got.Ends.IsZero() {
			next.Ends = got.Ends
		}
		if next.Since.IsZero() {
			next.Since, next.Scope = s.Client.now(), got.Scope
		}
		s.unkept, s.mark, s.begins, s.failed, s.until = &next, mark, s.Client.now(), nil, time.Time{}
		if err := s.keep(ctx); err != nil {
			return "", err
		}
		return got.Access, nil
	case is && refused.Code == "invalid_grant":
		next := begun
		next.Begun, next.Ended, next.Access, next.Refresh = time.Time{}, true, "", ""
		s.unkept, s.mark = &next, mark
		what := "the server refused the refresh token: the consent was taken back or has ended, and somebody has to consent anew"
		if s.Config.Grant == Refresh {
			what = "the server refused the refresh token: it was taken back, was used elsewhere or has ended, and somebody has to give another one"
		}
		return "", errors.Join(errConsent(what, err), s.keep(ctx))
	case is && refused.Status < 500: // it was heard, and nothing was used
		next := begun
		next.Begun = time.Time{}
		s.unkept, s.mark = &next, mark
		return "", errors.Join(s.failing(ctx, err), s.keep(ctx))
	}
	err = s.failing(ctx, err) // it may have been heard: Begun stays, and the old token is tried once that is over
	s.until = begun.Begun.Add(underWay)
	return "", err
}

// Keep stores what a refresh gave and the store did not take then. Token does so, too; this is for whoever needs no token now.
func (s *Source) Keep(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.keep(ctx)
}

// keep stores what a refresh gave, if that has not been done yet. Nothing is used before.
func (s *Source) keep(ctx context.Context) error {
	if s.unkept == nil {
		return nil
	}
	_, err := s.Store.Swap(ctx, s.mark, *s.unkept)
	if errors.Is(err, lockstep.ErrVersion) { // somebody has consented anew meanwhile, or the connection leads elsewhere
		err = nil
	}
	if err == nil {
		s.unkept = nil
	}
	return err
}

// Refused reports that the application has refused an access token, which may have been taken back before its time. It returns whether another one is
// worth a try: the one that was refused is given out no more. Two refusals within a moment are not about the token.
func (s *Source) Refused(ctx context.Context, access string) bool {
	if s.enter(ctx) != nil {
		return false
	}
	defer s.leave()
	now := s.Client.now()
	if s.Config.Grant == Credentials {
		if !same(s.tokens.Access, access) {
			return s.tokens.Access != ""
		}
		if now.Sub(s.begins) < pause {
			return false
		}
		s.tokens = Tokens{}
		return true
	}
	st, mark, err := s.Store.State(ctx)
	if err != nil || st.Ended || st.Refresh == "" {
		return false
	}
	s.passed.Store(access) // what was kept a moment ago may still be this one
	if !same(st.Access, access) {
		return s.fresh(st)
	}
	if st.Expires.IsZero() || now.Sub(s.begins) < pause {
		return false
	}
	st.Expires, s.begins = time.Time{}, now
	_, err = s.Store.Swap(ctx, mark, st)
	return err == nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
