// Package filter parses, prints and evaluates SCIM filters and attribute paths (RFC 7644 §3.4.2.2 and §3.10).
//
// A filter is an Expr, a small tree of values: And, Or, Not, Compare, Present and ValuePath. A Path names an attribute, a
// sub-attribute, or some of the values of a multi-valued attribute. Whoever runs a filter elsewhere, such as in SQL, switches
// over those six types; Compile runs it on objects in memory.
//
// Invariants:
//   - Printing what was parsed and parsing it again gives the same tree.
//   - Parse and ParsePath never panic and never recurse deeper than Parser.Depth, whatever the text is.
//   - Parsing is strict where a mistake would change the meaning. It is lenient in three places: space may be repeated, a
//     comparison may follow a value path (emails[type eq "work"].value eq "x", outside the ABNF yet sent by Entra ID), and the
//     legacy path urn:…:Group.inheritances is read like urn:…:Group:inheritances.
//   - Matching does not allocate, and uses no reflection.
package filter

import (
	"strconv"
	"unicode/utf8"
)

// Expr is a filter: And, Or, Not, Compare, Present or ValuePath. String prints it in the grammar of RFC 7644 with no more
// brackets than needed.
type Expr interface {
	String() string
	appendTo(dst []byte) []byte
}

// And is true when all of its two or more members are.
type And []Expr

// Or is true when one of its two or more members is.
type Or []Expr

// Not is true when Expr is not.
type Not struct{ Expr Expr }

// Compare compares the values at Path with Value: a string, a bool, an int64, a float64, or nil for null. It is true when
// any of several values compares so. An attribute without a value compares as null.
type Compare struct {
	Path  Path
	Op    Op
	Value any
}

// Present is true when there is a value at Path that is not empty (the operator pr).
type Present struct{ Path Path }

// ValuePath is true when a value of the multi-valued attribute Path.Attr matches Path.Filter: emails[type eq "work"]. Its
// Path has no Sub.
type ValuePath struct{ Path Path }

// Op is a comparison operator, in lower case.
type Op string

// The comparison operators of RFC 7644 §3.4.2.2, table 3. The operator pr is Present.
const (
	Eq Op = "eq" // equal
	Ne Op = "ne" // not equal
	Co Op = "co" // contains
	Sw Op = "sw" // starts with
	Ew Op = "ew" // ends with
	Gt Op = "gt" // greater than; later, for a dateTime
	Ge Op = "ge" // greater than or equal to
	Lt Op = "lt" // less than; earlier, for a dateTime
	Le Op = "le" // less than or equal to
)

// Ordered reports whether the operator needs values with an order: gt, ge, lt, le.
func (o Op) Ordered() bool { return o == Gt || o == Ge || o == Lt || o == Le }

// Textual reports whether the operator looks into text: co, sw, ew.
func (o Op) Textual() bool { return o == Co || o == Sw || o == Ew }

// String prints the filter.
func (e And) String() string { return string(e.appendTo(nil)) }

// String prints the filter.
func (e Or) String() string { return string(e.appendTo(nil)) }

// String prints the filter.
func (e Not) String() string { return string(e.appendTo(nil)) }

// String prints the filter.
func (e Compare) String() string { return string(e.appendTo(nil)) }

// String prints the filter.
func (e Present) String() string { return string(e.appendTo(nil)) }

// String prints the filter.
func (e ValuePath) String() string { return string(e.appendTo(nil)) }

func (e And) appendTo(dst []byte) []byte {
	for i, x := range e {
		if i > 0 {
			dst = append(dst, " and "...)
		}
		switch x.(type) {
		case And, Or: // and binds tighter than or; an And in an And keeps its brackets so that the tree stays the same
			dst = appendBrackets(dst, x)
		default:
			dst = x.appendTo(dst)
		}
	}
	return dst
}

func (e Or) appendTo(dst []byte) []byte {
	for i, x := range e {
		if i > 0 {
			dst = append(dst, " or "...)
		}
		if _, ok := x.(Or); ok {
			dst = appendBrackets(dst, x)
		} else {
			dst = x.appendTo(dst)
		}
	}
	return dst
}

func (e Not) appendTo(dst []byte) []byte { return appendBrackets(append(dst, "not "...), e.Expr) }

func (e Compare) appendTo(dst []byte) []byte {
	dst = append(e.Path.appendTo(dst), ' ')
	dst = append(append(dst, e.Op...), ' ')
	return appendLiteral(dst, e.Value)
}

func (e Present) appendTo(dst []byte) []byte { return append(e.Path.appendTo(dst), " pr"...) }

func (e ValuePath) appendTo(dst []byte) []byte { return e.Path.appendTo(dst) }

func appendBrackets(dst []byte, e Expr) []byte {
	return append(e.appendTo(append(dst, '(')), ')')
}

func appendLiteral(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendQuoted(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	return append(dst, "null"...)
}

// appendQuoted appends s as a JSON string. Only what JSON forbids is escaped.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// Quote returns s as a string literal of a filter, for those who build a filter as text.
func Quote(s string) string { return string(appendQuoted(nil, s)) }

// Error says where and why a filter or path could not be read. A SCIM server answers it with status 400 and the scimType
// invalidFilter or invalidPath.
type Error struct {
	Column int    // 1 for the first character
	Reason string // in lower case, without a full stop
}

// Error returns the reason and the column.
func (e *Error) Error() string { return e.Reason + " at column " + strconv.Itoa(e.Column) }
