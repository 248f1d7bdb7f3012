package main

import (
	"lockstep"
	"lockstep/api"
	"lockstep/report"
)

type connectionCmd struct {
	Set  connectionSetCmd  `cmd:"" help:"Set settings and a secret."`
	Test connectionTestCmd `cmd:"" help:"Test the connection."`
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
func (s *connectionSetCmd) Run(c *cli) error {
	change := api.ConnectionChange{Settings: s.Set}
	if s.SecretFile != "" || s.TokenStdin || s.Prompt {
		text, err := c.secret(s.Secret, s.SecretFile, s.TokenStdin)
		if err != nil {
			return err
		}
		if text == "" {
			return usage("The %s is empty.", s.Secret)
		}
		change.Secrets = map[string]string{s.Secret: text}
	}
	if len(change.Settings) == 0 && len(change.Secrets) == 0 {
		return usage("Nothing to set: give --set NAME=VALUE, --secret-file, --secret-stdin or --prompt.")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	j, err := client.SetConnection(c.ctx, s.Job, change)
	if err != nil {
		return err
	}
	return c.print(report.Job(j, nil, nil))
}

type connectionTestCmd struct {
	Job string `arg:"" help:"The app or source."`
}

// Run tests the connection. A test that fails ends with 1, or 4 when the credentials are refused.
func (t *connectionTestCmd) Run(c *cli, client *api.Client) error {
	r, err := client.TestConnection(c.ctx, t.Job)
	if err != nil {
		return err
	}
	err = c.print(report.ConnectionTest(r, nil))
	switch {
	case err != nil || r.OK:
		return err
	case r.Code == lockstep.CodeAuthToken, r.Code == lockstep.CodeAuthForbidden, r.Code == lockstep.CodeSourceAuth:
		return &outcome{code: exitForbidden, text: r.Detail}
	}
	return &outcome{code: exitFailed, text: r.Detail}
}
