package main

import (
	"io"

	"lockstep/api"
	"lockstep/reach"
	"lockstep/report"
)

type adminListCmd struct{}

// Run lists who has a role.
func (adminListCmd) Run(c *cli, client *api.Client) error {
	return c.print(report.Administrators(client.Administrators(c.ctx)))
}

type adminAddCmd struct {
	User  string   `placeholder:"NAME" xor:"who" help:"Person, by user name, e-mail address or id."`
	Group string   `placeholder:"NAME" xor:"who" help:"Or a group: whoever is in it."`
	Role  string   `placeholder:"ROLE" help:"owner, user-management-admin, operator, app-operator or auditor."`
	App   []string `placeholder:"NAME" help:"App or source that an app-operator is for; once for each."`
	Scope string   `placeholder:"SCOPES" help:"Rights in place of a role, such as 'apps:write@webex people:read'."`
}

// Run gives a role.
func (a *adminAddCmd) Run(c *cli, client *api.Client) error {
	if (a.User == "") == (a.Group == "") {
		return usage("Give --user or --group.")
	}
	if (a.Role == "") == (a.Scope == "") {
		return usage("Give --role or --scope.")
	}
	made, err := client.AddAdministrator(c.ctx, api.NewAdministrator{User: a.User, Group: a.Group, Role: a.Role, Apps: a.App, Scopes: a.Scope})
	if err != nil {
		return err
	}
	return c.show(made, func(io.Writer) { c.say("%s has the role, and comes into the console by signing in.", made.Name) })
}

type adminRemoveCmd struct {
	Who string `arg:"" name:"who|id" help:"Whose role, by name; by its id when they have several."`
}

// Run takes a role away.
func (a *adminRemoveCmd) Run(c *cli, client *api.Client) error {
	if err := c.confirm("Take the role from " + a.Who + "? They are signed out of the console."); err != nil {
		return err
	}
	if err := client.RemoveAdministrator(c.ctx, a.Who); err != nil {
		return err
	}
	return c.did("removed", a.Who, "Removed.")
}

type adminOwnerCmd struct {
	List     adminOwnerListCmd     `cmd:"" default:"withargs" help:"List the local owners."`
	Add      adminOwnerAddCmd      `cmd:"" help:"Add a local owner."`
	Password adminOwnerPasswordCmd `cmd:"" help:"Give a local owner another password; their sessions end."`
	Remove   adminOwnerRemoveCmd   `cmd:"" help:"Remove a local owner."`
	Reset    adminOwnerResetCmd    `cmd:"" help:"With the server stopped: set a local owner's password, or make the owner."`
}

type adminOwnerListCmd struct{}

// Run lists the local owners.
func (adminOwnerListCmd) Run(c *cli, client *api.Client) error {
	return c.print(report.Owners(client.Owners(c.ctx)))
}

// passwordFlags say where a password comes from.
type passwordFlags struct {
	PasswordFile  string `placeholder:"FILE" help:"Read the password from a file; it is asked for when absent."`
	PasswordStdin bool   `help:"Read the password from standard input."`
}

func (p passwordFlags) read(c *cli) (string, error) {
	return c.secret("password", p.PasswordFile, p.PasswordStdin)
}

type adminOwnerAddCmd struct {
	Name string `arg:"" help:"As they sign in."`
	passwordFlags
}

// Run adds a local owner.
func (a *adminOwnerAddCmd) Run(c *cli, client *api.Client) error {
	password, err := a.read(c)
	if err != nil {
		return err
	}
	made, err := client.AddOwner(c.ctx, api.NewOwner{Name: a.Name, Password: password})
	if err != nil {
		return err
	}
	return c.show(made, func(io.Writer) { c.say("%s can sign in to the console as local owner.", made.Name) })
}

type adminOwnerPasswordCmd struct {
	Name string `arg:"" help:"Name or id."`
	passwordFlags
}

// Run gives a local owner another password.
func (a *adminOwnerPasswordCmd) Run(c *cli, client *api.Client) error {
	password, err := a.read(c)
	if err != nil {
		return err
	}
	if err := client.SetOwnerPassword(c.ctx, a.Name, password); err != nil {
		return err
	}
	return c.did("changed", a.Name, "Changed. The owner's sessions have ended.")
}

type adminOwnerRemoveCmd struct {
	Name string `arg:"" help:"Name or id."`
}

// Run removes a local owner.
func (a *adminOwnerRemoveCmd) Run(c *cli, client *api.Client) error {
	if err := c.confirm("Remove the local owner " + a.Name + "?"); err != nil {
		return err
	}
	if err := client.RemoveOwner(c.ctx, a.Name); err != nil {
		return err
	}
	return c.did("removed", a.Name, "Removed.")
}

type adminOwnerResetCmd struct {
	Name string `arg:"" help:"Name of the owner; one is made when there is none."`
	passwordFlags
}

// Run sets a local owner's password on the data folder, which no server may use meanwhile.
func (a *adminOwnerResetCmd) Run(c *cli) error {
	if c.Server != "" {
		return usage("reset works on the data folder of this machine: leave --server out. To change a password of a running server: lockstep admin owner password")
	}
	folder, lock, err := c.place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	password, err := a.read(c)
	if err != nil {
		return err
	}
	config, err := c.place.Config(c.ctx, folder)
	if err != nil {
		return err
	}
	n, err := reach.Start(c.ctx, config)
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.ResetOwner(c.ctx, c.Tenant, a.Name, password); err != nil {
		return err
	}
	return c.did("reset", a.Name, "The password is set. Start the server, and sign in as local owner "+a.Name+".")
}
