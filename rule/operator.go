package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim/filter"
)

// Operator documents an operator of scoping filters.
type Operator struct {
	Name     string // as in Clause.Operator; read without regard to case, and with blanks or underscores
	Words    string // how a reason reads: "equals"
	Unary    bool   // takes no values
	Several  bool   // takes more than one value
	Negative bool   // of several values of an attribute all must fulfil it, where others need only one
	Entra    bool   // Entra ID has it under this name
	Meaning  string // for the documentation: one sentence
}

// operator is a row of the table: prepare checks the operand and returns what a single value is tested with.
type operator struct {
	Operator
	prepare func(c Clause) (test, error)
	onEmpty bool // the answer when the attribute is empty
}

// test tells whether one value fulfils the clause.
type test func(text string, now time.Time) outcome

// outcome is what a test found. change is the instant after now from which the answer is another one, if time alone can bring
// that about.
type outcome struct {
	ok     bool
	change time.Time
	err    error
}

func yes(ok bool) outcome { return outcome{ok: ok} }

func operators() []operator {
	return []operator{
		{Operator{Name: "EQUALS", Words: "equals", Entra: true, Meaning: "The value is the operand."}, equals(false), false},
		{Operator{Name: "NOT EQUALS", Words: "does not equal", Negative: true, Entra: true, Meaning: "The value is not the operand."}, equals(true), false},
		{Operator{Name: "IS TRUE", Words: "is true", Unary: true, Entra: true, Meaning: "The value is true."}, truth("True"), false},
		{Operator{Name: "IS FALSE", Words: "is false", Unary: true, Entra: true, Meaning: "The value is false."}, truth("False"), false},
		{Operator{Name: "IS NULL", Words: "is empty", Unary: true, Entra: true, Meaning: "There is no value, or an empty one."}, never, true},
		{Operator{Name: "IS NOT NULL", Words: "is not empty", Unary: true, Entra: true, Meaning: "There is a value that is not empty."}, always, false},
		{Operator{Name: "REGEX MATCH", Words: "matches", Entra: true, Meaning: "The .NET regular expression finds something in the value; write ^ and $ to mean all of it."}, regex(false), false},
		{Operator{Name: "NOT REGEX MATCH", Words: "does not match", Negative: true, Entra: true, Meaning: "The .NET regular expression finds nothing in the value."}, regex(true), false},
		{Operator{Name: "Greater_Than", Words: "is greater than", Entra: true, Meaning: "Both are numbers, and the value is the greater one."}, number(func(d int) bool { return d > 0 }), false},
		{Operator{Name: "Greater_Than_OR_EQUALS", Words: "is at least", Entra: true, Meaning: "Both are numbers, and the value is greater or the same."}, number(func(d int) bool { return d >= 0 }), false},
		{Operator{Name: "Less_Than", Words: "is less than", Meaning: "Both are numbers, and the value is the smaller one."}, number(func(d int) bool { return d < 0 }), false},
		{Operator{Name: "Less_Than_OR_EQUALS", Words: "is at most", Meaning: "Both are numbers, and the value is smaller or the same."}, number(func(d int) bool { return d <= 0 }), false},
		{Operator{Name: "Includes", Words: "includes", Entra: true, Meaning: "The operand stands somewhere in the value."}, textual(strings.Contains), false},
		{Operator{Name: "STARTS_WITH", Words: "starts with", Meaning: "The value begins with the operand."}, textual(strings.HasPrefix), false},
		{Operator{Name: "ENDS_WITH", Words: "ends with", Entra: true, Meaning: "The value ends with the operand."}, textual(strings.HasSuffix), false},
		{Operator{Name: "IN", Words: "is one of", Several: true, Meaning: "The value is one of the operands."}, oneOf(false), false},
		{Operator{Name: "NOT IN", Words: "is none of", Several: true, Negative: true, Meaning: "The value is none of the operands."}, oneOf(true), false},
		{Operator{Name: "&", Words: "has the bits", Entra: true, Meaning: "Both are integers, and the value has all bits of the operand; &H2 and 0x2 are read, too."}, bits(false), false},
		{Operator{Name: "!&", Words: "lacks the bits", Negative: true, Entra: true, Meaning: "Both are integers, and the value lacks a bit of the operand."}, bits(true), false},
		{Operator{Name: "BEFORE", Words: "is before", Meaning: "The value is a time earlier than the operand."}, date(func(d int) bool { return d < 0 }, true), false},
		{Operator{Name: "NOT AFTER", Words: "is not after", Negative: true, Meaning: "The value is a time, and not later than the operand."}, date(func(d int) bool { return d <= 0 }, false), false},
		{Operator{Name: "AFTER", Words: "is after", Meaning: "The value is a time later than the operand."}, date(func(d int) bool { return d > 0 }, false), false},
		{Operator{Name: "NOT BEFORE", Words: "is not before", Negative: true, Meaning: "The value is a time, and not earlier than the operand."}, date(func(d int) bool { return d >= 0 }, true), false},
		{Operator{Name: "IsMemberOf", Words: "is in the group", Entra: true, Meaning: "One of the values of the attribute groups, by its name or id, is the operand. (Entra ID lists the operator, but does not support it.)"}, equals(false), false},
	}
}

