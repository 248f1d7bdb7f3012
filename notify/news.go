package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
)

// Kind is a kind of cause.
type Kind string

// The kinds of cause.
const (
	Quarantine Kind = "quarantine" // a job has stopped until somebody helps
	HeldBack   Kind = "held"       // changes wait for a decision
	Failing    Kind = "failing"    // objects are refused, or the other side does not answer
	Expiring   Kind = "expiring"   // a secret ends soon
	Silent     Kind = "silent"     // a job has not run when it should have
)

// Cause is something that stands and that somebody should know.
type Cause struct {
	Job   lockstep.JobID // "" concerns the whole tenant
	Kind  Kind
	Name  string // which one of the kind: the code of a failure, the name of a secret and its days
	Says  string // one sentence
	Code  lockstep.Code
	Count int
	// Patience is how long it may stand before it is told: what heals by itself mostly has by then.
	Patience time.Duration
}

// key tells causes of a tenant apart.
func (c Cause) key() causeKey { return causeKey{c.Job, c.Kind, c.Name} }

type causeKey struct {
	job  lockstep.JobID
	kind Kind
	name string
}

// Remembered is what is kept of a cause.
type Remembered struct {
	Job   lockstep.JobID
	Kind  Kind
	Name  string
	Since time.Time
	Told  time.Time // zero is not yet
	Ended time.Time // when it was first missed; zero while it stands
}

func (r Remembered) key() causeKey { return causeKey{r.Job, r.Kind, r.Name} }

// gather is how long news wait for more of the same cycle.
const gather = time.Minute

// Decide returns what is to be told now, together for each job in the order of the causes, and what is to be remembered.
//
// A cause is news when it is not remembered as told, or when it had been gone for the quiet time: what comes and goes is one
// trouble. News of a job are told a minute after they came up, so that those of one cycle come together; and if all of them are of
// kinds that were told of this job within the quiet time, when that has passed.
func Decide(causes []Cause, memory []Remembered, quiet time.Duration, now time.Time) (news []Cause, next []Remembered) {
	known := map[causeKey]Remembered{}
	told := map[causeKey]time.Time{} // by job and kind
	for _, r := range memory {
		known[r.key()] = r
		of := causeKey{job: r.Job, kind: r.Kind}
		if r.Told.After(told[of]) {
			told[of] = r.Told
		}
	}
	standing := map[causeKey]bool{}
	pending, ripe := map[lockstep.JobID][]Cause{}, map[lockstep.JobID]bool{}
	for _, c := range causes {
		r, ok := known[c.key()]
		if standing[c.key()] {
			continue
		}
		standing[c.key()] = true
		if !ok || !r.Ended.IsZero() && now.Sub(r.Ended) >= quiet {
			r = Remembered{Job: c.Job, Kind: c.Kind, Name: c.Name, Since: now}
		}
		r.Ended = time.Time{}
		known[c.key()] = r
		if !r.Told.IsZero() || now.Sub(r.Since) < max(gather, c.Patience) {
			continue
		}
		pending[c.Job] = append(pending[c.Job], c)
		if last := told[causeKey{job: c.Job, kind: c.Kind}]; now.Sub(last) >= quiet {
			ripe[c.Job] = true
		}
	}
	for _, c := range causes {
		if !ripe[c.Job] || len(pending[c.Job]) == 0 {
			continue
		}
		for _, p := range pending[c.Job] {
			r := known[p.key()]
			r.Told = now
			known[p.key()] = r
			news = append(news, p)
		}
		pending[c.Job] = nil
	}
	return news, remember(known, standing, quiet, now)
}

// remember leaves out what has been gone for so long that it would be news again, and what ended before it was told.
func remember(known map[causeKey]Remembered, standing map[causeKey]bool, quiet time.Duration, now time.Time) (next []Remembered) {
	for key, r := range known {
		if !standing[key] {
			if r.Ended.IsZero() {
				r.Ended = now
			}
			if r.Told.IsZero() || now.Sub(r.Ended) >= quiet {
				continue
			}
		}
		next = append(next, r)
	}
	slices.SortFunc(next, func(a, b Remembered) int {
		return cmp.Or(strings.Compare(string(a.Job), string(b.Job)), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return next
}

// Warnings are the days before an end at which it is told.
func Warnings() []int { return []int{30, 14, 7, 1} }

// keepSaying is how long after an end it is a cause.
const keepSaying = 7 * 24 * time.Hour

// Ends returns the cause of something that ends at a time, if it is time to tell: what is its name for people, such as "The token of
// Webex". What was made for so short a time that a warning would come with its birth has none; began may be zero.
func Ends(job lockstep.JobID, name, what string, began, end, now time.Time) (Cause, bool) {
	left := end.Sub(now)
	c := Cause{Job: job, Kind: Expiring, Code: lockstep.CodeSecretExpires}
	if left <= 0 {
		c.Name, c.Says = name+" 0", what+" ended on "+end.UTC().Format(time.DateOnly)+"."
		return c, left > -keepSaying
	}
	for _, days := range slices.Backward(Warnings()) {
		before := time.Duration(days) * 24 * time.Hour
		if left <= before {
			c.Name = fmt.Sprintf("%s %d", name, days)
			c.Says = what + " ends on " + end.UTC().Format(time.DateOnly) + ", in " + inDays(left) + "."
			return c, began.IsZero() || end.Sub(began) > before+time.Hour
		}
	}
	return Cause{}, false
}

func inDays(left time.Duration) string {
	n := int((left + 24*time.Hour - 1) / (24 * time.Hour))
	if n == 1 {
		return "less than a day"
	}
	return fmt.Sprintf("%d days", n)
}
