package console

import (
	"net/http"
	"net/url"
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

// clientPages are the pages about applications that sign people in here.
func (s *Server) clientPages(handle func(string, web.Handler)) {
	handle("GET /signin/apps", s.in(s.relying))
	handle("GET /signin/apps/{id}", s.in(s.showClient))
	handle("POST /signin/apps/{id}", s.in(s.saveClient))
	handle("POST /signin/apps/{id}/rotate", s.in(s.rotateClient))
	handle("POST /signin/apps/{id}/delete", s.in(s.deleteClient))
	handle("GET /signin/addapp", s.in(s.showAddClient))
	handle("POST /signin/addapp", s.in(s.addRelying))
}

// clientsView is the list of applications.
type clientsView struct {
	Said string
	All  []client
}

// client is an application as pages show it.
type client struct {
	sso.Client
	Href  string
	Badge state
	Via   string // the only provider of its people
}

func (s *Server) relying(w http.ResponseWriter, r *http.Request, v visit) error {
	all, err := s.Operator.Clients(r.Context(), v.who)
	if err != nil {
		return err
	}
	providers, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := clientsView{Said: said(r)}
	for _, c := range all {
		view.All = append(view.All, clientOf(c, providers))
	}
	v.page.Title, v.page.Nav = "Applications that sign in here", "/signin"
	return s.render(w, r, http.StatusOK, clientsPage(v.page, view))
}

func clientOf(c sso.Client, providers []operate.IdentityProvider) client {
	to := client{Client: c, Href: "/signin/apps/" + url.PathEscape(string(c.ID)), Badge: state{"Enabled", "check", good}}
	if c.Disabled {
		to.Badge = state{"Disabled", "pause", calm}
	}
	for _, p := range providers {
		if p.ID == c.Provider {
			to.Via = p.Name
		}
	}
	return to
}

// oneClientView is an application as a form, with what it is to be told.
type oneClientView struct {
	Client client
	Said   string
	Secret string // shown this once
	Until  time.Time
	Form   form
	More   form
	Give   []setting // what to copy into the application
	Kind   sso.ClientKind
	Read   *sso.SAMLApp // the metadata that the form had
}

// clientSettings are what an application is told, by the names that most of them use.
func clientSettings(issuer string, c sso.Client) []setting {
	if issuer == "" {
		return nil
	}
	if c.Kind != sso.KindOpenID {
		return appSettings(issuer, c)
	}
	all := []setting{{"Client ID", string(c.ID)}, {"Issuer", issuer}, {"Discovery", issuer + "/.well-known/openid-configuration"}}
	if c.May(sso.GrantCode) {
		all = append(all, setting{"Authorization endpoint", issuer + "/authorize"})
	}
	all = append(all, setting{"Token endpoint", issuer + "/token"})
	if c.May(sso.GrantCode) {
		all = append(all, setting{"User info endpoint", issuer + "/userinfo"}, setting{"End session endpoint", issuer + "/logout"})
	}
	all = append(all, setting{"Keys (JWKS)", issuer + "/jwks"})
	if c.May(sso.GrantCode) {
		return append(all, setting{"Scopes", "openid profile email"})
	}
	return append(all, setting{"Scopes", strings.Join(c.Scopes, " ")})
}

// authKinds are how an application can show who it is.
var authKinds = []choice{
	{string(sso.AuthBasic), "A server that can keep a secret", "client_secret_basic, which nearly all of them understand"},
	{string(sso.AuthPost), "The same, with the secret in the body", "client_secret_post"},
	{string(sso.AuthNone), "A page, a phone or a desktop program", "It cannot keep a secret; PKCE binds each sign-in"},
	{string(sso.AuthPrivateKey), "A server with a key of its own", "private_key_jwt"},
}

func authWord(a sso.ClientAuth) string {
	for _, c := range authKinds {
		if c.Value == string(a) {
			return c.Word
		}
	}
	return string(a)
}

// relyingForm makes the fields with the values of the application; one that is new has no ID.
func relyingForm(c sso.Client, providers []operate.IdentityProvider) (main, more form) {
	switch c.Kind {
	case sso.KindSAMLApp:
		main, more = samlForm(c)
	case sso.KindProxy:
		main, more = proxyForm(c)
	default:
		return openIDForm(c, providers)
	}
	more.Fields = append(append(more.Fields, viaFields(c, providers)...), idOrDisabled(c))
	return main, more
}

// idOrDisabled is the client ID of an application that is new, and whether another one is disabled.
func idOrDisabled(c sso.Client) field {
	if c.ID == "" {
		return field{Name: "id", Label: "Client ID", Code: true, Help: "Empty: one is made."}
	}
	return field{Name: "disabled", Label: "Disabled: nobody signs in to it", Kind: tickField, Value: tickOf(c.Disabled)}
}

func openIDForm(c sso.Client, providers []operate.IdentityProvider) (main, more form) {
	lines := func(all []string) string { return strings.Join(all, "\n") }
	main.Fields = []field{
		{Name: "name", Label: "Name", Value: c.Name, Required: true, Help: "Stands on the login page: “to go on to …”."},
		{Name: "redirects", Label: "Redirect URIs", Kind: textField, Code: true, Value: lines(c.Redirects), Hint: "https://recorder.example.com/callback", Help: "Where people are sent after they signed in, one a line, letter for letter as the application sends them."},
		{Name: "after", Label: "After signing out", Kind: textField, Code: true, Value: lines(c.AfterLogout), Hint: "https://recorder.example.com/bye", Help: "Where the application may have people sent after they signed out, one a line."},
		{Name: "logout", Label: "Back-channel logout URI", Code: true, Value: c.LogoutURI, Hint: "https://recorder.example.com/logout", Help: "Where Lockstep tells the application that somebody's session has ended. Without it only its tokens end."},
	}
	if c.ID == "" {
		main.Fields = append(main.Fields, field{Name: "auth", Label: "What it is", Kind: choiceField, Value: string(sso.AuthBasic), Choices: authKinds})
	}
	format, alg := c.Token, c.IDToken
	if format == "" {
		format = sso.Opaque
	}
	if alg == "" {
		alg = token.RS256
	}
	more.Fields = viaFields(c, providers)
	more.Fields = append(more.Fields,
		field{Name: "token", Label: "Access tokens", Kind: choiceField, Value: string(format), Choices: []choice{
			{string(sso.Opaque), "Opaque", "End at once with the person."}, {string(sso.SignedJWT), "JWT", "The application reads them itself; nobody can take one back before it expires, after five minutes at most."},
		}},
		field{Name: "alg", Label: "ID tokens are signed with", Kind: selectField, Value: string(alg), Choices: []choice{{string(token.RS256), "RS256, which every application understands", ""}, {string(token.ES256), "ES256, faster and shorter", ""}}},
		field{Name: "code", Label: "Signs people in", Kind: tickField, Value: tickOf(c.ID == "" || c.May(sso.GrantCode))},
		field{Name: "refresh", Label: "Gets refresh tokens", Kind: tickField, Value: tickOf(c.ID == "" || c.May(sso.GrantRefresh))},
		field{Name: "credentials", Label: "Gets tokens for itself (client credentials)", Kind: tickField, Value: tickOf(c.May(sso.GrantCredentials))},
		field{Name: "scopes", Label: "Scopes that it may ask for itself", Value: strings.Join(c.Scopes, " "), Code: true, Help: "Of client credentials, divided by blanks."},
		field{Name: "audience", Label: "Further audiences of its access tokens", Kind: textField, Code: true, Value: lines(c.Audience), Help: "One a line."},
		field{Name: "revocation", Label: "Global token revocation", Code: true, Value: c.RevocationURI, Hint: "https://recorder.example.com/global-token-revocation", Help: "Where it is asked to end everything of whoever leaves (Okta's Universal Logout)."},
		field{Name: "nopkce", Label: "It may leave out PKCE", Kind: tickField, Value: tickOf(c.NoPKCE), Help: "For an application with a secret that knows none."},
		field{Name: "pushed", Label: "It must push its requests (RFC 9126)", Kind: tickField, Value: tickOf(c.Pushed)},
	)
	if c.ID == "" || c.Auth == sso.AuthPrivateKey {
		assertion := c.Assertion
		if assertion == "" {
			assertion = token.RS256
		}
		more.Fields = append(more.Fields,
			field{Name: "keysuri", Label: "Where it publishes its keys (jwks_uri)", Code: true, Value: c.KeysURI, Hint: "https://recorder.example.com/jwks", Help: "Of an application with a key of its own. Then leave the keys below empty."},
			field{Name: "keys", Label: "Its public keys (JWK Set)", Kind: textField, Code: true, Value: c.Keys, Hint: `{"keys": [ … ]}`, Help: "Of an application with a key of its own."},
			field{Name: "assertion", Label: "Its assertions are signed with", Kind: selectField, Value: string(assertion), Choices: []choice{{string(token.RS256), "RS256", ""}, {string(token.ES256), "ES256", ""}}})
	}
	more.Fields = append(more.Fields, idOrDisabled(c))
	return main, more
}

// read puts what the form says into the application.
func (v *oneClientView) read(c *sso.Client, providers []operate.IdentityProvider) {
	m, o := &v.Form, &v.More
	v.readVia(c, providers)
	c.Kind, c.Disabled = v.Kind, o.value("disabled") != ""
	switch v.Kind {
	case sso.KindSAMLApp:
		v.readSAML(c, v.Read)
		return
	case sso.KindProxy:
		v.readProxy(c)
		return
	case sso.KindOpenID:
	}
	c.Name, c.LogoutURI = m.value("name"), m.value("logout")
	c.Redirects, c.AfterLogout = strings.Fields(m.value("redirects")), strings.Fields(m.value("after"))
	c.Token, c.IDToken = sso.TokenFormat(o.value("token")), token.Alg(o.value("alg"))
	c.Scopes, c.Audience = strings.Fields(o.value("scopes")), strings.Fields(o.value("audience"))
	c.NoPKCE, c.Pushed, c.RevocationURI = o.value("nopkce") != "", o.value("pushed") != "", strings.TrimSpace(o.value("revocation"))
	c.Grants = nil
	for _, g := range []struct {
		name  string
		grant sso.GrantType
	}{{"code", sso.GrantCode}, {"refresh", sso.GrantRefresh}, {"credentials", sso.GrantCredentials}} {
		if o.value(g.name) != "" {
			c.Grants = append(c.Grants, g.grant)
		}
	}
	if slices.ContainsFunc(o.Fields, func(f field) bool { return f.Name == "keys" }) {
		c.Keys, c.KeysURI, c.Assertion = strings.TrimSpace(o.value("keys")), strings.TrimSpace(o.value("keysuri")), token.Alg(o.value("assertion"))
	}
	if len(c.Grants) == 0 {
		o.get("code").Error = "Tick at least one of the three."
	}
}

// wrong puts a refusal beside the field that it is about.
func (v *oneClientView) wrong(c sso.Client, err error) error {
	if lockstep.CodeOf(err) == lockstep.CodeConflict {
		v.More.blame("id", sentenceOf(err))
		return nil
	}
	if v.Kind != sso.KindOpenID {
		return v.wrongApp(c, err)
	}
	if c.Name == "" {
		v.Form.blame("name", "Give it a name.")
		return nil
	}
	if v.More.has(fieldOf(err)) {
		return v.More.wrong(err)
	}
	return v.Form.wrong(err)
}

func (v *oneClientView) faults() form {
	return form{Wrong: v.Form.Wrong, Fields: slices.Concat(v.Form.Fields, v.More.Fields)}
}

func (s *Server) oneClientView(r *http.Request, v *visit) (oneClientView, []operate.IdentityProvider, error) {
	providers, err := s.Operator.IdentityProviders(r.Context(), v.who)
	if err != nil {
		return oneClientView{}, nil, err
	}
	v.page.Title, v.page.Nav = "Add an application", "/signin"
	view := oneClientView{Kind: kindAsked(r)}
	view.Client.Kind = view.Kind
	if id := r.PathValue("id"); id != "" {
		c, err := s.Operator.Client(r.Context(), v.who, id)
		if err != nil {
			return view, nil, err
		}
		issuer, err := s.Operator.Issuer(r.Context(), v.who)
		if err != nil {
			return view, nil, err
		}
		v.page.Title = c.Name
		view = oneClientView{Client: clientOf(c, providers), Said: said(r), Give: clientSettings(issuer, c), Kind: c.Kind}
	}
	view.Form, view.More = relyingForm(view.Client.Client, providers)
	return view, providers, nil
}

// kindAsked is what the application speaks that somebody adds.
func kindAsked(r *http.Request) sso.ClientKind {
	for _, k := range appKinds {
		if k.Value == r.URL.Query().Get("kind") {
			return sso.ClientKind(k.Value)
		}
	}
	return sso.KindOpenID
}

func (s *Server) showClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, err := s.oneClientView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, clientPage(v.page, view))
}

