package scimhttp

import (
	"net/http"
	"strconv"
	"strings"

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
		*c.buf = scim.AppendJSON(*c.buf, c.providerConfig())
		return answer{status: http.StatusOK}, nil
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
	n := strconv.Itoa(len(all))
	*c.buf = append(*c.buf, `{"schemas":["`+scim.ListURN+`"],"totalResults":`+n+`,"itemsPerPage":`+n+`,"startIndex":1,"Resources":[`...)
	for i, o := range all {
		if i > 0 {
			*c.buf = append(*c.buf, ',')
		}
		*c.buf = scim.AppendJSON(*c.buf, o)
	}
	*c.buf = append(*c.buf, "]}"...)
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

// providerConfig describes what the server can do (RFC 7643 §5). Every field is there: some clients take a missing number
// for a reason to give up PATCH and filters.
func (c *call) providerConfig() scim.Object {
	supported := func(yes bool, more ...scim.Attr) scim.Object {
		return append(scim.Object{{Name: "supported", Value: yes}}, more...)
	}
	var schemes scim.List
	for _, s := range c.h.Authentication {
		schemes = append(schemes, s)
	}
	if schemes == nil {
		schemes = scim.List{scim.Object{
			{Name: "type", Value: "oauthbearertoken"},
			{Name: "name", Value: "OAuth Bearer Token"},
			{Name: "description", Value: "A bearer token in the Authorization header."},
			{Name: "specUri", Value: "https://www.rfc-editor.org/info/rfc6750"},
			{Name: "primary", Value: true},
		}}
	}
	return scim.Object{
		{Name: "schemas", Value: scim.List{scim.ServiceProviderConfigURN}},
		{Name: "patch", Value: supported(true)},
		{Name: "bulk", Value: supported(true,
			scim.Attr{Name: "maxOperations", Value: int64(c.limits.BulkOps)},
			scim.Attr{Name: "maxPayloadSize", Value: c.limits.BulkBody})},
		{Name: "filter", Value: supported(true, scim.Attr{Name: "maxResults", Value: int64(c.limits.MaxPageSize)})},
		{Name: "changePassword", Value: supported(false)},
		{Name: "sort", Value: supported(true)},
		{Name: "etag", Value: supported(!c.h.HideETag)},
		{Name: "authenticationSchemes", Value: schemes},
		c.discoveryMeta("ServiceProviderConfig", "/ServiceProviderConfig"),
	}
}
