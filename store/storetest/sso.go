package storetest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
)

// signing is a company with what is needed to sign people in.
type signing struct {
	company
	sso store.SSO
	now atomic.Int64
}

func signIns(t *testing.T, open Open) *signing {
	t.Helper()
	s := &signing{}
	s.now.Store(noon.UnixMilli())
	s.company = found(t, open, store.Config{Key: store.NewKey(), Now: func() time.Time { return time.UnixMilli(s.now.Load()).UTC() }})
	s.sso = s.db.SSO()
	s.provider("p")
	return s
}

// provider adds one that is enabled.
func (s *signing) provider(id sso.ProviderID) sso.Provider {
	s.Helper()
	p, err := s.sso.PutProvider(s.Context(), admin, sso.Provider{ID: id, Tenant: s.tenant, Alias: string(id), Kind: sso.KindOIDC, Name: string(id), State: sso.Enabled})
	s.ok(err)
	return p
}

func (s *signing) at() time.Time         { return time.UnixMilli(s.now.Load()).UTC() }
func (s *signing) later(d time.Duration) { s.now.Add(d.Milliseconds()) }
func secretHash(text string) sso.Hash    { return token.HashOf(text) }
func (s *signing) person(id lockstep.UserID) sso.Person {
	s.Helper()
	return sso.Person{User: id, Epoch: s.get(id).AuthEpoch}
}

func (s *signing) client(id string, logout string) sso.Client {
	s.Helper()
	c, err := s.sso.PutClient(s.Context(), admin, "created", sso.Client{
		Tenant: s.tenant, ID: sso.ClientID(id), Name: id, Redirects: []string{"https://app.example/cb"}, LogoutURI: logout,
		Auth: sso.AuthBasic, Grants: []sso.GrantType{sso.GrantCode, sso.GrantRefresh}, Secret: secretHash("secret of " + id),
	})
	s.ok(err)
	return c
}

// login begins a login of a browser.
func (s *signing) login(browser string) sso.Login {
	s.Helper()
	l, err := s.sso.SaveLogin(s.Context(), sso.Login{
		Tenant: s.tenant, ID: lockstep.NewID[sso.LoginID](), Browser: secretHash(browser), Expires: s.at().Add(15 * time.Minute), Step: sso.StepStart,
		Request: sso.Request{Client: "app", State: "xyz, as the client sent it"},
	}, sso.Finish{})
	s.ok(err)
	return l
}

// signIn signs a person in to a client and redeems nothing.
func (s *signing) signIn(p sso.Person, client sso.ClientID, cookie, code string) (sso.Session, sso.Grant) {
	s.Helper()
	x, g := s.made(p, client, cookie, code)
	_, err := s.sso.SaveLogin(s.Context(), s.login("b"), sso.Finish{Session: &x, Grant: &g})
	s.ok(err)
	return x, g
}

func (s *signing) made(p sso.Person, client sso.ClientID, cookie, code string) (sso.Session, sso.Grant) {
	x := sso.Session{
		ID: lockstep.NewID[sso.SessionID](), Hash: secretHash(cookie), Person: p, Provider: "p", Issuer: "i", Subject: "s", UpstreamSID: "u1", AuthTime: s.at(),
		ACR: "2", AMR: []string{"pwd", "otp"}, Logout: []byte("an ID token"), Expires: s.at().Add(12 * time.Hour),
	}
	g := sso.Grant{
		ID: lockstep.NewID[sso.GrantID](), Client: client, Person: p, Session: x.ID, Scopes: []string{"openid", "email"}, AuthTime: s.at(), ACR: "2",
		AMR: []string{"pwd"}, Nonce: "n", Redirect: "https://app.example/cb", Challenge: "c", Code: secretHash(code), CodeEnds: s.at().Add(time.Minute),
		Expires: s.at().Add(24 * time.Hour),
	}
	return x, g
}

func (s *signing) refresh(g sso.Grant, text string) *sso.Refresh {
	return &sso.Refresh{Hash: secretHash(text), Grant: g.ID, Ends: s.at().Add(time.Hour)}
}

