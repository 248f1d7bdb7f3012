package main

import (
	"lockstep/api"
	"lockstep/cli"
)

type accountCmd struct {
	List accountListCmd `cmd:"" default:"withargs" help:"List whom an application was seen to have, to whom each account belongs, and why it is nobody's."`
}

type accountListCmd struct {
	App     string `arg:"" optional:"" help:"The app; the only app when absent."`
	Unowned bool   `help:"Only accounts that nobody has."`
	Search  string `help:"Only accounts with this part in a value by which they are matched, or with this id."`
	Read    bool   `help:"Read the application once more first, and wait for it."`
	Limit   int    `default:"100" help:"At most so many; 0 is all."`
	CSV     bool   `name:"csv" help:"All of them, as a table for a spreadsheet."`
}

// Run lists accounts.
func (a *accountListCmd) Run(c *cli.Command, client *api.Client, app cli.Slug) error {
	f := api.AccountFilter{Unowned: a.Unowned, Search: a.Search}
	var first api.AccountList
	list := client.Accounts
	if a.Read {
		list = client.ReadAccounts
	}
	most := a.Limit
	if a.CSV {
		most = 0 // all
	}
	all, err := cli.Pages(c, most, func(after string, n int) ([]api.Account, string, error) {
		f.After, f.Limit = after, n
		page, err := list(c.Ctx, string(app), f)
		if after == "" {
			first, list = page, client.Accounts
		}
		return page.Items, page.Next, err
	})
	if err != nil || !a.CSV {
		first.Items = all
		return c.Out.Accounts(string(app), first, err)
	}
	table, err := api.NewAccountCSV(c.Stdout)
	for i := 0; err == nil && i < len(all); i++ {
		err = table.Add(all[i])
	}
	if err != nil {
		return err
	}
	return table.Close()
}
