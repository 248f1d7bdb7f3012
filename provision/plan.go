package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// candidate is an object of the source on its way through planning.
type candidate struct {
	connection.Object
	program  *program
	link     plan.Link // as stored; zero when the job meets the object for the first time
	known    bool      // link was stored
	next     plan.Link // as it will be stored
	gone     bool
	verdict  rule.Verdict
	out      rule.Output
	hits     []connection.Object
	matched  int               // of out.Match: what the hits were found by
	decision rule.Decision     // once it was settled on
	unasked  error             // why it could not be looked for
	taken    bool              // the hit is linked to another object
	twin     bool              // another object of the source has the same matching value
	replaces lockstep.ActionID // a row that there is for it already
	decided  plan.Decision     // of that row, if it does the same
	anew     bool              // somebody had to decide on a row that did something else
}

// planned is what planning a page comes to.
type planned struct {
	actions []plan.Action
	links   []plan.Link
	unlink  []connection.Ref
	wanted  []plan.ReferenceRow
	left    []plan.Transition // rows that no longer hold
}

// plan decides what to do about the objects of one page. It reads the store and, to match, the target; it writes nothing.
func (r *run) plan(ctx context.Context, objects []connection.Object, gone []connection.Ref, whole bool) (planned, error) {
	cs, err := r.candidates(ctx, objects, gone)
	if err != nil {
		return planned{}, err
	}
	for _, c := range cs {
		r.evaluate(ctx, c)
	}
	if err := r.match(ctx, cs); err != nil {
		return planned{}, err
	}
	if err := r.complete(ctx, cs); err != nil {
		return planned{}, err
	}
	p, err := r.release(ctx, cs)
	if err != nil {
		return planned{}, err
	}
	for _, c := range cs {
		if err := r.settleOn(ctx, c, whole, &p); err != nil {
			return planned{}, err
		}
	}
	p.wanted, err = r.wantedEdges(ctx, cs)
	return p, err
}

