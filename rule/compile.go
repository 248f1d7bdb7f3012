package rule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Options is what Compile knows of the two systems beside the target's type. The zero value knows nothing and checks less.
type Options struct {
	Source     *scim.Type // nil: the source has no schema, every attribute may be there
	Searchable []string   // paths by which the target can search; nil is not checked
	References []string   // attributes that are references; nil is manager and members

	DefaultDomain string // what DefaultDomain() gives
}

// Program is an ObjectMapping ready for use: Scope tells who is in scope, Map what they look like at the target. It never
// changes, so any number of goroutines may use it at once.
type Program struct {
	rows       []row
	match      []int // of rows, in order of priority
	groups     []filterGroup
	sources    []*reader // what mappings read
	required   []*reader
	references []string
	attributes []string
	redacted   []string
	always     []filter.Path
	blocks     bool
}

// Compile prepares a mapping for a type of the target, which may be nil. It returns all problems that it finds, each a
// *lockstep.Error: a Program whose rules have problems leaves those rules out and must not be used to change anything.
func Compile(m ObjectMapping, target *scim.Type, options Options) (*Program, []error) {
	c := compiler{target: target, options: options, seen: map[string]bool{}}
	if c.options.References == nil {
		c.options.References = []string{"manager", "members"}
	}
	for _, a := range m.Attributes {
		c.mapping(a)
	}
	c.finish()
	groups, problems := compileFilter(m.Scope, options)
	c.p.groups = groups
	for _, g := range groups {
		for i := range g.clauses {
			c.reads(g.clauses[i].reader)
		}
	}
	slices.Sort(c.p.attributes)
	c.p.attributes = slices.Compact(c.p.attributes)
	return &c.p, append(c.problems, problems...)
}

// Attributes returns the source attributes that the mappings and the scoping filter read, as paths, sorted. Attributes that
// are computed from an object's state are not among them.
func (p *Program) Attributes() []string { return p.attributes }

// References returns the target attributes whose references flow: "manager", "members".
func (p *Program) References() []string { return p.references }

// Blocks reports whether a mapping reads IsSoftDeleted, so that disabling an object changes what is written.
func (p *Program) Blocks() bool { return p.blocks }

// Known returns what to compare Want with: what was written, without the attributes whose mapping is FlowAlways. The difference
// between the two is what to send.
func (p *Program) Known(written scim.Object) scim.Object {
	if len(p.always) == 0 {
		return written
	}
	known := written.Clone()
	for _, path := range p.always {
		scim.Remove(&known, path)
	}
	return known
}

// Clears returns the mapped target paths that have a value in before and none in want: what the guard counts as Clear.
func (p *Program) Clears(before, want scim.Object) []string {
	var cleared []string
	for i := range p.rows {
		r := &p.rows[i]
		if !blank(r.target.stored(nil, before)) && blank(r.target.stored(nil, want)) {
			cleared = append(cleared, r.name)
		}
	}
	return cleared
}

type compiler struct {
	p        Program
	target   *scim.Type
	options  Options
	seen     map[string]bool // canonical target paths, in lower case
	problems []error
}

func (c *compiler) problem(code lockstep.Code, detail string) {
	c.problems = append(c.problems, &lockstep.Error{Code: code, Detail: detail})
}

// reads notes that the program reads the attribute.
func (c *compiler) reads(r *reader) {
	if r.computed == stored {
		c.p.attributes = append(c.p.attributes, r.path.String())
	}
}

// about says of the problems from the nth on which part of a mapping they are about, unless they say it themselves.
func (c *compiler) about(part string, m Mapping, n int) {
	for i, err := range c.problems[n:] {
		if e, ok := err.(*lockstep.Error); ok && e.Field == "" { //nolint:errorlint // it is replaced, not looked through
			named := *e
			named.Field = part + " " + m.Target
			c.problems[n+i] = &named
		}
	}
}

