package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/connector/csvfile"
	hub "lockstep/connector/directory"
	"lockstep/connector/webex"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/drift"
	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/notify"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/server"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/undo"
	"lockstep/upstream"
	"lockstep/web"
	"lockstep/webexorg"
)

// world is a company with a folder of CSV files as its source and a Webex organisation as its app, the real engine and store
// between them, and the console before them.
type world struct {
	testing.TB
	db       *store.DB
	engine   *provision.Engine
	tenant   lockstep.TenantID
	app      lockstep.AppID
	hr, out  lockstep.JobID
	folder   string
	org      *webexorg.Org
	target   *webex.Target
	console  *console.Server
	operator *operate.Operator
	server   *httptest.Server
	webex    string            // where the organisation answers
	calls    operate.SCIMCalls // what SCIM clients have asked
	public   string            // the address by which people sign in; "" is that of the console

	mu    sync.Mutex
	ahead time.Duration
}

var nobody = audit.Actor{Kind: audit.Admin, Name: "test"}

// people has somebody for each case: Ada and Grace are assigned through a group, Bob's domain is not verified, Eve is not
// assigned. More are added by number.
const people = `id,userName,displayName,title,groups
p1,ada@acme.example,Ada Lindqvist,Engineer,g1
p2,grace@acme.example,Grace <Okafor>,Chief,g1
p3,bob@old.example,Bob Quinn,Agent,g1
p4,eve@acme.example,Eve Outside,Guest,
`

func newWorld(t testing.TB, more int) *world {
	w := &world{TB: t, folder: t.TempDir(), tenant: lockstep.NewID[lockstep.TenantID](), app: lockstep.NewID[lockstep.AppID]()}
	var err error
	w.db, err = store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey(), Now: w.now})
	w.must(err)
	t.Cleanup(func() { w.must(w.db.Close()) })
	w.must(w.db.CreateTenant(t.Context(), nobody, directory.Tenant{ID: w.tenant, Slug: "acme", Name: "Acme"}))
	w.engine = &provision.Engine{Store: w.db.Provision(), Directory: &hub.Connector{Store: w.db}, Connect: w, Mirrors: w.db.Mirrors(), Now: w.now}
	mirrortest.Read(t, w.db.Mirrors(), w.now, t.Output(), w.read)
	w.connectOrg()
	w.company(more, "Engineer")
	w.hr = w.job(w.tenant, provision.Job{Slug: "hr", Name: "People", Direction: provision.Inbound, Connection: provision.Connection{Kind: "csvfile"}}, csvfile.Template())
	_, err = w.db.Commit(t.Context(), w.tenant, nobody, "", directory.PutApp{App: directory.App{ID: w.app, Slug: "webex", Name: "Cisco Webex", Roles: []directory.Role{{Value: "user", Name: "User"}}}})
	w.must(err)
	w.out = w.job(w.tenant, provision.Job{Slug: "webex", Name: "Cisco Webex", Direction: provision.Outbound, App: w.app, Manual: true, Connection: provision.Connection{
		Kind: "webex", Settings: map[string]string{"region": "commercial"},
	}}, webex.Template())
	gallery, err := server.Gallery()
	w.must(err)
	inside := &web.Dialer{Allow: web.Loopback()}
	courier := &notify.Courier{Records: w.db.Notify(), Outbox: w.db.Notify(), Mailer: notify.Mailer{Dialer: inside}, Poster: notify.NewPoster(inside)}
	w.operator = &operate.Operator{
		Notices:   &operate.Notices{Records: courier.Records, Outbox: courier.Outbox, Sender: courier},
		Directory: w.db, GroupFinder: w.db, Jobs: w.db.Provision(), Settings: w.db, Drafts: w.db, Engine: w.engine, Drifts: &drift.Finder{Engine: w.engine, Mirrors: w.db.Mirrors(), Looks: w.db}, Undos: &undo.Undoer{Engine: w.engine}, Tenants: w.db, Tokens: server.Tokens{DB: w.db}, Notes: w.db, Standings: w.db, Reads: w.db.Mirrors(),
		Sessions: &session.Gate{Surface: console.Surface, Store: &session.Memory{}, Now: w.now}, Schemas: w.db.Schemas, SCIM: inbound{w: w}, Now: w.now,
		Address: func() string { return w.server.URL }, Gallery: gallery, Files: w,
	}
	w.operator.Sessions.Store, w.operator.Visits = w.db.Console(), w.db.Console()
	w.operator.Admins, w.operator.Forms = server.Admins{DB: w.db}, server.ConsoleForms{DB: w.db}
	signIn := w.signIns()
	w.console = &console.Server{Operator: w.operator, Notice: "Demo data", Version: "test", Now: w.now, Log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	mux.Handle("/", console.WithKit(w.console))
	mux.Handle(sso.Prefix, signIn)
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	return w
}

