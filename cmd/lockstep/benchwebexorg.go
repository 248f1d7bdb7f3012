package main

import (
	"io"
	"time"

	"lockstep/demo"
)

type benchWebexorgCmd struct {
	Users       int           `default:"20000" help:"Users to create, at least 1,000."`
	Connections int           `default:"16" help:"Connections kept alive, in use at the same time."`
	Starts      int           `default:"10" help:"Starts of the program until its first answer."`
	Time        time.Duration `default:"2s" help:"How long each operation is measured that has no end of its own."`
	CPUProfile  string        `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the organisation in memory."`
}

// Run measures.
func (b *benchWebexorgCmd) Run(c *cli) error {
	report, err := demo.OrgBench{
		Users: b.Users, Connections: b.Connections, Starts: b.Starts, Time: b.Time, CPUProfile: b.CPUProfile,
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
