package operate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/token"
	"lockstep/words"
)

// home is the tenant that the principal belongs to.
func (p Principal) home() lockstep.TenantID { return cmp.Or(p.Home, p.Tenant) }

// Visits reports whether the principal is in another tenant than the one that they belong to.
func (p Principal) Visits() bool { return p.home() != p.Tenant }

// LooksAfter reports whether the principal is an owner of the server: whoever may do everything in the tenant “default”, and not by a token that
// belongs to that tenant. They may come into the tenants that are managed, and into no other (ADR 31).
func (o *Operator) LooksAfter(ctx context.Context, p Principal) (bool, error) {
	if err := p.any(); err != nil {
		return false, err
	}
	if p.Every {
		return true, nil
	}
	if !p.Scopes.Allow(token.ScopeAll) {
		return false, nil
	}
	t, err := o.Tenants.TenantBySlug(ctx, DefaultTenant)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return false, nil
	}
	if err != nil || t.ID != p.home() || p.Maker == "" {
		return err == nil && t.ID == p.home(), err
	}
	e, err := o.Tokens.FindToken(ctx, p.Maker)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return false, nil
	}
	return err == nil && e.Tenant == "", err
}

// stays returns an error unless the principal may be where they are: who visits a tenant must look after it still.
func (o *Operator) stays(ctx context.Context, p *Principal) error {
	if !p.Visits() {
		return nil
	}
	t, err := o.Tenants.Tenant(ctx, p.Tenant)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return errEnded
	}
	if err != nil {
		return err
	}
	may, err := o.LooksAfter(ctx, *p)
	if err == nil && (!may || !t.Managed && !p.Every) {
		err = errEnded
	}
	return err
}

// ListTenants lists the tenants that the principal may see, by their short names: their own, and those that they look after.
func (o *Operator) ListTenants(ctx context.Context, p Principal) ([]directory.Tenant, error) {
	after, err := o.LooksAfter(ctx, p)
	if err != nil {
		return nil, err
	}
	all, err := o.Tenants.Tenants(ctx)
	if err != nil || p.Every {
		return all, err
	}
	var own []directory.Tenant
	for _, t := range all {
		if t.ID == p.home() || t.ID == p.Tenant || after && t.Managed {
			own = append(own, t)
		}
	}
	return own, nil
}

// TenantCalled finds one of the tenants that the principal may see, by short name or id. One that they may not see is not there.
func (o *Operator) TenantCalled(ctx context.Context, p Principal, name string) (directory.Tenant, error) {
	all, err := o.ListTenants(ctx, p)
	if err != nil {
		return directory.Tenant{}, err
	}
	var slugs []string
	for _, t := range all {
		if t.Slug == name || string(t.ID) == name {
			return t, nil
		}
		slugs = append(slugs, t.Slug)
	}
	return directory.Tenant{}, notFound("tenant", name, slugs...)
}

// TenantLook is a tenant with how it stands and what it has.
type TenantLook struct {
	directory.Tenant
	directory.TenantSize
	Own, Here bool     // whoever looks belongs to it; is in it
	State     State    // of what is most urgent among its apps and sources; zero is that nothing is set up
	Of        []Called // which are in that state, by short name and name
}

// LookAtTenant tells how a tenant stands, and what it has.
func (o *Operator) LookAtTenant(ctx context.Context, p Principal, t directory.Tenant) (TenantLook, error) {
	l := TenantLook{Tenant: t, Own: t.ID == p.home(), Here: t.ID == p.Tenant}
	if err := p.may(AppsRead); err != nil {
		return l, err
	}
	if _, err := o.TenantCalled(ctx, p, string(t.ID)); err != nil {
		return l, err
	}
	var err error
	if l.TenantSize, err = o.Standings.TenantSize(ctx, t.ID); err != nil {
		return l, err
	}
	there := p
	there.Tenant = t.ID
	jobs, err := o.ListJobs(ctx, there)
	if err != nil {
		return l, err
	}
	for _, j := range jobs {
		s, err := o.State(ctx, there, j)
		if err != nil {
			return l, err
		}
		switch at, now := slices.Index(Urgency(), s.Value), slices.Index(Urgency(), l.State.Value); {
		case len(l.Of) == 0 || at < now:
			l.State, l.Of = s, []Called{{ID: j.Slug, Name: nameOf(j)}}
		case at == now:
			l.Of = append(l.Of, Called{ID: j.Slug, Name: nameOf(j)})
		}
	}
	return l, nil
}

