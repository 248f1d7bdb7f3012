package operate

import (
	"context"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/conform"
	"lockstep/web"
)

func (o *Operator) schemas(ctx context.Context, p Principal) (*directory.Schemas, error) {
	if err := p.may(PeopleRead); err != nil || o.Schemas == nil {
		return nil, err
	}
	return o.Schemas(ctx, p.Tenant)
}

// Extensions lists the schemas that the tenant adds to users and groups.
func (o *Operator) Extensions(ctx context.Context, p Principal) ([]directory.Extension, error) {
	all, err := o.schemas(ctx, p)
	if err != nil || all == nil {
		return nil, err
	}
	return all.Extensions, nil
}

// Extension finds a schema of the tenant's own by its URN, in any case.
func (o *Operator) Extension(ctx context.Context, p Principal, urn string) (*directory.Extension, error) {
	all, err := o.schemas(ctx, p)
	if err != nil {
		return nil, err
	}
	e := all.Extension(urn)
	if e == nil {
		return nil, notFound("schema", urn)
	}
	return e, nil
}

// PutExtension creates or replaces a schema of the tenant's own, if it still has the version; 0 is whatever it has.
func (o *Operator) PutExtension(ctx context.Context, p Principal, urn string, version int64, definition scim.Object) (*directory.Extension, error) {
	if err := p.may(SettingsWrite); err != nil {
		return nil, err
	}
	if !definition.Has("id") {
		definition.Set("id", urn)
	}
	e, err := directory.ParseExtension(definition)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(e.Schema.ID, urn) {
		return nil, invalid("The id of the schema is not the one in the address.")
	}
	if err := o.commit(ctx, p, directory.PutExtension{Extension: e, IfVersion: version}); err != nil {
		return nil, err
	}
	return o.Extension(ctx, p, urn)
}

// DeleteExtension removes a schema that nobody has values of.
func (o *Operator) DeleteExtension(ctx context.Context, p Principal, urn string, version int64) error {
	if err := p.may(SettingsWrite); err != nil {
		return err
	}
	return o.commit(ctx, p, directory.DeleteExtension{URN: urn, IfVersion: version})
}

// HasSCIM reports whether there is a SCIM endpoint to tell about.
func (o *Operator) HasSCIM() bool { return o.SCIM != nil }

// Endpoint is the address of the tenant's SCIM endpoint; one that begins with a slash is on the console's own host.
func (o *Operator) Endpoint(ctx context.Context, p Principal) (string, error) {
	if err := p.may(TokensRead); err != nil {
		return "", err
	}
	return o.SCIM.Endpoint(ctx, p.Tenant)
}

// Exchanges are the last exchanges of SCIM clients with this node, the newest first.
func (o *Operator) Exchanges(p Principal) ([]web.Exchange, error) {
	if err := p.may(TokensRead); err != nil {
		return nil, err
	}
	return o.SCIM.Exchanges(p.Tenant), nil
}

// SCIMCalls is what SCIM clients have asked first, last and in vain.
func (o *Operator) SCIMCalls(ctx context.Context, p Principal) (SCIMCalls, error) {
	if err := p.may(TokensRead); err != nil {
		return SCIMCalls{}, err
	}
	return o.SCIM.Calls(ctx, p.Tenant)
}

// Examine tells where the request of an exchange departs from the RFCs.
func (o *Operator) Examine(ctx context.Context, p Principal, e web.Exchange) ([]conform.Deviation, error) {
	if err := p.may(TokensRead); err != nil {
		return nil, err
	}
	return o.SCIM.Examine(ctx, p.Tenant, e)
}

// Report tells where the holders of strict tokens depart from the RFCs, by token.
func (o *Operator) Report(ctx context.Context, p Principal) (map[lockstep.TokenID][]conform.Tally, error) {
	if err := p.may(TokensRead); err != nil {
		return nil, err
	}
	return o.SCIM.Report(ctx, p.Tenant)
}

// ClearReport begins the count of a token's holder anew.
func (o *Operator) ClearReport(ctx context.Context, p Principal, name string) error {
	if err := p.may(TokensWrite); err != nil {
		return err
	}
	e, err := o.Token(ctx, p, name)
	if err != nil {
		return err
	}
	return o.SCIM.ClearReport(ctx, p.Actor, p.Tenant, e.ID)
}
