package main

import (
	"io"

	"lockstep/cli"
	"lockstep/reach"
	"lockstep/server"
	"lockstep/terminal"
)

type migrateCmd struct {
	Status migrateStatusCmd `cmd:"" default:"withargs" help:"Show which schema the database has."`
	Up     migrateUpCmd     `cmd:"" help:"Bring the schema up to date, as every start does."`
}

type migrateStatusCmd struct{}

// Run shows the schema's version and changes nothing. It may run beside a server.
func (migrateStatusCmd) Run(c *cli.Command) error {
	folder, err := c.Place.Folder()
	if err != nil {
		return err
	}
	config, err := c.Place.Database(folder)
	if err != nil {
		return err
	}
	s, err := server.Schema(c.Ctx, config)
	if err != nil {
		return err
	}
	return c.Show(s, func(w io.Writer) {
		terminal.Printf(w, "schema %d, this program has %d\n", s.Current, s.Newest)
		switch {
		case s.Current < s.Newest:
			c.Say("Next: lockstep migrate up, or just start: every start does it.")
		case s.Current > s.Newest:
			c.Say("The database was written by a newer version: run that one.")
		}
	})
}

type migrateUpCmd struct{}

// Run brings the schema up to date.
func (migrateUpCmd) Run(c *cli.Command) error {
	folder, lock, err := c.Place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	c.Place.Founds = true
	config, err := c.Place.Config(c.Ctx, folder)
	if err != nil {
		return err
	}
	n, err := reach.Start(c.Ctx, config)
	if err != nil {
		return err
	}
	if err := n.Close(); err != nil {
		return err
	}
	return c.Did(nil, "schema", "up to date", "The schema is up to date.")
}
