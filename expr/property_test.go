package expr

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"lockstep"
)

// source draws an expression that is right by its signatures; constants may still be wrong.
func source(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		s := rapid.String().Draw(t, "text")
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	case 1:
		return rapid.SampledFrom([]string{"[mail]", "[missing]", "[proxyAddresses]", `[emails[type eq "a]"].value]`}).Draw(t, "attribute")
	case 2:
		return rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,3})?`).Draw(t, "number")
	case 3:
		return rapid.SampledFrom([]string{"&HF7", "&H0", wordText, wordBinary}).Draw(t, "word")
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(catalogue))).Draw(t, "function")
	fn := catalogue[name]
	count := fn.min
	if fn.max > fn.min {
		count = rapid.IntRange(fn.min, fn.max).Draw(t, "count")
	} else if fn.max < 0 {
		count += 2 * rapid.IntRange(0, 2).Draw(t, "pairs")
	}
	args := make([]string, count)
	for i := range args {
		if fn.optional(i) && rapid.Bool().Draw(t, "omit") {
			continue
		}
		args[i] = source(t, depth-1)
		if fn.condition(i) && rapid.Bool().Draw(t, "compare") {
			op := rapid.SampledFrom([]string{"=", "<>", ">", ">=", "<", "<="}).Draw(t, "operator")
			args[i] += op + source(t, depth-1)
		}
	}
	return name + "(" + strings.Join(args, ",") + ")"
}

// checkPrints: a program's text compiles to a program that prints and uses the same.
func checkPrints(t rapid.TB, p *Program) *Program {
	again, err := Compile(p.String())
	if lengthError(p.String(), err) {
		return p // the blanks that printing adds may exceed the limit
	}
	if err != nil {
		t.Fatalf("%s does not compile again: %v", p, err)
	}
	if again.String() != p.String() || !slices.Equal(again.Attributes(), p.Attributes()) || again.Volatile() != p.Volatile() {
		t.Fatalf("%s became %s", p, again)
	}
	return again
}

func lengthError(src string, err error) bool {
	return err != nil && utf8.RuneCountInString(src) > MaxLength
}

// checkError: an error is of the package, with its code and a column inside the source.
func checkError(t rapid.TB, src string, err error, code lockstep.Code) {
	e, ok := errors.AsType[*Error](err)
	if !ok || lockstep.CodeOf(err) != code {
		t.Fatalf("%q: error %v has code %s", src, err, lockstep.CodeOf(err))
	}
	if length := utf8.RuneCountInString(src); e.Column < 1 || e.Column > length+1 {
		t.Fatalf("%q: column %d of %d", src, e.Column, length)
	}
}

// checkEvaluates: the same program and environment give the same, an error is the expression's own, in bounded time.
func checkEvaluates(t rapid.TB, p, again *Program, env func() *Env) {
	start := time.Now()
	v, err := p.Eval(env())
	if took := time.Since(start); took > 10*time.Second {
		t.Fatalf("%s took %s", p, took)
	}
	if err != nil {
		checkError(t, p.String(), err, lockstep.CodeMapExpression)
		return
	}
	w, err := again.Eval(env())
	if tooSlow(err) {
		return // only the stopwatch may tell two evaluations apart
	}
	if err != nil || !slices.Equal(v, w) || (v == nil) != (w == nil) {
		t.Fatalf("%s: first %v, then %v, %v", p, v, w, err)
	}
}

func tooSlow(err error) bool { return err != nil && strings.Contains(err.Error(), " longer than ") }

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := source(t, 4)
		p, err := Compile(src)
		if err != nil {
			checkError(t, src, err, lockstep.CodeMapSyntax)
			return
		}
		checkEvaluates(t, p, checkPrints(t, p), sampleEnv)
	})
}

// TestTextProperties holds functions against each other.
func TestTextProperties(t *testing.T) {
	programs := map[string]*Program{}
	for _, src := range []string{
		`Append(Left([s], [n]), Right([s], [m]))`, `Len([s])`, `Replace([s], , "(?s)^(.*)$", , "$1", )`,
	} {
		programs[src] = compile(t, src)
	}
	eval := func(t *rapid.T, src string, attributes map[string]string) string {
		v, err := programs[src].Eval(&Env{Attribute: func(name string) Value { return Value{attributes[name]} }})
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		return strings.Join(v, "|")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("aé日|𝒳Z\u0301 \n")), 0, 20, -1).Draw(t, "s")
		length := utf8.RuneCountInString(s)
		n := rapid.IntRange(0, length).Draw(t, "n")
		a := map[string]string{"s": s, "n": integer(int64(n)).text, "m": integer(int64(length - n)).text}
		if got := eval(t, `Append(Left([s], [n]), Right([s], [m]))`, a); got != s {
			t.Errorf("Left and Right of %q at %d: %q", s, n, got)
		}
		if got := eval(t, `Len([s])`, a); got != integer(int64(length)).text {
			t.Errorf("Len of %q: %s", s, got)
		}
		if got := eval(t, `Replace([s], , "(?s)^(.*)$", , "$1", )`, a); got != s {
			t.Errorf("Replace of %q by itself: %q", s, got)
		}
	})
}

// TestDateProperties: a date written by a format reads back, and DateDiff undoes DateAdd.
func TestDateProperties(t *testing.T) {
	formats := compileAll("yyyy-MM-ddTHH:mm:ssK", "M/d/yyyy h:mm:ss tt", "dddd, dd MMMM yyyy HH:mm:ss", "yyyyMMddHHmmss.fZ", "ddd d MMM yyyy hh:mm:ss t zzz", "d.M.yyyy H:m:s.FFF")
	add := compile(t, `DateDiff([i], [d], DateAdd([i], [n], [d]))`)
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		to := time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		at := time.Unix(rapid.Int64Range(from, to).Draw(t, "instant"), 0).UTC()
		for _, f := range formats {
			s := f.format(moment{at, true})
			if m, ok := f.parse(s, false); !ok || !m.Equal(at) {
				t.Errorf("%q reads back as %v", s, m.Time)
			}
		}
		if got, ok := parseDate(date(at).text); !ok || !got.Equal(at) {
			t.Errorf("CDate of %s: %v", at, got)
		}
		n := integer(rapid.Int64Range(-9_000, 9_000).Draw(t, "n")).text
		for _, i := range []string{"m", "ww", "d", "h", "n", "s"} {
			v, err := add.Eval(&Env{Attribute: func(name string) Value {
				return Value{map[string]string{"i": i, "n": n, "d": date(at).text}[name]}
			}})
			if err == nil && v[0] != n {
				t.Errorf("%s %s after %s: %s", n, i, at, v)
			}
		}
	})
}

// FuzzCompile: any text either compiles to a program that prints back, or is refused with a column inside it.
func FuzzCompile(f *testing.F) {
	for _, fn := range Functions() {
		f.Add(fn.Example)
	}
	f.Add(`IIF([a]<>"\\\"", , )`)
	f.Add(`[x[y eq "]"].z]`)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src)
		if err != nil {
			if utf8.ValidString(src) {
				checkError(t, src, err, lockstep.CodeMapSyntax)
			}
			return
		}
		checkPrints(t, p)
	})
}

// FuzzEval: any expression over any attributes ends in time, with a value or with an error of the expression, and twice the
// same.
func FuzzEval(f *testing.F) {
	for _, fn := range Functions() {
		f.Add(fn.Example, "Ada", "2024-02-29")
	}
	f.Add(`Replace([a], , [b], , "$1", )`, "aaa", "(a)+")
	f.Add(`FormatDateTime([a], , [b], "o")`, "Feb 29, 24", "MMM d, yy")
	f.Fuzz(func(t *testing.T, src, a, b string) {
		p, err := Compile(src)
		if err != nil {
			return
		}
		checkEvaluates(t, p, p, func() *Env {
			env := sampleEnv()
			env.Attribute = func(name string) Value {
				switch name {
				case "missing":
					return nil
				case "a":
					return Value{a}
				case "b":
					return Value{b}
				}
				return Value{a, b}
			}
			return env
		})
	})
}
