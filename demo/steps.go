package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/rule"
	"lockstep/webexorg"
)

// company is step 1: the company's files, and from them the directory.
func (p *play) company(ctx context.Context) error {
	s := p.Screen
	s.head(1, "A company")
	if err := p.story.write(p.Files); err != nil {
		return err
	}
	var err error
	if p.roster, err = readRoster(p.Files); err != nil {
		return err
	}
	p.report.People, p.report.Groups = len(p.roster.people.rows), len(p.roster.groups.rows)
	s.text(fmt.Sprintf("%d people and %d groups, in CSV files. They are added as a source; the directory follows them from now on.", p.report.People, p.report.Groups))
	began := time.Now()
	if _, err := p.Client.CreateSource(ctx, api.NewSystem{Kind: "csvfile", Slug: sourceSlug, Name: "People"}); err != nil {
		return err
	}
	c, err := await(ctx, p.Client, sourceSlug, "", func(c api.Cycle) { p.progress(c, c.Counts.Created+c.Counts.Failed, c.Total) })
	s.unbar()
	if err != nil {
		return err
	}
	p.report.ImportSeconds = seconds(took(c))
	s.done(fmt.Sprintf("%d people and groups are in the directory", c.Counts.Created), short(time.Since(began)))
	if err := p.troubles(ctx, sourceSlug, c); err != nil {
		return err
	}
	for _, id := range p.story.absent {
		x, err := p.Client.Explain(ctx, sourceSlug, "User", id)
		if err != nil {
			return err
		}
		text := x.Summary
		if n := len(x.Steps); n > 0 {
			text = x.Steps[n-1].Summary
		}
		s.entry(faint, "–", p.name(id), text, p.nameWidth())
	}
	return nil
}

// progress draws how far a cycle is.
func (p *play) progress(c api.Cycle, done, total int) {
	word := map[string]string{"list": "looking at what is there", "read": "reading", "rank": "ordering", "apply": "writing"}[c.Phase]
	p.Screen.bar(done, max(total, done), word)
}

// troubles shows the rows of a cycle that could not be carried out.
func (p *play) troubles(ctx context.Context, job string, c api.Cycle) error {
	rows, _, err := p.Client.Actions(ctx, job, api.LogQuery{Cycle: c.ID, State: "failed,refused", Limit: 5})
	if err != nil {
		return err
	}
	for _, a := range slices.Backward(rows) {
		p.action(a)
	}
	return nil
}

// application is step 2: the Webex organisation and the app that reaches it.
func (p *play) application(ctx context.Context) error {
	s := p.Screen
	s.head(2, "Its Webex organisation")
	if n := len(p.story.accounts); n > 0 {
		s.text(fmt.Sprintf("%d accounts are in it already; which of them belong to whom is for Lockstep to find out. Webex is added from the gallery, and its connection tested.", n))
	} else {
		s.text("It is empty. Webex is added from the gallery, and its connection tested.")
	}
	if err := addWebex(ctx, p.Client, p.org); err != nil {
		return err
	}
	t, err := p.Client.TestConnection(ctx, webexSlug)
	if err != nil {
		return err
	}
	for _, c := range t.Checks {
		text := c.Name
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		if c.OK {
			s.done(text, short(c.Took))
		} else {
			s.failed(text, short(c.Took))
		}
	}
	if !t.OK {
		return &lockstep.Error{Code: t.Code, Detail: t.Detail}
	}
	return nil
}

// settings is step 3: who is in scope, and how people look at Webex.
func (p *play) settings(ctx context.Context) error {
	s := p.Screen
	s.head(3, "Who, and how")
	policy := api.Policy{Groups: true, Nested: true, Everyone: p.story.assign == nil}
	if _, err := p.Client.PutPolicy(ctx, webexSlug, policy); err != nil {
		return err
	}
	if p.story.assign == nil {
		s.done("everybody is in scope, and all groups", "")
	}
	for _, a := range p.story.assign {
		if _, err := p.Client.Assign(ctx, webexSlug, api.NewAssignment{Group: a.group, Role: a.role}); err != nil {
			return err
		}
		text := a.group + " is assigned, role " + a.role
		if a.note != "" {
			text += ": " + a.note
		}
		s.done(text, "")
	}
	_, err := p.Client.EditRules(ctx, webexSlug, "User", p.rules)
	if err != nil {
		return err
	}
	if p.story.assign != nil {
		s.done("matching: by user name, in any letter case, else by employee number", "")
		s.done("scoping filter: everybody but those whose country is JP", "")
	}
	return nil
}

// rules adds the demo's mappings and its scoping filter to what the template begins with.
func (p *play) rules(m *rule.ObjectMapping) error {
	number := direct(enterprise + ":employeeNumber")
	number.Match = 2
	m.Attributes = append(slices.DeleteFunc(m.Attributes, func(a rule.Mapping) bool { return a.Target == number.Target }), number)
	if len(p.story.filter) > 0 {
		m.Scope = rule.Filter{Groups: []rule.FilterGroup{{Name: "Not in Japan", Clauses: p.story.filter}}}
	}
	return nil
}

