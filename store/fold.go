package store

import (
	"lockstep/scim"
	"lockstep/scim/filter"
)

// fold is the form in which values are kept that are compared without regard to case. The databases would fold ASCII only, or by
// their locale.
func fold(s string) string { return filter.Fold(s) }

func folded(values []string) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fold(v)
	}
	return all
}

// document returns the object as it is kept in a column.
func document(o scim.Object) string { return string(scim.AppendJSON(make([]byte, 0, 1024), o)) }

// object is the inverse of document.
func object(doc string) (scim.Object, error) {
	if doc == "" || doc == "{}" {
		return nil, nil
	}
	return scim.DecodeObject([]byte(doc))
}
