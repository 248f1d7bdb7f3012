package plan

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/rule"
)

// Configuration is what an administrator decides about what a job does, and what its versions keep: mappings, scoping filters, matching and
// policy. How the outside system is reached, names, and whether plans wait for a review are no part of it.
type Configuration struct {
	Rules  rule.Rules `json:"rules"`
	Policy Policy     `json:"policy"`
}

// hiddenText stands in a version for a text that may be a secret.
const hiddenText = `"[Redact]"`

// Kept returns the configuration as a version keeps it. People who are excluded one by one are left out: that is decided about them, and
// not about the rules. So is every text that a mapping gives to an attribute for secrets, such as a first password for everybody.
func (c Configuration) Kept() Configuration {
	c.Policy.Excluded = nil
	c.Rules.Objects = slices.Clone(c.Rules.Objects)
	for i := range c.Rules.Objects {
		o := &c.Rules.Objects[i]
		o.Attributes = slices.Clone(o.Attributes)
		for j := range o.Attributes {
			o.Attributes[j] = withoutSecret(o.Attributes[j])
		}
	}
	return c
}

// Secretive reports whether a target attribute is one for secrets, by its name: what its mappings say must not be shown.
func Secretive(target string) bool {
	name := strings.ToLower(target[strings.LastIndexAny(target, ":.")+1:])
	return strings.Contains(name, "password") || strings.Contains(name, "secret")
}

// withoutSecret takes the texts out of a mapping to an attribute for secrets. A mapping that only names an attribute has none.
func withoutSecret(a rule.Mapping) rule.Mapping {
	if !Secretive(a.Target) {
		return a
	}
	if a.Default != "" {
		a.Default = hiddenText
	}
	if s := a.Source; s != nil && strings.Contains(s.Text(), `"`) {
		a.Source = &rule.MappingSource{Type: s.Type, Expression: hiddenText}
	}
	return a
}

// hides reports whether withoutSecret has taken something out.
func hides(a rule.Mapping) bool {
	return a.Default == hiddenText || a.Source != nil && a.Source.Expression == hiddenText
}

// Over returns a kept configuration with what it leaves out taken from the one that is in force. A mapping whose text is not there any
// more is left out as well.
func (c Configuration) Over(now Configuration) Configuration {
	c.Policy.Excluded = now.Policy.Excluded
	c.Rules.Objects = slices.Clone(c.Rules.Objects)
	for i := range c.Rules.Objects {
		o := &c.Rules.Objects[i]
		o.Attributes = slices.Clone(o.Attributes)
		o.Attributes = slices.DeleteFunc(o.Attributes, func(a rule.Mapping) bool { return hides(a) && now.mapping(o.Source, a.Target) == nil })
		for j, a := range o.Attributes {
			if hides(a) {
				o.Attributes[j] = *now.mapping(o.Source, a.Target)
			}
		}
	}
	return c
}

// mapping returns the mapping of an attribute, nil when there is none.
func (c *Configuration) mapping(source, target string) *rule.Mapping {
	for i := range c.Rules.Objects {
		o := &c.Rules.Objects[i]
		if j := attributeAt(o.Attributes, target, 1); o.Source == source && j >= 0 {
			return &o.Attributes[j]
		}
	}
	return nil
}

// Field names one thing that a configuration says: "User", "User/scope", "User/attribute/title", "policy/on_leave". The type is the
// source's. Fields are compared, shown and merged one by one.
type Field string

// The parts of a Field: a type or policy, and what of it.
const (
	policyPart    = "policy"
	scopePart     = "scope"
	attributePart = "attribute"
)

// Object returns the type of object whose mapping or filter the field is about; "" is the policy.
func (f Field) Object() string {
	head, _, _ := strings.Cut(string(f), "/")
	if head == policyPart {
		return ""
	}
	head, _, _ = strings.Cut(head, "#")
	return head
}

// Attribute returns the target attribute whose mapping the field is; "" is none.
func (f Field) Attribute() string {
	_, rest, _ := strings.Cut(string(f), "/")
	if name, is := strings.CutPrefix(rest, attributePart+"/"); is && f.Object() != "" {
		name, _, _ = strings.Cut(name, "#")
		return name
	}
	return ""
}

// Scope reports whether the field is a scoping filter.
func (f Field) Scope() bool { return f.Object() != "" && strings.HasSuffix(string(f), "/"+scopePart) }

// Policy returns the name of the policy's member that the field is, as in its JSON; "" is none.
func (f Field) Policy() string {
	name, is := strings.CutPrefix(string(f), policyPart+"/")
	if !is {
		return ""
	}
	return name
}

