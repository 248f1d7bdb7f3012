package main

import (
	"cmp"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
)

type tenantCmd struct {
	List tenantListCmd `cmd:"" default:"withargs" help:"List the tenants, and how the apps and sources of each stand."`
	Add  tenantAddCmd  `cmd:"" help:"Add a tenant: a customer, or a part of the company that is kept apart."`

	Rename tenantRenameCmd `cmd:"" help:"Give a tenant another name. Its short name stays."`
	Manage tenantManageCmd `cmd:"" help:"Say whether owners of the server may come into a tenant."`
	Remove tenantRemoveCmd `cmd:"" help:"Remove a tenant with all that it has. Nothing changes at its applications."`
}

type tenantListCmd struct{}

// Run lists the tenants that the token may see.
func (tenantListCmd) Run(c *cli.Command, client *api.Client) error {
	tenants, err := client.Tenants(c.Ctx)
	all := make([]report.Tenant, len(tenants))
	for i := 0; i < len(all) && err == nil; i++ {
		its := *client
		its.Tenant = tenants[i].Slug
		all[i].Tenant = tenants[i]
		all[i].Jobs, err = its.Jobs(c.Ctx)
	}
	return c.Print(report.Tenants(all, err))
}

type tenantAddCmd struct {
	Slug string `arg:"" help:"Its short name in addresses and for --tenant: lower-case letters, digits and hyphens."`
	Name string `help:"Its name for people; the short name when absent."`

	Managed bool `help:"Owners of the server, who are those of the tenant default, may come in."`
}

// Run adds a tenant.
func (t tenantAddCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.NewTenant(client.CreateTenant(c.Ctx, api.NewTenant{Slug: t.Slug, Name: cmp.Or(t.Name, t.Slug), Managed: t.Managed})))
}

type tenantRenameCmd struct {
	Tenant string `arg:"" help:"Its short name."`
	Name   string `arg:"" help:"Its name for people from now on."`
}

// Run renames a tenant.
func (t *tenantRenameCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.ChangedTenant(client.ChangeTenant(c.Ctx, t.Tenant, api.TenantChange{Name: &t.Name})))
}

type tenantManageCmd struct {
	Tenant string `arg:"" help:"Its short name."`
	By     string `enum:"owners,nobody" default:"owners" help:"Who else may come in: owners of the server, or nobody."`
}

// Run says who may come into a tenant.
func (t *tenantManageCmd) Run(c *cli.Command, client *api.Client) error {
	managed := t.By == "owners"
	return c.Print(report.ChangedTenant(client.ChangeTenant(c.Ctx, t.Tenant, api.TenantChange{Managed: &managed})))
}

type tenantRemoveCmd struct {
	Tenant string `arg:"" help:"Its short name."`
}

// Run removes a tenant.
func (t *tenantRemoveCmd) Run(c *cli.Command, client *api.Client) error {
	its, err := client.TenantCalled(c.Ctx, t.Tenant)
	if err == nil {
		err = c.Confirm(report.RemoveTenant(its))
	}
	if err == nil {
		err = client.RemoveTenant(c.Ctx, its.Slug)
	}
	return c.Print(report.RemovedTenant(its, err))
}
