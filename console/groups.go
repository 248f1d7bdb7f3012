package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/token"
	"lockstep/web"
)

// groupPages are the pages about the directory's groups.
func (s *Server) groupPages(handle func(string, web.Handler)) {
	handle("GET /groups", s.in(s.groups))
	handle("GET /groups/add", s.in(s.showNewGroup))
	handle("POST /groups/add", s.in(s.newGroup))
	handle("GET /groups/{id}", s.in(s.group))
	handle("POST /groups/{id}/members", s.in(s.changeMembers))
	handle("GET /groups/{id}/add", s.in(s.showAddMembers))
	handle("GET /groups/{id}/apps", s.in(s.groupBrings))
	handle("POST /groups/{id}/apps", s.in(s.assignGroup))
	handle("GET /groups/{id}/edit", s.in(s.showEditGroup))
	handle("POST /groups/{id}/edit", s.in(s.editGroup))
	handle("POST /groups/{id}/delete", s.in(s.deleteGroup))
	handle("POST /groups/{id}/restore", s.in(s.restoreGroup))
}

// groupsView is a page of the directory's groups.
type groupsView struct {
	Said   string
	Search directory.GroupSearch
	Owners []choice
	Apps   []choice
	Groups []groupRow
	Total  int
	Next   string
	Paged  bool
	Adds   bool // whoever looks may add one
}

type groupRow struct {
	Name, Href, External string
	Members              int
	Owners               []string
}

const groupRows = 100

// narrowed reports whether not all groups are meant.
func (v groupsView) narrowed() bool {
	return v.Search.Text != "" || v.Search.Owner != "" || v.Search.App != ""
}

// href is the address of the page with this filter, further on.
func (v groupsView) href(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Search.Text, "from": v.Search.Owner, "app": string(v.Search.App), "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/groups"
	}
	return "/groups?" + q.Encode()
}

// groups lists the directory's groups: those that have a text in their name, that somebody has brought, that are assigned to an app.
func (s *Server) groups(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := groupsView{Said: said(r), Paged: q.Get("after") != "", Adds: v.who.May(operate.PeopleWrite) == nil, Search: directory.GroupSearch{
		Text: strings.TrimSpace(q.Get("q")), Owner: q.Get("from"), App: lockstep.AppID(q.Get("app")), After: q.Get("after"), Limit: groupRows,
	}}
	if len(view.Search.Text) > 320 || len(view.Search.Owner) > 100 || len(view.Search.App) > 100 || len(view.Search.After) > 2000 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The groups have no such view."}
	}
	found, err := s.Operator.FindGroups(r.Context(), v.who, view.Search)
	if err != nil {
		return err
	}
	for _, g := range found.Groups {
		row := groupRow{Name: g.Attributes.Text("displayName"), External: g.Attributes.Text("externalId"), Href: groupHref(string(g.ID)), Members: g.Members}
		for _, c := range g.Claims {
			row.Owners = append(row.Owners, ownerName(c))
		}
		view.Groups = append(view.Groups, row)
	}
	if view.Total = found.Total; found.Next != "" {
		view.Next = view.href(found.Next)
	}
	if view.Owners, view.Apps, err = s.groupFilters(r.Context(), v.who); err != nil {
		return err
	}
	v.page.Title, v.page.Nav = "Groups", "/groups"
	return s.render(w, r, http.StatusOK, groupsPage(v.page, view))
}

// ownerName is who has a group, in a sentence that goes on from “from”.
func ownerName(c directory.Claim) string {
	if c.Owner == directory.ByHand {
		return "by hand"
	}
	return strings.TrimPrefix(c.String(), "by ")
}

func groupHref(id string) string { return "/groups/" + url.PathEscape(id) }