// header is what an object mapping says beside its filter and its attributes.
type header struct {
	Name    string    `json:"name"`
	Enabled bool      `json:"enabled"`
	Source  string    `json:"source"`
	Target  string    `json:"target"`
	Flow    rule.Flow `json:"flow"`
}

// entry is a field with its value as JSON.
type entry struct {
	field Field
	value string
}

// entries takes a configuration apart, in the order in which it says things. The inverse is put, one by one.
func (c Configuration) entries() ([]entry, error) {
	var all []entry
	add := func(f Field, v any) error {
		text, err := json.Marshal(v)
		all = append(all, entry{f, string(text)})
		return err
	}
	seen := map[string]int{}
	for _, o := range c.Rules.Objects {
		at := numbered(rule.TypeName(o.Source), seen)
		if err := add(Field(at), header{o.Name, o.Enabled, o.Source, o.Target, o.Flow}); err != nil {
			return nil, err
		}
		if err := add(Field(at+"/"+scopePart), usualFilter(o.Scope)); err != nil {
			return nil, err
		}
		targets := map[string]int{}
		for _, a := range o.Attributes {
			if err := add(Field(at+"/"+attributePart+"/"+numbered(a.Target, targets)), usualMapping(a)); err != nil {
				return nil, err
			}
		}
	}
	policy, err := c.Policy.members()
	for _, name := range policyNames(policy) {
		all = append(all, entry{Field(policyPart + "/" + name), string(policy[name])})
	}
	return all, err
}

// numbered tells several of one name apart.
func numbered(name string, seen map[string]int) string {
	key := strings.ToLower(name)
	seen[key]++
	if n := seen[key]; n > 1 {
		return name + "#" + strconv.Itoa(n)
	}
	return name
}

// usualMapping writes what has two spellings in one of them.
func usualMapping(a rule.Mapping) rule.Mapping {
	if a.FlowType == rule.Always {
		a.FlowType = ""
	}
	if a.Behavior == rule.FlowWhenChanged {
		a.Behavior = ""
	}
	if a.Source != nil { // of which the expression alone counts
		a.Source = &rule.MappingSource{Type: a.Source.Type, Expression: a.Source.Text(), Name: a.Source.Name}
	}
	return a
}

func usualFilter(f rule.Filter) rule.Filter {
	if f.Groups == nil {
		f.Groups = []rule.FilterGroup{}
	}
	return f
}

// members returns the policy's members that are set, as JSON; who is excluded is left out.
func (p Policy) members() (map[string]json.RawMessage, error) {
	p.Excluded = nil
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	if string(all["guard"]) == "{}" {
		delete(all, "guard")
	}
	return all, nil
}

func policyNames(m map[string]json.RawMessage) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Difference is a field that two configurations say otherwise, as JSON; "" is that it says nothing of it.
type Difference struct {
	Field    Field
	Was, Now string
}

// Differences returns what becomes otherwise from one configuration to the next, in the order in which the next says it; what it no
// longer says comes last. The order of mappings makes no difference.
func Differences(was, now Configuration) ([]Difference, error) {
	before, err := was.entries()
	if err != nil {
		return nil, err
	}
	after, err := now.entries()
	if err != nil {
		return nil, err
	}
	values := valuesOf(before)
	there := map[Field]bool{}
	var all []Difference
	for _, e := range after {
		key := e.field.key()
		there[key] = true
		if old := values[key]; old != e.value {
			all = append(all, Difference{e.field, old, e.value})
		}
	}
	for _, e := range before {
		if !there[e.field.key()] {
			all = append(all, Difference{e.field, e.value, ""})
		}
	}
	return all, nil
}

// key is the field without regard to case, in which attributes have no difference.
func (f Field) key() Field { return Field(strings.ToLower(string(f))) }

func valuesOf(all []entry) map[Field]string {
	values := make(map[Field]string, len(all))
	for _, e := range all {
		values[e.field.key()] = e.value
	}
	return values
}

// Side says whose value is taken where two people have changed the same field.
type Side string

// The sides of a Conflict.
const (
	Theirs Side = "theirs" // what is in force now
	Yours  Side = "yours"  // what the draft says
)

// Conflict is a field that two people have changed, each in their own way, since the version that both began with.
type Conflict struct {
	Field               Field
	Base, Theirs, Yours string // as JSON; "" is nothing
}

