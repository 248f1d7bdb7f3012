package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"lockstep/api"
	"lockstep/cli"
	"lockstep/report"
	"lockstep/sso"
	"lockstep/terminal"
	"lockstep/token"
)

type tokenCmd struct {
	Create   tokenCreateCmd   `cmd:"" help:"Create a token; its text is shown this once."`
	List     tokenListCmd     `cmd:"" default:"withargs" help:"List the tokens."`
	Set      tokenSetCmd      `cmd:"" help:"Change a token."`
	Rotate   tokenRotateCmd   `cmd:"" help:"Give a token a new secret; the old one works for a while."`
	Revoke   tokenRevokeCmd   `cmd:"" help:"Revoke a token."`
	Consents tokenConsentsCmd `cmd:"" help:"List the consents on which a SCIM client lives, or end one."`
}

// tokenDays is how long a token is valid of which nothing else is said.
const tokenDays = 365

type tokenCreateCmd struct {
	Name  string `arg:"" help:"What it is for."`
	Kind  string `enum:"api,scim" default:"api" help:"What it opens: api, or scim for the tenant's SCIM endpoint at /scim/TENANT/v2."`
	Scope string `help:"What it may do: read, admin for everything, or scopes such as api:read or people:write. Of kind scim it is to write when absent."`
	Days  *int   `placeholder:"N" help:"How long it is valid: 365 days when absent, 0 is for ever. Whoever shows access tokens of others (--client, --issuer) is let in until it is revoked."`

	Profile string `enum:",generic,entra,okta,strict,interop,ipsie" default:"" help:"Of kind scim: generic, entra, okta (members who do not exist are left out, a manager is free text), strict (departures from the RFCs are reported), interop or ipsie (what those profiles forbid is refused)."`

	Client   string `placeholder:"ID" help:"Of kind scim: it shows access tokens (OAuth 2.0) of this application, see lockstep client add --scope scim. There is no text."`
	Issuer   string `placeholder:"URL" help:"Or JWTs of this issuer, exactly as their claim iss has it."`
	Audience string `placeholder:"TEXT" help:"Whom the issuer's tokens have to be for."`
	Subject  string `placeholder:"ID" help:"Whose the issuer's tokens have to be: sub, client_id, azp or appid."`
	Asks     string `placeholder:"SCOPE" help:"Scope or role that the issuer's tokens have to carry; scim when absent, * none."`
	Alg      string `enum:",RS256,ES256" default:"" help:"The one algorithm of the issuer's tokens; either when absent."`
	Plain    bool   `help:"The issuer gives its access tokens the type JWT instead of at+jwt, as Microsoft Entra ID does."`
}

// oauth is whose access tokens the flags speak of; nil is none.
func (t *tokenCreateCmd) oauth() (*api.TokenOAuth, error) {
	o := api.TokenOAuth{Client: t.Client, Issuer: t.Issuer, Audience: t.Audience, Subject: t.Subject, Scope: t.Asks, Alg: token.Alg(t.Alg), Plain: t.Plain}
	if (o == api.TokenOAuth{}) {
		return nil, nil //nolint:nilnil // none is no error
	}
	if t.Client == "" && t.Issuer == "" {
		return nil, terminal.Usage("--audience, --subject, --asks, --alg and --plain are of the tokens of an issuer: give --issuer, too.")
	}
	return &o, nil
}

// Run creates a token. Its text is the only thing on standard output.
func (t *tokenCreateCmd) Run(c *cli.Command) error {
	oauth, err := t.oauth()
	if err != nil {
		return err
	}
	if t.Scope == "" && t.Kind == "api" {
		return terminal.Usage("Say what the token may do: --scope read, --scope admin for everything, or scopes such as people:write. For a client that pushes people in: --kind scim.")
	}
	days := tokenDays
	switch {
	case t.Days != nil:
		days = *t.Days
	case oauth != nil:
		days = 0
	}
	client, err := c.Found()
	if err != nil {
		return err
	}
	scopes := map[string]string{"api admin": "*:*", "api read": "*:read", "scim ": "scim:write", "scim admin": "scim:write", "scim read": "scim:read"}[t.Kind+" "+t.Scope]
	made, err := client.CreateToken(c.Ctx, api.NewToken{Name: t.Name, Kind: t.Kind, Scopes: report.Or(scopes, t.Scope), Days: days, Profile: t.Profile, OAuth: oauth})
	if err != nil {
		return err
	}
	return c.Show(made, func(w io.Writer) {
		if made.OAuth != nil {
			c.Say("%s shows access tokens of %s. There is no text to keep.", made.Name, report.Or(made.OAuth.Client, made.OAuth.Issuer))
			return
		}
		fmt.Fprintln(w, made.Text)
		c.Say("The text is shown this once; keep it in a file that only you can read.")
		if made.Expires != nil {
			c.Say("It ends on %s; before that: lockstep token rotate %s", made.Expires.Format(time.DateOnly), made.Name)
		}
	})
}

