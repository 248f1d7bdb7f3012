package main

import (
	"io"
	"time"

	"lockstep/demo"
)

type benchFairCmd struct {
	Users      int           `default:"10000" help:"Users of the loud tenant, at least 1,000."`
	Loud       int           `default:"4" help:"Connections of the loud tenant, for Bulk and for filters each."`
	Time       time.Duration `default:"5s" help:"How long each measurement takes."`
	DSN        string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program    string        `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Run measures.
func (b *benchFairCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.FairBench{
		Users: b.Users, Loud: b.Loud, Time: b.Time, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program, Say: func(text string) { c.say("%s", text) },
	}.Run(c.ctx)
	if err != nil {
		return err
	}
	var written error
	if err := c.show(report, func(w io.Writer) { written = report.Write(w) }); err != nil {
		return err
	}
	return written
}
