package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/sso"
)

// exclude keeps somebody out of an app.
func (s *Server) exclude(w http.ResponseWriter, r *http.Request, v visit) error {
	typ, id, ok := chosenOf(r.PostFormValue("who"))
	if !ok {
		return unreadable()
	}
	var until time.Time
	if text := strings.TrimSpace(r.PostFormValue("until")); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return s.try(w, r, v, http.StatusUnprocessableEntity, "The last day is a date, such as 2027-01-31.")
		}
		until = day.AddDate(0, 0, 1) // the day itself still counts
	}
	_, err := s.Operator.Exclude(r.Context(), v.who, r.PathValue("slug"), typ, id, r.PostFormValue("reason"), until)
	return s.afterwards(w, r, v, err, "excluded")
}

// include lets somebody in again.
func (s *Server) include(w http.ResponseWriter, r *http.Request, v visit) error {
	typ, id, ok := chosenOf(r.PostFormValue("who"))
	if !ok {
		return unreadable()
	}
	return s.afterwards(w, r, v, s.Operator.Include(r.Context(), v.who, r.PathValue("slug"), typ, id), "included")
}

// afterwards shows the person again, or why nothing was done.
func (s *Server) afterwards(w http.ResponseWriter, r *http.Request, v visit, err error, word string) error {
	if err != nil {
		return s.refused(w, r, v, err)
	}
	q := url.Values{"who": {r.PostFormValue("who")}, "said": {word}}
	return seeOther(w, r, "/apps/"+url.PathEscape(r.PathValue("slug"))+"/try?"+q.Encode())
}

// linkView is the search for an object of the application that somebody is to be linked to.
type linkView struct {
	Head   head
	Chosen option
	Search picked
	Asked  bool
	Found  []atTarget
	Wrong  string
}

// atTarget is an object of the application.
type atTarget struct {
	ID, Name, By, Of string
	Active           bool
}

func (s *Server) showLinkTo(w http.ResponseWriter, r *http.Request, v visit) error {
	j, h, err := s.open(r, &v, "/try", "link by hand")
	if err != nil {
		return err
	}
	typ, id, ok := chosenOf(r.FormValue("who"))
	if !ok || j.Direction != provision.Outbound {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}
	view := linkView{Head: h, Search: picked{
		ID: "target", Label: "Find an account by a whole user name, display name or id", Hint: "Whole user name or id", Text: strings.TrimSpace(r.FormValue("q")),
		Keep: []setting{{"who", r.FormValue("who")}},
	}}
	var state string
	if view.Chosen, _, err = s.option(r.Context(), v, typ, id, &state); err != nil {
		return err
	}
	if view.Asked = view.Search.Text != ""; view.Asked {
		found, err := s.Operator.FindAtTarget(r.Context(), v.who, j.Slug, typ, view.Search.Text)
		if err != nil {
			view.Wrong = sentenceOf(err)
		}
		for _, f := range found {
			view.Found = append(view.Found, atTarget{ID: f.ID, Name: f.Name, By: f.By, Of: f.Of, Active: f.Enabled})
		}
	}
	return s.render(w, r, http.StatusOK, linkToPage(v.page, view))
}

// linkTo links somebody to the object that was picked.
func (s *Server) linkTo(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.demand(w, r, v, func(typ, id string) (operate.Provisioned, error) {
		return s.Operator.LinkTo(r.Context(), v.who, r.PathValue("slug"), typ, id, r.PostFormValue("to"), provisionFor)
	})
}

// unlink takes somebody's link away.
func (s *Server) unlink(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.demand(w, r, v, func(typ, id string) (operate.Provisioned, error) {
		return s.Operator.Unlink(r.Context(), v.who, r.PathValue("slug"), typ, id, provisionFor)
	})
}

// setActive lets a person sign in, or no more.
func (s *Server) setActive(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	switch r.PostFormValue("active") {
	case "true", "false":
	default:
		return unreadable()
	}
	if _, err := s.Operator.UserByID(r.Context(), v.who, lockstep.UserID(id)); err != nil {
		return err
	}
	if err := s.Operator.SetActive(r.Context(), v.who, id, r.PostFormValue("active") == "true"); err != nil {
		return err
	}
	return seeOther(w, r, "/people/"+url.PathEscape(id))
}

// setUserPassword gives a person a password for the provider that keeps passwords here.
func (s *Server) setUserPassword(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	u, err := s.Operator.UserByID(r.Context(), v.who, lockstep.UserID(id))
	if err != nil {
		return err
	}
	if r.PostFormValue("temporary") != "" {
		t, err := s.Operator.SetTemporaryPassword(r.Context(), v.who, id, r.PostFormValue(passwordField), 0)
		if err != nil {
			return err
		}
		if r.PostFormValue(passwordField) == "" {
			return s.passwordOnce(w, r, v, u, t)
		}
		return seeOther(w, r, "/people/"+url.PathEscape(id)+"?said=password-temporary")
	}
	if err := s.Operator.SetUserPassword(r.Context(), v.who, id, r.PostFormValue("password")); err != nil {
		return err
	}
	return seeOther(w, r, "/people/"+url.PathEscape(id)+"?said=password-set")
}

// passwordView is a password that was made for somebody, and is shown this once.
type passwordView struct {
	Name, Href, Text string
	Ends             time.Time
}

// passwordOnce is the page that has it. It cannot be loaded again.
func (s *Server) passwordOnce(w http.ResponseWriter, r *http.Request, v visit, u directory.User, t operate.TemporaryPassword) error {
	view := passwordView{Name: displayName(u), Href: "/people/" + url.PathEscape(string(u.ID)), Text: t.Text, Ends: t.Ends}
	v.page.Title, v.page.Nav, v.page.Path = "A password for "+view.Name, "/people", "/people"
	w.Header().Set("Cache-Control", "no-store")
	return s.render(w, r, http.StatusOK, personPasswordPage(v.page, view))
}

// keepsPasswords reports whether somebody can set passwords of people: the provider that checks them is enabled.
func (s *Server) keepsPasswords(ctx context.Context, p operate.Principal) (bool, error) {
	if p.May(operate.SignInWrite) != nil || p.May(operate.SignInRead) != nil {
		return false, nil
	}
	all, err := s.Operator.IdentityProviders(ctx, p)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound { // this server signs nobody in
		return false, nil
	}
	return slices.ContainsFunc(all, func(one operate.IdentityProvider) bool {
		return one.Kind == sso.KindLocal && one.State == sso.Enabled
	}), err
}

// restoreUser brings a deleted person back.
func (s *Server) restoreUser(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := s.Operator.RestoreUser(r.Context(), v.who, r.PathValue("id")); err != nil {
		return err
	}
	return seeOther(w, r, "/people/"+url.PathEscape(r.PathValue("id")))
}

// exclusionOf is the exclusion of an object by a job that is in force.
func (s *Server) exclusionOf(j provision.Job, ref connection.Ref) *rule.Exclusion {
	if e := operate.ExclusionOf(j, ref); e != nil && e.Counts(s.now()) {
		return e
	}
	return nil
}
