package api

import (
	"context"
	"encoding/pem"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/token"
)

func (s *Server) signInRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/identity-providers", "list-identity-providers", "List the identity providers", s.listProviders)
	route(s, a, http.MethodPost, "/identity-providers", "add-identity-provider", "Add an identity provider as a draft; its redirect URI stands at once", s.addProvider)
	route(s, a, http.MethodGet, "/identity-providers/{provider}", "get-identity-provider", "Get an identity provider", s.getProvider)
	route(s, a, http.MethodPatch, "/identity-providers/{provider}", "set-identity-provider", "Change an identity provider", s.setProvider)
	route(s, a, http.MethodPost, "/identity-providers/{provider}/enable", "enable-identity-provider", "Let people sign in through an identity provider", s.enableProvider)
	route(s, a, http.MethodPost, "/identity-providers/{provider}/disable", "disable-identity-provider", "Let nobody sign in through an identity provider", s.disableProvider)
	route(s, a, http.MethodPost, "/identity-providers/{provider}/import", "import-identity-provider", "Read settings from the provider's own document; nothing is kept", s.importProvider)
	route(s, a, http.MethodPost, "/identity-providers/{provider}/look", "look-at-identity-provider", "Look now at what an identity provider publishes about itself", s.lookAtProvider)
	route(s, a, http.MethodPost, "/identity-providers/{provider}/test", "test-identity-provider", "Begin a test sign-in", s.testProvider)
	command(s, a, http.MethodDelete, "/identity-providers/{provider}", "delete-identity-provider", "Remove an identity provider with its links", s.deleteProvider)
	long(s, a, operate.MaxIdentities+64<<10, http.MethodPost, "/identity-providers/{provider}/matches", "match-identities", "Say whom identities would be who sign in at a provider, before anybody does", s.matches)
	route(s, a, http.MethodGet, "/clients", "list-clients", "List the applications that sign people in", s.listClients)
	route(s, a, http.MethodPost, "/clients", "add-client", "Add an application; its secret is shown this once", s.addClient)
	route(s, a, http.MethodGet, "/clients/{client}", "get-client", "Get an application", s.getClient)
	route(s, a, http.MethodPatch, "/clients/{client}", "set-client", "Change an application", s.setClient)
	route(s, a, http.MethodPost, "/clients/{client}/rotate", "rotate-client", "Give an application a new secret; it is shown this once, the old one works for a while", s.rotateClient)
	command(s, a, http.MethodDelete, "/clients/{client}", "delete-client", "Remove an application", s.deleteClient)
	route(s, a, http.MethodGet, "/sessions", "list-sessions", "List the sessions of people", s.listSessions)
	route(s, a, http.MethodPost, "/sessions/end", "end-sessions", "End a session, or all of a person; the applications are told", s.endSessions)
	route(s, a, http.MethodGet, "/users/{user}/second-factors", "get-second-factors", "Get what somebody can show beside their password", s.secondFactors)
	route(s, a, http.MethodPost, "/users/{user}/second-factors/remove", "remove-second-factors", "Take a second factor from somebody who has lost it, or all", s.removeSecondFactors)
	route(s, a, http.MethodGet, "/sign-outs", "list-sign-outs", "List the newest ends of sessions and what became of telling the applications", s.listSignOuts)
	route(s, a, http.MethodGet, "/sign-ins/{reference}", "get-sign-in", "Get what happened in a sign-in, by the reference that its page showed", s.getSignIn)
}

