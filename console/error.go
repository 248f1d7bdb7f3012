package console

import (
	"errors"
	"net/http"

	"lockstep"
	"lockstep/web"
)

// failure is an error as people see it (the error card).
type failure struct {
	Code   lockstep.Code
	Title  string
	Detail string // the very words of this case; "" when the title says it all
	Help   string
	Class  lockstep.Class
}

func failureOf(code lockstep.Code, detail string) failure {
	e := lockstep.Describe(code)
	return failure{Code: code, Title: e.Title, Detail: detail, Help: e.Help, Class: e.Class}
}

// writeError answers with an error page, or with a line of text where no page is read.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	f := failureOf(lockstep.CodeOf(err), "")
	if e, ok := errors.AsType[*lockstep.Error](err); ok && status != http.StatusInternalServerError {
		f.Detail = e.Detail
	}
	p := s.page(r)
	p.Title = f.Title
	if r.Method != http.MethodGet {
		p.Path = "/" // nothing is shown at the address of a form
	}
	if x, in := s.Operator.Sessions.Of(r); in == nil {
		if who, err := s.Operator.Inside(r.Context(), x); err == nil {
			p.SignedIn, p.Who = true, who
		}
	}
	if s.render(w, r, status, errorPage(p, f, web.RequestID(r.Context()))) != nil {
		web.WriteText(w, r, err)
	}
}

func statusOf(err error) int {
	switch lockstep.CodeOf(err) {
	case lockstep.CodeCrossSite:
		return http.StatusForbidden
	case lockstep.CodeLinkSpent:
		return http.StatusGone
	}
	return web.StatusOf(err)
}
