package server

import (
	"cmp"
	"context"
	"strings"

	"lockstep/api"
	"lockstep/console"
	"lockstep/operate"
	"lockstep/session"
)

// sessions keeps the sessions of the web console in the database: they survive a restart, and each node knows them.
func (n *Server) sessions() *session.Gate {
	return &session.Gate{Surface: console.Surface, Store: n.db.Console(), Secure: strings.HasPrefix(n.config.SCIM.PublicURL, "https://")}
}

// browsed is where browsers reach the console; "" is nowhere.
func (n *Server) browsed() string {
	if n.listener == nil {
		return ""
	}
	return cmp.Or(n.config.SCIM.PublicURL, n.Address())
}

// FirstLink makes a one-time link into the console for whoever has started the server.
func (n *Server) FirstLink(ctx context.Context) (string, error) {
	t, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	if err != nil {
		return "", err
	}
	return n.operator.Link(ctx, operate.Machine(t.ID), "")
}
