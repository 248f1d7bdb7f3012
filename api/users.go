package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim"
)

func (s *Server) userRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/users", "list-users", "List or search the directory's people", s.listUsers)
	route(s, a, http.MethodPost, "/users", "create-user", "Create a user", s.createUser)
	route(s, a, http.MethodGet, "/users/{user}", "get-user", "Show a user", s.getUser)
	route(s, a, http.MethodPut, "/users/{user}", "put-user", "Replace a user's attributes", s.putUser)
	route(s, a, http.MethodPatch, "/users/{user}", "patch-user", "Set some of a user's attributes; null removes one (RFC 7396)", s.patchUser)
	command(s, a, http.MethodDelete, "/users/{user}", "delete-user", "Delete a user, restorably unless purged", s.deleteUser)
	route(s, a, http.MethodPost, "/users/{user}/restore", "restore-user", "End a soft delete", s.restoreUser)
}

// search is the common part of requests that list.
type search struct {
	Search  string `query:"search" maxLength:"200" doc:"Part of a name or address, in any case."`
	After   string `query:"after" maxLength:"36" doc:"The next of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Deleted bool   `query:"deleted" doc:"Soft-deleted ones, too."`
}

// scanned is how many objects one search looks at; the answer's next says where it stopped.
const scanned = 20_000

func (s *Server) listUsers(ctx context.Context, c caller, in *search) (list[User], error) {
	out, after := listOf[User](nil), lockstep.UserID(in.After)
	for seen := 0; seen < scanned; {
		page, err := s.Directory.Users(ctx, c.Tenant, directory.UserQuery{After: after, Deleted: in.Deleted, Limit: pageSize(in)})
		if err != nil {
			return out, err
		}
		for _, u := range page {
			if after = u.ID; in.matches(userTexts(u)...) {
				out.Items = append(out.Items, userOf(u))
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

func pageSize(in *search) int {
	if in.Search == "" {
		return in.Limit
	}
	return 500
}

func (in *search) matches(texts ...string) bool {
	if in.Search == "" {
		return true
	}
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), strings.ToLower(in.Search)) {
			return true
		}
	}
	return false
}

func userTexts(u directory.User) []string {
	texts := []string{u.Attributes.Text("userName"), u.Attributes.Text("displayName"), u.Attributes.Text("externalId")}
	emails, _ := u.Attributes.Get("emails").(scim.List)
	for _, e := range emails {
		if o, ok := e.(scim.Object); ok {
			texts = append(texts, o.Text("value"))
		}
	}
	name, _ := u.Attributes.Get("name").(scim.Object)
	return append(texts, name.Text("givenName")+" "+name.Text("familyName"))
}

// UserPath names a user by id, user name, address or external id.
type UserPath struct {
	User string `path:"user" maxLength:"320" doc:"Id, user name, e-mail address or external id."`
}

// findUser finds the one user that the text names. A text that names several is refused: nobody should be disabled by guess.
func (s *Server) findUser(ctx context.Context, t lockstep.TenantID, name string, deleted bool) (directory.User, error) {
	queries := []directory.UserQuery{
		{Attribute: "userName", Values: []string{name}},
		{Attribute: "email", Values: []string{name}},
		{Attribute: "externalId", Values: []string{name}},
	}
	if lockstep.ValidID(name) {
		queries = []directory.UserQuery{{IDs: []lockstep.UserID{lockstep.UserID(name)}}}
	}
	for _, q := range queries {
		q.Deleted, q.Limit = deleted, 2
		found, err := s.Directory.Users(ctx, t, q)
		switch {
		case err != nil:
			return directory.User{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return directory.User{}, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "Several people answer to “" + clip(name) + "”: give the id or the user name."}
		}
	}
	return directory.User{}, notFound("user", name)
}

func (s *Server) getUser(ctx context.Context, c caller, in *UserPath) (User, error) {
	u, err := s.findUser(ctx, c.Tenant, in.User, true)
	return userOf(u), err
}

func (s *Server) createUser(ctx context.Context, c caller, in *struct{ Body Attributes }) (User, error) {
	attributes, err := writable(in.Body, "userName", "groups")
	if err != nil {
		return User{}, err
	}
	u := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: attributes}
	return s.storeUser(ctx, c, u)
}

// writable checks and strips what a caller may not write (RFC 7643 §3.1, §2.2): the server's own attributes.
func writable(a Attributes, required, computed string) (scim.Object, error) {
	o := scim.Object(a).Clone()
	for _, name := range []string{"id", "meta", "schemas", "password", computed} {
		o.Delete(name)
	}
	switch name := o.Text(required); {
	case strings.TrimSpace(name) == "":
		return nil, invalid("The attribute " + required + " is missing.")
	case len(name) > 320:
		return nil, invalid("The attribute " + required + " is longer than 320 bytes.")
	}
	if v := o.Get("active"); v != nil {
		if _, ok := v.(bool); !ok {
			return nil, invalid("The attribute active is neither true nor false.")
		}
	}
	return o, nil
}

// storeUser writes the user, conditionally on its version unless it is new, and returns it as it is kept.
func (s *Server) storeUser(ctx context.Context, c caller, u directory.User) (User, error) {
	if err := s.commit(ctx, c, directory.PutUser{User: u, IfVersion: u.Version}); err != nil {
		return User{}, err
	}
	kept, err := s.findUser(ctx, c.Tenant, string(u.ID), true)
	return userOf(kept), err
}

// commit writes to the directory; the jobs that it concerns start at once.
func (s *Server) commit(ctx context.Context, c caller, changes ...directory.Change) error {
	_, err := s.Directory.Commit(ctx, c.Tenant, c.Actor, "", changes...)
	if err == nil {
		s.wake()
	}
	return err
}

func (s *Server) putUser(ctx context.Context, c caller, in *struct {
	UserPath
	Version int64 `query:"version" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body    Attributes
},
) (User, error) {
	attributes, err := writable(in.Body, "userName", "groups")
	if err != nil {
		return User{}, err
	}
	return s.changeUser(ctx, c, in.User, in.Version, func(scim.Object) (scim.Object, error) { return attributes, nil })
}

