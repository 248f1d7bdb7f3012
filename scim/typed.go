package scim

import (
	"fmt"
	"strings"

	"lockstep/scim/filter"
)

// AssignText sets an attribute by its path to what a person typed: active is true or false, and everything else is text. Empty text removes the
// attribute.
func AssignText(o *Object, path, text string) error {
	p, err := filter.ParsePath(path)
	if err != nil {
		return fmt.Errorf("%q is no attribute path: %w", path, err)
	}
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
