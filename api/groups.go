package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
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

func (s *Server) listGroups(ctx context.Context, p operate.Principal, in *Listing) (list[Group], error) {
	found, next, err := s.Operator.Groups(ctx, p, in.domain())
	return mapped(found, next, groupOf), err
}

func (s *Server) getGroup(ctx context.Context, p operate.Principal, in *GroupPath) (Group, error) {
	g, err := s.Operator.Group(ctx, p, in.Group, true)
	if err != nil {
		return Group{}, err
	}
	claims, err := s.Operator.Claims(ctx, p, directory.GroupKind, string(g.ID))
	shown := groupOf(g)
	shown.Claims = claimsOf(claims)
	return shown, err
}

func (s *Server) createGroup(ctx context.Context, p operate.Principal, in *struct{ Body Attributes }) (Group, error) {
	g, err := s.Operator.CreateGroup(ctx, p, scim.Object(in.Body))
	return groupOf(g), err
}

func (s *Server) patchGroup(ctx context.Context, p operate.Principal, in *struct {
	GroupPath
	Body MergePatch
},
) (Group, error) {
	g, err := s.Operator.ChangeGroup(ctx, p, in.Group, in.Body.on)
	return groupOf(g), err
}

func (s *Server) deleteGroup(ctx context.Context, p operate.Principal, in *struct {
	GroupPath
	Purge bool `query:"purge" doc:"For good, with all that refers to the group."`
},
) error {
	return s.Operator.DeleteGroup(ctx, p, in.Group, in.Purge)
}

func (s *Server) restoreGroup(ctx context.Context, p operate.Principal, in *GroupPath) (Group, error) {
	g, err := s.Operator.RestoreGroup(ctx, p, in.Group)
	return groupOf(g), err
}

func (s *Server) listMembers(ctx context.Context, p operate.Principal, in *struct {
	GroupPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
},
) (list[Member], error) {
	all, err := s.Operator.Members(ctx, p, in.Group, in.Limit)
	return mapped(all, "", func(m operate.Named) Member { return Member{Kind: string(m.Kind), ID: m.ID, Name: m.Name} }), err
}

// MemberChange adds and removes members, each named as {group} and {user} are in paths.
type MemberChange struct {
	AddUsers     []string `json:"add_users,omitempty" maxItems:"1000"`
	AddGroups    []string `json:"add_groups,omitempty" maxItems:"1000"`
	RemoveUsers  []string `json:"remove_users,omitempty" maxItems:"1000"`
	RemoveGroups []string `json:"remove_groups,omitempty" maxItems:"1000"`
}

func (s *Server) changeMembers(ctx context.Context, p operate.Principal, in *struct {
	GroupPath
	Body MemberChange
},
) error {
	return s.Operator.ChangeMembers(ctx, p, in.Group, operate.MemberChange(in.Body))
}
