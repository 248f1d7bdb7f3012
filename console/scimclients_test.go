package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim/conform"
	"lockstep/sso"
	"lockstep/token"
)

// setCalls has clients asked something.
func (w *world) setCalls(c operate.SCIMCalls) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = c
}

// holding is a browser of whoever has a token with these rights.
func (w *world) holding(scopes string) *browser {
	w.Helper()
	_, text, err := w.operator.CreateToken(w.Context(), operate.Machine(w.tenant), operate.NewToken{Name: scopes, Kind: token.KindAPI, Scopes: scopes})
	w.must(err)
	who, err := w.operator.Bearer(w.Context(), text)
	w.must(err)
	link, err := w.operator.Link(w.Context(), who, "")
	w.must(err)
	b := w.newBrowser()
	b.enter(strings.TrimPrefix(link, w.server.URL)).is(http.StatusSeeOther)
	return b
}

// scimEntry is the client of a name.
func (w *world) scimEntry(name string) operate.TokenEntry {
	w.Helper()
	e, err := w.operator.Token(w.Context(), operate.Machine(w.tenant), name)
	w.must(err)
	return e
}

// TestSCIMProducts: each product is set up in its own words, with a token of its own that is shown once, and the profile that suits it.
func TestSCIMProducts(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	gallery := b.get("/inbound/add").is(http.StatusOK)
	checkPage(t, gallery)
	for product, c := range map[string]struct {
		profile token.Profile
		words   []string
	}{
		"entra":    {token.Entra, []string{"Tenant URL", "Secret Token"}},
		"okta":     {token.Okta, []string{"SCIM connector base URL", "Unique identifier field for users", "Supported provisioning actions", "Authentication Mode"}},
		"onelogin": {token.Generic, []string{"SCIM Base URL", "SCIM JSON Template", "SCIM Bearer Token"}},
		"ping":     {token.Generic, []string{"SCIM Base URL", "Users Resource", "OAuth Access Token"}},
		"other":    {token.Generic, []string{"Base URL", "Bearer token"}},
	} {
		gallery.link("/inbound/add/" + product)
		form := b.get("/inbound/add/" + product).is(http.StatusOK)
		checkPage(t, form)
		if got := form.value("profile"); got != string(c.profile) {
			t.Errorf("%s gets the profile %s, want %s", product, got, c.profile)
		}
		name := "of " + product
		made := b.post("/inbound/add/"+product, "name", name, "days", "90", "scope", "scim:write", "profile", string(c.profile), "rate", "25").is(http.StatusOK)
		checkPage(t, made)
		if got := made.resp.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("the page with the secret: Cache-Control %q", got)
		}
		for _, word := range c.words {
			made.has("dt", word)
		}
		made.has("code", w.server.URL+"/scim/acme/v2")
		text := made.has("code", "lkp_").text
		e := w.scimEntry(name)
		if half, err := e.Match(text, w.now()); half != token.Current || err != nil || e.Product != token.Product(product) || e.Profile != c.profile || e.Rate != 25 || e.Expires.IsZero() {
			t.Errorf("%s is kept as %+v; %v", product, e, err)
		}
		again := b.get("/inbound/clients/" + string(e.ID)).is(http.StatusOK)
		checkPage(t, again)
		again.has("h2", "Waiting for its first request")
		if says := len(again.find("p", "public https addresses alone")) > 0; says != (product != "other") {
			t.Errorf("%s: it says that the address cannot be reached: %t", product, says)
		}
		if strings.Contains(again.body, text) {
			t.Errorf("%s: the secret is shown again", product)
		}
	}
	b.get("/inbound/add/nobody").is(http.StatusNotFound)
}

// link finds the link to a path.
func (a *answer) link(path string) {
	a.Helper()
	if !slices.ContainsFunc(a.elements(), func(e *element) bool { return e.tag == "a" && e.attr["href"] == path }) {
		a.Errorf("%s has no link to %s", a.what, path)
	}
}

