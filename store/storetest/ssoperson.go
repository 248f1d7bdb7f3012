package storetest

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/notify"
	"lockstep/scim"
	"lockstep/sso"
)

// linked gives a person an identity at a provider.
func (s *signing) linked(u lockstep.UserID, p sso.ProviderID) sso.Link {
	s.Helper()
	l := sso.Link{Provider: p, Issuer: "https://" + string(p) + ".example", Subject: "sub of " + string(u), User: u, Verified: true}
	_, err := s.sso.SaveLogin(s.Context(), s.login("b"), sso.Finish{Links: []sso.Link{l}, By: audit.Actor{Kind: audit.Person, ID: string(u), Name: "Ada"}})
	s.ok(err)
	return l
}

// testUnlink: a person's link goes, with a line of the audit log; not the last one at a provider that is enabled, unless they can sign in otherwise, and of two that go at once one stays.
func testUnlink(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada, ben := s.user("ada@acme.example"), s.user("ben@acme.example")
	by := audit.Actor{Kind: audit.Person, ID: string(ada), Name: "Ada"}
	s.provider("q")
	left := func() []string {
		all, err := s.sso.LinksOf(ctx, s.tenant, ada)
		s.ok(err)
		var at []string
		for _, l := range all {
			at = append(at, string(l.Provider))
		}
		return at
	}
	at := func(want ...string) {
		t.Helper()
		if got := left(); !slices.Equal(got, want) {
			t.Errorf("links at %v, want %v", got, want)
		}
	}
	p := s.linked(ada, "p")
	s.fails(s.sso.Unlink(ctx, by, s.tenant, p, false), lockstep.CodeSSOLastWay)
	at("p")
	q := s.linked(ada, "q")
	lines := func() int {
		all, err := s.db.Audit(ctx, s.tenant, audit.Query{ID: string(ada), Object: "identity"})
		s.ok(err)
		return len(all)
	}
	if before := lines(); before != 2 {
		t.Errorf("%d lines", before)
	}
	var again sync.WaitGroup
	for range 5 { // in so many windows
		again.Go(func() { s.linked(ada, "q") })
	}
	again.Wait()
	if n := lines(); n != 2 {
		t.Errorf("%d lines after it was linked again", n)
	}
	theirs := q
	theirs.User = ben
	s.fails(s.sso.Unlink(ctx, by, s.tenant, theirs, true), lockstep.CodeNotFound)
	s.fails(s.sso.Unlink(ctx, by, s.add("other"), q, true), lockstep.CodeNotFound)
	at("p", "q")
	one, err := s.sso.Provider(ctx, s.tenant, "q")
	s.ok(err)
	one.State = sso.Disabled
	one, err = s.sso.PutProvider(ctx, admin, one)
	s.ok(err)
	s.fails(s.sso.Unlink(ctx, by, s.tenant, p, false), lockstep.CodeSSOLastWay)
	one.State = sso.Enabled
	_, err = s.sso.PutProvider(ctx, admin, one)
	s.ok(err)
	for range 20 {
		var wg sync.WaitGroup
		var gone, kept atomic.Int32
		for _, l := range []sso.Link{p, q} {
			wg.Go(func() {
				switch err := s.sso.Unlink(ctx, by, s.tenant, l, false); lockstep.CodeOf(err) {
				case "":
					gone.Add(1)
				case lockstep.CodeSSOLastWay:
					kept.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if gone.Load() != 1 || kept.Load() != 1 || len(left()) != 1 {
			t.Fatalf("%d gone, %d kept, links at %v", gone.Load(), kept.Load(), left())
		}
		p, q = s.linked(ada, "p"), s.linked(ada, "q")
	}
	s.ok(s.sso.Unlink(ctx, by, s.tenant, p, false))
	s.ok(s.sso.Unlink(ctx, by, s.tenant, q, true))
	at()
	s.fails(s.sso.Unlink(ctx, by, s.tenant, q, true), lockstep.CodeNotFound)
	last, err := s.db.Audit(ctx, s.tenant, audit.Query{ID: string(ada), Object: "identity", Limit: 1})
	s.ok(err)
	if len(last) != 1 || last[0].Verb != "unlinked" || last[0].Name != "q" || last[0].Actor.Name != "Ada" || !strings.Contains(last[0].Detail, q.Subject) {
		t.Errorf("%+v", last)
	}
}

// testPersonTold: whatever changes of what somebody signs in with is written to them in the transaction that changes it: several changes at once in one mail, so many mails a day,
// and none without a mail server, or of what was refused.
func testPersonTold(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	u.Attributes.Set("userName", "ada@acme.example")
	u.Attributes.Set("preferredLanguage", "de-AT")
	u.Attributes.Set("emails", scim.List{scim.Object{{Name: "value", Value: "old@acme.example"}}, scim.Object{{Name: "value", Value: "ada@acme.example"}, {Name: "primary", Value: true}}})
	s.commit(directory.PutUser{User: u})
	ada := s.person(u.ID)
	own := audit.Actor{Kind: audit.Person, ID: string(u.ID), Name: "Ada"}
	mails := func() []notify.Message {
		all, err := s.db.Notify().Messages(ctx, s.tenant, 1000)
		s.ok(err)
		return slices.DeleteFunc(all, func(m notify.Message) bool { return m.Job != notify.OfPerson(u.ID) })
	}
	factors := sso.NewFactors{Passkey: passkey("k0"), TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{secretHash("one")}}
	s.ok(s.sso.AddFactors(ctx, own, s.tenant, ada, factors))
	s.linked(u.ID, "p")
	if n := len(mails()); n != 0 {
		t.Errorf("%d mails without a mail server", n)
	}
	s.ok(s.db.Notify().ChangeSettings(ctx, admin, s.tenant, func(notify.Settings) (notify.Change, error) {
		return notify.Change{Settings: notify.Settings{Mail: notify.Mail{Host: "smtp.acme.example", Security: notify.StartTLS, From: "lockstep@acme.example"}}}, nil
	}))
	factors.Passkey = passkey("k1")
	s.ok(s.sso.AddFactors(ctx, own, s.tenant, ada, factors))
	_, err := s.sso.RemoveFactors(ctx, admin, s.tenant, u.ID, sso.Removal{Which: sso.Which{TOTP: true}})
	s.ok(err)
	_, err = s.sso.RemoveFactors(ctx, admin, s.tenant, u.ID, sso.Removal{Which: sso.Which{All: true}})
	s.fails(err, lockstep.CodeSSOLastFactor)
	s.provider("q")
	s.linked(u.ID, "q")
	text := mails()[0].Text
	s.linked(u.ID, "q") // in another window
	all := mails()
	if len(all) != 1 || all[0].Text != text {
		t.Fatalf("%d mails: %+v", len(all), all)
	}
	m := all[0]
	if m.To != "ada@acme.example" || m.Outlet != notify.ByMail || m.State != notify.Waiting || !m.Due.After(s.at()) {
		t.Errorf("%+v", m)
	}
	for _, line := range []string{"Passkey “Key k1”: hinzugefügt", "Authenticator-App: hinzugefügt", "Wiederherstellungscodes", "Authenticator-App: entfernt", "Identitätsanbieter “q”: hinzugefügt", "von Ihnen, angemeldet", "von der Administration"} {
		if !strings.Contains(m.Text, line) {
			t.Errorf("no %q in\n%s", line, m.Text)
		}
	}
	if strings.Contains(m.Text, "k0") || strings.Contains(m.Text, "https://") || strings.Count(m.Text, "entfernt") != 1 {
		t.Errorf("the mail has too much:\n%s", m.Text)
	}
	for range 30 {
		s.later(time.Minute)
		s.ok(s.sso.AddFactors(ctx, own, s.tenant, ada, sso.NewFactors{TOTP: &sso.TOTP{Secret: []byte("y")}}))
	}
	if n := len(mails()); n != notify.PersonMails {
		t.Errorf("%d mails in a day, want %d", n, notify.PersonMails)
	}
	s.later(25 * time.Hour)
	s.ok(s.sso.AddFactors(ctx, own, s.tenant, ada, sso.NewFactors{TOTP: &sso.TOTP{Secret: []byte("y")}}))
	if n := len(mails()); n != notify.PersonMails+1 {
		t.Errorf("%d mails on the next day", n)
	}
}
