package filter

import (
	"strings"
	"time"
)

// Object is what a filter is matched with. Get returns the value of an attribute, whose name is compared without regard to
// case, or nil: a string, bool, int64 or float64, an Object, or a List of these.
type Object interface{ Get(name string) any }

// List is the value of a multi-valued attribute.
type List interface {
	Len() int
	At(i int) any
}

// Types says what Compile has to know about attributes. It gets paths without a filter: a name in the brackets of
// emails[type eq "work"] is asked for as emails.type. With the zero value no attribute is caseExact and none is a dateTime.
type Types struct {
	Core     string          // URN of the core schema, whose attributes are top-level ones; "" is any urn:ietf:params:scim:schemas:core: URN
	Exact    func(Path) bool // whether case matters
	DateTime func(Path) bool // whether the values are times, compared as such
}

func (t Types) exact(p Path) bool    { return t.Exact != nil && t.Exact(p) }
func (t Types) dateTime(p Path) bool { return t.DateTime != nil && t.DateTime(p) }

const coreURN = "urn:ietf:params:scim:schemas:core:"

// isCore reports whether attributes qualified with the URN are top-level ones.
func (t Types) isCore(urn string) bool {
	if t.Core != "" {
		return strings.EqualFold(urn, t.Core)
	}
	return len(urn) >= len(coreURN) && strings.EqualFold(urn[:len(coreURN)], coreURN)
}

// Compile turns a filter into a function that says whether an object matches. The function may be used by many goroutines.
//
// A complex value is compared by its sub-attribute value, so that emails eq "x" means emails.value. Values of different types
// are never equal, but the texts "true" and "false" in any case equal booleans (roles[primary eq "True"], from Entra ID).
func Compile(e Expr, t Types) func(Object) bool {
	m := compiler{types: t}.expr(e)
	return func(o Object) bool { return m(o) }
}

// CompileValue is Compile for the values of a multi-valued attribute: e is the filter in the brackets, attr the path before
// them. A value may also be a simple one, which then has one sub-attribute, value.
func CompileValue(e Expr, attr Path, t Types) func(any) bool {
	return compiler{types: t, outer: attr}.expr(e)
}

type compiler struct {
	types Types
	outer Path // of the value path whose brackets we are in
}

func (c compiler) expr(e Expr) func(any) bool {
	switch e := e.(type) {
	case And:
		list := c.list(e)
		return func(v any) bool {
			for _, m := range list {
				if !m(v) {
					return false
				}
			}
			return true
		}
	case Or:
		list := c.list(e)
		return func(v any) bool {
			for _, m := range list {
				if m(v) {
					return true
				}
			}
			return false
		}
	case Not:
		m := c.expr(e.Expr)
		return func(v any) bool { return !m(v) }
	case Compare:
		return c.compare(e)
	case Present:
		at := c.locate(e.Path)
		return func(v any) bool { _, ok := at.match(v, filled); return ok }
	case ValuePath:
		at := c.locate(e.Path)
		return func(v any) bool { _, ok := at.match(v, filled); return ok }
	}
	return func(any) bool { return false }
}

func (c compiler) list(list []Expr) []func(any) bool {
	out := make([]func(any) bool, len(list))
	for i := range list {
		out[i] = c.expr(list[i])
	}
	return out
}

func (c compiler) compare(e Compare) func(any) bool {
	at, test := c.locate(e.Path), c.test(e)
	empty := test(nil)
	return func(v any) bool {
		found, ok := at.match(v, test)
		return ok || !found && empty
	}
}

// filled is the test of pr: "has a non-empty value" (RFC 7644 §3.4.2.2).
func filled(v any) bool { return v != nil && v != "" }

// place is a compiled path.
type place struct {
	urn, attr, sub string
	core           bool           // urn is that of the core schema
	filter         func(any) bool // nil: every value
}

func (c compiler) locate(p Path) *place {
	at := &place{urn: p.URN, attr: p.Attr, sub: p.Sub, core: c.types.isCore(p.URN)}
	if p.Filter != nil {
		at.filter = compiler{types: c.types, outer: Path{URN: p.URN, Attr: p.Attr}}.expr(p.Filter)
	}
	return at
}

// match runs the test on the values at the place until one passes. found says whether there was any.
func (at *place) match(v any, test func(any) bool) (found, ok bool) {
	v = at.start(v)
	list, many := v.(List)
	if !many {
		return at.element(v, test)
	}
	for i := range list.Len() {
		one, ok := at.element(list.At(i), test)
		if ok {
			return true, true
		}
		found = found || one
	}
	return found, false
}

func (at *place) start(v any) any {
	if at.urn == "" {
		return get(v, at.attr)
	}
	ext := get(v, at.urn)
	if ext == nil && at.core {
		ext = v
	}
	if at.attr == "" || ext == nil {
		return ext
	}
	return get(ext, at.attr)
}

