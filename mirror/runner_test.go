package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
)

// TestReads: how passes end for those that they did not list.
func TestReads(t *testing.T) {
	many := make([]string, 120)
	for i := range many {
		many[i] = fmt.Sprintf("m%03d", i)
	}
	for _, c := range []struct {
		name string
		run  func(w *world)
	}{
		{"one view: gone at once", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b", "c", "d")
			w.read(mirror.Request{})
			w.out.drop("b")
			w.read(mirror.Request{})
			w.want("a b:gone c d")
			if len(w.out.asked) != 0 {
				w.Error("a view needs no questions:", w.out.asked)
			}
		}},
		{"one with an id that is too long keeps nobody from leaving", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b", "c", strings.Repeat("x", 1001))
			w.read(mirror.Request{})
			w.out.drop("b")
			w.read(mirror.Request{})
			w.want("a b:gone c")
		}},
		{"pages: asked by id", func(w *world) {
			w.out.put("a", "b", "c", "d")
			w.read(mirror.Request{})
			w.out.drop("b")
			w.out.skip = map[string]bool{"c": true}
			w.read(mirror.Request{})
			w.want("a b:gone c d")
			if strings.Join(w.out.asked, " ") != "b c" {
				w.Error(w.out.asked)
			}
		}},
		{"pages, nobody to ask: a second pass", func(w *world) {
			w.out.deaf = true
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.drop("b")
			w.read(mirror.Request{})
			w.want("a b:gone c")
			if n := len(w.out.reads); n != 3 || !w.out.reads[2].Whole {
				w.Errorf("%+v", w.out.reads)
			}
		}},
		{"a second pass finds who slipped through the first", func(w *world) {
			w.out.deaf = true
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.skip = map[string]bool{"b": true}
			w.out.read = func(context.Context) error {
				if len(w.out.reads) == 3 {
					w.out.skip = nil
				}
				return nil
			}
			w.read(mirror.Request{})
			w.want("a b c")
			if p := w.head().Pass("User"); p.Missed != 0 || len(w.out.reads) != 3 {
				w.Errorf("%+v", p)
			}
		}},
		{"nobody reads a third time", func(w *world) {
			w.out.deaf = true
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.read = func(context.Context) error { // each pass misses another
				w.out.skip = map[string]bool{string(rune('a' + len(w.out.reads)%3)): true}
				return nil
			}
			w.read(mirror.Request{})
			if len(w.out.reads) != 3 || strings.Contains(w.states(), "gone") {
				w.Error(len(w.out.reads), w.states())
			}
			if p := w.head().Pass("User"); p.Missed != 1 {
				w.Errorf("who waits is not counted: %+v", p)
			}
		}},
		{"very many: not by id", func(w *world) {
			w.out.pageSize = 50
			w.out.put(many...)
			w.read(mirror.Request{})
			w.out.drop(many[:60]...)
			w.read(mirror.Request{})
			if len(w.out.reads) != 3 || len(w.out.asked) != 0 || strings.Count(w.states(), "gone") != 60 {
				w.Error(len(w.out.reads), w.out.asked, w.states())
			}
		}},
		{"changes: only who is named is gone", func(w *world) {
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.replace = func(p *connection.ReadPage) {
				p.Objects, p.Gone, p.Last, p.Reach, p.Mark = nil, []string{"c"}, true, connection.Changes, "after"
			}
			w.read(mirror.Request{})
			w.want("a b c:gone")
			if p := w.head().Pass("User"); p.Mark != "after" || !p.Once || p.Answered != 2 {
				w.Errorf("%+v", p)
			}
		}},
		{"unchanged", func(w *world) {
			w.out.put("a", "b")
			w.read(mirror.Request{})
			before := w.head()
			w.out.replace = func(p *connection.ReadPage) { p.Objects, p.Last, p.Reach = nil, true, connection.Unchanged }
			w.read(mirror.Request{})
			w.want("a b")
			if h := w.head(); h.Position != before.Position || h.Answered != 2 || w.out.reads[1].Since == "" || w.out.reads[1].Whole {
				w.Errorf("%+v %+v", h, w.out.reads)
			}
			w.read(mirror.Request{Whole: true})
			if !w.out.reads[2].Whole {
				w.Error("everything was asked for")
			}
		}},
		{"hidden ids stay, and everybody else is judged", func(w *world) {
			w.out.reach = connection.OneView
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.drop("a", "b")
			w.out.hidden = []connection.Hidden{{Name: "line 2", IDs: []string{"b"}, Part: "x", Err: lockstep.ErrNotFound}}
			w.read(mirror.Request{})
			w.want("a:gone b:hidden c")
			if p := w.head().Pass("User"); p.Hides != 1 || !p.Once {
				w.Errorf("%+v", p)
			}
		}},
		{"an unknown number hides everybody until somebody answers", func(w *world) {
			w.out.reach = connection.OneView
			w.out.hidden = []connection.Hidden{{Name: "line 2", Most: 1, Part: "x"}}
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			if p := w.head().Pass("User"); p.Once {
				w.Error("a type was read whole although somebody may be hidden")
			}
			w.out.drop("a", "b")
			w.read(mirror.Request{})
			w.want("a:hidden b:hidden c")
			w.out.put("b")
			w.read(mirror.Request{})
			w.want("a:hidden b c")
			w.ok(w.mirrors.Answer(w.Context(), w.id, "User", "x"))
			w.visit()
			w.want("a:gone b c")
			if p := w.head().Pass("User"); !p.Once || p.Hides != 0 {
				w.Errorf("%+v", p)
			}
			w.out.drop("b")
			w.out.hidden[0].Part = "other bytes"
			w.read(mirror.Request{})
			w.want("a:gone b:hidden c")
		}},
		{"our own write is not undone by an old page, and is read by its id", func(w *world) {
			w.out.lag = time.Minute
			w.out.put("a=old", "b")
			w.read(mirror.Request{})
			w.wait(time.Second)
			w.ok(w.mirrors.Wrote(w.Context(), w.id, w.out.lag,
				mirror.Write{Ref: connection.Ref{Type: "User", ID: "a"}, At: w.now(), Change: func(o *connection.Object) { o.Values.Set("title", "new") }},
				mirror.Write{Ref: connection.Ref{Type: "User", ID: "made"}, At: w.now(), Change: func(o *connection.Object) {
					o.Name, o.Enabled = "made", true
					o.Values.Set("title", "new")
					o.Values.Set("userName", "made")
				}}))
			w.read(mirror.Request{})
			if rows := w.rows("User"); rows["a"].Object.Values.Text("title") != "new" || rows["made"].State != mirror.There || len(w.out.asked) != 0 {
				w.Errorf("%+v asked for %v", rows, w.out.asked)
			}
			w.out.put("a=new", "made=new")
			w.wait(2 * time.Minute)
			if due, err := w.mirrors.Due(w.Context(), w.now()); err != nil || len(due) != 1 {
				w.Error(due, err)
			}
			position := w.head().Position
			w.visit()
			if rows := w.rows("User"); rows["a"].Ask || rows["made"].Ask || w.head().Position != position || len(w.out.asked) != 2 || len(w.out.reads) != 2 {
				w.Errorf("%+v, position %d, asked for %v, read %d times", rows, w.head().Position, w.out.asked, len(w.out.reads))
			}
		}},
		{"names alone", func(w *world) {
			w.out.put("a", "b", "c")
			w.read(mirror.Request{})
			w.out.put("b=changed", "d")
			w.out.drop("c")
			w.out.replace = func(p *connection.ReadPage) {
				for _, o := range p.Objects {
					p.Present = append(p.Present, connection.Present{ID: o.ID, Version: o.Version})
				}
				p.Objects = nil
			}
			w.read(mirror.Request{})
			w.want("a b c:gone d")
			if strings.Join(w.out.asked, " ") != "b d c" || w.rows("User")["b"].Object.Values.Text("title") != "changed" {
				w.Error(w.out.asked, w.rows("User")["b"])
			}
		}},
		{"other attributes need a new read", func(w *world) {
			w.out.types = []mirror.Wanted{{Type: "User", Paths: []string{"userName"}}}
			w.out.put("a=x")
			w.read(mirror.Request{})
			if w.rows("User")["a"].Object.Values.Has("title") {
				w.Error("kept what nobody asked for")
			}
			w.out.types[0].Paths = []string{"userName", "title"}
			w.read(mirror.Request{})
			if r := w.out.reads[1]; !r.Whole || r.Since != "" || !w.rows("User")["a"].Object.Values.Has("title") {
				w.Errorf("%+v", r)
			}
		}},
		{"other keys need none", func(w *world) {
			w.out.put("a=x", "b=y")
			w.read(mirror.Request{})
			w.out.types = []mirror.Wanted{{Type: "User", Keys: []string{"title"}}}
			w.out.replace = func(p *connection.ReadPage) { p.Objects, p.Last, p.Reach = nil, true, connection.Unchanged }
			w.read(mirror.Request{})
			found, err := w.mirrors.Find(w.Context(), w.id, "User", "title", "X")
			w.ok(err)
			if p := w.head().Pass("User"); len(found) != 1 || len(p.Keyed) != 1 || p.Keyed[0] != "title" {
				w.Errorf("%+v %+v", found, p)
			}
		}},
		{"a request while it is read", func(w *world) {
			w.out.put("a", "b", "c", "d")
			w.out.between = func(page int) {
				if page == 1 && len(w.out.reads) == 1 {
					w.out.drop("a") // behind the pass
					_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{})
					w.ok(err)
				}
			}
			w.read(mirror.Request{})
			if h := w.head(); h.Answered != 1 || h.Requests != 2 {
				w.Errorf("%+v", h)
			}
			w.visit()
			w.want("a:gone b c d")
			if h := w.head(); h.Answered != 2 {
				w.Errorf("%+v", h)
			}
		}},
		{"pages cut into pieces", func(w *world) {
			w.out.pageSize = 1300
			for i := range 1300 {
				w.out.put(fmt.Sprintf("u%04d", i))
			}
			w.read(mirror.Request{})
			if p := w.head().Pass("User"); p.Counts.Made != 1300 || p.Counts.Pages != 1 || p.Counts.Pieces != 3 || p.Counts.Objects != 1300 || p.Last.Objects != 1300 || p.Counts.Bytes == 0 {
				w.Errorf("%+v", p)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newWorld(t))
		})
	}
}

