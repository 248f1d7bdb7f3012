package provision_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/connector/csvfile"
	hub "lockstep/connector/directory"
	"lockstep/connector/scimapp"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/store"
	"lockstep/web"
	"lockstep/webexorg"
)

// world is a tenant with an engine over the real store, a folder of CSV files to bring people in, and a Webex organisation
// behind a real HTTP server to bring them to.
type world struct {
	testing.TB
	ctx    context.Context
	db     *store.DB
	tenant lockstep.TenantID
	engine *provision.Engine
	folder string
	webex  *webexorg.Universe
	org    *webexorg.Org
	url    string
	unique map[string][]string // nil is the usual
	token  string
	scim   *scimapp.Target
	files  map[lockstep.JobID]*csvfile.Reader // of each job that reads a folder
	mu     sync.Mutex
	app    lockstep.AppID
	in     lockstep.JobID
	out    lockstep.JobID
	now    time.Time
	config store.Config
	ahead  time.Duration
}

func newWorld(t testing.TB) *world { return newWorldOn(t, store.Config{}) }

// newWorldOn is a world on a database; without one it is on SQLite.
func newWorldOn(t testing.TB, config store.Config) *world {
	w := &world{TB: t, ctx: t.Context(), folder: t.TempDir(), files: map[lockstep.JobID]*csvfile.Reader{}}
	clock := func() time.Time { return time.Now().Add(w.ahead) }
	var err error
	if config.Now = clock; config.Postgres == "" {
		config.SQLite = filepath.Join(t.TempDir(), "lockstep.db")
	}
	w.config = config
	w.db, err = store.Open(w.ctx, config)
	w.must(err)
	t.Cleanup(func() { w.must(w.db.Close()) })
	w.tenant = lockstep.NewID[lockstep.TenantID]()
	w.must(w.db.CreateTenant(w.ctx, audit.Actor{}, directory.Tenant{ID: w.tenant, Slug: "acme", Name: "Acme"}))
	w.engine = &provision.Engine{Store: w.db.Provision(), Directory: &hub.Connector{Store: w.db}, Connect: w, Mirrors: w.db.Mirrors(), Now: clock, Log: testLog(t)}
	mirrortest.Read(t, w.db.Mirrors(), clock, t.Output(), w.open)

	w.organisation()

	w.app = lockstep.NewID[lockstep.AppID]()
	w.change(directory.PutApp{App: directory.App{ID: w.app, Slug: "webex", Name: "Webex", Roles: []directory.Role{{Value: "user", Name: "User"}, {Value: "default", Name: "Default Access", Exclude: true}}}})
	w.in, w.out = lockstep.NewID[lockstep.JobID](), lockstep.NewID[lockstep.JobID]()
	w.reads(w.in, w.folder)
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, provision.Job{
		Tenant: w.tenant, ID: w.in, Slug: "people", Name: "people.csv", Direction: provision.Inbound, State: provision.Active,
		Connection: provision.Connection{Kind: "csvfile"}, Rules: csvRules(), Policy: provision.Policy{Groups: true},
	}))
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, provision.Job{
		Tenant: w.tenant, ID: w.out, Slug: "webex", Name: "Webex", Direction: provision.Outbound, App: w.app, State: provision.Active,
		Connection: provision.Connection{Kind: "scimapp"}, Rules: webexRules(), Policy: provision.Policy{Groups: true, Everyone: true},
	}))
	return w
}

