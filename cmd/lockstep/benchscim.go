package main

import (
	"io"
	"time"

	"lockstep/demo"
)

type benchSCIMCmd struct {
	Users       int           `default:"10000" help:"Users of the tenant, at least 1,000."`
	Connections int           `default:"16" help:"Connections kept alive, in use at the same time."`
	Time        time.Duration `default:"3s" help:"How long each operation is measured that has no end of its own."`
	Only        []string      `placeholder:"OPERATION,..." help:"Measure these beside create, such as get,patch_active; all when absent."`
	DSN         string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile  string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program     string        `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Run measures.
func (b *benchSCIMCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.SCIMBench{
		Users: b.Users, Connections: b.Connections, Time: b.Time, Only: b.Only, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program,
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
		return &outcome{code: exitFailed, text: "what was read back is not what was written"}
	}
	return written
}
