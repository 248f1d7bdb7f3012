package expr

import (
	"cmp"
	"strings"
)

// buildComparison compiles left op right. Null counts as "", so that conditions are safe on absent attributes; an order with
// an empty side is False. = and <> compare text exactly, or numbers when one side is written as a number. The order compares
// numbers when both sides are numbers, else dates when both are dates as CDate writes them, else text by code point.
// A multi-valued side matches = when any of its values does, and <> when none does; its first value is ordered.
func buildComparison(n *node) (thunk, error) {
	sides, err := buildAll(n.args)
	if err != nil {
		return nil, err
	}
	c := &comparison{node: n, op: n.text, left: sides[0], right: sides[1]}
	c.byNumber = isNumeral(n.args[0]) || isNumeral(n.args[1])
	if c.op != "=" && c.op != "<>" {
		c.watchNow(n.args[0], n.args[1])
	}
	return c.run, nil
}

// comparison is a compiled comparison.
type comparison struct {
	node             *node
	op               string
	left, right      thunk
	byNumber         bool
	nowLeft, nowSide bool // an order with Now() itself on one side
}

// watchNow evaluates Now() without a note, since the order changes only when the other side is reached.
func (c *comparison) watchNow(left, right *node) {
	switch l, r := isNow(left), isNow(right); {
	case l && !r:
		c.left, c.nowLeft, c.nowSide = finish(left, quietNow), true, true
	case r && !l:
		c.right, c.nowSide = finish(right, quietNow), true
	}
}

func (c *comparison) run(st *state) (val, error) {
	a, err := c.left(st)
	if err != nil {
		return null, err
	}
	b, err := c.right(st)
	if err != nil {
		return null, err
	}
	if c.op == "=" || c.op == "<>" {
		same, err := equal(st, a, b, c.byNumber)
		if err != nil {
			return null, at(c.node, err)
		}
		return boolean(same == (c.op == "=")), nil
	}
	if err := st.charge(1 + len(a.text) + len(b.text)); err != nil {
		return null, at(c.node, err)
	}
	if c.nowSide {
		other := a
		if c.nowLeft {
			other = b
		}
		st.noteOrder(other)
	}
	return boolean(ordered(c.op, a, b)), nil
}

func isNow(n *node) bool { return n.kind == kindCall && n.fn.Name == "Now" }

func isNumeral(n *node) bool { return n.kind == kindNumber || n.kind == kindHex }

func equal(st *state, a, b val, byNumber bool) (bool, error) {
	for i := range max(a.count(), 1) {
		for j := range max(b.count(), 1) {
			x, y := a.at(i), b.at(j)
			if err := st.charge(1 + min(len(x), len(y))); err != nil {
				return false, err
			}
			if x == y {
				return true, nil
			}
			if !byNumber {
				continue
			}
			fx, ok1 := numeric(x)
			fy, ok2 := numeric(y)
			if ok1 && ok2 && fx == fy {
				return true, nil
			}
		}
	}
	return false, nil
}

func ordered(op string, a, b val) bool {
	if a.text == "" || b.text == "" {
		return false
	}
	var order int
	fx, ok1 := numeric(a.text)
	fy, ok2 := numeric(b.text)
	if ok1 && ok2 {
		order = cmp.Compare(fx, fy)
	} else if tx, ok := parseOwnDate(a.text); !ok {
		order = strings.Compare(a.text, b.text)
	} else if ty, ok := parseOwnDate(b.text); ok {
		order = tx.Compare(ty)
	} else {
		order = strings.Compare(a.text, b.text)
	}
	switch op {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	default:
		return order <= 0
	}
}

// choose is IIF.
func choose(st *state, a []thunk) (val, error) {
	c, err := a[0](st)
	if err != nil {
		return null, err
	}
	if c.truth() {
		return a[1](st)
	}
	return a[2](st)
}

func conjunction(st *state, a []thunk) (val, error) { return connect(st, a, false) }

func disjunction(st *state, a []thunk) (val, error) { return connect(st, a, true) }

// connect stops at the first argument that decides.
func connect(st *state, a []thunk, decides bool) (val, error) {
	for _, t := range a {
		v, err := t(st)
		if err != nil {
			return null, err
		}
		if v.truth() == decides {
			return boolean(decides), nil
		}
	}
	return boolean(!decides), nil
}

// negate is Not: only True becomes False.
func negate(_ *state, a []val) (val, error) { return boolean(a[0].text != "True"), nil }

func toBool(st *state, a []val) (val, error) {
	s := strings.TrimSpace(a[0].text)
	f, ok := numeric(s)
	switch {
	case ok:
		return boolean(f != 0), nil
	case s == "" || strings.EqualFold(s, "false"):
		return boolean(false), nil
	case strings.EqualFold(s, "true"):
		return boolean(true), nil
	}
	return null, failf("%s is neither a number nor True or False", st.quote(s))
}

func coalesce(st *state, a []thunk) (val, error) {
	for _, t := range a {
		if v, err := t(st); err != nil || v.set {
			return v, err
		}
	}
	return null, nil
}

// choice is Switch: source, default, then keys and values.
func choice(st *state, a []thunk) (val, error) {
	source, err := a[0](st)
	if err != nil {
		return null, err
	}
	for i := 2; i+1 < len(a); i += 2 {
		key, err := a[i](st)
		if err != nil {
			return null, err
		}
		if err := st.charge(1 + source.size() + key.size()); err != nil {
			return null, err
		}
		for j := range max(source.count(), 1) {
			if source.at(j) == key.text {
				return a[i+1](st)
			}
		}
	}
	return a[1](st)
}

func isNull(_ *state, a []val) (val, error) { return boolean(!a[0].set), nil }

func isString(_ *state, a []val) (val, error) { return boolean(a[0].set), nil }

func isNullOrEmpty(_ *state, a []val) (val, error) { return boolean(a[0].empty()), nil }

func isPresent(_ *state, a []val) (val, error) { return boolean(!a[0].empty()), nil }
