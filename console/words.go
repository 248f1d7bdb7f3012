package console

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"lockstep"
)

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
