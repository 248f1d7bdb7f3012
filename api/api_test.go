package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/connector/csvfile"
	hub "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/drift"
	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/server"
	"lockstep/store"
	"lockstep/token"
	"lockstep/undo"
	"lockstep/web"
)

var update = flag.Bool("update", false, "write golden files")

// world is a server over a real store and engine with two tenants, default and other. People come from CSV files.
type world struct {
	*testing.T
	db       *store.DB
	engine   *provision.Engine
	folder   string
	operator *operate.Operator
	handler  http.Handler
	admin    *api.Client // of the whole installation
}

const localToken = "local-token-of-a-test"

func newWorld(t *testing.T) *world {
	w := &world{T: t, folder: t.TempDir()}
	var err error
	w.db, err = store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey()})
	w.must(err)
	t.Cleanup(func() { w.must(w.db.Close()) })
	for _, slug := range []string{"default", "other"} {
		w.must(w.db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: slug, Name: slug}))
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	jobs := w.db.Provision()
	w.engine = &provision.Engine{Store: jobs, Directory: &hub.Connector{Store: w.db}, Connect: w, Mirrors: w.db.Mirrors(), Log: log}
	mirrortest.Read(t, w.db.Mirrors(), nil, t.Output(), w.read)
	var template api.Template
	w.must(json.Unmarshal(csvfile.Template(), &template))
	w.operator = &operate.Operator{
		Directory: w.db, People: w.db, Jobs: jobs, Settings: jobs, Drafts: jobs, Tenants: w.db, Tokens: server.Tokens{DB: w.db}, Notes: w.db, Standings: w.db, Reads: w.db.Mirrors(), Engine: w.engine, Drifts: &drift.Finder{Engine: w.engine, Mirrors: w.db.Mirrors(), Looks: w.db}, Undos: &undo.Undoer{Engine: w.engine}, Schemas: w.db.Schemas,
		SCIM: seen{db: w.db}, Local: localToken,
		Gallery: []operate.Template{template.Domain(), {
			Kind: "nowhere", Name: "Nowhere", Direction: provision.Outbound, Rules: rule.Rules(template.Rules),
			Secrets: []operate.Setting{{Name: "token"}}, Roles: []directory.Role{{Value: "user"}},
		}},
	}
	s := &api.Server{Operator: w.operator, Version: "1.2.3", Log: log}
	w.handler = (&web.Surface{Errors: api.WriteProblem, Log: slog.New(slog.DiscardHandler)}).Wrap(s.Handler())
	w.admin = w.client(localToken, "")
	return w
}

func (w *world) client(token, tenant string) *api.Client {
	return &api.Client{Base: "http://test", Token: token, Tenant: tenant, HTTP: api.Local(w.handler)}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// Source implements provision.Connect.
func (w *world) Source(_ context.Context, j provision.Job) (connection.Source, error) {
	return &mirror.Source{Store: w.db.Mirrors(), ID: mirror.ID{Tenant: j.Tenant, Connection: j.ID}, Types: []string{"User", "Group"}, System: w.csv()}, nil
}

func (w *world) csv() *csvfile.Reader {
	root, err := os.OpenRoot(w.folder)
	w.must(err)
	w.Cleanup(func() { _ = root.Close() })
	return csvfile.NewReader(csvfile.Config{Root: root})
}

// read opens the source for reading.
func (w *world) read(context.Context, mirror.ID) (mirror.System, error) {
	return mirrortest.System(w.csv()), nil
}

// Target implements provision.Connect.
func (*world) Target(context.Context, provision.Job) (connection.Target, error) {
	return nil, &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "Nowhere cannot be reached."}
}

func user(name string) api.Attributes {
	return api.Attributes{{Name: "userName", Value: name}, {Name: "title", Value: "Engineer"}, {Name: "name", Value: scim.Object{{Name: "givenName", Value: "Ada"}, {Name: "familyName", Value: "Lovelace"}}}}
}

