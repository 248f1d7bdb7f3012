package sso_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/store/storetest"
)

// slow is a store that is far away: every look at a code or refresh token, and every use of one, takes its time before and after.
type slow struct{ sso.Store }

func away() { time.Sleep(3 * time.Millisecond) }

func (s slow) Grant(ctx context.Context, t lockstep.TenantID, id sso.GrantID) (sso.Grant, error) {
	away()
	defer away()
	return s.Store.Grant(ctx, t, id)
}

func (s slow) GrantByCode(ctx context.Context, t lockstep.TenantID, h sso.Hash) (sso.Grant, error) {
	away()
	defer away()
	return s.Store.GrantByCode(ctx, t, h)
}

func (s slow) GrantByRefresh(ctx context.Context, t lockstep.TenantID, h sso.Hash) (sso.Grant, sso.Refresh, error) {
	away()
	defer away()
	return s.Store.GrantByRefresh(ctx, t, h)
}

func (s slow) Redeem(ctx context.Context, t lockstep.TenantID, g sso.GrantID, first *sso.Refresh) error {
	away()
	defer away()
	return s.Store.Redeem(ctx, t, g, first)
}

func (s slow) Rotate(ctx context.Context, t lockstep.TenantID, used sso.Hash, next sso.Refresh) error {
	away()
	defer away()
	return s.Store.Rotate(ctx, t, used, next)
}

// TestOneWinner: of twenty who redeem a code at once, or use a refresh token, one gets tokens, however long the store takes. A code that came
// more than once was stolen, so nothing of what it gave works afterwards; a refresh token that came twice at once was not.
func TestOneWinner(t *testing.T) {
	for name, config := range map[string]func(*testing.T) store.Config{
		"sqlite": func(t *testing.T) store.Config {
			return store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}
		},
		"postgres": func(t *testing.T) store.Config { return store.Config{Postgres: storetest.Postgres(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, config(t))
			w.sso.Store = slow{w.db.SSO()}
			b := w.browser()
			for range 5 {
				code := b.signIn()
				won, got := race(func() tokens { return w.token(redeeming(code)) })
				w.is("redeemed a code", won, 1)
				status, _ := w.whois(got.Access)
				w.is("what it gave", status, 401)
				w.is("and its refresh token", w.token(refreshing(got.Refresh)).Status, 400)

				first := w.token(redeeming(b.signIn()))
				won, got = race(func() tokens { return w.token(refreshing(first.Refresh)) })
				w.is("used a refresh token", won, 1)
				w.is("the family goes on", w.token(refreshing(got.Refresh)).Status, 200)
			}
		})
	}
}

// race has twenty do the same at once. It returns how many got tokens, and those of the last.
func race(f func() tokens) (int64, tokens) {
	var won atomic.Int64
	var got atomic.Value
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 20 {
		all.Go(func() {
			<-begin
			if t := f(); t.Status == 200 {
				won.Add(1)
				got.Store(t)
			}
		})
	}
	close(begin)
	all.Wait()
	t, _ := got.Load().(tokens)
	return won.Load(), t
}
