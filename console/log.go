package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// logFilter selects lines of the log. All of it stands in the page's address.
type logFilter struct {
	Show  string // one of views; "" is everything
	Text  string // part of a name
	Cycle string
	After string // older than this line
	Row   string // the line that is open
}

// view is a choice of lines.
type view struct {
	Name   string
	Word   string
	States []plan.ActionState
	Kinds  []rule.Kind
}

var (
	done = []plan.ActionState{plan.Done}
	// views are the choices, in the order in which they are offered; those without a word are reached by counts only.
	views = []view{
		{"", "Everything", nil, nil},
		{"done", "Done", done, nil},
		{"created", "Created", done, []rule.Kind{rule.Create}},
		{"linked", "", done, []rule.Kind{rule.Link}},
		{"updated", "Updated", done, []rule.Kind{rule.Update}},
		{"disabled", "Disabled", done, []rule.Kind{rule.Disable}},
		{"deleted", "", done, []rule.Kind{rule.Delete}},
		{"released", "", done, []rule.Kind{rule.Release}},
		{"references", "", done, []rule.Kind{rule.Refer}},
		{"failed", "Failed", []plan.ActionState{plan.Failed, plan.Refused}, nil},
		{"held", "Held", []plan.ActionState{plan.Held}, nil},
		{"planned", "Planned", []plan.ActionState{plan.Planned, plan.Open}, nil},
		{"skipped", "Skipped", []plan.ActionState{plan.Skipped, plan.LeftOut, plan.Rejected}, nil},
	}
)

func findView(name string) (view, bool) {
	i := slices.IndexFunc(views, func(v view) bool { return v.Name == name })
	if i < 0 {
		return view{}, false
	}
	return views[i], true
}

func filterOf(r *http.Request) (logFilter, error) {
	q := r.URL.Query()
	f := logFilter{Show: q.Get("show"), Text: strings.TrimSpace(q.Get("q")), Cycle: q.Get("cycle"), After: q.Get("after"), Row: q.Get("row")}
	if _, ok := findView(f.Show); !ok {
		return f, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The log has no such view."}
	}
	for _, id := range []string{f.Cycle, f.After, f.Row} {
		if id != "" && !lockstep.ValidID(id) {
			return f, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of this page holds an id that is none."}
		}
	}
	if len(f.Text) > 200 {
		return f, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Search for at most 200 characters."}
	}
	return f, nil
}

func (f logFilter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"show": f.Show, "q": f.Text, "cycle": f.Cycle, "after": f.After, "row": f.Row} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// logHref is the address of the log of a job.
func logHref(base string, f logFilter) string {
	path := base
	if q := f.query().Encode(); q != "" {
		path += "?" + q
	}
	return path + "#log"
}

// filtered reports whether anything is left out.
func (f logFilter) filtered() bool { return f.Show != "" || f.Text != "" || f.Cycle != "" }

// logView is the log of a job, or the part that the filter lets through.
type logView struct {
	Base   string // address of the app or source
	Filter logFilter
	Rows   []row
	Older  string // address of the next page; "" at the end
	Undo   string // where all of the one cycle is taken back; "" when that cannot be
}

// row is a line of the log or of a plan.
type row struct {
	ID      string
	At      time.Time
	Outcome words.Outcome
	Type    string // "User", "Group"
	Source  string // id of the object at the source
	Name    string
	Person  string // address of the person's page; "" for a group
	Target  string
	Says    string // what happened, in half a sentence
	Cause   string // why, in words that rows of one cause share
	Why     string
	Failure *failure
	Changes []words.Change
	Updates bool   // the changes are what it is about
	By      string // who decided
	ByAt    time.Time
	Attempt int
	Cycle   string // address of the lines of its cycle
	Href    string // of the line itself
	Open    bool
	Undo    string // where what taking it back would do is shown; "" when that cannot be
}

