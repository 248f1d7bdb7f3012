package api

import (
	"context"

	"lockstep"
	"lockstep/directory"
)

func tenantOf(t directory.Tenant) Tenant {
	return Tenant{ID: t.ID, Slug: t.Slug, Name: t.Name, Created: t.Created}
}

func (s *Server) listTenants(ctx context.Context, c caller, _ *struct{}) (list[Tenant], error) {
	all, err := s.Tenants.Tenants(ctx)
	if err != nil {
		return list[Tenant]{}, err
	}
	var shown []Tenant
	for _, t := range all {
		if c.Every || t.ID == c.Tenant {
			shown = append(shown, tenantOf(t))
		}
	}
	return listOf(shown), nil
}

// NewTenant is what creates a tenant.
type NewTenant struct {
	Slug string `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

func (s *Server) createTenant(ctx context.Context, c caller, in *struct{ Body NewTenant }) (Tenant, error) {
	if !c.Every {
		return Tenant{}, &lockstep.Error{Code: lockstep.CodeAuthForbidden, Detail: "The token belongs to one tenant and cannot create another."}
	}
	t := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: in.Body.Slug, Name: in.Body.Name, Created: s.now()}
	if err := s.Tenants.CreateTenant(ctx, c.Actor, t); err != nil {
		return Tenant{}, err
	}
	return tenantOf(t), nil
}