// TestSCIMNewClientRefused: what is wrong stands beside its field, what was written stays, and nothing is left behind.
func TestSCIMNewClientRefused(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	w.scimToken("taken", time.Time{})
	for _, c := range []struct{ path, field, value, says string }{
		{"/inbound/add/entra", "name", "", "Give it a name"},
		{"/inbound/add/entra", "name", "taken", "of this name already"},
		{"/inbound/add/entra", "days", "9999", "Choose one."},
		{"/inbound/add/entra", "scope", "*:*", "Choose one."},
		{"/inbound/add/entra", "rate", "-1", "from 0 to"},
		{"/inbound/add/entra", "rate", "0.01", "between 0.1 and"},
		{"/inbound/add/entra", "profile", "ipsie", "access tokens"},
		{"/inbound/add/other?by=issuer", "issuer", "", "Say who makes its tokens."},
		{"/inbound/add/other?by=issuer", "issuer", "ftp://x", "An issuer is an https address"},
		{"/inbound/add/other?by=issuer", "audience", "", "whom the issuer"},
		{"/inbound/add/entra?by=issuer", "subject", "", "Say whose tokens they are"},
	} {
		values := map[string]string{"name": "new", "days": "0", "scope": "scim:write", "profile": "generic", "rate": "", "issuer": "https://i.example", "audience": "https://a.example", "subject": "s"}
		if strings.Contains(c.path, "entra?") {
			values["plain"] = "on"
		}
		values[c.field] = c.value
		var sent []string
		for name, v := range values {
			sent = append(sent, name, v)
		}
		a := b.post(c.path, sent...).is(http.StatusUnprocessableEntity)
		checkPage(t, a)
		a.has("bdi", c.says)
		if c.field != "name" && a.value("name") != "new" {
			t.Errorf("%s: what was written is gone", c.field)
		}
	}
	all, err := w.operator.ListTokens(t.Context(), operate.Machine(w.tenant))
	w.must(err)
	if len(all) != 1 {
		t.Errorf("%d tokens are left", len(all))
	}
}

// TestSCIMOAuthClient: with a secret or a key an application comes with the client, and goes again when the client cannot be made; with an issuer
// there is nothing secret.
func TestSCIMOAuthClient(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	values := func(name string, more ...string) []string {
		return append([]string{"name", name, "days", "0", "scope", "scim:write", "profile", "entra", "rate", ""}, more...)
	}
	made := b.post("/inbound/add/entra?by=secret", values("entra", "auth", "client_secret_post")...).is(http.StatusOK)
	checkPage(t, made)
	for _, word := range []string{"Tenant URL", "Token Endpoint", "Client Identifier", "Client Secret", "Authentication method"} {
		made.has("dt", word)
	}
	e := w.scimEntry("entra")
	c, err := w.operator.Client(t.Context(), operate.Machine(w.tenant), e.OAuth.Client)
	w.must(err)
	if c.Auth != sso.AuthPost || !slices.Equal(c.Scopes, []string{"scim"}) || !slices.Equal(c.Grants, []sso.GrantType{sso.GrantCredentials}) {
		t.Errorf("the application is %+v", c)
	}
	at := "/inbound/clients/" + string(e.ID)
	again := b.get(at).is(http.StatusOK)
	checkPage(t, again)
	again.has("code", string(c.ID))
	again.has("code", "/token")
	again.has("p", "It was shown once.")
	of := again.value("of")
	rotated := b.post(at+"/rotate", "of", of, "overlap", "24").is(http.StatusOK)
	rotated.has("span", "shown this once")
	b.post(at+"/rotate", "of", of, "overlap", "24").is(http.StatusConflict)
	checkPage(t, b.get(at+"/settings").is(http.StatusOK))

	b.post("/inbound/add/other?by=key", values("payroll", "keysuri", "https://payroll.example.com/jwks", "keys", "", "assertion", "ES256")...).is(http.StatusSeeOther)
	key := w.scimEntry("payroll")
	page := b.get("/inbound/clients/" + string(key.ID)).is(http.StatusOK)
	checkPage(t, page)
	page.has("dt", "Client ID")
	page.hasNot("button", "New secret")
	b.post("/inbound/add/other?by=key", values("nokey", "keysuri", "", "keys", "", "assertion", "ES256")...).is(http.StatusUnprocessableEntity)
	b.post("/inbound/add/other?by=issuer", values("okta", "issuer", "https://acme.okta.com/oauth2/default", "audience", "https://id.example.com/scim", "subject", "0oa1", "asks", "", "alg", "RS256")...).is(http.StatusSeeOther)
	o := w.scimEntry("okta").OAuth
	if want := (token.OAuth{Issuer: "https://acme.okta.com/oauth2/default", Audience: "https://id.example.com/scim", Subject: "0oa1", Alg: token.RS256}); o != want {
		t.Errorf("kept %+v, want %+v", o, want)
	}
	before, err := w.operator.Clients(t.Context(), operate.Machine(w.tenant))
	w.must(err)
	b.post("/inbound/add/entra?by=secret", "name", "broken", "days", "0", "scope", "scim:write", "profile", "nonsense", "rate", "", "auth", "client_secret_post").is(http.StatusUnprocessableEntity)
	after, err := w.operator.Clients(t.Context(), operate.Machine(w.tenant))
	w.must(err)
	if len(after) != len(before) {
		t.Errorf("%d applications, before %d: one of a client that could not be made is left", len(after), len(before))
	}
}

