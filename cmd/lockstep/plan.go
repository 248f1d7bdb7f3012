package main

import (
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/operate"
	"lockstep/report"
	"lockstep/terminal"
)

type planCmd struct {
	App      string        `arg:"" optional:"" help:"The app or source; the only app when absent."`
	All      bool          `help:"Show every change."`
	Wait     time.Duration `default:"2m" help:"How long the plan may take."`
	ExitCode bool          `help:"End with 2 when there is something to do."`
}

const shownActions = 20 // without --all

// Run shows a plan.
func (p *planCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	c.Reached.Work()
	plan, err := client.Plan(c.Ctx, app, p.limit(c), p.Wait)
	if err != nil {
		return err
	}
	if err := c.Print(report.Plan(app, plan, nil)); err != nil {
		return err
	}
	if p.ExitCode && report.Pending(plan) {
		return &cli.Outcome{Code: cli.ExitPending, Text: "there is something to do"}
	}
	return planned(c, app, plan)
}

// planned tells what stands in the way beside the plan, and makes it the exit code. That the plan itself waits is what was
// asked for.
func planned(c *cli.Command, app string, p api.Plan) error {
	var all []operate.Finding
	for _, f := range report.Remains(&p.Standing) {
		if p.Cycle == nil || f.Value != operate.InReview {
			all = append(all, f)
		}
	}
	if err := c.Tell(app, all); err != nil {
		return err
	}
	if p.Problems > 0 {
		return &cli.Outcome{Code: cli.ExitSome, Text: "something cannot be done"}
	}
	return nil
}

func (p *planCmd) limit(c *cli.Command) int {
	if p.All || c.Output != "table" {
		return 10_000
	}
	return shownActions
}

type applyCmd struct {
	App      string              `arg:"" optional:"" help:"The app or source; the only app when absent."`
	Plan     string              `aliases:"cycle" placeholder:"ID" help:"Apply exactly this plan, as plan has shown it, or end with 5."`
	All      bool                `help:"Show every change before asking."`
	Detach   bool                `help:"Do not wait for the end."`
	Only     string              `placeholder:"WHO" help:"Apply it to this person alone, by user name, address or id; the rest goes on waiting."`
	LeaveOut []lockstep.ActionID `placeholder:"ID" help:"Leave these changes out, by the ids that log list --state planned shows; divided by commas."`
	Note     string              `help:"Why, for the audit log."`
}

// Run applies the plan that waits, or makes one, shows it and asks.
func (a *applyCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	c.Reached.Work()
	cycle := lockstep.CycleID(a.Plan)
	if cycle == "" {
		var err error
		if cycle, err = a.plan(c, client, app); err != nil || cycle == "" {
			return err
		}
	}
	if a.Only != "" {
		out, err := client.ApplyOne(c.Ctx, app, api.ApplyOne{Object: a.Only, Cycle: cycle, Note: a.Note})
		if err == nil {
			c.Say("The rest of the plan waits: lockstep apply %s", app)
		}
		return provisioned(c, cli.Slug(app), out, err)
	}
	if _, err := client.Apply(c.Ctx, app, api.ApplyInput{Cycle: cycle, Reject: a.LeaveOut, Note: a.Note}); err != nil {
		if lockstep.CodeOf(err) == lockstep.CodePlanStale {
			c.Say("Make a new plan: lockstep plan %s", app)
		}
		return err
	}
	if a.Detach {
		c.Say("The plan is being applied. See it: lockstep log tail %s", app)
		return nil
	}
	return c.Follow(client, app, cycle)
}

// plan shows the plan that waits, or makes one, and asks; "" means that there is nothing to do.
func (a *applyCmd) plan(c *cli.Command, client *api.Client, app string) (lockstep.CycleID, error) {
	j, err := client.Job(c.Ctx, app)
	if err != nil {
		return "", err
	}
	if j.Mode == "auto" {
		return "", terminal.Usage("%s applies changes by itself; to begin now: lockstep run %s.", app, app)
	}
	limit := (&planCmd{All: a.All}).limit(c)
	p, err := client.WaitingPlan(c.Ctx, app, limit)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		p, err = client.Plan(c.Ctx, app, limit, 0)
	}
	if err != nil {
		return "", err
	}
	if p.Cycle == nil {
		if err := c.Print(report.Nothing(p)); err != nil {
			return "", err
		}
		return "", planned(c, app, p)
	}
	if !c.Yes {
		if c.Output == "table" {
			if err := c.Print(report.Plan(app, p, nil)); err != nil {
				return "", err
			}
		}
		if err := c.Confirm("Apply this plan?"); err != nil {
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
func (e *explainCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	x, err := client.Explain(c.Ctx, app, e.Type, e.Person)
	return c.Print(report.Explanation(app, x, false, err))
}
