package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/provision"
	"lockstep/scim/conform"
	"lockstep/store"
	"lockstep/token"
)

func testTokens(t *testing.T, open Open) {
	now := noon
	c := found(t, open, store.Config{Now: func() time.Time { return now }})
	made, text, err := token.New(token.KindAPI)
	c.ok(err)
	made.Scopes, made.Expires = token.Scopes{"jobs:write", "users:read"}, noon.Add(time.Hour)
	k := store.Token{Token: made, Tenant: c.tenant, Maker: lockstep.NewID[lockstep.TokenID](), Name: "ci"}
	c.ok(c.db.PutToken(t.Context(), admin, k))
	c.fails(c.db.PutToken(t.Context(), admin, k), lockstep.CodeConflict)
	got, err := c.db.Token(t.Context(), k.ID)
	c.ok(err)
	if got.Check(text, now) != nil || got.Maker != k.Maker || got.Name != "ci" || got.Tenant != c.tenant || got.Scopes.String() != "jobs:write users:read" ||
		!got.Expires.Equal(made.Expires) || !got.Created.Equal(noon) || !got.LastUsed.IsZero() || !got.Revoked.IsZero() {
		t.Errorf("kept token: %+v", got)
	}

	now = now.Add(time.Minute)
	c.ok(c.db.TouchToken(t.Context(), got, token.Current))
	got, err = c.db.Token(t.Context(), k.ID)
	c.ok(err)
	used := now
	now = now.Add(time.Second) // too soon to be worth a write
	c.ok(c.db.TouchToken(t.Context(), got, token.Current))
	if got, err = c.db.Token(t.Context(), k.ID); err != nil || !got.LastUsed.Equal(used) {
		t.Errorf("last used %v, want %v; %v", got.LastUsed, used, err)
	}

	c.fails(c.db.RevokeToken(t.Context(), admin, c.add("other"), k.ID), lockstep.CodeNotFound)
	c.ok(c.db.RevokeToken(t.Context(), admin, c.tenant, k.ID))
	revoked := now
	now = now.Add(time.Hour)
	c.ok(c.db.RevokeToken(t.Context(), admin, c.tenant, k.ID))
	all, err := c.db.Tokens(t.Context(), c.tenant)
	c.ok(err)
	if len(all) != 1 || !all[0].Revoked.Equal(revoked) {
		t.Errorf("tokens: %+v", all)
	}
	if all, err = c.db.Tokens(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("tokens of the installation: %v, %v", all, err)
	}
	_, err = c.db.Token(t.Context(), "none")
	c.fails(err, lockstep.CodeNotFound)
	values(c)
}

// testRotation: a rotated token has two secrets, and whoever rotates must have seen the newest.
func testRotation(t *testing.T, open Open) {
	now := noon
	c := found(t, open, store.Config{Now: func() time.Time { return now }})
	made, old, err := token.New(token.KindSCIM)
	c.ok(err)
	c.ok(c.db.PutToken(t.Context(), admin, store.Token{Token: made, Tenant: c.tenant, Name: "entra"}))
	next, text, err := made.Rotate(now, time.Hour, noon.Add(100*time.Hour))
	c.ok(err)
	c.fails(c.db.RotateToken(t.Context(), admin, c.add("other"), made.Hash, next), lockstep.CodeNotFound)
	c.ok(c.db.RotateToken(t.Context(), admin, c.tenant, made.Hash, next))
	c.fails(c.db.RotateToken(t.Context(), admin, c.tenant, made.Hash, next), lockstep.CodeVersion)
	read := func() store.Token {
		t.Helper()
		k, err := c.db.Token(t.Context(), made.ID)
		c.ok(err)
		return k
	}
	got := read()
	if half, err := got.Match(text, now); half != token.Current || err != nil {
		t.Errorf("the new secret: %v, %v", half, err)
	}
	if half, err := got.Match(old, now); half != token.Old || err != nil {
		t.Errorf("the old secret: %v, %v", half, err)
	}
	if got.Name != "entra" || !got.Expires.Equal(next.Expires) || !got.Former.Ends.Equal(noon.Add(time.Hour)) || !got.FormerUsed.IsZero() {
		t.Errorf("rotated: %+v", got)
	}
	c.ok(c.db.TouchToken(t.Context(), got, token.Old))
	if got = read(); !got.FormerUsed.Equal(now) || !got.LastUsed.Equal(now) {
		t.Errorf("use of the old secret: %+v", got)
	}
	now = now.Add(2 * time.Minute)
	c.ok(c.db.TouchToken(t.Context(), got, token.Current))
	if got = read(); !got.FormerUsed.Equal(noon) || !got.LastUsed.Equal(now) {
		t.Errorf("use of the new secret: %+v", got)
	}
	last, _, err := got.Rotate(now, 0, time.Time{})
	c.ok(err)
	c.ok(c.db.RotateToken(t.Context(), admin, c.tenant, got.Hash, last))
	if got = read(); got.Former != (token.Former{}) || !got.FormerUsed.IsZero() || got.Check(text, now) != token.ErrMismatch { //nolint:errorlint // its errors share their code
		t.Errorf("rotated without an overlap: %+v", got)
	}
	c.ok(c.db.RevokeToken(t.Context(), admin, c.tenant, made.ID))
	c.fails(c.db.RotateToken(t.Context(), admin, c.tenant, got.Hash, last), lockstep.CodeNotFound)
}