func wantCode(t *testing.T, err error, code lockstep.Code) {
	t.Helper()
	if lockstep.CodeOf(err) != code {
		t.Errorf("error %v, want code %s", err, code)
	}
}

// The routes are part of the contract: a route that goes or changes its name breaks somebody.
func TestRoutes(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	w.must(json.Unmarshal(rec.Body.Bytes(), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s, want 3.1", doc.OpenAPI)
	}
	var lines []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			var o struct{ OperationID string }
			w.must(json.Unmarshal(op, &o))
			lines = append(lines, path+" "+strings.ToUpper(method)+" "+o.OperationID)
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "routes.txt")
	if *update {
		w.must(os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	w.must(err)
	if got != string(want) {
		t.Errorf("routes differ from %s (go test -update writes it):\n%s", golden, got)
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	read, err := w.admin.CreateToken(ctx, api.NewToken{Name: "reader", Scopes: "api:read"})
	w.must(err)
	other, err := w.client(localToken, "other").CreateToken(ctx, api.NewToken{Name: "other", Scopes: "*:*"})
	w.must(err)
	_, err = w.admin.CreateUser(ctx, user("ada@acme.example"))
	w.must(err)

	for name, text := range map[string]string{"none": "", "nonsense": "x", "unknown": strings.Replace(read.Text, "lks_", "lkp_", 1)} {
		_, err := w.client(text, "").Users(ctx, api.ListQuery{})
		if lockstep.CodeOf(err) != lockstep.CodeUnauthorized {
			t.Errorf("token %s: %v", name, err)
		}
	}
	reader := w.client(read.Text, "")
	if _, err := reader.User(ctx, "ada@acme.example"); err != nil {
		t.Errorf("reading with api:read: %v", err)
	}
	_, err = reader.CreateUser(ctx, user("eve@acme.example"))
	wantCode(t, err, lockstep.CodeAuthForbidden)

	// A token of a tenant speaks of no other, and does nothing to its own when another was meant.
	for _, tenant := range []string{"default", "nobody", "01a2297a-af29-71fb-b219-a20246e80c46"} {
		_, err = w.client(other.Text, tenant).User(ctx, "ada@acme.example")
		wantCode(t, err, lockstep.CodeAuthForbidden)
		_, err = w.client(other.Text, tenant).CreateUser(ctx, user("eve@acme.example"))
		wantCode(t, err, lockstep.CodeAuthForbidden)
	}
	_, err = w.client(other.Text, "other").User(ctx, "ada@acme.example")
	wantCode(t, err, lockstep.CodeNotFound)
	all, err := w.client(other.Text, "").Tenants(ctx)
	if err != nil || len(all) != 1 || all[0].Slug != "other" {
		t.Errorf("tenants of the token of other: %v, %v", all, err)
	}
	_, err = w.client(other.Text, "").CreateTenant(ctx, api.NewTenant{Slug: "mine", Name: "Mine"})
	wantCode(t, err, lockstep.CodeAuthForbidden)

	// Nobody gives away more than they have, and a revoked token is none.
	limited, err := w.admin.CreateToken(ctx, api.NewToken{Name: "writer", Scopes: "api:write"})
	w.must(err)
	_, err = w.client(limited.Text, "").CreateToken(ctx, api.NewToken{Name: "more", Scopes: "*:*"})
	wantCode(t, err, lockstep.CodeAuthForbidden)
	w.must(w.admin.RevokeToken(ctx, string(read.ID)))
	_, err = reader.Apps(ctx)
	wantCode(t, err, lockstep.CodeUnauthorized)

	// A token of another kind opens no API.
	k, text, err := token.New(token.KindSCIM)
	w.must(err)
	k.Scopes = token.Scopes{token.ScopeAll}
	w.must(w.db.PutToken(ctx, audit.Actor{}, store.Token{Token: k, Name: "scim"}))
	_, err = w.client(text, "").Apps(ctx)
	wantCode(t, err, lockstep.CodeUnauthorized)
}

// TestRotateToken: a token is found by its name, keeps its id, and is given only to who may do what it may.
func TestRotateToken(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	made, err := w.admin.CreateToken(ctx, api.NewToken{Name: "robot", Scopes: "api:write", Days: 10})
	w.must(err)
	hour := 3600
	next, err := w.admin.RotateToken(ctx, "robot", api.RotateToken{Overlap: &hour})
	w.must(err)
	if next.ID != made.ID || next.Text == made.Text || next.Former == nil || next.Expires.Unix() != made.Expires.Unix() {
		t.Errorf("rotated %+v to %+v", made, next)
	}
	for _, text := range []string{made.Text, next.Text} {
		if _, err := w.client(text, "").Apps(ctx); err != nil {
			t.Errorf("one of the two secrets: %v", err)
		}
	}
	all, err := w.admin.Tokens(ctx)
	w.must(err)
	if len(all) != 1 || all[0].Former == nil || all[0].Former.LastUsed == nil || all[0].LastUsed == nil || all[0].Kind != "api" {
		t.Errorf("tokens %+v", all)
	}
	none := 0
	last, err := w.admin.RotateToken(ctx, string(made.ID), api.RotateToken{Overlap: &none, Days: 20})
	w.must(err)
	if last.Former != nil || !last.Expires.After(*next.Expires) {
		t.Errorf("rotated without an overlap: %+v", last)
	}
	_, err = w.client(next.Text, "").Apps(ctx)
	wantCode(t, err, lockstep.CodeUnauthorized)

	_, err = w.admin.CreateToken(ctx, api.NewToken{Name: "root", Scopes: "*:*"})
	w.must(err)
	_, err = w.client(last.Text, "").RotateToken(ctx, "root", api.RotateToken{})
	wantCode(t, err, lockstep.CodeAuthForbidden)
	_, err = w.admin.RotateToken(ctx, "nobody", api.RotateToken{})
	wantCode(t, err, lockstep.CodeNotFound)
	_, err = w.admin.CreateToken(ctx, api.NewToken{Name: "root", Scopes: "api:read"})
	w.must(err)
	wantCode(t, w.admin.RevokeToken(ctx, "root"), lockstep.CodeConflict)
	w.must(w.admin.RevokeToken(ctx, "robot"))
	_, err = w.client(last.Text, "").Apps(ctx)
	wantCode(t, err, lockstep.CodeUnauthorized)
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     lockstep.Code
		says, field              string
	}{
		{"unknown user", "GET", "/users/nobody", "", 404, lockstep.CodeNotFound, "nobody", ""},
		{"no user name", "POST", "/users", `{"title":"x"}`, 422, lockstep.CodeInvalid, "userName", "userName"},
		{"not JSON", "POST", "/users", `{`, 400, lockstep.CodeInvalid, "", ""},
		{"bad slug", "POST", "/apps", `{"kind":"nowhere","slug":"Not A Slug"}`, 422, lockstep.CodeInvalid, "body.slug", "slug"},
		{"unknown field", "POST", "/apps", `{"kind":"nowhere","slug":"a","colour":"red"}`, 422, lockstep.CodeInvalid, "colour", "colour"},
		{"unknown kind", "POST", "/apps", `{"kind":"fax","slug":"a"}`, 404, lockstep.CodeNotFound, "fax", ""},
		{"limit too large", "GET", "/users?limit=100000", "", 422, lockstep.CodeInvalid, "query.limit", "limit"},
		{"unknown tenant", "GET", "/users", "", 404, lockstep.CodeNotFound, "nowhere", ""},
		{"unknown job", "POST", "/jobs/x/plan", "", 404, lockstep.CodeNotFound, "x", ""},
		{"too large", "POST", "/users", `{"userName":"` + strings.Repeat("x", 2<<20) + `"}`, 413, lockstep.CodeInvalid, "", ""},
		{"refused by what it does", "POST", "/tokens", `{"name":"x","kind":"scim","scopes":"scim:write","profile":"ipsie"}`, 422, lockstep.CodeInvalid, "ipsie", "profile"},
		{"two things wrong", "POST", "/apps", `{"kind":"nowhere","slug":"a","colour":"red","taste":"sweet"}`, 422, lockstep.CodeInvalid, "taste", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/api/v1"+c.path, strings.NewReader(c.body))
			r.Header.Set("Authorization", "Bearer "+localToken)
			r.Header.Set("Content-Type", "application/json")
			if c.name == "unknown tenant" {
				r.Header.Set(api.TenantHeader, "nowhere")
			}
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			var p api.Problem
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, rec.Body)
			}
			if rec.Code != c.status || p.Status != c.status || p.Code != c.code || p.Field != c.field || !strings.Contains(rec.Body.String(), c.says) {
				t.Errorf("status %d, want %d %s %q about %q: %s", rec.Code, c.status, c.code, c.says, c.field, rec.Body)
			}
			if ct := rec.Header().Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("content type %s", ct)
			}
		})
	}
}

