package signin

import (
	"maps"
	"slices"
	"strings"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/sso"
	"lockstep/terminal"
)

// IDP has the commands about identity providers.
type IDP struct {
	List    idpListCmd    `cmd:"" default:"withargs" help:"List the identity providers."`
	Show    idpShowCmd    `cmd:"" help:"Show an identity provider and its redirect URI."`
	Add     idpAddCmd     `cmd:"" help:"Add an identity provider as a draft; its redirect URI stands at once."`
	Set     idpSetCmd     `cmd:"" help:"Change an identity provider."`
	Matches idpMatchesCmd `cmd:"" help:"Say whom people would be who sign in through it, before anybody does."`
	Test    idpTestCmd    `cmd:"" help:"Begin a test sign-in, which lets nobody in."`
	Enable  idpEnableCmd  `cmd:"" help:"Let people sign in through it."`
	Disable idpDisableCmd `cmd:"" help:"Let nobody sign in through it."`
	RM      idpRMCmd      `cmd:"" name:"rm" help:"Remove it with its links."`
	Attempt idpAttemptCmd `cmd:"" help:"Show what happened in a sign-in, by the reference that its page showed."`
}

// idpFlags are what can be said of an identity provider.
type idpFlags struct {
	Name       *string           `placeholder:"TEXT" help:"What its button says."`
	Set        map[string]string `placeholder:"NAME=VALUE" help:"Setting; an empty value removes it."`
	SecretFile map[string]string `placeholder:"NAME=FILE" help:"Read a secret, such as client_secret, from a file."`
	Policy     string            `enum:",imported,create,confirm,verified,linked" default:"" help:"Whom somebody who is not linked may become: imported (people who are in the directory), create, confirm (who matches signs in as before once), verified (by a verified address) or linked (nobody)."`
	TrustEmail *bool             `negatable:"" help:"Believe its names and addresses."`
	Second     *sso.Demand       `name:"second-factor" placeholder:"WHOM" help:"Of whom a second factor is asked: none (nobody), enrolled (who has one), required (everybody), or own (the provider asks itself)."`
	Hidden     *bool             `negatable:"" help:"No button."`
	LinkOnly   *bool             `negatable:"" help:"Sign in only who is linked."`
	Order      *int              `placeholder:"N" help:"Place of its button."`
	Domain     []string          `placeholder:"DOMAIN" help:"People with addresses of this e-mail domain are sent there at once."`
	ClaimRule  []string          `sep:"none" placeholder:"RULE" help:"What a claim gives, such as 'groups=LS-Operators => role:operator', rights:SCOPES or group:NAME; role-once: and so on at the first sign-in only. All of them are given; an empty one is none."`
	CAFile     string            `placeholder:"FILE" help:"Certificates (PEM) that its servers may be signed by."`
	NewKey     bool              `name:"new-decryption-key" help:"Make a key by which a SAML provider encrypts assertions; the one before still opens them."`
}

// change reads the files that the flags name.
func (f *idpFlags) change() (api.SetProvider, error) {
	s := api.SetProvider{Name: f.Name, Hidden: f.Hidden, LinkOnly: f.LinkOnly, TrustEmail: f.TrustEmail, Second: f.Second, Order: f.Order, Settings: f.Set, NewKey: f.NewKey}
	if f.Policy != "" {
		policy := sso.LinkPolicy(f.Policy)
		s.Policy = &policy
	}
	if len(f.Domain) > 0 {
		domains := slices.DeleteFunc(f.Domain, func(d string) bool { return d == "" })
		s.Domains = &domains
	}
	if len(f.ClaimRule) > 0 {
		rules, err := api.ClaimRulesOf(f.ClaimRule)
		if err != nil {
			return s, err
		}
		s.Rules = &rules
	}
	for name, file := range f.SecretFile {
		text, err := terminal.ReadText("The secret "+name, file)
		if err != nil {
			return s, err
		}
		if s.Secrets == nil {
			s.Secrets = map[string]string{}
		}
		s.Secrets[name] = strings.TrimRight(text, "\r\n")
	}
	if f.CAFile != "" {
		pem, err := terminal.ReadText("The file of certificates", f.CAFile)
		if err != nil {
			return s, err
		}
		s.Roots = &pem
	}
	return s, nil
}

type idpListCmd struct{}

