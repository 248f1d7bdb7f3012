package operate

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso"
)

// SignIn is what people are signed in with. Its fields must be set.
type SignIn struct {
	Providers sso.Providers
	Clients   sso.Clients
	Sessions  sso.Sessions
	Records   sso.Records
	Factors   sso.FactorsKept
	Server    SignInServer
	Console   ConsoleSignIn // nil signs nobody in to the console
	Look      SignInLook
	Matches   MatchLook
	Forms     ProviderForms
	Watch     ProviderWatch
	// Check says what is wrong with the settings of a provider, as a *Faulty; CheckDraft does not mind fields that are empty yet.
	Check      func(sso.Provider) error
	CheckDraft func(sso.Provider) error
}

// SignInServer is what an Operator asks of sso.Server.
type SignInServer interface {
	Issuer(tenant string) string
	RedirectURI(tenant, alias string) string
	// NewTest begins a test sign-in and returns its reference, and the address at which to go on with it in a browser.
	NewTest(ctx context.Context, tenant string, p sso.Provider) (sso.LoginID, string, error)
	RotateKeys(ctx context.Context, t lockstep.TenantID) error
	// AppMetadata fetches the metadata of an application that speaks SAML.
	AppMetadata(ctx context.Context, address string) ([]byte, error)
	// Wake has applications told at once of sessions that have ended.
	Wake()
}

// ConsoleSignIn signs people in to the console.
type ConsoleSignIn interface {
	Authorize(tenant, redirect, challenge string, fresh bool) string
	Entered(ctx context.Context, tenant, redirect, code, verifier string) (sso.Grant, error)
}

// signIn checks a right, and that there is sign-in.
func (o *Operator) signIn(p Principal, write bool) (*SignIn, error) {
	scope := SignInRead
	if write {
		scope = SignInWrite
	}
	if err := p.may(scope); err != nil {
		return nil, err
	}
	if o.SignIn == nil {
		return nil, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This server signs nobody in."}
	}
	return o.SignIn, nil
}

// slugOf is the tenant of the principal as it stands in addresses.
func (o *Operator) slugOf(ctx context.Context, p Principal) (string, error) {
	t, err := o.Tenants.Tenant(ctx, p.Tenant)
	return t.Slug, err
}

// IdentityProvider is a provider as it may be shown: of its secrets only the names.
type IdentityProvider struct {
	sso.Provider
	Given       []string // names of the secrets that it has
	RedirectURI string   // to be registered at the provider; "" while the server has no public address
	LogoutURI   string   // where it tells that somebody has signed out there; "" if it never does
	MetadataURI string   // where a SAML provider finds who we are; "" for others
	Trusted     []TrustedCertificate
	Expiring    []ProviderExpiry // what ends soon, or has ended
	Watched     *sso.Watched     // what the last look at what it publishes has found; nil is not known
}

