package store

import (
	"strings"
	"unicode/utf8"

	"lockstep/scim/filter"
)

// hint returns a text, in lower case, that a document must hold somewhere, in whatever case, for the filter to match; "" when
// there is none. To look for it costs a tenth of decoding the document.
func hint(e filter.Expr) string {
	switch e := e.(type) {
	case filter.And:
		longest := ""
		for _, one := range e {
			if h := hint(one); len(h) > len(longest) {
				longest = h
			}
		}
		return longest
	case filter.Compare:
		want, ok := e.Value.(string)
		if !ok || e.Op.Ordered() || e.Op == filter.Ne || !verbatim(want) {
			return ""
		}
		if _, is := formMoment.text(want); is { // one moment has many forms
			return ""
		}
		switch e.Path.Attr {
		case "id", "meta": // these are not in the document
			return ""
		}
		return strings.ToLower(want)
	case filter.ValuePath:
		return hint(e.Path.Filter)
	}
	return ""
}

// verbatim reports whether JSON has only one way to write the text, apart from case: the letters, digits and signs of names.
func verbatim(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte(" @._+-:", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// mayHold reports whether the document may hold the text, which is in lower case. Beyond ASCII there are other forms of k and s,
// so that such a document always may.
func mayHold(doc []byte, text string) bool {
	if text == "" {
		return true
	}
	first := text[0]
	for i, c := range doc {
		if c >= utf8.RuneSelf {
			return true
		}
		if lower(c) != first || len(doc)-i < len(text) {
			continue
		}
		n := 1
		for n < len(text) && lower(doc[i+n]) == text[n] {
			n++
		}
		if n == len(text) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
