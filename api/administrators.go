package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
)

func (s *Server) administratorRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/administrators", "list-administrators", "List who may enter the console by signing in", s.listAdministrators)
	route(s, a, http.MethodPost, "/administrators", "add-administrator", "Give a user, or whoever is in a group, a role", s.addAdministrator)
	command(s, a, http.MethodDelete, "/administrators/{administrator}", "remove-administrator", "Take a role away", s.removeAdministrator)
	route(s, a, http.MethodGet, "/owners", "list-owners", "List the local owners, whom no identity provider can lock out", s.listOwners)
	route(s, a, http.MethodPost, "/owners", "add-owner", "Add a local owner", s.addOwner)
	command(s, a, http.MethodPut, "/owners/{owner}/password", "set-owner-password", "Give a local owner another password; their sessions end", s.setOwnerPassword)
	command(s, a, http.MethodDelete, "/owners/{owner}", "remove-owner", "Remove a local owner", s.removeOwner)
}

// Administrator is a role that a user, or whoever is in a group, has.
type Administrator struct {
	ID      operate.AdminID `json:"id"`
	Kind    directory.Kind  `json:"kind" doc:"User or Group."`
	Of      string          `json:"of" doc:"Id of the user or group."`
	Name    string          `json:"name"`
	Role    operate.Role    `json:"role,omitempty" doc:"Absent when the rights are spelled out."`
	Apps    []string        `json:"apps,omitempty" doc:"The apps and sources that the rights are limited to."`
	Scopes  []string        `json:"scopes"`
	Gone    bool            `json:"gone,omitempty" doc:"The user or group is disabled or deleted, so it gives nobody anything."`
	Created time.Time       `json:"created"`
}

func administratorOf(a operate.Administrator) Administrator {
	v := Administrator{ID: a.ID, Kind: a.Kind, Of: a.Of, Name: a.Name, Role: a.Role, Apps: a.Apps(), Scopes: []string{}, Gone: a.Gone, Created: a.Created}
	for _, sc := range a.Rights {
		v.Scopes = append(v.Scopes, string(sc))
	}
	return v
}

func (s *Server) listAdministrators(ctx context.Context, p operate.Principal, _ *struct{}) (list[Administrator], error) {
	all, err := s.Operator.Administrators(ctx, p)
	return mapped(all, "", administratorOf), err
}

// NewAdministrator says who is given a role.
type NewAdministrator struct {
	User   string   `json:"user,omitempty" maxLength:"320" doc:"Id, user name or e-mail address."`
	Group  string   `json:"group,omitempty" maxLength:"320" doc:"Or the id or name of a group."`
	Role   string   `json:"role,omitempty" maxLength:"40" doc:"owner, user-management-admin, operator, app-operator or auditor."`
	Apps   []string `json:"apps,omitempty" maxItems:"50" doc:"Short names of apps and sources; only of an app-operator."`
	Scopes string   `json:"scopes,omitempty" maxLength:"2000" doc:"In place of a role, divided by blanks, such as \"apps:write@webex people:read\"."`
}

func (s *Server) addAdministrator(ctx context.Context, p operate.Principal, in *struct{ Body NewAdministrator }) (Administrator, error) {
	b := in.Body
	a, err := s.Operator.AddAdministrator(ctx, p, operate.NewAdministrator{User: b.User, Group: b.Group, Role: operate.Role(b.Role), Apps: b.Apps, Scopes: b.Scopes})
	return administratorOf(a), err
}

func (s *Server) removeAdministrator(ctx context.Context, p operate.Principal, in *struct {
	Administrator string `path:"administrator" maxLength:"320"`
},
) error {
	return s.Operator.RemoveAdministrator(ctx, p, in.Administrator)
}

// Owner is a local owner.
type Owner struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Created  time.Time  `json:"created"`
	Changed  time.Time  `json:"password_changed"`
	LastUsed *time.Time `json:"last_used,omitempty"`
}

func ownerOf(l operate.LocalOwner) Owner {
	return Owner{ID: l.ID, Name: l.Name, Created: l.Created, Changed: l.Changed, LastUsed: instant(l.Used)}
}

func (s *Server) listOwners(ctx context.Context, p operate.Principal, _ *struct{}) (list[Owner], error) {
	all, err := s.Operator.LocalOwners(ctx, p)
	return mapped(all, "", ownerOf), err
}

// NewOwner is what makes a local owner.
type NewOwner struct {
	Name     string `json:"name" minLength:"1" maxLength:"100"`
	Password string `json:"password" maxLength:"1000" doc:"At least 12 characters."`
}

func (s *Server) addOwner(ctx context.Context, p operate.Principal, in *struct{ Body NewOwner }) (Owner, error) {
	l, err := s.Operator.AddOwner(ctx, p, in.Body.Name, in.Body.Password)
	return ownerOf(l), err
}

// OwnerPassword is another password, of a local owner or of a user.
type OwnerPassword struct {
	Password string `json:"password" maxLength:"1000" doc:"At least 12 characters."`
}

func (s *Server) setOwnerPassword(ctx context.Context, p operate.Principal, in *struct {
	Owner string `path:"owner" maxLength:"100"`
	Body  OwnerPassword
},
) error {
	return s.Operator.SetOwnerPassword(ctx, p, in.Owner, in.Body.Password)
}

func (s *Server) removeOwner(ctx context.Context, p operate.Principal, in *struct {
	Owner string `path:"owner" maxLength:"100"`
},
) error {
	return s.Operator.RemoveOwner(ctx, p, in.Owner)
}

// Administrators lists who may enter the console by signing in.
func (c *Client) Administrators(ctx context.Context) ([]Administrator, error) {
	out, err := call[list[Administrator]](ctx, c, http.MethodGet, at("administrators"), nil, nil)
	return out.Items, err
}

// AddAdministrator gives a role.
func (c *Client) AddAdministrator(ctx context.Context, in NewAdministrator) (Administrator, error) {
	return call[Administrator](ctx, c, http.MethodPost, at("administrators"), nil, in)
}

// RemoveAdministrator takes a role away, named by its id or by whoever has it.
func (c *Client) RemoveAdministrator(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("administrators", name), nil, nil)
	return err
}

// Owners lists the local owners.
func (c *Client) Owners(ctx context.Context) ([]Owner, error) {
	out, err := call[list[Owner]](ctx, c, http.MethodGet, at("owners"), nil, nil)
	return out.Items, err
}

// AddOwner adds a local owner.
func (c *Client) AddOwner(ctx context.Context, in NewOwner) (Owner, error) {
	return call[Owner](ctx, c, http.MethodPost, at("owners"), nil, in)
}

// SetOwnerPassword gives a local owner another password.
func (c *Client) SetOwnerPassword(ctx context.Context, name, password string) error {
	_, err := call[struct{}](ctx, c, http.MethodPut, at("owners", name, "password"), nil, OwnerPassword{password})
	return err
}

// RemoveOwner removes a local owner.
func (c *Client) RemoveOwner(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("owners", name), nil, nil)
	return err
}