// mapping compiles one Mapping. The field of a problem is the part that it is about (target, source, default, empty,
// match), and the target.
func (c *compiler) mapping(m Mapping) {
	n := len(c.problems)
	defer func() { c.about("target", m, n) }()
	path, attribute, ok := c.targetPath(m)
	if !ok {
		return
	}
	if reference, ok := c.reference(path); ok {
		c.refers(m, reference)
		return
	}
	r := row{Mapping: m, name: path.String(), path: path}
	if err := r.aim(c.target, attribute); err != nil {
		c.problem(lockstep.CodeMapInvalid, err.Error())
		return
	}
	if err := r.falls(); err != nil {
		c.problem(lockstep.CodeMapInvalid, err.Error())
		c.about("default", m, n)
		return
	}
	if r.Clear && attribute != nil && attribute.Required {
		c.problem(lockstep.CodeMapRequired, r.name+" is required by the target and cannot be cleared")
		c.about("empty", m, n)
	}
	switch r.FlowType {
	case "", Always, ObjectAddOnly, MultiValueAddOnly:
	default:
		c.problem(lockstep.CodeMapSyntax, fmt.Sprintf("%s: no flowType %q; there are Always, ObjectAddOnly and MultiValueAddOnly", r.name, r.FlowType))
	}
	before := len(c.problems)
	sound := c.source(&r)
	c.about("source", m, before)
	if sound {
		before = len(c.problems)
		c.add(r, attribute)
		c.about("match", m, before)
	}
}

// targetPath reads the target of the mapping and spells it as the target does.
func (c *compiler) targetPath(m Mapping) (path filter.Path, attribute *scim.Attribute, ok bool) {
	path, err := filter.ParsePath(m.Target)
	if err != nil || path.Attr == "" && c.target == nil {
		detail := "it names no attribute"
		if err != nil {
			detail = err.Error()
		}
		c.problem(lockstep.CodeMapSyntax, fmt.Sprintf("target attribute %q: %s", m.Target, detail))
		return path, nil, false
	}
	if c.target != nil {
		canonical, _ := c.target.Canonical(path)
		if attribute, ok = c.target.Attribute(path); !ok {
			c.problems = append(c.problems, unknownAttribute("the target", m.Target, c.target))
			return path, nil, false
		}
		path = canonical
	}
	key := strings.ToLower(path.String())
	if c.seen[key] {
		c.problem(lockstep.CodeMapSyntax, "two mappings for "+path.String()+": keep one")
		return path, nil, false
	}
	c.seen[key] = true
	return path, attribute, true
}

func (c *compiler) reference(path filter.Path) (string, bool) {
	for _, name := range c.options.References {
		if strings.EqualFold(path.Attr, name) {
			return name, true
		}
	}
	return "", false
}

// refers notes that a reference flows. The engine follows the edges; the source is only checked for being there.
func (c *compiler) refers(m Mapping, reference string) {
	if m.Match > 0 {
		c.problem(lockstep.CodeMapSyntax, "a reference cannot be matched by: "+m.Target)
		c.about("match", m, len(c.problems)-1)
	}
	if !slices.Contains(c.p.references, reference) {
		c.p.references = append(c.p.references, reference)
	}
}

// source compiles where the row's value comes from.
func (c *compiler) source(r *row) bool {
	if r.Source == nil {
		return true
	}
	text, err := r.Source.text()
	if err == nil {
		r.program, err = expr.Compile(text)
	}
	if err != nil {
		c.problems = append(c.problems, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: "the source of " + r.name + ": " + plain(err)})
		return false
	}
	for _, name := range r.program.Attributes() {
		in, known, err := newReader(name, c.options.Source)
		if err != nil {
			c.problems = append(c.problems, err)
			return false
		}
		if !known {
			c.problems = append(c.problems, unknownAttribute("the source", name, c.options.Source))
			return false
		}
		c.reads(in)
		c.p.blocks = c.p.blocks || in.computed == isSoftDeleted
		r.inputs = append(r.inputs, in)
	}
	if !c.callable(r) {
		return false
	}
	r.lasts = len(r.inputs) > 0 && !slices.ContainsFunc(r.inputs, func(in *reader) bool { return in.computed != isSoftDeleted })
	if err := r.simplify(); err != nil {
		c.problem(lockstep.CodeMapInvalid, r.name+" "+err.Error())
		return false
	}
	c.p.sources = append(c.p.sources, r.inputs...)
	return true
}

// callable refuses functions that cannot work where the row has them: they would give nothing, or fail for each object.
func (c *compiler) callable(r *row) bool {
	switch {
	case r.program.Calls("DefaultDomain") && c.options.DefaultDomain == "":
		c.problem(lockstep.CodeMapInvalid, r.name+": DefaultDomain() has no value here, since the tenant has no default domain; write the domain as a text, such as \"acme.example\"")
	case r.program.Calls("SelectUniqueValue") && !c.searchable(r.name):
		c.problem(lockstep.CodeMapInvalid, r.name+": SelectUniqueValue has to ask the target who has a value, and it cannot search by "+r.name+"; it can by "+strings.Join(c.options.Searchable, ", "))
	case r.program.Calls("SelectUniqueValue") && r.multi:
		c.problem(lockstep.CodeMapInvalid, r.name+": SelectUniqueValue is for an attribute with a single value")
	default:
		return true
	}
	return false
}

