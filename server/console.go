package server

import (
	"cmp"
	"context"
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/console"
	"lockstep/session"
)

// newConsole makes the web console of a server. Its sessions end with the process.
func newConsole(n *Server) *console.Server {
	return &console.Server{
		Directory: n.db, Store: n.db.Provision(), Settings: n.db.Provision(), Engine: n.engine, Wake: n.queue.Wake,
		Sessions: &session.Gate{Surface: console.Surface, Store: &session.Memory{}, Secure: strings.HasPrefix(n.config.SCIM.PublicURL, "https://")},
		SCIM:     n.scim, Tokens: tokens{n.db},
		Notice: n.config.Notice, Version: n.config.Version, Log: n.config.Log,
	}
}

// consoleLink makes a one-time link into the console of this server.
func (n *Server) consoleLink(ctx context.Context, t lockstep.TenantID, holder string) (string, error) {
	if n.listener == nil {
		return "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "The server in this command has no console: start lockstep serve."}
	}
	return n.console.Link(ctx, cmp.Or(n.config.SCIM.PublicURL, n.Address()), t, holder)
}

// FirstLink makes a one-time link into the console for whoever has started the server.
func (n *Server) FirstLink(ctx context.Context) (string, error) {
	t, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	if err != nil {
		return "", err
	}
	return n.consoleLink(ctx, t.ID, "administrator")
}
