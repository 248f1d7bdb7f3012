package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/web"
	"lockstep/words"
)

// tryView is provisioning on demand: one person or group, what the app makes of them, and what is or was sent.
type tryView struct {
	Head    head
	Search  picked
	Found   []option
	Notice  string
	Chosen  *option
	State   string // what keeps them from signing in; "" is nothing
	App     personApp
	Clauses []clausing
	Talk    []exchange // asked and to be sent
	Done    *doneView
	Wrong   string // why nothing was done
	Command string // the same on the command line

	Said     string // what was done before
	Excluded *rule.Exclusion
	Leaves   string // what happens to who leaves
}

// clausing is one clause of the scoping filter with the values that it saw.
type clausing struct {
	Filter, Clause, Saw string
	OK                  bool
}

// exchange is one request and its answer.
type exchange struct {
	Method, URL, Request, Response string
	Status                         words.Outcome
	Sent, Writes                   bool
	Took                           string
}

// doneView is what became of somebody who was provisioned.
type doneView struct {
	Says  string
	State state
	Rows  []row
	Said  []exchange
	When  time.Time
}

func (s *Server) showTry(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.try(w, r, v, http.StatusOK, "")
}

// provisionNow provisions whom the form names and shows what became of them.
func (s *Server) provisionNow(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.demand(w, r, v, func(typ, id string) (operate.Provisioned, error) {
		return s.Operator.Provision(r.Context(), v.who, r.PathValue("slug"), typ, id, provisionFor)
	})
}

// refused shows the person again with the reason why nothing was done.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, v visit, err error) error {
	status := web.StatusOf(err)
	if status < 400 || status >= 500 || lockstep.CodeOf(err) == lockstep.CodeAuthForbidden {
		return err
	}
	return s.try(w, r, v, status, sentenceOf(err))
}

// demand has something done with whom the form names, and shows what became of them.
func (s *Server) demand(w http.ResponseWriter, r *http.Request, v visit, do func(typ, id string) (operate.Provisioned, error)) error {
	typ, id, ok := chosenOf(r.PostFormValue("who"))
	if !ok {
		return unreadable()
	}
	done, err := do(typ, id)
	if err != nil {
		return s.refused(w, r, v, err)
	}
	if done.Cycle.ID == "" {
		return s.try(w, r, v, http.StatusOK, done.Says)
	}
	q := url.Values{"who": {r.PostFormValue("who")}, "cycle": {string(done.Cycle.ID)}}
	return seeOther(w, r, "/apps/"+url.PathEscape(r.PathValue("slug"))+"/try?"+q.Encode()+"#done")
}

// provisionFor is how long the page waits for one object.
const provisionFor = 25 * time.Second

// chosenOf reads "user:ID" or "group:ID".
func chosenOf(text string) (typ, id string, ok bool) {
	kind, id, _ := strings.Cut(text, ":")
	typ = map[string]string{"user": connection.UserType, "group": connection.GroupType}[kind]
	return typ, id, typ != "" && lockstep.ValidID(id)
}

func (s *Server) try(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	j, h, err := s.open(r, &v, "/try", "on demand")
	if err != nil {
		return err
	}
	if j.Direction != provision.Outbound {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "Who is in a source comes by a run of it."}
	}
	view := tryView{Head: h, Wrong: wrong, Said: said(r), Search: picked{ID: "try", Label: "Find a person or group by a part of a name", Hint: "Part of a name or address", Text: strings.TrimSpace(r.FormValue("q"))}}
	typ, id, ok := chosenOf(r.FormValue("who"))
	if !ok {
		if view.Found, view.Notice, err = s.findAll(r, v, view.Search.Text); err != nil {
			return err
		}
		return s.render(w, r, status, tryPage(v.page, view))
	}
	if err := s.chosen(r, v, j, typ, id, &view); err != nil {
		return err
	}
	if cycle := r.FormValue("cycle"); lockstep.ValidID(cycle) {
		done, err := s.Operator.OnDemand(r.Context(), v.who, j, lockstep.CycleID(cycle))
		if err != nil {
			return err
		}
		view.Done = doneOf(j, done)
	}
	return s.render(w, r, status, tryPage(v.page, view))
}

// chosen fills the view with what the app makes of one object.
func (s *Server) chosen(r *http.Request, v visit, j provision.Job, typ, id string, view *tryView) error {
	chosen, name, err := s.option(r.Context(), v, typ, id, &view.State)
	if err != nil {
		return err
	}
	view.Chosen = &chosen
	view.Command = "lockstep provision " + name + " --app " + j.Slug + " --dry-run"
	if typ == connection.GroupType {
		view.Command = "lockstep provision " + name + " --type Group --app " + j.Slug + " --dry-run"
	}
	ctx, cancel := context.WithTimeout(r.Context(), explainFor)
	defer cancel()
	x, app := s.explained(ctx, v.who, j, connection.Ref{Type: typ, ID: id})
	view.App = app
	for _, c := range x.Clauses {
		view.Clauses = append(view.Clauses, clausingOf(c, len(x.Clauses) > 0 && x.Clauses[len(x.Clauses)-1].Group > 1))
	}
	view.Talk = exchangesOf(x.Requests)
	view.Excluded, view.Leaves = s.exclusionOf(j, connection.Ref{Type: typ, ID: id}), leaveWords(j.Policy.OnLeave)
	return nil
}

