package e2e

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to look into the database while the program writes it
	_ "modernc.org/sqlite"

	"lockstep/e2e/hostile"
	"lockstep/e2e/parts"
)

// storedWith is the program whose stored data TestMakeStored writes to testdata/stored; testdata/stored/make.sh sets it.
var storedWith = flag.String("stored-with", "", "program of an earlier version, for TestMakeStored")

// The people of the stored data. Numbers are of rows in people.csv, from 1.
const (
	hrFirst  = 60   // are there when the apps are provisioned for the first time
	hrLast   = 90   // are there in the end; the last of them is the newest
	hrGone   = 12   // the last of hrFirst have left the file in the end, which the guard holds
	fielders = 1300 // of the second source, whose first cycle is cut off
	inApp    = 50   // people who are assigned to scim and third
	dropped  = 12   // the last of them have been withdrawn in the end
	rejected = 2    // of those, an administrator has rejected so many
	approved = 3    // and, in third, approved so many
)

// planned is the nickname that the plan in review gives to a person. No source maps it, so it stays whatever sources say.
const planned = "In the plan"

// canary is a password that stands in clear in the links' images and in the log of the stored data: a mapping wrote it under the
// URN spelling of password.
const canary = "Canary-7f3a91"

// storedKey seals the secrets of the stored data. It protects nothing else.
const storedKey = "lockstep-key-1:c3RvcmVkIGRhdGEgb2YgdGVzdHMsIG5vIHNlY3JldCE=\n"

// storedFacts is what the test must know of the stored data beside what stands above.
type storedFacts struct {
	Address string // of the targets, as it stands in the connections' settings
}

// The targets behind that address.
var storedTargets = map[string]string{
	"wx": "/w/identity/scim/f0cbb8c6-3dfa-4b2b-9d6e-0c7f0a1b2c3d/v2", "scim": "/s/v2", "third": "/t/v2",
}

// TestMakeStored writes the stored data of testdata/stored anew: what the program named by -stored-with leaves behind when it
// is killed in the middle of everything, on SQLite and on PostgreSQL.
func TestMakeStored(t *testing.T) {
	if *storedWith == "" {
		t.Skip("makes test data: see testdata/stored/make.sh")
	}
	present := binary
	binary = *storedWith
	defer func() { binary = present }()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) { makeStored(t, engine) })
	}
}

// storedWorld is a home with the three targets of the stored data.
type storedWorld struct {
	*home
	targets map[string]*hostile.Target
	gate    *gate
	server  *httptest.Server
}

func newStoredWorld(t *testing.T, variables ...string) *storedWorld {
	w := &storedWorld{home: newHome(t, variables...), targets: map[string]*hostile.Target{}, gate: &gate{}}
	mux := http.NewServeMux()
	for name, prefix := range storedTargets {
		target := hostile.New(hostile.Quirks{})
		target.Prefix, target.Token = prefix, "stored-secret-of-"+name
		w.targets[name] = target
		var handler http.Handler = target
		if name == "wx" {
			w.gate.Handler = target
			handler = w.gate
		}
		mux.Handle(prefix+"/", handler)
	}
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	w.set("LOCKSTEP_FILES", filepath.Join(w.dir, "files"))
	return w
}

// gate lets a number of writes through and lets the others hang: every second of the next ten after its deed, the rest before.
type gate struct {
	http.Handler
	mu   sync.Mutex
	shut bool
	left int
	late int
}

func (g *gate) close(after int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.left, g.late = true, after, 10
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	hang, deed := false, false
	if g.shut && r.Method != http.MethodGet {
		g.left--
		if hang = g.left < 0; hang {
			g.late--
			deed = g.late >= 0 && g.late%2 == 0
		}
	}
	g.mu.Unlock()
	switch {
	case deed:
		g.Handler.ServeHTTP(httptest.NewRecorder(), r)
		fallthrough
	case hang:
		_, _ = io.Copy(io.Discard, r.Body) // only then is the peer's end noticed
		<-r.Context().Done()
	default:
		g.Handler.ServeHTTP(w, r)
	}
}

// storedPeople is people.csv with some of the rows, and with other titles and managers after a change.
func storedPeople(rows []int, changed bool) string {
	random := rand.New(rand.NewPCG(20261129, 1))
	var out strings.Builder
	w := csv.NewWriter(&out)
	_ = w.Write([]string{"id", "userName", "name.givenName", "name.familyName", "displayName", "title", "manager"}) // to memory
	for i := 1; i <= hrLast; i++ {
		given, family := fmt.Sprintf("Given%d", random.IntN(900)), fmt.Sprintf("Family%d", i)
		title, boss := fmt.Sprintf("Title %d", random.IntN(9)), ""
		if i > 1 {
			boss = fmt.Sprintf("p%03d", 1+random.IntN(min(i-1, 20)))
		}
		if changed && i%9 == 0 {
			title += " (new)"
		}
		if changed && i%11 == 0 {
			boss = "p001"
		}
		if slices.Contains(rows, i) {
			_ = w.Write([]string{fmt.Sprintf("p%03d", i), storedName(i), given, family, given + " " + family, title, boss})
		}
	}
	w.Flush()
	return out.String()
}

