package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// DraftImpact is what a draft would make otherwise, as provision.Impact says it, with some of the rows.
type DraftImpact struct {
	provision.Impact
	Revision int64 // of the draft; 0 is that there is none
	At       time.Time
	Sample   []plan.Action // the first of each kind
	Rows     int           // how many there are
}

// How many rows of an impact are shown.
const (
	sampledOfKind = 20
	sampled       = 60
)

// Few is how long somebody who looks at a page waits for the number of people.
const Few = 400 * time.Millisecond

// impacts remembers what drafts would make otherwise, as long as nothing has moved that it depends on.
type impacts struct {
	mu sync.Mutex
	of map[lockstep.JobID]*counted
}

// counted is the last count of one job's draft. Whoever counts holds the turn.
type counted struct {
	turn   chan struct{}
	stands impactStands
	impact DraftImpact
}

// impactStands is what a count depends on.
type impactStands struct {
	revision, config, epoch, feed, mirror int64
}

// countedFor is how long a count is right at most: filters and expressions may ask what day it is.
const countedFor = time.Minute

func (i *impacts) job(id lockstep.JobID) *counted {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.of == nil {
		i.of = map[lockstep.JobID]*counted{}
	}
	c := i.of[id]
	if c == nil {
		c = &counted{turn: make(chan struct{}, 1)}
		i.of[id] = c
	}
	return c
}

func (i *impacts) forget(id lockstep.JobID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.of, id)
}

// DraftImpact plans what would become otherwise if the draft of a job were in force. It takes within at most, 0 is as long as it takes, and
// says when that was too short. It is remembered for a minute while nothing moves.
func (o *Operator) DraftImpact(ctx context.Context, p Principal, name string, within time.Duration) (DraftImpact, error) {
	j, err := o.Job(ctx, p, name)
	if err != nil {
		return DraftImpact{}, err
	}
	d, err := o.Drafts.Draft(ctx, p.Tenant, j.ID)
	if err != nil || d.Revision == 0 {
		o.impacts.forget(j.ID)
		return DraftImpact{}, err
	}
	stands := impactStands{revision: d.Revision, config: j.Config, epoch: j.Epoch}
	if stands.feed, err = o.Directory.Head(ctx, p.Tenant); err != nil {
		return DraftImpact{}, err
	}
	if o.Reads != nil {
		head, err := o.Reads.Head(ctx, mirror.ID{Tenant: p.Tenant, Connection: j.ID})
		if err != nil {
			return DraftImpact{}, err
		}
		stands.mirror = head.Position
	}
	c := o.impacts.job(j.ID)
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return DraftImpact{}, ctx.Err()
	}
	if fresh := c.impact.Revision != 0 && c.stands == stands && o.now().Sub(c.impact.At) < countedFor; fresh && (!c.impact.Partial || within == Few) {
		return c.impact, nil
	}
	out, err := o.count(ctx, p, j, d, within)
	if err == nil {
		c.stands, c.impact = stands, out
	}
	return out, err
}

func (o *Operator) count(ctx context.Context, p Principal, j provision.Job, d plan.Draft, within time.Duration) (DraftImpact, error) {
	out := DraftImpact{Revision: d.Revision, At: o.now()}
	kinds := map[rule.Kind]int{}
	var err error
	out.Impact, err = o.Engine.Impact(ctx, p.Tenant, j.ID, provision.Proposal{Configuration: d.Configuration, Assignments: d.Assignments, Within: within}, func(a plan.Action) error {
		out.Rows++
		if kinds[a.Kind]++; kinds[a.Kind] <= sampledOfKind && len(out.Sample) < sampled {
			out.Sample = append(out.Sample, a)
		}
		return nil
	})
	return out, err
}

// Says is the impact in a sentence: 12 people and 1 group: 10 to update, 2 to disable.
func (i DraftImpact) Says() string {
	var who []string
	if n := i.Touched["User"]; n > 0 {
		who = append(who, words.People(n))
	}
	if n := i.Touched["Group"]; n > 0 {
		who = append(who, words.Many(n, "group", "groups"))
	}
	text := "Nobody is touched"
	if len(who) > 0 {
		var kinds []string
		for _, k := range rule.Kinds() {
			if n := i.Kinds[k]; n > 0 {
				kinds = append(kinds, words.Number(n)+" to "+words.DeedOf(k).Will)
			}
		}
		text = strings.Join(who, " and ") + ": " + strings.Join(kinds, ", ")
	}
	if i.Held > 0 {
		text += fmt.Sprintf("; the guard would hold %s", words.Number(i.Held))
	}
	if i.Partial {
		text += fmt.Sprintf(", among the %s looked at so far", words.Number(i.Looked))
	}
	return text + "."
}

// Means are sentences about what the numbers do not say.
func (i DraftImpact) Means() []string {
	all := []string{"Counted are those about whom the draft decides otherwise than what is in force, and for whom something follows. Changes that wait for other reasons, " +
		"and memberships and managers that follow from somebody who comes or goes, are in the next plan."}
	if i.LetGo > 0 {
		all = append(all, words.Many(i.LetGo, "object", "objects")+" in scope would not be looked after any more, and stay as they are at the application.")
	}
	if i.Failed > 0 {
		all = append(all, words.Many(i.Failed, "object", "objects")+" could not be planned: the next plan says why, one by one.")
	}
	if i.Unread {
		all = append(all, "The application was never read: whoever would be created may be there already, and is linked then.")
	}
	return slices.Clip(all)
}
