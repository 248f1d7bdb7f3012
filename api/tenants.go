package api

import (
	"context"

	"lockstep/directory"
	"lockstep/operate"
)

func tenantOf(t directory.Tenant) Tenant {
	return Tenant{ID: t.ID, Slug: t.Slug, Name: t.Name, Created: t.Created, Managed: t.Managed}
}

func (s *Server) listTenants(ctx context.Context, p operate.Principal, _ *struct{}) (list[Tenant], error) {
	all, err := s.Operator.ListTenants(ctx, p)
	return mapped(all, "", tenantOf), err
}

// NewTenant is what creates a tenant.
type NewTenant struct {
	Slug    string `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name    string `json:"name" minLength:"1" maxLength:"200"`
	Managed bool   `json:"managed,omitempty" doc:"Owners of the server may come into it."`
}

func (s *Server) createTenant(ctx context.Context, p operate.Principal, in *struct{ Body NewTenant }) (Tenant, error) {
	t, err := s.Operator.CreateTenant(ctx, p, in.Body.Slug, in.Body.Name, in.Body.Managed)
	return tenantOf(t), err
}

// TenantPath names a tenant.
type TenantPath struct {
	Tenant string `path:"tenant" maxLength:"80" doc:"Short name or id."`
}

func (s *Server) getTenant(ctx context.Context, p operate.Principal, in *TenantPath) (Tenant, error) {
	t, err := s.Operator.TenantCalled(ctx, p, in.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	l, err := s.Operator.LookAtTenant(ctx, p, t)
	out := tenantOf(t)
	out.Has = l.Has()
	return out, err
}

// TenantChange is what is changed of a tenant; what is left out stays.
type TenantChange struct {
	Name    *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Managed *bool   `json:"managed,omitempty" doc:"Owners of the server may come into it. Only its own owners, and tokens that belong to no tenant, allow it."`
}

func (s *Server) changeTenant(ctx context.Context, p operate.Principal, in *struct {
	TenantPath
	Body TenantChange
},
) (Tenant, error) {
	t, err := s.Operator.ChangeTenant(ctx, p, in.Tenant, operate.TenantChange{Name: in.Body.Name, Managed: in.Body.Managed})
	return tenantOf(t), err
}

func (s *Server) removeTenant(ctx context.Context, p operate.Principal, in *TenantPath) error {
	return s.Operator.RemoveTenant(ctx, p, in.Tenant)
}
