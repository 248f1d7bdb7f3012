package scimhttp

import (
	"net/http"
	"strings"
	"time"

	"lockstep/scim"
)

// discovery answers at the endpoints of RFC 7644 §4. Parameters for paging and sorting are ignored there; a filter is refused
// with 403, lest the client believe that it was applied.
func (c *call) discovery(endpoint, name string) (answer, error) {
	return c.only(func() (answer, error) {
		if c.params.Has("filter") {
			return answer{}, &scim.Error{Status: http.StatusForbidden, Detail: "/" + endpoint + " cannot be filtered (RFC 7644 §4)."}
		}
		switch endpoint {
		case "Schemas":
			return c.described(endpoint, name, c.schemas())
		case "ResourceTypes":
			return c.described(endpoint, name, c.resourceTypes())
		}
		if name != "" {
			return answer{}, scim.ErrNotFound("There is no endpoint /" + endpoint + "/" + name + ".")
		}
		config, err := c.providerConfig()
		*c.buf = scim.AppendJSON(*c.buf, config)
		return answer{status: http.StatusOK}, err
	}, http.MethodGet)
}

// described answers with the object that has the id, or with all of them as a ListResponse.
func (c *call) described(endpoint, id string, all []scim.Object) (answer, error) {
	if id != "" {
		for _, o := range all {
			if strings.EqualFold(o.Text("id"), id) {
				*c.buf = scim.AppendJSON(*c.buf, o)
				return answer{status: http.StatusOK}, nil
			}
		}
		return answer{}, scim.ErrNotFound("There is no /" + endpoint + "/" + id + ".")
	}
	l := scim.ListResponse{Total: len(all), StartIndex: 1, Items: len(all)}
	*c.buf = scim.AppendList(*c.buf, l, func(dst []byte, i int) []byte { return scim.AppendJSON(dst, all[i]) })
	return answer{status: http.StatusOK}, nil
}

// schemas returns each schema of the types once.
func (c *call) schemas() []scim.Object {
	var all []scim.Object
	seen := map[string]bool{}
	for _, t := range c.backend.Types() {
		for _, s := range t.Definitions() {
			if seen[s.ID] {
				continue
			}
			seen[s.ID] = true
			all = append(all, append(s.Object(), c.discoveryMeta("Schema", "/Schemas/"+s.ID)))
		}
	}
	return all
}

func (c *call) resourceTypes() []scim.Object {
	var all []scim.Object
	for _, t := range c.backend.Types() {
		all = append(all, append(t.ResourceType.Object(), c.discoveryMeta("ResourceType", "/ResourceTypes/"+t.Name)))
	}
	return all
}

func (c *call) discoveryMeta(kind, path string) scim.Attr {
	return scim.Attr{Name: "meta", Value: scim.Object{
		{Name: "resourceType", Value: kind}, {Name: "location", Value: c.base + path},
	}}
}

// providerConfig describes what the server can do (RFC 7643 §5).
func (c *call) providerConfig() (scim.Object, error) {
	config := scim.ServiceProviderConfig{
		Patch: true, BulkOperations: c.limits.BulkOps, BulkBytes: int(c.limits.BulkBody), FilterResults: c.limits.MaxPageSize,
		ChangePassword: c.h.ChangePassword, Sort: true, ETag: !c.h.HideETag, Authentication: c.h.Authentication,
		Pagination: scim.Pagination{DefaultPageSize: c.limits.PageSize, MaxPageSize: c.limits.MaxPageSize},
	}
	if c.h.Cursors != nil {
		config.Pagination.Cursor, config.Pagination.CursorTimeout = true, int(c.h.Cursors.life()/time.Second)
	}
	if b, ok := c.backend.(Configured); ok {
		if err := b.Configure(c.r.Context(), &config); err != nil {
			return nil, err
		}
	}
	if config.Authentication == nil {
		config.Authentication = []scim.AuthenticationScheme{{
			Type: "oauthbearertoken", Name: "OAuth Bearer Token",
			Description: "A bearer token in the Authorization header (RFC 6750).", Primary: true,
		}}
	}
	return append(config.Object(), c.discoveryMeta("ServiceProviderConfig", "/ServiceProviderConfig")), nil
}
