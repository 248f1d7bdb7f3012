package operate

import (
	"context"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/provision"
)

// Notices is what an Operator tells people with. Its fields must be set.
type Notices struct {
	Records notify.Records
	Outbox  notify.Outbox
	Sender  Sender
}

// Sender makes one try to send a message, at once.
type Sender interface {
	Send(ctx context.Context, s notify.Settings, secrets notify.Secrets, m notify.Message) (time.Time, error)
}

// notices checks a right, and that there are notifications.
func (o *Operator) notices(p Principal, write bool) (*Notices, error) {
	scope := SettingsRead
	if write {
		scope = SettingsWrite
	}
	if err := p.may(scope); err != nil {
		return nil, err
	}
	return o.notified()
}

func (o *Operator) notified() (*Notices, error) {
	if o.Notices == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This server sends no notifications."}
	}
	return o.Notices, nil
}

// Notifications is how a tenant is told, and the last messages, the newest first.
type Notifications struct {
	notify.Settings
	Messages []notify.Message
}

// mostShown is how many messages are shown.
const mostShown = 50

// Notifications returns how the tenant is told.
func (o *Operator) Notifications(ctx context.Context, p Principal) (Notifications, error) {
	n, err := o.notices(p, false)
	if err != nil {
		return Notifications{}, err
	}
	s, err := n.Records.Settings(ctx, p.Tenant)
	if err != nil {
		return Notifications{}, err
	}
	all, err := n.Outbox.Messages(ctx, p.Tenant, mostShown)
	return Notifications{Settings: s, Messages: all}, err
}

// NotificationChange sets what is not nil.
type NotificationChange struct {
	Mail          *notify.Mail
	Password      *string // "" removes it
	Hook          *string // "" sends to no webhook; another address gets a new secret
	NewHookSecret bool
	To            *[]string
	Quiet         *time.Duration // 0 is an hour
	Silence       *int           // 0 is three intervals
}

// SetNotifications changes how the tenant is told. The secret of the webhook is returned when it is new, this once. Nobody can send
// the password of the mail server elsewhere: who changes the server, its port, security, user or authority gives the password again.
func (o *Operator) SetNotifications(ctx context.Context, p Principal, c NotificationChange) (Notifications, string, error) {
	n, err := o.notices(p, true)
	if err != nil {
		return Notifications{}, "", err
	}
	if c.Password != nil && len(*c.Password) > longestSecret {
		return Notifications{}, "", invalidIn("password", "The password is longer than 16,000 bytes.")
	}
	fresh := notify.NewHookSecret()
	made := ""
	err = n.Records.ChangeSettings(ctx, p.Actor, p.Tenant, func(was notify.Settings) (notify.Change, error) {
		made = ""
		next, err := c.apply(was)
		if err == nil && next.Hook != nil && *next.Hook != "" {
			next.Hook, made = &fresh, fresh
		}
		return next, err
	})
	if err != nil {
		return Notifications{}, "", err
	}
	o.wake()
	v, err := o.Notifications(ctx, p)
	return v, made, err
}

// apply returns what the settings become. A Hook secret that is not empty stands for a new one.
func (c NotificationChange) apply(was notify.Settings) (notify.Change, error) {
	next := notify.Change{Settings: was, Password: c.Password}
	set(&next.Mail, c.Mail)
	set(&next.Settings.Hook, c.Hook)
	set(&next.To, c.To)
	set(&next.Quiet, c.Quiet)
	set(&next.Silence, c.Silence)
	if err := next.Check(); err != nil {
		return next, err
	}
	if next.Mail.User == "" && next.Password == nil {
		next.Password = new(string) // it serves nobody any more
	}
	if next.Mail.User != "" && next.Password == nil && !slices.Contains(was.Given, notify.Password) {
		return next, invalidIn("password", "To sign in at the mail server as "+clip(next.Mail.User)+" needs a password, too.")
	}
	if next.Settings.Hook == "" {
		next.Hook = new(string)
	} else if c.NewHookSecret || next.Settings.Hook != was.Hook {
		anew := "new"
		next.Hook = &anew
	}
	return next, nil
}

// TestNotification sends a message at once, to an address or, when to is "", to the webhook. That it did not go is a TestFailed.
func (o *Operator) TestNotification(ctx context.Context, p Principal, to string) error {
	n, err := o.notices(p, true)
	if err != nil {
		return err
	}
	s, err := n.Records.Settings(ctx, p.Tenant)
	if err != nil {
		return err
	}
	switch {
	case to == "" && s.Hook == "":
		return invalid("There is no webhook; set its address first.")
	case to != "" && s.Mail.Host == "":
		return invalid("There is no mail server; set it first.")
	case to != "":
		one, err := notify.Addresses([]string{to})
		if err != nil {
			return err
		}
		to = one[0]
	}
	secrets, err := n.Records.Secrets(ctx, p.Tenant, s)
	if err != nil {
		return err
	}
	slug, err := o.slugOf(ctx, p)
	if err != nil {
		return err
	}
	m, err := notify.Test(s, slug, to, o.now())
	if err != nil {
		return err
	}
	if _, err := n.Sender.Send(ctx, s, secrets, m); err != nil {
		return &TestFailed{Err: err}
	}
	return nil
}

