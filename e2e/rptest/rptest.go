// Package rptest checks a relying party of OpenID Connect from outside, module by module, under the names that the OpenID Foundation's conformance suite gives them:
// plans RP Basic, RP Config, RP-Initiated Logout RP and Back-Channel Logout RP. It is the provider, one issuer for each module, which answers as the module says, and
// judges by what it is asked and by whom the party has signed in. It shares no code with package upstream, so what it says of ours it can say of any party, and what
// fails at one that is certified is a fault of this package.
package rptest

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Party is a relying party, at which ClientID and Secret are registered for every issuer.
type Party interface {
	// SignIn has Ada sign in through the party at the issuer of a module, in a new browser. in says whether the party has signed her in, and why why not.
	SignIn(ctx context.Context, m Module, issuer string) (in bool, why string, err error)
	// SignOut has her sign out again in that browser, at the provider too, and come back. done says whether the party says that she is signed out.
	SignOut(ctx context.Context, m Module, issuer string) (done bool, why string, err error)
	// Tell sends the party a logout token, and returns its answer and whether her session with the party stands.
	Tell(ctx context.Context, m Module, issuer, token string) (status int, stands bool, err error)
}

// Outcome is how a module ended.
type Outcome string

// The outcomes. What is skipped is about something that the party does not do, and need not.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is how a module ended at a party, and what there is to say about it.
type Result struct {
	Module  Module
	Outcome Outcome
	Note    string
}

