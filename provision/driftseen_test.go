package provision_test

import (
	"context"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
	"lockstep/rule"
	"lockstep/store"
)

// seen is what was read, as a test would have it.
type seen struct {
	store.Mirrors
	head func(*mirror.Head)
	row  func(*mirror.Row)
}

func (s seen) Head(ctx context.Context, id mirror.ID) (mirror.Head, error) {
	h, err := s.Mirrors.Head(ctx, id)
	if s.head != nil {
		s.head(&h)
	}
	return h, err
}

func (s seen) Get(ctx context.Context, id mirror.ID, refs ...connection.Ref) ([]mirror.Row, error) {
	rows, err := s.Mirrors.Get(ctx, id, refs...)
	for i := range rows {
		if s.row != nil {
			s.row(&rows[i])
		}
	}
	return rows, err
}

// TestDriftIsSeen: an account that the application has marked as deleted is missing; one whom the last read may have missed is neither
// changed nor missing, and nothing can be said while a type is being read or was never read to its end.
func TestDriftIsSeen(t *testing.T) {
	start := func(t *testing.T) *world {
		w := newWorld(t)
		w.person("ada")
		w.person("ben")
		w.group("Team")
		w.run(w.out)
		w.ahead += time.Minute
		w.reread()
		return w
	}
	ada := func(w *world, f func(*mirror.Row)) func(*mirror.Row) {
		id := w.targetID("ada@acme.example")
		return func(r *mirror.Row) {
			if r.Object.ID == id {
				f(r)
			}
		}
	}
	t.Run("marked as deleted", func(t *testing.T) {
		w := start(t)
		w.engine.Mirrors = seen{Mirrors: w.db.Mirrors(), row: ada(w, func(r *mirror.Row) { r.Object.Deleted = true })}
		if got, look := w.drift(); got != "ada@acme.example missing" || look.Missing != 1 {
			t.Errorf("%q, %+v", got, look)
		}
	})
	for name, state := range map[string]mirror.State{"hidden": mirror.Hidden, "missed": mirror.Missed, "there": mirror.There} {
		t.Run(name, func(t *testing.T) {
			unsure := 1
			if state == mirror.There {
				unsure = 0
			}
			w := start(t)
			w.patchByHand("ada@acme.example", "title", `"Queen"`)
			w.set(w.userID("ada"), "title", "Analyst")
			w.run(w.out)
			w.patchByHand("ada@acme.example", "title", `"Queen"`)
			w.ahead += time.Minute
			w.reread()
			w.engine.Mirrors = seen{Mirrors: w.db.Mirrors(), row: ada(w, func(r *mirror.Row) { r.State = state })}
			if got, look := w.drift(); look.Unsure != unsure || (got == "") != (unsure == 1) || look.Changed != 1-unsure {
				t.Errorf("%q, %+v", got, look)
			}
		})
	}
	for name, of := range map[string]struct {
		pass func(*mirror.Pass)
		code lockstep.Code
	}{
		"never read": {func(p *mirror.Pass) { p.Once = false }, lockstep.CodeUnread},
		"being read": {func(p *mirror.Pass) { p.Stage = mirror.Reading }, lockstep.CodeConflict},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.engine.Mirrors = seen{Mirrors: w.db.Mirrors(), head: func(h *mirror.Head) {
				for i := range h.Passes {
					if h.Passes[i].Type == "Group" {
						of.pass(&h.Passes[i])
					}
				}
			}}
			if _, err := w.finder().Look(w.ctx, w.tenant, w.out, 1); lockstep.CodeOf(err) != of.code {
				t.Errorf("%v, want %s", err, of.code)
			}
		})
	}
}

// TestDriftBesideACall: a call that was under way while the application was read need not show in what was read.
func TestDriftBesideACall(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.run(w.out)
	s := script(w)
	w.set(ada, "title", "Analyst")
	s.apply = func(op connection.Operation) *connection.Result {
		if op.Kind == rule.Update {
			w.ahead += 2 * time.Minute
			w.reread() // which does not have it yet
			w.ahead += 20 * time.Second
		}
		return nil
	}
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example title=Analyst\n")
	w.ahead += time.Hour
	if got, look := w.drift(); got != "" || look.Unsure != 1 {
		t.Errorf("%q, %+v", got, look)
	}
}
