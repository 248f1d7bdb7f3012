package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lockstep"
	"lockstep/webexorg"
)

// TestBadInput: whatever is wrong ends with its exit code and its stable code, in a sentence and, with -o json, in an object on
// standard error; standard output stays free of it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	org := newOrganisation(t, nil)
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>We are back soon.</html>") }))
	t.Cleanup(html.Close)
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "files"))
	h.write("files/people.csv", "id,userName\n1,ada@acme.example\n")
	h.write("files/noid.csv", "userName\nada@acme.example\n")
	h.write("token", org.token)
	h.write("wrong", "not-a-token")
	h.write("empty", "")
	p := h.start(serves, "serve")
	h.run("source", "add", "csvfile", "csv")
	h.run("source", "add", "csvfile", "nofile", "--set", "people=nowhere.csv")
	h.run("source", "add", "csvfile", "noid", "--set", "people=noid.csv")
	h.run("app", "add", "webex", "--set", "endpoint="+org.endpoint())
	h.run("app", "add", "scimapp", "away", "--set", "url=http://127.0.0.1:1/scim")
	h.run("app", "add", "scimapp", "forbidden", "--set", "url=http://10.255.255.1/scim")
	h.run("app", "add", "scimapp", "html", "--set", "url="+html.URL)
	h.run("app", "add", "webex", "unknown", "--set", "endpoint="+org.endpoint())
	for _, c := range []struct {
		args string
		code int
		want lockstep.Code
	}{
		{"mapping set --app unknown nonsense [userName]", 1, lockstep.CodeMapUnknown},
		{"nonsense", 64, lockstep.CodeUsage},
		{"plan", 64, lockstep.CodeUsage}, // which app?
		{"plan webex --nonsense", 64, lockstep.CodeUsage},
		{"assign add --app webex", 64, lockstep.CodeUsage},
		{"scope set --app webex title~EQUAL~x", 64, lockstep.CodeUsage},
		{"app rm webex", 64, lockstep.CodeUsage}, // nobody can be asked
		{"connection set webex --secret-file nowhere", 64, lockstep.CodeUsage},
		{"connection set webex --secret-file empty", 64, lockstep.CodeUsage},
		{"serve --listen 0.0.0.0:0", 64, lockstep.CodeUsage},
		{"work", 64, lockstep.CodeUsage}, // on SQLite
		{"people show nobody@acme.example", 1, lockstep.CodeNotFound},
		{"plan nothing", 1, lockstep.CodeNotFound},
		{"assign add --app webex --user nobody@acme.example", 1, lockstep.CodeNotFound},
		{"source add csvfile delimiter --set delimiter=#", 1, lockstep.CodeInvalid},
		{"app add webex organization --set organization=acme", 1, lockstep.CodeInvalid},
		{"source add csvfile x --set nonsense=1", 1, lockstep.CodeInvalid},
		{"app add nonsense", 1, lockstep.CodeNotFound},
		{"app add webex", 1, lockstep.CodeConflict},
		{"mapping set --app webex nickName ToUpper(", 1, lockstep.CodeMapSyntax},
		{"connection set webex --secret-file wrong", 0, ""},
		{"connection test webex", 4, lockstep.CodeAuthToken},
		{"connection test away", 1, lockstep.CodeTargetUnreachable},
		{"connection test forbidden", 1, lockstep.CodeBlocked},
		{"connection test html", 1, lockstep.CodeTargetMalformed},
		{"connection test nofile", 1, lockstep.CodeSourceMissing},
		{"connection test noid", 1, lockstep.CodeSourceMalformed},
		{"source run nofile", 1, lockstep.CodeSourceMissing},
		{"source run noid", 1, lockstep.CodeSourceMalformed},
		{"--server http://127.0.0.1:1 people list", 4, lockstep.CodeUnauthorized}, // without a token
		{"--server http://127.0.0.1:1 --token-file token people list", 69, lockstep.CodeUnreachable},
		{"serve", 75, lockstep.CodeBusy},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		h.fails(c.code, c.want, args...)
	}
	p.stop()
}

// fails runs the command twice, for people and for programs; each time it must end with the exit code and tell the error's code.
func (h *home) fails(code int, want lockstep.Code, args ...string) {
	h.t.Helper()
	name := strings.Join(args, " ")
	r := h.try(args...)
	if r.code != code || want != "" && !strings.Contains(r.stdout+r.stderr, "["+string(want)+"]") {
		h.t.Errorf("lockstep %s: exit code %d, not %d, or without %s:\n%s%s", name, r.code, code, want, r.stdout, r.stderr)
	}
	if strings.Contains(r.stderr+r.stdout, "goroutine ") {
		h.t.Errorf("lockstep %s panics:\n%s", name, r.stderr)
	}
	r = h.try(append(args, "-o", "json")...)
	if r.code != code {
		h.t.Errorf("lockstep %s -o json: exit code %d, not %d:\n%s%s", name, r.code, code, r.stdout, r.stderr)
	}
	if want == "" {
		return
	}
	said := r.stderr[strings.LastIndex(strings.TrimSpace(r.stderr), "\n")+1:] // after the progress
	if r.stdout != "" {                                                       // a result that tells of the failure, such as a connection test's
		said = r.stdout
	}
	var problem struct {
		Code lockstep.Code
		Hint string
	}
	if err := json.Unmarshal([]byte(said), &problem); err != nil || problem.Code != want {
		h.t.Errorf("lockstep %s -o json: %v, code %q, not %q:\n%s\n%s", name, err, problem.Code, want, r.stdout, r.stderr)
	}
}

