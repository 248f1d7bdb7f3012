package main

import (
	"context"
	"io"

	"lockstep/cli"
	"lockstep/demo"
)

type benchCmd struct {
	Cycle    bench[demo.Bench, demo.CycleReport]        `cmd:"" help:"Measure a company on its way into a Webex organisation."`
	SCIM     bench[demo.SCIMBench, demo.SCIMReport]     `cmd:"" name:"scim" help:"Measure the SCIM endpoint of a tenant."`
	Tenants  bench[demo.TenantBench, demo.TenantReport] `cmd:"" help:"Measure what many tenants cost who do nothing."`
	Fair     benchFairCmd                               `cmd:"" help:"Measure what one tenant feels of another who is loud."`
	Pages    bench[demo.PagesBench, demo.PagesReport]   `cmd:"" help:"Measure the console on a large directory with a long log."`
	Import   bench[demo.ImportBench, demo.ImportReport] `cmd:"" help:"Measure how a company comes into the directory and stays in step with its source."`
	Search   bench[demo.SearchBench, demo.SearchReport] `cmd:"" help:"Measure how long it takes to look people up in a large directory."`
	SSO      bench[demo.SSOBench, demo.SSOReport]       `cmd:"" name:"sso" help:"Measure how people and applications sign in."`
	Webexorg bench[demo.OrgBench, demo.OrgReport]       `cmd:"" name:"webexorg" help:"Measure a Webex organisation that runs on this machine."`
}

// measured is what a bench has measured.
type measured interface {
	Write(w io.Writer) error
	Wrong() string // what is not as it should be
}

// bench is a bench as a command. Its fields are the flags.
type bench[B interface {
	Run(ctx context.Context) (R, error)
}, R measured] struct {
	Bench B `embed:""`
}

// Help is what there is to say beside the flags.
func (b *bench[B, R]) Help() string {
	if helps, ok := any(b.Bench).(interface{ Help() string }); ok {
		return helps.Help()
	}
	return ""
}

// Run measures.
func (b *bench[B, R]) Run(c *cli.Command) error {
	if m, ok := any(&b.Bench).(interface {
		Within(store, data string, say func(string))
	}); ok {
		m.Within(c.Store, c.Data, func(text string) { c.Say("%s", text) })
	}
	r, err := b.Bench.Run(c.Ctx)
	if err != nil {
		return err
	}
	var written error
	if err := c.Show(r, func(w io.Writer) { written = r.Write(w) }); err != nil {
		return err
	}
	if wrong := r.Wrong(); wrong != "" {
		return &cli.Outcome{Code: cli.ExitFailed, Text: wrong}
	}
	return written
}

type benchFairCmd struct {
	bench[demo.FairBench, demo.FairReport]
	Paused  int `placeholder:"N" help:"Measure one application beside N that want to be left alone, instead."`
	Hung    int `placeholder:"N" help:"And beside N sources that do not answer."`
	Changes int `default:"50" help:"Single changes to measure, with --paused or --hung."`
}

// Run measures.
func (b *benchFairCmd) Run(c *cli.Command) error {
	if b.Paused == 0 && b.Hung == 0 {
		return b.bench.Run(c)
	}
	beside := bench[demo.FairJobs, demo.FairJobsReport]{demo.FairJobs{Paused: b.Paused, Hung: b.Hung, Changes: b.Changes, Measured: b.Bench.Measured}}
	return beside.Run(c)
}
