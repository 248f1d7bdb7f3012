package scim

import "strings"

// Hidden returns the names, in lower case, of the attributes and sub-attributes whose values must not be shown to anybody: those
// that are write-only or never returned (RFC 7643 §7). The name of a complex one stands for what is in it.
func (t *Type) Hidden() []string {
	var names []string
	for _, s := range t.schemes {
		names = appendHidden(names, s.Attributes)
	}
	return names
}

func appendHidden(names []string, attrs []Attribute) []string {
	for i := range attrs {
		a := &attrs[i]
		if a.Mutability == WriteOnly || a.Returned == ReturnedNever {
			names = append(names, strings.ToLower(a.Name))
			continue
		}
		names = appendHidden(names, a.SubAttributes)
	}
	return names
}
