package console_test

import (
	"net/http"
	"testing"

	"lockstep"
	"lockstep/sso"
)

// TestLookSignIn is TestLook for the pages about signing people in.
func TestLookSignIn(t *testing.T) {
	if !*everyPage {
		t.Skip("CI and whoever wants pictures look at every page")
	}
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.look(looked{Name: "providers-empty", Path: "/signin/providers"})
	b.look(w.signInLooks(b)...)
}

// signInLooks are the pages of a company that signs people in.
func (w *world) signInLooks(b *browser) []looked {
	w.Helper()
	for kind, alias := range map[string]string{"webexcc": "webex", "entra": "entra", "local": "local", "saml": "saml", "oidc": "okta", "ldap": "ldap"} {
		b.post("/signin/add/"+kind, "name", "", "alias", alias).is(http.StatusSeeOther)
	}
	const at = "/signin/providers/webex"
	b.post(at, "name", "Webex CC", "policy", "imported", "trust_email", "on", "order", "0", "set-region", "eu", "set-client_id", "C1a2b3", "secret-client_secret", "sesame",
		"certificates", w.certificate("Acme Root CA"), "do", "save").is(http.StatusSeeOther)
	b.post("/signin/providers/local/state", "do", "enable").is(http.StatusSeeOther)
	b.post("/signin/providers/okta", "name", "Okta", "policy", "imported", "order", "2", "set-client_id", "0oa1", "secret-client_secret", "x", "set-issuer", "https://acme.okta.example",
		"set-authorize_url", "https://acme.okta.example/authorize", "set-token_url", "https://acme.okta.example/token", "set-jwks_url", "https://acme.okta.example/keys", "do", "save").is(http.StatusSeeOther)
	b.post("/signin/providers/okta/state", "do", "untested").is(http.StatusSeeOther)
	id := w.provider("webex").ID
	w.traced(sso.Trace{Provider: id, Outcome: sso.OutcomeRefused, Code: lockstep.CodeIdPCAUnknown, Detail: "idbroker-eu.webex.com: the certificate comes from “Acme Root CA”, which is not trusted here", Stages: []sso.Stage{
		{Name: "authorize", OK: true, Detail: "the browser is sent to idbroker-eu.webex.com", Took: 2e6, Facts: map[string]string{"scope": "openid email profile cjp:user", "client_id": "C1a2b3"}},
		{Name: "callback", OK: true, Took: 1e6, Facts: map[string]string{"state": "as sent"}},
		{Name: "token", Code: lockstep.CodeIdPCAUnknown, Detail: "idbroker-eu.webex.com: the certificate comes from “Acme Root CA”, which is not trusted here", Fix: "Get the certificate of “Acme Root CA” from whoever runs the provider and add it to the trusted certificates of this provider.",
			Took: 41e6, Facts: map[string]string{"missing authority": "Acme Root CA", "chain": "idbroker-eu.webex.com ← Acme Issuing CA 7 ← Acme Root CA"}},
	}})
	saml := w.provider("entra").ID
	w.traced(sso.Trace{Provider: saml, Outcome: sso.OutcomeTested, Stages: []sso.Stage{{Name: "authorize", OK: true}, {Name: "token", OK: true, Took: 3e7}, {Name: "match", OK: true, Detail: "found by the e-mail address: ada@acme.example"}}})
	return []looked{
		{Name: "providers", Path: "/signin/providers"}, {Name: "provider-kinds", Path: "/signin/add"}, {Name: "provider-add", Path: "/signin/add/webexcc"},
		{Name: "provider-webex", Path: at + "?said=provider-added"}, {Name: "provider-saml", Path: "/signin/providers/saml"}, {Name: "provider-local", Path: "/signin/providers/local"},
		{Name: "provider-oidc", Path: "/signin/providers/okta"}, {Name: "provider-delete", Path: at, Click: "button[commandfor=delete-provider]"},
		{Name: "provider-enable", Path: at, Click: "button[commandfor=enable-provider]"},
		{Name: "trial-failed", Path: at + "/test"}, {Name: "trial-lacks", Path: "/signin/providers/saml/test"}, {Name: "trial-passed", Path: "/signin/providers/entra/test"},
	}
}
