package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/directory"
)

func (s *Server) groupRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/groups", "list-groups", "List or search the directory's groups", s.listGroups)
	route(s, a, http.MethodPost, "/groups", "create-group", "Create a group", s.createGroup)
	route(s, a, http.MethodGet, "/groups/{group}", "get-group", "Show a group", s.getGroup)
	route(s, a, http.MethodPatch, "/groups/{group}", "patch-group", "Set some of a group's attributes; null removes one (RFC 7396)", s.patchGroup)
	command(s, a, http.MethodDelete, "/groups/{group}", "delete-group", "Delete a group, restorably unless purged", s.deleteGroup)
	route(s, a, http.MethodPost, "/groups/{group}/restore", "restore-group", "End a soft delete", s.restoreGroup)
	route(s, a, http.MethodGet, "/groups/{group}/members", "list-members", "List a group's direct members", s.listMembers)
	command(s, a, http.MethodPost, "/groups/{group}/members", "change-members", "Add and remove members", s.changeMembers)
}

// GroupPath names a group in a path.
type GroupPath struct {
	Group string `path:"group" maxLength:"320" doc:"Id, display name or external id."`
}

func (s *Server) findGroup(ctx context.Context, t lockstep.TenantID, name string, deleted bool) (directory.Group, error) {
	queries := []directory.GroupQuery{
		{Attribute: "displayName", Values: []string{name}}, {Attribute: "externalId", Values: []string{name}},
	}
	if lockstep.ValidID(name) {
		queries = []directory.GroupQuery{{IDs: []lockstep.GroupID{lockstep.GroupID(name)}}}
	}
	for _, q := range queries {
		q.Deleted, q.Limit = deleted, 2
		found, err := s.Directory.Groups(ctx, t, q)
		switch {
		case err != nil:
			return directory.Group{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return directory.Group{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "Several groups are called “" + clip(name) + "”: give the id."}
		}
	}
	return directory.Group{}, notFound("group", name)
}

func (s *Server) listGroups(ctx context.Context, c caller, in *search) (list[Group], error) {
	out, after := listOf[Group](nil), lockstep.GroupID(in.After)
	for seen := 0; seen < scanned; {
		page, err := s.Directory.Groups(ctx, c.Tenant, directory.GroupQuery{After: after, Deleted: in.Deleted, Limit: pageSize(in)})
		if err != nil {
			return out, err
		}
		for _, g := range page {
			if after = g.ID; in.matches(g.Attributes.Text("displayName"), g.Attributes.Text("externalId")) {
				out.Items = append(out.Items, groupOf(g))
			}
			if len(out.Items) == in.Limit {
				out.Next = string(after)
				return out, nil
			}
		}
		if len(page) < pageSize(in) {
			return out, nil
		}
		seen += len(page)
	}
	out.Next = string(after)
	return out, nil
}

func (s *Server) getGroup(ctx context.Context, c caller, in *GroupPath) (Group, error) {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, true)
	return groupOf(g), err
}

func (s *Server) createGroup(ctx context.Context, c caller, in *struct{ Body Attributes }) (Group, error) {
	attributes, err := writable(in.Body, "displayName", "members")
	if err != nil {
		return Group{}, err
	}
	return s.storeGroup(ctx, c, directory.Group{ID: lockstep.NewID[lockstep.GroupID](), Attributes: attributes})
}

func (s *Server) storeGroup(ctx context.Context, c caller, g directory.Group) (Group, error) {
	if err := s.commit(ctx, c, directory.PutGroup{Group: g, IfVersion: g.Version}); err != nil {
		return Group{}, err
	}
	kept, err := s.findGroup(ctx, c.Tenant, string(g.ID), true)
	return groupOf(kept), err
}

func (s *Server) patchGroup(ctx context.Context, c caller, in *struct {
	GroupPath
	Body MergePatch
},
) (Group, error) {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, false)
	if err != nil {
		return Group{}, err
	}
	o := g.Attributes.Clone()
	in.Body.apply(&o)
	if g.Attributes, err = writable(Attributes(o), "displayName", "members"); err != nil {
		return Group{}, err
	}
	return s.storeGroup(ctx, c, g)
}

func (s *Server) deleteGroup(ctx context.Context, c caller, in *struct {
	GroupPath
	Purge bool `query:"purge" doc:"For good, with all that refers to the group."`
},
) error {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, in.Purge)
	if err != nil {
		return err
	}
	return s.commit(ctx, c, directory.DeleteGroup{ID: g.ID, Purge: in.Purge})
}

