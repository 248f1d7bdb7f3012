package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// waitingFilter selects rows of a plan, or of what is held. All of it stands in the page's address.
type waitingFilter struct {
	Show      string // of a plan: "" is what is planned, "left" what was left out, "cannot" what cannot be done
	Kind      string
	Attribute string
	Cause     string // with a kind: exactly this
	Exact     bool   // there is a cause, be it ""
	Text      string
	After     string
}

func waitingFilterOf(q url.Values) waitingFilter {
	return waitingFilter{
		Show: q.Get("show"), Kind: q.Get("kind"), Attribute: q.Get("attribute"), Cause: q.Get("cause"), Exact: q.Has("cause"), Text: strings.TrimSpace(q.Get("q")), After: q.Get("after"),
	}
}

func (f waitingFilter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"show": f.Show, "kind": f.Kind, "attribute": f.Attribute, "q": f.Text, "after": f.After} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.Exact {
		q.Set("cause", f.Cause)
	}
	return q
}

func (f waitingFilter) href(path string) string {
	if q := f.query().Encode(); q != "" {
		return path + "?" + q
	}
	return path
}

// first is the filter on its first page.
func (f waitingFilter) first() waitingFilter { f.After = ""; return f }

// filtered reports whether anything is left out of what is shown.
func (f waitingFilter) filtered() bool {
	return f.Kind != "" || f.Attribute != "" || f.Exact || f.Text != ""
}

// planShows are what of a plan is shown, with the states of these rows.
var planShows = map[string]plan.ActionState{"": plan.Planned, "left": plan.Rejected, "cannot": plan.Refused}

// find is the filter as the use case has it.
func (f waitingFilter) find(held bool) (operate.RowFilter, error) {
	state, known := planShows[f.Show]
	if held {
		state = plan.Held
	}
	if !known || f.Kind != "" && !slices.Contains(rule.Kinds(), rule.Kind(f.Kind)) || max(len(f.Attribute), len(f.Text)) > 200 || len(f.Cause) > 2000 {
		return operate.RowFilter{}, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The filter in the address of this page cannot be read."}
	}
	out := operate.RowFilter{State: state, Kind: rule.Kind(f.Kind), Attribute: f.Attribute, Text: f.Text}
	if f.Exact {
		out.Cause = &f.Cause
	}
	return out, nil
}

// waitingView is a plan, or what is held, row by row.
type waitingView struct {
	Head       head
	Said       string
	Wrong      string // why nothing was done
	Held       bool
	Path       string // of the page, and where its forms lead
	Filter     waitingFilter
	Plan       *openPlan // the plan that waits; nil is none
	Groups     []waitingGroup
	Rest       int // groups that are not listed
	Kinds      []choice
	Attributes []choice
	Sections   []waitingSection
	Shown      int // rows on the page
	Matches    int // rows that the filter lets through, but for its text
	Total      int // rows without any filter
	Next       string
	Left       int // rows that were left out of the plan
	Cannot     int // rows that cannot be carried out
	One        bool
	Tried      *doneView
	TriedName  string
	Effect     string // what approving does
	Sure       string // what is typed before many are decided on
	Note       string // as it was written
}

// waitingGroup is how many rows there are of one deed and cause.
type waitingGroup struct {
	Outcome words.Outcome
	Title   string
	N       int
	Href    string
}

// waitingSection is rows of one group that stand on the page.
type waitingSection struct {
	Title string
	N     int // in all
	Rows  []heldRow
}

const (
	waitingRows = 100 // rows of a page
	mostGroups  = 30  // groups that are listed
)

// planHref is where the plan of a job stands row by row.
func planHref(base string, f waitingFilter) string { return f.href(base + "/plan") }

func (s *Server) showPlan(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.waitingPage(w, r, v, false, http.StatusOK, "")
}

func (s *Server) showHeld(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.waitingPage(w, r, v, true, http.StatusOK, "")
}

