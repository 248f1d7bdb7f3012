package main

import (
	"io"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type assignCmd struct {
	Add  assignAddCmd  `cmd:"" help:"Assign users and groups to an app."`
	Rm   assignRmCmd   `cmd:"" help:"Withdraw assignments."`
	List assignListCmd `cmd:"" default:"withargs" help:"List who is assigned."`
}

// principals are the flags that name users and groups.
type principals struct {
	App   string   `short:"a" help:"The app; the only one when absent."`
	User  []string `placeholder:"USER" sep:"none" help:"User: name, address or id. Repeatable."`
	Group []string `placeholder:"GROUP" sep:"none" help:"Group: name or id. Repeatable."`
}

func (p *principals) check() error {
	if len(p.User)+len(p.Group) == 0 {
		return terminal.Usage("Name somebody with --user or --group.")
	}
	return nil
}

// each yields every user and every group, the other being empty.
func (p *principals) each(yield func(user, group string) bool) {
	for _, u := range p.User {
		if !yield(u, "") {
			return
		}
	}
	for _, g := range p.Group {
		if !yield("", g) {
			return
		}
	}
}

type assignAddCmd struct {
	principals
	Role string `help:"App role; the first when absent."`
	drafted
}

// Run assigns.
func (a *assignAddCmd) Run(c *cli.Command) error {
	if err := a.check(); err != nil {
		return err
	}
	client, app, err := c.About(a.App)
	if err != nil {
		return err
	}
	if a.Draft {
		return a.draft(c, client, app, api.DraftAssignmentInput{Role: a.Role})
	}
	var made []api.Assignment
	for user, group := range a.each {
		as, err := client.Assign(c.Ctx, app, api.NewAssignment{User: user, Group: group, Role: a.Role})
		if err != nil {
			return err
		}
		made = append(made, as)
	}
	return c.Print(report.Assignments(made, nil))
}

// draft has the draft assign all that are named, or take their assignments back, as one says.
func (p *principals) draft(c *cli.Command, client *api.Client, app cli.Slug, one api.DraftAssignmentInput) error {
	var all []api.DraftAssignmentInput
	for one.User, one.Group = range p.each {
		all = append(all, one)
	}
	d, err := client.DraftAssign(c.Ctx, app, all)
	if err != nil {
		return err
	}
	return inDraft(c, app, d)
}

type assignRmCmd struct {
	principals
	drafted
}

// Run withdraws assignments.
func (a *assignRmCmd) Run(c *cli.Command) error {
	if err := a.check(); err != nil {
		return err
	}
	client, app, err := c.About(a.App)
	if err != nil {
		return err
	}
	if a.Draft {
		return a.draft(c, client, app, api.DraftAssignmentInput{Gone: true})
	}
	var ids []string
	for user, group := range a.each {
		var u api.User
		var g api.Group
		if user != "" {
			u, err = client.User(c.Ctx, user)
		} else {
			g, err = client.Group(c.Ctx, group)
		}
		if err != nil {
			return err
		}
		ids = append(ids, string(u.ID)+string(g.ID))
	}
	for _, id := range ids {
		if err := client.Unassign(c.Ctx, app, id); err != nil {
			return err
		}
	}
	return c.Show(map[string]int{"removed": len(ids)}, func(w io.Writer) { terminal.Printf(w, "withdrew %d\n", len(ids)) })
}

type assignListCmd struct {
	App string `short:"a" help:"The app; the only one when absent."`
}

// Run lists assignments.
func (a *assignListCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	return c.Print(report.Assignments(client.Assignments(c.Ctx, app)))
}
