package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	hub "lockstep/connector/directory"
	"lockstep/drift"
	"lockstep/e2e/hostile"
	"lockstep/plan"
	"lockstep/provision"
)

// shy is a target that does not show groups when it is told to.
type shy struct {
	connection.Target
	not func() error
}

func (s shy) Get(ctx context.Context, ref connection.Ref) (connection.Object, error) {
	if err := s.not(); err != nil {
		return connection.Object{}, err
	}
	return s.Target.Get(ctx, ref)
}

// through connects the engine with a target that stands in between.
type through struct {
	*world
	not func() error
}

func (c through) Target(ctx context.Context, j provision.Job) (connection.Target, error) {
	target, err := c.world.Target(ctx, j)
	return shy{target, c.not}, err
}

// dying is a store whose user is gone after so many commits of looks: what comes later is refused.
type dying struct {
	drift.Looks
	left *int
}

var errGone = errors.New("the process is gone")

func (m dying) KeepDrift(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, p plan.DriftPiece) error {
	if *m.left == 0 {
		return errGone
	}
	*m.left--
	return m.Looks.KeepDrift(ctx, t, job, p)
}

// finderWith finds drift with other looks or other connections than the world's.
func (w *world) finderWith(l drift.Looks, c provision.Connect) *drift.Finder {
	e := w.engine
	engine := &provision.Engine{Store: e.Store, Directory: &hub.Connector{Store: w.db}, Connect: c, Mirrors: w.db.Mirrors(), Now: e.Now, Log: e.Log}
	return &drift.Finder{Engine: engine, Mirrors: w.db.Mirrors(), Looks: l}
}

// drifting is a world in which somebody has changed three people and a member of each of four groups.
func drifting(t *testing.T) (*world, *hostile.Target) {
	w := newWorld(t)
	target := w.hostileTo(hostile.Quirks{})
	w.staffed(8, 3, 3, 3, 3)
	for i := range 4 {
		group, stranger := w.linkTo("Group", fmt.Sprintf("Group %d", i)), w.linkTo("User", "p007@acme.example")
		target.Change(group.Target, func(doc map[string]any) {
			doc["members"] = append(doc["members"].([]any)[1:], map[string]any{"value": stranger.Target})
		})
	}
	for i := range 3 {
		target.Change(w.linkTo("User", fmt.Sprintf("p%03d@acme.example", i)).Target, func(doc map[string]any) { doc["displayName"] = "Somebody" })
	}
	w.ahead += time.Minute
	w.reread()
	return w, target
}

// TestDriftAfterFailure: a group that the application could not show for now is asked for again, and not counted as one that is as it was written.
func TestDriftAfterFailure(t *testing.T) {
	w, _ := drifting(t)
	want, before := w.drift()
	if strings.Count(want, "Group") != 4 || before.Changed != 7 {
		t.Fatalf("nothing to lose: %s", want)
	}
	for _, code := range []lockstep.Code{lockstep.CodeAuthToken, lockstep.CodeBlocked} {
		for nth := range 4 {
			asked, well := 0, false
			e := w.finderWith(w.db, through{w, func() error {
				if asked++; asked > nth && !well {
					return &lockstep.Error{Code: code}
				}
				return nil
			}})
			if _, err := e.Look(w.ctx, w.tenant, w.out, time.Minute); lockstep.CodeOf(err) != code {
				t.Fatalf("%s at group %d: %v", code, nth, err)
			}
			well = true
			for more := true; more; {
				var err error
				more, err = e.Look(w.ctx, w.tenant, w.out, time.Minute)
				w.must(err)
			}
			if got, look := w.drifted(); got != want || look.Compared != before.Compared {
				t.Errorf("%s at group %d: drift is\n%s\nwant\n%s", code, nth, got, want)
			}
		}
	}
}

// TestDriftAfterKill: a look whose process is gone after any of its commits finds, when another goes on, what a look without an interruption finds,
// and nothing that was put right meanwhile.
func TestDriftAfterKill(t *testing.T) {
	w, target := drifting(t)
	want, before := w.drift()
	ada := w.linkTo("User", "p001@acme.example")
	whole := false
	for kept := 0; !whole; kept++ {
		target.Change(ada.Target, func(doc map[string]any) { doc["displayName"] = "Somebody" })
		w.ahead += time.Minute
		w.reread()
		left := kept
		e := w.finderWith(dying{w.db, &left}, w)
		more, err := true, error(nil)
		for more && err == nil {
			more, err = e.Look(w.ctx, w.tenant, w.out, 1)
		}
		if whole = err == nil; !whole && !errors.Is(err, errGone) {
			t.Fatal(err)
		}
		w.ahead += 3 * time.Minute // the lease
		if whole {
			break
		}
		_, _, err = w.finder().Found(w.ctx, w.tenant, w.out, plan.DriftQuery{})
		w.must(err)
		w.look()
		if got, look := w.drifted(); got != want || look.Compared != before.Compared {
			t.Errorf("killed after %d commits: drift is\n%s\nwant\n%s", kept, got, want)
		}
	}
	// Killed before the first stage has ended, and one of them is put right before another look begins.
	for kept := range 2 {
		target.Change(ada.Target, func(doc map[string]any) { doc["displayName"] = "Somebody" })
		w.ahead += time.Minute
		w.reread()
		left := kept
		_, err := w.finderWith(dying{w.db, &left}, w).Look(w.ctx, w.tenant, w.out, 1)
		if !errors.Is(err, errGone) {
			t.Fatalf("after %d: %v", kept, err)
		}
		target.Change(ada.Target, func(doc map[string]any) { doc["displayName"] = "P 001" })
		w.ahead += 3 * time.Minute
		w.reread()
		if got, look := w.drift(); strings.Contains(got, "p001") || look.Changed != before.Changed-1 {
			t.Errorf("killed after %d commits: who is as they were counts as changed:\n%s", kept, got)
		}
	}
}

// TestDriftWithoutRoom: groups that have nobody any more, for whom there is no room among what is kept, are counted, and the look comes to its end.
func TestDriftWithoutRoom(t *testing.T) {
	w := newWorld(t)
	target := w.hostileTo(hostile.Quirks{})
	w.staffed(5, 2, 2, 2, 2)
	groups, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "Group", Limit: 100})
	w.must(err)
	for _, l := range groups[:3] { // the first that are asked for
		target.Change(l.Target, func(doc map[string]any) { delete(doc, "members") })
	}
	if _, err := w.finder().Look(w.ctx, w.tenant, w.out, 1); err != nil { // the first stage, and a group
		t.Fatal(err)
	}
	now := w.engine.Now()
	work, err := w.db.ClaimDrift(w.ctx, w.tenant, w.out, now.Add(time.Minute))
	w.must(err)
	work.Kept = 10_000
	w.must(w.db.KeepDrift(w.ctx, w.tenant, w.out, plan.DriftPiece{Work: work}))
	for turns := 0; ; turns++ {
		more, err := w.finder().Look(w.ctx, w.tenant, w.out, time.Second)
		w.must(err)
		if !more {
			break
		}
		if turns == 20 {
			t.Fatal("the look has no end")
		}
	}
	if _, look := w.found(); look.More != 3 || look.Under {
		t.Errorf("%+v", look)
	}
}