// TestAnew: what a pass has listed before it began anew does not count, whether the system says so or cannot go on at all.
func TestAnew(t *testing.T) {
	for _, goesOn := range []bool{true, false} {
		w := newWorld(t)
		w.out.reach, w.out.goesOn = connection.OneView, goesOn
		w.out.put("a", "b", "c", "d", "e")
		w.read(mirror.Request{})
		_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
		w.ok(err)
		w.runner(&crashing{Store: w.mirrors, left: 4}).VisitOnce(t.Context(), w.id) // after the claim, the pass and its first page
		if p := w.head().Pass("User"); p.Stage != mirror.Reading || p.Counts.Objects != 3 || (p.From != "") != goesOn {
			t.Fatalf("%+v", p)
		}
		w.ok(w.mirrors.Start(t.Context()))
		w.out.drop("a") // whom the first page has listed
		w.visit()
		w.want("a:gone b c d e")
		if p := w.head().Pass("User"); p.Answered != 2 || p.Counts.Objects != 4 {
			t.Errorf("%+v", p)
		}
	}
}

// TestGoesOn: a pass that was broken off goes on with the page after the last that was committed.
func TestGoesOn(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.out.put(fmt.Sprintf("u%02d", i))
	}
	_, err := w.mirrors.Request(t.Context(), w.id, mirror.Request{})
	w.ok(err)
	w.runner(&crashing{Store: w.mirrors, left: 10, after: true}).VisitOnce(t.Context(), w.id) // eight pages
	w.ok(w.mirrors.Start(t.Context()))
	pages := 0
	w.out.between = func(int) { pages++ }
	w.visit()
	if p := w.head().Pass("User"); pages != 2 || p.Counts.Objects != 30 || p.Counts.Pages != 10 || p.Counts.Made != 30 || !p.Once {
		t.Errorf("%d more pages, %+v", pages, p)
	}
}