func testProviders(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	p := sso.Provider{
		ID: "p1", Tenant: s.tenant, Alias: "webex-cc", Kind: sso.KindWebexCC, Name: "Webex CC", State: sso.Draft, Order: 2,
		Settings: map[string]string{"client_id": "C1"}, Secrets: map[string]string{"client_secret": "sesame"}, Roots: [][]byte{{1, 2}}, Domains: []string{"acme.example"},
	}
	kept, err := s.sso.PutProvider(ctx, admin, p)
	s.ok(err)
	got, err := s.sso.ProviderByAlias(ctx, s.tenant, "webex-cc")
	s.ok(err)
	if kept.Version != 1 || got.Version != 1 || got.ID != "p1" || got.Secrets["client_secret"] != "sesame" || got.Settings["client_id"] != "C1" ||
		len(got.Roots) != 1 || got.Order != 2 || got.Domains[0] != "acme.example" || !got.Updated.Equal(noon) {
		t.Errorf("kept %+v", got)
	}
	again := p
	again.ID = "p2"
	_, err = s.sso.PutProvider(ctx, admin, again)
	s.fails(err, lockstep.CodeConflict)
	got.State = sso.Enabled
	got, err = s.sso.PutProvider(ctx, admin, got)
	s.ok(err)
	kept.State = sso.Disabled
	_, err = s.sso.PutProvider(ctx, admin, kept)
	s.fails(err, lockstep.CodeVersion)
	again.Alias, again.Order = "first", 1
	_, err = s.sso.PutProvider(ctx, admin, again)
	s.ok(err)
	all, err := s.sso.Providers(ctx, s.tenant)
	if err != nil || len(all) != 3 || all[0].Alias != "p" || all[1].Alias != "first" || all[2].State != sso.Enabled {
		t.Errorf("%+v, %v", all, err)
	}
	other := s.add("other")
	_, err = s.sso.Provider(ctx, other, "p1")
	s.fails(err, lockstep.CodeNotFound)
	s.fails(s.sso.DeleteProvider(ctx, admin, other, "p1"), lockstep.CodeNotFound)

	// What is sealed opens at its place only, and stands nowhere else.
	_, err = s.db.WriterDB().ExecContext(ctx, "UPDATE sso_provider SET secrets = (SELECT p.secrets FROM sso_provider p WHERE p.id = 'p1') WHERE id = 'p2'")
	s.ok(err)
	_, err = s.sso.Provider(ctx, s.tenant, "p2")
	s.fails(err, lockstep.CodeSealed)
	log, err := s.db.Audit(ctx, s.tenant, store.AuditQuery{})
	s.ok(err)
	for _, l := range log {
		if strings.Contains(l.String(), "sesame") {
			t.Errorf("the audit log tells the secret: %s", l)
		}
	}

	// A provider goes with its links and sessions; another one of the same alias inherits nobody.
	ada := s.user("ada@acme.example")
	s.client("app", "")
	x, g := s.made(s.person(ada), "app", "cookie", "code")
	x.Provider = "p1"
	_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &x, Grant: &g, Links: []sso.Link{{Provider: "p1", Issuer: "i", Subject: "s", User: ada}}})
	s.ok(err)
	s.ok(s.sso.DeleteProvider(ctx, admin, s.tenant, "p1"))
	_, err = s.sso.Session(ctx, s.tenant, x.Hash)
	s.fails(err, lockstep.CodeNotFound)
	_, err = s.sso.Notices(ctx, time.Minute, 10)
	s.ok(err)
	_, err = s.sso.Link(ctx, s.tenant, "p1", "i", "s")
	s.fails(err, lockstep.CodeNotFound)
	keyless := found(t, open, store.Config{})
	_, err = keyless.db.SSO().PutProvider(ctx, admin, sso.Provider{ID: "p", Tenant: keyless.tenant, Alias: "a"})
	s.fails(err, lockstep.CodeKeyMissing)
}

