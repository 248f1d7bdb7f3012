package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lockstep/notify"
	"lockstep/operate"
)

// notifyView is how the tenant is told, with what became of the last messages and of a test.
type notifyView struct {
	Said     string
	Form     form
	Try      form   // where a test goes
	Tested   string // what became of it; "" when none was made
	Failed   bool   // the test
	Secret   string // of the webhook, when it is new
	Hook     bool   // there is a webhook
	Messages []notify.Message
}

// notifyForm is the form with what is set.
func notifyForm(s notify.Settings) form {
	port, quiet, silence := "", "", ""
	if s.Mail.Port != 0 {
		port = strconv.Itoa(s.Mail.Port)
	}
	if s.Quiet != 0 {
		quiet = strconv.FormatFloat(s.Quiet.Minutes(), 'f', -1, 64)
	}
	if s.Silence != 0 {
		silence = strconv.Itoa(s.Silence)
	}
	security := string(s.Mail.Security)
	if security == "" {
		security = string(notify.StartTLS)
	}
	set := false
	for _, name := range s.Given {
		set = set || name == notify.Password
	}
	return form{Fields: []field{
		{Name: "to", Label: "Who is told", Value: strings.Join(s.To, ", "), Hint: "it@acme.example, ada@acme.example", Help: "Addresses, divided by commas: of what concerns no app, and of every app that names nobody."},
		{Name: "host", Label: "Mail server", Value: s.Mail.Host, Hint: "smtp.acme.example", Help: "Empty: no mail is sent."},
		{Name: "security", Label: "Its connection is protected by", Kind: choiceField, Value: security, Choices: []choice{
			{string(notify.StartTLS), "STARTTLS", "Required: without it nothing is sent. Port 587."},
			{string(notify.ImplicitTLS), "TLS from the first word", "Port 465."},
			{string(notify.Plain), "Nothing", "Only without a password, and only in networks that the operator allows. Port 25."},
		}},
		{Name: "port", Label: "Port", Kind: numberField, Short: true, Value: port, Help: "Empty: the one that goes with the protection."},
		{Name: "user", Label: "Sign in as", Value: s.Mail.User, Help: "Empty: without signing in."},
		{Name: "password", Label: "Password", Kind: secretField, Set: set, Help: "It is needed again when server, port, protection or user change."},
		{Name: "from", Label: "Mail comes from", Value: s.Mail.From, Hint: "lockstep@acme.example"},
		{Name: "ca", Label: "Certificates that are trusted", Kind: textField, Code: true, Value: s.Mail.CA, Help: "In PEM, of an authority of your own. Empty: those of the machine."},
		{Name: "hook", Label: "Webhook", Value: s.Hook, Hint: "https://chat.acme.example/hooks/lockstep", Help: "Gets every message, signed. Another address gets a new secret, which is shown once."},
		{Name: "quiet", Label: "Minutes for which a kind of trouble is not told again", Kind: numberField, Short: true, Value: quiet, Hint: "60", Help: "Of the same app. What comes meanwhile is told together."},
		{Name: "silence", Label: "Intervals that a job may miss", Kind: numberField, Short: true, Value: silence, Hint: "3"},
	}}
}

// changeOf reads the form.
func changeOf(f *form) operate.NotificationChange {
	m := notify.Mail{
		Host: f.value("host"), Port: int(f.number("port", 65535, true)), Security: notify.Security(f.value("security")), User: f.value("user"),
		From: f.value("from"), CA: strings.TrimSpace(f.value("ca")),
	}
	hook := f.value("hook")
	to := strings.Split(f.value("to"), ",")
	quiet := time.Duration(f.number("quiet", 10_080, false) * float64(time.Minute))
	silence := int(f.number("silence", 1000, true))
	c := operate.NotificationChange{Mail: &m, Hook: &hook, To: &to, Quiet: &quiet, Silence: &silence}
	if text := strings.TrimSpace(f.value("password")); text != "" {
		c.Password = &text
	}
	return c
}