// changeRows is how many changes of a line are shown: a group may have got thousands of members at once.
const changeRows = 50

// logRows is how many lines a page has.
const logRows = 25

func (s *Server) log(ctx context.Context, p operate.Principal, j provision.Job, f logFilter) (logView, error) {
	v, _ := findView(f.Show)
	q := plan.ActionQuery{
		Cycle: lockstep.CycleID(f.Cycle), States: v.States, Kinds: v.Kinds, Text: f.Text, After: lockstep.ActionID(f.After),
		Newest: true, Limit: logRows + 1,
	}
	out := logView{Base: jobHref(j), Filter: f}
	if f.Cycle != "" && j.Direction == provision.Outbound && (j.Cycle == nil || string(j.Cycle.ID) != f.Cycle) {
		out.Undo = jobHref(j) + "/undo?cycle=" + url.QueryEscape(f.Cycle)
	}
	found, err := s.Operator.Actions(ctx, p, j, q)
	if err != nil {
		return out, err
	}
	if len(found) > logRows {
		found = found[:logRows]
		older := f
		older.After, older.Row = string(found[logRows-1].ID), ""
		out.Older = logHref(jobHref(j), older)
	}
	for _, a := range found {
		out.Rows = append(out.Rows, rowOf(j, a, f))
	}
	return out, nil
}

func rowOf(j provision.Job, a plan.Action, f logFilter) row {
	f.Row = string(a.ID)
	changes := a.Changes()
	r := row{
		ID: string(a.ID), At: a.Planned, Outcome: words.OutcomeOf(a.Kind, a.State), Type: a.Source.Type, Source: a.Source.ID, Name: a.Source.Name, Person: personHref(j, a.Source.Ref, a.Target.Ref),
		Target: a.Target.ID, Why: words.Sentence(a.Reason.Sentence()), Changes: changes, Updates: a.Note() == "" && (a.Kind == rule.Update || a.Kind == rule.Refer), Attempt: a.Attempt,
		Cycle: logHref(jobHref(j), logFilter{Cycle: string(a.Cycle)}), Href: logHref(jobHref(j), f),
	}
	if !a.Ended.IsZero() {
		r.At = a.Ended
	}
	if r.Name == "" {
		r.Name = a.Source.ID
	}
	if !a.Decided.At.IsZero() {
		r.By, r.ByAt = a.Decided.By.Name, a.Decided.At
	}
	if a.Code != "" {
		fail := failureOf(a.Code, a.Detail)
		r.Failure = &fail
	}
	r.Says, r.Cause = says(a, changes), causeOf(a, changes)
	if a.State == plan.Done && j.Direction == provision.Outbound && a.Kind != rule.Delete && a.Kind != rule.Skip {
		r.Undo = jobHref(j) + "/undo?line=" + url.QueryEscape(string(a.ID))
	}
	return r
}

// says is what one wants to know of a line before opening it.
func says(a plan.Action, changes []words.Change) string {
	switch {
	case a.Code != "" && a.Detail != "":
		return a.Detail
	case a.Code != "":
		return lockstep.Describe(a.Code).Title
	case a.Note() != "":
		return words.Sentence(a.Note())
	case a.Kind == rule.Update && len(changes) > 0:
		return words.Names(changes, 3)
	}
	return a.Reason.Sentence()
}

// causeOf is the reason of a row without what it saw of this object: rows of one cause are one thing to decide.
func causeOf(a plan.Action, changes []words.Change) string {
	if a.Kind == rule.Update {
		return words.Names(changes, 3)
	}
	return a.Reason.Rule
}

// personHref is where the person of an action stands: they are the source of an outbound job and the target of an inbound one.
func personHref(j provision.Job, source, target connection.Ref) string {
	ref := source
	if j.Direction == provision.Inbound {
		ref = target
	}
	if ref.Type != "User" || ref.ID == "" {
		return ""
	}
	return "/people/" + url.PathEscape(ref.ID)
}