// TestProblemsAreDescribed: the OpenAPI document says of every operation that its failures are problems with a code and a field, and of no
// other form.
func TestProblemsAreDescribed(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	type response struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			} `json:"schema"`
		} `json:"content"`
	}
	var doc struct {
		Paths      map[string]map[string]struct{ Responses map[string]response } `json:"paths"`
		Components struct {
			Schemas map[string]struct{ Properties map[string]any } `json:"schemas"`
		} `json:"components"`
	}
	w.must(json.Unmarshal(rec.Body.Bytes(), &doc))
	n := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			n++
			if at := op.Responses["default"].Content["application/problem+json"].Schema.Ref; at != "#/components/schemas/Problem" {
				t.Errorf("%s %s: failures are %q", method, path, at)
			}
		}
	}
	schemas := doc.Components.Schemas
	if p := schemas["Problem"].Properties; n < 50 || p["code"] == nil || p["field"] == nil || schemas["FieldError"].Properties["field"] == nil {
		t.Errorf("%d operations, a problem has %v, its parts %v", n, p, schemas["FieldError"].Properties)
	}
	if schemas["ErrorModel"].Properties != nil {
		t.Error("another form of errors is described")
	}
}

// TestProblemField: which field a refusal is about comes to whoever uses the client.
func TestProblemField(t *testing.T) {
	w := newWorld(t)
	_, err := w.admin.CreateToken(t.Context(), api.NewToken{Name: "okta", Kind: "scim", Scopes: "scim:write", Profile: "ipsie"})
	if field := lockstep.FieldOf(fmt.Errorf("made: %w", err)); field != "profile" {
		t.Errorf("%v is about %q", err, field)
	}
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateUser(ctx, user("ada@acme.example"))
	w.must(err)
	_, err = w.admin.CreateUser(ctx, user("ADA@acme.example"))
	wantCode(t, err, lockstep.CodeConflict)

	var p api.MergePatch
	w.must(json.Unmarshal([]byte(`{"title":null,"name":{"givenName":"Augusta"},"nickName":"Ada"}`), &p))
	u, err := w.admin.PatchUser(ctx, "Ada@acme.example", p)
	w.must(err)
	text, err := json.Marshal(u.Attributes)
	w.must(err)
	if want := `{"userName":"ada@acme.example","name":{"givenName":"Augusta","familyName":"Lovelace"},"nickName":"Ada"}`; string(text) != want {
		t.Errorf("after the patch %s, want %s", text, want)
	}

	_, err = w.admin.PutUser(ctx, string(u.ID), u.Version-1, u.Attributes)
	wantCode(t, err, lockstep.CodeVersion)
	u, err = w.admin.SetActive(ctx, string(u.ID), false)
	if err != nil || u.Active {
		t.Errorf("disabled: %v, %v", u.Active, err)
	}
	w.must(w.admin.DeleteUser(ctx, string(u.ID), false))
	if all, err := w.admin.Users(ctx, api.ListQuery{}); err != nil || len(all.Users) != 0 {
		t.Errorf("a deleted user is listed: %v, %v", all, err)
	}
	if u, err = w.admin.RestoreUser(ctx, string(u.ID)); err != nil || u.Deleted != nil {
		t.Errorf("restored: %v, %v", u.Deleted, err)
	}
}

