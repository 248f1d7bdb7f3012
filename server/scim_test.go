package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/token"
)

// scimBench is the SCIM surface over a database with two tenants.
type scimBench struct {
	*testing.T
	server *scimServer
	url    string
	now    time.Time
	log    bytes.Buffer
	ids    map[string]lockstep.TenantID
	dir    string
}

func newSCIMBench(t *testing.T, c SCIM) *scimBench {
	t.Helper()
	dir := t.TempDir()
	b := newSCIMBenchOn(t, c, store.Config{SQLite: filepath.Join(dir, "lockstep.db")})
	b.dir = dir
	return b
}

// newSCIMBenchOn is newSCIMBench on a database of the caller's choice.
func newSCIMBenchOn(t *testing.T, c SCIM, database store.Config) *scimBench {
	t.Helper()
	b := &scimBench{T: t, now: time.Now(), ids: map[string]lockstep.TenantID{}}
	db, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	for _, slug := range []string{"acme", "other"} {
		b.ids[slug] = lockstep.NewID[lockstep.TenantID]()
		if err := db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: b.ids[slug], Slug: slug, Name: slug}); err != nil {
			t.Fatal(err)
		}
	}
	b.server = newSCIM(db, Config{SCIM: c, Key: database.Key, Log: slog.New(slog.NewJSONHandler(&b.log, nil))})
	b.server.now = func() time.Time { return b.now }
	server := httptest.NewServer(b.server.handler())
	b.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// token makes a token for a tenant; "" is the whole installation.
func (b *scimBench) token(kind token.Kind, slug, scopes string, expires time.Time) (lockstep.TokenID, string) {
	b.Helper()
	k, text, err := token.New(kind)
	if err != nil {
		b.Fatal(err)
	}
	if k.Scopes, err = token.ParseScopes(scopes); err != nil {
		b.Fatal(err)
	}
	k.Expires = expires
	if err := b.server.db.PutToken(context.Background(), audit.Actor{}, store.Token{Token: k, Tenant: b.ids[slug], Name: slug}); err != nil {
		b.Fatal(err)
	}
	return k.ID, text
}

// call sends a request to a tenant's endpoint and returns the status and what the body says.
func (b *scimBench) call(bearer, slug, method, path, body string) (*http.Response, map[string]any) {
	b.Helper()
	r, err := http.NewRequest(method, b.url+endpointPath(slug)+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	var value map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &value); err != nil {
			b.Fatalf("%s %s: %v\n%s", method, path, err, text)
		}
	}
	return res, value
}

// endpointPath is the path of a tenant's endpoint, unless the slug names another version of the protocol.
func endpointPath(slug string) string {
	if strings.Contains(slug, "/") {
		return "/scim/" + slug
	}
	return "/scim/" + slug + "/v2"
}

func (b *scimBench) status(want int, bearer, slug, method, path, body string) map[string]any {
	b.Helper()
	res, value := b.call(bearer, slug, method, path, body)
	if res.StatusCode != want {
		b.Fatalf("%s %s of %s: status %d, want %d: %v", method, path, slug, res.StatusCode, want, value)
	}
	return value
}

// TestSCIMTokens: only a token of kind scim that is valid opens its tenant, and only as far as its scopes go.
func TestSCIMTokens(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	never := time.Time{}
	id, writer := b.token(token.KindSCIM, "acme", "scim:write", never)
	_, reader := b.token(token.KindSCIM, "acme", "scim:read", never)
	_, useless := b.token(token.KindSCIM, "acme", "api:write", never)
	_, expired := b.token(token.KindSCIM, "acme", "scim:write", b.now.Add(-time.Hour))
	_, api := b.token(token.KindAPI, "acme", "*:*", never)
	_, every := b.token(token.KindSCIM, "", "scim:write", never)
	b.status(201, writer, "acme", "POST", "/Users", `{"userName": "ada"}`)
	b.status(200, reader, "acme", "GET", "/Users", "")
	b.status(200, reader, "acme", "POST", "/.search", "{}")
	b.status(403, reader, "acme", "POST", "/Users", `{"userName": "bob"}`)
	b.status(403, useless, "acme", "GET", "/Users", "")
	for name, text := range map[string]string{"expired": expired, "api": api, "every tenant": every, "none": "", "cut": writer[:len(writer)-1]} {
		if res, value := b.call(text, "acme", "GET", "/Users", ""); res.StatusCode != 401 || value["detail"] != errNoToken.Detail {
			t.Errorf("%s: %d %v", name, res.StatusCode, value)
		}
	}
	k, err := b.server.db.Token(t.Context(), id)
	if err != nil || k.LastUsed.IsZero() {
		t.Errorf("last use %v, %v", k.LastUsed, err)
	}
	if err := b.server.db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(clientLife)
	b.status(401, writer, "acme", "GET", "/Users", "")
}