// testTallies: counts add up, keep the latest example, and go with their token.
func testTallies(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	made, _, err := token.New(token.KindSCIM)
	c.ok(err)
	c.ok(c.db.PutToken(t.Context(), admin, store.Token{Token: made, Tenant: c.tenant, Name: "entra", Profile: token.Strict}))
	add := func(all ...conform.Tally) { t.Helper(); c.ok(c.db.AddTallies(t.Context(), c.tenant, made.ID, all)) }
	read := func() []conform.Tally {
		t.Helper()
		all, err := c.db.Tallies(t.Context(), c.tenant)
		c.ok(err)
		return all[made.ID]
	}
	add(conform.Tally{Code: "b", Times: 1, First: noon, Last: noon, Path: "x", Seen: "1"}, conform.Tally{Code: "a", Times: 1, First: noon, Last: noon})
	add(conform.Tally{Code: "b", Times: 2, First: noon.Add(time.Hour), Last: noon.Add(2 * time.Hour), Path: "y", Seen: "2"})
	add(conform.Tally{Code: "b", Times: 3, First: noon.Add(-time.Hour), Last: noon, Path: "z", Seen: "3"}) // of another node, late
	want := conform.Tally{Code: "b", Times: 6, First: noon.Add(-time.Hour), Last: noon.Add(2 * time.Hour), Path: "y", Seen: "2"}
	if got := read(); len(got) != 2 || got[0] != want || got[1].Code != "a" {
		t.Errorf("tallies %+v", got)
	}
	other := c.add("other")
	c.ok(c.db.AddTallies(t.Context(), other, made.ID, []conform.Tally{{Code: "a", Times: 1}}))
	if all, err := c.db.Tallies(t.Context(), other); err != nil || len(all) != 0 {
		t.Errorf("of a tenant without the token %+v, %v", all, err)
	}
	c.ok(c.db.ClearTallies(t.Context(), admin, other, made.ID))
	set := func(tenant lockstep.TenantID, profile token.Profile, product token.Product, rate float64) error {
		_, err := c.db.SetToken(t.Context(), admin, tenant, made.ID, func(k *store.Token) error {
			k.Profile, k.Product, k.Rate = profile, product, rate
			return nil
		})
		return err
	}
	c.ok(set(c.tenant, token.Okta, token.ProductOkta, 2.5))
	refused := errors.New("no")
	if _, err := c.db.SetToken(t.Context(), admin, c.tenant, made.ID, func(k *store.Token) error { k.Rate = 9; return refused }); !errors.Is(err, refused) {
		t.Errorf("a change that is refused: %v", err)
	}
	c.fails(set(other, token.Strict, "", 0), lockstep.CodeNotFound)
	if k, err := c.db.Token(t.Context(), made.ID); err != nil || k.Profile != token.Okta || k.Product != token.ProductOkta || k.Rate != 2.5 || len(read()) != 2 {
		t.Errorf("no longer strict: %+v, %v", k, err)
	}
	c.ok(c.db.ClearTallies(t.Context(), admin, c.tenant, made.ID))
	if got := read(); len(got) != 0 {
		t.Errorf("cleared: %+v", got)
	}
	add(want)
	c.ok(c.db.RevokeToken(t.Context(), admin, c.tenant, made.ID))
	add(want)
	if got := read(); len(got) != 0 {
		t.Errorf("of a revoked token: %+v", got)
	}
	c.fails(set(c.tenant, token.Strict, "", 0), lockstep.CodeNotFound)
}

