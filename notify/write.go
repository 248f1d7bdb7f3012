package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lockstep"
	"lockstep/words"
)

// About is the app or source that news are of. The zero About is the tenant.
type About struct {
	Job  lockstep.JobID
	Slug string
	Name string
	Rule Rule
	Link string // to its page in the console; "" is none
}

// hookEvent is one cause as a webhook has it.
type hookEvent struct {
	Kind  Kind          `json:"kind"`
	Name  string        `json:"name,omitempty"`
	Code  lockstep.Code `json:"code,omitempty"`
	Says  string        `json:"says"`
	Count int           `json:"count,omitempty"`
}

// hookBody is what a webhook gets, in the form that Standard Webhooks recommends.
type hookBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Tenant string      `json:"tenant"`
		App    string      `json:"app,omitempty"` // slug of the app or source
		Name   string      `json:"name,omitempty"`
		Link   string      `json:"link,omitempty"`
		Events []hookEvent `json:"events"`
	} `json:"data"`
}

// The types of webhook messages.
const (
	typeNews = "lockstep.attention"
	typeTest = "lockstep.test"
)

// Write makes the messages that tell the news of one job: one for each recipient, and one for the webhook.
func Write(s Settings, tenant string, a About, news []Cause, now time.Time) ([]Message, error) {
	var out []Message
	if s.Mail.Host != "" && (a.Job == "" || a.Rule.Failures) {
		to := a.Rule.Emails
		if len(to) == 0 {
			to = s.To
		}
		for _, one := range to {
			out = append(out, newMessage(Message{Job: a.Job, Outlet: ByMail, To: one, Subject: subject(tenant, a, news), Text: text(tenant, a, news), Created: now}))
		}
	}
	if s.Hook != "" {
		m, err := hookMessage(s, typeNews, tenant, a, news, now)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func newMessage(m Message) Message {
	m.ID = MessageID("msg_" + strings.ReplaceAll(string(lockstep.NewID[MessageID]()), "-", ""))
	m.Due, m.State = m.Created, Waiting
	return m
}

func hookMessage(s Settings, kind, tenant string, a About, news []Cause, now time.Time) (Message, error) {
	body := hookBody{Type: kind, Timestamp: now.UTC().Truncate(time.Second)}
	body.Data.Tenant, body.Data.App, body.Data.Name, body.Data.Link = tenant, a.Slug, a.Name, a.Link
	body.Data.Events = []hookEvent{}
	for _, c := range news {
		body.Data.Events = append(body.Data.Events, hookEvent{c.Kind, c.Name, c.Code, c.Says, c.Count})
	}
	doc, err := json.Marshal(body)
	return newMessage(Message{Job: a.Job, Outlet: ByHook, To: s.Hook, Subject: subject(tenant, a, news), Text: string(doc), Created: now}), err
}

// Test returns a message that says that notifications arrive; to is an address, or "" for the webhook.
func Test(s Settings, tenant, to string, now time.Time) (Message, error) {
	if to == "" {
		m, err := hookMessage(s, typeTest, tenant, About{}, nil, now)
		m.Subject = "Lockstep: a test"
		return m, err
	}
	return newMessage(Message{
		Outlet: ByMail, To: to, Subject: "Lockstep: a test", Created: now,
		Text: "This is a test: notifications of Lockstep for the tenant " + tenant + " arrive at this address.\n",
	}), nil
}

// subject says of whom and how much.
func subject(tenant string, a About, news []Cause) string {
	of := a.Name
	if of == "" {
		of = tenant
	}
	if len(news) == 1 {
		return "Lockstep, " + words.Clean(of) + ": " + words.Clip(strings.TrimSuffix(news[0].Says, "."), 120)
	}
	return fmt.Sprintf("Lockstep, %s: %d things need you", words.Clean(of), len(news))
}

// text is the mail. Names that came from outside are cleaned, since a mail is read in a terminal as well.
func text(tenant string, a About, news []Cause) string {
	var b strings.Builder
	if a.Name != "" {
		fmt.Fprintf(&b, "%s (%s), tenant %s:\n\n", words.Clean(a.Name), a.Slug, tenant)
	} else {
		fmt.Fprintf(&b, "Tenant %s:\n\n", tenant)
	}
	for _, c := range news {
		fmt.Fprintf(&b, "- %s\n", words.Clean(c.Says))
		if help := lockstep.Describe(c.Code).Help; c.Code != "" && help != "" {
			fmt.Fprintf(&b, "  %s [%s]\n", help, c.Code)
		}
	}
	if a.Link != "" {
		fmt.Fprintf(&b, "\n%s\n", a.Link)
	}
	b.WriteString("\nEach of these is told once while it stands. Who is told: lockstep notify show\n")
	return b.String()
}
