// Package api is the management API: what an administrator sees and changes, as resources under /api/v1, and the Go client
// that the command line uses.
//
// Design. Go types are the contract; the OpenAPI 3.1 document at /api/v1/openapi.json is made from them, and every request is
// checked against it before a handler runs. A handler is a plain function of context, caller and input; it returns a value or
// an error. Errors become RFC 9457 problems in one place (problem.go) and carry our stable code. An app and a source each have
// a job of the same slug, so everything that is about provisioning stands under /jobs/{job}. Changes go through
// directory.Store and provision.Settings, which write the audit row in the same transaction.
//
// Invariants. Nothing is answered without a bearer token but /livez, /readyz, /api/v1/version and the OpenAPI document. A token
// reads and writes its own tenant only, unless it belongs to none: such a token names the tenant in each request. Secrets go in
// and never come out. Every list has an upper bound, every body a size, every stream an end.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/token"
)

// Prefix is the path under which the resources stand.
const Prefix = "/api/v1"

// Server serves the API. All fields but Schemas, SCIM, Now, Log, Version and Ready must be set.
type Server struct {
	Directory directory.Store
	Store     provision.Store
	Settings  provision.Settings
	Tenants   Tenants
	Tokens    Tokens
	Engine    Engine
	Schemas   func(ctx context.Context, t lockstep.TenantID) (*directory.Schemas, error) // those of a tenant's own; nil is none
	SCIM      SCIM                                                                       // nil is no SCIM endpoint
	Gallery   []Template
	Wake      func()                                                                        // called after a change that may give jobs work
	Ready     func(ctx context.Context) error                                               // whether the database answers; nil is always
	Link      func(ctx context.Context, t lockstep.TenantID, holder string) (string, error) // a one-time link into the console; nil is no console
	Local     string                                                                        // a token that may do everything, made for this process alone; "" is none
	Version   string
	Now       func() time.Time // nil is time.Now
	Log       *slog.Logger     // nil is slog.Default()
}

// Engine is what the API asks of provision.Engine.
type Engine interface {
	Preview(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, f func(plan.Action) error) (provision.Counts, error)
	Explain(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, ref connection.Ref) (provision.Explanation, error)
	Test(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, report func(connection.Check)) error
	Progress(job lockstep.JobID) (provision.Cycle, bool)
}

// Tenants keeps the tenants.
type Tenants interface {
	Tenants(ctx context.Context) ([]directory.Tenant, error)
	Tenant(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error)
	TenantBySlug(ctx context.Context, slug string) (directory.Tenant, error)
	// CreateTenant keeps a new tenant; a slug that is taken gives lockstep.ErrConflict.
	CreateTenant(ctx context.Context, by audit.Actor, t directory.Tenant) error
}

// TokenEntry is a token as it is kept, with what people want to know about it.
type TokenEntry struct {
	token.Token
	Tenant  lockstep.TenantID // "" is every tenant
	Name    string
	Created time.Time

	LastUsed   time.Time // zero is never
	FormerUsed time.Time // the secret of before the last rotation; zero is never since then
	Strict     bool      // what its holder sends by SCIM is examined
}

// Tokens keeps bearer tokens.
type Tokens interface {
	// FindToken returns a token that is not revoked, or lockstep.ErrNotFound.
	FindToken(ctx context.Context, id lockstep.TokenID) (TokenEntry, error)
	// UseToken notes that the token was used, by which of its secrets.
	UseToken(ctx context.Context, e TokenEntry, half token.Half) error
	// ListTokens returns those that are not revoked.
	ListTokens(ctx context.Context, t lockstep.TenantID) ([]TokenEntry, error)
	PutToken(ctx context.Context, by audit.Actor, e TokenEntry) error
	// RotateToken keeps the token that was made by rotating one whose secret had the hash from; lockstep.ErrVersion when it has
	// another one by now.
	RotateToken(ctx context.Context, by audit.Actor, t lockstep.TenantID, from token.Hash, next token.Token) error
	// SetStrict says whether what the token's holder sends by SCIM is examined.
	SetStrict(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID, strict bool) error
	RevokeToken(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID) error
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

func (s *Server) wake() {
	if s.Wake != nil {
		s.Wake()
	}
}

// Handler returns the API with its health checks. It expects to be wrapped in a web.Surface.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	a := newHuma(mux, s.Version)
	s.tenantRoutes(a)
	s.tokenRoutes(a)
	s.userRoutes(a)
	s.groupRoutes(a)
	s.schemaRoutes(a)
	s.galleryRoutes(a)
	s.appRoutes(a)
	s.sourceRoutes(a)
	s.assignmentRoutes(a)
	s.jobRoutes(a)
	s.planRoutes(a)
	s.logRoutes(a)
	s.eventRoutes(a)
	s.scimRoutes(a)
	return s.authenticate(mux)
}
