package console_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// element is an element of a page, with the text of everything in it.
type element struct {
	tag    string
	attr   map[string]string
	text   string
	within []*element // outermost first
}

func (e *element) inside(tag string) bool {
	for _, p := range e.within {
		if p.tag == tag {
			return true
		}
	}
	return false
}

// name is the accessible name, as far as our pages make use of the ways to give one.
func (e *element) name() string {
	if label := e.attr["aria-label"]; label != "" {
		return label
	}
	return e.text
}

// elements reads a page. The standard library's reader of XML takes HTML when it is told to.
func (a *answer) elements() []*element {
	a.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(a.body, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all, open []*element
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			a.Fatalf("%s: %v\n%s", a.what, err, a.body)
		}
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{tag: t.Name.Local, attr: map[string]string{}, within: append([]*element(nil), open...)}
			for _, at := range t.Attr {
				name := at.Name.Local
				if at.Name.Space != "" {
					name = at.Name.Space + ":" + name
				}
				e.attr[name] = at.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(t)
			}
		}
	}
	for _, e := range all {
		e.text = strings.Join(strings.Fields(e.text), " ")
	}
	return all
}

// find returns the elements of a tag, or of a role, whose text or name contains the words.
func (a *answer) find(tag, words string) []*element {
	a.Helper()
	var found []*element
	for _, e := range a.elements() {
		if (e.tag == tag || e.attr["role"] == tag) && (strings.Contains(e.text, words) || strings.Contains(e.name(), words)) {
			found = append(found, e)
		}
	}
	return found
}

// has wants such an element, and returns the first.
func (a *answer) has(tag, words string) *element {
	a.Helper()
	found := a.find(tag, words)
	if len(found) == 0 {
		a.Fatalf("%s: no %s says %q\n%s", a.what, tag, words, a.says())
	}
	return found[0]
}

func (a *answer) hasNot(tag, words string) {
	a.Helper()
	if len(a.find(tag, words)) > 0 {
		a.Errorf("%s: a %s says %q", a.what, tag, words)
	}
}

// says is the text of the page, for messages.
func (a *answer) says() string {
	a.Helper()
	for _, e := range a.elements() {
		if e.tag == "main" {
			return e.text
		}
	}
	return a.body
}
