package scim

import (
	"iter"

	"lockstep/scim/filter"
)

// Attributes goes through the attributes of the type with their canonical paths: those of the core schema, then those of each
// extension, every complex attribute before its sub-attributes. The attributes must not be changed.
func (t *Type) Attributes() iter.Seq2[filter.Path, *Attribute] {
	return func(yield func(filter.Path, *Attribute) bool) {
		for _, s := range t.schemes {
			list, urn := s.Attributes, s.ID
			if s.core {
				list, urn = append(commonAttributes(s.Schema), list...), ""
			}
			for i := range list {
				a := &list[i]
				if !yield(filter.Path{URN: urn, Attr: a.Name}, a) {
					return
				}
				for j := range a.SubAttributes {
					if !yield(filter.Path{URN: urn, Attr: a.Name, Sub: a.SubAttributes[j].Name}, &a.SubAttributes[j]) {
						return
					}
				}
			}
		}
	}
}
