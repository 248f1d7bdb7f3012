package operate_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/store"
	"lockstep/token"
)

// managed is a tenant that owners of the server may come into.
func (w *world) managed(slug string) {
	w.Helper()
	yes := true
	_, err := w.ChangeTenant(w.Context(), operate.Machine(w.ids["default"]), slug, operate.TenantChange{Managed: &yes})
	w.must(err)
}

// owner is the grant of a new local owner of a tenant.
func (w *world) owner(tenant, name string) session.Grant {
	w.Helper()
	ctx := w.Context()
	_, err := w.AddOwner(ctx, operate.Machine(w.ids[tenant]), name, "correct horse battery")
	w.must(err)
	g, err := w.EnterAsOwner(ctx, tenant, name, "correct horse battery", "192.0.2.1")
	w.must(err)
	return g
}

// inside is who has a session of the console.
func (w *world) inside(g session.Grant) operate.Principal {
	w.Helper()
	p, err := w.Visitor(w.Context(), g)
	w.must(err)
	p.Session, p.Proved = "s", w.at
	return p
}

// TestWhoComesIntoAnotherTenant: owners of the server come into tenants that are managed, with all rights and under both names; nobody else comes into
// any but their own, whatever they hold, and whatever their session says.
func TestWhoComesIntoAnotherTenant(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.ids["closed"] = lockstep.NewID[lockstep.TenantID]()
		w.must(w.db.CreateTenant(ctx, audit.Actor{}, directory.Tenant{ID: w.ids["closed"], Slug: "closed", Name: "Closed"}))
		w.managed("other")
		mia := w.owner("default", "mia")
		p := w.inside(mia)
		all, err := w.ListTenants(ctx, p)
		w.must(err)
		if slugs := slugsOf(all); !slices.Equal(slugs, []string{"default", "other"}) {
			t.Errorf("an owner of the server sees %v", slugs)
		}
		g, err := w.EnterTenant(ctx, p, mia, "other")
		w.must(err)
		there := w.inside(g)
		if there.Tenant != w.ids["other"] || there.Home != w.ids["default"] || !there.Scopes.Allow(token.ScopeAll) || there.Actor.Name != "mia of default" || there.Actor.ID != p.Actor.ID {
			t.Errorf("there they are %+v", there)
		}
		lines, err := w.db.Audit(ctx, w.ids["default"], audit.Query{Object: "tenant"})
		w.must(err)
		if len(lines) == 0 || lines[0].Verb != "entered" || lines[0].ID != string(w.ids["other"]) || lines[0].Actor.Name != "mia" {
			t.Errorf("the own log has %+v", lines)
		}
		_, _, err = w.CreateToken(ctx, there, operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "api:read"})
		w.want("a token of the API there", err, lockstep.CodeAuthForbidden)
		if back, err := w.EnterTenant(ctx, there, g, "default"); err != nil || back.Tenant != w.ids["default"] || back.Home != "" {
			t.Errorf("back home: %+v, %v", back, err)
		}
		_, err = w.EnterTenant(ctx, p, mia, "closed")
		w.want("a tenant that is not managed", err, lockstep.CodeNotFound)
		_, err = w.EnterTenant(ctx, p, mia, string(w.ids["closed"]))
		w.want("by its id", err, lockstep.CodeNotFound)
		w.want("removes it", w.RemoveTenant(ctx, p, "closed"), lockstep.CodeNotFound)
		yes := true
		_, err = w.ChangeTenant(ctx, p, "closed", operate.TenantChange{Managed: &yes})
		w.want("lets themself in", err, lockstep.CodeNotFound)

		// Sessions that say so without the right to it.
		ada, err := w.CreateUser(ctx, operate.Machine(w.ids["default"]), userNamed("ada"))
		w.must(err)
		_, err = w.AddAdministrator(ctx, operate.Machine(w.ids["default"]), operate.NewAdministrator{User: "ada", Role: operate.RoleUserManagement})
		w.must(err)
		strong, _, text := w.with(w.admin(), "*:*", 0)
		tokenGrant, err := w.EnterByToken(ctx, "", text)
		w.must(err)
		zoe := w.owner("other", "zoe")
		machine := session.Grant{Tenant: w.ids["other"], Holder: "x", Scopes: "*:*"}
		for name, g := range map[string]session.Grant{
			"an administrator of the server who is no owner": {Tenant: w.ids["default"], Scopes: "*:*", Person: session.Person{User: ada.ID}},
			"an owner of another tenant":                     zoe,
			"whoever has a token of the tenant default":      tokenGrant,
			"whoever has a link into another tenant":         machine,
			"whoever has a link of a token":                  w.visitor(strong),
			"whoever has some rights by a link":              {Tenant: w.ids["default"], Scopes: "api:write admins:write"},
		} {
			p, err := w.Visitor(ctx, g)
			w.must(err)
			p.Session, p.Proved = "s", w.at
			if after, err := w.LooksAfter(ctx, p); err != nil || after {
				t.Errorf("%s looks after tenants: %v", name, err)
			}
			if all, err := w.ListTenants(ctx, p); err != nil || len(all) != 1 || all[0].ID != g.Tenant {
				t.Errorf("%s sees %v, %v", name, slugsOf(all), err)
			}
			for slug, id := range w.ids {
				if id == g.Tenant {
					continue
				}
				_, err := w.EnterTenant(ctx, p, g, slug)
				w.want(name+" enters "+slug, err, lockstep.CodeNotFound)
				if err := w.RemoveTenant(ctx, p, slug); lockstep.CodeOf(err) != lockstep.CodeAuthForbidden {
					t.Errorf("%s removes %s: %v", name, slug, err)
				}
				_, err = w.ChangeTenant(ctx, p, slug, operate.TenantChange{Name: &name})
				if code := lockstep.CodeOf(err); code != lockstep.CodeNotFound && code != lockstep.CodeAuthForbidden {
					t.Errorf("%s renames %s: %v", name, slug, err)
				}
				_, err = w.CreateTenant(ctx, p, "more", "More", true)
				w.want(name+" adds one", err, lockstep.CodeAuthForbidden)
				forged := g
				forged.Tenant, forged.Home = id, g.Tenant
				if q, err := w.Visitor(ctx, forged); err == nil {
					t.Errorf("a session lets %s into %s: %+v", name, slug, q)
				}
			}
		}
		forged := mia
		forged.Tenant, forged.Home = w.ids["closed"], w.ids["default"]
		_, err = w.Visitor(ctx, forged)
		w.want("a session lets an owner of the server into a closed tenant", err, lockstep.CodeUnauthorized)

		// The tenant's own owner decides, and who is in is out at once.
		own := w.inside(zoe)
		no := false
		_, err = w.ChangeTenant(ctx, own, "other", operate.TenantChange{Managed: &no})
		w.must(err)
		_, err = w.Visitor(ctx, g)
		w.want("once the tenant lets nobody in", err, lockstep.CodeUnauthorized)
		_, err = w.Again(ctx, there)
		w.want("a stream of theirs", err, lockstep.CodeUnauthorized)
		_, err = w.ChangeTenant(ctx, p, "other", operate.TenantChange{Managed: &yes})
		w.want("whoever was let in lets themself in again", err, lockstep.CodeNotFound)
		_, err = w.ChangeTenant(ctx, own, "other", operate.TenantChange{Managed: &yes})
		w.must(err)
		w.inside(g)

		// Whoever is no owner any more is out, too.
		w.owner("default", "ben")
		w.must(w.RemoveOwner(ctx, w.admin(), "mia"))
		if q, err := w.Visitor(ctx, g); err == nil {
			t.Errorf("whoever is no owner any more is in: %+v", q)
		}
	})
}