// IdentityProvider is where people sign in.
type IdentityProvider struct {
	ID          sso.ProviderID    `json:"id"`
	Alias       string            `json:"alias"`
	Kind        sso.ProviderKind  `json:"kind"`
	Name        string            `json:"name" doc:"What its button says."`
	State       sso.ProviderState `json:"state" enum:"draft,enabled,disabled"`
	Hidden      bool              `json:"hidden,omitempty" doc:"It has no button."`
	LinkOnly    bool              `json:"link_only,omitempty" doc:"It signs in only who is linked."`
	TrustEmail  bool              `json:"trust_email,omitempty" doc:"Its names and addresses are believed."`
	Second      sso.Demand        `json:"second_factor" enum:"none,enrolled,required,own" doc:"Of whom one is asked: of nobody, of who has one, of everybody; or the provider asks itself."`
	Order       int               `json:"order,omitempty"`
	Policy      sso.LinkPolicy    `json:"policy" enum:"imported,create,confirm,verified,linked"`
	Domains     []string          `json:"domains,omitempty"`
	Rules       []ClaimRule       `json:"claim_rules,omitempty" doc:"What people have because the provider says something of them."`
	Settings    map[string]string `json:"settings"`
	Secrets     []string          `json:"secrets" doc:"Names of those that are set."`
	Roots       int               `json:"certificates,omitempty" doc:"How many further certificates its servers may be signed by."`
	RedirectURI string            `json:"redirect_uri" doc:"To be registered at the provider, exactly so."`
	LogoutURI   string            `json:"backchannel_logout_uri,omitempty" doc:"Where it may tell that somebody has signed out there (OpenID Connect Back-Channel Logout)."`
	MetadataURI string            `json:"metadata_uri,omitempty" doc:"Where a SAML provider finds the metadata of the service provider that Lockstep is to it."`
	Watched     *Watched          `json:"watched,omitempty" doc:"What the last look at what it publishes about itself has found; absent is not looked yet."`
	Tested      *time.Time        `json:"tested,omitempty" doc:"The last good test sign-in with these settings."`
	Updated     time.Time         `json:"updated"`
}

func providerOf(p operate.IdentityProvider) IdentityProvider {
	v := IdentityProvider{
		ID: p.ID, Alias: p.Alias, Kind: p.Kind, Name: p.Name, State: p.State, Hidden: p.Hidden, LinkOnly: p.LinkOnly, TrustEmail: p.TrustEmail, Second: p.Demands(), Order: p.Order,
		Policy: p.Policy, Domains: p.Domains, Settings: p.Settings, Secrets: p.Given, Roots: len(p.Roots), RedirectURI: p.RedirectURI, LogoutURI: p.LogoutURI, MetadataURI: p.MetadataURI, Watched: watchedOf(p.Watched), Tested: instant(p.Tested), Updated: p.Updated,
	}
	for _, r := range p.Rules {
		v.Rules = append(v.Rules, ClaimRule{r.Claim, r.Value, r.Role, r.Rights, r.Group, r.Once})
	}
	if v.Settings == nil {
		v.Settings = map[string]string{}
	}
	if v.Secrets == nil {
		v.Secrets = []string{}
	}
	return v
}

// ClaimRule gives people something for what their identity provider says of them: a role, rights or a group, one of the three.
type ClaimRule struct {
	Claim  string `json:"claim" minLength:"1" maxLength:"200" doc:"groups, or a claim; within another object: address.country."`
	Value  string `json:"value" minLength:"1" maxLength:"512" doc:"The whole value, or one value of a list."`
	Role   string `json:"role,omitempty" maxLength:"40" doc:"Role of an administrator: operator or auditor."`
	Rights string `json:"rights,omitempty" maxLength:"1000" doc:"Rights of an administrator, such as apps:write@webex people:read."`
	Group  string `json:"group,omitempty" maxLength:"200" doc:"Group, as applications are told."`
	Once   bool   `json:"once,omitempty" doc:"It is looked at when somebody is linked, and kept; else at each sign-in, and taken away when the claim has gone."`
}

// Rule is the claim rule as commands write it.
func (r ClaimRule) Rule() sso.ClaimRule {
	return sso.ClaimRule{Claim: r.Claim, Value: r.Value, Role: r.Role, Rights: r.Rights, Group: r.Group, Once: r.Once}
}

// ClaimRulesOf reads claim rules as commands write them. An empty text is none.
func ClaimRulesOf(texts []string) ([]ClaimRule, error) {
	all := []ClaimRule{}
	for _, text := range texts {
		if text == "" {
			continue
		}
		r, err := sso.ParseClaimRule(text)
		if err != nil {
			return nil, err
		}
		all = append(all, ClaimRule{r.Claim, r.Value, r.Role, r.Rights, r.Group, r.Once})
	}
	return all, nil
}

