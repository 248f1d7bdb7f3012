package expr

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// wordText and wordBinary are the two bare words of the grammar.
const (
	wordText   = "vbTextCompare"
	wordBinary = "vbBinaryCompare"
)

func appendText(st *state, a []val) (val, error) {
	if err := st.room(len(a[0].text) + len(a[1].text)); err != nil {
		return null, err
	}
	return text(a[0].text + a[1].text), nil
}

func prependText(st *state, a []val) (val, error) {
	if !a[1].set {
		return null, nil
	}
	if err := st.room(len(a[0].text) + len(a[1].text)); err != nil {
		return null, err
	}
	return text(a[0].text + a[1].text), nil
}

func toBase64(st *state, a []val) (val, error) {
	units := utf16.Encode([]rune(a[0].text))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = append(raw, byte(u), byte(u>>8))
	}
	return text(base64.StdEncoding.EncodeToString(raw)), nil
}

func toUTF8Hex(st *state, a []val) (val, error) {
	const digits = "0123456789ABCDEF"
	s := a[0].text
	out := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		out = append(out, digits[s[i]>>4], digits[s[i]&15])
	}
	return text(string(out)), nil
}

// argument reads an integer argument.
func argument(st *state, v val, name string) (int, error) {
	n, ok := whole(v.text)
	if !ok {
		return 0, failf("%s must be a whole number, not %s", name, st.quote(v.text))
	}
	return int(max(min(n, 1<<30), -1<<30)), nil
}

// cut returns the characters of s from start on, from 0, at most count; both are not negative.
func cut(s string, start, count int) string {
	from := offset(s, start)
	return s[from : from+offset(s[from:], count)]
}

// offset is the byte position of the n-th character of s, or its length.
func offset(s string, n int) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return i
}

func left(st *state, a []val) (val, error) {
	n, err := argument(st, a[1], "count")
	if err != nil || n < 0 {
		return a[0], err
	}
	return text(cut(a[0].text, 0, n)), nil
}

func right(st *state, a []val) (val, error) {
	n, err := argument(st, a[1], "count")
	if err != nil || n < 0 {
		return a[0], err
	}
	length := utf8.RuneCountInString(a[0].text)
	return text(cut(a[0].text, max(length-n, 0), length)), nil
}

func mid(st *state, a []val) (val, error) {
	start, err := argument(st, a[1], "start")
	if err != nil {
		return null, err
	}
	count, err := argument(st, a[2], "length")
	switch {
	case err != nil:
		return null, err
	case start < 1:
		return null, failf("start counts from 1, found %d", start)
	case count < 0:
		return null, failf("length must not be negative, found %d", count)
	}
	return text(cut(a[0].text, start-1, count)), nil
}

func length(st *state, a []val) (val, error) {
	return integer(int64(utf8.RuneCountInString(a[0].text))), nil
}

func trim(st *state, a []val) (val, error) { return text(strings.TrimSpace(a[0].text)), nil }

func stripSpaces(st *state, a []val) (val, error) {
	return text(strings.ReplaceAll(a[0].text, " ", "")), nil
}

// insensitive reads the argument compareType, which may be absent.
func insensitive(st *state, a []val, i int) (bool, error) {
	if i >= len(a) || !a[i].set {
		return false, nil
	}
	switch a[i].text {
	case wordText, "1":
		return true, nil
	case wordBinary, "0":
		return false, nil
	}
	return false, failf("compareType must be %s or %s, not %s", wordText, wordBinary, st.quote(a[i].text))
}

func inStr(st *state, a []val) (val, error) {
	start := 1
	var err error
	if len(a) > 2 && a[2].set {
		if start, err = argument(st, a[2], "start"); err != nil {
			return null, err
		}
	}
	if start < 1 {
		return null, failf("start counts from 1, found %d", start)
	}
	hay, needle := a[0].text, a[1].text
	fold, err := insensitive(st, a, 3)
	if err != nil {
		return null, err
	}
	if fold { // rune by rune, so that positions stay those of the source
		hay, needle = strings.Map(foldRune, hay), strings.Map(foldRune, needle)
	}
	from := offset(hay, start-1)
	i := strings.Index(hay[from:], needle)
	if i < 0 || start > 1+utf8.RuneCountInString(hay) {
		return integer(0), nil
	}
	return integer(int64(utf8.RuneCountInString(hay[:from+i]) + 1)), nil
}