// candidates joins the page's objects with their links. Objects that no rule brings are left out.
func (r *run) candidates(ctx context.Context, objects []connection.Object, gone []connection.Ref) ([]*candidate, error) {
	var cs []*candidate
	ids := map[string][]string{}
	add := func(c *candidate) {
		if c.program = r.programs[c.Type]; c.program != nil {
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
	links := map[connection.Ref]plan.Link{}
	for typ, chunk := range ids {
		found, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Sources: chunk, Limit: len(chunk)})
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
func (r *run) evaluate(ctx context.Context, c *candidate) {
	now := r.now()
	if c.gone {
		c.verdict = rule.Verdict{In: c.link.Verdict.In, Reason: rule.Reason{Rule: "deleted for good at source"}}
	} else {
		c.verdict = c.program.Scope(rule.Subject{
			ID: c.ID, Values: c.Values, Enabled: c.Enabled, Deleted: c.Deleted, Grants: c.Grants, Now: now,
			Everyone: r.job.Policy.Everyone || r.job.Direction == Inbound, DefaultRole: r.job.Policy.DefaultRole,
		})
	}
	c.next = c.link
	c.next.Source, c.next.Name, c.next.Verdict = c.Ref, c.Name, c.verdict
	c.next.Recheck = c.verdict.Recheck
	defer func() { r.answer(c) }()
	if c.gone && c.link.Target == "" || !c.verdict.In && c.link.Target == "" {
		return // nothing to write: spare the mapping
	}
	r.mapValues(ctx, c, c.link.Target == "", c.link.Image)
	c.next.Recheck = earliest(c.next.Recheck, c.out.Recheck)
	if len(c.out.Match) > 0 {
		c.next.Key = keyOf(c.out.Match[0].Attribute, c.out.Match[0].Value)
	}
}

// answer takes the object off the clock until its next time. A plan that waits for review has answered nothing yet: what was due
// stays due until somebody accepts the plan.
func (r *run) answer(c *candidate) {
	if waiting := r.job.Manual && !c.link.Due.IsZero() && !c.link.Due.After(r.now()); !waiting {
		c.next.Due = c.next.Recheck
	}
}

// mapValues maps the object's values onto what the target has.
func (r *run) mapValues(ctx context.Context, c *candidate, creating bool, written scim.Object) {
	c.out = c.program.Map(rule.Input{
		ID: c.ID, Values: c.Values, Enabled: c.Enabled, Deleted: c.Deleted, InScope: c.verdict.In, Gone: c.gone,
		Unique: r.isUnique(ctx, c), Creating: creating, Written: written, Now: r.now(), Random: r.random(),
	})
}

// isUnique asks the target whether a value that an expression has made up is free.
func (r *run) isUnique(ctx context.Context, c *candidate) func(attribute, value string) (bool, error) {
	return func(attribute, value string) (bool, error) {
		key := plan.Key{Attribute: attribute, Value: fold(value)}
		a, err := r.find(ctx, c.program.targetType, []question{{key, value}})
		return len(a.found[key]) == 0, cmp.Or(err, a.failed[key])
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// match finds the target's objects for those that are to be there and are not linked, and the twins among them.
func (r *run) match(ctx context.Context, cs []*candidate) error {
	open := map[string][]*candidate{}
	gives := map[connection.Ref]bool{} // who gives up their matching value on this page
	for _, c := range cs {
		gives[c.Ref] = c.gives()
	}
	for _, c := range cs {
		if c.link.Target == "" && c.verdict.In && c.Enabled && !c.Deleted && !c.gone && len(c.out.Match) > 0 {
			open[c.Type] = append(open[c.Type], c)
		}
	}
	for typ, list := range open {
		if err := r.twins(ctx, typ, list, gives); err != nil {
			return err
		}
		if err := r.hits(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// twins marks candidates whose first matching value another object of the source holds already. Whoever is linked, or else
// was met first, keeps it.
func (r *run) twins(ctx context.Context, typ string, cs []*candidate, gives map[connection.Ref]bool) error {
	keys := make([]string, len(cs))
	for i, c := range cs {
		keys[i] = c.next.Key
	}
	holders, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Keys: keys})
	if err != nil {
		return err
	}
	holder := map[string]connection.Ref{}
	for _, l := range holders {
		if l.Verdict.In && l.Code != lockstep.CodeMatchDuplicate && !gives[l.Source] {
			if _, taken := holder[l.Key]; !taken || l.Target != "" {
				holder[l.Key] = l.Source
			}
		}
	}
	for _, c := range cs {
		h, taken := holder[c.next.Key]
		if !taken {
			holder[c.next.Key] = c.Ref
			continue
		}
		c.twin = h != c.Ref
	}
	return nil
}

// gives reports whether the object no longer has the matching value that it had.
func (c *candidate) gives() bool {
	return c.known && c.link.Key != "" && (c.gone || !c.verdict.In || c.next.Key != c.link.Key)
}

// release makes those due who were refused for a matching value that a candidate gives up.
func (r *run) release(ctx context.Context, cs []*candidate) (p planned, err error) {
	given := map[string][]string{}
	here := map[connection.Ref]*candidate{}
	for _, c := range cs {
		here[c.Ref] = c
		if c.gives() {
			given[c.Type] = append(given[c.Type], c.link.Key)
		}
		if has := c.program.key(c.link.Image); c.gone && has != "" { // the object may be nobody's from now on
			given[c.Type] = append(given[c.Type], has)
		}
	}
	for typ, keys := range given {
		heirs, err := r.heirs(ctx, typ, keys, refusedForKey)
		if err != nil {
			return p, err
		}
		for _, l := range heirs {
			if c := here[l.Source]; c != nil {
				c.next.Due = l.Due
			} else {
				p.links = append(p.links, l)
			}
		}
	}
	return p, nil
}

// refusedForKey reports whether an object was refused because another had its matching value.
func refusedForKey(l *plan.Link) bool {
	return l.Code == lockstep.CodeMatchDuplicate || l.Code == lockstep.CodeMatchTaken
}

// waitsForKey reports the same at the target, where an object that is disabled may have an older value for that reason.
func waitsForKey(l *plan.Link) bool { return refusedForKey(l) || l.Disabled && l.Target != "" }

// heirs returns the links, made due, of those objects with one of the matching values that wait for it.
func (r *run) heirs(ctx context.Context, typ string, keys []string, wait func(*plan.Link) bool) ([]plan.Link, error) {
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: typ, Keys: keys})
	var heirs []plan.Link
	for _, l := range links {
		if wait(&l) {
			l.Due = r.now()
			heirs = append(heirs, l)
		}
	}
	return heirs, err
}

// hits looks the candidates up by their matching values: the first attribute for all, the next for those without a hit.
func (r *run) hits(ctx context.Context, cs []*candidate) error {
	for priority := 0; len(cs) > 0; priority++ {
		var keys []question
		var asked, rest []*candidate
		for _, c := range cs {
			if priority < len(c.out.Match) && !c.twin {
				keys = append(keys, question{matchKey(c, priority), c.out.Match[priority].Value})
				asked = append(asked, c)
			}
		}
		if len(keys) == 0 {
			return r.former(ctx, cs)
		}
		a, err := r.lookUp(ctx, cs[0].program.targetType, keys)
		if err != nil {
			return err
		}
		var targets []string
		for _, c := range asked {
			if c.unasked = a.failed[matchKey(c, priority)]; c.unasked != nil {
				continue // by the next attribute somebody else may be found
			}
			if c.hits = r.living(c, a.found[matchKey(c, priority)]); len(c.hits) == 0 {
				rest = append(rest, c)
			} else {
				c.matched = priority
			}
			for _, h := range c.hits {
				targets = append(targets, h.ID)
			}
		}
		if err := r.markTaken(ctx, asked, targets); err != nil {
			return err
		}
		cs = rest
	}
	return nil
}

// living leaves out deleted objects. A leaver's object is theirs: it comes back with the same source object, and a newcomer who
// gets its name is a new person.
func (r *run) living(c *candidate, hits []connection.Object) []connection.Object {
	alive := slices.DeleteFunc(slices.Clone(hits), func(o connection.Object) bool { return o.Deleted })
	if len(alive) > 0 || !r.to.Restores {
		return alive
	}
	return slices.DeleteFunc(slices.Clone(hits), func(o connection.Object) bool {
		return o.ID != c.link.Former && (c.link.Former != "" || o.Values.Text("externalId") != c.ID)
	})
}

// former looks for the deleted objects of people who have come back under another name.
func (r *run) former(ctx context.Context, cs []*candidate) error {
	for _, c := range cs {
		if c.link.Former == "" || c.twin || c.unasked != nil {
			continue
		}
		o, err := r.target.Get(ctx, connection.Ref{Type: c.program.targetType, ID: c.link.Former})
		if errors.Is(err, lockstep.ErrNotFound) {
			continue // it was removed for good
		}
		if err != nil {
			return err
		}
		c.hits = []connection.Object{o}
		if err := r.markTaken(ctx, []*candidate{c}, []string{o.ID}); err != nil {
			return err
		}
	}
	return nil
}

func matchKey(c *candidate, priority int) plan.Key {
	m := c.out.Match[priority]
	return plan.Key{Attribute: m.Attribute, Value: fold(m.Value)}
}

func (r *run) markTaken(ctx context.Context, cs []*candidate, targets []string) error {
	if len(targets) == 0 {
		return nil
	}
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: cs[0].Type, Targets: targets, Limit: len(targets)})
	if err != nil {
		return err
	}
	owner := map[string]connection.Ref{}
	for _, l := range links {
		owner[l.Target] = l.Source
	}
	for _, c := range cs {
		if len(c.hits) == 1 {
			o, linked := owner[c.hits[0].ID]
			c.taken = linked && o != c.Ref
		}
	}
	return nil
}

// settleOn decides about one candidate and adds what follows to p.
func (r *run) settleOn(ctx context.Context, c *candidate, whole bool, p *planned) error {
	before := c.link.Image
	if len(c.hits) == 1 && c.link.Target == "" {
		before = c.program.ours(c.hits[0].Values)
		r.mapValues(ctx, c, false, before) // what the target has counts: empty sources leave it
		if c.hits[0].Deleted {
			before = nil // all of it is written, which restores it
		}
	}
	s := r.situation(c, before)
	if s.Renamed && c.Deleted { // others may have the name of somebody who is deleted
		var err error
		if s.Renamed, err = r.ownName(ctx, c); err != nil {
			return err
		}
	}
	d := rule.Decide(s)
	c.decision = d
	c.restrict(d)
	if c.known && c.link.Seen == r.cycle.ID {
		if err := r.reuse(ctx, c, d, before, p); err != nil {
			return err
		}
	}
	if whole {
		c.next.Seen = r.cycle.ID
	}
	if r.stillWaits(c, d, before, p) {
		return nil
	}
	if stands, err := r.staysRejected(ctx, c, d, before, p); stands || err != nil {
		return err
	}
	switch {
	case d.Kind == rule.Skip && d.Code != "":
		switch {
		case c.unasked != nil:
			c.next.Attempts++
			c.next.Due = r.now().Add(backOff(c.next.Attempts))
		case d.Code == lockstep.CodeMatchTaken, d.Code == lockstep.CodeMatchAmbiguous: // somebody may have mended it at the target by then
			c.next.Due = earliest(c.next.Due, r.now().Add(backOff(slowest)))
		}
		r.refuse(c, d, p)
	case d.Kind == rule.Skip:
		r.skip(c, d, p)
	case d.Kind == rule.Refer: // the edges say what; rank plans it
		c.next.Code, c.next.Detail = "", ""
	default:
		c.next.Code, c.next.Detail = "", ""
		c.next.Seen = r.cycle.ID // tells reuse that there is a row
		p.actions = append(p.actions, r.row(c, d, before))
	}
	if c.gone && d.Kind == rule.Skip && c.link.Former == "" {
		p.unlink = append(p.unlink, c.Ref)
		return nil
	}
	p.link(c)
	return nil
}

// ownName reports whether nobody else has the object's matching value at the target, or is to have it.
func (r *run) ownName(ctx context.Context, c *candidate) (bool, error) {
	links, err := r.Store.Links(ctx, r.job.Tenant, r.job.ID, plan.LinkQuery{Type: c.Type, Keys: []string{c.next.Key}})
	if err != nil || slices.ContainsFunc(links, func(l plan.Link) bool { return l.Source != c.Ref && l.Verdict.In }) {
		return false, err
	}
	for i, m := range c.out.Match {
		if k := matchKey(c, i); keyOf(k.Attribute, k.Value) == c.next.Key {
			a, err := r.find(ctx, c.program.targetType, []question{{k, m.Value}})
			return err == nil && len(a.failed) == 0 && len(a.found[k]) == 0, err
		}
	}
	return false, nil
}

// restrict leaves matching values as they are at the target when the object is disabled, and everything else when nothing but they
// are to change. A value that is in use must not keep anybody enabled; it is written afterwards.
func (c *candidate) restrict(d rule.Decision) {
	switch {
	case d.Kind == rule.Disable && c.link.Target != "":
		c.out.Want = c.program.withKeys(c.out.Want, c.link.Image)
	case d.Keys:
		c.out.Want = c.program.withKeys(c.link.Image, c.out.Want)
	}
}

// stillWaits deals with the row of an earlier cycle that waits for a decision on the object. When it does exactly what is to be done
// now, it waits on, or takes part in this cycle if it was approved. Otherwise it is left out: nobody has decided on what is to
// be done now.
func (r *run) stillWaits(c *candidate, d rule.Decision, before scim.Object, p *planned) bool {
	key := waitKey{c.Ref, false}
	old, waits := r.waits[key]
	if !waits {
		return false
	}
	same, broken := r.does(c, d, before, &old), r.broken[c.Ref]
	if same && !broken && old.State == plan.Held {
		r.cycle.Counts.Held++
		p.link(c)
		return true
	}
	delete(r.waits, key)
	out := plan.Transition{ID: old.ID, From: old.State, To: plan.LeftOut, Detail: "no longer needed", At: r.now()}
	switch {
	case same && old.State == plan.Planned:
		c.replaces, c.decided = old.ID, old.Decided
		out = plan.Transition{ID: old.ID, From: plan.Planned, To: plan.Planned} // nobody has rejected it meanwhile
	case same:
		out.Detail = "the circle that it belonged to is another one now"
	case changes(d):
		out.Detail = "something else is to be done now"
		c.anew = old.Code == lockstep.CodeGuardHeld
	}
	p.left = append(p.left, out)
	return false
}

// staysRejected deals with a row of the object that an administrator has rejected. As long as the same is to be done, nothing is; something
// else that does harm needs a decision, too.
func (r *run) staysRejected(ctx context.Context, c *candidate, d rule.Decision, before scim.Object, p *planned) (bool, error) {
	old, was := r.rejected[waitKey{c.Ref, false}]
	if !was || !changes(d) || c.replaces != "" {
		return false, nil
	}
	stands, err := r.standsRejected(ctx, &old)
	if err != nil {
		return false, err
	}
	if stands && r.does(c, d, before, &old) {
		p.link(c)
		return true, nil
	}
	c.anew = true
	return false, nil
}

// changes reports whether the decision makes a row that is carried out.
func changes(d rule.Decision) bool { return d.Kind != rule.Skip && d.Kind != rule.Refer }

// does reports whether the row does what the decision would do: to the same object, from the same values to the same values, with
// the same references.
func (r *run) does(c *candidate, d rule.Decision, before scim.Object, row *plan.Action) bool {
	if !changes(d) {
		return false
	}
	now := r.action(c, d, before)
	return now.Kind == row.Kind && now.Target.Ref == row.Target.Ref && scim.Equal(now.Before, row.Before) && scim.Equal(now.After, row.After) &&
		sameReferences(now.References, row.References)
}

// row makes the row of a decision. One that does harm and follows a row on which somebody had to decide waits for a decision, too,
// however little is planned beside it.
func (r *run) row(c *candidate, d rule.Decision, before scim.Object) plan.Action {
	row := r.action(c, d, before)
	h, harm := harmOf(row)
	if !c.anew || !harm {
		r.cycle.Counts.Planned++
		return row
	}
	r.hold(&row, h)
	r.alarmed = r.alarmed || h != rule.Clear
	r.cycle.Counts.Held++
	r.waits[waitKey{c.Ref, false}] = row
	return row
}

// situation gathers what the decision depends on.
func (r *run) situation(c *candidate, before scim.Object) rule.Situation {
	s := rule.Situation{
		Undecided: c.verdict.Code, Linked: c.link.Target != "", Disabled: c.link.Disabled, Detached: c.link.Code == lockstep.CodeTargetGone && c.link.Target == "" && r.job.Policy.OnMissing == rule.MissingDetach,
		Gone: c.gone, SoftDeleted: c.Deleted, Enabled: c.Enabled, In: c.verdict.In,
		Hits: len(c.hits), HitLinked: c.taken, Keyless: len(c.out.Match) == 0, Duplicate: c.twin,
		Flow: c.program.mapping.Flow, Leave: r.job.Policy.OnLeave, Missing: r.job.Policy.OnMissing,
		SoftDelete: c.program.disables, Blocks: c.program.Blocks(),
	}
	if c.unasked != nil {
		s.Problem = lockstep.CodeOf(c.unasked)
	}
	if len(c.out.Problems) > 0 {
		s.Problem = lockstep.CodeOf(c.out.Problems[0])
	}
	s.Differs = !scim.Equal(c.program.Known(before), c.out.Want)
	if has := c.program.key(c.link.Image); c.link.Target != "" {
		s.Renamed = has != "" && c.next.Key != "" && has != c.next.Key
	}
	return s
}

// reuse takes over the id of the row that this cycle has planned for the object already, when a page is read again, and the approval if
// it does the same still.
func (r *run) reuse(ctx context.Context, c *candidate, d rule.Decision, before scim.Object, p *planned) error {
	rows, err := r.Store.Actions(ctx, r.job.Tenant, r.job.ID, plan.ActionQuery{Cycle: r.cycle.ID, Source: c.Ref, States: []plan.ActionState{plan.Planned}, Limit: 1})
	if err != nil || len(rows) == 0 {
		return err
	}
	old := &rows[0]
	r.cycle.Counts.Planned--
	if !changes(d) {
		p.left = append(p.left, plan.Transition{ID: old.ID, From: plan.Planned, To: plan.LeftOut, Detail: "changed again before it was applied", At: r.now()})
		return nil
	}
	c.replaces = old.ID
	if r.does(c, d, before, old) {
		c.decided = old.Decided
	} else {
		c.anew = !old.Decided.At.IsZero()
	}
	return nil
}

// action makes the row of a decision.
func (r *run) action(c *candidate, d rule.Decision, before scim.Object) plan.Action {
	a := plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: d.Kind, Lane: laneOf(d.Kind),
		Source: plan.End{Ref: c.Ref, Name: c.Name}, Target: plan.End{Ref: connection.Ref{Type: c.program.targetType, ID: c.link.Target}},
		Before: c.program.Known(before), After: c.out.Want, Reason: d.Because(c.verdict), Epoch: r.job.Epoch,
		Seen: plan.Seen{Version: c.Version, Gone: c.gone, Config: r.job.Config}, State: plan.Planned, Planned: r.now(),
	}
	if c.replaces != "" {
		a.ID, a.Decided = c.replaces, c.decided
	}
	if d.Adopt {
		a.Kind, a.Lane, a.Target.ID = rule.Link, plan.LaneCreate, c.hits[0].ID
		if d.Kind == rule.Link {
			a.After = before // take it over as it is
		}
	}
	if d.Kind == rule.Delete {
		a.After = nil
	}
	a.Target.Name = objectName(a.After, objectName(a.Before, c.Name))
	if a.Kind == rule.Create && c.program.references[connection.Manager] {
		for _, e := range c.References {
			if e.Attribute == connection.Manager {
				a.Refers = e.To.ID
				a.References = []plan.RowReference{{Attribute: e.Attribute, To: plan.End{Ref: e.To}}}
			}
		}
	}
	if a.Kind == rule.Update && len(c.program.Clears(a.Before, a.After)) > 0 {
		a.Code = lockstep.CodeClears
	}
	if has := c.program.key(c.link.Image); a.Kind == rule.Update && has != "" && c.next.Key != has {
		a.Refers = plan.Names(has, c.next.Key)
	}
	if c.Type == connection.GroupType && a.Lane == plan.LaneCreate {
		a.Rank = groupRank
	}
	return a
}

