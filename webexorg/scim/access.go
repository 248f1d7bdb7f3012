package scim

import (
	"context"
	"net/http"
	"strconv"

	"lockstep/scim"
	"lockstep/webexorg/state"
)

// The scopes of Webex's SCIM API.
const (
	scopeWrite  = "identity:people_rw"
	scopeRead   = "identity:people_read"
	scopeLegacy = "Identity:SCIM" // what the token has that an administrator copies into Entra ID
)

// backend is an organisation as one caller may use it. It implements scimhttp.Backend.
type backend struct {
	*state.Access
	by    state.Principal
	write bool // the token's scope allows writing
}

// Types returns the resource types of Webex.
func (b *backend) Types() []*scim.Type { return state.Types() }

// authorize returns the organisation as the caller may use it. An organisation that does not exist looks like one that the token
// is not for.
func authorize(r *http.Request, c Call) (*backend, error) {
	if c.Denied != nil {
		return nil, c.Denied
	}
	if c.Org == nil || !c.By.Manages(c.Org) {
		status := http.StatusForbidden
		if c.By.Org != nil && c.By.Org.Settings().Assume.ForeignUnknown {
			status = http.StatusNotFound
		}
		return nil, &scim.Error{Status: status, Detail: "The token is not for this organisation."}
	}
	legacy := c.By.Allows(scopeLegacy) && (c.To.Legacy || !c.Org.Settings().Assume.ScopeApart)
	b := &backend{
		Access: &state.Access{Org: c.Org, Strict: !c.To.Legacy, By: actor(r, c.By)},
		by:     c.By, write: legacy || c.By.Allows(scopeWrite),
	}
	if !b.write && !c.By.Allows(scopeRead) {
		return nil, errScopes(c)
	}
	if r.URL.RawQuery != "" {
		q := r.URL.Query()
		b.Members = q.Get("includeMembers") == "true"
		b.Groups = q.Get("returnGroups") == "true" || q.Get("includeGroupDetails") == "true"
	}
	if r.Method == http.MethodGet && !b.Groups {
		b.Groups = c.Org.Settings().Assume.GroupsById
	}
	return b, nil
}

// errScopes names the scopes that are missing.
func errScopes(c Call) error {
	detail := "The token has none of the scopes " + scopeWrite + " and " + scopeRead
	if c.By.Allows(scopeLegacy) {
		detail += "; " + scopeLegacy + " opens /v1/scim/" + c.Org.ID() + " alone"
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: detail + "."}
}

// actor tells the audit who calls.
func actor(r *http.Request, p state.Principal) state.Actor {
	return state.Actor{
		Person: p.Person, Name: p.Name, Address: r.RemoteAddr, Agent: r.UserAgent(), Tracking: r.Header.Get(TrackingHeader),
	}
}

// readers may read users and groups; all of them may read both.
var readers = []string{state.FullAdmin, state.UserAdmin, state.GroupAdmin, state.ReadonlyAdmin, state.DeviceAdmin}

// mayRead refuses whoever is no administrator.
func (b *backend) mayRead(typ string) error {
	if typ == "User" && !b.by.Has(state.FullAdmin, state.UserAdmin, state.ReadonlyAdmin, state.DeviceAdmin) ||
		typ != "User" && !b.by.Has(state.FullAdmin, state.GroupAdmin, state.ReadonlyAdmin, state.DeviceAdmin) {
		return &scim.Error{Status: http.StatusForbidden, Detail: "Only administrators may read " + typ + " resources."}
	}
	return nil
}

// mayWrite refuses a token that may only read, and whoever does not administrate resources of the type.
func (b *backend) mayWrite(typ string) error {
	if !b.write {
		return &scim.Error{Status: http.StatusForbidden, Detail: "The token's scope " + scopeRead + " does not allow writing."}
	}
	role := state.UserAdmin
	if typ == "Group" {
		role = state.GroupAdmin
	}
	if !b.by.Has(state.FullAdmin, role) {
		return &scim.Error{Status: http.StatusForbidden, Detail: "Only full administrators and " + role + " may write " + typ + " resources."}
	}
	return nil
}

// Get returns a user or a group.
func (b *backend) Get(ctx context.Context, ref scim.Ref, want *scim.Projection) (scim.Resource, error) {
	if err := b.mayRead(ref.Type); err != nil {
		return scim.Resource{}, err
	}
	return b.Access.Get(ctx, ref, want)
}

// List returns one page, of what Webex can look for.
func (b *backend) List(ctx context.Context, q scim.Query) (scim.Page, error) {
	if err := b.mayRead(q.Type); err != nil {
		return scim.Page{}, err
	}
	if err := (table{q.Type, b.Settings().Assume}).supported(q.Filter); err != nil {
		return scim.Page{}, err
	}
	if err := sortable(q.Type, q.SortBy); err != nil {
		return scim.Page{}, err
	}
	return b.Access.List(ctx, q)
}

// Create adds a user or a group.
func (b *backend) Create(ctx context.Context, typ string, o scim.Object) (scim.Resource, error) {
	if err := b.mayWrite(typ); err != nil {
		return scim.Resource{}, err
	}
	return b.Access.Create(ctx, typ, o)
}

// Replace replaces a user or a group.
func (b *backend) Replace(ctx context.Context, ref scim.Ref, ifMatch string, o scim.Object) (scim.Resource, error) {
	if err := b.mayWrite(ref.Type); err != nil {
		return scim.Resource{}, err
	}
	return b.Access.Replace(ctx, ref, ifMatch, o)
}

// Patch changes a user or a group.
func (b *backend) Patch(ctx context.Context, ref scim.Ref, ifMatch string, p scim.Patch) (scim.Resource, error) {
	if err := b.mayWrite(ref.Type); err != nil {
		return scim.Resource{}, err
	}
	return b.Access.Patch(ctx, ref, ifMatch, p)
}

// Delete removes a user or a group.
func (b *backend) Delete(ctx context.Context, ref scim.Ref, ifMatch string) error {
	if err := b.mayWrite(ref.Type); err != nil {
		return err
	}
	return b.Access.Delete(ctx, ref, ifMatch)
}

func statusText(n int) string { return strconv.Itoa(n) }
