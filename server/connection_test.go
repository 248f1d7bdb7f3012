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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/mirror"
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

// TestTenantURLAndRedirect: what instructions print and where the sign-in for a token has ended are taken apart by the API and the command line as by the
// console; a setting that is given by itself counts more; and what cannot be read is told by the name of what was given.
func TestTenantURLAndRedirect(t *testing.T) {
	n, c := reach(t)
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "webex", Slug: "x", Settings: map[string]string{"token_expires": "2020-01-01"}}); err != nil {
		t.Fatal(err)
	}
	const org = "a35bfbc6-ccbd-4a17-a488-72af46c5420c"
	for given, want := range map[string]string{
		"https://api.ciscospark.com/v1/scim/" + org: "commercial", "https://api-usgov.webex.com/v1/scim/" + org + "/": "government", "https://webexapis.com/identity/scim/" + org + "/v2": "commercial",
	} {
		j, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{TenantURL: given})
		if err != nil || j.Connection.Settings["organization"] != org || j.Connection.Settings["region"] != want {
			t.Errorf("%s: %v, %v", given, j.Connection.Settings, err)
		}
		if _, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{Settings: map[string]string{"organization": ""}}); err != nil {
			t.Fatal(err)
		}
	}
	j, err := c.SetConnection(t.Context(), "x", api.ConnectionChange{
		TenantURL: org, Redirect: "http://localhost:3000/auth/code#access_token=hush-pasted&token_type=Bearer&expires_in=3887999&state=x", Settings: map[string]string{"region": "government"},
	})
	if err != nil || j.Connection.Settings["region"] != "government" || j.Connection.Settings["organization"] != org || !slices.Contains(j.Connection.Secrets, "token") {
		t.Fatalf("%+v, %v", j.Connection, err)
	}
	if ends, err := time.Parse(time.DateOnly, j.Connection.Settings["token_expires"]); err != nil || time.Until(ends) < 43*24*time.Hour || time.Until(ends) > 45*24*time.Hour {
		t.Errorf("the token ends on %q", j.Connection.Settings["token_expires"])
	}
	if v, _, err := n.db.Secret(t.Context(), tenantOf(t, n), j.ID, "token"); err != nil || v != "hush-pasted" {
		t.Errorf("kept %q, %v", v, err)
	}
	if j, err = c.SetConnection(t.Context(), "x", api.ConnectionChange{Redirect: "http://localhost:3000/auth/code#access_token=another"}); err != nil || j.Connection.Settings["token_expires"] != "" {
		t.Errorf("the day of the token before stays: %v, %v", j.Connection.Settings, err)
	}
	for field, wrong := range map[string]api.ConnectionChange{
		"tenant_url": {TenantURL: "https://webexapis.com/v1/people"}, "redirect": {Redirect: "http://localhost:3000/auth/code#error=access_denied&hush=1"},
	} {
		if _, err := c.SetConnection(t.Context(), "x", wrong); lockstep.CodeOf(err) != lockstep.CodeInvalid || lockstep.FieldOf(err) != field || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v of %q", field, err, lockstep.FieldOf(err))
		}
	}
	if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: "scimapp", Slug: "y", Settings: map[string]string{"url": "https://a.example/scim"}}); err != nil {
		t.Fatal(err)
	}
	for field, wrong := range map[string]api.ConnectionChange{"tenant_url": {TenantURL: org}, "redirect": {Redirect: "x"}} {
		if _, err := c.SetConnection(t.Context(), "y", wrong); lockstep.FieldOf(err) != field {
			t.Errorf("a kind that has none: %v", err)
		}
	}
}

// TestConnectionTimeout: how long an answer is waited for is a setting of Webex and of SCIM applications, for calls and for what reads them.
func TestConnectionTimeout(t *testing.T) {
	n, c := reach(t)
	for _, kind := range []string{"webex", "scimapp"} {
		settings := map[string]string{"timeout": "2m", "url": "https://a.example/scim", "endpoint": "https://a.example/scim"}
		if delete(settings, map[string]string{"webex": "url", "scimapp": "endpoint"}[kind]); kind == "webex" {
			settings["timeout"] = "120"
		}
		if _, err := c.CreateApp(t.Context(), api.NewSystem{Kind: kind, Slug: kind, Settings: settings}); err != nil {
			t.Fatal(err)
		}
		j, err := c.Job(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		job, err := n.db.Job(t.Context(), tenantOf(t, n), j.ID)
		if err != nil {
			t.Fatal(err)
		}
		o, err := n.systems.get(t.Context(), job)
		if err != nil || o.timeout != 2*time.Minute {
			t.Errorf("%s: %v, %v", kind, o.timeout, err)
		}
		m, err := n.systems.read(t.Context(), mirror.ID{Tenant: job.Tenant, Connection: job.ID})
		if err != nil || m.Timeout <= 2*time.Minute {
			t.Errorf("%s is read with %v, %v", kind, m.Timeout, err)
		}
		if _, err := c.SetConnection(t.Context(), kind, api.ConnectionChange{Settings: map[string]string{"timeout": "1s"}}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if got := n.systems.http(false, 7*time.Second).Timeout; got != 7*time.Second {
		t.Errorf("a client waits %v", got)
	}
}