// waitingPage shows a plan or what is held, with why nothing was done.
func (s *Server) waitingPage(w http.ResponseWriter, r *http.Request, v visit, held bool, status int, wrong string) error {
	here, title := "/plan", "Plan"
	if held {
		here, title = "/held", "Held"
	}
	j, h, err := s.open(r, &v, here, title)
	if err != nil {
		return err
	}
	if to := misplaced(r, j); to != "" && r.Method == http.MethodGet {
		return seeOther(w, r, to)
	}
	view := waitingView{Head: h, Said: said(r), Wrong: wrong, Held: held, Path: h.Href + here, Filter: waitingFilterOf(r.URL.Query()), Sure: j.Slug, One: j.Direction == provision.Outbound, Note: r.PostFormValue("note")}
	f, err := view.Filter.find(held)
	if err != nil {
		return err
	}
	if err := s.waiting(r, v, j, f, &view); err != nil {
		return err
	}
	if err := s.tried(r, v, j, &view); err != nil {
		return err
	}
	if !held {
		if view.Plan, err = s.plan(r.Context(), v.who, j); err != nil {
			return err
		}
		if view.Plan != nil {
			view.Left, view.Cannot = view.Plan.Left, view.Plan.Cannot
		}
	}
	return s.render(w, r, status, waitingPage(v.page, view))
}

// waiting reads the rows of the page and what they count.
func (s *Server) waiting(r *http.Request, v visit, j provision.Job, f operate.RowFilter, view *waitingView) error {
	if !view.Held && (j.Cycle == nil || j.Cycle.Phase != provision.Review) {
		return nil
	}
	page, err := s.Operator.Waiting(r.Context(), v.who, j, f, view.Filter.After, waitingRows)
	if err != nil {
		return err
	}
	view.Kinds, view.Attributes = choicesOf(page.All)
	for _, g := range page.All {
		view.Total += g.N
	}
	counts := map[rule.Kind]map[string]int{}
	for i, g := range page.Groups {
		view.Matches += g.N
		if counts[g.Kind] == nil {
			counts[g.Kind] = map[string]int{}
		}
		counts[g.Kind][g.Type] += g.N
		if i < mostGroups {
			only := waitingFilter{Show: view.Filter.Show, Kind: string(g.Kind), Cause: g.Cause, Exact: true}
			view.Groups = append(view.Groups, waitingGroup{words.OutcomeOf(g.Kind, g.State), groupTitle(g), g.N, only.href(view.Path)})
		}
	}
	view.Rest = len(page.Groups) - len(view.Groups)
	view.Effect = effectOf(j, counts)
	for _, a := range page.Rows {
		title, n := groupTitle(plan.RowGroup{State: a.State, Kind: a.Kind, Type: a.Source.Type, Cause: causeIn(a)}), 0
		for _, g := range page.Groups {
			if groupTitle(g) == title {
				n += g.N
			}
		}
		if k := len(view.Sections); k == 0 || view.Sections[k-1].Title != title {
			view.Sections = append(view.Sections, waitingSection{Title: title, N: n})
		}
		row := heldRow{row: rowOf(j, a, logFilter{}), ID: string(a.ID), Ticked: slices.Contains(r.PostForm["id"], string(a.ID))}
		last := &view.Sections[len(view.Sections)-1]
		last.Rows = append(last.Rows, row)
	}
	view.Shown = len(page.Rows)
	if page.Next != "" {
		next := view.Filter
		next.After = page.Next
		view.Next = next.href(view.Path)
	}
	return nil
}

// causeIn is the cause of a row as its group has it.
func causeIn(a plan.Action) string {
	if a.State == plan.Planned || a.State == plan.Held {
		return a.Cause()
	}
	return string(a.Code)
}

// groupTitle names a group: the deed, and for what reason.
func groupTitle(g plan.RowGroup) string {
	title := words.Upper(words.DeedOf(g.Kind).Will)
	if g.Type != connection.UserType {
		title += " " + strings.ToLower(g.Type)
	}
	cause := g.Cause
	switch attributes := operate.AttributesOf(g); {
	case len(attributes) > 3:
		cause = strings.Join(attributes[:3], ", ") + " and " + words.Number(len(attributes)-3) + " more"
	case g.State != plan.Planned && g.State != plan.Held && cause != "":
		cause = lockstep.Describe(lockstep.Code(cause)).Title
	}
	if cause == "" {
		return title
	}
	return title + ": " + cause
}

// choicesOf are the kinds and attributes that there are.
func choicesOf(groups []plan.RowGroup) (kinds, attributes []choice) {
	kinds, attributes = []choice{{"", "Every kind", ""}}, []choice{{"", "Any attribute", ""}}
	n := map[string]int{}
	for _, g := range groups {
		n[string(g.Kind)] += g.N
		for _, a := range operate.AttributesOf(g) {
			n["."+a] += g.N
		}
	}
	for _, k := range rule.Kinds() {
		if n[string(k)] > 0 {
			kinds = append(kinds, choice{Value: string(k), Word: words.Upper(words.DeedOf(k).Will) + " · " + words.Number(n[string(k)])})
		}
	}
	for _, name := range sortedKeys(n) {
		if a, is := strings.CutPrefix(name, "."); is {
			attributes = append(attributes, choice{Value: a, Word: a + " · " + words.Number(n[name])})
		}
	}
	return kinds, attributes
}