// groupRank puts groups behind all people within a lane, so that their members are there when they are created.
const groupRank = 1 << 20

func laneOf(k rule.Kind) plan.Lane {
	switch k {
	case rule.Disable:
		return plan.LaneDisable
	case rule.Delete:
		return plan.LaneDelete
	case rule.Update:
		return plan.LaneUpdate
	case rule.Refer:
		return plan.LaneRefer
	}
	return plan.LaneCreate
}

// refuse records why an object cannot go as it is. The row is written when the reason is new.
func (r *run) refuse(c *candidate, d rule.Decision, p *planned) {
	r.cycle.Counts.Failed++
	detail := r.explain(c, d)
	if c.link.Code == d.Code && c.link.Detail == detail {
		return
	}
	c.next.Code, c.next.Detail = d.Code, detail
	now := r.now()
	p.actions = append(p.actions, plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: rule.Skip, Lane: plan.LaneCreate,
		Source: plan.End{Ref: c.Ref, Name: c.Name}, Target: plan.End{Ref: connection.Ref{Type: c.program.targetType, ID: c.link.Target}, Name: c.Name},
		After: c.out.Want, Reason: d.Because(c.verdict), State: plan.Refused, Code: d.Code, Detail: detail, Epoch: r.job.Epoch, Planned: now, Ended: now,
	})
}