// testSCIMCalls: the first request stays the earliest, the others are the latest, and all go with their token.
func testSCIMCalls(t *testing.T, open Open) {
	c := found(t, open, store.Config{})
	made, _, err := token.New(token.KindSCIM)
	c.ok(err)
	c.ok(c.db.PutToken(t.Context(), admin, store.Token{Token: made, Tenant: c.tenant, Name: "entra"}))
	call := func(minutes int) store.SCIMCall {
		return store.SCIMCall{At: noon.Add(time.Duration(minutes) * time.Minute), Method: "GET", Path: "/Users", Status: 200, Agent: "a/1", Type: "x", Detail: fmt.Sprint(minutes)}
	}
	add := func(calls store.SCIMCalls) {
		t.Helper()
		c.ok(c.db.AddSCIMCalls(t.Context(), c.tenant, made.ID, calls))
	}
	read := func() store.SCIMCalls {
		t.Helper()
		all, err := c.db.SCIMCalls(t.Context(), c.tenant)
		c.ok(err)
		return all[made.ID]
	}
	add(store.SCIMCalls{First: call(5), Last: call(5)})
	add(store.SCIMCalls{First: call(7), Last: call(7), Refused: call(6)})
	add(store.SCIMCalls{First: call(3), Last: call(4), Refused: call(2)}) // of another node, late
	if got, want := read(), (store.SCIMCalls{First: call(3), Last: call(7), Refused: call(6)}); !got.First.At.Equal(want.First.At) || got.First.Detail != "3" || got.Last.Detail != "7" || got.Refused.Detail != "6" ||
		got.Last.Method != "GET" || got.Last.Path != "/Users" || got.Last.Status != 200 || got.Last.Agent != "a/1" || got.Last.Type != "x" {
		t.Errorf("remembered %+v, want %+v", got, want)
	}
	other := c.add("other")
	c.ok(c.db.AddSCIMCalls(t.Context(), other, made.ID, store.SCIMCalls{First: call(1)}))
	if all, err := c.db.SCIMCalls(t.Context(), other); err != nil || len(all) != 0 {
		t.Errorf("of a tenant without the token %+v, %v", all, err)
	}
	c.ok(c.db.RevokeToken(t.Context(), admin, c.tenant, made.ID))
	add(store.SCIMCalls{First: call(1)})
	if got := read(); got != (store.SCIMCalls{}) {
		t.Errorf("of a revoked token %+v", got)
	}
}

// values: small facts under names, per tenant.
func values(c company) {
	read := func(tenant lockstep.TenantID, want string) {
		c.Helper()
		got, err := c.db.Value(c.Context(), tenant, "motto")
		c.ok(err)
		if got != want {
			c.Errorf("value of %q: %q, want %q", tenant, got, want)
		}
	}
	read("", "")
	c.ok(c.db.SetValue(c.Context(), "", "motto", "one"))
	c.ok(c.db.SetValue(c.Context(), c.tenant, "motto", "two\x00\xff"))
	read("", "one")
	read(c.tenant, "two\ufffd\ufffd") // what PostgreSQL cannot keep, neither keeps
	c.ok(c.db.SetValue(c.Context(), "", "motto", ""))
	read("", "")
}