// TestBroken: answers without end or sense end a pass, with a code, and nobody is gone because of them.
func TestBroken(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*outside)
		limit mirror.Limits
		code  lockstep.Code
	}{
		{"the same page again and again", func(o *outside) {
			first := o.objects[connection.Ref{Type: "User", ID: "b"}]
			o.replace = func(p *connection.ReadPage) { p.Objects, p.Last, p.Next = []connection.Object{first}, false, "3/0" }
		}, mirror.Limits{Repeats: 3}, lockstep.CodeReadEndless},
		{"nothing again and again", func(o *outside) {
			o.replace = func(p *connection.ReadPage) { p.Objects, p.Last = nil, false }
		}, mirror.Limits{Empty: 5}, lockstep.CodeReadEndless},
		{"too many objects", func(o *outside) {
			n := 0
			o.replace = func(p *connection.ReadPage) {
				n++
				p.Objects = []connection.Object{{Ref: connection.Ref{Type: "User", ID: fmt.Sprint("x", n)}}}
				p.Last = false
			}
		}, mirror.Limits{Objects: 20}, lockstep.CodeReadEndless},
		{"too many bytes", func(o *outside) {
			n := 0
			o.replace = func(p *connection.ReadPage) {
				n++
				p.Objects = []connection.Object{{Ref: connection.Ref{Type: "User", ID: fmt.Sprint("x", n)}, Name: strings.Repeat("x", 100)}}
				p.Last = false
			}
		}, mirror.Limits{Bytes: 1000}, lockstep.CodeReadEndless},
		{"too large a page", func(o *outside) { o.pageSize = 10 }, mirror.Limits{Page: 2}, lockstep.CodeReadEndless},
		{"an error", func(o *outside) {
			o.read = func(context.Context) error { return &lockstep.Error{Code: lockstep.CodeSourceUnreachable} }
		}, mirror.Limits{}, lockstep.CodeSourceUnreachable},
		{"a panic", func(o *outside) { o.read = func(context.Context) error { panic("oh") } }, mirror.Limits{}, lockstep.CodeInternal},
		{"nothing in time", func(o *outside) {
			o.timeout = 20 * time.Millisecond
			o.read = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		}, mirror.Limits{}, lockstep.CodeReadTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.out.put("a", "b", "c", "d")
			w.read(mirror.Request{})
			w.out.drop("a")
			c.set(w.out)
			_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{Whole: true})
			w.ok(err)
			r := w.runner(w.mirrors)
			r.Limits = c.limit
			r.VisitOnce(w.Context(), w.id)
			h := w.head()
			if h.Code != c.code || h.Failures != 1 || h.Answered != 1 || !h.NotBefore.After(w.now()) || strings.Contains(w.states(), "gone") {
				t.Errorf("%+v %s", h, w.states())
			}
			w.out.replace, w.out.read, w.out.pageSize, w.out.timeout = nil, nil, 3, 0
			w.wait(time.Hour)
			w.visit()
			if h := w.head(); h.Code != "" || h.Failures != 0 || h.Answered != 2 || w.rows("User")["a"].State != mirror.Gone {
				t.Errorf("it does not get over it: %+v %s", h, w.states())
			}
			if again := w.out.reads[len(w.out.reads)-1]; again.From != "" {
				t.Errorf("it goes on at %q, where it had broken off", again.From)
			}
		})
	}
}