// tried adds what became of the one for whom alone the plan was applied.
func (s *Server) tried(r *http.Request, v visit, j provision.Job, view *waitingView) error {
	of, ok := refOf(r.URL.Query().Get("tried"))
	cycle := r.URL.Query().Get("cycle")
	if !ok || !lockstep.ValidID(cycle) {
		return nil
	}
	done, err := s.Operator.Tried(r.Context(), v.who, j, lockstep.CycleID(cycle), plan.End{Ref: of})
	if err != nil {
		return err
	}
	view.Tried, view.TriedName = doneOf(j, done), done.Name
	view.Tried.When = s.now()
	for _, a := range done.Rows {
		if !a.Ended.IsZero() {
			view.Tried.When = a.Ended
		}
	}
	return nil
}

// tickedOf are the rows that were ticked.
func tickedOf(r *http.Request) (ids []lockstep.ActionID, ok bool) {
	for _, id := range r.PostForm["id"] {
		if !lockstep.ValidID(id) || len(ids) == max(waitingRows, heldRows) {
			return nil, false
		}
		ids = append(ids, lockstep.ActionID(id))
	}
	return ids, true
}

// decideRows leaves rows out of the plan that was shown, or puts them back.
func (s *Server) decideRows(w http.ResponseWriter, r *http.Request, v visit) error {
	slug, do := r.PathValue("slug"), r.PostFormValue("do")
	a := operate.Answer{Cycle: lockstep.CycleID(r.PostFormValue("cycle")), Note: r.PostFormValue("note")}
	ids, ok := tickedOf(r)
	if !ok || !lockstep.ValidID(string(a.Cycle)) {
		return unreadable()
	}
	j, err := s.Operator.Job(r.Context(), v.who, slug)
	if err != nil {
		return err
	}
	wrong, word := "", "left-out"
	switch {
	case do == "leave-all":
		wrong, err = s.leaveAll(r, v, j, a)
	case len(ids) == 0:
		wrong = "Tick at least one change."
	case do == "leave":
		a.Reject = ids
		_, err = s.Operator.LeaveOut(r.Context(), v.who, slug, a, nil)
	case do == "back":
		word = "put-back"
		_, err = s.Operator.PutBack(r.Context(), v.who, slug, a.Cycle, ids)
	default:
		return unreadable()
	}
	switch {
	case wrong != "":
		return s.waitingPage(w, r, v, false, http.StatusUnprocessableEntity, wrong)
	case lockstep.CodeOf(err) == lockstep.CodePlanStale, lockstep.CodeOf(err) == lockstep.CodeInvalid:
		return s.waitingPage(w, r, v, false, http.StatusConflict, sentenceOf(err))
	case err != nil:
		return err
	}
	return seeOther(w, r, saying(waitingFilterOf(r.URL.Query()).first().href(jobHref(j)+"/plan"), word))
}

// saying adds to an address what the page is to say.
func saying(href, word string) string {
	if strings.Contains(href, "?") {
		return href + "&said=" + word
	}
	return href + "?said=" + word
}

// leaveAll leaves out all that the filter of the page lets through, if it is as many as the page has shown.
func (s *Server) leaveAll(r *http.Request, v visit, j provision.Job, a operate.Answer) (wrong string, err error) {
	groups, wrong, err := s.allOf(r, v, j, false)
	if err == nil && wrong == "" {
		_, err = s.Operator.LeaveOut(r.Context(), v.who, j.Slug, a, groups)
	}
	return wrong, err
}

