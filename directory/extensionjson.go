package directory

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"lockstep/scim"
)

// The characteristics that have fixed words (RFC 7643 §7).
var (
	typeWords       = []string{scim.String, scim.Boolean, scim.Decimal, scim.Integer, scim.DateTime, scim.Binary, scim.Reference, scim.Complex}
	mutabilityWords = []string{scim.ReadWrite, scim.ReadOnly, scim.Immutable, scim.WriteOnly}
	returnedWords   = []string{scim.ReturnedDefault, scim.ReturnedAlways, scim.ReturnedRequest, scim.ReturnedNever}
	uniquenessWords = []string{scim.UniqueNone, scim.UniqueServer, scim.UniqueGlobal}
)

// definitions is the resource type of definitions: RFC 7643 §8.7.2 and what is ours.
var definitions = sync.OnceValue(func() *scim.Type {
	word := func(name string, words []string) scim.Attribute {
		return scim.Attribute{Name: name, Closed: true, CanonicalValues: words}
	}
	attribute := []scim.Attribute{
		{Name: "name", Required: true},
		{Name: "description"},
		word("type", typeWords), word("mutability", mutabilityWords),
		word("returned", returnedWords), word("uniqueness", uniquenessWords),
		{Name: "multiValued", Type: scim.Boolean},
		{Name: "required", Type: scim.Boolean},
		{Name: "caseExact", Type: scim.Boolean},
		{Name: "canonicalValues", MultiValued: true},
		{Name: "referenceTypes", MultiValued: true},
		{Name: "filterable", Type: scim.Boolean},
		{Name: "closed", Type: scim.Boolean},
		{Name: "maxLength", Type: scim.Integer},
		{Name: "maxValues", Type: scim.Integer},
	}
	subs := scim.Attribute{Name: "subAttributes", Type: scim.Complex, MultiValued: true, SubAttributes: attribute}
	t, err := scim.NewType(scim.ResourceType{Name: "Schema", Schema: scim.SchemaURN}, &scim.Schema{ID: scim.SchemaURN, Attributes: []scim.Attribute{
		{Name: "id", Required: true},
		{Name: "name"},
		{Name: "description"},
		{Name: "resourceType", Closed: true, CanonicalValues: []string{string(UserKind), string(GroupKind)}},
		{Name: "required", Type: scim.Boolean},
		{Name: "attributes", Type: scim.Complex, MultiValued: true, Required: true, SubAttributes: append(slices.Clip(attribute), subs)},
	}})
	if err != nil {
		panic(err) //nolint:forbidigo // built in, and a test compiles it
	}
	return t
})

// ParseExtension reads a definition: a Schema resource (RFC 7643 §7) with the members resourceType (User when absent) and
// required, and, in attributes, filterable, closed, maxLength and maxValues. Members it does not know are an error, lest a
// misspelt characteristic be lost; meta is ignored. The error has lockstep.CodeInvalid. The result still has to be validated.
func ParseExtension(o scim.Object) (Extension, error) {
	whole := o
	o, err := definitions().Check(o, scim.Mode{RefuseUnknown: true})
	if err != nil {
		return Extension{}, wrongAt(whole, detail(err))
	}
	e := Extension{Kind: Kind(spelled(o.Text("resourceType"), []string{string(UserKind), string(GroupKind)}))}
	e.Schema = scim.Schema{ID: o.Text("id"), Name: o.Text("name"), Description: o.Text("description"), Attributes: parseAttributes(o.Get("attributes"))}
	e.Required, _ = o.Get("required").(bool)
	return e, nil
}

// wrongAt adds to the error of a definition which attribute it is of, if it is of one: the error speaks of members.
func wrongAt(o scim.Object, err error) error {
	list, _ := o.Get("attributes").(scim.List)
	for _, v := range list {
		a, _ := v.(scim.Object)
		one := scim.Object{{Name: "id", Value: "x"}, {Name: "attributes", Value: scim.List{v}}}
		if _, wrong := definitions().Check(one, scim.Mode{RefuseUnknown: true}); wrong != nil && a.Text("name") != "" {
			s, _ := errors.AsType[*scim.Error](wrong) // as Check says
			return invalid("In the definition of %s: %s.", clip(a.Text("name")), s.Detail)
		}
	}
	return err
}

func parseAttributes(v any) []scim.Attribute {
	list, _ := v.(scim.List)
	out := make([]scim.Attribute, 0, len(list))
	for _, v := range list {
		o, _ := v.(scim.Object)
		a := scim.Attribute{
			Name: o.Text("name"), Description: o.Text("description"), Type: spelled(o.Text("type"), typeWords),
			Mutability: spelled(o.Text("mutability"), mutabilityWords), Returned: spelled(o.Text("returned"), returnedWords),
			Uniqueness: spelled(o.Text("uniqueness"), uniquenessWords), CanonicalValues: textsOf(o.Get("canonicalValues")),
			ReferenceTypes: textsOf(o.Get("referenceTypes")), SubAttributes: parseAttributes(o.Get("subAttributes")),
			MultiValued: o.Get("multiValued") == true, Required: o.Get("required") == true, CaseExact: o.Get("caseExact") == true,
			Filterable: o.Get("filterable") == true, Closed: o.Get("closed") == true,
			MaxLength: intOf(o.Get("maxLength")), MaxValues: intOf(o.Get("maxValues")),
		}
		if a.Type == scim.Reference || a.Type == scim.Binary { // RFC 7643 §2.3.6, §2.3.7
			a.CaseExact = true
		}
		out = append(out, a)
	}
	return out
}

// spelled returns the word as it is written in the list, the first one for none.
func spelled(word string, words []string) string {
	for _, w := range words {
		if strings.EqualFold(w, word) {
			return w
		}
	}
	return words[0]
}

func textsOf(v any) []string {
	list, _ := v.(scim.List)
	var out []string
	for _, e := range list {
		s, _ := e.(string)
		out = append(out, s)
	}
	return out
}

// intOf returns a whole number; one that is too large for any use becomes -1, which no limit may be.
func intOf(v any) int {
	n, _ := v.(int64)
	if n < 0 || n > 1<<30 {
		return -1
	}
	return int(n)
}

// Object is the inverse of ParseExtension. Every characteristic of the RFC is there, of ours those that are set.
func (e *Extension) Object() scim.Object {
	o := e.Schema.Object()
	list, _ := o.Get("attributes").(scim.List)
	ours(list, e.Schema.Attributes)
	o.Delete("attributes")
	o = append(o, scim.Attr{Name: "resourceType", Value: string(e.Kind)}, scim.Attr{Name: "required", Value: e.Required})
	return append(o, scim.Attr{Name: "attributes", Value: list})
}

// ours adds our characteristics to the representations of attributes.
func ours(list scim.List, attributes []scim.Attribute) {
	for i := range attributes {
		a := &attributes[i]
		o, _ := list[i].(scim.Object)
		subs, _ := o.Get("subAttributes").(scim.List)
		ours(subs, a.SubAttributes)
		for _, flag := range []struct {
			name string
			set  bool
		}{{"filterable", a.Filterable}, {"closed", a.Closed}} {
			if flag.set {
				o = append(o, scim.Attr{Name: flag.name, Value: true})
			}
		}
		for _, limit := range []struct {
			name string
			n    int
		}{{"maxLength", a.MaxLength}, {"maxValues", a.MaxValues}} {
			if limit.n > 0 {
				o = append(o, scim.Attr{Name: limit.name, Value: int64(limit.n)})
			}
		}
		list[i] = o
	}
}
