package scim

import (
	"fmt"
	"strings"

	"lockstep/scim/filter"
)

// AssignText sets an attribute by its path to what a person typed: active is true or false, and everything else is text. Empty text removes the
// attribute. One that the object has in an extension, and no other, may be named without the URN of its schema.
func AssignText(o *Object, path, text string) error {
	p, err := filter.ParsePath(path)
	if err != nil {
		return fmt.Errorf("%q is no attribute path: %w", path, err)
	}
	p.URN = within(*o, p)
	switch {
	case strings.EqualFold(path, "active"):
		if text != "true" && text != "false" {
			return fmt.Errorf("%s is true or false", path)
		}
		return Assign(o, p, text == "true")
	case text == "":
		Remove(o, p)
		return nil
	}
	return Assign(o, p, text)
}

// within returns the URN of the extension that has the attribute of a path without one, the path's own URN when none or several have it.
func within(o Object, p filter.Path) string {
	if p.URN != "" || o.Has(p.Attr) {
		return p.URN
	}
	for _, t := range []*Type{UserType(), GroupType()} {
		if core, known := t.Canonical(p); known && core.URN == "" {
			return ""
		}
	}
	urn := ""
	for _, a := range o {
		if ext, ok := a.Value.(Object); ok && strings.Contains(a.Name, ":") && ext.Has(p.Attr) {
			if urn != "" {
				return ""
			}
			urn = a.Name
		}
	}
	return urn
}

// CutAssignment cuts PATH=TEXT at the first = that is not within brackets: emails[type eq "work"].value=x.
func CutAssignment(s string) (path, text string, ok bool) {
	depth := 0
	for i, r := range s {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		case '=':
			if depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}
