package console

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"lockstep"
	"lockstep/operate"
	"lockstep/rule"
	"lockstep/session"
	"lockstep/web"
)

// Surface is the name of the console for session.Gate.
const Surface = "console"

// Server serves the console. Operator must be set, with Sessions of surface Surface. Do not change it once it serves.
type Server struct {
	Operator *operate.Operator
	Notice   string           // shown at the top of every page, such as "Demo data"; "" is nothing
	Version  string           // of the program
	Now      func() time.Time // nil is time.Now
	Log      *slog.Logger     // nil is slog.Default()

	files       assets
	routes      []string // as they were registered
	watched     watches[overviewSeen]
	watchedHome watches[*drawn]
}

// Handler returns the console with everything that web.Surface gives. Mount it at "/": it answers every path that nothing else
// does, its own assets included. Call it once.
func (s *Server) Handler() http.Handler {
	surface := &web.Surface{Errors: s.writeError, Policy: web.PolicyPages, MaxBody: 256 << 10, BodyOf: bodyOf, Log: s.Log, Now: s.Now}
	s.files = newAssets()
	mux := http.NewServeMux()
	handle := func(pattern string, h web.Handler) {
		s.routes = append(s.routes, pattern)
		mux.Handle(pattern, surface.Handle(h))
	}
	s.framePages(handle)
	s.enterPages(handle)
	s.appPages(handle)
	s.systemPages(handle)
	s.peoplePages(handle)
	s.groupPages(handle)
	s.activityPages(handle)
	s.settingsPages(handle)
	if s.Operator.HasSCIM() {
		s.scimClientPages(handle)
	}
	if s.Operator.HasSignIn() {
		s.signInPages(handle)
	}
	handle("/", func(http.ResponseWriter, *http.Request) error {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	})
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		surface.Handle(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
	}
	return surface.Wrap(s.Operator.Sessions.Guard(mux, refuse))
}

// framePages are what every page needs, the documentation, and Home.
func (s *Server) framePages(handle func(pattern string, h web.Handler)) {
	handle("GET "+assetPrefix+"{hash}/{name...}", s.asset)
	handle("GET /favicon.ico", s.favicon)
	handle("GET /link", s.showLink)
	handle("POST /link", s.useLink)
	handle("POST /theme", s.setTheme)
	handle("GET /docs", s.docs)
	handle("GET /docs/{path...}", s.docs)
	handle("POST /signout", s.signOut)
	handle("GET /{$}", s.in(s.home))
	handle("GET /live", s.in(s.homeLive))
}

// appPages are the lists of apps and sources, what is added to them, and what apps alone have.
func (s *Server) appPages(handle func(pattern string, h web.Handler)) {
	handle("GET /apps", s.in(s.apps))
	handle("GET /sources", s.in(s.sources))
	handle("GET /add/{of}", s.in(s.gallery))
	handle("GET /add/{of}/{kind}", s.in(s.showAdd))
	handle("POST /add/{of}/{kind}", s.in(s.add))
	handle("GET /apps/{slug}/assignments", s.in(s.showAssignments))
	handle("POST /apps/{slug}/assignments", s.in(s.assign))
	handle("POST /apps/{slug}/assignments/{id}/remove", s.in(s.withdraw))
	handle("GET /apps/{slug}/accounts", s.in(s.showAccounts))
	handle("GET /apps/{slug}/accounts.csv", s.in(s.exportAccounts(csvFile)))
	handle("GET /apps/{slug}/accounts.jsonl", s.in(s.exportAccounts(jsonLines)))
	handle("POST /apps/{slug}/accounts/read", s.in(s.readAccounts))
	handle("GET /apps/{slug}/accounts/link", s.in(s.showLinkOf))
	handle("GET /apps/{slug}/undo", s.in(s.showUndo))
	handle("POST /apps/{slug}/undo", s.in(s.undo))
	handle("GET /apps/{slug}/drift", s.in(s.showDrift))
	handle("POST /apps/{slug}/drift/read", s.in(s.readForDrift))
	handle("POST /apps/{slug}/drift/restore", s.in(s.restoreDrift))
	handle("POST /apps/{slug}/plan/one", s.in(s.applyOne))
	handle("GET /apps/{slug}/try", s.in(s.showTry))
	handle("POST /apps/{slug}/try", s.in(s.provisionNow))
	handle("GET /apps/{slug}/link", s.in(s.showLinkTo))
	handle("POST /apps/{slug}/link", s.in(s.linkTo))
	handle("POST /apps/{slug}/unlink", s.in(s.unlink))
	handle("POST /apps/{slug}/exclude", s.in(s.exclude))
	handle("POST /apps/{slug}/include", s.in(s.include))
	handle("GET "+operate.ConsentPath, s.in(s.consented))
}

