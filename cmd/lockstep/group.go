package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/scim"
)

type groupCmd struct {
	List   groupListCmd   `cmd:"" default:"withargs" help:"List or search groups."`
	Show   groupShowCmd   `cmd:"" help:"Show a group with its members."`
	Add    groupAddCmd    `cmd:"" help:"Add a group."`
	Member groupMemberCmd `cmd:"" help:"Add and remove members."`
	Rm     groupRmCmd     `cmd:"" help:"Delete a group, restorably."`
}

type groupListCmd struct {
	Search string `arg:"" optional:"" help:"Part of a name."`
	Limit  int    `default:"100" help:"At most so many; 0 is all."`
}

// Run lists groups.
func (g *groupListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Groups(cli.Pages(c, g.Limit, func(after string, n int) ([]api.Group, string, error) {
		return client.Groups(c.Ctx, api.ListQuery{Search: g.Search, After: after, Limit: n})
	})))
}

type groupShowCmd struct {
	Group string `arg:"" help:"Name or id."`
}

// Run shows a group.
func (g *groupShowCmd) Run(c *cli.Command, client *api.Client) error {
	group, err := client.Group(c.Ctx, g.Group)
	if err != nil {
		return err
	}
	members, err := client.Members(c.Ctx, string(group.ID))
	return c.Print(report.Group(group, members, err))
}

type groupAddCmd struct {
	Name string            `arg:"" help:"Display name."`
	Set  map[string]string `placeholder:"PATH=VALUE" help:"Any other attribute, by its SCIM path."`
}

// Run adds a group.
func (g *groupAddCmd) Run(c *cli.Command) error {
	o := scim.Object{{Name: "displayName", Value: g.Name}}
	for path, v := range g.Set {
		if err := assign(&o, path, v); err != nil {
			return err
		}
	}
	client, err := c.Found()
	if err != nil {
		return err
	}
	return c.Print(report.GroupAdded(client.CreateGroup(c.Ctx, api.Attributes(o))))
}

type groupMemberCmd struct {
	Group       string   `arg:"" help:"Name or id."`
	AddUser     []string `placeholder:"USER" sep:"none" help:"Repeatable."`
	AddGroup    []string `placeholder:"GROUP" sep:"none" help:"Repeatable."`
	RemoveUser  []string `placeholder:"USER" sep:"none" help:"Repeatable."`
	RemoveGroup []string `placeholder:"GROUP" sep:"none" help:"Repeatable."`
}

// Run changes the members.
func (g *groupMemberCmd) Run(c *cli.Command, client *api.Client) error {
	err := client.ChangeMembers(c.Ctx, g.Group, api.MemberChange{
		AddUsers: g.AddUser, AddGroups: g.AddGroup, RemoveUsers: g.RemoveUser, RemoveGroups: g.RemoveGroup,
	})
	if err != nil {
		return err
	}
	return (&groupShowCmd{Group: g.Group}).Run(c, client)
}

type groupRmCmd struct {
	Group string `arg:"" help:"Name or id."`
	Purge bool   `help:"For good, with all that refers to the group."`
}

// Run deletes a group.
func (g *groupRmCmd) Run(c *cli.Command, client *api.Client) error {
	if g.Purge {
		if err := c.Confirm("Remove the group " + g.Group + " for good?"); err != nil {
			return err
		}
	}
	return c.Did(client.DeleteGroup(c.Ctx, g.Group, g.Purge), "deleted", g.Group, "Deleted the group "+g.Group+".")
}
