package console

import (
	"errors"
	"net/http"

	"lockstep"
	"lockstep/session"
)

// showLink shows a button, and spends nothing: mail scanners, chat previews and browsers that load ahead open links too.
func (s *Server) showLink(w http.ResponseWriter, r *http.Request) error {
	p, key := s.page(r), r.URL.Query().Get("key")
	p.Path = "/" // the theme form leads back to it, and the key is not to travel further
	p.Title = "Sign in"
	_, err := s.Operator.Sessions.Check(r.Context(), key)
	if err == nil {
		return s.render(w, r, http.StatusOK, linkPage(p, key, r.URL.Query().Get("first") != ""))
	}
	if _, in := s.Operator.Sessions.Of(r); in == nil {
		return seeOther(w, r, "/") // the link was used in this very browser
	}
	return s.deadLink(w, r, err)
}

func (s *Server) useLink(w http.ResponseWriter, r *http.Request) error {
	key := r.PostFormValue("key")
	link, err := s.Operator.Sessions.Check(r.Context(), key)
	if err != nil {
		return s.deadLink(w, r, err)
	}
	who, err := s.Operator.Visitor(r.Context(), link.Grant)
	if err != nil {
		return err
	}
	if _, err := s.Operator.Sessions.Enter(w, r, key); err != nil {
		return s.deadLink(w, r, err)
	}
	if err := s.Operator.SignedIn(r.Context(), who); err != nil {
		return err
	}
	if r.PostFormValue("first") != "" {
		return seeOther(w, r, "/settings/administrators?said=first")
	}
	return seeOther(w, r, s.after(r, who))
}

// deadLink tells why a link does not open and what to do. Other errors go on.
func (s *Server) deadLink(w http.ResponseWriter, r *http.Request, err error) error {
	e, ok := errors.AsType[*lockstep.Error](err)
	if !ok || e.Code != lockstep.CodeLinkSpent {
		return err
	}
	p := s.page(r)
	p.Path, p.Title = "/", "This link no longer opens"
	status := http.StatusGone
	if errors.Is(err, session.ErrUnknown) {
		status = http.StatusNotFound
	}
	return s.render(w, r, status, deadLinkPage(p, e.Detail))
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	at, signedIn := s.Operator.Sessions.Of(r)
	if err := s.Operator.Sessions.Leave(w, r); err != nil {
		return err
	}
	if signedIn == nil {
		if who, err := s.Operator.Visitor(r.Context(), at.Grant); err == nil {
			if err := s.Operator.SignedOut(r.Context(), who); err != nil {
				return err
			}
		}
	}
	w.Header().Set("Clear-Site-Data", `"cache"`)
	return seeOther(w, r, "/")
}
