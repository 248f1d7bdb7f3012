package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/connection"
	"lockstep/notify"
	"lockstep/operate"
)

func (s *Server) notifyRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/notifications", "get-notifications", "Show how people are told, and the last messages", s.getNotifications)
	route(s, a, http.MethodPatch, "/notifications", "set-notifications", "Set mail server, webhook and recipients", s.setNotifications)
	route(s, a, http.MethodPost, "/notifications/test", "test-notifications", "Send a test message at once", s.testNotifications)
	route(s, a, http.MethodGet, "/jobs/{job}/notifications", "get-job-notifications", "Show who is told of an app or a source", s.getTold)
	route(s, a, http.MethodPatch, "/jobs/{job}/notifications", "set-job-notifications", "Change who is told of an app or a source", s.setTold)
}

// MailServer is which server takes mail.
type MailServer struct {
	Host     string `json:"host" maxLength:"253" doc:"Empty sends no mail."`
	Port     int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"587 for starttls, 465 for tls, 25 for none when absent."`
	Security string `json:"security,omitempty" enum:"starttls,tls,none" doc:"starttls is required then and when absent; none goes only to networks that the operator has allowed."`
	User     string `json:"user,omitempty" maxLength:"256" doc:"Empty does not sign in."`
	From     string `json:"from,omitempty" maxLength:"320" doc:"The address that mail comes from."`
	CA       string `json:"ca,omitempty" maxLength:"32768" doc:"Certificates in PEM that are trusted; those of the machine when absent."`
}

// Notification is a message as it may be shown.
type Notification struct {
	ID      notify.MessageID `json:"id"`
	Job     lockstep.JobID   `json:"job,omitempty"`
	Outlet  string           `json:"outlet" enum:"mail,webhook"`
	To      string           `json:"to"`
	Subject string           `json:"subject"`
	State   string           `json:"state" enum:"waiting,sent,refused,given_up"`
	Tries   int              `json:"tries"`
	Created time.Time        `json:"created"`
	Due     *time.Time       `json:"due,omitempty" doc:"When it is tried next."`
	Ended   *time.Time       `json:"ended,omitempty"`
	Code    lockstep.Code    `json:"code,omitempty" doc:"Why the last try failed."`
	Detail  string           `json:"detail,omitempty"`
	Hint    string           `json:"hint,omitempty"`
}

// Notifications is how a tenant is told.
type Notifications struct {
	Mail      MailServer     `json:"mail"`
	Webhook   string         `json:"webhook" doc:"Its address; empty is none."`
	To        []string       `json:"to" doc:"Who is told where no app names anybody."`
	Quiet     int            `json:"quiet_seconds" doc:"How long a kind of cause is not told again of the same app."`
	Silence   int            `json:"silence" doc:"After how many intervals without a run a job is silent."`
	Secrets   []string       `json:"secrets" doc:"Names of the secrets that are set: password, webhook."`
	NewSecret string         `json:"new_secret,omitempty" doc:"The webhook's secret when it is new; it is shown this once."`
	Messages  []Notification `json:"messages"`
}

func notificationsOf(n operate.Notifications, secret string) Notifications {
	m := n.Mail
	out := Notifications{
		Mail: MailServer{m.Host, m.Port, string(m.Security), m.User, m.From, m.CA}, Webhook: n.Hook, To: append([]string{}, n.To...), Secrets: append([]string{}, n.Given...),
		Quiet: int(n.QuietFor() / time.Second), Silence: n.Intervals(), NewSecret: secret, Messages: []Notification{},
	}
	for _, m := range n.Messages {
		v := Notification{
			ID: m.ID, Job: m.Job, Outlet: string(m.Outlet), To: m.To, Subject: m.Subject, State: string(m.State), Tries: m.Tries, Created: m.Created,
			Due: instant(m.Due), Ended: instant(m.Ended), Code: m.Code, Detail: m.Detail,
		}
		if m.Code != "" {
			v.Hint = lockstep.Describe(m.Code).Help
		}
		out.Messages = append(out.Messages, v)
	}
	return out
}

func (s *Server) getNotifications(ctx context.Context, p operate.Principal, _ *struct{}) (Notifications, error) {
	n, err := s.Operator.Notifications(ctx, p)
	return notificationsOf(n, ""), err
}

// SetNotifications changes what is given.
type SetNotifications struct {
	Mail      *MailServer `json:"mail,omitempty" doc:"All of it; an empty host sends no mail."`
	Password  *string     `json:"password,omitempty" maxLength:"16000" doc:"Of the mail server; empty removes it. Needed again when the server changes."`
	Webhook   *string     `json:"webhook,omitempty" maxLength:"2000" doc:"Another address gets a new secret; empty sends to none."`
	NewSecret bool        `json:"new_secret,omitempty" doc:"Make the webhook's secret anew."`
	To        *[]string   `json:"to,omitempty" maxItems:"20"`
	Quiet     *int        `json:"quiet_seconds,omitempty" minimum:"0" maximum:"604800" doc:"0 is an hour."`
	Silence   *int        `json:"silence,omitempty" minimum:"0" maximum:"1000" doc:"0 is three."`
}

func (s *Server) setNotifications(ctx context.Context, p operate.Principal, in *struct{ Body SetNotifications }) (Notifications, error) {
	b := in.Body
	c := operate.NotificationChange{Password: b.Password, Hook: b.Webhook, NewHookSecret: b.NewSecret, To: b.To, Silence: b.Silence}
	if m := b.Mail; m != nil {
		c.Mail = &notify.Mail{Host: m.Host, Port: m.Port, Security: notify.Security(m.Security), User: m.User, From: m.From, CA: m.CA}
	}
	if b.Quiet != nil {
		quiet := time.Duration(*b.Quiet) * time.Second
		c.Quiet = &quiet
	}
	n, secret, err := s.Operator.SetNotifications(ctx, p, c)
	return notificationsOf(n, secret), err
}

// TestNotification says where a test goes.
type TestNotification struct {
	To string `json:"to,omitempty" maxLength:"320" doc:"An e-mail address; the webhook when absent."`
}

func (s *Server) testNotifications(ctx context.Context, p operate.Principal, in *struct{ Body TestNotification }) (TestResult, error) {
	out := TestResult{Checks: []connection.Check{}}
	err := s.Operator.TestNotification(ctx, p, in.Body.To)
	failed, is := errors.AsType[*operate.TestFailed](err)
	if err == nil {
		out.OK = true
	}
	if err == nil || !is {
		return out, err
	}
	said := problemOf(failed.Err)
	out.Code, out.Detail, out.Hint = said.Code, orElse(said.Detail, said.Title), said.Hint
	return out, nil
}

// Told is who is told by mail of what happens to an app or a source.
type Told struct {
	Emails   []string `json:"emails" maxItems:"20" doc:"None is the tenant's own recipients."`
	Failures bool     `json:"failures" doc:"Send an e-mail when a failure occurs."`
}

func toldOf(r notify.Rule) Told { return Told{append([]string{}, r.Emails...), r.Failures} }

func (s *Server) getTold(ctx context.Context, p operate.Principal, in *JobPath) (Told, error) {
	r, err := s.Operator.Told(ctx, p, in.Job)
	return toldOf(r), err
}

// SetTold changes what is given.
type SetTold struct {
	Emails   *[]string `json:"emails,omitempty" maxItems:"20" doc:"None is the tenant's own recipients."`
	Failures *bool     `json:"failures,omitempty" doc:"Send an e-mail when a failure occurs."`
}

func (s *Server) setTold(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body SetTold
},
) (Told, error) {
	r, err := s.Operator.SetTold(ctx, p, in.Job, operate.ToldChange(in.Body))
	return toldOf(r), err
}

// Notifications shows how the tenant is told.
func (c *Client) Notifications(ctx context.Context) (Notifications, error) {
	return call[Notifications](ctx, c, http.MethodGet, at("notifications"), nil, nil)
}

// SetNotifications changes how the tenant is told.
func (c *Client) SetNotifications(ctx context.Context, n SetNotifications) (Notifications, error) {
	return call[Notifications](ctx, c, http.MethodPatch, at("notifications"), nil, n)
}

// TestNotifications sends a test message: to an address, or to the webhook when it is "".
func (c *Client) TestNotifications(ctx context.Context, to string) (TestResult, error) {
	return call[TestResult](ctx, c, http.MethodPost, at("notifications", "test"), nil, TestNotification{To: to})
}

// Told shows who is told of an app or a source.
func (c *Client) Told(ctx context.Context, job string) (Told, error) {
	return call[Told](ctx, c, http.MethodGet, at("jobs", job, "notifications"), nil, nil)
}

// SetTold changes who is told of an app or a source.
func (c *Client) SetTold(ctx context.Context, job string, t SetTold) (Told, error) {
	return call[Told](ctx, c, http.MethodPatch, at("jobs", job, "notifications"), nil, t)
}
