package rule

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// row is a Mapping ready for use.
type row struct {
	Mapping
	name string // the target path as the target spells it
	path filter.Path

	// Where the value goes.
	kind    string      // the type of one value, "" when it is not known
	multi   bool        // takes several values
	wrap    string      // values are complex, and this sub-attribute of them is set
	complex bool        // values are complex
	element scim.Object // of a path with filter and sub-attribute: the element to add when none matches
	target  *reader     // reads the path in what was written
	longest int         // characters of a text, 0 is no limit
	closed  []string    // the only texts allowed, nil is all

	// Where it comes from: one of direct, constant, program, or none of them.
	direct   *reader
	constant scim.List
	program  *expr.Program
	inputs   []*reader
	fallback scim.List // Default
	timed    bool      // changes with time, and with nothing else that is not an input
	lasts    bool      // reads nothing that an object deleted for good has not
	frozen   bool      // changes at random: kept once it was written, until an input changes
}

// aim prepares writing to the row's path.
func (r *row) aim(t *scim.Type, a *scim.Attribute) error {
	var err error
	if t != nil {
		if err = r.shape(t, a); err != nil {
			return err
		}
	} else if r.path.Is("active") || strings.EqualFold(r.path.Sub, "primary") {
		r.kind = scim.Boolean
	}
	if r.target, _, err = newReader(r.path.String(), nil); err != nil {
		return err
	}
	if r.path.Filter != nil {
		var probe scim.Object
		if err := scim.Assign(&probe, r.path, "x"); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		list, _ := probe.Get(r.path.Attr).(scim.List)
		if len(list) == 1 && r.path.Sub != "" && r.path.URN == "" {
			r.element, _ = list[0].(scim.Object)
			r.element.Delete(r.path.Sub)
		}
	}
	return nil
}

// falls prepares the value that is written when there is no other.
func (r *row) falls() (err error) {
	if r.Default == "" {
		return nil
	}
	if r.fallback, err = r.convert(nil, scim.List{r.Default}); err != nil {
		return fmt.Errorf("the default of %s: %w", r.name, err)
	}
	return nil
}

// shape takes over what the target's type says.
func (r *row) shape(t *scim.Type, a *scim.Attribute) error {
	top, ok := t.Attribute(filter.Path{URN: r.path.URN, Attr: r.path.Attr})
	switch {
	case !ok:
		return fmt.Errorf("%s has no attribute around it", r.name)
	case a.Mutability == scim.ReadOnly, top.Mutability == scim.ReadOnly, r.path.URN == "" && r.path.Attr == "schemas":
		return fmt.Errorf("%s is set by the target itself", r.name)
	case r.path.Filter != nil && !top.MultiValued:
		return fmt.Errorf("%s has one value, which cannot be selected from", r.path.Attr)
	}
	r.kind, r.longest = a.Type, a.MaxLength
	if r.kind == "" {
		r.kind = scim.String
	}
	if a.Closed {
		r.closed = a.CanonicalValues
	}
	r.multi = top.MultiValued && r.path.Filter == nil || a != top && a.MultiValued
	switch {
	case r.multi && r.path.Sub != "" && a != top:
		r.wrap, r.complex, r.path.Sub = a.Name, true, ""
	case a.Type == scim.Complex:
		r.complex, r.wrap, r.kind = true, "value", scim.String
		r.closed = nil
	}
	if a.Type == scim.Complex && !top.MultiValued {
		r.wrap = ""
	}
	return nil
}

// simplify replaces a program that only reads an attribute, or is only a constant, and notes how it changes by itself.
func (r *row) simplify() error {
	p := r.program
	if p.Volatile() {
		random := p.Calls("Guid") || p.Calls("RandomString") || p.Calls("SelectUniqueValue")
		r.timed, r.frozen = !random, true
		return nil
	}
	text := p.String()
	switch {
	case len(r.inputs) == 1 && text == "["+r.inputs[0].name+"]":
		r.direct, r.program = r.inputs[0], nil
	case len(r.inputs) == 0 && strings.HasPrefix(text, `"`):
		v, err := p.Eval(nil)
		if err != nil {
			return err
		}
		r.program = nil
		r.constant, err = r.convert(nil, listOf(v))
		return err
	}
	return nil
}

func (r *row) volatile() bool { return r.frozen }

// secret reports whether the value must not be shown.
func (r *row) secret(a *scim.Attribute) bool {
	if a != nil && (a.Mutability == scim.WriteOnly || a.Returned == scim.ReturnedNever) {
		return true
	}
	return r.program != nil && (r.program.Calls("Redact") || r.program.Calls("RandomString"))
}

func listOf(v expr.Value) scim.List {
	list := make(scim.List, len(v))
	for i, s := range v {
		list[i] = s
	}
	return list
}