// Run lists the identity providers.
func (idpListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Providers(client.IdentityProviders(c.Ctx)))
}

type idpShowCmd struct {
	Provider string `arg:"" help:"Alias or id."`
	Look     bool   `help:"Look first at what it publishes about itself."`
}

// Run shows an identity provider.
func (s *idpShowCmd) Run(c *cli.Command, client *api.Client) error {
	if s.Look {
		return c.Print(report.Provider(client.LookAtIdentityProvider(c.Ctx, s.Provider)))
	}
	return c.Print(report.Provider(client.IdentityProvider(c.Ctx, s.Provider)))
}

type idpAddCmd struct {
	Alias string `arg:"" help:"Part of its redirect URI, such as webex; it never changes."`
	Kind  string `enum:"webexcc,oidc,oauth2,entra,saml,ldap,local" default:"oidc" help:"webexcc, oidc, oauth2, entra, saml, ldap or local."`
	idpFlags
}

// Run adds an identity provider.
func (a *idpAddCmd) Run(c *cli.Command) error {
	change, err := a.change()
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Print(report.ProviderAdded(client.AddIdentityProvider(c.Ctx, api.AddProvider{Alias: a.Alias, Kind: sso.ProviderKind(a.Kind), SetProvider: change})))
}

type idpSetCmd struct {
	Provider string `arg:"" help:"Alias or id."`
	Import   string `placeholder:"ADDRESS" help:"Fill the settings in from its discovery document or SAML metadata; --set says otherwise."`
	idpFlags
}

// Run changes an identity provider.
func (s *idpSetCmd) Run(c *cli.Command) error {
	change, err := s.change()
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if s.Import != "" {
		got, err := client.ImportIdentityProvider(c.Ctx, s.Provider, s.Import)
		if err != nil {
			return err
		}
		for _, note := range got.Notes {
			c.Say("%s", note)
		}
		maps.Copy(got.Settings, s.Set)
		change.Settings = got.Settings
	}
	return c.Print(report.Provider(client.SetIdentityProvider(c.Ctx, s.Provider, change)))
}

type idpMatchesCmd struct {
	Provider   string `arg:"" help:"Alias or id."`
	List       string `placeholder:"FILE" help:"Identities, one a line, or CSV with the columns email and user_name."`
	Unverified bool   `help:"As if the provider did not say that it has verified the addresses."`
}

// Run says whom identities would be.
func (m *idpMatchesCmd) Run(c *cli.Command, client *api.Client) error {
	in := api.MatchIdentities{Unverified: m.Unverified}
	if m.List != "" {
		text, err := terminal.ReadText("The list", m.List)
		if err != nil {
			return err
		}
		in.Identities = text
	}
	return c.Print(report.Matches(client.MatchIdentities(c.Ctx, m.Provider, in)))
}

type idpTestCmd struct {
	Provider string `arg:"" help:"Alias or id."`
}

// Run begins a test sign-in.
func (t *idpTestCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.TestSignIn(client.TestIdentityProvider(c.Ctx, t.Provider)))
}

type idpEnableCmd struct {
	Provider string `arg:"" help:"Alias or id."`
	Untested bool   `help:"Without a good test sign-in, on purpose."`
}

// Run enables an identity provider.
func (e *idpEnableCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Provider(client.EnableIdentityProvider(c.Ctx, e.Provider, e.Untested)))
}

type idpDisableCmd struct {
	Provider string `arg:"" help:"Alias or id."`
}

// Run disables an identity provider.
func (d *idpDisableCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Provider(client.DisableIdentityProvider(c.Ctx, d.Provider)))
}

type idpRMCmd struct {
	Provider string `arg:"" help:"Alias or id."`
}

// Run removes an identity provider.
func (r *idpRMCmd) Run(c *cli.Command) error {
	return c.Remove("Remove the identity provider "+r.Provider+" with all its links? Whoever signs in through it no longer can.", "removed", r.Provider, "Removed.", (*api.Client).DeleteIdentityProvider)
}

type idpAttemptCmd struct {
	Reference string `arg:"" help:"As the page of the sign-in showed it."`
}

// Run shows what happened in a sign-in.
func (a *idpAttemptCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.SignIn(client.SignIn(c.Ctx, sso.LoginID(a.Reference))))
}
