package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/words"
)

// groupBringsView is where a group brings its members.
type groupBringsView struct {
	Head   groupHead
	Apps   []brought
	Free   []choice // apps and roles to which it can be assigned
	Drafts bool     // an app of these runs, so that a draft makes sense
	Error  string
}

// brought is what a group brings to an app.
type brought struct {
	Name, Href, Slug string
	Role             string
	Excluded         bool // the role keeps from being provisioned
	Nested           bool // members of groups within it, too
	Sent             bool // the group itself is sent
	Count            int  // people
	More             bool // there are more than were looked at
	Shows            []broughtShow
	Show             string
	People           []linkRow
	Rest             int // of these, what is not shown
}

// broughtShow is one way in which people stand at an app, with how many.
type broughtShow struct {
	Name string
	N    int
	words.Outcome
}

// broughtMost is how many people of a group are looked at, and broughtRows how many are shown.
const (
	broughtMost = 20_000
	broughtRows = 50
)

// broughtShows are the ways, in the order of the page. Each person is in one.
var broughtShows = []broughtShow{
	{"in", 0, words.Outcome{Sign: "⇄", Word: "in scope", Tone: "link"}},
	{"failing", 0, words.Outcome{Sign: "▲", Word: "in conflict, or failing", Tone: "failed"}},
	{"out", 0, words.Outcome{Sign: "○", Word: "left out", Tone: "skip"}},
	{"unmet", 0, words.Outcome{Sign: "…", Word: "not looked at yet", Tone: "skip"}},
}

// broughtAs is the way in which a person stands.
func broughtAs(l plan.Link) string {
	switch {
	case l.Code != "":
		return "failing"
	case l.Verdict.In:
		return "in"
	}
	return "out"
}

// jobAssignment is an app that a group is assigned to.
type jobAssignment struct {
	Job provision.Job
	As  operate.Assigned
}

// assignedTo are the apps that a group is assigned to, as far as whoever looks may see them.
func (s *Server) assignedTo(ctx context.Context, p operate.Principal, id string) ([]jobAssignment, error) {
	jobs, err := s.jobsSeen(ctx, p)
	if err != nil {
		return nil, err
	}
	var all []jobAssignment
	for _, j := range jobs {
		if j.App == "" {
			continue
		}
		assigned, err := s.Operator.Assignments(ctx, p, j.Slug)
		if err != nil {
			return nil, err
		}
		for _, a := range assigned {
			if a.To == id {
				all = append(all, jobAssignment{j, a})
			}
		}
	}
	return all, nil
}

func (s *Server) groupBrings(w http.ResponseWriter, r *http.Request, v visit) error {
	return s.showBrings(w, r, v, http.StatusOK, "")
}

func (s *Server) showBrings(w http.ResponseWriter, r *http.Request, v visit, status int, wrong string) error {
	h, _, err := s.openGroup(r, &v, "apps")
	if err != nil {
		return err
	}
	view := groupBringsView{Head: h, Error: wrong}
	all, err := s.assignedTo(r.Context(), v.who, h.ID)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	for _, a := range all {
		show := ""
		if q.Get("app") == a.Job.Slug {
			show = q.Get("show")
		}
		one, err := s.broughtTo(r.Context(), v.who, h.ID, a, show)
		if err != nil {
			return err
		}
		view.Apps = append(view.Apps, one)
	}
	if !h.Deleted {
		if view.Free, view.Drafts, err = s.assignable(r.Context(), v.who, all); err != nil {
			return err
		}
	}
	return s.render(w, r, status, groupBringsPage(v.page, view))
}

// broughtTo counts how the people of a group stand at an app, and lists those of one way.
func (s *Server) broughtTo(ctx context.Context, p operate.Principal, group string, a jobAssignment, show string) (brought, error) {
	out := brought{Name: jobOf(a.Job, s.now()).Name, Href: jobHref(a.Job), Slug: a.Job.Slug, Nested: a.Job.Policy.Nested, Sent: a.Job.Policy.Groups, Show: show, Shows: slices.Clone(broughtShows)}
	app, err := s.Operator.App(ctx, p, a.Job.Slug)
	if err != nil {
		return out, err
	}
	role := assignmentRowOf(app, a.As)
	out.Role, out.Excluded = role.RoleName, role.Excluded
	ids, more, err := s.Operator.PeopleWithin(ctx, p, group, out.Nested, broughtMost)
	if err != nil {
		return out, err
	}
	out.Count, out.More = len(ids), more
	stands, err := s.standsAt(ctx, p, a.Job, ids)
	if err != nil {
		return out, err
	}
	for i := range out.Shows {
		out.Shows[i].N = len(stands[out.Shows[i].Name])
	}
	if !slices.ContainsFunc(broughtShows, func(b broughtShow) bool { return b.Name == show }) {
		out.Show = "in"
		for _, name := range []string{"failing", "out"} { // what may need somebody comes first
			if len(stands[name]) > 0 {
				out.Show = name
				break
			}
		}
	}
	links := stands[out.Show]
	out.Rest = max(0, len(links)-broughtRows)
	links = links[:len(links)-out.Rest]
	names := map[string]string{}
	if out.Show == "unmet" { // whom no link names
		people, err := s.Operator.UsersByID(ctx, p, idsOf(links))
		if err != nil {
			return out, err
		}
		for _, u := range people {
			names[string(u.ID)] = displayName(u)
		}
	}
	for _, l := range links {
		row := linkRowOf(a.Job, l)
		if out.Show == "unmet" {
			row.Name = cmp.Or(names[l.Source.ID], row.Name)
			row.State, row.Why = words.Outcome{Sign: "…", Word: "not looked at yet", Tone: "skip"}, "The next cycle looks at them."
		}
		row.Href = "/people/" + url.PathEscape(l.Source.ID)
		out.People = append(out.People, row)
	}
	return out, nil
}

