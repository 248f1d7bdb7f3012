package mirror

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
)

// desk is a store in memory for visits that read one type, and the system that they read: what visits ask and keep is noted.
type desk struct {
	*testing.T
	Store

	mu    sync.Mutex
	head  Head
	due   []ID
	rows  []Row // of the objects
	taken []Batch
	begun []Pass
	said  []Visit
	asked Query
	takes func(b *Batch) Taken // what a commit has done; nil is what it says

	clock   time.Time
	pages   []connection.ReadPage
	deaf    bool
	opened  func(ctx context.Context, id ID) error
	closed  int
	gets    []string
	between func(n int) // runs before the n-th page
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, clock: noon}
	d.head = Head{Requests: 1, Lease: Lease{ID: ID{Tenant: "t", Connection: "c"}}}
	return d
}

func (d *desk) Start(context.Context) error { return nil }
func (d *desk) Due(context.Context, time.Time) ([]ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.due), nil
}

func (d *desk) Claim(_ context.Context, id ID, _ string, until time.Time) (Head, error) {
	h := d.head
	h.Lease = Lease{ID: id, Until: until}
	return h, nil
}

func (d *desk) Release(_ context.Context, l Lease, v Visit) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, v)
	d.due = slices.DeleteFunc(d.due, func(id ID) bool { return id == l.ID })
	return nil
}

func (d *desk) Begin(_ context.Context, _ Lease, p Pass) (Pass, error) {
	p.No, p.Request = int64(len(d.begun)+1), d.head.Requests
	d.begun = append(d.begun, p)
	return p, nil
}

func (d *desk) Take(_ context.Context, _ Lease, b *Batch) (Taken, error) {
	d.taken = append(d.taken, *b)
	if d.takes != nil {
		return d.takes(b), nil
	}
	t := Taken{Pass: b.Pass}
	for _, e := range b.Entries {
		t.Met = append(t.Met, int64(len(e.Object.ID))*1000+int64(e.Object.ID[0]))
		t.Pass.Counts.Pieces++
	}
	return t, nil
}

func (d *desk) Met(context.Context, ID, int64) (*Set, error)             { return &Set{}, nil }
func (d *desk) Parts(context.Context, ID, string, int64) ([]Part, error) { return nil, nil }
func (d *desk) Versions(context.Context, ID, string, []string) (map[string]string, error) {
	known := map[string]string{}
	for _, r := range d.rows {
		known[r.Object.ID] = r.Object.Version
	}
	return known, nil
}

func (d *desk) Alive(context.Context, ID, string) (*Set, error) {
	s := &Set{}
	for _, r := range d.rows {
		s.Add(r.No)
	}
	return s, nil
}

func (d *desk) Numbered(_ context.Context, _ ID, numbers []int64) (all []Row, err error) {
	for _, r := range d.rows {
		if slices.Contains(numbers, r.No) {
			all = append(all, r)
		}
	}
	return all, nil
}

func (d *desk) Rows(_ context.Context, _ ID, q Query) (all []Row, err error) {
	for _, r := range d.rows {
		if r.No > q.After && (!q.Asked || r.Ask) {
			all = append(all, r)
		}
	}
	return all, nil
}