func testClients(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	c := s.client("app", "https://app.example/logout")
	got, err := s.sso.Client(ctx, s.tenant, "app")
	s.ok(err)
	if got.Version != 1 || got.Name != "app" || got.Secret != c.Secret || got.Former != (token.Former{}) || !got.May(sso.GrantRefresh) || !got.Created.Equal(noon) {
		t.Errorf("kept %+v", got)
	}
	_, err = s.sso.PutClient(ctx, admin, "created", sso.Client{Tenant: s.tenant, ID: "app"})
	s.fails(err, lockstep.CodeConflict)
	got.Former = token.Former{Hash: got.Secret, Ends: noon.Add(time.Hour)}
	got.Secret = secretHash("new")
	_, err = s.sso.PutClient(ctx, admin, "rotated", got)
	s.ok(err)
	_, err = s.sso.PutClient(ctx, admin, "rotated", got)
	s.fails(err, lockstep.CodeVersion)
	rotated, err := s.sso.Client(ctx, s.tenant, "app")
	if err != nil || rotated.Secret != secretHash("new") || rotated.Former.Hash != c.Secret || !rotated.Former.Ends.Equal(noon.Add(time.Hour)) {
		t.Errorf("rotated %+v, %v", rotated, err)
	}
	other := s.add("other")
	_, err = s.sso.Client(ctx, other, "app")
	s.fails(err, lockstep.CodeNotFound)
	_, g := s.signIn(s.person(s.user("ada@acme.example")), "app", "cookie", "code")
	s.fails(s.sso.DeleteClient(ctx, admin, other, "app"), lockstep.CodeNotFound)
	s.ok(s.sso.DeleteClient(ctx, admin, s.tenant, "app"))
	if g, err := s.sso.Grant(ctx, s.tenant, g.ID); err != nil || g.Live {
		t.Errorf("a grant to a client that was removed: %+v, %v", g, err)
	}
	if all, err := s.sso.Clients(ctx, s.tenant); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	s.later(time.Millisecond)
	s.client("app", "")
	if g, err := s.sso.Grant(ctx, s.tenant, g.ID); err != nil || g.Live {
		t.Errorf("another client of the same id has its grants: %+v, %v", g, err)
	}
}

