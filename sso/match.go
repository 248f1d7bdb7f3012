package sso

import (
	"context"
	"errors"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// match is whom an identity is, or would become.
type match struct {
	Person  Person
	User    directory.User
	Link    *Link // to be kept; nil needs none
	Add     bool  // the person is to be added to the directory
	Confirm bool  // they have to sign in as before first
	How     string
}

// match finds the person. A link that is there decides, whatever names and addresses have become of; else the provider's policy does. A
// person who is disabled or deleted is let in by nothing.
func (s *Server) matchOf(ctx context.Context, t lockstep.TenantID, p Provider, id Identity) (match, error) {
	if p.Kind == KindLocal { // it knows the person itself
		return s.stands(ctx, t, lockstep.UserID(id.Subject), match{How: "by password"})
	}
	l, err := s.Store.Link(ctx, t, p.ID, id.Issuer, id.Subject)
	switch {
	case err == nil:
		return s.stands(ctx, t, l.User, match{Link: &l, How: "linked"})
	case !errors.Is(err, lockstep.ErrNotFound):
		return match{}, err
	case p.LinkOnly || p.Policy == PolicyLinked:
		return match{}, &lockstep.Error{Code: lockstep.CodeSSOUnknown, Detail: "You are not linked with “" + p.Name + "”."}
	}
	link := &Link{Provider: p.ID, Issuer: id.Issuer, Subject: id.Subject, Verified: id.EmailVerified}
	found, how, err := s.candidates(ctx, t, p, id)
	if err != nil {
		return match{}, err
	}
	switch len(found) {
	case 0:
		if p.Policy != PolicyCreate && p.Policy != PolicyConfirm {
			return match{}, &lockstep.Error{Code: lockstep.CodeSSOUnknown, Detail: "Nobody in the directory is " + namesOf(id) + "."}
		}
		link.Made = true
		return match{Add: true, Link: link, How: "added"}, nil
	case 1:
	default:
		return match{}, &lockstep.Error{Code: lockstep.CodeSSOAmbiguous, Detail: "More than one person in the directory is " + namesOf(id) + "."}
	}
	link.User = found[0].ID
	m, err := s.stands(ctx, t, found[0].ID, match{Link: link, How: how})
	if err != nil {
		return m, err
	}
	if err := s.free(ctx, t, p, m.Person.User); err != nil {
		return m, err
	}
	m.Confirm = p.Policy == PolicyConfirm
	return m, nil
}

// free refuses a person who is linked at the provider already: a second identity of the same provider does not become them by a name.
func (s *Server) free(ctx context.Context, t lockstep.TenantID, p Provider, u lockstep.UserID) error {
	links, err := s.Store.LinksOf(ctx, t, u)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Provider == p.ID {
			return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "The person in the directory is linked with another identity of “" + p.Name + "”."}
		}
		if l.Made && !l.Verified && p.Policy == PolicyVerified {
			return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "The address of the person in the directory was never verified."}
		}
	}
	return nil
}

// stands fills in a person who may be signed in.
func (s *Server) stands(ctx context.Context, t lockstep.TenantID, id lockstep.UserID, m match) (match, error) {
	all, err := s.Directory.Users(ctx, t, directory.UserQuery{IDs: []lockstep.UserID{id}, Deleted: true})
	if err != nil {
		return m, err
	}
	if len(all) == 0 || !all[0].Active || !all[0].Deleted.IsZero() {
		return m, &lockstep.Error{Code: lockstep.CodeSSODisabled, Detail: "The person is disabled, or not in the directory any more."}
	}
	m.User, m.Person = all[0], Person{User: id, Epoch: all[0].AuthEpoch}
	return m, nil
}

// NameToMatch is a name by which an identity may be somebody of the directory.
type NameToMatch struct{ Attribute, Value, How string }

// NamesToMatch are the names by which an identity that is not linked may be somebody: an e-mail address that is certainly theirs, and the user name
// when the provider is trusted with names. Anybody can give themselves an address at a provider that does not check it (nOAuth).
func NamesToMatch(p Provider, id Identity) []NameToMatch {
	trusted := p.TrustEmail && p.Policy != PolicyVerified
	mail := id.EmailVerified || trusted
	if p.Policy == PolicyVerified && !p.TrustEmail {
		mail = false
	}
	var all []NameToMatch
	if id.Email != "" && mail && strings.Count(id.Email, "@") == 1 {
		all = append(all, NameToMatch{"email", id.Email, "by e-mail address"})
		if p.Policy != PolicyVerified {
			all = append(all, NameToMatch{"userName", id.Email, "by e-mail address as user name"})
		}
	}
	if id.UserName != "" && trusted {
		all = append(all, NameToMatch{"userName", id.UserName, "by user name"})
	}
	return all
}

