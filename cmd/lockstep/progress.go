package main

import (
	"lockstep/api"
	"lockstep/terminal"
)

// phaseWord is a phase of a cycle for people.
func phaseWord(phase string) string {
	return either(map[string]string{
		"list": "listing the application", "read": "planning", "sweep": "planning", "rank": "ordering", "review": "waits for apply",
		"apply": "applying", "end": "done",
	}[phase], phase)
}

// stepOf is how far a cycle is.
func stepOf(c api.Cycle) terminal.Step {
	n := c.Counts
	s := terminal.Step{Name: phaseWord(c.Phase), Done: n.Read, Total: c.Total}
	if c.Phase == "apply" {
		s.Done, s.Total = n.Created+n.Linked+n.Updated+n.Disabled+n.Deleted+n.Referred+n.Failed, n.Planned
		s.More, s.Speed = counters(c), true
	}
	return s
}