// TestBadRows: rows that cannot be read are confined to themselves, and a file that suddenly lacks most people is not obeyed.
func TestBadRows(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "files"))
	rows := "id,userName,title\n"
	for i := range 40 {
		rows += fmt.Sprintf("%d,person%d@acme.example,Engineer\n", i, i)
	}
	h.write("files/people.csv", rows)
	h.run("source", "add", "csvfile", "csv")
	h.run("source", "run", "csv")
	h.write("files/people.csv", rows+"7,twice@acme.example,\n,nobody@acme.example,\n41\n")
	h.confined("source", "run", "csv")
	var refused []struct{ ID, Code string }
	if h.read(&refused, "log", "list", "csv", "--state", "refused,skipped,failed"); len(refused) == 0 {
		t.Error("no line of the log says which rows are refused")
	}
	for _, one := range refused {
		if shown := h.run("log", "show", one.ID); !strings.Contains(shown, "remedy") || !strings.Contains(shown, one.Code) || !strings.Contains(shown, "csv") {
			t.Errorf("log show %s says\n%s", one.ID, shown)
		}
	}
	h.write("files/people.csv", "id,userName,title\n1,person1@acme.example,Engineer\n")
	if r := h.try("source", "run", "csv"); r.code != 5 {
		t.Errorf("a file without people: exit code %d, not 5\n%s%s", r.code, r.stdout, r.stderr)
	}
	var people []struct{}
	if h.read(&people, "people", "list", "--limit", "100"); len(people) < 40 {
		t.Errorf("%d people are left", len(people))
	}
	var held []struct{}
	if h.read(&held, "held", "list", "csv"); len(held) == 0 {
		t.Error("nothing is held")
	}
}

// confined runs a command that must end with 3: done, but for some.
func (h *home) confined(args ...string) {
	h.t.Helper()
	if r := h.try(args...); r.code != 3 {
		h.t.Errorf("lockstep %s: exit code %d, not 3\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
}

// TestFaultyTarget: an organisation that throttles, breaks connections, answers with HTML and loses answers gets everything all
// the same; what it refuses for good concerns one person.
func TestFaultyTarget(t *testing.T) {
	t.Parallel()
	org := newOrganisation(t, nil)
	h := newHome(t)
	h.set("LOCKSTEP_FILES", filepath.Join(h.dir, "files"))
	rows := "id,userName\n"
	for i := range 60 {
		rows += fmt.Sprintf("%d,person%d@acme.example\n", i, i)
	}
	h.write("files/people.csv", rows+"99,zoe@unverified.example\n")
	h.write("token", org.token)
	h.run("source", "add", "csvfile", "csv")
	h.run("source", "run", "csv")
	h.run("app", "add", "webex", "--set", "endpoint="+org.endpoint())
	h.run("connection", "set", "webex", "--secret-file", "token")
	h.run("app", "set", "webex", "--everyone")
	var faults []webexorg.Fault
	for i, kind := range []webexorg.FaultKind{
		webexorg.Fault429, webexorg.Fault500, webexorg.Fault503, webexorg.FaultReset, webexorg.FaultHTML, webexorg.FaultTruncate,
	} {
		faults = append(faults, webexorg.Fault{Kind: kind, Method: "POST", Every: 4 + i, Times: 1, After: i%2 == 0})
	}
	if err := org.SetKnobs(webexorg.Knobs{Faults: faults}); err != nil {
		t.Fatal(err)
	}
	h.start(serves, "serve")
	h.confined("apply", "webex", "--yes")
	if users, _ := org.Size(); users != 60 {
		t.Errorf("%d people are there", users)
	}
	var log []struct {
		Code   lockstep.Code
		Source struct{ Name string }
	}
	h.read(&log, "log", "list", "webex", "--state", "failed,refused")
	if len(log) != 1 || log[0].Source.Name != "zoe@unverified.example" || log[0].Code != lockstep.CodeTargetDomain {
		t.Errorf("the log has %+v", log)
	}
}

// TestInterrupted: Ctrl-C while a plan is being applied ends the command with 130 and says whether the cycle goes on without it, which is then so; and in
// the end everybody is there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		served bool
		says   string
	}{{true, "The cycle goes on. To stop it: lockstep app set webex --state paused"}, {false, "The cycle stops with this command."}} {
		var asked atomic.Int64
		org := newOrganisation(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); next.ServeHTTP(w, r) })
		})
		h := newHome(t)
		h.write("token", org.token)
		if c.served {
			h.start(serves, "serve")
		}
		h.run("people", "add", "ada@acme.example")
		h.run("people", "add", "ben@acme.example")
		h.run("app", "add", "webex", "--set", "endpoint="+org.endpoint())
		h.run("connection", "set", "webex", "--secret-file", "token")
		h.run("app", "set", "webex", "--everyone")
		h.run("plan", "webex")
		if err := org.SetKnobs(webexorg.Knobs{Latency: 4 * time.Second}); err != nil {
			t.Fatal(err)
		}
		before := asked.Load()
		cmd := h.command(t.Context(), binary, "apply", "webex", "--yes")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, func() (bool, string) { return asked.Load() > before, "nothing is asked of the application" })
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the code is looked at
		if cmd.ProcessState.ExitCode() != 130 || !strings.Contains(said.String(), c.says) {
			t.Errorf("served %t: ended with %d and said\n%s", c.served, cmd.ProcessState.ExitCode(), said.String())
		}
		if err := org.SetKnobs(webexorg.Knobs{}); err != nil {
			t.Fatal(err)
		}
		if !c.served {
			h.try("run", "webex") // goes on with it
		}
		eventually(t, patience, func() (bool, string) { n, _ := org.Size(); return n == 2, fmt.Sprint(n, " people are there") })
	}
}

