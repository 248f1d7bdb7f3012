package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/web"
	"lockstep/words"
)

// personView is one person: facts, and why they are or are not in each app.
type personView struct {
	SignIn  bool // there is something about how they sign in
	ID      string
	Name    string
	Said    string
	Active  bool
	History []auditRow // what was done with them, newest first
	Deleted time.Time
	Keeps   bool // a password can be set
	Facts   []setting
	Manager *who
	Groups  []who
	Origins []who // the sources they come from
	Apps    []personApp
}

// personApp is what one app makes of the person.
type personApp struct {
	Job     job
	Href    string
	Try     string // where it can be tried, and provisioned at once
	Assign  string // where they can be assigned; "" when that changes nothing
	In      bool
	Summary string
	Target  string
	Steps   []step
	Next    *row     // what the next cycle would do
	Problem *failure // why it cannot be told
	Lacks   string   // of a draft: what has to be given before anybody can tell
	Log     []row
}

// step is one of the five: import, scope, match, map, action.
type step struct {
	N       int
	Name    string
	OK      bool
	Last    bool // it tells what would be done, and is passed or not by nobody
	After   bool // an earlier step is where it stops
	Summary string
	Details []string
}

// personHistory is how many lines of the audit log the page shows.
const personHistory = 15

func (s *Server) person(w http.ResponseWriter, r *http.Request, v visit) error {
	id := lockstep.UserID(r.PathValue("id"))
	u, err := s.Operator.UserByID(r.Context(), v.who, id)
	if err != nil {
		return err
	}
	view := personView{ID: string(u.ID), Name: displayName(u), Active: u.Active, Deleted: u.Deleted, Facts: facts(u)}
	if view.Keeps, err = s.keepsPasswords(r.Context(), v.who); err != nil {
		return err
	}
	if view.Groups, err = s.groupsOf(r.Context(), v.who, id); err != nil {
		return err
	}
	if view.Manager, err = s.managerOf(r.Context(), v.who, u); err != nil {
		return err
	}
	claims, err := s.Operator.Claims(r.Context(), v.who, directory.UserKind, string(id))
	if err != nil {
		return err
	}
	for _, c := range claims {
		view.Facts = append(view.Facts, setting{"Claimed", c.Sentence()})
	}
	lines, err := s.Operator.AuditLog(r.Context(), v.who, audit.Query{ID: string(id), Limit: personHistory})
	if err != nil {
		return err
	}
	for _, l := range lines {
		view.History = append(view.History, auditRowOf(l.Event))
	}
	jobs, err := s.Operator.ListJobs(r.Context(), v.who)
	if err != nil {
		return err
	}
	if view.Origins, err = s.origins(r.Context(), v.who, jobs, id); err != nil {
		return err
	}
	var outbound []provision.Job
	for _, j := range jobs {
		if j.Direction == provision.Outbound {
			outbound = append(outbound, j)
		}
	}
	view.Said = said(r)
	view.SignIn = s.Operator.HasSignIn() && v.who.May(operate.SignInRead) == nil
	view.Apps = s.explainAll(r.Context(), v.who, outbound, id)
	v.page.Title, v.page.Nav = view.Name, "/people"
	return s.render(w, r, http.StatusOK, personPage(v.page, view))
}

// factNames are the attributes that the page shows, with their labels.
var factNames = []struct{ label, path string }{
	{"User name", "userName"}, {"Title", "title"}, {"User type", "userType"}, {"Language", "preferredLanguage"}, {"External id", "externalId"},
}

func facts(u directory.User) []setting {
	var all []setting
	add := func(name, value string) {
		if value != "" {
			all = append(all, setting{name, value})
		}
	}
	for _, f := range factNames {
		add(f.label, u.Attributes.Text(f.path))
	}
	add("Department", department(u))
	for _, list := range []struct{ label, name string }{{"E-mail", "emails"}, {"Phone", "phoneNumbers"}} {
		values, _ := u.Attributes.Get(list.name).(scim.List)
		for _, e := range values {
			if o, ok := e.(scim.Object); ok {
				label := list.label
				if typ := o.Text("type"); typ != "" {
					label += ", " + typ
				}
				add(label, o.Text("value"))
			}
		}
	}
	return all
}

// enterprise is the URN of the enterprise extension (RFC 7643 §4.3).
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func extension(u directory.User) scim.Object {
	o, _ := u.Attributes.Get(enterprise).(scim.Object)
	return o
}

func department(u directory.User) string { return extension(u).Text("department") }

func displayName(u directory.User) string {
	if name := u.Attributes.Text("displayName"); name != "" {
		return name
	}
	return u.Attributes.Text("userName")
}

func (s *Server) managerOf(ctx context.Context, p operate.Principal, u directory.User) (*who, error) {
	o, _ := extension(u).Get("manager").(scim.Object)
	manager, err := s.Operator.UserByID(ctx, p, lockstep.UserID(o.Text("value")))
	if lockstep.CodeOf(err) == lockstep.CodeNotFound || err == nil && !manager.Deleted.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &who{Name: displayName(manager), Href: "/people/" + string(manager.ID)}, nil
}