// plan is steps 4 and 5: what would be done, and doing it.
func (p *play) plan(ctx context.Context) error {
	s := p.Screen
	s.head(4, "Look first: the plan")
	p.design = p.story.design
	p.want = p.roster.expect(p.design)
	p.story.keepResidents(p.want)
	if err := p.universe.resetCounts(ctx); err != nil {
		return err
	}
	began := time.Now()
	plan, err := p.Client.Plan(ctx, webexSlug, 500, 10*time.Minute)
	if err != nil {
		return err
	}
	planned := time.Since(began)
	if plan.Cycle == nil {
		return fmt.Errorf("the plan is empty: %+v", plan.Counts)
	}
	s.text(tally(plan))
	for _, name := range p.story.telling {
		if err := p.tell(ctx, plan, name); err != nil {
			return err
		}
	}
	s.note(fmt.Sprintf("… and the rest, %d lines in all. Nothing has been sent yet.", len(plan.Actions)+plan.More))
	if err := p.ask(ctx, "to apply the plan"); err != nil {
		return err
	}
	s.head(5, "Apply it")
	began = time.Now()
	if _, err := p.Client.Apply(ctx, webexSlug, api.ApplyInput{Cycle: plan.Cycle.ID}); err != nil {
		return err
	}
	c, err := awaitOne(ctx, p.Client, webexSlug, func(c api.Cycle) {
		n := c.Counts
		p.progress(c, n.Created+n.Linked+n.Updated+n.Disabled+n.Deleted+n.Referred+n.Failed, n.Planned)
	}, func(c api.Cycle) bool { return c.ID == plan.Cycle.ID && c.Ended != nil })
	s.unbar()
	if err != nil {
		return err
	}
	return p.applied(ctx, c, planned, time.Since(began))
}

// tell shows the plan's line about somebody; about who has none, why they are left out.
func (p *play) tell(ctx context.Context, plan api.Plan, name string) error {
	for _, a := range plan.Actions {
		if a.Source.Name == name {
			p.action(a)
			return nil
		}
	}
	x, err := p.Client.Explain(ctx, webexSlug, "User", name)
	if err != nil {
		return err
	}
	if x.Action != nil { // beyond what was asked for of the plan
		p.action(*x.Action)
		return nil
	}
	p.Screen.entry(faint, "–", name, x.Summary, p.nameWidth())
	return nil
}

// applied tells what the initial cycle did.
func (p *play) applied(ctx context.Context, c api.Cycle, planned, applied time.Duration) error {
	counts, err := p.universe.counts(ctx)
	if err != nil {
		return err
	}
	n := Counts{Seconds: seconds(planned + applied), TargetRequests: counts.all}
	n.add(c)
	p.report.Phases["initial"] = n
	p.Screen.done(counters(n), short(applied))
	if err := p.troubles(ctx, webexSlug, c); err != nil {
		return err
	}
	for _, r := range p.story.accounts {
		if r.note != "" {
			p.Screen.entry(faint, "=", r.userName, r.note, p.nameWidth())
		}
	}
	p.Screen.note(fmt.Sprintf("%d requests to Webex for %d objects.", counts.all, n.Created+n.Linked+n.Updated))
	return p.check(ctx)
}

// counters names what is not zero.
func counters(n Counts) string {
	var parts []string
	for _, c := range []struct {
		word string
		n    int
	}{
		{"created", n.Created},
		{"linked", n.Linked},
		{"updated", n.Updated},
		{"disabled", n.Disabled},
		{"deleted", n.Deleted},
		{"references", n.Referred},
		{"held", n.Held},
		{"failed", n.Failed},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.word, c.n))
		}
	}
	return strings.Join(parts, " · ")
}

// explain is step 6: why somebody is in, why somebody is not.
func (p *play) explain(ctx context.Context) error {
	s := p.Screen
	s.head(6, "Why in, why out")
	for _, name := range p.story.explain {
		x, err := p.Client.Explain(ctx, webexSlug, "User", name)
		if err != nil {
			return err
		}
		mark, colour := "✓", green
		if !x.In {
			mark, colour = "–", yellow
		}
		s.line(strings.Repeat(" ", margin) + s.paint(colour, mark) + " " + s.paint(bold, name))
		for _, step := range x.Steps {
			if step.Name == "import" || step.Name == "map" {
				continue // no news in them
			}
			mark, colour := "✓", green
			if !step.OK {
				mark, colour = "✗", yellow
			}
			s.entry(colour, "  "+mark, step.Name, step.Summary, 7)
		}
	}
	return nil
}

