package main

import (
	"io"

	"lockstep/demo"
)

type benchSearchCmd struct {
	People     int    `default:"10000" help:"People of the directory, at least 1,000."`
	Looks      int    `default:"50" help:"Look-ups of each kind."`
	Seed       uint64 `default:"1" help:"Of whom is looked for."`
	DSN        string `name:"dsn" placeholder:"URL" help:"PostgreSQL database for --store postgres, empty or of the same --data."`
	CPUProfile string `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the server's process."`
	Program    string `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Help tells of the folder, which is a flag of every command.
func (*benchSearchCmd) Help() string {
	return "With --data the folder is kept, and used again by the next bench with as many people."
}

// Run measures.
func (b *benchSearchCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.SearchBench{
		People: b.People, Looks: b.Looks, Data: c.Data, Seed: b.Seed, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program,
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
		return &outcome{code: exitFailed, text: "a look-up finds what it should not"}
	}
	return written
}
