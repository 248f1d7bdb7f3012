package console

import (
	"net/http"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/words"
)

// visitsView is who is in the console.
type visitsView struct {
	Said    string
	All     []operate.ConsoleSession
	Unused  string // after how long without a request a session ends
	Longest string
}

func (s *Server) consoleSessions(w http.ResponseWriter, r *http.Request, v visit) error {
	all, err := s.Operator.ConsoleSessions(r.Context(), v.who)
	if err != nil {
		return err
	}
	gate := s.Operator.Sessions
	view := visitsView{Said: said(r), All: all, Unused: hours(gate.Unused()), Longest: hours(gate.Longest())}
	v.page.Title, v.page.Nav = "Sessions of the console", "/settings"
	return s.render(w, r, http.StatusOK, visitsPage(v.page, view))
}

// hours is a long time in words.
func hours(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return words.Many(int(d/(24*time.Hour)), "day", "days")
	}
	return words.Many(int(d/time.Hour), "hour", "hours")
}

// endConsoleSessions ends one session of the console, or all others.
func (s *Server) endConsoleSessions(w http.ResponseWriter, r *http.Request, v visit) error {
	id := session.ID(r.PostFormValue("session"))
	if id == "" {
		if r.PostFormValue("all") == "" {
			return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Say which session is to end."}
		}
		if _, err := s.Operator.EndConsoleSessions(r.Context(), v.who); err != nil {
			return err
		}
		return seeOther(w, r, "/settings/sessions?said=console-all-ended")
	}
	if err := s.Operator.EndConsoleSession(r.Context(), v.who, id); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, "/settings/sessions?said=console-ended")
}