func (at *place) element(v any, test func(any) bool) (found, ok bool) {
	if v == nil || at.filter != nil && !at.filter(v) {
		return false, false
	}
	if at.sub == "" {
		return true, test(v)
	}
	v = get(v, at.sub)
	list, many := v.(List)
	if !many {
		return v != nil, v != nil && test(v)
	}
	for i := range list.Len() {
		if test(list.At(i)) {
			return true, true
		}
	}
	return list.Len() > 0, false
}

// get returns an attribute of a value. A simple value has but one, value.
func get(v any, name string) any {
	switch v := v.(type) {
	case nil:
		return nil
	case Object:
		return v.Get(name)
	}
	if strings.EqualFold(name, "value") {
		return v
	}
	return nil
}

// test compiles the comparison of one value. Given nil it says how an attribute without a value compares.
func (c compiler) test(e Compare) func(any) bool {
	p := Path{URN: e.Path.URN, Attr: e.Path.Attr, Sub: e.Path.Sub}
	if c.outer.Attr != "" {
		p = Path{URN: c.outer.URN, Attr: c.outer.Attr, Sub: e.Path.Attr}
	}
	var same func(v any) (ok, comparable bool)
	switch want := e.Value.(type) {
	case string:
		same = c.textTest(p, e.Op, want)
	case bool:
		same = func(v any) (bool, bool) { b, is := v.(bool); return b == want != (e.Op == Ne), is }
	case int64, float64:
		same = func(v any) (bool, bool) { d, is := compareNumbers(v, want); return ordered(e.Op, d), is }
	default:
		same = func(v any) (bool, bool) { return v == nil != (e.Op == Ne), true }
	}
	otherwise := e.Op == Ne // values that cannot be compared are not equal
	return func(v any) bool {
		if o, is := v.(Object); is {
			v = o.Get("value")
		}
		ok, comparable := same(v)
		if !comparable {
			return otherwise
		}
		return ok
	}
}

func (c compiler) textTest(p Path, op Op, want string) func(v any) (ok, comparable bool) {
	test := stringTest(op, want, c.types.exact(p))
	if at, err := parseTime(want); err == nil && c.types.dateTime(p) {
		text := test
		test = func(s string) bool {
			t, err := parseTime(s)
			if err != nil || op.Textual() {
				return text(s)
			}
			return ordered(op, t.Compare(at))
		}
	}
	truth, boolean := false, op == Eq || op == Ne
	switch {
	case strings.EqualFold(want, "true"):
		truth = true
	case !strings.EqualFold(want, "false"):
		boolean = false
	}
	return func(v any) (bool, bool) {
		switch v := v.(type) {
		case string:
			return test(v), true
		case bool:
			return v == truth != (op == Ne), boolean
		}
		return false, false
	}
}

func stringTest(op Op, want string, exact bool) func(string) bool {
	if exact {
		switch op {
		case Eq:
			return func(s string) bool { return s == want }
		case Ne:
			return func(s string) bool { return s != want }
		case Co:
			return func(s string) bool { return strings.Contains(s, want) }
		case Sw:
			return func(s string) bool { return strings.HasPrefix(s, want) }
		case Ew:
			return func(s string) bool { return strings.HasSuffix(s, want) }
		}
		return func(s string) bool { return ordered(op, strings.Compare(s, want)) }
	}
	want = Fold(want)
	switch op {
	case Co:
		return func(s string) bool { return containsFold(composed(s), want) }
	case Sw:
		return func(s string) bool { return hasPrefixFold(composed(s), want) }
	case Ew:
		return func(s string) bool { return hasSuffixFold(composed(s), want) }
	}
	return func(s string) bool { return ordered(op, compareFold(composed(s), want)) }
}

// ordered says whether the outcome of a three-way comparison is what the operator asks for.
func ordered(op Op, d int) bool {
	switch op {
	case Eq:
		return d == 0
	case Ne:
		return d != 0
	case Gt:
		return d > 0
	case Ge:
		return d >= 0
	case Lt:
		return d < 0
	case Le:
		return d <= 0
	}
	return false
}

// compareNumbers compares two numbers; whole ones exactly.
func compareNumbers(a, b any) (d int, ok bool) {
	if a, is := a.(int64); is {
		if b, is := b.(int64); is {
			return cmp3(a, b), true
		}
	}
	x, ok := float(a)
	y, _ := float(b)
	return cmp3(x, y), ok
}

func cmp3[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// parseTime reads an xsd:dateTime (RFC 7643 §2.3.5). One without a zone is taken as UTC.
func parseTime(s string) (time.Time, error) {
	if len(s) < len("2006-01-02T15:04:05") || s[10] != 'T' {
		return time.Time{}, errNoTime
	}
	switch s[len(s)-1] {
	case 'Z':
		return time.Parse(time.RFC3339, s)
	}
	if i := strings.LastIndexAny(s, "+-"); i > 10 {
		return time.Parse(time.RFC3339, s)
	}
	return time.Parse("2006-01-02T15:04:05", s)
}

type timeError string

func (e timeError) Error() string { return string(e) }

const errNoTime = timeError("no xsd:dateTime")
