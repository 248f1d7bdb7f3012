package mirror_test

import (
	"fmt"
	"maps"
	"math/rand/v2"

	"testing"
	"time"

	"lockstep/connection"
	"lockstep/mirror"
)

// TestRandomHistories: random systems, random pages, changes between any two of them, and a process that dies at any call of the
// store. Nobody is ever gone in the mirror who is there. When it has become quiet, the mirror is the system, and whoever followed the
// positions knows the same.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := &history{world: newWorld(t), random: rand.New(rand.NewPCG(seed, 1)), present: map[string]int{}}
			h.out.reach = []connection.Reach{connection.OneView, connection.Pages}[seed%2]
			h.out.goesOn = seed%3 != 0
			h.out.pageSize = 1 + int(seed)%5
			h.out.lag = time.Second
			h.run()
		})
	}
}

type history struct {
	*world
	random  *rand.Rand
	present map[string]int // when each came; those who are there
	steps   int

	followed map[string]string // what a follower of the mirror knows of users: their titles
	cursor   connection.Cursor
}

// change changes the system a little.
func (h *history) change() {
	h.steps++
	id := fmt.Sprintf("u%02d", h.random.IntN(30))
	switch n := h.random.IntN(10); {
	case n < 6:
		h.out.put(fmt.Sprintf("%s=%d", id, h.random.IntN(3)))
		if _, there := h.present[id]; !there {
			h.present[id] = h.steps
		}
	case n < 9:
		h.out.drop(id)
		delete(h.present, id)
	default: // we write ourselves
		if o, there := h.out.objects[connection.Ref{Type: "User", ID: id}]; there {
			o.Values = o.Values.Clone()
			o.Values.Set("title", "ours")
			h.out.set(o)
			h.ok(h.mirrors.Wrote(h.Context(), h.id, h.out.lag, mirror.Write{Ref: o.Ref, At: h.now(), Change: func(x *connection.Object) {
				version := x.Version
				*x = o
				x.Version = version
			}}))
		}
	}
}

func (h *history) run() {
	for range 20 {
		h.change()
	}
	h.out.between = func(page int) {
		if page < 20 && h.random.IntN(3) == 0 { // a view that never stands still never ends
			h.change()
		}
	}
	for range 30 {
		if h.random.IntN(4) > 0 {
			h.change()
		}
		h.wait(time.Duration(h.random.IntN(3000)) * time.Millisecond)
		_, err := h.mirrors.Request(h.Context(), h.id, mirror.Request{Whole: h.random.IntN(4) == 0, Now: true})
		h.ok(err)
		store := &crashing{Store: h.mirrors, left: 1 << 30}
		if h.random.IntN(3) > 0 {
			store.left, store.after = 1+h.random.IntN(12), h.random.IntN(2) == 0
		}
		before, rows := maps.Clone(h.present), h.rows("User")
		h.runner(store).VisitOnce(h.Context(), h.id)
		if store.dead {
			h.ok(h.mirrors.Start(h.Context()))
		}
		h.check(before, rows)
		if h.random.IntN(3) == 0 {
			h.follow()
		}
	}
	h.quiet()
}

// check: who was there before the visit and is still did not go in it.
func (h *history) check(before map[string]int, rows map[string]mirror.Row) {
	h.Helper()
	for id, r := range h.rows("User") {
		since, there := h.present[id]
		was, ok := before[id]
		if r.State == mirror.Gone && rows[id].State != mirror.Gone && there && ok && was == since {
			h.Fatalf("step %d: %s is gone in the mirror and there since step %d", h.steps, id, since)
		}
	}
}

// quiet reads until everything is answered and nothing waits, and compares.
func (h *history) quiet() {
	h.out.between = nil
	for range 4 {
		h.wait(time.Hour)
		h.read(mirror.Request{Whole: true, Now: true})
	}
	h.follow()
	here, known := map[string]string{}, map[string]string{}
	for _, id := range h.out.ids("User") {
		here[id] = h.out.objects[connection.Ref{Type: "User", ID: id}].Values.Text("title")
	}
	for id, r := range h.rows("User") {
		if r.State == mirror.There {
			known[id] = r.Object.Values.Text("title")
		} else if r.State != mirror.Gone {
			h.Errorf("%s waits: %+v", id, r)
		}
	}
	if !maps.Equal(here, known) {
		h.Errorf("there is %v\nknown is %v", here, known)
	}
	// What we wrote ourselves moves no position, so a follower may not have heard of it.
	for id, title := range here {
		if heard, ok := h.followed[id]; ok && heard != title && title != "ours" {
			h.Errorf("the follower knows %s of %s, which is %s", heard, id, title)
		} else if !ok && title != "ours" {
			h.Errorf("the follower does not know %s, which is %s", id, title)
		}
	}
	for id := range h.followed {
		if _, there := here[id]; !there {
			h.Errorf("the follower knows %s, who is gone", id)
		}
	}
	if c, err := h.mirrors.Count(h.Context(), h.id); err != nil || c["User"] != len(here) {
		h.Errorf("counted %v, there are %d, %v", c, len(here), err)
	}
	if p := h.head().Pass("User"); p.Stage != mirror.Idle || !p.Once || h.head().Answered != h.head().Requests {
		h.Errorf("%+v", h.head())
	}
}

// follow brings a follower of the mirror up to date.
func (h *history) follow() {
	h.Helper()
	if h.cursor == "" {
		h.followed = map[string]string{}
	}
	s := h.source()
	h.ok(s.Read(h.Context(), h.cursor, func(p connection.Page) error {
		for _, o := range p.Objects {
			h.followed[o.ID] = o.Values.Text("title")
		}
		for _, g := range p.Gone {
			delete(h.followed, g.ID)
		}
		if p.Last {
			h.cursor = p.Next
		}
		return nil
	}))
}
