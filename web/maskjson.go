package web

import (
	"bytes"
	"encoding/json"
)

// maxDepth bounds the nesting that json follows.
const maxDepth = 64

// json returns JSON with its secrets masked, fields in their order, without blanks between them. It is false when the text is
// not exactly one JSON value or nests too deeply; when a glance shows that nothing in it can be secret, the text itself comes
// back.
func (m *masker) json(text []byte) ([]byte, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	if m.harmless(text) {
		return text, true
	}
	w := jsonMasker{masker: m, in: text, out: make([]byte, 0, len(text)+64)}
	if !w.value(maxDepth) {
		return nil, false
	}
	return w.out, true
}

// harmless reports that no secret can be in valid JSON, without taking it apart: nothing in it is like a secret's name or like a
// credential, and no escape could hide one.
func (m *masker) harmless(text []byte) bool {
	text = bytes.TrimSpace(text)
	if m.details || len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' || holdsSecretName(text) || holdsCredential(text) {
		return false
	}
	for rest := text; ; {
		quote := bytes.IndexByte(rest, '"')
		if quote < 0 {
			return bytes.IndexByte(rest, '\\') < 0
		}
		part := rest[:quote] // between two quotes: a name, a value, or what stands between them
		if n := len(part); n > 0 && part[n-1] == '\\' {
			part = part[:n-1] // before an escaped quote, as in the version W/"1"
		}
		if bytes.IndexByte(part, '\\') >= 0 || m.exact(part) {
			return false
		}
		rest = rest[quote+1:]
	}
}

// mayHold reports whether a secret may be in a text that is not JSON, or not quite.
func (m *masker) mayHold(text []byte) bool {
	return m.secret(text) || holdsCredential(text) || bytes.IndexByte(text, '\\') >= 0
}

// jsonMasker copies valid JSON from in to out.
type jsonMasker struct {
	*masker
	in  []byte
	at  int
	out []byte
}

// space skips blanks and returns what comes.
func (w *jsonMasker) space() byte {
	for {
		switch c := w.in[w.at]; c {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return c
		}
	}
}

// take copies the next byte.
func (w *jsonMasker) take() {
	w.out = append(w.out, w.in[w.at])
	w.at++
}

// value copies the next value. It is false when that nests deeper than depth.
func (w *jsonMasker) value(depth int) bool {
	if depth == 0 {
		return false
	}
	switch w.space() {
	case '{':
		return w.object(depth)
	case '[':
		return w.list(depth)
	case '"':
		return w.text(depth)
	}
	w.out = append(w.out, w.scalar()...)
	return true
}

// scalar skips a number, true, false or null.
func (w *jsonMasker) scalar() []byte {
	from := w.at
	for w.at < len(w.in) && bytes.IndexByte([]byte(",]} \t\n\r"), w.in[w.at]) < 0 {
		w.at++
	}
	return w.in[from:w.at]
}

// quoted skips a string and returns it with its quotes.
func (w *jsonMasker) quoted() []byte {
	from := w.at
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.in[from:w.at]
}

// unquoted is what a string says.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return quoted
	}
	return []byte(s)
}

func (w *jsonMasker) list(depth int) bool {
	w.take()
	if w.space() == ']' {
		w.take()
		return true
	}
	for {
		if !w.value(depth - 1) {
			return false
		}
		end := w.space() == ']'
		w.take()
		if end {
			return true
		}
	}
}

// object copies an object. A patch operation names the attribute in one field and has its value in another, in any order (RFC
// 7644 §3.5.2), so such values are known only at the end.
func (w *jsonMasker) object(depth int) bool {
	var values [][2]int // where those are in out, from the last
	secretPath := false
	w.take()
	for w.space() != '}' {
		raw := w.quoted()
		name := unquoted(raw)
		w.out = append(w.out, raw...)
		w.space()
		w.take() // the colon
		from := len(w.out)
		switch first := w.space(); {
		case bytes.EqualFold(name, []byte("path")) && first == '"':
			secretPath = w.path() || secretPath
		case bytes.EqualFold(name, []byte("filter")) && first == '"':
			w.filter()
		case w.secret(name) && first != 'n' && first != 't' && first != 'f': // null, true and false say nothing worth hiding
			if !w.hide(depth) {
				return false
			}
		case !w.value(depth - 1):
			return false
		case bytes.EqualFold(name, []byte("value")) && first != 'n' && first != 't' && first != 'f':
			values = append([][2]int{{from, len(w.out)}}, values...)
		}
		if w.space() == ',' {
			w.take()
		}
	}
	w.take()
	if secretPath {
		for _, v := range values {
			w.found = true
			w.out = append(w.out[:v[0]], append([]byte(`"`+Masked+`"`), w.out[v[1]:]...)...)
		}
	}
	return true
}

// hide skips a value and prints Masked.
func (w *jsonMasker) hide(depth int) bool {
	from, found := len(w.out), w.found
	if !w.value(depth - 1) {
		return false
	}
	w.found = found
	w.out = w.out[:from]
	w.mask()
	return true
}

func (w *jsonMasker) mask() {
	w.found = true
	w.out = append(w.out, `"`+Masked+`"`...)
}

// path copies a path and reports whether its value is secret. One with a filter may compare the secret.
func (w *jsonMasker) path() bool {
	raw := w.quoted()
	path := unquoted(raw)
	secret := w.secret(path)
	if secret && compares(path) {
		w.mask()
	} else {
		w.out = append(w.out, raw...)
	}
	return secret
}

// filter copies a filter, unless it compares a secret.
func (w *jsonMasker) filter() {
	raw := w.quoted()
	if w.secret(unquoted(raw)) {
		w.mask()
	} else {
		w.out = append(w.out, raw...)
	}
}

// text copies a string, which some clients put JSON into.
func (w *jsonMasker) text(depth int) bool {
	raw := w.quoted()
	s := unquoted(raw)
	inner := bytes.TrimSpace(s)
	switch {
	case holdsCredential(s) && looksSecret(string(s)):
		w.mask()
		return true
	case len(inner) == 0 || inner[0] != '{' && inner[0] != '[':
	case !json.Valid(inner):
		if w.mayHold(inner) {
			w.mask()
			return true
		}
	default:
		within := jsonMasker{masker: w.masker, in: inner}
		if !within.value(depth - 1) {
			return false
		}
		again, err := json.Marshal(string(within.out))
		w.out = append(w.out, again...)
		return err == nil
	}
	w.out = append(w.out, raw...)
	return true
}
