package console

import (
	"fmt"
	"net/url"
	"time"

	"lockstep/provision"
	"lockstep/undo"
	"lockstep/words"
)

// progress is a cycle as a bar and its counts.
type progress struct {
	ID       string
	Running  bool
	Review   bool   // it is a plan that waits
	Title    string // "full", "incremental"
	Word     string // "318 of 512 people"
	Done     int
	Total    int // 0 is not known yet
	Segments []segment
	Counts   []count
	Speed    string // "41/s · about 5 s left"
	Began    time.Time
	Ended    time.Time
	Read     int
	Requests int
	Waits    int // answers that asked to slow down
	Failure  *failure
	Held     int
	Dropped  int    // changes of a plan that was discarded or replaced
	By       string // who applied or discarded the plan

	Discarded bool // by them
}

// segment is a part of the bar, in per cent.
type segment struct {
	Tone     string
	From, To float64
}

// count is a number that leads to the rows behind it.
type count struct {
	Word  string
	Glyph string
	Tone  string
	N     int
	Href  string
}

func progressOf(base string, c provision.Cycle) progress {
	n := c.Counts
	p := progress{
		ID: string(c.ID), Review: c.Phase == provision.Review, Running: c.EndedAt.IsZero() && c.Phase != provision.Review, Title: cycleTitle(&c), Began: c.Began, Ended: c.EndedAt,
		Read: n.Read, Requests: n.TargetRequests, Waits: n.Throttled, Held: n.Held,
		By: c.Decided.By.Name,
	}
	if c.Code != "" {
		f := failureOf(c.Code, c.Detail)
		p.Failure = &f
	}
	done := n.Created + n.Linked + n.Updated + n.Disabled + n.Deleted + n.Referred
	p.Discarded = !c.EndedAt.IsZero() && c.Decided.At.UnixMilli() == c.EndedAt.UnixMilli() // what is applied ends later
	switch {
	case p.Discarded:
		p.Dropped = max(0, n.Planned+n.Held-done) // some may have been tried alone
	case !c.EndedAt.IsZero() && done == 0 && c.Code == "" && n.Failed == 0:
		p.Dropped = n.Planned
	}
	switch c.Phase {
	case provision.Listing, provision.Reading, provision.Sweeping, provision.Ranking:
		p.Done, p.Total = n.Read, c.Total
		p.Word = fmt.Sprintf("%s read", words.Number(n.Read))
		if c.Total > 0 {
			p.Word = fmt.Sprintf("%s of %s read", words.Number(p.most()), words.Number(c.Total))
		}
		p.Segments = segments(c.Total, part{"read", n.Read})
	case provision.Review, provision.Applying, provision.Ended:
		p.Done, p.Total = done+n.Failed, max(n.Planned, done)+n.Failed
		p.Word = fmt.Sprintf("%s of %s", words.Number(p.most()), words.Many(p.Total, "change", "changes"))
		if !p.Running {
			p.Word = words.Many(p.Done, "change", "changes")
			if p.Review {
				p.Word = words.Many(p.Total, "change", "changes") + " planned, none sent"
				if done > 0 { // to one alone; what failed may have been refused when it was planned
					p.Word = words.Many(done, "change", "changes") + " sent, the rest waits"
				}
			} else if p.Dropped > 0 {
				p.Word = "Plan of " + words.Many(p.Dropped, "change", "changes") + " " + p.dropped()
			} else if p.Done == 0 && n.Held > 0 {
				p.Word = words.Many(n.Held, "change", "changes") + " held, none sent"
			} else if p.Done == 0 {
				p.Word = "Nothing to change"
			}
		}
		p.Segments = segments(p.Total, part{"create", n.Created}, part{"link", n.Linked}, part{"update", n.Updated + n.Referred},
			part{"disable", n.Disabled}, part{"delete", n.Deleted}, part{"failed", n.Failed})
	}
	p.Done = p.most()
	p.Counts = countsOf(base, c)
	return p
}

