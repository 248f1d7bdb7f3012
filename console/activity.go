package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// activityFilter selects lines of the logs of all apps and sources. All of it stands in the page's address.
type activityFilter struct {
	App     string // short name of an app or source
	Outcome string // one of outcomes
	Kind    string // a rule.Kind
	Code    string // part of an error code
	Who     string // part of a name
	Text    string // words
	Since   string // as words.Instant reads it
	Until   string
	After   string // older than this line
	Line    string // this line alone
}

// outcomes are what has become of lines, in the order in which they are offered.
var outcomes = []struct {
	choice
	states []plan.ActionState
}{
	{choice{Value: "done", Word: "Done"}, done},
	{choice{Value: "failed", Word: "Failed or refused"}, []plan.ActionState{plan.Failed, plan.Refused}},
	{choice{Value: "held", Word: "Held"}, []plan.ActionState{plan.Held}},
	{choice{Value: "planned", Word: "Planned or under way"}, []plan.ActionState{plan.Planned, plan.Open}},
	{choice{Value: "skipped", Word: "Skipped, left out or rejected"}, []plan.ActionState{plan.Skipped, plan.LeftOut, plan.Rejected}},
}

// activityTokens are the words before a colon that may be written into the search instead of filling in a field.
var activityTokens = map[string]func(*activityFilter) *string{
	"app": func(f *activityFilter) *string { return &f.App }, "source": func(f *activityFilter) *string { return &f.App },
	"outcome": func(f *activityFilter) *string { return &f.Outcome }, "kind": func(f *activityFilter) *string { return &f.Kind },
	"error": func(f *activityFilter) *string { return &f.Code }, "code": func(f *activityFilter) *string { return &f.Code },
	"user": func(f *activityFilter) *string { return &f.Who }, "who": func(f *activityFilter) *string { return &f.Who },
	"since": func(f *activityFilter) *string { return &f.Since }, "until": func(f *activityFilter) *string { return &f.Until },
}

// activityFilterOf reads the filter of an address. Tokens in the search, such as app:webex, fill in the fields; tokens reports that
// there were any.
func activityFilterOf(q url.Values) (f activityFilter, tokens bool) {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f = activityFilter{
		App: get("app"), Outcome: get("outcome"), Kind: get("kind"), Code: get("code"), Who: get("who"), Since: get("since"), Until: get("until"),
		After: get("after"), Line: get("line"),
	}
	var rest []string
	for _, word := range strings.Fields(q.Get("q")) {
		name, value, _ := strings.Cut(word, ":")
		if field, known := activityTokens[strings.ToLower(name)]; known && value != "" {
			*field(&f), tokens = value, true
			continue
		}
		rest = append(rest, word)
	}
	f.Text = strings.Join(rest, " ")
	return f, tokens
}

