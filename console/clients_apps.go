package console

import (
	"context"
	"slices"
	"strings"

	"lockstep/operate"
	"lockstep/sso"
	"lockstep/sso/saml"
)

// appKinds are what an application may speak, in the order of the page that adds one.
var appKinds = []choice{
	{"", "OpenID Connect", "Most applications of today know it"},
	{string(sso.KindSAMLApp), "SAML 2.0", "Webex, and many applications for companies"},
	{string(sso.KindProxy), "Neither: a proxy asks", "nginx, Caddy or Traefik stands in front of it"},
}

// kindWord is what an application is, in a few words.
func kindWord(c sso.Client) string {
	switch c.Kind {
	case sso.KindSAMLApp:
		return "SAML 2.0"
	case sso.KindProxy:
		return "Behind a proxy"
	case sso.KindOpenID:
	}
	return authWord(c.Auth)
}

// toldWord says whether an application learns that somebody has signed out.
func toldWord(c sso.Client) string {
	switch {
	case c.Kind == sso.KindProxy:
		return "asks each time"
	case c.SAML != nil && c.SAML.LogoutSOAP == "" && c.SAML.Logout != "":
		return "by the browser only"
	case c.SAML != nil && c.SAML.LogoutSOAP != "", c.LogoutURI != "":
		return "yes"
	}
	return "no"
}

// appSettings are what an application is told that does not speak OpenID Connect.
func appSettings(issuer string, c sso.Client) []setting {
	if c.Kind == sso.KindSAMLApp {
		all := []setting{{"Metadata, also our entity ID", sso.SAMLEntity(issuer)}, {"Sign-in (redirect or POST)", issuer + "/saml/sso"}, {"Sign-out (redirect)", issuer + "/saml/slo"}}
		if c.SAML.Start {
			all = append(all, setting{"People begin here", issuer + "/saml/start?client=" + string(c.ID)})
		}
		return all
	}
	at := issuer + "/proxy/" + string(c.ID) + "/"
	return []setting{{"Caddy, Traefik ask", at + "forward"}, {"nginx asks", at + "auth"}, {"What is below " + sso.ProxyPath + " goes to", at}}
}