// TestSCIMConsentClient: a client like Okta comes with an application that administrators let in; who has consented is on its page, and ended there.
func TestSCIMConsentClient(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	checkPage(t, b.get("/inbound/add/okta?by=consent").is(http.StatusOK))
	form := []string{"name", "okta", "days", "0", "scope", "scim:write", "profile", "okta", "rate", "", "auth", "client_secret_post"}
	b.post("/inbound/add/okta?by=consent", append(form, "redirect", "")...).is(http.StatusUnprocessableEntity)
	b.post("/inbound/add/okta?by=consent", append(form, "redirect", "http://okta.example/cb")...).is(http.StatusUnprocessableEntity)
	made := b.post("/inbound/add/okta?by=consent", append(form, "redirect", "https://okta.example/cb")...).is(http.StatusOK)
	checkPage(t, made)
	for _, word := range []string{"Authorization endpoint URI", "Access token endpoint URI", "Client Secret"} {
		made.has("dt", word)
	}
	e := w.scimEntry("okta")
	c, err := w.operator.Client(t.Context(), operate.Machine(w.tenant), e.OAuth.Client)
	w.must(err)
	if !c.NoPKCE || !c.May(sso.GrantCode) || !c.May(sso.GrantRefresh) || c.May(sso.GrantCredentials) || !slices.Equal(c.Scopes, []string{"scim"}) {
		t.Errorf("the application is %+v", c)
	}
	at := "/inbound/clients/" + string(e.ID)
	b.get(at).is(http.StatusOK).has("p", "Nobody has consented yet")

	rows, now := w.db.SSO(), time.Now()
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	u.Attributes.Set("userName", "ada@acme.example")
	_, err = w.db.Commit(t.Context(), w.tenant, audit.Actor{}, "", directory.PutUser{User: u})
	w.must(err)
	p, err := rows.PutProvider(t.Context(), audit.Actor{}, sso.Provider{ID: lockstep.NewID[sso.ProviderID](), Tenant: w.tenant, Alias: "passwords", Kind: sso.KindLocal, Name: "Passwords", State: sso.Enabled})
	w.must(err)
	person := sso.Person{User: u.ID}
	session := sso.Session{ID: lockstep.NewID[sso.SessionID](), Hash: token.HashOf("cookie"), Person: person, Provider: p.ID, Began: now, Seen: now, AuthTime: now, Expires: now.Add(time.Hour)}
	grant := sso.Grant{ID: lockstep.NewID[sso.GrantID](), Client: c.ID, Person: person, Session: session.ID, Scopes: []string{"scim"}, AuthTime: now, Code: token.HashOf("code"), CodeEnds: now.Add(time.Hour), Expires: now.Add(time.Hour)}
	_, err = rows.SaveLogin(t.Context(), sso.Login{Tenant: w.tenant, ID: lockstep.NewID[sso.LoginID](), Expires: now.Add(time.Hour), Step: sso.StepEnded}, sso.Finish{Session: &session, Grant: &grant})
	w.must(err)
	w.must(rows.Redeem(t.Context(), w.tenant, grant.ID, nil))
	page := b.get(at).is(http.StatusOK)
	checkPage(t, page)
	page.has("bdi", "ada@acme.example")
	b.post(at+"/consent", "consent", "another").is(http.StatusNotFound)
	b.post(at+"/consent", "consent", string(grant.ID)).to(at + "?said=consent-ended")
	b.get(at).is(http.StatusOK).has("p", "Nobody has consented yet")
}