func testLogins(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	l := s.login("browser")
	l.State, l.Step, l.Attempt = secretHash("state"), sso.StepAway, sso.Attempt{Verifier: "v", State: "state"}
	next, err := s.sso.SaveLogin(ctx, l, sso.Finish{})
	s.ok(err)
	_, err = s.sso.SaveLogin(ctx, l, sso.Finish{Trace: &sso.Trace{ID: l.ID}}) // a second request with the same row
	s.fails(err, lockstep.CodeVersion)
	_, err = s.sso.Trace(ctx, s.tenant, l.ID)
	s.fails(err, lockstep.CodeNotFound)
	got, err := s.sso.LoginByState(ctx, s.tenant, secretHash("state"))
	s.ok(err)
	if got.ID != l.ID || got.Version != 2 || got.Step != sso.StepAway || got.Attempt.Verifier != "v" || got.Browser != secretHash("browser") || got.Request.State != "xyz, as the client sent it" {
		t.Errorf("kept %+v", got)
	}
	// The state alone is used up: once, and all else stays as it was kept.
	apart := s.login("browser")
	apart.State, apart.Step = secretHash("apart"), sso.StepAway
	apart, err = s.sso.SaveLogin(ctx, apart, sso.Finish{})
	s.ok(err)
	arrived := apart
	arrived.Step, arrived.Callback = sso.StepArrived, &sso.Callback{}
	spent, err := s.sso.SaveLogin(ctx, arrived, sso.Finish{Spent: true})
	s.ok(err)
	_, err = s.sso.SaveLogin(ctx, arrived, sso.Finish{Spent: true})
	s.fails(err, lockstep.CodeVersion)
	_, err = s.sso.LoginByState(ctx, s.tenant, secretHash("apart"))
	s.fails(err, lockstep.CodeNotFound)
	if left, err := s.sso.Login(ctx, s.tenant, apart.ID); err != nil || left.Step != sso.StepAway || left.Callback != nil || left.State != (sso.Hash{}) || left.Version != spent.Version || spent.Version != apart.Version+1 {
		t.Errorf("spent %+v, kept %+v, %v", spent, left, err)
	}
	other := s.add("other")
	_, err = s.sso.LoginByState(ctx, other, secretHash("state"))
	s.fails(err, lockstep.CodeNotFound)
	_, err = s.sso.Login(ctx, other, l.ID)
	s.fails(err, lockstep.CodeNotFound)
	_, err = s.sso.LoginByState(ctx, s.tenant, sso.Hash{})
	s.fails(err, lockstep.CodeNotFound)
	next.State = sso.Hash{}
	next, err = s.sso.SaveLogin(ctx, next, sso.Finish{Trace: &sso.Trace{ID: l.ID, Outcome: sso.OutcomeRefused, Stages: []sso.Stage{{Name: "callback"}}}})
	s.ok(err)
	_, err = s.sso.LoginByState(ctx, s.tenant, secretHash("state"))
	s.fails(err, lockstep.CodeNotFound)
	if tr, err := s.sso.Trace(ctx, s.tenant, l.ID); err != nil || tr.Outcome != sso.OutcomeRefused || len(tr.Stages) != 1 {
		t.Errorf("trace %+v, %v", tr, err)
	}
	if raw := s.column("SELECT doc FROM sso_login"); strings.Contains(raw, "xyz, as the client sent it") || strings.Contains(raw, "Verifier") {
		t.Errorf("a login is readable: %s", raw)
	}
	next.Step = sso.StepLeaving
	_, err = s.sso.SaveLogin(ctx, next, sso.Finish{})
	s.ok(err)
	if got, err := s.sso.Leaving(ctx, s.tenant, secretHash("browser")); err != nil || got.ID != l.ID {
		t.Errorf("leaving %+v, %v", got, err)
	}
	_, err = s.sso.Leaving(ctx, s.tenant, secretHash("another"))
	s.fails(err, lockstep.CodeNotFound)
	s.later(16 * time.Minute)
	_, err = s.sso.Login(ctx, s.tenant, l.ID)
	s.fails(err, lockstep.CodeNotFound)
	s.ok(s.sso.Tidy(ctx))
	if n := s.column("SELECT COUNT(*) FROM sso_login"); n != "0" {
		t.Errorf("%s logins are left", n)
	}

	h := secretHash("pushed")
	s.ok(s.sso.PutPushed(ctx, s.tenant, h, "app", s.at().Add(time.Minute), map[string][]string{"scope": {"openid email"}}))
	for _, c := range []sso.ClientID{"other", "app", "app"} {
		v, err := s.sso.TakePushed(ctx, s.tenant, h, c)
		if first := c == "app" && err == nil; first && v.Get("scope") != "openid email" {
			t.Errorf("pushed %v", v)
		} else if !first {
			s.fails(err, lockstep.CodeNotFound)
		}
	}
	if n := s.column("SELECT COUNT(*) FROM sso_pushed"); n != "0" {
		t.Errorf("%s pushed requests are left", n)
	}
}