// Merge brings what a draft changes in its base to what has come into force since: fields that only one side has changed are as that
// side says. Where both have, take says whose is taken, and without a word of it the field is a conflict and stays as it is in force.
func Merge(base, theirs, yours Configuration, take map[Field]Side) (Configuration, []Conflict, error) {
	mine, err := Differences(base, yours)
	if err != nil {
		return theirs, nil, err
	}
	other, err := Differences(base, theirs)
	if err != nil {
		return theirs, nil, err
	}
	changed := map[Field]Difference{}
	for _, d := range other {
		changed[d.Field.key()] = d
	}
	out := theirs.clone()
	var conflicts []Conflict
	for _, d := range mine {
		if their, both := changed[d.Field.key()]; both && their.Now != d.Now {
			switch side(take, d.Field) {
			case Theirs:
				continue
			case Yours:
			default:
				conflicts = append(conflicts, Conflict{d.Field, d.Was, their.Now, d.Now})
				continue
			}
		}
		if err := out.put(d.Field, d.Now); err != nil {
			return theirs, nil, err
		}
	}
	return out, conflicts, nil
}

func side(take map[Field]Side, f Field) Side {
	for of, s := range take {
		if of.key() == f.key() {
			return s
		}
	}
	return ""
}

func (c Configuration) clone() Configuration {
	c.Rules.Objects = slices.Clone(c.Rules.Objects)
	for i := range c.Rules.Objects {
		c.Rules.Objects[i].Attributes = slices.Clone(c.Rules.Objects[i].Attributes)
	}
	return c
}

// put makes the configuration say something else of a field, or nothing when the value is "".
func (c *Configuration) put(f Field, value string) error {
	if name := f.Policy(); name != "" {
		return c.Policy.put(name, value)
	}
	head, rest, _ := strings.Cut(string(f), "/")
	i := c.objectAt(head)
	if rest == "" {
		return c.putHeader(i, value)
	}
	if i < 0 {
		if value == "" {
			return nil // the whole mapping has gone already
		}
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The mapping for objects of type " + f.Object() + " has been removed."}
	}
	o := &c.Rules.Objects[i]
	if rest == scopePart {
		o.Scope = rule.Filter{}
		if value == "" {
			return nil
		}
		return json.Unmarshal([]byte(value), &o.Scope)
	}
	name, n := unnumbered(strings.TrimPrefix(rest, attributePart+"/"))
	j := attributeAt(o.Attributes, name, n)
	if value == "" {
		if j >= 0 {
			o.Attributes = slices.Delete(o.Attributes, j, j+1)
		}
		return nil
	}
	var a rule.Mapping
	if err := json.Unmarshal([]byte(value), &a); err != nil {
		return err
	}
	if j < 0 {
		o.Attributes = append(o.Attributes, a)
		return nil
	}
	o.Attributes[j] = a
	return nil
}

func (c *Configuration) putHeader(i int, value string) error {
	if value == "" {
		if i >= 0 {
			c.Rules.Objects = slices.Delete(c.Rules.Objects, i, i+1)
		}
		return nil
	}
	var h header
	if err := json.Unmarshal([]byte(value), &h); err != nil {
		return err
	}
	if i < 0 {
		c.Rules.Objects = append(c.Rules.Objects, rule.ObjectMapping{})
		i = len(c.Rules.Objects) - 1
	}
	o := &c.Rules.Objects[i]
	o.Name, o.Enabled, o.Source, o.Target, o.Flow = h.Name, h.Enabled, h.Source, h.Target, h.Flow
	return nil
}

// put sets a member of the policy by its JSON name.
func (p *Policy) put(name, value string) error {
	all, err := p.members()
	if err != nil {
		return err
	}
	if delete(all, name); value != "" {
		all[name] = json.RawMessage(value)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	next := Policy{}
	if err := json.Unmarshal(text, &next); err != nil {
		return err
	}
	next.Excluded = p.Excluded
	*p = next
	return nil
}

func unnumbered(name string) (string, int) {
	name, number, _ := strings.Cut(name, "#")
	if n, err := strconv.Atoi(number); err == nil {
		return name, n
	}
	return name, 1
}

func (c *Configuration) objectAt(name string) int {
	name, n := unnumbered(name)
	for i, o := range c.Rules.Objects {
		if strings.EqualFold(rule.TypeName(o.Source), name) {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// attributeAt returns where the nth mapping of the attribute stands, less than 0 when there is none.
func attributeAt(all []rule.Mapping, target string, n int) int {
	for i, a := range all {
		if strings.EqualFold(a.Target, target) {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}
