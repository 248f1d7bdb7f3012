package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso"
	"lockstep/store"
)

// column reads one value as text.
func (s *signing) column(query string) string {
	s.Helper()
	var v any
	s.ok(s.db.WriterDB().QueryRowContext(s.Context(), query).Scan(&v))
	if b, is := v.([]byte); is {
		return string(b)
	}
	return fmt.Sprint(v)
}

// testLeavers: whoever is disabled, deleted, purged or gets another password has nothing any more, in the very transaction.
func testLeavers(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	s.client("app", "https://app.example/logout")
	s.client("quiet", "")
	for _, c := range []struct {
		name, why string
		change    func(lockstep.UserID) directory.Change
	}{
		{"ada", "disabled", func(id lockstep.UserID) directory.Change {
			u := s.get(id)
			u.Attributes.Set("active", false)
			return directory.PutUser{User: u}
		}},
		{"ben", "deleted", func(id lockstep.UserID) directory.Change { return directory.DeleteUser{ID: id} }},
		{"cy", "removed", func(id lockstep.UserID) directory.Change { return directory.DeleteUser{ID: id, Purge: true} }},
		{"dee", "password changed", func(id lockstep.UserID) directory.Change { return directory.SetPassword{ID: id, Hash: "h"} }},
	} {
		id := s.user(c.name + "@acme.example")
		p := s.person(id)
		x, g := s.signIn(p, "app", "cookie of "+c.name, "code of "+c.name)
		_, quiet := s.signIn(p, "quiet", "second cookie of "+c.name, "second code of "+c.name)
		s.ok(s.sso.Redeem(ctx, s.tenant, g.ID, s.refresh(g, "refresh of "+c.name)))
		unredeemed, _ := s.made(p, "app", "third of "+c.name, "third code of "+c.name)
		started := s.login("b")
		s.commit(c.change(id))
		if _, err := s.sso.Session(ctx, s.tenant, x.Hash); lockstep.CodeOf(err) != lockstep.CodeNotFound {
			t.Errorf("%s: the session stands: %v", c.name, err)
		}
		if all, err := s.sso.Sessions(ctx, s.tenant, sso.Who{User: id}, 10); err != nil || len(all) != 0 {
			t.Errorf("%s: sessions %+v, %v", c.name, all, err)
		}
		if g, err := s.sso.Grant(ctx, s.tenant, g.ID); err != nil || g.Live {
			t.Errorf("%s: the grant stands: %+v, %v", c.name, g, err)
		}
		s.fails(s.sso.Rotate(ctx, s.tenant, secretHash("refresh of "+c.name), sso.Refresh{Hash: secretHash("next"), Grant: g.ID, Ends: s.at().Add(time.Hour)}), lockstep.CodeConflict)
		s.fails(s.sso.Redeem(ctx, s.tenant, quiet.ID, nil), lockstep.CodeConflict)
		_, err := s.sso.SaveLogin(ctx, started, sso.Finish{Session: &unredeemed}) // who was on the way comes too late
		s.fails(err, lockstep.CodeConflict)
		if c.name == "ada" { // coming back gives nothing back
			u := s.get(id)
			u.Attributes.Set("active", true)
			s.commit(directory.PutUser{User: u})
			if _, err := s.sso.Session(ctx, s.tenant, x.Hash); lockstep.CodeOf(err) != lockstep.CodeNotFound {
				t.Errorf("an old session of who came back stands: %v", err)
			}
		}
		all, err := s.sso.Notices(ctx, time.Minute, 10)
		s.ok(err)
		if len(all) != 1 || all[0].Client != "app" || all[0].Session != x.ID || all[0].User != id || all[0].Tries != 1 || !all[0].At.Equal(s.at()) {
			t.Fatalf("%s: notices %+v", c.name, all)
		}
		if more, err := s.sso.Notices(ctx, time.Minute, 10); err != nil || len(more) != 0 {
			t.Errorf("%s: taken twice %+v, %v", c.name, more, err)
		}
		s.later(2 * time.Minute)
		if more, err := s.sso.Notices(ctx, time.Minute, 10); err != nil || len(more) != 1 || more[0].Tries != 2 { // of a node that died
			t.Errorf("%s: not given again %+v, %v", c.name, more, err)
		}
		all[0].Told = s.at()
		s.ok(s.sso.SettleNotice(ctx, all[0]))
		endings, err := s.sso.Endings(ctx, s.tenant, 1)
		if err != nil || len(endings) != 1 || endings[0].Why != c.why || endings[0].Settled.IsZero() || len(endings[0].Notices) != 1 {
			t.Errorf("%s: %+v, %v", c.name, endings, err)
		}
	}
	log, err := s.db.Audit(ctx, s.tenant, store.AuditQuery{Limit: 100})
	s.ok(err)
	reports := 0
	for _, l := range log {
		if l.Verb == "told applications of" {
			reports++
			if l.Detail != "1 application to be told, 1 told, the slowest after 2m0s" {
				t.Errorf("report: %s", l.Detail)
			}
		}
	}
	if reports != 4 {
		t.Errorf("%d reports", reports)
	}
}

