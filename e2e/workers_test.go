package e2e

import (
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"lockstep/demo"
	"lockstep/e2e/parts"
	"lockstep/webexorg"
)

// takeover is how long the jobs of a lost worker may rest before another one goes on: the documented 90 s, and half a minute for
// the work itself on a machine that runs other tests, too.
const takeover = 2 * time.Minute

// TestTwoWorkers kills one of two workers on PostgreSQL in the middle of an initial cycle, at a random write that it is waiting
// for. The other one goes on where it stood, and nothing is done twice.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	company := demo.Company{People: 300, Groups: 20}
	tr := &trap{stops: true}
	org := newOrganisation(t, func(next http.Handler) http.Handler { tr.Handler = next; return tr })
	if err := org.SetKnobs(webexorg.Knobs{LateListing: 5 * time.Second, Latency: 3 * time.Millisecond}); err != nil {
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

	number := rand.Uint64()
	t.Logf("seed %d", number)
	random := rand.New(rand.NewPCG(number, 0))
	sprung, release := tr.set(20+random.IntN(200), random.IntN(2) == 0)
	h.run("app", "set", "target", "--everyone", "--mode", "auto")
	select {
	case <-sprung: // the slice is the first worker's: there is no other yet
	case <-time.After(patience):
		t.Fatalf("nothing is written:\n%s", first.said())
	}
	h.start(works, "work")
	first.kill()
	release()

	want := wanted(company)
	users, _ := org.Size()
	if users == 0 || users == company.People {
		t.Fatalf("the worker was killed when %d of %d people were there", users, company.People)
	}
	eventually(t, takeover, func() (bool, string) {
		problem := compare(want, org.holdings())
		return problem == "", problem
	}, func() string { return h.try("app", "show", "target").stdout })
	atRest(h)
	org.check(want)
	if counts, _ := org.writes(0); counts["create User"] != company.People || counts["create Group"] != company.Groups {
		t.Errorf("more was created than needed: %v", counts)
	}
}