func (s *Server) showAddClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, err := s.oneClientView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, addClientPage(v.page, view))
}

// addClient adds an application and shows its secret, this once, with what else it is to be told.
func (s *Server) addRelying(w http.ResponseWriter, r *http.Request, v visit) error {
	view, providers, err := s.oneClientView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	view.More.sent(r)
	if view.Read, err = s.metadata(r.Context(), v.who, &view); err != nil {
		return err
	}
	c := sso.Client{ID: sso.ClientID(view.More.value("id")), Auth: sso.ClientAuth(view.Form.value("auth"))}
	view.read(&c, providers)
	var text string
	if all := view.faults(); !all.faulty() {
		made := sso.Client{}
		if made, text, err = s.Operator.AddClient(r.Context(), v.who, c); err == nil {
			c = made
		} else if err := view.wrong(c, err); err != nil {
			return err
		}
	}
	if all := view.faults(); all.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, addClientPage(v.page, view))
	}
	return s.clientOnce(w, r, v, c, text, time.Time{})
}

// clientOnce is the page that has the secret. It cannot be loaded again.
func (s *Server) clientOnce(w http.ResponseWriter, r *http.Request, v visit, c sso.Client, text string, until time.Time) error {
	issuer, err := s.Operator.Issuer(r.Context(), v.who)
	if err != nil {
		return err
	}
	v.page.Title, v.page.Nav, v.page.Path = "Set up "+c.Name, "/signin", "/signin/apps"
	w.Header().Set("Cache-Control", "no-store")
	return s.render(w, r, http.StatusOK, clientOncePage(v.page, oneClientView{Client: clientOf(c, nil), Secret: text, Until: until, Give: clientSettings(issuer, c)}))
}

