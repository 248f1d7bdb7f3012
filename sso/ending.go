package sso

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SortProviders puts providers into the order of their buttons.
func SortProviders(all []Provider) {
	slices.SortStableFunc(all, func(a, b Provider) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)))
	})
}

// Untold returns how many applications were given up on: they may still let the person in.
func (e Ending) Untold() (n int) {
	for _, notice := range e.Notices {
		if notice.GivenUp && notice.Told.IsZero() {
			n++
		}
	}
	return n
}

// Report says in one line how many applications were to be told of an ending, how many have confirmed, and how long it took. Those
// that were not told are named: nobody is counted as told who did not say so.
func (e Ending) Report() string {
	var told, open int
	var slowest time.Duration
	var failed []string
	for _, n := range e.Notices {
		switch {
		case !n.Told.IsZero():
			told++
			slowest = max(slowest, n.Told.Sub(n.At))
		case n.GivenUp:
			failed = append(failed, string(n.Client))
		default:
			open++
		}
	}
	noun := "applications"
	if len(e.Notices) == 1 {
		noun = "application"
	}
	s := fmt.Sprintf("%d %s to be told, %d told", len(e.Notices), noun, told)
	if told > 0 {
		s += ", the slowest after " + slowest.Round(time.Millisecond).String()
	}
	if open > 0 {
		s += fmt.Sprintf(", %d still to be told", open)
	}
	if len(failed) > 0 {
		s += ", not told: " + strings.Join(failed, ", ")
	}
	return s
}
