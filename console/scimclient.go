package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
	"lockstep/web"
)

// scimClientPages are the pages about those who push people in by SCIM.
func (s *Server) scimClientPages(handle func(string, web.Handler)) {
	handle("GET /inbound", s.in(s.scim))
	handle("GET /inbound/add", s.in(s.scimProducts))
	handle("GET /inbound/add/{product}", s.in(s.showNewClient))
	handle("POST /inbound/add/{product}", s.in(s.newClient))
	handle("GET /inbound/clients/{id}", s.in(s.scimClient))
	handle("GET /inbound/clients/{id}/live", s.in(s.scimClientLive))
	handle("GET /inbound/clients/{id}/requests", s.in(s.scimClientRequests))
	handle("POST /inbound/clients/{id}/clear", s.in(s.clearReport))
	handle("GET /inbound/clients/{id}/settings", s.in(s.scimClientSettings))
	handle("POST /inbound/clients/{id}/settings", s.in(s.saveScimClient))
	handle("POST /inbound/clients/{id}/rotate", s.in(s.rotateToken))
}

// scimHead is what every page of a client begins with.
type scimHead struct {
	ID, Name, Href string
	Product        product
	Way            wayOf
	Tabs           []tab
	Said           string
	Over           bool // it has ended
}

// below is what a client is, in a line.
func (h scimHead) below() string { return h.Product.Name + " · " + h.Way.Word }

// copied is a setting of a client with its value.
type copied struct {
	Label, Value string
	Secret       bool // shown this once
	Lost         bool // a secret that is not shown any more
	Plain        bool // nothing to copy
	Long         bool
}

// scimClientView is a client that is set up.
type scimClientView struct {
	Head   scimHead
	State  clientState
	Give   []copied
	Once   bool // its secret is on this page, and on no other
	Secret bool // it has one
	Rotate rotation
	Lacks  string // why it cannot be set up yet
}

// rotation is what the dialog says that gives a client a new secret.
type rotation struct {
	Href, Of      string
	Expires       bool
	Over, Lately  bool
	FormerEnds    time.Time
	FormerUsed    time.Time
	OfApplication bool
}

// wayOfEntry is how a client shows who it is. c is its application.
func wayOfEntry(e operate.TokenEntry, c sso.Client) way {
	switch {
	case e.OAuth.Issuer != "":
		return byIssuer
	case e.OAuth.Client != "" && c.Auth == sso.AuthPrivateKey:
		return byKey
	case e.OAuth.Client != "":
		return bySecret
	}
	return byToken
}

// openClient finds the client of the address, with what is said of it on each of its pages.
func (s *Server) openClient(r *http.Request, v *visit, here string) (scimHead, operate.TokenEntry, sso.Client, error) {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return scimHead{}, e, sso.Client{}, err
	}
	c, err := s.applicationOf(r.Context(), v.who, e)
	if err != nil {
		return scimHead{}, e, c, err
	}
	h := scimHead{ID: string(e.ID), Name: e.Name, Href: "/inbound/clients/" + string(e.ID), Product: productOf(e.Product), Said: said(r), Over: !e.Expires.IsZero() && !s.now().Before(e.Expires)}
	h.Way = h.Product.way(wayOfEntry(e, c))
	for _, t := range []tab{{Word: "Set up"}, {Word: "Requests", Href: "requests"}, {Word: "Settings", Href: "settings"}} {
		t.Here, t.Href = t.Href == here, strings.TrimSuffix(h.Href+"/"+t.Href, "/")
		h.Tabs = append(h.Tabs, t)
	}
	v.page.Title, v.page.Nav = e.Name, "/inbound"
	return h, e, c, nil
}

// applicationOf is the application whose access tokens a client shows; the zero value when it has none, or when whoever looks may not see it.
func (s *Server) applicationOf(ctx context.Context, p operate.Principal, e operate.TokenEntry) (sso.Client, error) {
	if e.OAuth.Client == "" || !s.Operator.HasSignIn() || p.May(operate.SignInRead) != nil {
		return sso.Client{}, nil
	}
	c, err := s.Operator.Client(ctx, p, e.OAuth.Client)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return sso.Client{}, nil
	}
	return c, err
}

func (s *Server) scimClient(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, c, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	return s.renderClient(w, r, v, h, e, c, "")
}