func (s *Server) groupsOf(ctx context.Context, p operate.Principal, id lockstep.UserID) ([]who, error) {
	groups, err := s.Operator.GroupsOf(ctx, p, id, 200)
	var names []who
	for _, g := range groups {
		names = append(names, who{Name: g.Attributes.Text("displayName"), Href: "/groups/" + string(g.ID)})
	}
	slices.SortFunc(names, func(a, b who) int { return strings.Compare(a.Name, b.Name) })
	return names, err
}

// origins are the sources that somebody comes from.
func (s *Server) origins(ctx context.Context, p operate.Principal, jobs []provision.Job, id lockstep.UserID) ([]who, error) {
	var all []who
	for _, j := range jobs {
		if j.Direction == provision.Outbound {
			continue
		}
		one, err := s.origin(ctx, p, j, id)
		if err != nil {
			return nil, err
		}
		if one != nil {
			all = append(all, *one)
		}
	}
	return all, nil
}

// origin is the source's own object of the person, nil when they do not come from this source.
func (s *Server) origin(ctx context.Context, p operate.Principal, j provision.Job, id lockstep.UserID) (*who, error) {
	links, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: "User", Targets: []string{string(id)}, Limit: 1})
	if err != nil || len(links) == 0 {
		return nil, err
	}
	return &who{Name: jobOf(j, s.now()).Name, Href: jobHref(j), Detail: links[0].Source.ID}, nil
}

// explainFor bounds how long the page waits for an application.
const explainFor = 10 * time.Second

// explainAll asks the engine about each job, at the same time: each may have to ask an application.
func (s *Server) explainAll(ctx context.Context, p operate.Principal, jobs []provision.Job, id lockstep.UserID) []personApp {
	ctx, cancel := context.WithTimeout(ctx, explainFor)
	defer cancel()
	apps := make([]personApp, len(jobs))
	var all sync.WaitGroup
	for i, j := range jobs {
		all.Go(func() { apps[i] = s.explain(ctx, p, j, connection.Ref{Type: "User", ID: string(id)}) })
	}
	all.Wait()
	return apps
}

func (s *Server) explain(ctx context.Context, p operate.Principal, j provision.Job, ref connection.Ref) personApp {
	_, app := s.explained(ctx, p, j, ref)
	return app
}

// assignHref is where somebody is assigned to an app, who has been looked for and chosen already.
func assignHref(j provision.Job, name, id string) string {
	return jobHref(j) + "/assignments?" + url.Values{"q": {name}, "to": {"user:" + id}}.Encode()
}

// explained is explain with all that the engine found out.
func (s *Server) explained(ctx context.Context, p operate.Principal, j provision.Job, ref connection.Ref) (provision.Explanation, personApp) {
	app := personApp{Job: jobOf(j, s.now()), Href: jobHref(j), Try: tryHref(j, ref)}
	if app.Lacks = s.lacks(p, j); app.Lacks != "" {
		if app.Job.Draft && ref.Type == "User" && j.Direction == provision.Outbound {
			if u, err := s.Operator.UserByID(ctx, p, lockstep.UserID(ref.ID)); err == nil {
				app.Assign = assignHref(j, u.Attributes.Text("userName"), ref.ID)
			}
		}
		return provision.Explanation{}, app
	}
	rows, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{Source: ref, Newest: true, Limit: 10})
	for _, a := range rows {
		app.Log = append(app.Log, rowOf(j, a, logFilter{}))
	}
	var x provision.Explanation
	if err == nil {
		x, err = s.Operator.ExplainRef(ctx, p, j, ref)
	}
	if err != nil {
		f := failureOf(lockstep.CodeOf(err), "")
		if ctx.Err() != nil {
			f = failureOf(lockstep.CodeTimeout, "")
		} else if web.StatusOf(err) < http.StatusInternalServerError || f.Class != lockstep.Report {
			f.Detail = web.PublicText(err)
		}
		app.Problem = &f
		return x, app
	}
	app.In, app.Summary, app.Target = x.In, words.Sentence(x.Summary), x.Target.ID
	if ref.Type == "User" && x.Unassigned {
		app.Assign = assignHref(j, x.Source.Name, ref.ID)
	}
	stopped := false
	for i, st := range x.Steps {
		app.Steps = append(app.Steps, step{
			N: i + 1, Name: words.Upper(st.Name), OK: st.OK, Last: i == len(x.Steps)-1, After: stopped, Summary: words.Sentence(st.Summary), Details: st.Details,
		})
		stopped = stopped || !st.OK
	}
	if x.Action != nil {
		next := rowOf(j, *x.Action, logFilter{})
		app.Next = &next
	}
	return x, app
}