// TestSCIMTenants: nothing of one tenant can be read, guessed or written with the token of another, on either database.
func TestSCIMTenants(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { keepApart(newSCIMBench(t, SCIM{})) })
	t.Run("postgres", func(t *testing.T) {
		keepApart(newSCIMBenchOn(t, SCIM{}, store.Config{Postgres: storetest.Postgres(t)}))
	})
}

func keepApart(b *scimBench) {
	_, mine := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	_, theirs := b.token(token.KindSCIM, "other", "scim:write", time.Time{})
	user := b.status(201, theirs, "other", "POST", "/Users", `{"userName": "eve", "externalId": "e1", "title": "Spy"}`)["id"].(string)
	group := b.status(201, theirs, "other", "POST", "/Groups", `{"displayName": "Spies", "members": [{"value": "`+user+`"}]}`)["id"].(string)
	own := b.status(201, mine, "acme", "POST", "/Groups", `{"displayName": "Ours"}`)["id"].(string)

	exists := b.status(401, mine, "other", "GET", "/Users", "")
	missing := b.status(401, mine, "nowhere", "GET", "/Users", "")
	if exists["detail"] != missing["detail"] {
		b.Errorf("whether a tenant exists shows: %v, %v", exists, missing)
	}
	for _, path := range []string{"/Users/" + user, "/Groups/" + group} {
		b.status(404, mine, "acme", "GET", path, "")
		b.status(404, mine, "acme", "PUT", path, `{"userName": "eve", "displayName": "x"}`)
		b.status(404, mine, "acme", "PATCH", path, `{"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]}`)
		b.status(404, mine, "acme", "DELETE", path, "")
	}
	b.status(400, mine, "acme", "PATCH", "/Groups/"+own, `{"Operations": [{"op": "add", "path": "members", "value": [{"value": "`+user+`"}]}]}`)
	b.status(400, mine, "acme", "POST", "/Groups", `{"displayName": "x", "members": [{"value": "`+group+`"}]}`)
	b.status(201, mine, "acme", "POST", "/Users", `{"userName": "eve"}`) // their name is free here
	for _, filter := range []string{`id%20eq%20"` + user + `"`, `externalId%20eq%20"e1"`, `title%20co%20"Sp"`, `groups.value%20eq%20"` + group + `"`} {
		if list := b.status(200, mine, "acme", "GET", "/Users?filter="+filter, ""); list["totalResults"] != 0.0 {
			b.Errorf("%s finds %v", filter, list)
		}
	}
	if list := b.status(200, mine, "acme", "GET", "/Groups?filter=members.value%20eq%20\""+user+"\"", ""); list["totalResults"] != 0.0 {
		b.Errorf("their member is found: %v", list)
	}
	bulk := b.status(200, mine, "acme", "POST", "/Bulk", `{"Operations": [{"method": "DELETE", "path": "/Users/`+user+`"}]}`)
	if got := bulk["Operations"].([]any)[0].(map[string]any)["status"]; got != "404" {
		b.Errorf("bulk says %v", got)
	}
	if u := b.status(200, theirs, "other", "GET", "/Users/"+user, ""); u["meta"].(map[string]any)["version"] != `W/"1"` {
		b.Errorf("they now have %v", u)
	}
}

// TestSCIMRate: a token that sends too much is told how long to wait; others are not.
func TestSCIMRate(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 1})
	_, eager := b.token(token.KindSCIM, "acme", "scim:read", time.Time{})
	_, calm := b.token(token.KindSCIM, "acme", "scim:read", time.Time{})
	b.status(200, eager, "acme", "GET", "/Users", "")
	b.status(200, eager, "acme", "GET", "/Users", "")
	res, _ := b.call(eager, "acme", "GET", "/Users", "")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	b.status(200, calm, "acme", "GET", "/Users", "")
	b.now = b.now.Add(time.Second)
	b.status(200, eager, "acme", "GET", "/Users", "")
}

