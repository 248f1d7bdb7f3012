package main

import (
	"errors"
	"io"
	"time"

	"lockstep/cli"
	"lockstep/terminal"
	"lockstep/webexorg"
)

type webexorgCmd struct {
	Serve  webexorgServeCmd  `cmd:"" help:"Run a Webex organisation on this machine, to try and test against."`
	Fault  webexorgFaultCmd  `cmd:"" help:"Have a running organisation go wrong on purpose."`
	Export webexorgExportCmd `cmd:"" help:"Write what is in a running organisation as a file for serve --seed."`
}

// webexorgFlags are the flags of webexorg.Serving.
type webexorgFlags struct {
	Listen      string        `default:"127.0.0.1:8430" help:"Address to listen on."`
	Name        string        `default:"Example" help:"Name of the organisation that the first start makes."`
	Domain      []string      `sep:"," placeholder:"DOMAIN" help:"Verified domains; users of others are refused. Without any, everybody is let in."`
	Region      string        `enum:",us,eu,gov" default:"" placeholder:"us|eu|gov" help:"Where the organisation that the first start makes has its home; without it, everywhere."`
	People      bool          `help:"Begin with an administrator, an agent and a plain person to sign in as: admin@, agent@ and person@ the first domain."`
	Journal     string        `placeholder:"FILE" help:"Keep the organisation in this file; without it, it is gone when the command ends."`
	Sync        bool          `help:"Have every write wait until the disk has it; without this a write survives the end of the command, not that of the machine."`
	Seed        string        `placeholder:"FILE" help:"Begin with the organisations of this file, if there are none yet."`
	Control     string        `env:"LOCKSTEP_WEBEXORG_CONTROL" placeholder:"TOKEN" help:"Token of the control surface; without it, one is made up."`
	Inspect     int           `default:"100" placeholder:"N" help:"Calls that are kept for people to look at."`
	Present     int           `placeholder:"N" help:"Accounts that are there already and belong to nobody."`
	PageLatency time.Duration `default:"0s" help:"How much longer a page of a list takes."`
	TLS         string        `name:"tls" placeholder:"FOLDER" help:"Serve HTTPS, by a certification authority that is kept in this folder; clients trust its ca.pem."`
	Expose      bool          `help:"Listen beyond this machine. The organisation trusts whoever holds a token, and signs in whoever asks, without a password."`
}

type webexorgServeCmd struct {
	webexorgFlags
	cli.Profiled
}

// Run serves a Webex organisation until the program is told to end.
func (w *webexorgServeCmd) Run(c *cli.Command) error {
	u, err := webexorg.Serving(w.webexorgFlags).Open(c.Ctx)
	if err != nil {
		return err
	}
	card := u.Card
	err = c.Show(card, func(out io.Writer) {
		terminal.Printf(out, "endpoint\t%s\ntoken\t%s\ncontrol token\t%s\ndeveloper console\t%s\n", card.Endpoint, card.Token, card.Control, card.Apps)
		if card.CA != "" {
			terminal.Printf(out, "certificate to trust\t%s\n", card.CA)
		}
	})
	if err == nil {
		c.Say("A Webex organisation answers at %s; its Control Hub is at %s/hub. To end it: Ctrl-C.", card.Address, card.Address)
		if !u.Administered() {
			c.Say("Nobody there is an administrator: --people begins with one who can sign in to its pages.")
		}
		err = w.During(c.Ctx, u.Serve)
	}
	return errors.Join(err, u.Close())
}