// allOf are the groups that the filter of the page lets through, if they are as many rows as the page has shown. More than a few are decided on only
// by typing the job's name.
func (s *Server) allOf(r *http.Request, v visit, j provision.Job, held bool) (groups []plan.RowGroup, wrong string, err error) {
	f, err := waitingFilterOf(r.URL.Query()).find(held)
	if err != nil {
		return nil, "", err
	}
	if f.Text != "" || f.State != plan.Planned && f.State != plan.Held {
		return nil, "All of a search cannot be decided on at once: tick them.", nil
	}
	page, err := s.Operator.Waiting(r.Context(), v.who, j, f, "", 1)
	if err != nil {
		return nil, "", err
	}
	n := 0
	for _, g := range page.Groups {
		n += g.N
	}
	switch shown, err := strconv.Atoi(r.PostFormValue("n")); {
	case err != nil:
		return nil, "", unreadable()
	case n == 0 || shown != n:
		return nil, "There are " + words.Number(n) + " by now, and " + words.Number(shown) + " were shown: look at them again.", nil
	case n > severe && !sure(r, j):
		return nil, "To decide on " + words.Many(n, "change", "changes") + " at once, type " + j.Slug + " in the dialog.", nil
	}
	return page.Groups, "", nil
}

// applyOne applies the plan to one person or group alone, and shows what became of it.
func (s *Server) applyOne(w http.ResponseWriter, r *http.Request, v visit) error {
	cycle := r.PostFormValue("cycle")
	typ, name := connection.UserType, strings.TrimSpace(r.PostFormValue("object"))
	if of, ok := refOf(r.PostFormValue("who")); ok {
		typ, name = of.Type, of.ID
	}
	if !lockstep.ValidID(cycle) || len(name) > 320 || typ != connection.UserType && typ != connection.GroupType {
		return unreadable()
	}
	if name == "" {
		return s.waitingPage(w, r, v, false, http.StatusUnprocessableEntity, "Say to whom: a user name, an address, or the tail of a row.")
	}
	out, err := s.Operator.ApplyTo(r.Context(), v.who, r.PathValue("slug"), typ, name, operate.Answer{Cycle: lockstep.CycleID(cycle), Note: r.PostFormValue("note")}, provisionFor)
	switch lockstep.CodeOf(err) {
	case "":
	case lockstep.CodeNotFound, lockstep.CodeConflict, lockstep.CodeInvalid:
		return s.waitingPage(w, r, v, false, http.StatusUnprocessableEntity, sentenceOf(err))
	default:
		return err
	}
	q := url.Values{"tried": {out.Of.Type + ":" + out.Of.ID}, "cycle": {cycle}}
	return seeOther(w, r, "/apps/"+url.PathEscape(r.PathValue("slug"))+"/plan?"+q.Encode())
}

// exportWaiting writes a plan, or what is held, as a file: exactly what the filter in the address lets through.
func (s *Server) exportWaiting(held bool, kind fileKind) func(http.ResponseWriter, *http.Request, visit) error {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		f, err := waitingFilterOf(r.URL.Query()).find(held)
		if err != nil {
			return err
		}
		j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
		if err != nil {
			return err
		}
		name := j.Slug + "-plan"
		if held {
			name = j.Slug + "-held"
		}
		return s.download(w, r, v, name, kind, func(ask func() error) error {
			each := func(add func(api.LogLine) error) error {
				return s.Operator.EachWaiting(r.Context(), v.who, j, f, func(a plan.Action) error {
					if err := ask(); err != nil {
						return err
					}
					return add(api.LogLineOf(operate.LogLine{Job: j, Action: a}))
				})
			}
			if kind == jsonLines {
				return each(func(l api.LogLine) error { return json.NewEncoder(w).Encode(l) })
			}
			table, err := api.NewLogCSV(w)
			if err != nil {
				return err
			}
			if err := each(table.Add); err != nil {
				return err
			}
			return table.Close()
		})
	}
}

// triedAt is when what was applied to one alone ended.
func (v waitingView) triedAt() time.Time { return v.Tried.When }

// several reports whether there is more to show of a plan than what is planned.
func (v waitingView) several() bool {
	return !v.Held && (v.Left > 0 || v.Cannot > 0 || v.Filter.Show != "" || v.Filter.Exact)
}

// ticks reports whether rows of the page can be ticked: nobody decides on what cannot be done.
func (v waitingView) ticks() bool { return v.Filter.Show != "cannot" && v.Shown > 0 }

// all is what the button for everything says.
func (v waitingView) all() string {
	what := words.Many(v.Matches, "change", "changes")
	if v.Filter.Kind != "" {
		return words.Number(v.Matches) + " to " + words.DeedOf(rule.Kind(v.Filter.Kind)).Will
	}
	return what
}

// canAll reports whether all that the filter lets through can be decided on at once.
func (v waitingView) canAll() bool {
	return v.Filter.Text == "" && v.Filter.Show == "" && v.Matches > 0 && (v.Held || v.Filter.filtered())
}