// shortPath is an attribute's path for people, without the URN of an extension.
func shortPath(path string) string {
	if strings.HasPrefix(path, "urn:") {
		return path[strings.LastIndexByte(path, ':')+1:]
	}
	return path
}

// explain is the sentence that goes with a refusal.
func (r *run) explain(c *candidate, d rule.Decision) string {
	value := ""
	if len(c.out.Match) > 0 {
		m := c.out.Match[c.matched]
		value = shortPath(m.Attribute) + " " + m.Value
	}
	switch d.Code {
	case lockstep.CodeMatchAmbiguous:
		names := make([]string, 0, len(c.hits))
		for _, h := range c.hits {
			names = append(names, h.Name)
		}
		return fmt.Sprintf("%d objects in %s match %s: %s", len(c.hits), r.to.Name, value, strings.Join(names, ", "))
	case lockstep.CodeMatchDuplicate:
		return fmt.Sprintf("another %s of %s has %s, too (letter case does not count)", strings.ToLower(c.Type), r.from.Name, value)
	case lockstep.CodeMatchTaken:
		return fmt.Sprintf("%s in %s is linked to somebody else already", c.hits[0].Name, r.to.Name)
	case lockstep.CodeMatchMissing:
		return fmt.Sprintf("%s has no value for the matching attribute", c.Name)
	}
	if c.unasked != nil {
		return text(c.unasked)
	}
	if len(c.out.Problems) > 0 {
		return c.out.Problems[0].Error()
	}
	return lockstep.Describe(d.Code).Title
}

