package e2e

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/hostile"
	"lockstep/e2e/parts"
)

// TestStored opens what an earlier version has left behind in the middle of everything (storedmake_test.go says what), and
// lets the work go on. Nobody may be created twice or get lost, what was held is held again, and the secrets open.
func TestStored(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			openStored(t, engine)
		})
	}
}

func openStored(t *testing.T, engine string) {
	w := restoreStored(t, engine)
	p := w.start(serves, "serve", "--keep-log", "0", "--keep-deleted", "0", "--keep-audit", "0")
	_, rest, _ := strings.Cut(p.said(), serves+" ")
	address, _, _ := strings.Cut(rest, ",")
	t.Run("secrets open", func(t *testing.T) {
		for app := range storedTargets {
			if r := w.try("connection", "test", app); r.code != 0 {
				t.Errorf("connection test %s: %s%s", app, r.stdout, r.stderr)
			}
		}
	})
	t.Run("half-read cycle", func(t *testing.T) {
		w.try("run", "field")
		people := endpoint{t, address + "/scim/default/v2", strings.TrimSpace(w.run("token", "create", "count", "--kind", "scim"))}
		eventually(t, time.Minute, func() (bool, string) {
			n := countOf(people, `userName sw "field"`)
			return n == fielders, fmt.Sprintf("%d of %d people are there", n, fielders)
		})
	})
	t.Run("open rows", func(t *testing.T) {
		want := w.wantWx()
		eventually(t, 2*time.Minute, func() (bool, string) {
			problems := hostile.Compare(want, w.targets["wx"].Holdings())
			return len(problems) == 0, strings.Join(problems, "\n")
		}, func() string {
			return w.try("app", "show", "wx").stdout + w.try("log", "list", "wx", "--limit", "30").stdout
		})
	})
	t.Run("held again", func(t *testing.T) {
		w.try("run", "hr")
		held := w.held("hr")
		for _, i := range storedGone() {
			if held[storedName(i)] == "" {
				t.Errorf("%s has left the file and is not held", storedName(i))
			}
			var person struct {
				Attributes struct{ Active *bool }
				Deleted    *time.Time
			}
			w.read(&person, "people", "show", storedName(i))
			if person.Deleted != nil || person.Attributes.Active != nil && !*person.Attributes.Active {
				t.Errorf("%s is held, and gone: %+v", storedName(i), person)
			}
		}
	})
	t.Run("plan in review", func(t *testing.T) {
		w.try("plan", "scim")
		w.checkDropped(t, w.targets["scim"], "scim", 0)
		w.try("apply", "scim", "--yes")
		want := w.wantApp(w.targets["scim"])
		want.People[storedName(2)]["nickName"] = planned
		eventually(t, time.Minute, func() (bool, string) {
			problems := hostile.Compare(want, w.targets["scim"].Holdings())
			return len(problems) == 0, strings.Join(problems, "\n")
		}, func() string { return w.try("plan", "scim").stdout })
	})
	t.Run("rejected in a plan", func(t *testing.T) { // also in one that was never applied
		if problems := w.rejectedAgain(w.targets["scim"], "scim"); len(problems) > 0 {
			t.Error(strings.Join(problems, "\n"))
		}
	})
	t.Run("approved rows of an ended cycle", func(t *testing.T) {
		for i := range approved {
			w.targets["third"].Expect(storedName(inApp - i))
		}
		w.run("app", "set", "third", "--state", "active")
		w.try("run", "third")
		w.checkDropped(t, w.targets["third"], "third", approved)
		if problems := w.rejectedAgain(w.targets["third"], "third"); len(problems) > 0 {
			t.Error(strings.Join(problems, "\n"))
		}
	})
	t.Run("nothing more", func(t *testing.T) { w.checkQuiet(t) })
	t.Run("claims", func(t *testing.T) { w.checkClaims(t) })
	t.Run("passwords are gone", func(t *testing.T) {
		stillWrong(t, "nothing takes passwords out of what earlier versions have stored, in links and log", w.findCanary(t, engine))
	})
}

