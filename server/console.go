package server

import (
	"cmp"
	"context"
	"strings"

	"lockstep"
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

// ToFirstOwner is what a link is given so that it leads to where the first owner is made.
const ToFirstOwner = "&first=yes"

// FirstLink makes a one-time link into the console for whoever has started the server. First says that nobody is an administrator yet; the
// link leads to the console itself until it is given ToFirstOwner.
func (n *Server) FirstLink(ctx context.Context) (link string, first bool, err error) {
	t, err := n.db.TenantBySlug(ctx, api.DefaultTenant)
	if err != nil {
		return "", false, err
	}
	if link, err = n.operator.Link(ctx, operate.Machine(t.ID), ""); err != nil {
		return "", false, err
	}
	owners, err := n.db.Owners(ctx, t.ID)
	if err != nil || len(owners) > 0 {
		return link, false, err
	}
	all, err := n.db.Administrators(ctx, t.ID)
	if err != nil || len(all) > 0 {
		return link, false, err
	}
	return link, true, nil
}

// ResetOwner gives a local owner of a tenant, by slug, a password, and makes them when there is none of the name. No other server may run on
// the database of a data folder meanwhile.
func (n *Server) ResetOwner(ctx context.Context, tenant, name, password string) error {
	t, err := n.db.TenantBySlug(ctx, cmp.Or(tenant, api.DefaultTenant))
	if err != nil {
		return err
	}
	p := operate.Machine(t.ID)
	err = n.operator.SetOwnerPassword(ctx, p, name, password)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		_, err = n.operator.AddOwner(ctx, p, name, password)
	}
	return err
}
