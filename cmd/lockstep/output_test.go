package main

import (
	"errors"
	"testing"
	"time"

	"lockstep/api"
)

// TestUntold: a list of sign-outs ends with 0 only if every application has been told.
func TestUntold(t *testing.T) {
	told := time.Now()
	for _, c := range []struct {
		all  []api.SignOut
		code int
	}{
		{nil, 0},
		{[]api.SignOut{{Settled: &told}}, 0},
		{[]api.SignOut{{Settled: &told}, {}}, exitTimeout},
		{[]api.SignOut{{}, {Settled: &told, Untold: 1}}, exitSome},
	} {
		code := 0
		if o, ok := errors.AsType[*outcome](untold(c.all)); ok {
			code = o.code
		}
		if code != c.code {
			t.Errorf("%+v ends with %d, not %d", c.all, code, c.code)
		}
	}
}