// Pages follow each other without a gap, with a search and without.
func TestPaging(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 25 {
		name := string(rune('a'+i)) + []string{"@acme.example", "@beta.example"}[i%2]
		_, err := w.admin.CreateUser(ctx, user(name))
		w.must(err)
	}
	for _, c := range []struct {
		search string
		want   int
	}{{"", 25}, {"@ACME", 13}, {"lovelace", 25}, {"nobody", 0}} {
		seen := map[lockstep.UserID]bool{}
		q := api.ListQuery{Search: c.search, Limit: 4}
		for {
			page, err := w.admin.Users(ctx, q)
			w.must(err)
			for _, u := range page.Users {
				seen[u.ID] = true
			}
			if len(page.Users) > 4 {
				t.Errorf("%q: a page of %d", c.search, len(page.Users))
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%q: %d people, want %d", c.search, len(seen), c.want)
		}
	}
}

// People are listed by their state.
func TestPeopleByState(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"ada@acme.example", "bob@acme.example", "eve@acme.example"} {
		_, err := w.admin.CreateUser(ctx, user(name))
		w.must(err)
	}
	_, err := w.admin.SetActive(ctx, "bob@acme.example", false)
	w.must(err)
	w.must(w.admin.DeleteUser(ctx, "eve@acme.example", false))
	for state, want := range map[string]string{"active": "ada", "disabled": "bob", "deleted": "eve"} {
		for _, search := range []string{"", want[:2], "acme"} {
			page, err := w.admin.Users(ctx, api.ListQuery{State: state, Search: search})
			if err != nil || len(page.Users) != 1 || !strings.HasPrefix(page.Users[0].UserName, want) {
				t.Errorf("%s %q: %v, %v", state, search, page.Users, err)
			}
		}
	}
	if _, err := w.admin.Users(ctx, api.ListQuery{State: "strange"}); err == nil {
		t.Error("a state that does not exist is taken")
	}
}

