package rule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lockstep"
)

// MaxEntra is how long a schema may be that is read, in bytes.
const MaxEntra = 8 << 20

// The parts of microsoft.graph.synchronizationSchema that differ from Rules, or that Rules does not know.
type (
	entraSchema struct {
		Rules   []entraRule    `json:"synchronizationRules"`
		Objects []entraMapping `json:"objectMappings"` // of a synchronizationRule alone, and of our own Rules
	}
	entraRule struct {
		Name     string         `json:"name"`
		Priority int            `json:"priority"`
		Source   string         `json:"sourceDirectoryName"`
		Target   string         `json:"targetDirectoryName"`
		Objects  []entraMapping `json:"objectMappings"`
	}
	entraMapping struct {
		ObjectMapping
		Enabled *bool        `json:"enabled"` // absent is true
		Scope   *entraFilter `json:"scope"`
	}
	entraFilter struct {
		Filter
		Input    []FilterGroup `json:"inputFilterGroups"`
		Category []FilterGroup `json:"categoryFilterGroups"`
	}
)

// What a schema may have at most.
const (
	maxEntraObjects  = 20
	maxEntraMappings = 1000
)

// parseEntra reads a schema. What cannot be taken over is named in the problems; whatever is not named means the same here. Expressions
// and filters are not looked at: Compile does that.
func parseEntra(data []byte) (in entraImport) {
	if len(data) > MaxEntra {
		in.problem(fmt.Sprintf("the schema is longer than %d bytes", MaxEntra))
		return in
	}
	var schema entraSchema
	if err := json.Unmarshal(data, &schema); err != nil {
		in.problems = []error{&lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: "this is not the JSON of a provisioning schema", Err: err}}
		return in
	}
	if len(schema.Objects) > 0 {
		schema.Rules = append(schema.Rules, entraRule{Name: "objectMappings", Objects: schema.Objects})
	}
	if len(schema.Rules) == 0 {
		in.problem("there are neither synchronizationRules nor objectMappings in it")
		return in
	}
	slices.SortStableFunc(schema.Rules, func(a, b entraRule) int { return cmp.Compare(a.Priority, b.Priority) })
	in.seen = map[[2]string]bool{}
	first := schema.Rules[0]
	for _, r := range schema.Rules {
		if r.Source != first.Source || r.Target != first.Target {
			in.problem(fmt.Sprintf("rule %q goes from %q to %q, the first from %q to %q: it is left out, make a job of its own for it", r.Name, r.Source, r.Target, first.Source, first.Target))
			continue
		}
		for _, m := range r.Objects {
			if len(in.rules.Objects) >= maxEntraObjects || len(m.Attributes) > maxEntraMappings {
				in.problem(fmt.Sprintf("object mapping %q is left out: there are at most %d, of %d attributes each", m.Name, maxEntraObjects, maxEntraMappings))
				continue
			}
			in.mapping(m)
		}
	}
	if len(in.rules.Objects)+len(in.problems) == 0 {
		in.problem("there is no object mapping in it")
	}
	return in
}

func entraError(detail string) error {
	return &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: detail}
}

type entraImport struct {
	rules    Rules
	problems []error
	seen     map[[2]string]bool // source and target type
	partial  map[int]bool       // objects whose filter has parts that were left out
}

func (in *entraImport) problem(detail string) {
	in.problems = append(in.problems, entraError(detail))
}

// mapping takes over one objectMapping.
func (in *entraImport) mapping(m entraMapping) {
	o := m.ObjectMapping
	o.Enabled = m.Enabled == nil || *m.Enabled
	o.Source, o.Target = typeName(o.Source), typeName(o.Target)
	if o.Source == "" || o.Target == "" {
		in.problem(fmt.Sprintf("object mapping %q has no sourceObjectName or no targetObjectName: it is left out", o.Name))
		return
	}
	key := [2]string{o.Source, o.Target}
	if in.seen[key] {
		in.problem(fmt.Sprintf("object mapping %q is the second from %s to %s: it is left out, one job has one of each", o.Name, o.Source, o.Target))
		return
	}
	in.seen[key] = true
	if m.Scope != nil {
		o.Scope.Groups = m.Scope.Groups
		if len(m.Scope.Input)+len(m.Scope.Category) > 0 {
			if in.partial == nil {
				in.partial = map[int]bool{}
			}
			in.partial[len(in.rules.Objects)] = true
		}
		if len(m.Scope.Input) > 0 {
			in.problem(fmt.Sprintf("object mapping %q has inputFilterGroups, for which there is no counterpart: put their clauses into the scoping filter, whose leavers are disabled", o.Name))
		}
		if len(m.Scope.Category) > 0 {
			in.problem(fmt.Sprintf("object mapping %q has categoryFilterGroups, for which there is no counterpart: put their clauses into the scoping filter", o.Name))
		}
	}
	attributes := o.Attributes
	o.Attributes = make([]Mapping, 0, len(attributes))
	for _, a := range attributes {
		if in.attribute(o.Name, &a) {
			o.Attributes = append(o.Attributes, a)
		}
	}
	in.rules.Objects = append(in.rules.Objects, o)
}

// attribute mends one attributeMapping, and reports whether it is taken over.
func (in *entraImport) attribute(object string, a *Mapping) bool {
	where := fmt.Sprintf("object mapping %q, %s: ", object, a.Target)
	switch a.FlowType {
	case "", Always, ObjectAddOnly, MultiValueAddOnly:
	default:
		in.problem(where + "flowType " + string(a.FlowType) + " is not documented; taken as ObjectAddOnly, which writes least")
		a.FlowType = ObjectAddOnly
	}
	switch a.Behavior {
	case "", FlowWhenChanged, FlowAlways:
	default:
		in.problem(where + "flowBehavior " + string(a.Behavior) + " is not known; taken as FlowWhenChanged")
		a.Behavior = FlowWhenChanged
	}
	a.Match = max(a.Match, 0)
	if a.Source == nil && a.Default == "" {
		in.problem(where + "there is neither a source nor a default, so the mapping did nothing and is left out")
		return false
	}
	if a.Source != nil {
		if _, err := a.Source.text(); err != nil {
			in.problem(where + err.Error() + ": it is left out")
			return false
		}
	}
	return true
}

// typeName is the last part of a name: User for urn:ietf:params:scim:schemas:core:2.0:User. Entra ID names the type of a SCIM
// application by any of its URNs, or simply; and the types of Active Directory and its own in small letters.
func typeName(s string) string {
	s = s[strings.LastIndexByte(s, ':')+1:]
	switch strings.ToLower(s) {
	case "user", "group":
		return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
	}
	return s
}
