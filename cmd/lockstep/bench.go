package main

import (
	"io"
	"strings"
	"time"

	"lockstep/demo"
)

type benchCmd struct {
	Cycle    benchCycleCmd    `cmd:"" help:"Measure a company on its way into a Webex organisation."`
	SCIM     benchSCIMCmd     `cmd:"" name:"scim" help:"Measure the SCIM endpoint of a tenant."`
	Tenants  benchTenantsCmd  `cmd:"" help:"Measure what many tenants cost who do nothing."`
	Fair     benchFairCmd     `cmd:"" help:"Measure what one tenant feels of another who is loud."`
	Import   benchImportCmd   `cmd:"" help:"Measure how a company comes into the directory and stays in step with its source."`
	Search   benchSearchCmd   `cmd:"" help:"Measure how long it takes to look people up in a large directory."`
	SSO      benchSSOCmd      `cmd:"" name:"sso" help:"Measure how people and applications sign in."`
	Webexorg benchWebexorgCmd `cmd:"" name:"webexorg" help:"Measure a Webex organisation that runs on this machine."`
}

// benchStore tells which database a bench runs on: --store as the other commands have it, or postgres with --dsn.
func (c *cli) benchStore(dsn string) (store, address string) {
	if strings.HasPrefix(c.Store, "postgres") && strings.Contains(c.Store, "://") {
		return "postgres", c.Store
	}
	return c.Store, dsn
}

type benchCycleCmd struct {
	People      int           `default:"10000" help:"People of the company."`
	Groups      int           `default:"200" help:"Groups of the company."`
	Latency     time.Duration `default:"0s" help:"How long every answer of the organisation takes."`
	PageLatency time.Duration `default:"0s" help:"How much longer a page of a list takes."`
	Present     int           `placeholder:"N" help:"Accounts that the organisation has already and that belong to nobody."`
	Limit       float64       `placeholder:"N" help:"Requests a second that the organisation takes."`
	Connections int           `default:"32" help:"Requests at the same time."`
	Changes     int           `default:"50" help:"Single changes to measure."`
	Seed        uint64        `default:"1" help:"Of what is random."`
	DSN         string        `name:"dsn" placeholder:"URL" help:"Empty PostgreSQL database for --store postgres."`
	CPUProfile  string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the engine's process."`
	Program     string        `placeholder:"FILE" help:"Measure this program, such as an older version; this one when absent."`
}

// Run measures.
func (b *benchCycleCmd) Run(c *cli) error {
	store, dsn := c.benchStore(b.DSN)
	report, err := demo.Bench{
		People: b.People, Groups: b.Groups, Latency: b.Latency, PageLatency: b.PageLatency, Present: b.Present, Limit: b.Limit,
		Connections: b.Connections, Changes: b.Changes, Seed: b.Seed, Store: store, DSN: dsn, CPUProfile: b.CPUProfile, Program: b.Program, Say: func(text string) { c.say("%s", text) },
	}.Cycle(c.ctx)
	if err != nil {
		return err
	}
	var written error
	if err := c.show(report, func(w io.Writer) { written = report.Write(w) }); err != nil {
		return err
	}
	if report.Mismatches > 0 {
		return &outcome{code: exitFailed, text: "the organisation is not as it should be"}
	}
	return written
}
