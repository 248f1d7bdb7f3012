package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/words"
)

// Preview plans a job in memory and writes nothing: what the next full cycle would do, row by row, in the order in which it
// would be done. It asks the target only to list and find. Rows that the guard would hold come with state Held.
func (e *Engine) Preview(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, f func(plan.Action) error) (Counts, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return Counts{}, err
	}
	r := &run{Engine: e, job: job, until: e.now().Add(patience), cycle: &Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: id, Kind: Initial, Trigger: "person"}}
	if moved, err := r.moved(ctx, job.Cursor); err != nil {
		return Counts{}, err
	} else if moved {
		r.cycle.Trigger = elsewhere
	}
	if err := r.open(ctx); err != nil {
		return Counts{}, err
	}
	if err := r.prepare(ctx); err != nil {
		return Counts{}, err
	}
	if err := r.previewLookup(ctx); err != nil {
		return Counts{}, err
	}
	v := preview{run: r, keys: map[string]connection.Ref{}, seen: map[connection.Ref]bool{}}
	if err := v.read(ctx); err != nil {
		return Counts{}, err
	}
	v.guard()
	for _, a := range v.rows {
		if err := f(a); err != nil {
			return r.cycle.Counts, err
		}
	}
	r.cycle.Counts.TargetRequests = int(r.requests.Load())
	return r.cycle.Counts, nil
}

// patience is how long a person who asks waits for the end of a pause that the target has asked for.
const patience = 10 * time.Second

// previewLookup decides how a plan in memory finds the target's objects: as the target was last read, and if it never was, by
// asking it. An inbound job's source must have been read.
func (r *run) previewLookup(ctx context.Context) error {
	err := r.unread(ctx)
	if r.job.Direction == Inbound {
		r.lookup = r.find
		return err
	}
	r.lookup = r.fromMirrorOrAsked
	if lockstep.CodeOf(err) == lockstep.CodeUnread {
		r.lookup, err = r.find, nil
	}
	return err
}

// preview is a plan in memory.
type preview struct {
	*run
	rows []plan.Action
	keys map[string]connection.Ref // matching values of this plan, for twins that no link shows yet
	seen map[connection.Ref]bool
}

func (v *preview) read(ctx context.Context) error {
	whole := false
	err := v.source.Read(ctx, "", func(page connection.Page) error {
		whole = page.Last && page.Whole
		v.cycle.Counts.Read += len(page.Objects)
		for _, o := range page.Objects {
			v.seen[o.Ref] = true
		}
		for _, b := range page.Bad {
			v.seen[b.Ref] = true
		}
		p, err := v.plan(ctx, page.Objects, page.Gone, false)
		if err != nil {
			return err
		}
		v.bad(page.Bad, &p)
		v.take(p)
		return nil
	})
	if err != nil || !whole {
		return err
	}
	return v.unseenRows(ctx)
}

// take adds a page's rows. Twins that both are new meet here.
func (v *preview) take(p planned) {
	twins := map[connection.Ref]bool{}
	for _, l := range p.links {
		if l.Key == "" || !l.Verdict.In || l.Target != "" {
			continue
		}
		if first, taken := v.keys[l.Source.Type+l.Key]; taken && first != l.Source {
			twins[l.Source] = true
		} else {
			v.keys[l.Source.Type+l.Key] = l.Source
		}
	}
	for _, a := range p.actions {
		if twins[a.Source.Ref] && a.State == plan.Planned {
			a.Kind, a.State, a.Code = rule.Skip, plan.Refused, lockstep.CodeMatchDuplicate
			a.Detail = "another object of the source has the same matching value, too (letter case does not count)"
			v.cycle.Counts.Planned--
			v.cycle.Counts.Failed++
		}
		v.rows = append(v.rows, a)
	}
}

// unseenRows plans for linked objects that the source does not list any more.
func (v *preview) unseenRows(ctx context.Context) error {
	for typ := range v.programs {
		after := ""
		for {
			links, err := v.Store.Links(ctx, v.job.Tenant, v.job.ID, plan.LinkQuery{Type: typ, Unseen: v.cycle.ID, After: after, Limit: pageSize})
			if err != nil {
				return err
			}
			if len(links) == 0 {
				break
			}
			after = links[len(links)-1].Source.ID
			var gone []connection.Ref
			for _, l := range links {
				if !v.seen[l.Source] {
					gone = append(gone, l.Source)
				}
			}
			p, err := v.plan(ctx, nil, gone, false)
			if err != nil {
				return err
			}
			v.take(p)
		}
	}
	return nil
}

// guard marks what would be held, and puts the rows in the order of the lanes.
func (v *preview) guard() {
	counts := map[rule.Harm]int{}
	for _, a := range v.rows {
		if h, ok := harmOf(a); ok && a.State == plan.Planned {
			counts[h]++
		}
	}
	held := v.tooMuch(counts, v.byType)
	for i := range v.rows {
		a := &v.rows[i]
		if h, ok := harmOf(*a); ok && a.State == plan.Planned && slices.Contains(held, h) {
			v.hold(a, h)
			v.cycle.Counts.Held++
			v.cycle.Counts.Planned--
		}
	}
	slices.SortStableFunc(v.rows, func(a, b plan.Action) int {
		if a.Lane != b.Lane {
			return int(a.Lane) - int(b.Lane)
		}
		return a.Rank - b.Rank
	})
}

// Explanation says why an object is or is not at the target, step by step.
type Explanation struct {
	Source  plan.End     `json:"source"`
	Target  plan.End     `json:"target"`
	In      bool         `json:"in"`
	Summary string       `json:"summary"` // one sentence
	Steps   []Step       `json:"steps"`
	Action  *plan.Action `json:"-"` // what the next cycle would do; nil when nothing
	Grants  []string     `json:"grants,omitempty"`
}

