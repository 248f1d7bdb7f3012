package sso_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/token"
)

// far is slow for everything that works once, and counts how often each way to use something up was asked for.
type far struct {
	slow
	asked map[string]int
	mu    *sync.Mutex
}

func (f far) ask(what string) {
	away()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[what]++
}

func (f far) Redeem(ctx context.Context, t lockstep.TenantID, g sso.GrantID, first *sso.Refresh) error {
	f.ask("Redeem")
	return f.slow.Redeem(ctx, t, g, first)
}

func (f far) Rotate(ctx context.Context, t lockstep.TenantID, used sso.Hash, next sso.Refresh) error {
	f.ask("Rotate")
	return f.slow.Rotate(ctx, t, used, next)
}

func (f far) Once(ctx context.Context, t lockstep.TenantID, use string, h sso.Hash, until time.Time) error {
	f.ask("Once")
	defer away()
	return f.slow.Once(ctx, t, use, h, until)
}

func (f far) TakePushed(ctx context.Context, t lockstep.TenantID, h sso.Hash, c sso.ClientID) (url.Values, error) {
	f.ask("TakePushed")
	defer away()
	return f.slow.TakePushed(ctx, t, h, c)
}

func (f far) Login(ctx context.Context, t lockstep.TenantID, id sso.LoginID) (sso.Login, error) {
	away()
	defer away()
	return f.slow.Login(ctx, t, id)
}

func (f far) LoginByState(ctx context.Context, t lockstep.TenantID, state sso.Hash) (sso.Login, error) {
	away()
	defer away()
	return f.slow.LoginByState(ctx, t, state)
}

func (f far) SaveLogin(ctx context.Context, l sso.Login, x sso.Finish) (sso.Login, error) {
	f.ask("SaveLogin")
	defer away()
	return f.slow.SaveLogin(ctx, l, x)
}

func (f far) Factors(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) (sso.FactorSet, error) {
	away()
	defer away()
	return f.slow.Factors(ctx, t, u)
}

func (f far) UseFactor(ctx context.Context, t lockstep.TenantID, u lockstep.UserID, use sso.FactorUse) error {
	f.ask("UseFactor")
	defer away()
	return f.slow.UseFactor(ctx, t, u, use)
}

func (f far) TryCode(context.Context, lockstep.TenantID, lockstep.UserID) error { return nil } // that ten tries are the limit is no matter here

// farLinks are one-time links of the console that are far away.
type farLinks struct{ session.Store }

func (f farLinks) Link(ctx context.Context, h session.Hash) (session.Link, error) {
	away()
	defer away()
	return f.Store.Link(ctx, h)
}

func (f farLinks) UseLink(ctx context.Context, h session.Hash, at time.Time) error {
	away()
	defer away()
	return f.Store.UseLink(ctx, h, at)
}

const atOnce = 20