func testSecrets(t *testing.T, open Open) {
	c := found(t, open, store.Config{Key: store.NewKey()})
	j, other := c.job("webex", nil), c.job("other", nil)
	ctx := t.Context()
	_, _, err := c.db.Secret(ctx, c.tenant, j.ID, "token")
	c.fails(err, lockstep.CodeNotFound)
	c.ok(c.secret(j.ID, "token", "first"))
	c.ok(c.secret(j.ID, "token", "sesame"))
	c.ok(c.secret(j.ID, "password", "pw"))
	value, connection, err := c.db.Secret(ctx, c.tenant, j.ID, "token")
	c.ok(err)
	if connection.Kind != j.Connection.Kind || connection.Settings["set"] != "password" {
		t.Errorf("the connection is %+v", connection)
	}
	if got := strings.Join(c.reload(j.ID).Connection.Secrets, " "); value != "sesame" || got != "password token" {
		t.Errorf("secret %q, names %q", value, got)
	}
	_, _, err = c.db.Secret(ctx, c.add("thief"), j.ID, "token")
	c.fails(err, lockstep.CodeNotFound)

	// A sealed value that was moved does not open: to another name, to another job.
	move := func(sql string, args ...any) {
		t.Helper()
		_, err := c.db.WriterDB().ExecContext(ctx, sql, args...)
		c.ok(err)
	}
	move("UPDATE secret SET sealed = (SELECT s.sealed FROM secret s WHERE s.name = 'token') WHERE name = 'password'")
	_, _, err = c.db.Secret(ctx, c.tenant, j.ID, "password")
	c.fails(err, lockstep.CodeSealed)
	move("UPDATE secret SET job = (SELECT no FROM job WHERE id = $1) WHERE name = 'token'", string(other.ID))
	_, _, err = c.db.Secret(ctx, c.tenant, other.ID, "token")
	c.fails(err, lockstep.CodeSealed)

	c.ok(c.secret(j.ID, "password", ""))
	_, _, err = c.db.Secret(ctx, c.tenant, j.ID, "password")
	c.fails(err, lockstep.CodeNotFound)
	c.fails(c.secret("none", "token", "x"), lockstep.CodeNotFound)
	log, err := c.db.Audit(ctx, c.tenant, store.AuditQuery{})
	c.ok(err)
	for _, l := range log {
		if strings.Contains(l.String(), "sesame") {
			t.Errorf("the audit log tells the secret: %s", l)
		}
	}
	keyless := found(t, open, store.Config{})
	locked := keyless.job("webex", nil)
	c.fails(keyless.secret(locked.ID, "token", "x"), lockstep.CodeKeyMissing)
	if got := keyless.reload(locked.ID).Connection.Settings; len(got) > 0 {
		t.Errorf("the secret was not kept, and these settings of the same call were: %v", got)
	}
}

// testRecentSecrets: each of many changes is seen by whoever asks after it was told, beside others who ask all the time; what another node
// changes is seen soon; and a secret that is gone is.
func testRecentSecrets(t *testing.T, open Open) {
	c := found(t, open, store.Config{Key: store.NewKey()})
	j := c.job("webex", nil)
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				_, _, _ = c.db.RecentSecret(ctx, c.tenant, j.ID, "token") // what it says is looked at below
			}
		})
	}
	for i := range 100 {
		want := strconv.Itoa(i)
		c.ok(c.secret(j.ID, "token", want))
		got, connection, err := c.db.RecentSecret(ctx, c.tenant, j.ID, "token")
		c.ok(err)
		if got != want || connection.Settings["set"] != "token" {
			t.Fatalf("after %s was kept: %s, %v", want, got, connection.Settings)
		}
	}
	stop()
	others.Wait()
	ctx = t.Context()

	var sealed string
	c.ok(c.db.WriterDB().QueryRowContext(ctx, "SELECT sealed FROM secret WHERE name = 'token'").Scan(&sealed))
	c.ok(c.secret(j.ID, "token", "new"))
	began := time.Now()
	if got, _, err := c.db.RecentSecret(ctx, c.tenant, j.ID, "token"); err != nil || got != "new" {
		t.Fatal(got, err)
	}
	_, err := c.db.WriterDB().ExecContext(ctx, "UPDATE secret SET sealed = $1", sealed) // as another node would
	c.ok(err)
	for {
		got, _, err := c.db.RecentSecret(ctx, c.tenant, j.ID, "token")
		c.ok(err)
		if got == "99" {
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("what another node changed is not seen: %s", got)
		}
	}
	_, _, err = c.db.RecentSecret(ctx, c.add("thief"), j.ID, "token")
	c.fails(err, lockstep.CodeNotFound)
	c.ok(c.db.DeleteJob(ctx, admin, c.tenant, j.ID))
	_, _, err = c.db.RecentSecret(ctx, c.tenant, j.ID, "token")
	c.fails(err, lockstep.CodeNotFound)
}

// secret keeps a secret, and one setting in the same call.
func (c company) secret(id lockstep.JobID, name, value string) error {
	return c.db.ChangeConnection(c.Context(), admin, c.tenant, id, func(provision.Connection) (provision.NewConnection, error) {
		return provision.NewConnection{Settings: map[string]string{"set": name}, Secrets: map[string]string{name: value}}, nil
	})
}
