package console

import (
	"net/http"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
)

// runNow makes the job due at once, also when it waits after a failure.
func (s *Server) runNow(w http.ResponseWriter, r *http.Request, v visit) error {
	slug := r.PathValue("slug")
	if _, err := s.Operator.Run(r.Context(), v.who, slug, false); err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
}

// setState pauses a job or lets it go on. A quarantine ends with it: the job is tried at once.
func (s *Server) setState(w http.ResponseWriter, r *http.Request, v visit) error {
	slug, state := r.PathValue("slug"), provision.JobState(r.PostFormValue("state"))
	if state != provision.Active && state != provision.Paused {
		return unreadable()
	}
	if _, err := s.Operator.ChangeJob(r.Context(), v.who, slug, operate.JobChange{State: state}); err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
}

// decidePlan applies or drops the very plan that was shown.
func (s *Server) decidePlan(w http.ResponseWriter, r *http.Request, v visit) (err error) {
	slug, cycle := r.PathValue("slug"), lockstep.CycleID(r.PostFormValue("cycle"))
	if !lockstep.ValidID(string(cycle)) {
		return unreadable()
	}
	switch r.PostFormValue("do") {
	case "apply":
		_, err = s.Operator.Apply(r.Context(), v.who, slug, cycle, nil, nil)
	case "discard":
		_, err = s.Operator.Discard(r.Context(), v.who, slug, cycle)
	default:
		return unreadable()
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
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
	switch {
	case len(ids) == 0:
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Tick at least one held change."}
	case len(ids) > heldRows || do != "approve" && do != "reject":
		return unreadable()
	}
	approve, reject := ids, []lockstep.ActionID(nil)
	if do == "reject" {
		approve, reject = nil, ids
	}
	if _, err := s.Operator.DecideHeld(r.Context(), v.who, slug, approve, reject); err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
}

func unreadable() error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The form cannot be read; load the page again and repeat the step."}
}