func (o *Operator) shown(ctx context.Context, p Principal, all ...sso.Provider) ([]IdentityProvider, error) {
	slug, err := o.slugOf(ctx, p)
	if err != nil {
		return nil, err
	}
	watched, err := o.SignIn.Watch.Watched(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	out := make([]IdentityProvider, len(all))
	for i, one := range all {
		names := slices.Sorted(maps.Keys(one.Secrets))
		one.Secrets = nil
		out[i] = IdentityProvider{Provider: one, Given: names, RedirectURI: o.SignIn.Server.RedirectURI(slug, one.Alias), Trusted: o.SignIn.Forms.Trusted(one), Expiring: o.expiring(one)}
		if w, looked := watched[one.ID]; looked {
			out[i].Watched = &w
		}
		if one.Kind == sso.KindSAML {
			out[i].MetadataURI = sso.MetadataURI(out[i].RedirectURI)
		}
		if one.Kind == sso.KindOIDC || one.Kind == sso.KindEntra {
			out[i].LogoutURI = sso.LogoutURI(out[i].RedirectURI)
		}
	}
	return out, nil
}

// IdentityProviders lists the tenant's identity providers in the order of their buttons.
func (o *Operator) IdentityProviders(ctx context.Context, p Principal) ([]IdentityProvider, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	all, err := s.Providers.Providers(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return o.shown(ctx, p, all...)
}

// IdentityProvider finds one by alias or id.
func (o *Operator) IdentityProvider(ctx context.Context, p Principal, name string) (IdentityProvider, error) {
	if _, err := o.signIn(p, false); err != nil {
		return IdentityProvider{}, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return IdentityProvider{}, err
	}
	return o.oneShown(ctx, p, one)
}

func (o *Operator) oneShown(ctx context.Context, p Principal, one sso.Provider) (IdentityProvider, error) {
	all, err := o.shown(ctx, p, one)
	if err != nil {
		return IdentityProvider{}, err
	}
	return all[0], nil
}

func (o *Operator) provider(ctx context.Context, p Principal, name string) (sso.Provider, error) {
	all, err := o.SignIn.Providers.Providers(ctx, p.Tenant)
	if err != nil {
		return sso.Provider{}, err
	}
	for _, one := range all {
		if one.Alias == name || string(one.ID) == name {
			return one, nil
		}
	}
	return sso.Provider{}, notFound("identity provider", name)
}

// ProviderChange is what is to be changed of a provider; nil leaves a value as it is. Of settings and secrets those that are named change,
// and "" takes one away.
type ProviderChange struct {
	Name       *string
	Hidden     *bool
	LinkOnly   *bool
	TrustEmail *bool
	Second     *sso.Demand // of whom a second factor is asked
	Order      *int
	Policy     *sso.LinkPolicy
	Domains    *[]string
	Rules      *[]sso.ClaimRule // in the place of those that are there; their ids do not count
	Settings   map[string]string
	Secrets    map[string]string
	Roots      *[][]byte

	Certificates  *string // PEM, in the place of Roots
	DecryptionKey bool    // a new one is made, by which a SAML provider encrypts assertions
}

var aliasForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// AddIdentityProvider adds a provider as a draft. Its redirect URI stands from now on, so that it can be registered at the provider before
// anything else is known.
func (o *Operator) AddIdentityProvider(ctx context.Context, p Principal, kind sso.ProviderKind, alias string, c ProviderChange) (IdentityProvider, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return IdentityProvider{}, err
	}
	switch kind {
	case sso.KindWebexCC, sso.KindOIDC, sso.KindOAuth2, sso.KindEntra, sso.KindSAML, sso.KindLDAP, sso.KindLocal:
	default:
		return IdentityProvider{}, invalid("The kinds of identity providers are webexcc, oidc, oauth2, entra, saml, ldap and local.")
	}
	if !aliasForm.MatchString(alias) {
		return IdentityProvider{}, &Faulty{Faults: []Fault{{"alias", "An alias has 1 to 40 of a–z, 0–9 and -, and begins with none of -."}}}
	}
	one := sso.Provider{
		ID: lockstep.NewID[sso.ProviderID](), Tenant: p.Tenant, Alias: alias, Kind: kind, Name: defaultName(kind, alias), State: sso.Draft, Policy: sso.PolicyImported,
		TrustEmail: kind == sso.KindWebexCC || kind == sso.KindLDAP,
	}
	if err := c.certificates(s); err != nil {
		return IdentityProvider{}, err
	}
	if err := c.newKey(s, one); err != nil {
		return IdentityProvider{}, err
	}
	if err := c.apply(&one); err != nil {
		return IdentityProvider{}, err
	}
	if err := o.ruled(p, sso.Provider{}, &one); err != nil {
		return IdentityProvider{}, err
	}
	if err := s.CheckDraft(one); err != nil {
		return IdentityProvider{}, err
	}
	if one, err = s.Providers.PutProvider(ctx, p.Actor, one); err != nil {
		return IdentityProvider{}, err
	}
	return o.oneShown(ctx, p, one)
}

func defaultName(kind sso.ProviderKind, alias string) string {
	if kind == sso.KindWebexCC {
		return "Webex CC"
	}
	return alias
}

// apply makes the change, and checks what does not depend on the kind.
func (c ProviderChange) apply(one *sso.Provider) error {
	set(&one.Name, c.Name)
	set(&one.Hidden, c.Hidden)
	set(&one.LinkOnly, c.LinkOnly)
	set(&one.TrustEmail, c.TrustEmail)
	set(&one.SecondFactor, c.Second)
	set(&one.Order, c.Order)
	set(&one.Policy, c.Policy)
	set(&one.Domains, c.Domains)
	set(&one.Rules, c.Rules)
	if err := c.again(one); err != nil {
		return err
	}
	c.settle(one)
	switch {
	case one.Name == "" || len(one.Name) > 100:
		return &Faulty{Faults: []Fault{{"name", "A provider has a name of at most 100 bytes."}}}
	case !one.SecondFactor.OfProvider():
		return invalidIn("second_factor", "A provider asks for a second factor of nobody (none), of who has one (enrolled), of everybody (required), or asks for it itself (own).")
	case one.Policy != "" && !one.Policy.Known():
		return invalidIn("policy", "The policies are imported, create, confirm, verified and linked.")
	case len(one.Domains) > 100 || len(one.Roots) > 20:
		return invalidIn("domains", "A provider has at most 100 domains and 20 certificates.")
	}
	for _, d := range one.Domains {
		if d == "" || len(d) > 253 || strings.ContainsAny(d, "@ /") {
			return &Faulty{Faults: []Fault{{"domains", "“" + clip(d) + "” is no e-mail domain, such as example.com."}}}
		}
	}
	return nil
}

// again asks for the secrets once more when they would be sent elsewhere.
func (c ProviderChange) again(one *sso.Provider) error {
	if !c.moves(one) {
		return nil
	}
	faulty := &Faulty{}
	for _, name := range slices.Sorted(maps.Keys(one.Secrets)) {
		if _, given := c.Secrets[name]; !given {
			faulty.Faults = append(faulty.Faults, Fault{name, "The address that it is sent to changes. Give it again, so that it is sent nowhere by mistake."})
		}
	}
	if len(faulty.Faults) == 0 {
		return nil
	}
	return faulty
}

// settle changes settings, secrets and certificates. A test that succeeded counts no more once one of them is another.
func (c ProviderChange) settle(one *sso.Provider) {
	settings, secrets, roots := merged(one.Settings, c.Settings), merged(one.Secrets, c.Secrets), one.Roots
	set(&roots, c.Roots)
	if !maps.Equal(settings, one.Settings) || !maps.Equal(secrets, one.Secrets) || !slices.EqualFunc(roots, one.Roots, bytes.Equal) {
		one.Tested = time.Time{}
	}
	one.Settings, one.Secrets, one.Roots = settings, secrets, roots
}

// secretsGo are the settings of each kind of provider that decide where its secrets are sent: a client secret to the token endpoint, the password
// of a search user to the directory, and how. All other addresses are those that browsers go to, that the keys are read from, or that tokens are compared with.
// What SAML keeps is sent nowhere.
var secretsGo = map[sso.ProviderKind][]string{
	sso.KindWebexCC: {"token_url", "region"}, sso.KindOIDC: {"token_url"}, sso.KindOAuth2: {"token_url"}, sso.KindEntra: {"authority", "tenant"},
	sso.KindLDAP: {"url", "start_tls"}, sso.KindSAML: {}, sso.KindLocal: {},
}

// moves reports whether the secrets would be sent elsewhere. A region fills in the addresses that are not written.
func (c ProviderChange) moves(one *sso.Provider) bool {
	decides, known := secretsGo[one.Kind]
	next := merged(one.Settings, c.Settings)
	for name := range c.Settings {
		filled := name == "region" && one.Settings["token_url"] != "" && next["token_url"] != ""
		if next[name] != one.Settings[name] && !filled && (!known || slices.Contains(decides, name)) {
			return true
		}
	}
	return false
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func merged(old, change map[string]string) map[string]string {
	next := maps.Clone(old)
	if next == nil {
		next = map[string]string{}
	}
	for name, value := range change {
		next[name] = value
		if value == "" {
			delete(next, name)
		}
	}
	return next
}

// SetIdentityProvider changes a provider. One that is enabled stays so only while its settings are complete.
func (o *Operator) SetIdentityProvider(ctx context.Context, p Principal, name string, c ProviderChange) (IdentityProvider, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return IdentityProvider{}, err
	}
	if err := c.certificates(s); err != nil {
		return IdentityProvider{}, err
	}
	for range attempts {
		one, err := o.provider(ctx, p, name)
		if err != nil {
			return IdentityProvider{}, err
		}
		old := one
		if err := c.newKey(s, one); err != nil {
			return IdentityProvider{}, err
		}
		if err := c.apply(&one); err != nil {
			return IdentityProvider{}, err
		}
		if err := o.settled(p, old, &one); err != nil {
			return IdentityProvider{}, err
		}
		if old.State == sso.Enabled && (turns(old, one) || !slices.Equal(old.Rules, one.Rules)) {
			if err := o.trusts(ctx, p); err != nil {
				return IdentityProvider{}, err
			}
		}
		check := s.CheckDraft
		if one.State == sso.Enabled {
			check = s.Check
		}
		if err := check(one); err != nil {
			return IdentityProvider{}, err
		}
		one, err = s.Providers.PutProvider(ctx, p.Actor, one)
		if lockstep.CodeOf(err) == lockstep.CodeVersion {
			continue
		}
		if err != nil {
			return IdentityProvider{}, err
		}
		return o.oneShown(ctx, p, one)
	}
	return IdentityProvider{}, lockstep.ErrVersion
}

// EnableIdentityProvider lets people sign in through a provider that a test sign-in has succeeded with since its settings changed. untested
// overrides that. A provider that is off again is disabled, and its sessions answer no more.
func (o *Operator) EnableIdentityProvider(ctx context.Context, p Principal, name string, on, untested bool) (IdentityProvider, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return IdentityProvider{}, err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return IdentityProvider{}, err
	}
	one.State = sso.Disabled
	if on {
		if err := o.aboveProvider(p, one); err != nil {
			return IdentityProvider{}, err
		}
		if err := o.trusts(ctx, p); err != nil {
			return IdentityProvider{}, err
		}
		if err := o.proved(p); err != nil {
			return IdentityProvider{}, err
		}
		one.State = sso.Enabled
		if err := o.ready(ctx, p, one, untested); err != nil {
			return IdentityProvider{}, err
		}
	}
	if one, err = s.Providers.PutProvider(ctx, p.Actor, one); err != nil {
		return IdentityProvider{}, err
	}
	return o.oneShown(ctx, p, one)
}