// Has is what the tenant has, in words, and would be lost with it.
func (l TenantLook) Has() []string {
	var all []string
	for _, x := range []struct {
		n         int
		one, more string
	}{
		{l.People, "person", "people"}, {l.Groups, "group", "groups"}, {l.Sources, "source", "sources"}, {l.Apps, "app", "apps"},
		{l.Clients, "application that people sign in to", "applications that people sign in to"}, {l.Providers, "identity provider", "identity providers"},
		{l.Tokens, "token", "tokens"}, {l.Administrators, "administrator", "administrators"},
	} {
		if x.n > 0 {
			all = append(all, words.Many(x.n, x.one, x.more))
		}
	}
	return all
}

// Urgency is what is said first of many: what waits for somebody, what fails, what passes by itself, what is switched off.
func Urgency() []Value {
	return []Value{Quarantined, HeldBack, InReview, Failing, Partial, Unread, Drifted, Retrying, Pending, Behind, Working, Draft, Paused, InStep}
}

// checkTenantName says what is wrong with what people are to call a tenant.
func checkTenantName(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) {
		return invalidIn("name", "Give the tenant a name of at most 200 letters.")
	}
	return nil
}

// checkSlug says what is wrong with the short name of a tenant.
func checkSlug(slug string) error {
	if slug == "" || len(slug) > 40 || slug[0] == '-' || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || lockstep.ValidID(slug) {
		return invalidIn("slug", "A short name has up to 40 lower-case letters, digits and hyphens, and does not begin with a hyphen.")
	}
	return nil
}

// forTenants returns an error unless the principal may add, change and remove tenants.
func (o *Operator) forTenants(ctx context.Context, p Principal) error {
	if err := p.may(SettingsWrite); err != nil {
		return err
	}
	after, err := o.LooksAfter(ctx, p)
	if err == nil && !after {
		err = forbidden("Only owners of the server, and tokens that belong to no tenant, change tenants.")
	}
	return err
}

// CreateTenant creates a tenant. Only who may speak of several can. Whoever looks after tenants looks after the new one, too.
func (o *Operator) CreateTenant(ctx context.Context, p Principal, slug, name string, managed bool) (directory.Tenant, error) {
	if err := o.forTenants(ctx, p); err != nil {
		return directory.Tenant{}, err
	}
	if err := checkSlug(slug); err != nil {
		return directory.Tenant{}, err
	}
	if name = strings.TrimSpace(name); checkTenantName(name) != nil {
		return directory.Tenant{}, checkTenantName(name)
	}
	if o.Files != nil {
		if left, err := o.Files.Left(slug); err != nil {
			return directory.Tenant{}, err
		} else if left {
			return directory.Tenant{}, &lockstep.Error{Code: lockstep.CodeConflict, Field: "slug", Detail: "The folder for file sources of a tenant " + slug + " has files in it, of one from before perhaps. Move them away first."}
		}
	}
	t := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: slug, Name: name, Created: o.now(), Managed: managed || !p.Every}
	by, err := o.actorIn(ctx, p, t.ID)
	if err != nil {
		return directory.Tenant{}, err
	}
	if err := o.Tenants.CreateTenant(ctx, by, t); err != nil || p.Every {
		return t, err
	}
	return t, o.Notes.Note(ctx, p.home(), audit.Event{At: o.now(), Actor: p.Actor, Verb: "created", Object: "tenant", ID: string(t.ID), Name: t.Name})
}

// TenantChange is what is changed of a tenant; nil stays as it is.
type TenantChange struct {
	Name    *string
	Managed *bool // owners of the server may come in
}