// TestEverythingOnce: of twenty who use at once what works once, one succeeds, however long the store takes. Each case returns what the i-th of them
// does, and whether it worked.
func TestEverythingOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.localhost()
		f := far{slow{w.db.SSO()}, map[string]int{}, &sync.Mutex{}}
		code := func(p page) bool { return p.to().Query().Get("code") != "" }
		app, codes := w.withApp("ada@acme.example")
		ben := w.person("ben@acme.example", "Ben", "Ito")
		w.commit(directory.SetPassword{ID: ben, Hash: "sesame"})
		passkey := w.withPasskey("ben@acme.example")
		w.client("pinned", func(c *sso.Client) {
			c.Provider = must(w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex")).ID
		})
		key := must(token.NewSigner(token.ES256))
		set := must(json.Marshal(map[string]any{"keys": token.KeySet{key.Key()}}))
		w.client("signer", func(c *sso.Client) {
			c.Auth, c.Secret, c.Keys, c.Assertion = sso.AuthPrivateKey, sso.Hash{}, string(set), token.ES256
		})
		pinned := func(b *browser) page { return b.authorize("client_id", "pinned") }
		wiki := w.samlApp(nil)
		wiki.setClient("wiki", func(c *sso.Client) {
			c.Provider, c.SAML.Certificates = must(w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex")).ID, wiki.pem()
		})
		waiting := func(name string) (browsers []*browser, pages []page) { // at the page of the second factor
			for range atOnce {
				b := w.browser()
				browsers, pages = append(browsers, b), append(pages, b.byPassword(name))
			}
			return browsers, pages
		}
		for _, c := range []struct {
			name    string
			prepare func() func(i int) bool
		}{
			{"code", func() func(int) bool {
				text := w.browser().signIn("client_id", "pinned")
				return func(int) bool {
					return w.token(redeeming(text), "Authorization", basic("pinned", secretText)).Status == 200
				}
			}},
			{"refresh token", func() func(int) bool {
				as := []string{"Authorization", basic("pinned", secretText)}
				got := w.token(redeeming(w.browser().signIn("client_id", "pinned")), as...)
				return func(int) bool { return w.token(refreshing(got.Refresh), as...).Status == 200 }
			}},
			{"code of an authenticator app", func() func(int) bool {
				browsers, pages := waiting("ada@acme.example")
				text := app.code(w.now())
				return func(i int) bool { return code(browsers[i].sends(pages[i], "code", text)) }
			}},
			{"recovery code", func() func(int) bool {
				browsers, pages := waiting("ada@acme.example")
				return func(i int) bool { return code(browsers[i].sends(pages[i], "code", codes[0])) }
			}},
			{"challenge of a passkey", func() func(int) bool {
				b := w.browser()
				p := b.byPassword("ben@acme.example")
				answer := passkey.get(p.body, w.http.URL)
				return func(int) bool { return code(b.sends(p, "passkey", answer)) }
			}},
			{"challenge of a passkey in the place of a password", func() func(int) bool {
				b := w.browser()
				p := b.authorize()
				answer := passkey.get(p.body, w.http.URL)
				return func(int) bool { return code(b.sends(p, "passkey", answer)) }
			}},
			{"callback of a provider", func() func(int) bool {
				b := w.browser()
				to := pinned(b).to()
				back := to.Query().Get("redirect_uri") + "?" + url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}.Encode()
				return func(int) bool { return code(b.get(back)) }
			}},
			{"pushed request", func() func(int) bool {
				p := w.browser().post(w.issuer+"/par", asking("client_id", "pinned"), "Authorization", basic("pinned", secretText))
				var got struct {
					URI string `json:"request_uri"`
				}
				w.must(json.Unmarshal([]byte(p.body), &got))
				return func(int) bool {
					return w.browser().get(w.issuer+"/authorize?"+url.Values{"client_id": {"pinned"}, "request_uri": {got.URI}}.Encode()).to().Host == "idp.example"
				}
			}},
			{"assertion of a client", func() func(int) bool {
				text := must(key.Sign("JWT", map[string]any{"iss": "signer", "sub": "signer", "aud": w.issuer, "exp": w.now().Add(time.Minute).Unix(), "jti": "once"}))
				return func(int) bool {
					return w.token(url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {text}}, "X", "y").Status == 200
				}
			}},
			{"request of a SAML application", func() func(int) bool {
				query := wiki.redirect("SAMLRequest", wiki.asks(), "", wiki.key)
				return func(int) bool { return w.browser().get(w.issuer+"/saml/sso?"+query).to().Host == "idp.example" }
			}},
			{"address at which a posted SAML request goes on", func() func(int) bool {
				b := w.browser()
				p := b.post(w.issuer+"/saml/sso", url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString([]byte(wiki.enveloped(wiki.asks())))}})
				return func(int) bool { return b.get(p.Header.Get("Location")).to().Host == "idp.example" }
			}},
			{"address of a test sign-in", func() func(int) bool {
				p := must(w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex"))
				_, address, err := w.sso.NewTest(w.Context(), "acme", p)
				w.must(err)
				return func(int) bool { return w.browser().get(address).to().Host == "idp.example" }
			}},
			{"code with which somebody enters the console", func() func(int) bool {
				if _, err := w.db.SSO().Client(w.Context(), w.tenant, sso.ConsoleClient); err != nil {
					w.client(string(sso.ConsoleClient), func(c *sso.Client) {
						c.Auth, c.Secret, c.Grants, c.Provider = sso.AuthNone, sso.Hash{}, []sso.GrantType{sso.GrantCode}, must(w.db.SSO().ProviderByAlias(w.Context(), w.tenant, "webex")).ID
					})
				}
				sum := sha256.Sum256([]byte(verifier))
				b := w.browser()
				text := b.comeBack(b.get(w.sso.Authorize("acme", callback, base64.RawURLEncoding.EncodeToString(sum[:]), false))).to().Query().Get("code")
				return func(int) bool {
					_, err := w.sso.Entered(w.Context(), "acme", callback, text, verifier)
					return err == nil
				}
			}},
			{"one-time link into the console, as the first owner gets", func() func(int) bool {
				gate := &session.Gate{Surface: "console", Store: farLinks{w.db.Console()}, Now: w.now}
				text := must(gate.NewLink(w.Context(), session.Grant{Tenant: w.tenant, Holder: "owner", Scopes: "*:*"}))
				return func(int) bool {
					_, err := gate.Enter(httptest.NewRecorder(), httptest.NewRequestWithContext(w.Context(), http.MethodGet, "http://localhost/", nil), text)
					return err == nil
				}
			}},
		} {
			w.later(time.Minute) // a code of an app is another one
			w.sso.Store = slow{w.db.SSO()}
			use := c.prepare()
			w.sso.Store = f
			begin := make(chan struct{})
			results := make([]bool, atOnce)
			var all sync.WaitGroup
			for i := range atOnce {
				all.Go(func() {
					<-begin
					results[i] = use(i)
				})
			}
			close(begin)
			all.Wait()
			won := strings.Count(fmt.Sprint(results), "true")
			w.is(c.name+": winners of twenty", won, 1)
			w.is(c.name+": used again", use(0), false)
		}
		for _, what := range []string{"Redeem", "Rotate", "Once", "TakePushed", "SaveLogin", "UseFactor"} {
			if f.asked[what] < 2 { // whoever comes late enough is turned away before
				w.Errorf("%s was asked %d times by twenty", what, f.asked[what])
			}
		}
	})
}