// groupFilters are who can have brought a group, and the apps to which one can be assigned, as far as whoever looks may know of them.
func (s *Server) groupFilters(ctx context.Context, p operate.Principal) (owners, apps []choice, err error) {
	owners, apps = []choice{{"", "anybody", ""}}, []choice{{"", "any app, or none", ""}}
	jobs, err := s.jobsSeen(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	for _, j := range jobs {
		if j.Direction == provision.Inbound {
			owners = append(owners, choice{string(j.ID), jobOf(j, s.now()).Name, ""})
		} else if j.App != "" {
			apps = append(apps, choice{string(j.App), jobOf(j, s.now()).Name, ""})
		}
	}
	if p.May(operate.TokensRead) == nil {
		all, err := s.Operator.ListTokens(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range all {
			if e.Kind == token.KindSCIM {
				owners = append(owners, choice{directory.SCIMOwner + string(e.ID), "SCIM client " + e.Name, ""})
			}
		}
	}
	return append(owners, choice{directory.ByHand, "an administrator, by hand", ""}), apps, nil
}

// jobsSeen are the apps and sources that whoever looks may see; none is no error.
func (s *Server) jobsSeen(ctx context.Context, p operate.Principal) ([]provision.Job, error) {
	if p.May(operate.AppsRead) != nil {
		return nil, nil
	}
	return s.Operator.ListJobs(ctx, p)
}

// groupHead is what every page of a group begins with.
type groupHead struct {
	ID, Name, Href string
	Members        int
	Deleted        bool
	Owners         []string // who has it, when that is not an administrator
	Hand           bool     // nobody but administrators has it, and whoever looks may change it
	Tabs           []tab
	Said           string
}

// openGroup finds the group of the address.
func (s *Server) openGroup(r *http.Request, v *visit, here string) (groupHead, directory.Group, error) {
	id := r.PathValue("id")
	if !lockstep.ValidID(id) {
		return groupHead{}, directory.Group{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such group in the directory."}
	}
	g, err := s.Operator.Group(r.Context(), v.who, id, true)
	if err != nil {
		return groupHead{}, g, err
	}
	claims, err := s.Operator.Claims(r.Context(), v.who, directory.GroupKind, id)
	if err != nil {
		return groupHead{}, g, err
	}
	h := groupHead{ID: id, Name: g.Attributes.Text("displayName"), Href: groupHref(id), Deleted: !g.Deleted.IsZero(), Said: said(r)}
	for _, c := range claims {
		if c.Owner != directory.ByHand {
			h.Owners = append(h.Owners, ownerName(c))
		}
	}
	h.Hand = len(h.Owners) == 0 && !h.Deleted && v.who.May(operate.PeopleWrite) == nil
	tabs := []tab{{Word: "Members"}, {Word: "What it brings", Href: "apps"}}
	if h.Hand {
		tabs = append(tabs, tab{Word: "Add members", Href: "add"}, tab{Word: "Change", Href: "edit"})
	}
	for _, t := range tabs {
		t.Here, t.Href = t.Href == here, strings.TrimSuffix(h.Href+"/"+t.Href, "/")
		h.Tabs = append(h.Tabs, t)
	}
	v.page.Title, v.page.Nav = h.Name, "/groups"
	return h, g, nil
}

// byHand refuses to change a group that a source or a SCIM client has.
func (h groupHead) byHand(v visit) error {
	switch {
	case v.who.May(operate.PeopleWrite) != nil:
		return v.who.May(operate.PeopleWrite)
	case h.Deleted:
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "This group is deleted: restore it first."}
	case len(h.Owners) > 0:
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "This group comes from " + strings.Join(h.Owners, " and ") + ": change it there. What was changed here would be undone."}
	}
	return nil
}

// groupView is who is in a group.
type groupView struct {
	Head   groupHead
	Search picked
	Groups []who
	People []personRow
	Notice string
	Next   string
	Paged  bool
	Facts  []setting
}

// groupMembers is how many people a page of a group lists.
const groupMembers = 100

func (s *Server) group(w http.ResponseWriter, r *http.Request, v visit) error {
	h, g, err := s.openGroup(r, &v, "")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	view := groupView{Head: h, Paged: q.Get("after") != "", Search: picked{ID: "members", Label: "Find a member by a part of a name or address", Hint: "Part of a name or address", Text: strings.TrimSpace(q.Get("q"))}}
	if len(view.Search.Text) > 320 || len(q.Get("after")) > 1000 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The group has no such view."}
	}
	if id := g.Attributes.Text("externalId"); id != "" {
		view.Facts = append(view.Facts, setting{"External id", id})
	}
	found, err := s.Operator.FindMembers(r.Context(), v.who, h.ID, operate.Search{Text: view.Search.Text, After: q.Get("after"), Limit: groupMembers})
	if err != nil {
		return err
	}
	for _, n := range found.Groups {
		view.Groups = append(view.Groups, who{Name: n.Attributes.Text("displayName"), Href: groupHref(string(n.ID)), Detail: string(n.ID)})
	}
	view.People, view.Notice = personRows(found.Users), found.Notice
	if found.Next != "" {
		more := url.Values{"after": {found.Next}}
		if view.Search.Text != "" {
			more.Set("q", view.Search.Text)
		}
		view.Next = h.Href + "?" + more.Encode()
	}
	return s.render(w, r, http.StatusOK, groupPage(v.page, view))
}

