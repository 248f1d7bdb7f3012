package console

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/session"
	"lockstep/web"
)

// tenantPages are those of the tenants that somebody looks after.
func (s *Server) tenantPages(handle func(string, web.Handler)) {
	handle("GET /settings/tenants", s.in(s.tenants))
	handle("POST /settings/tenants", s.in(s.addTenant))
	handle("POST /settings/tenants/{tenant}/rename", s.in(s.renameTenant))
	handle("POST /settings/tenants/{tenant}/remove", s.in(s.removeTenant))
	handle("POST /settings/tenants/managed", s.in(s.setManaged))
	handle("POST /tenants/enter", s.in(s.enterTenant))
}

// where is the tenant that a page is of, and those that whoever looks may go on in.
type where struct {
	Here   directory.Tenant
	Home   directory.Tenant   // that they belong to
	Others []directory.Tenant // besides the one that they are in
	After  bool               // they look after tenants
}

// Visiting reports whether whoever looks is in another tenant than their own.
func (w where) Visiting() bool { return w.Here.ID != w.Home.ID }

// mostOthers is how many tenants the switcher names; all of them stand on the page of tenants.
const mostOthers = 12

// whereOf says in which tenant somebody is. Only who looks after tenants is told of others.
func (s *Server) whereOf(ctx context.Context, p operate.Principal) (w where, err error) {
	if w.After, err = s.Operator.LooksAfter(ctx, p); err != nil || !w.After {
		return w, err
	}
	all, err := s.Operator.ListTenants(ctx, p)
	for _, t := range all {
		if t.ID == p.Tenant {
			w.Here = t
		} else {
			w.Others = append(w.Others, t)
		}
		if t.ID == p.Home || p.Home == "" && t.ID == p.Tenant {
			w.Home = t
		}
	}
	slices.SortStableFunc(w.Others, func(a, b directory.Tenant) int {
		switch { // the own one first
		case a.ID == w.Home.ID:
			return -1
		case b.ID == w.Home.ID:
			return 1
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return w, err
}

// tenantsView is the tenants that somebody looks after, or as many of them as are shown.
type tenantsView struct {
	Said    string
	Refused string // why one was not removed or renamed
	Search  string
	All     []operate.TenantLook
	Found   int // that there are, also those that are not shown
	Form    form
}

// mostTenants is how many are looked at for one page.
const mostTenants = 50

func tenantForm() form {
	return form{Fields: []field{
		{Name: "name", Label: "Name", Required: true, Hint: "Acme Inc.", Help: "As people call it. It can be changed."},
		{Name: "slug", Label: "Short name", Required: true, Code: true, Hint: "acme", Help: "In addresses and for --tenant: lower-case letters, digits and hyphens. It stays."},
	}}
}

// tenantsView looks at the tenants, the most urgent first when all are shown.
func (s *Server) tenantsView(r *http.Request, v *visit) (tenantsView, error) {
	v.page.Title, v.page.Nav = "Tenants", "/settings"
	view := tenantsView{Said: said(r), Search: strings.TrimSpace(r.URL.Query().Get("q")), Form: tenantForm()}
	if after, err := s.Operator.LooksAfter(r.Context(), v.who); err != nil || !after {
		if err == nil {
			err = &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "Only owners of the server look after tenants."}
		}
		return view, err
	}
	all, err := s.Operator.ListTenants(r.Context(), v.who)
	if err != nil {
		return view, err
	}
	if view.Search != "" {
		part := strings.ToLower(view.Search)
		all = slices.DeleteFunc(all, func(t directory.Tenant) bool {
			return !strings.Contains(strings.ToLower(t.Name), part) && !strings.Contains(t.Slug, part)
		})
	}
	view.Found = len(all)
	for _, t := range all[:min(len(all), mostTenants)] {
		l, err := s.Operator.LookAtTenant(r.Context(), v.who, t)
		if lockstep.CodeOf(err) == lockstep.CodeNotFound { // removed meanwhile
			continue
		}
		if err != nil {
			return view, err
		}
		view.All = append(view.All, l)
	}
	if view.Found <= mostTenants {
		slices.SortStableFunc(view.All, func(a, b operate.TenantLook) int { return urgent(a) - urgent(b) })
	}
	return view, nil
}

// urgent is the place of a tenant among others.
func urgent(l operate.TenantLook) int {
	if len(l.Of) == 0 {
		return len(operate.Urgency())
	}
	return slices.Index(operate.Urgency(), l.State.Value)
}

// ofNames are the apps and sources that a tenant's state is of, in words.
func ofNames(l operate.TenantLook) string {
	var names []string
	for _, c := range l.Of {
		names = append(names, c.Name)
	}
	if l.State.Value == operate.InStep {
		return ""
	}
	return strings.Join(names, ", ")
}

func (s *Server) tenants(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.tenantsView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, tenantsPage(v.page, view))
}

func (s *Server) addTenant(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.tenantsView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	if _, err := s.Operator.CreateTenant(r.Context(), v.who, view.Form.value("slug"), view.Form.value("name"), true); err != nil {
		if lockstep.CodeOf(err) == lockstep.CodeConflict && fieldOf(err) == "" {
			view.Form.blame("slug", sentenceOf(err))
		} else if err := view.Form.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, tenantsPage(v.page, view))
	}
	return seeOther(w, r, "/settings/tenants?said=tenant-added")
}

