package main

import (
	"cmp"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/terminal"
)

type notifyCmd struct {
	Show notifyShowCmd `cmd:"" default:"withargs" help:"Show how people are told, and the last messages."`
	Set  notifySetCmd  `cmd:"" help:"Set the mail server, the webhook and who is told."`
	Test notifyTestCmd `cmd:"" help:"Send a test message now."`
}

type notifyShowCmd struct{}

// Run shows how people are told. It ends with 3 when the last message to somebody has not gone.
func (notifyShowCmd) Run(c *cli.Command, client *api.Client) error {
	n, err := client.Notifications(c.Ctx)
	if err := c.Print(report.Notifications(n, err)); err != nil {
		return err
	}
	if stuck := n.Undelivered(); stuck > 0 {
		return &cli.Outcome{Code: cli.ExitSome, Text: "Some of the last messages have not gone; the list says why."}
	}
	return nil
}

type notifySetCmd struct {
	MailHost      *string `placeholder:"HOST" help:"Mail server; empty sends no mail."`
	MailPort      *int    `placeholder:"PORT" help:"Its port: 587, 465 or 25 by the security when absent."`
	MailSecurity  *string `placeholder:"starttls|tls|none" help:"starttls is required, tls from the first word, none only in networks that --allow-network lists."`
	MailUser      *string `placeholder:"NAME" help:"Sign in as this; empty does not."`
	MailFrom      *string `placeholder:"ADDRESS" help:"The address that mail comes from."`
	MailCA        *string `name:"mail-ca" placeholder:"FILE" help:"Certificates in PEM that are trusted for the mail server; empty is those of the machine."`
	PasswordFile  string  `placeholder:"FILE" help:"Read the password of the mail server from a file."`
	PasswordStdin bool    `help:"Read the password of the mail server from standard input."`
	Webhook       *string `placeholder:"URL" help:"Address that gets every message, signed; empty is none."`
	NewSecret     bool    `help:"Make the webhook's secret anew."`
	To            *string `placeholder:"ADDRESS,…" help:"Who is told where no app names anybody."`
	QuietTime     *string `placeholder:"DURATION" help:"How long a kind of cause is not told again of the same app; 0 is 1h."`
	Silence       *int    `placeholder:"N" help:"After how many intervals without a run a job is silent; 0 is 3."`
}

// Run sets how people are told. The webhook's secret is shown when it is new, this once.
func (s *notifySetCmd) Run(c *cli.Command) error {
	client, err := c.Found()
	if err != nil {
		return err
	}
	was, err := client.Notifications(c.Ctx)
	if err != nil {
		return err
	}
	change, err := s.change(c, was)
	if err != nil {
		return err
	}
	return c.Print(report.Notifications(client.SetNotifications(c.Ctx, change)))
}

// change is what the flags set.
func (s *notifySetCmd) change(c *cli.Command, was api.Notifications) (api.SetNotifications, error) {
	out := api.SetNotifications{Webhook: s.Webhook, NewSecret: s.NewSecret, Silence: s.Silence}
	m := was.Mail
	set(&m.Host, s.MailHost)
	set(&m.Port, s.MailPort)
	set(&m.Security, s.MailSecurity)
	set(&m.User, s.MailUser)
	set(&m.From, s.MailFrom)
	if s.MailCA != nil {
		m.CA = ""
		if *s.MailCA != "" {
			var err error
			if m.CA, err = terminal.ReadText("The file of certificates", *s.MailCA); err != nil {
				return out, err
			}
		}
	}
	if m != was.Mail {
		out.Mail = &m
	}
	if s.PasswordFile != "" || s.PasswordStdin {
		text, err := c.Secret("password", s.PasswordFile, s.PasswordStdin)
		if err != nil {
			return out, err
		}
		out.Password = &text
	}
	if s.To != nil {
		to := terminal.Words(*s.To)
		out.To = &to
	}
	if s.QuietTime != nil {
		quiet, err := terminal.Seconds(*s.QuietTime)
		if err != nil {
			return out, err
		}
		out.Quiet = &quiet
	}
	if out == (api.SetNotifications{}) {
		return out, terminal.Usage("Nothing to set: see lockstep notify set --help.")
	}
	return out, nil
}

type notifyTestCmd struct {
	To      string `placeholder:"ADDRESS" help:"Send a mail to this address; the tenant's recipients when absent."`
	Webhook bool   `help:"Post to the webhook."`
}

// Run sends a test. It ends with 1 when the server or the receiver does not take it.
func (t *notifyTestCmd) Run(c *cli.Command, client *api.Client) error {
	to := []string{t.To}
	switch n, err := client.Notifications(c.Ctx); {
	case err != nil:
		return err
	case t.Webhook:
		to = []string{""}
	case t.To == "":
		if to = n.To; len(to) == 0 {
			return terminal.Usage("Nobody is told yet: give --to ADDRESS, or --webhook.")
		}
	}
	var all []report.NotificationTest
	failed := ""
	for _, one := range to {
		r, err := client.TestNotifications(c.Ctx, one)
		if err != nil {
			return err
		}
		all = append(all, report.NotificationTest{To: cmp.Or(one, "webhook"), TestResult: r})
		if !r.OK {
			failed = r.Detail
		}
	}
	err := c.Print(report.NotificationTests(all, nil))
	if err == nil && failed != "" {
		return &cli.Outcome{Code: cli.ExitFailed, Text: failed}
	}
	return err
}

// tellSet are the flags of an app and of a source that say who is told.
type tellSet struct {
	Notify         *string `placeholder:"ADDRESS,…" help:"Who is told by mail when a failure occurs; empty is the tenant's recipients (lockstep notify)."`
	NotifyFailures *bool   `negatable:"" help:"Send a mail when a failure occurs; --notify turns it on."`
}

// change sets what was given.
func (t tellSet) change(c *cli.Command, client *api.Client, slug string) error {
	if t.Notify == nil && t.NotifyFailures == nil {
		return nil
	}
	told := api.SetTold{Failures: t.NotifyFailures}
	if t.Notify != nil {
		to := append([]string{}, terminal.Words(*t.Notify)...)
		told.Emails, told.Failures = &to, cmp.Or(t.NotifyFailures, new(true))
	}
	_, err := client.SetTold(c.Ctx, slug, told)
	return err
}

// told is who is told of a job, nil when the server does not say or people do not look.
func told(c *cli.Command, client *api.Client, job cli.Slug) *api.Told {
	if c.Output != "table" {
		return nil
	}
	told, err := client.Told(c.Ctx, job)
	if err != nil { // a server of before
		return nil
	}
	return &told
}
