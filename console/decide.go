package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/words"
)

// runNow makes the job due at once, also when it waits after a failure.
func (s *Server) runNow(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.Run(r.Context(), v.who, r.PathValue("slug"), r.PostFormValue("whole") != "")
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j))
}

// setState pauses a job or lets it go on. A quarantine ends with it: the job is tried at once.
func (s *Server) setState(w http.ResponseWriter, r *http.Request, v visit) error {
	slug, state := r.PathValue("slug"), provision.JobState(r.PostFormValue("state"))
	if state != provision.Active && state != provision.Paused {
		return unreadable()
	}
	j, err := s.Operator.ChangeJob(r.Context(), v.who, slug, operate.JobChange{State: state})
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j))
}

// decidePlan applies or drops the very plan that was shown.
func (s *Server) decidePlan(w http.ResponseWriter, r *http.Request, v visit) (err error) {
	slug, cycle := r.PathValue("slug"), lockstep.CycleID(r.PostFormValue("cycle"))
	if !lockstep.ValidID(string(cycle)) {
		return unreadable()
	}
	switch r.PostFormValue("do") {
	case "apply":
		_, err = s.Operator.Apply(r.Context(), v.who, slug, operate.Answer{Cycle: cycle, Note: r.PostFormValue("note")})
	case "discard":
		_, err = s.Operator.Discard(r.Context(), v.who, slug, operate.Answer{Cycle: cycle, Note: r.PostFormValue("note")})
	default:
		return unreadable()
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/apps/"+url.PathEscape(slug))
}

// decideHeld approves or rejects the held changes that were ticked, and no others that may have come since.
func (s *Server) decideHeld(w http.ResponseWriter, r *http.Request, v visit) error {
	slug, do := r.PathValue("slug"), r.PostFormValue("do")
	var ids []lockstep.ActionID
	for _, id := range r.PostForm["id"] {
		if !lockstep.ValidID(id) {
			return unreadable()
		}
		ids = append(ids, lockstep.ActionID(id))
	}
	if len(ids) > heldRows || !slices.Contains([]string{"approve", "reject", "approve-all", "reject-all"}, do) {
		return unreadable()
	}
	j, err := s.Operator.Job(r.Context(), v.who, slug)
	if err != nil {
		return err
	}
	if do == "approve-all" || do == "reject-all" {
		return s.decideAllHeld(w, r, v, j)
	}
	switch {
	case len(ids) == 0:
		return s.undecided(w, r, v, j, "Tick at least one held change.")
	case do == "approve" && len(ids) > severe && !sure(r, j):
		return s.undecided(w, r, v, j, "To approve "+words.Many(len(ids), "change", "changes")+" at once, type "+j.Slug+" in the dialog.")
	}
	a := operate.HeldAnswer{Approve: ids, Note: r.PostFormValue("note")}
	if do == "reject" {
		a.Approve, a.Reject = nil, ids
	}
	if _, err := s.Operator.DecideHeld(r.Context(), v.who, slug, a); err != nil {
		return err
	}
	if onHeldPage(r) {
		return seeOther(w, r, saying(waitingFilterOf(r.URL.Query()).first().href(jobHref(j)+"/held"), "decided"))
	}
	return seeOther(w, r, jobHref(j))
}

// decideAllHeld decides on all that the filter of the page of held changes lets through, if it is as many as the page has shown.
func (s *Server) decideAllHeld(w http.ResponseWriter, r *http.Request, v visit, j provision.Job) error {
	groups, wrong, err := s.allOf(r, v, j, true)
	if err != nil {
		return err
	}
	if wrong != "" {
		return s.undecided(w, r, v, j, wrong)
	}
	a := operate.HeldAnswer{ApproveAll: groups, Note: r.PostFormValue("note")}
	if r.PostFormValue("do") == "reject-all" {
		a.ApproveAll, a.RejectAll = nil, groups
	}
	if _, err := s.Operator.DecideHeld(r.Context(), v.who, j.Slug, a); err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j)+"/held?said=decided")
}

// onHeldPage reports whether the form was that of the page of held changes.
func onHeldPage(r *http.Request) bool { return r.PostFormValue("n") != "" }

// sure reports whether the job's name was typed, in whichever dialog of the form.
func sure(r *http.Request, j provision.Job) bool {
	return slices.ContainsFunc(r.PostForm["sure"], func(text string) bool { return strings.TrimSpace(text) == j.Slug })
}

// undecided shows the page again as it was sent, with what is ticked, and why nothing was done.
func (s *Server) undecided(w http.ResponseWriter, r *http.Request, v visit, j provision.Job, why string) error {
	if onHeldPage(r) {
		return s.waitingPage(w, r, v, true, http.StatusUnprocessableEntity, why)
	}
	view, err := s.overviewView(r.Context(), v.who, j, logFilter{})
	if err != nil {
		return err
	}
	view.Held.Wrong = why
	for g := range view.Held.Groups {
		for i := range view.Held.Groups[g].Rows {
			one := &view.Held.Groups[g].Rows[i]
			one.Ticked = slices.Contains(r.PostForm["id"], one.ID)
		}
	}
	v.page.Title, v.page.Nav, v.page.Path = view.Job.Name, view.head().parent().Href, view.Href
	return s.render(w, r, http.StatusUnprocessableEntity, overviewPage(v.page, view))
}

func unreadable() error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The form cannot be read; load the page again and repeat the step."}
}
