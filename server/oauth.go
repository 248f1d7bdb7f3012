package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection/oauth"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/web"
)

// The secrets that a connection keeps for itself; nobody sets them by hand.
const (
	secretTokens = "oauth"   // an oauth.State
	secretAsked  = "consent" // an oauth.Asked
)

// secretRefresh is a refresh token that somebody has typed.
const secretRefresh = "refresh_token"

// vault is what a connection keeps about its access tokens. It implements oauth.Store.
type vault struct {
	*systems
	job    provision.Job
	config oauth.Config
}

// tokens returns where the access tokens of a connection come from, or nil when it has a token that somebody typed.
func (s *systems) tokens(j provision.Job) (*oauth.Source, error) {
	c, err := tokenConfig(j)
	if err != nil || c.Grant == "" {
		return nil, err
	}
	return &oauth.Source{Config: c, Client: s.tokenEndpoint(c), Store: vault{s, j, c}}, nil
}

// tokenConfig says where the access tokens of a connection come from: what is set, and what its connector knows beside.
func tokenConfig(j provision.Job) (oauth.Config, error) {
	settings := j.Connection.Settings
	if presets := connectors()[j.Connection.Kind].presets; presets != nil {
		settings = oauth.With(settings, presets(settings))
	}
	return oauth.Parse(settings)
}

// tokenEndpoint is a client that asks token endpoints: guarded as connectors are, without redirects.
func (s *systems) tokenEndpoint(c oauth.Config) *oauth.Client {
	return &oauth.Client{HTTP: web.NewClient(web.ClientConfig{Dialer: s.dialer, Plain: c.Insecure, Redirects: -1, Timeout: 20 * time.Second})}
}

// Secret implements oauth.Store.
func (v vault) Secret(ctx context.Context) (string, error) {
	name := "client_secret"
	if v.config.Auth == oauth.PrivateKey {
		name = "client_key"
	}
	return v.secret(v.job, name)(ctx)
}

// State implements oauth.Store. The mark is the text itself: it never leaves this process.
func (v vault) State(ctx context.Context) (oauth.State, string, error) {
	return v.state(ctx, v.secret)
}

// Recent implements oauth.Store.
func (v vault) Recent(ctx context.Context) (oauth.State, error) {
	st, _, err := v.state(ctx, v.recent)
	return st, err
}

func (v vault) state(ctx context.Context, read func(provision.Job, string) func(context.Context) (string, error)) (st oauth.State, mark string, err error) {
	if mark, err = read(v.job, secretTokens)(ctx); err != nil {
		return oauth.State{}, "", err
	}
	if mark != "" && json.Unmarshal([]byte(mark), &st) != nil {
		return oauth.State{}, "", &lockstep.Error{Code: lockstep.CodeInternal, Detail: "What the consent of the connection gave cannot be read."} // what lies beneath may quote it
	}
	if v.config.Grant == oauth.Refresh {
		typed, err := read(v.job, secretRefresh)(ctx)
		return st.Typed(typed), mark, err
	}
	return st, mark, nil
}

// Swap implements oauth.Store.
func (v vault) Swap(ctx context.Context, mark string, next oauth.State) (string, error) {
	text, err := json.Marshal(next)
	if err != nil {
		return "", err
	}
	return string(text), v.db.SwapSecret(ctx, v.job.Tenant, v.job.ID, secretTokens, mark, string(text), v.same)
}

// same refuses a connection that leads elsewhere by now.
func (v vault) same(now provision.Connection) error {
	destination := connectors()[v.job.Connection.Kind].destination
	if now.Kind != v.job.Connection.Kind || destination(now.Settings) != destination(v.job.Connection.Settings) {
		return lockstep.ErrVersion
	}
	return nil
}

// When refresh tokens that nobody needs are used.
const (
	keepAhead = 45 * 24 * time.Hour // before they end of not being used
	keepEvery = time.Hour           // is looked for such
	keepAside = 8                   // at the same time: endpoints that do not answer keep nobody else's waiting for long
	keepLong  = time.Minute         // for one of them
	keepAgain = 200 * time.Millisecond
)

// watchConsents uses the refresh tokens that would otherwise end, until ctx ends. Of several nodes one does it: a refresh is noted before it is sent.
func (n *Server) watchConsents(ctx context.Context) {
	for pause := time.Duration(0); wait(ctx, pause) == nil; pause = keepEvery {
		if err := n.systems.keepConsents(ctx, time.Now()); err != nil && ctx.Err() == nil {
			n.config.Log.Warn("it was not looked for refresh tokens that end; tried again", "error", err)
		}
	}
}

