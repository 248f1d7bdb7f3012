package sso

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"lockstep"
)

// leave is what of an end-session request counts (OpenID Connect RP-Initiated Logout 1.0 §2).
type leave struct {
	client Client
	hinted bool // an ID token of ours names this session
	to     string
	state  string
}

// endSession ends the session of this browser. The cookie says whose; a hint only names it, so that nobody is signed out by an old ID token.
// Without a hint for this very session the person is asked.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	if err := methods(r, http.MethodGet, http.MethodPost); err != nil {
		return err
	}
	x, err := s.site(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return request("The request cannot be read.")
	}
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		values = r.PostForm
	}
	ctx := r.Context()
	v := &visit{Server: s, site: x, w: w, r: r, login: Login{Locale: x.locale(bounded(values.Get("ui_locales")), r)}}
	session, err := v.session(ctx)
	if err != nil {
		return err
	}
	out, err := s.leave(ctx, x, values, session)
	if err != nil {
		return err
	}
	if session == nil {
		return v.gone(out)
	}
	sure := out.hinted || r.Method == http.MethodPost && values.Get("sure") == "yes" && cross(r) == nil
	if !sure {
		return v.askPage(values)
	}
	return v.leave(ctx, *session, out)
}

// leave reads who asks, and where to go afterwards: only to an address that the client has registered, byte for byte.
func (s *Server) leave(ctx context.Context, x site, values url.Values, session *Session) (out leave, err error) {
	id := ClientID(values.Get("client_id"))
	if text := values.Get("id_token_hint"); text != "" {
		h, err := s.readHint(ctx, x, text)
		if err != nil {
			return out, request("id_token_hint is no ID token of this issuer.")
		}
		if id != "" && h.Aud[0] != string(id) {
			return out, request("id_token_hint is of another application than client_id.")
		}
		id = ClientID(h.Aud[0])
		out.hinted = session != nil && h.SID == session.ID && lockstep.UserID(h.Sub) == session.Person.User
	}
	to := values.Get("post_logout_redirect_uri")
	if id == "" {
		if to != "" {
			return out, request("post_logout_redirect_uri needs id_token_hint or client_id.")
		}
		return out, nil
	}
	out.client, err = s.Store.Client(ctx, x.tenant.ID, id)
	if errors.Is(err, lockstep.ErrNotFound) {
		return out, request("The application is not known.")
	}
	if err != nil {
		return out, err
	}
	if to != "" && !slices.Contains(out.client.AfterLogout, to) {
		return out, &lockstep.Error{Code: lockstep.CodeSSORedirect, Detail: "“" + clip(to) + "” is none of the addresses to which " + out.client.Name + " sends people after they signed out."}
	}
	out.to, out.state = to, values.Get("state")
	if len(out.state) > maxState {
		return out, request("state is too long.")
	}
	return out, nil
}

// leave ends the session and what it gave, has the applications told, and sends the browser to the provider to end its session, too.
func (v *visit) leave(ctx context.Context, session Session, out leave) error {
	v.login = Login{
		Tenant: v.site.tenant.ID, ID: lockstep.NewID[LoginID](), Expires: v.now().Add(loginLife), Step: StepLeaving, Locale: v.login.Locale, Chosen: session.Provider,
		Request: Request{Client: out.client.ID, Redirect: out.to, State: out.state}, Began: v.now(), Person: session.Person,
	}
	apps, err := v.leavingApps(ctx, session.ID, "")
	if err != nil {
		return err
	}
	if _, err := v.Store.End(ctx, system, v.site.tenant.ID, Who{Session: session.ID}, "signed out"); err != nil {
		return err
	}
	v.wake.up()
	v.cookies = append(v.cookies, v.cookie(cookieSession, "", 0))
	v.login.Leaving = &Leaving{Apps: apps, Upstream: v.upstreamEnd(ctx, session)}
	if len(apps) == 0 && v.login.Leaving.Upstream == "" {
		for _, c := range v.cookies {
			http.SetCookie(v.w, c)
		}
		return v.gone(out)
	}
	v.bind()
	return v.leaveOn(ctx)
}

// upstreamEnd is where the provider ends its session; "" is nowhere. What goes wrong there keeps nobody from signing out here.
func (v *visit) upstreamEnd(ctx context.Context, session Session) string {
	p, err := v.Store.Provider(ctx, v.site.tenant.ID, session.Provider)
	if err != nil || len(session.Logout) == 0 {
		return ""
	}
	up, err := v.Opener.Open(ctx, p)
	if err != nil {
		return ""
	}
	to, err := up.EndSession(ctx, session.Logout, v.site.redirectURI(p.Alias))
	if err != nil {
		v.log().WarnContext(ctx, "the provider's session cannot be ended", "provider", p.Alias, "error", err)
		return ""
	}
	return to
}

// What a browser is told that comes back from a sign-out that is over, and from one with an answer to something else.
var (
	errOver = &lockstep.Error{Code: lockstep.CodeSSOOver, Detail: "This sign-out is over, or was begun in another browser."}
	errLeft = &lockstep.Error{Code: lockstep.CodeSSOLeft, Detail: "The answer of the identity provider is not to this sign-out."}
)

// leavingOf is the sign-out that this browser is away for; without one the error is errOver.
func (s *Server) leavingOf(r *http.Request, x site) (Login, error) {
	browser := x.cookieValue(r, cookieBrowser)
	if browser == "" {
		return Login{}, errOver
	}
	l, err := s.Store.Leaving(r.Context(), x.tenant.ID, browserHash(browser))
	if errors.Is(err, lockstep.ErrNotFound) {
		err = errOver
	}
	return l, err
}

// noLogin says what a state means that is of no login: who is away to sign out has come back with the answer to something else, unless there is something
// in it that only a sign-in brings.
func (s *Server) noLogin(r *http.Request, x site, values url.Values) error {
	if r.Method == http.MethodGet && !values.Has("code") && !values.Has("error") {
		if _, err := s.leavingOf(r, x); err == nil {
			return errLeft
		} else if !errors.Is(err, errOver) {
			return err
		}
	}
	return errExpired
}

// returned takes the browser back after the provider has ended its session.
func (s *Server) returned(w http.ResponseWriter, r *http.Request, x site) error {
	l, err := s.leavingOf(r, x)
	if err != nil {
		return err
	}
	v := &visit{Server: s, site: x, w: w, r: r, login: l}
	if v.login.Leaving == nil {
		v.login.Leaving = &Leaving{}
	}
	return v.left(r.Context())
}

// gone sends who has signed out back to the application, or shows a page that says so.
func (v *visit) gone(out leave) error {
	if out.to == "" {
		return v.gonePage()
	}
	values := url.Values{}
	if out.state != "" {
		values.Set("state", out.state)
	}
	to := out.to
	if len(values) > 0 {
		to = withQuery(to, values)
	}
	redirect(v.w, v.r, to)
	return nil
}

// signedOut is a page for whoever has nowhere to go.
func (s *Server) signedOut(w http.ResponseWriter, r *http.Request) error {
	x, err := s.site(r)
	if err != nil {
		return err
	}
	return (&visit{Server: s, site: x, w: w, r: r, login: Login{Locale: x.locale(nil, r)}}).gonePage()
}