func (f activityFilter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{
		"app": f.App, "outcome": f.Outcome, "kind": f.Kind, "code": f.Code, "who": f.Who, "q": f.Text, "since": f.Since, "until": f.Until, "after": f.After, "line": f.Line,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// href is the address of a path with the filter.
func (f activityFilter) href(path string) string {
	if q := f.query().Encode(); q != "" {
		return path + "?" + q
	}
	return path
}

// filtered reports whether anything is left out.
func (f activityFilter) filtered() bool { f.After = ""; return f != activityFilter{} }

// first is the filter at the newest line.
func (f activityFilter) first() activityFilter { f.After = ""; return f }

// find is the filter as a query, and a sentence about what in it cannot be read, "" when all can.
func (f activityFilter) find(now time.Time) (q operate.LogQuery, wrong string) {
	for _, id := range []string{f.After, f.Line} {
		if id != "" && !lockstep.ValidID(id) {
			return q, "The address of this page holds an id that is none."
		}
	}
	for _, text := range []string{f.App, f.Code, f.Who, f.Text} {
		if len(text) > 200 {
			return q, "Search for at most 200 letters."
		}
	}
	if f.App != "" {
		q.Jobs = []string{f.App}
	}
	if f.Line != "" {
		q.IDs = []lockstep.ActionID{lockstep.ActionID(f.Line)}
	}
	q.Code, q.Text, q.Words, q.After = f.Code, f.Who, strings.Fields(f.Text), lockstep.ActionID(f.After)
	for _, o := range outcomes {
		if o.Value == f.Outcome {
			q.States = o.states
		}
	}
	if f.Outcome != "" && q.States == nil {
		return q, "There is no outcome “" + f.Outcome + "”: choose one from the list."
	}
	if f.Kind != "" {
		if !slices.Contains(rule.Kinds(), rule.Kind(f.Kind)) {
			return q, "There is no kind “" + f.Kind + "”: choose one from the list."
		}
		q.Kinds = []rule.Kind{rule.Kind(f.Kind)}
	}
	q.Since, q.Until, wrong = rangeOf(f.Since, f.Until, now)
	return q, wrong
}

// rangeOf reads a range of time, each end of which may be open.
func rangeOf(since, until string, now time.Time) (from, to time.Time, wrong string) {
	read := func(what, text string) (t time.Time) {
		if text == "" {
			return t
		}
		t, ok := words.Instant(text, now, time.UTC)
		if !ok {
			wrong = "“" + words.Clip(text, 60) + "” is no time. " + what + " takes " + words.InstantHelp + "."
		}
		return t
	}
	from, to = read("From", since), read("Until", until)
	if wrong == "" && !from.IsZero() && !to.IsZero() && !from.Before(to) {
		wrong = "From must come before until."
	}
	return from, to, wrong
}

// times are offered for both ends of a range.
var times = []choice{{"1h", "An hour ago", ""}, {"24h", "A day ago", ""}, {"7d", "A week ago", ""}, {"30d", "A month ago", ""}}

// activityView is what has happened, over all apps and sources.
type activityView struct {
	Filter                activityFilter
	Wrong                 string // what of the filter cannot be read
	Apps, Kinds, Outcomes []choice
	Codes                 []choice
	Rows                  []activityRow
	Next                  string
}

type activityRow struct {
	row
	Of who
}

// activityRows is how many lines the page has.
const activityRows = 50

// activity shows lines of all provisioning logs.
func (s *Server) activity(w http.ResponseWriter, r *http.Request, v visit) error {
	f, tokens := activityFilterOf(r.URL.Query())
	if tokens {
		return seeOther(w, r, f.href("/activity"))
	}
	view, err := s.activityView(r.Context(), v.who, f)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if view.Wrong != "" {
		status = http.StatusBadRequest
	}
	v.page.Title, v.page.Nav = "Activity", "/activity"
	return s.render(w, r, status, activityPage(v.page, view))
}

func (s *Server) activityView(ctx context.Context, p operate.Principal, f activityFilter) (activityView, error) {
	view := activityView{Filter: f, Apps: []choice{{"", "Every app and source", ""}}, Kinds: []choice{{"", "Every kind", ""}}, Outcomes: []choice{{"", "Every outcome", ""}}}
	jobs, err := s.Operator.ListJobs(ctx, p)
	if err != nil {
		return view, err
	}
	known := f.App == ""
	for _, j := range jobs {
		view.Apps = append(view.Apps, choice{Value: j.Slug, Word: jobOf(j, s.now()).Name})
		known = known || j.Slug == f.App
	}
	for _, k := range rule.Kinds() {
		view.Kinds = append(view.Kinds, choice{Value: string(k), Word: words.Upper(words.DeedOf(k).Will)})
	}
	for _, o := range outcomes {
		view.Outcomes = append(view.Outcomes, o.choice)
	}
	for _, e := range lockstep.Catalogue {
		view.Codes = append(view.Codes, choice{Value: string(e.Code), Word: e.Title})
	}
	q, wrong := f.find(s.now())
	if view.Wrong = wrong; wrong == "" && !known {
		view.Wrong = "There is no app or source “" + words.Clip(f.App, 60) + "”."
	}
	if view.Wrong != "" {
		return view, nil
	}
	q.Limit = activityRows + 1
	found, err := s.Operator.Log(ctx, p, q)
	if err != nil {
		return view, err
	}
	if len(found) > activityRows {
		found = found[:activityRows]
		older := f
		older.After = string(found[activityRows-1].ID)
		view.Next = older.href("/activity")
	}
	for _, l := range found {
		view.Rows = append(view.Rows, activityRowOf(l, s.now(), f.Line != ""))
	}
	return view, nil
}

func activityRowOf(l operate.LogLine, now time.Time, open bool) activityRow {
	row := rowOf(l.Job, l.Action, logFilter{})
	row.Href, row.Open = activityFilter{Line: row.ID}.href("/activity"), open
	of := who{Name: jobOf(l.Job, now).Name, Href: jobHref(l.Job)}
	if l.Job.Direction == provision.Inbound {
		of.Detail = "source"
	}
	return activityRow{row, of}
}

func activityTabs(here string) []tab {
	return []tab{{Word: "Provisioning log", Href: "/activity", Here: here == ""}, {Word: "Audit", Href: "/activity/audit", Here: here == "audit"}}
}

// auditFilter selects lines of the audit log. All of it stands in the page's address.
type auditFilter struct{ Who, Object, ID, Text, Since, Until, Before string }

func auditFilterOf(q url.Values) auditFilter {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return auditFilter{Who: get("who"), Object: get("object"), ID: get("id"), Text: get("q"), Since: get("since"), Until: get("until"), Before: get("before")}
}

func (f auditFilter) href(path string) string {
	q := url.Values{}
	for name, v := range map[string]string{"who": f.Who, "object": f.Object, "id": f.ID, "q": f.Text, "since": f.Since, "until": f.Until, "before": f.Before} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (f auditFilter) first() auditFilter { f.Before = ""; return f }

// anyObject is the filter without the one object.
func (f auditFilter) anyObject() auditFilter { f.ID, f.Before = "", ""; return f }

func (f auditFilter) filtered() bool { return f.first() != auditFilter{} }

func (f auditFilter) find(now time.Time) (q audit.Query, wrong string) {
	if f.Before != "" && !lockstep.ValidID(f.Before) {
		return q, "The address of this page holds an id that is none."
	}
	for _, text := range []string{f.Who, f.Object, f.ID, f.Text} {
		if len(text) > 320 {
			return q, "Search for at most 320 letters."
		}
	}
	q = audit.Query{Who: f.Who, Object: f.Object, ID: f.ID, Text: f.Text, Before: f.Before}
	q.Since, q.Until, wrong = rangeOf(f.Since, f.Until, now)
	return q, wrong
}

// objects are kinds of object that the audit log often tells of; any other can be written, too.
var objects = []choice{
	{"user", "A person", ""}, {"group", "A group", ""}, {"app", "An app", ""}, {"job", "An app's or source's settings", ""}, {"assignment", "An assignment", ""},
	{"plan", "A plan", ""}, {"token", "A token", ""}, {"console", "The console", ""}, {"client", "An application that signs people in", ""}, {"identity provider", "An identity provider", ""}, {"tenant", "A tenant", ""},
}

// auditView is who did what.
type auditView struct {
	Filter auditFilter
	Wrong  string
	Lines  []auditRow
	Next   string
}

type auditRow struct {
	words.Told
	At   time.Time
	Same string // address of all lines about the same object
}

const auditRows = 100

func (s *Server) auditLog(w http.ResponseWriter, r *http.Request, v visit) error {
	view := auditView{Filter: auditFilterOf(r.URL.Query())}
	q, wrong := view.Filter.find(s.now())
	v.page.Title, v.page.Nav = "Audit", "/activity"
	if view.Wrong = wrong; wrong != "" {
		return s.render(w, r, http.StatusBadRequest, auditPage(v.page, view))
	}
	q.Limit = auditRows + 1
	lines, err := s.Operator.AuditLog(r.Context(), v.who, q)
	if err != nil {
		return err
	}
	if len(lines) > auditRows {
		lines = lines[:auditRows]
		older := view.Filter
		older.Before = lines[auditRows-1].Row
		view.Next = older.href("/activity/audit")
	}
	for _, l := range lines {
		view.Lines = append(view.Lines, auditRowOf(l.Event))
	}
	return s.render(w, r, http.StatusOK, auditPage(v.page, view))
}

// together is within what time two lines that read the same are of one act: an app and its settings are two objects.
const together = time.Second

// again reports whether the row is the same deed of the same one to the same thing.
func (r auditRow) again(other auditRow) bool {
	return r.Sentence() == other.Sentence() && (r.Same == other.Same || r.At.Sub(other.At).Abs() < together)
}

func auditRowOf(e audit.Event) auditRow {
	told := operate.Told(e)
	row := auditRow{At: e.At, Told: told}
	row.Detail = words.Clip(told.Detail, 300)
	if e.ID != "" {
		row.Same = auditFilter{Object: e.Object, ID: e.ID}.href("/activity/audit")
	}
	return row
}
