package console

import (
	"net/http"
	"strconv"
	"time"

	"lockstep"
	"lockstep/operate"
	"lockstep/token"
)

// consoleSettingsView is what concerns the whole of Lockstep rather than an app.
type consoleSettingsView struct {
	Said   string
	Tokens []apiToken
	Ends   time.Time // of this session
	Holder string
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

// clientView is a SCIM client that is set up: for which product, and what to copy into it.
type clientView struct {
	Form   form
	Kinds  []clientKind
	Kind   clientKind
	Name   string
	Secret string // shown this once; "" on the form
	Where  string // the address
	Ends   time.Time
	Used   time.Time // first request seen
}

// clientKind is a product that pushes by SCIM, in its own words.
type clientKind struct {
	Name, Word string
	Address    string // what it calls the address
	Token      string // and the token
	Steps      []string
	Doc        string
}

// clientKinds are the products whose words we know; docs/scim-clients.md has the rest.
var clientKinds = []clientKind{
	{"entra", "Microsoft Entra ID", "Tenant URL", "Secret Token", []string{
		"Open Enterprise applications, New application, Create your own application.", "Open Provisioning and set the mode to Automatic.",
		"Paste both values under Admin Credentials and press Test Connection.", "Save, choose the scope, and switch the status on.",
	}, ""},
	{"okta", "Okta", "SCIM connector base URL", "HTTP Header: Authorization, Bearer", []string{
		"Add the app “SCIM 2.0 Test App (OAuth Bearer Token)” or enable SCIM on your own.", "Open Provisioning, Integration, and paste both values.",
		"Press Test API Credentials and save.", "Under To App switch on Create, Update and Deactivate.",
	}, ""},
	{"onelogin", "OneLogin", "SCIM Base URL", "SCIM Bearer Token", []string{"Add the app “SCIM Provisioner with SAML (SCIM v2 Core)”.", "Paste both values under Configuration and enable the API connection.", "Enable provisioning."}, ""},
	{"ping", "PingOne", "SCIM Base URL", "OAuth Bearer Token", []string{"Under Integrations, Provisioning add a connection of kind SCIM Outbound.", "Paste both values and test the connection.", "Make a rule that says who is sent."}, ""},
	{"generic", "Any other SCIM 2.0 client", "Base URL", "Bearer token", []string{"Paste both values where the client asks for them.", "Let it send Authorization: Bearer and the token."}, ""},
}

func clientKindOf(name string) clientKind {
	for _, k := range clientKinds {
		if k.Name == name {
			return k
		}
	}
	return clientKinds[len(clientKinds)-1]
}

func clientForm() form {
	var kinds []choice
	for _, k := range clientKinds {
		kinds = append(kinds, choice{Value: k.Name, Word: k.Word})
	}
	return form{Fields: []field{
		{Name: "name", Label: "Name", Required: true, Hint: "entra", Help: "Of the client, as you will find it in lists and logs."},
		{Name: "kind", Label: "What it is", Kind: selectField, Choices: kinds, Value: "entra", Help: "Decides in whose words you are told what to do."},
		{Name: "days", Label: "The token is good for", Kind: selectField, Value: "365", Choices: []choice{{"365", "one year", ""}, {"90", "90 days", ""}, {"730", "two years", ""}, {"0", "as long as it is not revoked", ""}}},
		{Name: "strict", Label: "Examine its requests against the RFCs", Kind: tickField, Help: "Nothing is refused because of it; the page tells what departs."},
	}}
}

func (s *Server) showNewClient(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav = "Add a SCIM client", "/inbound"
	return s.render(w, r, http.StatusOK, newClientPage(v.page, clientView{Form: clientForm()}))
}

// newClient makes a token for a SCIM client and shows it, this once, with what to do with it.
func (s *Server) newClient(w http.ResponseWriter, r *http.Request, v visit) error {
	v.page.Title, v.page.Nav, v.page.Path = "Add a SCIM client", "/inbound", "/inbound/add"
	view := clientView{Form: clientForm()}
	view.Form.sent(r)
	days, err := strconv.Atoi(view.Form.value("days"))
	if err != nil || days < 0 || days > 3660 {
		view.Form.get("days").Error = "Choose one."
	}
	if view.Name = view.Form.value("name"); view.Name == "" || len(view.Name) > 100 {
		view.Form.get("name").Error = "Give it a name of at most 100 letters."
	}
	if !view.Form.faulty() {
		if _, err := s.Operator.Token(r.Context(), v.who, view.Name); err == nil || lockstep.CodeOf(err) == lockstep.CodeConflict {
			view.Form.get("name").Error = "There is a token of this name already."
		} else if lockstep.CodeOf(err) != lockstep.CodeNotFound {
			return err
		}
	}
	if view.Form.faulty() {
		return s.render(w, r, http.StatusUnprocessableEntity, newClientPage(v.page, view))
	}
	in := operate.NewToken{Name: view.Name, Kind: token.KindSCIM, Scopes: "scim:write", Days: days}
	if view.Form.value("strict") != "" {
		in.Profile = token.Strict
	}
	e, text, err := s.Operator.CreateToken(r.Context(), v.who, in)
	if err != nil {
		if err := view.Form.wrong(err); err != nil {
			return err
		}
		return s.render(w, r, http.StatusUnprocessableEntity, newClientPage(v.page, view))
	}
	view.Secret, view.Ends, view.Kind = text, e.Expires, clientKindOf(view.Form.value("kind"))
	if view.Where, err = s.endpoint(r, v.who); err != nil {
		return err
	}
	v.page.Title = "Set up " + view.Name
	return s.render(w, r, http.StatusOK, setUpClientPage(v.page, view))
}
