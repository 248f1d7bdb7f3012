package operate

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// RowFilter selects rows of a plan that waits, or of what is held. What is given is and-ed.
type RowFilter struct {
	State     plan.ActionState // Planned, Held; Rejected: what was left out of the plan; Refused: what it cannot do
	Kind      rule.Kind        // "" is any
	Cause     *string          // exactly this; nil is any
	Attribute string           // updates of this attribute, whatever else they change
	Text      string           // part of a name
}

// RowPage is a page of rows, with how many there are of each deed and cause.
type RowPage struct {
	All    []plan.RowGroup // of rows in this state
	Groups []plan.RowGroup // all that the filter lets through, but for its text: those of the rows first
	Rows   []plan.Action   // those of a group stand together
	Next   string          // where the next page begins; "" is the end
}

// weighty orders kinds by what they take away.
var weighty = []rule.Kind{rule.Delete, rule.Disable, rule.Release, rule.Update, rule.Create, rule.Link, rule.Refer, rule.Skip}

// Waiting returns a page of rows that wait for somebody. It reads what it shows, however many rows there are.
func (o *Operator) Waiting(ctx context.Context, p Principal, j provision.Job, f RowFilter, after string, limit int) (RowPage, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return RowPage{}, err
	}
	var out RowPage
	var err error
	if out.All, err = o.rowGroups(ctx, p, j, f); err != nil {
		return out, err
	}
	for _, g := range out.All {
		if f.lets(g) {
			out.Groups = append(out.Groups, g)
		}
	}
	if len(out.Groups) == 0 {
		return out, nil
	}
	at, ok := cursorOf(after)
	if !ok {
		return out, invalid("The page that was asked for begins nowhere.")
	}
	if f.Text != "" || f.State != plan.Planned && f.State != plan.Held {
		return o.newestRows(ctx, p, j, f, out, at, limit)
	}
	for _, g := range out.Groups {
		q := plan.ActionQuery{Of: &g, Limit: limit + 1 - len(out.Rows)}
		switch c := at.compare(g); {
		case after != "" && c > 0:
			continue
		case after != "" && c == 0:
			q.Behind = at.ID
		}
		rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
		if err != nil {
			return out, err
		}
		if out.Rows = append(out.Rows, rows...); len(out.Rows) > limit {
			out.Rows = out.Rows[:limit]
			break
		}
	}
	out.next(f, limit)
	return out, nil
}

