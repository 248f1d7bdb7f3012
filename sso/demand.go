package sso

import (
	"context"
	"slices"
)

// Demand says of whom a second factor is asked.
type Demand string

// The demands. Of those of a provider and of an application the stronger one counts.
const (
	DemandDefault  Demand = ""         // of a provider: enrolled where the password is kept here, else none; of an application: as the provider has it
	DemandNone     Demand = "none"     // of nobody
	DemandEnrolled Demand = "enrolled" // of who has one
	DemandRequired Demand = "required" // of everybody: who has none sets one up as they sign in
	DemandOwn      Demand = "own"      // of a provider: it asks for one itself, and what it says of that (amr) counts; whoever it did not ask is asked here
)

// OfProvider reports whether a provider can have the demand, OfClient whether an application can.
func (d Demand) OfProvider() bool {
	return d.OfClient() || d == DemandNone || d == DemandOwn
}

// OfClient reports whether an application can have the demand.
func (d Demand) OfClient() bool {
	return d == DemandDefault || d == DemandEnrolled || d == DemandRequired
}

// Demands is what a provider demands when its default is spelled out.
func (p *Provider) Demands() Demand {
	switch {
	case p.SecondFactor != DemandDefault:
		return p.SecondFactor
	case p.Kind == KindLocal:
		return DemandEnrolled
	}
	return DemandNone
}

// Demander is an identity provider or an application that demands a second factor of everybody.
type Demander struct {
	Name string
	App  bool // else a provider
}

// Demanders are those that demand a second factor of a person, the providers first. theirs says by which providers the person signs in; whoever has
// a password here signs in by any that keeps passwords.
func Demanders(providers []Provider, clients []Client, theirs func(ProviderID) bool) (all []Demander) {
	for _, p := range providers {
		if d := p.Demands(); p.State == Enabled && (d == DemandRequired || d == DemandOwn) && (p.Kind == KindLocal || theirs(p.ID)) {
			all = append(all, Demander{Name: p.Name})
		}
	}
	for _, c := range clients {
		if !c.Disabled && c.SecondFactor == DemandRequired {
			all = append(all, Demander{Name: c.Name, App: true})
		}
	}
	return all
}

// The classes of a sign-in (acr) that there are here, beside what identity providers say.
const (
	ACRTwo      = "https://refeds.org/profile/mfa" // a second factor was shown
	ACRPhishing = "phr"                            // and it can be shown to nobody else: a passkey (OpenID Connect EAP ACR Values 1.0)
)

// acrs are the classes of a session, the strongest first.
func (s *Session) acrs() []string {
	var all []string
	switch s.Factor {
	case FactorPasskey:
		all = []string{ACRPhishing, ACRTwo}
	case FactorTOTP, FactorRecovery, FactorProvider:
		all = []string{ACRTwo}
	}
	if s.ACR != "" {
		all = append(all, s.ACR)
	}
	return all
}

// acr is the class that an application is told: the first one that it asked for, else that a second factor was shown, else the provider's.
func (r *Request) acr(s *Session) string {
	have := s.acrs()
	for _, asked := range append(slices.Clone(r.ACRNeeded), r.ACRValues...) {
		if slices.Contains(have, asked) {
			return asked
		}
	}
	switch {
	case s.Factor != "":
		return ACRTwo
	default:
		return s.ACR
	}
}

// wants is the second factor that a request asks for beside what is demanded anyway: one that must be shown, one that is asked of who has one,
// or none. passkey says that only a passkey will do. have are the classes that the sign-in has without.
func (v *visit) wants(have *Session) (d Demand, passkey bool) {
	req := &v.login.Request
	if ask := req.SAML; ask != nil {
		if v.client.SAML.Context == "" && !ask.enough(have) && ask.accepts(ACRTwo) {
			return DemandRequired, false
		}
		return DemandDefault, false
	}
	ours := func(all []string, class string) bool { return slices.Contains(all, class) }
	switch {
	case len(req.ACRNeeded) > 0 && !req.enough(have) && ours(req.ACRNeeded, ACRTwo):
		return DemandRequired, false
	case len(req.ACRNeeded) > 0 && !req.enough(have) && ours(req.ACRNeeded, ACRPhishing):
		return DemandRequired, true
	case ours(req.ACRValues, ACRTwo) || ours(req.ACRValues, ACRPhishing):
		return DemandEnrolled, false
	}
	return DemandDefault, false
}

// demand is what is demanded of the person of this login, who came by a provider.
func (v *visit) demand(p Provider, have *Session) (d Demand, passkey bool) {
	d, passkey = v.wants(have)
	all := []Demand{d, p.Demands(), v.client.SecondFactor}
	if v.client.ID == AccountClient || v.login.Request.asksSCIM() {
		all = append(all, DemandEnrolled)
	}
	switch {
	case slices.Contains(all, DemandRequired), slices.Contains(all, DemandOwn):
		return DemandRequired, passkey
	case slices.Contains(all, DemandEnrolled):
		return DemandEnrolled, passkey
	}
	return DemandNone, passkey
}

// far is the sign-in as it stands in the middle of a login: what the session will be unless more is shown.
func (v *visit) far(ctx context.Context) (*Session, error) {
	if v.login.Reused != "" {
		session, err := v.session(ctx)
		if err == nil && (session == nil || session.ID != v.login.Reused || session.Person != v.login.Person) {
			err = errGone
		}
		return session, err
	}
	s := &Session{Person: v.login.Person}
	if id := v.login.Identity; id != nil {
		s.ACR, s.AMR = id.ACR, id.AMR
	}
	return s, nil
}
