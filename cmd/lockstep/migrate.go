package main

import (
	"io"

	"lockstep/reach"
	"lockstep/server"
)

type migrateCmd struct {
	Status migrateStatusCmd `cmd:"" default:"withargs" help:"Show which schema the database has."`
	Up     migrateUpCmd     `cmd:"" help:"Bring the schema up to date, as every start does."`
}

type migrateStatusCmd struct{}

// Run shows the schema's version and changes nothing. It may run beside a server.
func (migrateStatusCmd) Run(c *cli) error {
	folder, err := c.place.Folder()
	if err != nil {
		return err
	}
	config, err := c.place.Database(folder)
	if err != nil {
		return err
	}
	s, err := server.Schema(c.ctx, config)
	if err != nil {
		return err
	}
	return c.show(s, func(w io.Writer) {
		printf(w, "schema %d, this program has %d\n", s.Current, s.Newest)
		switch {
		case s.Current < s.Newest:
			c.say("Next: lockstep migrate up, or just start: every start does it.")
		case s.Current > s.Newest:
			c.say("The database was written by a newer version: run that one.")
		}
	})
}

type migrateUpCmd struct{}

// Run brings the schema up to date.
func (migrateUpCmd) Run(c *cli) error {
	folder, lock, err := c.place.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	c.place.Founds = true
	config, err := c.place.Config(c.ctx, folder)
	if err != nil {
		return err
	}
	n, err := reach.Start(c.ctx, config)
	if err != nil {
		return err
	}
	if err := n.Close(); err != nil {
		return err
	}
	return c.did("schema", "up to date", "The schema is up to date.")
}