func (s *Server) notifyView(r *http.Request, v *visit) (notifyView, error) {
	n, err := s.Operator.Notifications(r.Context(), v.who)
	v.page.Title, v.page.Nav = "Notifications", "/settings"
	view := notifyView{Form: notifyForm(n.Settings), Hook: n.Hook != "", Messages: n.Messages[:min(len(n.Messages), 20)]}
	to := ""
	if len(n.To) > 0 {
		to = n.To[0]
	}
	view.Try = form{Fields: []field{{Name: "try", Label: "Send a test to", Value: to, Hint: "ada@acme.example"}}}
	return view, err
}

func (s *Server) showNotify(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.notifyView(r, &v)
	if err != nil {
		return err
	}
	view.Said = said(r)
	return s.render(w, r, http.StatusOK, notifyPage(v.page, view))
}

func (s *Server) saveNotify(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.notifyView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	change := changeOf(&view.Form)
	if view.Form.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, notifyPage(v.page, view))
	}
	_, secret, err := s.Operator.SetNotifications(r.Context(), v.who, change)
	if err != nil {
		if err := view.Form.wrong(err); err != nil {
			return err
		}
		view.Form.get("password").Value = ""
		return s.render(w, r, http.StatusUnprocessableEntity, notifyPage(v.page, view))
	}
	if secret == "" {
		return seeOther(w, r, "/settings/notifications?said=saved")
	}
	if view, err = s.notifyView(r, &v); err != nil {
		return err
	}
	view.Said, view.Secret = sayings["saved"], secret
	w.Header().Set("Cache-Control", "no-store")
	return s.render(w, r, http.StatusOK, notifyPage(v.page, view))
}

// tryNotify sends a test and shows at once what became of it.
func (s *Server) tryNotify(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.notifyView(r, &v)
	if err != nil {
		return err
	}
	view.Try.sent(r)
	to, status := view.Try.value("try"), http.StatusOK
	if r.PostFormValue("by") == "hook" {
		to = ""
	} else if to == "" {
		view.Try.get("try").Error = "Give an address."
		return s.render(w, r, http.StatusUnprocessableEntity, notifyPage(v.page, view))
	}
	view.Tested = "The server has taken the message for " + to + "."
	if to == "" {
		view.Tested = "The webhook has taken the message."
	}
	if err := s.Operator.TestNotification(r.Context(), v.who, to); err != nil {
		failed, is := errors.AsType[*operate.TestFailed](err)
		if !is {
			if err := view.Try.wrong(err); err != nil {
				return err
			}
			view.Tested, status = strings.Join(view.Try.Wrong, " "), http.StatusUnprocessableEntity
		} else {
			view.Tested = sentenceOf(failed.Err)
		}
		view.Failed = true
	}
	return s.render(w, r, status, notifyPage(v.page, view))
}

// toldForm is who is told of an app or a source.
func toldForm(r notify.Rule) form {
	return form{Fields: []field{
		{Name: "emails", Label: "Notification e-mail", Value: strings.Join(r.Emails, ", "), Hint: "ada@acme.example", Help: "Addresses, divided by commas. Empty: those of the settings of Lockstep."},
		{Name: "failures", Label: "Send an e-mail when a failure occurs", Kind: tickField, Value: tickOf(r.Failures), Help: "Also when changes are held, when the job stops or falls silent, and before its token ends."},
	}}.sharing("emails", "failures")
}

// saveTold says who is told of an app or a source.
func (s *Server) saveTold(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.settingsView(r, &v)
	if err != nil {
		return err
	}
	view.Told.sent(r)
	var change operate.ToldChange
	if f := view.Told.get("emails"); f.changed() {
		emails := strings.Split(f.Value, ",")
		change.Emails = &emails
	}
	if f := view.Told.get("failures"); f.changed() {
		failures := f.Value != ""
		change.Failures = &failures
	}
	if _, err := s.Operator.SetTold(r.Context(), v.who, j.Slug, change); err != nil {
		if err := view.Told.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, settingsPage(v.page, view))
	}
	return seeOther(w, r, view.Head.Href+"/settings?said=saved#told-title")
}

// fate is what became of a message, in words.
func fate(m notify.Message) string {
	switch m.State {
	case notify.Sent:
		return "Taken"
	case notify.Refused:
		return "Refused"
	case notify.GivenUp:
		return "Given up"
	case notify.Waiting:
	}
	if m.Tries > 0 {
		return "Tried again"
	}
	return "Waits"
}