// trusts returns an error for a visitor of a tenant that has an owner: whoever says whom an identity provider lets in can come in by it as anybody. They
// set it up and try it; an owner of the tenant enables it.
func (o *Operator) trusts(ctx context.Context, p Principal) error {
	if o.Admins == nil || !p.Visits() {
		return nil
	}
	return givesRights(ctx, p, o.Admins)
}

func (o *Operator) ready(ctx context.Context, p Principal, one sso.Provider, untested bool) error {
	if err := o.SignIn.Check(one); err != nil {
		return err
	}
	slug, err := o.slugOf(ctx, p)
	if err != nil {
		return err
	}
	switch uri := o.SignIn.Server.RedirectURI(slug, one.Alias); {
	case uri == "":
		return invalid("The server has no public address yet: start it with --public-url.")
	case !strings.HasPrefix(uri, "https://") && !loopbackURI(uri):
		return invalid("The server's public address is not https. Passwords and codes would be readable on the way.")
	}
	byPassword := one.Kind == sso.KindLDAP || one.Kind == sso.KindLocal
	if one.Tested.IsZero() && !untested && !byPassword {
		return invalid("No test sign-in has succeeded with these settings. Make one first, or enable it untested on purpose.")
	}
	return nil
}

func loopbackURI(uri string) bool {
	return strings.HasPrefix(uri, "http://127.0.0.1:") || strings.HasPrefix(uri, "http://localhost:") || strings.HasPrefix(uri, "http://[::1]:")
}

