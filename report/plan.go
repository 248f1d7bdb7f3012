package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"lockstep/api"
	"lockstep/operate"
	"lockstep/rule"
	"lockstep/terminal"
	"lockstep/words"
)

// widestName is how much room the names of a plan may take.
const widestName = 40

// Plan shows a plan for an app: counts, actions, and what comes next.
func Plan(app string, plan api.Plan, err error) (View, error) {
	return Of(plan, err, func(p *Page) {
		head := "plan for " + app
		if plan.Cycle != nil {
			head += "  " + string(plan.Cycle.ID)
		}
		if plan.Preview {
			head += " (preview: changes go by themselves in mode auto)"
		}
		fmt.Fprintf(p, "%s\n  %s\n", p.Paint(terminal.Bold, head), p.tally(plan))
		width := 0
		for _, a := range plan.Actions {
			width = max(width, min(utf8.RuneCountInString(nameOf(a)), widestName))
		}
		for _, a := range plan.Actions {
			fmt.Fprintf(p, "  %s %-*s  %s\n", p.mark(a), width, nameOf(a), p.what(a))
		}
		if plan.More > 0 {
			fmt.Fprintf(p, "  … %d more (--all)\n", plan.More)
		}
		p.shared(plan.Shared)
		for _, w := range plan.Warnings {
			p.Say("Warning: %s (%s)", w.Says, w.Code)
		}
		switch {
		case plan.Cycle != nil:
			p.Say("Next: lockstep apply %s --plan %s · lockstep explain PERSON --app %s", app, plan.Cycle.ID, app)
		case !Pending(plan):
			fmt.Fprintln(p, "  "+nothing(plan))
		}
	})
}

// shared tells which other apps lead to the same place.
func (p *Page) shared(all []operate.Sharing) {
	for _, s := range all {
		p.Say("Note: %s (%s)", s.Says, s.Code)
	}
}

// Nothing shows a plan that has nothing to do.
func Nothing(plan api.Plan) (View, error) {
	return Of(plan, nil, func(p *Page) { fmt.Fprintln(p, nothing(plan)) })
}

// nothing says that a plan has nothing to do. Only a job that stands in step is said to be.
func nothing(plan api.Plan) string {
	if len(Remains(&plan.Standing)) > 0 || plan.Problems > 0 {
		return "Nothing can be done now."
	}
	return "Nothing to do: the application is in step."
}

// Pending reports whether applying the plan would change anything.
func Pending(plan api.Plan) bool {
	for _, n := range plan.Kinds {
		if n > 0 {
			return true
		}
	}
	return plan.Held > 0
}

// tally is the line of counts: + create 19    ~ update 6    ▲ cannot 2    = same 401.
func (p *Page) tally(plan api.Plan) string {
	var parts []string
	for _, k := range rule.Kinds() {
		n := plan.Kinds[string(k)]
		if n > 0 || k == rule.Create || k == rule.Update || k == rule.Disable {
			parts = append(parts, fmt.Sprintf("%s %s %d", p.sign(k, rule.Planned), words.DeedOf(k).Will, n))
		}
	}
	if plan.Held > 0 {
		parts = append(parts, fmt.Sprintf("%s held %d", p.sign("", rule.Held), plan.Held))
	}
	if plan.Problems > 0 {
		parts = append(parts, fmt.Sprintf("%s cannot %d", p.sign("", rule.Refused), plan.Problems))
	}
	parts = append(parts, fmt.Sprintf("%s same %d", p.Paint(terminal.Faint, "="), plan.Counts.Unchanged))
	return strings.Join(parts, "    ")
}

// Explanation shows the steps, what would be done, and what would be sent. A try shows every clause and request as well.
func Explanation(app string, x api.Explanation, try bool, err error) (View, error) {
	return Of(x, err, func(p *Page) {
		p.about(x.Source, app)
		if x.Summary != "" {
			p.Printf("  %s\n", x.Summary)
		}
		stopped := false
		for _, s := range x.Steps {
			mark := p.Tick(s.OK)
			if stopped { // what would come after the step where it ends
				mark = p.Paint(terminal.Faint, "–")
			}
			stopped = stopped || !s.OK
			p.Printf("  %s %-7s %s\n", mark, s.Name, s.Summary)
			for _, d := range s.Details {
				p.Printf("            %s\n", p.Paint(terminal.Faint, d))
			}
		}
		if x.Action != nil {
			p.Printf("  %s %s\n", p.mark(*x.Action), p.what(*x.Action))
		}
		if try {
			p.clauses(x.Clauses)
			p.exchanges(x.Requests)
			p.Printf("  Nothing was changed: this is a try.\n")
		}
	})
}

// about is the head of what concerns one object of an app.
func (p *Page) about(source api.End, app string) {
	p.Printf("%s\n", p.Paint(terminal.Bold, words.Clean(Or(source.Name, source.ID))+" and "+app))
}

// Provisioned shows what was done to one object on demand.
func Provisioned(app string, out api.Provisioned, err error) (View, error) {
	return Of(out, err, func(p *Page) {
		p.about(out.Source, app)
		for _, a := range out.Actions {
			p.Printf("  %s %s  %s\n", p.mark(a), a.State, p.what(a))
		}
		p.exchanges(out.Requests)
		if out.Outcome.Exit == operate.ExitInStep {
			p.Printf("  %s\n", out.Outcome.Says)
		}
	})
}

// clauses writes every clause of the scoping filter with the values that it saw.
func (p *Page) clauses(all []rule.Clausing) {
	for _, one := range all {
		saw := "it is empty"
		if len(one.Values) > 0 {
			saw = "it is " + strings.Join(one.Values, ", ")
		}
		p.Printf("  %s %s: %s — %s\n", p.Tick(one.OK), Or(one.Filter, fmt.Sprint("filter ", one.Group)), one.Clause, saw)
	}
}

// exchanges writes what was said, or would be, to the application.
func (p *Page) exchanges(all []api.TargetRequest) {
	for _, e := range all {
		answer := p.Paint(terminal.Yellow, "would be sent")
		switch {
		case e.Sent && e.Status > 0:
			answer = fmt.Sprint(e.Status)
		case e.Sent:
			answer = p.Paint(terminal.Red, words.Clean(e.Failure))
		}
		p.Printf("  %s %s  %s\n", e.Method, e.URL, answer)
		if e.Method != "GET" {
			for line := range strings.Lines(api.Pretty(e.Request)) {
				p.Printf("      %s\n", p.Paint(terminal.Faint, words.Clean(strings.TrimSuffix(line, "\n"))))
			}
		}
	}
}

// Undone shows what is taken back, and how, and what cannot be.
func Undone(u api.Undone, err error) (View, error) {
	return Of(u, err, func(p *Page) {
		p.Printf("%s to be taken back\n", words.Many(len(u.Actions), "change is", "changes are"))
		for _, a := range u.Actions {
			p.Printf("  %s %s  %s\n", p.mark(a), nameOf(a), p.what(a))
		}
		for _, r := range u.Refused {
			p.Printf("  %s %s  cannot be taken back: %s (%s)\n", p.sign("", rule.Refused), words.Clean(r.Name), r.Why, r.Code)
		}
	})
}
