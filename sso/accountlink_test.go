package sso_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/sso"
)

// linking is a world in which Ada signs in by webex and may link an identity at partner, where she is somebody else than her address says.
func linking(t *testing.T) (*world, *browser) {
	t.Helper()
	w := newWorld(t)
	w.provider("partner", func(p *sso.Provider) { p.LinkOnly, p.Hidden = true, true })
	b := w.browser()
	p := b.at("")
	if p.to().Host == "idp.example" {
		p = b.comeBack(p)
	}
	w.is("signed in", strings.Contains(b.goes(p).body, "Your account"), true)
	w.up.becomes(sso.Identity{Issuer: "https://partner.example", Subject: "p-1", Email: "somebody@partner.example"})
	return w, b
}

// confirms answers the question of a part of the page about a provider: an alias of one that is to be linked, the id of one that is.
func (b *browser) confirms(part, key string) page {
	b.Helper()
	own := b.linksOfAda()
	m := tokenOnPage.FindStringSubmatch(b.at("/unlink?key=" + string(own[len(own)-1].Provider)).body)
	if m == nil {
		b.Fatal("no token")
	}
	return b.post(b.issuer+"/account"+part, url.Values{"token": {m[1]}, "key": {key}})
}

func (w *world) linksOfAda() []sso.Link {
	w.Helper()
	links, err := w.db.SSO().LinksOf(w.Context(), w.tenant, w.ada)
	w.must(err)
	return links
}

// TestLinkOwn: a person links an identity from the account page by signing in there, comes back, signs in with it, and unlinks it again; all of it is on record.
func TestLinkOwn(t *testing.T) { both(t, testLinkOwn) }

func testLinkOwn(t *testing.T) {
	w, b := linking(t)
	w.is("offered", strings.Contains(b.at("").body, "Sign-in by partner"), true)
	w.is("asks", strings.Contains(b.at("/link?key=partner").body, "You sign in there next"), true)
	other := b.confirms("/link", "partner") // in another window, finished after this one
	p := b.confirms("/link", "partner")
	w.is("sent to", p.to().Host, "idp.example")
	p = b.comeBack(p)
	w.is("comes back in the other window", b.comeBack(other).to().String(), w.issuer+"/account")
	w.is("comes back", p.to().String(), w.issuer+"/account")
	w.is("linked", len(w.linksOfAda()), 2)
	w.is("the page has it", strings.Contains(b.goes(p).body, "p-1"), true)
	w.is("offered again", strings.Contains(b.at("").body, "/link?key=partner"), false)

	traces, _, err := w.db.SSO().Traces(w.Context(), w.tenant, sso.TraceQuery{User: w.ada, Client: sso.AccountClient, Limit: 1})
	w.must(err)
	w.is("in the flight recorder", len(traces) == 1 && traces[0].Stages[len(traces[0].Stages)-1].Name == "link", true)

	// Who comes by it now is Ada.
	w.client("only", func(c *sso.Client) { c.Provider = w.providerID("partner") })
	got := w.token(redeeming(w.browser().signIn("client_id", "only")), "Authorization", basic("only", secretText))
	_, who := w.whois(got.Access)
	w.is("sub", who["sub"], w.ada)

	lines, err := w.db.Audit(w.Context(), w.tenant, audit.Query{Object: "identity"})
	w.must(err)
	w.is("noted once, though linked in two windows", len(lines), 1)
	p = b.confirms("/unlink", string(w.providerID("partner")))
	w.is("unlinked", p.to().String(), w.issuer+"/account")
	w.is("one is left", len(w.linksOfAda()), 1)
	status, _ := w.whois(got.Access)
	w.is("what it had begun has ended", status, 401)
	lines, err = w.db.Audit(w.Context(), w.tenant, audit.Query{Object: "identity"})
	w.must(err)
	w.is("in the audit log", len(lines) == 2 && lines[0].Verb == "unlinked" && lines[1].Verb == "linked" && lines[1].Actor.ID == string(w.ada), true)
}

func (w *world) providerID(alias string) sso.ProviderID {
	w.Helper()
	p, err := w.db.SSO().ProviderByAlias(w.Context(), w.tenant, alias)
	w.must(err)
	return p.ID
}

// TestLinkOwnRefused: nobody links what is somebody else's, in another browser or session, for another person, without having shown lately who they are, or from another site; and
// the last way in stays.
func TestLinkOwnRefused(t *testing.T) { both(t, testLinkOwnRefused) }