// renderClient shows the page by which a client is set up. secret is on it if there is one, this once.
func (s *Server) renderClient(w http.ResponseWriter, r *http.Request, v visit, h scimHead, e operate.TokenEntry, c sso.Client, secret string) error {
	all, err := s.Operator.SCIMCalls(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := scimClientView{Head: h, State: stateOfClient(e, all, h.Product, s.now()), Once: secret != ""}
	values := map[given]string{theSecret: secret, theToken: secret, theID: e.OAuth.Client, theIssuer: e.OAuth.Issuer, theAudience: e.OAuth.Audience}
	if values[theAddress], err = s.endpoint(r, v.who); err != nil {
		return err
	}
	if h.Way.Way == bySecret || h.Way.Way == byKey {
		if values[theEndpoint], err = s.tokenEndpoint(r.Context(), v.who); err != nil {
			return err
		}
		if values[theEndpoint] == "" {
			view.Lacks = "Where access tokens are had is not known, since the server has no public address yet. Start it with --public-url https://…"
		}
	}
	if h.Product.ID != token.ProductOther && !strings.HasPrefix(values[theAddress], "https://") {
		view.Lacks = h.Product.Name + " is on the internet and calls public https addresses alone, and this one is none. Start the server with --public-url https://…"
	}
	view.Secret = h.Way.Way == byToken || h.Way.Way == bySecret && (c.Auth == sso.AuthBasic || c.Auth == sso.AuthPost)
	for _, g := range h.Way.Give {
		one := copied{Label: g.Label, Value: cmp.Or(g.Value, values[g.Of]), Plain: g.Plain, Long: strings.Contains(g.Value, "\n")}
		if g.Of == theToken || g.Of == theSecret {
			one.Secret, one.Lost = secret != "", secret == ""
		} else if one.Value == "" {
			continue
		}
		view.Give = append(view.Give, one)
	}
	view.Rotate = rotationOf(h, e, c, s.now())
	v.page.Live = h.Href + "/live"
	if secret != "" {
		v.page.Title, v.page.Path = "Set up "+e.Name, h.Href
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.render(w, r, http.StatusOK, scimClientPage(v.page, view))
}

func rotationOf(h scimHead, e operate.TokenEntry, c sso.Client, now time.Time) rotation {
	out := rotation{Href: h.Href + "/rotate", Of: secretMark(e.Hash), Expires: !e.Expires.IsZero(), Over: h.Over, FormerEnds: e.Former.Ends, FormerUsed: e.FormerUsed}
	if e.OAuth.Client != "" {
		out = rotation{Href: h.Href + "/rotate", Of: strconv.FormatInt(c.Version, 10), OfApplication: true, FormerEnds: c.Former.Ends}
	}
	if !now.Before(out.FormerEnds) {
		out.FormerEnds, out.FormerUsed = time.Time{}, time.Time{}
	}
	out.Lately = !out.FormerEnds.IsZero()
	return out
}

// tokenEndpoint is where applications of the tenant get access tokens; "" while the server has no public address.
func (s *Server) tokenEndpoint(ctx context.Context, p operate.Principal) (string, error) {
	if !s.Operator.HasSignIn() || p.May(operate.SignInRead) != nil {
		return "", nil
	}
	issuer, err := s.Operator.Issuer(ctx, p)
	if err != nil || issuer == "" {
		return "", err
	}
	return issuer + "/token", nil
}

// scimClientLive sends how a client stands whenever that has changed.
func (s *Server) scimClientLive(w http.ResponseWriter, r *http.Request, v visit) error {
	h, _, _, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	var last clientState
	first := true
	return s.stream(w, r, v, func(ctx context.Context) ([]event, error) {
		e, err := s.Operator.Token(ctx, v.who, h.ID)
		if err != nil {
			return nil, err
		}
		all, err := s.Operator.SCIMCalls(ctx, v.who)
		if err != nil {
			return nil, err
		}
		now := stateOfClient(e, all, productOf(e.Product), s.now())
		if !first && reflect.DeepEqual(now, last) {
			return nil, nil
		}
		first, last = false, now
		return []event{{body: clientLive(s.now(), h, now)}}, nil
	})
}

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
	if w := view.Way.Way; w == bySecret || w == byKey {
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
	if v.Way.Way != bySecret && v.Way.Way != byKey {
		e, secret, err = s.Operator.CreateToken(ctx, p, in)
		return e, c, secret, err
	}
	if !s.Operator.HasSignIn() {
		return e, c, "", &lockstep.Error{Code: lockstep.CodeInvalid, Detail: v.Lacks}
	}
	c = sso.Client{Name: in.Name + " (SCIM)", Kind: sso.KindOpenID, Grants: []sso.GrantType{sso.GrantCredentials}, Scopes: []string{token.ScopeSCIM}, Auth: sso.ClientAuth(v.Form.value("auth"))}
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
	detail := sentenceOf(err)
	for _, one := range []struct{ part, field string }{{"issuer is", "issuer"}, {"claim aud", "audience"}, {"claim sub", "subject"}, {"key", "keys"}} {
		if strings.Contains(detail, one.part) && slices.ContainsFunc(v.Form.Fields, func(f field) bool { return f.Name == one.field }) {
			v.Form.blame(one.field, detail)
			return nil
		}
	}
	if strings.Contains(detail, "profile") {
		v.More.blame("profile", detail)
		return nil
	}
	return v.Form.wrong(err)
}

// scimRequestsView is what a client has sent, and where that departs from the RFCs.
type scimRequestsView struct {
	Head   scimHead
	Report scimReport
	List   scimView
}

func (s *Server) scimClientRequests(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, _, err := s.openClient(r, &v, "requests")
	if err != nil {
		return err
	}
	view := scimRequestsView{Head: h}
	if view.List.Filter, err = exchangesAsked(r, h.Href+"/requests"); err != nil {
		return err
	}
	view.List.Filter.Client, view.List.Filter.Of = e.Name, string(e.ID)
	if err := s.exchanges(r.Context(), v.who, &view.List); err != nil {
		return err
	}
	tallies, err := s.Operator.Report(r.Context(), v.who)
	if err != nil {
		return err
	}
	view.Report = reportOf(e, tallies[e.ID])
	return s.render(w, r, http.StatusOK, scimRequestsPage(v.page, view))
}

// clearReport begins a client's count anew.
func (s *Server) clearReport(w http.ResponseWriter, r *http.Request, v visit) error {
	e, err := s.findSCIMToken(r, v.who)
	if err != nil {
		return err
	}
	if err := s.Operator.ClearReport(r.Context(), v.who, string(e.ID)); err != nil {
		return err
	}
	return seeOther(w, r, "/inbound/clients/"+string(e.ID)+"/requests?said=report-cleared")
}

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
			if strings.Contains(sentenceOf(err), "profile") {
				view.Form.blame("profile", sentenceOf(err))
			} else if err := view.Form.wrong(err); err != nil {
				return err
			}
		}
	}
	if view.Form.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, scimSettingsPage(v.page, view))
	}
	return seeOther(w, r, view.Head.Href+"/settings?said=saved")
}