// testNobodySignedIn: disabling somebody who is signed in nowhere leaves nothing to do.
func testNobodySignedIn(t *testing.T, open Open) {
	s := signIns(t, open)
	id := s.user("ada@acme.example")
	s.commit(directory.DeleteUser{ID: id})
	if all, err := s.sso.Endings(t.Context(), s.tenant, 10); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// testEnds: ways to end sessions, and what each of them leaves alone.
func testEnds(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	s.client("app", "https://app.example/logout")
	ada, ben := s.person(s.user("ada@acme.example")), s.person(s.user("ben@acme.example"))
	begin := func(p sso.Person, name string) (sso.Session, sso.Grant) {
		x, g := s.signIn(p, "app", name, "code "+name)
		s.ok(s.sso.Redeem(ctx, s.tenant, g.ID, s.refresh(g, "r "+name)))
		return x, g
	}
	for _, c := range []struct {
		name                   string
		who                    func(sso.Session, sso.Grant) sso.Who
		session, grant, others bool // what stands afterwards
	}{
		{"session", func(x sso.Session, _ sso.Grant) sso.Who { return sso.Who{Session: x.ID} }, false, false, true},
		{"grant", func(_ sso.Session, g sso.Grant) sso.Who { return sso.Who{Grant: g.ID} }, true, false, true},
		{"user", func(x sso.Session, _ sso.Grant) sso.Who { return sso.Who{User: x.Person.User} }, false, false, true},
		{"upstream", func(x sso.Session, _ sso.Grant) sso.Who {
			return sso.Who{Provider: x.Provider, Issuer: "i", Upstream: "u1"}
		}, false, false, false},
		{"subject", func(x sso.Session, _ sso.Grant) sso.Who {
			return sso.Who{Provider: x.Provider, Issuer: "i", Subject: "s"}
		}, false, false, false},
		{"both", func(x sso.Session, _ sso.Grant) sso.Who {
			return sso.Who{Provider: x.Provider, Issuer: "i", Upstream: "u1", Subject: "s"}
		}, false, false, false},
		{"another subject", func(x sso.Session, _ sso.Grant) sso.Who {
			return sso.Who{Provider: x.Provider, Issuer: "i", Upstream: "u1", Subject: "t"}
		}, true, true, true},
		{"another issuer", func(x sso.Session, _ sso.Grant) sso.Who {
			return sso.Who{Provider: x.Provider, Issuer: "j", Subject: "s"}
		}, true, true, true},
		{"another provider", func(sso.Session, sso.Grant) sso.Who { return sso.Who{Provider: "q", Issuer: "i", Subject: "s"} }, true, true, true},
	} {
		x, g := begin(ada, c.name)
		y, h := begin(ben, c.name+" of ben")
		n, err := s.sso.End(ctx, admin, s.tenant, c.who(x, g), "test")
		s.ok(err)
		_, err = s.sso.Session(ctx, s.tenant, x.Hash)
		if stands := err == nil; stands != c.session || (n == 0) != c.grant {
			t.Errorf("%s: the session stands: %v, %d ended", c.name, err, n)
		}
		if g, err := s.sso.Grant(ctx, s.tenant, g.ID); err != nil || g.Live != c.grant {
			t.Errorf("%s: the grant stands: %+v, %v", c.name, g, err)
		}
		if h, err := s.sso.Grant(ctx, s.tenant, h.ID); err != nil || h.Live != c.others {
			t.Errorf("%s: the other's grant: %+v, %v", c.name, h, err)
		}
		if n, err := s.sso.End(ctx, admin, s.tenant, c.who(x, g), "again"); err != nil || n != 0 {
			t.Errorf("%s: ended twice: %d, %v", c.name, n, err)
		}
		for _, id := range []sso.SessionID{x.ID, y.ID} {
			_, err = s.sso.End(ctx, admin, s.tenant, sso.Who{Session: id}, "test")
			s.ok(err)
		}
	}
	if _, err := s.sso.End(ctx, admin, s.tenant, sso.Who{}, "x"); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("nobody in particular: %v", err)
	}
}

