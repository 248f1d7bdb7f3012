package main

import (
	"io"
	"time"

	"lockstep/demo"
)

type benchSSOCmd struct {
	People     int           `default:"100" help:"People who sign in, each with a password."`
	Concurrent int           `default:"50" help:"Browsers and applications at the same time."`
	Leavers    int           `default:"20" help:"People who are disabled while they are signed in to every application."`
	Apps       int           `default:"20" help:"Applications that are told of it."`
	Time       time.Duration `default:"5s" help:"How long each operation is measured."`
	Only       string        `placeholder:"OPERATION" help:"One operation alone, with ES256: sign_in, password_login, refresh, client_credentials or introspection."`
	DSN        string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
}

// Run measures.
func (b *benchSSOCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.SSOBench{
		People: b.People, Concurrent: b.Concurrent, Leavers: b.Leavers, Apps: b.Apps, Time: b.Time, Only: b.Only, Store: store, DSN: dsn, CPUProfile: b.CPUProfile,
		Say: func(text string) { c.say("%s", text) },
	}.Run(c.ctx)
	if err != nil {
		return err
	}
	var written error
	if err := c.show(report, func(w io.Writer) { written = report.Write(w) }); err != nil {
		return err
	}
	if report.Errors+report.Leavers.Untold > 0 {
		return &outcome{code: exitFailed, text: "not everything succeeded"}
	}
	return written
}