// testGrants: what a grant remembers, when it ends, and that nobody uses another's.
func testGrants(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	s.client("app", "")
	p := s.person(s.user("ada@acme.example"))
	x, g := s.signIn(p, "app", "cookie", "code")
	got, err := s.sso.Session(ctx, s.tenant, x.Hash)
	s.ok(err)
	if got.ID != x.ID || got.Person != p || string(got.Logout) != "an ID token" || got.ACR != "2" || strings.Join(got.AMR, " ") != "pwd otp" || !got.AuthTime.Equal(noon) || got.UpstreamSID != "u1" {
		t.Errorf("session %+v", got)
	}
	if raw := s.column("SELECT logout FROM sso_session"); strings.Contains(raw, "ID token") {
		t.Errorf("readable: %s", raw)
	}
	byCode, err := s.sso.GrantByCode(ctx, s.tenant, secretHash("code"))
	s.ok(err)
	if !byCode.Live || byCode.ID != g.ID || byCode.Nonce != "n" || byCode.Redirect != g.Redirect || byCode.Challenge != "c" || strings.Join(byCode.Scopes, " ") != "openid email" || byCode.Session != x.ID {
		t.Errorf("grant %+v", byCode)
	}
	again := x
	again.Hash, again.ACR = secretHash("new cookie"), "3"
	_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &again}) // the same person in the same browser
	s.ok(err)
	_, err = s.sso.Session(ctx, s.tenant, x.Hash)
	s.fails(err, lockstep.CodeNotFound)
	if got, err := s.sso.Session(ctx, s.tenant, again.Hash); err != nil || got.ID != x.ID || got.ACR != "3" || string(got.Logout) != "an ID token" {
		t.Errorf("session %+v, %v", got, err)
	}
	again.Person = s.person(s.user("ben@acme.example"))
	_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &again})
	s.fails(err, lockstep.CodeConflict)
	other := s.add("other")
	_, err = s.sso.GrantByCode(ctx, other, secretHash("code"))
	s.fails(err, lockstep.CodeNotFound)
	_, err = s.sso.Session(ctx, other, x.Hash)
	s.fails(err, lockstep.CodeNotFound)
	s.fails(s.sso.Redeem(ctx, other, g.ID, nil), lockstep.CodeConflict)
	s.later(time.Minute)
	s.fails(s.sso.Redeem(ctx, s.tenant, g.ID, nil), lockstep.CodeConflict) // a code lives a minute

	_, h := s.signIn(p, "app", "cookie 2", "code 2")
	s.ok(s.sso.Redeem(ctx, s.tenant, h.ID, s.refresh(h, "r")))
	s.fails(s.sso.Rotate(ctx, s.tenant, secretHash("r"), sso.Refresh{Hash: secretHash("n"), Grant: g.ID, Ends: s.at().Add(time.Hour)}), lockstep.CodeConflict)
	s.later(61 * time.Minute)
	s.fails(s.sso.Rotate(ctx, s.tenant, secretHash("r"), sso.Refresh{Hash: secretHash("n"), Grant: h.ID, Ends: s.at().Add(time.Hour)}), lockstep.CodeConflict)
	s.later(12 * time.Hour)
	_, err = s.sso.Session(ctx, s.tenant, x.Hash)
	s.fails(err, lockstep.CodeNotFound)

	// A session that has ended gives nothing any more, and neither does one of somebody else.
	y, k := s.made(p, "app", "cookie 3", "code 3")
	_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &y})
	s.ok(err)
	_, err = s.sso.End(ctx, audit.Actor{}, s.tenant, sso.Who{Session: y.ID}, "signed out")
	s.ok(err)
	_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Grant: &k})
	s.fails(err, lockstep.CodeConflict)

	h1 := secretHash("jti")
	s.ok(s.sso.Once(ctx, s.tenant, "assertion", h1, s.at().Add(time.Minute)))
	s.fails(s.sso.Once(ctx, s.tenant, "assertion", h1, s.at().Add(time.Minute)), lockstep.CodeConflict)
	s.ok(s.sso.Once(ctx, s.tenant, "else", h1, s.at().Add(time.Minute)))
	if is, err := s.sso.Noted(ctx, s.tenant, "assertion", h1); !is || err != nil {
		t.Errorf("%v, %v", is, err)
	}
	if is, err := s.sso.Noted(ctx, other, "assertion", h1); is || err != nil {
		t.Errorf("%v, %v", is, err)
	}
	s.later(40 * 24 * time.Hour)
	s.ok(s.sso.Tidy(ctx))
	for _, table := range []string{"sso_once", "sso_grant", "sso_refresh", "sso_session", "sso_login"} {
		if n := s.column("SELECT COUNT(*) FROM " + table); n != "0" {
			t.Errorf("%s rows of %s are left", n, table)
		}
	}
}