// TestExpiredToken: a token that expires stops the job and says so; a new one lets it go on where it stood.
func TestExpiredToken(t *testing.T) {
	t.Parallel()
	org := newOrganisation(t, nil)
	h := newHome(t)
	h.write("token", org.token)
	h.start(serves, "serve")
	h.run("people", "add", "ada@acme.example")
	h.run("app", "add", "webex", "--set", "endpoint="+org.endpoint())
	h.run("connection", "set", "webex", "--secret-file", "token")
	h.run("app", "set", "webex", "--everyone", "--mode", "auto")
	h.run("run", "webex")
	if err := org.ExpireTokens(); err != nil {
		t.Fatal(err)
	}
	h.run("people", "add", "ben@acme.example")
	h.fails(4, lockstep.CodeAuthToken, "run", "webex")
	if users, _ := org.Size(); users != 1 {
		t.Fatalf("%d people are there", users)
	}
	token, err := org.IssueToken(webexorg.ReadWrite, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	h.run("connection", "set", "webex", "--secret-file", h.write("token", token))
	h.run("run", "webex")
	eventually(t, soon, func() (bool, string) {
		users, _ := org.Size()
		return users == 2, fmt.Sprintf("%d people", users)
	})
}

// TestLockedFolder: a data folder has one server; commands talk to it, and a second server is told who is there.
func TestLockedFolder(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := h.start(serves, "serve")
	h.fails(75, lockstep.CodeBusy, "serve")
	h.run("people", "add", "ada@acme.example")
	p.kill() // leaves its card behind, and no lock
	expect(t, h.run("people", "list"), "ada@acme.example")
	h.start(serves, "serve").stop()
	if _, err := os.Stat(filepath.Join(h.dir, "share", "lockstep", "server.json")); !os.IsNotExist(err) {
		t.Errorf("the card is still there: %v", err)
	}
}

// TestWorkRefusesSQLite, with and without a server.
func TestWorkRefusesSQLite(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.fails(64, lockstep.CodeUsage, "work")
	h.fails(64, lockstep.CodeUsage, "serve", "--no-work")
	if _, err := os.Stat(filepath.Join(h.dir, "share", "lockstep", "lockstep.db")); !os.IsNotExist(err) {
		t.Errorf("work has made a database: %v", err)
	}
}

// TestKeyCreated: the first start makes a key that only its owner can read, apart from the data, and says where. Without it
// the database is not opened.
func TestKeyCreated(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := h.start(serves, "serve")
	path := filepath.Join(h.dir, "config", "lockstep", "key")
	expect(t, p.said(), path)
	p.stop()
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir, filepath.Join(h.dir, "share", "lockstep"): 0o700 | os.ModeDir} {
		if stat, err := os.Stat(name); err != nil || stat.Mode() != want {
			t.Errorf("%s: %v, %v, not %v", name, stat.Mode(), err, want)
		}
	}
	second := h.start(serves, "serve")
	if strings.Contains(second.said(), "Made a key") {
		t.Errorf("another key was made:\n%s", second.said())
	}
	second.stop()
	if err := os.Rename(path, path+".lost"); err != nil {
		t.Fatal(err)
	}
	h.fails(1, lockstep.CodeKeyMissing, "serve")
}

// TestProcessesSayNothing: what servers have to say goes to standard error; standard output stays empty.
func TestProcessesSayNothing(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, args := range [][]string{{"serve", "-o", "json"}, {"serve", "-q", "--verbose"}} {
		r := h.exec("sh", "-ec", `"$@" > out & server=$!
			until test -f share/lockstep/server.json; do kill -0 $server; done
			kill -TERM $server; wait $server; cat out`, "sh", binary, strings.Join(args[:1], ""), args[1], args[len(args)-1])
		if r.code != 0 || r.stdout != "" {
			t.Errorf("lockstep %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
		}
	}
}