// changeMembers puts people and groups into a group, or takes them out.
func (s *Server) changeMembers(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, err := s.openGroup(r, &v, "")
	if err == nil {
		err = h.byHand(v)
	}
	if err != nil {
		return err
	}
	var c operate.MemberChange
	users, groups := &c.AddUsers, &c.AddGroups
	word := "members-added"
	if r.PostFormValue("do") == "remove" {
		users, groups, word = &c.RemoveUsers, &c.RemoveGroups, "members-removed"
	}
	for _, one := range r.PostForm["id"] {
		kind, id, _ := strings.Cut(one, ":")
		switch kind {
		case "user":
			*users = append(*users, id)
		case "group":
			*groups = append(*groups, id)
		default:
			return unreadable()
		}
	}
	if len(*users)+len(*groups) == 0 {
		return seeOther(w, r, h.Href+"?said=nobody-ticked")
	}
	if err := s.Operator.ChangeMembers(r.Context(), v.who, h.ID, c); err != nil {
		return err
	}
	return seeOther(w, r, h.Href+"?said="+word)
}

// addMembersView is the search for whom to put into a group.
type addMembersView struct {
	Head   groupHead
	Search picked
	Found  []option
	Notice string
}

func (s *Server) showAddMembers(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, err := s.openGroup(r, &v, "add")
	if err == nil {
		err = h.byHand(v)
	}
	if err != nil {
		return err
	}
	view := addMembersView{Head: h, Search: picked{ID: "found", Label: "Find people and groups by a part of a name or address", Hint: "Part of a name or address", Text: strings.TrimSpace(r.URL.Query().Get("q"))}}
	if view.Found, view.Notice, err = s.find(r, v, view.Search.Text); err != nil {
		return err
	}
	view.Found = slices.DeleteFunc(view.Found, func(o option) bool { return o.Value == "group:"+h.ID })
	return s.render(w, r, http.StatusOK, addMembersPage(v.page, view))
}

// groupFormView is a group that is added or changed by hand.
type groupFormView struct {
	Head groupHead // without an ID it is a new one
	Form form
	Was  string   // its name when the form was made
	Apps []string // to which it is assigned
}

func groupForm(name string) form {
	return form{Fields: []field{{Name: "name", Label: "Name", Required: true, Value: name}}}
}

// named reads the form, and reports whether the name can be one.
func (v *groupFormView) named(r *http.Request) (string, bool) {
	v.Form.sent(r)
	name := v.Form.value("name")
	if name == "" || len(name) > 320 {
		v.Form.get("name").Error = "Give it a name of at most 320 letters."
		return "", false
	}
	return name, true
}

