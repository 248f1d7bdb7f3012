package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns s in the form in which values that are not caseExact are compared: every character is replaced by one that
// stands for all its cases (Unicode simple folding, as strings.EqualFold). Two strings are equal without regard to case
// exactly when their folded forms are equal; the order of gt, ge, lt and le is that of the folded forms.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.Map(foldRune, s)
		}
	}
	return s
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