// checkClaims: who came from a source is the source's alone after the update, so that a leaver who is approved goes.
func (w *storedWorld) checkClaims(t *testing.T) {
	leaver := storedName(storedGone()[0])
	var person struct {
		Claims []struct {
			Kind, Name string
			Active     bool
		}
		Deleted *time.Time
	}
	w.read(&person, "people", "show", leaver)
	if c := person.Claims; len(c) != 1 || c[0].Kind != "source" || !c[0].Active {
		t.Errorf("%s is claimed by %+v", leaver, c)
	}
	w.run("held", "approve", "--app", "hr", w.held("hr")[leaver])
	eventually(t, time.Minute, func() (bool, string) {
		w.read(&person, "people", "show", leaver)
		return person.Deleted != nil, leaver + " was approved to go, and is there"
	}, func() string { return w.try("log", "list", "hr", "--limit", "5").stdout })
}

// storedGone are the rows of people.csv that are gone in the end.
func storedGone() []int {
	return slices.DeleteFunc(upTo(hrFirst), func(i int) bool { return i <= hrFirst-hrGone })
}

// restoreStored makes a home of the stored data, with the targets as they were.
func restoreStored(t *testing.T, engine string) *storedWorld {
	w := newStoredWorld(t)
	dir := filepath.Join("testdata", "stored", engine)
	var facts storedFacts
	text, err := os.ReadFile(filepath.Join(dir, "facts.json"))
	if err == nil {
		err = json.Unmarshal(text, &facts)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range w.targets {
		if err := target.Load(unzip(t, filepath.Join(dir, "target-"+name+".json.gz"))); err != nil {
			t.Fatal(err)
		}
	}
	w.place("files/people.csv", storedPeople(storedLast(), true))
	w.place("files/groups.csv", storedGroups(storedLast(), true))
	w.place("files/field.csv", storedField())
	w.set("LOCKSTEP_DATA", filepath.Join(w.dir, "data"))
	w.set("LOCKSTEP_KEY_FILE", w.write("key", storedKey))
	if engine == "sqlite" {
		path := w.write("data/lockstep.db", string(unzip(t, filepath.Join(dir, "lockstep.db.gz"))))
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("UPDATE job SET connection = replace(connection, ?, ?)", facts.Address, w.server.URL); err != nil {
			t.Fatal(err)
		}
		return w
	}
	dsn := parts.Postgres(t)
	dump := bytes.ReplaceAll(unzip(t, filepath.Join(dir, "dump.sql.gz")), []byte(facts.Address), []byte(w.server.URL))
	load := exec.Command(parts.Need(t, "psql"), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", dsn)
	load.Stdin = bytes.NewReader(dump)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load the dump: %v\n%s", err, out)
	}
	w.set("LOCKSTEP_STORE", dsn)
	return w
}

func unzip(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantWx is what the Webex organisation must have: everybody of the file, and those who are held as they were.
func (w *storedWorld) wantWx() hostile.Holdings {
	want := hostile.Holdings{People: map[string]hostile.Account{}, Groups: map[string][]string{}}
	addStored(&want, storedPeople(storedLast(), true), storedGroups(storedLast(), true))
	addStored(&want, storedPeople(storedGone(), false), storedGroups(storedGone(), false))
	for id, a := range want.People { // what the directory adds by itself
		has := w.targets["wx"].Holdings().People[id]["externalId"]
		if has != "" {
			a["externalId"] = has
		}
	}
	return want
}

// addStored adds what two files say.
func addStored(h *hostile.Holdings, people, groups string) {
	names := map[string]string{}
	for i := range hrLast {
		names[fmt.Sprintf("p%03d", i+1)] = storedName(i + 1)
	}
	for line := range strings.Lines(people) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if f[0] == "id" {
			continue
		}
		a := hostile.Account{"userName": f[1], "name.givenName": f[2], "name.familyName": f[3], "displayName": f[4], "title": f[5], "active": "true"}
		if f[6] != "" {
			a["manager"] = names[f[6]]
		}
		h.People[f[1]] = a
	}
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSpace(line), ",", 3)
		if f[0] == "id" {
			continue
		}
		for id := range strings.SplitSeq(f[2], ";") {
			if id != "" {
				h.Groups[f[1]] = append(h.Groups[f[1]], names[id])
			}
		}
		slices.Sort(h.Groups[f[1]])
	}
}