// option names one person or group; state is what keeps them from signing in.
func (s *Server) option(ctx context.Context, v visit, typ, id string, state *string) (option, string, error) {
	if typ == connection.GroupType {
		g, err := s.Operator.Group(ctx, v.who, id, true)
		if err == nil && !g.Deleted.IsZero() {
			*state = "deleted"
		}
		return option{Value: "group:" + id, Name: g.Attributes.Text("displayName"), Kind: "Group"}, shellWord(g.Attributes.Text("displayName")), err
	}
	u, err := s.Operator.UserByID(ctx, v.who, lockstep.UserID(id))
	*state = stateOfUser(u)
	return option{Value: "user:" + id, Name: displayName(u), Detail: u.Attributes.Text("userName"), Kind: "Person"}, shellWord(u.Attributes.Text("userName")), err
}

// shellWord is a text as one word of a shell.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@._-+", r))
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// excluded says who keeps the object out, how long and why.
func (v tryView) excluded() string {
	e := v.Excluded
	text := "Kept out"
	if e.By != "" {
		text += " by " + e.By
	}
	if !e.Until.IsZero() {
		text += " until " + e.Until.Format("2 January 2006, 15:04") + " UTC"
	}
	return text + ": " + e.Reason
}

// stateOfUser is what keeps somebody from signing in.
func stateOfUser(u directory.User) string {
	switch {
	case !u.Deleted.IsZero():
		return "deleted"
	case !u.Active:
		return "may not sign in"
	}
	return ""
}

// findAll searches people and groups, deleted ones, too: whoever asks why somebody is gone looks for them.
func (s *Server) findAll(r *http.Request, v visit, text string) (found []option, notice string, err error) {
	if len(text) > 320 {
		return nil, "", nil
	}
	people, err := s.Operator.Users(r.Context(), v.who, operate.Search{Text: text, Limit: foundRows, Deleted: true})
	if err != nil {
		return nil, "", err
	}
	groups, _, err := s.Operator.Groups(r.Context(), v.who, operate.Search{Text: text, Limit: foundRows, Deleted: true})
	if err != nil {
		return nil, "", err
	}
	for _, u := range people.Users {
		detail := u.Attributes.Text("userName")
		if state := stateOfUser(u); state != "" {
			detail += " · " + state
		}
		found = append(found, option{Value: "user:" + string(u.ID), Name: displayName(u), Detail: detail, Kind: "Person"})
	}
	for _, g := range groups {
		found = append(found, option{Value: "group:" + string(g.ID), Name: g.Attributes.Text("displayName"), Kind: "Group"})
	}
	return found, people.Notice, nil
}

func clausingOf(c rule.Clausing, several bool) clausing {
	v := clausing{Clause: c.Clause, OK: c.OK, Saw: "it is empty", Filter: c.Filter}
	if v.Filter == "" && several {
		v.Filter = "Filter " + words.Number(c.Group)
	}
	if len(c.Values) > 0 {
		v.Saw = "it is " + strings.Join(c.Values, ", ")
	}
	return v
}

func exchangesOf(all []connection.Exchange) []exchange {
	var out []exchange
	for _, e := range all {
		x := exchange{
			Method: e.Method, URL: unescaped(e.URL), Request: api.Pretty(e.Request), Response: api.Pretty(e.Response), Sent: e.Sent,
			Writes: e.Method != http.MethodGet, Status: words.Outcome{Sign: "○", Word: "would be sent", Tone: "skip"},
		}
		if e.Sent {
			x.Status = statusOutcome(e.Status)
			if x.Took = words.Lasted(e.Took); e.Status == 0 {
				x.Status = words.Outcome{Sign: "▲", Word: cmp.Or(e.Failure, "no answer"), Tone: "failed"}
			}
		}
		out = append(out, x)
	}
	return out
}

func doneOf(j provision.Job, d operate.Provisioned) *doneView {
	v := &doneView{Says: d.Says, Said: exchangesOf(d.Said), When: d.Cycle.EndedAt, State: state{"Done", "check", good}}
	switch d.Exit {
	case operate.ExitHeld:
		v.State = state{"Held", "alert", warn}
	case operate.ExitSome:
		v.State = state{"Not done", "cross", bad}
	case operate.ExitLater:
		v.State = state{"Not finished", "busy", calm}
	}
	if len(d.Rows) == 0 && d.Exit == operate.ExitInStep {
		v.State = state{"Nothing to do", "circle", calm}
	}
	for _, a := range d.Rows {
		v.Rows = append(v.Rows, rowOf(j, a, logFilter{}))
	}
	return v
}

// writes are the exchanges that change something, and reads the others.
func writes(all []exchange, is bool) []exchange {
	var some []exchange
	for _, e := range all {
		if e.Writes == is {
			some = append(some, e)
		}
	}
	return some
}

// tryHref is where one object can be tried, and provisioned at once.
func tryHref(j provision.Job, ref connection.Ref) string {
	return jobHref(j) + "/try?" + url.Values{"who": {strings.ToLower(ref.Type) + ":" + ref.ID}}.Encode()
}

// deed is what the row does, behind "would".
func (r row) deed() string { return strings.TrimPrefix(r.Outcome.Word, "will ") }
