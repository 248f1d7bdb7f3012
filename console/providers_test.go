package console_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
)

// certificate is that of an authority, as PEM.
func (w *world) certificate(name string) string {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	w.must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (w *world) provider(alias string) operate.IdentityProvider {
	w.Helper()
	p, err := w.operator.IdentityProvider(w.Context(), operate.Machine(w.tenant), alias)
	w.must(err)
	return p
}

// traced keeps how a sign-in ended.
func (w *world) traced(t sso.Trace) sso.LoginID {
	w.Helper()
	if t.ID == "" {
		t.ID = lockstep.NewID[sso.LoginID]()
	}
	t.At = w.now()
	_, err := w.db.SSO().SaveLogin(w.Context(), sso.Login{Tenant: w.tenant, ID: t.ID, Step: sso.StepEnded, Expires: w.now().Add(time.Hour)}, sso.Finish{Trace: &t})
	w.must(err)
	return t.ID
}

// TestAddProvider: a kind is chosen, and the provider is a draft at once, with a redirect URI that stays; what is half done is kept.
func TestAddProvider(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.get("/").has("a", "Sign-in")
	b.get("/signin").to("/signin/providers")
	b.get("/signin/providers").has("strong", "There is none yet.")
	kinds := b.get("/signin/add")
	for _, k := range []string{"Webex CC", "OpenID Connect", "OAuth 2.0", "SAML 2.0", "Microsoft Entra ID", "LDAP password", "Password"} {
		kinds.has("a", k)
	}
	kinds.has("p", "Webex for Government")
	b.get("/signin/add/fax").is(http.StatusNotFound)
	b.get("/signin/providers/webex-cc").is(http.StatusNotFound)
	form := b.get("/signin/add/webexcc")
	if form.value("alias") != "webex-cc" {
		t.Errorf("offered as %q", form.value("alias"))
	}
	wrong := b.post("/signin/add/webexcc", "name", "Agents", "alias", "Web Ex").is(http.StatusUnprocessableEntity)
	if wrong.value("alias") != "Web Ex" || wrong.value("name") != "Agents" {
		t.Error("what was written is lost")
	}
	wrong.has("p", "An alias has 1 to 40")
	checkPage(t, wrong)
	b.post("/signin/add/webexcc", "name", "", "alias", "webex-cc").to("/signin/providers/webex-cc?said=provider-added")
	b.post("/signin/add/webexcc", "name", "", "alias", "webex-cc").is(http.StatusUnprocessableEntity)
	if b.get("/signin/add/webexcc").value("alias") != "webex-cc-2" {
		t.Error("the alias of a second one is taken")
	}
	page := b.get("/signin/providers/webex-cc?said=provider-added")
	page.has("code", w.server.URL+"/sso/acme/idp/webex-cc/callback")
	page.has("code", "cjp:user")
	page.has("a", "developer.webex.com")
	page.has("h1", "Webex CC")
	page.has("span", "Draft")
	checkPage(t, page)

	b.post("/signin/providers/webex-cc", "name", "", "policy", "imported", "trust_email", "on", "order", "0", "set-client_id", "C1", "set-region", "global", "do", "save").
		to("/signin/providers/webex-cc?said=saved") // half of it, and left
	if again := b.get("/signin/providers/webex-cc"); again.value("set-client_id") != "C1" {
		t.Error("the draft has forgotten what was given")
	}
	w.public = "http://id.example"
	blocked := b.get("/signin/providers/webex-cc")
	blocked.has("strong", "There is no redirect URI to copy yet")
	blocked.has("p", "http://id.example/sso/acme, is not https")
	blocked.hasNot("code", "callback")
	checkPage(t, blocked)
	w.public = "https://id.example"
	b.get("/signin/providers/webex-cc").has("code", "https://id.example/sso/acme/idp/webex-cc/callback")
}

// providerValue is a value that a field of a provider takes.
func (w *world) providerValue(f operate.ProviderField) string {
	given := map[string]string{
		"scopes": "openid email", "more_issuers": "https://eu.example https://eu.example/keys", "algorithms": "ES256", "jwks": "", "tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47",
		"url": "ldaps://dc1.example.com", "base": "ou=people,dc=example,dc=com", "filter": "(uid={name})", "bind_dn": "cn=reader,dc=example,dc=com", "private_key": "", "signing_key": "",
		"signing_certificate": "", "decryption_key": "", "decryption_key_former": "", "decryption_certificate": "", "client_secret_ends": "2027-03-31", "skew": "30", "timeout": "5", "max_age": "600", "require_value": "^yes$", "id_attribute": "entryUUID",
	}
	if v, ok := given[f.Name]; ok {
		return v
	}
	switch f.Type {
	case operate.FieldChoice:
		return f.Options[len(f.Options)-1].Value
	case operate.FieldSwitch:
		return "on"
	case operate.FieldAddress:
		return "https://idp.example/" + f.Name
	case operate.FieldPEM:
		return w.certificate("signer")
	case operate.FieldText, operate.FieldNumber, operate.FieldLines, operate.FieldJSON:
	}
	if strings.HasPrefix(f.Name, "claim_") {
		return "other_" + f.Name
	}
	return "value-of-" + f.Name
}

// TestProviderForms: what is saved is what is there when the page is loaded again, for every field of every kind; no secret is shown.
func TestProviderForms(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	kinds, err := w.operator.ProviderKinds(operate.Machine(w.tenant))
	w.must(err)
	fields := 0
	for _, k := range kinds {
		at := "/signin/providers/" + string(k.Kind)
		b.post("/signin/add/"+string(k.Kind), "name", "", "alias", string(k.Kind)).is(http.StatusSeeOther)
		sent := []string{"name", "Button <of> " + k.Title, "policy", "verified", "trust_email", "on", "link_only", "on", "hidden", "on", "order", "7"}
		if k.Kind != sso.KindLocal {
			sent = append(sent, "domains", "acme.example\nold.example", "certificates", strings.TrimSpace(w.certificate("Acme Root CA")))
		}
		for _, f := range k.Fields {
			name, value := "set-"+f.Name, w.providerValue(f)
			if f.Secret {
				name = "secret-" + f.Name
			}
			sent = append(sent, name, strings.TrimSpace(value))
			fields++
		}
		b.post(at, append(slices.Clone(sent), "do", "save")...).to(at + "?said=saved")
		again := b.get(at)
		for i := 0; i < len(sent); i += 2 {
			want := strings.Join(strings.Fields(sent[i+1]), " ")
			if strings.HasPrefix(sent[i], "secret-") {
				want = ""
				if sent[i+1] != "" && strings.Contains(again.body, sent[i+1]) {
					t.Errorf("%s of %s is shown", sent[i], k.Kind)
				}
			}
			if got := strings.Join(strings.Fields(again.value(sent[i])), " "); got != want {
				t.Errorf("%s of %s is %q after saving %q", sent[i], k.Kind, got, want)
			}
		}
		if k.Kind != sso.KindLocal {
			again.has("li", "Acme Root CA")
		}
		checkPage(t, again)
		before := w.provider(string(k.Kind))
		var values []string // the form as it is shown, sent back, changes nothing
		for i := 0; i < len(sent); i += 2 {
			value := again.value(sent[i])
			if strings.Contains(sent[i+1], "\n") { // the reader of pages joins lines
				value = sent[i+1]
			}
			values = append(values, sent[i], value)
		}
		b.post(at, append(values, "do", "save")...).to(at + "?said=saved")
		after := w.provider(string(k.Kind))
		after.Version, after.Updated = before.Version, before.Updated
		if !equalProviders(before, after) {
			t.Errorf("%s: saving what is shown changes it from\n%+v\nto\n%+v", k.Kind, before, after)
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields were filled in", fields)
	}
}

func equalProviders(a, b operate.IdentityProvider) bool {
	return a.Name == b.Name && a.Policy == b.Policy && a.Order == b.Order && a.Hidden == b.Hidden && slices.Equal(a.Domains, b.Domains) && slices.Equal(a.Given, b.Given) &&
		len(a.Roots) == len(b.Roots) && strings.Join(pairs(a.Settings), "\n") == strings.Join(pairs(b.Settings), "\n")
}

func pairs(m map[string]string) []string {
	var all []string
	for name, value := range m {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// TestProviderFaults: what cannot be is named beside its field, in a group that is open then, and nothing that was written is lost.
func TestProviderFaults(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/webexcc", "name", "", "alias", "webex").is(http.StatusSeeOther)
	const at = "/signin/providers/webex"
	sent := func(more ...string) []string {
		return append([]string{"name", "Agents", "policy", "imported", "trust_email", "on", "order", "0", "set-region", "eu", "set-client_id", "C1"}, more...)
	}
	refused := b.post(at, sent("set-token_url", "http://idbroker.example/token", "domains", "@acme", "certificates", "none", "order", "x", "do", "save")...)
	refused.is(http.StatusUnprocessableEntity)
	refused = b.post(at, sent("set-token_url", "http://idbroker.example/token", "set-max_age", "soon", "certificates", "", "do", "test")...).is(http.StatusUnprocessableEntity)
	e := refused.has("p", "Token URL")
	if e.attr["id"] != "f-set-token_url-error" || refused.value("set-token_url") != "http://idbroker.example/token" || refused.value("set-region") != "eu" {
		t.Errorf("it stands at %v; %q", e.attr, refused.value("set-token_url"))
	}
	for _, d := range refused.find("details", "Checks of the answer") {
		if _, open := d.attr["open"]; !open {
			t.Error("the group with the mistake is folded up")
		}
	}
	checkPage(t, refused)
	b.post(at, sent("certificates", "none", "do", "save")...).is(http.StatusUnprocessableEntity).has("a", "Certificates")
	b.post(at, sent("domains", "@acme", "do", "save")...).is(http.StatusUnprocessableEntity).has("p", "no e-mail domain")
	if p := w.provider("webex"); p.Settings["client_id"] != "" || p.Name == "Agents" {
		t.Errorf("saved in spite of it: %+v", p)
	}
	b.post(at, sent("secret-client_secret", "sesame", "do", "save")...).to(at + "?said=saved")
	moved := b.post(at, sent("set-token_url", "https://elsewhere.example/token", "do", "save")...).is(http.StatusUnprocessableEntity)
	if e := moved.has("p", "Give it again"); e.attr["id"] != "f-secret-client_secret-error" {
		t.Errorf("it stands at %v", e.attr)
	}
	b.post(at, sent("set-token_url", "https://elsewhere.example/token", "secret-client_secret", "sesame", "do", "test")...).to(at + "/test?said=saved")
}

// TestTrial: the test of a provider shows what happened, names the authority that is missing and takes its certificate; after a good one the
// provider is enabled.
func TestTrial(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/webexcc", "name", "", "alias", "webex").is(http.StatusSeeOther)
	const at = "/signin/providers/webex"
	lacks := b.get(at + "/test")
	lacks.has("li", "Client ID is empty")
	lacks.hasNot("button", "Sign in at")
	checkPage(t, lacks)
	b.post(at+"/test").is(http.StatusUnprocessableEntity).has("li", "Client ID is empty")
	form := []string{"name", "Webex CC", "policy", "imported", "trust_email", "on", "order", "0", "set-region", "global", "set-client_id", "C1"}
	b.post(at, append(form, "secret-client_secret", "sesame", "do", "save")...).is(http.StatusSeeOther)
	ready := b.get(at + "/test")
	ready.has("button", "Sign in at Webex CC")
	ready.has("strong", "No test has ended yet.")
	b.get(at).has("button", "Enable untested")
	checkPage(t, ready)
	begun := b.post(at + "/test").is(http.StatusOK)
	address, ok := strings.CutPrefix(begun.resp.Header.Get("Refresh"), "0; url=")
	if u, err := url.Parse(address); !ok || err != nil || u.Path != "/sso/acme/try" || u.Query().Get("key") == "" {
		t.Errorf("it leads to %q", address)
	}
	begun.has("a", "Go on")
	b.post(at+"/state", "do", "enable").is(http.StatusUnprocessableEntity).has("li", "No test sign-in has succeeded")

	id := w.provider("webex").ID
	w.traced(sso.Trace{Provider: id, Outcome: sso.OutcomeRefused, Code: lockstep.CodeIdPCAUnknown, Detail: "idbroker.example: unknown", Stages: []sso.Stage{
		{Name: "authorize", OK: true, Facts: map[string]string{"scope": "openid"}},
		{Name: "token", Code: lockstep.CodeIdPCAUnknown, Detail: "the certificate comes from “Acme Root CA”", Fix: "Get the certificate of “Acme Root CA”.", Facts: map[string]string{"missing authority": "Acme Root CA"}},
	}})
	failed := b.get(at + "/test")
	failed.has("span", "Test failed")
	failed.has("h3", "Trust “Acme Root CA”")
	failed.has("p", "Get the certificate of “Acme Root CA”.")
	checkPage(t, failed)
	b.post(at+"/trust", "certificate", "").is(http.StatusUnprocessableEntity).has("p", "Paste the certificate.")
	refused := b.post(at+"/trust", "certificate", "not one").is(http.StatusUnprocessableEntity)
	if refused.value("certificate") != "not one" || refused.has("p", "Trusted certificates").attr["id"] != "f-certificate-error" {
		t.Error("what was pasted is lost, or the fault stands elsewhere")
	}
	b.post(at+"/trust", "certificate", w.certificate("Acme Root CA")).to(at + "/test?said=trusted")
	b.post(at+"/trust", "certificate", w.certificate("Acme Issuing CA")).to(at + "/test?said=trusted")
	if p := w.provider("webex"); len(p.Trusted) != 2 || p.Trusted[0].Name != "Acme Root CA" || p.Trusted[1].Name != "Acme Issuing CA" {
		t.Errorf("trusted: %+v", p.Trusted)
	}

	kept, err := w.db.SSO().Provider(t.Context(), w.tenant, id)
	w.must(err)
	kept.Tested = w.now()
	_, err = w.db.SSO().PutProvider(t.Context(), nobody, kept)
	w.must(err)
	w.traced(sso.Trace{Provider: id, Outcome: sso.OutcomeTested, Stages: []sso.Stage{{Name: "match", OK: true, Detail: "found by the e-mail address: ada@acme.example"}}})
	good := b.get(at + "/test")
	good.has("span", "The provider works with these settings.")
	good.has("button", "Enable Webex CC")
	checkPage(t, good)
	b.post(at, append(form, "do", "save", "certificates", pemText(kept.Roots))...).is(http.StatusSeeOther) // as it was
	b.post(at+"/state", "do", "enable").to(at + "?said=provider-enabled")
	enabled := b.get(at + "?said=provider-enabled")
	enabled.has("span", "Enabled")
	enabled.has("button", "Disable")
	checkPage(t, enabled)
	b.post(at, append(form, "set-client_id", "", "do", "save")...).is(http.StatusSeeOther) // the first value counts
	gone := slices.Clone(form)
	gone[len(gone)-1] = ""
	b.post(at, append(gone, "do", "save")...).is(http.StatusUnprocessableEntity).has("p", "Client ID is empty")
	b.get("/signin/providers").has("span", "Webex CC")
	b.post(at+"/state", "do", "disable").to(at + "?said=provider-disabled")
	b.post(at+"/delete", "sure", "Webex").is(http.StatusUnprocessableEntity).has("li", "It was not deleted")
	b.post(at+"/delete", "sure", "webex").to("/signin/providers?said=provider-deleted")
	b.get(at).is(http.StatusNotFound)
}

func pemText(all [][]byte) string {
	text := ""
	for _, der := range all {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return strings.TrimSpace(text)
}

// TestProviderImport: the form is filled in from a provider's own document, and kept only when it is saved; what cannot be read is named beside
// the address.
func TestProviderImport(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/oidc", "name", "Okta", "alias", "okta").is(http.StatusSeeOther)
	const at = "/signin/providers/okta"
	form := []string{"name", "Okta", "policy", "imported", "order", "0", "set-client_id", "C1", "do", "import"}
	filled := b.post(at, append(form, "set-discovery_url", w.webex+"/idb")...).is(http.StatusOK)
	if filled.value("set-issuer") != w.webex+"/idb" || !strings.HasPrefix(filled.value("set-token_url"), w.webex) || filled.value("set-client_id") != "C1" {
		t.Errorf("filled in: %q, %q, %q", filled.value("set-issuer"), filled.value("set-token_url"), filled.value("set-client_id"))
	}
	checkPage(t, filled)
	if p := w.provider("okta"); p.Settings["issuer"] != "" || p.Settings["client_id"] != "" {
		t.Errorf("importing saves: %+v", p.Settings)
	}
	wrong := b.post(at, append(form, "set-discovery_url", w.webex+"/nowhere")...).is(http.StatusUnprocessableEntity)
	if wrong.value("set-discovery_url") != w.webex+"/nowhere" || wrong.value("set-client_id") != "C1" {
		t.Error("what was written is lost")
	}
	fault := false
	for _, e := range wrong.elements() {
		fault = fault || e.attr["id"] == "f-set-discovery_url-error"
	}
	if !fault {
		t.Error("the address has no fault beside it")
	}
	b.post(at, append(form, "set-discovery_url", "")...).to(at)
}
