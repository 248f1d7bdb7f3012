package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/rule"
)

// assignmentsView is who is assigned to an app, and the search for more.
type assignmentsView struct {
	Head   head
	Said   string
	Error  string
	Rows   []assignmentRow
	Roles  []choice
	Search string
	Found  []option
	Notice string
	Leave  string // what happens to whom an assignment is taken from
	Every  bool   // everybody is in scope, assigned or not
	Groups bool   // group objects are sent, too
	Drafts bool   // the app runs, so that a draft makes sense
}

type assignmentRow struct {
	ID, Name, Href, Kind string
	Role, RoleName       string
	Excluded             bool // the role keeps from being provisioned
}

// option is something to choose.
type option struct {
	Value, Name, Detail, Kind string
	Chosen                    bool
}

// foundRows is how many people and how many groups a search shows.
const foundRows = 20

func (s *Server) showAssignments(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.assignments(w, r, v, http.StatusOK, "")
}

// assignments shows the page, with what is wrong about the last wish.
func (s *Server) assignments(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	j, h, err := s.open(r, &v, "/assignments", "users and groups")
	if err != nil {
		return err
	}
	view := assignmentsView{Head: h, Said: said(r), Error: wrong, Search: strings.TrimSpace(r.FormValue("q")), Every: j.Policy.Everyone, Groups: j.Policy.Groups, Drafts: !j.Draft()}
	view.Leave = leaveWords(j.Policy.OnLeave)
	app, err := s.Operator.App(r.Context(), v.who, j.Slug)
	if err != nil {
		return err
	}
	for _, role := range app.Roles {
		c := choice{Value: role.Value, Word: role.Name}
		if role.Exclude {
			c.Word += " (not provisioned)"
		}
		view.Roles = append(view.Roles, c)
	}
	all, err := s.Operator.Assignments(r.Context(), v.who, j.Slug)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, a := range all {
		there[a.To] = true
		view.Rows = append(view.Rows, assignmentRowOf(app, a))
	}
	slices.SortStableFunc(view.Rows, func(a, b assignmentRow) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	if view.Found, view.Notice, err = s.find(r, v, view.Search); err != nil {
		return err
	}
	chosen := r.Form["to"]
	view.Found = slices.DeleteFunc(view.Found, func(o option) bool { _, id, _ := strings.Cut(o.Value, ":"); return there[id] })
	for i := range view.Found {
		view.Found[i].Chosen = slices.Contains(chosen, view.Found[i].Value)
	}
	return s.render(w, r, status, assignmentsPage(v.page, view))
}

func assignmentRowOf(app directory.App, a operate.Assigned) assignmentRow {
	row := assignmentRow{ID: string(a.ID), Name: cmp.Or(a.Name, a.To), Kind: "Person", Href: "/people/" + url.PathEscape(a.To), Role: a.Role}
	if a.Kind == directory.GroupKind {
		row.Kind, row.Href = "Group", "/groups/"+url.PathEscape(a.To)
	}
	if row.Role == "" && len(app.Roles) > 0 {
		row.Role = app.Roles[0].Value
	}
	row.RoleName = row.Role
	for _, role := range app.Roles {
		if role.Value == row.Role {
			row.RoleName, row.Excluded = role.Name, role.Exclude
		}
	}
	return row
}

// find searches people and groups by a part of a name; without a text it shows the first of both.
func (s *Server) find(r *http.Request, v visit, text string) (found []option, notice string, err error) {
	if len(text) > 320 {
		return nil, "", nil
	}
	groups, _, err := s.Operator.Groups(r.Context(), v.who, operate.Search{Text: text, Limit: foundRows})
	if err != nil {
		return nil, "", err
	}
	people, err := s.Operator.Users(r.Context(), v.who, operate.Search{Text: text, Limit: foundRows})
	if err != nil {
		return nil, "", err
	}
	for _, u := range people.Users {
		found = append(found, option{Value: "user:" + string(u.ID), Name: displayName(u), Detail: u.Attributes.Text("userName"), Kind: "Person"})
	}
	for _, g := range groups {
		found = append(found, option{Value: "group:" + string(g.ID), Name: g.Attributes.Text("displayName"), Kind: "Group"})
	}
	return found, people.Notice, nil
}

func leaveWords(l rule.Leave) string {
	switch l {
	case rule.LeaveDelete:
		return "The account is deleted with the next plan."
	case rule.LeaveKeep:
		return "The account stays as it is and is looked after no more."
	case rule.LeaveDisable, "":
	}
	return "The account is disabled with the next plan."
}

// assign assigns whom the form names, or writes that into the app's draft.
func (s *Server) assign(w http.ResponseWriter, r *http.Request, v visit) error {
	role := r.PostFormValue("role")
	var all []operate.DraftAssignment
	for _, to := range r.PostForm["to"] {
		one := operate.DraftAssignment{Role: role}
		switch kind, id, _ := strings.Cut(to, ":"); kind {
		case "user":
			one.User = id
		case "group":
			one.Group = id
		default:
			return unreadable()
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return s.assignments(w, r, v, http.StatusUnprocessableEntity, "Tick people or groups in the list.")
	}
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	draft := r.PostFormValue("do") == "draft"
	if draft {
		_, err = s.Operator.DraftAssign(r.Context(), v.who, j.Slug, operate.AnyRevision, all)
	} else {
		for _, one := range all {
			if _, err = s.Operator.Assign(r.Context(), v.who, j.Slug, one.User, one.Group, role); err != nil {
				break
			}
		}
	}
	if code := lockstep.CodeOf(err); code == lockstep.CodeInvalid || code == lockstep.CodeNotFound || code == lockstep.CodeConflict {
		return s.assignments(w, r, v, http.StatusUnprocessableEntity, sentenceOf(err))
	}
	switch {
	case err != nil:
		return err
	case draft:
		return seeOther(w, r, jobHref(j)+"/draft?said=drafted")
	case r.PostFormValue("again") != "":
		return seeOther(w, r, jobHref(j)+"/assignments?said=role")
	}
	return seeOther(w, r, jobHref(j)+"/assignments?said=assigned")
}

func (s *Server) withdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if err := s.Operator.Withdraw(r.Context(), v.who, j.Slug, r.PathValue("id")); err != nil {
		return err
	}
	return seeOther(w, r, jobHref(j)+"/assignments?said=withdrawn")
}

// toID is the id of whom the assignment is for.
func (a assignmentRow) toID() string { return a.Href[strings.LastIndexByte(a.Href, '/')+1:] }