// TestVisitorsKeepNoWayIn: whoever visits a tenant gives it its first owner, and from then on makes nobody an owner, nor a secret that would open the
// tenant once it lets them in no longer.
func TestVisitorsKeepNoWayIn(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.managed("other")
		p := w.inside(w.owner("default", "mia"))
		linked := session.Grant{Tenant: w.ids["default"], Holder: "x", Scopes: "*:*"} // by a link of the machine: it is nobody by name
		visitors := map[string]operate.Principal{}
		for name, q := range map[string]operate.Principal{"an owner": p, "whoever has a link": w.inside(linked)} {
			g, err := w.EnterTenant(ctx, q, session.Grant{Tenant: q.Tenant, Holder: q.Actor.Name, Scopes: "*:*", Person: q.Person}, "other")
			w.must(err)
			visitors[name] = w.inside(g)
		}
		for _, name := range []string{"ada", "ben"} {
			_, err := w.CreateUser(ctx, operate.Machine(w.ids["other"]), userNamed(name))
			w.must(err)
		}
		_, kept, _ := w.with(operate.Machine(w.ids["other"]), "api:read", 0)
		for name, v := range visitors {
			_, _, err := w.CreateToken(ctx, v, operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "api:read"})
			w.want(name+" makes a token of the API", err, lockstep.CodeAuthForbidden)
			_, _, err = w.RotateToken(ctx, v, string(kept.ID), operate.Rotation{})
			w.want(name+" rotates one", err, lockstep.CodeAuthForbidden)
		}
		refused := func(when string) {
			for name, v := range visitors {
				_, err := w.AddOwner(ctx, v, "eva", "another horse battery")
				w.want(when+" "+name+" adds an owner", err, lockstep.CodeAuthForbidden)
				_, err = w.AddAdministrator(ctx, v, operate.NewAdministrator{User: "ada", Role: operate.RoleOwner})
				w.want(when+" "+name+" makes somebody an owner", err, lockstep.CodeAuthForbidden)
				_, err = w.AddAdministrator(ctx, v, operate.NewAdministrator{User: "ada", Scopes: "api:write scim:write"})
				w.want(when+" "+name+" gives all rights", err, lockstep.CodeAuthForbidden)
				_, err = w.AddAdministrator(ctx, v, operate.NewAdministrator{User: "ada", Role: operate.RoleAuditor})
				w.want(when+" "+name+" gives the least", err, lockstep.CodeAuthForbidden)
			}
		}
		_, err := w.AddOwner(ctx, visitors["an owner"], "zoe", "correct horse battery")
		w.must(err)
		refused("once there is a local owner,")
		for name, v := range visitors {
			w.want(name+" sets a password", w.SetOwnerPassword(ctx, v, "zoe", "another horse battery"), lockstep.CodeAuthForbidden)
		}
		_, err = w.AddAdministrator(ctx, operate.Machine(w.ids["other"]), operate.NewAdministrator{User: "ben", Role: operate.RoleOwner})
		w.must(err)
		w.must(w.RemoveOwner(ctx, operate.Machine(w.ids["other"]), "zoe"))
		refused("once an administrator is one,")
		_, err = w.AddOwner(ctx, operate.Machine(w.ids["other"]), "eva", "another horse battery")
		w.must(err)
	})
}