func (s *Server) restoreGroup(ctx context.Context, c caller, in *GroupPath) (Group, error) {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, true)
	if err != nil {
		return Group{}, err
	}
	if err := s.commit(ctx, c, directory.RestoreGroup{ID: g.ID}); err != nil {
		return Group{}, err
	}
	g, err = s.findGroup(ctx, c.Tenant, string(g.ID), false)
	return groupOf(g), err
}

func (s *Server) listMembers(ctx context.Context, c caller, in *struct {
	GroupPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
},
) (list[Member], error) {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, true)
	if err != nil {
		return list[Member]{}, err
	}
	members, err := s.Directory.Members(ctx, c.Tenant, directory.MemberQuery{Groups: []lockstep.GroupID{g.ID}, Limit: in.Limit})
	if err != nil {
		return list[Member]{}, err
	}
	names, err := s.names(ctx, c.Tenant, members)
	if err != nil {
		return list[Member]{}, err
	}
	out := listOf[Member](nil)
	for _, m := range members {
		out.Items = append(out.Items, Member{Kind: string(m.Kind), ID: m.ID, Name: names[m.ID]})
	}
	return out, nil
}

// names returns the names of users and groups by id, asking once for each kind and 500.
func (s *Server) names(ctx context.Context, t lockstep.TenantID, of []directory.Member) (map[string]string, error) {
	names := make(map[string]string, len(of))
	for start := 0; start < len(of); start += 500 {
		var users []lockstep.UserID
		var groups []lockstep.GroupID
		for _, m := range of[start:min(start+500, len(of))] {
			if m.Kind == directory.GroupKind {
				groups = append(groups, lockstep.GroupID(m.ID))
			} else {
				users = append(users, lockstep.UserID(m.ID))
			}
		}
		if err := s.addNames(ctx, t, users, groups, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (s *Server) addNames(ctx context.Context, t lockstep.TenantID, users []lockstep.UserID, groups []lockstep.GroupID, names map[string]string) error {
	if len(users) > 0 {
		found, err := s.Directory.Users(ctx, t, directory.UserQuery{IDs: users, Deleted: true, Limit: len(users)})
		if err != nil {
			return err
		}
		for _, u := range found {
			names[string(u.ID)] = u.Attributes.Text("userName")
		}
	}
	if len(groups) > 0 {
		found, err := s.Directory.Groups(ctx, t, directory.GroupQuery{IDs: groups, Deleted: true, Limit: len(groups)})
		if err != nil {
			return err
		}
		for _, g := range found {
			names[string(g.ID)] = g.Attributes.Text("displayName")
		}
	}
	return nil
}

// MemberChange adds and removes members, each named as {group} and {user} are in paths.
type MemberChange struct {
	AddUsers     []string `json:"add_users,omitempty" maxItems:"1000"`
	AddGroups    []string `json:"add_groups,omitempty" maxItems:"1000"`
	RemoveUsers  []string `json:"remove_users,omitempty" maxItems:"1000"`
	RemoveGroups []string `json:"remove_groups,omitempty" maxItems:"1000"`
}

func (s *Server) changeMembers(ctx context.Context, c caller, in *struct {
	GroupPath
	Body MemberChange
},
) error {
	g, err := s.findGroup(ctx, c.Tenant, in.Group, false)
	if err != nil {
		return err
	}
	add, err := s.principals(ctx, c.Tenant, in.Body.AddUsers, in.Body.AddGroups)
	if err != nil {
		return err
	}
	remove, err := s.principals(ctx, c.Tenant, in.Body.RemoveUsers, in.Body.RemoveGroups)
	if err != nil {
		return err
	}
	var all []directory.Change
	if len(add) > 0 {
		all = append(all, directory.AddMembers{Group: g.ID, Members: add})
	}
	if len(remove) > 0 {
		all = append(all, directory.RemoveMembers{Group: g.ID, Members: remove})
	}
	if len(all) == 0 {
		return invalid("The request adds and removes nobody.")
	}
	return s.commit(ctx, c, all...)
}

func (s *Server) principals(ctx context.Context, t lockstep.TenantID, users, groups []string) ([]directory.Member, error) {
	var out []directory.Member
	for _, name := range users {
		u, err := s.findUser(ctx, t, name, false)
		if err != nil {
			return nil, err
		}
		out = append(out, directory.Member{Kind: directory.UserKind, ID: string(u.ID)})
	}
	for _, name := range groups {
		g, err := s.findGroup(ctx, t, name, false)
		if err != nil {
			return nil, err
		}
		out = append(out, directory.Member{Kind: directory.GroupKind, ID: string(g.ID)})
	}
	return out, nil
}
