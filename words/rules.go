package words

import (
	"strconv"
	"strings"

	"lockstep/rule"
)

// Part is one thing that a mapping says, with its name: source "title".
type Part struct{ Name, Value string }

// MappingParts is a mapping as people read it, part by part, always in the same order.
func MappingParts(m rule.Mapping) []Part {
	from := "constant " + Quote(m.Default)
	if m.Source != nil {
		from = MappingSource(*m.Source)
	}
	match := ""
	if m.Match > 0 {
		match = "number " + strconv.Itoa(m.Match)
	}
	when := ""
	switch {
	case m.FlowType == rule.ObjectAddOnly:
		when = "only when the object is created"
	case m.FlowType == rule.MultiValueAddOnly:
		when = "values are only added"
	case m.Behavior == rule.FlowAlways:
		when = "always sent again"
	}
	empty := "keeps its value"
	switch {
	case m.Clear:
		empty = "is cleared"
	case m.Source == nil || m.Default == "":
	case m.DefaultOnUpdate:
		empty = Quote(m.Default)
	default:
		empty = Quote(m.Default) + " on create"
	}
	return []Part{{"from", from}, {"matching", match}, {"applied", when}, {"without a value it", empty}}
}

// MappingSource is where a mapping's value comes from, as people read it.
func MappingSource(s rule.MappingSource) string {
	e := s.Text()
	if s.Type == rule.FromConstant || strings.HasPrefix(e, `"`) && strings.Count(e, `"`) == 2 {
		return "constant " + Quote(strings.Trim(e, `"`))
	}
	if name, ok := Alone(e); ok {
		return Attribute(name)
	}
	return e
}

// Alone returns the attribute of an expression that is nothing else.
func Alone(e string) (string, bool) {
	e = strings.TrimSpace(e)
	if !strings.HasPrefix(e, "[") || !strings.HasSuffix(e, "]") {
		return "", false
	}
	depth := 0
	for i, c := range e {
		switch c {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 && i < len(e)-1 {
				return "", false
			}
		}
	}
	return e[1 : len(e)-1], true
}

// Filter is a scoping filter in a sentence: country equals DE and active is true, or department equals Sales.
func Filter(f rule.Filter) string {
	operators := map[string]rule.Operator{}
	for _, o := range rule.Operators() {
		operators[o.Name] = o
	}
	var groups []string
	for _, g := range f.Groups {
		var clauses []string
		for _, c := range g.Clauses {
			text := Attribute(c.Attribute) + " " + strings.ToLower(c.Operator)
			if o, known := operators[c.Operator]; known {
				text = Attribute(c.Attribute) + " " + o.Words
			}
			if len(c.Operand.Values) > 0 {
				text += " " + strings.Join(c.Operand.Values, ", ")
			}
			if c.IgnoreCase {
				text += " in any case"
			}
			clauses = append(clauses, text)
		}
		groups = append(groups, strings.Join(clauses, " and "))
	}
	if len(groups) == 0 {
		return "everybody passes"
	}
	return strings.Join(groups, ", or ")
}