func mappingLines(all []sso.Mapping) string {
	lines := make([]string, len(all))
	for i, m := range all {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

const fromHelp = "One a line: the name, an equals sign, and what it is: email, name, preferred_username, groups, sub, or an attribute of the directory such as title."

// proxyForm makes the fields of an application behind a proxy.
func proxyForm(c sso.Client) (main, more form) {
	app := sso.ProxyApp{Headers: sso.ProxyHeaders()}
	if c.Proxy != nil {
		app = *c.Proxy
	}
	main.Fields = []field{
		{Name: "name", Label: "Name", Value: c.Name, Required: true, Help: "Stands on the login page: “to go on to …”."},
		{Name: "hosts", Label: "Hosts", Kind: textField, Code: true, Value: strings.Join(app.Hosts, "\n"), Hint: "wiki.example.com", Help: "By which browsers reach it, one a line. The proxy may ask about these and no others."},
		{Name: "after", Label: "After signing out", Code: true, Value: strings.Join(c.AfterLogout, " "), Hint: "https://www.example.com/", Help: "Where people go then. Empty: they stay on our page."},
	}
	more.Fields = []field{{Name: "headers", Label: "Headers", Kind: textField, Code: true, Value: mappingLines(app.Headers), Help: fromHelp}}
	return main, more
}

// samlForm makes the fields of an application that speaks SAML.
func samlForm(c sso.Client) (main, more form) {
	app := sso.SAMLApp{Attributes: []sso.Mapping{{Name: "mail", From: "email"}}}
	if c.SAML != nil {
		app = *c.SAML
	}
	var acs []string
	for _, e := range app.ACS {
		acs = append(acs, e.URL)
	}
	metadata := field{Name: "metadata", Label: "Its metadata", Kind: textField, Code: true, Hint: "https://wiki.example.com/saml/metadata", Help: "The address where they are, or the XML itself. They say what stands in the fields below."}
	main.Fields = []field{{Name: "name", Label: "Name", Value: c.Name, Required: true, Help: "Stands on the login page: “to go on to …”."}}
	entity := field{Name: "entity", Label: "Entity ID", Code: true, Value: app.Entity, Help: "Letter for letter as the application sends it."}
	addresses := field{Name: "acs", Label: "Takes responses at", Kind: textField, Code: true, Value: strings.Join(acs, "\n"), Help: "Assertion consumer service, by HTTP-POST; one a line, the first when it does not say. Nobody is sent anywhere else."}
	attributes := field{Name: "attributes", Label: "What it is told of a person", Kind: textField, Code: true, Value: mappingLines(app.Attributes), Help: fromHelp}
	if c.ID == "" {
		entity.Help, addresses.Help = "When there are no metadata.", "When there are no metadata: the assertion consumer service, by HTTP-POST; one a line."
		main.Fields = append(main.Fields, metadata, field{Name: "webex", Label: "Or Webex: the organisation's id", Code: true, Help: "From Control Hub, Account. What nobody has documented is then named, until Webex's metadata were read."}, attributes)
		more.Fields = []field{entity, addresses}
	} else {
		main.Fields = append(main.Fields, entity, addresses, attributes)
		metadata.Label, metadata.Help = "Read its metadata again", "The address, or the XML. They take the place of entity ID, addresses and certificates."
		metadata.Hint = app.Metadata
		more.Fields = []field{metadata}
	}
	more.Fields = append(more.Fields,
		field{Name: "certificates", Label: "Its certificates", Kind: textField, Code: true, Value: app.Certificates, Hint: "-----BEGIN CERTIFICATE-----", Help: "With one, what it sends must be signed, and it may ask for a sign-out."},
		field{Name: "nameid", Label: "Name ID", Kind: selectField, Value: string(app.NameID), Choices: []choice{
			{"", "what it asks for, else the e-mail address", ""}, {string(sso.NameIDEmail), "e-mail address", ""}, {string(sso.NameIDPersistent), "persistent: the same each time, at this application only", ""},
			{string(sso.NameIDTransient), "transient: another one each time", ""}, {string(sso.NameIDUnspecified), "unspecified: an attribute", ""},
		}},
		field{Name: "nameidfrom", Label: "The attribute that it is", Code: true, Value: app.NameIDFrom, Hint: "userName", Help: "Of a name ID that is unspecified."},
		field{Name: "slosoap", Label: "Told of sign-outs without a browser (SOAP)", Code: true, Value: app.LogoutSOAP, Help: "So it learns of a leaver, too. Without it, it cannot be told, and is named among those."},
		field{Name: "slo", Label: "Told of sign-outs by the browser (redirect)", Code: true, Value: app.Logout},
		field{Name: "sloreturn", Label: "Takes answers to its own at", Code: true, Value: app.LogoutReturn, Help: "Empty: at the address before."},
		field{Name: "context", Label: "Class of sign-in", Code: true, Value: app.Context, Hint: "asked", Help: "Empty: what the identity provider said. asked: whatever the application asks for. Or a URI."},
		field{Name: "signall", Label: "Sign the response, too, not only the assertion", Kind: tickField, Value: tickOf(app.SignResponse)},
		field{Name: "start", Label: "People may begin here (IdP-initiated)", Kind: tickField, Value: tickOf(app.Start), Help: "Off unless the application needs it: an answer that nobody asked for is easier to abuse."},
		field{Name: "relay", Label: "RelayState with which they do", Code: true, Value: app.StartRelay},
	)
	return main, more
}

// viaFields are through whom the people of an application sign in.
func viaFields(c sso.Client, providers []operate.IdentityProvider) []field {
	via := []choice{{"", "any that is enabled", ""}}
	var allowed []field
	pinned := ""
	for _, p := range providers {
		via = append(via, choice{p.Alias, p.Name, ""})
		if p.ID == c.Provider {
			pinned = p.Alias
		}
		allowed = append(allowed, field{Name: "allow-" + p.Alias, Label: p.Name, Kind: tickField, Value: tickOf(slices.Contains(c.Allowed, p.ID))})
	}
	all := []field{{Name: "provider", Label: "Its people sign in through", Kind: selectField, Value: pinned, Choices: via, Help: "One provider, without a choice; or any."}}
	if len(allowed) > 1 {
		all = append(all, allowed...)
	}
	return append(all, field{Name: "second", Label: "Second factor", Kind: selectField, Value: string(c.SecondFactor), Choices: []choice{
		{"", "as the provider has it", ""}, {string(sso.DemandEnrolled), "Asked of who has one", ""}, {string(sso.DemandRequired), "Asked of everybody; who has none sets one up", ""},
	}, Help: "The stronger of this and what the provider asks for counts."})
}

// readVia puts what the form says of that into the application.
func (v *oneClientView) readVia(c *sso.Client, providers []operate.IdentityProvider) {
	c.Provider, c.Allowed, c.SecondFactor = "", nil, sso.Demand(v.More.value("second"))
	for _, p := range providers {
		if p.Alias == v.More.value("provider") {
			c.Provider = p.ID
		}
		if v.More.value("allow-"+p.Alias) != "" {
			c.Allowed = append(c.Allowed, p.ID)
		}
	}
}

func (f *form) has(name string) bool {
	return slices.ContainsFunc(f.Fields, func(one field) bool { return one.Name == name })
}

// any is the value of a field wherever it stands.
func (v *oneClientView) any(name string) string {
	if v.Form.has(name) {
		return strings.TrimSpace(v.Form.value(name))
	}
	return strings.TrimSpace(v.More.value(name))
}

// mappings reads lines of name=from, and blames the field for one that is none.
func (v *oneClientView) mappings(name string) []sso.Mapping {
	var all []sso.Mapping
	for line := range strings.Lines(v.any(name)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		m, err := sso.ParseMapping(line)
		if err != nil {
			v.blame(name, sentenceOf(err))
			return nil
		}
		all = append(all, m)
	}
	return all
}

func (v *oneClientView) blame(name, detail string) {
	if v.Form.has(name) {
		v.Form.blame(name, detail)
		return
	}
	v.More.blame(name, detail)
}

func (v *oneClientView) readProxy(c *sso.Client) {
	c.Name, c.AfterLogout, c.Proxy = v.Form.value("name"), strings.Fields(v.Form.value("after")), &sso.ProxyApp{Headers: v.mappings("headers")}
	for _, h := range strings.Fields(v.Form.value("hosts")) {
		origin, err := sso.ParseHost(h)
		if err != nil {
			v.Form.blame("hosts", sentenceOf(err))
			return
		}
		c.Proxy.Hosts = append(c.Proxy.Hosts, origin)
	}
	if len(c.Proxy.Hosts) == 0 {
		v.Form.blame("hosts", "Name a host.")
	}
}

// readSAML puts what the form says into the application; metadata that were given have been read before, into read.
func (v *oneClientView) readSAML(c *sso.Client, read *sso.SAMLApp) {
	app := sso.SAMLApp{}
	if c.SAML != nil {
		app = *c.SAML
	}
	c.Name, c.SAML = v.Form.value("name"), &app
	before := app.ACS
	app.Entity, app.ACS = v.any("entity"), nil
	for i, u := range strings.Fields(v.any("acs")) {
		e := saml.Endpoint{URL: u, Index: i}
		if at := slices.IndexFunc(before, func(b saml.Endpoint) bool { return b.URL == u }); at >= 0 {
			e = before[at]
		}
		app.ACS = append(app.ACS, e)
	}
	app.Certificates, app.Logout, app.LogoutReturn, app.LogoutSOAP = v.any("certificates"), v.any("slo"), v.any("sloreturn"), v.any("slosoap")
	app.NameID, app.NameIDFrom, app.Context = sso.NameIDKind(v.any("nameid")), v.any("nameidfrom"), v.any("context")
	app.SignResponse, app.Start, app.StartRelay = v.any("signall") != "", v.any("start") != "", v.any("relay")
	app.Attributes = v.mappings("attributes")
	if org := v.any("webex"); org != "" {
		app = *sso.WebexApp(org)
	}
	if read != nil {
		app.Entity, app.ACS, app.Certificates, app.Logout, app.LogoutReturn, app.LogoutSOAP = read.Entity, read.ACS, read.Certificates, read.Logout, read.LogoutReturn, read.LogoutSOAP
		app.Metadata, app.Assumed = read.Metadata, nil
	}
}

// metadata reads the metadata that the form has, nil when it has none. What is wrong with them stands beside the field.
func (s *Server) metadata(ctx context.Context, who operate.Principal, v *oneClientView) (*sso.SAMLApp, error) {
	if v.Kind != sso.KindSAMLApp || v.any("metadata") == "" {
		return nil, nil
	}
	var read sso.SAMLApp
	if _, err := s.Operator.ReadAppMetadata(ctx, who, &read, v.any("metadata")); err != nil {
		v.blame("metadata", sentenceOf(err))
	}
	return &read, nil
}

// wrongApp puts a refusal beside the field that it is about.
func (v *oneClientView) wrongApp(c sso.Client, err error) error {
	switch {
	case c.Name == "":
		v.Form.blame("name", "Give it a name.")
	case c.SAML != nil && c.SAML.Entity == "" && v.Form.has("metadata"):
		v.Form.blame("metadata", "Give its metadata, the organisation of Webex, or its entity ID and an address below.")
	case v.More.has(fieldOf(err)):
		return v.More.wrong(err)
	default:
		return v.Form.wrong(err)
	}
	return nil
}
