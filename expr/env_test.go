package expr

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
)

func compile(t testing.TB, src string) *Program {
	t.Helper()
	p, err := Compile(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return p
}

func TestProgramUses(t *testing.T) {
	for _, c := range []struct {
		src        string
		attributes []string
		volatile   bool
	}{
		{`"x"`, nil, false},
		{`Join(" ", [b], [a], [b])`, []string{"b", "a"}, false},
		{`[emails[type eq "work"].value]`, []string{`emails[type eq "work"].value`}, false},
		{
			`[urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department]`,
			[]string{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"},
			false,
		},
		{`IIF(DateDiff("d", Now(), [hired]) > 5, [x], [y])`, []string{"hired", "x", "y"}, true},
		{`Guid()`, nil, true},
		{`Redact(RandomString(8, 1, 1, 1, 1))`, nil, true},
		{`SelectUniqueValue([a], [b])`, []string{"a", "b"}, true},
	} {
		p := compile(t, c.src)
		if !slices.Equal(p.Attributes(), c.attributes) || p.Volatile() != c.volatile {
			t.Errorf("%s: attributes %q, volatile %v", c.src, p.Attributes(), p.Volatile())
		}
	}
	if p := compile(t, `IIF(IsNull([a]), "b", "c")`); !p.Calls("IsNull") || p.Calls("IsPresent") {
		t.Error("Calls is wrong")
	}
}

// TestNextChange says when a result must be looked at again.
func TestNextChange(t *testing.T) {
	const now = "2021-07-02T15:33:38Z" // a Friday
	for _, c := range []struct{ src, want string }{
		{`"x"`, ""},
		{`Now()`, "2021-07-02T15:33:39Z"},
		{`DateAdd("d", 1, Now())`, "2021-07-02T15:33:39Z"},
		{`DateDiff("s", Now(), "2022-01-01")`, "2021-07-02T15:33:39Z"},
		{`DateDiff("n", Now(), "2022-01-01")`, "2021-07-02T15:34:00Z"},
		{`DateDiff("h", Now(), "2022-01-01")`, "2021-07-02T16:00:00Z"},
		{`DateDiff("d", Now(), "2022-01-01")`, "2021-07-03T00:00:00Z"},
		{`DateDiff("ww", "2022-01-01", Now())`, "2021-07-04T00:00:00Z"},
		{`DateDiff("m", Now(), "2022-01-01")`, "2021-08-01T00:00:00Z"},
		{`DateDiff("yyyy", Now(), "2022-01-01")`, "2022-01-01T00:00:00Z"},
		{`Join("", DateDiff("m", Now(), "2022-01-01"), DateDiff("d", Now(), "2022-01-01"))`, "2021-07-03T00:00:00Z"},
		{`IIF(Now() >= CDate("2021-09-01"), "in", "out")`, "2021-09-01T00:00:00Z"},
		{`IIF(CDate("2021-07-02T15:33:38Z") < Now(), "out", "in")`, "2021-07-02T15:33:39Z"},
		{`IIF(Now() > CDate("2021-01-01"), "in", "out")`, ""},
		{`IIF(Now() > [missing], "in", "out")`, ""},
		{`IIF(Now() > "text", "in", "out")`, "2021-07-02T15:33:39Z"},
		{`IIF("False", Now(), "x")`, ""},
	} {
		var next time.Time
		env := sampleEnv()
		env.Now, _ = time.Parse(time.RFC3339, now)
		env.NextChange = &next
		if _, err := compile(t, c.src).Eval(env); err != nil {
			t.Errorf("%s: %v", c.src, err)
		}
		got := ""
		if !next.IsZero() {
			got = next.Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: next change %q, want %q", c.src, got, c.want)
		}
	}
}

func TestFlowNotes(t *testing.T) {
	for _, c := range []struct {
		src               string
		redacted, ignored bool
	}{
		{`Redact([mail])`, true, false},
		{`IIF([country] = "DE", Redact([mail]), [mail])`, false, false},
		{`IgnoreFlowIfNullOrEmpty([missing])`, false, true},
		{`IgnoreFlowIfNullOrEmpty("")`, false, true},
		{`IgnoreFlowIfNullOrEmpty([mail])`, false, false},
	} {
		var redacted, ignored bool
		env := sampleEnv()
		env.Redacted, env.Ignored = &redacted, &ignored
		v, err := compile(t, c.src).Eval(env)
		if err != nil || redacted != c.redacted || ignored != c.ignored || ignored && v != nil {
			t.Errorf("%s: %v, %v, redacted %v, ignored %v", c.src, v, err, redacted, ignored)
		}
	}
}

// TestZeroEnv: what an evaluation needs and does not get is an error, never a default.
func TestZeroEnv(t *testing.T) {
	for _, src := range []string{`Now()`, `Guid()`, `RandomString(8, 1, 1, 1, 1)`, `SelectUniqueValue("a", "b")`} {
		if v, err := compile(t, src).Eval(nil); lockstep.CodeOf(err) != lockstep.CodeMapExpression {
			t.Errorf("%s: %v, %v", src, v, err)
		}
	}
	if v, err := compile(t, `Coalesce([a], DefaultDomain(), "x")`).Eval(nil); err != nil || v.String() != `"x"` {
		t.Errorf("%v, %v", v, err)
	}
}

// TestOutsideErrors: errors from outside keep their own code.
func TestOutsideErrors(t *testing.T) {
	down := &lockstep.Error{Code: lockstep.CodeTargetUnreachable}
	env := &Env{Unique: func(string) (bool, error) { return false, down }, Random: bytes.NewReader([]byte{1, 2})}
	_, err := compile(t, `SelectUniqueValue("a", "b")`).Eval(env)
	if !errors.Is(err, down) || lockstep.CodeOf(err) != lockstep.CodeTargetUnreachable {
		t.Errorf("%v", err)
	}
	if _, err = compile(t, `Guid()`).Eval(env); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// TestRandomString counts the kinds of characters over many draws.
func TestRandomString(t *testing.T) {
	p := compile(t, `RandomString(12, 2, 3, 1, 2, "aZ0?")`)
	seed := make([]byte, 1<<16)
	for i := range seed {
		seed[i] = byte(i*i*31 + i>>3)
	}
	env := &Env{Random: bytes.NewReader(seed)}
	for range 200 {
		v, err := p.Eval(env)
		if err != nil {
			t.Fatal(err)
		}
		s := v[0]
		kinds := func(set string) (n int) {
			for _, r := range s {
				if strings.ContainsRune(set, r) {
					n++
				}
			}
			return n
		}
		if len(s) != 12 || kinds(charsDigit) < 2 || kinds(charsSpecial) < 3 || kinds(charsUpper) < 1 || kinds(charsLower) < 2 || kinds("aZ0?") > 0 {
			t.Fatalf("%q", s)
		}
	}
}

// TestConcurrent runs one program from many goroutines, for the race detector.
func TestConcurrent(t *testing.T) {
	p := compile(t, `Join("-", Replace([telephoneNumber], , "[()\\s-]+", , "", , ), ToLower([proxyAddresses]))`)
	want, err := p.Eval(sampleEnv())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if v, err := p.Eval(sampleEnv()); err != nil || !slices.Equal(v, want) {
					t.Errorf("%v, %v", v, err)
				}
			}
		})
	}
	group.Wait()
}

// TestValueBelongsToCaller: changing a result changes neither program nor source.
func TestValueBelongsToCaller(t *testing.T) {
	p := compile(t, `RemoveDuplicates([proxyAddresses])`)
	env := &Env{Attribute: func(string) Value { return person["telephoneNumber"] }}
	for _, p := range []*Program{p, compile(t, `[proxyAddresses]`), compile(t, `"+44 20 7946 0000"`)} {
		first, err := p.Eval(env)
		if err != nil {
			t.Fatal(err)
		}
		first[0] = "changed"
		if again, _ := p.Eval(env); again[0] != "+44 20 7946 0000" {
			t.Errorf("%s: %v", p, again)
		}
	}
}