func storedName(i int) string { return fmt.Sprintf("person%d@acme.example", i) }

// storedGroups is groups.csv: everybody, and four groups with a part of them each. After a change some are in one more.
func storedGroups(rows []int, changed bool) string {
	var out strings.Builder
	out.WriteString("id,displayName,members\n")
	for g := range 5 {
		var list []string
		for _, i := range rows {
			also := changed && i%10 == 0 && (i+2)%5 == g
			if g == 0 || i%5 == g || also {
				list = append(list, fmt.Sprintf("p%03d", i))
			}
		}
		fmt.Fprintf(&out, "g%d,%s,%s\n", g, storedGroup(g), strings.Join(list, ";"))
	}
	return out.String()
}

func storedGroup(g int) string {
	if g == 0 {
		return "Everybody"
	}
	return fmt.Sprintf("Part %d", g)
}

// storedField is the second source's file.
func storedField() string {
	var out strings.Builder
	out.WriteString("id,userName,displayName\n")
	for i := range fielders {
		fmt.Fprintf(&out, "f%04d,field%d@acme.example,Field %d\n", i, i, i)
	}
	return out.String()
}

func upTo(n int) []int {
	var rows []int
	for i := 1; i <= n; i++ {
		rows = append(rows, i)
	}
	return rows
}

// storedLast are the rows of people.csv in the end.
func storedLast() []int {
	return slices.DeleteFunc(upTo(hrLast), func(i int) bool { return i > hrFirst-hrGone && i <= hrFirst })
}