func idsOf(links []plan.Link) []lockstep.UserID {
	ids := make([]lockstep.UserID, len(links))
	for i, l := range links {
		ids[i] = lockstep.UserID(l.Source.ID)
	}
	return ids
}

// standsAt are the links of people at an app by how they stand, each by name.
func (s *Server) standsAt(ctx context.Context, p operate.Principal, j provision.Job, ids []string) (map[string][]plan.Link, error) {
	stands := map[string][]plan.Link{}
	const batch = 500
	for part := range slices.Chunk(ids, batch) {
		links, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: connection.UserType, Sources: part, Outline: true, Limit: batch})
		if err != nil {
			return nil, err
		}
		met := map[string]bool{}
		for _, l := range links {
			met[l.Source.ID] = true
			stands[broughtAs(l)] = append(stands[broughtAs(l)], l)
		}
		for _, id := range part {
			if !met[id] {
				stands["unmet"] = append(stands["unmet"], plan.Link{Source: connection.Ref{Type: connection.UserType, ID: id}})
			}
		}
	}
	for _, all := range stands {
		slices.SortStableFunc(all, func(a, b plan.Link) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	}
	return stands, nil
}

// assignable are the apps, each with its roles, that a group can be assigned to, and whether one of them runs.
func (s *Server) assignable(ctx context.Context, p operate.Principal, already []jobAssignment) (free []choice, runs bool, err error) {
	jobs, err := s.jobsSeen(ctx, p)
	if err != nil {
		return nil, false, err
	}
	for _, j := range jobs {
		if j.App == "" || p.MayApp(operate.AppsWrite, j.Slug) != nil || slices.ContainsFunc(already, func(a jobAssignment) bool { return a.Job.ID == j.ID }) {
			continue
		}
		app, err := s.Operator.App(ctx, p, j.Slug)
		if err != nil {
			return nil, false, err
		}
		runs = runs || !j.Draft()
		name := jobOf(j, s.now()).Name
		for _, role := range app.Roles {
			word := name + ", as " + role.Name
			if role.Exclude {
				word += " (not provisioned)"
			}
			free = append(free, choice{j.Slug + "|" + role.Value, word, ""})
		}
		if len(app.Roles) == 0 {
			free = append(free, choice{j.Slug + "|", name, ""})
		}
	}
	return free, runs, nil
}

// assignGroup assigns a group to an app, or writes that into the app's draft.
func (s *Server) assignGroup(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, err := s.openGroup(r, &v, "apps")
	if err != nil {
		return err
	}
	slug, role, ok := strings.Cut(r.PostFormValue("to"), "|")
	if !ok || slug == "" {
		return s.showBrings(w, r, v, http.StatusUnprocessableEntity, "Choose an app.")
	}
	j, err := s.Operator.Job(r.Context(), v.who, slug)
	if err != nil {
		return err
	}
	if r.PostFormValue("do") == "draft" {
		_, err = s.Operator.DraftAssign(r.Context(), v.who, j.Slug, operate.AnyRevision, []operate.DraftAssignment{{Group: h.ID, Role: role}})
		if err == nil {
			return seeOther(w, r, jobHref(j)+"/draft?said=drafted")
		}
	} else {
		_, err = s.Operator.Assign(r.Context(), v.who, j.Slug, "", h.ID, role)
		if err == nil {
			return seeOther(w, r, h.Href+"/apps?said=assigned")
		}
	}
	if code := lockstep.CodeOf(err); code == lockstep.CodeInvalid || code == lockstep.CodeNotFound || code == lockstep.CodeConflict {
		return s.showBrings(w, r, v, http.StatusUnprocessableEntity, sentenceOf(err))
	}
	return err
}
