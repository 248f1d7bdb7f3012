package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/sso"
)

func passkey(id string) *sso.Passkey {
	return &sso.Passkey{ID: []byte(id), RP: "id.acme.example", Name: "Key " + id, PublicKey: []byte("public key of " + id), AAGUID: make([]byte, 16), Transports: []string{"usb", "nfc"}, Eligible: true, SignCount: 5}
}

// testFactors: what is kept of them, that it is sealed and stays whose it is, and that it goes with its person.
func testFactors(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada, ben := s.user("ada@acme.example"), s.user("ben@acme.example")
	by := audit.Actor{Kind: audit.Person, ID: string(ada), Name: "Ada"}
	f, err := s.sso.Factors(ctx, s.tenant, ada)
	if err != nil || f.Any() || f.Codes != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	codes := []sso.Hash{secretHash("one"), secretHash("two")}
	s.ok(s.sso.AddFactors(ctx, by, s.tenant, s.person(ada), sso.NewFactors{Passkey: passkey("k1"), TOTP: &sso.TOTP{Secret: []byte("a secret of codes"), Step: 7}, Codes: codes}))
	s.fails(s.sso.AddFactors(ctx, by, s.tenant, s.person(ben), sso.NewFactors{Passkey: passkey("k1")}), lockstep.CodeConflict)
	s.ok(s.sso.AddFactors(ctx, by, s.tenant, s.person(ben), sso.NewFactors{Passkey: passkey("k2")}))
	f, err = s.sso.Factors(ctx, s.tenant, ada)
	if err != nil || !f.Any() || len(f.Passkeys) != 1 || f.Codes != 2 || !f.Made.Equal(noon) || string(f.TOTP.Secret) != "a secret of codes" || f.TOTP.Step != 7 || !f.TOTP.Used.IsZero() {
		t.Fatalf("%+v, %v", f, err)
	}
	k, err := s.sso.Passkey(ctx, s.tenant, []byte("k1"))
	if err != nil || k.User != ada || k.Name != "Key k1" || string(k.PublicKey) != "public key of k1" || k.RP != "id.acme.example" || len(k.Transports) != 2 || !k.Eligible || k.BackedUp || k.SignCount != 5 || !k.Created.Equal(noon) {
		t.Errorf("%+v, %v", k, err)
	}
	for _, raw := range []string{s.column("SELECT secret FROM sso_totp"), s.column("SELECT doc FROM sso_passkey WHERE user_id = '" + string(ada) + "'")} {
		if strings.Contains(raw, "secret") || strings.Contains(raw, "public") {
			t.Errorf("readable: %s", raw)
		}
	}
	other := s.add("other")
	_, err = s.sso.Passkey(ctx, other, []byte("k1"))
	s.fails(err, lockstep.CodeNotFound)
	if f, err := s.sso.Factors(ctx, other, ada); err != nil || f.Any() || f.Codes != 0 {
		t.Errorf("%+v, %v", f, err)
	}

	s.ok(s.sso.RenamePasskey(ctx, by, s.tenant, ada, k.Key(), "Blue"))
	s.fails(s.sso.RenamePasskey(ctx, by, s.tenant, ben, k.Key(), "Mine"), lockstep.CodeNotFound)
	_, err = s.sso.RemoveFactors(ctx, by, s.tenant, ben, removal(sso.Which{Passkey: k.Key()}))
	s.fails(err, lockstep.CodeNotFound)
	if k, err := s.sso.Passkey(ctx, s.tenant, []byte("k1")); err != nil || k.Name != "Blue" {
		t.Errorf("%+v, %v", k, err)
	}
	if n, err := s.sso.RemoveFactors(ctx, by, s.tenant, ada, removal(sso.Which{TOTP: true})); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if f, err := s.sso.Factors(ctx, s.tenant, ada); err != nil || f.Codes != 2 || f.TOTP != nil || len(f.Passkeys) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if n, err := s.sso.RemoveFactors(ctx, by, s.tenant, ada, removal(sso.Which{Passkey: k.Key()})); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if f, err := s.sso.Factors(ctx, s.tenant, ada); err != nil || f.Any() || f.Codes != 0 {
		t.Errorf("codes that stand in for nothing are left: %+v, %v", f, err)
	}
	lines, err := s.db.Audit(ctx, s.tenant, audit.Query{ID: string(ada), Object: "passkey"})
	if err != nil || len(lines) != 2 || lines[0].Verb != "renamed" || lines[1].Verb != "added" || lines[1].Actor.Name != "Ada" {
		t.Errorf("%+v, %v", lines, err)
	}
}

