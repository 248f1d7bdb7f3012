package provision_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
)

// poisoned is a target that fails over some people, every time, as a system that is down would.
type poisoned struct {
	connection.Target
}

func (p poisoned) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if strings.HasPrefix(ops[0].Name, "bad") {
		return []connection.Result{{Err: &lockstep.Error{Code: lockstep.CodeTargetServerError, Detail: "It fails over them."}}}
	}
	return p.Target.Apply(ctx, ops)
}

// TestPoisonousPeopleDoNotStopTheOthers: a slice gives up after many failures in a row, yet the next must get further.
func TestPoisonousPeopleDoNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.person(fmt.Sprintf("bad%02d", i))
	}
	w.person("good")
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	w.engine.Connect = connect{world: w, target: poisoned{Target: target}}
	for range 60 {
		_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
	}
	w.wantTarget("user good@acme.example\n")
}

// TestNamesThatMoveOn is for an update that met a name which its owner was just giving up: it was refused and never tried again.
func TestNamesThatMoveOn(t *testing.T) {
	w := newWorld(t)
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	team, crew := w.group("Team"), w.group("Crew")
	w.run(w.out)
	once := &taken{Target: target}
	w.engine.Connect = connect{world: w, target: once}
	w.rename(crew, "Squad")
	w.rename(team, "Crew")
	w.untilDone(w.out)
	w.wantTarget("group Crew: \ngroup Squad: \n")
}

// taken is a target that finds the first new name taken.
type taken struct {
	connection.Target
	done bool
}

func (r *taken) Apply(ctx context.Context, ops []connection.Operation) []connection.Result {
	if ops[0].Kind == rule.Update && ops[0].Name == "Crew" && !r.done {
		r.done = true
		return []connection.Result{{Err: &lockstep.Error{Code: lockstep.CodeTargetConflict, Detail: "The name is taken."}}}
	}
	return r.Target.Apply(ctx, ops)
}

func (w *world) rename(g lockstep.GroupID, name string) {
	w.Helper()
	groups, err := w.db.Groups(w.ctx, w.tenant, directory.GroupQuery{IDs: []lockstep.GroupID{g}})
	w.must(err)
	groups[0].Attributes = groups[0].Attributes.Clone()
	groups[0].Attributes.Set("displayName", name)
	w.change(directory.PutGroup{Group: groups[0]})
}