// dropped says what became of a plan that nobody applied.
func (p progress) dropped() string {
	switch {
	case p.By == "":
		return "discarded or replaced"
	case p.Discarded:
		return "discarded by " + p.By
	}
	return "applied by " + p.By + ", and nothing of it was left to do"
}

// most is Done, but never all of it while the cycle runs: it is not over before it is over.
func (p progress) most() int {
	if p.Running && p.Total > 0 {
		return min(p.Done, p.Total-1)
	}
	return p.Done
}

func cycleTitle(c *provision.Cycle) string {
	switch {
	case c.Trigger == undo.Trigger:
		return "undo"
	case c.Kind == provision.OnDemand:
		return "on demand"
	case c.Kind == provision.Initial:
		return "full"
	}
	return "incremental"
}

type part struct {
	tone string
	n    int
}

// segments puts the parts side by side, as shares of total.
func segments(total int, parts ...part) (all []segment) {
	at := 0
	for _, p := range parts {
		if p.n <= 0 || total <= 0 {
			continue
		}
		to := min(at+p.n, total)
		all = append(all, segment{p.tone, 100 * float64(at) / float64(total), 100 * float64(to) / float64(total)})
		at = to
	}
	return all
}

func (s segment) x() string     { return fmt.Sprintf("%.2f%%", s.From) }
func (s segment) width() string { return fmt.Sprintf("%.2f%%", s.To-s.From) }

func countsOf(base string, c provision.Cycle) []count {
	n := c.Counts
	all := []count{
		{"created", "+", "create", n.Created, "created"},
		{"linked", "⇄", "link", n.Linked, "linked"},
		{"updated", "~", "update", n.Updated, "updated"},
		{"disabled", "⊘", "disable", n.Disabled, "disabled"},
		{"deleted", "−", "delete", n.Deleted, "deleted"},
		{words.Plural(n.Referred, "reference", "references"), "→", "update", n.Referred, "references"},
		{"held", "◆", "held", n.Held, "held"},
		{"failed", "▲", "failed", n.Failed, "failed"},
	}
	shown := all[:0]
	for _, e := range all {
		if e.N == 0 {
			continue
		}
		e.Href = logHref(base, logFilter{Show: e.Href, Cycle: string(c.ID)})
		shown = append(shown, e)
	}
	return append(shown,
		count{"read", "", "", n.Read, base + "/people"},
		count{"unchanged", "=", "", n.Unchanged, base + "/people?show=linked"},
		count{"left out", "○", "", n.Skipped, base + "/people?show=out"})
}

// jobHref is where an app or a source stands.
func jobHref(j provision.Job) string {
	if j.Direction == provision.Inbound {
		return "/sources/" + url.PathEscape(j.Slug)
	}
	return "/apps/" + url.PathEscape(j.Slug)
}

// pace measures how fast a cycle goes, over the last ten seconds.
type pace struct {
	cycle   string
	samples []sample
}

type sample struct {
	at    time.Time
	done  int
	total int
}

const paceOver = 10 * time.Second

// add notes how far the cycle is and returns its speed in words, "" while there is too little to tell.
func (p *pace) add(now time.Time, at progress) string {
	if n := len(p.samples); p.cycle != at.ID || n > 0 && (p.samples[n-1].total != at.Total || p.samples[n-1].done > at.Done) {
		p.cycle, p.samples = at.ID, nil // another cycle, or another phase of it
	}
	p.samples = append(p.samples, sample{now, at.Done, at.Total})
	for now.Sub(p.samples[0].at) > paceOver {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	took := now.Sub(first.at)
	if took < time.Second || at.Done == first.done {
		return ""
	}
	speed := float64(at.Done-first.done) / took.Seconds()
	text := fmt.Sprintf("%.0f/s", speed)
	if speed < 10 {
		text = fmt.Sprintf("%.1f/s", speed)
	}
	if at.Total > 0 {
		left := time.Duration(float64(at.Total-at.Done)/speed*float64(time.Second)).Round(time.Second) + time.Second
		text += " · about " + words.Roughly(left) + " left"
	}
	return text
}
