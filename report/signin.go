package report

import (
	"maps"
	"slices"
	"strings"

	"lockstep"
	"lockstep/api"
	"lockstep/operate"
	"lockstep/sso"
	"lockstep/words"
)

const noAddress = "– (the server has no public address)"

// Providers lists identity providers.
func Providers(all []api.IdentityProvider, err error) (View, error) {
	return List(all, err, "No identity providers.", "ALIAS NAME KIND STATE POLICY TESTED", func(p api.IdentityProvider) []string {
		return []string{p.Alias, p.Name, string(p.Kind), string(p.State), string(p.Policy), Minute(p.Tested, "never")}
	})
}

// Provider shows an identity provider.
func Provider(i api.IdentityProvider, err error) (View, error) {
	return Of(i, err, func(p *Page) {
		p.Printf("alias\t%s\nname\t%s\nkind\t%s\nstate\t%s\npolicy\t%s\nsecond factor\t%s\nredirect URI\t%s\ntested\t%s\n", i.Alias, i.Name, i.Kind, i.State, i.Policy, i.Second, Or(i.RedirectURI, noAddress), Minute(i.Tested, "never"))
		if i.LogoutURI != "" {
			p.Printf("back-channel logout URI\t%s\n", i.LogoutURI)
		}
		if i.MetadataURI != "" {
			p.Printf("our metadata\t%s\n", i.MetadataURI)
		}
		watched(p, i.Watched)
		for _, r := range i.Rules {
			p.Printf("claim rule\t%s\n", r.Rule())
		}
		for _, name := range slices.Sorted(maps.Keys(i.Settings)) {
			p.Printf("%s\t%s\n", name, i.Settings[name])
		}
		for _, name := range i.Secrets {
			p.Printf("%s\t(set)\n", name)
		}
	})
}

// watched shows what the last look at what a provider publishes about itself has found.
func watched(p *Page, w *api.Watched) {
	if w == nil {
		return
	}
	p.Printf("looked at\t%s\n", Minute(&w.At, ""))
	if w.Code != "" {
		p.Printf("\t%s: %s\n", w.Code, w.Detail)
	}
	if w.Keys > 0 {
		p.Printf("keys there\t%d since %s\n", w.Keys, Minute(w.KeysSince, ""))
	}
	for _, d := range w.Differences {
		p.Printf("differs\t%s: %s there\n", d.Field, words.Clip(d.Theirs, 200))
	}
	if w.Adopted != "" {
		p.Printf("taken over\t%s, %s\n", Minute(w.AdoptedAt, ""), w.Adopted)
	}
}

// ProviderAdded shows an identity provider that is new.
func ProviderAdded(i api.IdentityProvider, err error) (View, error) {
	v, err := Provider(i, err)
	shown := v.Text
	v.Text = func(p *Page) {
		if i.RedirectURI != "" && i.Kind != "ldap" && i.Kind != "local" {
			p.Say("Register this redirect URI at the provider, exactly so: %s", i.RedirectURI)
		}
		shown(p)
	}
	return v, err
}

// Matches shows whom identities would be who sign in at a provider.
func Matches(m api.Matches, err error) (View, error) {
	return Of(m, err, func(p *Page) {
		p.Printf("people who may sign in\t%d\nlinked\t%d\naddresses of more than one person\t%d\nwithout an address\t%d\n", m.People, m.Linked, m.Shared, m.Lacking)
		for _, s := range m.SharedSome {
			p.Printf("  %s\t%s\n", s.Value, strings.Join(s.Some, ", "))
		}
		if len(m.LackingSome) > 0 {
			p.Printf("  no address\t%s\n", strings.Join(m.LackingSome, ", "))
		}
		if m.Listed == 0 {
			return
		}
		p.Printf("in the list\t%d\n", m.Listed)
		for _, is := range operate.WouldBes() {
			if n := m.Count[is]; n > 0 {
				p.Printf("  %s\t%d\n", is, n)
			}
		}
		for _, r := range m.Rows {
			if r.Is != operate.WouldMatch {
				p.Printf("%d %s\t%s: %s %s\n", r.Line, r.Identity, r.Is, r.How, strings.Join(r.People, ", "))
			}
		}
	})
}

