package signin

import (
	"io"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/reach"
	"lockstep/report"
	"lockstep/terminal"
)

type adminListCmd struct{}

// Run lists who has a role.
func (adminListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Administrators(client.Administrators(c.Ctx)))
}

type adminAddCmd struct {
	User  string   `placeholder:"NAME" xor:"who" help:"Person, by user name, e-mail address or id."`
	Group string   `placeholder:"NAME" xor:"who" help:"Or a group: whoever is in it."`
	Role  string   `placeholder:"ROLE" help:"owner, user-management-admin, operator, app-operator or auditor."`
	App   []string `placeholder:"NAME" help:"App or source that an app-operator is for; once for each."`
	Scope string   `placeholder:"SCOPES" help:"Rights in place of a role, such as 'apps:write@webex people:read'."`
}

// Run gives a role.
func (a *adminAddCmd) Run(c *cli.Command, client *api.Client) error {
	if (a.User == "") == (a.Group == "") {
		return terminal.Usage("Give --user or --group.")
	}
	if (a.Role == "") == (a.Scope == "") {
		return terminal.Usage("Give --role or --scope.")
	}
	made, err := client.AddAdministrator(c.Ctx, api.NewAdministrator{User: a.User, Group: a.Group, Role: a.Role, Apps: a.App, Scopes: a.Scope})
	if err != nil {
		return err
	}
	return c.Show(made, func(io.Writer) { c.Say("%s has the role, and comes into the console by signing in.", made.Name) })
}

type adminRemoveCmd struct {
	Who string `arg:"" name:"who|id" help:"Whose role, by name; by its id when they have several."`
}

// Run takes a role away.
func (a *adminRemoveCmd) Run(c *cli.Command, client *api.Client) error {
	if err := c.Confirm("Take the role from " + a.Who + "? They are signed out of the console."); err != nil {
		return err
	}
	return c.Did(client.RemoveAdministrator(c.Ctx, a.Who), "removed", a.Who, "Removed.")
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
func (adminOwnerListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Owners(client.Owners(c.Ctx)))
}

// PasswordFlags say where a password comes from.
type PasswordFlags struct {
	PasswordFile  string `placeholder:"FILE" help:"Read the password from a file; it is asked for when absent."`
	PasswordStdin bool   `help:"Read the password from standard input."`
}

// Read reads it from there, or asks.
func (p PasswordFlags) Read(c *cli.Command) (string, error) {
	return c.Secret("password", p.PasswordFile, p.PasswordStdin)
}

type adminOwnerAddCmd struct {
	Name string `arg:"" help:"As they sign in."`
	PasswordFlags
}

// Run adds a local owner.
func (a *adminOwnerAddCmd) Run(c *cli.Command, client *api.Client) error {
	password, err := a.Read(c)
	if err != nil {
		return err
	}
	made, err := client.AddOwner(c.Ctx, api.NewOwner{Name: a.Name, Password: password})
	if err != nil {
		return err
	}
	return c.Show(made, func(io.Writer) { c.Say("%s can sign in to the console as local owner.", made.Name) })
}

type adminOwnerPasswordCmd struct {
	Name string `arg:"" help:"Name or id."`
	PasswordFlags
}

// Run gives a local owner another password.
func (a *adminOwnerPasswordCmd) Run(c *cli.Command, client *api.Client) error {
	password, err := a.Read(c)
	if err != nil {
		return err
	}
	return c.Did(client.SetOwnerPassword(c.Ctx, a.Name, password), "changed", a.Name, "Changed. The owner's sessions have ended.")
}

type adminOwnerRemoveCmd struct {
	Name string `arg:"" help:"Name or id."`
}

// Run removes a local owner.
func (a *adminOwnerRemoveCmd) Run(c *cli.Command, client *api.Client) error {
	if err := c.Confirm("Remove the local owner " + a.Name + "?"); err != nil {
		return err
	}
	return c.Did(client.RemoveOwner(c.Ctx, a.Name), "removed", a.Name, "Removed.")
}

type adminOwnerResetCmd struct {
	Name string `arg:"" help:"Name of the owner; one is made when there is none."`
	PasswordFlags
}

// Run sets a local owner's password on the data folder, which no server may use meanwhile.
func (a *adminOwnerResetCmd) Run(c *cli.Command) error {
	if c.Server != "" {
		return terminal.Usage("reset works on the data folder of this machine: leave --server out. To change a password of a running server: lockstep admin owner password")
	}
	folder, lock, err := c.Place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	password, err := a.Read(c)
	if err != nil {
		return err
	}
	config, err := c.Place.Config(c.Ctx, folder)
	if err != nil {
		return err
	}
	n, err := reach.Start(c.Ctx, config)
	if err != nil {
		return err
	}
	defer n.Close()
	return c.Did(n.ResetOwner(c.Ctx, c.Tenant, a.Name, password), "reset", a.Name, "The password is set. Start the server, and sign in as local owner "+a.Name+".")
}
