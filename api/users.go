package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
)

func (s *Server) userRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/users", "list-users", "List or search the directory's people", s.listUsers)
	route(s, a, http.MethodPost, "/users", "create-user", "Create a user", s.createUser)
	route(s, a, http.MethodGet, "/users/{user}", "get-user", "Show a user", s.getUser)
	route(s, a, http.MethodPut, "/users/{user}", "put-user", "Replace a user's attributes", s.putUser)
	route(s, a, http.MethodPatch, "/users/{user}", "patch-user", "Set some of a user's attributes; null removes one (RFC 7396)", s.patchUser)
	command(s, a, http.MethodDelete, "/users/{user}", "delete-user", "Delete a user, restorably unless purged", s.deleteUser)
	command(s, a, http.MethodPut, "/users/{user}/password", "set-user-password", "Give a user a password for the provider that keeps passwords here; their sessions end", s.setUserPassword)
	route(s, a, http.MethodPost, "/users/{user}/temporary-password", "set-temporary-password", "Give a user a password that they have to change at the first sign-in; their sessions end", s.setTemporaryPassword)
	route(s, a, http.MethodPost, "/users/{user}/restore", "restore-user", "End a soft delete", s.restoreUser)
}

// Listing is the common part of requests that list.
type Listing struct {
	Search  string `query:"search" maxLength:"200" doc:"Part of a name, address or external id, in any case. Of people: at least three letters; fewer are the beginning of the user name."`
	After   string `query:"after" maxLength:"1000" doc:"The next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Deleted bool   `query:"deleted" doc:"Soft-deleted ones, too."`
}

func (in *Listing) domain() operate.Search {
	return operate.Search{Text: in.Search, After: in.After, Limit: in.Limit, Deleted: in.Deleted}
}

// userSearch selects people.
type userSearch struct {
	Listing
	State string `query:"state" enum:"active,disabled,deleted" doc:"Only people in this state."`
}

func (s *Server) listUsers(ctx context.Context, p operate.Principal, in *userSearch) (list[User], error) {
	q := in.domain()
	q.State = directory.UserState(in.State)
	page, err := s.Operator.Users(ctx, p, q)
	out := mapped(page.Users, page.Next, userOf)
	out.Notice = page.Notice
	return out, err
}

// UserPath names a user by id, user name, address or external id.
type UserPath struct {
	User string `path:"user" maxLength:"320" doc:"Id, user name, e-mail address or external id."`
}

func (s *Server) getUser(ctx context.Context, p operate.Principal, in *UserPath) (User, error) {
	u, err := s.Operator.User(ctx, p, in.User, true)
	if err != nil {
		return User{}, err
	}
	claims, err := s.Operator.Claims(ctx, p, directory.UserKind, string(u.ID))
	shown := userOf(u)
	shown.Claims = claimsOf(claims)
	return shown, err
}

func (s *Server) setUserPassword(ctx context.Context, p operate.Principal, in *struct {
	UserPath
	Body OwnerPassword
},
) error {
	return s.Operator.SetUserPassword(ctx, p, in.User, in.Body.Password)
}

// NewTemporaryPassword is what a temporary password is to be.
type NewTemporaryPassword struct {
	Password string `json:"password,omitempty" maxLength:"1000" doc:"At least 12 characters; without it one is made."`
	Hours    int    `json:"hours,omitempty" minimum:"1" maximum:"720" doc:"How long it holds unless it is changed before; 72 when absent."`
}

// TemporaryPassword is a password that its user has to change at the first sign-in, before it ends.
type TemporaryPassword struct {
	Password string    `json:"password" doc:"Told this once."`
	Ends     time.Time `json:"ends"`
}

func (s *Server) setTemporaryPassword(ctx context.Context, p operate.Principal, in *struct {
	UserPath
	Body NewTemporaryPassword
},
) (TemporaryPassword, error) {
	t, err := s.Operator.SetTemporaryPassword(ctx, p, in.User, in.Body.Password, in.Body.Hours)
	if err != nil {
		return TemporaryPassword{}, err
	}
	return TemporaryPassword{t.Text, t.Ends}, nil
}

func (s *Server) createUser(ctx context.Context, p operate.Principal, in *struct{ Body Attributes }) (User, error) {
	u, err := s.Operator.CreateUser(ctx, p, scim.Object(in.Body))
	return userOf(u), err
}

func (s *Server) putUser(ctx context.Context, p operate.Principal, in *struct {
	UserPath
	Version int64 `query:"version" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body    Attributes
},
) (User, error) {
	u, err := s.Operator.ChangeUser(ctx, p, in.User, in.Version, func(scim.Object) scim.Object { return scim.Object(in.Body) })
	return userOf(u), err
}

func (s *Server) patchUser(ctx context.Context, p operate.Principal, in *struct {
	UserPath
	Body MergePatch
},
) (User, error) {
	u, err := s.Operator.ChangeUser(ctx, p, in.User, 0, in.Body.on)
	return userOf(u), err
}

func (s *Server) deleteUser(ctx context.Context, p operate.Principal, in *struct {
	UserPath
	Purge bool `query:"purge" doc:"For good, with all that refers to the user."`
},
) error {
	return s.Operator.DeleteUser(ctx, p, in.User, in.Purge)
}

func (s *Server) restoreUser(ctx context.Context, p operate.Principal, in *UserPath) (User, error) {
	u, err := s.Operator.RestoreUser(ctx, p, in.User)
	return userOf(u), err
}
