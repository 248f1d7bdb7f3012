package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unsafe reports whether a terminal or a page would obey the character instead of showing it: control characters (C0, C1,
// DEL), what orders the direction of the text around it (Unicode TR 9 §2), and what breaks a line.
func Unsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Clean is a text from outside as it may be shown: every unsafe character, and what is no text at all, gives way to U+FFFD.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if Unsafe(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// Cell is a text as a cell of a CSV file that a spreadsheet opens: what it would take for a formula begins with an apostrophe.
// It does not quote for CSV itself: encoding/csv does.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n|＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}