// TestVisitorsChangeNoAdministrator: whoever visits a tenant puts nobody into a group that gives a role, and changes nobody who has one, whatever was so when
// they were asked; they delete them, and change everybody else.
func TestVisitorsChangeNoAdministrator(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, own := w.Context(), operate.Machine(w.ids["other"])
		w.managed("other")
		p := w.inside(w.owner("default", "mia"))
		g, err := w.EnterTenant(ctx, p, session.Grant{Tenant: p.Tenant, Holder: p.Actor.Name, Scopes: "*:*", Person: p.Person}, "other")
		w.must(err)
		visitor := w.inside(g)
		for _, name := range []string{"ada", "ben", "cy"} {
			_, err := w.CreateUser(ctx, own, userNamed(name))
			w.must(err)
		}
		group := func(name string) {
			_, err := w.CreateGroup(ctx, visitor, scim.Object{{Name: "displayName", Value: name}})
			w.must(err)
		}
		group("Owners")
		group("Others")
		w.must(w.ChangeMembers(ctx, visitor, "Owners", operate.MemberChange{AddUsers: []string{"ben"}}))
		_, err = w.AddAdministrator(ctx, own, operate.NewAdministrator{User: "ada", Role: operate.RoleAuditor})
		w.must(err)
		_, err = w.AddAdministrator(ctx, own, operate.NewAdministrator{Group: "Owners", Role: operate.RoleOwner})
		w.must(err)
		retitle := func(o scim.Object) scim.Object { o.Set("title", "Engineer"); return o }
		admins := w.Admins
		for when, kept := range map[string]operate.Admins{"asked first": admins, "in the transaction": nil} {
			w.Admins = kept // without it nothing is refused before
			w.want(when+": into the group", w.ChangeMembers(ctx, visitor, "Owners", operate.MemberChange{AddUsers: []string{"cy"}}), lockstep.CodeAuthForbidden)
			_, err = w.ChangeGroup(ctx, visitor, "Owners", func(o scim.Object) scim.Object { o.Set("externalId", "x"); return o })
			w.want(when+": the group", err, lockstep.CodeAuthForbidden)
			for _, name := range []string{"ada", "ben"} {
				_, err = w.ChangeUser(ctx, visitor, name, 0, retitle)
				w.want(when+": "+name, err, lockstep.CodeAuthForbidden)
				w.want(when+": a password of "+name, w.SetUserPassword(ctx, visitor, name, "correct horse battery"), lockstep.CodeAuthForbidden)
				_, err = w.SetTemporaryPassword(ctx, visitor, name, "", 0)
				w.want(when+": a temporary password of "+name, err, lockstep.CodeAuthForbidden)
			}
			_, err = w.ChangeUser(ctx, visitor, "cy", 0, retitle)
			w.must(err)
			w.must(w.SetUserPassword(ctx, visitor, "cy", "correct horse battery"))
			w.must(w.ChangeMembers(ctx, visitor, "Others", operate.MemberChange{AddUsers: []string{"cy", "ada"}}))
			w.must(w.ChangeMembers(ctx, visitor, "Others", operate.MemberChange{RemoveUsers: []string{"cy", "ada"}}))
		}
		w.Admins = admins
		w.must(w.ChangeMembers(ctx, visitor, "Owners", operate.MemberChange{RemoveUsers: []string{"ben"}}))
		w.must(w.DeleteUser(ctx, visitor, "ada", false))
		_, err = w.RestoreUser(ctx, visitor, "ada")
		w.want("brought back", err, lockstep.CodeAuthForbidden)
	})
}

