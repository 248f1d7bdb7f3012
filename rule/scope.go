package rule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Subject is an object of the source whose scope is asked for.
type Subject struct {
	ID          string // at the source: the computed attribute objectId
	Values      scim.Object
	Enabled     bool // may sign in
	Deleted     bool // soft-deleted
	Grants      []Grant
	Everyone    bool       // all are in scope, not only assigned ones; always so for a source without assignments
	DefaultRole bool       // holders of only an excluding role are in scope as well
	Excluded    *Exclusion // somebody keeps it out; nil is nobody
	Now         time.Time
}

// The rules of Scope. ruleDisabled, ruleDeleted are those of Decide.
const (
	ruleAssigned   = "assigned"
	ruleEveryone   = "everybody"
	ruleUnassigned = "not assigned"
	ruleExcluded   = "role excluded"
	ruleByHand     = "excluded"
	ruleFilter     = "filter"
)

// Scope tells whether the object is in scope: not deleted, not excluded by somebody, assigned with a role that is provisioned, and let through by the
// scoping filter.
func (p *Program) Scope(s Subject) Verdict {
	if s.Deleted {
		return Verdict{Reason: Reason{Rule: ruleDeleted}}
	}
	if e := s.Excluded; e != nil && e.Counts(s.Now) {
		return Verdict{Reason: Reason{Rule: ruleByHand, Clause: e.clause()}, Recheck: e.Until}
	}
	v := assigned(s)
	if v.In {
		p.filter(s, &v)
	}
	if v.In && !s.Enabled {
		v.Reason = Reason{Rule: ruleDisabled, Clause: v.Reason.clause(), Values: v.Reason.Values}
	}
	return v
}

// assigned looks at the grants alone. Of several it names the most direct one.
func assigned(s Subject) Verdict {
	if s.Everyone {
		return Verdict{In: true, Reason: Reason{Rule: ruleEveryone}}
	}
	best := -1
	for i, g := range s.Grants {
		if g.Exclude && !s.DefaultRole {
			continue
		}
		if best < 0 || len(g.Path) < len(s.Grants[best].Path) {
			best = i
		}
	}
	switch {
	case best >= 0:
		return Verdict{In: true, Reason: Reason{Rule: ruleAssigned, Clause: s.Grants[best].words()}}
	case len(s.Grants) == 0:
		return Verdict{Reason: Reason{Rule: ruleUnassigned}}
	}
	return Verdict{Reason: Reason{Rule: ruleExcluded, Clause: s.Grants[0].Role}}
}

// words is the clause of a grant.
func (g Grant) words() string {
	words := "directly"
	if len(g.Path) > 0 {
		words = "through group " + strings.Join(g.Path, " › ")
	}
	if g.Role != "" {
		words += " as " + g.Role
	}
	return words
}

// filterGroup is a FilterGroup ready for use.
type filterGroup struct {
	name    string
	clauses []clause
}

// clause is a Clause ready for use.
type clause struct {
	reader  *reader
	test    test
	all     bool
	onEmpty bool
	member  bool   // IsMemberOf: names and ids of groups
	words   string // "country equals DE"
}

// filter takes v back when no group lets the object through, and names the clause at which it came nearest to passing: the one
// that failed last in any group.
func (p *Program) filter(s Subject, v *Verdict) {
	if len(p.groups) == 0 {
		return
	}
	var failed nearest
	state := status{id: s.ID, deleted: !s.Enabled, disabled: !s.Enabled, grants: s.Grants}
	passed := false
	for i := range p.groups {
		g := &p.groups[i]
		n, saw, ok := g.pass(s, state, v)
		if ok {
			passed = true
			break
		}
		if failed.group == nil || n > failed.clause {
			failed = nearest{g, n, saw}
		}
	}
	if passed {
		v.Code = ""
		return
	}
	v.In = false
	v.Reason = failed.reason(len(p.groups))
}

// nearest is the clause that comes closest to letting an object through.
type nearest struct {
	group  *filterGroup
	clause int
	saw    expr.Value
}

func (n nearest) reason(groups int) Reason {
	c := &n.group.clauses[n.clause]
	where := "filter"
	if n.group.name != "" {
		where += " “" + n.group.name + "”"
	}
	if groups > 1 {
		where = "nearest " + where
	}
	if len(n.group.clauses) > 1 {
		where += ", clause " + strconv.Itoa(n.clause+1)
	}
	values := make([]string, len(n.saw))
	for i, s := range n.saw {
		values[i] = filter.Readable(c.reader.name) + "=" + s
	}
	return Reason{Rule: ruleFilter, Clause: where + ": " + c.words, Values: values}
}