func (d *desk) Read(ctx context.Context, _ connection.Read, give func(connection.ReadPage) error) error {
	for n, p := range d.pages {
		if d.between != nil {
			d.between(n)
		}
		if err := give(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) Get(_ context.Context, refs ...connection.Ref) (all []connection.Object, err error) {
	for _, r := range refs {
		d.gets = append(d.gets, r.ID)
		all = append(all, connection.Object{Ref: r})
	}
	return all, nil
}

// runner reads the desk's system.
func (d *desk) runner() *Runner {
	r := &Runner{Store: d, Now: func() time.Time { return d.clock }, Tick: time.Hour}
	r.Open = func(ctx context.Context, id ID) (System, error) {
		var err error
		if d.opened != nil {
			err = d.opened(ctx, id)
		}
		s := System{Reader: d, Getter: d, Types: []Wanted{{Type: "User", Keys: []string{"userName"}}}, Lag: time.Minute, Close: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.closed++
		}}
		if d.deaf {
			s.Getter = nil
		}
		return s, err
	}
	return r
}

// visit makes one visit and returns what it has come to.
func (d *desk) visit() Visit {
	d.Helper()
	d.runner().VisitOnce(d.Context(), ID{Tenant: "t", Connection: "c"})
	if len(d.said) == 0 {
		d.Fatal("the visit has not ended")
	}
	return d.said[len(d.said)-1]
}

func user(ids ...string) (all []connection.Object) {
	for _, id := range ids {
		all = append(all, connection.Object{Ref: connection.Ref{Type: "User", ID: id}})
	}
	return all
}

// TestVisitsInMemory: what a visit keeps of what a system says, and what it does not believe.
func TestVisitsInMemory(t *testing.T) {
	last := connection.ReadPage{Last: true, Reach: connection.OneView}
	reading := func(d *desk) *Pass { // a pass that was broken off
		d.head.Passes = []Pass{{Type: "User", No: 3, Stage: Reading, Request: 1, From: "1", Wanted: Wanted{Type: "User", Keys: []string{"userName"}}, Keyed: []string{"userName"}, Unseen: -1}}
		return &d.head.Passes[0]
	}
	idle := func(d *desk) *Pass { // one that has ended
		d.head.Passes = []Pass{{Type: "User", No: 3, Once: true, Wanted: Wanted{Type: "User", Keys: []string{"userName"}}, Keyed: []string{"userName"}}}
		return &d.head.Passes[0]
	}
	for _, c := range []struct {
		name string
		do   func(d *desk)
	}{
		{"a page after the last one", func(d *desk) {
			d.pages = []connection.ReadPage{{Objects: user("a"), Last: true, Reach: connection.OneView}, {Objects: user("b"), Last: true, Reach: connection.OneView}}
			if v := d.visit(); v.Code != lockstep.CodeReadEndless {
				d.Errorf("%+v", v)
			}
		}},
		{"a system whose clock is ahead: a page is as old as it can be", func(d *desk) {
			d.pages = []connection.ReadPage{{Objects: user("a"), Asked: noon.Add(time.Hour), Next: "1"}, last}
			d.between = func(n int) { d.clock = noon.Add(time.Duration(n+1) * time.Minute) }
			d.visit()
			if got := d.taken[0].Doubt; !got.Equal(noon.Add(-time.Minute)) { // the lag before it was asked for, at the earliest
				d.Errorf("its doubt is %v", got.Sub(noon))
			}
		}},
		{"a system that is busy costs no commits", func(d *desk) {
			d.pages = []connection.ReadPage{{}, {}, {}, last}
			if d.visit(); len(d.taken) != 2 { // the last page, the end
				d.Errorf("%d commits", len(d.taken))
			}
		}},
		{"but for the lease", func(d *desk) {
			d.pages = []connection.ReadPage{{}, {}, {}, last}
			d.between = func(int) { d.clock = d.clock.Add(16 * time.Second) }
			if d.visit(); len(d.taken) < 3 {
				d.Errorf("%d commits in %v", len(d.taken), d.clock.Sub(noon))
			}
		}},
		{"nor for the place", func(d *desk) {
			d.pages = []connection.ReadPage{{Next: "1"}, {Next: "1"}, last}
			if d.visit(); len(d.taken) != 3 || d.taken[0].Pass.From != "1" {
				d.Errorf("%d commits, the first at %q", len(d.taken), d.taken[0].Pass.From)
			}
		}},
		{"objects without an id are nobody", func(d *desk) {
			d.pages = []connection.ReadPage{{Objects: user("", "a", "")}, last}
			d.visit()
			if e := d.taken[0].Entries; len(e) != 1 || e[0].Object.ID != "a" {
				d.Errorf("%+v", e)
			}
		}},
		{"a system that cannot be asked: of what it names only what is known counts", func(d *desk) {
			d.deaf = true
			d.rows = []Row{{No: 1, Object: connection.Object{Ref: connection.Ref{Type: "User", ID: "a"}, Version: "1"}}}
			d.pages = []connection.ReadPage{{Present: []connection.Present{{ID: "a", Version: "2"}, {ID: "b", Version: "1"}}}, last}
			d.visit()
			if !slices.Equal(d.taken[0].Present, []string{"a"}) || len(d.gets) > 0 {
				d.Errorf("present %v, asked for %v", d.taken[0].Present, d.gets)
			}
		}},
		{"pages that only say who is gone are no repetition", func(d *desk) {
			for range 25 {
				d.pages = append(d.pages, connection.ReadPage{Objects: user("a"), Gone: []string{"x"}, Next: "1"})
			}
			d.pages = append(d.pages, last)
			if v := d.visit(); v.Failed {
				d.Errorf("%+v", v)
			}
		}},
		{"what is gone already is not judged", func(d *desk) {
			d.rows = []Row{{No: 1, State: Gone}, {No: 2, State: There}}
			d.pages = []connection.ReadPage{last}
			d.visit()
			var fates []Verdict
			for _, b := range d.taken {
				fates = append(fates, b.Fates...)
			}
			if !slices.Equal(fates, []Verdict{{2, Goes}}) {
				d.Errorf("%v", fates)
			}
		}},
		{"a second pass is not followed by a third", func(d *desk) {
			d.rows = []Row{{No: 1}}
			p := idle(d)
			p.Missed = 1
			d.takes = func(b *Batch) Taken { t := Taken{Pass: b.Pass}; t.Pass.Counts.Missed = int64(len(b.Fates)); return t }
			d.deaf, d.pages = true, []connection.ReadPage{{Last: true, Reach: connection.Pages}}
			if d.visit(); len(d.begun) != 1 || !d.begun[0].Second {
				d.Errorf("%d passes", len(d.begun))
			}
		}},
		{"a first one is followed by a second", func(d *desk) {
			d.rows = []Row{{No: 1}}
			idle(d)
			d.takes = func(b *Batch) Taken {
				t := Taken{Pass: b.Pass}
				if len(b.Fates) > 0 && !b.Pass.Second {
					t.Pass.Counts.Missed = 1
				}
				return t
			}
			d.deaf, d.pages = true, []connection.ReadPage{{Last: true, Reach: connection.Pages}}
			if d.visit(); len(d.begun) != 2 || d.begun[0].Second || !d.begun[1].Second {
				d.Errorf("%d passes", len(d.begun))
			}
		}},
		{"with other keys rows are looked up by those that all of them have", func(d *desk) {
			p := idle(d)
			p.Keyed, p.Wanted.Keys = []string{"externalId"}, []string{"externalId"}
			d.rows = []Row{{No: 1}}
			d.pages = []connection.ReadPage{last}
			d.visit()
			first := d.taken[0].Pass
			if !slices.Equal(first.Wanted.Keys, []string{"userName"}) || len(first.Keyed) > 0 {
				d.Errorf("at first %v of %v", first.Keyed, first.Wanted.Keys)
			}
			var rekeyed []int64
			for _, b := range d.taken {
				rekeyed = append(rekeyed, b.Rekey...)
			}
			if end := d.taken[len(d.taken)-1].Pass; !slices.Equal(rekeyed, []int64{1}) || !slices.Equal(end.Keyed, []string{"userName"}) {
				d.Errorf("given keys: %v; in the end %v", rekeyed, end.Keyed)
			}
		}},
		{"what was written so lately that it need not be shown is not asked for", func(d *desk) {
			p := idle(d)
			p.Answered = 1
			d.head.Asks = noon
			for i, ago := range []time.Duration{2 * time.Minute, time.Second} {
				d.rows = append(d.rows, Row{No: int64(i + 1), Ask: true, Written: noon.Add(-ago), Object: connection.Object{Ref: connection.Ref{Type: "User", ID: []string{"old", "new"}[i]}}})
			}
			if d.visit(); !slices.Equal(d.gets, []string{"old"}) {
				d.Errorf("asked for %v", d.gets)
			}
		}},
		{"what was asked for by ids counts in the pass that goes on", func(d *desk) {
			reading(d)
			d.head.Asks = noon
			d.rows = []Row{{No: 1, Ask: true, Object: connection.Object{Ref: connection.Ref{Type: "User", ID: "a"}}}}
			d.takes = func(b *Batch) Taken {
				t := Taken{Pass: b.Pass}
				t.Pass.Counts.Changed += int64(len(b.Entries))
				return t
			}
			d.pages = []connection.ReadPage{{Objects: user("b")}, last}
			d.visit()
			if got := d.taken[len(d.taken)-1].Pass.Counts.Changed; got != 2 {
				d.Errorf("%d changes", got)
			}
		}},
		{"a visit that makes room has not failed, and its connection is closed", func(d *desk) {
			v := &visit{Runner: d.runner(), id: ID{Tenant: "t", Connection: "c"}, began: noon}
			d.pages = []connection.ReadPage{{Objects: user("a"), Next: "1"}, last}
			v.begin()
			v.yield.Store(true)
			v.run(d.Context())
			if out := d.said[0]; out.Failed || out.Answered != 0 || d.closed != 1 || d.taken[len(d.taken)-1].Pass.From != "1" {
				d.Errorf("%+v, closed %d times", out, d.closed)
			}
		}},
		{"one that would begin anew the next time does not make room", func(d *desk) {
			v := &visit{Runner: d.runner(), id: ID{Tenant: "t", Connection: "c"}, began: noon}
			d.pages = []connection.ReadPage{{Objects: user("a")}, last}
			v.begin()
			v.yield.Store(true)
			v.run(d.Context())
			if out := d.said[0]; out.Failed || out.Answered != 1 {
				d.Errorf("%+v", out)
			}
		}},
		{"a connection that was opened too late is closed", func(d *desk) {
			ctx, stop := context.WithCancel(d.Context())
			d.opened = func(context.Context, ID) error { stop(); return nil }
			d.runner().VisitOnce(ctx, ID{Tenant: "t", Connection: "c"})
			for range 1000 {
				if d.mu.Lock(); d.closed > 0 {
					d.mu.Unlock()
					return
				}
				d.mu.Unlock()
				time.Sleep(time.Millisecond)
			}
			d.Error("it was left open")
		}},
		{"one that could not be opened is not", func(d *desk) {
			d.opened = func(context.Context, ID) error { return errors.New("no") }
			if v := d.visit(); !v.Failed || d.closed != 0 {
				d.Errorf("%+v, closed %d times", v, d.closed)
			}
		}},
		{"one visit is asked to make room at a time", func(d *desk) {
			r := d.runner()
			r.begin()
			for i, id := range []string{"a", "b", "c"} {
				r.visits[ID{Tenant: "t", Connection: lockstep.JobID(id)}] = &visit{Runner: r, began: noon.Add(-time.Duration(10+i) * time.Minute)}
			}
			other := &visit{Runner: r, began: noon.Add(-time.Hour)}
			r.visits[ID{Tenant: "u", Connection: "d"}] = other
			r.makeRoom(map[lockstep.TenantID]int{"t": 3, "u": 1}, 1)
			r.makeRoom(map[lockstep.TenantID]int{"t": 1, "u": 2}, 1) // it has not ended yet
			for id, v := range r.visits {
				if v.yield.Load() != (id.Connection == "c") {
					d.Errorf("%s: %t", id.Connection, v.yield.Load())
				}
			}
		}},
		{"whoever waits is visited when another visit has ended", func(d *desk) {
			d.due = []ID{{"t", "a"}, {"t", "b"}}
			d.pages = []connection.ReadPage{last}
			r := d.runner()
			r.Visits = 1
			ctx, stop := context.WithTimeout(d.Context(), 10*time.Second)
			defer stop()
			d.between = func(int) {}
			go func() {
				for ctx.Err() == nil {
					if d.mu.Lock(); len(d.said) == 2 {
						stop()
					}
					d.mu.Unlock()
					time.Sleep(time.Millisecond)
				}
			}()
			if err := r.Run(ctx); err != nil || len(d.said) != 2 {
				d.Errorf("%v, %d visits", err, len(d.said))
			}
		}},
		{"a call that has returned after all is no longer counted", func(d *desk) {
			r := d.runner()
			r.begin()
			r.Grace = time.Millisecond
			id := ID{Tenant: "t", Connection: "c"}
			v := &visit{Runner: r, id: id}
			hang := make(chan struct{})
			g := v.start(d.Context(), "read", func(context.Context) error { <-hang; return nil })
			if err := g.giveUp(errors.New("no")); lockstep.CodeOf(err) != lockstep.CodeReadStuck || r.Stuck(id) != 1 {
				d.Errorf("%v, %d are stuck", err, r.Stuck(id))
			}
			r.mu.Lock()
			r.stuck[id] += tooManyStuck
			r.mu.Unlock()
			if err := r.Ready(); lockstep.CodeOf(err) != lockstep.CodeReadStuck {
				d.Error(err)
			}
			r.mu.Lock()
			r.stuck[id] = 1
			r.mu.Unlock()
			close(hang)
			for range 1000 {
				r.mu.Lock()
				n := len(r.stuck)
				r.mu.Unlock()
				if n == 0 {
					return
				}
				time.Sleep(time.Millisecond)
			}
			d.Error("it is counted still")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(newDesk(t))
		})
	}
}

// kept is what a Source reads.
type kept struct {
	SourceStore
	head  Head
	rows  []Row
	parts []Part
	asked int
}

func (k *kept) Head(context.Context, ID) (Head, error)                             { return k.head, nil }
func (k *kept) Count(context.Context, ID) (map[string]int, error)                  { return nil, nil }
func (k *kept) Rows(context.Context, ID, Query) ([]Row, error)                     { k.asked++; return k.rows, nil }
func (k *kept) Named(context.Context, ID, []Name) (map[Name]connection.Ref, error) { return nil, nil }
func (k *kept) Members(context.Context, ID, ...connection.Object) (map[string][]connection.Ref, error) {
	return nil, nil
}
func (k *kept) Parts(context.Context, ID, string, int64) ([]Part, error) { return k.parts, nil }

// TestWhereAReadGoesOn: from which cursors a read of a mirror goes on, and from which everything is read anew: what was forgotten cannot be told
// from what never was.
func TestWhereAReadGoesOn(t *testing.T) {
	head := Head{Generation: 2, Position: 9, Trimmed: 4}
	for cursor, ok := range map[connection.Cursor]bool{
		"": true, "m/2/9": true, "m/2/4": true, "m/2/3": false, "m/2/10": false, "m/1/9": false, "m/3/9": false, "m/2/0": false,
		"m/2/-1/9.0.3": true, "m/2/-1/9.0.-1": false, "m/2/-1/9.-1.0": false, "m/2/-1": false, "m/2/-2/9.0.0": false, "m/1/-1/9.0.3": false, "m/2/5/9.1.0": true, "m/2/5/9.2.0": false,
		"m/2": false, "x/2/9": false, "m/2/9/1": false, "m/2/9/1.2.3/4": false, "m/a/9": false,
	} {
		s := &Source{Store: &kept{head: head}, Types: []string{"User"}}
		pages := 0
		err := s.Read(t.Context(), cursor, func(connection.Page) error { pages++; return nil })
		if (err == nil) != ok || !ok && (!errors.Is(err, lockstep.ErrCursorExpired) || pages > 0) {
			t.Errorf("%q: %v, %d pages", cursor, err, pages)
		}
	}
}

// TestWhoMayBeInAPart: a part that could not be read is said with whom may be in it, and not any more when somebody has answered for it.
func TestWhoMayBeInAPart(t *testing.T) {
	k := &kept{parts: []Part{
		{Hidden: connection.Hidden{Name: "line 2", IDs: []string{"a", "b"}}, Code: lockstep.CodeSourceRow}, {Hidden: connection.Hidden{Name: "line 3"}, Answered: true},
		{Hidden: connection.Hidden{Name: "line 4"}, Code: lockstep.CodeSourceRow},
	}}
	bad, err := (&Source{Store: k}).bad(t.Context(), Pass{Type: "User", Parts: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range bad {
		got = append(got, b.Name+" "+b.Ref.ID)
	}
	if !slices.Equal(got, []string{"line 2 a", "line 2 b", "line 4 "}) {
		t.Errorf("%q", got)
	}
}