// rotateToken gives a client a new secret and shows it, this once. A form that is sent again, as by a browser that reloads the page with the
// secret, is about a secret that is no longer the client's.
func (s *Server) rotateToken(w http.ResponseWriter, r *http.Request, v visit) error {
	h, e, c, err := s.openClient(r, &v, "")
	if err != nil {
		return err
	}
	if r.PostFormValue("of") != rotationOf(h, e, c, s.now()).Of {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The client has another secret by now, so it was not rotated. To rotate it once more, begin at its page."}
	}
	hours, err := strconv.Atoi(r.PostFormValue("overlap"))
	if err != nil || hours < 0 || hours > int(token.MaxOverlap/time.Hour) {
		return unreadable()
	}
	overlap := time.Duration(hours) * time.Hour
	if e.OAuth.Client != "" {
		c, text, err := s.Operator.RotateClient(r.Context(), v.who, e.OAuth.Client, overlap)
		if err != nil {
			return err
		}
		return s.renderClient(w, r, v, h, e, c, text)
	}
	how := operate.Rotation{Of: &e.Hash, Overlap: overlap}
	if days, err := strconv.Atoi(r.PostFormValue("days")); err == nil && days > 0 && days <= 3660 {
		how.Days = days
	}
	next, text, err := s.Operator.RotateToken(r.Context(), v.who, string(e.ID), how)
	if err != nil {
		return err
	}
	return s.renderClient(w, r, v, h, next, c, text)
}