// skip counts an object that is left alone. A row is written only when somebody known is skipped for a new reason.
func (r *run) skip(c *candidate, d rule.Decision, p *planned) {
	c.next.Code, c.next.Detail = "", ""
	if c.link.Target != "" && c.verdict.In {
		r.cycle.Counts.Unchanged++
		return
	}
	r.cycle.Counts.Skipped++
	if !c.known || c.link.Verdict.In == c.verdict.In && c.link.Verdict.Reason.Rule == c.verdict.Reason.Rule {
		return
	}
	now := r.now()
	p.actions = append(p.actions, plan.Action{
		ID: lockstep.NewID[lockstep.ActionID](), Job: r.job.ID, Cycle: r.cycle.ID, Kind: rule.Skip, Lane: plan.LaneCreate,
		Source: plan.End{Ref: c.Ref, Name: c.Name}, Target: plan.End{Ref: connection.Ref{Type: c.program.targetType, ID: c.link.Target}, Name: c.Name},
		Reason: d.Because(c.verdict), State: plan.Skipped, Epoch: r.job.Epoch, Planned: now, Ended: now,
	})
}

// link stores the link when something about it is new.
func (p *planned) link(c *candidate) {
	if c.known && sameLink(c.link, c.next) {
		return
	}
	p.links = append(p.links, c.next)
}

func sameLink(a, b plan.Link) bool {
	return a.Name == b.Name && a.Key == b.Key && a.Code == b.Code && a.Detail == b.Detail && a.Due.Equal(b.Due) && a.Seen == b.Seen &&
		a.Verdict.In == b.Verdict.In && a.Verdict.Reason.Rule == b.Verdict.Reason.Rule && a.Verdict.Reason.Clause == b.Verdict.Reason.Clause &&
		slices.Equal(a.Verdict.Reason.Values, b.Verdict.Reason.Values)
}
