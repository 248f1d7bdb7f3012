package rule

import (
	"strconv"
	"strings"
)

// didYouMean returns a hint to add to an error about an unknown name, or "" when none of the names is near.
func didYouMean(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "; did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}

// Nearest returns which of the names an unknown one was meant to be, and "" when none is near: one that ends with it (familyName
// for name.familyName), or one, with or without the URN of its schema, that few letters tell apart: one in a short name, a third and one more in others.
func Nearest(name string, names []string) string {
	name = strings.ToLower(name)
	best, nearest := "", 2
	if len(name) > 3 {
		nearest += len(name) / 3
	}
	for _, n := range names {
		lower := strings.ToLower(n)
		if strings.HasSuffix(lower, "."+name) || strings.HasSuffix(lower, ":"+name) {
			return n
		}
		for _, written := range []string{lower, lower[strings.LastIndexByte(lower, ':')+1:]} { // an extension's attribute also without its URN
			if d := distance(name, written, nearest); d < nearest {
				best, nearest = n, d
			}
		}
	}
	return best
}

// distance is the Levenshtein distance of two texts in bytes, or at least limit when it is not below that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