// Operators returns the operators of scoping filters, in the order of docs/scoping-filters.md.
func Operators() []Operator {
	all := operators()
	list := make([]Operator, len(all))
	for i := range all {
		list[i] = all[i].Operator
	}
	return list
}

// findOperator finds an operator by name. The error names one that was probably meant.
func findOperator(name string) (operator, error) {
	all := operators()
	key := operatorKey(name)
	names := make([]string, len(all))
	for i, o := range all {
		if operatorKey(o.Name) == key {
			return o, nil
		}
		names[i] = o.Name
	}
	return operator{}, scopeError("no operator " + strconv.Quote(name) + didYouMean(name, names))
}

func operatorKey(name string) string {
	return strings.NewReplacer(" ", "", "_", "").Replace(strings.ToLower(name))
}

func scopeError(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeScopeSyntax, Detail: detail}
}

func never(Clause) (test, error) {
	return func(string, time.Time) outcome { return yes(false) }, nil
}

func always(Clause) (test, error) {
	return func(string, time.Time) outcome { return yes(true) }, nil
}

func truth(want string) func(Clause) (test, error) {
	return func(Clause) (test, error) {
		return func(s string, _ time.Time) outcome { return yes(strings.EqualFold(s, want)) }, nil
	}
}

// same compares exactly, or without regard to case and to how an accent was typed. True and False are the same in any case: sources write them in either.
func same(ignoreCase bool) func(a, b string) bool {
	if ignoreCase {
		return filter.EqualFold
	}
	return func(a, b string) bool { return a == b || isBool(a) && strings.EqualFold(a, b) }
}

func isBool(s string) bool { return s == "True" || s == "False" }

func equals(not bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		want, same := c.Operand.Values[0], same(c.IgnoreCase)
		return func(s string, _ time.Time) outcome { return yes(same(s, want) != not) }, nil
	}
}

func oneOf(not bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		want, same := slices.Clone(c.Operand.Values), same(c.IgnoreCase)
		return func(s string, _ time.Time) outcome {
			return yes(slices.ContainsFunc(want, func(w string) bool { return same(s, w) }) != not)
		}, nil
	}
}

func textual(holds func(s, part string) bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		part := c.Operand.Values[0]
		if part == "" {
			return nil, scopeError("an empty text to look for matches everybody")
		}
		if !c.IgnoreCase {
			return func(s string, _ time.Time) outcome { return yes(holds(s, part)) }, nil
		}
		part = filter.Fold(part)
		return func(s string, _ time.Time) outcome { return yes(holds(filter.Fold(s), part)) }, nil
	}
}

// regex matches through the function RegexMatch of expressions, so that patterns mean the same everywhere, and cost as little.
func regex(not bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		pattern := c.Operand.Values[0]
		if c.IgnoreCase {
			pattern = "(?i)" + pattern
		}
		p, err := expr.Compile("RegexMatch([value], " + quote(pattern) + ")")
		if err != nil {
			return nil, scopeError("the pattern " + strconv.Quote(c.Operand.Values[0]) + " cannot be used: " + err.Error())
		}
		return func(s string, _ time.Time) outcome {
			v, err := p.Eval(&expr.Env{Attribute: func(string) expr.Value { return expr.Value{s} }})
			return outcome{ok: err == nil && (len(v) == 1 && v[0] == "True") != not, err: err}
		}, nil
	}
}

