package console

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
)

// settingsView is what is decided about an app or a source beside its rules.
type settingsView struct {
	Head    head
	Said    string
	Form    form
	Edits   editing
	Version string
	Told    form   // who is told; without fields nobody can be
	Sure    string // what is typed to delete it
	Gone    string // what deleting does
	Whole   string // what reading from the beginning does
}

// settingsForm is the form with the values of the job.
func settingsForm(j provision.Job) form {
	p := j.Policy
	mode := "auto"
	if j.Manual {
		mode = "manual"
	}
	scope := "assigned"
	if p.Everyone {
		scope = "everyone"
	}
	count, percent, interval, rate, calls := "", "", "", "", ""
	if p.Guard.Count != 0 {
		count = strconv.Itoa(p.Guard.Count)
	}
	if p.Guard.Percent != 0 {
		percent = strconv.FormatFloat(p.Guard.Percent, 'f', -1, 64)
	}
	if p.Interval != 0 {
		interval = strconv.FormatFloat(p.Interval.Minutes(), 'f', -1, 64)
	}
	if p.Rate != 0 {
		rate = strconv.FormatFloat(p.Rate, 'f', -1, 64)
	}
	if p.Connections != 0 {
		calls = strconv.Itoa(p.Connections)
	}
	f := form{Fields: []field{
		{Name: "name", Label: "Name", Value: jobOf(j, time.Time{}).Name, Required: true, Help: "As people call it. The short name, " + j.Slug + ", stays."},
		{Name: "mode", Label: "Provisioning mode", Kind: choiceField, Value: mode, Choices: []choice{
			{"auto", "Automatic", "Changes go out as they come; what would do harm is held for you."},
			{"manual", "Manual", "Each plan waits until you have seen and applied it."},
		}},
	}}
	add := func(fields ...field) { f.Fields = append(f.Fields, fields...) }
	if j.Direction == provision.Outbound {
		add(field{Name: "scope", Label: "Who is in scope", Kind: choiceField, Value: scope, Choices: []choice{
			{"assigned", "Only assigned users and groups", ""}, {"everyone", "All users and groups of the directory", "Assignments then only give roles."},
		}}, field{Name: "nested", Label: "Members of groups within an assigned group are assigned, too", Kind: tickField, Value: tickOf(p.Nested)},
			field{Name: "default_role", Label: "Who has no role but Default Access is in scope, too", Kind: tickField, Value: tickOf(p.DefaultRole), Help: "Without it they are left out, as in Entra ID."})
	}
	add(field{Name: "groups", Label: "Send group objects", Kind: tickField, Value: tickOf(p.Groups), Help: "The groups themselves, with their members. Without it only people go over."},
		field{Name: "leave", Label: "Who leaves scope is", Kind: selectField, Value: string(p.OnLeave), Choices: []choice{{"", "disabled", ""}, {"delete", "deleted", ""}, {"keep", "kept as they are", ""}}},
		field{Name: "missing", Label: "An account that has vanished there is", Kind: selectField, Value: string(p.OnMissing), Choices: []choice{{"", "made again", ""}, {"detach", "forgotten", ""}, {"fail", "reported", ""}}},
		field{Name: "count", Label: "The guard lets through without asking: people", Kind: numberField, Short: true, Value: count, Hint: "5"},
		field{Name: "percent", Label: "The guard lets through without asking: per cent of the linked", Kind: numberField, Short: true, Value: percent, Hint: "10", Help: "What takes access from more people than both is held until you decide."},
		field{Name: "off", Label: "No guard: nothing is ever held", Kind: tickField, Value: tickOf(p.Guard.Off)},
		field{Name: "interval", Label: "Runs at least every so many minutes", Kind: numberField, Short: true, Value: interval, Help: "Changes are noticed at once in any case. Empty: only on change, and when asked."},
		field{Name: "rate", Label: "Requests a second, at most", Kind: numberField, Short: true, Value: rate, Help: "Empty: as many as the other side takes."},
		field{Name: "connections", Label: "Maximum connections", Kind: numberField, Short: true, Value: calls, Help: "Calls at the same time. Empty: what is known to be good."})
	if j.Direction == provision.Outbound {
		add(field{Name: "drift", Label: "Look for drift", Kind: selectField, Value: driftOf(p.DriftEvery), Choices: driftChoices(p.DriftEvery), Help: "The application is read for it; nothing is changed there."})
	}
	if j.Direction == provision.Inbound {
		order := ""
		if p.Order != 0 {
			order = strconv.Itoa(p.Order)
		}
		add(field{Name: "order", Label: "Order among sources", Kind: numberField, Short: true, Value: order, Help: "Where several sources have a person, 1 is heard first. Empty: after all that have an order; among those the value that changed last stands."})
	}
	return f
}

// driftOf is how often it is looked for drift, as a field has it.
func driftOf(every time.Duration) string {
	switch {
	case every == 0:
		return ""
	case every < 0:
		return "never"
	}
	return every.String()
}

// driftChoices are the intervals to choose from, with the one that is set.
func driftChoices(every time.Duration) []choice {
	all := []choice{{"", "once a day", ""}, {"1h0m0s", "each hour", ""}, {"6h0m0s", "every six hours", ""}, {"168h0m0s", "once a week", ""}, {"never", "only when asked", ""}}
	is := driftOf(every)
	if !slices.ContainsFunc(all, func(c choice) bool { return c.Value == is }) {
		all = append(all, choice{is, "every " + is, ""})
	}
	return all
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.settingsView(r, &v)
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" {
		return seeOther(w, r, to)
	}
	view.Said = said(r)
	return s.render(w, r, http.StatusOK, settingsPage(v.page, view))
}