// change is step 7: the company changes, and only the difference goes out.
func (p *play) change(ctx context.Context) error {
	s := p.Screen
	if _, err := p.Client.PatchJob(ctx, webexSlug, api.JobPatch{Mode: "auto"}); err != nil {
		return err
	}
	if err := p.ask(ctx, "to change the company"); err != nil {
		return err
	}
	s.head(7, "The company changes")
	s.text("Webex is in mode auto now. The CSV files are edited:")
	last, err := until(ctx, p.Client, webexSlug, nil, func(c api.Cycle) bool { return c.Ended != nil })
	if err != nil {
		return err
	}
	told, err := p.edit()
	if err != nil {
		return err
	}
	for _, line := range told {
		s.entry(cyan, "·", line, "", s.width()-margin-5)
	}
	if err := p.universe.resetCounts(ctx); err != nil {
		return err
	}
	_, seq, err := p.universe.commits(ctx, 1<<60, 0)
	if err != nil {
		return err
	}
	began := time.Now()
	source, err := newest(ctx, p.Client, sourceSlug)
	if err != nil {
		return err
	}
	if err := p.roster.write(); err != nil {
		return err
	}
	if _, err := p.Client.Run(ctx, sourceSlug); err != nil {
		return err
	}
	if _, err := await(ctx, p.Client, sourceSlug, source.ID, nil); err != nil {
		return err
	}
	if err := p.settled(ctx); err != nil {
		return err
	}
	return p.changed(ctx, last, seq, began)
}

// edit changes the company and what is expected of the organisation.
func (p *play) edit() ([]string, error) {
	leaver, before := key(p.name(p.story.leaver)), p.want
	told, err := p.story.change(p.roster)
	if err != nil {
		return nil, err
	}
	for _, id := range p.story.later {
		delete(p.design.out, id)
	}
	p.want = p.roster.expect(p.design)
	p.story.keepResidents(p.want)
	gone := *before.people[leaver] // their account is disabled, not deleted
	gone.active = false
	p.want.people[leaver] = &gone
	return told, nil
}

// name returns the user name of a person of the company.
func (p *play) name(id string) string {
	row, err := p.roster.people.row(id)
	if err != nil {
		return ""
	}
	return p.roster.people.get(row, "userName")
}

// patient is how long the demo waits for the organisation to be as expected before it says that it is not.
const patient = 30 * time.Second

// settled waits until the organisation is as expected and no cycle is open, or for as long as one may wait: then what differs
// is told.
func (p *play) settled(ctx context.Context) error {
	began, seen := time.Now(), lockstep.CycleID("")
	_, err := until(ctx, p.Client, webexSlug, nil, func(c api.Cycle) bool {
		if time.Since(began) > patient {
			return true
		}
		if c.Ended == nil || c.ID == seen {
			return false
		}
		seen = c.ID
		h, err := p.org.read(ctx)
		return err == nil && p.want.compare(h).count == 0
	})
	return err
}

// changed tells what the change came to.
func (p *play) changed(ctx context.Context, last api.Cycle, seq int64, began time.Time) error {
	s := p.Screen
	cycles, err := p.Client.Cycles(ctx, webexSlug, 100)
	if err != nil {
		return err
	}
	var n Counts
	for _, c := range slices.Backward(cycles) {
		if c.ID == last.ID || !c.Began.After(last.Began) {
			continue
		}
		n.add(c)
		if err := p.sent(ctx, c); err != nil {
			return err
		}
	}
	counts, err := p.universe.counts(ctx)
	if err != nil {
		return err
	}
	commits, _, err := p.universe.commits(ctx, seq, 0)
	if err != nil {
		return err
	}
	arrived := began
	for _, c := range commits {
		if c.At.After(arrived) {
			arrived = c.At
		}
	}
	n.Seconds, n.TargetRequests = seconds(arrived.Sub(began)), counts.all
	p.report.Phases["incremental"] = n
	s.done(counters(n), short(arrived.Sub(began)))
	s.note(fmt.Sprintf("%d requests to Webex: %s.", counts.all, routes(counts.routes)))
	return p.check(ctx)
}

// sent shows what a cycle wrote.
func (p *play) sent(ctx context.Context, c api.Cycle) error {
	rows, _, err := p.Client.Actions(ctx, webexSlug, api.LogQuery{Cycle: c.ID, Limit: 30})
	if err != nil {
		return err
	}
	for _, a := range slices.Backward(rows) {
		if a.State != "skipped" {
			p.action(a)
		}
	}
	return nil
}

// routes names the requests by kind: "POST /Users 2, PATCH /Groups/{id} 3".
func routes(all []webexorg.Count) string {
	var parts []string
	for _, c := range all {
		route := fmt.Sprintf("%s %d", strings.TrimSuffix(c.Route, "/"), c.Requests)
		if c.Status >= http.StatusBadRequest {
			route += fmt.Sprintf(" (answered %d)", c.Status)
		}
		parts = append(parts, route)
	}
	return strings.Join(parts, ", ")
}