// Step is one step of an Explanation: import, scope, match, map, action.
type Step struct {
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Summary string   `json:"summary"`
	Details []string `json:"details,omitempty"`
}

// Explain looks one object up in the source and at the target and says what the engine makes of it. It writes nothing.
func (e *Engine) Explain(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, ref connection.Ref) (Explanation, error) {
	job, err := e.Store.Job(ctx, t, id)
	if err != nil {
		return Explanation{}, err
	}
	r := &run{Engine: e, job: job, until: e.now().Add(patience), cycle: &Cycle{ID: lockstep.NewID[lockstep.CycleID](), Job: id, Trigger: "person"}}
	if err := r.open(ctx); err != nil {
		return Explanation{}, err
	}
	if err := cmp.Or(r.loadWaitsOf(ctx, ref), r.measure(ctx)); err != nil {
		return Explanation{}, err
	}
	r.lookup = r.find
	objects, err := r.source.Get(ctx, ref)
	if err != nil {
		return Explanation{}, err
	}
	if len(objects) == 0 {
		return Explanation{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("no %s %s in %s", ref.Type, ref.ID, r.from.Name)}
	}
	cs, err := r.candidates(ctx, objects, nil)
	if err != nil {
		return Explanation{}, err
	}
	if len(cs) == 0 {
		return Explanation{
			Source: plan.End{Ref: ref, Name: objects[0].Name}, Summary: fmt.Sprintf("%ss are not provisioned by this job", ref.Type),
			Steps: []Step{{Name: "import", OK: true, Summary: "found in " + r.from.Name}, {Name: "scope", Summary: "no rule brings objects of this type"}},
		}, nil
	}
	c := cs[0]
	r.evaluate(ctx, c)
	if err := r.match(ctx, cs); err != nil {
		return Explanation{}, err
	}
	return r.explanation(ctx, c)
}

func (r *run) explanation(ctx context.Context, c *candidate) (Explanation, error) {
	var p planned
	waits := r.waits
	r.waits, r.rejected = nil, nil // the decision itself is asked for
	if err := r.settleOn(ctx, c, false, &p); err != nil {
		return Explanation{}, err
	}
	x := Explanation{
		Source: plan.End{Ref: c.Ref, Name: c.Name}, Target: plan.End{Ref: connection.Ref{Type: c.program.targetType, ID: c.link.Target}}, In: c.verdict.In,
		Summary: c.verdict.Reason.Sentence(),
		Steps:   []Step{r.importStep(c), {Name: "scope", OK: c.verdict.In, Summary: c.verdict.Reason.Sentence(), Details: c.verdict.Reason.Values}, r.matchStep(c), mapStep(c)},
	}
	last := Step{Name: "action", OK: true, Summary: "nothing to do"}
	if c.decision.Kind == rule.Skip && c.decision.Rule != "" {
		last.Summary = c.decision.Rule
	}
	if len(p.actions) > 0 {
		a := p.actions[0]
		x.Action, x.Target.Name = &a, a.Target.Name
		last.Summary = string(a.Kind) + ": " + a.Reason.Sentence()
		if a.Code != "" && a.State == plan.Refused {
			last.OK, last.Summary = false, a.Detail
		}
		for _, d := range words.Changes(a.Before, a.After) {
			last.Details = append(last.Details, d.String())
		}
	}
	if h, ok := waits[waitKey{c.Ref, false}]; ok && h.State == plan.Held {
		last.OK, last.Summary = false, fmt.Sprintf("%s is held by the guard and waits for a decision", h.Kind)
	}
	if c.link.Code != "" && last.OK {
		last.Details = append(last.Details, "last attempt: "+c.link.Detail)
	}
	x.Steps = append(x.Steps, last)
	return x, nil
}

func (r *run) importStep(c *candidate) Step {
	s := Step{Name: "import", OK: true, Summary: "found in " + r.from.Name}
	if c.Deleted {
		s.Summary += ", deleted (can be restored)"
	} else if !c.Enabled {
		s.Summary += ", not allowed to sign in"
	}
	for _, d := range scim.Diff(nil, c.Values) {
		s.Details = append(s.Details, fmt.Sprintf("%s = %v", d.Path, d.After))
	}
	return s
}

func (r *run) matchStep(c *candidate) Step {
	s := Step{Name: "match", OK: true}
	switch {
	case c.link.Target != "":
		s.Summary = "linked to " + c.link.Target + ", " + c.link.Matched
	case !c.verdict.In:
		s.Summary = "not looked for"
	case len(c.out.Match) == 0:
		s.OK, s.Summary = false, "no value to match by"
	case len(c.hits) == 0:
		s.Summary = fmt.Sprintf("nobody in %s has %s %s", r.to.Name, c.out.Match[0].Attribute, c.out.Match[0].Value)
	default:
		s.OK = len(c.hits) == 1 && !c.taken
		s.Summary = fmt.Sprintf("%d in %s match", len(c.hits), r.to.Name)
		for _, h := range c.hits {
			s.Details = append(s.Details, h.Name+" ("+h.ID+")")
		}
	}
	if c.twin {
		s.OK, s.Summary = false, "another object of the source has the same matching value"
	}
	return s
}

func mapStep(c *candidate) Step {
	s := Step{Name: "map", OK: len(c.out.Problems) == 0}
	for _, d := range scim.Diff(nil, c.out.Want) {
		s.Details = append(s.Details, fmt.Sprintf("%s = %v", d.Path, d.After))
	}
	s.Summary = fmt.Sprintf("%d values", len(s.Details))
	if s.OK {
		return s
	}
	s.Summary = c.out.Problems[0].Error()
	return s
}