// wantApp is what an app of the fifty must have when nobody of those who were withdrawn has been disabled.
func (w *storedWorld) wantApp(target *hostile.Target) hostile.Holdings {
	want := w.wantWx()
	has := target.Holdings()
	for name, a := range want.People {
		if !slices.ContainsFunc(upTo(inApp), func(i int) bool { return storedName(i) == name }) {
			delete(want.People, name)
			continue
		}
		delete(a, "externalId")
		for _, own := range []string{"externalId", userURN + ":password", "password"} { // what the app has beside
			if v := has.People[name][own]; v != "" {
				a[own] = v
			}
		}
		if slices.ContainsFunc(upTo(inApp)[inApp-dropped:], func(i int) bool { return storedName(i) == name }) {
			want.People[name] = has.People[name] // withdrawn: only that they are there counts, see checkDropped
			if want.People[name] == nil {
				want.People[name] = hostile.Account{}
			}
		}
	}
	want.Groups = map[string][]string{}
	return want
}

const userURN = "urn:ietf:params:scim:schemas:core:2.0:User"

// checkDropped: of those who were withdrawn from the app, whom an administrator approved is disabled, or held once more; whom
// they rejected stays; everybody else is held.
func (w *storedWorld) checkDropped(t *testing.T, target *hostile.Target, app string, mayGo int) {
	t.Helper()
	held, has := w.held(app), target.Holdings()
	for n, i := range upTo(inApp)[inApp-dropped:] {
		name := storedName(i)
		enabled := has.People[name]["active"] != "false"
		switch isHeld := held[name] != ""; {
		case n < rejected && !enabled:
			t.Errorf("%s: %s was rejected and is disabled", app, name)
		case n >= dropped-mayGo && enabled && !isHeld:
			t.Errorf("%s: %s was approved and is forgotten", app, name)
		case n >= rejected && n < dropped-mayGo && (!enabled || !isHeld):
			t.Errorf("%s: %s must be held: held %v, enabled %v", app, name, isHeld, enabled)
		}
	}
}

// rejectedAgain names those whom an administrator rejected and who are asked for again, or gone.
func (w *storedWorld) rejectedAgain(target *hostile.Target, app string) (problems []string) {
	w.t.Helper()
	held, has := w.held(app), target.Holdings()
	for _, i := range upTo(inApp)[inApp-dropped:][:rejected] {
		if name := storedName(i); held[name] != "" || has.People[name]["active"] != "true" {
			problems = append(problems, fmt.Sprintf("%s: %s was rejected: held %v, active %s", app, name, held[name] != "", has.People[name]["active"]))
		}
	}
	return problems
}

// stillWrong is for what is known to be wrong. It fails when that is mended, so that the test takes over from then on.
func stillWrong(t *testing.T, what string, problems []string) {
	t.Helper()
	if len(problems) == 0 {
		t.Errorf("mended: %q. Make this a test that it stays so.", what)
		return
	}
	t.Logf("known: %s:\n%s", what, strings.Join(problems, "\n"))
}

// checkQuiet: when everything is run once more nothing is written, and what was done until now was right.
func (w *storedWorld) checkQuiet(t *testing.T) {
	t.Helper()
	before := map[string]int{}
	for name, target := range w.targets {
		before[name] = len(target.Requests(0))
	}
	for _, job := range []string{"hr", "field", "wx", "scim", "third"} {
		w.try("run", job)
	}
	for name, target := range w.targets {
		for _, r := range target.Requests(before[name]) {
			if r.Write() {
				t.Errorf("%s: %s %s %s", name, r.Method, r.Path, r.Body)
			}
		}
		for _, problem := range target.Verdict() {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// findCanary names the files of the database in which the password stands.
func (w *storedWorld) findCanary(t *testing.T, engine string) (problems []string) {
	t.Helper()
	stands := func(where string, text []byte) {
		if n := bytes.Count(text, []byte(canary)); n > 0 {
			problems = append(problems, fmt.Sprintf("the password stands %d times in %s", n, where))
		}
	}
	if engine == "postgres" {
		out, err := exec.Command(parts.Need(t, "pg_dump"), "--dbname", w.variable("LOCKSTEP_STORE")).Output()
		if err != nil {
			t.Fatal(err)
		}
		stands("the database", out)
		return problems
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "data", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil { // there is a socket among them
			stands(filepath.Base(name), text)
		}
	}
	return problems
}

// countOf is how many people of the directory a filter selects.
func countOf(e endpoint, filter string) int {
	e.t.Helper()
	_, list, err := e.send(http.MethodGet, "/Users?"+url.Values{"count": {"0"}, "filter": {filter}}.Encode(), "")
	if err != nil {
		e.t.Fatal(err)
	}
	n, _ := list.Get("totalResults").(int64)
	return int(n)
}