// signIns has people signed in, and returns its pages.
func (w *world) signIns() http.Handler {
	base := func() string {
		if w.public != "" {
			return w.public
		}
		return w.server.URL
	}
	s := &sso.Server{
		Store: w.db.SSO(), Directory: w.db, Tenants: w.db, Box: store.NewKey().Box("test"), Base: base, Log: slog.New(slog.DiscardHandler), Now: w.now,
		Opener: &upstream.Opener{Dialer: &web.Dialer{Allow: web.Loopback()}, Now: w.now},
	}
	w.operator.SignIn = server.SignIn(w.db, s)
	return s.Handler()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// now is the clock of everything here; tests put it forward.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *world) connectOrg() {
	universe, err := webexorg.New(webexorg.Config{})
	w.must(err)
	w.org, err = universe.AddOrg(webexorg.OrgConfig{Name: "Acme", Domains: []string{"acme.example"}, Enforce: true})
	w.must(err)
	token, err := w.org.IssueToken(webexorg.ReadWrite, time.Hour)
	w.must(err)
	server := httptest.NewServer(universe.Handler())
	w.Cleanup(server.Close)
	w.webex = server.URL
	w.target, err = webex.New(webex.Config{
		Endpoint: server.URL + "/identity/scim/" + w.org.ID() + "/v2", Name: "Cisco Webex",
		Token: func(context.Context) (string, error) { return token, nil },
		HTTP:  web.NewClient(web.ClientConfig{Dialer: &web.Dialer{Allow: web.Loopback()}}),
	})
	w.must(err)
}

// Source and Target implement provision.Connect.
func (w *world) Source(_ context.Context, j provision.Job) (connection.Source, error) {
	return &mirror.Source{Store: w.db.Mirrors(), ID: mirror.ID{Tenant: j.Tenant, Connection: j.ID}, Types: []string{"User", "Group"}, System: w.csv()}, nil
}

func (w *world) csv() *csvfile.Reader {
	root, err := os.OpenRoot(w.folder)
	w.must(err)
	w.Cleanup(func() { _ = root.Close() })
	return csvfile.NewReader(csvfile.Config{Root: root})
}

// read opens a job's outside system for reading.
func (w *world) read(_ context.Context, id mirror.ID) (mirror.System, error) {
	if id.Connection == w.hr {
		return mirrortest.System(w.csv()), nil
	}
	return mirrortest.System(w.target.Reads(), mirror.Wanted{Type: "User", Keys: []string{"userName"}}, mirror.Wanted{Type: "Group", Keys: []string{"displayName"}}), nil
}

func (w *world) Target(context.Context, provision.Job) (connection.Target, error) {
	return w.target, nil
}

// company writes the source's files: the people above, and as many more with the given title.
func (w *world) company(more int, title string) {
	text := strings.ReplaceAll(people, ",groups", "")
	text = strings.NewReplacer(",g1\n", "\n", ",\n", "\n").Replace(text)
	members := "p1;p2;p3"
	for i := range more {
		text += fmt.Sprintf("m%d,m%d@acme.example,Member %d,%s\n", i, i, i, title)
		members += fmt.Sprintf(";m%d", i)
	}
	w.put("people.csv", []byte(text))
	w.put("groups.csv", []byte("id,displayName,members\ng1,Everybody,"+members+"\n"))
}

// job keeps a job with the rules of its template.
func (w *world) job(t lockstep.TenantID, j provision.Job, template []byte) lockstep.JobID {
	w.Helper()
	var from struct {
		Rules  rule.Rules       `json:"rules"`
		Policy provision.Policy `json:"policy"`
	}
	w.must(json.Unmarshal(template, &from))
	j.Tenant, j.ID, j.State, j.Rules = t, lockstep.NewID[lockstep.JobID](), provision.Active, from.Rules
	if j.Direction == provision.Inbound {
		j.Policy.Groups = true
	}
	w.must(w.db.PutJob(w.Context(), nobody, j))
	return j.ID
}

// run turns slices of a job until there is nothing more to do at once.
func (w *world) run(id lockstep.JobID) {
	w.Helper()
	if j := w.state(id); j.Direction == provision.Inbound && j.Cycle == nil && j.Request == 0 {
		j.NextRun = w.now()
		w.must(w.db.Provision().PutJob(w.Context(), nobody, j))
	}
	for range 100 {
		turn, err := w.engine.Slice(w.Context(), w.tenant, id)
		w.must(err)
		if turn.Reading {
			mirrortest.Await(w, w.db.Mirrors(), mirror.ID{Tenant: w.tenant, Connection: id}, w.state(id).Request)
			continue
		}
		if !turn.More {
			return
		}
	}
	w.Fatal("the job never ends")
}

