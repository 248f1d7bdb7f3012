package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/store"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// world is a store, a clock and an outside system.
type world struct {
	testing.TB
	db      *store.DB
	mirrors store.Mirrors
	id      mirror.ID
	out     *outside
	mu      sync.Mutex
	clock   time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, clock: noon, out: &outside{objects: map[connection.Ref]connection.Object{}, pageSize: 3, reach: connection.Pages, goesOn: true}}
	var err error
	w.db, err = store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Now: w.now})
	w.ok(err)
	t.Cleanup(func() { w.ok(w.db.Close()) })
	w.mirrors = w.db.Mirrors()
	w.id = w.connection("acme", "hr")
	w.out.now = w.now
	return w
}

// connection adds a tenant with a connection.
func (w *world) connection(tenant, slug string) mirror.ID {
	w.Helper()
	tid := lockstep.NewID[lockstep.TenantID]()
	err := w.db.CreateTenant(w.Context(), audit.Actor{}, directory.Tenant{ID: tid, Slug: tenant})
	w.ok(err)
	return w.more(tid, slug)
}

func (w *world) more(tenant lockstep.TenantID, slug string) mirror.ID {
	w.Helper()
	job := provision.Job{Tenant: tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: slug, Direction: provision.Inbound}
	w.ok(w.db.PutJob(w.Context(), audit.Actor{}, job))
	return mirror.ID{Tenant: tenant, Connection: job.ID}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) runner(s mirror.Store) *mirror.Runner {
	return &mirror.Runner{Store: s, Node: "node", Now: w.now, Open: func(context.Context, mirror.ID) (mirror.System, error) { return w.out.open(), nil }}
}

// read asks for a pass and makes a visit.
func (w *world) read(r mirror.Request) {
	w.Helper()
	_, err := w.mirrors.Request(w.Context(), w.id, r)
	w.ok(err)
	w.visit()
}

func (w *world) visit() {
	w.Helper()
	w.runner(w.mirrors).VisitOnce(w.Context(), w.id)
}

func (w *world) head() mirror.Head {
	w.Helper()
	h, err := w.mirrors.Head(w.Context(), w.id)
	w.ok(err)
	return h
}

func (w *world) rows(typ string) map[string]mirror.Row {
	w.Helper()
	all, err := w.mirrors.Rows(w.Context(), w.id, mirror.Query{Type: typ, Limit: 100_000})
	w.ok(err)
	rows := map[string]mirror.Row{}
	for _, r := range all {
		rows[r.Object.ID] = r
	}
	return rows
}

