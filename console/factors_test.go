package console_test

import (
	"net/http"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
	"lockstep/token"
)

// TestSecondFactorsOfSomebody: an administrator sees them where the sessions of somebody are, and removes what is lost; and says of whom one is
// asked where providers and applications are set up.
func TestSecondFactorsOfSomebody(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	u.Attributes.Set("userName", "ada@acme.example")
	u.Attributes.Set("displayName", "Ada <Lovelace>")
	_, err := w.db.Commit(t.Context(), w.tenant, audit.Actor{}, "", directory.PutUser{User: u})
	w.must(err)
	page := "/signin/sessions?person=" + string(u.ID)
	p := b.get(page)
	checkPage(t, p)
	if !strings.Contains(p.body, "They have none.") {
		t.Errorf("%s", p.body)
	}
	if p := b.get("/people/" + string(u.ID)); !strings.Contains(p.body, page) {
		t.Errorf("the person's page does not lead there")
	}
	w.must(w.db.SSO().AddFactors(t.Context(), audit.Actor{}, w.tenant, sso.Person{User: u.ID}, sso.NewFactors{
		Passkey: &sso.Passkey{ID: []byte("k"), RP: "id.example", Name: "Blue <key>", PublicKey: []byte("x")}, TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{token.HashOf("one")},
	}))
	p = b.get(page)
	checkPage(t, p)
	for _, want := range []string{"Blue &lt;key&gt;", "Authenticator app", "Recovery codes", "Remove all of them"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, want := range []string{"They go on with the others that they have", "from then on their password alone lets them in"} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %q in a question", want)
		}
	}
	if *everyPage {
		b.look(looked{Name: "factors", Path: page}, looked{Name: "factors-remove", Path: page, Click: "button[commandfor=remove-all]"})
	}
	b.post("/signin/sessions/factors", "person", string(u.ID), "factor", "app")
	f, err := w.db.SSO().Factors(t.Context(), w.tenant, u.ID)
	w.must(err)
	if f.TOTP != nil || len(f.Passkeys) != 1 {
		t.Errorf("%+v", f)
	}
	_, err = w.db.SSO().PutClient(t.Context(), audit.Actor{}, "created", sso.Client{Tenant: w.tenant, ID: "vault", Name: "The <vault>", Redirects: []string{"https://app.example/cb"}, SecondFactor: sso.DemandRequired})
	w.must(err)
	p = b.get(page)
	checkPage(t, p)
	if !strings.Contains(p.body, "The &lt;vault&gt;") || strings.Count(p.body, `name="last"`) != 2 {
		t.Errorf("the questions about the last factor do not say who demands one:\n%s", p.body)
	}
	if *everyPage {
		b.look(looked{Name: "factors-remove-last", Path: page, Click: "button[commandfor=remove-all]"})
	}
	if p := b.post("/signin/sessions/factors", "person", string(u.ID), "factor", "all").is(http.StatusConflict); !strings.Contains(p.body, "The &lt;vault&gt;") {
		t.Errorf("whoever was not told is not told who demands one: %s", p.body)
	}
	if f, err = w.db.SSO().Factors(t.Context(), w.tenant, u.ID); err != nil || !f.Any() {
		t.Errorf("%+v, %v", f, err)
	}
	b.post("/signin/sessions/factors", "person", string(u.ID), "factor", "all", "last", "yes")
	if f, err = w.db.SSO().Factors(t.Context(), w.tenant, u.ID); err != nil || f.Any() || f.Codes > 0 {
		t.Errorf("%+v, %v", f, err)
	}
}
