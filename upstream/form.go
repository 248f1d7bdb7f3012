package upstream

import "lockstep/sso"

// FieldType says what a field holds.
type FieldType string

// The types of fields.
const (
	Text    FieldType = "text"
	Address FieldType = "address" // an absolute URL, https unless it is of this machine
	Choice  FieldType = "choice"  // one of Choices
	Switch  FieldType = "switch"  // true or false
	Number  FieldType = "number"  // a whole number from Min to Max
	Lines   FieldType = "lines"   // several values, one a line
	PEM     FieldType = "pem"     // certificates or a private key
	JSON    FieldType = "json"    // a document that is pasted
)

// Section groups the fields of a form.
type Section string

// The sections, in the order of a form. Registration and Addresses have what is needed; the others can stay as they are.
const (
	Registration Section = "registration" // what the provider's console shows
	Addresses    Section = "addresses"
	Request      Section = "request" // what is asked for
	Claims       Section = "claims"  // which claim or attribute is which
	Checks       Section = "checks"  // what is required of an answer
	SignOut      Section = "sign-out"
)

// Field is one field of a provider's form. Its value stands under Name in Provider.Settings, or in Provider.Secrets if it is secret.
type Field struct {
	Name     string
	Title    string
	Help     string // one or two sentences
	Section  Section
	Type     FieldType
	Required bool
	Secret   bool
	Default  string // what counts while the field is empty
	Example  string
	Options  []Option // of a Choice
	Min, Max int      // of a Number
	Bytes    int      // the most that the value may have; 0 is 2048

	check func(value string) string // says what is wrong with a value of the right type, "" for nothing
}

// Option is one value of a choice.
type Option struct{ Value, Title string }

// Kind describes a kind of provider for whoever chooses one.
type Kind struct {
	Kind  sso.ProviderKind
	Title string
	Help  string
	Name  string // what the button says unless the administrator says otherwise
}

// Kinds returns all kinds, in the order of the list to choose from.
func Kinds() []Kind {
	return []Kind{
		{sso.KindWebexCC, "Webex CC", "Webex Contact Center: agents and supervisors sign in with their Webex account.", "Webex CC"},
		{sso.KindEntra, "Microsoft Entra ID", "Microsoft's directory, formerly Azure AD.", "Microsoft"},
		{sso.KindOIDC, "OpenID Connect", "Any OpenID Provider: Okta, Google, Keycloak, Ping and others.", "Single sign-on"},
		{sso.KindSAML, "SAML 2.0", "An identity provider that speaks SAML: AD FS, Shibboleth and others.", "Single sign-on"},
		{sso.KindOAuth2, "OAuth 2.0", "A provider without ID tokens, which tells who somebody is at a user-info address.", "Single sign-on"},
		{sso.KindLDAP, "LDAP password", "Name and password are checked by an LDAP directory, such as Active Directory.", "Company password"},
		{sso.KindLocal, "Password", "Name and password are kept here: a person gets theirs on their page.", "Password"},
	}
}

// Form returns the fields of a kind in the order in which they are shown, nil for a kind that does not exist.
func Form(kind sso.ProviderKind) []Field {
	switch kind {
	case sso.KindWebexCC:
		return webexFields()
	case sso.KindOIDC:
		return oidcFields()
	case sso.KindOAuth2:
		return oauth2Fields()
	case sso.KindEntra:
		return entraFields()
	case sso.KindSAML:
		return samlFields()
	case sso.KindLDAP:
		return ldapFields()
	case sso.KindLocal:
		return []Field{}
	}
	return nil
}

// settings are a provider's values, with what the form and the preset say about fields that are empty.
type settings struct {
	provider sso.Provider
	defaults map[string]string
}

func settingsOf(p sso.Provider) settings {
	s := settings{provider: p, defaults: map[string]string{}}
	for _, f := range Form(p.Kind) {
		s.defaults[f.Name] = f.Default
	}
	if preset, ok := presetOf(p); ok {
		for name, value := range preset.Settings {
			s.defaults[name] = value
		}
	}
	return s
}

// text returns the value of a field.
func (s settings) text(name string) string {
	if v := s.provider.Settings[name]; v != "" {
		return v
	}
	return s.defaults[name]
}

func (s settings) secret(name string) string { return s.provider.Secrets[name] }

func (s settings) on(name string) bool { return s.text(name) == "true" }
