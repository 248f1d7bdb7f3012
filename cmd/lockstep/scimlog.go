package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type scimCmd struct {
	Log    scimLogCmd    `cmd:"" default:"withargs" help:"The last exchanges of SCIM clients with the running server."`
	Show   scimShowCmd   `cmd:"" help:"Show an exchange, without secrets, and where it departs from the RFCs."`
	Report scimReportCmd `cmd:"" help:"Tell where the holders of strict tokens depart from the RFCs."`
}

type scimLogCmd struct {
	Client string `placeholder:"TOKEN" help:"Only this client: id or name of its token."`
	Status string `enum:",2xx,3xx,4xx,5xx" default:"" help:"Only this class of status: 2xx, 3xx, 4xx or 5xx."`
	Limit  int    `default:"50" help:"At most so many."`
	Follow bool   `short:"f" help:"Go on with what comes."`
}

// Run lists exchanges, the newest last as they scroll by.
func (l *scimLogCmd) Run(c *cli.Command, client *api.Client) error {
	q := api.ExchangeQuery{Client: l.Client, Status: l.Status, Limit: l.Limit}
	all, err := client.Exchanges(c.Ctx, q)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	if l.Follow && len(all) == 0 {
		c.Say("Nothing yet. The server keeps the last exchanges in memory.")
	} else if err := c.Print(report.Exchanges(all, nil)); err != nil {
		return err
	}
	for l.Follow {
		if err := cli.Wait(c.Ctx, time.Second); err != nil {
			return ended(err)
		}
		if len(all) > 0 {
			q.Newer = all[len(all)-1].ID
		}
		q.Limit = 1000
		fresh, err := client.Exchanges(c.Ctx, q)
		if err != nil {
			return ended(err)
		}
		slices.Reverse(fresh)
		for _, e := range fresh {
			if err := showLine(c, e); err != nil {
				return err
			}
		}
		if len(fresh) > 0 {
			all = fresh
		}
	}
	return nil
}

// showLine shows an exchange that came while one follows.
func showLine(c *cli.Command, e api.Exchange) error {
	if c.Output != "table" {
		return json.NewEncoder(c.Stdout).Encode(e)
	}
	_, err := fmt.Fprintln(c.Stdout, report.ExchangeLine(e))
	return err
}

// ended is no error when it was the user who had enough.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type scimShowCmd struct {
	ID string `arg:"" help:"Id of the exchange."`
}

// Run shows an exchange.
func (s *scimShowCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Exchange(client.Exchange(c.Ctx, s.ID)))
}

type scimReportCmd struct {
	Client string `arg:"" optional:"" help:"Id or name of the token; all strict ones when absent."`
	Clear  bool   `help:"Begin the client's count anew."`
}

// Run shows how clients depart from the RFCs.
func (r *scimReportCmd) Run(c *cli.Command, client *api.Client) error {
	if r.Clear {
		if r.Client == "" {
			return terminal.Usage("Say whose report is to be cleared.")
		}
		return c.Did(client.ClearSCIMReport(c.Ctx, r.Client), "cleared", r.Client, "Cleared.")
	}
	return c.Print(report.Deviations(client.SCIMReport(c.Ctx, r.Client)))
}
