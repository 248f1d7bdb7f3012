package main

import (
	"io"

	"lockstep/api"
	"lockstep/operate"
)

type statusCmd struct{}

// status is how a server and everything in it stands.
type status struct {
	Server  string    `json:"server"` // its address, or what there is instead
	Version string    `json:"version"`
	Running bool      `json:"running"` // a server runs; without one nothing happens by itself
	Jobs    []api.Job `json:"jobs"`
}

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
	s := status{Server: c.server.Where, Version: v.Version, Running: c.server.Runs(), Jobs: jobs}
	err = c.show(s, func(w io.Writer) {
		printf(w, "server\t%s, version %s\n", s.Server, s.Version)
		if !s.Running {
			printf(w, "\tno server runs: nothing happens by itself. Start one: lockstep serve\n")
		}
		for _, j := range jobs {
			what := "app"
			if j.Direction == "inbound" {
				what = "source"
			}
			printf(w, "%s %s\t%s\n", what, j.Slug, j.Says())
			if j.Standing != nil {
				for _, also := range j.Standing.All[1:] {
					printf(w, "\t%s\n", also.Says)
				}
			}
		}
		if len(jobs) == 0 {
			printf(w, "\tno sources and no apps yet. Begin: lockstep source add csvfile · lockstep app add webex\n")
		}
	})
	if err != nil {
		return err
	}
	return worst(jobs)
}

// worst ends with the exit code of the job that stands worst: what waits for a decision before what fails, that before what is
// under way.
func worst(jobs []api.Job) error {
	for _, exit := range []int{operate.ExitHeld, operate.ExitSome, operate.ExitLater} {
		for _, j := range jobs {
			if j.Standing != nil && j.Standing.Exit == exit {
				return &outcome{code: exit, text: j.Standing.Says}
			}
		}
	}
	return nil
}
