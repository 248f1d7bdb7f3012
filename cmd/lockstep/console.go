package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/console"
	"lockstep/session"
)

// newConsole makes the web console of a node that serves. Its sessions end with the process.
func newConsole(n *node) *console.Server {
	return &console.Server{
		Directory: n.db, Store: n.db.Provision(), Settings: n.db.Provision(), Engine: n.engine, Wake: n.queue.Wake,
		Sessions: &session.Gate{Surface: console.Surface, Store: &session.Memory{}, Secure: strings.HasPrefix(n.config.SCIM.PublicURL, "https://")},
		SCIM:     n.scim, Tokens: tokens{n.db},
		Notice: n.config.Notice, Version: version(), Log: n.config.Log,
	}
}

// consoleLink makes a one-time link into the console of this node.
func (n *node) consoleLink(ctx context.Context, t lockstep.TenantID, holder string) (string, error) {
	if n.address == "" {
		return "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The server in this command has no console: start lockstep serve."}
	}
	return n.console.Link(ctx, cmp.Or(n.config.SCIM.PublicURL, n.address), t, holder)
}

// firstLink makes a link for whoever has started the server.
func (n *node) firstLink(ctx context.Context) (string, error) {
	t, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	if err != nil {
		return "", err
	}
	return n.consoleLink(ctx, t.ID, "administrator")
}

type consoleCmd struct {
	As string `default:"administrator" placeholder:"NAME" help:"Name that the audit log shows."`
}

// Run shows a one-time link into the web console of the running server.
func (k consoleCmd) Run(c *cli) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	link, err := client.ConsoleLink(c.ctx, k.As)
	if err != nil {
		return err
	}
	return c.show(link, func(w io.Writer) { fmt.Fprintln(w, link.URL) })
}