// TestWithoutLastPage: a reader that ends early has not read everything.
func TestWithoutLastPage(t *testing.T) {
	w := newWorld(t)
	w.out.put("a", "b")
	w.out.replace = func(p *connection.ReadPage) { p.Last = false }
	r := w.runner(w.mirrors)
	r.Open = func(context.Context, mirror.ID) (mirror.System, error) {
		s := w.out.open()
		s.Reader = early{w.out}
		return s, nil
	}
	_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{})
	w.ok(err)
	r.VisitOnce(w.Context(), w.id)
	if h := w.head(); h.Code != lockstep.CodeSourceMalformed || h.Pass("User").Once {
		t.Errorf("%+v", h)
	}
}

// early ends after its first page without saying that it was the last.
type early struct{ *outside }

func (e early) Read(ctx context.Context, r connection.Read, give func(connection.ReadPage) error) error {
	stop := errors.New("stop")
	err := e.outside.Read(ctx, r, func(p connection.ReadPage) error {
		if err := give(p); err != nil {
			return err
		}
		return stop
	})
	if errors.Is(err, stop) {
		return nil
	}
	return err
}

// TestRetryAfter: a system that wants to be left alone is, whoever asks.
func TestRetryAfter(t *testing.T) {
	w := newWorld(t)
	w.out.read = func(context.Context) error {
		return &connection.Later{After: time.Hour, Err: &lockstep.Error{Code: lockstep.CodeTargetRateLimited}}
	}
	w.read(mirror.Request{})
	_, err := w.mirrors.Request(w.Context(), w.id, mirror.Request{Now: true})
	w.ok(err)
	for _, c := range []struct {
		after time.Duration
		due   int
	}{{59 * time.Minute, 0}, {60 * time.Minute, 1}} {
		if due, err := w.mirrors.Due(w.Context(), noon.Add(c.after)); err != nil || len(due) != c.due {
			t.Errorf("after %v: %v, %v", c.after, due, err)
		}
	}
	if h := w.head(); h.Code != lockstep.CodeTargetRateLimited {
		t.Errorf("%+v", h)
	}
}

// TestPause: a budget whose target wants to be left alone ends the visit until then.
func TestPause(t *testing.T) {
	w := newWorld(t)
	w.out.read = func(context.Context) error {
		return fmt.Errorf("read: %w", &connection.Pause{Until: noon.Add(time.Hour)})
	}
	w.read(mirror.Request{})
	if h := w.head(); !h.NotBefore.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", h)
	}
}