// TestSignIn shows where a test sign-in begins.
func TestSignIn(t api.TestSignIn, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		p.Printf("%s\n", t.URL)
		p.Say("Open this address in a browser, once, within a quarter of an hour. What happened there shows lockstep idp attempt %s", t.Reference)
	})
}

// SignIn shows what happened in a sign-in.
func SignIn(t api.SignInTrace, err error) (View, error) {
	return Of(t, err, func(p *Page) {
		p.Printf("%s\t%s\n", Second(&t.At, ""), t.Outcome)
		for _, s := range t.Stages {
			p.Printf("%s %s\t%s\n", p.Tick(s.OK), s.Name, s.Detail)
			if s.Fix != "" {
				p.Printf("\t%s\n", s.Fix)
			}
		}
		if t.Code != "" {
			p.Printf("%s\t%s [%s]\n", p.Tick(false), t.Detail, t.Code)
			p.Say("  %s", lockstep.Describe(t.Code).Help)
		}
	})
}

// Clients lists the applications that sign people in.
func Clients(all []api.SSOClient, err error) (View, error) {
	return List(all, err, "No applications sign people in here.", "ID NAME KIND AUTHENTICATION REDIRECT LOGOUT", func(a api.SSOClient) []string {
		to, logout := strings.Join(a.Redirects, " "), a.LogoutURI
		switch {
		case a.SAML != nil:
			to, logout = *a.SAML.Entity, Or(*a.SAML.LogoutSOAP, *a.SAML.Logout)
		case a.Proxy != nil:
			to = strings.Join(*a.Proxy.Hosts, " ")
		}
		return []string{string(a.ID), a.Name, a.Kind, string(a.Auth), dash(to), dash(logout)}
	})
}

// Client shows an application that signs people in.
func Client(a api.SSOClient, err error) (View, error) {
	return Of(a, err, func(p *Page) { p.client(a) })
}

func (p *Page) client(a api.SSOClient) {
	if a.Disabled {
		p.Say("The application is disabled.")
	}
	if a.Kind != "openid" {
		p.Printf("client ID\t%s\nname\t%s\nkind\t%s\n", a.ID, a.Name, a.Kind)
		for _, n := range a.Notes {
			p.Say("%s", n)
		}
		p.saml(a.SAML)
		p.proxy(a)
		return
	}
	p.Printf("client ID\t%s\nname\t%s\nissuer\t%s\nauthentication\t%s\n", a.ID, a.Name, Or(a.Issuer, noAddress), a.Auth)
	for _, u := range a.Redirects {
		p.Printf("redirect URI\t%s\n", u)
	}
	for _, u := range a.AfterLogout {
		p.Printf("after sign-out\t%s\n", u)
	}
	p.Printf("told of sign-outs\t%s\ntold of leavers\t%s\naccess tokens\t%s\nID tokens\t%s\n", dash(a.LogoutURI), dash(a.RevokeURI), a.Token, a.IDToken)
	if a.LogoutURI == "" {
		p.Say("The application is not told when a session ends: give it --logout-uri.")
	}
}

// saml writes the settings of an application that speaks SAML.
func (p *Page) saml(s *api.SAMLSettings) {
	if s == nil {
		return
	}
	p.Printf("entity ID\t%s\n", *s.Entity)
	for _, e := range *s.ACS {
		p.Printf("takes responses at\t%s\n", e.URL)
	}
	signed := "no: it has no certificate here"
	if *s.Certificates != "" {
		signed = "yes"
	}
	p.Printf("must sign\t%s\nname ID\t%s\nsign-out by browser\t%s\nsign-out without one\t%s\n", signed, Or(string(*s.NameID), "what it asks for"), dash(*s.Logout), dash(*s.LogoutSOAP))
	for _, m := range *s.Attributes {
		p.Printf("attribute\t%s\n", sso.Mapping(m).String())
	}
	p.Printf("our metadata\t%s\n", Or(s.OurMetadata, noAddress))
	if len(s.Assumed) > 0 {
		p.Say("Nobody has documented: %s. Read the application's metadata (--metadata), or compare.", strings.Join(s.Assumed, ", "))
	}
	if *s.LogoutSOAP == "" {
		p.Say("When somebody is disabled the application cannot be told; its own session goes on until it ends. Give it --slo-soap if it takes that.")
	}
}