// ownedMeanwhile is administrators of a tenant that gets an owner of its own after it was looked at, before somebody gives a right in it.
type ownedMeanwhile struct {
	operate.Admins
	owned func()
}

func (m ownedMeanwhile) PutAdministrator(ctx context.Context, by audit.Actor, t lockstep.TenantID, e operate.AdminEntry, name string) error {
	m.owned()
	return m.Admins.PutAdministrator(ctx, by, t, e, name)
}

func (m ownedMeanwhile) PutOwner(ctx context.Context, by audit.Actor, t lockstep.TenantID, l operate.LocalOwner) error {
	m.owned()
	return m.Admins.PutOwner(ctx, by, t, l)
}

// TestOwnedMeanwhile: a tenant that gets an owner while a visitor gives a right there gives none.
func TestOwnedMeanwhile(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx, admins := w.Context(), w.Admins
		p := w.inside(w.owner("default", "mia"))
		for _, owned := range []struct {
			name string
			by   func(own operate.Principal, ben lockstep.UserID) error
		}{
			{"local", func(own operate.Principal, _ lockstep.UserID) error {
				return admins.PutOwner(ctx, own.Actor, own.Tenant, operate.LocalOwner{ID: lockstep.NewID[string](), Name: "zoe", Hash: "x"})
			}},
			{"person", func(own operate.Principal, ben lockstep.UserID) error {
				return admins.PutAdministrator(ctx, own.Actor, own.Tenant, operate.AdminEntry{ID: lockstep.NewID[operate.AdminID](), Kind: directory.UserKind, Of: string(ben), Scopes: token.Scopes{token.ScopeAll}}, "ben")
			}},
		} {
			for what, gives := range map[string]func(operate.Principal) error{
				"adds": func(p operate.Principal) error { return second(w.AddOwner(ctx, p, "eva", "another horse battery")) },
				"role": func(p operate.Principal) error {
					return second(w.AddAdministrator(ctx, p, operate.NewAdministrator{User: "ben", Role: operate.RoleAuditor}))
				},
			} {
				slug := owned.name + "-" + what
				w.ids[slug] = lockstep.NewID[lockstep.TenantID]()
				w.must(w.db.CreateTenant(ctx, audit.Actor{}, directory.Tenant{ID: w.ids[slug], Slug: slug, Name: slug}))
				w.managed(slug)
				own := operate.Machine(w.ids[slug])
				ben, err := w.CreateUser(ctx, own, userNamed("ben"))
				w.must(err)
				g, err := w.EnterTenant(ctx, p, session.Grant{Tenant: p.Tenant, Holder: p.Actor.Name, Scopes: "*:*", Person: p.Person}, slug)
				w.must(err)
				w.Admins = ownedMeanwhile{admins, func() { w.must(owned.by(own, ben.ID)) }}
				w.want(slug, gives(w.inside(g)), lockstep.CodeAuthForbidden)
				w.Admins = admins
			}
		}
	})
}

