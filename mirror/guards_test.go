package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
)

// TestAnswersWhatWasAskedBefore: a pass that was broken off answers what was asked for before it began, and nobody who asked since.
func TestAnswersWhatWasAskedBefore(t *testing.T) {
	w := newWorld(t)
	w.out.put("a", "b", "c", "d", "e")
	_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	w.runner(&crashing{Store: w.mirrors, left: 3, after: true}).VisitOnce(t.Context(), w.id) // after its first page
	w.ok(w.mirrors.Start(t.Context()))
	w.out.drop("a") // behind the pass
	_, err = w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	w.visit()
	if h := w.head(); h.Answered != 1 || h.Requests != 2 {
		t.Errorf("answered up to %d of %d", h.Answered, h.Requests)
	}
	w.visit()
	w.want("a:gone b c d e")
	if h := w.head(); h.Answered != 2 {
		t.Errorf("answered up to %d", h.Answered)
	}
}

// TestManyPages: a pass of many pages is not one without end, and may take longer than any of its pages.
func TestManyPages(t *testing.T) {
	w := newWorld(t)
	for i := range 18 {
		w.out.put(fmt.Sprintf("u%02d", i))
	}
	w.out.timeout = 2 * time.Second
	w.out.between = func(int) { time.Sleep(500 * time.Millisecond) }
	_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	r := w.runner(w.mirrors)
	r.Limits = mirror.Limits{Repeats: 3}
	r.VisitOnce(t.Context(), w.id)
	if h := w.head(); h.Code != "" || h.Answered != 1 || h.Pass("User").Counts.Pages != 6 {
		t.Errorf("%s %s: %+v", h.Code, h.Detail, h.Pass("User"))
	}
}

// TestLastPageTellsNothingNew: a pass that has come to its last page is at its end, whatever stands on it.
func TestLastPageTellsNothingNew(t *testing.T) {
	w := newWorld(t)
	w.out.put("a", "b", "c", "d")
	w.out.replace = func(p *connection.ReadPage) {
		if p.Last {
			p.Objects = []connection.Object{w.out.objects[connection.Ref{Type: "User", ID: "a"}]}
		}
	}
	_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	r := w.runner(w.mirrors)
	r.Limits = mirror.Limits{Repeats: 1}
	r.VisitOnce(t.Context(), w.id)
	if h := w.head(); h.Code != "" || h.Answered != 1 {
		t.Errorf("%s %s", h.Code, h.Detail)
	}
}

// TestPauses: after a failure a system is left alone for as long as it says, else for two seconds, and for a minute if somebody has to mend something.
func TestPauses(t *testing.T) {
	w := newWorld(t)
	fails := func(err error) time.Duration {
		t.Helper()
		w.out.read = func(context.Context) error { return err }
		w.wait(24 * time.Hour)
		w.read(mirror.Request{})
		return w.head().NotBefore.Sub(w.now())
	}
	heals, not := &lockstep.Error{Code: lockstep.CodeSourceUnreachable}, &lockstep.Error{Code: lockstep.CodeAuthToken}
	for i, c := range []struct {
		err  error
		want time.Duration
	}{
		{heals, 2 * time.Second}, {heals, 4 * time.Second}, {not, time.Minute}, {heals, 16 * time.Second},
		{&connection.Later{After: 3 * time.Second, Err: heals}, 3 * time.Second}, {&connection.Later{After: time.Hour, Err: heals}, time.Hour},
		{&connection.Later{Err: heals}, 128 * time.Second},
	} {
		if got := fails(c.err); got != c.want {
			t.Errorf("%d: %v is asked again in %v, want %v", i, c.err, got, c.want)
		}
	}
}

// TestToldToEnd: a runner that is told to end has not failed to read.
func TestToldToEnd(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.out.read = func(context.Context) error { cancel(); return errors.New("the line was cut") }
	_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	w.runner(w.mirrors).VisitOnce(ctx, w.id)
	if h := w.head(); h.Failures != 0 || h.Code != "" || h.Answered != 0 || h.Lease.Until.After(w.now()) {
		t.Errorf("%+v", h)
	}
}