// Holder is somebody who has a name.
type Holder struct {
	Value  string // the name, folded
	User   lockstep.UserID
	Name   string // what they are called
	Active bool
}

// SharedName is an e-mail address that more than one person has.
type SharedName struct {
	Value string
	Count int
	Some  []Holder
}

// candidates are the people of the directory whom an identity may be.
func (s *Server) candidates(ctx context.Context, t lockstep.TenantID, p Provider, id Identity) ([]directory.User, string, error) {
	var found []directory.User
	how := ""
	for _, n := range NamesToMatch(p, id) {
		users, err := s.Directory.Users(ctx, t, directory.UserQuery{Attribute: n.Attribute, Values: []string{n.Value}})
		if err != nil {
			return nil, "", err
		}
		for _, u := range users {
			if !slices.ContainsFunc(found, func(f directory.User) bool { return f.ID == u.ID }) {
				found = append(found, u)
				how = n.How
			}
		}
	}
	return found, how, nil
}

// namesOf says what an identity is known by.
func namesOf(id Identity) string {
	switch {
	case id.Email != "" && !id.EmailVerified:
		return "“" + clip(id.Email) + "” (an address that the provider has not verified)"
	case id.Email != "":
		return "“" + clip(id.Email) + "”"
	case id.UserName != "":
		return "“" + clip(id.UserName) + "”"
	}
	return "“" + clip(id.Subject) + "”"
}

func (v *visit) match(ctx context.Context, p Provider, id Identity) (match, error) {
	return v.matchOf(ctx, v.site.tenant.ID, p, id)
}

// wantProof has the person sign in in another way before an identity is linked to them.
func (v *visit) wantProof(ctx context.Context, m match, given []ClaimRule) error {
	if v.login.Proof != nil {
		return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "Another identity waits to be linked already."}
	}
	ways, err := v.buttons(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(ways, func(p Provider) bool { return p.ID != m.Link.Provider }) {
		return &lockstep.Error{Code: lockstep.CodeSSORefused, Detail: "There is no other way to sign in, by which you could show who you are."}
	}
	v.login.Proof = &Proof{Link: *m.Link, Name: m.User.Attributes.Text("userName"), Given: given}
	return &lockstep.Error{Code: lockstep.CodeSSOConfirm, Detail: "There is a person with that address already. Sign in as you did before, once."}
}

// add adds somebody to the directory, by what the provider says of them.
func (v *visit) add(ctx context.Context, m *match) error {
	id := v.login.Identity
	u := directory.User{ID: lockstep.NewID[lockstep.UserID]()}
	name := id.UserName
	if name == "" {
		name = id.Email
	}
	if name == "" {
		return &lockstep.Error{Code: lockstep.CodeSSOUnknown, Detail: "The provider gives neither a user name nor an address, so nobody can be added."}
	}
	u.Attributes.Set("userName", name)
	var parts scim.Object
	for _, p := range [][2]string{{"givenName", id.GivenName}, {"familyName", id.FamilyName}} {
		if p[1] != "" {
			parts.Set(p[0], p[1])
		}
	}
	if len(parts) > 0 {
		u.Attributes.Set("name", parts)
	}
	if id.Name != "" {
		u.Attributes.Set("displayName", id.Name)
	}
	if id.Email != "" {
		u.Attributes.Set("emails", scim.List{scim.Object{{Name: "value", Value: id.Email}, {Name: "type", Value: "work"}, {Name: "primary", Value: true}}})
	}
	_, err := v.Directory.Commit(ctx, v.site.tenant.ID, system, "", directory.PutUser{User: u})
	if lockstep.CodeOf(err) == lockstep.CodeConflict {
		return &lockstep.Error{Code: lockstep.CodeSSOAmbiguous, Detail: "There is a person called “" + clip(name) + "” already, who is not known to be you.", Err: err}
	}
	if err != nil {
		return err
	}
	m.Link.User = u.ID
	added, err := v.stands(ctx, v.site.tenant.ID, u.ID, *m)
	*m = added
	return err
}

// domainOf is the domain of an address, folded; "" for what has not exactly one @.
func domainOf(address string) string {
	_, domain, ok := strings.Cut(address, "@")
	if !ok || strings.Contains(domain, "@") {
		return ""
	}
	return filter.Fold(domain)
}
