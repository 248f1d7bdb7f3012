package signin

import (
	"io"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/sso"
	"lockstep/terminal"
	"lockstep/token"
)

// Client has the commands about applications that sign people in here.
type Client struct {
	List   clientListCmd   `cmd:"" default:"withargs" help:"List the applications that sign people in here."`
	Show   clientShowCmd   `cmd:"" help:"Show an application."`
	Add    clientAddCmd    `cmd:"" help:"Add an application; its secret is shown this once."`
	Set    clientSetCmd    `cmd:"" help:"Change an application."`
	Rotate clientRotateCmd `cmd:"" help:"Give an application a new secret; the old one works for a while."`
	RM     clientRMCmd     `cmd:"" name:"rm" help:"Remove an application."`
}

type clientListCmd struct{}

// Run lists the applications.
func (clientListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Clients(client.SSOClients(c.Ctx)))
}

type clientShowCmd struct {
	Client string `arg:"" help:"Client ID."`
}

// Run shows an application.
func (s *clientShowCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Client(client.SSOClient(c.Ctx, s.Client)))
}

type clientAddCmd struct {
	Name        string   `arg:"" help:"What it is called."`
	ID          string   `placeholder:"ID" help:"Client ID; made up when absent."`
	Redirect    []string `placeholder:"URI" help:"Where people are sent back to, byte for byte."`
	AfterLogout []string `placeholder:"URI" help:"Where people may be sent after they signed out."`
	LogoutURI   string   `placeholder:"URI" help:"Is told when a session ends (back-channel logout)."`
	RevokeURI   string   `name:"revocation-uri" placeholder:"URI" help:"Is asked to end everything of whoever leaves (Global Token Revocation)."`
	Auth        string   `enum:"none,client_secret_basic,client_secret_post,private_key_jwt" default:"client_secret_basic" help:"none (an application without a secret), client_secret_basic, client_secret_post or private_key_jwt."`
	KeysFile    string   `placeholder:"FILE" help:"Its JWK Set, for private_key_jwt."`
	KeysURI     string   `name:"keys-uri" placeholder:"URI" help:"Where it publishes its JWK Set (jwks_uri), for private_key_jwt."`
	Assertion   string   `enum:",RS256,ES256" default:"" help:"How its assertions are signed: RS256 or ES256."`
	Grant       []string `placeholder:"TYPE" help:"authorization_code, refresh_token, client_credentials; the first two when absent."`
	Scope       []string `placeholder:"SCOPE" help:"What it may ask for with client_credentials."`
	Format      string   `enum:"opaque,jwt" default:"opaque" help:"Its access tokens: opaque ones end at once with the person, a jwt after five minutes."`
	Alg         string   `enum:"RS256,ES256" default:"RS256" help:"How its ID tokens are signed."`
	Provider    string   `placeholder:"ALIAS" help:"Its people go to this identity provider without a choice."`
	Allow       []string `placeholder:"ALIAS" help:"Identity providers that it accepts; all when absent."`
	Second      string   `name:"second-factor" enum:",enrolled,required" default:"" help:"Of whom it asks for a second factor: enrolled (who has one) or required (everybody)."`
	WithoutPKCE bool     `name:"without-pkce" help:"It knows no PKCE."`
	Kind        string   `enum:"openid,saml,proxy" default:"openid" help:"openid, saml (SAML 2.0), or proxy (it speaks neither, and a reverse proxy asks for it)."`

	clientAppFlags
}

