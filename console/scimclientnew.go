package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
)

// scimProductsView is what can be chosen.
type scimProductsView struct{ All []product }

func (s *Server) scimProducts(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a SCIM client", "/inbound"
	return s.render(w, r, http.StatusOK, scimProductsPage(v.page, scimProductsView{products}))
}

// newClientView is the form of a client that is new.
type newClientView struct {
	Product product
	Way     wayOf
	Form    form
	More    form
	Lacks   string // why it cannot be added this way
}

func (v *newClientView) href(w way) string {
	return "/inbound/add/" + string(v.Product.ID) + "?by=" + url.QueryEscape(string(w))
}

func (v *newClientView) faults() form {
	return form{Wrong: v.Form.Wrong, Fields: slices.Concat(v.Form.Fields, v.More.Fields)}
}

// profiles are the profiles as people choose them.
var profiles = []choice{
	{string(token.Generic), "generic: people and managers that are named have to be there", ""},
	{string(token.Entra), "entra: as Microsoft Entra ID sends", ""},
	{string(token.Okta), "okta: a member who is not there is left out, a manager is kept as text", ""},
	{string(token.Strict), "strict: as generic, and each departure from the RFCs is counted and told", ""},
	{string(token.Interop), "interop: what the interoperability profile has servers refuse is refused", ""},
	{string(token.IPSIE), "ipsie: that, no passwords, and access tokens alone", ""},
}

const rateHelp = "Beyond it the answer is 429, and the client waits. Empty: as many as the server lets any client (--scim-rate), which is never exceeded."

