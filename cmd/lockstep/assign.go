package main

import (
	"io"

	"lockstep/api"
	"lockstep/report"
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
		return usage("Name somebody with --user or --group.")
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
func (a *assignAddCmd) Run(c *cli) error {
	if err := a.check(); err != nil {
		return err
	}
	client, app, err := c.about(a.App)
	if err != nil {
		return err
	}
	if a.Draft {
		return a.draft(c, client, app, api.DraftAssignmentInput{Role: a.Role})
	}
	var made []api.Assignment
	for user, group := range a.each {
		as, err := client.Assign(c.ctx, app, api.NewAssignment{User: user, Group: group, Role: a.Role})
		if err != nil {
			return err
		}
		made = append(made, as)
	}
	return c.print(report.Assignments(made, nil))
}

// draft has the draft assign all that are named, or take their assignments back, as one says.
func (p *principals) draft(c *cli, client *api.Client, app slug, one api.DraftAssignmentInput) error {
	var all []api.DraftAssignmentInput
	for one.User, one.Group = range p.each {
		all = append(all, one)
	}
	d, err := client.DraftAssign(c.ctx, app, all)
	if err != nil {
		return err
	}
	return c.inDraft(app, d)
}

type assignRmCmd struct {
	principals
	drafted
}

// Run withdraws assignments.
func (a *assignRmCmd) Run(c *cli) error {
	if err := a.check(); err != nil {
		return err
	}
	client, app, err := c.about(a.App)
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
			u, err = client.User(c.ctx, user)
		} else {
			g, err = client.Group(c.ctx, group)
		}
		if err != nil {
			return err
		}
		ids = append(ids, string(u.ID)+string(g.ID))
	}
	for _, id := range ids {
		if err := client.Unassign(c.ctx, app, id); err != nil {
			return err
		}
	}
	return c.show(map[string]int{"removed": len(ids)}, func(w io.Writer) { printf(w, "withdrew %d\n", len(ids)) })
}

type assignListCmd struct {
	App string `short:"a" help:"The app; the only one when absent."`
}

// Run lists assignments.
func (a *assignListCmd) Run(c *cli, client *api.Client, app slug) error {
	return c.print(report.Assignments(client.Assignments(c.ctx, app)))
}
