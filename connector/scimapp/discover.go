package scimapp

import (
	"context"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim"
)

// Describe tells what the application is like. It asks it once, unless the profile holds the types; what the application does
// not answer has the value of the RFC.
func (t *Target) Describe(ctx context.Context) (connection.System, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.system != nil {
		return *t.system, nil
	}
	p := t.config.Profile
	s := connection.System{
		Name: t.config.Name, Key: t.config.Key, Types: p.Types,
		FindBy: p.FindBy, FindBatch: p.FindBatch, Batch: 1, MaxMembers: p.MaxMembers, Unique: p.Unique,
		SoftDelete: !p.HardDelete, Nesting: p.Nesting, References: []string{managerAttribute, memberAttribute},
		Lag: p.Lag, Connections: p.Connections,
	}
	if p.Types == nil {
		if err := t.discover(ctx, &s); err != nil {
			return s, err
		}
	}
	s.Replaces = t.put
	t.system = &s
	t.known.Store(&s)
	return s, nil
}

func (t *Target) discover(ctx context.Context, s *connection.System) error {
	config, err := t.discovery(ctx, "/ServiceProviderConfig")
	if err != nil {
		return err
	}
	if supported(config, "patch") == no {
		t.put = true
	}
	t.etags = t.etags || supported(config, "etag") == yes
	if filter, ok := config.Get("filter").(scim.Object); ok {
		if supported(config, "filter") == no {
			s.FindBy = nil
		}
		if most, _ := filter.Get("maxResults").(int64); most > 0 {
			s.FindBatch = min(s.FindBatch, int(most))
			if t.config.Profile.PageSize == 0 {
				t.config.Profile.PageSize = min(defaultPage, int(most))
			}
		}
	}
	t.pagination(config)
	schemas, err := t.discovery(ctx, "/Schemas")
	if err != nil {
		return err
	}
	types, err := t.discovery(ctx, "/ResourceTypes")
	if err != nil {
		return err
	}
	s.Types = compileTypes(parseTypes(types), parseSchemas(schemas))
	return nil
}

// pagination reads how the application pages (RFC 9865 §4). Index paging is used unless it has none.
func (t *Target) pagination(config scim.Object) {
	p, _ := config.Get("pagination").(scim.Object)
	t.cursor = p.Get("cursor") == true && p.Get("index") == false
	if most := number(p.Get("maxPageSize")); most > 0 {
		t.config.Profile.PageSize = min(or(t.config.Profile.PageSize, defaultPage), int(most))
	}
}

// discovery reads one discovery document. An application that does not have it gives nil.
func (t *Target) discovery(ctx context.Context, path string) (scim.Object, error) {
	body, fault := t.get(ctx, path)
	if fault == nil {
		return body, nil
	}
	err := fault.error("read "+strings.TrimPrefix(path, "/")+" of", t.config.Name)
	switch lockstep.CodeOf(err) {
	case lockstep.CodeBlocked, lockstep.CodeTargetUnreachable, lockstep.CodeTargetTimeout, lockstep.CodeTargetRateLimited, lockstep.CodeTargetServerError, lockstep.CodeAuthToken,
		lockstep.CodeOAuthRefused, lockstep.CodeOAuthEndpoint, lockstep.CodeConsent, lockstep.CodeUnencrypted:
		return nil, err
	}
	return nil, nil
}

type answerTo int

const (
	unknown answerTo = iota
	yes
	no
)

// supported reads one feature of a ServiceProviderConfig (RFC 7643 §5).
func supported(config scim.Object, feature string) answerTo {
	o, ok := config.Get(feature).(scim.Object)
	if !ok {
		return unknown
	}
	switch b, ok := o.Get("supported").(bool); {
	case !ok:
		return unknown
	case b:
		return yes
	}
	return no
}

// resources returns the elements of a ListResponse. Some servers answer a single document instead.
func resources(o scim.Object) []scim.Object {
	list, ok := o.Get("Resources").(scim.List)
	if !ok {
		if o.Has("totalResults") || len(o) == 0 {
			return nil
		}
		return []scim.Object{o}
	}
	out := make([]scim.Object, 0, len(list))
	for _, e := range list {
		if r, ok := e.(scim.Object); ok {
			out = append(out, r)
		}
	}
	return out
}

func parseSchemas(o scim.Object) []*scim.Schema {
	var out []*scim.Schema
	for _, r := range resources(o) {
		if s, err := scim.ParseSchema(r); err == nil && len(s.Attributes) > 0 { // one that cannot be read is as good as missing
			out = append(out, s)
		}
	}
	return out
}

func parseTypes(o scim.Object) []scim.ResourceType {
	var out []scim.ResourceType
	for _, r := range resources(o) {
		rt := scim.ResourceType{Name: r.Text("name"), Endpoint: r.Text("endpoint"), Schema: r.Text("schema")}
		if rt.Name == "" {
			rt.Name = r.Text("id")
		}
		if !strings.HasPrefix(rt.Endpoint, "/") {
			rt.Endpoint = "/" + rt.Endpoint
		}
		extensions, _ := r.Get("schemaExtensions").(scim.List)
		for _, e := range extensions {
			if x, ok := e.(scim.Object); ok && x.Text("schema") != "" {
				rt.Extensions = append(rt.Extensions, scim.Extension{Schema: x.Text("schema")})
			}
		}
		out = append(out, rt)
	}
	return out
}

// compileTypes compiles users and groups from what the application says, with the definitions of the RFC for what it leaves
// out. Extensions without a definition are dropped. Manager and members stay references, whatever the schema says.
func compileTypes(types []scim.ResourceType, schemas []*scim.Schema) map[string]*scim.Type {
	schemas = append(schemas, scim.UserSchema(), scim.EnterpriseUserSchema(), scim.GroupSchema())
	known := func(urn string) bool {
		return slices.ContainsFunc(schemas, func(s *scim.Schema) bool { return strings.EqualFold(s.ID, urn) })
	}
	out := map[string]*scim.Type{userType: scim.UserType(), groupType: scim.GroupType()}
	for _, rt := range types {
		if out[rt.Name] == nil || !known(rt.Schema) {
			continue
		}
		rt.Extensions = slices.DeleteFunc(rt.Extensions, func(e scim.Extension) bool { return !known(e.Schema) })
		if compiled, err := scim.NewType(rt, schemas...); err == nil { // a schema that contradicts itself: the RFC's stays
			out[rt.Name] = compiled
		}
	}
	return out
}

// endpoint returns the path of a resource type below the base.
func (t *Target) endpoint(typ string) string {
	if known := t.typeOf(typ); known != nil && len(known.Endpoint) > 1 {
		return known.Endpoint
	}
	return "/" + typ + "s"
}

// typeOf returns what is known of a resource type, or nil.
func (t *Target) typeOf(typ string) *scim.Type {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.system != nil {
		return t.system.Types[typ]
	}
	return t.config.Profile.Types[typ]
}
