package expr

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"lockstep"
)

// thunk is a compiled part of an expression.
type thunk func(st *state) (val, error)

// state is one evaluation.
type state struct {
	env       *Env
	work      int // bytes that may still be read and written
	regexTime time.Duration
	secret    bool
	args      []val // stack of evaluated arguments
	space     [8]val
}

// failure is an error of the expression itself. Its call adds column and name; every other error keeps its own code.
type failure string

func (f failure) Error() string { return string(f) }

func failf(format string, args ...any) error { return failure(fmt.Sprintf(format, args...)) }

const errWork = failure("the expression does too much work for one person; shorten its values")

// charge takes n bytes from what the evaluation may still do.
func (st *state) charge(n int) error {
	if st.work -= n; st.work < 0 {
		st.work = 0
		return errWork
	}
	return nil
}

// room checks, before anything is allocated, that a value of n bytes is allowed.
func (st *state) room(n int) error {
	if n < 0 || n > MaxValue {
		return failf("a value grows beyond %d bytes", MaxValue)
	}
	return nil
}

// quote shows a value in an error: shortened, and not at all when the expression holds secrets.
func (st *state) quote(s string) string {
	const most = 40
	if st.secret {
		return "the value"
	}
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return strconv.Quote(s)
}

// at completes an error with the place of the call.
func at(n *node, err error) error {
	if f, ok := errors.AsType[failure](err); ok {
		return &Error{Column: n.col, Message: n.text + ": " + string(f), code: lockstep.CodeMapExpression}
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return fmt.Errorf("column %d: %s: %w", n.col, n.text, err)
}

// reject makes an error of Compile.
func reject(n *node, format string, args ...any) error {
	return &Error{Column: n.col, Message: fmt.Sprintf(format, args...), code: lockstep.CodeMapSyntax}
}

func nothing(*state) (val, error) { return null, nil }

// build turns a tree into closures.
func build(n *node) (thunk, error) {
	switch n.kind {
	case kindOmitted:
		return nothing, nil
	case kindText, kindNumber, kindWord:
		v := text(n.text)
		return func(*state) (val, error) { return v, nil }, nil
	case kindHex:
		u, err := strconv.ParseUint(n.text[len("&H"):], 16, 64)
		if err != nil {
			return nil, reject(n, "%s is not a hexadecimal number", n.text)
		}
		v := integer(int64(u)) // as in VB: &HFFFFFFFFFFFFFFFF is -1
		return func(*state) (val, error) { return v, nil }, nil
	case kindAttribute:
		return buildAttribute(n.text), nil
	case kindComparison:
		return buildComparison(n)
	default:
		return buildCall(n)
	}
}

func buildAttribute(name string) thunk {
	return func(st *state) (val, error) {
		if st.env.Attribute == nil {
			return null, nil
		}
		v := values(st.env.Attribute(name))
		return v, st.charge(v.size())
	}
}

func buildAll(nodes []*node) ([]thunk, error) {
	thunks := make([]thunk, len(nodes))
	for i, n := range nodes {
		t, err := build(n)
		if err != nil {
			return nil, err
		}
		thunks[i] = t
	}
	return thunks, nil
}

func buildCall(n *node) (thunk, error) {
	if n.fn.prepare != nil {
		run, err := n.fn.prepare(n, n.arguments())
		if err != nil {
			return nil, err
		}
		return finish(n, run), nil
	}
	args, err := buildAll(n.arguments())
	if err != nil {
		return nil, err
	}
	if lazy := n.fn.lazy; lazy != nil {
		for len(args) < n.fn.max {
			args = append(args, nothing)
		}
		return finish(n, func(st *state) (val, error) { return lazy(st, args) }), nil
	}
	return finish(n, strict(n.fn, args)), nil
}

// finish adds the place to errors and charges what the call made.
func finish(n *node, run thunk) thunk {
	return func(st *state) (val, error) {
		v, err := run(st)
		if err == nil && v.set && n.fn.flags&passes == 0 {
			size := v.size()
			if err = st.room(size); err == nil {
				err = st.charge(size)
			}
		}
		if err != nil {
			return null, at(n, err)
		}
		return v, nil
	}
}

// strict evaluates the arguments, then calls the function: with all of them, or once for each value of the first.
func strict(fn *function, args []thunk) thunk {
	return func(st *state) (val, error) {
		base := len(st.args)
		for _, t := range args {
			v, err := t(st)
			if err == nil {
				err = st.charge(1) // what v holds was charged where it arose
			}
			if err != nil {
				return null, err
			}
			st.args = append(st.args, v)
		}
		v, err := fn.apply(st, st.args[base:])
		clear(st.args[base:])
		st.args = st.args[:base]
		return v, err
	}
}

func (fn *function) apply(st *state, a []val) (val, error) {
	switch {
	case fn.flags&each == 0:
		return fn.strict(st, a)
	case !a[0].set && fn.flags&blank != 0:
		return text(""), nil
	case !a[0].set:
		return null, nil
	}
	if a[0].list == nil {
		if err := st.room(len(a[0].text)); err != nil {
			return null, err
		}
		return fn.strict(st, a)
	}
	return fn.applyEach(st, a)
}

// applyEach runs the function for every value of a multi-valued first argument; what becomes null is dropped.
func (fn *function) applyEach(st *state, a []val) (val, error) {
	in := a[0].list
	out := make([]string, 0, len(in))
	total := 0
	for _, s := range in {
		if err := st.room(len(s)); err != nil {
			return null, err
		}
		a[0] = text(s)
		v, err := fn.strict(st, a)
		if err != nil {
			return null, err
		}
		if !v.set {
			continue
		}
		total += perElement + len(v.text)
		if err := st.room(total); err != nil {
			return null, err
		}
		if err := st.charge(16 + len(v.text)); err != nil {
			return null, err
		}
		out = append(out, v.text)
	}
	return values(out), nil
}
