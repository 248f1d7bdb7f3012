package console

import (
	"cmp"
	"net/http"
	"strings"

	"lockstep"
	"lockstep/operate"
)

// administratorsView is who has a role, and the local owners.
type administratorsView struct {
	Said   string
	All    []operate.Administrator
	Owners []operate.LocalOwner
	Roles  []operate.RoleBundle
	Form   form // of a new administrator
	Owner  form // of a new local owner
	May    bool // something can be changed here
	Every  bool // whoever looks may do everything, and so make owners
	Own    string
}

func (s *Server) administratorsView(r *http.Request, v *visit) (administratorsView, error) {
	v.page.Title, v.page.Nav = "Administrators", "/settings"
	view := administratorsView{
		Said: said(r), Roles: operate.Roles(), May: v.who.May(operate.AdminsWrite) == nil, Every: v.who.May("*:*") == nil, Own: v.who.Person.Owner,
	}
	var err error
	if view.All, err = s.Operator.Administrators(r.Context(), v.who); err != nil {
		return view, err
	}
	if view.Owners, err = s.Operator.LocalOwners(r.Context(), v.who); err != nil {
		return view, err
	}
	jobs, err := s.jobsOf(r, *v)
	if err != nil {
		return view, err
	}
	view.Form, view.Owner = administratorForm(jobs), ownerForm()
	return view, nil
}

// jobsOf are the apps and sources that whoever looks may see.
func (s *Server) jobsOf(r *http.Request, v visit) ([]choice, error) {
	if v.who.May(operate.AppsRead) != nil {
		return nil, nil
	}
	all, err := s.Operator.ListJobs(r.Context(), v.who)
	var out []choice
	for _, j := range all {
		out = append(out, choice{Value: j.Slug, Word: j.Name})
	}
	return out, err
}

func administratorForm(jobs []choice) form {
	var roles []choice
	for _, one := range operate.Roles() {
		roles = append(roles, choice{string(one.Role), one.Name, one.Help})
	}
	return form{Fields: []field{
		{Name: "kind", Label: "Who", Kind: selectField, Value: "user", Choices: []choice{{"user", "One person", ""}, {"group", "Everybody in a group", ""}}},
		{Name: "who", Label: "Person or group", Required: true, Hint: "ada@acme.example", Help: "The user name or e-mail address of a person, or the name of a group. Who comes into the group later has the role, too."},
		{Name: "role", Label: "Role", Kind: choiceField, Value: string(operate.RoleOperator), Choices: roles},
		{Name: "apps", Label: "Apps and sources", Hint: "webex, hr", Suggest: jobs, Help: "Only of an app operator: short names, divided by commas."},
	}}
}

func ownerForm() form {
	return form{Fields: []field{
		{Name: "name", Label: "Name", Required: true, Hint: "owner", Help: "They sign in to the console with it. No identity provider has a say."},
		{Name: "password", Label: "Password", Kind: secretField, Hashed: true, Required: true, Help: "At least 12 characters."},
	}}
}

func (s *Server) administrators(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.administratorsView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, administratorsPage(v.page, view))
}

func (s *Server) addAdministrator(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.administratorsView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	in := operate.NewAdministrator{Role: operate.Role(view.Form.value("role"))}
	for name := range strings.SplitSeq(view.Form.value("apps"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			in.Apps = append(in.Apps, name)
		}
	}
	switch who := view.Form.value("who"); {
	case who == "":
		view.Form.get("who").Error = "Say who it is."
	case view.Form.value("kind") == "group":
		in.Group = who
	default:
		in.User = who
	}
	if in.Role == "" {
		view.Form.get("role").Error = "Choose one."
	}
	if !view.Form.faulty() {
		if _, err = s.Operator.AddAdministrator(r.Context(), v.who, in); err == nil {
			return seeOther(w, r, "/settings/administrators?said=administrator-added")
		}
		if asksAgain(err) {
			return err
		}
		if lockstep.CodeOf(err) == lockstep.CodeNotFound {
			view.Form.blame(cmp.Or(fieldOf(err), "who"), sentenceOf(err))
		} else if lockstep.CodeOf(err) == lockstep.CodeAuthForbidden && v.who.Visits() {
			view.Form.Wrong = append(view.Form.Wrong, sentenceOf(err))
		} else if lockstep.CodeOf(err) == lockstep.CodeAuthForbidden {
			view.Form.Wrong = append(view.Form.Wrong, "You cannot give a role that can do more than you.")
		} else if err := view.Form.wrong(err); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusUnprocessableEntity, administratorsPage(v.page, view))
}

func (s *Server) removeAdministrator(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Operator.RemoveAdministrator(r.Context(), v.who, r.PathValue("id")); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, "/settings/administrators?said=administrator-removed")
}

func (s *Server) addOwner(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.administratorsView(r, &v)
	if err != nil {
		return err
	}
	view.Owner.sent(r)
	if _, err = s.Operator.AddOwner(r.Context(), v.who, view.Owner.value("name"), view.Owner.value("password")); err == nil {
		return seeOther(w, r, "/settings/administrators?said=owner-added")
	}
	if asksAgain(err) {
		return err
	}
	if err := view.Owner.wrong(err); err != nil {
		return err
	}
	return s.render(w, r, http.StatusUnprocessableEntity, administratorsPage(v.page, view))
}

func (s *Server) setOwnerPassword(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Operator.SetOwnerPassword(r.Context(), v.who, r.PathValue("id"), r.PostFormValue("password")); err != nil {
		return err
	}
	if v.who.Person.Owner == r.PathValue("id") {
		return seeOther(w, r, "/enter")
	}
	return seeOther(w, r, "/settings/administrators?said=owner-changed")
}

func (s *Server) removeOwner(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Operator.RemoveOwner(r.Context(), v.who, r.PathValue("id")); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, "/settings/administrators?said=owner-removed")
}