// organisation makes an organisation in a universe of its own, behind a server.
func (w *world) organisation() {
	w.Helper()
	var err error
	w.webex, err = webexorg.New(webexorg.Config{Now: func() time.Time { return time.Now().Add(w.ahead) }})
	w.must(err)
	w.org, err = w.webex.AddOrg(webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example"}, Enforce: true})
	w.must(err)
	w.token, err = w.org.IssueToken(webexorg.ReadWrite, 1000*time.Hour)
	w.must(err)
	server := httptest.NewServer(w.webex.Handler())
	w.Cleanup(server.Close)
	w.url = server.URL + "/identity/scim/" + w.org.ID() + "/v2"
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) change(cs ...directory.Change) {
	w.Helper()
	_, err := w.db.Commit(w.ctx, w.tenant, audit.Actor{Kind: audit.Admin, Name: "test"}, "", cs...)
	w.must(err)
}

func (w *world) Source(_ context.Context, j provision.Job) (connection.Source, error) {
	return &mirror.Source{Store: w.db.Mirrors(), ID: mirror.ID{Tenant: j.Tenant, Connection: j.ID}, Types: []string{"User", "Group"}, System: w.csv(j.ID)}, nil
}

// csv returns what a job reads; nil when it reads no folder.
func (w *world) csv(job lockstep.JobID) *csvfile.Reader {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[job]
}

// reads gives a job a folder to read.
func (w *world) reads(job lockstep.JobID, folder string) {
	root, err := os.OpenRoot(folder)
	w.must(err)
	w.Cleanup(func() { root.Close() })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[job] = csvfile.NewReader(csvfile.Config{Root: root})
}

// open opens a connection for reading.
func (w *world) open(ctx context.Context, id mirror.ID) (mirror.System, error) {
	if files := w.csv(id.Connection); files != nil {
		return mirrortest.System(files), nil
	}
	target, err := w.Target(ctx, provision.Job{})
	if err != nil {
		return mirror.System{}, err
	}
	return mirrortest.System(target.(*scimapp.Target).Reads(),
		mirror.Wanted{Type: "User", Keys: []string{"userName"}}, mirror.Wanted{Type: "Group", Keys: []string{"displayName"}}), nil
}

// awaitRead waits until the read that the job waits for has ended or failed.
func (w *world) awaitRead(id lockstep.JobID) {
	w.Helper()
	job, err := w.db.Provision().Job(w.ctx, w.tenant, id)
	w.must(err)
	mirrortest.Await(w, w.db.Mirrors(), mirror.ID{Tenant: w.tenant, Connection: id}, job.Request)
}

func (w *world) Target(context.Context, provision.Job) (connection.Target, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.scim != nil {
		return w.scim, nil
	}
	unique := w.unique
	if unique == nil {
		unique = map[string][]string{"User": {"userName"}, "Group": {"displayName"}}
	}
	var err error
	w.scim, err = scimapp.New(scimapp.Config{
		BaseURL: w.url, Name: "Webex", Token: func(context.Context) (string, error) { return w.token, nil },
		HTTP: web.NewClient(web.ClientConfig{Dialer: &web.Dialer{Allow: web.Loopback()}, Connections: 32}),
		Profile: scimapp.Profile{
			MaxMembers: 500, Unique: unique, Connections: 32,
			FindBy: map[string][]string{"User": {"userName"}, "Group": {"displayName"}}, Lag: 10 * time.Second,
		},
	})
	return w.scim, err
}

// direct maps attributes by their own names.
func direct(match string, names ...string) []rule.Mapping {
	var ms []rule.Mapping
	for _, n := range names {
		m := rule.Mapping{Target: n, Source: &rule.MappingSource{Type: rule.FromAttribute, Name: n, Expression: "[" + n + "]"}}
		if n == match {
			m.Match = 1
		}
		ms = append(ms, m)
	}
	return ms
}

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func csvRules() rule.Rules {
	return rule.Rules{Objects: []rule.ObjectMapping{
		{Name: "people", Enabled: true, Source: "User", Target: "User", Attributes: append(direct("userName", "userName", "name.givenName", "name.familyName", "displayName", "title", enterpriseURN+":department", enterpriseURN+":manager"),
			rule.Mapping{Target: "active", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: "Not([IsSoftDeleted])"}})},
		{Name: "groups", Enabled: true, Source: "Group", Target: "Group", Attributes: direct("displayName", "displayName", "members")},
	}}
}

func webexRules() rule.Rules {
	r := csvRules()
	r.Objects[0].Name, r.Objects[1].Name = "users", "groups"
	return r
}

