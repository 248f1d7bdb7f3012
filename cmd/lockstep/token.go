package main

import (
	"fmt"
	"io"
	"strings"

	"lockstep"
	"lockstep/api"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a token; its text is shown this once."`
	List   tokenListCmd   `cmd:"" default:"withargs" help:"List the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token."`
}

type tokenCreateCmd struct {
	Name  string `arg:"" help:"What it is for."`
	Kind  string `enum:"api,scim" default:"api" help:"What it opens: api, or scim for the tenant's SCIM endpoint at /scim/TENANT/v2."`
	Scope string `default:"admin" help:"admin, read, or scopes such as api:read or scim:write."`
	Days  int    `help:"How long it is valid; 0 is for ever."`
}

// Run creates a token. Its text is the only thing on standard output.
func (t *tokenCreateCmd) Run(c *cli) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	scopes := map[string]string{"api admin": "*:*", "api read": "*:read", "scim admin": "scim:write", "scim read": "scim:read"}[t.Kind+" "+t.Scope]
	made, err := client.CreateToken(c.ctx, api.NewToken{Name: t.Name, Kind: t.Kind, Scopes: either(scopes, t.Scope), Days: t.Days})
	if err != nil {
		return err
	}
	return c.show(made, func(w io.Writer) {
		fmt.Fprintln(w, made.Text)
		c.say("The text is shown this once; keep it in a file that only you can read.")
	})
}

type tokenListCmd struct{}

// Run lists the tokens.
func (tokenListCmd) Run(c *cli) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	all, err := client.Tokens(c.ctx)
	if err != nil {
		return err
	}
	return showList(c, all, "No tokens.", "NAME SCOPES CREATED EXPIRES ID", func(t api.Token) []string {
		expires := "never"
		if t.Expires != nil {
			expires = t.Expires.Local().Format("2006-01-02")
		}
		return []string{t.Name, strings.Join(t.Scopes, " "), t.Created.Local().Format("2006-01-02"), expires, string(t.ID)}
	})
}

type tokenRevokeCmd struct {
	ID string `arg:"" help:"Id of the token."`
}

// Run revokes a token.
func (t *tokenRevokeCmd) Run(c *cli) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := client.RevokeToken(c.ctx, lockstep.TokenID(t.ID)); err != nil {
		return err
	}
	return c.did("revoked", t.ID, "Revoked.")
}
