package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/words"
)

// Programs is the rules of a job, ready to run, by the type of the source's objects.
type Programs map[string]*Program

// Program is an object mapping, ready to run, and what planning asks of it.
type Program struct {
	*rule.Program
	Type string // of the target's objects

	mapping    rule.ObjectMapping
	references map[string]bool
	paths      []filter.Path // of the target attributes that are ours, references left out
	match      []matching    // by which objects are found, in order of priority
	shared     []filter.Path // of these, what others have given is not ours
	disables   bool          // the target can disable objects of this type, and the rules say so
}

// matching is a target attribute by which objects are found.
type matching struct {
	target   string // as the mapping names it
	name     string
	path     filter.Path
	priority int
}

// Compile makes the programs of rules that are to bring objects from one system to another. A rule that does not compile fails all of
// them: planning with a part of the rules would look like people leaving scope.
func Compile(rules rule.Rules, groups bool, from, to connection.System) (Programs, error) {
	all := Programs{}
	for _, m := range rules.Objects {
		if !m.Enabled || m.Source == connection.GroupType && !groups {
			continue
		}
		p, err := CompileObject(m, from, to)
		if err != nil {
			return nil, fmt.Errorf("rules for %s: %w", m.Name, err)
		}
		all[m.Source] = p
	}
	return all, nil
}

// CompileObject makes the program of one object mapping, whether it is enabled or not.
func CompileObject(m rule.ObjectMapping, from, to connection.System) (*Program, error) {
	typ := resourceType(m.Target)
	p, problems := rule.Compile(m, to.Types[typ], rule.Options{Source: from.Types[m.Source], Searchable: to.FindBy[typ]})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	prog := &Program{Program: p, Type: typ, mapping: m, references: map[string]bool{}, disables: to.SoftDelete && p.Blocks()}
	for _, name := range p.References() {
		prog.references[name] = true
	}
	for _, name := range to.Shared[typ] {
		path, err := filter.ParsePath(name)
		if err != nil {
			return nil, fmt.Errorf("attribute %q of %s: %w", name, to.Name, err)
		}
		prog.shared = append(prog.shared, path)
	}
	return prog, prog.own()
}

// own parses the paths of the target attributes that the mapping feeds.
func (p *Program) own() error {
	for _, m := range p.mapping.Attributes {
		path, err := filter.ParsePath(m.Target)
		if err != nil {
			return &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: fmt.Sprintf("target attribute %q: %v", m.Target, err), Err: err}
		}
		if m.Match > 0 {
			p.match = append(p.match, matching{m.Target, path.String(), path, m.Match})
		}
		if name := referenceName(m.Target); !p.references[name] {
			p.paths = append(p.paths, path)
		}
	}
	slices.SortStableFunc(p.match, func(a, b matching) int { return cmp.Compare(a.priority, b.priority) })
	return nil
}

// Key returns the first matching value of a target object, as in Link.Key: that by which others find it there, whatever its source
// object is called by now. It is "" when the object has none.
func (p *Program) Key(values scim.Object) string {
	if p == nil { // the rules have changed since the row was planned
		return ""
	}
	for _, m := range p.match {
		for _, v := range scim.Values(values, m.path) {
			if s, ok := v.(string); ok && s != "" {
				return keyOf(m.name, s)
			}
		}
	}
	return ""
}

// withKeys returns the values with the matching values of others.
func (p *Program) withKeys(values, others scim.Object) scim.Object {
	o := values.Clone()
	for _, m := range p.match {
		if v := scim.First(others, m.path); v != nil {
			_ = scim.Assign(&o, m.path, v) // it fits where it came from
		}
	}
	return o
}

// Ours returns the part of a target object that the mapping feeds.
func (p *Program) Ours(values scim.Object) scim.Object {
	if p == nil { // the rules have changed since the row was planned
		return nil
	}
	var o scim.Object
	for _, path := range p.paths {
		v := scim.First(values, path)
		if path.Filter == nil && path.Sub == "" {
			if list := scim.Values(values, path); len(list) > 1 || len(list) == 1 && p.shares(path) {
				v = scim.List(list)
			}
		}
		if v == nil {
			continue
		}
		if err := scim.Assign(&o, path, v); err != nil {
			continue // a value of a shape that the mapping could not have written is not ours
		}
	}
	return o
}