func (s *Server) patchUser(ctx context.Context, c caller, in *struct {
	UserPath
	Body MergePatch
},
) (User, error) {
	return s.changeUser(ctx, c, in.User, 0, func(o scim.Object) (scim.Object, error) {
		in.Body.apply(&o)
		return writable(Attributes(o), "userName", "groups")
	})
}

// changeUser reads, changes and writes, again when somebody else was faster and the caller named no version.
func (s *Server) changeUser(ctx context.Context, c caller, name string, version int64, f func(scim.Object) (scim.Object, error)) (User, error) {
	for attempt := 1; ; attempt++ {
		u, err := s.findUser(ctx, c.Tenant, name, false)
		if err != nil {
			return User{}, err
		}
		if version != 0 && version != u.Version {
			return User{}, &lockstep.Error{Code: lockstep.CodeVersion}
		}
		if u.Attributes, err = f(u.Attributes.Clone()); err != nil {
			return User{}, err
		}
		stored, err := s.storeUser(ctx, c, u)
		if version == 0 && attempt < 5 && errors.Is(err, lockstep.ErrVersion) {
			continue
		}
		return stored, err
	}
}

func (s *Server) deleteUser(ctx context.Context, c caller, in *struct {
	UserPath
	Purge bool `query:"purge" doc:"For good, with all that refers to the user."`
},
) error {
	u, err := s.findUser(ctx, c.Tenant, in.User, in.Purge)
	if err != nil {
		return err
	}
	return s.commit(ctx, c, directory.DeleteUser{ID: u.ID, Purge: in.Purge})
}

func (s *Server) restoreUser(ctx context.Context, c caller, in *UserPath) (User, error) {
	u, err := s.findUser(ctx, c.Tenant, in.User, true)
	if err != nil {
		return User{}, err
	}
	if err := s.commit(ctx, c, directory.RestoreUser{ID: u.ID}); err != nil {
		return User{}, err
	}
	u, err = s.findUser(ctx, c.Tenant, string(u.ID), false)
	return userOf(u), err
}
