package rule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Input is what Map works on.
type Input struct {
	ID     string // of the object at the source: the computed attribute objectId
	Values scim.Object

	// The computed attribute IsSoftDeleted is True unless the object is enabled, not deleted, and in scope.
	Enabled bool
	Deleted bool
	InScope bool
	Grants  []Grant // the computed attribute appRoleAssignments: the roles that it has in the app

	// Gone is set for an object deleted for good at the source, of which there are no Values: only mappings that read nothing
	// but computed attributes run, so that it can be disabled and stays otherwise as it was written.
	Gone bool

	Creating    bool        // the object is about to be created; then Written is not looked at
	Written     scim.Object // what was last written, nil before
	WrittenHash string      // Output.Hash of then; "" when it is not known

	Now           time.Time
	Random        io.Reader
	Unique        func(attribute, candidate string) (bool, error) // whether no other object of the target has the value
	DefaultDomain string
}

// Output is what Map found.
type Output struct {
	// Want is what shall be at the target: Written, with what the mappings change. Where a mapping failed it is as it was.
	Want     scim.Object
	Match    []MatchValue // in order of priority, without those that are empty
	Problems []error      // each a *lockstep.Error that names the target attribute
	Redacted []string     // target paths whose values must not be shown; the caller must not change the slice
	Recheck  time.Time    // the earliest instant at which time alone changes Want; zero is never
	Hash     string       // of what values that are random depend on, to be given back as Input.WrittenHash; "" without such
}

// MatchValue is a value to find the object at the target by.
type MatchValue struct {
	Attribute string // a path of the target
	Value     string
}

// Map returns what the object shall look like at the target.
//
// An empty source leaves a value as it is; when the object is created it gives the default, and when the mapping says so, it
// gives the default later, too, or clears. A value that is random, or that would change every second, is made when the object
// is created, and again when an attribute changes that it depends on; otherwise it stays as it was written.
func (p *Program) Map(in Input) Output {
	room := make(scim.List, 4)
	e := evaluation{p: p, in: &in, read: room[:0:2], write: room[2:2:4]}
	e.status = status{id: in.ID, deleted: in.Gone || in.Deleted || !in.Enabled || !in.InScope, disabled: !in.Enabled, grants: in.Grants}
	e.out.Redacted = p.redacted
	if in.Creating {
		e.out.Want = make(scim.Object, 0, len(p.rows))
	} else {
		e.out.Want = in.Written.Clone()
	}
	var hash strings.Builder
	for i := range p.rows {
		r := &p.rows[i]
		fresh := in.Creating
		if r.frozen {
			entry := e.hash(r)
			fresh = fresh || in.WrittenHash != "" && !strings.Contains(in.WrittenHash, entry)
			hash.WriteString(entry)
		}
		e.row(r, fresh)
	}
	e.out.Hash = hash.String()
	e.check()
	return e.out
}

// evaluation is one run of Map.
type evaluation struct {
	p       *Program
	in      *Input
	status  status
	out     Output
	env     *expr.Env // made when the first expression asks for it
	current *row
	ignored bool
	next    time.Time
	read    scim.List // room for what a row reads
	write   scim.List // room for what it writes, when that is one value
}

// row evaluates a mapping. fresh is whether a value that is random is made anew.
func (e *evaluation) row(r *row, fresh bool) {
	if r.FlowType == ObjectAddOnly && !e.in.Creating || r.frozen && !r.timed && !fresh {
		return
	}
	if e.in.Gone && !r.lasts {
		e.block(r)
		return
	}
	list, kept, err := e.value(r, fresh)
	if err != nil {
		e.fail(r, err)
		return
	}
	switch {
	case kept:
	case len(list) > 0:
		e.set(r, list)
	case r.Clear:
		scim.Remove(&e.out.Want, r.path)
	case r.fallback != nil && (e.in.Creating || r.DefaultOnUpdate):
		e.set(r, r.fallback)
	}
}

// value returns the row's value, converted; kept is set when what was written stays.
func (e *evaluation) value(r *row, fresh bool) (list scim.List, kept bool, err error) {
	switch {
	case r.constant != nil:
		return r.constant, false, nil
	case r.direct != nil:
		list = r.direct.read(e.read[:0], e.in.Values, e.status)
		if blank(list) {
			return nil, false, nil
		}
	case r.program != nil:
		v, kept, err := e.eval(r, fresh)
		if err != nil || kept {
			return nil, kept, err
		}
		if r.kind != scim.String && r.kind != "" && empty(v) {
			return nil, false, nil
		}
		list = e.read[:0]
		for _, s := range v {
			if s != "" || !r.multi { // among several an empty text is none
				list = append(list, s)
			}
		}
	}
	room := e.write[:0]
	if r.multi || len(list) > 1 { // the list itself is written
		room = make(scim.List, 0, len(list))
	}
	if list, err = r.convert(room, list); err != nil {
		err = &lockstep.Error{Code: lockstep.CodeMapInvalid, Detail: filter.Readable(r.name) + " " + err.Error()}
	}
	return list, false, err
}

// blank reports whether there is nothing but empty texts.
func blank(list scim.List) bool {
	for _, v := range list {
		if v != "" {
			return false
		}
	}
	return true
}

