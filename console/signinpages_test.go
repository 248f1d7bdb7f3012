package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
)

func (w *world) clients() []sso.Client {
	w.Helper()
	all, err := w.operator.Clients(w.Context(), operate.Machine(w.tenant))
	w.must(err)
	return all
}

func (w *world) clientNamed(name string) sso.Client {
	w.Helper()
	for _, c := range w.clients() {
		if c.Name == name {
			return c
		}
	}
	w.Fatalf("there is no application %s", name)
	return sso.Client{}
}

// TestSAMLApps: an application that speaks SAML is added by its metadata, by Webex's organisation or by hand, and reads the same after it is saved;
// what is wrong stands beside its field.
func TestSAMLApps(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const page = "/signin/addapp?kind=saml"
	checkPage(t, b.get(page))
	const metadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://wiki.example/saml"><SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
		<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://wiki.example/soap"/>
		<AssertionConsumerService index="3" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://wiki.example/acs"/></SPSSODescriptor></EntityDescriptor>`
	for _, c := range []struct {
		field, sentence string
		sent            []string
	}{
		{"name", "Give it a name", []string{"name", "", "metadata", metadata}},
		{"metadata", "Give its metadata", []string{"name", "Wiki"}},
		{"metadata", "not well-formed", []string{"name", "Wiki", "metadata", "<a"}},
		{"metadata", "not an absolute address", []string{"name", "Wiki", "metadata", "nothing"}},
		{"attributes", "not of the form", []string{"name", "Wiki", "metadata", metadata, "attributes", "mail"}},
		{"attributes", "neither a claim", []string{"name", "Wiki", "metadata", metadata, "attributes", "x=password"}},
		{"acs", "needs an address", []string{"name", "Wiki", "entity", "https://wiki.example"}},
		{"entity", "absolute address or URN", []string{"name", "Wiki", "entity", "wiki", "acs", "https://wiki.example/acs"}},
		{"certificates", "PEM", []string{"name", "Wiki", "entity", "https://wiki.example", "acs", "https://wiki.example/acs", "certificates", "x"}},
		{"nameidfrom", "name one", []string{"name", "Wiki", "entity", "https://wiki.example", "acs", "https://wiki.example/acs", "nameid", "unspecified"}},
		{"context", "is a URI", []string{"name", "Wiki", "entity", "https://wiki.example", "acs", "https://wiki.example/acs", "context", "x y"}},
	} {
		wrong := b.post(page, c.sent...).is(http.StatusUnprocessableEntity)
		if e := wrong.has("p", c.sentence); e.attr["id"] != "f-"+c.field+"-error" {
			t.Errorf("%q stands at %v, not at %s", c.sentence, e.attr, c.field)
		}
		checkPage(t, wrong)
	}
	made := b.post(page, "name", "Wiki", "id", "wiki", "metadata", metadata, "attributes", "mail=email\ngroups=groups").is(http.StatusOK)
	made.has("code", w.server.URL+"/sso/acme/saml/metadata")
	checkPage(t, made)
	c := w.clientNamed("Wiki")
	if c.SAML.Entity != "https://wiki.example/saml" || c.SAML.ACS[0].Index != 3 || c.SAML.LogoutSOAP != "https://wiki.example/soap" || len(c.SAML.Attributes) != 2 || len(c.SAML.Salt) != 32 {
		t.Errorf("%+v", c.SAML)
	}
	sent := []string{
		"name", "The Wiki", "entity", "https://wiki.example/saml2", "acs", "https://wiki.example/acs https://wiki.example/acs2", "attributes", "mail|E-mail=email", "nameid", "unspecified", "nameidfrom", "userName",
		"slo", "https://wiki.example/slo", "sloreturn", "https://wiki.example/back", "slosoap", "", "context", "asked", "signall", "on", "start", "on", "relay", "home", "disabled", "on",
	}
	b.post("/signin/apps/wiki", sent...).to("/signin/apps/wiki?said=saved")
	again := b.get("/signin/apps/wiki")
	for i := 0; i < len(sent); i += 2 {
		if got := again.value(sent[i]); got != sent[i+1] {
			t.Errorf("%s is %q after saving %q", sent[i], got, sent[i+1])
		}
	}
	if next := w.clientNamed("The Wiki"); !slices.Equal(next.SAML.Salt, c.SAML.Salt) || next.SAML.ACS[0].Index != 3 {
		t.Error("the salt or the index of an address was changed")
	}
	again.has("h2", "When somebody leaves")
	checkPage(t, again)
	b.post("/signin/apps/wiki", "name", "Wiki", "entity", "x", "metadata", metadata).to("/signin/apps/wiki?said=saved") // read again
	if next := w.clientNamed("Wiki"); next.SAML.Entity != "https://wiki.example/saml" || next.SAML.LogoutSOAP == "" {
		t.Errorf("%+v", next.SAML)
	}
	b.post(page, "name", "Webex", "id", "webex", "webex", "9a1b2c3d").is(http.StatusOK)
	b.get("/signin/apps/webex").has("h2", "Assumed")
	b.post(page, "name", "Twice", "metadata", metadata).is(http.StatusUnprocessableEntity)
	b.get("/signin/apps").has("span", "SAML 2.0")
}

