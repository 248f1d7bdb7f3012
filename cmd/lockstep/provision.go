package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"lockstep/api"
	"lockstep/operate"
	"lockstep/rule"
	"lockstep/words"
)

type provisionCmd struct {
	Person string        `arg:"" help:"User name, address or id; with --type Group a group. Also who is disabled, deleted or out of scope."`
	App    string        `short:"a" help:"The app; the only app when absent."`
	Type   string        `enum:"User,Group" default:"User" help:"Type of object: User or Group."`
	DryRun bool          `help:"Only try: show the steps, every clause of the scope, and the requests that would be sent."`
	Wait   time.Duration `default:"60s" help:"How long to wait for its end. What has not begun by then is taken back."`
}

// Run provisions one object.
func (p *provisionCmd) Run(c *cli, client *api.Client, app slug) error {
	if p.DryRun {
		x, err := client.Explain(c.ctx, app, p.Type, p.Person)
		if err != nil {
			return err
		}
		return c.show(x, func(w io.Writer) {
			c.showExplanation(w, app, x)
			c.showClauses(w, x.Clauses)
			c.showExchanges(w, x.Requests)
			printf(w, "  Nothing was changed: this is a try.\n")
		})
	}
	c.server.Work()
	out, err := client.Provision(c.ctx, app, api.Demand{Object: p.Person, Type: p.Type, Wait: int(p.Wait.Seconds())})
	if err != nil {
		return err
	}
	if err := c.show(out, func(w io.Writer) { c.showProvisioned(w, app, out) }); err != nil {
		return err
	}
	if out.Outcome.Exit != operate.ExitInStep {
		return &outcome{code: out.Outcome.Exit, text: out.Outcome.Says}
	}
	return nil
}

func (c *cli) showProvisioned(w io.Writer, app string, p api.Provisioned) {
	printf(w, "%s\n", c.paint(bold, words.Clean(either(p.Source.Name, p.Source.ID))+" and "+app))
	for _, a := range p.Actions {
		printf(w, "  %s %s  %s\n", c.mark(a), words.Clean(string(a.State)), c.whatOf(a))
	}
	c.showExchanges(w, p.Requests)
	if p.Outcome.Exit == operate.ExitInStep {
		printf(w, "  %s\n", words.Clean(p.Outcome.Says))
	}
}

// showClauses prints every clause of the scoping filter with the values that it saw.
func (c *cli) showClauses(w io.Writer, all []rule.Clausing) {
	for _, one := range all {
		mark := c.paint(green, "✓")
		if !one.OK {
			mark = c.paint(red, "✗")
		}
		saw := "it is empty"
		if len(one.Values) > 0 {
			saw = "it is " + strings.Join(one.Values, ", ")
		}
		name := either(one.Filter, fmt.Sprint("filter ", one.Group))
		printf(w, "  %s %s: %s — %s\n", mark, words.Clean(name), words.Clean(one.Clause), words.Clean(saw))
	}
}

// showExchanges prints what was said, or would be, to the application.
func (c *cli) showExchanges(w io.Writer, all []api.TargetRequest) {
	for _, e := range all {
		answer := c.paint(yellow, "would be sent")
		switch {
		case e.Sent && e.Status > 0:
			answer = fmt.Sprint(e.Status)
		case e.Sent:
			answer = c.paint(red, words.Clean(e.Failure))
		}
		printf(w, "  %s %s  %s\n", e.Method, words.Clean(e.URL), answer)
		if e.Method != "GET" {
			for line := range strings.Lines(api.Pretty(e.Request)) {
				printf(w, "      %s\n", c.paint(faint, words.Clean(strings.TrimSuffix(line, "\n"))))
			}
		}
	}
}
