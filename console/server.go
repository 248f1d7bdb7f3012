package console

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/session"
	"lockstep/web"
)

// Surface is the name of the console for session.Gate.
const Surface = "console"

// Server serves the console. Directory, Store, Settings, Engine and Sessions must be set. Do not change it once it serves.
type Server struct {
	Directory directory.Reader
	Store     provision.Store
	Settings  provision.Settings
	Engine    Engine
	Sessions  *session.Gate // of surface Surface
	SCIM      SCIM          // nil is no page about SCIM clients; needs Tokens
	Tokens    Tokens
	Wake      func()           // called after a change that may give jobs work; nil is nothing
	Notice    string           // shown at the top of every page, such as "Demo data"; "" is nothing
	Version   string           // of the program
	Now       func() time.Time // nil is time.Now
	Log       *slog.Logger     // nil is slog.Default()

	files   assets
	streams atomic.Int64
}

// Engine is what the console asks of provision.Engine.
type Engine interface {
	Explain(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, ref connection.Ref) (provision.Explanation, error)
	Progress(job lockstep.JobID) (provision.Cycle, bool)
}

// Link makes a one-time link into the console: an absolute address below base, the address of the console as browsers know
// it, such as "http://localhost:8080". Whoever opens it acts for the tenant under the name holder, which the audit log shows.
func (s *Server) Link(ctx context.Context, base string, t lockstep.TenantID, holder string) (string, error) {
	secret, err := s.Sessions.NewLink(ctx, session.Grant{Tenant: t, Holder: holder})
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(base, "/") + "/link?key=" + url.QueryEscape(secret), nil
}

// Handler returns the console with everything that web.Surface gives. Mount it at "/": it answers every path that nothing else
// does, its own assets included. Call it once.
func (s *Server) Handler() http.Handler {
	surface := &web.Surface{Errors: s.writeError, Policy: web.PolicyPages, MaxBody: 256 << 10, Log: s.Log, Now: s.Now}
	s.files = newAssets()
	mux := http.NewServeMux()
	handle := func(pattern string, h web.Handler) { mux.Handle(pattern, surface.Handle(h)) }
	handle("GET "+assetPrefix+"{hash}/{name...}", s.asset)
	handle("GET /favicon.ico", s.favicon)
	handle("GET /link", s.showLink)
	handle("POST /link", s.useLink)
	handle("POST /theme", s.setTheme)
	handle("POST /signout", s.signOut)
	handle("GET /{$}", s.in(s.home))
	handle("GET /live", s.in(s.homeLive))
	handle("GET /apps/{slug}", s.in(s.overview))
	handle("GET /apps/{slug}/live", s.in(s.overviewLive))
	handle("GET /apps/{slug}/people", s.in(s.jobPeople))
	handle("POST /apps/{slug}/run", s.in(s.runNow))
	handle("POST /apps/{slug}/state", s.in(s.setState))
	handle("POST /apps/{slug}/plan", s.in(s.decidePlan))
	handle("POST /apps/{slug}/held", s.in(s.decideHeld))
	handle("GET /people", s.in(s.people))
	handle("GET /people/{id}", s.in(s.person))
	if s.SCIM != nil {
		handle("GET /inbound", s.in(s.scim))
		handle("POST /inbound/tokens/{id}/rotate", s.in(s.rotateToken))
		handle("POST /inbound/tokens/{id}/strict", s.in(s.setStrict))
	}
	handle("/", s.in(func(http.ResponseWriter, *http.Request, visit) error {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such page."}
	}))
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		surface.Handle(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
	}
	return surface.Wrap(s.Sessions.Guard(mux, refuse))
}

// visit is one request of somebody who is signed in.
type visit struct {
	page    page
	session session.Session
}

func (v visit) tenant() lockstep.TenantID { return v.session.Grant.Tenant }

func (v visit) actor() audit.Actor {
	return audit.Actor{Kind: audit.Admin, Name: v.session.Grant.Holder}
}

// in lets nobody in without a session.
func (s *Server) in(h func(http.ResponseWriter, *http.Request, visit) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.page(r)
		at, err := s.Sessions.Of(r)
		if errors.Is(err, session.ErrNone) {
			p.Title = "Sign in"
			return s.render(w, r, http.StatusUnauthorized, signedOutPage(p))
		}
		if err != nil {
			return err
		}
		p.SignedIn = true
		return h(w, r, visit{page: p, session: at})
	}
}

// page is what every page has.
type page struct {
	Title    string
	Nav      string // the entry of the navigation that is current
	Path     string // of the page, with its query
	Theme    theme
	SignedIn bool
	Notice   string
	Version  string
	Now      time.Time
	SCIM     bool   // there is a page about SCIM clients
	Live     string // where its stream of events is; "" is none
	Files    assets
}

func (s *Server) page(r *http.Request) page {
	return page{
		Path: r.URL.RequestURI(), Theme: themeOf(r), Notice: s.Notice, Version: s.Version, Now: s.now(), Files: s.files, SCIM: s.SCIM != nil,
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
	_, err := body.WriteTo(w)
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

func (s *Server) wake() {
	if s.Wake != nil {
		s.Wake()
	}
}