// TestProxyApps: an application behind a proxy is added by its hosts, and reads the same after it is saved.
func TestProxyApps(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const page = "/signin/addapp?kind=proxy"
	checkPage(t, b.get(page))
	b.post(page, "name", "Wiki", "headers", "Remote-User=sub").is(http.StatusUnprocessableEntity).has("p", "Name a host")
	b.post(page, "name", "Wiki", "hosts", "wiki.example/path", "headers", "Remote-User=sub").is(http.StatusUnprocessableEntity).has("p", "without a path")
	b.post(page, "name", "Wiki", "hosts", "wiki.example", "headers", "Cookie=sub").is(http.StatusUnprocessableEntity).has("p", "cannot be the name of a header")
	made := b.post(page, "name", "Wiki", "id", "wiki", "hosts", "Wiki.example\nhttps://docs.example/", "headers", "Remote-User=preferred_username").is(http.StatusOK)
	made.has("code", w.server.URL+"/sso/acme/proxy/wiki/forward")
	checkPage(t, made)
	sent := []string{"name", "The Wiki", "hosts", "https://wiki.example https://docs.example", "headers", "Remote-User=sub X-Groups=groups", "after", "https://www.example/"}
	b.post("/signin/apps/wiki", "name", "The Wiki", "hosts", "wiki.example\ndocs.example", "headers", "Remote-User=sub\nX-Groups=groups", "after", "https://www.example/").to("/signin/apps/wiki?said=saved")
	again := b.get("/signin/apps/wiki")
	for i := 0; i < len(sent); i += 2 {
		if got := again.value(sent[i]); got != sent[i+1] {
			t.Errorf("%s is %q after saving %q", sent[i], got, sent[i+1])
		}
	}
	checkPage(t, again)
}