// testFormerProvider: what a provider has let in ends in the transaction that disables or removes it, however much it is; coming back brings
// nothing of it back. Applications are told of all of it afterwards, in pages.
func testFormerProvider(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	s.client("app", "https://app.example/logout")
	ada, n := s.person(s.user("ada@acme.example")), 0
	begin := func(provider sso.ProviderID) (sso.Session, sso.Grant) {
		n++
		name := fmt.Sprint(n)
		x, g := s.made(ada, "app", name, "code "+name)
		x.Provider = provider
		_, err := s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &x, Grant: &g})
		s.ok(err)
		s.ok(s.sso.Redeem(ctx, s.tenant, g.ID, s.refresh(g, "r "+name)))
		return x, g
	}
	next := func(g sso.Grant) error {
		return s.sso.Rotate(ctx, s.tenant, secretHash(fmt.Sprint("r ", n)), sso.Refresh{Hash: secretHash(fmt.Sprint("next ", n)), Grant: g.ID, Ends: s.at().Add(time.Hour)})
	}
	for _, c := range []struct {
		name, why string
		many      int
		ends      func(sso.Provider)
	}{
		{"disabled", "identity provider disabled", 450, func(p sso.Provider) {
			p.State = sso.Disabled
			p, err := s.sso.PutProvider(ctx, admin, p)
			s.ok(err)
			p.State = sso.Enabled
			_, err = s.sso.PutProvider(ctx, admin, p)
			s.ok(err)
		}},
		{"removed", "identity provider removed", 3, func(p sso.Provider) { s.ok(s.sso.DeleteProvider(ctx, admin, s.tenant, p.ID)) }},
	} {
		p := s.provider(sso.ProviderID(c.name))
		for range c.many - 1 {
			begin(p.ID)
		}
		x, g := begin(p.ID)
		onTheWay, _ := s.made(ada, "app", "on the way "+c.name, "code on the way "+c.name)
		onTheWay.Provider = p.ID
		c.ends(p)
		_, err := s.sso.Session(ctx, s.tenant, x.Hash)
		s.fails(err, lockstep.CodeNotFound)
		if got, err := s.sso.Grant(ctx, s.tenant, g.ID); err != nil || got.Live {
			t.Errorf("%s: the grant stands: %+v, %v", c.name, got, err)
		}
		s.fails(next(g), lockstep.CodeConflict)
		_, err = s.sso.SaveLogin(ctx, s.login("b"), sso.Finish{Session: &onTheWay})
		if stands := err == nil; stands != (c.name == "disabled") {
			t.Errorf("%s: who is on the way: %v", c.name, err)
		}
		var told int
		for {
			all, err := s.sso.Notices(ctx, time.Minute, 100)
			s.ok(err)
			if len(all) == 0 {
				break
			}
			for _, n := range all {
				n.Told = s.at()
				s.ok(s.sso.SettleNotice(ctx, n))
				told++
			}
		}
		endings, err := s.sso.Endings(ctx, s.tenant, 1)
		if err != nil || told != c.many || len(endings[0].Notices) != c.many || endings[0].Why != c.why || endings[0].Settled.IsZero() {
			t.Errorf("%s: %d told, %s, %v", c.name, told, endings[0].Report(), err)
		}
		if c.name == "disabled" { // who came after it was enabled again is let alone
			_, err := s.sso.Session(ctx, s.tenant, onTheWay.Hash)
			s.ok(err)
			_, g := begin(p.ID)
			s.ok(next(g))
		}
	}
	if n := s.column("SELECT COUNT(*) FROM sso_session WHERE ended = 0"); n != "2" {
		t.Errorf("%s sessions have not ended", n)
	}
}

// testOneWinner: of many who use a code, or a refresh token, at once, one succeeds.
func testOneWinner(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	s.client("app", "")
	p := s.person(s.user("ada@acme.example"))
	race := func(f func(i int) error) (won int) {
		var n atomic.Int64
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				switch err := f(i); {
				case err == nil:
					n.Add(1)
				case !errors.Is(err, lockstep.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		return int(n.Load())
	}
	for round := range 5 {
		name := fmt.Sprint(round)
		_, g := s.signIn(p, "app", name, "code "+name)
		if n := race(func(i int) error {
			return s.sso.Redeem(ctx, s.tenant, g.ID, s.refresh(g, fmt.Sprint("r", name, " ", i)))
		}); n != 1 {
			t.Errorf("%d redeemed one code", n)
		}
		if n := s.column("SELECT COUNT(*) FROM sso_refresh WHERE grant_id = '" + string(g.ID) + "'"); n != "1" {
			t.Errorf("%s refresh tokens of one code", n)
		}
		first := s.column("SELECT hash FROM sso_refresh WHERE grant_id = '" + string(g.ID) + "'")
		var used sso.Hash
		for i := range 20 {
			if h := secretHash(fmt.Sprint("r", name, " ", i)); fmt.Sprintf("%x", h) == first {
				used = h
			}
		}
		if n := race(func(i int) error {
			return s.sso.Rotate(ctx, s.tenant, used, sso.Refresh{Hash: secretHash(fmt.Sprint("n", name, " ", i)), Former: used, Grant: g.ID, Ends: s.at().Add(time.Hour)})
		}); n != 1 {
			t.Errorf("%d used one refresh token", n)
		}
		_, r, err := s.sso.GrantByRefresh(ctx, s.tenant, used)
		if err != nil || r.Used.IsZero() {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