// TestSCIMBulkRate: each operation of a Bulk request counts. One that holds more than the client has left is paid by waiting, and of
// several that come at once only one is let through.
func TestSCIMBulkRate(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 10}) // 20 at once
	_, eager := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	_, calm := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	begin := b.now
	bulk := func(name string, n int) string {
		var ops []string
		for i := range n {
			ops = append(ops, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"b%d","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s%d"}}`, i, name, i))
		}
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(ops, ",") + `]}`
	}
	b.status(200, eager, "acme", "POST", "/Bulk", bulk("a", 20))
	b.status(429, eager, "acme", "GET", "/Users", "")
	b.now = begin.Add(2 * time.Second)
	b.status(200, eager, "acme", "POST", "/Bulk", bulk("b", 100))
	res, _ := b.call(eager, "acme", "GET", "/Users", "")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "9" { // 80 that it did not have, and one for this
		t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	b.status(200, calm, "acme", "GET", "/Users", "")
	b.now = begin.Add(9 * time.Second)
	b.status(429, eager, "acme", "GET", "/Users", "")
	b.now = begin.Add(11 * time.Second)
	b.status(200, eager, "acme", "GET", "/Users", "")

	b.now = begin.Add(time.Hour)
	var all sync.WaitGroup
	var through atomic.Int32
	for i := range 10 {
		all.Go(func() {
			if res, _ := b.call(eager, "acme", "POST", "/Bulk", bulk(fmt.Sprintf("c%d-", i), 30)); res.StatusCode == 200 {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if through.Load() != 1 {
		t.Errorf("%d Bulk requests at once", through.Load())
	}
}

// TestSCIMPassword: a password is kept as a hash alone. What was sent is in no answer, no exchange that is kept, no file of the database and no log.
func TestSCIMPassword(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	_, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	canaries := []string{"Canary-created", "Canary-replaced", "Canary-patched"}
	var seen bytes.Buffer
	tell := func(value map[string]any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(text)
		id, _ := value["id"].(string)
		return id
	}
	id := tell(b.status(201, bearer, "acme", "POST", "/Users", `{"userName": "ada", "password": "Canary-created"}`))
	created := b.password(id)
	tell(b.status(200, bearer, "acme", "PUT", "/Users/"+id, `{"userName": "ada", "password": "Canary-replaced"}`))
	tell(b.status(200, bearer, "acme", "PATCH", "/Users/"+id, `{"Operations": [{"op": "replace", "value": {"password": "Canary-patched"}}]}`))
	tell(b.status(400, bearer, "acme", "GET", "/Users?filter=password%20sw%20\"Canary-patched\"", ""))
	tell(b.status(200, bearer, "acme", "GET", "/Users/"+id+"?attributes=password", ""))
	if ok, err := token.CheckPassword(b.password(id), canaries[2]); err != nil || !ok {
		t.Errorf("the last password is not the one kept: %v", err)
	}
	if ok, err := token.CheckPassword(created, canaries[0]); err != nil || !ok {
		t.Errorf("the first password was not kept: %v", err)
	}
	fmt.Fprintf(&seen, "%+v", b.seen("acme"))
	seen.Write(b.log.Bytes())
	files, err := filepath.Glob(filepath.Join(b.dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("the database and its log are %v, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(text)
	}
	for _, c := range canaries {
		if bytes.Contains(seen.Bytes(), []byte(c)) {
			t.Errorf("%s is somewhere in clear text", c)
		}
	}
	if !bytes.Contains(seen.Bytes(), []byte("$argon2id$")) {
		t.Error("the files that were searched do not even hold the hash")
	}
}

func (b *scimBench) password(id string) (hash string) {
	b.Helper()
	row := b.server.db.WriterDB().QueryRowContext(b.Context(), "SELECT hash FROM user_password WHERE user_id = $1", id)
	if err := row.Scan(&hash); err != nil {
		b.Fatal(err)
	}
	return hash
}

// TestSCIMBase: locations are what the client can reach.
func TestSCIMBase(t *testing.T) {
	b := newSCIMBench(t, SCIM{PublicURL: "https://id.example.com/"})
	_, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	u := b.status(201, bearer, "acme", "POST", "/Users", `{"userName": "ada"}`)
	if got, want := u["meta"].(map[string]any)["location"], "https://id.example.com/scim/acme/v2/Users/"+u["id"].(string); got != want {
		t.Errorf("location %v, want %s", got, want)
	}
	b.status(404, bearer, "acme/v3", "GET", "", "")
}
