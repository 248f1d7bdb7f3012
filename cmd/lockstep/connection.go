package main

import (
	"io"
	"strings"

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
	TenantURL  string            `name:"tenant-url" placeholder:"ADDRESS" help:"Webex: the tenant URL of instructions, of any form, or the organisation's ID; settings are taken out of it."`
	Redirect   bool              `name:"redirect-stdin" help:"Webex: read the whole address at which signing in for a token has ended from standard input; token and expiry are taken out of it."`
}

// Run sets the connection.
func (s *connectionSetCmd) Run(c *cli.Command) error {
	change := api.ConnectionChange{Settings: s.Set, TenantURL: s.TenantURL}
	if s.Redirect {
		if s.SecretFile != "" || s.TokenStdin || s.Prompt {
			return terminal.Usage("The token comes by --redirect-stdin: leave --secret-file, --secret-stdin and --prompt out.")
		}
		text, err := c.Secret("address", "", true)
		if err != nil {
			return err
		}
		if change.Redirect = strings.TrimSpace(text); change.Redirect == "" {
			return terminal.Usage("The address is empty.")
		}
	}
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
	if len(change.Settings) == 0 && len(change.Secrets) == 0 && change.TenantURL == "" && change.Redirect == "" {
		return terminal.Usage("Nothing to set: give --set NAME=VALUE, --secret-file, --secret-stdin, --prompt, --tenant-url or --redirect-stdin.")
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
	case !s.Needed && !s.Typed:
		word = "not needed: the setting auth is neither authorization_code nor refresh_token"
	case s.Typed && s.Ended:
		word = "ended: give another refresh token"
	case s.Typed && s.Given == nil:
		word = "no access token yet: test the connection"
	case s.Ended:
		word = "ended: consent anew"
	case s.Given == nil:
		word = "not given yet"
	}
	terminal.Printf(w, "consent\t%s\nby\t%s\naccess token ends\t%s\nrefreshed\t%t\nunused, it ends\t%s\nscope\t%s\nredirect URI\t%s\n", word, report.Or(s.By, "–"), report.Minute(s.AccessEnds, "–"), s.Refreshed, report.Minute(s.Ends, "–"), report.Or(s.Scope, "–"), report.Or(s.Redirect, "–"))
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
	case r.Code == lockstep.CodeAuthToken, r.Code == lockstep.CodeAuthForbidden, r.Code == lockstep.CodeAuthRole, r.Code == lockstep.CodeSourceAuth, r.Code == lockstep.CodeOAuthRefused, r.Code == lockstep.CodeConsent:
		return &cli.Outcome{Code: cli.ExitForbidden, Text: r.Detail}
	}
	return &cli.Outcome{Code: cli.ExitFailed, Text: r.Detail}
}
