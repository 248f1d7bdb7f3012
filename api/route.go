package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"lockstep"
	"lockstep/operate"
	"lockstep/rule"
)

// newHuma makes the registry of operations on the mux. The documentation page and the schema links of huma are off: the
// first loads scripts from elsewhere, the second adds a field to every answer.
func newHuma(mux *http.ServeMux, version string) huma.API {
	if version == "" {
		version = "0.0.0"
	}
	config := huma.DefaultConfig("Lockstep management API", version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/openapi", "", ""
	config.CreateHooks = nil
	config.OnAddOperation = append(config.OnAddOperation, describeProblems)
	config.Transformers = []huma.Transformer{problemTransformer}
	config.Servers = []*huma.Server{{URL: Prefix}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	config.Security = []map[string][]string{{"bearer": {}}}
	return humago.NewWithPrefix(mux, Prefix, config)
}

// reply is an answer with a body.
type reply[T any] struct{ Body T }

// list is the body of every answer that lists: {"items": […], "next": "…", "notice": "…"}.
type list[T any] struct {
	Items  []T    `json:"items"`
	Next   string `json:"next,omitempty" doc:"Pass it as after to get what follows; absent at the end."`
	Notice string `json:"notice,omitempty" doc:"What is to be known of this answer, in a sentence."`
}

func listOf[T any](items []T) list[T] {
	if items == nil {
		items = []T{}
	}
	return list[T]{Items: items}
}

// mapped is a list of what f makes of each.
func mapped[T, V any](all []T, next string, f func(T) V) list[V] {
	out := list[V]{Items: make([]V, len(all)), Next: next}
	for i, one := range all {
		out.Items[i] = f(one)
	}
	return out
}

// route registers an operation whose handler returns a body.
func route[I, O any](s *Server, a huma.API, method, path, id, summary string, f func(context.Context, operate.Principal, *I) (O, error)) {
	huma.Register(a, operation(method, path, id, summary), func(ctx context.Context, in *I) (*reply[O], error) {
		out, err := f(ctx, principalOf(ctx), in)
		if err != nil {
			return nil, s.failed(ctx, id, err)
		}
		return &reply[O]{Body: out}, nil
	})
}

// long is route with a body that may be longer than others, in bytes.
func long[I, O any](s *Server, a huma.API, bytes int64, method, path, id, summary string, f func(context.Context, operate.Principal, *I) (O, error)) {
	o := operation(method, path, id, summary)
	o.MaxBodyBytes = bytes
	huma.Register(a, o, func(ctx context.Context, in *I) (*reply[O], error) {
		out, err := f(ctx, principalOf(ctx), in)
		if err != nil {
			return nil, s.failed(ctx, id, err)
		}
		return &reply[O]{Body: out}, nil
	})
}

// command registers an operation that answers 204 without a body.
func command[I any](s *Server, a huma.API, method, path, id, summary string, f func(context.Context, operate.Principal, *I) error) {
	huma.Register(a, operation(method, path, id, summary), func(ctx context.Context, in *I) (*struct{}, error) {
		if err := f(ctx, principalOf(ctx), in); err != nil {
			return nil, s.failed(ctx, id, err)
		}
		return nil, nil
	})
}

func operation(method, path, id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary}
}

// failed makes the error a problem and, when it is our fault, tells the log what the caller does not get to see.
func (s *Server) failed(ctx context.Context, operation string, err error) error {
	if lockstep.CodeOf(err) == lockstep.CodeInternal && ctx.Err() == nil {
		s.log().ErrorContext(ctx, "request failed", "operation", operation, "error", err)
	}
	return problemOf(err)
}

// BodyOf bounds the bodies of requests that may be longer than others; 0 is as the others.
func BodyOf(r *http.Request) int64 {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/matches") && strings.Contains(r.URL.Path, "/identity-providers/") {
		return operate.MaxIdentities + 64<<10
	}
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/rules/read") && strings.Contains(r.URL.Path, "/jobs/") {
		return rule.MaxEntra + 64<<10
	}
	return 0
}
