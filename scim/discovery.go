package scim

// ServiceProviderConfig says what a server can do (RFC 7643 §5). The zero value is a server without any option.
type ServiceProviderConfig struct {
	DocumentationURI string
	Patch            bool
	BulkOperations   int // most operations of a bulk request; 0 is no bulk
	BulkBytes        int // most bytes of a bulk request
	FilterResults    int // most resources of a filtered page; 0 is no filter
	ChangePassword   bool
	Sort             bool
	ETag             bool
	Pagination       Pagination
	Authentication   []AuthenticationScheme
	Interop          bool // it conforms to draft-zollner-scim-interop-profile; said only if so
}

// Pagination says how a server pages (RFC 9865 §4). The zero value is by index only.
type Pagination struct {
	Cursor          bool
	DefaultPageSize int // 0 is not said
	MaxPageSize     int // 0 is not said
	CursorTimeout   int // seconds; 0 is not said
}

// AuthenticationScheme is a way to authenticate at a server (RFC 7643 §5).
type AuthenticationScheme struct {
	Type        string // oauth, oauth2, oauthbearertoken, httpbasic, httpdigest
	Name        string
	Description string
	Primary     bool
}

// Object returns the document, without meta. Every attribute is there: authentik turns PATCH and filters off when
// bulk.maxOperations is missing. An unset documentationUri is left out, because "" is no URI.
func (c ServiceProviderConfig) Object() Object {
	o := Object{{"schemas", List{ServiceProviderConfigURN}}}
	o.setText("documentationUri", c.DocumentationURI)
	schemes := List{}
	for _, s := range c.Authentication {
		schemes = append(schemes, Object{
			{"type", s.Type}, {"name", s.Name}, {"description", s.Description}, {"primary", s.Primary},
		})
	}
	if c.Interop {
		o = append(o, Attr{"interopProfileConformant", true})
	}
	return append(o,
		Attr{"patch", supported(c.Patch)},
		Attr{"bulk", append(supported(c.BulkOperations > 0),
			Attr{"maxOperations", int64(c.BulkOperations)}, Attr{"maxPayloadSize", int64(c.BulkBytes)})},
		Attr{"filter", append(supported(c.FilterResults > 0), Attr{"maxResults", int64(c.FilterResults)})},
		Attr{"changePassword", supported(c.ChangePassword)},
		Attr{"sort", supported(c.Sort)},
		Attr{"etag", supported(c.ETag)},
		Attr{"pagination", c.Pagination.object()},
		Attr{"authenticationSchemes", schemes},
	)
}

func supported(b bool) Object { return Object{{"supported", b}} }

func (p Pagination) object() Object {
	o := Object{{"cursor", p.Cursor}, {"index", true}, {"defaultPaginationMethod", "index"}}
	for _, n := range []struct {
		name  string
		value int
	}{{"defaultPageSize", p.DefaultPageSize}, {"maxPageSize", p.MaxPageSize}, {"cursorTimeout", p.CursorTimeout}} {
		if n.value > 0 {
			o = append(o, Attr{n.name, int64(n.value)})
		}
	}
	return o
}
