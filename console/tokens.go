package console

import (
	"net/http"
	"time"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/token"
)

// consoleSettingsView is what concerns the whole of Lockstep rather than an app.
type consoleSettingsView struct {
	Said   string
	Tokens []apiToken
	Ends   time.Time // of this session
	Holder string
	Own    *directory.Tenant // whose owner looks, and may say who else comes in; nil is none
}

type apiToken struct {
	ID, Name, May string
	Used, Expires time.Time
}

func (s *Server) consoleSettings(w http.ResponseWriter, r *http.Request, v visit) error {
	all, err := s.Operator.ListTokens(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := consoleSettingsView{Said: said(r), Ends: v.who.Ends, Holder: v.who.Actor.Name}
	for _, e := range all {
		if e.Kind == token.KindAPI {
			view.Tokens = append(view.Tokens, apiToken{ID: string(e.ID), Name: e.Name, May: e.Scopes.String(), Used: e.LastUsed, Expires: e.Expires})
		}
	}
	if v.who.MayManage() {
		if t, err := s.Operator.TenantCalled(r.Context(), v.who, string(v.who.Tenant)); err != nil {
			return err
		} else if t.Slug != operate.DefaultTenant {
			view.Own = &t
		}
	}
	v.page.Title, v.page.Nav = "Settings", "/settings"
	return s.render(w, r, http.StatusOK, consoleSettingsPage(v.page, view))
}

// revokeToken ends a token of either kind.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.Operator.Token(r.Context(), v.who, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.Operator.RevokeToken(r.Context(), v.who, string(e.ID)); err != nil {
		return err
	}
	if e.Kind == token.KindSCIM {
		return seeOther(w, r, "/inbound?said=revoked")
	}
	return seeOther(w, r, "/settings?said=revoked")
}