func testLinkOwnRefused(t *testing.T) {
	t.Run("somebody else's", func(t *testing.T) {
		w, b := linking(t)
		ben := w.person("ben@acme.example", "Ben", "B")
		w.setProvider("partner", func(p *sso.Provider) { p.LinkOnly, p.Policy = false, sso.PolicyImported })
		w.up.becomes(sso.Identity{Issuer: "https://partner.example", Subject: "p-1", Email: "ben@acme.example", EmailVerified: true})
		w.client("only", func(c *sso.Client) { c.Provider = w.providerID("partner") })
		w.browser().signIn("client_id", "only")
		p := b.comeBack(b.confirms("/link", "partner"))
		w.is("says so", strings.Contains(p.body, "belongs to somebody else here"), true)
		w.is("links of Ada", len(w.linksOfAda()), 1)
		links, err := w.db.SSO().LinksOf(w.Context(), w.tenant, ben)
		w.must(err)
		w.is("links of Ben", len(links), 1)
	})
	t.Run("another browser", func(t *testing.T) {
		w, b := linking(t)
		to := b.confirms("/link", "partner").to().Query()
		p := w.browser().get(to.Get("redirect_uri") + "?" + url.Values{"code": {"c"}, "state": {to.Get("state")}}.Encode())
		w.is("refused", p.StatusCode, 400)
		w.is("links", len(w.linksOfAda()), 1)
	})
	t.Run("at the address of another provider", func(t *testing.T) {
		w, b := linking(t)
		to := b.confirms("/link", "partner").to().Query()
		p := b.get(w.issuer + "/idp/webex/callback?" + url.Values{"code": {"c"}, "state": {to.Get("state")}}.Encode())
		w.is("refused", p.StatusCode, 400)
		w.is("links", len(w.linksOfAda()), 1)
	})
	t.Run("signed out meanwhile", func(t *testing.T) {
		w, b := linking(t)
		p := b.confirms("/link", "partner")
		_, err := w.db.SSO().End(w.Context(), audit.Actor{}, w.tenant, sso.Who{User: w.ada}, "ended")
		w.must(err)
		b.comeBack(p)
		w.is("links", len(w.linksOfAda()), 1)
	})
	t.Run("somebody else signed in meanwhile", func(t *testing.T) {
		w, b := linking(t)
		w.person("ben@acme.example", "Ben", "B")
		p := b.confirms("/link", "partner")
		w.up.becomes(sso.Identity{Issuer: "https://idp.example", Subject: "2", Email: "ben@acme.example", EmailVerified: true})
		b.signIn("prompt", "login")
		w.up.becomes(sso.Identity{Issuer: "https://partner.example", Subject: "p-1"})
		b.comeBack(p)
		w.is("links", len(w.linksOfAda()), 1)
		found, err := w.db.SSO().Link(w.Context(), w.tenant, w.providerID("partner"), "https://partner.example", "p-1")
		w.is("linked to nobody", err != nil && found.User == "", true)
	})
	t.Run("a while ago", func(t *testing.T) {
		w, b := linking(t)
		w.later(11 * time.Minute)
		w.is("links", len(w.linksOfAda()), 1)
		w.is("asks who they are", b.at("/link?key=partner").to().Query().Get("redirect_uri"), w.issuer+"/idp/webex/callback")
	})
	t.Run("without the token, or from another site", func(t *testing.T) {
		w, b := linking(t)
		w.is("without the token", b.post(w.issuer+"/account/link", url.Values{"key": {"partner"}}).StatusCode, 403)
		m := tokenOnPage.FindStringSubmatch(b.at("/link?key=partner").body)
		w.is("from another site", b.post(w.issuer+"/account/link", url.Values{"key": {"partner"}, "token": {m[1]}}, "Sec-Fetch-Site", "cross-site").StatusCode, 403)
	})
	t.Run("a provider that is disabled, or keeps passwords", func(t *testing.T) {
		w, b := linking(t)
		w.setProvider("partner", func(p *sso.Provider) { p.State = sso.Disabled })
		w.is("disabled", b.confirms("/link", "partner").StatusCode, 404)
		w.provider("local", func(p *sso.Provider) { p.Kind = sso.KindLocal })
		w.is("passwords", b.confirms("/link", "local").StatusCode, 404)
	})
	t.Run("the last way in", func(t *testing.T) {
		w, b := linking(t)
		p := b.confirms("/unlink", string(w.providerID("webex")))
		w.is("says so", strings.Contains(p.body, "your last way to sign in"), true)
		w.is("links", len(w.linksOfAda()), 1)
		b.comeBack(b.confirms("/link", "partner"))
		w.setProvider("partner", func(p *sso.Provider) { p.State = sso.Disabled })
		b.confirms("/unlink", string(w.providerID("webex")))
		w.is("the other one is disabled", len(w.linksOfAda()), 2)
		w.setProvider("partner", func(p *sso.Provider) { p.State = sso.Enabled })
		b.confirms("/unlink", string(w.providerID("webex")))
		w.is("links", len(w.linksOfAda()), 1)
	})
}