func (s *Server) saveClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, providers, err := s.oneClientView(r, &v)
	if err != nil {
		return err
	}
	view.Form.sent(r)
	view.More.sent(r)
	if view.Read, err = s.metadata(r.Context(), v.who, &view); err != nil {
		return err
	}
	next := view.Client.Client.Clone()
	view.read(&next, providers)
	if all := view.faults(); !all.faulty() {
		_, err := s.Operator.SetClient(r.Context(), v.who, string(next.ID), func(c *sso.Client) { view.read(c, providers) })
		if err == nil {
			return seeOther(w, r, view.Client.Href+"?said=saved")
		}
		if err := view.wrong(next, err); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusUnprocessableEntity, clientPage(v.page, view))
}

// rotateClient gives an application a new secret, and shows it this once.
func (s *Server) rotateClient(w http.ResponseWriter, r *http.Request, v visit) error {
	hours, err := strconv.Atoi(r.PostFormValue("hours"))
	if err != nil || hours < 0 {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "Say for how many hours the old secret goes on working."}
	}
	overlap := time.Duration(hours) * time.Hour
	c, text, err := s.Operator.RotateClient(r.Context(), v.who, r.PathValue("id"), overlap)
	if err != nil {
		return err
	}
	until := time.Time{}
	if overlap > 0 {
		until = s.now().Add(overlap)
	}
	return s.clientOnce(w, r, v, c, text, until)
}

// deleteClient removes an application, once its name was typed.
func (s *Server) deleteClient(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, err := s.oneClientView(r, &v)
	if err != nil {
		return err
	}
	if r.PostFormValue("sure") != view.Client.Name {
		view.Form.Wrong = append(view.Form.Wrong, "It was not deleted: what was typed is not “"+view.Client.Name+"”.")
		return s.render(w, r, http.StatusUnprocessableEntity, clientPage(v.page, view))
	}
	if err := s.Operator.DeleteClient(r.Context(), v.who, string(view.Client.ID)); err != nil && lockstep.CodeOf(err) != lockstep.CodeNotFound {
		return err
	}
	return seeOther(w, r, "/signin/apps?said=app-deleted")
}