// convert appends to out the values turned into those that the target takes.
func (r *row) convert(out, list scim.List) (scim.List, error) {
	if len(list) > 1 && !r.multi && r.kind != "" {
		return nil, fmt.Errorf("takes one value, but there are %d: choose with Item, or put them together with Join", len(list))
	}
	for _, v := range list {
		if o, ok := v.(scim.Object); ok {
			if r.complex || r.kind == "" {
				out = append(out, o.Clone())
				continue
			}
			v = o.Get("value")
		}
		var err error
		before, same := len(out), v // same is v without making it a value anew
		switch v := v.(type) {
		case string:
			if r.parses() {
				out, err = r.appendText(out, v)
			} else if err = r.fits(v); err == nil {
				out = append(out, same)
			}
		case bool:
			out, err = r.appendBool(out, v)
		case int64:
			out, err = r.appendInteger(out, v)
		case float64:
			out, err = r.appendDecimal(out, v)
		}
		if err != nil {
			return nil, err
		}
		if r.complex && len(out) > before {
			if out, err = r.wrapLast(out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// parses reports whether texts become values of another type, or form.
func (r *row) parses() bool {
	return r.kind == scim.Boolean || r.kind == scim.Integer || r.kind == scim.Decimal || r.kind == scim.DateTime
}

// fits checks a text that is written as it is.
func (r *row) fits(s string) error {
	if r.longest > 0 && len(s) > r.longest && utf8.RuneCountInString(s) > r.longest {
		return fmt.Errorf("takes at most %d characters, but there are %d", r.longest, utf8.RuneCountInString(s))
	}
	if r.closed != nil && !slices.Contains(r.closed, s) {
		return r.wrong(s, "one of "+strings.Join(r.closed, ", "))
	}
	return nil
}

// wrapLast makes the last value, which is simple, complex. The text of a JSON object is that object.
func (r *row) wrapLast(out scim.List) (scim.List, error) {
	last := len(out) - 1
	if s, ok := out[last].(string); ok && strings.HasPrefix(strings.TrimSpace(s), "{") {
		o, err := scim.DecodeObject([]byte(s))
		if err != nil {
			return nil, fmt.Errorf("is not the JSON text of an object: %w", err)
		}
		out[last] = o
		return out, nil
	}
	if r.wrap == "" {
		return nil, fmt.Errorf("is complex: map its parts, such as %s.%s", r.name, "value")
	}
	out[last] = scim.Object{{Name: r.wrap, Value: out[last]}}
	return out, nil
}

func (r *row) appendText(out scim.List, s string) (scim.List, error) {
	trimmed := strings.TrimSpace(s)
	switch r.kind {
	case scim.Boolean:
		if strings.EqualFold(trimmed, "true") || strings.EqualFold(trimmed, "false") {
			return append(out, strings.EqualFold(trimmed, "true")), nil
		}
		return nil, r.wrong(s, "True or False")
	case scim.Integer, scim.Decimal:
		if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
			return r.appendInteger(out, n)
		}
		if f, ok := decimal(trimmed); ok {
			return r.appendDecimal(out, f)
		}
		return nil, r.wrong(s, "a number")
	case scim.DateTime:
		if t, ok := parseTime(trimmed); ok {
			return append(out, t.Format(time.RFC3339Nano)), nil
		}
		if t, err := time.Parse("1/2/2006 3:04:05 PM", trimmed); err == nil { // as CDate writes it
			return append(out, t.Format(time.RFC3339)), nil
		}
		return nil, r.wrong(s, "a time")
	}
	return append(out, s), r.fits(s)
}

func (r *row) appendBool(out scim.List, b bool) (scim.List, error) {
	switch r.kind {
	case scim.Boolean, "":
		return append(out, b), nil
	case scim.String:
		return append(out, boolText(b)), nil
	}
	return nil, r.wrong(boolText(b), "a "+r.kind)
}

func (r *row) appendInteger(out scim.List, n int64) (scim.List, error) {
	switch r.kind {
	case scim.Integer, "":
		return append(out, n), nil
	case scim.Decimal:
		return append(out, float64(n)), nil
	}
	return r.appendText(out, strconv.FormatInt(n, 10))
}

func (r *row) appendDecimal(out scim.List, f float64) (scim.List, error) {
	switch r.kind {
	case scim.Decimal, "":
		return append(out, f), nil
	case scim.Integer:
		if f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return nil, r.wrong(strconv.FormatFloat(f, 'f', -1, 64), "an integer")
		}
		return append(out, int64(f)), nil
	}
	return r.appendText(out, strconv.FormatFloat(f, 'f', -1, 64))
}

// wrong says what the target takes. A value that must not be shown is not quoted.
func (r *row) wrong(value, takes string) error {
	if r.program != nil && (r.program.Calls("Redact") || r.program.Calls("RandomString")) {
		return fmt.Errorf("takes %s", takes)
	}
	return fmt.Errorf("takes %s, not %q", takes, value)
}

// set writes the values, at least one, to the path.
func (r *row) set(want *scim.Object, list scim.List) error {
	value := list[0]
	if r.multi || r.kind == "" && len(list) > 1 {
		value = list
	}
	switch {
	case r.element != nil:
		return r.setElement(want, list)
	case r.path.URN == "" && r.path.Filter == nil && r.path.Sub == "":
		want.Set(r.path.Attr, value)
		return nil
	}
	if err := scim.Assign(want, r.path, value); err != nil {
		return &lockstep.Error{Code: lockstep.CodeMapInvalid, Detail: filter.Readable(r.name) + " cannot be written", Err: err}
	}
	return nil
}

// setElement sets a sub-attribute of the elements that match, or adds one: what scim.Assign does, with a filter compiled once.
func (r *row) setElement(want *scim.Object, values scim.List) error {
	old := want.Get(r.path.Attr)
	list, ok := old.(scim.List)
	if !ok && old != nil {
		list = scim.List{old}
	}
	found := false
	for i := range list {
		if o, ok := list[i].(filter.Object); !ok || !r.target.matches(o) {
			continue
		}
		found = true
		o, _ := list[i].(scim.Object)
		before := len(o)
		if o.Set(r.path.Sub, values[0]); len(o) != before { // else it was set in place
			list[i] = o
		}
	}
	switch {
	case found && ok:
		return nil
	case !found:
		o := make(scim.Object, len(r.element), len(r.element)+1)
		copy(o, r.element)
		o.Set(r.path.Sub, values[0])
		list = append(list, o)
	}
	want.Set(r.path.Attr, list)
	return nil
}
