package directory_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/scimhttp"
	"lockstep/scim/scimtest"
	"lockstep/store"
	"lockstep/store/storetest"
)

// peer is a directory behind HTTP, with one tenant.
type peer struct {
	testing.TB
	db       *store.DB
	scim     *directory.SCIM
	tenant   lockstep.TenantID
	url      string
	limits   scimhttp.Limits
	tolerant bool             // the client has a profile that tolerates
	key      store.Key        // of cursors
	now      func() time.Time // of cursors; nil is time.Now
}

// onEach runs the test on SQLite and on PostgreSQL.
func onEach(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	for name, config := range map[string]func(*testing.T) store.Config{
		"sqlite": func(t *testing.T) store.Config {
			return store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")}
		},
		"postgres": func(t *testing.T) store.Config { return store.Config{Postgres: storetest.Postgres(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := store.Open(t.Context(), config(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			f(t, db)
		})
	}
}

// newPeer adds a tenant to the database and serves it. change, which may be nil, adapts it before.
func newPeer(t testing.TB, db *store.DB, change func(*peer)) *peer {
	t.Helper()
	p := &peer{TB: t, db: db, tenant: lockstep.NewID[lockstep.TenantID](), key: store.NewKey()}
	p.scim = &directory.SCIM{Store: db, Search: db, Pages: &directory.Pages{}}
	if change != nil {
		change(p)
	}
	err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: p.tenant, Slug: string(p.tenant), Name: "Acme"})
	if err != nil && !errors.Is(err, lockstep.ErrConflict) { // a second peer of the tenant
		t.Fatal(err)
	}
	cursors := &scimhttp.Cursors{Box: p.key.Box("scim cursor"), Now: p.now}
	handler := &scimhttp.Handler{Limits: p.limits, Cursors: cursors, Tenant: func(r *http.Request) (scimhttp.Backend, error) {
		token := r.Header.Get("Authorization")
		switch token {
		case "Bearer eager":
			return nil, scimhttp.Throttled{After: 1500 * time.Millisecond}
		case "Bearer broken":
			return nil, errors.New("the database at 10.0.0.1 is gone")
		}
		if token != "Bearer good" && token != "Bearer reader" {
			return nil, &scim.Error{Status: http.StatusUnauthorized, Detail: "A bearer token is required."}
		}
		schemas, err := db.Schemas(r.Context(), p.tenant)
		if err != nil {
			return nil, err
		}
		return directory.Endpoint{
			SCIM: p.scim, Schemas: schemas, Tenant: p.tenant, By: audit.Actor{Kind: audit.Token, ID: token, Name: "test"}, Client: token,
			Base: p.url, ReadOnly: token == "Bearer reader", Tolerant: p.tolerant,
		}, nil
	}}
	server := httptest.NewServer(http.StripPrefix("/scim/v2", handler))
	t.Cleanup(server.Close)
	p.url = server.URL + "/scim/v2"
	return p
}

// send completes a request and sends it.
func (p *peer) send(r *http.Request) (*http.Response, error) {
	to, err := r.URL.Parse(p.url + r.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	r.URL, r.Host = to, to.Host
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer good")
	}
	return http.DefaultClient.Do(r)
}

// play plays the recordings of a folder, each with a tenant of its own.
func play(t *testing.T, db *store.DB, pattern string, change func(*peer)) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			recording, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := newPeer(t, db, func(p *peer) {
				p.tolerant = strings.Contains(string(recording.Comment), "mode: tolerant")
				if change != nil {
					change(p)
				}
			})
			scimtest.Play(t, recording, map[string]string{"base": p.url}, p.send)
		})
	}
}

// TestRFC plays what the RFCs say: the directory answers as they want, on both databases.
func TestRFC(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		play(t, db, "../scim/scimhttp/testdata/rfc/*.txtar", func(p *peer) {
			p.limits = scimhttp.Limits{Body: 4 << 10, BulkBody: 8 << 10, BulkOps: 8, MaxPageSize: 20}
		})
	})
}

// TestClients replays what clients of SCIM send, in their own dialects.
func TestClients(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		play(t, db, "testdata/exchange/*.txtar", nil)
	})
}