// TestSCIMClientSettings: what is saved is there again, and a revoked client is gone.
func TestSCIMClientSettings(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	k, _ := w.scimToken("entra", time.Time{})
	at := "/inbound/clients/" + string(k.ID)
	for _, c := range [][3]string{{"okta", "okta", "12.5"}, {"ping", "interop", ""}, {"other", "generic", "0.5"}} {
		b.post(at+"/settings", "product", c[0], "profile", c[1], "rate", c[2]).to(at + "/settings?said=saved")
		a := b.get(at + "/settings").is(http.StatusOK)
		checkPage(t, a)
		if got := [3]string{a.value("product"), a.value("profile"), a.value("rate")}; got != c {
			t.Errorf("saved %v, shown %v", c, got)
		}
	}
	for _, c := range [][3]string{{"okta", "ipsie", ""}, {"okta", "okta", "-3"}, {"sap", "okta", ""}} {
		b.post(at+"/settings", "product", c[0], "profile", c[1], "rate", c[2]).is(http.StatusUnprocessableEntity)
	}
	if e := w.scimEntry("entra"); e.Rate != 0.5 || e.Product != token.ProductOther {
		t.Errorf("a refused form has changed %+v", e)
	}
	b.post("/tokens/" + string(k.ID) + "/revoke").to("/inbound?said=revoked")
	b.get(at).is(http.StatusNotFound)
	b.get("/inbound").hasNot("strong", "entra")
}

