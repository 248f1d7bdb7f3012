package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lockstep/demo"
	"lockstep/e2e/parts"
	"lockstep/webexorg"
)

// witness stands before an organisation and notes who has sent what is written.
type witness struct {
	http.Handler
	mu    sync.Mutex
	watch int                 // the process that is "first"
	from  map[string]int      // writes by "first" and "other" since mark
	sent  map[string][]string // creates by the name of what is created, whatever became of them
	at    func(n int)         // called at the n-th write, before it takes effect
	n     int
}

// ServeHTTP implements http.Handler.
func (w *witness) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		who := "other"
		_, port, _ := net.SplitHostPort(r.RemoteAddr)
		w.mu.Lock()
		pid := w.watch
		w.mu.Unlock()
		if pid != 0 && owns(pid, port) {
			who = "first"
		}
		name := ""
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			var o struct{ UserName, DisplayName string }
			if err == nil {
				err = json.Unmarshal(body, &o)
			}
			if err != nil {
				http.Error(to, err.Error(), http.StatusBadRequest)
				return
			}
			name = r.URL.Path[strings.LastIndex(r.URL.Path, "/"):] + " " + cmp.Or(o.UserName, o.DisplayName)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		w.mu.Lock()
		w.from[who]++
		if w.n++; name != "" {
			w.sent[name] = append(w.sent[name], fmt.Sprintf("by %s at %s", who, time.Now().Format("15:04:05.000")))
		}
		n, at := w.n, w.at
		w.mu.Unlock()
		if at != nil {
			at(n)
		}
	}
	w.Handler.ServeHTTP(to, r)
}

// mark begins to count anew, and returns what was counted.
func (w *witness) mark() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.from
	w.from = map[string]int{}
	return was
}

// owns reports whether a local TCP port is that of a socket of the process.
func owns(pid int, port string) bool {
	inode := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 {
				continue
			}
			_, local, _ := strings.Cut(fields[1], ":")
			var n int
			if _, err := fmt.Sscanf(local, "%X", &n); err == nil && fmt.Sprint(n) == port && fields[3] == "01" && fields[9] != "0" {
				inode = "socket:[" + fields[9] + "]"
			}
		}
		f.Close()
	}
	if inode == "" {
		return false
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == inode {
			return true
		}
	}
	return false
}

// TestPausedWorker stops one of two workers on PostgreSQL with SIGSTOP while it writes, until the other one has taken its job over, and lets
// it go on while that one writes: what hangs may hang for longer than its lease, as a machine does whose disk or hypervisor is busy. What it
// had begun it does not go on with: nothing is sent twice, by whomever. Then it works like any other.
func TestPausedWorker(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("whose a request is can be told by /proc alone")
	}
	company := demo.Company{People: 300, Groups: 20}
	w := &witness{from: map[string]int{}, sent: map[string][]string{}}
	org := newOrganisation(t, func(next http.Handler) http.Handler { w.Handler = next; return w })
	if err := org.SetKnobs(webexorg.Knobs{LateListing: 5 * time.Second, Latency: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	h := newHome(t, "LOCKSTEP_STORE="+parts.Postgres(t))
	files := filepath.Join(h.dir, "company")
	h.set("LOCKSTEP_FILES", files)
	h.write("company/people.csv", "")
	if err := company.Write(files); err != nil {
		t.Fatal(err)
	}
	h.start(serves, "serve", "--no-work")
	first := h.start(works, "work")
	h.run("source", "add", "csvfile", "company")
	h.run("source", "run", "company")
	h.run("app", "add", "webex", "target", "--set", "endpoint="+org.endpoint())
	h.run("connection", "set", "target", "--secret-file", h.write("token", org.token))

	stopAt := 20 + rand.IntN(100)
	t.Logf("stopped at write %d", stopAt)
	stopped, gone := make(chan struct{}), make(chan struct{})
	signal := func(s syscall.Signal) {
		if err := first.cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { _ = first.cmd.Process.Signal(syscall.SIGCONT) }) // else it cannot be ended
	w.mu.Lock()
	w.watch = first.cmd.Process.Pid
	w.at = func(n int) {
		if n == stopAt {
			signal(syscall.SIGSTOP)
			t.Logf("stopped at %s", time.Now().Format("15:04:05.000"))
			close(stopped)
		}
	}
	w.mu.Unlock()
	h.run("app", "set", "target", "--everyone", "--mode", "auto")
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatalf("nothing is written:\n%s", first.said())
	}
	time.Sleep(time.Second) // what was on its way arrives
	if was := w.mark(); was["first"] == 0 || was["other"] != 0 {
		t.Fatalf("before anybody else works the writes were %v", was)
	}
	before, _ := org.writes(0)

	second := h.start(works, "work")
	var once sync.Once
	w.mu.Lock()
	w.at = func(int) { once.Do(func() { close(gone) }) }
	w.mu.Unlock()
	select {
	case <-gone: // the other one writes
	case <-time.After(takeover):
		t.Fatalf("nobody has taken over:\n%s\n%s", second.said(), h.try("app", "show", "target").stdout)
	}
	t.Logf("goes on at %s", time.Now().Format("15:04:05.000"))
	signal(syscall.SIGCONT)

	want := wanted(company)
	eventually(t, takeover, func() (bool, string) {
		problem := compare(want, org.holdings())
		return problem == "", problem
	}, func() string { return h.try("app", "show", "target").stdout })
	atRest(h)
	org.check(want)
	t.Logf("the writes after it went on: %v; before: %v", w.mark(), before)
	w.mu.Lock()
	for name, all := range w.sent {
		if len(all) > 1 {
			t.Errorf("%s was sent %s", name, strings.Join(all, ", "))
		}
	}
	if len(w.sent) != company.People+company.Groups {
		t.Errorf("%d objects were created", len(w.sent))
	}
	w.mu.Unlock()

	// It works on, like any other: the other one ends, and what changes is its.
	second.stop()
	h.edit("company/people.csv", func(rows [][]string, at func(string) int) [][]string {
		rows[0][at("title")] = "Back"
		return rows
	})
	h.run("source", "run", "company")
	eventually(t, takeover, func() (bool, string) {
		n := w.mark()["first"]
		return n > 0, "the worker that went on does nothing"
	}, first.said)
}
