package filter_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lockstep/scim/filter"
)

// The generators draw from few names and values, so that filters and objects meet.

var (
	attrs  = []string{"id", "userName", "emails", "name", "logins", "meta", "licenseID"}
	subs   = []string{"value", "type", "primary", "created"}
	texts  = []string{"", "a", "A", "ab", "B", "ß", "K", "\u212a", "true", "2020-01-01T10:00:00Z", "2020-01-01T12:00:00+02:00", `"\`}
	urns   = []string{"", "", "", "urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:ext:2.0:User"}
	ops    = []filter.Op{filter.Eq, filter.Ne, filter.Co, filter.Sw, filter.Ew, filter.Gt, filter.Ge, filter.Lt, filter.Le}
	floats = []float64{0.5, -1.5, 1e300}
)

func drawScalar(t *rapid.T) any {
	return rapid.OneOf(
		rapid.Map(rapid.SampledFrom(texts), func(s string) any { return s }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64Range(-2, 2), func(i int64) any { return i }),
		rapid.Map(rapid.SampledFrom(floats), func(f float64) any { return f }),
	).Draw(t, "scalar")
}

func drawCompare(t *rapid.T, p filter.Path) filter.Expr {
	op := rapid.SampledFrom(ops).Draw(t, "op")
	v := drawScalar(t)
	if op == filter.Eq || op == filter.Ne {
		if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
			v = nil
		}
	}
	if _, text := v.(string); op.Textual() && !text {
		v = rapid.SampledFrom(texts).Draw(t, "text")
	}
	if _, boolean := v.(bool); op.Ordered() && boolean {
		v = int64(1)
	}
	return filter.Compare{Path: p, Op: op, Value: v}
}

// drawExpr draws a filter. within is true inside the brackets of a value path.
func drawExpr(t *rapid.T, depth int, within bool) filter.Expr {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind = rapid.IntRange(4, 6).Draw(t, "leaf")
	}
	switch kind {
	case 0, 1, 2:
		var list []filter.Expr
		for range rapid.IntRange(2, 3).Draw(t, "n") {
			list = append(list, drawExpr(t, depth-1, within))
		}
		if kind == 0 {
			return filter.And(list)
		}
		return filter.Or(list)
	case 3:
		return filter.Not{Expr: drawExpr(t, depth-1, within)}
	case 4:
		return filter.Present{Path: drawPath(t, depth, within)}
	case 5:
		if !within {
			p := drawPath(t, 0, false)
			p.Sub, p.Filter = "", drawExpr(t, 1, true)
			return filter.ValuePath{Path: p}
		}
	}
	return drawCompare(t, drawPath(t, depth, within))
}

func drawPath(t *rapid.T, depth int, within bool) filter.Path {
	if within {
		return filter.Path{Attr: rapid.SampledFrom(subs).Draw(t, "inner")}
	}
	p := filter.Path{URN: rapid.SampledFrom(urns).Draw(t, "urn"), Attr: rapid.SampledFrom(attrs).Draw(t, "attr")}
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 1:
		p.Sub = rapid.SampledFrom(subs).Draw(t, "sub")
	case 2:
		if depth > 0 {
			p.Filter, p.Sub = drawExpr(t, depth-1, true), rapid.SampledFrom(subs).Draw(t, "sub")
		}
	}
	return p
}

func drawObject(t *rapid.T) object {
	o := object{}
	element := func() any {
		if rapid.Bool().Draw(t, "simple") {
			return drawScalar(t)
		}
		e := object{}
		for _, s := range subs {
			if rapid.Bool().Draw(t, "has") {
				e[s] = drawScalar(t)
			}
		}
		return e
	}
	for _, a := range attrs {
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 1:
			o[a] = element()
		case 2:
			l := list{}
			for range rapid.IntRange(0, 3).Draw(t, "n") {
				l = append(l, element())
			}
			o[a] = l
		}
	}
	return o
}

// Printing what was built and parsing it gives the same tree.
func TestPrintParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, 3, false)
		got, err := filter.Parse(e.String())
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("%s\n got %#v\nwant %#v", e, got, e)
		}
	})
}

// Compile agrees with an evaluator that is written for clarity.
func TestCompileAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObject(t)
		ext := drawObject(t)
		if len(ext) > 0 && rapid.Bool().Draw(t, "extension") {
			o["urn:example:ext:2.0:User"] = ext
		}
		e := drawExpr(t, 3, false)
		if got, want := filter.Compile(e, types)(o), evaluate(e, o, filter.Path{}); got != want {
			t.Fatalf("%s\non %v\nis %v, want %v", e, o, got, want)
		}
	})
}

// evaluate says what a filter means: gather the values at the path, then compare each.
func evaluate(e filter.Expr, v any, outer filter.Path) bool {
	switch e := e.(type) {
	case filter.And:
		for _, x := range e {
			if !evaluate(x, v, outer) {
				return false
			}
		}
		return true
	case filter.Or:
		for _, x := range e {
			if evaluate(x, v, outer) {
				return true
			}
		}
		return false
	case filter.Not:
		return !evaluate(e.Expr, v, outer)
	case filter.Present:
		for _, x := range gather(v, e.Path) {
			if x != "" {
				return true
			}
		}
		return false
	case filter.ValuePath:
		return evaluate(filter.Present(e), v, outer)
	case filter.Compare:
		p := filter.Path{Attr: e.Path.Attr, Sub: e.Path.Sub}
		if outer.Attr != "" {
			p = filter.Path{Attr: outer.Attr, Sub: e.Path.Attr}
		}
		found := gather(v, e.Path)
		if len(found) == 0 {
			found = []any{nil}
		}
		for _, x := range found {
			if compares(e, x, types.Exact(p), types.DateTime(p)) {
				return true
			}
		}
	}
	return false
}

func gather(v any, p filter.Path) []any {
	if p.URN != "" {
		if ext := member(v, p.URN); ext != nil {
			v = ext
		} else if !strings.HasPrefix(p.URN, "urn:ietf:params:scim:schemas:core:") {
			return nil
		}
	}
	if p.Attr == "" {
		return []any{v}
	}
	var out []any
	for _, e := range flat(member(v, p.Attr)) {
		switch {
		case p.Filter != nil && !evaluate(p.Filter, e, filter.Path{Attr: p.Attr}):
		case p.Sub == "":
			out = append(out, e)
		default:
			out = append(out, flat(member(e, p.Sub))...)
		}
	}
	return out
}

func member(v any, name string) any {
	if o, ok := v.(object); ok {
		return o.Get(name)
	}
	if name == "value" {
		return v
	}
	return nil
}

func flat(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case list:
		return v
	}
	return []any{v}
}

func compares(e filter.Compare, x any, exact, dateTime bool) bool {
	if o, ok := x.(object); ok {
		x = o.Get("value")
	}
	negative := e.Op == filter.Ne
	switch want := e.Value.(type) {
	case nil:
		return (x == nil) != negative
	case bool:
		b, ok := x.(bool)
		return (ok && b == want) != negative
	case string:
		if b, ok := x.(bool); ok {
			text := strings.ToLower(want)
			if (text == "true" || text == "false") && (e.Op == filter.Eq || negative) {
				return (b == (text == "true")) != negative
			}
			return negative
		}
		s, ok := x.(string)
		if !ok {
			return negative
		}
		return comparesText(e.Op, s, want, exact, dateTime)
	}
	a, ok := number(x)
	if !ok {
		return negative
	}
	b, _ := number(e.Value)
	return outcome(e.Op, a < b, a == b)
}

func comparesText(op filter.Op, s, want string, exact, dateTime bool) bool {
	a, okA := moment(s)
	b, okB := moment(want)
	if dateTime && okA && okB && !op.Textual() {
		return outcome(op, a.Before(b), a.Equal(b))
	}
	if !exact {
		s, want = filter.Fold(s), filter.Fold(want)
	}
	switch op {
	case filter.Co:
		return strings.Contains(s, want)
	case filter.Sw:
		return strings.HasPrefix(s, want)
	case filter.Ew:
		return strings.HasSuffix(s, want)
	}
	return outcome(op, s < want, s == want)
}

func moment(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func outcome(op filter.Op, less, equal bool) bool {
	switch op {
	case filter.Eq:
		return equal
	case filter.Ne:
		return !equal
	case filter.Lt:
		return less
	case filter.Le:
		return less || equal
	case filter.Gt:
		return !less && !equal
	}
	return !less
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