// TestTenantsBesideEachOther: a tenant who is not alone never has all visits, also when its systems do not end.
func TestTenantsBesideEachOther(t *testing.T) {
	w := newWorld(t)
	w.out.put("a")
	hung := func() *outside {
		return &outside{now: w.now, timeout: time.Hour, read: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	}
	other := w.connection("other", "c")
	ids := []mirror.ID{other, w.more(other.Tenant, "d"), w.more(other.Tenant, "e")}
	r := w.runner(w.mirrors)
	r.Visits, r.Tick, r.Now = 2, 5*time.Millisecond, time.Now
	r.Open = func(_ context.Context, id mirror.ID) (mirror.System, error) {
		if id.Tenant == other.Tenant {
			return hung().open(), nil
		}
		return w.out.open(), nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ask := func(id mirror.ID) {
		t.Helper()
		_, err := w.mirrors.Request(ctx, id, mirror.Request{})
		w.ok(err)
		r.Wake()
	}
	ask(w.id)
	go func() { ended <- r.Run(ctx) }()
	eventually(t, func() bool { return w.head().Answered == 1 })
	for _, id := range ids {
		ask(id)
	}
	begun := func() (n int) {
		for _, id := range ids {
			h, err := w.mirrors.Head(ctx, id)
			w.ok(err)
			if h.Lease.Node != "" {
				n++
			}
		}
		return n
	}
	eventually(t, func() bool { return begun() > 0 })
	time.Sleep(50 * time.Millisecond)
	ask(w.id)
	eventually(t, func() bool { return w.head().Answered == 2 })
	if n := begun(); n != 1 {
		t.Errorf("%d visits of one tenant", n)
	}
	cancel()
	w.ok(<-ended)
}

// TestWhoMakesRoom: a visit that is under way is asked to end for another tenant's sake only when its own tenant has more than that one, and
// when it has had its time.
func TestWhoMakesRoom(t *testing.T) {
	for name, c := range map[string]struct {
		slice   time.Duration
		greedy  bool // two of the three visits are of the first tenant, and a tenant without any asks
		yielded bool
	}{
		"one has more":                   {time.Nanosecond, true, true},
		"one has more, and not for long": {time.Hour, true, false},
		"all have one":                   {time.Nanosecond, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var mu sync.Mutex
			opened := map[mirror.ID]int{}
			r := w.runner(w.mirrors)
			r.Visits, r.Tick, r.Slice, r.Now = 3, 5*time.Millisecond, c.slice, time.Now
			r.Open = func(_ context.Context, id mirror.ID) (mirror.System, error) {
				mu.Lock()
				defer mu.Unlock()
				opened[id]++
				visit, n := opened[id], 0
				o := &outside{objects: w.out.objects, now: time.Now, goesOn: true}
				o.replace = func(p *connection.ReadPage) { // it never ends
					n++
					p.Objects = []connection.Object{{Ref: connection.Ref{Type: "User", ID: fmt.Sprint(visit, n)}}}
					p.Last, p.Next = false, "1/1"
					time.Sleep(time.Millisecond)
				}
				return o.open(), nil
			}
			b := w.connection("b", "hr")
			first := []mirror.ID{w.id, b, w.connection("c", "hr")}
			last := w.more(w.id.Tenant, "another")
			if c.greedy {
				first, last = []mirror.ID{w.id, last, b}, first[2]
			}
			visits := func() (begun, again int) {
				mu.Lock()
				defer mu.Unlock()
				for _, id := range first {
					begun += min(opened[id], 1)
					again += max(opened[id]-1, 0)
				}
				return begun, again + opened[last]
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			for _, id := range first {
				_, err := w.mirrors.Request(ctx, id, mirror.Request{})
				w.ok(err)
			}
			go func() { ended <- r.Run(ctx) }()
			eventually(t, func() bool { begun, _ := visits(); return begun == 3 })
			_, err := w.mirrors.Request(ctx, last, mirror.Request{})
			w.ok(err)
			r.Wake()
			if c.yielded {
				eventually(t, func() bool { _, others := visits(); return others > 0 })
			} else if time.Sleep(200 * time.Millisecond); true {
				if _, others := visits(); others > 0 {
					t.Errorf("a visit has made room for %d", others)
				}
			}
			cancel()
			w.ok(<-ended)
		})
	}
}

// TestGuardsOfReads: what keeps a pass from taking somebody away, or from knowing them wrongly.
func TestGuardsOfReads(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(w *world)
	}{
		{"a part of which nobody knows who is in it hides everybody, also as one of very many", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b")
			w.read(mirror.Request{})
			w.out.drop("a")
			for i := range 1002 {
				w.out.hidden = append(w.out.hidden, connection.Hidden{Name: "line", IDs: []string{fmt.Sprint("x", i)}})
			}
			w.out.hidden = append(w.out.hidden, connection.Hidden{Name: "the rest"})
			w.read(mirror.Request{})
			w.want("a:hidden b")
		}},
		{"very many parts hide nobody else, if it is known who is in them", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b", "x1001")
			w.read(mirror.Request{})
			w.out.drop("a", "x1001")
			for i := range 1002 {
				w.out.hidden = append(w.out.hidden, connection.Hidden{Name: "line", IDs: []string{fmt.Sprint("x", i)}})
			}
			w.read(mirror.Request{})
			w.want("a:gone b x1001:hidden")
		}},
		{"names alone, without versions: who is new is asked for", func(w *world) {
			w.out.put("a")
			w.read(mirror.Request{})
			w.out.put("d")
			w.out.replace = func(p *connection.ReadPage) {
				for _, o := range p.Objects {
					p.Present = append(p.Present, connection.Present{ID: o.ID})
				}
				p.Objects = nil
			}
			w.read(mirror.Request{})
			w.want("a d")
		}},
		{"other attributes amid a pass: it begins again", func(w *world) {
			w.out.types = []mirror.Wanted{{Type: "User", Paths: []string{"userName"}}}
			w.out.put("a=x", "b=x", "c=x", "d=x")
			_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{})
			w.ok(err)
			w.runner(&crashing{Store: w.mirrors, left: 3, after: true}).VisitOnce(w.Context(), w.id)
			w.ok(w.mirrors.Start(w.Context()))
			w.out.types[0].Paths = []string{"userName", "title"}
			w.visit()
			if r := w.out.reads[1]; !r.Whole || r.From != "" || w.rows("User")["a"].Object.Values.Text("title") != "x" {
				w.Errorf("%+v %+v", r, w.rows("User")["a"])
			}
		}},
		{"who is hidden is counted once, although a visit ends while it judges", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.drop("b")
			w.out.hidden = []connection.Hidden{{Name: "line 2", IDs: []string{"b"}}}
			_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{})
			w.ok(err)
			w.runner(&crashing{Store: w.mirrors, left: 4, after: true}).VisitOnce(w.Context(), w.id) // the claim, the pass, its page, what becomes of b
			if p := w.head().Pass("User"); p.Stage != mirror.Judging || p.Counts.Hides != 1 {
				w.Fatalf("%+v", p)
			}
			w.ok(w.mirrors.Start(w.Context()))
			w.visit()
			w.want("a b:hidden c")
			if p := w.head().Pass("User"); p.Hides != 1 || p.Answered != 2 {
				w.Errorf("%+v", p)
			}
		}},
		{"our own write at a system that cannot be asked stays", func(w *world) {
			w.out.deaf, w.out.reach, w.out.lag = true, connection.OneView, time.Minute
			w.out.put("a")
			w.read(mirror.Request{})
			w.wait(time.Second)
			w.ok(w.mirrors.Wrote(w.Context(), w.id, w.out.lag, mirror.Write{Ref: connection.Ref{Type: "User", ID: "made"}, At: w.now(), Change: func(o *connection.Object) { o.Name = "made" }}))
			w.read(mirror.Request{})
			w.want("a made")
		}},
		{"pages with nobody on them keep the place", func(w *world) {
			ctx, stop := context.WithCancel(w.Context())
			n := 0
			w.out.replace = func(p *connection.ReadPage) {
				if n++; n == 4 {
					stop()
				}
				p.Objects, p.Last, p.Next = nil, false, connection.Continuation(fmt.Sprintf("%d/0", n))
			}
			_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{})
			w.ok(err)
			w.runner(w.mirrors).VisitOnce(ctx, w.id)
			w.out.replace = nil
			w.visit()
			if r := w.out.reads[1]; r.From == "" { // pages are read ahead of what is kept
				w.Errorf("it goes on at %q", r.From)
			}
		}},
		{"a pass that asks for long keeps its lease", func(w *world) {
			w.out.pageSize = 12
			for i := range 12 {
				w.out.put(fmt.Sprint("u", i))
			}
			w.out.replace = func(p *connection.ReadPage) {
				for _, o := range p.Objects {
					p.Present = append(p.Present, connection.Present{ID: o.ID, Version: o.Version})
				}
				p.Objects = nil
			}
			w.out.getting = func(ctx context.Context) error {
				w.wait(20 * time.Second)
				if _, err := w.mirrors.Claim(ctx, w.id, "other", w.now().Add(time.Hour)); !errors.Is(err, lockstep.ErrEpoch) {
					w.Errorf("another node reads beside: %v", err)
				}
				return nil
			}
			w.read(mirror.Request{})
			if len(w.rows("User")) != 12 || w.head().Answered != 1 {
				w.Errorf("%+v", w.head())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newWorld(t))
		})
	}
}
