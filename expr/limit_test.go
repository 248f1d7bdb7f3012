package expr

import (
	"strings"
	"testing"
	"time"

	"lockstep"
)

// hostile evaluates with one attribute and checks that the failure is the expression's and comes in time.
func hostile(t *testing.T, src string, attribute Value, want string) {
	t.Helper()
	start := time.Now()
	_, err := compile(t, src).Eval(&Env{Attribute: func(string) Value { return attribute }})
	if lockstep.CodeOf(err) != lockstep.CodeMapExpression || !strings.Contains(err.Error(), want) {
		t.Errorf("%.60s: %v, want %s", src, err, want)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%.60s took %s", src, took)
	}
}

func repeatValue(s string, n int) Value {
	v := make(Value, n)
	for i := range v {
		v[i] = s
	}
	return v
}

func TestLimits(t *testing.T) {
	long := Value{strings.Repeat("a", 30_000)}
	big := Value{strings.Repeat("a", 600_000)}
	many := repeatValue("aaaaaaaa", 300_000)
	for _, c := range []struct {
		name, src string
		attribute Value
		want      string
	}{
		{"replace grows", `Replace([a], "a", , , [a], , )`, long, "grows beyond"},
		{"replace many grows", `Replace([a], "a", , , "0123456789012345678901234567890", , )`, many, "grows beyond"},
		{"template grows", `Replace([a], "a", , , , , [a])`, long, "grows beyond"},
		{"regex grows", `Replace([a], , "a", , "$_$_$_", , )`, long, "grows beyond"},
		{"append", `Append([a], [a])`, big, "grows beyond"},
		{"prepend", `Prepend([a], [a])`, big, "grows beyond"},
		{"join", `Join([a], [a], [a])`, big, "grows beyond"},
		{"split", `Split([a], "a")`, big, "grows beyond"},
		{"element", `ToLower([a])`, Value{strings.Repeat("a", MaxValue+1)}, "grows beyond"},
		{"elements", `ToLower([a])`, many, "grows beyond"},
		{"work", `Join("", Left([a], 1), Left([a], 1))`, Value{strings.Repeat("a", MaxWork/2+1)}, "grows beyond"},
		{"reads", `Count(Coalesce([a], [a]))`, Value{strings.Repeat("a", MaxWork+1)}, "too much work"},
		{"compare", `IIF([a] = [b], "x", "y")`, append(repeatValue("b", 0), repeatValue("a", 5_000)...), ""},
		{"backtracking", `RegexMatch([a], "^(a+)+$")`, Value{strings.Repeat("a", 40) + "b"}, "takes longer"},
		{"slow matches", `Replace([a], , "(?=(a+)+c)b|a", , "", , )`, Value{strings.Repeat("a", 24)}, ""},
		{"regex source", `RegexMatch([a], "b")`, big, "at most"},
		{"pattern", `RegexMatch("x", [a])`, big, "at most"},
		{"delimiters", `Word("x", 1, [a])`, big, "separators"},
		{"separators", `PCase("x", [a])`, big, "separators"},
		{"format", `FormatDateTime("x", , [a], "yyyy")`, big, "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" { // allowed, or not, but in time
				start := time.Now()
				_, _ = compile(t, c.src).Eval(&Env{Attribute: func(string) Value { return c.attribute }})
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %s", took)
				}
				return
			}
			hostile(t, c.src, c.attribute, c.want)
		})
	}
}

// TestRegexBudget: many regular expressions, each just inside its own limit, share one budget.
func TestRegexBudget(t *testing.T) {
	const slow = `RegexMatch([a], "^(a+)+$")`
	start := time.Now()
	p := compile(t, "Or("+strings.Repeat(slow+", ", 200)+slow+")")
	_, err := p.Eval(&Env{Attribute: func(string) Value { return Value{strings.Repeat("a", 22) + "b"} }})
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s, %v", took, err)
	}
}

func TestCompileLimits(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"length", strings.Repeat(" ", MaxLength) + "[a]", "10003 characters"},
		{"depth", strings.Repeat("Len(", MaxDepth+1) + "[a]" + strings.Repeat(")", MaxDepth+1), "nested deeper"},
		{"brackets", strings.Repeat("[", MaxLength), "no closing bracket"},
		{"utf-8", "\"\xff\"", "UTF-8"},
		{"groups", `RegexMatch("a", "` + strings.Repeat("(", 3_900) + `")`, "cannot be read"},
		{"pattern", `RegexMatch("a", "` + strings.Repeat("a", MaxPattern+1) + `")`, "at most"},
	} {
		_, err := Compile(c.src)
		if lockstep.CodeOf(err) != lockstep.CodeMapSyntax || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Compile(strings.Repeat("Len(", MaxDepth) + "[a]" + strings.Repeat(")", MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := Compile(`"` + strings.Repeat("ä", MaxLength-2) + `"`); err != nil {
		t.Error(err)
	}
}

// TestNestedRepeats: counted repeats of counted repeats must not be unrolled.
func TestNestedRepeats(t *testing.T) {
	hostile(t, `RegexMatch([a], "^((((a{1,900}){1,900}){1,900}){1,900}){1,900}b$")`, Value{strings.Repeat("a", 60)}, "takes longer")
}
