package oauth

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a server with a company of its own, whose people, clock and journal a test can change.
type world struct {
	t       *testing.T
	people  *company
	journal *lines
	server  *Server
	mu      sync.Mutex
	now     time.Time
}

const (
	acme   = "11111111-1111-4111-8111-111111111111"
	europe = "22222222-2222-4222-8222-222222222222"
	bureau = "33333333-3333-4333-8333-333333333333"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, people: newCompany(), journal: &lines{}, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	w.server = New(Config{People: w.people, Journal: w.journal, Now: w.clock})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// restart makes a new server of what the journal holds.
func (w *world) restart() {
	w.t.Helper()
	w.server = New(Config{People: w.people, Journal: w.journal, Now: w.clock})
	for _, line := range w.journal.all() {
		if err := w.server.Replay(line); err != nil {
			w.t.Fatal(err)
		}
	}
}

// company is People in memory.
type company struct {
	mu     sync.Mutex
	orgs   []Organisation
	people []Person
	epochs map[string]int64
	locked map[string]bool
}

func newCompany() *company {
	person := func(n int, org, name string, agent bool, roles ...string) Person {
		given := strings.ToUpper(name[:1]) + name[1:]
		return Person{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Org: org, Login: name + "@acme.example", Display: given + " Example",
			GivenName: given, FamilyName: "Example", Locale: "en_US", Phone: "+1 555 0100", Roles: roles, Agent: agent,
		}
	}
	return &company{
		orgs: []Organisation{{acme, "Acme", Global}, {europe, "Acme Europe", EU}, {bureau, "Bureau", Government}},
		people: []Person{
			person(1, acme, "ada", false, FullAdmin),
			person(2, acme, "grace", true),
			person(3, acme, "alan", false),
			person(4, europe, "eva", true),
			person(5, europe, "emil", false, FullAdmin),
			person(6, bureau, "gus", true, FullAdmin),
		},
		epochs: map[string]int64{}, locked: map[string]bool{},
	}
}

func (c *company) find(is func(Person) bool) (Person, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.people, is); i >= 0 {
		return c.people[i], true
	}
	return Person{}, false
}

func (c *company) Person(id string) (Person, bool) {
	return c.find(func(p Person) bool { return strings.EqualFold(p.ID, id) })
}

func (c *company) Login(name string) (Person, bool) {
	return c.find(func(p Person) bool { return strings.EqualFold(p.Login, name) })
}

func (c *company) Some(org string, limit int) []Person {
	c.mu.Lock()
	defer c.mu.Unlock()
	var some []Person
	for _, p := range c.people {
		if p.Org == org && len(some) < limit && !c.locked[p.ID] {
			some = append(some, p)
		}
	}
	return some
}

func (c *company) Standing(person string) (int64, bool) {
	_, ok := c.Person(person)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epochs[person], ok && !c.locked[person]
}

func (c *company) Organisation(id string) (Organisation, bool) {
	for _, o := range c.Organisations() {
		if o.ID == id {
			return o, true
		}
	}
	return Organisation{}, false
}

func (c *company) Organisations() []Organisation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.orgs)
}

// rolesChange is what a change of roles does to a person.
func (c *company) rolesChange(person string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs[person]++
}

func (c *company) deactivate(person string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs[person]++
	c.locked[person] = true
}

func (w *world) person(name string) Person {
	w.t.Helper()
	p, ok := w.people.Login(name + "@acme.example")
	if !ok {
		w.t.Fatalf("there is no %s", name)
	}
	return p
}

// lines is a Journal in memory.
type lines struct {
	mu   sync.Mutex
	kept [][]byte
}

func (l *lines) Append(entry []byte) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, bytes.Clone(entry))
	return uint64(len(l.kept))
}

func (l *lines) Flush(uint64) error { return nil }

func (l *lines) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept)
}
