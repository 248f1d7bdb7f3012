package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
)

// Version is what the server says of itself.
type Version struct {
	Version string `json:"version"`
	API     string `json:"api" doc:"Version of the API: v1."`
}

// health adds the checks that a supervisor asks without a token: whether the process runs, and whether it can do its work.
// The applications that it provisions are no part of that.
func (s *Server) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if s.Ready != nil {
			ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
			defer cancel()
			if err := s.Ready(ctx); err != nil {
				s.log().WarnContext(ctx, "not ready", "error", err)
				p := describe(lockstep.CodeInternal, http.StatusServiceUnavailable)
				p.Detail = "The database does not answer."
				WriteProblem(w, r, p)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) tenantRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/version", "version", "The server's version", s.version)
	route(s, a, http.MethodPost, "/console/links", "create-console-link", "Make a one-time link into the web console", s.consoleLink)
	route(s, a, http.MethodGet, "/tenants", "list-tenants", "List the tenants that the token may see", s.listTenants)
	route(s, a, http.MethodPost, "/tenants", "create-tenant", "Create a tenant", s.createTenant)
	route(s, a, http.MethodGet, "/tenants/{tenant}", "get-tenant", "A tenant and what it has", s.getTenant)
	route(s, a, http.MethodPatch, "/tenants/{tenant}", "change-tenant", "Rename a tenant, or say whether owners of the server may come into it", s.changeTenant)
	command(s, a, http.MethodDelete, "/tenants/{tenant}", "remove-tenant", "Remove a tenant with everything that it has, but for what is at its applications", s.removeTenant)
}

// ConsoleLink is a way into the web console that works once.
type ConsoleLink struct {
	URL string `json:"url"`
}

func (s *Server) consoleLink(ctx context.Context, p operate.Principal, in *struct {
	Body struct {
		Holder string `json:"holder,omitempty" maxLength:"100" doc:"A name that people recognise; the audit log shows it beside the token's."`
	}
},
) (ConsoleLink, error) {
	url, err := s.Operator.Link(ctx, p, in.Body.Holder)
	return ConsoleLink{URL: url}, err
}

func (s *Server) version(context.Context, operate.Principal, *struct{}) (Version, error) {
	return Version{Version: s.Version, API: "v1"}, nil
}