// Run adds an application. Its secret is the only thing on standard output, beside what a script reads with -o json.
func (a *clientAddCmd) Run(c *cli.Command) error {
	n := api.NewClient{
		ID: a.ID, Name: a.Name, Redirects: a.Redirect, AfterLogout: a.AfterLogout, LogoutURI: a.LogoutURI, Auth: sso.ClientAuth(a.Auth), Scopes: a.Scope, KeysURI: a.KeysURI, RevokeURI: a.RevokeURI,
		Assertion: token.Alg(a.Assertion), Token: sso.TokenFormat(a.Format), IDToken: token.Alg(a.Alg), Provider: sso.ProviderID(a.Provider), Second: sso.Demand(a.Second), NoPKCE: a.WithoutPKCE,
	}
	n.Kind = a.Kind
	var err error
	if n.SAML, n.Proxy, err = a.settings(); err != nil {
		return err
	}
	if a.Kind != "openid" {
		n.Auth, n.Token, n.IDToken = "", "", ""
	}
	for _, g := range a.Grant {
		n.Grants = append(n.Grants, sso.GrantType(g))
	}
	for _, p := range a.Allow {
		n.Allowed = append(n.Allowed, sso.ProviderID(p))
	}
	if a.KeysFile != "" {
		var err error
		if n.Keys, err = terminal.ReadText("The file of keys", a.KeysFile); err != nil {
			return err
		}
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Print(report.ClientAdded(client.AddSSOClient(c.Ctx, n)))
}

type clientSetCmd struct {
	Client      string      `arg:"" help:"Client ID."`
	Name        *string     `placeholder:"TEXT" help:"What it is called."`
	Redirect    []string    `placeholder:"URI" help:"Where people are sent back to, in place of what is there."`
	AfterLogout []string    `placeholder:"URI" help:"Where people may be sent after they signed out, in place of what is there."`
	LogoutURI   *string     `placeholder:"URI" help:"Is told when a session ends."`
	RevokeURI   *string     `name:"revocation-uri" placeholder:"URI" help:"Is asked to end everything of whoever leaves (Global Token Revocation)."`
	KeysURI     *string     `name:"keys-uri" placeholder:"URI" help:"Where it publishes its JWK Set (jwks_uri), in place of keys that were given."`
	Provider    *string     `placeholder:"ALIAS" help:"Its people go to this identity provider without a choice."`
	Second      *sso.Demand `name:"second-factor" placeholder:"WHOM" help:"Of whom it asks for a second factor: enrolled (who has one) or required (everybody); empty is as the provider has it."`
	Disabled    *bool       `negatable:"" help:"It signs nobody in."`

	clientAppFlags
}

// Run changes an application.
func (s *clientSetCmd) Run(c *cli.Command) error {
	change := api.SetClient{Name: s.Name, LogoutURI: s.LogoutURI, RevokeURI: s.RevokeURI, KeysURI: s.KeysURI, Second: s.Second, Disabled: s.Disabled}
	var err error
	if change.SAML, change.Proxy, err = s.settings(); err != nil {
		return err
	}
	if len(s.Redirect) > 0 {
		change.Redirects = &s.Redirect
	}
	if len(s.AfterLogout) > 0 {
		change.AfterLogout = &s.AfterLogout
	}
	if s.Provider != nil {
		p := sso.ProviderID(*s.Provider)
		change.Provider = &p
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Print(report.Client(client.SetSSOClient(c.Ctx, s.Client, change)))
}

type clientRotateCmd struct {
	Client  string        `arg:"" help:"Client ID."`
	Overlap time.Duration `default:"24h" help:"How long the old secret goes on working."`
}

// Run gives an application a new secret, the only thing on standard output.
func (r *clientRotateCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.ClientRotated(client.RotateSSOClient(c.Ctx, r.Client, int(r.Overlap/time.Second))))
}

type clientRMCmd struct {
	Client string `arg:"" help:"Client ID."`
}

// Run removes an application.
func (r *clientRMCmd) Run(c *cli.Command) error {
	return c.Remove("Remove the application "+r.Client+"? It signs nobody in any more.", "removed", r.Client, "Removed.", (*api.Client).DeleteSSOClient)
}

// Session has the commands about sessions of people.
type Session struct {
	List    sessionListCmd    `cmd:"" default:"withargs" help:"List the sessions of people."`
	End     sessionEndCmd     `cmd:"" help:"End a session, or all of a person; the applications are told."`
	Factors sessionFactorsCmd `cmd:"" help:"List somebody's second factors, or remove one that they have lost."`
	Told    sessionToldCmd    `cmd:"" help:"List the newest sign-outs, and whether the applications were told."`
}

type sessionListCmd struct {
	User string `placeholder:"ID" help:"Of this person only."`
}

// Run lists sessions.
func (s *sessionListCmd) Run(c *cli.Command, client *api.Client) error {
	return c.Print(report.Sessions(client.PersonSessions(c.Ctx, s.User)))
}

type sessionEndCmd struct {
	Session string `arg:"" optional:"" help:"Id of the session."`
	User    string `placeholder:"ID" help:"All of this person."`
}

// Run ends sessions.
func (s *sessionEndCmd) Run(c *cli.Command) error {
	if (s.Session == "") == (s.User == "") {
		return terminal.Usage("Give the id of a session, or --user.")
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	n, err := client.EndSessions(c.Ctx, api.EndSessions{Session: sso.SessionID(s.Session), User: lockstep.UserID(s.User)})
	if err != nil {
		return err
	}
	return c.Show(n, func(io.Writer) { c.Say("Ended. The applications are being told: lockstep session told") })
}

type sessionFactorsCmd struct {
	User   string `arg:"" help:"Id, user name or e-mail address."`
	Remove string `placeholder:"FACTOR" help:"Remove a passkey by its id, app, codes, or all."`
}

// Run lists second factors, after it has removed one.
func (s *sessionFactorsCmd) Run(c *cli.Command, client *api.Client) error {
	u, err := client.User(c.Ctx, s.User)
	if err != nil {
		return err
	}
	if s.Remove != "" {
		err := c.Sure(lockstep.CodeSSOLastFactor, "Is it they who ask? Remove it all the same?", func(sure bool) error {
			_, err := client.RemoveSecondFactors(c.Ctx, u.ID, api.RemoveFactor{Factor: s.Remove, Last: sure})
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.Print(report.SecondFactors(client.SecondFactors(c.Ctx, u.ID)))
}

type sessionToldCmd struct{}

// Run lists sign-outs.
func (sessionToldCmd) Run(c *cli.Command, client *api.Client) error {
	all, err := client.SignOuts(c.Ctx)
	if err := c.Print(report.SignOuts(all, err)); err != nil {
		return err
	}
	if exit, why := report.Untold(all); exit != cli.ExitDone {
		return &cli.Outcome{Code: exit, Text: why}
	}
	return nil
}