// pass tests the clauses in order. It returns the first that fails with the values that it saw.
func (g *filterGroup) pass(s Subject, state status, v *Verdict) (failed int, saw expr.Value, ok bool) {
	for i := range g.clauses {
		c := &g.clauses[i]
		values := c.values(s.Values, state)
		o := c.holds(values, s.Now)
		if o.err != nil && v.Code == "" {
			v.Code = lockstep.CodeOf(o.err)
		}
		if !o.change.IsZero() && (v.Recheck.IsZero() || o.change.Before(v.Recheck)) {
			v.Recheck = o.change
		}
		if !o.ok {
			return i, values, false
		}
	}
	return 0, nil, true
}

func (c *clause) values(o scim.Object, state status) expr.Value {
	var space scim.List
	list := c.reader.read(space, o, state)
	if !c.member {
		return appendTexts(nil, list)
	}
	var names expr.Value
	for _, v := range list {
		if g, ok := v.(scim.Object); ok && g.Text("display") != "" {
			names = append(names, g.Text("display"))
		}
	}
	return append(names, appendTexts(nil, list)...)
}

// holds tests the values: one must fulfil the clause, or all.
func (c *clause) holds(values expr.Value, now time.Time) outcome {
	if empty(values) {
		return yes(c.onEmpty)
	}
	sum := outcome{ok: c.all}
	for _, s := range values {
		if s == "" {
			continue
		}
		o := c.test(s, now)
		if o.err != nil {
			return o
		}
		if !o.change.IsZero() && (sum.change.IsZero() || o.change.Before(sum.change)) {
			sum.change = o.change
		}
		if o.ok != c.all {
			sum.ok = o.ok
		}
	}
	return sum
}

// compileFilter prepares the groups. Every clause that cannot be read is a problem of its own.
func compileFilter(f Filter, options Options) (groups []filterGroup, problems []error) {
	for i, g := range f.Groups {
		name := g.Name
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		if len(g.Clauses) == 0 {
			problems = append(problems, scopeError(fmt.Sprintf("filter “%s” has no clause, which would let everybody through", name)))
		}
		ready := filterGroup{name: g.Name}
		for j, c := range g.Clauses {
			cl, err := compileClause(c, options)
			if err != nil {
				problems = append(problems, inClause(i, name, j, err))
				continue
			}
			ready.clauses = append(ready.clauses, cl)
		}
		groups = append(groups, ready)
	}
	return groups, problems
}

// inClause is a problem of a clause. Its field is which one, both counted from 1: filter 1 clause 2.
func inClause(group int, name string, n int, err error) error {
	code, detail := lockstep.CodeScopeSyntax, err.Error()
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		code, detail = e.Code, e.Detail
	}
	return &lockstep.Error{Code: code, Field: fmt.Sprintf("filter %d clause %d", group+1, n+1), Detail: fmt.Sprintf("filter “%s”, clause %d: %s", name, n+1, detail)}
}

func compileClause(c Clause, options Options) (clause, error) {
	op, err := findOperator(c.Operator)
	if err != nil {
		return clause{}, err
	}
	member := op.Name == "IsMemberOf"
	if c.Attribute == "" && member {
		c.Attribute = "groups"
	}
	r, known, err := newReader(c.Attribute, options.Source)
	if err != nil {
		return clause{}, err
	}
	if !known {
		return clause{}, unknownAttribute("the source", c.Attribute, options.Source)
	}
	words := filter.Readable(c.Attribute) + " " + op.Words
	switch n := len(c.Operand.Values); {
	case op.Unary:
	case n == 0:
		return clause{}, scopeError(op.Name + " needs a value to compare with")
	case n > 1 && !op.Several:
		return clause{}, scopeError(op.Name + " takes one value; for several use IN")
	default:
		words += " " + strings.Join(c.Operand.Values, ", ")
		if c.IgnoreCase {
			words += " in any case"
		}
	}
	if c.Quantifier != "" && c.Quantifier != Any && c.Quantifier != All {
		return clause{}, scopeError("multivaluedComparisonType is Any or All, not " + strconv.Quote(string(c.Quantifier)))
	}
	t, err := op.prepare(c)
	if err != nil {
		return clause{}, err
	}
	all := c.Quantifier == All || c.Quantifier == "" && op.Negative
	return clause{reader: r, test: t, all: all, onEmpty: op.onEmpty, member: member, words: words}, nil
}