// systemPages are those of one app or source.
func (s *Server) systemPages(handle func(pattern string, h web.Handler)) {
	for _, base := range []string{"/apps/{slug}", "/sources/{slug}"} {
		handle("GET "+base, s.in(s.overview))
		handle("GET "+base+"/live", s.in(s.overviewLive))
		handle("GET "+base+"/people", s.in(s.jobPeople))
		handle("POST "+base+"/run", s.in(s.runNow))
		handle("POST "+base+"/state", s.in(s.setState))
		handle("POST "+base+"/plan", s.in(s.decidePlan))
		handle("POST "+base+"/held", s.in(s.decideHeld))
		handle("GET "+base+"/held", s.in(s.showHeld))
		handle("GET "+base+"/held.csv", s.in(s.exportWaiting(true, csvFile)))
		handle("GET "+base+"/held.jsonl", s.in(s.exportWaiting(true, jsonLines)))
		handle("GET "+base+"/plan", s.in(s.showPlan))
		handle("GET "+base+"/plan.csv", s.in(s.exportWaiting(false, csvFile)))
		handle("GET "+base+"/plan.jsonl", s.in(s.exportWaiting(false, jsonLines)))
		handle("POST "+base+"/plan/rows", s.in(s.decideRows))
		handle("GET "+base+"/connection", s.in(s.showConnection))
		handle("POST "+base+"/connection", s.in(s.saveConnection))
		handle("POST "+base+"/files", s.in(s.putFiles))
		handle("GET "+base+"/mappings", s.in(s.showMappings))
		handle("GET "+base+"/attributes", s.in(s.showAttributes))
		handle("POST "+base+"/attributes", s.in(s.chooseAttributes))
		handle("POST "+base+"/mappings/restore", s.in(s.restoreMappings))
		handle("POST "+base+"/mappings/actions", s.in(s.setActions))
		handle("GET "+base+"/mappings/export", s.in(s.exportRules))
		handle("GET "+base+"/mappings/import", s.in(s.showImport))
		handle("POST "+base+"/mappings/import", s.in(s.importRules))
		handle("GET "+base+"/mappings/edit", s.in(s.showMapping))
		handle("POST "+base+"/mappings/edit", s.in(s.saveMapping))
		handle("GET "+base+"/draft", s.in(s.showDraft))
		handle("POST "+base+"/draft", s.in(s.decideDraft))
		handle("GET "+base+"/versions", s.in(s.showVersions))
		handle("POST "+base+"/versions", s.in(s.rollBack))
		handle("GET "+base+"/scope", s.in(s.showScope))
		handle("POST "+base+"/scope", s.in(s.saveScope))
		handle("GET "+base+"/settings", s.in(s.showSettings))
		handle("POST "+base+"/settings", s.in(s.saveSettings))
		handle("POST "+base+"/notifications", s.in(s.saveTold))
		handle("POST "+base+"/delete", s.in(s.deleteSystem))
	}
}

// peoplePages are those of people.
func (s *Server) peoplePages(handle func(pattern string, h web.Handler)) {
	handle("GET /people", s.in(s.people))
	handle("GET /people/add", s.in(s.showNewPerson))
	handle("POST /people/add", s.in(s.newPerson))
	handle("GET /people/{id}", s.in(s.person))
	handle("GET /people/{id}/edit", s.in(s.showEditPerson))
	handle("POST /people/{id}/edit", s.in(s.editPerson))
	handle("POST /people/{id}/password", s.in(s.setUserPassword))
	handle("POST /people/{id}/delete", s.in(s.deletePerson))
	handle("POST /people/{id}/active", s.in(s.setActive))
	handle("POST /people/{id}/restore", s.in(s.restoreUser))
}

// activityPages are what has happened.
func (s *Server) activityPages(handle func(pattern string, h web.Handler)) {
	handle("GET /activity", s.in(s.activity))
	handle("GET /activity/audit", s.in(s.auditLog))
	s.exports(handle)
}

// settingsPages are those of the console, its administrators and notifications.
func (s *Server) settingsPages(handle func(pattern string, h web.Handler)) {
	handle("GET /settings", s.in(s.consoleSettings))
	handle("GET /settings/sessions", s.in(s.consoleSessions))
	handle("POST /settings/sessions/end", s.in(s.endConsoleSessions))
	handle("GET /settings/administrators", s.in(s.administrators))
	handle("POST /settings/administrators", s.in(s.addAdministrator))
	handle("POST /settings/administrators/{id}/remove", s.in(s.removeAdministrator))
	handle("POST /settings/owners", s.in(s.addOwner))
	handle("POST /settings/owners/{id}/password", s.in(s.setOwnerPassword))
	handle("POST /settings/owners/{id}/remove", s.in(s.removeOwner))
	handle("GET /settings/notifications", s.in(s.showNotify))
	handle("POST /settings/notifications", s.in(s.saveNotify))
	handle("POST /settings/notifications/test", s.in(s.tryNotify))
	handle("POST /tokens/{id}/revoke", s.in(s.revokeToken))
	s.tenantPages(handle)
}