// run turns slices of the job until nothing is left to do, and returns the last cycle. An inbound job has its source read first, as
// when somebody runs it.
func (w *world) run(job lockstep.JobID) provision.Cycle {
	w.Helper()
	if job != w.out {
		w.due(job)
	}
	for range 1000 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, job)
		w.must(err)
		if turn.Reading {
			w.awaitRead(job)
			continue
		}
		if !turn.More {
			if turn.Cycle.Code != "" {
				w.Fatalf("cycle stopped: %s: %s", turn.Cycle.Code, turn.Cycle.Detail)
			}
			return turn.Cycle
		}
	}
	w.Fatal("the job never ends")
	return provision.Cycle{}
}

// due makes the job run, as when somebody asks for it.
func (w *world) due(job lockstep.JobID) {
	w.Helper()
	j, err := w.db.Provision().Job(w.ctx, w.tenant, job)
	w.must(err)
	if j.Cycle == nil && j.Request == 0 {
		j.NextRun = w.engine.Now()
		w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	}
}

func (w *world) file(name, text string) {
	w.Helper()
	w.place(w.folder, name, text)
}

func (w *world) place(folder, name, text string) {
	w.Helper()
	path := filepath.Join(folder, name)
	w.must(os.WriteFile(path+".new", []byte(text), 0o600))
	settled := time.Now().Add(-time.Minute)
	w.must(os.Chtimes(path+".new", settled, settled))
	w.must(os.Rename(path+".new", path)) // in place of the old one, so that it is read at once
}

// target prints what the organisation has: a line for each user and each group.
func (w *world) target() string {
	w.Helper()
	var dump bytes.Buffer
	w.must(w.org.Dump(&dump))
	names := map[string]string{}
	type line struct {
		Kind, ID, Group, Member string
		Resource                map[string]json.RawMessage
	}
	var lines []line
	for text := range strings.Lines(dump.String()) {
		var l line
		w.must(json.Unmarshal([]byte(text), &l))
		var name string
		json.Unmarshal(l.Resource["userName"], &name)
		if name == "" {
			json.Unmarshal(l.Resource["displayName"], &name)
		}
		if l.ID != "" {
			names[l.ID] = name
		}
		lines = append(lines, l)
	}
	members := map[string][]string{}
	for _, l := range lines {
		if l.Kind == "member" {
			members[l.Group] = append(members[l.Group], names[l.Member])
		}
	}
	var out []string
	for _, l := range lines {
		switch l.Kind {
		case "user":
			var ext struct {
				Manager    struct{ Value string }
				Department string
			}
			json.Unmarshal(l.Resource[enterpriseURN], &ext)
			s := "user " + names[l.ID]
			if string(l.Resource["active"]) == "false" {
				s += " inactive"
			}
			var title string
			json.Unmarshal(l.Resource["title"], &title)
			if title != "" {
				s += " title=" + title
			}
			if ext.Department != "" {
				s += " department=" + ext.Department
			}
			if ext.Manager.Value != "" {
				s += " manager=" + names[ext.Manager.Value]
			}
			out = append(out, s)
		case "group":
			m := members[l.ID]
			slices.Sort(m)
			out = append(out, "group "+names[l.ID]+": "+strings.Join(m, " "))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

func (w *world) wantTarget(want string) {
	w.Helper()
	want = strings.TrimLeft(want, "\n")
	if got := w.target(); got != want {
		w.Fatalf("the organisation has\n%s\nwant\n%s", got, want)
	}
}

// requests returns how many requests the organisation has answered since the last call, by method and route.
func (w *world) requests() string {
	n := map[string]int{}
	for _, c := range w.webex.Counts() {
		n[fmt.Sprintf("%s %d", c.Route, c.Status)] += int(c.Requests)
	}
	w.webex.ResetCounts()
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%d× %s", n[k], k))
	}
	return strings.Join(out, ", ")
}

// targetID returns the id of a user of the organisation.
func (w *world) targetID(userName string) string {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	found, err := target.Find(w.ctx, "User", "userName", userName)
	w.must(err)
	if len(found) != 1 {
		w.Fatalf("%d users are called %s", len(found), userName)
	}
	return found[0].ID
}

// deleteAtTarget removes a user of the organisation, as somebody else would.
func (w *world) deleteAtTarget(id string) {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	res := target.Apply(w.ctx, []connection.Operation{{Kind: rule.Delete, Ref: connection.Ref{Type: "User", ID: id}}})
	w.must(res[0].Err)
}