func (s *Server) showNewGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a group", "/groups"
	return s.render(w, r, http.StatusOK, groupFormPage(v.page, groupFormView{Form: groupForm("")}))
}

func (s *Server) newGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a group", "/groups"
	view := groupFormView{Form: groupForm("")}
	if name, ok := view.named(r); ok {
		free, err := s.nameFree(r.Context(), v.who, name, "")
		if err != nil {
			return err
		}
		if free {
			g, err := s.Operator.CreateGroup(r.Context(), v.who, scim.Object{{Name: "displayName", Value: name}})
			if err == nil {
				return seeOther(w, r, groupHref(string(g.ID))+"/add?said=group-added")
			}
			if err := view.Form.wrong(err); err != nil {
				return err
			}
		} else {
			view.Form.get("name").Error = "There is a group of this name already."
		}
	}
	return s.render(w, r, http.StatusUnprocessableEntity, groupFormPage(v.page, view))
}

// nameFree reports whether no other group has the name.
func (s *Server) nameFree(ctx context.Context, p operate.Principal, name, except string) (bool, error) {
	g, err := s.Operator.Group(ctx, p, name, false)
	switch lockstep.CodeOf(err) {
	case lockstep.CodeNotFound:
		return true, nil
	case lockstep.CodeConflict:
		return false, nil
	}
	return err == nil && (string(g.ID) == except || !strings.EqualFold(g.Attributes.Text("displayName"), name)), err
}

func (s *Server) groupFormView(r *http.Request, v *visit) (groupFormView, error) {
	h, _, err := s.openGroup(r, v, "edit")
	if err == nil {
		err = h.byHand(*v)
	}
	if err != nil {
		return groupFormView{}, err
	}
	view := groupFormView{Head: h, Form: groupForm(h.Name), Was: h.Name}
	all, err := s.assignedTo(r.Context(), v.who, h.ID)
	for _, a := range all {
		view.Apps = append(view.Apps, jobOf(a.Job, s.now()).Name)
	}
	return view, err
}

func (s *Server) showEditGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.groupFormView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, groupFormPage(v.page, view))
}

// editGroup gives a group another name, unless somebody else has given it one since the form was shown.
func (s *Server) editGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.groupFormView(r, &v)
	if err != nil {
		return err
	}
	status := http.StatusUnprocessableEntity
	if name, ok := view.named(r); ok {
		free, err := s.nameFree(r.Context(), v.who, name, view.Head.ID)
		switch {
		case err != nil:
			return err
		case r.PostFormValue("was") != view.Was:
			view.Form.get("name").Error = "Somebody has changed it meanwhile. It is now: " + view.Was
			status = http.StatusConflict
		case !free:
			view.Form.get("name").Error = "There is a group of this name already."
		default:
			_, err := s.Operator.ChangeGroup(r.Context(), v.who, view.Head.ID, func(o scim.Object) scim.Object {
				o.Set("displayName", name)
				return o
			})
			if err == nil {
				return seeOther(w, r, view.Head.Href+"/edit?said=saved")
			}
			if err := view.Form.wrong(err); err != nil {
				return err
			}
		}
	}
	return s.render(w, r, status, groupFormPage(v.page, view))
}

// deleteGroup deletes a group, restorably.
func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, err := s.openGroup(r, &v, "")
	if err == nil {
		err = h.byHand(v)
	}
	if err != nil {
		return err
	}
	if err := s.Operator.DeleteGroup(r.Context(), v.who, h.ID, false); err != nil {
		return err
	}
	return seeOther(w, r, h.Href+"?said=group-deleted")
}

func (s *Server) restoreGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, err := s.openGroup(r, &v, "")
	if err != nil {
		return err
	}
	if _, err := s.Operator.RestoreGroup(r.Context(), v.who, h.ID); err != nil {
		return err
	}
	return seeOther(w, r, h.Href)
}