// searchable reports whether the target can search by the path, or whether that is not known.
func (c *compiler) searchable(name string) bool {
	found := c.options.Searchable == nil
	for _, s := range c.options.Searchable {
		p, err := filter.ParsePath(s)
		if err != nil {
			continue
		}
		if c.target != nil {
			p, _ = c.target.Canonical(p)
		}
		found = found || strings.EqualFold(p.String(), name)
	}
	return found
}

// add keeps a row.
func (c *compiler) add(r row, attribute *scim.Attribute) {
	if r.Match > 0 {
		c.matching(r)
		c.p.match = append(c.p.match, len(c.p.rows))
	}
	if r.secret(attribute) {
		c.p.redacted = append(c.p.redacted, r.name)
	}
	if r.Behavior == FlowAlways {
		c.p.always = append(c.p.always, r.path)
	}
	c.p.rows = append(c.p.rows, r)
}

// matching checks that objects can be found by the row's target.
func (c *compiler) matching(r row) {
	switch {
	case !c.searchable(r.name):
		c.problem(lockstep.CodeMapInvalid, "the target cannot search by "+r.name+", so it cannot be matched by; it can by "+strings.Join(c.options.Searchable, ", "))
	case r.volatile():
		c.problem(lockstep.CodeMapSyntax, r.name+" is matched by, so its value must not change from one evaluation to the next")
	case r.multi:
		c.problem(lockstep.CodeMapInvalid, r.name+" has several values and cannot be matched by")
	}
}

// finish checks what concerns the mappings together.
func (c *compiler) finish() {
	if len(c.p.match) == 0 && len(c.problems) == 0 {
		c.problem(lockstep.CodeMapSyntax, "no mapping has a matchingPriority, so no object of the target could be recognised")
	}
	slices.SortStableFunc(c.p.match, func(a, b int) int { return cmp.Compare(c.p.rows[a].Match, c.p.rows[b].Match) })
	if c.target == nil {
		return
	}
	for path, a := range c.target.Attributes() {
		if !a.Required || path.URN != "" || path.Sub != "" || a.Mutability == scim.ReadOnly {
			continue
		}
		r, _, err := newReader(path.String(), nil)
		if err != nil {
			continue
		}
		c.p.required = append(c.p.required, r)
		if len(c.problems) == 0 && !c.feeds(path) {
			c.problem(lockstep.CodeMapRequired, "no mapping gives the target "+path.String()+", which it requires")
		}
	}
}

func (c *compiler) feeds(path filter.Path) bool {
	for i := range c.p.rows {
		if c.p.rows[i].path.URN == path.URN && c.p.rows[i].path.Attr == path.Attr {
			return true
		}
	}
	return slices.Contains(c.p.references, path.Attr)
}

// text returns the expression of the source.
func (s *MappingSource) text() (string, error) {
	if text := s.Text(); text != "" {
		return text, nil
	}
	return "", errors.New("there is no expression")
}

// Text is the expression of the source, "" when there is none. A schema of Microsoft Entra may leave the expression out and
// name the attribute or the constant alone: whoever shows or compares a source asks for its text, not for the field.
func (s *MappingSource) Text() string {
	text := strings.TrimSpace(s.Expression)
	switch {
	case s.Type == FromConstant && !strings.HasPrefix(text, `"`):
		if text == "" {
			text = s.Name
		}
		return quote(text)
	case text == "" && s.Type == FromAttribute && s.Name != "":
		return "[" + s.Name + "]"
	}
	return text
}

// quote writes text as expressions do.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// plain is the error's text without code.
func plain(err error) string {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		return e.Error()
	}
	return err.Error()
}

// unknownAttribute is the problem of a name that the type does not have, with the name that was probably meant.
func unknownAttribute(where, name string, t *scim.Type) error {
	var names []string
	for path := range t.Attributes() {
		names = append(names, path.String())
	}
	return &lockstep.Error{Code: lockstep.CodeMapUnknown, Detail: where + " has no attribute " + strconv.Quote(name) + didYouMean(name, names)}
}
