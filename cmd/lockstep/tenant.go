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
}

// Run adds a tenant.
func (t tenantAddCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.NewTenant(client.CreateTenant(c.Ctx, api.NewTenant{Slug: t.Slug, Name: cmp.Or(t.Name, t.Slug)})))
}