// eval runs the row's expression.
func (e *evaluation) eval(r *row, fresh bool) (v expr.Value, kept bool, err error) {
	if e.env == nil {
		e.env = e.newEnv()
	}
	e.current, e.ignored, e.next = r, false, time.Time{}
	if v, err = r.program.Eval(e.env); err != nil {
		return nil, false, err
	}
	ignored := e.ignored
	if r.timed && !e.next.IsZero() {
		turns := e.next
		if e.restless(r) {
			if !fresh {
				return nil, true, nil
			}
		} else if e.out.Recheck.IsZero() || turns.Before(e.out.Recheck) {
			e.out.Recheck = turns
		}
	}
	return v, ignored, nil
}

// restless reports whether the result may change every second, now and from then on. An expression that looks at days may be
// within a second of midnight, too, but not twice in a row.
func (e *evaluation) restless(r *row) bool {
	now := e.env.Now
	defer func() { e.env.Now = now }()
	for range 2 {
		if e.next.IsZero() || e.next.Sub(e.env.Now) > time.Second {
			return false
		}
		e.env.Now, e.next = e.next, time.Time{}
		if _, err := r.program.Eval(e.env); err != nil {
			return false
		}
	}
	return true
}

func (e *evaluation) newEnv() *expr.Env {
	env := &expr.Env{
		Attribute:     e.attribute,
		Now:           e.in.Now,
		Random:        e.in.Random,
		DefaultDomain: e.in.DefaultDomain,
		Ignored:       &e.ignored,
		NextChange:    &e.next,
	}
	if e.in.Unique != nil {
		env.Unique = func(candidate string) (bool, error) { return e.in.Unique(e.current.name, candidate) }
	}
	return env
}

// attribute is expr.Env.Attribute.
func (e *evaluation) attribute(name string) expr.Value {
	for _, r := range e.p.sources {
		if r.name == name {
			return e.texts(r)
		}
	}
	return nil
}

func (e *evaluation) texts(r *reader) expr.Value {
	list := r.read(nil, e.in.Values, e.status)
	if r.name != "appRoleAssignments" {
		return appendTexts(nil, list)
	}
	var roles expr.Value
	for _, v := range list {
		if o, ok := v.(scim.Object); ok {
			roles = append(roles, string(scim.AppendJSON(nil, o)))
			continue
		}
		roles = appendTexts(roles, scim.List{v})
	}
	return roles
}

// hash returns the entry of a row in Output.Hash: what its value depends on.
func (e *evaluation) hash(r *row) string {
	h := fnv.New64a()
	for _, in := range r.inputs {
		for _, s := range e.texts(in) {
			_, _ = io.WriteString(h, s) // a hash takes everything
			_, _ = h.Write([]byte{0})
		}
		_, _ = h.Write([]byte{1})
	}
	return r.name + "=" + strconv.FormatUint(h.Sum64(), 16) + ";"
}

func (e *evaluation) set(r *row, list scim.List) {
	if r.FlowType == MultiValueAddOnly && !e.in.Creating {
		list = e.union(r, list)
	}
	if err := r.set(&e.out.Want, list); err != nil {
		e.fail(r, err)
	}
}

// union adds to what was written.
func (e *evaluation) union(r *row, list scim.List) scim.List {
	all := r.target.stored(nil, e.out.Want)
next:
	for _, v := range list {
		for _, old := range all {
			if scim.Equal(v, old) {
				continue next
			}
		}
		all = append(all, v)
	}
	return all
}

// block disables a person who must not sign in although the mapping of active cannot tell: a mistake must not keep a door open.
func (e *evaluation) block(r *row) {
	if r.path.Is("active") && e.status.deleted {
		e.out.Want.Set(r.path.Attr, false)
	}
}

// fail keeps what was written, but for block.
func (e *evaluation) fail(r *row, err error) {
	e.block(r)
	code := lockstep.CodeOf(err)
	detail := err.Error()
	if inner, ok := errors.AsType[*lockstep.Error](err); ok && inner.Detail != "" {
		detail = inner.Detail
	}
	if name := filter.Readable(r.name); !strings.HasPrefix(detail, name) {
		detail = name + ": " + detail
	}
	e.out.Problems = append(e.out.Problems, &lockstep.Error{Code: code, Detail: detail, Err: err})
}

// check collects the matching values and looks for required attributes that stay empty.
func (e *evaluation) check() {
	for _, i := range e.p.match {
		r := &e.p.rows[i]
		values := appendTexts(nil, r.target.stored(e.read[:0], e.out.Want))
		if len(values) > 0 && values[0] != "" {
			e.out.Match = append(e.out.Match, MatchValue{Attribute: r.name, Value: values[0]})
		}
	}
	for _, r := range e.p.required {
		if !blank(r.stored(e.read[:0], e.out.Want)) {
			continue
		}
		e.out.Problems = append(e.out.Problems, &lockstep.Error{
			Code:   lockstep.CodeMapRequired,
			Detail: fmt.Sprintf("%s stays empty%s", filter.Readable(r.name), e.p.fedBy(r.name)),
		})
	}
}

// fedBy names the source of a target attribute.
func (p *Program) fedBy(name string) string {
	for i := range p.rows {
		if r := &p.rows[i]; r.name == name && len(r.inputs) > 0 {
			return ": the source has no " + filter.Readable(r.inputs[0].name)
		}
	}
	return ""
}
