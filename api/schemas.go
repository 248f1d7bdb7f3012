package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/scim"
)

func (s *Server) schemaRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/schemas", "list-schemas", "List the schemas that the tenant adds to users and groups", s.listSchemas)
	route(s, a, http.MethodGet, "/schemas/{urn}", "get-schema", "Show a schema of the tenant's", s.getSchema)
	route(s, a, http.MethodPut, "/schemas/{urn}", "put-schema", "Create or replace a schema (RFC 7643 §7)", s.putSchema)
	command(s, a, http.MethodDelete, "/schemas/{urn}", "delete-schema", "Remove a schema that nobody has values of", s.deleteSchema)
}

// Schema is a definition: a SCIM Schema resource (RFC 7643 §7) with the members resourceType and required, in its attributes
// filterable, closed, maxLength and maxValues, and in meta, which is not for writing, version, created, lastModified and, while
// indexes are being made, indexing.
type Schema = Attributes

func schemaOf(e *directory.Extension) Schema {
	meta := scim.Object{
		{Name: "resourceType", Value: "Schema"},
		{Name: "version", Value: e.Version},
		{Name: "created", Value: e.Created.Format(time.RFC3339)},
		{Name: "lastModified", Value: e.Modified.Format(time.RFC3339)},
	}
	if e.Indexing {
		meta.Set("indexing", true)
	}
	return Schema(append(e.Object(), scim.Attr{Name: "meta", Value: meta}))
}

// SchemaPath names a schema.
type SchemaPath struct {
	URN string `path:"urn" maxLength:"200" doc:"Its id, in any case."`
}

func (s *Server) listSchemas(ctx context.Context, p operate.Principal, _ *struct{}) (list[Schema], error) {
	all, err := s.Operator.Extensions(ctx, p)
	return mapped(all, "", func(e directory.Extension) Schema { return schemaOf(&e) }), err
}

func (s *Server) getSchema(ctx context.Context, p operate.Principal, in *SchemaPath) (Schema, error) {
	e, err := s.Operator.Extension(ctx, p, in.URN)
	if err != nil {
		return nil, err
	}
	return schemaOf(e), nil
}

func (s *Server) putSchema(ctx context.Context, p operate.Principal, in *struct {
	SchemaPath
	Version int64 `query:"version" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body    Schema
},
) (Schema, error) {
	e, err := s.Operator.PutExtension(ctx, p, in.URN, in.Version, scim.Object(in.Body))
	if err != nil {
		return nil, err
	}
	return schemaOf(e), nil
}

func (s *Server) deleteSchema(ctx context.Context, p operate.Principal, in *struct {
	SchemaPath
	Version int64 `query:"version" minimum:"0" doc:"Remove only if this is still the version; 0 is whatever it is."`
},
) error {
	return s.Operator.DeleteExtension(ctx, p, in.URN, in.Version)
}

// Schemas lists the schemas of the tenant's own.
func (c *Client) Schemas(ctx context.Context) ([]Schema, error) {
	out, err := call[list[Schema]](ctx, c, http.MethodGet, at("schemas"), nil, nil)
	return out.Items, err
}

// Schema shows one.
func (c *Client) Schema(ctx context.Context, urn string) (Schema, error) {
	return call[Schema](ctx, c, http.MethodGet, at("schemas", urn), nil, nil)
}

// PutSchema creates or replaces the schema whose URN is its id, if its version is still the given one; 0 is whatever it is.
func (c *Client) PutSchema(ctx context.Context, version int64, s Schema) (Schema, error) {
	return call[Schema](ctx, c, http.MethodPut, at("schemas", scim.Object(s).Text("id")), url.Values{"version": {strconv.FormatInt(version, 10)}}, s)
}

// DeleteSchema removes a schema that nobody has values of.
func (c *Client) DeleteSchema(ctx context.Context, urn string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("schemas", urn), nil, nil)
	return err
}
