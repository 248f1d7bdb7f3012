package main

import (
	"io"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type connectionCmd struct {
	Set  connectionSetCmd  `cmd:"" help:"Set settings and a secret."`
	Test connectionTestCmd `cmd:"" help:"Test the connection."`

	Consent connectionConsentCmd `cmd:"" help:"Ask for an administrator's consent (OAuth 2.0), or show how it stands."`
}

type connectionSetCmd struct {
	Job        string            `arg:"" help:"The app or source."`
	Set        map[string]string `placeholder:"NAME=VALUE" help:"Setting; an empty value removes it."`
	Secret     string            `placeholder:"NAME" default:"token" help:"Which secret to set."`
	SecretFile string            `placeholder:"FILE" help:"Read the secret from a file."`
	TokenStdin bool              `name:"secret-stdin" aliases:"token-stdin" help:"Read the secret from standard input."`
	Prompt     bool              `help:"Ask for the secret without showing it."`
}

// Run sets the connection.
func (s *connectionSetCmd) Run(c *cli.Command) error {
	change := api.ConnectionChange{Settings: s.Set}
	if s.SecretFile != "" || s.TokenStdin || s.Prompt {
		text, err := c.Secret(s.Secret, s.SecretFile, s.TokenStdin)
		if err != nil {
			return err
		}
		if text == "" {
			return terminal.Usage("The %s is empty.", s.Secret)
		}
		change.Secrets = map[string]string{s.Secret: text}
	}
	if len(change.Settings) == 0 && len(change.Secrets) == 0 {
		return terminal.Usage("Nothing to set: give --set NAME=VALUE, --secret-file, --secret-stdin or --prompt.")
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	j, err := client.SetConnection(c.Ctx, s.Job, change)
	if err != nil {
		return err
	}
	return c.Print(report.Job(j, nil, nil))
}

type connectionConsentCmd struct {
	Job  string `arg:"" help:"The app."`
	Show bool   `help:"Ask nobody; show how the consent stands."`
}

// Run prints the address at which somebody consents. It is the only thing on standard output.
func (t *connectionConsentCmd) Run(c *cli.Command) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	if t.Show {
		stands, err := client.Consent(c.Ctx, t.Job)
		if err != nil {
			return err
		}
		return c.Show(stands, func(w io.Writer) { showConsent(w, stands) })
	}
	asked, err := client.AskConsent(c.Ctx, t.Job)
	if err != nil {
		return err
	}
	return c.Show(asked, func(w io.Writer) {
		terminal.Printf(w, "%s\n", asked.Address)
		c.Say("Open the address within a quarter of an hour, in a browser in which you are signed in to the console (lockstep console).")
		c.Say("The application must know this redirect URI: %s", asked.Redirect)
	})
}

func showConsent(w io.Writer, s api.Consent) {
	word := "given " + report.Minute(s.Given, "")
	switch {
	case !s.Needed:
		word = "not needed: the setting auth is not authorization_code"
	case s.Ended:
		word = "ended: consent anew"
	case s.Given == nil:
		word = "not given yet"
	}
	terminal.Printf(w, "consent\t%s\nby\t%s\naccess token ends\t%s\nrefreshed\t%t\nscope\t%s\nredirect URI\t%s\n", word, report.Or(s.By, "–"), report.Minute(s.AccessEnds, "–"), s.Refreshed, report.Or(s.Scope, "–"), report.Or(s.Redirect, "–"))
}

type connectionTestCmd struct {
	Job string `arg:"" help:"The app or source."`
}

// Run tests the connection. A test that fails ends with 1, or 4 when the credentials are refused.
func (t *connectionTestCmd) Run(c *cli.Command, client *api.Client) error {
	r, err := client.TestConnection(c.Ctx, t.Job)
	if err != nil {
		return err
	}
	err = c.Print(report.ConnectionTest(r, nil))
	switch {
	case err != nil || r.OK:
		return err
	case r.Code == lockstep.CodeAuthToken, r.Code == lockstep.CodeAuthForbidden, r.Code == lockstep.CodeSourceAuth, r.Code == lockstep.CodeOAuthRefused, r.Code == lockstep.CodeConsent:
		return &cli.Outcome{Code: cli.ExitForbidden, Text: r.Detail}
	}
	return &cli.Outcome{Code: cli.ExitFailed, Text: r.Detail}
}