func number(holds func(d int) bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		want := c.Operand.Values[0]
		if _, ok := compareNumbers(want, want); !ok {
			return nil, scopeError(strconv.Quote(want) + " is not a number")
		}
		return func(s string, _ time.Time) outcome {
			d, ok := compareNumbers(s, want)
			return yes(ok && holds(d))
		}, nil
	}
}

// compareNumbers compares integers exactly, other decimal numbers as float64. It is false for anything else.
func compareNumbers(a, b string) (d int, ok bool) {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	i, err1 := strconv.ParseInt(a, 10, 64)
	j, err2 := strconv.ParseInt(b, 10, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(i, j), true
	}
	x, ok1 := decimal(a)
	y, ok2 := decimal(b)
	return cmp.Compare(x, y), ok1 && ok2
}

// decimal reads digits with a sign, a point and an exponent; not the hexadecimal numbers, Inf and NaN that strconv knows, too.
func decimal(s string) (float64, bool) {
	if strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func bits(not bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		mask, ok := integer(c.Operand.Values[0])
		if !ok || mask == 0 {
			return nil, scopeError(strconv.Quote(c.Operand.Values[0]) + " is not an integer other than 0")
		}
		return func(s string, _ time.Time) outcome {
			n, ok := integer(s)
			return yes(ok && (n&mask == mask) != not)
		}, nil
	}
}

// integer reads a decimal integer, or a hexadecimal one that begins with &H or 0x.
func integer(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 2 && (strings.EqualFold(s[:2], "&H") || strings.EqualFold(s[:2], "0x")) {
		u, err := strconv.ParseUint(s[2:], 16, 64)
		return int64(u), err == nil //nolint:gosec // the bits count, not the sign
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// date compares times. The answer turns when the value has been reached: at once or, when the very instant still belongs to
// what was before, a millisecond later, which is how finely instants are stored.
func date(holds func(d int) bool, later bool) func(Clause) (test, error) {
	return func(c Clause) (test, error) {
		moment, err := parseMoment(c.Operand.Values[0])
		if err != nil {
			return nil, err
		}
		return func(s string, now time.Time) outcome {
			t, ok := parseTime(s)
			if !ok {
				return outcome{}
			}
			if !moment.relative {
				return yes(holds(t.Compare(moment.at)))
			}
			turn := t.Add(-moment.offset)
			if later {
				turn = turn.Add(time.Millisecond)
			}
			o := yes(holds(t.Compare(now.Add(moment.offset))))
			if turn.After(now) {
				o.change = turn
			}
			return o
		}, nil
	}
}

// moment is the operand of a date operator.
type moment struct {
	at       time.Time
	relative bool // to now, by offset
	offset   time.Duration
}

const momentForms = `; write 2026-11-30, 2026-11-30T08:00:00Z, now, now+7d or now-12h (h, d, w)`

// maxOffset keeps now plus offset, and a value minus offset, far from the ends of time.Duration: 100 years.
const maxOffset = 100 * 365

func parseMoment(s string) (moment, error) {
	rest, relative := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(s, " ", "")), "now")
	if !relative {
		t, ok := parseTime(s)
		if !ok {
			return moment{}, scopeError(strconv.Quote(s) + " is not a time" + momentForms)
		}
		return moment{at: t}, nil
	}
	if rest == "" {
		return moment{relative: true}, nil
	}
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit := units[rest[len(rest)-1]]
	n, err := strconv.Atoi(rest[:len(rest)-1])
	if unit == 0 || err != nil || rest[0] != '+' && rest[0] != '-' {
		return moment{}, scopeError(strconv.Quote(s) + " is not a time" + momentForms)
	}
	if max(n, -n) > maxOffset {
		return moment{}, scopeError(fmt.Sprintf("%q is too far away: at most %d", s, maxOffset))
	}
	return moment{relative: true, offset: time.Duration(n) * unit}, nil
}

// parseTime reads a time as sources write it: RFC 3339, the same without a zone (UTC), a date (its midnight, UTC), or LDAP's
// GeneralizedTime (RFC 4517 §3.3.13).
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "20060102150405Z0700", "20060102150405.0Z0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
