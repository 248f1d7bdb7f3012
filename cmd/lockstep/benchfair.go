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
	Paused     int           `placeholder:"N" help:"Measure one application beside N that want to be left alone, instead."`
	Hung       int           `placeholder:"N" help:"And beside N sources that do not answer."`
	Changes    int           `default:"50" help:"Single changes to measure, with --paused or --hung."`
	DSN        string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program    string        `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Run measures.
func (b *benchFairCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	if b.Paused != 0 || b.Hung != 0 {
		return b.beside(c, store, dsn)
	}
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

// beside measures one application beside others.
func (b *benchFairCmd) beside(c *cli, store, dsn string) error {
	report, err := demo.FairJobs{
		Paused: b.Paused, Hung: b.Hung, Changes: b.Changes, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program, Say: func(text string) { c.say("%s", text) },
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
