package main

import (
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
)

type statusCmd struct{}

// Run tells where the server is and how every source and app stands. It ends with the exit code of the one that stands worst.
func (statusCmd) Run(c *cli.Command, client *api.Client) error {
	v, err := client.Version(c.Ctx)
	if err != nil {
		return err
	}
	jobs, err := client.Jobs(c.Ctx)
	if err != nil {
		return err
	}
	s := report.Status{Server: c.Reached.Where, Version: v.Version, Running: c.Reached.Runs(), Jobs: jobs}
	if err := c.Print(s.View()); err != nil {
		return err
	}
	if worst, bad := report.Worst(jobs); bad {
		return &cli.Outcome{Code: worst.Exit, Text: worst.Says}
	}
	return nil
}
