package provision_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/e2e/parts"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
)

// giving is a SCIM application that gives ids of its own making.
type giving struct {
	mu      sync.Mutex
	id      func(n int) string
	users   []map[string]any
	creates int
	blind   bool // it cannot be searched
	twice   bool // it takes a name twice
}

func (g *giving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	say := func(status int, body any) {
		w.Header().Set("Content-Type", "application/scim+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	filter := r.URL.Query().Get("filter")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/Users":
		var u map[string]any
		_ = json.NewDecoder(r.Body).Decode(&u)
		for _, o := range g.users {
			if o["userName"] == u["userName"] && !g.twice {
				say(409, map[string]any{"scimType": "uniqueness", "detail": "there is one"})
				return
			}
		}
		g.creates++
		if id := g.id(g.creates); id != "" {
			u["id"] = id
		}
		g.users = append(g.users, u)
		say(201, u)
	case r.Method == http.MethodGet && r.URL.Path == "/Users" && filter != "" && g.blind:
		say(400, map[string]any{"scimType": "invalidFilter"})
	case r.Method == http.MethodGet && (r.URL.Path == "/Users" || r.URL.Path == "/Groups"):
		list := []any{}
		for _, u := range g.users {
			if name, _ := u["userName"].(string); r.URL.Path == "/Users" && (filter == "" || strings.Contains(filter, `"`+name+`"`)) {
				list = append(list, u)
			}
		}
		say(200, map[string]any{"totalResults": len(list), "Resources": list})
	default:
		say(404, map[string]any{})
	}
}

func (g *giving) add(id, userName string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := map[string]any{"userName": userName}
	if id != "" {
		u["id"] = id
	}
	g.users = append(g.users, u)
}

func (g *giving) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.users = nil
}

// TestIDsThatCannotBeKept: an id that is longer than what any index takes, and an object without an id, are refused with a code of their own wherever they
// come in: as the answer to a create, and as what matching has found. Nobody is created a second time because of it, whether the application can be
// searched or not, until somebody has them provisioned on demand; everybody else goes on.
func TestIDsThatCannotBeKept(t *testing.T) {
	for _, c := range []struct {
		name  string
		blind bool
	}{{"searched", false}, {"read", true}} {
		t.Run("sqlite, "+c.name, func(t *testing.T) { idsThatCannotBeKept(newWorld(t), c.blind) })
		t.Run("postgres, "+c.name, func(t *testing.T) {
			idsThatCannotBeKept(newWorldOn(t, store.Config{Postgres: parts.Postgres(t)}), c.blind)
		})
	}
}

func idsThatCannotBeKept(w *world, blind bool) {
	w.Helper()
	random := rand.NewChaCha8([32]byte{7}) // what could be compressed would fit
	raw := make([]byte, 2000)
	_, _ = random.Read(raw)
	long := hex.EncodeToString(raw)
	g := &giving{blind: blind, id: func(n int) string { return fmt.Sprintf("t%d", n) }}
	s := httptest.NewServer(g)
	w.Cleanup(s.Close)
	w.url, w.scim = s.URL, nil
	w.assigned(provision.Policy{Everyone: true})
	w.person("first")
	w.run(w.out)
	g.id = func(n int) string {
		if n == 2 {
			return long
		}
		return fmt.Sprintf("t%d", n)
	}
	refused, names := []string{"ada"}, []string{"ada", "dan"}
	if !blind {
		g.add(long+"x", "ben@acme.example")
		g.add("", "cy@acme.example")
		refused, names = []string{"ada", "ben", "cy"}, []string{"ada", "ben", "cy", "dan"}
	}
	people := map[string]lockstep.UserID{}
	for _, name := range names {
		people[name] = w.person(name)
		w.run(w.out)
	}
	stands := func(when string, creates int, refused ...string) {
		w.Helper()
		if g.creates != creates {
			w.Errorf("%s: %d were created, not %d", when, g.creates, creates)
		}
		for name, id := range people {
			links, err := w.db.Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: connection.UserType, Sources: []string{string(id)}})
			w.must(err)
			bad := false
			for _, r := range refused {
				bad = bad || r == name
			}
			if len(links) != 1 || (links[0].Code == lockstep.CodeTargetID) != bad || (links[0].Target == "") != bad {
				w.Errorf("%s: %s: %+v", when, name, links)
			}
		}
	}
	stands("at first", 3, refused...)
	for range 3 {
		w.ahead += 24 * time.Hour // they are due again
		w.goesOn()
		stands("later", 3, refused...)
	}
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	policy := job.Policy
	policy.Nested = !policy.Nested
	w.assigned(policy) // everybody is looked at anew, by what is read
	w.goesOn()
	stands("by a cycle of everybody", 3, refused...)
	g.forget() // somebody has removed them there
	w.ahead += 24 * time.Hour
	w.goesOn()
	if g.creates > 5 { // ben and cy, whom nobody has created
		w.Errorf("%d were created", g.creates)
	}
	if blind { // nobody can be provisioned on demand there
		return
	}
	before := g.creates
	w.demand(connection.Ref{Type: connection.UserType, ID: string(people["ada"])})
	stands("on demand", before+1)
}

// TestNobodyIsCreatedBesideTheUnreadable: where nobody can be searched, and a second one would not be refused, nobody is created who may be among
// what could not be read, however often everything was readable before.
func TestNobodyIsCreatedBesideTheUnreadable(t *testing.T) {
	w := newWorld(t)
	g := &giving{blind: true, twice: true, id: func(n int) string { return fmt.Sprintf("t%d", n) }}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	w.url, w.scim, w.unique = s.URL, nil, map[string][]string{}
	w.assigned(provision.Policy{Everyone: true})
	w.person("first")
	w.run(w.out)
	days := func(n int) {
		for range n {
			w.ahead += 24 * time.Hour
			w.goesOn()
		}
	}
	days(2)
	if g.creates != 1 {
		t.Fatalf("%d were created", g.creates)
	}
	t.Run("an answer without an id", func(t *testing.T) {
		g.id = func(int) string { return "" }
		w.person("ada")
		w.run(w.out)
		days(6)
		if g.creates != 2 {
			t.Errorf("%d were created", g.creates)
		}
	})
	t.Run("somebody who was there", func(t *testing.T) {
		g.id = func(n int) string { return fmt.Sprintf("t%d", n) }
		g.add("", "ben@acme.example")
		w.person("ben")
		w.run(w.out)
		days(4)
		if g.creates != 2 {
			t.Errorf("%d were created", g.creates)
		}
	})
	t.Run("whatever else was said of them since", func(t *testing.T) {
		g.forget()
		links, err := w.db.Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: connection.UserType})
		w.must(err)
		for _, l := range links {
			if l.Matched == plan.Created && l.Target == "" {
				job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
				w.must(err)
				policy := job.Policy
				policy.Everyone = false
				w.assigned(policy) // out of scope, and in again
				days(1)
				policy.Everyone = true
				w.assigned(policy)
				days(2)
			}
		}
		for _, u := range g.users {
			if u["userName"] == "ada@acme.example" {
				t.Error("she is created again")
			}
		}
	})
}

// goesOn turns slices of the app's job until nothing is due now.
func (w *world) goesOn() {
	w.Helper()
	for range 100 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		if turn.Reading {
			w.awaitRead(w.out)
			continue
		}
		due, err := w.db.Due(w.ctx, w.engine.Now())
		w.must(err)
		if !turn.More && !slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == w.out }) {
			return
		}
	}
	w.Fatal("the job never comes to rest")
}
