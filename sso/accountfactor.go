package sso

import (
	"context"
	"slices"

	"lockstep"
)

// removed is what the factor is called that the address names; "" is none.
func (o *own) removed() string {
	key := o.r.FormValue("key")
	if key == string(FactorTOTP) && o.have.TOTP != nil {
		return texts[o.login.Locale]["app"]
	}
	for _, p := range o.have.Passkeys {
		if p.Key() == key {
			return p.Name
		}
	}
	return ""
}

// mayRemove refuses the last factor while one is demanded of the person: they would be asked to set another one up by whoever knows their password.
func (o *own) mayRemove(ctx context.Context, which Which) error {
	left := len(o.have.Passkeys)
	if o.have.TOTP != nil && !which.TOTP {
		left++
	}
	for _, k := range o.have.Passkeys {
		if k.Key() == which.Passkey {
			left--
		}
	}
	if left > 0 {
		return nil
	}
	demanded, err := o.demandedOf(ctx)
	if err == nil && demanded {
		err = &lockstep.Error{Code: lockstep.CodeSSOLastFactor}
	}
	return err
}

// demandedOf reports whether an application, or a provider by which the person signs in, demands a second factor of everybody.
func (o *own) demandedOf(ctx context.Context) (bool, error) {
	t := o.site.tenant.ID
	links, err := o.Store.LinksOf(ctx, t, o.session.Person.User)
	if err != nil {
		return false, err
	}
	providers, err := o.Store.Providers(ctx, t)
	if err != nil {
		return false, err
	}
	for _, p := range providers {
		theirs := p.ID == o.session.Provider || p.Kind == KindLocal || slices.ContainsFunc(links, func(l Link) bool { return l.Provider == p.ID })
		if d := p.Demands(); theirs && p.State == Enabled && (d == DemandRequired || d == DemandOwn) {
			return true, nil
		}
	}
	clients, err := o.Store.Clients(ctx, t)
	return slices.ContainsFunc(clients, func(c Client) bool { return !c.Disabled && c.SecondFactor == DemandRequired }), err
}

func (o *own) rename(ctx context.Context) error {
	name := cutName(o.r.PostForm.Get("name"))
	if name == "" {
		return nil
	}
	return o.Store.RenamePasskey(ctx, actor(o.user), o.site.tenant.ID, o.session.Person.User, o.r.PostForm.Get("key"), name)
}
