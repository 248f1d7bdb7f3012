package main

import (
	"strings"

	"lockstep/operate"
)

// passing are findings that pass by themselves while a job works: what a command waited for is over all the same.
func passing(v operate.Value) bool {
	return v == operate.Working || v == operate.Behind
}

// remains are the findings that are left when a command has done its part: what passes by itself is left out, and so is that a
// job stands in step.
func remains(s *operate.State) []operate.Finding {
	if s == nil {
		return nil
	}
	var all []operate.Finding
	for _, f := range s.All {
		if f.Value != operate.InStep && !passing(f.Value) {
			all = append(all, f)
		}
	}
	return all
}

// tell says what remains of a job, and makes it the exit code: nothing that is held, failing, unread or pending ends with 0.
func (c *cli) tell(job string, all []operate.Finding) error {
	for _, f := range all {
		c.say("%s%s", f.Says, nextFor(f.Value, job))
	}
	for _, f := range all {
		if f.Exit != operate.ExitInStep {
			return &outcome{code: f.Exit, text: strings.TrimSuffix(f.Says, ".")}
		}
	}
	return nil
}

// nextFor is what one can do about a finding.
func nextFor(v operate.Value, job string) string {
	switch v {
	case operate.InReview:
		return " Next: lockstep apply " + job
	case operate.HeldBack:
		return " See them: lockstep held list " + job
	case operate.Failing, operate.Partial:
		return " See them: lockstep log list " + job + " --state failed,refused"
	case operate.Drifted:
		return " See them: lockstep drift list " + job
	case operate.Paused:
		return " Next: lockstep app set " + job + " --state active"
	case operate.Quarantined, operate.Retrying:
		return " Next: lockstep connection test " + job
	case operate.Working, operate.Unread, operate.Behind, operate.Pending, operate.InStep:
	}
	return ""
}
