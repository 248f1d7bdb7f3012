package api

import (
	"encoding/json"
	"sort"
	"strings"

	"lockstep/scim"
)

// Change is one attribute that an action changes.
type Change struct {
	Attribute string `json:"attribute"`
	Before    string `json:"before,omitempty" doc:"Absent when the attribute is new."`
	After     string `json:"after,omitempty" doc:"Absent when the attribute goes."`
}

// changes lists what differs between two images, in the order of the attributes of after, then of what goes.
func changes(before, after scim.Object) []Change {
	was, is := flatten(before), flatten(after)
	out := []Change{}
	for _, a := range is.order {
		if was.text[a] != is.text[a] {
			out = append(out, Change{Attribute: a, Before: was.text[a], After: is.text[a]})
		}
	}
	if len(after) == 0 {
		return out // a disable or delete without an image changes nothing attribute by attribute
	}
	for _, a := range was.order {
		if _, ok := is.text[a]; !ok {
			out = append(out, Change{Attribute: a, Before: was.text[a]})
		}
	}
	return out
}

// flat is an object as text by path: name.givenName, emails[work], phoneNumbers[mobile].
type flat struct {
	order []string
	text  map[string]string
}

func flatten(o scim.Object) flat {
	f := flat{text: map[string]string{}}
	f.object("", o)
	return f
}

func (f *flat) object(prefix string, o scim.Object) {
	for _, a := range o {
		f.value(prefix+shortName(a.Name), a.Value)
	}
}

func (f *flat) value(path string, v any) {
	switch v := v.(type) {
	case scim.Object:
		f.object(path+".", v)
	case scim.List:
		f.list(path, v)
	case string:
		f.add(path, v)
	default:
		text, err := json.Marshal(v)
		if err != nil { // only a NaN, which no source of values makes
			text = []byte("?")
		}
		f.add(path, string(text))
	}
}

// list names elements by their type when they have one and are unambiguous; other lists are one text.
func (f *flat) list(path string, l scim.List) {
	var plain []string
	for _, e := range l {
		o, ok := e.(scim.Object)
		if !ok {
			text, _ := json.Marshal(e) // strings, numbers and booleans always encode
			plain = append(plain, strings.Trim(string(text), `"`))
			continue
		}
		value := o.Text("value")
		if value == "" {
			text, _ := o.MarshalJSON() // never fails
			value = string(text)
		}
		name := path
		if typ := o.Text("type"); typ != "" {
			name += "[" + typ + "]"
		}
		f.add(name, value)
	}
	if len(plain) > 0 {
		sort.Strings(plain) // values have no order (RFC 7643 §2.4)
		f.add(path, strings.Join(plain, ", "))
	}
}

func (f *flat) add(path, text string) {
	if had, ok := f.text[path]; ok {
		f.text[path] = had + ", " + text
		return
	}
	f.order = append(f.order, path)
	f.text[path] = text
}

// shortName is the part of a schema URN that people read.
func shortName(name string) string {
	if strings.HasPrefix(strings.ToLower(name), "urn:") {
		parts := strings.Split(name, ":")
		for _, known := range []string{"enterprise", "cisco"} {
			if strings.Contains(strings.ToLower(name), ":"+known+":") {
				return known
			}
		}
		return parts[len(parts)-1]
	}
	return name
}
