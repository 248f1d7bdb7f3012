package expr

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lettersWithoutMark are the Latin letters of living languages that Unicode does not decompose: those of Entra's table, then
// those of names that are made into addresses all the same: Vietnamese, Croatian, Icelandic, Maltese, Sami, Azerbaijani, and
// the hooked ones of West Africa.
var lettersWithoutMark = map[rune]string{
	'æ': "ae", 'Æ': "AE", 'ø': "oe", 'Ø': "OE", 'œ': "oe", 'Œ': "OE", 'ß': "ss", 'ẞ': "SS",
	'ł': "l", 'Ł': "L", 'ı': "i",

	'đ': "d", 'Đ': "D", 'ð': "d", 'Ð': "D", 'þ': "th", 'Þ': "Th", 'ħ': "h", 'Ħ': "H", 'ŧ': "t", 'Ŧ': "T", 'ŋ': "n", 'Ŋ': "N",
	'ĸ': "k", 'ŉ': "n", 'ſ': "s", 'ĳ': "ij", 'Ĳ': "IJ", 'ǆ': "dz", 'ǅ': "Dz", 'Ǆ': "DZ", 'ǉ': "lj", 'ǈ': "Lj", 'Ǉ': "LJ",
	'ǌ': "nj", 'ǋ': "Nj", 'Ǌ': "NJ", 'ə': "e", 'Ə': "E", 'ǝ': "e", 'Ǝ': "E", 'ɛ': "e", 'Ɛ': "E", 'ɔ': "o", 'Ɔ': "O",
	'ƀ': "b", 'Ƀ': "B", 'ɓ': "b", 'Ɓ': "B", 'ȼ': "c", 'Ȼ': "C", 'ɖ': "d", 'Ɖ': "D", 'ɗ': "d", 'Ɗ': "D", 'ɇ': "e", 'Ɇ': "E",
	'ƒ': "f", 'Ƒ': "F", 'ǥ': "g", 'Ǥ': "G", 'ɠ': "g", 'Ɠ': "G", 'ɣ': "g", 'Ɣ': "G", 'ɨ': "i", 'Ɨ': "I", 'ɉ': "j", 'Ɉ': "J",
	'ƙ': "k", 'Ƙ': "K", 'ƚ': "l", 'Ƚ': "L", 'ɲ': "n", 'Ɲ': "N", 'ɵ': "o", 'Ɵ': "O", 'ɍ': "r", 'Ɍ': "R", 'ƭ': "t", 'Ƭ': "T",
	'ʉ': "u", 'Ʉ': "U", 'ʋ': "v", 'Ʋ': "V", 'ƴ': "y", 'Ƴ': "Y", 'ɏ': "y", 'Ɏ': "Y", 'ƶ': "z", 'Ƶ': "Z",
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