// place puts a file in place as a whole.
func (w *storedWorld) place(name, text string) {
	w.t.Helper()
	if err := os.Rename(w.write(name+".new", text), filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

func makeStored(t *testing.T, engine string) {
	var variables []string
	driver, dsn := "sqlite", ""
	if engine == "postgres" {
		driver, dsn = "pgx", parts.Postgres(t)
		variables = append(variables, "LOCKSTEP_STORE="+dsn)
	}
	w := newStoredWorld(t, variables...)
	w.set("LOCKSTEP_DATA", filepath.Join(w.dir, "data"))
	w.set("LOCKSTEP_KEY_FILE", w.write("key", storedKey))
	if dsn == "" {
		dsn = "file:" + filepath.Join(w.dir, "data", "lockstep.db") + "?mode=ro&_pragma=busy_timeout(5000)"
	}
	w.place("files/people.csv", storedPeople(upTo(hrFirst), false))
	w.place("files/groups.csv", storedGroups(upTo(hrFirst), false))
	w.place("files/field.csv", storedField())
	p := w.start(serves, "serve")

	w.run("source", "add", "csvfile", "hr")
	w.run("source", "run", "hr")
	w.addApp("webex", "wx", "endpoint", "--mode", "auto")
	w.run("assign", "add", "--app", "wx", "--group", "Everybody")
	for g := range 5 {
		w.run("assign", "add", "--app", "wx", "--group", storedGroup(g))
	}
	w.addApp("scimapp", "scim", "url")
	w.run("mapping", "set", "--app", "scim", "urn:ietf:params:scim:schemas:core:2.0:User:password", `"`+canary+`"`)
	w.run("mapping", "set", "--app", "scim", "nickName", "[nickName]")
	w.addApp("scimapp", "third", "url")
	for _, app := range []string{"scim", "third"} {
		for i := range inApp {
			w.run("assign", "add", "--app", app, "--user", storedName(i+1))
		}
	}
	w.run("run", "wx")
	w.run("plan", "scim")
	w.run("apply", "scim", "--yes")
	w.run("app", "set", "third", "--mode", "auto")
	w.run("run", "third")

	// More people leave the two apps than the guard lets through. In scim they are in a plan that is being reviewed, in third
	// they are held by a cycle that has ended.
	w.run("app", "set", "third", "--state", "paused")
	for _, app := range []string{"scim", "third"} {
		for i := inApp - dropped; i < inApp; i++ {
			w.withdraw(app, storedName(i+1))
		}
	}
	w.run("people", "set", storedName(2), "nickName="+planned)
	w.try("plan", "scim")
	w.decide("scim", "reject", rejected)
	w.run("app", "set", "third", "--state", "active")
	w.try("run", "third")
	w.run("app", "set", "third", "--state", "paused")
	w.decide("third", "reject", rejected)
	w.decide("third", "approve", approved)

	// People come, change and leave. wx is caught while it writes, with some of the deeds done and none of their answers seen;
	// hr holds those who leave; field is caught while it reads for the first time.
	w.gate.close(8)
	w.place("files/people.csv", storedPeople(storedLast(), true))
	w.place("files/groups.csv", storedGroups(storedLast(), true))
	w.try("source", "run", "hr")
	w.try("run", "wx", "--detach")
	look, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	count := func(query string) (n int) {
		t.Helper()
		if err := look.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, time.Minute, func() (bool, string) {
		n := count("SELECT COUNT(*) FROM action WHERE state = 'open'")
		return n >= 6, fmt.Sprintf("%d rows are open", n)
	})
	w.catchField(p, count)
	if n := count("SELECT COUNT(*) FROM action WHERE state = 'open'"); n < 6 {
		t.Fatalf("%d rows are open", n)
	}
	look.Close()
	w.keep(engine)
}

// addApp adds an app whose address is the setting.
func (w *storedWorld) addApp(kind, name, setting string, more ...string) {
	w.t.Helper()
	w.run("app", "add", kind, name, "--set", setting+"="+w.server.URL+storedTargets[name])
	w.run("connection", "set", name, "--secret", "token", "--secret-file", w.write("token", w.targets[name].Token))
	if len(more) > 0 {
		w.run(append([]string{"app", "set", name}, more...)...)
	}
}

func (w *storedWorld) withdraw(app, user string) {
	w.t.Helper()
	if r := w.try("assign", "rm", "--app", app, "--user", user); r.code != 0 {
		w.t.Fatalf("withdraw %s: %s%s", user, r.stdout, r.stderr)
	}
}

// held returns the ids of the held rows by the names of their people.
func (w *storedWorld) held(job string) map[string]string {
	w.t.Helper()
	var rows []struct {
		ID     string
		Source struct{ Name string }
	}
	w.read(&rows, "held", "list", job)
	out := map[string]string{}
	for _, r := range rows {
		out[r.Source.Name] = r.ID
	}
	return out
}

// decide approves or rejects so many of the held rows: the first of those who were withdrawn are rejected, the last approved.
func (w *storedWorld) decide(app, verb string, n int) {
	w.t.Helper()
	held := w.held(app)
	for i := range n {
		who := storedName(inApp - dropped + 1 + i)
		if verb == "approve" {
			who = storedName(inApp - i)
		}
		if held[who] == "" {
			w.t.Fatalf("%s of %s is not held: %v", who, app, held)
		}
		w.run("held", verb, "--app", app, held[who])
	}
}

// catchField kills the server when it has read a part of the second source.
func (w *storedWorld) catchField(p *process, count func(string) int) {
	w.t.Helper()
	for range 10 {
		w.run("source", "add", "csvfile", "field", "--set", "people=field.csv", "--set", "groups=none.csv", "--set", "memberships=none.csv")
		w.try("run", "field", "--detach")
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			known := count("SELECT COUNT(*) FROM link WHERE source_id LIKE 'f0%' OR source_id LIKE 'f1%'")
			if known >= fielders {
				break // too late
			}
			if known > 0 {
				p.kill()
				if n := count("SELECT COUNT(*) FROM cycle c JOIN job j ON j.no = c.job WHERE j.slug = 'field' AND c.ended = 0 AND c.phase = 'read' AND c.page <> ''"); n == 1 {
					return
				}
				w.t.Fatal("the server was killed, but not while it read")
			}
		}
		w.run("source", "rm", "field", "--yes")
	}
	w.t.Fatal("the second source is always read before it can be caught")
}

// keep writes what is there to testdata/stored.
func (w *storedWorld) keep(engine string) {
	w.t.Helper()
	dir := filepath.Join("testdata", "stored", engine)
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(os.RemoveAll(dir))
	must(os.MkdirAll(dir, 0o755))
	zip := func(name string, text []byte) {
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		must(err)
		_, err = z.Write(text)
		must(err)
		must(z.Close())
		must(os.WriteFile(filepath.Join(dir, name+".gz"), out.Bytes(), 0o644))
		w.t.Logf("%s: %d bytes, %d compressed", name, len(text), out.Len())
	}
	if engine == "sqlite" {
		path := filepath.Join(w.dir, "data", "lockstep.db")
		db, err := sql.Open("sqlite", path)
		must(err)
		_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)") // one file is easier to keep than two
		must(errors.Join(err, db.Close()))
		text, err := os.ReadFile(path)
		must(err)
		zip("lockstep.db", text)
	} else {
		dump := exec.Command(parts.Need(w.t, "pg_dump"), "--no-owner", "--no-privileges", "--dbname", w.variable("LOCKSTEP_STORE"))
		text, err := dump.Output()
		must(err)
		zip("dump.sql", text)
	}
	for name, target := range w.targets {
		text, err := target.Save()
		must(err)
		zip("target-"+name+".json", text)
	}
	facts, err := json.MarshalIndent(storedFacts{Address: w.server.URL}, "", "  ")
	must(err)
	must(os.WriteFile(filepath.Join(dir, "facts.json"), append(facts, '\n'), 0o644))
}

// variable is a variable of the home's environment.
func (h *home) variable(name string) string {
	for _, v := range slices.Backward(h.env) {
		if value, is := strings.CutPrefix(v, name+"="); is {
			return value
		}
	}
	return ""
}
