package console

import (
	"net/http"
	"net/url"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
)

// askConsent shows where an administrator consents to a connection. The browser goes there by a link: a form of the console leads nowhere else.
func (s *Server) askConsent(w http.ResponseWriter, r *http.Request, v visit, j provision.Job) error {
	view, _, err := s.connectionView(r, &v)
	if err != nil {
		return err
	}
	address, err := s.Operator.AskConsent(r.Context(), v.who, j.Slug)
	if lockstep.CodeOf(err) == lockstep.CodeOAuthRefused || lockstep.CodeOf(err) == lockstep.CodeConflict {
		return s.noConsent(w, r, v, view, err)
	}
	if err != nil {
		return err
	}
	view.Login = address
	if u, err := url.Parse(address); err == nil {
		view.Host = u.Host
	}
	return s.render(w, r, http.StatusOK, connectionPage(v.page, view))
}

// noConsent shows why a consent gives nothing, where another one is asked for.
func (s *Server) noConsent(w http.ResponseWriter, r *http.Request, v visit, view connectionView, err error) error {
	f := failureOf(lockstep.CodeOf(err), "")
	f.Detail, view.Failure = sentenceOf(err), &f
	return s.render(w, r, http.StatusUnprocessableEntity, connectionPage(v.page, view))
}

// consented takes what the browser brought back from an authorization server.
func (s *Server) consented(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	j, err := s.Operator.FinishConsent(r.Context(), v.who, operate.ConsentAnswer{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Issuer: q.Get("iss")})
	switch lockstep.CodeOf(err) {
	case "":
		return seeOther(w, r, jobHref(j)+"/connection?said=consented")
	case lockstep.CodeConsent, lockstep.CodeOAuthRefused, lockstep.CodeOAuthEndpoint, lockstep.CodeBlocked, lockstep.CodeUnencrypted:
	default:
		return err
	}
	if j.ID == "" { // of what is not known here nobody can tell more
		return err
	}
	r.SetPathValue("slug", j.Slug)
	view, _, wrong := s.connectionView(r, &v)
	if wrong != nil {
		return wrong
	}
	return s.noConsent(w, r, v, view, err)
}
