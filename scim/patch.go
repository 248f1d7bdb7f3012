package scim

import (
	"errors"
	"strconv"
	"strings"

	"lockstep/scim/filter"
)

// Patch is a list of changes to one resource (RFC 7644 §3.5.2). Apply makes them; Members reads those that touch nothing but
// the members of a group.
type Patch struct {
	Operations []Operation
	// Strict keeps to the RFC where clients do not: a replace with a filter that nothing matches is an error (noTarget), and an
	// unknown or read-only attribute in a value without a path is an error too.
	Strict bool
}

// Operation is one change. Its Path is zero when the client sent none; its Value is then an Object whose names are attributes,
// paths with dots, or URNs (Entra ID sends all three).
//
// A nil Value is none at all. List{}, unlike elsewhere, is a value: to remove the members of an empty list removes nobody.
type Operation struct {
	Op       Op
	Path     filter.Path
	PathText string // as the client wrote it; "" when the operation was made here
	Value    any
	lenient  bool // came without a path, or with that of a schema: what the client cannot change is ignored
}

// Op is what an Operation does, in lower case.
type Op string

// The operations of RFC 7644 §3.5.2.
const (
	OpAdd     Op = "add"
	OpReplace Op = "replace"
	OpRemove  Op = "remove"
)

// Limits bounds what a request may hold. A zero field has the default.
type Limits struct {
	Operations int // of a patch: 1,000; of a bulk request: 1,000
	Bytes      int // of the body: 1 MiB for a patch, 16 MiB for a bulk request
}

// ParsePatch reads the body of a PATCH request. Names and operations may have any case, schemas may be missing, and there may
// be no operation at all: clients send all that. An operation without a path is taken apart, so that every operation of the
// result has one; its value may be an object or, from some Keycloak plug-ins, an object written as a JSON string.
//
// The error is an *Error: invalidSyntax, invalidPath, invalidValue, noTarget for a remove without a path, or 413.
func ParsePatch(data []byte, limits Limits) (Patch, error) {
	if err := limits.check(len(data), 1<<20); err != nil {
		return Patch{}, err
	}
	o, err := decode(data, true)
	if err != nil {
		return Patch{}, err
	}
	return parsePatch(o, limits)
}

func (l Limits) check(size, max int) error {
	if l.Bytes > 0 {
		max = l.Bytes
	}
	if size > max {
		return ErrTooLarge("the body is larger than " + strconv.Itoa(max) + " bytes")
	}
	return nil
}

func (l Limits) operations() int {
	if l.Operations > 0 {
		return l.Operations
	}
	return 1000
}

func parsePatch(o Object, limits Limits) (Patch, error) {
	ops, ok := o.Get("Operations").(List)
	if !ok {
		return Patch{}, ErrInvalidSyntax("the body has no list Operations")
	}
	if max := limits.operations(); len(ops) > max {
		return Patch{}, ErrTooLarge("more than " + strconv.Itoa(max) + " operations")
	}
	p := Patch{Operations: make([]Operation, 0, len(ops))}
	for i, e := range ops {
		list, err := parseOperation(e)
		if err != nil {
			return Patch{}, inOperation(i, "", err)
		}
		p.Operations = append(p.Operations, list...)
	}
	return p, nil
}

// inOperation says in the error which operation it is about, counted from 1.
func inOperation(i int, path string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	where := "operation " + strconv.Itoa(i+1)
	if path != "" {
		where += " (" + path + ")"
	}
	return &Error{Status: e.Status, Type: e.Type, Detail: where + ": " + e.Detail}
}

func parseOperation(e any) ([]Operation, error) {
	o, ok := e.(Object)
	if !ok {
		return nil, ErrInvalidSyntax("it is not an object")
	}
	op := Operation{Op: Op(strings.ToLower(o.Text("op"))), Value: o.Get("value")}
	if op.Op != OpAdd && op.Op != OpReplace && op.Op != OpRemove {
		return nil, ErrInvalidSyntax("op must be add, replace or remove")
	}
	if err := op.parsePath(o.Get("path")); err != nil {
		return nil, err
	}
	if op.Op != OpRemove && !o.Has("value") {
		return nil, ErrInvalidValue("the value is missing")
	}
	if op.Path.IsZero() {
		return op.expand()
	}
	return op.attribute(nil, op.Path, op.Value), nil
}

