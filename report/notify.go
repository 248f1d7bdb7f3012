package report

import (
	"fmt"
	"strings"
	"time"

	"lockstep/api"
)

// shownMessages is how many of the last messages are shown.
const shownMessages = 10

// Notifications shows how people are told, and the last messages. A webhook's secret is shown when it is new.
func Notifications(n api.Notifications, err error) (View, error) {
	return Of(n, err, func(p *Page) {
		p.mail(n)
		p.Printf("webhook\t%s\n", Or(n.Webhook, "none"))
		p.Printf("to\t%s\n", Or(strings.Join(n.To, ", "), "nobody, where no app names anybody"))
		p.Printf("quiet\t%s\n", inSeconds(n.Quiet))
		p.Printf("silent\tafter %d intervals without a run\n", n.Silence)
		for _, m := range n.Messages[:min(len(n.Messages), shownMessages)] {
			p.Printf("%s\t%s\t%s\t%s\n", Minute(&m.Created, ""), m.State, m.To, m.Subject)
			if m.Detail != "" {
				p.Printf("\t%s [%s]\n", m.Detail, m.Code)
			}
		}
		if n.NewSecret != "" {
			p.Printf("secret\t%s\n", n.NewSecret)
			p.Say("The webhook's secret is shown this once: the receiver checks signatures with it.")
		}
	})
}

// mail writes which server sends mail.
func (p *Page) mail(n api.Notifications) {
	if n.Mail.Host == "" {
		p.Printf("mail\tno server\n")
		return
	}
	port := ""
	if n.Mail.Port != 0 {
		port = fmt.Sprintf(" port %d", n.Mail.Port)
	}
	p.Printf("mail\t%s%s, %s, from %s\n", n.Mail.Host, port, n.Mail.Security, n.Mail.From)
	if n.Mail.User != "" {
		p.Printf("\tsigns in as %s\n", n.Mail.User)
	}
}

// NotificationTest is a test message and what became of it.
type NotificationTest struct {
	To string `json:"to"`
	api.TestResult
}

// NotificationTests shows what became of test messages.
func NotificationTests(all []NotificationTest, err error) (View, error) {
	return Of(all, err, func(p *Page) {
		for _, r := range all {
			if r.OK {
				p.Printf("%s %s\ttook the message\n", p.Tick(true), r.To)
				continue
			}
			p.Printf("%s %s\t%s [%s]\n", p.Tick(false), r.To, r.Detail, r.Code)
			p.Say("  %s", r.Hint)
		}
	})
}

// Audit lists lines of the audit log.
func Audit(all []api.AuditLine, err error) (View, error) {
	return List(all, err, "Nothing in the audit log is like this.", "TIME WHO WHAT DETAIL", func(l api.AuditLine) []string {
		t := l.Told()
		return []string{Second(&l.At, ""), t.Who, t.What(), dash(t.Detail)}
	})
}

// Tokens lists tokens as they are at an instant.
func Tokens(all []api.Token, now time.Time, err error) (View, error) {
	return List(all, err, "No tokens.", "NAME KIND PROFILE SCOPES CREATED EXPIRES USED BEFORE SHOWS ID", func(t api.Token) []string {
		return []string{
			t.Name, t.Kind, dash(t.Profile), strings.Join(t.Scopes, " "), t.Created.Local().Format(time.DateOnly), instant(t.Expires, time.DateOnly, "never"),
			Minute(t.LastUsed, "never"), former(t.Former, now), shows(t.OAuth), string(t.ID),
		}
	})
}

// SCIMConsents lists the consents on which a SCIM client lives.
func SCIMConsents(all []api.SCIMConsent, err error) (View, error) {
	return List(all, err, "Nobody has consented.", "ID BY SINCE", func(c api.SCIMConsent) []string {
		return []string{string(c.ID), Or(c.By, "somebody who is gone"), Minute(&c.At, "")}
	})
}

// shows says what the holder of a token shows.
func shows(o *api.TokenOAuth) string {
	switch {
	case o == nil:
		return "a token"
	case o.Client != "":
		return "access tokens of " + o.Client
	}
	return "access tokens of " + o.Issuer
}

// former says what is left of the secret before the last rotation.
func former(f *api.FormerSecret, now time.Time) string {
	switch {
	case f == nil:
		return "–"
	case !now.Before(f.Ends):
		return "ended"
	case f.LastUsed != nil:
		return "ends " + Minute(&f.Ends, "") + ", used " + Minute(f.LastUsed, "")
	}
	return "ends " + Minute(&f.Ends, "")
}
