package apps

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lockstep"
	"lockstep/web"
	"lockstep/webexorg/oauth"
	"lockstep/webexorg/page"
)

// row is an application in a list.
type row struct {
	oauth.Client
	KindName string
	Allowed  bool // a service app that the organisation has authorised
}

// home lists the person's applications, or asks them to sign up.
func (c *Console) home(v visit) error {
	if !c.Broker.IsDeveloper(v.Person.ID) {
		return page.Write(v.w, http.StatusOK, c.book, c.frame(v, "Sign up"), "signup", struct {
			CSRF   string
			Person oauth.Person
		}{v.CSRF, v.Person})
	}
	var rows []row
	for _, client := range c.list(v.Person) {
		rows = append(rows, row{Client: client, KindName: client.Kind.Name()})
	}
	return page.Write(v.w, http.StatusOK, c.book, c.frame(v, "My apps"), "home", struct {
		CSRF   string
		Apps   []row
		Secret *shownSecret
	}{v.CSRF, rows, asShown(c.show(v))})
}

// shownSecret is a secret as a template sees it.
type shownSecret struct{ Text, Label, Help string }

func asShown(s *secret) *shownSecret {
	if s == nil {
		return nil
	}
	return &shownSecret{s.text, s.label, s.help}
}

func (c *Console) signUp(v visit) error {
	if err := c.Broker.SignUp(v.Person.ID); err != nil {
		return err
	}
	return see(v, "/apps")
}

// leave signs out. It needs no form of this session: the worst that another site can do with it is what it says.
func (c *Console) leave(v visit) error {
	c.Broker.SignOut(v.w, v.r)
	return see(v, oauth.SignInURL("/apps"))
}

func (c *Console) personalToken(v visit) error {
	text, err := c.Broker.IssuePersonal(v.Person)
	if err != nil {
		return err
	}
	key := c.keep(secret{text: text, owner: v.Person.ID, label: "Your personal access token", help: "It works for 12 hours, with everything that you may do."})
	return see(v, "/apps?once="+key)
}

// tick is a scope to choose.
type tick struct {
	oauth.Scope
	On bool
}

// tickGroup is a group of scopes on the page.
type tickGroup struct {
	Title string
	Ticks []tick
}

// form is what somebody registers or changes.
type form struct {
	CSRF, Action, Trouble string
	New                   bool
	Kind                  oauth.ClientKind
	KindName              string
	Client                oauth.Client
	Redirects             string
	Groups                []tickGroup
}

func newForm(v visit, client oauth.Client, action, trouble string) form {
	f := form{
		CSRF: v.CSRF, Action: action, Trouble: trouble, New: client.ID == "", Kind: client.Kind, KindName: client.Kind.Name(), Client: client,
		Redirects: strings.Join(client.Redirects, "\n"),
	}
	f.Groups = groupsOf(client)
	return f
}

// groupsOf sorts the scopes by whom they are for; what the kind of client is about comes first.
func groupsOf(client oauth.Client) []tickGroup {
	person, admin := tickGroup{Title: "On behalf of whoever consents"}, tickGroup{Title: "For administrators"}
	centre, openID := tickGroup{Title: "Contact centre"}, tickGroup{Title: "Sign-in"}
	for _, s := range oauth.Scopes() {
		group := &person
		switch {
		case s.Admin:
			group = &admin
		case s.Contact:
			group = &centre
		case s.OpenID:
			group = &openID
		}
		group.Ticks = append(group.Ticks, tick{s, slices.Contains(client.Scopes, s.Name)})
	}
	switch client.Kind {
	case oauth.ContactCentre:
		return []tickGroup{centre, openID, person, admin}
	case oauth.ServiceApp: // nobody signs in to one
		return []tickGroup{admin, person, centre}
	}
	return []tickGroup{admin, person, openID, centre}
}

// newPage asks for the kind, and then for the rest.
func (c *Console) newPage(v visit) error {
	client := oauth.Client{Kind: oauth.ClientKind(v.r.URL.Query().Get("type")), Contact: v.Person.Login}
	switch client.Kind {
	case oauth.Integration, oauth.ServiceApp:
	case oauth.ContactCentre:
		client.Scopes = []string{"cjp:user", "cjp:config_read", "openid", "email", "profile"}
	default:
		return page.Write(v.w, http.StatusOK, c.book, c.frame(v, "Create an app"), "kinds", struct{}{})
	}
	return c.ask(v, http.StatusOK, newForm(v, client, "/apps/new", ""))
}

func (c *Console) ask(v visit, status int, f form) error {
	title := "Create: " + f.KindName
	return page.Write(v.w, status, c.book, c.frame(v, title), "new", f)
}

// posted client reads the form.
func read(v visit, client *oauth.Client) {
	values := v.r.PostForm
	client.Name = strings.TrimSpace(values.Get("name"))
	client.Description, client.Contact = strings.TrimSpace(values.Get("description")), strings.TrimSpace(values.Get("contact"))
	client.Redirects, client.Scopes = lines(values.Get("redirects")), values["scope"]
}

func (c *Console) create(v visit) error {
	client := oauth.Client{Kind: oauth.ClientKind(v.r.PostForm.Get("type")), Owner: v.Person.ID, Org: v.Person.Org}
	read(v, &client)
	made, text, err := c.Broker.Register(client)
	if err != nil {
		return c.again(v, err, newForm(v, client, "/apps/new", oauth.Explain(err)))
	}
	return c.withSecret(v, made.ID, text)
}