// SetProvider is what can be changed of an identity provider; what is absent stays as it is.
type SetProvider struct {
	Name       *string           `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Hidden     *bool             `json:"hidden,omitempty"`
	LinkOnly   *bool             `json:"link_only,omitempty"`
	TrustEmail *bool             `json:"trust_email,omitempty"`
	Second     *sso.Demand       `json:"second_factor,omitempty" enum:"none,enrolled,required,own"`
	Order      *int              `json:"order,omitempty"`
	Policy     *sso.LinkPolicy   `json:"policy,omitempty" enum:"imported,create,confirm,verified,linked"`
	Domains    *[]string         `json:"domains,omitempty" maxItems:"100"`
	Rules      *[]ClaimRule      `json:"claim_rules,omitempty" maxItems:"50" doc:"In the place of those that are there."`
	Settings   map[string]string `json:"settings,omitempty" doc:"Those that are named change; an empty one is taken away."`
	Secrets    map[string]string `json:"secrets,omitempty" doc:"Those that are named change; an empty one is taken away."`
	Roots      *string           `json:"certificates,omitempty" maxLength:"200000" doc:"Further certificates (PEM) that its servers may be signed by, in place of those that are there."`
	NewKey     bool              `json:"new_decryption_key,omitempty" doc:"Make a key by which a SAML provider encrypts assertions; the one before still opens them."`
}

func (b SetProvider) change() (operate.ProviderChange, error) {
	c := operate.ProviderChange{
		Name: b.Name, Hidden: b.Hidden, LinkOnly: b.LinkOnly, TrustEmail: b.TrustEmail, Second: b.Second, Order: b.Order, Policy: b.Policy, Domains: b.Domains, Settings: b.Settings, Secrets: b.Secrets,
		DecryptionKey: b.NewKey,
	}
	if b.Rules != nil {
		rules := []sso.ClaimRule{}
		for _, r := range *b.Rules {
			rules = append(rules, r.Rule())
		}
		c.Rules = &rules
	}
	if b.Roots == nil {
		return c, nil
	}
	roots := [][]byte{}
	rest := []byte(*b.Roots)
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			break
		}
		roots = append(roots, block.Bytes)
	}
	if len(roots) == 0 && *b.Roots != "" {
		return c, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The certificates are not PEM: they begin with -----BEGIN CERTIFICATE-----."}
	}
	c.Roots = &roots
	return c, nil
}

// AddProvider is what adds an identity provider.
type AddProvider struct {
	Alias string           `json:"alias" pattern:"^[a-z0-9][a-z0-9-]{0,39}$" doc:"Part of the redirect URI; it never changes."`
	Kind  sso.ProviderKind `json:"kind" enum:"webexcc,oidc,oauth2,entra,saml,ldap,local"`
	SetProvider
}

func (s *Server) listProviders(ctx context.Context, p operate.Principal, _ *struct{}) (list[IdentityProvider], error) {
	all, err := s.Operator.IdentityProviders(ctx, p)
	return mapped(all, "", providerOf), err
}

func (s *Server) addProvider(ctx context.Context, p operate.Principal, in *struct{ Body AddProvider }) (IdentityProvider, error) {
	c, err := in.Body.change()
	if err != nil {
		return IdentityProvider{}, err
	}
	one, err := s.Operator.AddIdentityProvider(ctx, p, in.Body.Kind, in.Body.Alias, c)
	return providerOf(one), err
}

type providerPath struct {
	Provider string `path:"provider" maxLength:"100" doc:"Alias or id."`
}

func (s *Server) getProvider(ctx context.Context, p operate.Principal, in *providerPath) (IdentityProvider, error) {
	one, err := s.Operator.IdentityProvider(ctx, p, in.Provider)
	return providerOf(one), err
}

func (s *Server) setProvider(ctx context.Context, p operate.Principal, in *struct {
	Provider string `path:"provider" maxLength:"100" doc:"Alias or id."`
	Body     SetProvider
},
) (IdentityProvider, error) {
	c, err := in.Body.change()
	if err != nil {
		return IdentityProvider{}, err
	}
	one, err := s.Operator.SetIdentityProvider(ctx, p, in.Provider, c)
	return providerOf(one), err
}

func (s *Server) enableProvider(ctx context.Context, p operate.Principal, in *struct {
	Provider string `path:"provider" maxLength:"100" doc:"Alias or id."`
	Body     struct {
		Untested bool `json:"untested,omitempty" doc:"Without a good test sign-in, on purpose."`
	}
},
) (IdentityProvider, error) {
	one, err := s.Operator.EnableIdentityProvider(ctx, p, in.Provider, true, in.Body.Untested)
	return providerOf(one), err
}

func (s *Server) disableProvider(ctx context.Context, p operate.Principal, in *providerPath) (IdentityProvider, error) {
	one, err := s.Operator.EnableIdentityProvider(ctx, p, in.Provider, false, false)
	return providerOf(one), err
}

// TestSignIn is a test sign-in that was begun.
type TestSignIn struct {
	Reference sso.LoginID `json:"reference"`
	URL       string      `json:"url" doc:"To be opened in a browser, once, within a quarter of an hour."`
}

func (s *Server) testProvider(ctx context.Context, p operate.Principal, in *providerPath) (TestSignIn, error) {
	id, address, err := s.Operator.TestIdentityProvider(ctx, p, in.Provider)
	return TestSignIn{id, address}, err
}

func (s *Server) deleteProvider(ctx context.Context, p operate.Principal, in *providerPath) error {
	return s.Operator.DeleteIdentityProvider(ctx, p, in.Provider)
}

// MatchIdentities is a list of identities.
type MatchIdentities struct {
	Identities string `json:"identities,omitempty" maxLength:"8388608" doc:"One a line, an address or a user name; or CSV with the columns email and user_name. At most 100,000. Absent: only what is said of the directory."`
	Unverified bool   `json:"unverified,omitempty" doc:"As if the provider did not say that it has verified the addresses."`
}

// Matches is whom identities would be who sign in at a provider, and what of the directory it could not tell apart.
type Matches struct {
	People      int                     `json:"people" doc:"Who may sign in."`
	Linked      int                     `json:"linked" doc:"Identities that are linked."`
	Shared      int                     `json:"shared" doc:"Addresses that more than one person has: whoever signs in with one is refused."`
	SharedSome  []SharedName            `json:"shared_some,omitempty"`
	Lacking     int                     `json:"without_address" doc:"People who have no e-mail address."`
	LackingSome []string                `json:"without_address_some,omitempty" doc:"User names of some."`
	Listed      int                     `json:"listed"`
	Count       map[operate.WouldBe]int `json:"count" doc:"How many of the list would be what."`
	Rows        []MatchRow              `json:"rows" doc:"At most 1000, those that are not matched first."`
}

// SharedName is an address that more than one person has.
type SharedName struct {
	Value string   `json:"value"`
	Count int      `json:"count"`
	Some  []string `json:"some" doc:"User names of some."`
}

// MatchRow is one identity of a list.
type MatchRow struct {
	Line     int             `json:"line"`
	Identity string          `json:"identity"`
	Is       operate.WouldBe `json:"is" enum:"matched,linked,added,ambiguous,orphan,disabled"`
	How      string          `json:"how"`
	People   []string        `json:"people,omitempty" doc:"User names of whom they match."`
}

func namesOf(all []sso.Holder) []string {
	names := make([]string, len(all))
	for i, h := range all {
		names[i] = h.Name
	}
	return names
}

func (s *Server) matches(ctx context.Context, p operate.Principal, in *struct {
	Provider string `path:"provider" maxLength:"100" doc:"Alias or id."`
	Body     MatchIdentities
},
) (Matches, error) {
	m, err := s.Operator.Matches(ctx, p, in.Provider, in.Body.Identities, in.Body.Unverified)
	v := Matches{
		People: m.People, Linked: m.Linked, Shared: m.Shared, Lacking: m.Lacking, LackingSome: namesOf(m.LackingSome), Listed: m.Listed, Count: m.Count, Rows: []MatchRow{},
	}
	for _, one := range m.SharedSome {
		v.SharedSome = append(v.SharedSome, SharedName{one.Value, one.Count, namesOf(one.Some)})
	}
	for _, r := range m.Rows {
		row := MatchRow{Line: r.Line, Identity: r.Identity, Is: r.Is, How: r.How}
		for _, c := range r.People {
			row.People = append(row.People, c.Name)
		}
		v.Rows = append(v.Rows, row)
	}
	return v, err
}

// SSOClient is an application that signs people in here.
type SSOClient struct {
	ID          sso.ClientID     `json:"id"`
	Name        string           `json:"name"`
	Redirects   []string         `json:"redirect_uris"`
	AfterLogout []string         `json:"post_logout_redirect_uris,omitempty"`
	LogoutURI   string           `json:"backchannel_logout_uri,omitempty"`
	RevokeURI   string           `json:"global_token_revocation_endpoint,omitempty"`
	KeysURI     string           `json:"jwks_uri,omitempty"`
	Kind        string           `json:"kind" enum:"openid,saml,proxy"`
	SAML        *SAMLSettings    `json:"saml,omitempty"`
	Proxy       *ProxySettings   `json:"proxy,omitempty"`
	Auth        sso.ClientAuth   `json:"token_endpoint_auth_method"`
	Grants      []sso.GrantType  `json:"grant_types"`
	Scopes      []string         `json:"scopes,omitempty"`
	Token       sso.TokenFormat  `json:"access_token_format"`
	IDToken     token.Alg        `json:"id_token_signed_response_alg"`
	Audience    []string         `json:"audience,omitempty"`
	Provider    sso.ProviderID   `json:"provider,omitempty" doc:"Its people go to this identity provider without a choice."`
	Allowed     []sso.ProviderID `json:"allowed_providers,omitempty"`
	Second      sso.Demand       `json:"second_factor,omitempty" enum:"enrolled,required" doc:"Of whom one is asked, beside what the identity provider demands."`
	Disabled    bool             `json:"disabled,omitempty"`
	FormerEnds  *time.Time       `json:"former_secret_ends,omitempty"`
	Issuer      string           `json:"issuer" doc:"What the application is given, beside its id and secret."`
	Notes       []string         `json:"notes,omitempty" doc:"What is to be said of metadata that were read."`
	Created     time.Time        `json:"created"`
	Updated     time.Time        `json:"updated"`
}

// CreatedClient is an application with its secret, which is shown this once.
type CreatedClient struct {
	SSOClient
	Secret string `json:"client_secret,omitempty"`
}

func clientOf(c sso.Client, issuer string) SSOClient {
	v := SSOClient{
		ID: c.ID, Name: c.Name, Redirects: c.Redirects, AfterLogout: c.AfterLogout, LogoutURI: c.LogoutURI, Auth: c.Auth, Grants: c.Grants, Scopes: c.Scopes, Token: c.Token,
		IDToken: c.IDToken, Audience: c.Audience, Provider: c.Provider, Allowed: c.Allowed, Second: c.SecondFactor, Disabled: c.Disabled, FormerEnds: instant(c.Former.Ends), Issuer: issuer,
		Created: c.Created, Updated: c.Updated, Kind: kindName(c.Kind), SAML: samlOf(c.SAML, issuer), Proxy: proxyOf(c.Proxy), RevokeURI: c.RevocationURI, KeysURI: c.KeysURI,
	}
	if v.Token == "" {
		v.Token = sso.Opaque
	}
	if v.IDToken == "" {
		v.IDToken = token.RS256
	}
	if v.Redirects == nil {
		v.Redirects = []string{}
	}
	return v
}

// NewClient is what adds an application.
type NewClient struct {
	ID          string           `json:"id,omitempty" maxLength:"200" doc:"Made up when absent."`
	Name        string           `json:"name" minLength:"1" maxLength:"200"`
	Redirects   []string         `json:"redirect_uris,omitempty" maxItems:"50" doc:"Compared byte for byte."`
	AfterLogout []string         `json:"post_logout_redirect_uris,omitempty" maxItems:"50"`
	LogoutURI   string           `json:"backchannel_logout_uri,omitempty" maxLength:"2000"`
	RevokeURI   string           `json:"global_token_revocation_endpoint,omitempty" maxLength:"2000" doc:"Is asked to end everything of whoever leaves."`
	Auth        sso.ClientAuth   `json:"token_endpoint_auth_method,omitempty" enum:"none,client_secret_basic,client_secret_post,private_key_jwt"`
	Grants      []sso.GrantType  `json:"grant_types,omitempty" maxItems:"3"`
	Scopes      []string         `json:"scopes,omitempty" maxItems:"50"`
	Keys        string           `json:"jwks,omitempty" maxLength:"50000" doc:"JWK Set as text, for private_key_jwt."`
	KeysURI     string           `json:"jwks_uri,omitempty" maxLength:"2000" doc:"Where it publishes its keys instead."`
	Assertion   token.Alg        `json:"token_endpoint_auth_signing_alg,omitempty" enum:"RS256,ES256"`
	Token       sso.TokenFormat  `json:"access_token_format,omitempty" enum:"opaque,jwt"`
	IDToken     token.Alg        `json:"id_token_signed_response_alg,omitempty" enum:"RS256,ES256"`
	Audience    []string         `json:"audience,omitempty" maxItems:"50"`
	Provider    sso.ProviderID   `json:"provider,omitempty" maxLength:"100" doc:"Alias or id."`
	Allowed     []sso.ProviderID `json:"allowed_providers,omitempty" maxItems:"50"`
	Second      sso.Demand       `json:"second_factor,omitempty" enum:"enrolled,required" doc:"Of whom one is asked, beside what the identity provider demands: of who has one, or of everybody."`
	NoPKCE      bool             `json:"without_pkce,omitempty" doc:"It knows no PKCE. Not for an application without a secret."`
	Pushed      bool             `json:"require_pushed_authorization_requests,omitempty"`
	Kind        string           `json:"kind,omitempty" enum:"openid,saml,proxy" doc:"What it speaks: OpenID Connect when absent."`
	SAML        *SAMLSettings    `json:"saml,omitempty"`
	Proxy       *ProxySettings   `json:"proxy,omitempty"`
}

func (s *Server) listClients(ctx context.Context, p operate.Principal, _ *struct{}) (list[SSOClient], error) {
	all, err := s.Operator.Clients(ctx, p)
	if err != nil {
		return list[SSOClient]{}, err
	}
	issuer, err := s.Operator.Issuer(ctx, p)
	return mapped(all, "", func(c sso.Client) SSOClient { return clientOf(c, issuer) }), err
}

func (s *Server) addClient(ctx context.Context, p operate.Principal, in *struct{ Body NewClient }) (CreatedClient, error) {
	b := in.Body
	n := sso.Client{
		ID: sso.ClientID(b.ID), Name: b.Name, Redirects: b.Redirects, AfterLogout: b.AfterLogout, LogoutURI: b.LogoutURI, RevocationURI: b.RevokeURI, Auth: b.Auth, Grants: b.Grants, Scopes: b.Scopes,
		Keys: b.Keys, KeysURI: b.KeysURI, Assertion: b.Assertion, Token: b.Token, IDToken: b.IDToken, Audience: b.Audience, Provider: b.Provider, Allowed: b.Allowed, SecondFactor: b.Second, NoPKCE: b.NoPKCE, Pushed: b.Pushed,
		Kind: kindOf(b.Kind),
	}
	change, notes, err := s.appChange(ctx, p, b.SAML, b.Proxy)
	if err != nil {
		return CreatedClient{}, err
	}
	change(&n)
	c, secret, err := s.Operator.AddClient(ctx, p, n)
	if err != nil {
		return CreatedClient{}, err
	}
	made, err := s.created(ctx, p, c, secret)
	made.Notes = notes
	return made, err
}

func (s *Server) created(ctx context.Context, p operate.Principal, c sso.Client, secret string) (CreatedClient, error) {
	issuer, err := s.Operator.Issuer(ctx, p)
	return CreatedClient{clientOf(c, issuer), secret}, err
}

type clientPath struct {
	Client string `path:"client" maxLength:"200"`
}

func (s *Server) getClient(ctx context.Context, p operate.Principal, in *clientPath) (SSOClient, error) {
	c, err := s.Operator.Client(ctx, p, in.Client)
	if err != nil {
		return SSOClient{}, err
	}
	out, err := s.created(ctx, p, c, "")
	return out.SSOClient, err
}

// SetClient is what can be changed of an application; what is absent stays as it is.
type SetClient struct {
	Name        *string           `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Redirects   *[]string         `json:"redirect_uris,omitempty" maxItems:"50"`
	AfterLogout *[]string         `json:"post_logout_redirect_uris,omitempty" maxItems:"50"`
	LogoutURI   *string           `json:"backchannel_logout_uri,omitempty" maxLength:"2000"`
	RevokeURI   *string           `json:"global_token_revocation_endpoint,omitempty" maxLength:"2000"`
	Provider    *sso.ProviderID   `json:"provider,omitempty" maxLength:"100"`
	Allowed     *[]sso.ProviderID `json:"allowed_providers,omitempty" maxItems:"50"`
	Second      *sso.Demand       `json:"second_factor,omitempty" enum:",enrolled,required"`
	Disabled    *bool             `json:"disabled,omitempty"`
	KeysURI     *string           `json:"jwks_uri,omitempty" maxLength:"2000" doc:"Where it publishes its keys, in place of those that were given."`
	SAML        *SAMLSettings     `json:"saml,omitempty"`
	Proxy       *ProxySettings    `json:"proxy,omitempty"`
}