// keepConsents uses the refresh tokens of all tenants' connections that would otherwise end: a server may take one back that was not used for long
// (Webex: 90 days), and an application where nothing happens is asked nothing. What fails is told when it ends, like any other secret.
func (s *systems) keepConsents(ctx context.Context, now time.Time) error {
	tenants, err := s.db.Tenants(ctx)
	errs := []error{err}
	var jobs []provision.Job // also those that are paused: nobody asks them for anything
	for _, t := range tenants {
		some, err := s.db.ListJobs(ctx, t.ID)
		jobs, errs = append(jobs, some...), append(errs, err)
	}
	var uses errgroup.Group
	uses.SetLimit(keepAside)
	for _, j := range jobs {
		if auth := j.Connection.Settings["auth"]; auth == "" || auth == "token" || ctx.Err() != nil {
			continue
		}
		uses.Go(func() error {
			over, cancel := context.WithTimeout(ctx, keepLong)
			defer cancel()
			s.keepConsent(over, j, now)
			return nil // that one fails ends no other
		})
	}
	return errors.Join(append(errs, uses.Wait())...)
}

// keepConsent uses the refresh token of one connection, if it would otherwise end. What the store does not take at once is offered to it again: the
// token that was used may be good no more. What it never takes stays with the opened system, whose next request offers it again.
func (s *systems) keepConsent(ctx context.Context, j provision.Job, now time.Time) {
	o, err := s.get(ctx, j)
	if err != nil || o.tokens == nil {
		return // such settings reach nothing
	}
	st, err := o.tokens.Store.Recent(ctx)
	if err != nil || st.Ended || st.Ends.IsZero() || now.Before(st.Expires) || st.Ends.Sub(now) > keepAhead {
		return
	}
	if _, err = o.tokens.Token(ctx); err == nil {
		return
	}
	for pause := keepAgain; o.tokens.Keep(ctx) != nil && wait(ctx, pause) == nil; pause *= 2 {
	}
	s.log.Warn("a refresh token was not renewed at the first try before it ends", "job", j.Slug, "ends", st.Ends, "error", err)
}

// consents asks administrators to consent to a connection. It implements operate.Consents.
type consents struct {
	systems *systems
	now     func() time.Time
}

// AskConsent implements operate.Consents.
func (c consents) AskConsent(ctx context.Context, by audit.Actor, j provision.Job, redirect string) (string, error) {
	config, err := tokenConfig(j)
	if err != nil {
		return "", err
	}
	if config.Grant != oauth.Code {
		return "", &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The connection asks nobody to consent: its setting auth is not authorization_code."}
	}
	address, asked, err := oauth.Ask(config, redirect, string(j.ID)+".", c.now())
	if err != nil {
		return "", err
	}
	return address, c.keep(ctx, by, j, map[string]any{secretAsked: asked})
}

// FinishConsent implements operate.Consents.
func (c consents) FinishConsent(ctx context.Context, by audit.Actor, j provision.Job, came operate.ConsentAnswer) error {
	config, err := tokenConfig(j)
	if err != nil {
		return err
	}
	v := vault{c.systems, j, config}
	text, err := v.secret(j, secretAsked)(ctx)
	if err != nil {
		return err
	}
	var asked oauth.Asked
	if text != "" && json.Unmarshal([]byte(text), &asked) != nil {
		asked = oauth.Asked{}
	}
	if asked.State == "" || asked.State != came.State { // let the one that is under way be
		asked = oauth.Asked{}
	} else if err := c.systems.db.SwapSecret(ctx, j.Tenant, j.ID, secretAsked, text, "", v.same); err != nil { // once, whatever becomes of it
		if errors.Is(err, lockstep.ErrVersion) {
			return &lockstep.Error{Code: lockstep.CodeConsent, Detail: "The consent gives nothing: it was used before, or the connection was changed meanwhile."}
		}
		return err
	}
	secret, err := v.Secret(ctx)
	if err != nil {
		return err
	}
	st, err := c.systems.tokenEndpoint(config).Redeem(ctx, config, secret, asked, oauth.Came(came), by.ID)
	if err != nil {
		return err
	}
	return c.keep(ctx, by, j, map[string]any{secretTokens: st})
}

// keep keeps values as secrets of the connection, unless it leads elsewhere by now; what failed for want of them may go on.
func (c consents) keep(ctx context.Context, by audit.Actor, j provision.Job, values map[string]any) error {
	return c.systems.db.ChangeConnection(ctx, by, j.Tenant, j.ID, func(now provision.Connection) (provision.NewConnection, error) {
		next := provision.NewConnection{Settings: now.Settings, Secrets: map[string]string{}}
		for name, v := range values {
			text, err := json.Marshal(v)
			if err != nil {
				return next, err
			}
			next.Secrets[name] = string(text)
		}
		return next, vault{systems: c.systems, job: j}.same(now)
	})
}

// Consented implements operate.Consents.
func (c consents) Consented(ctx context.Context, j provision.Job) (operate.Consented, error) {
	config, err := tokenConfig(j)
	if err != nil || config.Grant != oauth.Code && config.Grant != oauth.Refresh {
		return operate.Consented{}, err
	}
	st, _, err := vault{c.systems, j, config}.State(ctx)
	return operate.Consented{
		Needed: config.Grant == oauth.Code, Typed: config.Grant == oauth.Refresh, Given: st.Since, By: st.By, Ended: st.Ended, Refreshed: st.Refresh != "",
		AccessEnds: st.Expires, Ends: st.Ends, Scope: st.Scope,
	}, err
}

var (
	_ operate.Consents = consents{}
	_ oauth.Store      = vault{}
)