// TestStuck: a call that does not return gives its place back, stops its connection and nothing else, and is counted until it does.
func TestStuck(t *testing.T) {
	w := newWorld(t)
	other := w.connection("other", "hr")
	release := make(chan struct{})
	stuck := &outside{timeout: 10 * time.Millisecond, now: w.now, read: func(context.Context) error { <-release; return nil }}
	w.out.put("a")
	r := w.runner(w.mirrors)
	r.Grace, r.Visits, r.Tick = 10*time.Millisecond, 1, 5*time.Millisecond
	r.Open = func(_ context.Context, id mirror.ID) (mirror.System, error) {
		if id == other {
			return stuck.open(), nil
		}
		return w.out.open(), nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	for _, id := range []mirror.ID{other, w.id} {
		_, err := w.mirrors.Request(ctx, id, mirror.Request{})
		w.ok(err)
	}
	go func() { ended <- r.Run(ctx) }()
	eventually(t, func() bool { return w.head().Answered == 1 && r.Stuck(other) == 1 })
	w.wait(time.Hour) // the pause after the failure is over, and the call still has not returned
	time.Sleep(50 * time.Millisecond)
	if r.Stuck(other) != 1 || r.Ready() != nil {
		t.Error("it was begun again, or one stuck call makes the node unfit:", r.Stuck(other), r.Ready())
	}
	cancel()
	select {
	case err := <-ended:
		w.ok(err)
	case <-time.After(5 * time.Second):
		t.Fatal("a call that does not return keeps the runner from ending")
	}
	close(release)
	eventually(t, func() bool { return r.Stuck(other) == 0 })
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

// TestReady: many stuck calls make the node unfit, by name.
func TestReady(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.out.timeout = time.Millisecond
	w.out.read = func(context.Context) error { <-release; return nil }
	r := w.runner(w.mirrors)
	r.Grace = time.Millisecond
	for n := range 17 {
		if err := r.Ready(); err != nil {
			t.Errorf("after %d: %v", n, err)
		}
		id := w.more(w.id.Tenant, fmt.Sprint("c", n))
		_, err := w.mirrors.Request(t.Context(), id, mirror.Request{})
		w.ok(err)
		r.VisitOnce(t.Context(), id)
	}
	if err := r.Ready(); lockstep.CodeOf(err) != lockstep.CodeReadStuck || !strings.Contains(err.Error(), "17") {
		t.Error(err)
	}
	close(release)
	eventually(t, func() bool { return r.Ready() == nil })
}

// TestTurns: no more visits than allowed, one a connection, and a tenant whose systems are endless leaves room for another.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	ids := []mirror.ID{w.id}
	for i := range 6 {
		ids = append(ids, w.more(w.id.Tenant, fmt.Sprint("c", i)))
	}
	var mu sync.Mutex
	running, most := map[mirror.ID]int{}, 0
	systems := map[mirror.ID]*outside{}
	open := func(_ context.Context, id mirror.ID) (mirror.System, error) {
		mu.Lock()
		defer mu.Unlock()
		o := systems[id]
		if o == nil {
			n := 0
			o = &outside{objects: w.out.objects, now: w.now, goesOn: true}
			o.replace = func(p *connection.ReadPage) {
				n++
				p.Objects = []connection.Object{{Ref: connection.Ref{Type: "User", ID: fmt.Sprint(n)}}}
				p.Last, p.Next = id.Tenant != w.id.Tenant, "1/1"
			}
			systems[id] = o
		}
		running[id]++
		if running[id] > 1 {
			t.Error("two visits of one connection")
		}
		all := 0
		for _, n := range running {
			all += n
		}
		most = max(most, all)
		s := o.open()
		s.Close = func() {
			mu.Lock()
			defer mu.Unlock()
			running[id]--
		}
		return s, nil
	}
	r := w.runner(w.mirrors)
	r.Open, r.Visits, r.Tick, r.Slice = open, 3, 5*time.Millisecond, time.Nanosecond
	r.Now = time.Now
	for _, id := range ids {
		_, err := w.mirrors.Request(t.Context(), id, mirror.Request{})
		w.ok(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	visited := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(systems)
	}
	eventually(t, func() bool { return visited() >= 3 })
	other := w.connection("other", "hr")
	_, err := w.mirrors.Request(t.Context(), other, mirror.Request{})
	w.ok(err)
	r.Wake()
	eventually(t, func() bool {
		h, err := w.mirrors.Head(t.Context(), other)
		w.ok(err)
		return h.Answered == 1
	})
	cancel()
	w.ok(<-ended)
	if most != 3 {
		t.Errorf("%d visits at the same time", most)
	}
	passes, err := w.mirrors.Passes(t.Context(), w.id.Tenant)
	w.ok(err)
	if len(passes) < 3 || passes[0].Stage != mirror.Reading || passes[0].Counts.Objects == 0 {
		t.Errorf("%+v", passes)
	}
}
