package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// The bounds of what is read.
const (
	MaxMetadata = 1 << 20
	maxMessage  = 64 << 10 // decoded
	maxElements = 10_000
	maxDepth    = 64
)

// Fault is what is wrong with a message. Fix, when it is not empty, says what to do about it.
type Fault struct{ Detail, Fix string }

func (f *Fault) Error() string { return f.Detail }

func fault(format string, args ...any) *Fault { return &Fault{Detail: fmt.Sprintf(format, args...)} }

func fixable(fix, format string, args ...any) *Fault {
	return &Fault{Detail: fmt.Sprintf(format, args...), Fix: fix}
}

// scan reads a document to its end and refuses what could make two readers see two documents. In metadata comments do no harm: nothing there
// is believed because of a signature.
type scan struct {
	comments bool // are passed over
	elements int
	depth    int
	ids      map[string]bool
	local    map[string]int // how often each name is there
}

// look scans a document.
func look(text []byte, comments bool) (*scan, error) {
	s := &scan{comments: comments, ids: map[string]bool{}, local: map[string]int{}}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("it is not UTF-8") }
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault("it is not well-formed XML")
		}
		if err := s.token(t); err != nil {
			return nil, err
		}
	}
	if s.elements == 0 {
		return nil, fault("it is empty")
	}
	return s, nil
}

func (s *scan) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.Directive:
		return fault("it has a document type (DTD)")
	case xml.ProcInst:
		if t.Target != "xml" || s.elements > 0 {
			return fault("it has a processing instruction")
		}
	case xml.Comment:
		if !s.comments {
			return fault("it has a comment")
		}
	case xml.EndElement:
		s.depth--
	case xml.StartElement:
		return s.element(t)
	}
	return nil
}

func (s *scan) element(e xml.StartElement) error {
	if s.depth == 0 && s.elements > 0 {
		return fault("it has two roots")
	}
	s.depth++
	if s.elements++; s.elements > maxElements || s.depth > maxDepth {
		return fault("it has too many elements")
	}
	s.local[e.Name.Local]++
	seen := map[xml.Name]bool{}
	for _, a := range e.Attr {
		if seen[a.Name] {
			return fault("an element has an attribute twice")
		}
		seen[a.Name] = true
		if a.Name.Space != "" || !strings.EqualFold(a.Name.Local, "ID") {
			continue
		}
		if s.ids[a.Value] {
			return fault("it has two elements of one ID")
		}
		s.ids[a.Value] = true
	}
	return nil
}

// document reads what a scan has passed. root is the name that its root must have.
func document(text []byte, space, root string) (*etree.Element, *scan, error) {
	s, err := look(text, false)
	if err != nil {
		return nil, nil, err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil || doc.Root() == nil {
		return nil, nil, fault("it is not well-formed XML")
	}
	if e := doc.Root(); e.Tag != root || e.NamespaceURI() != space {
		return nil, nil, fault("it is not one %s, but %s", root, clean(e.Tag, 60))
	}
	if s.local[root] != 1 {
		return nil, nil, fault("it has %d elements %s", s.local[root], root)
	}
	return doc.Root(), s, nil
}

// child is the one child element of a name, nil when it is absent. Two of a name that may be there once are refused.
func child(e *etree.Element, space, name string) (*etree.Element, error) {
	var found *etree.Element
	for _, c := range e.ChildElements() {
		if c.Tag != name || c.NamespaceURI() != space {
			continue
		}
		if found != nil {
			return nil, fault("%s has two elements %s", e.Tag, name)
		}
		found = c
	}
	return found, nil
}

// textOf is the whole text of an element without elements, without the blanks around it. (Text alone would end at the first comment.)
func textOf(e *etree.Element) (string, error) {
	if e == nil {
		return "", nil
	}
	var text strings.Builder
	for _, t := range e.Child {
		c, is := t.(*etree.CharData)
		if !is {
			return "", fault("%s is not a plain text", e.Tag)
		}
		text.WriteString(c.Data)
	}
	return strings.TrimSpace(text.String()), nil
}

// clean makes a text of others fit for a message: printable, and short.
func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "·"))
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
