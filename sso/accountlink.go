package sso

import (
	"context"
	"errors"
	"slices"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
)

// A person links an identity of theirs by signing in at the provider, from the account page, in the browser and the session in which they asked for it.
// What the provider's policy says of who is linked by name is not asked: they have shown who they are on both sides.

// Linking is whom a login links an identity to.
type Linking struct {
	Person  Person
	Session SessionID // in which they asked for it
}

// linkable are the providers at which the person can link an identity: people sign in there in the browser, and they have none there yet.
func (o *own) linkable(ctx context.Context) ([]Provider, error) {
	all, err := o.Store.Providers(ctx, o.site.tenant.ID)
	if err != nil {
		return nil, err
	}
	links, err := o.Store.LinksOf(ctx, o.site.tenant.ID, o.session.Person.User)
	return slices.DeleteFunc(all, func(p Provider) bool {
		return p.State != Enabled || byPassword(p.Kind) || slices.ContainsFunc(links, func(l Link) bool { return l.Provider == p.ID })
	}), err
}

// toLink is the provider that the address or the form names.
func (o *own) toLink(ctx context.Context) (Provider, error) {
	all, err := o.linkable(ctx)
	at := slices.IndexFunc(all, func(p Provider) bool { return p.Alias == o.r.FormValue("key") })
	if err == nil && at < 0 {
		err = errNoSite
	}
	if err != nil {
		return Provider{}, err
	}
	return all[at], nil
}

// link sends the person to the provider, from where they come back to have the identity linked.
func (o *own) link(ctx context.Context) error {
	p, err := o.toLink(ctx)
	if err != nil {
		return err
	}
	if !o.limits.begins(o.site.tenant.ID, o.now()) {
		return &lockstep.Error{Code: lockstep.CodeSSOTooMany, Detail: "Too many people sign in at once."}
	}
	v, l := o.visit, &o.login
	l.Linking = &Linking{o.session.Person, o.session.ID}
	l.Request.Prompt = []string{"login"} // whoever is signed in there in this browser may be somebody else
	l.Return, l.Chosen, l.Person = partOverview, p.ID, Person{}
	v.bind()
	v.stage(Stage{Name: "account", OK: true, Detail: "to link an identity", Facts: map[string]string{"provider": p.Alias, "session": string(o.session.ID)}})
	answer, err := v.away(ctx, p.ID)
	if err != nil {
		answer, err = v.fail(ctx, err)
	}
	if err != nil {
		return err
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	return answer()
}

// linked links the identity that the person has come back with.
func (v *visit) linked(ctx context.Context) (answerer, error) {
	l := &v.login
	p, err := v.allowed(ctx, l.Chosen)
	if err != nil {
		return nil, err
	}
	session, err := v.session(ctx)
	if err != nil {
		return nil, err
	}
	if session == nil || session.ID != l.Linking.Session || session.Person != l.Linking.Person {
		return nil, errGone
	}
	l.Person = session.Person
	id := *l.Identity
	var u directory.User
	if err = v.mayLink(ctx, p, id); err == nil {
		u, err = v.user(ctx, v.site.tenant.ID, session.Person.User)
	}
	if err != nil {
		v.stage(Stage{Name: "link", Code: lockstep.CodeOf(err), Detail: public(err)})
		return nil, err
	}
	v.finish.By = actor(u)
	v.finish.Links = append(v.finish.Links, Link{Provider: p.ID, Issuer: id.Issuer, Subject: id.Subject, User: u.ID, Verified: id.EmailVerified})
	v.finish.Gifts = append(v.finish.Gifts, Gifts{Person: session.Person, Provider: p.ID, Rules: v.claimed(p, id, true), OnceOnly: true})
	v.finish.Seen = session.ID
	v.stage(Stage{Name: "link", OK: true, Detail: "linked at the account page", Facts: map[string]string{"issuer": id.Issuer, "subject": clip(id.Subject)}})
	l.Linking = nil
	return v.signedHere(), nil
}

// mayLink refuses an identity that is somebody else's, and a second one of a provider.
func (v *visit) mayLink(ctx context.Context, p Provider, id Identity) error {
	l, err := v.Store.Link(ctx, v.site.tenant.ID, p.ID, id.Issuer, id.Subject)
	switch {
	case errors.Is(err, lockstep.ErrNotFound):
	case err != nil:
		return err
	case l.User != v.login.Person.User:
		return &lockstep.Error{Code: lockstep.CodeSSOLinked, Detail: "The identity belongs to somebody else here."}
	default:
		return nil // in another window
	}
	links, err := v.Store.LinksOf(ctx, v.site.tenant.ID, v.login.Person.User)
	if err == nil && slices.ContainsFunc(links, func(l Link) bool { return l.Provider == p.ID }) {
		err = &lockstep.Error{Code: lockstep.CodeSSOLinked, Detail: "The person has another identity of “" + p.Name + "” already."}
	}
	return err
}

// theirLink is the link of the person at the provider that the address or the form names, and what the provider is called.
func (o *own) theirLink(ctx context.Context) (Link, Provider, error) {
	links, err := o.Store.LinksOf(ctx, o.site.tenant.ID, o.session.Person.User)
	if err != nil {
		return Link{}, Provider{}, err
	}
	key := ProviderID(o.r.FormValue("key"))
	at := slices.IndexFunc(links, func(l Link) bool { return l.Provider == key })
	if at < 0 {
		return Link{}, Provider{}, errNoSite
	}
	p, err := o.Store.Provider(ctx, o.site.tenant.ID, key)
	return links[at], p, err
}

// unlink takes a link away, with the sessions that its identity began, this one too. The last way in stays.
func (o *own) unlink(ctx context.Context) error {
	l, _, err := o.theirLink(ctx)
	if err != nil {
		return err
	}
	other, err := o.signsInHere(ctx)
	if err != nil {
		return err
	}
	t := o.site.tenant.ID
	if err := o.Store.Unlink(ctx, actor(o.user), t, l, other); err != nil {
		return err
	}
	_, err = o.Store.End(ctx, actor(o.user), t, Who{Provider: l.Provider, Issuer: l.Issuer, Subject: l.Subject}, "identity unlinked")
	o.Wake()
	return err
}

// signsInHere reports whether the person can sign in by a password or a passkey, without any identity elsewhere.
func (o *own) signsInHere(ctx context.Context) (bool, error) {
	if may, err := o.hasPassword(ctx); err != nil || may {
		return may, err
	}
	_, local, err := o.local(ctx)
	rp := o.site.rpID()
	return local && slices.ContainsFunc(o.have.Passkeys, func(k Passkey) bool { return k.RP == rp && rp != "" }), err
}

// LinksKept takes links away.
type LinksKept interface {
	// Unlink takes a link away, and has its person told. Unless they can sign in otherwise, another link at a provider that is enabled must be left; else it
	// gives CodeSSOLastWay. One that is not there gives lockstep.ErrNotFound.
	Unlink(ctx context.Context, by audit.Actor, t lockstep.TenantID, l Link, otherwise bool) error
}