func TestGroupsAndAssignments(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateUser(ctx, user("ada@acme.example"))
	w.must(err)
	for _, name := range []string{"Engineering", "Platform"} {
		_, err := w.admin.CreateGroup(ctx, api.Attributes{{Name: "displayName", Value: name}})
		w.must(err)
	}
	w.must(w.admin.ChangeMembers(ctx, "Engineering", api.MemberChange{AddUsers: []string{"ada@acme.example"}, AddGroups: []string{"Platform"}}))
	members, err := w.admin.Members(ctx, "engineering")
	if err != nil || len(members) != 2 {
		t.Fatalf("members %v, %v", members, err)
	}
	wantCode(t, w.admin.ChangeMembers(ctx, "Engineering", api.MemberChange{}), lockstep.CodeInvalid)

	_, err = w.admin.CreateApp(ctx, api.NewSystem{Kind: "nowhere", Slug: "app"})
	w.must(err)
	_, err = w.admin.CreateApp(ctx, api.NewSystem{Kind: "nowhere", Slug: "app"})
	wantCode(t, err, lockstep.CodeConflict)
	_, err = w.admin.Assign(ctx, "app", api.NewAssignment{Group: "Engineering", Role: "boss"})
	wantCode(t, err, lockstep.CodeInvalid)
	as, err := w.admin.Assign(ctx, "app", api.NewAssignment{Group: "Engineering", Role: "user"})
	w.must(err)
	all, err := w.admin.Assignments(ctx, "app")
	if err != nil || len(all) != 1 || all[0].Name != "Engineering" {
		t.Errorf("assignments %v, %v", all, err)
	}
	w.must(w.admin.Unassign(ctx, "app", string(as.ID)))
	w.must(w.admin.DeleteApp(ctx, "app"))
	_, err = w.admin.Job(ctx, "app")
	wantCode(t, err, lockstep.CodeNotFound)
}

