package directory

import "lockstep/scim"

// What the directory takes, whoever writes. They keep one object from costing what many do; applications have narrower limits of
// their own, which are theirs to enforce (docs/scim-conformance.md names them).
const (
	MaxName      = 512       // characters of what people and groups are found by: userName, displayName of a group, externalId, an address
	MaxText      = 4096      // characters of any other text
	MaxReference = 64 << 10  // characters of a URI or a certificate: pictures come as data: URIs
	MaxValues    = 1000      // values of a multi-valued attribute
	MaxDocument  = 1 << 20   // bytes of a user or group as JSON, memberships aside
	MaxMembers   = 1_000_000 // members of a group
)

// widened gives attributes of a built-in schema the limits of the directory in place of those of Webex.
func widened(list []scim.Attribute) {
	for i := range list {
		a := &list[i]
		switch {
		case a.MaxLength == 0:
		case a.Type == scim.Reference || a.Type == scim.Binary:
			a.MaxLength = MaxReference
		default:
			a.MaxLength = MaxText
		}
		if a.MultiValued {
			a.MaxValues = MaxValues
		}
		widened(a.SubAttributes)
	}
}

// named limits an attribute that is looked for by an index.
func named(s *scim.Schema, paths ...string) {
	for _, path := range paths {
		s.Attribute(path).MaxLength = MaxName
	}
}
