package plan

import (
	"io"
	"slices"
	"time"

	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// Divergence tells of one type of object whom two configurations decide otherwise about: whom they let in, and what they make of them. It
// looks at rules and an object alone, so that of thousands only those have to be planned whom a change concerns. It may name too many:
// what is planned for them shows whether anything follows.
type Divergence struct {
	was, now   *Program      // nil does not bring objects of the type
	before     Configuration // of was
	after      Configuration // of now
	way        Direction
	old, fresh *rule.Program // what differs of both, and what objects are found by
	everybody  bool          // who is in scope is always named
	outside    bool          // who is out of scope is, too
	references []string      // attributes whose references only one of them brings
}

// Differs says in what way two configurations decide otherwise about an object. The zero value is that they do not.
type Differs struct {
	Enters, Leaves bool // scope
	Named          bool // its values, or what else is done with it, may be other ones
	LetGo          bool // it is in scope, and no rule brings objects of its type any more
}

// Any reports whether the configurations decide otherwise in any way that has to be planned.
func (d Differs) Any() bool { return d.Enters || d.Leaves || d.Named }

// Ends is what configurations are compared for.
type Ends struct {
	Way      Direction
	From, To connection.System
	Granted  bool // assignments differ as well
}

// Diverge compares two configurations, by type of the source's objects. Types about which they say the same are left out.
func Diverge(was, now Configuration, ends Ends) (map[string]*Divergence, error) {
	differences, err := Differences(was, now)
	if err != nil {
		return nil, err
	}
	after, err := Compile(now.Rules, ends.Way == Inbound || now.Policy.Groups, ends.From, ends.To)
	if err != nil {
		return nil, err
	}
	before, broken := Compile(was.Rules, ends.Way == Inbound || was.Policy.Groups, ends.From, ends.To)
	all := map[string]*Divergence{}
	for _, typ := range slices.Concat(typesOf(before), typesOf(after)) {
		d := &Divergence{was: before[typ], now: after[typ], before: was, after: now, way: ends.Way}
		d.everybody = broken != nil || (d.was == nil) != (d.now == nil)
		if d.concerns(typ, differences) || ends.Granted {
			all[typ] = d
		}
	}
	return all, nil
}

func typesOf(all Programs) (types []string) {
	for typ := range all {
		types = append(types, typ)
	}
	return types
}

// concerns finds out what the differences are about, and reports whether any is about the type.
func (d *Divergence) concerns(typ string, all []Difference) bool {
	any := d.everybody
	changed := map[string]bool{}
	for _, one := range all {
		switch f := one.Field; {
		case f.Policy() != "":
			any = d.policy(f.Policy()) || any
		case f.Object() != rule.TypeName(typ):
			continue
		case f.Attribute() != "":
			changed[string(Field(f.Attribute()).key())], any = true, true
		case f.Scope():
			any = true
		default: // switched on or off, or other kinds of action
			d.everybody, d.outside, any = true, true, true
		}
	}
	if d.was == nil || d.now == nil || len(changed) == 0 {
		return any
	}
	if d.now.disables != d.was.disables {
		d.outside = true
	}
	d.everybody = d.everybody || d.flags(changed)
	d.references = differing(d.was.References(), d.now.References())
	d.old, d.fresh = part(d.was.mapping, changed), part(d.now.mapping, changed)
	if d.old == nil || d.fresh == nil {
		d.everybody = true
	}
	return any
}

// policy reports whether a member of the policy can make a difference for objects.
func (d *Divergence) policy(name string) bool {
	switch name {
	case "everyone", "nested", "default_role":
		return true
	case "on_leave": // who was left alone when they left may be disabled now
		d.outside = true
		return true
	}
	return false // the guard, intervals and rates; who is sent by groups is known by the programs
}

// flags reports whether a mapping that is in both differs in more than where its value comes from, or in what objects are found by: whom that
// concerns depends on what they have at the target.
func (d *Divergence) flags(changed map[string]bool) bool {
	for _, a := range d.now.mapping.Attributes {
		key := string(Field(a.Target).key())
		if !changed[key] {
			continue
		}
		i := attributeAt(d.was.mapping.Attributes, a.Target, 1)
		if i < 0 {
			if a.Match > 0 {
				return true
			}
			continue
		}
		b := usualMapping(d.was.mapping.Attributes[i])
		a = usualMapping(a)
		if a.Match != b.Match || a.Clear != b.Clear || a.DefaultOnUpdate != b.DefaultOnUpdate || a.FlowType != b.FlowType || a.Behavior != b.Behavior {
			return true
		}
	}
	return slices.ContainsFunc(d.was.mapping.Attributes, func(a rule.Mapping) bool {
		return a.Match > 0 && attributeAt(d.now.mapping.Attributes, a.Target, 1) < 0
	})
}

func differing(a, b []string) (all []string) {
	for _, name := range a {
		if !slices.Contains(b, name) {
			all = append(all, name)
		}
	}
	for _, name := range b {
		if !slices.Contains(a, name) {
			all = append(all, name)
		}
	}
	return all
}

// part makes a program of the mappings that have changed, and of those that objects are found by, which every program needs. It is nil when
// there is none.
func part(m rule.ObjectMapping, changed map[string]bool) *rule.Program {
	m.Scope = rule.Filter{}
	m.Attributes = slices.DeleteFunc(slices.Clone(m.Attributes), func(a rule.Mapping) bool {
		return a.Match == 0 && !changed[string(Field(a.Target).key())]
	})
	p, problems := rule.Compile(m, nil, rule.Options{})
	if len(problems) > 0 {
		return nil
	}
	return p
}

// Of compares what the two configurations decide about an object. had are its grants as the first one sees them; those of the object are as
// the second one does.
func (d *Divergence) Of(o connection.Object, had []rule.Grant, now time.Time, random io.Reader) Differs {
	var in, was bool
	if d.was != nil {
		old := o
		old.Grants = had
		was = d.was.InScope(old, d.way, d.before.Policy, now).In
	}
	if d.now != nil {
		in = d.now.InScope(o, d.way, d.after.Policy, now).In
	}
	switch {
	case d.now == nil:
		return Differs{LetGo: was}
	case in && !was:
		return Differs{Enters: true}
	case was && !in:
		return Differs{Leaves: true}
	case !in:
		return Differs{Named: d.outside}
	}
	return Differs{Named: d.everybody || d.refers(o) || d.values(o, had, now, random)}
}

// refers reports whether the object refers to others by an attribute whose references only one side brings.
func (d *Divergence) refers(o connection.Object) bool {
	return slices.ContainsFunc(o.References, func(r connection.Reference) bool { return slices.Contains(d.references, r.Attribute) })
}

// values reports whether the mappings that differ make something else of the object. A value that is random counts as something else.
func (d *Divergence) values(o connection.Object, had []rule.Grant, now time.Time, random io.Reader) bool {
	if d.old == nil || d.fresh == nil {
		return false
	}
	in := rule.Input{
		ID: o.ID, Values: o.Values, Enabled: o.Enabled, Deleted: o.Deleted, InScope: true, Grants: o.Grants, Creating: true, Now: now, Random: random,
		Unique: func(string, string) (bool, error) { return true, nil },
	}
	b := d.fresh.Map(in)
	in.Grants = had
	a := d.old.Map(in)
	return len(a.Problems) != len(b.Problems) || len(scim.Diff(a.Want, b.Want)) > 0
}
