package main

import (
	"lockstep/api"
	"lockstep/report"
)

type statusCmd struct{}

// Run tells where the server is and how every source and app stands. It ends with the exit code of the one that stands worst.
func (statusCmd) Run(c *cli, client *api.Client) error {
	v, err := client.Version(c.ctx)
	if err != nil {
		return err
	}
	jobs, err := client.Jobs(c.ctx)
	if err != nil {
		return err
	}
	s := report.Status{Server: c.server.Where, Version: v.Version, Running: c.server.Runs(), Jobs: jobs}
	if err := c.print(s.View()); err != nil {
		return err
	}
	if worst, bad := report.Worst(jobs); bad {
		return &outcome{code: worst.Exit, text: worst.Says}
	}
	return nil
}
