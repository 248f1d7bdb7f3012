package words

import (
	"fmt"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// Change is one attribute before and after, as people read it. "" is no value.
type Change struct {
	Path      string // the attribute's path, as the protocol writes it
	Attribute string // and as people read it
	Before    string
	After     string
	Reference bool // to another object, which is named: it is taken away (Before) or written (After)
}

// Referred is a reference that is written or taken away, as a change: members + “Ada Lindqvist”.
func Referred(attribute, name string, gone bool) Change {
	c := Change{Path: attribute, Attribute: Attribute(attribute), Reference: true}
	if c.After = name; gone {
		c.Before, c.After = name, ""
	}
	return c
}

// Changes lists what an object gains, loses and has otherwise, attribute by attribute. Without an object after the change
// there is nothing to tell: a disable or a delete changes no attribute.
func Changes(before, after scim.Object) []Change {
	if len(after) == 0 {
		return nil
	}
	return Differences(before, after)
}

// Differences lists what differs between two objects, attribute by attribute.
func Differences(before, after scim.Object) []Change {
	var all []Change
	for _, d := range scim.Diff(before, after) {
		all = append(all, Change{Path: d.Path, Attribute: Attribute(d.Path), Before: Value(d.Before), After: Value(d.After)})
	}
	return all
}

// shownValue is how many characters of a value a line shows.
const shownValue = 40

// String is one change in half a line: title “Analyst” → “Senior analyst”.
func (c Change) String() string {
	switch {
	case c.Reference && c.After == "":
		return c.Attribute + " − " + Quote(c.Before)
	case c.Reference:
		return c.Attribute + " + " + Quote(c.After)
	case c.After == "":
		return c.Attribute + " cleared"
	case c.Before == "":
		return fmt.Sprintf("%s set to %s", c.Attribute, Quote(c.After))
	}
	return fmt.Sprintf("%s %s → %s", c.Attribute, Quote(c.Before), Quote(c.After))
}

// Quote is a value between quotation marks, cut where it is longer than a line takes.
func Quote(value string) string { return "“" + Clip(value, shownValue) + "”" }

// Sum is a list of changes in a line, of which the first are told and the others counted.
func Sum(all []Change, most int) string {
	parts := make([]string, 0, most+1)
	for i, c := range all {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(all)-i))
			break
		}
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "; ")
}

// Names lists which attributes change, of which the first are named and the others counted: title, department and 2 more.
func Names(all []Change, most int) string {
	var names []string
	for _, c := range all[:min(len(all), most)] {
		names = append(names, c.Attribute)
	}
	text := strings.Join(names, ", ")
	if n := len(all) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Attribute is a path as people read it: emails[type eq "work"].value is emails[work], and the URN of an extension gives way
// to the name that stands behind it.
func Attribute(path string) string { return filter.Readable(path) }

// Attributes are paths as people read them, one after another.
func Attributes(paths []string) string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = Attribute(path)
	}
	return strings.Join(names, ", ")
}

// Matched is how a link came about, as people read it: matched by userName, employeeNumber.
func Matched(how string) string {
	by, is := strings.CutPrefix(how, matchedBy)
	if !is {
		return how
	}
	return matchedBy + Attributes(strings.Split(by, ", "))
}

const matchedBy = "matched by "

// MatchedBy is what Matched reads, of the paths of attributes.
func MatchedBy(paths []string) string { return matchedBy + strings.Join(paths, ", ") }

// Value is a SCIM value as people read it. Values have the types that package scim lists.
func Value(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case scim.List:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Value(e)
		}
		return strings.Join(parts, ", ")
	case scim.Object:
		if text := v.Text("value"); text != "" {
			return text
		}
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = e.Name + ": " + Value(e.Value)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}
