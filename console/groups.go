package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/words"
)

// groupsView is a page of the directory's groups.
type groupsView struct {
	Search string
	Groups []groupRow
	Next   string
	Paged  bool
}

type groupRow struct {
	Name, Href, External string
}

const groupRows = 100

// groups lists the directory's groups, or those that have a text in their name.
func (s *Server) groups(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := groupsView{Search: strings.TrimSpace(q.Get("q")), Paged: q.Get("after") != ""}
	if after := q.Get("after"); after != "" && !lockstep.ValidID(after) || len(view.Search) > 320 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The address of this page holds an id that is none."}
	}
	found, next, err := s.Operator.Groups(r.Context(), v.who, operate.Search{Text: view.Search, After: q.Get("after"), Limit: groupRows})
	if err != nil {
		return err
	}
	for _, g := range found {
		view.Groups = append(view.Groups, groupRow{Name: g.Attributes.Text("displayName"), External: g.Attributes.Text("externalId"), Href: "/groups/" + url.PathEscape(string(g.ID))})
	}
	if next != "" {
		more := url.Values{"after": {next}}
		if view.Search != "" {
			more.Set("q", view.Search)
		}
		view.Next = "/groups?" + more.Encode()
	}
	v.page.Title, v.page.Nav = "Groups", "/groups"
	return s.render(w, r, http.StatusOK, groupsPage(v.page, view))
}

// groupView is one group: who is in it, and where it brings them.
type groupView struct {
	Name    string
	Facts   []setting
	Members []who
	More    bool
	Apps    []groupApp
}

// groupApp is an app that a group brings its members into.
type groupApp struct {
	who
	Role   string
	Nested bool // members of groups within it, too
	Sent   bool // the group itself is sent
}

// groupMembers is how many members the page lists.
const groupMembers = 200

func (s *Server) group(w http.ResponseWriter, r *http.Request, v visit) error {
	if !lockstep.ValidID(r.PathValue("id")) {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such group in the directory."}
	}
	g, err := s.Operator.Group(r.Context(), v.who, r.PathValue("id"), true)
	if err != nil {
		return err
	}
	view := groupView{Name: g.Attributes.Text("displayName")}
	if id := g.Attributes.Text("externalId"); id != "" {
		view.Facts = append(view.Facts, setting{"External id", id})
	}
	members, err := s.Operator.Members(r.Context(), v.who, string(g.ID), groupMembers+1)
	if err != nil {
		return err
	}
	if view.More = len(members) > groupMembers; view.More {
		members = members[:groupMembers]
	}
	for _, m := range members {
		one := who{Name: m.Name, Href: "/people/" + url.PathEscape(m.ID)}
		if m.Kind == directory.GroupKind {
			one.Href, one.Detail = "/groups/"+url.PathEscape(m.ID), "group"
		}
		view.Members = append(view.Members, one)
	}
	if view.Apps, err = s.groupApps(r.Context(), v.who, g); err != nil {
		return err
	}
	v.page.Title, v.page.Nav = view.Name, "/groups"
	return s.render(w, r, http.StatusOK, groupPage(v.page, view))
}

// groupApps are the apps that the group is assigned to.
func (s *Server) groupApps(ctx context.Context, p operate.Principal, g directory.Group) ([]groupApp, error) {
	jobs, err := s.Operator.ListJobs(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []groupApp
	for _, j := range jobs {
		if j.App == "" {
			continue
		}
		assigned, err := s.Operator.Assignments(ctx, p, j.Slug)
		if err != nil {
			return nil, err
		}
		for _, a := range assigned {
			if a.To == string(g.ID) {
				all = append(all, groupApp{who: who{Name: jobOf(j, s.now()).Name, Href: jobHref(j)}, Role: a.Role, Nested: j.Policy.Nested, Sent: j.Policy.Groups})
			}
		}
	}
	return all, nil
}

func (v groupView) count() string {
	if v.More {
		return "more than " + words.Number(len(v.Members))
	}
	return words.Number(len(v.Members))
}
