package plan

import (
	"cmp"
	"context"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
)

// candidate is an object of the source on its way through planning.
type candidate struct {
	connection.Object
	program   *Program
	link      Link // as stored; zero when the job meets the object for the first time
	known     bool // link was stored
	next      Link // as it will be stored
	gone      bool
	verdict   rule.Verdict
	out       rule.Output
	hits      []connection.Object
	matched   int                // of out.Match: what the hits were found by
	decision  rule.Decision      // once it was decided
	before    scim.Object        // what the target has from us, or has of the object that it is joined to
	effect    *connection.Effect // what the decision comes to where others have the object, too
	says      bool               // next.Image is what the source says now, although nothing is written
	unasked   error              // why it could not be looked for
	forbidden error              // why the target would refuse it by its own rules
	taken     bool               // the hit is linked to another object
	twin      bool               // another object of the source has the same matching value
	replaces  lockstep.ActionID  // a row that there is for it already
	decided   Decision           // of that row, if it does the same
	renamed   bool               // the object at the target is called otherwise than the candidate
	other     bool               // for that reason it may be somebody else's: the ids are those of another system
	anew      bool               // somebody had to decide on a row that did something else
}

// Page decides what to do about the objects of one page of the source and those that are gone, and records what could not be read. When
// whole is set, who is listed is noted as seen. It asks the job and, to match, the target; it hands nothing to the Sink.
func (p *Planner) Page(ctx context.Context, page connection.Page, whole bool) (out Piece, err error) {
	cs, err := p.candidates(ctx, page.Objects, page.Gone)
	if err != nil {
		return out, err
	}
	for _, c := range cs {
		p.evaluate(ctx, c)
	}
	if err := p.match(ctx, cs); err != nil {
		return out, err
	}
	if err := p.complete(ctx, cs); err != nil {
		return out, err
	}
	for _, c := range cs {
		if err := p.decide(ctx, c); err != nil {
			return out, err
		}
	}
	if err := p.foresee(ctx, cs); err != nil {
		return out, err
	}
	if err := p.inUse(ctx, cs); err != nil {
		return out, err
	}
	if err := p.handOver(ctx, cs, &out); err != nil {
		return out, err
	}
	for _, c := range cs {
		if err := p.settleOn(ctx, c, whole, &out); err != nil {
			return out, err
		}
	}
	if out.Wanted, err = p.wanted(ctx, cs); err != nil {
		return out, err
	}
	return out, p.unreadable(ctx, page.Bad, whole, &out)
}

// candidates joins the page's objects with their links. Objects that no rule brings are left out.
func (p *Planner) candidates(ctx context.Context, objects []connection.Object, gone []connection.Ref) ([]*candidate, error) {
	var cs []*candidate
	ids := map[string][]string{}
	add := func(c *candidate) {
		if c.program = p.Programs[c.Type]; c.program != nil {
			cs = append(cs, c)
			ids[c.Type] = append(ids[c.Type], c.ID)
		}
	}
	for _, o := range objects {
		add(&candidate{Object: o})
	}
	for _, ref := range gone {
		add(&candidate{Object: connection.Object{Ref: ref}, gone: true})
	}
	links := map[connection.Ref]Link{}
	for typ, chunk := range ids {
		found, err := p.Known.Links(ctx, LinkQuery{Type: typ, Sources: chunk, Limit: len(chunk)})
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			links[l.Source] = l
		}
	}
	for _, c := range cs {
		if c.link, c.known = links[c.Ref]; c.known && c.Name == "" {
			c.Name = c.link.Name
		}
	}
	return cs, nil
}

// evaluate decides scope and maps the object's values.
func (p *Planner) evaluate(ctx context.Context, c *candidate) {
	if c.gone {
		c.verdict = rule.Verdict{In: c.link.Verdict.In, Reason: rule.Reason{Rule: "deleted for good at source"}}
	} else {
		c.verdict = c.program.InScope(c.Object, p.Job.Direction, p.Job.Policy, p.Now())
	}
	c.next = c.link
	c.next.Source, c.next.Name, c.next.Verdict = c.Ref, c.Name, c.verdict
	c.next.Recheck = c.verdict.Recheck
	defer func() { p.answer(c) }()
	if c.gone && c.link.Target == "" || !c.verdict.In && c.link.Target == "" {
		return // nothing to write: spare the mapping
	}
	p.mapValues(ctx, c, c.link.Target == "", c.link.Image)
	c.next.Recheck = earliest(c.next.Recheck, c.out.Recheck)
	switch {
	case c.link.Target == "" && (!c.Enabled || c.Deleted):
		c.next.Key = "" // who has no object, and is to have none, keeps nobody from the name
	case len(c.out.Match) > 0:
		c.next.Key = keyOf(c.out.Match[0].Attribute, c.out.Match[0].Value)
	}
}

// answer takes the object off the clock until its next time. A plan that waits for review has answered nothing yet: what was due
// stays due until somebody accepts the plan.
func (p *Planner) answer(c *candidate) {
	if waiting := p.Job.Manual && !c.link.Due.IsZero() && !c.link.Due.After(p.Now()); !waiting {
		c.next.Due = c.next.Recheck
	}
}

// mapValues maps the object's values onto what the target has.
func (p *Planner) mapValues(ctx context.Context, c *candidate, creating bool, written scim.Object) {
	c.out = c.program.Map(rule.Input{
		ID: c.ID, Values: c.Values, Enabled: c.Enabled, Deleted: c.Deleted, InScope: c.verdict.In, Grants: c.Grants, Gone: c.gone,
		Unique: p.isUnique(ctx, c), Creating: creating, Written: written, Now: p.Now(), Random: p.Random,
	})
}

// isUnique asks the target whether a value that an expression has made up is free.
func (p *Planner) isUnique(ctx context.Context, c *candidate) func(attribute, value string) (bool, error) {
	return func(attribute, value string) (bool, error) {
		key := Ask(attribute, value).Key
		a, err := p.Search.Find(ctx, c.program.Type, []Question{Ask(attribute, value)})
		return len(a.Found[key]) == 0, cmp.Or(err, a.Failed[key])
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// link stores the link when something about it is new.
func (out *Piece) link(c *candidate) {
	if c.known && !c.says && sameLink(c.link, c.next) {
		return
	}
	out.Links = append(out.Links, c.next)
}

func sameLink(a, b Link) bool {
	return a.Name == b.Name && a.Key == b.Key && a.Code == b.Code && a.Detail == b.Detail && a.Due.Equal(b.Due) && a.Seen == b.Seen &&
		a.Verdict.In == b.Verdict.In && a.Verdict.Reason.Rule == b.Verdict.Reason.Rule && a.Verdict.Reason.Clause == b.Verdict.Reason.Clause &&
		slices.Equal(a.Verdict.Reason.Values, b.Verdict.Reason.Values)
}
