package main

import (
	"strings"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/cmd/lockstep/signin"
	"lockstep/report"
	"lockstep/scim"
	"lockstep/terminal"
)

type peopleCmd struct {
	List     peopleListCmd     `cmd:"" default:"withargs" help:"List or search people."`
	Show     peopleShowCmd     `cmd:"" help:"Show a person."`
	Add      peopleAddCmd      `cmd:"" help:"Add a person."`
	Set      peopleSetCmd      `cmd:"" help:"Set attributes of a person."`
	Password peoplePasswordCmd `cmd:"" help:"Give a person a password for the provider that keeps passwords here."`
	Disable  peopleDisableCmd  `cmd:"" help:"Block a person from signing in."`
	Enable   peopleEnableCmd   `cmd:"" help:"End a block."`
	Rm       peopleRmCmd       `cmd:"" help:"Delete a person, restorably."`
	Restore  peopleRestoreCmd  `cmd:"" help:"Restore a deleted person."`
}

type peopleListCmd struct {
	Search  string `arg:"" optional:"" help:"Part of a name, address or external id, of at least three letters; fewer are the beginning of the user name."`
	Limit   int    `default:"100" help:"At most so many; 0 is all."`
	Deleted bool   `help:"Deleted ones, too."`
	State   string `enum:",active,disabled,deleted" default:"" help:"Only those who are active, disabled or deleted."`
}

// Run lists people.
func (p *peopleListCmd) Run(c *cli.Command, client *api.Client) error {
	notice := ""
	all, err := cli.Pages(c, p.Limit, func(after string, n int) ([]api.User, string, error) {
		page, err := client.Users(c.Ctx, api.ListQuery{Search: p.Search, Deleted: p.Deleted, State: p.State, After: after, Limit: n})
		if page.Notice != notice {
			notice = page.Notice
			c.Say("%s", notice)
		}
		return page.Users, page.Next, err
	})
	return c.Print(report.Users(all, err))
}

// onePerson is a person named on the command line.
type onePerson struct {
	Person string `arg:"" help:"User name, address or id."`
}

type peopleShowCmd struct{ onePerson }

// Run shows a person.
func (p *peopleShowCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.User(client.User(c.Ctx, p.Person)))
}

type peopleAddCmd struct {
	UserName string            `arg:"" help:"User name, mostly an address."`
	Given    string            `help:"Given name."`
	Family   string            `help:"Family name."`
	Title    string            `help:"Job title."`
	Email    string            `help:"Work address; the user name when it is one."`
	Set      map[string]string `placeholder:"PATH=VALUE" help:"Any other attribute, by its SCIM path."`
}

// Run adds a person.
func (p *peopleAddCmd) Run(c *cli.Command) error {
	o := scim.Object{{Name: "userName", Value: p.UserName}}
	if p.Email == "" && strings.Contains(p.UserName, "@") {
		p.Email = p.UserName
	}
	values := [][2]string{
		{"name.givenName", p.Given},
		{"name.familyName", p.Family},
		{"title", p.Title},
		{`emails[type eq "work"].value`, p.Email},
		{"displayName", strings.TrimSpace(p.Given + " " + p.Family)},
	}
	for _, v := range values {
		if v[1] != "" {
			if err := assign(&o, v[0], v[1]); err != nil {
				return err
			}
		}
	}
	for path, v := range p.Set {
		if err := assign(&o, path, v); err != nil {
			return err
		}
	}
	client, err := c.Found()
	if err != nil {
		return err
	}
	return c.Print(report.User(client.CreateUser(c.Ctx, api.Attributes(o))))
}

// assign sets an attribute by its path.
func assign(o *scim.Object, path, value string) error {
	if err := scim.AssignText(o, path, value); err != nil {
		return terminal.Usage("%s.", wording(err))
	}
	return nil
}

type peopleSetCmd struct {
	onePerson
	Set []string `arg:"" name:"path=value" help:"Attributes by their SCIM paths, such as title=Engineer; an empty value removes one."`
}

// Run sets attributes.
func (p *peopleSetCmd) Run(c *cli.Command, client *api.Client) error {
	u, err := client.User(c.Ctx, p.Person)
	if err != nil {
		return err
	}
	o := scim.Object(u.Attributes)
	for _, pair := range p.Set {
		path, v, ok := scim.CutAssignment(pair)
		if !ok {
			return terminal.Usage("%q is not PATH=VALUE.", pair)
		}
		if err := assign(&o, path, v); err != nil {
			return err
		}
	}
	return c.Print(report.User(client.PutUser(c.Ctx, string(u.ID), u.Version, api.Attributes(o))))
}

type peoplePasswordCmd struct {
	onePerson
	signin.PasswordFlags
	Temporary bool `help:"They have to change it at the first sign-in. Without a file or standard input one is made, and shown."`
	Hours     int  `default:"72" help:"How long a temporary one holds."`
}

// Run gives a person a password.
func (p *peoplePasswordCmd) Run(c *cli.Command, client *api.Client) error {
	if p.Temporary && p.PasswordFile == "" && !p.PasswordStdin {
		return c.Print(report.TemporaryPassword(client.SetTemporaryPassword(c.Ctx, p.Person, api.NewTemporaryPassword{Hours: p.Hours})))
	}
	password, err := p.Read(c)
	if err != nil {
		return err
	}
	if p.Temporary {
		return c.Print(report.TemporaryPassword(client.SetTemporaryPassword(c.Ctx, p.Person, api.NewTemporaryPassword{Password: password, Hours: p.Hours})))
	}
	return c.Did(client.SetUserPassword(c.Ctx, p.Person, password), "changed", p.Person, "Set. Their sessions have ended.")
}

type peopleDisableCmd struct{ onePerson }

// Run disables a person.
func (p *peopleDisableCmd) Run(c *cli.Command) error { return p.setActive(c, false) }

type peopleEnableCmd struct{ onePerson }

// Run enables a person.
func (p *peopleEnableCmd) Run(c *cli.Command) error { return p.setActive(c, true) }

func (p *onePerson) setActive(c *cli.Command, active bool) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Print(report.User(client.SetActive(c.Ctx, p.Person, active)))
}

type peopleRmCmd struct {
	onePerson
	Purge bool `help:"For good, with all that refers to the person."`
}

// Run deletes a person.
func (p *peopleRmCmd) Run(c *cli.Command, client *api.Client) error {
	if p.Purge {
		if err := c.Confirm("Remove " + p.Person + " for good?"); err != nil {
			return err
		}
	}
	return c.Did(client.DeleteUser(c.Ctx, p.Person, p.Purge), "deleted", p.Person, "Deleted "+p.Person+".")
}

type peopleRestoreCmd struct{ onePerson }

// Run restores a person.
func (p *peopleRestoreCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.User(client.RestoreUser(c.Ctx, p.Person)))
}