func foldRune(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// finder makes Contains, StartsWith and EndsWith: True when any value matches.
func finder(matches func(s, part string) bool) func(*state, []val) (val, error) {
	return func(st *state, a []val) (val, error) {
		fold, err := insensitive(st, a, 2)
		if err != nil {
			return null, err
		}
		part := a[1].text
		if fold {
			part = strings.Map(foldRune, part)
		}
		for i := range a[0].count() {
			s := a[0].at(i)
			if fold {
				s = strings.Map(foldRune, s)
			}
			if err := st.charge(len(part)); err != nil {
				return null, err
			}
			if matches(s, part) {
				return boolean(true), nil
			}
		}
		return boolean(false), nil
	}
}

// turkic reports whether a culture has the dotless i, the only rule of casing that .NET's simple mappings make depend on it.
func turkic(st *state, a []val) (bool, error) {
	if len(a) < 2 || a[1].text == "" {
		return false, nil
	}
	if len(a[1].text) > 64 {
		return false, failf("%s is not a culture such as de-DE", st.quote(a[1].text))
	}
	tag, err := language.Parse(a[1].text)
	if err != nil {
		return false, failf("%s is not a culture such as de-DE", st.quote(a[1].text))
	}
	base, _ := tag.Base()
	return base.String() == "tr" || base.String() == "az", nil
}

func toLower(st *state, a []val) (val, error) {
	tr, err := turkic(st, a)
	if tr {
		return text(strings.ToLowerSpecial(unicode.TurkishCase, a[0].text)), nil
	}
	return text(strings.ToLower(a[0].text)), err
}

func toUpper(st *state, a []val) (val, error) {
	tr, err := turkic(st, a)
	if tr {
		return text(strings.ToUpperSpecial(unicode.TurkishCase, a[0].text)), nil
	}
	return text(strings.ToUpper(a[0].text)), err
}

func word(st *state, a []val) (val, error) {
	n, err := argument(st, a[1], "number")
	if err != nil {
		return null, err
	}
	delimiters, s := a[2].text, a[0].text
	if err := fewSeparators(delimiters); err != nil {
		return null, err
	}
	for {
		s = strings.TrimLeft(s, delimiters)
		end := strings.IndexAny(s, delimiters)
		if end < 0 {
			end = len(s)
		}
		if n--; n <= 0 || end == 0 {
			if n < 0 {
				end = 0
			}
			return text(s[:end]), nil
		}
		s = s[end:]
	}
}

// fewSeparators keeps the search for any of them linear.
func fewSeparators(s string) error {
	const most = 64
	if len(s) > most {
		return failf("at most %d bytes of separators are allowed", most)
	}
	return nil
}

// properCase is PCase. Without separators it follows .NET's ToTitleCase on the lower-cased text: a word begins at the first
// letter after a separator, or at a letter after a digit, and an apostrophe does not end it.
func properCase(_ *state, a []val) (val, error) {
	var out strings.Builder
	out.Grow(len(a[0].text))
	separates := titleSeparator
	own := len(a) > 1 && a[1].text != ""
	if own {
		if err := fewSeparators(a[1].text); err != nil {
			return null, err
		}
		separates = func(r rune) bool { return strings.ContainsRune(a[1].text, r) }
	}
	inside := false
	for _, r := range a[0].text {
		switch {
		case separates(r):
			inside = false
			out.WriteRune(unicode.ToLower(r))
		case inside:
			out.WriteRune(unicode.ToLower(r))
		default:
			inside = own || unicode.IsLetter(r)
			out.WriteRune(unicode.ToTitle(r))
		}
	}
	return text(out.String()), nil
}

func titleSeparator(r rune) bool {
	return r != '\'' && unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf, unicode.P, unicode.S)
}