// String is the outcome with its note.
func (r Result) String() string {
	if r.Note == "" {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ": " + r.Note
}

// Module is one module of a plan.
type Module struct {
	Plan, Name string

	accepts verdict
	change  func(*run)
	then    func(*check)
}

// verdict is what a party has to make of the answers.
type verdict int

const (
	must    verdict = iota // sign in
	mustNot                // and not ask for user-info either
	may                    // do either
)

// Path names the module within addresses and aliases, in at most forty letters: a name may stand in two plans.
func (m Module) Path() string {
	plan := map[string]string{basicRP: "basic", configRP: "config", logoutRP: "out", backRP: "back"}[m.Plan]
	return plan + strings.NewReplacer("-rp-backchannel-rpinitlogout", "", "signing-key-", "").Replace(strings.TrimPrefix(m.Name, prefix))
}

// check is a module that runs.
type check struct {
	ctx    context.Context
	party  Party
	module Module
	*run
	note string
}

type ended struct {
	outcome Outcome
	why     string
}

func (c *check) failf(format string, a ...any) { panic(ended{Failed, fmt.Sprintf(format, a...)}) }
func (c *check) skip(why string)               { panic(ended{Skipped, why}) }

func (c *check) want(so bool, format string, a ...any) {
	if !so {
		c.failf(format, a...)
	}
}

// Run runs all modules at a party, or the one that is named.
func (p *Provider) Run(ctx context.Context, party Party, only string) []Result {
	var all []Result
	for _, m := range Modules() {
		if only == "" || only == m.Name {
			all = append(all, p.module(ctx, party, m))
		}
	}
	return all
}

func (p *Provider) module(ctx context.Context, party Party, m Module) (r Result) {
	c := &check{ctx: ctx, party: party, module: m, run: p.runs[m.Path()]}
	r = Result{Module: m, Outcome: Passed}
	defer func() {
		r.Note = c.note
		switch e := recover().(type) {
		case nil:
		case ended:
			r.Outcome, r.Note = e.outcome, e.why
		default:
			panic(e)
		}
	}()
	c.signIn()
	if m.then != nil {
		m.then(c)
	}
	return r
}

// signIn has somebody sign in, and compares what comes of it with what the module wants.
func (c *check) signIn() {
	c.run.mu.Lock()
	before := len(c.run.told)
	c.run.mu.Unlock()
	in, why, err := c.party.SignIn(c.ctx, c.module, c.issuer)
	c.want(err == nil, "%v", err)
	c.run.mu.Lock()
	told := len(c.run.told) - before
	c.run.mu.Unlock()
	switch c.module.accepts {
	case must:
		c.want(in, "nobody is signed in: %s", why)
	case mustNot:
		c.want(!in, "somebody is signed in")
		c.want(told == 0 || c.run.user != nil, "user-info is asked for after an ID token that is none")
		c.note = "refused, " + why
	case may:
		c.note = "signs in"
		if !in {
			c.note = "refused, " + why
		}
	}
}

func claim(name string, value any) func(*run) {
	return func(x *run) { x.claims = map[string]any{name: value} }
}

const (
	basicRP  = "RP Basic"
	configRP = "RP Config"
	logoutRP = "RP-Initiated Logout RP"
	backRP   = "Back-Channel Logout RP"

	prefix = "oidcc-client-test"
)

// Modules are all modules, plan by plan.
func Modules() []Module {
	none := func(x *run) {
		x.header, x.sign = map[string]any{"alg": "none", "kid": nil}, func(string) []byte { return nil }
	}
	unnamed := func(published ...int) func(*run) {
		return func(x *run) { x.ids, x.published = false, published }
	}
	all := []Module{
		{basicRP, "", must, nil, nil},
		{basicRP, "-invalid-iss", mustNot, claim("iss", "https://evil.example"), nil},
		{basicRP, "-missing-sub", mustNot, claim("sub", nil), nil},
		{basicRP, "-invalid-aud", mustNot, claim("aud", "somebody-else"), nil},
		{basicRP, "-missing-iat", mustNot, claim("iat", nil), nil},
		{basicRP, "-kid-absent-single-jwks", must, unnamed(0), nil},
		{basicRP, "-kid-absent-multiple-jwks", may, unnamed(1, 0, 2), nil},
		{basicRP, "-idtoken-sig-rs256", must, func(x *run) { x.meta = map[string]any{"id_token_signing_alg_values_supported": []string{"RS256"}} }, nil},
		{basicRP, "-idtoken-sig-none", may, none, nil},
		{basicRP, "-invalid-sig-rs256", mustNot, func(x *run) {
			x.sign = func(text string) []byte { return byRSA(x.keys[1], text) }
		}, nil},
		{basicRP, "-userinfo-bearer-header", must, nil, func(c *check) {
			if !slices.Contains(c.told, "header") {
				c.skip("the token is not sent in the header")
			}
		}},
		{basicRP, "-userinfo-bearer-body", must, nil, func(c *check) {
			if !slices.Contains(c.told, "body") {
				c.skip("the token goes in the header alone")
			}
		}},
		{basicRP, "-userinfo-invalid-sub", mustNot, func(x *run) { x.user = map[string]any{"sub": "somebody-else"} }, nil},
		{basicRP, "-nonce-invalid", mustNot, claim("nonce", "another"), nil},
		{basicRP, "-scope-userinfo-claims", must, nil, func(c *check) {
			scopes := strings.Fields(c.tokens[len(c.tokens)-1].Get("scope"))
			c.want(slices.Contains(scopes, "email") || slices.Contains(scopes, "profile"), "the scope is %v", scopes)
			c.want(len(c.told) > 0, "user-info is not asked")
		}},
		{basicRP, "-client-secret-basic", must, nil, func(c *check) {
			c.want(c.auth[len(c.auth)-1] == "client_secret_basic", "the client authenticates by %s", c.auth[len(c.auth)-1])
		}},

		{configRP, "-discovery-openid-config", must, nil, func(c *check) { c.want(c.discovered > 0, "the configuration is not fetched") }},
		{configRP, "-discovery-jwks-uri-keys", must, nil, func(c *check) { c.want(c.fetched > 0, "the keys are not fetched") }},
		{configRP, "-discovery-issuer-mismatch", mustNot, func(x *run) { x.meta = map[string]any{"issuer": "https://evil.example"} }, func(c *check) {
			c.want(len(c.auth) == 0, "the token endpoint of somebody else's configuration is asked")
		}},
		{configRP, "-idtoken-sig-none", may, none, nil},
		{configRP, "-signing-key-rotation-just-before-signing", must, func(x *run) {
			x.rotates = func(x *run) { x.published, x.signs = []int{1}, 1 }
		}, nil},
		{configRP, "-signing-key-rotation", must, nil, func(c *check) {
			c.run.mu.Lock()
			c.published, c.signs = []int{2}, 2
			c.run.mu.Unlock()
			c.signIn()
		}},

		{logoutRP, "-rp-init-logout", must, nil, signsOut(true)},
		{logoutRP, "-rp-init-logout-other-state", must, func(x *run) { x.user = map[string]any{"state": "another"} }, signsOut(false)},
		{logoutRP, "-rp-init-logout-no-state", must, func(x *run) { x.user = map[string]any{"state": nil} }, signsOut(false)},

		{backRP, "-rp-backchannel-rpinitlogout", must, nil, tells(200, nil)},
		{backRP, "-rp-backchannel-rpinitlogout-alg-none", must, nil, tells(400, func(c *check, _ map[string]any) {
			c.header, c.sign = map[string]any{"alg": "none", "kid": nil}, func(string) []byte { return nil }
		})},
		{backRP, "-rp-backchannel-rpinitlogout-no-event", must, nil, tells(400, func(_ *check, claims map[string]any) { delete(claims, "events") })},
		{backRP, "-rp-backchannel-rpinitlogout-with-nonce", must, nil, tells(400, func(_ *check, claims map[string]any) { claims["nonce"] = random() })},
		{backRP, "-rp-backchannel-rpinitlogout-wrong-alg", must, nil, tells(400, func(c *check, _ map[string]any) {
			c.header, c.sign = map[string]any{"alg": "HS256"}, bySecret
		})},
		{backRP, "-rp-backchannel-rpinitlogout-wrong-aud", must, nil, tells(400, func(_ *check, claims map[string]any) { claims["aud"] = "somebody-else" })},
		{backRP, "-rp-backchannel-rpinitlogout-wrong-event", must, nil, tells(400, func(_ *check, claims map[string]any) {
			claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout-other": map[string]any{}}
		})},
		{backRP, "-rp-backchannel-rpinitlogout-wrong-iss", must, nil, tells(400, func(_ *check, claims map[string]any) { claims["iss"] = "https://evil.example" })},
	}
	for i := range all {
		all[i].Name = prefix + all[i].Name
	}
	return all
}

// signsOut has her sign out. Whatever state comes back the party may not break; a state of its own it sends, and takes.
func signsOut(own bool) func(*check) {
	return func(c *check) {
		done, why, err := c.party.SignOut(c.ctx, c.module, c.issuer)
		c.want(err == nil, "%v", err)
		c.run.mu.Lock()
		defer c.run.mu.Unlock()
		c.want(len(c.logouts) == 1, "the end_session_endpoint was asked %d times", len(c.logouts))
		v := c.logouts[0]
		c.want(v.Get("id_token_hint") != "" || v.Get("client_id") != "", "nobody can say whose request to sign out it is: %v", v)
		c.want(absolute(v.Get("post_logout_redirect_uri")), "post_logout_redirect_uri is %q", v.Get("post_logout_redirect_uri"))
		c.want(done || !own, "she is not signed out: %s", why)
		if !own {
			c.note = "signed out"
			if !done {
				c.note = "refused, " + why
			}
		}
	}
}

func absolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != ""
}

// tells sends the party a logout token: a good one ends the session, another one is answered 400 and does not.
func tells(status int, change func(*check, map[string]any)) func(*check) {
	return func(c *check) {
		c.run.mu.Lock()
		now := time.Now().Unix()
		claims := map[string]any{
			"iss": c.issuer, "sub": Subject, "sid": "session-1", "aud": ClientID, "iat": now, "exp": now + 120, "jti": random(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		if change != nil {
			change(c, claims)
		}
		text := c.signed("logout+jwt", claims)
		c.run.mu.Unlock()
		got, stands, err := c.party.Tell(c.ctx, c.module, c.issuer, text)
		c.want(err == nil, "%v", err)
		c.want(got == status || status == 200 && got == 204, "the logout token is answered %d", got)
		c.want(stands == (status != 200), "her session stands: %v", stands)
	}
}