// TestIdentityProvider begins a test sign-in. It returns the reference of the login and the address to open in a browser, once.
func (o *Operator) TestIdentityProvider(ctx context.Context, p Principal, name string) (sso.LoginID, string, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return "", "", err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return "", "", err
	}
	if err := s.Check(one); err != nil {
		return "", "", err
	}
	slug, err := o.slugOf(ctx, p)
	if err != nil {
		return "", "", err
	}
	return s.Server.NewTest(ctx, slug, one)
}

// DeleteIdentityProvider removes a provider with all its links, and ends the sessions that were begun through it.
func (o *Operator) DeleteIdentityProvider(ctx context.Context, p Principal, name string) error {
	s, err := o.signIn(p, true)
	if err != nil {
		return err
	}
	one, err := o.provider(ctx, p, name)
	if err != nil {
		return err
	}
	if err := o.aboveProvider(p, one); err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	err = s.Providers.DeleteProvider(ctx, p.Actor, p.Tenant, one.ID)
	s.Server.Wake()
	return err
}

// Attempt returns what happened in a login, by the reference that its page showed.
func (o *Operator) Attempt(ctx context.Context, p Principal, reference string) (sso.Trace, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return sso.Trace{}, err
	}
	t, err := s.Records.Trace(ctx, p.Tenant, sso.LoginID(reference))
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return t, notFound("sign-in with the reference", reference)
	}
	return t, err
}

// PersonSessions lists the sessions that stand, the newest first: of one person, or of everybody.
func (o *Operator) PersonSessions(ctx context.Context, p Principal, user lockstep.UserID) ([]sso.Session, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	all, err := s.Sessions.Sessions(ctx, p.Tenant, sso.Who{User: user}, 500)
	for i := range all {
		all[i].Hash, all[i].Logout = sso.Hash{}, nil
	}
	return all, err
}

// EndSessions ends one session, or all of a person, with what applications have been given; the applications are told.
func (o *Operator) EndSessions(ctx context.Context, p Principal, user lockstep.UserID, session sso.SessionID) (int, error) {
	s, err := o.signIn(p, true)
	if err != nil {
		return 0, err
	}
	n, err := s.Sessions.End(ctx, p.Actor, p.Tenant, sso.Who{User: user, Session: session}, "ended by an administrator")
	if err == nil && n == 0 {
		err = &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such session."}
	}
	s.Server.Wake()
	return n, err
}

// SignOuts lists the newest ends of sessions, with what became of telling the applications.
func (o *Operator) SignOuts(ctx context.Context, p Principal) ([]sso.Ending, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, err
	}
	return s.Records.Endings(ctx, p.Tenant, 100)
}

// RotateSigningKeys has the next signing keys made at once. They sign in a day, when every application has seen them.
func (o *Operator) RotateSigningKeys(ctx context.Context, p Principal) error {
	s, err := o.signIn(p, true)
	if err != nil {
		return err
	}
	if err := o.proved(p); err != nil {
		return err
	}
	return s.Server.RotateKeys(ctx, p.Tenant)
}
