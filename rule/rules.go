package rule

import "strings"

// Rules says what a job brings over and how. The JSON is Entra's: names follow microsoft.graph.synchronizationRule and its
// parts, so that a schema exported from Entra reads in; our own additions are optional fields.
type Rules struct {
	Objects []ObjectMapping `json:"objectMappings"`
}

// ObjectMapping joins a type of object of the source to one of the target.
type ObjectMapping struct {
	Name       string    `json:"name"`
	Enabled    bool      `json:"enabled"`
	Source     string    `json:"sourceObjectName"` // resource type: "User", "Group"
	Target     string    `json:"targetObjectName"`
	Flow       Flow      `json:"flowTypes"`
	Scope      Filter    `json:"scope"`
	Attributes []Mapping `json:"attributeMappings"`
}

// Flow is which kinds of action are allowed: "Add", "Update", "Delete", joined by ", ".
type Flow string

// FlowOf allows some kinds of action, of which there must be one: the empty Flow allows all.
func FlowOf(create, update, remove bool) Flow {
	var all []string
	for _, part := range []struct {
		on   bool
		word string
	}{{create, "Add"}, {update, "Update"}, {remove, "Delete"}} {
		if part.on {
			all = append(all, part.word)
		}
	}
	return Flow(strings.Join(all, ", "))
}

// Mapping gives a target attribute its value.
type Mapping struct {
	Target          string         `json:"targetAttributeName"`        // a SCIM path: userName, emails[type eq "work"].value, urn:…:User:department
	Source          *MappingSource `json:"source"`                     // nil: the default alone (Entra's way to store a constant)
	Default         string         `json:"defaultValue,omitempty"`     // when the source is empty, on create
	Match           int            `json:"matchingPriority,omitempty"` // from 1; 0 does not match
	FlowType        FlowType       `json:"flowType,omitempty"`
	Behavior        Behavior       `json:"flowBehavior,omitempty"`
	Clear           bool           `json:"clearWhenEmpty,omitempty"`  // ours: an empty source removes the target's value
	DefaultOnUpdate bool           `json:"defaultOnUpdate,omitempty"` // ours
}

// MappingSource is where a mapping's value comes from.
type MappingSource struct {
	Type       SourceType `json:"type"`
	Name       string     `json:"name,omitempty"`
	Expression string     `json:"expression"` // "[mail]", "\"text\"", or a function
}

// SourceType is the kind of a MappingSource.
type SourceType string

// The kinds of MappingSource.
const (
	FromAttribute SourceType = "Attribute"
	FromConstant  SourceType = "Constant"
	FromFunction  SourceType = "Function"
)

// FlowType says when a mapping flows. "" is Always.
type FlowType string

// When a mapping flows.
const (
	Always            FlowType = "Always"
	ObjectAddOnly     FlowType = "ObjectAddOnly"     // only when the object is created
	MultiValueAddOnly FlowType = "MultiValueAddOnly" // values are added, never taken away
)

// Behavior says whether an unchanged value is sent again. "" is FlowWhenChanged.
type Behavior string

// When a value is sent.
const (
	FlowWhenChanged Behavior = "FlowWhenChanged"
	FlowAlways      Behavior = "FlowAlways"
)

// Filter is a scoping filter: any of the groups, each with all of its clauses. The empty filter lets everybody through.
type Filter struct {
	Groups []FilterGroup `json:"groups"`
}

// FilterGroup is clauses that must all hold.
type FilterGroup struct {
	Name    string   `json:"name,omitempty"`
	Clauses []Clause `json:"clauses"`
}

// Clause is one condition. Apart from IS NULL no clause holds for an attribute without a value, not even NOT EQUALS.
type Clause struct {
	Attribute  string     `json:"sourceOperandName"`
	Operator   string     `json:"operatorName"` // EQUALS, NOT EQUALS, IS TRUE, …: see Operators
	Operand    Operand    `json:"targetOperand"`
	IgnoreCase bool       `json:"ignoreCase,omitempty"` // ours
	Quantifier Quantifier `json:"multivaluedComparisonType,omitempty"`
}

// Operand holds the values that a Clause compares with.
type Operand struct {
	Values []string `json:"values"`
}

// Quantifier says how many of an attribute's values have to fulfil a clause. "" is All for operators with NOT, Any for the rest.
type Quantifier string

// The quantifiers.
const (
	Any Quantifier = "Any"
	All Quantifier = "All"
)