// newClientView makes the form for the product and the way of the address.
func (s *Server) newClientView(r *http.Request, v *visit) (newClientView, error) {
	id := token.Product(r.PathValue("product"))
	if !slices.ContainsFunc(products, func(p product) bool { return p.ID == id }) {
		return newClientView{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such product."}
	}
	view := newClientView{Product: productOf(id)}
	view.Way = view.Product.Ways[0]
	if by := way(r.URL.Query().Get("by")); by != "" {
		view.Way = view.Product.way(by)
	}
	if w := view.Way.Way; w == bySecret || w == byKey || w == byConsent {
		endpoint, err := s.tokenEndpoint(r.Context(), v.who)
		if err != nil {
			return view, err
		}
		if endpoint == "" {
			view.Lacks = "Access tokens are had at the server's public address, which it does not have yet. Start it with --public-url https://…, or take another way."
		}
	}
	view.Form.Fields, view.More.Fields = newClientFields(view.Product, view.Way.Way)
	v.page.Title, v.page.Nav = view.Product.adds(), "/inbound"
	return view, nil
}

// newClientFields are what is asked of a new client.
func newClientFields(p product, w way) (main, more []field) {
	main = []field{{Name: "name", Label: "Name", Required: true, Value: string(p.ID), Help: "As you will find it in lists and logs."}}
	if p.ID == token.ProductOther {
		main[0].Value, main[0].Hint = "", "payroll"
	}
	switch w {
	case byToken:
	case bySecret:
		main = append(main, field{Name: "auth", Label: "It sends its secret", Kind: selectField, Value: string(sso.AuthPost), Choices: []choice{{string(sso.AuthPost), "in the body, as most do", ""}, {string(sso.AuthBasic), "in the header (HTTP Basic)", ""}}})
	case byConsent:
		redirect := field{Name: "redirect", Label: "Redirect URI", Code: true, Required: true, Hint: "https://app.example.com/oauth/callback", Help: "Where it has administrators sent back, letter for letter. It says so itself."}
		if p.ID == token.ProductOkta {
			redirect.Hint, redirect.Help = "https://system-admin.okta.com/admin/app/cpc/YOUR_APP/oauth/callback", "Okta's guide to SCIM services gives this form; YOUR_APP is the name that Okta has given the app. Compare it with what Okta sends if you are refused."
		}
		main = append(main, redirect, field{Name: "auth", Label: "It sends its secret", Kind: selectField, Value: string(sso.AuthPost), Choices: []choice{{string(sso.AuthPost), "in the body, as most do", ""}, {string(sso.AuthBasic), "in the header (HTTP Basic)", ""}}},
			field{Name: "pkce", Label: "It uses PKCE", Kind: tickField, Help: "If you do not know, leave it. With it, a request without is refused."})
	case byKey:
		main = append(main,
			field{Name: "keysuri", Label: "Where it publishes its keys (jwks_uri)", Code: true, Hint: "https://payroll.example.com/jwks.json"},
			field{Name: "keys", Label: "Or its public keys (JWK Set)", Kind: textField, Code: true, Hint: `{"keys": [ … ]}`},
			field{Name: "assertion", Label: "It signs with", Kind: selectField, Value: string(token.ES256), Choices: []choice{{string(token.ES256), "ES256", ""}, {string(token.RS256), "RS256", ""}}})
	case byIssuer:
		main = append(main, issuerFields(p)...)
	}
	days := field{Name: "days", Label: "It is good for", Kind: selectField, Value: "365", Choices: []choice{{"365", "one year", ""}, {"90", "90 days", ""}, {"730", "two years", ""}, {"0", "as long as it is not revoked", ""}}}
	if w != byToken {
		days.Value = "0"
	}
	main = append(main, days)
	more = []field{
		{Name: "scope", Label: "It may", Kind: selectField, Value: "scim:write", Choices: []choice{{"scim:write", "read and write", ""}, {"scim:read", "read alone", ""}}},
		{Name: "profile", Label: "Profile", Kind: selectField, Value: string(p.ID.Profile()), Choices: profiles, Help: "What it is forgiven."},
		{Name: "rate", Label: "Requests a second", Kind: numberField, Short: true, Help: rateHelp},
	}
	return main, more
}

func issuerFields(p product) []field {
	all := []field{
		{Name: "issuer", Label: "Issuer", Code: true, Required: true, Hint: "https://acme.okta.com/oauth2/default", Help: "The claim iss of its tokens, letter for letter."},
		{Name: "audience", Label: "Audience", Code: true, Required: true, Hint: "https://id.example.com/scim", Help: "The claim aud of its tokens."},
		{Name: "subject", Label: "Subject", Code: true, Hint: "0oa1b2c3", Help: "Whose tokens: sub, client_id, azp or appid. Empty: anybody to whom the issuer gives the scope."},
		{Name: "asks", Label: "Scope or role that they carry", Code: true, Hint: token.ScopeSCIM, Help: "Empty: scim. An asterisk: none."},
		{Name: "alg", Label: "They are signed with", Kind: selectField, Choices: []choice{{"", "RS256 or ES256", ""}, {string(token.RS256), "RS256 alone", ""}, {string(token.ES256), "ES256 alone", ""}}},
		{Name: "plain", Label: "Their type is JWT instead of at+jwt", Kind: tickField},
	}
	if p.ID == token.ProductEntra {
		all[0].Hint, all[0].Help = "https://sts.windows.net/YOUR-TENANT-ID/", "With the ID of your tenant (Directory ID), and the slash at the end."
		all[1].Value, all[1].Help = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621", "That of applications that are not from the gallery."
		all[2].Hint, all[2].Required, all[2].Help = "00000000-0000-0000-0000-000000000000", true, "The application ID of the provisioning service: the claim appid of its tokens."
		all[3].Value, all[3].Help, all[5].Value = token.AnyScope, "Its tokens carry none.", ticked
	}
	return all
}

func (s *Server) showNewClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.newClientView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, newClientPage(v.page, view))
}

// newClient adds a client and shows how to set it up, with its secret, this once.
func (s *Server) newClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, err := s.newClientView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	view.More.sent(r)
	in, err := s.readNewClient(r.Context(), v.who, &view)
	if err != nil {
		return err
	}
	var e operate.TokenEntry
	var c sso.Client
	var secret string
	if all := view.faults(); !all.faulty() {
		if e, c, secret, err = s.addClient(r.Context(), v.who, &view, in); err != nil {
			if err := view.wrong(err); err != nil {
				return err
			}
		}
	}
	if all := view.faults(); all.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, newClientPage(v.page, view))
	}
	if secret == "" {
		return seeOther(w, r, "/inbound/clients/"+string(e.ID)+"?said=client-added")
	}
	r.SetPathValue("id", string(e.ID))
	h, e, _, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	return s.renderClient(w, r, v, h, e, c, secret)
}