// again shows the form with what is wrong with it; an error that is nobody's fault is returned.
func (c *Console) again(v visit, err error, f form) error {
	if web.StatusOf(err) >= http.StatusInternalServerError {
		return err
	}
	if f.New {
		return c.ask(v, http.StatusUnprocessableEntity, f)
	}
	return c.details(v, http.StatusUnprocessableEntity, f.Client, f)
}

// withSecret goes to the application's page, which shows its secret this once.
func (c *Console) withSecret(v visit, id, text string) error {
	key := c.keep(secret{text: text, owner: v.Person.ID, label: "Client secret", help: "It is shown this once. Keep it where only the application reads it."})
	return see(v, "/apps/"+id+"?once="+key)
}

func (c *Console) appPage(v visit) error {
	client, err := c.of(v.Person, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.details(v, http.StatusOK, client, newForm(v, client, "/apps/"+client.ID, ""))
}

// details shows an application. f is its form, with what somebody typed if that was wrong.
func (c *Console) details(v visit, status int, client oauth.Client, f form) error {
	kept, _ := c.Broker.Client(client.ID)
	authorize := ""
	if kept.Kind != oauth.ServiceApp && len(kept.Redirects) > 0 {
		authorize = "/v1/authorize?" + url.Values{
			"client_id": {kept.ID}, "response_type": {"code"}, "redirect_uri": {kept.Redirects[0]}, "scope": {strings.Join(withoutOpenID(kept.Scopes), " ")}, "state": {"set_state_here"},
		}.Encode()
		authorize = c.Broker.Base(v.r) + authorize
	}
	return page.Write(v.w, status, c.book, c.frame(v, kept.Name), "app", struct {
		form
		Kept      oauth.Client
		Secret    *shownSecret
		Authorize string
		Endpoints []endpoint
		Service   bool
		Allowed   bool
		Saved     bool
	}{f, kept, asShown(c.show(v)), authorize, c.endpoints(v, kept.Kind), kept.Kind == oauth.ServiceApp, c.Broker.AllowedFor(kept.ID, v.Person.Org), v.r.URL.Query().Has("saved")})
}

// endpoint is an address that an application needs.
type endpoint struct{ Label, URL string }

// endpoints lists the addresses for an application's settings, under the names that such forms have.
func (c *Console) endpoints(v visit, kind oauth.ClientKind) []endpoint {
	base := c.Broker.Base(v.r)
	tokens := endpoint{"Token URL", base + "/v1/access_token"}
	if kind == oauth.ServiceApp {
		return []endpoint{tokens}
	}
	issuer, keys := c.Broker.Issuer(v.r, v.Person.Org)
	return []endpoint{
		{"Authorization URL", base + "/v1/authorize"}, tokens, {"User info URL", base + "/v1/userinfo"}, {"Logout URL", base + "/idb/oauth2/v1/logout"},
		{"Issuer", issuer}, {"Keys URL", keys},
	}
}

// withoutOpenID leaves out openid, which needs a nonce that whoever tries the address has not.
func withoutOpenID(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "openid" })
}

func (c *Console) save(v visit) error {
	client, err := c.of(v.Person, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	read(v, &client)
	if _, err := c.Broker.Update(client.ID, func(kept *oauth.Client) { *kept = client }); err != nil {
		return c.again(v, err, newForm(v, client, "/apps/"+client.ID, oauth.Explain(err)))
	}
	return see(v, "/apps/"+client.ID+"?saved")
}

func (c *Console) newSecret(v visit) error {
	client, err := c.of(v.Person, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	text, err := c.Broker.NewSecret(client.ID)
	if err != nil {
		return err
	}
	return c.withSecret(v, client.ID, text)
}

func (c *Console) remove(v visit) error {
	client, err := c.of(v.Person, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := c.Broker.Remove(client.ID); err != nil {
		return err
	}
	return see(v, "/apps")
}

// serviceTokens gives the developer of a service app its first tokens for their organisation.
func (c *Console) serviceTokens(v visit) error {
	client, err := c.of(v.Person, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	tokens, err := c.Broker.ServiceTokens(client.ID, v.Person.Org)
	if err != nil {
		return err
	}
	key := c.keep(secret{
		text: tokens.RefreshToken, owner: v.Person.ID, label: "Refresh token", help: "Exchange it for an access token at /v1/access_token, with the client id and secret. It is shown this once.",
	})
	return see(v, "/apps/"+client.ID+"?once="+key)
}

// controlHub is where a full administrator authorises service apps, which at Webex is a page of Control Hub.
func (c *Console) controlHub(v visit) error {
	if !isAdmin(v.Person) {
		return &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "Only a full administrator of the organisation authorises service apps."}
	}
	var rows []row
	for _, client := range c.Broker.ServiceApps() {
		rows = append(rows, row{client, client.Kind.Name(), c.Broker.AllowedFor(client.ID, v.Person.Org)})
	}
	return page.Write(v.w, http.StatusOK, c.book, c.frame(v, "Service apps"), "service", struct {
		CSRF string
		Apps []row
	}{v.CSRF, rows})
}

func (c *Console) allow(v visit) error {
	if err := c.Broker.Allow(v.r.PathValue("id"), v.Person.ID); err != nil {
		return err
	}
	return see(v, "/apps/authorize")
}

func (c *Console) forbid(v visit) error {
	if err := c.Broker.Forbid(v.r.PathValue("id"), v.Person.ID); err != nil {
		return err
	}
	return see(v, "/apps/authorize")
}