// TestRelyingApps: an application is added with a secret that is shown once, reads the same after it is saved, gets a new secret, and is
// deleted by its name.
func TestRelyingApps(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	for _, alias := range []string{"webex", "okta"} {
		b.post("/signin/add/oidc", "name", alias, "alias", alias).is(http.StatusSeeOther)
	}
	b.get("/signin/apps").has("strong", "No application signs people in here yet.")
	checkPage(t, b.get("/signin/addapp"))
	wrong := b.post("/signin/addapp", "name", "Recorder", "redirects", "https://a.example/cb\nhttp://b.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusUnprocessableEntity)
	if e := wrong.has("p", "is not https"); e.attr["id"] != "f-redirects-error" || !strings.Contains(wrong.value("redirects"), "http://b.example/cb") {
		t.Errorf("it stands at %v", e.attr)
	}
	checkPage(t, wrong)
	b.post("/signin/addapp", "name", "", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusUnprocessableEntity).has("p", "Give it a name")
	b.post("/signin/addapp", "name", "X", "redirects", "", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusUnprocessableEntity).has("a", "Redirect URIs")
	b.post("/signin/addapp", "name", "X", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256").is(http.StatusUnprocessableEntity).has("p", "Tick at least one")
	made := b.post("/signin/addapp", "name", "Recorder", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on", "refresh", "on").is(http.StatusOK)
	c := w.clients()[0]
	secret := func(a *answer) string {
		for _, e := range a.elements() {
			if text := e.attr["data-copy"]; text != "" && token.HashOf(text) == w.clients()[0].Secret {
				return text
			}
		}
		t.Fatalf("no secret is shown: %s", a.says())
		return ""
	}
	first := secret(made)
	made.has("code", w.server.URL+"/sso/acme/.well-known/openid-configuration")
	made.has("code", string(c.ID))
	checkPage(t, made)

	at := "/signin/apps/" + string(c.ID)
	sent := []string{
		"name", "Call recorder", "redirects", "https://a.example/cb\nhttps://a.example/cb2", "after", "https://a.example/bye", "logout", "https://a.example/logout", "provider", "okta",
		"allow-webex", "on", "token", "jwt", "alg", "ES256", "code", "on", "refresh", "on", "credentials", "on", "scopes", "read write", "audience", "https://api.example", "nopkce", "on", "pushed", "on", "disabled", "on",
		"revocation", "https://a.example/revoke",
	}
	b.post(at, sent...).to(at + "?said=saved")
	again := b.get(at)
	for i := 0; i < len(sent); i += 2 {
		if got := again.value(sent[i]); got != strings.ReplaceAll(sent[i+1], "\n", " ") {
			t.Errorf("%s is %q after saving %q", sent[i], got, sent[i+1])
		}
	}
	again.has("span", "Disabled")
	if strings.Contains(again.body, first) {
		t.Error("the secret is shown again")
	}
	checkPage(t, again)
	if c = w.clients()[0]; len(c.Redirects) != 2 || c.Token != sso.SignedJWT || !c.May(sso.GrantCredentials) || !c.Disabled || len(c.Allowed) != 1 || c.Secret != token.HashOf(first) {
		t.Errorf("got %+v", c)
	}
	bad := slices.Clone(sent)
	bad[7] = "ftp://a.example/logout"
	refused := b.post(at, bad...).is(http.StatusUnprocessableEntity)
	if refused.has("p", "scheme").attr["id"] != "f-logout-error" {
		t.Error("it stands elsewhere")
	}
	rotated := b.post(at+"/rotate", "hours", "24").is(http.StatusOK)
	if second := secret(rotated); second == first || !w.clients()[0].Former.Ends.After(time.Now()) {
		t.Error("the secret is the old one, or that does not work any longer")
	}
	b.post(at+"/rotate", "hours", "x").is(http.StatusBadRequest)
	list := b.get("/signin/apps")
	list.has("a", "Call recorder")
	checkPage(t, list)
	b.post(at+"/delete", "sure", "x").is(http.StatusUnprocessableEntity).has("li", "It was not deleted")
	b.post(at+"/delete", "sure", "Call recorder").to("/signin/apps?said=app-deleted")
	b.get(at).is(http.StatusNotFound)
}

// signedInTo has somebody signed in to an application, in a session of its own.
func (w *world) signedInTo(user lockstep.UserID, provider sso.ProviderID, client sso.ClientID, cookie string) sso.SessionID {
	w.Helper()
	found, err := w.db.Users(w.Context(), w.tenant, directory.UserQuery{IDs: []lockstep.UserID{user}})
	w.must(err)
	who := sso.Person{User: user, Epoch: found[0].AuthEpoch}
	x := sso.Session{ID: lockstep.NewID[sso.SessionID](), Hash: token.HashOf(cookie), Person: who, Provider: provider, Issuer: "i", Subject: "s", AuthTime: w.now(), Began: w.now(), Seen: w.now(), Expires: w.now().Add(time.Hour)}
	g := sso.Grant{
		ID: lockstep.NewID[sso.GrantID](), Client: client, Person: who, Session: x.ID, Scopes: []string{"openid"}, AuthTime: w.now(), Redirect: "https://a.example/cb", Code: token.HashOf(cookie + " code"),
		CodeEnds: w.now().Add(time.Minute), Expires: w.now().Add(time.Hour),
	}
	_, err = w.db.SSO().SaveLogin(w.Context(), sso.Login{Tenant: w.tenant, ID: lockstep.NewID[sso.LoginID](), Step: sso.StepEnded, Expires: w.now().Add(time.Hour)}, sso.Finish{Session: &x, Grant: &g})
	w.must(err)
	w.must(w.db.SSO().Redeem(w.Context(), w.tenant, g.ID, nil))
	return x.ID
}

// TestSessionsPage: who is signed in, through what and to what; one session is ended, then all of a person, and the page says who is told.
func TestSessionsPage(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.get("/signin/sessions").has("strong", "Nobody is signed in.")
	b.post("/signin/add/webexcc", "name", "", "alias", "webex").is(http.StatusSeeOther)
	b.post("/signin/addapp", "name", "Recorder", "redirects", "https://a.example/cb", "logout", "https://a.example/logout", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusOK)
	kept, err := w.db.SSO().ProviderByAlias(t.Context(), w.tenant, "webex")
	w.must(err)
	kept.State = sso.Enabled
	_, err = w.db.SSO().PutProvider(t.Context(), nobody, kept)
	w.must(err)
	via, to := kept.ID, w.clients()[0].ID
	ada, eve := w.user("ada@acme.example"), w.user("eve@acme.example")
	one := w.signedInTo(ada, via, to, "1")
	w.signedInTo(ada, via, to, "2")
	w.signedInTo(eve, via, to, "3")
	list := b.get("/signin/sessions")
	if row := list.has("tr", "Eve Outside"); !strings.Contains(row.text, "Webex CC") || !strings.Contains(row.text, "Recorder") {
		t.Errorf("the row says %q", row.text)
	}
	checkPage(t, list)
	b.get("/signin/sessions?q=nobody@acme.example").has("strong", "Nobody has that user name or address.")
	hers := b.get("/signin/sessions?q=ada@acme.example")
	hers.hasNot("td", "Eve Outside")
	hers.has("button", "End 2 sessions")
	checkPage(t, hers)
	b.post("/signin/sessions/end", "session", string(one)).to("/signin/sessions?said=session-ended")
	if n := len(w.sessionsOf(ada)); n != 1 {
		t.Errorf("Ada has %d sessions", n)
	}
	b.post("/signin/sessions/end", "person", string(ada)).to("/signin/sessions?said=session-ended")
	if len(w.sessionsOf(ada)) != 0 || len(w.sessionsOf(eve)) != 1 {
		t.Error("others were ended, or not all")
	}
	b.post("/signin/sessions/end").is(http.StatusBadRequest)
	after := b.get("/signin/sessions?said=session-ended")
	after.has("h2", "Sign-outs")
	if row := after.has("tr", "Ended by an administrator"); !strings.Contains(row.text, "0 of 1, being tried") {
		t.Errorf("the row says %q", row.text)
	}
	checkPage(t, after)
}

func (w *world) sessionsOf(u lockstep.UserID) []sso.Session {
	w.Helper()
	all, err := w.operator.PersonSessions(w.Context(), operate.Machine(w.tenant), u)
	w.must(err)
	return all
}

// TestAttempts: sign-ins are found by outcome, provider, person and reference, page by page, and one is shown stage by stage.
func TestAttempts(t *testing.T) {
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.get("/signin/attempts").has("strong", "Nobody has tried to sign in yet.")
	for _, alias := range []string{"webex", "okta"} {
		b.post("/signin/add/oidc", "name", alias, "alias", alias).is(http.StatusSeeOther)
	}
	b.post("/signin/addapp", "name", "Recorder", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on").is(http.StatusOK)
	app, ada := w.clients()[0].ID, w.user("ada@acme.example")
	for range 60 {
		w.traced(sso.Trace{Client: app, Provider: w.provider("webex").ID, Outcome: sso.OutcomeSigned, User: ada})
	}
	ref := w.traced(sso.Trace{Client: app, Provider: w.provider("okta").ID, Outcome: sso.OutcomeRefused, Code: lockstep.CodeSSOUnknown, Detail: "nobody has the address <x@y.example>", Stages: []sso.Stage{
		{Name: "authorize", OK: true, Facts: map[string]string{"client": string(app)}}, {Name: "authorize", OK: true}, {Name: "token", OK: true, Facts: map[string]string{"claim email": "<x@y.example>"}},
		{Name: "match", Code: lockstep.CodeSSOUnknown, Detail: "nobody has the address <x@y.example>"},
	}})
	list := b.get("/signin/attempts")
	list.has("span", "Refused")
	list.has("a", "Next page")
	if n := len(list.find("a", "Stages")); n != 50 {
		t.Errorf("%d on the first page", n)
	}
	checkPage(t, list)
	if n := len(b.get(list.has("a", "Next page").attr["href"]).find("a", "Stages")); n != 11 {
		t.Errorf("%d on the second page", n)
	}
	refused := b.get("/signin/attempts?show=refused")
	if n := len(refused.find("a", "Stages")); n != 1 {
		t.Errorf("%d were refused", n)
	}
	if n := len(b.get("/signin/attempts?provider=okta").find("a", "Stages")); n != 1 {
		t.Errorf("%d through okta", n)
	}
	if n := len(b.get("/signin/attempts?q=ada@acme.example").find("a", "Stages")); n != 50 {
		t.Errorf("%d of Ada", n)
	}
	b.get("/signin/attempts?q=nobody").has("strong", "No attempt has that reference")
	b.get("/signin/attempts?show=tests").has("strong", "No attempt is like that.")
	b.get("/signin/attempts?show=x").is(http.StatusBadRequest)
	b.get("/signin/attempts?before=x").is(http.StatusBadRequest)
	b.get("/signin/attempts?q=" + string(ref)).to("/signin/attempts/" + string(ref))
	one := b.get("/signin/attempts/" + string(ref))
	one.has("strong", "Asked for by the application")
	one.has("p", "Nobody has the address <x@y.example>.")
	one.has("a", "Recorder")
	checkPage(t, one)
	b.get("/signin/attempts/" + string(lockstep.NewID[sso.LoginID]())).is(http.StatusNotFound)
	other := w.signedIn(lockstepTenant(w))
	other.get("/signin/attempts/" + string(ref)).is(http.StatusNotFound)
	other.get("/signin/attempts").has("strong", "Nobody has tried to sign in yet.")
}

// TestLoginPagePreview: the preview has the buttons of the login page in their order, for an application and a language, and buttons are moved
// and hidden.
func TestLoginPagePreview(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.get("/signin/page").has("p", "Nobody can sign in")
	for _, alias := range []string{"alpha", "beta", "gamma"} {
		b.post("/signin/add/oidc", "name", "Way "+alias, "alias", alias).is(http.StatusSeeOther)
		b.post("/signin/providers/"+alias, "name", "Way "+alias, "policy", "imported", "order", "0", "set-client_id", "C", "secret-client_secret", "x", "set-issuer", "https://i.example",
			"set-authorize_url", "https://i.example/a", "set-token_url", "https://i.example/t", "set-jwks_url", "https://i.example/k", "do", "save").is(http.StatusSeeOther)
		b.post("/signin/providers/"+alias+"/state", "do", "untested").is(http.StatusSeeOther)
	}
	preview := func(query string) string {
		a := b.get("/signin/page" + query)
		checkPage(t, a)
		for _, e := range a.elements() {
			if e.attr["class"] == "preview" {
				return e.attr["aria-label"]
			}
		}
		return ""
	}
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("it shows %q, want %q", got, want)
		}
	}
	is(preview(""), "The login page: a button Way alpha, a button Way beta, a button Way gamma")
	b.post("/signin/page", "alias", "gamma", "do", "up").to("/signin/page?said=saved")
	b.post("/signin/page", "alias", "gamma", "do", "up").to("/signin/page?said=saved")
	b.post("/signin/page", "alias", "gamma", "do", "up").to("/signin/page?said=saved") // it is the first
	is(preview(""), "The login page: a button Way gamma, a button Way alpha, a button Way beta")
	b.post("/signin/page", "alias", "gamma", "do", "down").to("/signin/page?said=saved")
	is(preview(""), "The login page: a button Way alpha, a button Way gamma, a button Way beta")
	b.post("/signin/page", "alias", "alpha", "do", "hide").to("/signin/page?said=saved")
	is(preview(""), "The login page: a button Way gamma, a button Way beta")
	b.post("/signin/add/local", "name", "", "alias", "local").is(http.StatusSeeOther)
	b.post("/signin/providers/local/state", "do", "enable").is(http.StatusSeeOther)
	is(preview("?lang=de"), "The login page: a form for name and password, a button Way gamma, a button Way beta")
	b.get("/signin/page?lang=de").has("p", "Anmelden")
	b.post("/signin/addapp", "name", "Recorder", "redirects", "https://a.example/cb", "auth", "client_secret_basic", "token", "opaque", "alg", "RS256", "code", "on", "provider", "alpha").is(http.StatusOK)
	is(preview("?app="+string(w.clients()[0].ID)), "The login page: a button Way alpha") // it is bound to the hidden one
	b.post("/signin/page", "alias", "alpha", "do", "show").to("/signin/page?said=saved")
	b.post("/signin/page", "alias", "alpha", "do", "dance").is(http.StatusBadRequest)
	b.post("/signin/page", "alias", "nobody", "do", "up").is(http.StatusNotFound)
	if lines, err := w.db.Audit(t.Context(), w.tenant, store.AuditQuery{Limit: 5}); err != nil || len(lines) == 0 || lines[0].Object != "identity provider" {
		t.Errorf("the audit log has %v, %v", lines, err)
	}
}
