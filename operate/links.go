package operate

import (
	"context"
	"net/url"
	"strings"

	"lockstep"
	"lockstep/audit"
	"lockstep/session"
)

// Link makes a one-time link into the console for the principal's tenant. Whoever opens it has the principal's rights, no more
// and no longer. The label is a name that people recognise; the audit log shows it beside the principal's own.
func (o *Operator) Link(ctx context.Context, p Principal, label string) (string, error) {
	if err := p.any(); err != nil {
		return "", err
	}
	base := ""
	if o.Address != nil {
		base = o.Address()
	}
	if o.Sessions == nil || base == "" {
		return "", &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This server has no console: start lockstep serve."}
	}
	holder := p.Actor.Name
	if label != "" && label != holder {
		holder += " (" + label + ")"
	}
	secret, err := o.Sessions.NewLink(ctx, session.Grant{Tenant: p.Tenant, Home: p.Home, Holder: holder, Maker: p.Maker, Scopes: p.Scopes.String(), Ends: p.Ends, How: string(ByLink), Person: p.Person})
	if err != nil {
		return "", err
	}
	if err := o.note(ctx, p, "made a link into", label); err != nil {
		return "", err // the link stays unknown, since nobody gets its secret
	}
	return strings.TrimSuffix(base, "/") + "/link?key=" + url.QueryEscape(secret), nil
}

// SignedIn records that somebody has come in by a link.
func (o *Operator) SignedIn(ctx context.Context, p Principal) error {
	return o.note(ctx, p, "signed in to", "")
}

// SignedOut records that somebody has left.
func (o *Operator) SignedOut(ctx context.Context, p Principal) error {
	return o.note(ctx, p, "signed out of", "")
}

func (o *Operator) note(ctx context.Context, p Principal, verb, detail string) error {
	return o.Notes.Note(ctx, p.Tenant, audit.Event{Actor: p.Actor, Verb: verb, Object: "console", ID: "console", Detail: detail})
}