// ChangeTenant changes a tenant. That owners of the server may come into it is allowed only by its own owners, and by whoever may speak of every
// tenant: nobody lets themself in.
func (o *Operator) ChangeTenant(ctx context.Context, p Principal, name string, c TenantChange) (directory.Tenant, error) {
	if err := p.may(SettingsWrite); err != nil {
		return directory.Tenant{}, err
	}
	t, err := o.TenantCalled(ctx, p, name)
	if err != nil {
		return t, err
	}
	own := t.ID == p.Tenant && p.MayManage()
	letsIn := func(t directory.Tenant) error {
		if c.Managed != nil && *c.Managed && !t.Managed && !own && !p.Every {
			return forbidden("Only an owner of the tenant itself can let owners of the server in.")
		}
		return nil
	}
	if !own {
		if err := o.forTenants(ctx, p); err != nil {
			return t, err
		}
	}
	if c.Name != nil {
		if *c.Name = strings.TrimSpace(*c.Name); checkTenantName(*c.Name) != nil {
			return t, checkTenantName(*c.Name)
		}
	}
	if c.Managed != nil {
		if err := letsIn(t); err != nil {
			return t, err
		}
		if t.Slug == DefaultTenant {
			return t, invalidIn("managed", "The owners of this tenant are those of the server.")
		}
		if err := o.proved(p); err != nil {
			return t, err
		}
	}
	by, err := o.actorIn(ctx, p, t.ID)
	if err != nil {
		return t, err
	}
	var was directory.Tenant
	t, err = o.Tenants.SetTenant(ctx, by, t.ID, func(t *directory.Tenant) error {
		if !p.Every && t.ID != p.home() && !t.Managed { // it has shut them out since it was looked at
			return notFound("tenant", name)
		}
		if err := letsIn(*t); err != nil {
			return err
		}
		was = *t
		if c.Name != nil {
			t.Name = *c.Name
		}
		if c.Managed != nil {
			t.Managed = *c.Managed
		}
		return nil
	})
	if err != nil || p.Every || t.ID == p.home() || t.Since(was) == "" {
		return t, err
	}
	return t, o.Notes.Note(ctx, p.home(), audit.Event{At: o.now(), Actor: p.Actor, Verb: "updated", Object: "tenant", ID: string(t.ID), Name: t.Name, Detail: t.Since(was)})
}

// actorIn is who does something in a tenant, as its audit log names them: who belongs to another by that one's name, too.
func (o *Operator) actorIn(ctx context.Context, p Principal, t lockstep.TenantID) (audit.Actor, error) {
	by := p.Actor
	if p.Every || t == p.home() || p.Visits() { // a visitor has both names
		return by, nil
	}
	home, err := o.Tenants.Tenant(ctx, p.home())
	by.Name += " of " + home.Name
	return by, err
}

// RemoveTenant closes a tenant for good, with everything that it has. Nothing changes at its applications and sources. The log of the tenant that the
// principal belongs to tells of it.
func (o *Operator) RemoveTenant(ctx context.Context, p Principal, name string) error {
	if err := o.forTenants(ctx, p); err != nil {
		return err
	}
	t, err := o.TenantCalled(ctx, p, name)
	if err != nil {
		return err
	}
	first, err := o.Tenants.TenantBySlug(ctx, DefaultTenant)
	if err != nil {
		return err
	}
	if t.ID == first.ID {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The tenant “" + DefaultTenant + "” belongs to the server and cannot be removed."}
	}
	if p.Visits() && t.ID == p.Tenant {
		return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "You are in this tenant. Go back to your own first."}
	}
	if err := o.proved(p); err != nil {
		return err
	}
	return o.Tenants.RemoveTenant(ctx, p.Actor, first.ID, t.ID)
}

// EnterTenant is how a session of the console goes on in another tenant that the principal may see, or back in their own. Both logs tell of it.
// Whoever is there already gets the grant that they have.
func (o *Operator) EnterTenant(ctx context.Context, p Principal, g session.Grant, name string) (session.Grant, error) {
	after, err := o.LooksAfter(ctx, p)
	if err != nil {
		return g, err
	}
	t, err := o.TenantCalled(ctx, p, name)
	if err != nil {
		return g, err
	}
	if t.ID != p.home() && (!after || !t.Managed) {
		return g, forbidden("You may not come into this tenant.")
	}
	if t.ID == p.Tenant {
		return g, nil
	}
	home := p.home()
	g.Tenant, g.Home = t.ID, ""
	if t.ID != home {
		g.Home = home
		err = o.Notes.Note(ctx, home, audit.Event{At: o.now(), Actor: p.Actor, Verb: "entered", Object: "tenant", ID: string(t.ID), Name: t.Name})
	}
	return g, err
}

// HomeOf is the short name of the tenant that the principal belongs to, where they show again who they are.
func (o *Operator) HomeOf(ctx context.Context, p Principal) (string, error) {
	if err := p.any(); err != nil {
		return "", err
	}
	t, err := o.Tenants.Tenant(ctx, p.home())
	return t.Slug, err
}

// MayManage reports whether the principal may say who else comes into the tenant: they belong to it and may do everything there.
func (p Principal) MayManage() bool { return !p.Visits() && p.Scopes.Allow(token.ScopeAll) }
