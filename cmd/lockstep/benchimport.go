package main

import (
	"io"

	"lockstep/demo"
)

type benchImportCmd struct {
	People     int      `default:"10000" help:"People of the company, at least 200."`
	Groups     int      `default:"200" help:"Groups of the company."`
	From       string   `enum:"csv,ldap" default:"csv" help:"Source: csv, or ldap, which needs slapd."`
	Changes    int      `default:"10" help:"Single changes to measure."`
	Only       []string `placeholder:"PHASE,..." help:"Measure these beside first, such as unchanged,one_change; none measures first alone, all when absent."`
	Seed       uint64   `default:"1" help:"Of what is random."`
	DSN        string   `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile string   `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program    string   `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Run measures.
func (b *benchImportCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.ImportBench{
		People: b.People, Groups: b.Groups, From: b.From, Changes: b.Changes, Only: b.Only, Seed: b.Seed, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program,
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
		return &outcome{code: exitFailed, text: "the directory is not as its source"}
	}
	return written
}
