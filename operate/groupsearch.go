package operate

import (
	"context"
	"slices"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim/filter"
)

// FindGroups searches the directory's groups: by a part of a name, who has them, and the app that they are assigned to.
func (o *Operator) FindGroups(ctx context.Context, p Principal, q directory.GroupSearch) (directory.GroupsFound, error) {
	if err := p.may(PeopleRead); err != nil {
		return directory.GroupsFound{}, err
	}
	return o.GroupFinder.FindGroups(ctx, p.Tenant, q)
}

// MembersFound is a page of a group's direct members. The groups within it are all on the first page.
type MembersFound struct {
	Groups []directory.Group
	Users  []directory.User
	Next   string // Search.After of the next page; "" at the end
	Notice string // as of PeoplePage
}

// nestedShown is how many groups within a group are read.
const nestedShown = 1000

// searchRounds is how many pages of a search for people are held against a group at most.
const searchRounds = 20

// FindMembers lists or searches the direct members of a group.
func (o *Operator) FindMembers(ctx context.Context, p Principal, group string, s Search) (MembersFound, error) {
	var out MembersFound
	g, err := o.Group(ctx, p, group, true)
	if err != nil {
		return out, err
	}
	if s.After == "" {
		if out.Groups, err = o.nested(ctx, p, g.ID, s.Text); err != nil {
			return out, err
		}
	}
	if s.Text == "" {
		members, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}, Kind: directory.UserKind, After: directory.Member{Group: g.ID, ID: s.After}, Limit: s.Limit})
		if err != nil {
			return out, err
		}
		if len(members) == s.Limit {
			out.Next = members[len(members)-1].ID
		}
		out.Users, err = o.usersOf(ctx, p, members)
		return out, err
	}
	for range searchRounds {
		page, err := o.Users(ctx, p, Search{Text: s.Text, After: s.After, Limit: 500})
		if err != nil {
			return out, err
		}
		out.Notice = page.Notice
		within, err := o.within(ctx, p, g.ID, page.Users)
		if err != nil {
			return out, err
		}
		out.Users = append(out.Users, within...)
		s.After, out.Next = page.Next, page.Next
		if page.Next == "" || len(out.Users) >= s.Limit {
			break
		}
	}
	return out, nil
}

// nested are the groups directly within a group that have a text in their names.
func (o *Operator) nested(ctx context.Context, p Principal, id lockstep.GroupID, text string) ([]directory.Group, error) {
	members, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{Groups: []lockstep.GroupID{id}, Kind: directory.GroupKind, Limit: nestedShown})
	if err != nil || len(members) == 0 {
		return nil, err
	}
	ids := make([]lockstep.GroupID, len(members))
	for i, m := range members {
		ids[i] = lockstep.GroupID(m.ID)
	}
	all, err := o.Directory.Groups(ctx, p.Tenant, directory.GroupQuery{IDs: ids, Deleted: true})
	name := func(g directory.Group) string { return filter.Fold(g.Attributes.Text("displayName")) }
	all = slices.DeleteFunc(all, func(g directory.Group) bool { return !strings.Contains(name(g), filter.Fold(text)) })
	slices.SortFunc(all, func(a, b directory.Group) int { return strings.Compare(name(a), name(b)) })
	return all, err
}

func (o *Operator) usersOf(ctx context.Context, p Principal, members []directory.Member) ([]directory.User, error) {
	if len(members) == 0 {
		return nil, nil
	}
	ids := make([]lockstep.UserID, len(members))
	for i, m := range members {
		ids[i] = lockstep.UserID(m.ID)
	}
	users, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: ids, Deleted: true})
	name := func(u directory.User) string { return filter.Fold(u.Attributes.Text("userName")) }
	slices.SortFunc(users, func(a, b directory.User) int { return strings.Compare(name(a), name(b)) })
	return users, err
}

// within are those of the users who are direct members of a group.
func (o *Operator) within(ctx context.Context, p Principal, id lockstep.GroupID, users []directory.User) ([]directory.User, error) {
	if len(users) == 0 {
		return nil, nil
	}
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = string(u.ID)
	}
	members, err := o.Directory.Members(ctx, p.Tenant, directory.MemberQuery{Groups: []lockstep.GroupID{id}, IDs: ids, Kind: directory.UserKind, Limit: len(ids)})
	there := map[string]bool{}
	for _, m := range members {
		there[m.ID] = true
	}
	return slices.DeleteFunc(users, func(u directory.User) bool { return !there[string(u.ID)] }), err
}

// PeopleWithin returns the ids of the people in a group, with nested also of those in groups within it, at most so many; more says that there
// are others.
func (o *Operator) PeopleWithin(ctx context.Context, p Principal, group string, nested bool, most int) (ids []string, more bool, err error) {
	g, err := o.Group(ctx, p, group, true)
	if err != nil {
		return nil, false, err
	}
	seen, groups := map[string]bool{string(g.ID): true}, []lockstep.GroupID{g.ID}
	for len(groups) > 0 {
		q := directory.MemberQuery{Groups: groups, Limit: 10_000}
		if !nested {
			q.Kind = directory.UserKind
		}
		groups = nil
		for {
			members, err := o.Directory.Members(ctx, p.Tenant, q)
			if err != nil {
				return nil, false, err
			}
			for _, m := range members {
				if seen[m.ID] {
					continue
				}
				seen[m.ID] = true
				if m.Kind == directory.GroupKind {
					groups = append(groups, lockstep.GroupID(m.ID))
					continue
				}
				if len(ids) == most {
					return ids, true, nil
				}
				ids = append(ids, m.ID)
			}
			if len(members) < q.Limit {
				break
			}
			q.After = members[len(members)-1]
		}
	}
	return ids, false, nil
}
