package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/rule"
	"lockstep/terminal"
	"lockstep/words"
)

type planCmd struct {
	App      string        `arg:"" optional:"" help:"The app or source; the only app when absent."`
	All      bool          `help:"Show every change."`
	Wait     time.Duration `default:"2m" help:"How long the plan may take."`
	ExitCode bool          `help:"End with 2 when there is something to do."`
}

const shownActions = 20 // without --all

// Run shows a plan.
func (p *planCmd) Run(c *cli, client *api.Client, app slug) error {
	c.server.Work()
	plan, err := client.Plan(c.ctx, app, p.limit(c), p.Wait)
	if err != nil {
		return err
	}
	if err := c.showPlan(app, plan); err != nil {
		return err
	}
	if p.ExitCode && pending(plan) {
		return &outcome{code: exitPending, text: "there is something to do"}
	}
	return c.planned(app, plan)
}

// planned tells what stands in the way beside the plan, and makes it the exit code. That the plan itself waits is what was
// asked for.
func (c *cli) planned(app string, p api.Plan) error {
	var all []operate.Finding
	for _, f := range remains(&p.Standing) {
		if p.Cycle == nil || f.Value != operate.InReview {
			all = append(all, f)
		}
	}
	if err := c.tell(app, all); err != nil {
		return err
	}
	if p.Problems > 0 {
		return &outcome{code: exitSome, text: "something cannot be done"}
	}
	return nil
}

func (p *planCmd) limit(c *cli) int {
	if p.All || c.Output != "table" {
		return 10_000
	}
	return shownActions
}

// pending reports whether applying the plan would change anything.
func pending(p api.Plan) bool {
	for _, n := range p.Kinds {
		if n > 0 {
			return true
		}
	}
	return p.Held > 0
}

func (c *cli) showPlan(app string, p api.Plan) error {
	if c.Output != "table" {
		return c.show(p, nil)
	}
	head := "plan for " + app
	if p.Cycle != nil {
		head += "  " + string(p.Cycle.ID)
	}
	if p.Preview {
		head += " (preview: changes go by themselves in mode auto)"
	}
	fmt.Fprintln(c.stdout, c.paint(bold, head))
	fmt.Fprintln(c.stdout, "  "+c.tally(p))
	width := 0
	for _, a := range p.Actions {
		width = max(width, min(len([]rune(nameOf(a))), 40))
	}
	for _, a := range p.Actions {
		fmt.Fprintf(c.stdout, "  %s %s  %s\n", c.mark(a), pad(nameOf(a), width), c.whatOf(a))
	}
	if p.More > 0 {
		fmt.Fprintf(c.stdout, "  … %d more (--all)\n", p.More)
	}
	switch {
	case p.Cycle != nil:
		c.say("Next: lockstep apply %s --plan %s · lockstep explain PERSON --app %s", app, p.Cycle.ID, app)
	case !pending(p):
		fmt.Fprintln(c.stdout, "  "+nothing(p))
	}
	return nil
}

// nothing says that a plan has nothing to do. Only a job that stands in step is said to be.
func nothing(p api.Plan) string {
	if len(remains(&p.Standing)) > 0 || p.Problems > 0 {
		return "Nothing can be done now."
	}
	return "Nothing to do: the application is in step."
}

// colourOf is the colour of a tone.
func colourOf(tone string) terminal.Colour {
	switch tone {
	case string(rule.Create):
		return green
	case string(rule.Link), words.ToneHeld:
		return cyan
	case string(rule.Update):
		return yellow
	case string(rule.Disable), string(rule.Delete), words.ToneFailed:
		return red
	}
	return faint
}

// signOf is the sign of a kind and a state, in its colour.
func (c *cli) signOf(k rule.Kind, s rule.State) string {
	o := words.OutcomeOf(k, s)
	return c.paint(colourOf(o.Tone), o.Sign)
}

// tally is the line of counts: + create 19    ~ update 6    ▲ cannot 2    = same 401.
func (c *cli) tally(p api.Plan) string {
	var parts []string
	for _, k := range rule.Kinds() {
		n := p.Kinds[string(k)]
		if n > 0 || k == rule.Create || k == rule.Update || k == rule.Disable {
			parts = append(parts, fmt.Sprintf("%s %s %d", c.signOf(k, rule.Planned), words.DeedOf(k).Will, n))
		}
	}
	if p.Held > 0 {
		parts = append(parts, fmt.Sprintf("%s held %d", c.signOf("", rule.Held), p.Held))
	}
	if p.Problems > 0 {
		parts = append(parts, fmt.Sprintf("%s cannot %d", c.signOf("", rule.Refused), p.Problems))
	}
	parts = append(parts, fmt.Sprintf("%s same %d", c.paint(faint, "="), p.Counts.Unchanged))
	return strings.Join(parts, "    ")
}

// mark is the sign before an action.
func (c *cli) mark(a api.Action) string {
	state := rule.State(a.State)
	if a.Code != "" && state != rule.Held {
		state = rule.Refused
	}
	return c.signOf(rule.Kind(a.Kind), state)
}