// readNewClient reads the form. What is wrong stands in it.
func (s *Server) readNewClient(ctx context.Context, p operate.Principal, v *newClientView) (operate.NewToken, error) {
	in := operate.NewToken{Name: v.Form.value("name"), Kind: token.KindSCIM, Scopes: v.More.value("scope"), Product: v.Product.ID, Profile: token.Profile(v.More.value("profile"))}
	if in.Scopes != "scim:write" && in.Scopes != "scim:read" {
		v.More.get("scope").Error = "Choose one."
	}
	var err error
	if in.Days, err = strconv.Atoi(v.Form.value("days")); err != nil || in.Days < 0 || in.Days > 3660 {
		v.Form.get("days").Error = "Choose one."
	}
	in.Rate = v.More.number("rate", token.MaxRate, false)
	if err := token.CheckRate(in.Rate); err != nil {
		v.More.blame("rate", sentenceOf(err))
	}
	if v.Way.Way == byIssuer {
		in.OAuth = token.OAuth{
			Issuer: v.Form.value("issuer"), Audience: v.Form.value("audience"), Subject: v.Form.value("subject"), Scope: v.Form.value("asks"), Alg: token.Alg(v.Form.value("alg")), Plain: v.Form.value("plain") != "",
		}
		if in.OAuth.Issuer == "" {
			v.Form.get("issuer").Error = "Say who makes its tokens."
		}
	}
	if in.Name == "" || len(in.Name) > 100 {
		v.Form.get("name").Error = "Give it a name of at most 100 letters."
		return in, nil
	}
	if _, err := s.Operator.Token(ctx, p, in.Name); err == nil || lockstep.CodeOf(err) == lockstep.CodeConflict {
		v.Form.get("name").Error = "There is a token of this name already."
	} else if lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return in, err
	}
	return in, nil
}

// addClient adds the client, and before it the application that gets its access tokens, if it is to have one. When the client cannot be added,
// the application goes again.
func (s *Server) addClient(ctx context.Context, p operate.Principal, v *newClientView, in operate.NewToken) (e operate.TokenEntry, c sso.Client, secret string, err error) {
	if v.Way.Way != bySecret && v.Way.Way != byKey && v.Way.Way != byConsent {
		e, secret, err = s.Operator.CreateToken(ctx, p, in)
		return e, c, secret, err
	}
	if !s.Operator.HasSignIn() {
		return e, c, "", &lockstep.Error{Code: lockstep.CodeInvalid, Detail: v.Lacks}
	}
	c = sso.Client{Name: in.Name + " (SCIM)", Kind: sso.KindOpenID, Grants: []sso.GrantType{sso.GrantCredentials}, Scopes: []string{token.ScopeSCIM}, Auth: sso.ClientAuth(v.Form.value("auth"))}
	if v.Way.Way == byConsent {
		c.Grants, c.Redirects, c.NoPKCE = []sso.GrantType{sso.GrantCode, sso.GrantRefresh}, []string{v.Form.value("redirect")}, v.Form.value("pkce") == ""
		if c.Redirects[0] == "" {
			v.Form.get("redirect").Error = "Say where it has administrators sent back."
			return e, c, "", nil
		}
	}
	if v.Way.Way == byKey {
		c.Auth, c.Keys, c.KeysURI, c.Assertion = sso.AuthPrivateKey, strings.TrimSpace(v.Form.value("keys")), v.Form.value("keysuri"), token.Alg(v.Form.value("assertion"))
	} else if c.Auth != sso.AuthBasic && c.Auth != sso.AuthPost {
		v.Form.get("auth").Error = "Choose one."
		return e, c, "", nil
	}
	if c, secret, err = s.Operator.AddClient(ctx, p, c); err != nil {
		return e, c, "", err
	}
	in.OAuth = token.OAuth{Client: string(c.ID)}
	if e, _, err = s.Operator.CreateToken(ctx, p, in); err != nil {
		return e, c, "", errors.Join(err, s.Operator.DeleteClient(ctx, p, string(c.ID)))
	}
	return e, c, secret, nil
}

// wrong puts a refusal beside the field that it is about.
func (v *newClientView) wrong(err error) error {
	at := fieldOf(err)
	if at == "redirects" {
		at = "redirect"
	}
	if v.More.has(at) {
		return v.More.wrongIn(at, err)
	}
	return v.Form.wrongIn(at, err)
}
