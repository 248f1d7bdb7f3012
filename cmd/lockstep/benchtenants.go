package main

import (
	"io"
	"time"

	"lockstep/demo"
)

type benchTenantsCmd struct {
	Tenants    int           `default:"1000" help:"Tenants of the server."`
	People     int           `default:"100" help:"People of each tenant, 1,000 at most."`
	Idle       time.Duration `default:"10s" help:"How long the idle server is watched."`
	DSN        string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server from its start to its end."`
}

// Run measures.
func (b *benchTenantsCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.TenantBench{
		Tenants: b.Tenants, People: b.People, Idle: b.Idle, Store: store, DSN: dsn, CPUProfile: b.CPUProfile,
		Say: func(text string) { c.say("%s", text) },
	}.Run(c.ctx)
	if err != nil {
		return err
	}
	var written error
	if err := c.show(report, func(w io.Writer) { written = report.Write(w) }); err != nil {
		return err
	}
	if report.Mismatches > 0 {
		return &outcome{code: exitFailed, text: "tenants are not as they were created"}
	}
	return written
}
