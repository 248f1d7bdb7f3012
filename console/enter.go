package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/web"
)

// enterView is the page on which somebody shows who they are.
type enterView struct {
	Tenant string // by slug; "" is the default one
	Wrong  string // why they were not let in
	Name   string // of a local owner, as it was typed
	Owner  bool   // there is a local owner
	SignIn bool   // people can come in through the tenant's own login page
	Again  *kept  // what they were about to do when they were asked to show again who they are
}

// kept is a form that waits until somebody has shown again who they are.
type kept struct {
	Path   string
	Fields url.Values
	Who    string // the id of whom it is kept for
}

// passwordField is the name of every field that holds a password.
const passwordField = "password"

// enterPages are the ways into the console.
func (s *Server) enterPages(handle func(string, web.Handler)) {
	handle("GET /enter", s.showEnter)
	handle("POST /enter/owner", s.enterAsOwner)
	handle("POST /enter/token", s.enterByToken)
	handle("GET /enter/sign-in", s.beginSignIn)
	handle("GET "+operate.SignedInPath, s.signedInByName)
	handle("GET /again", s.in(s.again))
	handle("POST /again/cancel", s.in(s.cancelAgain))
}

func (s *Server) enterView(r *http.Request) enterView {
	tenant := r.FormValue("tenant")
	if len(tenant) > 64 {
		tenant = ""
	}
	return s.enterViewOf(r, tenant)
}

func (s *Server) enterViewOf(r *http.Request, tenant string) enterView {
	return enterView{Tenant: tenant, SignIn: s.Operator.SignsAdministratorsIn(r.Context(), tenant), Owner: s.Operator.HasLocalOwner(r.Context(), tenant)}
}

func (s *Server) showEnter(w http.ResponseWriter, r *http.Request) error {
	if _, in := s.Operator.Sessions.Of(r); in == nil {
		return seeOther(w, r, "/")
	}
	return s.enter(w, r, http.StatusOK, s.enterView(r))
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request, status int, view enterView) error {
	p := s.page(r)
	p.Title = "Sign in"
	if r.Method != http.MethodGet {
		p.Path = "/"
	}
	return s.render(w, r, status, signedOutPage(p, view))
}

// letIn begins a session for somebody who has shown at a time who they are, and leads them to where they wanted to go.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, g session.Grant, proved time.Time) error {
	x, err := s.Operator.Sessions.Begin(w, r, s.returning(r, g), proved)
	if err != nil {
		return err
	}
	who, err := s.Operator.Inside(r.Context(), x)
	if err != nil {
		return err
	}
	if err := s.Operator.SignedIn(r.Context(), who); err != nil {
		return err
	}
	return seeOther(w, r, s.after(r, who))
}

// after is where somebody goes who has just been let in.
func (s *Server) after(r *http.Request, who operate.Principal) string {
	if k, err := s.keptFor(r, who); err == nil && k != nil {
		return "/again"
	}
	return "/"
}

// enterAsOwner takes the name and the password of a local owner.
func (s *Server) enterAsOwner(w http.ResponseWriter, r *http.Request) error {
	view := s.enterView(r)
	view.Name = strings.TrimSpace(r.PostFormValue("name"))
	g, err := s.Operator.EnterAsOwner(r.Context(), view.Tenant, view.Name, r.PostFormValue("password"), r.RemoteAddr)
	if err != nil {
		return s.shut(w, r, view, err)
	}
	return s.letIn(w, r, g, s.now())
}

// enterByToken takes a token of the management API.
func (s *Server) enterByToken(w http.ResponseWriter, r *http.Request) error {
	view := s.enterView(r)
	g, err := s.Operator.EnterByToken(r.Context(), view.Tenant, strings.TrimSpace(r.PostFormValue("token")))
	if err != nil {
		return s.shut(w, r, view, err)
	}
	return s.letIn(w, r, g, s.now())
}

// signInFor is how long a sign-in through the login page may take.
const signInFor = 15 * time.Minute

// cookieSignIn names what binds a sign-in to this browser: the tenant, by slug, and the secret.
func (s *Server) cookieSignIn(r *http.Request) string {
	return s.Operator.Sessions.CookieName(r) + "-sign-in"
}

func (s *Server) signInCookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: s.cookieSignIn(r), Value: value, Path: "/", HttpOnly: true, Secure: s.Operator.Sessions.Secure, SameSite: http.SameSiteLaxMode, MaxAge: seconds}
}

// beginSignIn leads to the tenant's login page. Nobody can be signed in as somebody else by an address that they are sent: what comes back has to
// fit the secret that this browser got here.
func (s *Server) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	view := s.enterView(r)
	address, secret, err := s.Operator.BeginSignIn(r.Context(), view.Tenant, r.FormValue("again") != "")
	if err != nil {
		return s.shut(w, r, view, err)
	}
	http.SetCookie(w, s.signInCookie(r, url.QueryEscape(view.Tenant)+"."+secret, int(signInFor.Seconds())))
	return seeOther(w, r, address)
}