// A secret goes in and comes out nowhere; what is configured is checked.
func TestConfiguration(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateApp(ctx, api.NewSystem{Kind: "nowhere", Slug: "app"})
	w.must(err)
	_, err = w.admin.SetConnection(ctx, "app", api.ConnectionChange{Secrets: map[string]string{"token": "hush-hush"}})
	w.must(err)
	_, err = w.admin.SetConnection(ctx, "app", api.ConnectionChange{Secrets: map[string]string{"pin": "1"}})
	wantCode(t, err, lockstep.CodeInvalid)
	for _, path := range []string{"/apps/app", "/jobs/app", "/jobs/app/rules", "/apps", "/jobs"} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1"+path, nil)
		r.Header.Set("Authorization", "Bearer "+localToken)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if rec.Code != 200 || strings.Contains(rec.Body.String(), "hush") {
			t.Errorf("%s answers %d: %s", path, rec.Code, rec.Body)
		}
	}
	result, err := w.admin.TestConnection(ctx, "app")
	if err != nil || result.OK || result.Code != lockstep.CodeTargetUnreachable {
		t.Errorf("test of a target that is not there: %+v, %v", result, err)
	}

	v, err := w.admin.Rules(ctx, "app")
	w.must(err)
	_, err = w.admin.EditRules(ctx, "app", "User", func(m *rule.ObjectMapping) error {
		m.Attributes = append(m.Attributes, rule.Mapping{Target: "nickName", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: "Join("}})
		return nil
	})
	wantCode(t, err, lockstep.CodeMapSyntax)
	_, err = w.admin.PutRules(ctx, "app", v.Config+7, rule.Rules(v.Rules))
	wantCode(t, err, lockstep.CodeVersion)
	j, err := w.admin.PutPolicy(ctx, "app", api.Policy{Everyone: true, Interval: 3600, GuardCount: 3})
	if err != nil || !j.Policy.Everyone || j.Policy.Interval != 3600 || j.Policy.GuardCount != 3 {
		t.Errorf("policy %+v, %v", j.Policy, err)
	}
	j, err = w.admin.PatchJob(ctx, "app", api.JobPatch{Mode: "auto", State: "paused"})
	if err != nil || j.Mode != "auto" || j.State != "paused" {
		t.Errorf("job %+v, %v", j, err)
	}
	j, err = w.admin.Run(ctx, "app") // it never ran: this turns it on
	if err != nil || j.State != "active" {
		t.Errorf("the first run of a draft: %s, %v", j.State, err)
	}
	_, err = w.admin.PatchJob(ctx, "app", api.JobPatch{State: "paused"})
	w.must(err)
	_, err = w.admin.Run(ctx, "app")
	wantCode(t, err, lockstep.CodeConflict)
	_, err = w.admin.RunWhole(ctx, "app") // paused: not even a read is asked for
	wantCode(t, err, lockstep.CodeConflict)
	tenant, err := w.db.TenantBySlug(ctx, api.DefaultTenant)
	w.must(err)
	asked := func() mirror.Head {
		head, err := w.db.Mirrors().Head(ctx, mirror.ID{Tenant: tenant.ID, Connection: j.ID})
		w.must(err)
		return head
	}
	if h := asked(); h.Requests != 0 {
		t.Errorf("a paused job asked for %d reads", h.Requests)
	}
	_, err = w.admin.PatchJob(ctx, "app", api.JobPatch{State: "active"})
	w.must(err)
	_, err = w.admin.RunWhole(ctx, "app")
	w.must(err)
	if h := asked(); h.Whole == 0 || h.Whole > h.Requests {
		t.Errorf("a whole read was not asked for: %+v", h)
	}
}

