package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// TestHashing: a tenant that sets many passwords at once takes one processor with it, another tenant's password does not wait behind
// all of them, and who gives up waiting does so at once.
func TestHashing(t *testing.T) {
	var mu sync.Mutex
	running, most, order, together := map[string]int{}, map[string]int{}, []string(nil), 0
	gate := make(chan struct{})
	hash := func(password string) (string, error) {
		tenant, _, _ := strings.Cut(password, "-")
		mu.Lock()
		running[tenant]++
		most[tenant] = max(most[tenant], running[tenant])
		together = max(together, running["loud"]+running["calm"])
		order = append(order, tenant)
		mu.Unlock()
		<-gate
		mu.Lock()
		defer mu.Unlock()
		running[tenant]--
		return "hash", nil
	}
	db, err := store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Hash: hash})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	tenants := map[string]lockstep.TenantID{}
	for _, slug := range []string{"loud", "calm"} {
		tenants[slug] = lockstep.NewID[lockstep.TenantID]()
		if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: tenants[slug], Slug: slug, Name: slug}); err != nil {
			t.Fatal(err)
		}
	}
	set := func(ctx context.Context, slug string, i int) error {
		password := fmt.Sprintf("%s-%d", slug, i)
		user := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: password}, {Name: "password", Value: password}}}
		_, err := db.Commit(ctx, tenants[slug], audit.Actor{}, "", directory.PutUser{User: user})
		return err
	}
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if err := set(t.Context(), "loud", i); err != nil {
				t.Error(err)
			}
		})
	}
	begun := func(tenant string) bool {
		mu.Lock()
		defer mu.Unlock()
		return running[tenant] > 0
	}
	for !begun("loud") {
		time.Sleep(time.Millisecond)
	}
	gone, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := set(gone, "loud", 99); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who gave up: %v", err)
	}
	all.Go(func() {
		if err := set(t.Context(), "calm", 0); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(20 * time.Millisecond) // calm waits, too, where there are few processors
	close(gate)
	all.Wait()
	if most["loud"] != 1 || most["calm"] != 1 || len(order) != 31 || together > max(1, runtime.GOMAXPROCS(0)-1) {
		t.Errorf("at a time %v, of all %d; %d hashes", most, together, len(order))
	}
	for i, tenant := range order {
		if tenant == "calm" && i > 3 {
			t.Errorf("calm came after %d of loud", i)
		}
	}
}