// refusedTenant shows the tenants with the reason why one is as it was. Errors that nobody can mend here go on.
func (s *Server) refusedTenant(w http.ResponseWriter, r *http.Request, v visit, err error) error {
	status := statusOf(err)
	if status < 400 || status >= 500 || asksAgain(err) || lockstep.CodeOf(err) == lockstep.CodeAuthForbidden {
		return err
	}
	view, failed := s.tenantsView(r, &v)
	if failed != nil {
		return failed
	}
	view.Refused = sentenceOf(err)
	return s.render(w, r, http.StatusUnprocessableEntity, tenantsPage(v.page, view))
}

func (s *Server) renameTenant(w http.ResponseWriter, r *http.Request, v visit) error {
	name := r.PostFormValue("name")
	if _, err := s.Operator.ChangeTenant(r.Context(), v.who, r.PathValue("tenant"), operate.TenantChange{Name: &name}); err != nil {
		return s.refusedTenant(w, r, v, err)
	}
	return seeOther(w, r, "/settings/tenants?said=saved")
}

// removeTenant removes a tenant, once its short name was typed.
func (s *Server) removeTenant(w http.ResponseWriter, r *http.Request, v visit) error {
	slug := r.PathValue("tenant")
	if strings.TrimSpace(r.PostFormValue("sure")) != slug {
		return s.refusedTenant(w, r, v, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "What was typed is not “" + slug + "”."})
	}
	if err := s.Operator.RemoveTenant(r.Context(), v.who, slug); err != nil {
		return s.refusedTenant(w, r, v, err)
	}
	return seeOther(w, r, "/settings/tenants?said=tenant-removed")
}

// setManaged lets owners of the server into the own tenant, or keeps them out.
func (s *Server) setManaged(w http.ResponseWriter, r *http.Request, v visit) error {
	managed := r.PostFormValue("managed") == "yes"
	if _, err := s.Operator.ChangeTenant(r.Context(), v.who, string(v.who.Tenant), operate.TenantChange{Managed: &managed}); err != nil {
		return err
	}
	return seeOther(w, r, "/settings?said=saved")
}

