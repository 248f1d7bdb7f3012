package main

import (
	"io"
	"net/http"
	"time"

	"lockstep/cli"
	"lockstep/terminal"
	"lockstep/webexorg"
)

// webexorgAt are the flags that say which running organisation is meant.
type webexorgAt struct {
	At      string `default:"http://127.0.0.1:8430" help:"Address of the running organisation."`
	Control string `env:"LOCKSTEP_WEBEXORG_CONTROL" required:"" placeholder:"TOKEN" help:"Token of its control surface, as serve prints it."`
	Org     string `placeholder:"ID" help:"Organisation; needed when there are several."`
}

func (w *webexorgAt) remote() *webexorg.Remote {
	return &webexorg.Remote{Address: w.At, Token: w.Control, HTTP: &http.Client{Timeout: time.Minute}}
}

type webexorgFaultCmd struct {
	Add   webexorgFaultAddCmd   `cmd:"" help:"Make some calls fail."`
	Set   webexorgFaultSetCmd   `cmd:"" help:"Turn a knob: latency=20ms jitter=5ms page_latency=1s rate=10 late_listing=9s late_deletion=9s late_members=25s count_lag=15s present=1000 duplicates=true."`
	List  webexorgFaultListCmd  `cmd:"" help:"Show what goes wrong."`
	Clear webexorgFaultClearCmd `cmd:"" help:"Behave well again."`
}

type webexorgFaultAddCmd struct {
	webexorgAt
	Kind   string `arg:"" help:"423, 429, 500, 502, 503, 504, reset, hang, html, truncate, malformed, expire or partial."`
	Every  int    `placeholder:"N" help:"Every n-th call only."`
	Times  int    `placeholder:"N" help:"At most so often."`
	After  bool   `help:"The call takes effect first; only its answer is lost."`
	Method string `placeholder:"METHOD" help:"Calls with this method only."`
	Path   string `placeholder:"TEXT" help:"Calls whose path has this part only, such as /Users."`
	Wait   int    `placeholder:"SECONDS" help:"Retry-After of the answer."`
}

type webexorgFaultSetCmd struct {
	webexorgAt
	Knobs []string `arg:"" name:"knob=value" help:"Knobs and what they are to be."`
}

type webexorgFaultListCmd struct{ webexorgAt }

type webexorgFaultClearCmd struct{ webexorgAt }

type webexorgExportCmd struct{ webexorgAt }

// Run adds a fault.
func (f *webexorgFaultAddCmd) Run(c *cli.Command) error {
	fault := webexorg.Fault{
		Kind: webexorg.FaultKind(f.Kind), Every: f.Every, Times: f.Times, After: f.After, Method: f.Method, Path: f.Path, Wait: f.Wait,
	}
	return f.knobs(c, http.MethodPost, "/faults", fault)
}

// Run turns knobs.
func (f *webexorgFaultSetCmd) Run(c *cli.Command) error {
	change, err := webexorg.ReadKnobs(f.Knobs)
	if err != nil {
		return err
	}
	return f.knobs(c, http.MethodPatch, "/knobs", change)
}

// Run shows the knobs.
func (f *webexorgFaultListCmd) Run(c *cli.Command) error {
	return f.knobs(c, http.MethodGet, "/knobs", nil)
}

// Run takes all faults away and turns every knob back. Accounts that were made by present are removed.
func (f *webexorgFaultClearCmd) Run(c *cli.Command) error {
	org, err := f.remote().Only(c.Ctx, f.Org)
	if err != nil {
		return err
	}
	if err := f.remote().Do(c.Ctx, http.MethodDelete, "/orgs/"+org+"/faults", nil, nil); err != nil {
		return err
	}
	return f.knobs(c, http.MethodPatch, "/knobs", webexorg.Knobs{Faults: []webexorg.Fault{}})
}

// Run writes the seed.
func (f *webexorgExportCmd) Run(c *cli.Command) error {
	res, err := f.remote().Send(c.Ctx, http.MethodGet, "/export", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(c.Stdout, res.Body)
	return err
}

// knobs sends a change to the organisation and shows how it misbehaves from now on.
func (w *webexorgAt) knobs(c *cli.Command, method, path string, body any) error {
	org, err := w.remote().Only(c.Ctx, w.Org)
	if err != nil {
		return err
	}
	var k webexorg.Knobs
	if err := w.remote().Do(c.Ctx, method, "/orgs/"+org+path, body, &k); err != nil {
		return err
	}
	lines := k.Lines()
	if len(lines) == 0 {
		c.Say("The organisation behaves well.")
	}
	return c.Show(k, func(out io.Writer) {
		for _, line := range lines {
			terminal.Printf(out, "%s\t%s\n", line[0], line[1])
		}
	})
}