func (s *Server) settingsView(r *http.Request, v *visit) (settingsView, provision.Job, error) {
	j, h, err := s.open(r, v, "/settings", "settings")
	if err != nil {
		return settingsView{}, j, err
	}
	e, err := s.edits(r, *v, &j)
	view := settingsView{Head: h, Form: settingsForm(j).sharing("name", "mode"), Edits: e, Version: e.version(j), Sure: j.Slug, Gone: "Its job, its links and its assignments go with it. Nothing changes at the application: the accounts stay as they are.",
		Whole: "Every account at the application is listed once more, which takes as many requests as it has pages, and people who failed are tried at once. Nothing that is known is forgotten meanwhile."}
	if j.Direction == provision.Inbound {
		view.Gone = "Its job and its links go with it. The people whom it brought stay in the directory."
		view.Whole = "Everything is read once more, also where nothing seems to have changed. Nothing that is known is forgotten meanwhile."
	}
	if err == nil && s.Operator.Notices != nil {
		rule, err := s.Operator.Told(r.Context(), v.who, j.Slug)
		if err != nil {
			return view, j, err
		}
		view.Told = toldForm(rule)
	}
	return view, j, err
}

func (s *Server) saveSettings(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.settingsView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	change, policy := settingsOf(&view.Form, j)
	if view.Form.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, settingsPage(v.page, view))
	}
	said := "saved"
	if view.Edits.Draft {
		said, err = s.draftPolicy(r, v, j, policy)
	} else {
		version, _ := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
		_, err = s.Operator.SetPolicy(r.Context(), v.who, j.Slug, version, policy)
	}
	if err == nil && change != (operate.JobChange{}) {
		_, err = s.Operator.ChangeJob(r.Context(), v.who, j.Slug, change)
	}
	if err != nil {
		if err := view.Form.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, settingsPage(v.page, view))
	}
	return seeOther(w, r, view.Head.Href+"/settings?said="+said)
}

// draftPolicy writes a policy into the draft, if it is another one than the page has shown.
func (s *Server) draftPolicy(r *http.Request, v visit, j provision.Job, policy provision.Policy) (string, error) {
	if reflect.DeepEqual(policy, j.Policy) {
		return "saved", nil
	}
	_, err := s.Operator.DraftPolicy(r.Context(), v.who, j.Slug, seen(r), policy)
	return "drafted", err
}

// settingsOf reads the form.
func settingsOf(f *form, j provision.Job) (operate.JobChange, provision.Policy) {
	var change operate.JobChange
	if name := f.get("name"); name.Value == "" {
		name.Error = "Give it a name."
	} else if name.changed() {
		change.Name = name.Value
	}
	if mode := f.get("mode"); mode.changed() {
		manual := mode.Value == "manual"
		change.Manual = &manual
	}
	if m := f.get("mode"); m.Value != "auto" && m.Value != "manual" {
		m.Error = "Choose one."
	}
	p := j.Policy
	p.Groups = f.value("groups") != ""
	if j.Direction == provision.Outbound {
		p.Everyone, p.Nested, p.DefaultRole = f.value("scope") == "everyone", f.value("nested") != "", f.value("default_role") != ""
		p.DriftEvery = f.every("drift")
	}
	if j.Direction == provision.Inbound {
		p.Order = int(f.number("order", 1000, true))
	}
	p.OnLeave, p.OnMissing = rule.Leave(f.value("leave")), rule.Missing(f.value("missing"))
	if l := p.OnLeave; l != "" && l != rule.LeaveDisable && l != rule.LeaveDelete && l != rule.LeaveKeep {
		f.get("leave").Error = "Choose one."
	}
	if m := p.OnMissing; m != "" && m != rule.MissingRecreate && m != rule.MissingDetach && m != rule.MissingFail {
		f.get("missing").Error = "Choose one."
	}
	p.Guard = rule.GuardLimit{Count: int(f.number("count", 1e6, true)), Percent: f.number("percent", 100, false), Off: f.value("off") != ""}
	p.Interval = time.Duration(f.number("interval", 525_600, false) * float64(time.Minute))
	p.Rate, p.Connections = f.number("rate", 10_000, false), int(f.number("connections", 256, true))
	return change, p
}

// every reads an interval: 0 when the field is empty, less than 0 for never.
func (f *form) every(name string) time.Duration {
	e := f.get(name)
	switch e.Value {
	case "":
		return 0
	case "never":
		return -time.Second
	}
	d, err := time.ParseDuration(e.Value)
	if err != nil || d < time.Minute || d > 365*24*time.Hour {
		e.Error = "Choose one."
	}
	return d
}

// number reads a number between 0 and most, 0 when the field is empty.
func (f *form) number(name string, most float64, whole bool) float64 {
	e := f.get(name)
	if e.Value == "" {
		return 0
	}
	n, err := strconv.ParseFloat(e.Value, 64)
	if err != nil || n < 0 || n > most || whole && n != float64(int(n)) {
		e.Error = "This is a number from 0 to " + strconv.FormatFloat(most, 'f', -1, 64) + ", or nothing."
		return 0
	}
	return n
}

// deleteSystem deletes an app or a source, once its short name was typed.
func (s *Server) deleteSystem(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.settingsView(r, &v)
	if err != nil {
		return err
	}
	if r.PostFormValue("sure") != j.Slug {
		view.Form.Wrong = append(view.Form.Wrong, "It was not deleted: what was typed is not “"+j.Slug+"”.")
		return s.render(w, r, http.StatusUnprocessableEntity, settingsPage(v.page, view))
	}
	if j.Direction == provision.Inbound {
		err = s.Operator.DeleteSource(r.Context(), v.who, j.Slug)
	} else {
		err = s.Operator.DeleteApp(r.Context(), v.who, j.Slug)
	}
	if err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, view.Head.parent().Href+"?said=deleted")
}
