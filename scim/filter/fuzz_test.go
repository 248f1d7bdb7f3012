package filter_test

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"lockstep/scim/filter"
)

// FuzzParse: whatever the text, Parse ends without a panic. An error has a column within the text. What was parsed prints as
// text that parses to the same tree, and its matcher runs and agrees with the evaluator of the tests.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`userName eq "bjensen"`, `title pr and not (a gt 1.5e3 or b eq null)`, `emails[type eq "work" and not (value co "x")].value sw "y"`,
		`urn:ietf:params:scim:schemas:core:2.0:User:name.familyName ew "\u0041"`, `members[$ref eq null]`, `((a pr`, `EQ`, `a eq "`,
		`urn:a:1.0:b.c eq -0`, `a[b eq 1] and urn:x:2.0:y pr`,
	} {
		f.Add(s, false)
	}
	o := decode(f, ada)
	f.Fuzz(func(t *testing.T, s string, unquoted bool) {
		e, err := filter.Parser{Unquoted: unquoted}.Parse(s)
		if err != nil {
			if e, ok := errors.AsType[*filter.Error](err); !ok || e.Column < 1 || e.Column > utf8.RuneCountInString(s)+1 {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := filter.Parser{Length: 1 << 20}.Parse(e.String())
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%q printed as %q, parsed as %#v, %v", s, e, again, err)
		}
		if got, want := filter.Compile(e, types)(o), evaluate(e, o, filter.Path{}); got != want {
			t.Fatalf("%s is %v, want %v", e, got, want)
		}
	})
}

// FuzzPath: whatever the text, ParsePath ends without a panic, and what was parsed prints as text that parses to the same path.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"userName", "name.familyName", `emails[type eq "work"].value`, "urn:x:2.0:User", "urn:x:2.0:Group.inheritances",
		"urn:x:2.0:Group.meta.id", "urn:x:2.0User:a.b", `urn:a:1.0:b[c eq "]"].d`, "a..b", "urn:::",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := filter.ParsePath(s)
		if err != nil {
			return
		}
		again, err := filter.Parser{Length: 1 << 20}.ParsePath(p.String())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%q printed as %q, parsed as %#v, %v", s, p, again, err)
		}
	})
}
