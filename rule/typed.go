package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// ReadFilter reads clauses as people type them: attribute, operator, values divided by commas. The longest operator that fits counts, so that
// NOT EQUALS is not taken for something else.
func ReadFilter(name string, clauses []string) (Filter, error) {
	var f Filter
	group := FilterGroup{Name: name}
	for _, text := range clauses {
		if strings.EqualFold(strings.TrimSpace(text), "or") {
			if len(group.Clauses) == 0 {
				return f, errors.New("The word or stands between clauses.") //nolint:staticcheck // a sentence for people
			}
			f.Groups = append(f.Groups, group)
			group = FilterGroup{Name: name}
			continue
		}
		clause, err := readClause(text)
		if err != nil {
			return f, err
		}
		group.Clauses = append(group.Clauses, clause)
	}
	if len(group.Clauses) > 0 {
		f.Groups = append(f.Groups, group)
	}
	return f, nil
}

func readClause(text string) (Clause, error) {
	attribute, rest := cutAttribute(strings.TrimSpace(text))
	var best Operator
	length := 0
	for _, op := range Operators() {
		if n := operatorLength(rest, op.Name); n > length {
			best, length = op, n
		}
	}
	if attribute == "" || length == 0 {
		return Clause{}, fmt.Errorf("%q is no clause; write it as: attribute OPERATOR value. Operators: %s.", text, operatorNames())
	}
	clause := Clause{Attribute: attribute, Operator: best.Name}
	value := strings.TrimSpace(rest[length:])
	switch {
	case value == "":
	case best.Several:
		for v := range strings.SplitSeq(value, ",") {
			clause.Operand.Values = append(clause.Operand.Values, strings.TrimSpace(v))
		}
	default:
		clause.Operand.Values = []string{value}
	}
	return clause, nil
}

// cutAttribute cuts at the first blank that is not in the brackets of a path such as addresses[type eq "work"].country.
func cutAttribute(text string) (attribute, rest string) {
	depth := 0
	i := strings.IndexFunc(text, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ' ' && depth <= 0
	})
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// operatorLength is how much of the text the operator takes, in any case, with blanks or underscores; 0 when it is not there.
func operatorLength(text, name string) int {
	norm := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", " ") }
	if !strings.HasPrefix(norm(text), norm(name)) {
		return 0
	}
	if rest := text[len(name):]; rest != "" && rest[0] != ' ' {
		return 0
	}
	return len(name)
}

func operatorNames() string {
	var names []string
	for _, op := range Operators() {
		names = append(names, op.Name)
	}
	return strings.Join(names, ", ")
}

// ReadSource reads where a value comes from. It tells the kind by the first character, as Entra writes them. A bare name is an attribute.
func ReadSource(expression string) *MappingSource {
	e := strings.TrimSpace(expression)
	switch {
	case strings.HasPrefix(e, "[") && strings.HasSuffix(e, "]"):
		return &MappingSource{Type: FromAttribute, Name: e[1 : len(e)-1], Expression: e}
	case strings.HasPrefix(e, `"`):
		return &MappingSource{Type: FromConstant, Name: strings.Trim(e, `"`), Expression: e}
	case strings.Contains(e, "("):
		name, _, _ := strings.Cut(e, "(")
		return &MappingSource{Type: FromFunction, Name: name, Expression: e}
	}
	return &MappingSource{Type: FromAttribute, Name: e, Expression: "[" + e + "]"}
}

// ClearsUsually reports whether a new mapping takes a value away that its source no longer has: that is so unless it has a default, is matched
// by, or writes a reference, which always follows its source.
func ClearsUsually(target string, hasDefault, matches bool) bool {
	name := strings.TrimSuffix(target[strings.LastIndexByte(target, ':')+1:], ".value")
	return !hasDefault && !matches && !slices.Contains([]string{"userName", "active", "manager", "members"}, name)
}

// Of is the place of the mapping to an attribute, -1 when there is none. An attribute of an extension may be named without the URN of
// its schema, as everywhere, unless two of that name are mapped, or one of the core schema has it.
func (o *ObjectMapping) Of(target string) int {
	if i := slices.IndexFunc(o.Attributes, func(a Mapping) bool { return strings.EqualFold(a.Target, target) }); i >= 0 {
		return i
	}
	path, err := filter.ParsePath(target)
	if err != nil || path.Attr == "" {
		return -1
	}
	found := -1
	for i, a := range o.Attributes {
		mapped, err := filter.ParsePath(a.Target)
		if err != nil || (mapped.URN == "") == (path.URN == "") || isCore(path) || isCore(mapped) {
			continue
		}
		mapped.URN = path.URN
		if !strings.EqualFold(mapped.String(), path.String()) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// isCore reports whether a path without a URN names an attribute of the core schemas, which no extension's attribute is.
func isCore(path filter.Path) bool {
	if path.URN != "" {
		return strings.HasPrefix(strings.ToLower(path.URN), coreURN)
	}
	user, ok := userType().Canonical(path)
	group, ok2 := groupType().Canonical(path)
	return ok && user.URN == "" || ok2 && group.URN == ""
}

var (
	userType  = sync.OnceValue(scim.UserType)
	groupType = sync.OnceValue(scim.GroupType)
)

// Spelled returns the rules with the attributes that they write named as the target names them: an attribute of an extension with the
// URN of its schema. What the target does not have stays as it is; Validate tells.
func Spelled(r Rules, s Systems) Rules {
	r.Objects = slices.Clone(r.Objects)
	for i := range r.Objects {
		o := &r.Objects[i]
		target := s.Target[TypeName(o.Target)]
		if target == nil {
			continue
		}
		o.Attributes = slices.Clone(o.Attributes)
		for j := range o.Attributes {
			path, err := filter.ParsePath(o.Attributes[j].Target)
			if err != nil || path.URN != "" || path.Attr == "" {
				continue
			}
			if canonical, known := target.Canonical(path); known && canonical.URN != "" {
				o.Attributes[j].Target = canonical.String()
			}
		}
	}
	return r
}