// shares reports whether others give values of the attribute, too: it is a list, however many there are.
func (p *Program) shares(path filter.Path) bool {
	return slices.ContainsFunc(p.shared, func(s filter.Path) bool { return strings.EqualFold(s.String(), path.String()) })
}

// Found is what of an object that is there already counts as written, once it is linked: what the mapping feeds, and of attributes that others
// give values of, too, those that it wants. Who has more keeps it.
func (p *Program) Found(values, want scim.Object) scim.Object {
	o := p.Ours(values)
	if p == nil {
		return o
	}
	for _, path := range p.shared {
		var kept scim.List
		has := scim.Values(o, path)
		for _, v := range scim.Values(want, path) {
			if slices.ContainsFunc(has, func(h any) bool { return sameText(h, v) }) {
				kept = append(kept, v)
			}
		}
		if len(has) == 0 {
			continue
		}
		scim.Remove(&o, path)
		if len(kept) > 0 {
			_ = scim.Assign(&o, path, scim.CloneValue(kept)) // there was a list
		}
	}
	return o
}

// sameText reports whether two values of a list are the same to people: their texts, or those of their sub-attribute value.
func sameText(a, b any) bool {
	text := func(v any) any {
		if o, ok := v.(scim.Object); ok {
			return o.Get("value")
		}
		return v
	}
	a, b = text(a), text(b)
	return a != nil && b != nil && folded(a) == folded(b)
}

// Names returns the paths of the attributes that the mapping feeds, references left out.
func (p *Program) Names() []string {
	if p == nil { // the rules have changed since the row was planned
		return nil
	}
	names := make([]string, len(p.paths))
	for i, path := range p.paths {
		names[i] = path.String()
	}
	return names
}

// References returns the names of the references that the rules bring, in order.
func (p *Program) References() []string {
	if p == nil { // the rules have changed since the row was planned
		return nil
	}
	return slices.Sorted(maps.Keys(p.references))
}

// MatchedBy is the way in which a link by matching values came about, as in Link.Matched.
func (p *Program) MatchedBy() string {
	if p == nil { // the rules have changed since the row was planned
		return ""
	}
	var names []string
	for _, m := range p.mapping.Attributes {
		if m.Match > 0 {
			names = append(names, m.Target)
		}
	}
	return words.MatchedBy(names)
}

// Questions returns the values of the target object by which it can be found.
func (p *Program) Questions(values scim.Object) []Question {
	var all []Question
	for _, m := range p.match {
		all = append(all, questions(m.target, m.path, values)...)
	}
	return all
}

// InScope decides whether the object of the source is to be at the target. Whoever a source brings into the directory always is.
func (p *Program) InScope(o connection.Object, way Direction, policy Policy, now time.Time) rule.Verdict {
	return p.Scope(subject(o, way, policy, now))
}

// subject is the object as the scope is asked for it.
func subject(o connection.Object, way Direction, policy Policy, now time.Time) rule.Subject {
	return rule.Subject{
		ID: o.ID, Values: o.Values, Enabled: o.Enabled, Deleted: o.Deleted, Grants: o.Grants, Now: now,
		Everyone: policy.Everyone || way == Inbound, DefaultRole: policy.DefaultRole, Excluded: policy.exclusion(o.Ref),
	}
}

// Try maps the object as if it were to be created, and nobody had any value that an expression makes up.
func (p *Program) Try(o connection.Object, in bool, now time.Time, random io.Reader) rule.Output {
	return p.Map(rule.Input{
		ID: o.ID, Values: o.Values, Enabled: o.Enabled, Deleted: o.Deleted, InScope: in, Grants: o.Grants, Creating: true, Now: now, Random: random,
		Unique: func(string, string) (bool, error) { return true, nil },
	})
}

// RefusesTwo reports whether the target would refuse a second object of the type with the same matching value.
func (all Programs) RefusesTwo(to connection.System, typ string) bool {
	unique := func(m matching) bool { return containsFold(to.Unique[typ], m.target) }
	for _, p := range all {
		if p.Type == typ && slices.ContainsFunc(p.match, unique) {
			return true
		}
	}
	return false
}

// brings reports whether the rules bring references of the attribute between objects of these types.
func (all Programs) brings(from, attribute, to string) bool {
	p := all[from]
	return p != nil && p.references[attribute] && all[to] != nil
}

// Searchable reports whether the target finds objects of a type by an attribute.
func Searchable(to connection.System, typ, attribute string) bool {
	return containsFold(to.FindBy[typ], attribute)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
