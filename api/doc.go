// Package api is the management API: what an administrator sees and changes, as resources under /api/v1, and the Go client
// that the command line uses.
//
// Design. Go types are the contract; the OpenAPI 3.1 document at /api/v1/openapi.json is made from them, and every request is
// checked against it before a handler runs. A handler is a plain function of context, principal and input: it calls one
// function of package operate and translates. Errors become RFC 9457 problems in one place (problem.go) and carry our stable code. An app and a source each have
// a job of the same slug, so everything that is about provisioning stands under /jobs/{job}. What may be done, and what it
// does, is decided in package operate.
//
// Invariants. Nothing is answered without a bearer token but /livez, /readyz, /api/v1/version and the OpenAPI document. A token
// reads and writes its own tenant only, unless it belongs to none: such a token names the tenant in each request. Secrets go in
// and never come out. Every list has an upper bound, every body a size, every stream an end.
package api

import (
	"context"
	"log/slog"
	"net/http"

	"lockstep/operate"
)

// Prefix is the path under which the resources stand.
const Prefix = "/api/v1"

// Server serves the API. Operator and Version must be set.
type Server struct {
	Operator *operate.Operator
	Ready    func(ctx context.Context) error // whether the database answers; nil is always
	Version  string
	Log      *slog.Logger // nil is slog.Default()
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

// Handler returns the API with its health checks. It expects to be wrapped in a web.Surface.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	a := newHuma(mux, s.Version)
	s.tenantRoutes(a)
	s.tokenRoutes(a)
	s.consoleSessionRoutes(a)
	s.administratorRoutes(a)
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
	s.auditRoutes(a)
	s.eventRoutes(a)
	s.scimRoutes(a)
	s.signInRoutes(a)
	s.notifyRoutes(a)
	return s.authenticate(mux)
}