// EachWaiting calls f with every row that the filter lets through, in the order of Waiting.
func (o *Operator) EachWaiting(ctx context.Context, p Principal, j provision.Job, f RowFilter, each func(plan.Action) error) error {
	for after := ""; ; {
		page, err := o.Waiting(ctx, p, j, f, after, logPage)
		if err != nil {
			return err
		}
		for _, a := range page.Rows {
			if err := each(a); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// rowGroups are the groups of rows in the state of the filter, in the order of their rows.
func (o *Operator) rowGroups(ctx context.Context, p Principal, j provision.Job, f RowFilter) ([]plan.RowGroup, error) {
	var all []plan.RowGroup
	var err error
	switch {
	case f.State == plan.Held:
		all, err = o.Jobs.WaitingGroups(ctx, p.Tenant, j.ID, f.State)
	case j.Cycle == nil:
		return nil, nil
	case f.State == plan.Planned:
		all, err = o.Jobs.WaitingGroups(ctx, p.Tenant, j.ID, f.State)
	case f.State == plan.Refused:
		all, err = o.Jobs.CycleGroups(ctx, p.Tenant, j.ID, j.Cycle.ID, cannot...)
	default:
		all, err = o.Jobs.CycleGroups(ctx, p.Tenant, j.ID, j.Cycle.ID, f.State)
	}
	slices.SortFunc(all, compareGroups)
	return all, err
}

// cannot are the states of rows that a plan has and that nobody can carry out.
var cannot = []plan.ActionState{plan.Refused, plan.Failed, plan.Skipped}

func (f RowFilter) lets(g plan.RowGroup) bool {
	return (f.Kind == "" || g.Kind == f.Kind) && (f.Cause == nil || g.Cause == *f.Cause) && (f.Attribute == "" || slices.Contains(AttributesOf(g), f.Attribute))
}

// AttributesOf are the attributes that the updates of a group change, as people read them.
func AttributesOf(g plan.RowGroup) []string {
	if g.Kind != rule.Update || g.Cause == "" || g.State != plan.Planned && g.State != plan.Held {
		return nil
	}
	return strings.Split(g.Cause, ", ")
}

func compareGroups(a, b plan.RowGroup) int {
	return cmp.Or(cmp.Compare(slices.Index(weighty, a.Kind), slices.Index(weighty, b.Kind)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.State, b.State))
}

// newestRows reads rows in which somebody searches, or which wait no more: the newest first.
func (o *Operator) newestRows(ctx context.Context, p Principal, j provision.Job, f RowFilter, out RowPage, at rowCursor, limit int) (RowPage, error) {
	q := plan.ActionQuery{Text: f.Text, States: []plan.ActionState{f.State}, Newest: true, After: at.ID, Limit: limit + 1}
	if f.State == plan.Refused {
		q.States = cannot
	}
	if f.State != plan.Held {
		q.Cycle = j.Cycle.ID
	}
	if f.Kind != "" {
		q.Kinds = []rule.Kind{f.Kind}
	}
	if f.Cause != nil || f.Attribute != "" {
		for _, g := range out.Groups {
			if waits := f.State == plan.Planned || f.State == plan.Held; waits {
				q.Causes = append(q.Causes, g.Cause)
			} else {
				q.Codes = append(q.Codes, lockstep.Code(g.Cause))
			}
		}
	}
	rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, q)
	out.Rows = rows[:min(len(rows), limit)]
	if len(rows) > limit {
		out.Next = rowCursor{ID: out.Rows[limit-1].ID}.String()
	}
	return out, err
}

// rowCursor is where a page begins: behind a row, in its group.
type rowCursor struct {
	Kind  rule.Kind         `json:"k,omitempty"`
	Type  string            `json:"t,omitempty"`
	Cause string            `json:"c,omitempty"`
	ID    lockstep.ActionID `json:"i"`
}

func (c rowCursor) String() string {
	text, _ := json.Marshal(c) // of strings, which cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

func cursorOf(text string) (c rowCursor, ok bool) {
	if text == "" {
		return c, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return c, len(text) < 4000 && err == nil && json.Unmarshal(raw, &c) == nil && lockstep.ValidID(string(c.ID))
}

// compare is below 0 when the group comes after the cursor's, and above when it comes before.
func (c rowCursor) compare(g plan.RowGroup) int {
	return compareGroups(plan.RowGroup{Kind: c.Kind, Type: c.Type, Cause: c.Cause, State: g.State}, g)
}

// next sets where the page after this one begins.
func (out *RowPage) next(f RowFilter, limit int) {
	if len(out.Rows) < limit {
		return
	}
	last := out.Rows[len(out.Rows)-1]
	for _, g := range out.Groups { // rows from before the cause was kept have none
		if g.Kind == last.Kind && g.Type == last.Source.Type && g.Cause == last.Cause() {
			out.Next = rowCursor{g.Kind, g.Type, g.Cause, last.ID}.String()
			return
		}
	}
	out.Next = rowCursor{last.Kind, last.Source.Type, "", last.ID}.String()
}

func total(groups []plan.RowGroup) (n int) {
	for _, g := range groups {
		n += g.N
	}
	return n
}

// LeaveOut takes rows out of the plan that waits: those with ids, and all of groups as they were counted. As long as the same is to be done they are
// not planned again.
func (o *Operator) LeaveOut(ctx context.Context, p Principal, name string, a Answer, groups []plan.RowGroup) (provision.Cycle, error) {
	for _, g := range groups {
		if g.State != plan.Planned {
			return provision.Cycle{}, invalid("Only what is planned can be left out of a plan.")
		}
	}
	return o.decidePlan(ctx, p, name, a.Cycle, provision.Verdict{Reject: a.Reject, RejectAll: groups, Note: a.Note})
}

// PutBack plans rows again that were left out of the plan that waits.
func (o *Operator) PutBack(ctx context.Context, p Principal, name string, cycle lockstep.CycleID, ids []lockstep.ActionID) (provision.Cycle, error) {
	return o.decidePlan(ctx, p, name, cycle, provision.Verdict{Restore: ids})
}

// ApplyTo carries out what the plan that waits has for one person or group, and nothing else: the rest goes on waiting. What has not come to its end
// within wait goes on. name is as in Explain.
func (o *Operator) ApplyTo(ctx context.Context, p Principal, job, typ, name string, a Answer, wait time.Duration) (Provisioned, error) {
	if err := p.some(AppsWrite); err != nil {
		return Provisioned{}, err
	}
	j, err := o.job(ctx, p, AppsWrite, job)
	if err != nil {
		return Provisioned{}, err
	}
	if j.Direction != provision.Outbound {
		return Provisioned{}, invalid("Of a source the plan is applied as a whole: lockstep apply " + j.Slug + ".")
	}
	if err := o.waits(ctx, p, j, a.Cycle, true); err != nil {
		return Provisioned{}, err
	}
	if j.State == provision.Paused {
		return Provisioned{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The app is paused, and nothing is sent until it is set active."}
	}
	ref, shown, err := o.sourceRef(ctx, p, j, typ, name)
	if err != nil {
		return Provisioned{}, err
	}
	of := plan.End{Ref: ref, Name: cmp.Or(shown, ref.ID)}
	cycle := j.Cycle.ID
	rows, err := o.rowsAbout(ctx, p, j, of, cycle)
	if err != nil {
		return Provisioned{}, err
	}
	if err := applicable(of, rows); err != nil {
		return Provisioned{}, err
	}
	if _, err := o.decidePlan(ctx, p, job, cycle, provision.Verdict{Apply: true, Only: of, Note: a.Note}); err != nil {
		return Provisioned{}, err
	}
	short, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err = o.await(short, p.Tenant, j.ID, func(now provision.Job) (bool, error) {
		return now.Cycle == nil || now.Cycle.ID != cycle || now.Cycle.Phase != provision.Applying, nil
	})
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeTimeout {
		return Provisioned{}, err
	}
	return o.Tried(context.WithoutCancel(ctx), p, j, cycle, of)
}

// Tried is what became of what a plan had for one object, by ApplyTo.
func (o *Operator) Tried(ctx context.Context, p Principal, j provision.Job, cycle lockstep.CycleID, of plan.End) (Provisioned, error) {
	if err := p.mayApp(AppsRead, j.Slug); err != nil {
		return Provisioned{}, err
	}
	c, err := o.cycle(ctx, p.Tenant, j.ID, cycle)
	if err != nil {
		return Provisioned{}, err
	}
	out := Provisioned{Name: of.Name, Of: of.Ref, Cycle: c}
	if out.Rows, err = o.rowsAbout(ctx, p, j, of, cycle); err != nil {
		return out, err
	}
	links, err := o.Jobs.Links(ctx, p.Tenant, j.ID, plan.LinkQuery{Type: of.Type, Sources: []string{of.ID}, Limit: 1})
	if err != nil {
		return out, err
	}
	link := plan.Link{Source: of.Ref}
	if len(links) > 0 {
		link = links[0]
		out.Name = cmp.Or(of.Name, link.Name)
	}
	out.Finding = outcomeOf(c, out.Rows, link, false)
	return out, nil
}

// rowsAbout are the rows of a cycle that are about one object, in the order in which they are carried out.
func (o *Operator) rowsAbout(ctx context.Context, p Principal, j provision.Job, of plan.End, cycle lockstep.CycleID) ([]plan.Action, error) {
	rows, err := o.Jobs.Actions(ctx, p.Tenant, j.ID, plan.ActionQuery{Source: of.Ref, Newest: true, Limit: logPage})
	rows = slices.DeleteFunc(rows, func(a plan.Action) bool { return a.Cycle != cycle })
	slices.SortFunc(rows, func(a, b plan.Action) int { return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.ID, b.ID)) })
	return rows, err
}

// applicable says why a plan has nothing that could be done for one object alone.
func applicable(of plan.End, rows []plan.Action) error {
	held := false
	for i := range rows {
		switch {
		case rows[i].State == plan.Planned && plan.InCircle(&rows[i]):
			return &lockstep.Error{Code: lockstep.CodeConflict, Detail: of.Name + " takes a name that somebody else gives up, who takes another: they are changed together, by applying the plan."}
		case rows[i].State == plan.Planned:
			return nil
		}
		held = held || rows[i].State == plan.Held
	}
	if held {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "What the plan has for " + of.Name + " is held by the guard: decide on that first."}
	}
	return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The plan has nothing to do for " + of.Name + "."}
}
