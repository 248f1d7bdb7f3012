package lockstep_test

import (
	"errors"
	"fmt"
	"testing"

	"lockstep"
)

// TestSaid: an administrator reads what this program says of an error, and nothing that lies beneath.
func TestSaid(t *testing.T) {
	foreign := errors.New("dial tcp: lookup intranet on 10.0.0.2:53: no such host")
	inner := &lockstep.Error{Code: lockstep.CodeSourceUnreachable, Detail: "LDAP server x: it cannot be reached", Err: foreign}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{foreign, "Something in Lockstep went wrong that should not."},
		{fmt.Errorf("read x: %w", foreign), "Something in Lockstep went wrong that should not."},
		{inner, "LDAP server x: it cannot be reached"},
		{fmt.Errorf("read %s again: %w", "HR", inner), "read HR again: LDAP server x: it cannot be reached"},
		{&lockstep.Error{Code: lockstep.CodeSourceAuth, Detail: "sign in", Err: fmt.Errorf("%s: %w", foreign, inner)}, "sign in: LDAP server x: it cannot be reached"},
		{&lockstep.Error{Code: lockstep.CodeSourceUnreachable, Err: foreign}, lockstep.Describe(lockstep.CodeSourceUnreachable).Title},
	} {
		if got := lockstep.Said(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