func (op *Operation) parsePath(v any) error {
	if v == nil || v == "" {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		return ErrInvalidPath("the path is not a string")
	}
	p, err := filter.ParsePath(s)
	if err != nil {
		return ErrInvalidPath("path " + strconv.Quote(s) + ": " + err.Error())
	}
	op.Path, op.PathText = p, s
	return nil
}

// pruned drops the nulls and empty values in v, as everywhere but at the top of an operation's value. The elements of a list stay,
// however empty they are: whether they may be is the schema's to say.
func pruned(v any) any {
	switch v := v.(type) {
	case Object:
		out := make(Object, 0, len(v))
		for _, a := range v {
			if a.Value = pruned(a.Value); !emptyValue(a.Value) {
				out = append(out, a)
			}
		}
		return out
	case List:
		out := make(List, 0, len(v))
		for _, e := range v {
			out = append(out, pruned(e))
		}
		return out
	}
	return v
}

// expand takes an operation without a path apart: one operation for each attribute of its value, and for each attribute of an
// extension (RFC 7644 §3.5.2.1: "the value contains a set of attributes").
func (op Operation) expand() ([]Operation, error) {
	if op.Op == OpRemove {
		return nil, ErrNoTarget("remove needs a path (RFC 7644 §3.5.2.2)")
	}
	value := op.Value
	if s, ok := value.(string); ok && strings.HasPrefix(strings.TrimSpace(s), "{") {
		v, err := decode([]byte(s), true)
		if err != nil {
			return nil, err
		}
		value = v
	}
	o, ok := value.(Object)
	if !ok {
		return nil, ErrInvalidValue("without a path the value must be an object")
	}
	op.lenient = true
	return op.attributes(nil, "", o), nil
}

// attributes appends an operation for each attribute of the schema, "" for the core schema.
func (op Operation) attributes(list []Operation, urn string, o Object) []Operation {
	for _, a := range o {
		p := filter.Path{URN: urn, Attr: a.Name}
		if strings.ContainsAny(a.Name, ".:[") { // name.givenName, urn:…:User:department
			if parsed, err := filter.ParsePath(a.Name); err == nil {
				p = parsed
				p.URN = or(p.URN, urn)
			}
		}
		op.PathText = p.String()
		list = op.attribute(list, p, a.Value)
	}
	return list
}

// attribute appends the operation for one path. The attributes of a whole schema and the nulls in a complex value become
// operations of their own, since to replace with null is to clear (RFC 7643 §2.5).
func (op Operation) attribute(list []Operation, p filter.Path, v any) []Operation {
	o, complex := v.(Object)
	if complex && p.Attr == "" && op.Op != OpRemove {
		op.lenient = true // as without a path: the names stand in the value
		return op.attributes(list, p.URN, o)
	}
	op.Path, op.Value = p, pruned(v)
	if !complex || len(o) == 0 || !emptyValue(op.Value) {
		list = append(list, op)
	}
	if !complex || op.Op != OpReplace || p.Sub != "" || p.Filter != nil {
		return list
	}
	for _, a := range o {
		if emptyValue(a.Value) {
			op.Path.Sub, op.Value = a.Name, nil
			list = append(list, op)
		}
	}
	return list
}

// Object returns the body of the PATCH request that makes these changes. An operation without PathText prints its Path.
func (p Patch) Object() Object {
	ops := make(List, len(p.Operations))
	for i, op := range p.Operations {
		o := Object{{"op", string(op.Op)}}
		if path := or(op.PathText, op.Path.String()); path != "" {
			o = append(o, Attr{"path", path})
		}
		if op.Value != nil {
			o = append(o, Attr{"value", op.Value})
		}
		ops[i] = o
	}
	return Object{{"schemas", List{PatchURN}}, {"Operations", ops}}
}

// MarshalJSON encodes the body of the PATCH request. It never fails.
func (p Patch) MarshalJSON() ([]byte, error) { return AppendJSON(nil, p.Object()), nil }