// removal of what may be a last factor.
func removal(which sso.Which) sso.Removal { return sso.Removal{Which: which, Last: true} }

// testLastFactor: the last second factor goes only where it may, and of two that go at once one is the last.
func testLastFactor(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada := s.user("ada@acme.example")
	had := func() (passkeys int, app bool, codes int) {
		f, err := s.sso.Factors(ctx, s.tenant, ada)
		s.ok(err)
		return len(f.Passkeys), f.TOTP != nil, f.Codes
	}
	for round := range 20 {
		k := passkey(fmt.Sprint("k", round))
		s.ok(s.sso.AddFactors(ctx, admin, s.tenant, s.person(ada), sso.NewFactors{Passkey: k, TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{secretHash("one")}}))
		var wg sync.WaitGroup
		var gone, kept atomic.Int32
		for _, which := range []sso.Which{{Passkey: k.Key()}, {TOTP: true}} {
			wg.Go(func() {
				switch _, err := s.sso.RemoveFactors(ctx, admin, s.tenant, ada, sso.Removal{Which: which}); lockstep.CodeOf(err) {
				case "":
					gone.Add(1)
				case lockstep.CodeSSOLastFactor:
					kept.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n, app, codes := had(); gone.Load() != 1 || kept.Load() != 1 || (n == 1) == app || codes != 1 {
			t.Fatalf("round %d: %d removed, %d kept: %d passkeys, app %v, %d codes", round, gone.Load(), kept.Load(), n, app, codes)
		}
		_, err := s.sso.RemoveFactors(ctx, admin, s.tenant, ada, sso.Removal{Which: sso.Which{All: true}})
		s.fails(err, lockstep.CodeSSOLastFactor)
		_, err = s.sso.RemoveFactors(ctx, admin, s.tenant, ada, sso.Removal{Which: sso.Which{Codes: true}})
		s.ok(err)
		_, err = s.sso.RemoveFactors(ctx, admin, s.tenant, ada, sso.Removal{Which: sso.Which{All: true}, Last: true, Note: ", as was confirmed"})
		s.ok(err)
		if n, app, codes := had(); n != 0 || app || codes != 0 {
			t.Fatalf("round %d: %d passkeys, app %v, %d codes are left", round, n, app, codes)
		}
	}
	lines, err := s.db.Audit(ctx, s.tenant, audit.Query{ID: string(ada), Object: "second factor", Limit: 1})
	s.ok(err)
	if len(lines) != 1 || !strings.HasSuffix(lines[0].Detail, "; no second factor is left, as was confirmed") {
		t.Errorf("%+v", lines)
	}
}

// testFactorsLeave: what a leaver could show goes in the transaction that ends their sessions, and nobody can give them anything afterwards.
func testFactorsLeave(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	everything := sso.NewFactors{TOTP: &sso.TOTP{Secret: []byte("x")}, Codes: []sso.Hash{secretHash("one")}}
	for i, leave := range []struct {
		change func(lockstep.UserID) directory.Change
		left   bool
	}{
		{func(id lockstep.UserID) directory.Change { return directory.DeleteUser{ID: id} }, false},
		{func(id lockstep.UserID) directory.Change { return directory.DeleteUser{ID: id, Purge: true} }, false},
		{func(id lockstep.UserID) directory.Change {
			u := s.get(id)
			u.Attributes.Set("active", false)
			return directory.PutUser{User: u}
		}, true},
	} {
		name := fmt.Sprint("u", i)
		id := s.user(name + "@acme.example")
		p := s.person(id)
		all := everything
		all.Passkey = passkey(name)
		s.ok(s.sso.AddFactors(ctx, admin, s.tenant, p, all))
		s.ok(s.sso.TryCode(ctx, s.tenant, id))
		s.commit(leave.change(id))
		rows := 0
		for _, table := range []string{"sso_passkey", "sso_totp", "sso_recovery", "sso_tries"} {
			if s.column("SELECT COUNT(*) FROM "+table+" WHERE user_id = '"+string(id)+"'") != "0" {
				rows++
			}
		}
		if leave.left && rows != 4 || !leave.left && rows != 0 {
			t.Errorf("%d: of 4 tables %d have something", i, rows)
		}
		all.Passkey = passkey(name + " again")
		s.fails(s.sso.AddFactors(ctx, admin, s.tenant, p, all), lockstep.CodeConflict)
	}
}

// testFactorMoved: what is sealed for one person is of no use in the row of another.
func testFactorMoved(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada, ben := s.user("ada@acme.example"), s.user("ben@acme.example")
	s.ok(s.sso.AddFactors(ctx, admin, s.tenant, s.person(ada), sso.NewFactors{Passkey: passkey("k1"), TOTP: &sso.TOTP{Secret: []byte("x")}}))
	for _, table := range []string{"sso_passkey", "sso_totp"} {
		s.exec("UPDATE " + table + " SET user_id = '" + string(ben) + "'")
		if _, err := s.sso.Factors(ctx, s.tenant, ben); err == nil {
			t.Errorf("%s: a row that was moved opens", table)
		}
		s.exec("DELETE FROM " + table)
	}
}

// testFactorOnce: of many who use a factor the same way at once, one succeeds; and none later.
func testFactorOnce(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada := s.user("ada@acme.example")
	counting, plain := passkey("counting"), passkey("plain")
	plain.SignCount = 0
	codes := []sso.Hash{secretHash("one"), secretHash("two")}
	s.ok(s.sso.AddFactors(ctx, admin, s.tenant, s.person(ada), sso.NewFactors{Passkey: counting, TOTP: &sso.TOTP{Secret: []byte("x"), Step: 7}, Codes: codes}))
	s.ok(s.sso.AddFactors(ctx, admin, s.tenant, s.person(ada), sso.NewFactors{Passkey: plain}))
	at := func(k *sso.Passkey, n uint32) sso.FactorUse {
		again := *k
		again.SignCount = n
		return sso.FactorUse{Passkey: &again}
	}
	for _, c := range []struct {
		name string
		use  sso.FactorUse
		wins int64
	}{
		{"a code", sso.FactorUse{Step: 8}, 1},
		{"the same code later", sso.FactorUse{Step: 8}, 0},
		{"an earlier code", sso.FactorUse{Step: 7}, 0},
		{"a recovery code", sso.FactorUse{Code: codes[0]}, 1},
		{"the same later", sso.FactorUse{Code: codes[0]}, 0},
		{"none", sso.FactorUse{Code: secretHash("three")}, 0},
		{"a count", at(counting, 6), 1},
		{"the same count", at(counting, 6), 0},
		{"a count that goes back", at(counting, 4), 0},
		{"a count that is gone", at(counting, 0), 0},
		{"a passkey that does not count", at(plain, 0), 20},
		{"that counts at last", at(plain, 1), 1},
		{"and does not again", at(plain, 0), 0},
		{"of nobody", at(passkey("nobody's"), 9), 0},
	} {
		var won atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				switch err := s.sso.UseFactor(ctx, s.tenant, ada, c.use); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, lockstep.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != c.wins {
			t.Errorf("%s: %d of 20 succeeded, not %d", c.name, won.Load(), c.wins)
		}
	}
	ben := s.user("ben@acme.example")
	s.fails(s.sso.UseFactor(ctx, s.tenant, ben, at(counting, 100)), lockstep.CodeConflict)
	s.fails(s.sso.UseFactor(ctx, s.tenant, ben, sso.FactorUse{Code: codes[1]}), lockstep.CodeConflict)
}

// testTries: ten codes may be tried, however many ask at once; then nobody may for a quarter of an hour, for half an hour, and so on. A right
// one begins anew.
func testTries(t *testing.T, open Open) {
	s := signIns(t, open)
	ctx := t.Context()
	ada := s.user("ada@acme.example")
	s.ok(s.sso.AddFactors(ctx, admin, s.tenant, s.person(ada), sso.NewFactors{TOTP: &sso.TOTP{Secret: []byte("x")}}))
	tried := func() int64 {
		var n atomic.Int64
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				switch err := s.sso.TryCode(ctx, s.tenant, ada); {
				case err == nil:
					n.Add(1)
				case lockstep.CodeOf(err) != lockstep.CodeSSOTooMany:
					t.Error(err)
				}
			})
		}
		all.Wait()
		return n.Load()
	}
	for round, wait := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		if n := tried(); n != sso.TriesOfCodes {
			t.Errorf("round %d: %d were tried", round, n)
		}
		s.later(wait - time.Millisecond)
		if n := tried(); n != 0 {
			t.Errorf("round %d: %d were tried too early", round, n)
		}
		s.later(time.Millisecond)
	}
	s.ok(s.sso.UseFactor(ctx, s.tenant, ada, sso.FactorUse{Step: 1}))
	tried()
	s.later(15 * time.Minute)
	s.ok(s.sso.TryCode(ctx, s.tenant, ada))
}

func (s *signing) exec(text string) {
	s.Helper()
	_, err := s.db.WriterDB().ExecContext(s.Context(), text)
	s.ok(err)
}
