package sso

import (
	"context"
	"slices"
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

// remove removes a factor; the last one not while one is demanded of the person: they would be asked to set another one up by whoever knows their password.
func (o *own) remove(ctx context.Context, which Which) error {
	demanded, err := o.demanded(ctx)
	if err != nil {
		return err
	}
	_, err = o.Store.RemoveFactors(ctx, actor(o.user), o.site.tenant.ID, o.session.Person.User, Removal{Which: which, Last: !demanded})
	return err
}

// demanded reports whether an application, or a provider by which the person signs in, demands a second factor of everybody.
func (o *own) demanded(ctx context.Context) (bool, error) {
	t := o.site.tenant.ID
	links, err := o.Store.LinksOf(ctx, t, o.session.Person.User)
	if err != nil {
		return false, err
	}
	providers, err := o.Store.Providers(ctx, t)
	if err != nil {
		return false, err
	}
	clients, err := o.Store.Clients(ctx, t)
	return len(Demanders(providers, clients, func(id ProviderID) bool {
		return id == o.session.Provider || slices.ContainsFunc(links, func(l Link) bool { return l.Provider == id })
	})) > 0, err
}

func (o *own) rename(ctx context.Context) error {
	name := cutName(o.r.PostForm.Get("name"))
	if name == "" {
		return nil
	}
	return o.Store.RenamePasskey(ctx, actor(o.user), o.site.tenant.ID, o.session.Person.User, o.r.PostForm.Get("key"), name)
}