func (s *Server) setClient(ctx context.Context, p operate.Principal, in *struct {
	Client string `path:"client" maxLength:"200"`
	Body   SetClient
},
) (SSOClient, error) {
	b := in.Body
	app, notes, err := s.appChange(ctx, p, b.SAML, b.Proxy)
	if err != nil {
		return SSOClient{}, err
	}
	c, err := s.Operator.SetClient(ctx, p, in.Client, func(c *sso.Client) {
		app(c)
		if change(&c.KeysURI, b.KeysURI); b.KeysURI != nil && *b.KeysURI != "" {
			c.Keys = ""
		}
		change(&c.Name, b.Name)
		change(&c.Redirects, b.Redirects)
		change(&c.AfterLogout, b.AfterLogout)
		change(&c.LogoutURI, b.LogoutURI)
		change(&c.RevocationURI, b.RevokeURI)
		change(&c.Provider, b.Provider)
		change(&c.Allowed, b.Allowed)
		change(&c.SecondFactor, b.Second)
		change(&c.Disabled, b.Disabled)
	})
	if err != nil {
		return SSOClient{}, err
	}
	out, err := s.created(ctx, p, c, "")
	out.Notes = notes
	return out.SSOClient, err
}

func change[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) rotateClient(ctx context.Context, p operate.Principal, in *struct {
	Client string `path:"client" maxLength:"200"`
	Body   struct {
		Overlap *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"7776000" doc:"How long the secret of before goes on working; a day when absent."`
	}
},
) (CreatedClient, error) {
	stays := overlap
	if in.Body.Overlap != nil {
		stays = time.Duration(*in.Body.Overlap) * time.Second
	}
	c, secret, err := s.Operator.RotateClient(ctx, p, in.Client, stays)
	if err != nil {
		return CreatedClient{}, err
	}
	return s.created(ctx, p, c, secret)
}

func (s *Server) deleteClient(ctx context.Context, p operate.Principal, in *clientPath) error {
	return s.Operator.DeleteClient(ctx, p, in.Client)
}

// PersonSession is a browser in which somebody is signed in.
type PersonSession struct {
	ID       sso.SessionID   `json:"id"`
	User     lockstep.UserID `json:"user"`
	Provider sso.ProviderID  `json:"provider"`
	AuthTime time.Time       `json:"auth_time"`
	Began    time.Time       `json:"began"`
	Seen     time.Time       `json:"seen"`
	Expires  time.Time       `json:"expires"`
}

func (s *Server) listSessions(ctx context.Context, p operate.Principal, in *struct {
	User string `query:"user" maxLength:"40" doc:"Of this person only."`
},
) (list[PersonSession], error) {
	all, err := s.Operator.PersonSessions(ctx, p, lockstep.UserID(in.User))
	return mapped(all, "", func(x sso.Session) PersonSession {
		return PersonSession{ID: x.ID, User: x.Person.User, Provider: x.Provider, AuthTime: x.AuthTime, Began: x.Began, Seen: x.Seen, Expires: x.Expires}
	}), err
}

// EndSessions says whose sessions are to end.
type EndSessions struct {
	User    lockstep.UserID `json:"user,omitempty" maxLength:"40"`
	Session sso.SessionID   `json:"session,omitempty" maxLength:"40"`
}

// EndedSessions is how many sessions and grants have ended.
type EndedSessions struct {
	Ended int `json:"ended"`
}

func (s *Server) endSessions(ctx context.Context, p operate.Principal, in *struct{ Body EndSessions }) (EndedSessions, error) {
	n, err := s.Operator.EndSessions(ctx, p, in.Body.User, in.Body.Session)
	return EndedSessions{n}, err
}

// SignOut is the end of somebody's sessions.
type SignOut struct {
	ID      sso.EndingID    `json:"id"`
	User    lockstep.UserID `json:"user"`
	Why     string          `json:"why"`
	At      time.Time       `json:"at"`
	Settled *time.Time      `json:"settled,omitempty" doc:"Absent while an application is still to be told."`
	Untold  int             `json:"untold" doc:"Applications that could not be told and were given up on: they may still let the person in."`
	Report  string          `json:"report"`
}

func (s *Server) listSignOuts(ctx context.Context, p operate.Principal, _ *struct{}) (list[SignOut], error) {
	all, err := s.Operator.SignOuts(ctx, p)
	return mapped(all, "", func(e sso.Ending) SignOut {
		return SignOut{ID: e.ID, User: e.User, Why: e.Why, At: e.At, Settled: instant(e.Settled), Untold: e.Untold(), Report: e.Report()}
	}), err
}

// SignInTrace is what happened in a sign-in.
type SignInTrace struct {
	Reference sso.LoginID     `json:"reference"`
	At        time.Time       `json:"at"`
	Outcome   sso.Outcome     `json:"outcome"`
	Code      lockstep.Code   `json:"code,omitempty"`
	Detail    string          `json:"detail,omitempty"`
	Help      string          `json:"help,omitempty"`
	Client    sso.ClientID    `json:"client,omitempty"`
	Provider  sso.ProviderID  `json:"provider,omitempty"`
	User      lockstep.UserID `json:"user,omitempty"`
	Stages    []SignInStage   `json:"stages"`
}

// SignInStage is one step of a sign-in.
type SignInStage struct {
	Name   string            `json:"name"`
	OK     bool              `json:"ok"`
	Code   lockstep.Code     `json:"code,omitempty"`
	Detail string            `json:"detail,omitempty"`
	Fix    string            `json:"fix,omitempty"`
	Facts  map[string]string `json:"facts,omitempty"`
	Millis int64             `json:"milliseconds,omitempty"`
}

func (s *Server) getSignIn(ctx context.Context, p operate.Principal, in *struct {
	Reference string `path:"reference" maxLength:"100"`
},
) (SignInTrace, error) {
	t, err := s.Operator.Attempt(ctx, p, in.Reference)
	v := SignInTrace{
		Reference: t.ID, At: t.At, Outcome: t.Outcome, Code: t.Code, Detail: t.Detail, Client: t.Client, Provider: t.Provider, User: t.User, Stages: []SignInStage{},
	}
	if t.Code != "" {
		v.Help = lockstep.Describe(t.Code).Help
	}
	for _, g := range t.Stages {
		v.Stages = append(v.Stages, SignInStage{g.Name, g.OK, g.Code, g.Detail, g.Fix, g.Facts, g.Took.Milliseconds()})
	}
	return v, err
}
