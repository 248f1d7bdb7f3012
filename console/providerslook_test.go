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
	b.post("/signin/addapp", "name", "Call recorder", "redirects", "https://recorder.example.com/cb", "logout", "https://recorder.example.com/logout", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on", "refresh", "on").is(http.StatusOK)
	b.post("/signin/addapp", "name", "Wiki", "redirects", "https://wiki.example.com/cb", "auth", "none", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusOK)
	b.post("/signin/addapp?kind=saml", "name", "Webex", "id", "webex", "webex", "9a1b2c3d-0000-4000-8000-000000000000", "attributes", "mail=email").is(http.StatusOK)
	b.post("/signin/addapp?kind=proxy", "name", "Grafana", "id", "grafana", "hosts", "grafana.example.com", "headers", "Remote-User=preferred_username").is(http.StatusOK)
	app := w.clientNamed("Call recorder")
	ada, eve := w.user("ada@acme.example"), w.user("eve@acme.example")
	okta := w.provider("okta").ID
	w.signedInTo(ada, okta, app.ID, "1")
	gone := w.signedInTo(ada, okta, w.clientNamed("Wiki").ID, "2")
	w.signedInTo(eve, okta, app.ID, "3")
	b.post("/signin/sessions/end", "session", string(gone)).is(http.StatusSeeOther)
	w.traced(sso.Trace{Client: app.ID, Provider: id, Outcome: sso.OutcomeSigned, User: ada, Stages: []sso.Stage{{Name: "authorize", OK: true, Facts: map[string]string{"client": string(app.ID), "scopes": "openid"}}, {Name: "code", OK: true}}})
	refused := w.traced(sso.Trace{Client: app.ID, Provider: w.provider("okta").ID, Outcome: sso.OutcomeRefused, Code: lockstep.CodeSSOUnknown, Detail: "nobody", Stages: []sso.Stage{
		{Name: "authorize", OK: true, Facts: map[string]string{"client": string(app.ID), "scopes": "openid profile email"}}, {Name: "authorize", OK: true, Detail: "the browser is sent to acme.okta.example", Took: 1e6},
		{Name: "callback", OK: true, Took: 2e5}, {Name: "token", OK: true, Took: 84e6, Facts: map[string]string{"status": "200", "their clock": "as ours"}},
		{Name: "id_token", OK: true, Took: 6e5, Facts: map[string]string{"claim email": "zoe@elsewhere.example", "claim iss": "https://acme.okta.example", "kid": "k1"}},
		{Name: "match", Code: lockstep.CodeSSOUnknown, Detail: "nobody in the directory has the address zoe@elsewhere.example"},
	}})
	return []looked{
		{Name: "signin-apps", Path: "/signin/apps"}, {Name: "signin-app-add", Path: "/signin/addapp"}, {Name: "signin-app-add-saml", Path: "/signin/addapp?kind=saml"},
		{Name: "signin-app-add-proxy", Path: "/signin/addapp?kind=proxy"}, {Name: "signin-app-saml", Path: "/signin/apps/webex"}, {Name: "signin-app-proxy", Path: "/signin/apps/grafana"},
		{Name: "signin-app", Path: "/signin/apps/" + string(app.ID)},
		{Name: "signin-app-rotate", Path: "/signin/apps/" + string(app.ID), Click: "button[commandfor=rotate-client]"},
		{Name: "signin-sessions", Path: "/signin/sessions"}, {Name: "signin-sessions-one", Path: "/signin/sessions?q=ada@acme.example", Click: "button[commandfor=end-all]"},
		{Name: "signin-attempts", Path: "/signin/attempts"}, {Name: "signin-attempt", Path: "/signin/attempts/" + string(refused)},
		{Name: "signin-page", Path: "/signin/page"}, {Name: "signin-page-de", Path: "/signin/page?lang=de&app=" + string(app.ID)},
		{Name: "providers", Path: "/signin/providers"}, {Name: "provider-kinds", Path: "/signin/add"}, {Name: "provider-add", Path: "/signin/add/webexcc"},
		{Name: "provider-webex", Path: at + "?said=provider-added"}, {Name: "provider-saml", Path: "/signin/providers/saml"}, {Name: "provider-local", Path: "/signin/providers/local"},
		{Name: "provider-oidc", Path: "/signin/providers/okta"}, {Name: "provider-delete", Path: at, Click: "button[commandfor=delete-provider]"},
		{Name: "provider-enable", Path: at, Click: "button[commandfor=enable-provider]"},
		{Name: "trial-failed", Path: at + "/test"}, {Name: "trial-lacks", Path: "/signin/providers/saml/test"}, {Name: "trial-passed", Path: "/signin/providers/entra/test"},
	}
}