// A watched job tells what happens to it, over a stream that ends with its reader; the log that it left exports whole.
func TestWatchAndExport(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.must(os.WriteFile(filepath.Join(w.folder, "people.csv"), []byte("id,userName\n1,ada@acme.example\n2,bob@acme.example\n"), 0o600))
	j, err := w.admin.CreateSource(ctx, api.NewSystem{Kind: "csvfile", Slug: "company"})
	w.must(err)
	tenants, err := w.admin.Tenants(ctx)
	w.must(err)
	enough := errors.New("enough")
	var names []string
	ran, inStep := false, false
	err = w.admin.Watch(ctx, "company", func(e api.Event) error {
		switch {
		case e.Job != nil && e.Job.Standing.Value == operate.InStep:
			if inStep = true; len(names) == 2 {
				return enough
			}
		case e.Job != nil && !ran:
			ran = true
			for more := true; more; {
				turn, err := w.engine.Slice(ctx, tenants[0].ID, j.ID)
				w.must(err)
				if turn.Reading {
					w.await(tenants[0].ID, j.ID)
				}
				more = turn.More || turn.Reading
			}
		case e.Action != nil:
			if names = append(names, e.Action.Source.Name); len(names) == 2 && inStep {
				return enough
			}
		}
		return nil
	})
	if !errors.Is(err, enough) || !inStep {
		t.Fatalf("watching ended with %v after %v, in step %v", err, names, inStep)
	}
	var out bytes.Buffer
	w.must(w.admin.Export(ctx, "company", api.LogQuery{State: "done"}, &out))
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines exported, want 2:\n%s", n, out.String())
	}
	cycles, err := w.admin.Cycles(ctx, "company", 5)
	if err != nil || len(cycles) != 1 || cycles[0].Counts.Created != 2 {
		t.Errorf("cycles %+v, %v", cycles, err)
	}
	x, err := w.admin.Explain(ctx, "company", "User", "ada@acme.example")
	if err != nil || len(x.Steps) == 0 {
		t.Errorf("explanation %+v, %v", x, err)
	}
}

// TestLocalAnswersAtOnce: an answer without a body, whose handler may have ended before anybody looks for it, is an answer. A caller who goes is
// told why they went.
func TestLocalAnswersAtOnce(t *testing.T) {
	h := api.Local(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-r.Context().Done()
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	ask := func(ctx context.Context, path string) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://local"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := h.RoundTrip(r)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusNoContent {
			t.Errorf("got %d", res.StatusCode)
		}
		return res.Body.Close()
	}
	for range 20_000 {
		if err := ask(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(gone) })
	if err := ask(ctx, "/wait"); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// The transport in the process streams, passes on aborts, and ends the handler with its reader.
func TestLocalTransport(t *testing.T) {
	ended := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		case "/stream":
			_, _ = io.WriteString(w, "first")
			<-r.Context().Done()
			ended <- r.Context().Err()
		}
	})
	get := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://local"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := api.Local(h).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := get("/abort")
	if text, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(text) != "half" {
		t.Errorf("an aborted answer reads as %q, %v", text, err)
	}
	res = get("/stream")
	first := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
		t.Errorf("the first piece is %q, %v", first, err)
	}
	_ = res.Body.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
}

// await waits until the read that the job waits for has ended.
func (w *world) await(t lockstep.TenantID, id lockstep.JobID) {
	w.Helper()
	job, err := w.db.Provision().Job(w.Context(), t, id)
	w.must(err)
	mirrortest.Await(w, w.db.Mirrors(), mirror.ID{Tenant: t, Connection: id}, job.Request)
}

// TestAuditLog: the audit log is searched page by page and exported through the client.
func TestAuditLog(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.admin.CreateUser(ctx, user("ada@acme.example"))
	w.must(err)
	lines, _, err := w.admin.Audit(ctx, api.AuditFilter{Object: "user"}, "", 10)
	w.must(err)
	if len(lines) != 1 || lines[0].Verb != "created" || lines[0].Object != "user" {
		t.Errorf("the audit log has %+v", lines)
	}
	none, _, err := w.admin.Audit(ctx, api.AuditFilter{Since: time.Now().Add(time.Hour)}, "", 10)
	w.must(err)
	var out bytes.Buffer
	w.must(w.admin.ExportAudit(ctx, api.AuditFilter{Object: "user"}, &out))
	if len(none) != 0 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("later: %+v; exported: %s", none, out.String())
	}
}
