package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Ago says how long ago t was, or how long it is till then, as people do. The console's script says it again as time goes by, in the
// same words.
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		if d > -time.Second {
			return "now"
		}
		return "in " + Roughly(-d)
	}
	if d < 5*time.Second {
		return "just now"
	}
	return Roughly(d) + " ago"
}

// Roughly is a duration in its largest unit: 59 s, 3 min, 2 days.
func Roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Lasted is a duration that was measured: 40 ms, 1.4 s, 12 s, 3 min 20 s.
func Lasted(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d, 0).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Number groups digits by thousands with a narrow space that does not break.
func Number(n int) string {
	if n < 0 {
		return "−" + Number(-n)
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// Many is a number with its noun: 1 person, 2 people.
func Many(n int, one, more string) string {
	return Number(n) + " " + Plural(n, one, more)
}

// Plural chooses between the forms of a noun.
func Plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// Sentence begins with a capital, unless its first word is a name that is spelled so, of a file, an address or an attribute, and ends with a full stop.
func Sentence(s string) string {
	if s == "" {
		return ""
	}
	if first, _, _ := strings.Cut(s, " "); !isSpelledSo(strings.TrimRight(first, ".,:;!?")) {
		s = Upper(s)
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// isSpelledSo reports whether a word is a name rather than a word: people.csv, ada@acme.example, userName.
func isSpelledSo(word string) bool {
	return strings.ContainsFunc(word, func(r rune) bool {
		return strings.ContainsRune(`.@_/\`, r) || unicode.IsDigit(r) || unicode.IsUpper(r)
	})
}

// Upper begins with a capital.
func Upper(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// Clip cuts a text after so many characters and says so with an ellipsis.
func Clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