func (w *world) state(id lockstep.JobID) provision.Job {
	w.Helper()
	j, err := w.db.Job(w.Context(), w.tenant, id)
	w.must(err)
	return j
}

// filled has the people in the directory, the group assigned, and a plan that waits.
func (w *world) filled() *world {
	w.Helper()
	w.run(w.hr)
	groups, err := w.db.Groups(w.Context(), w.tenant, directory.GroupQuery{})
	w.must(err)
	_, err = w.db.Commit(w.Context(), w.tenant, nobody, "", directory.PutAssignment{Assignment: directory.Assignment{
		ID: lockstep.NewID[lockstep.AssignmentID](), App: w.app, Kind: directory.GroupKind, To: string(groups[0].ID), Role: "user",
	}})
	w.must(err)
	w.run(w.out)
	if c := w.state(w.out).Cycle; c == nil || c.Phase != provision.Review {
		w.Fatalf("no plan waits: %+v", c)
	}
	return w
}

// applied has the plan carried out, by the console.
func (w *world) applied(b *browser) *world {
	w.Helper()
	b.post("/apps/webex/plan", "do", "apply", "cycle", string(w.state(w.out).Cycle.ID)).is(http.StatusSeeOther)
	w.run(w.out)
	return w
}

func (w *world) user(name string) lockstep.UserID {
	w.Helper()
	found, err := w.db.Users(w.Context(), w.tenant, directory.UserQuery{Attribute: "userName", Values: []string{name}})
	w.must(err)
	if len(found) != 1 {
		w.Fatalf("%d people are called %s", len(found), name)
	}
	return found[0].ID
}

// browser is a client with cookies that follows no redirect.
type browser struct {
	*world
	http.Client
	header http.Header
}

func (w *world) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	b := &browser{world: w, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}
	b.Jar = jar
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// link is a one-time link for the tenant, as a path with its query.
func (w *world) link(t lockstep.TenantID) string {
	w.Helper()
	link, err := w.operator.Link(w.Context(), operate.Machine(t), "mia")
	w.must(err)
	return strings.TrimPrefix(link, w.server.URL)
}

// signedIn is a browser that has used a link.
func (w *world) signedIn(t lockstep.TenantID) *browser {
	w.Helper()
	b := w.newBrowser()
	b.enter(w.link(t)).is(http.StatusSeeOther)
	return b
}

func (b *browser) enter(link string) *answer {
	b.Helper()
	_, key, _ := strings.Cut(link, "key=")
	return b.post("/link", "key", key)
}

func (b *browser) get(path string) *answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.server.URL+path, nil)
	b.must(err)
	return b.send(r)
}

// post sends a form of names and values.
func (b *browser) post(path string, fields ...string) *answer {
	b.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(form.Encode()))
	b.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(r)
}

func (b *browser) send(r *http.Request) *answer {
	b.Helper()
	maps.Copy(r.Header, b.header)
	resp, err := b.Do(r)
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	return &answer{TB: b, resp: resp, body: string(body), what: r.Method + " " + r.URL.RequestURI()}
}

// answer is what a browser got.
type answer struct {
	testing.TB
	resp *http.Response
	body string
	what string
}

func (a *answer) is(status int) *answer {
	a.Helper()
	if a.resp.StatusCode != status {
		a.Fatalf("%s: status %d, want %d\n%s", a.what, a.resp.StatusCode, status, a.says())
	}
	return a
}

func (a *answer) to(path string) {
	a.Helper()
	a.is(http.StatusSeeOther)
	if got := a.resp.Header.Get("Location"); got != path {
		a.Errorf("%s leads to %q, want %q", a.what, got, path)
	}
}

// Put is that of operate.Files.
func (*world) Left(string) (bool, error) { return false, nil }

func (w *world) Put(_ context.Context, _ lockstep.TenantID, name string, body io.Reader, most int64) (int64, error) {
	text, err := io.ReadAll(io.LimitReader(body, most))
	if err == nil {
		w.put(name, text)
	}
	return int64(len(text)), err
}

// put puts a file of the source in the place of the one before, as if it had been there for a while.
func (w *world) put(name string, text []byte) {
	w.Helper()
	path := filepath.Join(w.folder, name)
	settled := time.Now().Add(-time.Minute)
	w.must(os.WriteFile(path+".new", text, 0o600))
	w.must(os.Chtimes(path+".new", settled, settled))
	w.must(os.Rename(path+".new", path))
}
