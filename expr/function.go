package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Function documents one function.
type Function struct {
	Name      string
	Signature string // Left(source, count); ? marks an optional argument, … one that repeats
	Doc       string // Markdown, one paragraph
	Example   string // an expression over the sample person of docs/expressions.md
	Result    string // what the example gives, as Value.String shows it
}

// traits of a function, as flags.
type traits uint8

const (
	each     traits = 1 << iota // runs for every value of the first argument; null gives null
	blank                       // with each: null gives ""
	passes                      // hands on values that it did not make: neither limited nor charged again
	volatile                    // two evaluations may differ
	secret                      // values must not appear in errors
	topLevel                    // must be the outermost call
)

// function is one row of the table: one of strict, lazy and prepare is set.
type function struct {
	Function
	flags      traits
	conditions int  // number of leading arguments that may be comparisons; -1 means all
	pairs      bool // an even number of arguments

	// strict gets evaluated arguments, which are its own only until it returns.
	strict func(st *state, a []val) (val, error)
	// lazy evaluates its arguments itself.
	lazy func(st *state, a []thunk) (val, error)
	// prepare compiles a call: it may check constants and do work once. The arguments are those written.
	prepare func(n *node, args []*node) (thunk, error)

	// From the signature.
	min, max int // max -1 means any number
	params   []string
}

// catalogue holds the functions by name. It never changes.
var catalogue = index(textFunctions, listFunctions, logicFunctions, dateFunctions, numberFunctions, otherFunctions)

func index(tables ...[]function) map[string]*function {
	m := map[string]*function{}
	for _, t := range tables {
		for i := range t {
			t[i].readSignature()
			m[t[i].Name] = &t[i]
		}
	}
	return m
}

// readSignature derives name and argument counts, so that documentation and behaviour cannot differ.
func (fn *function) readSignature() {
	name, rest, _ := strings.Cut(fn.Signature, "(")
	fn.Name = name
	if rest = strings.TrimSuffix(rest, ")"); rest != "" {
		fn.params = strings.Split(rest, ", ")
	}
	for _, p := range fn.params {
		switch {
		case p == "…":
			fn.max = -1
		case strings.HasSuffix(p, "?"):
			fn.max++
		default:
			fn.min++
			fn.max++
		}
	}
	if slices.Contains(fn.params, "…") {
		fn.max = -1
	}
	// An optional argument before a required one must be written, if only as nothing.
	for i, p := range fn.params {
		if p != "…" && !strings.HasSuffix(p, "?") {
			fn.min = max(fn.min, i+1)
		}
	}
}

// optional reports whether argument i may be left out.
func (fn *function) optional(i int) bool {
	if i >= len(fn.params) || fn.params[i] == "…" {
		return true
	}
	return strings.HasSuffix(fn.params[i], "?")
}

func (fn *function) condition(i int) bool { return fn.conditions < 0 || i < fn.conditions }

// counts says how many arguments the function takes.
func (fn *function) counts() string {
	plural := func(n int) string {
		if n == 1 {
			return "1 argument"
		}
		return fmt.Sprintf("%d arguments", n)
	}
	switch {
	case fn.max == 0:
		return "no arguments"
	case fn.max < 0:
		return "at least " + plural(fn.min)
	case fn.min == fn.max:
		return plural(fn.min)
	default:
		return fmt.Sprintf("%d to %s", fn.min, plural(fn.max))
	}
}

// Functions returns the documentation of every function, by name.
func Functions() []Function {
	names := slices.Sorted(maps.Keys(catalogue))
	out := make([]Function, len(names))
	for i, name := range names {
		out[i] = catalogue[name].Function
	}
	return out
}

// suggest finds the function that was probably meant: the same letters in another case.
func suggest(name string) string {
	for _, n := range slices.Sorted(maps.Keys(catalogue)) {
		if strings.EqualFold(n, name) {
			return "; names are case-sensitive: " + n
		}
	}
	return ""
}
