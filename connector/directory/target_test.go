package directory_test

import (
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	connector "lockstep/connector/directory"
	"lockstep/directory"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
)

// TestOneBadNewcomer: of people who are created in one call, those whom the directory refuses keep nobody else out, and each event says
// for which action it came.
func TestOneBadNewcomer(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tenant := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "acme"}
	if err := db.CreateTenant(t.Context(), audit.Actor{}, tenant); err != nil {
		t.Fatal(err)
	}
	there := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{{Name: "userName", Value: "there"}}}
	receipt, err := db.Commit(t.Context(), tenant.ID, audit.Actor{}, "", directory.PutUser{User: there})
	if err != nil {
		t.Fatal(err)
	}
	target := (&connector.Connector{Store: db}).Target(tenant.ID, audit.Actor{Kind: audit.Job, ID: "j"})
	create := func(name string, more ...scim.Attr) connection.Operation {
		return connection.Operation{
			Action: lockstep.ActionID("action of " + name), Kind: rule.Create, Ref: connection.Ref{Type: connection.UserType}, Name: name,
			After: append(scim.Object{{Name: "userName", Value: name}}, more...),
		}
	}
	for _, one := range []struct {
		of      string
		ops     []connection.Operation
		refused map[int]lockstep.Code
	}{
		{"all are good", []connection.Operation{create("a1"), create("a2"), create("a3")}, nil},
		{"a name is taken", []connection.Operation{create("b1"), create("THERE"), create("b2")}, map[int]lockstep.Code{1: lockstep.CodeConflict}},
		{"a value is wrong", []connection.Operation{create("c1"), create("c2", scim.Attr{Name: "title", Value: int64(7)}), create("c3")}, map[int]lockstep.Code{1: lockstep.CodeInvalid}},
	} {
		results := target.Apply(t.Context(), one.ops)
		events, err := db.Feed(t.Context(), tenant.ID, receipt.Pos, 100)
		if err != nil {
			t.Fatal(err)
		}
		actions := map[string]lockstep.ActionID{}
		for _, e := range events {
			actions[e.ID] = e.Action
		}
		for i, r := range results {
			if want := one.refused[i]; lockstep.CodeOf(r.Err) != want {
				t.Errorf("%s: %s has the error %v, want the code %q", one.of, one.ops[i].Name, r.Err, want)
			}
			if r.Err == nil && actions[r.ID] != one.ops[i].Action {
				t.Errorf("%s: %s came for %q", one.of, one.ops[i].Name, actions[r.ID])
			}
		}
		if len(actions) != 3-len(one.refused) {
			t.Errorf("%s: %d events", one.of, len(actions))
		}
		receipt.Pos, err = db.Head(t.Context(), tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Users(t.Context(), tenant.ID, directory.UserQuery{})
	names := ""
	for _, u := range all {
		names += " " + u.Attributes.Text("userName")
	}
	if err != nil || len(all) != 8 || strings.Contains(names, "THERE") {
		t.Error(names, err)
	}
}