// testSignInLinks: a link is of one person, and nobody takes it over.
func testSignInLinks(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada, ben := s.user("ada@acme.example"), s.user("ben@acme.example")
	put := func(u lockstep.UserID) error {
		_, err := s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Links: []sso.Link{{Provider: "p", Issuer: "i", Subject: "1", User: u, Made: true, Verified: true}}})
		return err
	}
	s.ok(put(ada))
	s.later(time.Hour)
	s.ok(put(ada))
	s.fails(put(ben), lockstep.CodeConflict)
	l, err := s.sso.Link(ctx, s.tenant, "p", "i", "1")
	if err != nil || l.User != ada || !l.Made || !l.Verified || !l.Created.Equal(noon) || !l.Used.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v", l, err)
	}
	for _, c := range [][3]string{{"q", "i", "1"}, {"p", "j", "1"}, {"p", "i", "2"}} {
		_, err := s.sso.Link(ctx, s.tenant, sso.ProviderID(c[0]), c[1], c[2])
		s.fails(err, lockstep.CodeNotFound)
	}
	s.commit(directory.DeleteUser{ID: ada, Purge: true})
	if all, err := s.sso.LinksOf(ctx, s.tenant, ada); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	s.commit(directory.SetPassword{ID: ben, Hash: "h"})
	if k, err := s.sso.Password(ctx, s.tenant, ben); err != nil || k != (sso.KeptPassword{Hash: "h"}) {
		t.Errorf("%+v, %v", k, err)
	}
	// One that was given ends, until they have chosen another. What they choose replaces none that was given meanwhile.
	until, was := s.at().Add(time.Hour), s.person(ben).Epoch
	s.commit(directory.SetPassword{ID: ben, Hash: "given", Until: until})
	if k, err := s.sso.Password(ctx, s.tenant, ben); err != nil || k.Hash != "given" || !k.Ends.Equal(until) || k.Over(until.Add(-1)) || !k.Over(until) {
		t.Errorf("%+v, %v", k, err)
	}
	_, err = s.db.Commit(ctx, s.tenant, admin, "", directory.SetPassword{ID: ben, Hash: "late", IfEpoch: was})
	s.fails(err, lockstep.CodeVersion)
	s.commit(directory.SetPassword{ID: ben, Hash: "own", IfEpoch: was + 1})
	if k, err := s.sso.Password(ctx, s.tenant, ben); err != nil || k != (sso.KeptPassword{Hash: "own"}) {
		t.Errorf("%+v, %v", k, err)
	}
	_, err = s.sso.Password(ctx, s.add("other"), ben)
	s.fails(err, lockstep.CodeNotFound)
}

func testSigningKeys(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	k := sso.SigningKey{Alg: token.ES256, Serial: 1, KeyID: "k1", Secret: []byte("private"), Made: noon, Begins: noon}
	s.ok(s.sso.PutKey(ctx, s.tenant, k, time.Time{}))
	s.fails(s.sso.PutKey(ctx, s.tenant, sso.SigningKey{Alg: token.ES256, Serial: 1, KeyID: "k2"}, time.Time{}), lockstep.CodeConflict)
	s.ok(s.sso.PutKey(ctx, s.tenant, sso.SigningKey{Alg: token.ES256, Serial: 2, KeyID: "k2", Secret: []byte("next"), Made: noon, Begins: noon.Add(time.Hour)}, noon.Add(2*time.Hour)))
	all, err := s.sso.Keys(ctx, s.tenant)
	if err != nil || len(all) != 2 || string(all[0].Secret) != "private" || !all[0].Ends.Equal(noon.Add(2*time.Hour)) || !all[1].Ends.IsZero() || !all[1].Begins.Equal(noon.Add(time.Hour)) {
		t.Fatalf("%+v, %v", all, err)
	}
	if raw := s.column("SELECT secret FROM sso_key WHERE key_id = 'k1'"); strings.Contains(raw, "private") {
		t.Errorf("readable: %s", raw)
	}
	if all, err := s.sso.Keys(ctx, s.add("other")); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	s.later(3 * time.Hour)
	s.ok(s.sso.Tidy(ctx))
	if all, err := s.sso.Keys(ctx, s.tenant); err != nil || len(all) != 1 || all[0].KeyID != "k2" {
		t.Errorf("%+v, %v", all, err)
	}
}
