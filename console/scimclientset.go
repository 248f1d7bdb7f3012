package console

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
)

// scimSettingsView is what can be changed of a client.
type scimSettingsView struct {
	Head        scimHead
	Form        form
	Facts       []setting
	Created     time.Time
	Expires     time.Time
	Application string // address of its page; "" is none
	Secret      bool   // it has one that can be rotated
	Rotate      rotation
}

func (s *Server) scimSettingsView(r *http.Request, v *visit) (scimSettingsView, operate.TokenEntry, error) {
	h, e, c, err := s.openClient(r, v, "settings")
	if err != nil {
		return scimSettingsView{}, e, err
	}
	view := scimSettingsView{Head: h, Created: e.Created, Expires: e.Expires, Rotate: rotationOf(h, e, c, s.now()), Secret: e.OAuth.Zero() || c.Auth == sso.AuthBasic || c.Auth == sso.AuthPost}
	rate := ""
	if e.Rate > 0 {
		rate = strconv.FormatFloat(e.Rate, 'f', -1, 64)
	}
	var kinds []choice
	for _, p := range products {
		kinds = append(kinds, choice{string(p.ID), p.Name, ""})
	}
	view.Form.Fields = []field{
		{Name: "product", Label: "What it is", Kind: selectField, Value: string(h.Product.ID), Choices: kinds, Help: "Decides in whose words it is set up."},
		{Name: "profile", Label: "Profile", Kind: selectField, Value: string(cmp.Or(e.Profile, token.Generic)), Choices: profiles, Help: "What it is forgiven. It holds within a second."},
		{Name: "rate", Label: "Requests a second", Kind: numberField, Short: true, Value: rate, Help: rateHelp},
	}
	view.Facts = factsOf(e)
	if c.ID != "" {
		view.Application = "/signin/apps/" + url.PathEscape(string(c.ID))
	}
	return view, e, nil
}

// factsOf is what cannot be changed of a client.
func factsOf(e operate.TokenEntry) []setting {
	may := "read"
	if e.Scopes.Allow("scim:write") {
		may = "read and write"
	}
	all := []setting{{"It may", may}, {"ID", string(e.ID)}}
	o := e.OAuth
	for _, f := range []setting{{"Application", o.Client}, {"Issuer", o.Issuer}, {"Audience", o.Audience}, {"Subject", o.Subject}, {"Scope", o.Scope}, {"Signed with", string(o.Alg)}} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

func (s *Server) scimClientSettings(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, err := s.scimSettingsView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, scimSettingsPage(v.page, view))
}

func (s *Server) saveScimClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, e, err := s.scimSettingsView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	product, profile, rate := token.Product(view.Form.value("product")), token.Profile(view.Form.value("profile")), view.Form.number("rate", token.MaxRate, false)
	if err := token.CheckRate(rate); err != nil {
		view.Form.blame("rate", sentenceOf(err))
	}
	if !view.Form.faulty() {
		if _, err = s.Operator.SetToken(r.Context(), v.who, string(e.ID), operate.TokenChange{Product: &product, Profile: &profile, Rate: &rate}); err != nil {
			if err := view.Form.wrong(err); err != nil {
				return err
			}
		}
	}
	if view.Form.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, scimSettingsPage(v.page, view))
	}
	return seeOther(w, r, view.Head.Href+"/settings?said=saved")
}