// signedInByName takes whoever comes back from the login page.
func (s *Server) signedInByName(w http.ResponseWriter, r *http.Request) error {
	var tenant, secret string
	if c, err := r.Cookie(s.cookieSignIn(r)); err == nil {
		tenant, secret, _ = strings.Cut(c.Value, ".")
	}
	view := s.enterView(r)
	if view.Tenant, _ = url.QueryUnescape(tenant); len(view.Tenant) > 64 {
		view.Tenant = ""
	}
	http.SetCookie(w, s.signInCookie(r, "", -1))
	if secret == "" {
		return s.shut(w, r, view, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "This sign-in did not begin in this browser, or it took too long. Sign in again."})
	}
	if code := r.FormValue("error"); code != "" {
		return s.shut(w, r, view, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "The sign-in was not completed. Sign in again."})
	}
	g, proved, err := s.Operator.EnterBySignIn(r.Context(), view.Tenant, r.FormValue("code"), secret)
	if err != nil {
		return s.shut(w, r, view, err)
	}
	return s.letIn(w, r, g, proved)
}

// shut says why somebody is not let in, on the page where they tried.
func (s *Server) shut(w http.ResponseWriter, r *http.Request, view enterView, err error) error {
	status := statusOf(err)
	if status >= http.StatusInternalServerError || status == http.StatusNotFound {
		return err
	}
	view.Wrong = sentenceOf(err)
	if x, in := s.Operator.Sessions.Of(r); in == nil {
		if who, err := s.Operator.Inside(r.Context(), x); err == nil {
			if k, err := s.keptFor(r, who); err == nil && k != nil {
				view.Again = k
			}
		}
	}
	return s.enter(w, r, status, view)
}

// cookieForm names the form that waits in this browser.
func (s *Server) cookieForm(r *http.Request) string {
	return s.Operator.Sessions.CookieName(r) + "-form"
}

func (s *Server) formCookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: s.cookieForm(r), Value: value, Path: "/", HttpOnly: true, Secure: s.Operator.Sessions.Secure, SameSite: http.SameSiteLaxMode, MaxAge: seconds}
}

// keepForm keeps what somebody has sent while they show again who they are, and shows them the ways to do so. Nothing they have filled in is
// lost.
func (s *Server) keepForm(w http.ResponseWriter, r *http.Request, v visit) error {
	k := kept{Path: r.URL.RequestURI(), Who: v.who.Actor.ID}
	if r.Method == http.MethodPost {
		k.Fields = maps.Clone(r.PostForm)
		if k.Fields.Get(passwordField) == "" { // none was written
			k.Fields.Del(passwordField)
		} else {
			k.Fields.Set(passwordField, "") // is asked for again: it is kept nowhere
		}
	}
	secret, err := s.Operator.KeepForm(r.Context(), v.who, operate.Form{Path: k.Path, Fields: k.Fields, Who: k.Who})
	if err != nil {
		return err
	}
	http.SetCookie(w, s.formCookie(r, secret, int(operate.FormFor.Seconds())))
	view, err := s.provesView(r, v)
	if err != nil {
		return err
	}
	view.Again = &k
	return s.enter(w, r, http.StatusForbidden, view)
}

// provesView is the page on which somebody who is in shows again who they are: in the tenant that they belong to.
func (s *Server) provesView(r *http.Request, v visit) (enterView, error) {
	slug, err := s.Operator.HomeOf(r.Context(), v.who)
	if slug == operate.DefaultTenant {
		slug = ""
	}
	return s.enterViewOf(r, slug), err
}

// keptFor is the form that waits for somebody in this browser; nil is none.
func (s *Server) keptFor(r *http.Request, who operate.Principal) (*kept, error) {
	c, err := r.Cookie(s.cookieForm(r))
	if err != nil {
		return nil, nil //nolint:nilerr // there is none
	}
	f, err := s.Operator.KeptForm(r.Context(), who, c.Value)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &kept{Path: f.Path, Fields: f.Fields, Who: f.Who}, nil
}

// again shows what somebody was about to do before they were asked who they are, with a button that does it.
func (s *Server) again(w http.ResponseWriter, r *http.Request, v visit) error {
	k, err := s.keptFor(r, v.who)
	if err != nil {
		return err
	}
	if k == nil {
		return seeOther(w, r, "/")
	}
	if s.now().Sub(v.who.Proved) > operate.ProveFor { // who comes here by the address has not shown it
		view, err := s.provesView(r, v)
		if err != nil {
			return err
		}
		view.Again = k
		return s.enter(w, r, http.StatusForbidden, view)
	}
	v.page.Title = "Go on"
	return s.render(w, r, http.StatusOK, againPage(v.page, *k))
}

// cancelAgain forgets the form that waits.
func (s *Server) cancelAgain(w http.ResponseWriter, r *http.Request, _ visit) error {
	http.SetCookie(w, s.formCookie(r, "", -1))
	return seeOther(w, r, "/")
}

// asksAgain reports whether an error asks somebody to show again who they are.
func asksAgain(err error) bool {
	e, ok := errors.AsType[*lockstep.Error](err)
	return ok && e.Code == lockstep.CodeProveAgain
}
