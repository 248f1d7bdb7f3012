package sso

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Mapping says what an application is told of a person under a name: an attribute of an assertion, or a header of a request.
type Mapping struct {
	Name     string // of the attribute or header
	Friendly string `json:",omitempty"` // FriendlyName of SAML
	From     string // a claim of OpenID Connect, groups, or the path of an attribute of the directory
}

// maxGroups is how many groups of a person an application is told at most.
const maxGroups = 500

// ParseMapping reads name=from or name:friendly=from, as commands and forms have it. A name may be a URN, so the last colon counts, and only
// when what follows it has neither a digit first nor a slash.
func ParseMapping(text string) (Mapping, error) {
	name, from, found := strings.Cut(text, "=")
	m := Mapping{Name: strings.TrimSpace(name), From: strings.TrimSpace(from)}
	if name, friendly, has := strings.Cut(m.Name, "|"); has {
		m.Name, m.Friendly = strings.TrimSpace(name), strings.TrimSpace(friendly)
	}
	if !found || m.Name == "" || m.From == "" {
		return m, invalid("“" + clip(text) + "” is not of the form name=attribute.")
	}
	return m, m.check("")
}

// String is what ParseMapping reads.
func (m Mapping) String() string {
	if m.Friendly != "" {
		return m.Name + "|" + m.Friendly + "=" + m.From
	}
	return m.Name + "=" + m.From
}

// isClaim reports whether a mapping takes a claim rather than an attribute.
func isClaim(from string) bool {
	return from == "sub" || from == "groups" || slices.Contains(claimsOfScope("profile"), from) || slices.Contains(claimsOfScope("email"), from)
}

func (m Mapping) check(field string) error {
	if m.Name == "" || len(m.Name) > 500 || len(m.Friendly) > 200 || strings.ContainsFunc(m.Name+m.Friendly, notVSCHAR) {
		return invalidIn(field, "The name of an attribute has 1 to 500 printable characters.")
	}
	if isClaim(m.From) {
		return nil
	}
	p, err := filter.ParsePath(m.From)
	if err != nil || len(m.From) > 500 || strings.EqualFold(p.Attr, "password") {
		return invalidIn(field, "“"+clip(m.From)+"” is neither a claim (sub, name, given_name, family_name, preferred_username, email, locale, groups) nor an attribute of the directory.")
	}
	return nil
}

// valuesOf is what a mapping says of a person. nil is nothing.
func (s *Server) valuesOf(ctx context.Context, x site, u directory.User, from string) ([]string, error) {
	switch {
	case from == "sub":
		return []string{string(u.ID)}, nil
	case from == "groups":
		return s.groupsOf(ctx, x.tenant.ID, u.ID)
	case isClaim(from):
		claims, err := s.claims(ctx, x, u.ID, []string{from})
		if err != nil || claims[from] == nil {
			return nil, err
		}
		return []string{fmt.Sprint(claims[from])}, nil
	}
	p, err := filter.ParsePath(from)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, v := range scim.Values(u.Attributes, p) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case bool, float64, int64, int:
			all = append(all, fmt.Sprint(v))
		}
	}
	return all, nil
}

// groupsOf are the names of a person's groups, in order. A nested group says nothing of those that it is in.
func (s *Server) groupsOf(ctx context.Context, t lockstep.TenantID, u lockstep.UserID) ([]string, error) {
	members, err := s.Directory.Members(ctx, t, directory.MemberQuery{IDs: []string{string(u)}, Kind: directory.UserKind, Limit: maxGroups})
	if err != nil {
		return nil, err
	}
	names, err := s.groupsGiven(ctx, t, u)
	if err != nil || len(members) == 0 {
		slices.Sort(names)
		return slices.Compact(names), err
	}
	ids := make([]lockstep.GroupID, len(members))
	for i, m := range members {
		ids[i] = m.Group
	}
	groups, err := s.Directory.Groups(ctx, t, directory.GroupQuery{IDs: ids, Limit: maxGroups})
	for _, g := range groups {
		if name := g.Attributes.Text("displayName"); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), err
}