// bodyOf bounds the bodies in which files are sent. They are read only by whoever may put files.
func bodyOf(r *http.Request) int64 {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/sources/") && strings.HasSuffix(r.URL.Path, "/files") {
		return 3*operate.MaxSourceFile + 64<<10
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/signin/providers/") && strings.HasSuffix(r.URL.Path, "/people") {
		return 2*operate.MaxIdentities + 64<<10
	}
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/mappings/import") {
		return rule.MaxEntra + 64<<10
	}
	return 0
}

// visit is one request of somebody who is signed in.
type visit struct {
	page    page
	who     operate.Principal
	session session.Session
}

// in lets nobody in without a session whose maker still stands.
func (s *Server) in(h func(http.ResponseWriter, *http.Request, visit) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.page(r)
		at, err := s.Operator.Sessions.Of(r)
		var who operate.Principal
		if err == nil {
			who, err = s.Operator.Inside(r.Context(), at)
		}
		if errors.Is(err, session.ErrNone) || lockstep.CodeOf(err) == lockstep.CodeUnauthorized {
			p.Title = "Sign in"
			return s.render(w, r, http.StatusUnauthorized, signedOutPage(p, s.enterView(r)))
		}
		if err != nil {
			return err
		}
		web.By(r.Context(), string(who.Actor.Kind), who.Actor.ID)
		p.SignedIn, p.Who = true, who
		if err := elsewhere(r, who.Tenant); err != nil {
			return err
		}
		if r.Header.Get("Accept") != "text/event-stream" {
			if p.Where, err = s.whereOf(r.Context(), who); err != nil {
				return err
			}
		}
		r = withTenant(r, who.Tenant)
		v := visit{page: p, who: who, session: at}
		if _, waits := r.Cookie(s.cookieForm(r)); waits == nil && r.Method == http.MethodPost {
			http.SetCookie(w, s.formCookie(r, "", -1)) // it was sent, or something else was done instead
		}
		err = h(w, r, v)
		if asksAgain(err) {
			return s.keepForm(w, r, v)
		}
		return err
	}
}

// page is what every page has.
type page struct {
	Title    string
	Nav      string // address of the entry of the navigation that is current
	Path     string // of the page, with its query
	Theme    theme
	SignedIn bool
	Who      operate.Principal
	Where    where
	Notice   string
	Version  string
	Now      time.Time
	SCIM     bool   // there is a page about SCIM clients
	SignIn   bool   // there are pages about signing people in
	Live     string // where its stream of events is; "" is none
	Files    assets
}

// menu is the navigation.
func (p page) menu() []tab {
	all := []tab{{Word: "Home", Href: "/"}, {Word: "Apps", Href: "/apps"}, {Word: "Sources", Href: "/sources"}, {Word: "People", Href: "/people"}, {Word: "Groups", Href: "/groups"}}
	if p.SCIM {
		all = append(all, tab{Word: "SCIM clients", Href: "/inbound"})
	}
	if p.SignIn {
		all = append(all, tab{Word: "Sign-in", Href: "/signin"})
	}
	all = append(all, tab{Word: "Activity", Href: "/activity"}, tab{Word: "Settings", Href: "/settings"})
	all = slices.DeleteFunc(all, func(t tab) bool { return !p.sees(t.Href) })
	for i := range all {
		all[i].Here = all[i].Href == p.Nav
	}
	return all
}

// sees reports whether whoever looks may see anything of an entry of the navigation.
func (p page) sees(href string) bool {
	switch href {
	case "/apps", "/sources":
		return p.Who.May(operate.AppsRead) == nil
	case "/people", "/groups":
		return p.Who.May(operate.PeopleRead) == nil
	case "/inbound":
		return p.Who.May(operate.TokensRead) == nil
	case "/signin":
		return p.Who.May(operate.SignInRead) == nil
	}
	return true
}

func (s *Server) page(r *http.Request) page {
	return page{
		Path: r.URL.RequestURI(), Theme: themeOf(r), Notice: s.Notice, Version: s.Version, Now: s.now(), Files: s.files, SCIM: s.Operator.HasSCIM(), SignIn: s.Operator.HasSignIn(),
	}
}

// render writes a page. It is rendered as a whole first, so that what fails half-way becomes an error page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var body bytes.Buffer
	if err := c.Render(r.Context(), &body); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(bound(body.Bytes(), tenantOf(r.Context())))
	return err
}

// seeOther ends a POST: the browser asks for the page with GET, so that reloading repeats nothing.
func seeOther(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