// TestSCIMClientState: the page says how a client stands, and what to do about it, by its last requests.
func TestSCIMClientState(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	k, _ := w.scimToken("entra", time.Time{})
	other, _ := w.scimToken("other", time.Time{})
	w.later(time.Hour)
	call := func(minutes, status int, path, kind, detail string) operate.SCIMCall {
		return operate.SCIMCall{At: w.now().Add(time.Duration(minutes) * time.Minute), Method: "GET", Path: path, Status: status, Agent: "robot/2", Type: kind, Detail: detail}
	}
	served := call(-20, 200, "/Users", "", "")
	stranger := func(minutes int, why operate.StrangerReason, id lockstep.TokenID) *operate.Stranger {
		return &operate.Stranger{SCIMCall: call(minutes, 401, "/Users", "", ""), Token: id, Why: why}
	}
	for name, c := range map[string]struct {
		calls    operate.ClientCalls
		stranger *operate.Stranger
		title    string
		mend     string
	}{
		"nothing yet":              {title: "Waiting for its first request"},
		"served":                   {calls: operate.ClientCalls{First: served, Last: served}, title: "Its first request has come"},
		"refused first":            {calls: operate.ClientCalls{Refused: call(-1, 400, "/Users", "invalidFilter", "no such filter")}, title: "Its last request was refused", mend: "The client's filter cannot be read"},
		"refused later":            {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 429, "/Users", "", "")}, title: "Its last request was refused", mend: "4 requests a second"},
		"refused before":           {calls: operate.ClientCalls{First: served, Last: call(-1, 200, "/Users", "", ""), Refused: call(-5, 401, "/Users", "", "")}, title: "Its first request has come"},
		"somebody is not there":    {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 404, "/Users/1", "", "")}, title: "Its first request has come"},
		"the address is not whole": {calls: operate.ClientCalls{Refused: call(-1, 404, "/v2/Users", "", "")}, title: "Its last request was refused", mend: "Copy it again"},
		"a former secret":          {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 401, "/Users", "former", "")}, title: "Its last request was refused", mend: "the last rotation"},
		"a taken name":             {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 409, "/Users", "uniqueness", "")}, title: "Its last request was refused", mend: "match by userName"},
		"no such member":           {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 400, "/Groups/1", "invalidValue", "There is no member 7")}, title: "Its last request was refused", mend: "the profile okta"},
		"reads alone":              {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 403, "/Users", "", "")}, title: "Its last request was refused"},
		"a failure of ours":        {calls: operate.ClientCalls{First: served, Last: served, Refused: call(-1, 500, "/Users", "", "")}, title: "Its last request was refused", mend: "a failure of the server"},
		"cut off":                  {stranger: stranger(-1, operate.StrangerBroken, ""), title: "Somebody called, and was not let in", mend: "a part is missing"},
		"nothing shown":            {stranger: stranger(-1, operate.StrangerNothing, ""), title: "Somebody called, and was not let in", mend: "showed no token"},
		"an older secret":          {calls: operate.ClientCalls{First: served, Last: served}, stranger: stranger(-1, operate.StrangerSecret, k.ID), title: "It called, and was not let in", mend: "an older secret"},
		"another's":                {stranger: stranger(-1, operate.StrangerSecret, other.ID), title: "Waiting for its first request"},
		"before it was made":       {stranger: stranger(-70, operate.StrangerNothing, ""), title: "Waiting for its first request"},
		"a stranger to who works":  {calls: operate.ClientCalls{First: served, Last: served}, stranger: stranger(-1, operate.StrangerText, ""), title: "Its first request has come"},
	} {
		t.Run(name, func(t *testing.T) {
			w.setCalls(operate.SCIMCalls{Clients: map[lockstep.TokenID]operate.ClientCalls{k.ID: c.calls}, Stranger: c.stranger, Rate: 4})
			a := b.get("/inbound/clients/" + string(k.ID)).is(http.StatusOK)
			checkPage(t, a)
			titles := a.find("h2", c.title)
			if len(titles) != 1 || titles[0].attr["id"] != "state-title" {
				t.Errorf("the page does not say %q", c.title)
			}
			if c.mend != "" {
				a.has("p", c.mend)
			} else if strings.Contains(a.body, "What to do:") && c.title != "Its last request was refused" {
				t.Error("there is something to do")
			}
			b.get("/inbound").is(http.StatusOK)
		})
	}
}

// TestSCIMClientRights: whoever may not change tokens sees how clients stand and changes nothing, and who has no right to tokens sees nothing.
func TestSCIMClientRights(t *testing.T) {
	w := newWorld(t, 0)
	k, _ := w.scimToken("entra", time.Time{})
	at := "/inbound/clients/" + string(k.ID)
	reader := w.holding("tokens:read")
	reader.get(at).is(http.StatusOK)
	reader.get("/inbound").is(http.StatusOK)
	for _, path := range []string{at + "/settings", at + "/clear", "/inbound/add/entra"} {
		reader.post(path, "product", "okta", "profile", "okta", "rate", "", "name", "x", "days", "1", "scope", "scim:read").is(http.StatusForbidden)
	}
	none := w.holding("people:read")
	for _, path := range []string{at, at + "/live", at + "/requests", at + "/settings", "/inbound"} {
		none.get(path).is(http.StatusForbidden)
	}
	other := w.signedIn(lockstepTenant(w))
	other.get(at).is(http.StatusNotFound)
	other.get(at + "/live").is(http.StatusNotFound)
}

// TestSCIMClientLive: the page turns green by itself.
func TestSCIMClientLive(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	k, _ := w.scimToken("entra", time.Time{})
	l := b.listen("/inbound/clients/" + string(k.ID) + "/live")
	l.until("", "Waiting for its first request")
	at := operate.SCIMCall{At: w.now(), Method: "GET", Path: "/Users", Status: 200}
	w.setCalls(operate.SCIMCalls{Clients: map[lockstep.TokenID]operate.ClientCalls{k.ID: {First: at, Last: at}}})
	if data := l.until("", "Its first request has come"); !strings.Contains(data, "is-good") || strings.Contains(data, "Waiting") {
		t.Errorf("it is not green: %s", data)
	}
}