// Told returns who is told by mail of what happens to an app or a source.
func (o *Operator) Told(ctx context.Context, p Principal, name string) (notify.Rule, error) {
	j, err := o.job(ctx, p, AppsRead, name)
	if err != nil {
		return notify.Rule{}, err
	}
	n, err := o.notified()
	if err != nil {
		return notify.Rule{}, err
	}
	all, err := n.Records.Rules(ctx, p.Tenant)
	return all[j.ID], err
}

// ToldChange sets what is not nil.
type ToldChange struct {
	Emails   *[]string // none is the tenant's own recipients
	Failures *bool     // send a mail when a failure occurs
}

// SetTold says who is told by mail of what happens to an app or a source.
func (o *Operator) SetTold(ctx context.Context, p Principal, name string, c ToldChange) (notify.Rule, error) {
	j, err := o.job(ctx, p, AppsWrite, name)
	if err != nil {
		return notify.Rule{}, err
	}
	n, err := o.notified()
	if err != nil {
		return notify.Rule{}, err
	}
	if c.Emails != nil {
		emails, err := notify.Addresses(*c.Emails)
		if err != nil {
			return notify.Rule{}, err
		}
		c.Emails = &emails
	}
	r, err := n.Records.ChangeRule(ctx, p.Actor, p.Tenant, j.ID, func(r notify.Rule) (notify.Rule, error) {
		set(&r.Emails, c.Emails)
		set(&r.Failures, c.Failures)
		return r, nil
	})
	if err != nil {
		return notify.Rule{}, err
	}
	o.wake()
	return r, nil
}

// lookEvery is how often a tenant's jobs are looked at for news.
const lookEvery = 30 * time.Second

// LookForNews finds out what of a tenant needs somebody, and has those told who are to be told. It does nothing before its time.
func (o *Operator) LookForNews(ctx context.Context, p Principal) error {
	n, err := o.notices(p, true)
	if err != nil {
		return err
	}
	now := o.now()
	memory, look, err := n.Outbox.Memory(ctx, p.Tenant)
	if err != nil || look.IsZero() || look.After(now) {
		return err
	}
	s, err := n.Records.Settings(ctx, p.Tenant)
	if err != nil {
		return err
	}
	jobs, err := o.Settings.ListJobs(ctx, p.Tenant)
	if err != nil {
		return err
	}
	causes, err := o.causes(ctx, p, s, jobs)
	if err != nil {
		return err
	}
	news, next := notify.Decide(causes, memory, s.QuietFor(), now)
	messages, err := o.write(ctx, p, s, jobs, news)
	if err != nil {
		return err
	}
	return n.Outbox.Tell(ctx, p.Tenant, next, messages, now.Add(lookEvery))
}

// write makes the messages of news, together for each job.
func (o *Operator) write(ctx context.Context, p Principal, s notify.Settings, jobs []provision.Job, news []notify.Cause) ([]notify.Message, error) {
	if len(news) == 0 {
		return nil, nil
	}
	slug, err := o.slugOf(ctx, p)
	if err != nil {
		return nil, err
	}
	rules, err := o.Notices.Records.Rules(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	about := map[lockstep.JobID]notify.About{"": {Link: o.page("")}}
	for _, j := range jobs {
		path := "/apps/"
		if j.Direction == provision.Inbound {
			path = "/sources/"
		}
		about[j.ID] = notify.About{Job: j.ID, Slug: j.Slug, Name: nameOf(j), Rule: rules[j.ID], Link: o.page(path + j.Slug)}
	}
	var all []notify.Message
	for len(news) > 0 {
		n := slices.IndexFunc(news, func(c notify.Cause) bool { return c.Job != news[0].Job })
		if n < 0 {
			n = len(news)
		}
		made, err := notify.Write(s, slug, about[news[0].Job], news[:n], o.now())
		if err != nil {
			return nil, err
		}
		all, news = append(all, made...), news[n:]
	}
	return all, nil
}

func nameOf(j provision.Job) string {
	if j.Name != "" {
		return j.Name
	}
	return j.Slug
}

// page is the address of a page of the console, or "".
func (o *Operator) page(path string) string {
	if o.Address == nil || o.Address() == "" {
		return ""
	}
	return strings.TrimSuffix(o.Address(), "/") + path
}
