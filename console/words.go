package console

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lockstep"
)

// ago says how long ago t was, or how long it is till then, as people do. console.js says it again as time goes by, in the
// same words.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		if d > -time.Second {
			return "now"
		}
		return "in " + roughly(-d)
	}
	if d < 5*time.Second {
		return "just now"
	}
	return roughly(d) + " ago"
}

func roughly(d time.Duration) string {
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

// lasted is a duration that was measured: 40 ms, 1.4 s, 12 s, 3 min 20 s.
func lasted(d time.Duration) string {
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

// number groups digits by thousands with a narrow space that does not break.
func number(n int) string {
	if n < 0 {
		return "−" + number(-n)
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// many is a number with its noun: 1 person, 2 people.
func many(n int, one, more string) string {
	return number(n) + " " + plural(n, one, more)
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	s = sentenceCase(s)
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// sentenceCase begins with a capital.
func sentenceCase(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// plain is a number for machines.
func plain(n int) string { return strconv.Itoa(n) }

// share is n of total as a percentage for SVG.
func share(n, total int) string {
	if total <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(min(n, total))/float64(total))
}

// classWord names the class of an error for the style sheet.
func classWord(c lockstep.Class) string {
	switch c {
	case lockstep.Heals:
		return "heals"
	case lockstep.NeedsYou:
		return "needs"
	case lockstep.Report:
	}
	return "bug"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