// TestVisitorsTrustNobody: a visitor sets identity providers up and tries them, and an owner of the tenant says whom one lets in: enables it, and turns
// one that is enabled to another.
func TestVisitorsTrustNobody(t *testing.T) {
	onBoth(t, func(w *world) {
		w.signIns()
		ctx := w.Context()
		w.managed("other")
		p := w.inside(w.owner("default", "mia"))
		g, err := w.EnterTenant(ctx, p, session.Grant{Tenant: p.Tenant, Holder: p.Actor.Name, Scopes: "*:*", Person: p.Person}, "other")
		w.must(err)
		visitor, own := w.inside(g), operate.Machine(w.ids["other"])
		set := func(id string) operate.ProviderChange {
			return operate.ProviderChange{Settings: map[string]string{"client_id": id}}
		}
		add := func(alias string) {
			_, err := w.AddIdentityProvider(ctx, visitor, sso.KindOIDC, alias, set("C1"))
			w.must(err)
		}
		add("first")
		_, err = w.EnableIdentityProvider(ctx, visitor, "first", true, true)
		w.must(err) // nobody there could
		_, err = w.AddOwner(ctx, own, "zoe", "another horse battery")
		w.must(err)
		add("okta")
		_, err = w.SetIdentityProvider(ctx, visitor, "okta", set("C2"))
		w.must(err)
		_, err = w.EnableIdentityProvider(ctx, visitor, "okta", true, true)
		w.want("enables", err, lockstep.CodeAuthForbidden)
		_, err = w.EnableIdentityProvider(ctx, own, "okta", true, true)
		w.must(err)
		_, err = w.SetIdentityProvider(ctx, visitor, "okta", set("C3"))
		w.want("turns", err, lockstep.CodeAuthForbidden)
		name := "Okta of ours"
		_, err = w.SetIdentityProvider(ctx, visitor, "okta", operate.ProviderChange{Name: &name})
		w.must(err)
		_, err = w.EnableIdentityProvider(ctx, visitor, "okta", false, false)
		w.must(err)
	})
}

// shutsOut is tenants of which one shuts visitors out after it was looked at, before it is changed.
type shutsOut struct {
	*store.DB
	id lockstep.TenantID
}

func (s shutsOut) SetTenant(ctx context.Context, by audit.Actor, id lockstep.TenantID, change func(*directory.Tenant) error) (directory.Tenant, error) {
	if _, err := s.DB.SetTenant(ctx, by, s.id, func(t *directory.Tenant) error { t.Managed = false; return nil }); err != nil {
		return directory.Tenant{}, err
	}
	return s.DB.SetTenant(ctx, by, id, change)
}

// TestChangesWhileShutOut: a tenant that shuts owners of the server out is changed by none of them, also by one who has begun before.
func TestChangesWhileShutOut(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx := w.Context()
	yes, name := true, "Theirs"
	for what, c := range map[string]operate.TenantChange{"lets themself in": {Managed: &yes}, "renames it": {Name: &name}} {
		w.managed("other")
		w.Tenants = w.db
		p := w.inside(w.owner("default", what))
		w.Tenants = shutsOut{w.db, w.ids["other"]}
		_, err := w.ChangeTenant(ctx, p, "other", c)
		w.want("whoever "+what, err, lockstep.CodeNotFound)
		w.Tenants = w.db
		if now, err := w.db.Tenant(ctx, w.ids["other"]); err != nil || now.Managed || now.Name != "other" {
			t.Errorf("whoever %s: the tenant is %+v, %v", what, now, err)
		}
	}
}

