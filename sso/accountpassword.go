package sso

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/token"
)

// hasPassword reports whether the person signs in with a password that is kept here.
func (o *own) hasPassword(ctx context.Context) (bool, error) {
	_, err := o.Store.Password(ctx, o.site.tenant.ID, o.session.Person.User)
	if errors.Is(err, lockstep.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, has, err := o.local(ctx)
	return has, err
}

// local is the provider of passwords that are kept here.
func (v *visit) local(ctx context.Context) (Provider, bool, error) {
	all, err := v.usable(ctx)
	at := slices.IndexFunc(all, func(p Provider) bool { return p.Kind == KindLocal })
	if at < 0 || err != nil {
		return Provider{}, false, err
	}
	return all[at], true, nil
}

// setPassword gives the person another password, if they know the one that they have. All their sessions end.
func (o *own) setPassword(ctx context.Context) error {
	p, has, err := o.local(ctx)
	if err != nil || !has {
		return errors.Join(err, errNoSite)
	}
	name, next := o.user.Attributes.Text("userName"), o.r.PostForm.Get("new")
	if token.PasswordFault(next) != "" || strings.EqualFold(next, name) {
		return o.passwordPage("passwordRule")
	}
	err = o.password(ctx, []Provider{p}, name, o.r.PostForm.Get("current"))
	if code := lockstep.CodeOf(err); code == wrongPassword || code == lockstep.CodeSSOTooMany || code == lockstep.CodeSSOPasswordOver {
		return o.passwordPage("passwordWrong")
	}
	if err != nil {
		return err
	}
	if o.login.Identity.Subject != string(o.user.ID) { // the name has become somebody else's
		return o.passwordPage("passwordWrong")
	}
	o.hashing.Lock()
	hash, err := token.HashPassword(next)
	o.hashing.Unlock()
	if err != nil {
		return err
	}
	if _, err := o.Directory.Commit(ctx, o.site.tenant.ID, actor(o.user), "", directory.SetPassword{ID: o.user.ID, Hash: hash}); err != nil {
		return err
	}
	o.Wake()
	return o.passwordSet()
}

func (o *own) passwordPage(fault string) error {
	a := o.view()
	p := o.page("setPassword", a)
	if p.Action = o.site.path + "/account/" + partPassword; fault != "" {
		p.Notice = p.T[fault]
	}
	p.Detail = o.user.Attributes.Text("userName")
	return render(o.w, http.StatusOK, "account-password", p)
}

func (o *own) passwordSet() error {
	p := o.page("passwordSet", o.view())
	return render(o.w, http.StatusOK, "account-done", p)
}