// enterTenant goes on in another tenant, or back in the own one.
func (s *Server) enterTenant(w http.ResponseWriter, r *http.Request, v visit) error {
	g, err := s.Operator.EnterTenant(r.Context(), v.who, v.session.Grant, r.PostFormValue("tenant"))
	if err != nil {
		return err
	}
	if g == v.session.Grant { // they are there already
		return seeOther(w, r, "/")
	}
	if _, err := s.begins(w, r, g, v.session); err != nil {
		return err
	}
	return seeOther(w, r, "/")
}

// begins goes on in a session of another tenant. When somebody has last shown who they are, and since when they are in, stays as it was.
func (s *Server) begins(w http.ResponseWriter, r *http.Request, g session.Grant, was session.Session) (session.Session, error) {
	x, err := s.Operator.Sessions.GoOn(w, r, g, was)
	if err != nil {
		return x, err
	}
	who, err := s.Operator.Inside(r.Context(), x)
	if err == nil {
		err = s.Operator.SignedIn(r.Context(), who)
	}
	return x, err
}

// returning is the grant of somebody who has shown again who they are: whoever was in another tenant goes on there.
func (s *Server) returning(r *http.Request, g session.Grant) session.Grant {
	x, err := s.Operator.Sessions.Of(r)
	if err != nil || x.Grant.Home == "" || x.Grant.Home != g.Tenant || g.Home != "" || x.Grant.Person.Owner != g.Person.Owner || x.Grant.Person.User != g.Person.User {
		return g
	}
	who, err := s.Operator.Visitor(r.Context(), g)
	if err != nil {
		return g
	}
	if there, err := s.Operator.EnterTenant(r.Context(), who, g, string(x.Grant.Tenant)); err == nil {
		return there
	}
	return g
}

// pageTenant is the name of the field, and of the parameter, by which what a page sends says in which tenant it was opened. Whoever has gone on in
// another one since, in another window, does nothing there by it.
const pageTenant = "page-tenant"

// posts are the beginnings of forms that do something.
var posts = regexp.MustCompile(`<form\b[^>]*\bmethod="post"[^>]*>`)

// actionOf is the address of a form with files, whose fields are not read before these are.
var actionOf = regexp.MustCompile(`\baction="([^"]*)"`)

// bound is a page or a part of one whose forms say in which tenant it was opened.
func bound(body []byte, t lockstep.TenantID) []byte {
	if t == "" {
		return body
	}
	return posts.ReplaceAllFunc(body, func(tag []byte) []byte {
		if bytes.Contains(tag, []byte("multipart/form-data")) {
			return actionOf.ReplaceAll(tag, []byte(`action="${1}?`+pageTenant+`=`+url.QueryEscape(string(t))+`"`))
		}
		return append(slices.Clone(tag), `<input type="hidden" name="`+pageTenant+`" value="`+string(t)+`"/>`...)
	})
}

// inTenant is the key of a request's context under which its tenant stands.
type inTenant struct{}

func withTenant(r *http.Request, t lockstep.TenantID) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), inTenant{}, t))
}

func tenantOf(ctx context.Context) lockstep.TenantID {
	t, _ := ctx.Value(inTenant{}).(lockstep.TenantID)
	return t
}

// elsewhere refuses what a page sends that was opened in another tenant. Its stream ends, so that it is read anew.
func elsewhere(r *http.Request, t lockstep.TenantID) error {
	sent := r.URL.Query().Get(pageTenant)
	if sent == "" && r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		sent = r.PostFormValue(pageTenant)
	}
	switch {
	case sent == "" || sent == string(t):
		return nil
	case r.Method == http.MethodGet:
		return &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "You are in another tenant by now."}
	}
	return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "This page was opened in another tenant than the one that you are in now, so nothing was done. Go back to that tenant, or open the page anew."}
}

// liveOf is the address of a page's stream, which says in which tenant the page was opened.
func (p page) liveOf() string {
	sign := "?"
	if strings.Contains(p.Live, "?") {
		sign = "&"
	}
	return p.Live + sign + pageTenant + "=" + url.QueryEscape(string(p.Who.Tenant))
}
