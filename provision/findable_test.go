package provision_test

import (
	"context"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/provision"
)

// silent is a target that cannot be asked for objects by their ids.
type silent struct {
	connection.Target
	code lockstep.Code
}

func (s silent) Get(context.Context, connection.Ref) (connection.Object, error) {
	return connection.Object{}, &lockstep.Error{Code: s.code, Detail: "no"}
}

// TestFindAtTarget: an account is found by its name and by its id, once, and it is said who has it. Whoever is not there is nobody, and no error.
func TestFindAtTarget(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	w.run(w.out)
	ada, other := w.targetID("ada@acme.example"), w.account("other")
	find := func(typ, value string) []provision.Found {
		t.Helper()
		found, err := w.engine.FindAtTarget(w.ctx, w.tenant, w.out, typ, value)
		w.must(err)
		return found
	}
	for value, want := range map[string]provision.Found{
		"ada@acme.example":   {Object: connection.Object{Ref: connection.Ref{ID: ada}}, By: "userName", Of: "ada@acme.example"},
		ada:                  {Object: connection.Object{Ref: connection.Ref{ID: ada}}, By: "id", Of: "ada@acme.example"},
		"other@acme.example": {Object: connection.Object{Ref: connection.Ref{ID: other}}, By: "userName"},
		other:                {Object: connection.Object{Ref: connection.Ref{ID: other}}, By: "id"},
	} {
		if got := find("User", value); len(got) != 1 || got[0].ID != want.ID || got[0].By != want.By || got[0].Of != want.Of {
			t.Errorf("%s: %+v", value, got)
		}
	}
	if got := find("User", "nobody@acme.example"); len(got) != 0 {
		t.Errorf("nobody is %+v", got)
	}
	if _, err := w.engine.FindAtTarget(w.ctx, w.tenant, w.out, "Printer", "x"); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		t.Errorf("a type without a rule: %v", err)
	}
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	for code, fails := range map[lockstep.Code]bool{
		lockstep.CodeNotFound: false, lockstep.CodeTargetGone: false, lockstep.CodeTargetRefused: false, lockstep.CodeTargetUnreachable: true, lockstep.CodeAuthToken: true,
	} {
		w.engine.Connect = connect{world: w, target: silent{target, code}}
		if got := find("User", "ada@acme.example"); len(got) != 1 {
			t.Errorf("%s to an id, and by name there is %+v", code, got)
		}
		if _, err := w.engine.FindAtTarget(w.ctx, w.tenant, w.out, "User", "nobody"); (err != nil) != fails {
			t.Errorf("%s to an id: %v", code, err)
		}
	}
}
