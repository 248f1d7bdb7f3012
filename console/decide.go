package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"lockstep"
	"lockstep/provision"
)

// change reads a job, changes it and writes it, again when somebody else was faster.
func (s *Server) change(ctx context.Context, v visit, slug string, f func(*provision.Job) error) error {
	for attempt := 1; ; attempt++ {
		j, err := s.job(ctx, v.tenant(), slug)
		if err != nil {
			return err
		}
		if err := f(&j); err != nil {
			return err
		}
		err = s.Settings.PutJob(ctx, v.actor(), j)
		if errors.Is(err, lockstep.ErrVersion) && attempt < 5 {
			continue
		}
		if err == nil {
			s.wake()
		}
		return err
	}
}

// runNow makes the job due at once, also when it waits after a failure.
func (s *Server) runNow(w http.ResponseWriter, r *http.Request, v visit) error {
	slug := r.PathValue("slug")
	err := s.change(r.Context(), v, slug, func(j *provision.Job) error {
		if j.State == provision.Paused {
			return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The job is paused; resume it first."}
		}
		j.State, j.NextRun, j.NotBefore = provision.Active, s.now(), time.Time{}
		return nil
	})
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
}

// setState pauses a job or lets it go on. A quarantine ends with it: the job is tried at once.
func (s *Server) setState(w http.ResponseWriter, r *http.Request, v visit) error {
	slug := r.PathValue("slug")
	err := s.change(r.Context(), v, slug, func(j *provision.Job) error {
		switch r.PostFormValue("state") {
		case "paused":
			j.State = provision.Paused
		case "active":
			if j.State == provision.Quarantined {
				j.NextRun = s.now()
			}
			j.State = provision.Active
		default:
			return unreadable()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return seeOther(w, r, jobHref(slug))
}

// decidePlan applies or drops the very plan that was shown.
func (s *Server) decidePlan(w http.ResponseWriter, r *http.Request, v visit) error {
	verdict := provision.Verdict{Cycle: lockstep.CycleID(r.PostFormValue("cycle"))}
	switch r.PostFormValue("do") {
	case "apply":
		verdict.Apply = true
	case "discard":
		verdict.Discard = true
	default:
		return unreadable()
	}
	return s.decide(w, r, v, func(j provision.Job) (provision.Verdict, error) {
		if j.Cycle == nil || j.Cycle.Phase != provision.Review || j.Cycle.ID != verdict.Cycle {
			return verdict, &lockstep.Error{Code: lockstep.CodePlanStale, Detail: "The plan that you looked at is no longer the one that waits."}
		}
		return verdict, nil
	})
}

// decideHeld approves or rejects the held changes that were ticked, and no others that may have come since.
func (s *Server) decideHeld(w http.ResponseWriter, r *http.Request, v visit) error {
	do := r.PostFormValue("do")
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
	return s.decide(w, r, v, func(j provision.Job) (verdict provision.Verdict, err error) {
		if j.Cycle != nil {
			verdict.Cycle = j.Cycle.ID
		}
		if do == "approve" {
			verdict.Approve = ids
		} else {
			verdict.Reject = ids
		}
		return verdict, nil
	})
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request, v visit, verdict func(provision.Job) (provision.Verdict, error)) error {
	slug := r.PathValue("slug")
	j, err := s.job(r.Context(), v.tenant(), slug)
	if err != nil {
		return err
	}
	d, err := verdict(j)
	if err != nil {
		return err
	}
	if err := s.Settings.Decide(r.Context(), v.actor(), v.tenant(), j.ID, d); err != nil {
		return err
	}
	s.wake()
	return seeOther(w, r, jobHref(slug))
}

func unreadable() error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The form cannot be read; load the page again and repeat the step."}
}
