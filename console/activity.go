package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/words"
)

// activityView is what has happened, over all apps and sources.
type activityView struct {
	Show   string
	Search string
	Rows   []activityRow
}

type activityRow struct {
	row
	Of who
}

// activityRows is how many lines the page has, of each app at most.
const activityRows = 50

// activity shows the newest lines of all provisioning logs.
func (s *Server) activity(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := activityView{Show: q.Get("show"), Search: strings.TrimSpace(q.Get("q"))}
	kind, ok := findView(view.Show)
	if !ok || len(view.Search) > 200 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The log has no such view."}
	}
	jobs, err := s.Operator.ListJobs(r.Context(), v.who)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		rows, err := s.Operator.Actions(r.Context(), v.who, j, plan.ActionQuery{States: kind.States, Kinds: kind.Kinds, Text: view.Search, Newest: true, Limit: activityRows})
		if err != nil {
			return err
		}
		of := who{Name: jobOf(j, s.now()).Name, Href: jobHref(j)}
		for _, a := range rows {
			view.Rows = append(view.Rows, activityRow{rowOf(j, a, logFilter{Show: view.Show}), of})
		}
	}
	slices.SortStableFunc(view.Rows, func(a, b activityRow) int { return b.At.Compare(a.At) })
	view.Rows = view.Rows[:min(len(view.Rows), activityRows)]
	v.page.Title, v.page.Nav = "Activity", "/activity"
	return s.render(w, r, http.StatusOK, activityPage(v.page, view))
}

func activityHref(show, search string) string {
	q := url.Values{}
	if show != "" {
		q.Set("show", show)
	}
	if search != "" {
		q.Set("q", search)
	}
	if len(q) == 0 {
		return "/activity"
	}
	return "/activity?" + q.Encode()
}

func activityTabs(here string) []tab {
	return []tab{{Word: "Provisioning log", Href: "/activity", Here: here == ""}, {Word: "Audit", Href: "/activity/audit", Here: here == "audit"}}
}

// auditView is who did what.
type auditView struct {
	Lines []auditRow
	Next  string
	Paged bool
}

type auditRow struct {
	At                 time.Time
	Who, Does, Subject string
	Detail             string
}

const auditRows = 100

func (s *Server) auditLog(w http.ResponseWriter, r *http.Request, v visit) error {
	before := r.URL.Query().Get("before")
	if before != "" && !lockstep.ValidID(before) {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of this page holds an id that is none."}
	}
	lines, err := s.Operator.AuditLog(r.Context(), v.who, audit.Query{Before: before, Limit: auditRows})
	if err != nil {
		return err
	}
	view := auditView{Paged: before != ""}
	for _, l := range lines {
		view.Lines = append(view.Lines, auditRowOf(l.Event))
	}
	if len(lines) == auditRows {
		view.Next = "/activity/audit?before=" + url.QueryEscape(lines[len(lines)-1].Row)
	}
	v.page.Title, v.page.Nav = "Audit", "/activity"
	return s.render(w, r, http.StatusOK, auditPage(v.page, view))
}

func auditRowOf(e audit.Event) auditRow {
	row := auditRow{At: e.At, Who: e.Actor.Name, Does: e.Verb + " " + e.Object, Subject: e.Name, Detail: words.Clip(e.Detail, 300)}
	if row.Who == "" {
		row.Who = e.Actor.ID
	}
	if row.Who == "" {
		row.Who = "Lockstep"
	}
	if row.Subject == "" {
		row.Subject = e.ID
	}
	return row
}