// TestLookSCIM is TestLook for the pages about SCIM clients.
func TestLookSCIM(t *testing.T) {
	if !*everyPage {
		t.Skip("CI and whoever wants pictures look at every page")
	}
	w := newWorld(t, 3).filled()
	b := w.signedIn(w.tenant)
	b.look(w.scimLooks(b)...)
}

// scimLooks are the pages of a company that SCIM clients write to.
func (w *world) scimLooks(b *browser) []looked {
	w.Helper()
	id := func(name string) string { return string(w.scimEntry(name).ID) }
	values := []string{"days", "365", "scope", "scim:write", "rate", ""}
	for product, profile := range map[string]string{"entra": "entra", "okta": "okta", "onelogin": "generic", "ping": "strict", "other": "generic"} {
		b.post("/inbound/add/"+product, append(values, "name", product, "profile", profile)...).is(http.StatusOK)
	}
	b.post("/inbound/add/entra?by=secret", append(values, "name", "entra-oauth", "profile", "entra", "auth", "client_secret_post")...).is(http.StatusOK)
	b.post("/inbound/add/other?by=issuer", append(values, "name", "payroll", "profile", "generic", "issuer", "https://acme.okta.com/oauth2/default", "audience", "https://id.example.com/scim", "subject", "0oa1b2c3")...).is(http.StatusSeeOther)
	w.must(w.db.AddTallies(w.Context(), w.tenant, w.scimEntry("ping").ID, []conform.Tally{{Code: conform.BooleanText, Times: 1234, First: w.now(), Last: w.now(), Path: "active", Seen: `"True"`}}))
	call := func(method, path string, status int, kind, detail string) operate.SCIMCall {
		return operate.SCIMCall{At: w.now().Add(-2 * time.Minute), Method: method, Path: path, Status: status, Agent: "Okta SCIM Client 1.0.0", Type: kind, Detail: detail}
	}
	first := call("GET", "/Users", 200, "", "")
	first.At = first.At.Add(-40 * time.Minute)
	served := call("PATCH", "/Users/01a22af7-078d-7a5c-a211-af18aa7a5015", 200, "", "")
	before := call("GET", "/Users", 200, "", "")
	before.At = before.At.Add(-time.Minute)
	cut := call("GET", "/Users", 401, "", "")
	cut.At = w.now()
	w.setCalls(operate.SCIMCalls{Rate: 1000, Stranger: &operate.Stranger{SCIMCall: cut, Token: w.scimEntry("onelogin").ID, Why: operate.StrangerBroken}, Clients: map[lockstep.TokenID]operate.ClientCalls{
		w.scimEntry("okta").ID: {First: first, Last: served},
		w.scimEntry("ping").ID: {First: first, Last: before, Refused: call("PATCH", "/Groups/01a22af7-078d-7a5c-a211-af18aa7a5015", 400, "invalidValue", "There is no member “00u1x8”.")},
	}})
	at := func(name string) string { return "/inbound/clients/" + id(name) }
	return []looked{
		{Name: "scim-clients", Path: "/inbound"}, {Name: "scim-products", Path: "/inbound/add"}, {Name: "scim-add-entra", Path: "/inbound/add/entra"},
		{Name: "scim-add-issuer", Path: "/inbound/add/entra?by=issuer"}, {Name: "scim-add-key", Path: "/inbound/add/other?by=key"},
		{Name: "scim-waiting", Path: at("entra")}, {Name: "scim-working", Path: at("okta")}, {Name: "scim-refused", Path: at("ping")}, {Name: "scim-stranger", Path: at("onelogin")},
		{Name: "scim-oauth", Path: at("entra-oauth")}, {Name: "scim-issuer", Path: at("payroll")}, {Name: "scim-rotate", Path: at("entra"), Click: "button[commandfor=rotate]"},
		{Name: "scim-requests", Path: at("ping") + "/requests"}, {Name: "scim-settings", Path: at("okta") + "/settings"}, {Name: "scim-settings-oauth", Path: at("entra-oauth") + "/settings"},
	}
}
