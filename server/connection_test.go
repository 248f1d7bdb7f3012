package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lockstep"
	"lockstep/api"
	"lockstep/web"
)

// thief is a server that keeps all that it is sent.
type thief struct {
	mu    sync.Mutex
	heard strings.Builder
}

func (f *thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = r.Write(&f.heard)
	w.Header().Set("Content-Type", "application/scim+json")
	_, _ = io.WriteString(w, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}`)
}

func (f *thief) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heard.String()
}

// tcp serves raw TCP, for what is not HTTP.
func (f *thief) tcp(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				n, _ := c.Read(b)
				f.mu.Lock()
				defer f.mu.Unlock()
				f.heard.Write(b[:n])
			}()
		}
	}()
	return l.Addr().String()
}

// reach opens a server that may reach this machine, and a client of it.
func reach(t *testing.T) (*Server, *api.Client) {
	t.Helper()
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{
		SQLite: Database(dir), Key: NewKey(), Files: filepath.Join(dir, "files"), Allow: web.Loopback(), Local: "local", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, &api.Client{Base: "http://lockstep.local", Token: "local", HTTP: api.Local(n.Handler())}
}

const hush = "hush-hush-0815"

// TestDestinationOfSecrets: who changes where a connection leads does not get its secrets sent there, unless they know them.
func TestDestinationOfSecrets(t *testing.T) {
	for _, kind := range []struct {
		name, secret string
		settings     map[string]string // %s: address
		scheme       string
		same         map[string]string   // changes that lead to the same place
		elsewhere    []map[string]string // changes that do not
		source       bool
	}{
		{
			name: "scimapp", secret: "token", settings: map[string]string{"url": "%s/scim/v2"}, scheme: "http://",
			same: map[string]string{"page_size": "7", "unique": "all"}, elsewhere: []map[string]string{{"url": "%s/scim/v2"}, {"url": ""}, {"url": "https://127.0.0.1/scim/v2"}},
		},
		{
			name: "webex", secret: "token", settings: map[string]string{"endpoint": "%s/v2"}, scheme: "http://",
			same: map[string]string{"region": "government"}, elsewhere: []map[string]string{{"endpoint": "%s/v2"}, {"endpoint": ""}},
		},
		{
			name: "ldap", secret: "password", source: true, scheme: "ldap://",
			settings: map[string]string{"url": "%s", "base": "dc=x", "bind_dn": "cn=reader,dc=x", "insecure": "true"},
			same:     map[string]string{"page_size": "7"},
			elsewhere: []map[string]string{
				{"url": "%s"}, {"bind_dn": "cn=other,dc=x"}, {"insecure": "false"}, {"start_tls": "true"}, {"ca": "-----BEGIN CERTIFICATE-----"}, {"start_tls": "perhaps"},
			},
		},
	} {
		t.Run(kind.name, func(t *testing.T) {
			_, c := reach(t)
			var old, stranger thief
			at := func(f *thief) string {
				if kind.source {
					return kind.scheme + f.tcp(t)
				}
				s := httptest.NewServer(f)
				t.Cleanup(s.Close)
				return s.URL
			}
			filled := func(settings map[string]string, address string) map[string]string {
				out := map[string]string{}
				for k, v := range settings {
					out[k] = strings.ReplaceAll(v, "%s", address)
				}
				return out
			}
			home, away := at(&old), at(&stranger)
			var err error
			if kind.source {
				_, err = c.CreateSource(t.Context(), api.NewSystem{Kind: kind.name, Slug: "x", Settings: filled(kind.settings, home)})
			} else {
				_, err = c.CreateApp(t.Context(), api.NewSystem{Kind: kind.name, Slug: "x", Settings: filled(kind.settings, home)})
			}
			if err != nil {
				t.Fatal(err)
			}
			set := func(change api.ConnectionChange) error {
				_, err := c.SetConnection(t.Context(), "x", change)
				return err
			}
			test := func() {
				if _, err := c.TestConnection(t.Context(), "x"); err != nil {
					t.Fatal(err)
				}
			}
			secret := map[string]string{kind.secret: hush}
			if err := set(api.ConnectionChange{Secrets: secret}); err != nil {
				t.Fatal(err)
			}
			if test(); !strings.Contains(old.text(), hush) {
				t.Fatalf("the secret does not arrive where it belongs: %q", old.text())
			}
			for _, change := range kind.elsewhere {
				err := set(api.ConnectionChange{Settings: filled(change, away)})
				if code := lockstep.CodeOf(err); code != lockstep.CodeSecretsAgain && code != lockstep.CodeInvalid { // what cannot be is refused before
					t.Errorf("%v: %v", change, err)
				}
				test()
			}
			if err := set(api.ConnectionChange{Settings: kind.same}); err != nil {
				t.Errorf("%v leads to the same place: %v", kind.same, err)
			}
			if strings.Contains(stranger.text(), hush) {
				t.Error("the secret arrived at the stranger")
			}
			moved := filled(kind.elsewhere[0], away)
			if err := set(api.ConnectionChange{Settings: moved, Secrets: map[string]string{kind.secret: ""}}); err != nil {
				t.Errorf("without the secret: %v", err)
			}
			if test(); strings.Contains(stranger.text(), hush) {
				t.Error("a removed secret arrived")
			}
			if err := set(api.ConnectionChange{Settings: filled(kind.settings, away), Secrets: map[string]string{kind.secret: "another-one"}}); err != nil {
				t.Errorf("with the secret: %v", err)
			}
			if test(); !strings.Contains(stranger.text(), "another-one") {
				t.Error("a secret that was given again does not arrive")
			}
		})
	}
}

// TestSecretOfNewDestination: whoever still works by the old settings does not get the secret that came with new ones.
func TestSecretOfNewDestination(t *testing.T) {
	n, c := reach(t)
	var old thief
	home := httptest.NewServer(&old)
	t.Cleanup(home.Close)
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "scimapp", Slug: "x", Settings: map[string]string{"url": home.URL}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{Secrets: map[string]string{"token": "first"}}); err != nil {
		t.Fatal(err)
	}
	tenant, err := n.db.TenantBySlug(t.Context(), api.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := n.db.Provision().ListJobs(t.Context(), tenant.ID)
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	token := n.systems.recent(jobs[0], "token")
	get := func(ctx context.Context) string {
		v, err := token(ctx)
		out, _ := json.Marshal([]any{v, lockstep.CodeOf(err)})
		return string(out)
	}
	if got := get(t.Context()); got != `["first",""]` {
		t.Errorf("before: %s", got)
	}
	change := api.ConnectionChange{Settings: map[string]string{"url": "https://elsewhere.example"}, Secrets: map[string]string{"token": "second"}}
	if _, err := c.SetConnection(t.Context(), "x", change); err != nil {
		t.Fatal(err)
	}
	if got := get(t.Context()); got != `["","version_mismatch"]` {
		t.Errorf("after: %s", got)
	}
}
