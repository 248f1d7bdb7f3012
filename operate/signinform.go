package operate

import (
	"context"
	"time"

	"lockstep"
	"lockstep/sso"
)

// ProviderForms is what an Operator asks about the kinds of identity providers. Package upstream knows; the server hands it in.
type ProviderForms interface {
	// Kinds returns all kinds, in the order of the list to choose from.
	Kinds() []KindOfProvider
	// Guide tells what is to be done at the provider. A redirect URI that must not be given out is an error.
	Guide(p sso.Provider, redirectURI string) ([]GuideStep, error)
	// Certificates reads certificates (DER) from PEM.
	Certificates(text string) ([][]byte, error)
	// Trusted describes the certificates that a provider trusts beside those of the machine.
	Trusted(p sso.Provider) []TrustedCertificate
	// Expiries lists what of a provider ends, the earliest first.
	Expiries(p sso.Provider) []ProviderExpiry
	// Import fills a provider's form from the document at an address. The strings are what the administrator should know.
	Import(ctx context.Context, p sso.Provider, from string) (map[string]string, []string, error)
}

// ProviderExpiry is a certificate of a provider, and when it ends.
type ProviderExpiry struct {
	What  string
	Until time.Time
}

// KindOfProvider is a kind of identity provider with the form by which one is set up.
type KindOfProvider struct {
	Kind    sso.ProviderKind
	Title   string
	Help    string
	Name    string // what the button says unless the administrator says otherwise
	Fields  []ProviderField
	Presets []ProviderPreset // the first is that of an empty region
}

// ByPassword reports whether people type their password here, so that nothing is registered elsewhere.
func (k KindOfProvider) ByPassword() bool { return k.Kind == sso.KindLDAP || k.Kind == sso.KindLocal }

// ProviderFieldType says what a field of a provider holds.
type ProviderFieldType string

// The types of fields.
const (
	FieldText    ProviderFieldType = "text"
	FieldAddress ProviderFieldType = "address"
	FieldChoice  ProviderFieldType = "choice"
	FieldSwitch  ProviderFieldType = "switch"
	FieldNumber  ProviderFieldType = "number"
	FieldLines   ProviderFieldType = "lines"
	FieldPEM     ProviderFieldType = "pem"
	FieldJSON    ProviderFieldType = "json"
)

// ProviderField is one field. Its value stands under Name in Provider.Settings, or in Provider.Secrets if it is secret.
type ProviderField struct {
	Name, Title, Help string
	Section           string // registration, addresses, request, claims, checks or sign-out
	Type              ProviderFieldType
	Required, Secret  bool
	Default           string // what counts while the field is empty
	Example           string
	Options           []FieldOption
}

// FieldOption is one value of a choice.
type FieldOption struct{ Value, Title string }

// ProviderPreset is a set of values for a region, by the names of their fields.
type ProviderPreset struct {
	Name, Title, Note string
	Settings          map[string]string
	Assumed           bool // nobody has seen a sign-in with them; a test sign-in shows whether they hold
}

// GuideStep is one thing to do at the provider before the form can be filled in.
type GuideStep struct {
	Text string
	Link string // where it is done, or ""
	Copy string // what is entered there, letter for letter, or ""
}

// TrustedCertificate is one certificate, for people.
type TrustedCertificate struct {
	Name, Issuer string
	Until        time.Time
	CA           bool
}

// ProviderGuide is what is to be done at the provider. While the redirect URI would be of no use it is "", and Blocked says why.
type ProviderGuide struct {
	RedirectURI string
	Steps       []GuideStep
	Blocked     string
}

// HasSignIn reports whether the server signs people in.
func (o *Operator) HasSignIn() bool { return o.SignIn != nil }

// ProviderKinds lists the kinds of identity providers.
func (o *Operator) ProviderKinds(p Principal) ([]KindOfProvider, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	return s.Forms.Kinds(), nil
}

// ProviderKind finds one of them.
func (o *Operator) ProviderKind(p Principal, kind sso.ProviderKind) (KindOfProvider, error) {
	all, err := o.ProviderKinds(p)
	if err != nil {
		return KindOfProvider{}, err
	}
	for _, k := range all {
		if k.Kind == kind {
			return k, nil
		}
	}
	return KindOfProvider{}, notFound("kind of identity provider", string(kind))
}

// ProviderGuide tells what is to be done at a provider. A redirect URI that is not https is not given out: whoever registered it would
// have to begin anew.
func (o *Operator) ProviderGuide(ctx context.Context, p Principal, name string) (ProviderGuide, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return ProviderGuide{}, err
	}
	one, err := o.IdentityProvider(ctx, p, name)
	if err != nil {
		return ProviderGuide{}, err
	}
	if one.RedirectURI == "" {
		return ProviderGuide{Blocked: "The server has no public address yet, by which browsers and the provider reach it. Start it with --public-url https://…"}, nil
	}
	steps, err := s.Forms.Guide(one.Provider, one.RedirectURI)
	if err != nil {
		return ProviderGuide{Blocked: "The server's public address, " + one.RedirectURI[:len(one.RedirectURI)-len("/idp//callback")-len(one.Alias)] +
			", is not https, so that codes and passwords would be readable on the way, and providers refuse it. Start the server with --public-url https://…, before you register anything."}, nil
	}
	return ProviderGuide{RedirectURI: one.RedirectURI, Steps: steps}, nil
}

// CheckIdentityProvider says what a provider still lacks before it can be tried, as a *Faulty.
func (o *Operator) CheckIdentityProvider(ctx context.Context, p Principal, name string) error {
	s, err := o.signIn(p, false)
	if err != nil {
		return err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return err
	}
	return s.Check(one)
}

// ImportProvider fills the form of a provider from its own document: settings that change, and what the administrator should know of them.
// Nothing is kept.
func (o *Operator) ImportProvider(ctx context.Context, p Principal, name, from string) (map[string]string, []string, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return nil, nil, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return nil, nil, err
	}
	return s.Forms.Import(ctx, one, from)
}

// ProviderLinks counts the people who are linked at a provider, and would have to be linked anew if it were deleted.
func (o *Operator) ProviderLinks(ctx context.Context, p Principal, name string) (int, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return 0, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return 0, err
	}
	return s.Look.LinkCount(ctx, p.Tenant, one.ID)
}

// LastTest returns what happened in the newest test sign-in at a provider that has ended. There may be none: then found is false.
func (o *Operator) LastTest(ctx context.Context, p Principal, name string) (t sso.Trace, found bool, err error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return t, false, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return t, false, err
	}
	all, _, err := s.Look.Traces(ctx, p.Tenant, sso.TraceQuery{Provider: one.ID, Tests: true, Limit: 1})
	if err != nil || len(all) == 0 {
		return t, false, err
	}
	return all[0], true, nil
}

// certificates reads what is given as PEM.
func (c *ProviderChange) certificates(s *SignIn) error {
	if c.Certificates == nil {
		return nil
	}
	roots := [][]byte{}
	if *c.Certificates != "" {
		var err error
		if roots, err = s.Forms.Certificates(*c.Certificates); err != nil {
			detail := err.Error()
			if e, ok := err.(*lockstep.Error); ok { //nolint:errorlint // it is made there and not wrapped
				detail = e.Detail
			}
			return &Faulty{Faults: []Fault{{"certificates", detail}}}
		}
	}
	c.Roots = &roots
	return nil
}