type tokenListCmd struct{}

// Run lists the tokens.
func (tokenListCmd) Run(c *cli.Command, client *api.Client) error {
	all, err := client.Tokens(c.Ctx)
	return c.Print(report.Tokens(all, time.Now(), err))
}

type tokenSetCmd struct {
	Token   string   `arg:"" name:"id|name" help:"Id or name of the token."`
	Profile string   `enum:",generic,entra,okta,strict,interop,ipsie" default:"" help:"What kind of client its holder is: generic, entra, okta (members who do not exist are left out, a manager is free text), strict (departures from the RFCs are reported), interop or ipsie (what those profiles forbid is refused)."`
	Rate    *float64 `placeholder:"N" help:"Requests a second that it may send, never more than --scim-rate of the server; 0 is that."`
}

// Run changes a token.
func (t *tokenSetCmd) Run(c *cli.Command, client *api.Client) error {
	if t.Profile == "" && t.Rate == nil {
		return terminal.Usage("Say what to change: --profile or --rate.")
	}
	set, err := client.SetToken(c.Ctx, t.Token, api.SetToken{Profile: t.Profile, Rate: t.Rate})
	if err != nil {
		return err
	}
	return c.Show(set, func(io.Writer) {
		c.Say("%s has the profile %s.", set.Name, set.Profile)
		if token.Profile(set.Profile).Reports() {
			c.Say("What it sends is examined. See lockstep scim report %s", set.Name)
		}
	})
}

type tokenRotateCmd struct {
	Token   string        `arg:"" name:"id|name" help:"Id or name of the token."`
	Overlap time.Duration `default:"24h" help:"How long the old secret goes on working."`
	Days    int           `help:"How long the new secret is valid; 0 keeps the token's expiry."`
}

// Run rotates a token. The new text is the only thing on standard output.
func (t *tokenRotateCmd) Run(c *cli.Command) error {
	if t.Overlap < 0 || t.Overlap > token.MaxOverlap {
		return terminal.Usage("--overlap is between 0 and %d hours.", int(token.MaxOverlap.Hours()))
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	seconds := int(t.Overlap / time.Second)
	made, err := client.RotateToken(c.Ctx, t.Token, api.RotateToken{Overlap: &seconds, Days: t.Days})
	if err != nil {
		return err
	}
	return c.Show(made, func(w io.Writer) {
		fmt.Fprintln(w, made.Text)
		c.Say("The text is shown this once; keep it in a file that only you can read.")
		if made.Former == nil {
			c.Say("The old secret has ended.")
		} else {
			c.Say("The old secret ends %s. lockstep token list tells whether it is still used.", report.Minute(&made.Former.Ends, ""))
		}
	})
}

type tokenRevokeCmd struct {
	Token string `arg:"" name:"id|name" help:"Id or name of the token."`
}

// Run revokes a token.
func (t *tokenRevokeCmd) Run(c *cli.Command) error {
	return c.Remove("", "revoked", t.Token, "Revoked.", (*api.Client).RevokeToken)
}

type tokenConsentsCmd struct {
	Token string `arg:"" name:"id|name" help:"Id or name of the token."`
	End   string `placeholder:"ID" help:"End this one: the client can do nothing until somebody consents anew."`
}

// Run lists consents, or ends one.
func (t *tokenConsentsCmd) Run(c *cli.Command, client *api.Client) error {
	if t.End != "" {
		return c.Remove("End the consent "+t.End+"? The client can do nothing until somebody consents anew.", "ended", t.End, "Ended.", func(client *api.Client, ctx context.Context, id string) error {
			return client.EndSCIMConsent(ctx, t.Token, sso.GrantID(id))
		})
	}
	return c.Print(report.SCIMConsents(client.SCIMConsents(c.Ctx, t.Token)))
}
