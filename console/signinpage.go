package console

import (
	"net/http"
	"slices"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/web"
)

// loginPages are the pages about the login page that people see.
func (s *Server) loginPages(handle func(string, web.Handler)) {
	handle("GET /signin/page", s.in(s.loginPage))
	handle("POST /signin/page", s.in(s.setLoginPage))
}

// loginView is the login page as people see it, and what can be changed of it.
type loginView struct {
	Said    string
	All     []provider // in the order of their buttons
	App     string     // to which people sign in; "" is any
	Apps    []choice
	Lang    string
	Text    map[string]string
	Name    string // of the application
	Buttons []provider
	Form    bool
	At      int // of how many providers there are buttons
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, v visit) error {
	q := r.URL.Query()
	view := loginView{Said: said(r), App: q.Get("app"), Lang: q.Get("lang"), Apps: []choice{{"", "Any application", ""}}}
	if view.Lang != "de" {
		view.Lang = "en"
	}
	view.Text = sso.PageTexts(view.Lang)
	all, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return err
	}
	apps, err := s.Operator.Clients(r.Context(), v.who)
	if err != nil {
		return err
	}
	var app sso.Client
	for _, c := range apps {
		view.Apps = append(view.Apps, choice{string(c.ID), c.Name, ""})
		if string(c.ID) == view.App {
			app = c
		}
	}
	view.Name = app.Name
	for _, one := range all {
		p, _, err := s.providerOf(v, one)
		if err != nil {
			return err
		}
		view.All = append(view.All, p)
		if p.State != sso.Enabled || p.Hidden && app.Provider != p.ID || !offers(app, one) {
			continue
		}
		view.At++
		if p.Kind == sso.KindLDAP || p.Kind == sso.KindLocal {
			view.Form = true
		} else {
			view.Buttons = append(view.Buttons, p)
		}
	}
	v.page.Title, v.page.Nav = "Login page", "/signin"
	return s.render(w, r, http.StatusOK, loginPagePage(v.page, view))
}

// offers reports whether people of the application may sign in through the provider.
func offers(c sso.Client, p operate.IdentityProvider) bool {
	if c.Provider != "" {
		return c.Provider == p.ID
	}
	return len(c.Allowed) == 0 || slices.Contains(c.Allowed, p.ID)
}

// setLoginPage moves a button, hides it or shows it.
func (s *Server) setLoginPage(w http.ResponseWriter, r *http.Request, v visit) error {
	alias, do := r.PostFormValue("alias"), r.PostFormValue("do")
	var err error
	switch do {
	case "up", "down":
		err = s.Operator.MoveIdentityProvider(r.Context(), v.who, alias, do == "up")
	case "hide", "show":
		hidden := do == "hide"
		_, err = s.Operator.SetIdentityProvider(r.Context(), v.who, alias, operate.ProviderChange{Hidden: &hidden})
	default:
		err = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "A button is moved up or down, hidden or shown."}
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/signin/page?said=saved")
}
