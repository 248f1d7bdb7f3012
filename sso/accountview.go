package sso

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// end ends one session of the person, or all but this one; the applications are told.
func (o *own) end(ctx context.Context, id SessionID) error {
	all, err := o.Store.Sessions(ctx, o.site.tenant.ID, Who{User: o.session.Person.User, Session: id}, maxShown)
	for _, x := range all {
		if err == nil && (id != "" || x.ID != o.session.ID) {
			_, err = o.Store.End(ctx, actor(o.user), o.site.tenant.ID, Who{Session: x.ID}, "ended at the account page")
		}
	}
	o.Wake()
	return err
}

// maxShown is how many sessions are shown, and ended at once.
const maxShown = 100

// What the page shows.
type (
	accountView struct {
		Name      string
		Token     string
		At        string // address of the page
		Sessions  []sessionView
		Links     []linkView
		Linkable  []button
		Passkeys  []passkeyView
		CanKey    bool // passkeys can be set up here
		TOTP      *momentView
		Factor    bool
		Codes     int
		CodesMade moment
		Password  bool
		Key       string // of what is asked about
		Fault     string
	}
	sessionView struct {
		ID          SessionID
		This        bool
		Provider    string
		Factor      string
		Apps        []string
		Began, Seen moment
	}
	linkView struct {
		ID             ProviderID
		Provider, Name string
		Since, Used    moment
	}
	passkeyView struct {
		Key, Name string
		Synced    bool
		Elsewhere string // the host name that it is for, if it is another one
		momentView
	}
	momentView struct{ Created, Used moment }
)

// moment is an instant as a page shows it. Zero is never.
type moment struct{ time.Time }

func (m moment) ISO() string { return m.UTC().Format(time.RFC3339) }

func (m moment) Text() string { return m.UTC().Format("2006-01-02 15:04") + " UTC" }

func (o *own) view() accountView {
	name := o.user.Attributes.Text("displayName")
	if name == "" {
		name = o.user.Attributes.Text("userName")
	}
	return accountView{Name: name, Token: o.token(), At: o.site.path + "/account", Factor: o.have.Any()}
}

func (o *own) page(title string, a accountView) page {
	p := o.visit.page(o.site, o.login.Locale, title)
	p.Account = &a
	return p
}

// overview shows all of it.
func (o *own) overview(ctx context.Context) error {
	a := o.view()
	t, user := o.site.tenant.ID, o.session.Person.User
	providers, err := o.Store.Providers(ctx, t)
	if err != nil {
		return err
	}
	names := map[ProviderID]string{}
	for _, p := range providers {
		names[p.ID] = p.Name
	}
	if err := o.sessionsInto(ctx, &a, names); err != nil {
		return err
	}
	links, err := o.Store.LinksOf(ctx, t, user)
	if err != nil {
		return err
	}
	for _, l := range links {
		if name, there := names[l.Provider]; there {
			a.Links = append(a.Links, linkView{ID: l.Provider, Provider: name, Name: clip(l.Subject), Since: moment{l.Created}, Used: moment{l.Used}})
		}
	}
	more, err := o.linkable(ctx)
	if err != nil {
		return err
	}
	for _, p := range more {
		a.Linkable = append(a.Linkable, button{Alias: p.Alias, Name: p.Name})
	}
	rp := o.site.rpID()
	for _, k := range o.have.Passkeys {
		one := passkeyView{Key: k.Key(), Name: k.Name, Synced: k.BackedUp, momentView: momentView{moment{k.Created}, moment{k.Used}}}
		if k.RP != rp {
			one.Elsewhere = k.RP
		}
		a.Passkeys = append(a.Passkeys, one)
	}
	a.CanKey = rp != "" && len(a.Passkeys) < maxPasskeys
	if o.have.TOTP != nil {
		a.TOTP = &momentView{moment{o.have.TOTP.Created}, moment{o.have.TOTP.Used}}
	}
	a.Codes, a.CodesMade = o.have.Codes, moment{o.have.Made}
	if a.Password, err = o.hasPassword(ctx); err != nil {
		return err
	}
	p := o.page("account", a)
	p.Tongues = tongues(p.Lang, func(tag string) string { return a.At + "?lang=" + tag })
	p.Action = o.site.path + "/logout"
	return render(o.w, http.StatusOK, "account", p)
}

func (o *own) sessionsInto(ctx context.Context, a *accountView, names map[ProviderID]string) error {
	t := o.site.tenant.ID
	sessions, err := o.Store.Sessions(ctx, t, Who{User: o.session.Person.User}, maxShown)
	if err != nil {
		return err
	}
	clients, err := o.Store.Clients(ctx, t)
	if err != nil {
		return err
	}
	for _, x := range sessions {
		s := sessionView{ID: x.ID, This: x.ID == o.session.ID, Provider: names[x.Provider], Began: moment{x.Began}, Seen: moment{x.Seen}}
		if x.Factor != "" {
			s.Factor = texts[o.login.Locale]["factor."+string(x.Factor)]
		}
		given, err := o.Store.Given(ctx, t, x.ID, "")
		if err != nil {
			return err
		}
		for _, g := range given {
			at := slices.IndexFunc(clients, func(c Client) bool { return c.ID == g.Client })
			if at >= 0 && !slices.Contains(s.Apps, clients[at].Name) {
				s.Apps = append(s.Apps, clients[at].Name)
			}
		}
		if s.This {
			a.Sessions = slices.Insert(a.Sessions, 0, s)
		} else {
			a.Sessions = append(a.Sessions, s)
		}
	}
	return nil
}

// ask asks whether something is to be done.
func (o *own) ask(what, of, part, key string) error {
	a := o.view()
	a.Key = key
	p := o.page(what, a)
	p.Detail, p.Hint, p.Action = of, p.T[what+"Help"], o.site.path+"/account/"+part
	return render(o.w, http.StatusOK, "account-ask", p)
}

// codesHere shows recovery codes, this once.
func (o *own) codesHere(codes []string) error {
	a := o.view()
	p := o.page("codes", a)
	p.Codes, p.Action = codes, a.At
	return render(o.w, http.StatusOK, "codes", p)
}
