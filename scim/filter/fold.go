package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns s in the form in which names are compared, everywhere in the program, and values that are not caseExact: composed
// (NFC), so that é is é however it was typed, and every character replaced by one that stands for all its cases (Unicode simple
// folding, as strings.EqualFold). Two strings are equal without regard to case and composition exactly when their folded forms are
// equal; the order of gt, ge, lt and le is that of the folded forms. What is sent somewhere is never folded.
func Fold(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return strings.Map(foldRune, composed(s))
		case 'A' <= c && c <= 'Z':
			if ascii(s[i+1:]) {
				return strings.ToLower(s)
			}
			return strings.Map(foldRune, composed(s))
		}
	}
	return s
}

// EqualFold reports whether two names are the same: their folded forms are.
func EqualFold(a, b string) bool { return a == b || compareFold(composed(a), Fold(b)) == 0 }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// composed returns the text in composed form, which it almost always has.
func composed(s string) string {
	if ascii(s) {
		return s
	}
	return norm.NFC.String(s) // which is s when it is composed
}

// foldRune returns the smallest character of the orbit, but a lower-case one for ASCII letters.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// hasPrefixFold reports whether s begins with the folded prefix, without allocating.
func hasPrefixFold(s, prefix string) bool {
	for _, want := range prefix {
		r, n := utf8.DecodeRuneInString(s)
		if n == 0 || foldRune(r) != want {
			return false
		}
		s = s[n:]
	}
	return true
}

func containsFold(s, folded string) bool {
	for {
		if hasPrefixFold(s, folded) {
			return true
		}
		_, n := utf8.DecodeRuneInString(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
}

func hasSuffixFold(s, folded string) bool {
	for folded != "" {
		want, m := utf8.DecodeLastRuneInString(folded)
		r, n := utf8.DecodeLastRuneInString(s)
		if n == 0 || foldRune(r) != want {
			return false
		}
		s, folded = s[:len(s)-n], folded[:len(folded)-m]
	}
	return true
}

// compareFold orders s against a folded string.
func compareFold(s, folded string) int {
	for {
		a, n := utf8.DecodeRuneInString(s)
		b, m := utf8.DecodeRuneInString(folded)
		switch {
		case n == 0 || m == 0:
			return n - m
		case foldRune(a) != b:
			return int(foldRune(a) - b)
		}
		s, folded = s[n:], folded[m:]
	}
}
