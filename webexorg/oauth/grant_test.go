package oauth

import (
	"errors"
	"testing"
	"time"

	"lockstep"
)

// TestCheck: what ends a token, and that a restart does not.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world, p Person)
		ends bool
	}{
		{"nothing", func(*world, Person) {}, false},
		{"a restart", func(w *world, _ Person) { w.restart() }, false},
		{"its time", func(w *world, _ Person) { w.later(time.Hour) }, true},
		{"almost its time", func(w *world, _ Person) { w.later(time.Hour - time.Millisecond) }, false},
		{"a change of roles", func(w *world, p Person) { w.people.rolesChange(p.ID) }, true},
		{"a change of somebody else's roles", func(w *world, _ Person) { w.people.rolesChange(w.person("alan").ID) }, false},
		{"deactivation", func(w *world, p Person) { w.people.deactivate(p.ID) }, true},
		{"the end of all tokens of the person", func(w *world, p Person) { try(w, w.server.EndPerson(p.ID)) }, true},
		{"the end of all tokens of the organisation", func(w *world, _ Person) { try(w, w.server.EndOrganisation(acme)) }, true},
		{"that, and a restart", func(w *world, _ Person) { try(w, w.server.EndOrganisation(acme)); w.restart() }, true},
		{"the end of another organisation's", func(w *world, _ Person) { try(w, w.server.EndOrganisation(europe)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.person("ada")
			text, err := w.server.Issue(Ticket{Org: acme, Person: p.ID, Scopes: []string{SCIM}, Lifetime: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			c.do(w, p)
			a, err := w.server.Check(text)
			if c.ends {
				if !errors.Is(err, &lockstep.Error{Code: lockstep.CodeUnauthorized}) {
					t.Fatalf("still works: %v, %v", a, err)
				}
				return
			}
			if err != nil || a.Person != p.ID || a.Org != acme || !a.Allows(SCIM) || a.Allows("identity:people_rw") {
				t.Fatalf("got %v, %v", a, err)
			}
		})
	}
}

// TestTokenMustBeWhole: a text that lost or gained a byte anywhere is no token.
func TestTokenMustBeWhole(t *testing.T) {
	w := newWorld(t)
	text, err := w.server.Issue(Ticket{Org: acme, Scopes: []string{SCIM}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(text) {
		if _, err := w.server.Check(text[:n]); err == nil {
			t.Errorf("the first %d bytes of %d work", n, len(text))
		}
		if _, err := w.server.Check(text[:n] + "x" + text[n+1:]); text[n] != 'x' && err == nil {
			t.Errorf("works with byte %d changed", n)
		}
	}
	if _, err := w.server.Check(text + "x"); err == nil {
		t.Error("works with a byte more")
	}
	if _, err := w.server.Check(text); err != nil {
		t.Error(err)
	}
}

// TestSweep: tokens that have expired are forgotten, grants with them, and the others stay.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		if _, err := w.server.Issue(Ticket{Org: acme, Scopes: []string{SCIM}, Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := w.server.Issue(Ticket{Org: acme, Scopes: []string{SCIM}, Lifetime: 100 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	w.later(48 * time.Hour)
	w.server.sweep(w.clock())
	if len(w.server.tokens) != 1 || len(w.server.grants) != 1 {
		t.Errorf("%d tokens and %d grants are left", len(w.server.tokens), len(w.server.grants))
	}
	if _, err := w.server.Check(text); err != nil {
		t.Error(err)
	}
}

func try(w *world, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