// TestTenantsInBothLogs: what is changed from the list of tenants is told at home and there, where it is by both names.
func TestTenantsInBothLogs(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.managed("other")
		p := w.inside(w.owner("default", "mia"))
		made, err := w.CreateTenant(ctx, p, "more", "More", true)
		w.must(err)
		name := "Others"
		_, err = w.ChangeTenant(ctx, p, "other", operate.TenantChange{Name: &name})
		w.must(err)
		_, err = w.ChangeTenant(ctx, p, "other", operate.TenantChange{Name: &name}) // nothing is another
		w.must(err)
		home, err := w.db.Audit(ctx, w.ids["default"], audit.Query{Object: "tenant"})
		w.must(err)
		for i, want := range []audit.Event{{Verb: "updated", ID: string(w.ids["other"]), Name: "Others", Detail: "name, which was “other”"}, {Verb: "created", ID: string(made.ID), Name: "More"}} {
			there, err := w.db.Audit(ctx, lockstep.TenantID(want.ID), audit.Query{Object: "tenant"})
			w.must(err)
			for of, lines := range map[string][]audit.Line{"mia": home[min(i, len(home)):], "mia of default": there} {
				if len(lines) == 0 || lines[0].Verb != want.Verb || lines[0].ID != want.ID || lines[0].Name != want.Name || lines[0].Detail != want.Detail || lines[0].Actor.Name != of {
					t.Errorf("%s by %s: the log has %+v", want.Verb, of, lines)
				}
			}
		}
	})
}

// TestRemoveTenant: who looks after a tenant removes it, once they have shown who they are; never that of the server, nor the one that they are in.
func TestRemoveTenant(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.managed("other")
		mia := w.owner("default", "mia")
		p := w.inside(mia)
		p.Proved = w.at.Add(-operate.ProveFor - 1)
		w.want("long after they showed who they are", w.RemoveTenant(ctx, p, "other"), lockstep.CodeProveAgain)
		p.Proved = w.at
		w.want("the one of the server", w.RemoveTenant(ctx, p, "default"), lockstep.CodeConflict)
		g, err := w.EnterTenant(ctx, p, mia, "other")
		w.must(err)
		there := w.inside(g)
		w.want("the one that they are in", w.RemoveTenant(ctx, there, "other"), lockstep.CodeConflict)
		_, err = w.CreateUser(ctx, there, userNamed("eve"))
		w.must(err)
		other, err := w.TenantCalled(ctx, p, "other")
		w.must(err)
		l, err := w.LookAtTenant(ctx, p, other)
		if err != nil || l.People != 1 || !slices.Contains(l.Has(), "1 person") {
			t.Errorf("it has %+v, %v", l, err)
		}
		w.must(w.RemoveTenant(ctx, p, "other"))
		_, err = w.Visitor(ctx, g)
		w.want("who was in it", err, lockstep.CodeUnauthorized)
		w.want("again", w.RemoveTenant(ctx, p, "other"), lockstep.CodeNotFound)
		lines, err := w.db.Audit(ctx, w.ids["default"], audit.Query{Object: "tenant"})
		w.must(err)
		if lines[0].Verb != "deleted" || lines[0].Name != "other" || lines[0].Actor.Name != "mia" {
			t.Errorf("the log has %+v", lines[0])
		}
		again, err := w.CreateTenant(ctx, p, "other", "Another", false)
		if err != nil || !again.Managed {
			t.Errorf("another one of the name: %+v, %v", again, err)
		}
		for _, slug := range []string{"", "A", "-a", "a b", "ü", string(lockstep.NewID[lockstep.TenantID]())} {
			if _, err := w.CreateTenant(ctx, p, slug, "X", false); !errors.Is(err, &lockstep.Error{Code: lockstep.CodeInvalid}) && lockstep.CodeOf(err) != lockstep.CodeInvalid {
				t.Errorf("a tenant %q: %v", slug, err)
			}
		}
	})
}

func slugsOf(all []directory.Tenant) (slugs []string) {
	for _, t := range all {
		slugs = append(slugs, t.Slug)
	}
	return slugs
}

func userNamed(name string) scim.Object { return scim.Object{{Name: "userName", Value: name}} }
