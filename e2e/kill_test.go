package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep/demo"
	"lockstep/webexorg"
)

// seed makes a failed TestKill repeatable: go test -run TestKill -seed N.
var seed = flag.Uint64("seed", 0, "seed of TestKill; 0 makes one")

// lives is how often TestKill kills the server at least, before the initial cycle has come to its end.
const lives = 20

// TestKill kills `lockstep serve` with SIGKILL at random points of an initial cycle of users and groups and starts it again,
// until the work is done. The target lists what was created only five seconds later. Nothing may be there twice, and nothing
// may be missing. One organisation keeps names unique, as Webex does; the other takes whatever it is sent.
func TestKill(t *testing.T) {
	company := demo.Company{People: 300, Groups: 20}
	knobs := webexorg.Knobs{LateListing: 5 * time.Second, Latency: 3 * time.Millisecond, Jitter: 4 * time.Millisecond}
	t.Run("unique", func(t *testing.T) {
		t.Parallel()
		killUntilDone(t, company, knobs, func(h *home, org *organisation) {
			h.run("app", "add", "webex", "target", "--set", "endpoint="+org.endpoint())
		})
	})
	t.Run("duplicates", func(t *testing.T) {
		t.Parallel()
		taking := knobs // its own: the other test runs beside this one
		taking.Duplicates = true
		killUntilDone(t, company, taking, func(h *home, org *organisation) {
			h.run("app", "add", "scimapp", "target", "--set", "url="+org.endpoint(), "--set", "unique=none", "--set", "listing_delay=6s")
			h.run("mapping", "rm", "--app", "target", "userType") // Webex has words of its own for it
		})
	})
}

// trap stands before an organisation and goes off at one of the requests that write: before it takes effect, or between its
// effect and its answer.
type trap struct {
	http.Handler
	mu     sync.Mutex
	stops  bool // once it has gone off, it holds all other writes as well, so that the client gets no further until it dies
	left   int  // writes until it goes off; 0 is never
	after  bool
	sprung chan struct{} // closed when it goes off
	dead   chan struct{} // closed when the client is
}

// set lets the trap go off at the n-th write from now. The caught request is held until release is called.
func (tr *trap) set(n int, after bool) (sprung <-chan struct{}, release func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.left, tr.after, tr.sprung, tr.dead = n, after, make(chan struct{}), make(chan struct{})
	dead := tr.dead
	return tr.sprung, func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.left = 0
		close(dead)
	}
}

// ServeHTTP implements http.Handler. The client of the request that the trap has caught gets no answer: it is about to die.
func (tr *trap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		tr.Handler.ServeHTTP(w, r)
		return
	}
	tr.mu.Lock()
	caught := tr.left == 1
	tr.left = max(tr.left-1, 0)
	after, sprung, dead := tr.after, tr.sprung, tr.dead
	tr.mu.Unlock()
	if tr.stops && !caught && isClosed(sprung) && !isClosed(dead) {
		<-dead
		select {
		case <-r.Context().Done(): // the dead client's
			panic(http.ErrAbortHandler)
		case <-time.After(2 * time.Second):
		}
	}
	if caught && !after {
		close(sprung)
		<-dead
		panic(http.ErrAbortHandler)
	}
	tr.Handler.ServeHTTP(w, r)
	if caught && after {
		close(sprung)
		<-dead
	}
}

// isClosed reports whether a channel was made and is closed.
func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func killUntilDone(t *testing.T, company demo.Company, knobs webexorg.Knobs, add func(*home, *organisation)) {
	number := *seed
	if number == 0 {
		number = rand.Uint64()
	}
	t.Logf("seed %d", number)
	random := rand.New(rand.NewPCG(number, 0))
	tr := &trap{}
	org := newOrganisation(t, func(next http.Handler) http.Handler { tr.Handler = next; return tr })
	if err := org.SetKnobs(knobs); err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	files := filepath.Join(h.dir, "company")
	h.set("LOCKSTEP_FILES", files)
	h.write("company/people.csv", "id,userName\n")
	if err := company.Write(files); err != nil {
		t.Fatal(err)
	}
	h.run("source", "add", "csvfile", "company")
	h.run("source", "run", "company")
	add(h, org)
	h.run("connection", "set", "target", "--secret-file", h.write("token", org.token))
	h.run("app", "set", "target", "--everyone", "--mode", "auto")
	want := wanted(company)
	for n := range lives {
		if compare(want, org.holdings()) == "" {
			t.Fatalf("the work was done after %d kills", n)
		}
		oneLife(h, tr, random)
	}
	h.start(serves, "serve")
	eventually(t, 2*time.Minute, func() (bool, string) {
		problem := compare(want, org.holdings())
		return problem == "", problem
	}, func() string {
		return h.try("app", "show", "target").stdout + h.try("log", "list", "target", "--limit", "30").stdout
	})
	atRest(h)
	org.check(want) // still, after it has come to rest
	creates, _ := org.writes(0)
	if creates["create User"] != company.People || creates["create Group"] != company.Groups || creates["delete User"]+creates["delete Group"] > 0 {
		t.Errorf("more was done than needed: %v", creates)
	}
}

// oneLife starts the server, lets it come to a random point and kills it: mostly at a write, sometimes at any other time.
func oneLife(h *home, tr *trap, random *rand.Rand) {
	sprung, release := tr.set(1+random.IntN(15), random.IntN(2) == 0)
	defer release()
	after := 3 * time.Second // the writes that are left may all have to wait
	if random.IntN(4) == 0 {
		after = time.Duration(random.IntN(400)) * time.Millisecond
	}
	p := h.start(serves, "serve")
	select {
	case <-sprung:
	case <-time.After(after):
	case <-p.ended:
		h.t.Fatalf("the server ended by itself:\n%s", p.said())
	}
	p.kill()
}

// atRest waits until the cycle of the app called target has ended and nothing is open.
func atRest(h *home) {
	h.t.Helper()
	h.atRest("target")
}

// atRest waits until the app's cycle has ended and nothing is open.
func (h *home) atRest(app string) {
	h.t.Helper()
	eventually(h.t, time.Minute, func() (bool, string) {
		var view struct {
			Job struct {
				State string
				Cycle *struct {
					Phase string
					Ended *time.Time
				}
			}
		}
		h.read(&view, "app", "show", app)
		return view.Job.State == "active" && (view.Job.Cycle == nil || view.Job.Cycle.Ended != nil), fmt.Sprintf("%+v", view.Job)
	})
}

// wanted is what a company becomes with the mappings of the gallery, derived from how it is made.
func wanted(c demo.Company) holdings {
	want := holdings{people: map[string]account{}, groups: map[string][]string{}}
	for i := range c.People {
		p := c.Person(i)
		a := account{"active": "true"}
		for n, column := range []string{"userName", "name.givenName", "name.familyName", "displayName", "title"} {
			a[column] = p.Values[n]
		}
		a["phone.work"], a["locality.work"], a["country.work"] = p.Values[9], p.Values[10], p.Values[11]
		a["department"], a["postalCode.work"] = p.Values[13], p.Values[19]
		if p.Manager >= 0 {
			a["manager"] = c.UserName(p.Manager)
		}
		want.people[strings.ToLower(c.UserName(i))] = a
	}
	for g := range c.Groups {
		members := []string{}
		for _, i := range c.Members(g) {
			members = append(members, c.UserName(i))
		}
		want.groups["Group "+strconv.Itoa(g)] = sorted(members)
	}
	return want
}