func nameOf(a api.Action) string {
	return words.Clean(either(a.Source.Name, either(a.Target.Name, either(a.Source.ID, a.Target.ID))))
}

// whatOf is what an action does, in a line.
func (c *cli) whatOf(a api.Action) string {
	switch {
	case a.Code != "":
		return fmt.Sprintf("%s — %s", c.paint(red, string(a.Code)), words.Clean(either(a.Detail, a.Hint)))
	case (a.Kind == "update" || a.Kind == "refer") && len(a.Changes) > 0:
		return words.Clean(changesOf(a.Changes))
	case a.Kind == "link":
		return words.Clean("already there as " + either(a.Target.Name, a.Target.ID) + "; " + a.Why)
	}
	return words.Clean(a.Why)
}

const shownChanges = 3

// changesOf is: title “Analyst” → “Senior analyst”; phoneNumbers[work] cleared.
func changesOf(changes []api.Change) string {
	all := make([]words.Change, len(changes))
	for i, c := range changes {
		all[i] = words.Change(c)
	}
	return words.Sum(all, shownChanges)
}

func pad(s string, width int) string {
	n := len([]rune(s))
	if n >= width {
		return s
	}
	return s + strings.Repeat(" ", width-n)
}

type applyCmd struct {
	App    string `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Plan   string `aliases:"cycle" placeholder:"ID" help:"Apply exactly this plan, as plan has shown it, or end with 5."`
	All    bool   `help:"Show every change before asking."`
	Detach bool   `help:"Do not wait for the end."`
}

// Run applies the plan that waits, or makes one, shows it and asks.
func (a *applyCmd) Run(c *cli, client *api.Client, app slug) error {
	c.server.Work()
	cycle := lockstep.CycleID(a.Plan)
	if cycle == "" {
		var err error
		if cycle, err = a.plan(c, client, app); err != nil || cycle == "" {
			return err
		}
	}
	if _, err := client.Apply(c.ctx, app, api.ApplyInput{Cycle: cycle}); err != nil {
		return err
	}
	if a.Detach {
		c.say("The plan is being applied. See it: lockstep log tail %s", app)
		return nil
	}
	return c.follow(client, app, cycle)
}

// plan makes a plan, shows it on standard error and asks; "" means that there is nothing to do.
func (a *applyCmd) plan(c *cli, client *api.Client, app string) (lockstep.CycleID, error) {
	j, err := client.Job(c.ctx, app)
	if err != nil {
		return "", err
	}
	if j.Mode == "auto" {
		return "", usage("%s applies changes by itself; to begin now: lockstep run %s.", app, app)
	}
	limit := shownActions
	if a.All {
		limit = 10_000
	}
	p, err := client.Plan(c.ctx, app, limit, 0)
	if err != nil {
		return "", err
	}
	if p.Cycle == nil {
		if err := c.show(p, func(w io.Writer) { fmt.Fprintln(w, nothing(p)) }); err != nil {
			return "", err
		}
		return "", c.planned(app, p)
	}
	if !c.Yes {
		if c.Output == "table" {
			if err := c.showPlan(app, p); err != nil {
				return "", err
			}
		}
		if err := c.confirm("Apply this plan?"); err != nil {
			return "", err
		}
	}
	return p.Cycle.ID, nil
}

type explainCmd struct {
	Person string `arg:"" help:"User name, address or id; with --type Group a group."`
	App    string `short:"a" help:"The app or source; the only app when absent."`
	Type   string `enum:"User,Group" default:"User" help:"Type of object: User or Group."`
}

// Run explains.
func (e *explainCmd) Run(c *cli, client *api.Client, app slug) error {
	x, err := client.Explain(c.ctx, app, e.Type, e.Person)
	if err != nil {
		return err
	}
	return c.show(x, func(w io.Writer) { c.showExplanation(w, app, x) })
}

// showExplanation prints the steps, what would be done, and what would be sent.
func (c *cli) showExplanation(w io.Writer, app string, x api.Explanation) {
	printf(w, "%s\n", c.paint(bold, either(x.Source.Name, x.Source.ID)+" and "+app))
	if x.Summary != "" {
		printf(w, "  %s\n", x.Summary)
	}
	stopped := false
	for _, s := range x.Steps {
		mark := c.paint(green, "✓")
		switch {
		case stopped: // what would come after the step where it ends
			mark = c.paint(faint, "–")
		case !s.OK:
			mark, stopped = c.paint(red, "✗"), true
		}
		printf(w, "  %s %-7s %s\n", mark, s.Name, s.Summary)
		for _, d := range s.Details {
			name, value, is := strings.Cut(d, " = ")
			if is {
				d = words.Attribute(name) + " = " + value
			}
			printf(w, "            %s\n", c.paint(faint, d))
		}
	}
	if x.Action != nil {
		printf(w, "  %s %s\n", c.mark(*x.Action), c.whatOf(*x.Action))
	}
}