// states returns the users as "id state", for those that are not just there only with what they are.
func (w *world) states() string {
	w.Helper()
	var all []string
	for id, r := range w.rows(connection.UserType) {
		all = append(all, id+[...]string{"", ":gone", ":hidden", ":missed"}[r.State])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (w *world) want(states string) {
	w.Helper()
	if got := w.states(); got != states {
		w.Errorf("the mirror has %q, want %q", got, states)
	}
}

// outside is a system that keeps its objects in memory.
type outside struct {
	mu       sync.Mutex
	objects  map[connection.Ref]connection.Object
	version  int // rises with each change
	pageSize int
	reach    connection.Reach
	goesOn   bool // a pass goes on where it was broken off
	deaf     bool // it cannot be asked for single objects
	types    []mirror.Wanted
	lag      time.Duration
	timeout  time.Duration
	now      func() time.Time

	hidden  []connection.Hidden
	skip    map[string]bool             // ids that lists do not have although they are there
	between func(page int)              // runs before each page
	read    func(context.Context) error // runs before a pass
	replace func(*connection.ReadPage)  // changes a page
	reads   []connection.Read           // passes that were asked for
	asked   []string                    // ids that were asked for
	getting func(context.Context) error // runs before objects are asked for
}

func (o *outside) open() mirror.System {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := mirror.System{Reader: o, Getter: o, Types: o.types, Lag: o.lag, Timeout: o.timeout, Batch: 3}
	if o.types == nil {
		s.Types = []mirror.Wanted{{Type: connection.UserType, Keys: []string{"userName"}}}
	}
	if o.deaf {
		s.Getter = nil
	}
	return s
}

func (o *outside) put(ids ...string) {
	for _, id := range ids {
		name, value, _ := strings.Cut(id, "=")
		object := connection.Object{Ref: connection.Ref{Type: connection.UserType, ID: name}, Name: name, Enabled: true, Values: scim.Object{{Name: "userName", Value: name}}}
		object.Values.Set("title", value)
		o.set(object)
	}
}

func (o *outside) set(object connection.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version++
	object.Version = strconv.Itoa(o.version)
	o.objects[object.Ref] = object
}

func (o *outside) drop(ids ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version++
	for _, id := range ids {
		delete(o.objects, connection.Ref{Type: connection.UserType, ID: id})
	}
}

func (o *outside) ids(typ string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sorted(typ)
}

func (o *outside) sorted(typ string) []string {
	var ids []string
	for ref := range maps.Keys(o.objects) {
		if ref.Type == typ && !o.skip[ref.ID] {
			ids = append(ids, ref.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// Read pages by index. A view begins anew when something has changed since its first page; pages let it slip.
func (o *outside) Read(ctx context.Context, r connection.Read, give func(connection.ReadPage) error) error {
	o.mu.Lock()
	o.reads = append(o.reads, r)
	hook := o.read
	o.mu.Unlock()
	if hook != nil {
		if err := hook(ctx); err != nil {
			return err
		}
	}
	var index, version int
	if r.From != "" {
		if _, err := fmt.Sscanf(string(r.From), "%d/%d", &index, &version); err != nil {
			return err
		}
	}
	anew, first := false, r.From == ""
	for n := 0; ; n++ {
		o.mu.Lock()
		between := o.between
		o.mu.Unlock()
		if between != nil {
			between(n)
		}
		o.mu.Lock()
		switch {
		case first:
			version, first = o.version, false
		case o.reach == connection.OneView && version != o.version:
			index, version, anew = 0, o.version, true
		}
		p := connection.ReadPage{Asked: o.now(), Anew: anew, Reach: o.reach, Mark: connection.Mark(fmt.Sprint(version))}
		anew = false
		if index == 0 {
			p.Hidden = o.hidden
		}
		ids := o.sorted(r.Type)
		for _, id := range ids[min(index, len(ids)):min(index+o.pageSize, len(ids))] {
			p.Objects = append(p.Objects, o.objects[connection.Ref{Type: r.Type, ID: id}])
		}
		index += o.pageSize
		p.Last = index >= len(ids)
		if o.goesOn && !p.Last {
			p.Next = connection.Continuation(fmt.Sprintf("%d/%d", index, version))
		}
		if o.replace != nil {
			o.replace(&p)
		}
		o.mu.Unlock()
		if err := give(p); err != nil || p.Last {
			return err
		}
	}
}

func (o *outside) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	o.mu.Lock()
	hook := o.getting
	o.mu.Unlock()
	if hook != nil {
		if err := hook(ctx); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []connection.Object
	for _, r := range refs {
		o.asked = append(o.asked, r.ID)
		if object, ok := o.objects[r]; ok {
			all = append(all, object)
		}
	}
	return all, nil
}

// crashing is a store that dies at a call: before it does what it is asked, or after, when nobody hears of it.
type crashing struct {
	mirror.Store
	left  int  // calls until then
	after bool // it has done the last one
	dead  bool
}

var errDead = errors.New("the process was killed")

func (c *crashing) call(do func() error) error {
	if c.dead {
		return errDead
	}
	if c.left--; c.left > 0 {
		return do()
	}
	c.dead = true
	if c.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errDead
}

func (c *crashing) Claim(ctx context.Context, id mirror.ID, node string, until time.Time) (h mirror.Head, err error) {
	err = c.call(func() (err error) { h, err = c.Store.Claim(ctx, id, node, until); return err })
	return h, err
}

func (c *crashing) Release(ctx context.Context, l mirror.Lease, v mirror.Visit) error {
	return c.call(func() error { return c.Store.Release(ctx, l, v) })
}

func (c *crashing) Begin(ctx context.Context, l mirror.Lease, p mirror.Pass) (made mirror.Pass, err error) {
	err = c.call(func() (err error) { made, err = c.Store.Begin(ctx, l, p); return err })
	return made, err
}

func (c *crashing) Take(ctx context.Context, l mirror.Lease, b *mirror.Batch) (taken mirror.Taken, err error) {
	err = c.call(func() (err error) { taken, err = c.Store.Take(ctx, l, b); return err })
	return taken, err
}
