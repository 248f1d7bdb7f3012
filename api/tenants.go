package api

import (
	"context"

	"lockstep/directory"
	"lockstep/operate"
)

func tenantOf(t directory.Tenant) Tenant {
	return Tenant{ID: t.ID, Slug: t.Slug, Name: t.Name, Created: t.Created}
}

func (s *Server) listTenants(ctx context.Context, p operate.Principal, _ *struct{}) (list[Tenant], error) {
	all, err := s.Operator.ListTenants(ctx, p)
	return mapped(all, "", tenantOf), err
}

// NewTenant is what creates a tenant.
type NewTenant struct {
	Slug string `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

func (s *Server) createTenant(ctx context.Context, p operate.Principal, in *struct{ Body NewTenant }) (Tenant, error) {
	t, err := s.Operator.CreateTenant(ctx, p, in.Body.Slug, in.Body.Name)
	return tenantOf(t), err
}
