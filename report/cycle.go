package report

import (
	"fmt"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/operate"
	"lockstep/terminal"
)

// Ended shows what a cycle did: done in 3.1 s: created 12 · updated 5 · failed 0 · same 401. It is done only when nothing remains.
func Ended(cycle api.Cycle, clean bool) (View, error) {
	return Of(cycle, nil, func(p *Page) { fmt.Fprintln(p, summary(cycle, clean)) })
}

func summary(cycle api.Cycle, clean bool) string {
	n := cycle.Counts
	text, took := "done", " in "
	if !clean {
		text, took = "ended", " after "
	}
	if cycle.Ended != nil {
		text += took + cycle.Ended.Sub(cycle.Began).Round(10*time.Millisecond).String()
	}
	text += ": " + counters(cycle)
	if n.Skipped > 0 {
		text += fmt.Sprintf(" · skipped %d", n.Skipped)
	}
	if n.Held > 0 {
		text += fmt.Sprintf(" · held %d", n.Held)
	}
	return text + fmt.Sprintf(" · same %d", n.Unchanged)
}

// counters names what is not zero, and always what was created and what failed.
func counters(cycle api.Cycle) string {
	n := cycle.Counts
	text := fmt.Sprintf("created %d", n.Created)
	for _, p := range []struct {
		word string
		n    int
	}{{"linked", n.Linked}, {"updated", n.Updated}, {"disabled", n.Disabled}, {"deleted", n.Deleted}, {"references", n.Referred}, {"bad rows", n.Bad}} {
		if p.n > 0 {
			text += fmt.Sprintf(" · %s %d", p.word, p.n)
		}
	}
	return text + fmt.Sprintf(" · failed %d", n.Failed)
}

// Step is how far a cycle is.
func Step(c api.Cycle) terminal.Step {
	n := c.Counts
	s := terminal.Step{Name: phase(c.Phase), Done: n.Read, Total: c.Total}
	if c.Phase == "apply" {
		s.Done, s.Total = n.Created+n.Linked+n.Updated+n.Disabled+n.Deleted+n.Referred+n.Failed, n.Planned
		s.More, s.Speed = counters(c), true
	}
	return s
}

// phase is a phase of a cycle for people.
func phase(name string) string {
	return Or(map[string]string{
		"list": "listing the application", "read": "planning", "sweep": "planning", "rank": "ordering", "review": "waits for apply",
		"apply": "applying", "end": "done",
	}[name], name)
}

// Remains are the findings that are left when a command has done its part. What passes by itself while a job works is left out, since what a
// command waited for is over all the same, and so is that a job stands in step.
func Remains(s *operate.State) []operate.Finding {
	if s == nil {
		return nil
	}
	var all []operate.Finding
	for _, f := range s.All {
		switch f.Value {
		case operate.InStep, operate.Working, operate.Behind:
		default:
			all = append(all, f)
		}
	}
	return all
}

// Next is what one can do about a finding.
func Next(v operate.Value, job string) string {
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

// Worst is the finding that a command ends with: what waits for a decision before what fails, that before what is under way.
func Worst(jobs []api.Job) (f operate.Finding, bad bool) {
	for _, exit := range []int{operate.ExitHeld, operate.ExitSome, operate.ExitLater} {
		for _, j := range jobs {
			if j.Standing != nil && j.Standing.Exit == exit {
				return operate.Finding{Value: j.Standing.Value, Says: strings.TrimSpace(j.Standing.Says), Exit: exit}, true
			}
		}
	}
	return operate.Finding{}, false
}
