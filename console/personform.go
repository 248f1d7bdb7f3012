package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/words"
)

// personFormView is a person who is added or changed by hand.
type personFormView struct {
	ID, Name string // "" is somebody new
	Version  int64
	Origins  []who // the sources that they come from
	Form     form
}

func (v personFormView) action() string {
	if v.ID == "" {
		return "/people/add"
	}
	return "/people/" + v.ID + "/edit"
}

// workMail selects the work address (RFC 7643 §4.1.2).
const workMail = `emails[type eq "work"].value`

// personFields are what can be written by hand, by their SCIM paths. Everything else a person has is kept.
var personFields = []struct {
	path filter.Path
	field
}{
	{mustPath("userName"), field{Name: "user-name", Label: "User name", Required: true, Code: true, Help: "Mostly the address with which they sign in."}},
	{mustPath("name.givenName"), field{Name: "given", Label: "Given name"}},
	{mustPath("name.familyName"), field{Name: "family", Label: "Family name"}},
	{mustPath("displayName"), field{Name: "display", Label: "Display name", Help: "Empty: given and family name."}},
	{mustPath(workMail), field{Name: "mail", Label: "Work address", Code: true, Help: "Empty: the user name, when it is an address."}},
	{mustPath("title"), field{Name: "title", Label: "Title"}},
	{mustPath(enterprise + ":department"), field{Name: "department", Label: "Department"}},
}

// mustPath parses a path of ours.
func mustPath(text string) filter.Path {
	p, err := filter.ParsePath(text)
	if err != nil {
		panic(err) //nolint:forbidigo // a mistake of ours, seen by every test
	}
	return p
}

// personForm is the fields with the values of somebody's attributes.
func personForm(o scim.Object) form {
	var f form
	for _, one := range personFields {
		e := one.field
		e.Value, _ = scim.First(o, one.path).(string)
		f.Fields = append(f.Fields, e)
	}
	return f
}

// written is what the form makes of somebody's attributes. An empty field takes the attribute away.
func (v personFormView) written(o scim.Object) (scim.Object, error) {
	value := func(name string) string { return v.Form.value(name) }
	for _, one := range personFields {
		text := value(one.Name)
		switch {
		case text == "" && one.Name == "display":
			text = strings.TrimSpace(value("given") + " " + value("family"))
		case text == "" && one.Name == "mail" && strings.Contains(value("user-name"), "@"):
			text = value("user-name")
		}
		if text == "" {
			scim.Remove(&o, one.path)
			continue
		}
		if err := scim.Assign(&o, one.path, text); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (s *Server) showNewPerson(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a person", "/people"
	view := personFormView{Form: personForm(nil)}
	for i, f := range view.Form.Fields { // a page that leads here knows some of it
		view.Form.Fields[i].Value = words.Clip(r.URL.Query().Get(f.Name), 300)
	}
	return s.render(w, r, http.StatusOK, personFormPage(v.page, view))
}

// newPerson adds a person.
func (s *Server) newPerson(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a person", "/people"
	view := personFormView{Form: personForm(nil)}
	view.Form.sent(r)
	o, err := view.written(nil)
	if err != nil {
		return err
	}
	if view.Form.value("user-name") == "" {
		view.Form.blame("user-name", "Give a user name.")
		return s.render(w, r, http.StatusUnprocessableEntity, personFormPage(v.page, view))
	}
	u, err := s.Operator.CreateUser(r.Context(), v.who, o)
	if err != nil {
		return s.personRefused(w, r, v, view, err)
	}
	return seeOther(w, r, "/people/"+url.PathEscape(string(u.ID))+"?said=person-added")
}

func (s *Server) showEditPerson(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, err := s.personFormView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, personFormPage(v.page, view))
}

// editPerson changes what a person has by hand. What somebody else has changed since the form was shown is not lost: the form is
// refused, and shown again with what is there now beside what was written.
func (s *Server) editPerson(w http.ResponseWriter, r *http.Request, v visit) error {
	view, u, err := s.personFormView(r, &v)
	if err != nil {
		return err
	}
	now := view.Form
	view.Form = personForm(u.Attributes)
	view.Form.sent(r)
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil || version < 1 {
		return unreadable()
	}
	if view.Form.value("user-name") == "" {
		view.Form.blame("user-name", "Give a user name.")
		return s.render(w, r, http.StatusUnprocessableEntity, personFormPage(v.page, view))
	}
	_, err = s.Operator.ChangeUser(r.Context(), v.who, view.ID, version, func(o scim.Object) scim.Object {
		if changed, err := view.written(o.Clone()); err == nil {
			return changed
		}
		return o
	})
	if errors.Is(err, lockstep.ErrVersion) {
		for i, f := range now.Fields {
			if e := &view.Form.Fields[i]; e.Value != f.Value {
				e.Error = "Somebody has changed this person meanwhile. It is now: " + orNothing(f.Value)
			}
		}
		view.Form.Wrong = []string{"Somebody has changed this person since you opened the form. Look at the fields and save again."}
		return s.render(w, r, http.StatusConflict, personFormPage(v.page, view))
	}
	if err != nil {
		return s.personRefused(w, r, v, view, err)
	}
	return seeOther(w, r, "/people/"+url.PathEscape(view.ID)+"?said=saved")
}

func orNothing(text string) string {
	if text == "" {
		return "nothing."
	}
	return text + "."
}

// personRefused shows the form again with what is wrong.
func (s *Server) personRefused(w http.ResponseWriter, r *http.Request, v visit, view personFormView, err error) error {
	if lockstep.CodeOf(err) == lockstep.CodeConflict {
		view.Form.blame("user-name", sentenceOf(err))
	} else if err := view.Form.wrong(err); err != nil {
		return err
	}
	return s.render(w, r, http.StatusUnprocessableEntity, personFormPage(v.page, view))
}

func (s *Server) personFormView(r *http.Request, v *visit) (personFormView, directory.User, error) {
	u, err := s.Operator.UserByID(r.Context(), v.who, lockstep.UserID(r.PathValue("id")))
	if err == nil && !u.Deleted.IsZero() {
		err = &lockstep.Error{Code: lockstep.CodeConflict, Detail: "This person is deleted: restore them first."}
	}
	if err != nil {
		return personFormView{}, u, err
	}
	view := personFormView{ID: string(u.ID), Name: displayName(u), Version: u.Version, Form: personForm(u.Attributes)}
	jobs, err := s.Operator.ListJobs(r.Context(), v.who)
	if err != nil {
		return view, u, err
	}
	if view.Origins, err = s.origins(r.Context(), v.who, jobs, u.ID); err != nil {
		return view, u, err
	}
	v.page.Title, v.page.Nav = "Change "+view.Name, "/people"
	return view, u, nil
}

// deletePerson deletes a person, restorably.
func (s *Server) deletePerson(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	if _, err := s.Operator.UserByID(r.Context(), v.who, lockstep.UserID(id)); err != nil {
		return err
	}
	if err := s.Operator.DeleteUser(r.Context(), v.who, id, false); err != nil {
		return err
	}
	return seeOther(w, r, "/people/"+url.PathEscape(id))
}
