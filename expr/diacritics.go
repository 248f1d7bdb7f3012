package expr

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lettersWithoutMark are the letters of Entra's table that Unicode does not decompose.
var lettersWithoutMark = map[rune]string{
	'æ': "ae", 'Æ': "AE", 'ø': "oe", 'Ø': "OE", 'œ': "oe", 'Œ': "OE", 'ß': "ss", 'ẞ': "SS",
	'ł': "l", 'Ł': "L", 'ı': "i",
}

// normalizeDiacritics drops the marks of Latin letters and leaves every other script as it is: there a mark is often a letter
// of its own (й) or a vowel.
func normalizeDiacritics(_ *state, a []val) (val, error) {
	s := a[0].text
	if isASCII(s) {
		return a[0], nil
	}
	var out strings.Builder
	out.Grow(len(s))
	latin := false
	for _, r := range norm.NFD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			if !latin {
				out.WriteRune(r)
			}
			continue
		}
		latin = unicode.Is(unicode.Latin, r)
		if plain, ok := lettersWithoutMark[r]; ok {
			out.WriteString(plain)
			continue
		}
		out.WriteRune(r)
	}
	return text(norm.NFC.String(out.String())), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