// proxy writes the settings of an application behind a proxy.
func (p *Page) proxy(a api.SSOClient) {
	if a.Proxy == nil {
		return
	}
	for _, h := range *a.Proxy.Hosts {
		p.Printf("host\t%s\n", h)
	}
	for _, m := range *a.Proxy.Headers {
		p.Printf("header\t%s\n", sso.Mapping(m).String())
	}
	if a.Issuer != "" {
		p.Printf("the proxy asks\t%s/proxy/%s/forward (nginx: …/auth)\nand passes on\t%s to %s/proxy/%s/\n", a.Issuer, a.ID, sso.ProxyPath, a.Issuer, a.ID)
	}
}

// ClientAdded shows an application with the secret that is shown this once.
func ClientAdded(a api.CreatedClient, err error) (View, error) {
	return Of(a, err, func(p *Page) {
		p.client(a.SSOClient)
		if a.Secret != "" {
			p.Printf("client secret\t%s\n", a.Secret)
			p.Say("The secret is shown this once.")
		}
	})
}

// ClientRotated shows a new secret, and nothing else.
func ClientRotated(a api.CreatedClient, err error) (View, error) {
	return Of(a, err, func(p *Page) {
		p.Printf("%s\n", a.Secret)
		p.Say("The secret is shown this once. The old one ends %s.", Minute(a.FormerEnds, "now"))
	})
}

// Sessions lists the sessions of people.
func Sessions(all []api.PersonSession, err error) (View, error) {
	return List(all, err, "Nobody is signed in.", "ID PERSON SIGNED-IN SEEN ENDS", func(x api.PersonSession) []string {
		return []string{string(x.ID), string(x.User), Minute(&x.AuthTime, "–"), Minute(&x.Seen, "–"), Minute(&x.Expires, "–")}
	})
}

// SecondFactors lists what somebody can show beside their password.
func SecondFactors(f api.SecondFactors, err error) (View, error) {
	return Of(f, err, func(p *Page) {
		for _, d := range f.Demanded {
			p.Say("One is demanded by the %s %s.", d.Kind, d.Name)
		}
		if len(f.Passkeys) == 0 && f.App == nil && f.Codes == 0 {
			p.Printf("No second factor.\n")
			return
		}
		p.Printf("FACTOR\tID\tSINCE\tUSED\n")
		for _, k := range f.Passkeys {
			p.Printf("passkey %s (%s)\t%s\t%s\t%s\n", k.Name, k.Host, k.ID, Minute(&k.Created, "–"), Minute(k.Used, "never"))
		}
		if f.App != nil {
			p.Printf("authenticator app\tapp\t%s\t%s\n", Minute(f.App, "–"), Minute(f.AppUsed, "never"))
		}
		if f.Codes > 0 {
			p.Printf("recovery codes, %d left\tcodes\t%s\t\n", f.Codes, Minute(f.CodesMade, "–"))
		}
	})
}

// SignOuts lists sign-outs, and whether the applications were told.
func SignOuts(all []api.SignOut, err error) (View, error) {
	return List(all, err, "Nobody has signed out lately.", "AT PERSON WHY APPLICATIONS", func(e api.SignOut) []string {
		return []string{Minute(&e.At, "–"), string(e.User), e.Why, e.Report}
	})
}

// ConsoleSessions lists who is in the console.
func ConsoleSessions(all []api.ConsoleSession, err error) (View, error) {
	return List(all, err, "Nobody is in the console.", "ID WHO BY SINCE SEEN", func(x api.ConsoleSession) []string {
		return []string{string(x.ID), x.Holder, x.How, Minute(&x.Began, ""), Minute(&x.Seen, "")}
	})
}

// Untold is what a list of sign-outs ends with: 3 when an application was given up on, 75 while one is still to be told, else 0; and why.
func Untold(all []api.SignOut) (exit int, why string) {
	for _, e := range all {
		if e.Untold > 0 {
			return operate.ExitSome, e.Report
		}
		if e.Settled == nil && exit == operate.ExitInStep {
			exit, why = operate.ExitLater, e.Report
		}
	}
	return exit, why
}
