package conform

import (
	"strings"

	"lockstep/scim"
)

// Profile says what a server refuses although the RFCs let it be forgiving, or although they allow it. The zero value refuses nothing.
type Profile struct {
	Interop  bool // draft-zollner-scim-interop-profile-02: attributes that no schema has, and operations of a PATCH without a path
	Password bool // IPSIE AL SCIM profile: a password
}

// refusals are the deviations for which a request is refused, each with the error's type (RFC 7644 §3.12).
var refusals = map[Code]string{
	AttrUnknown: scim.TypeInvalidSyntax, SchemaUnknown: scim.TypeInvalidSyntax, PatchOperations: scim.TypeInvalidSyntax, PatchOpUnknown: scim.TypeInvalidSyntax,
	PatchPathUnknown: scim.TypeInvalidPath, FilterAttribute: scim.TypeInvalidFilter,
}

// Refuse returns why a request is refused under the profile, or nil.
func Refuse(types []*scim.Type, r Request, p Profile) *scim.Error {
	if p.Interop {
		for _, d := range Examine(types, r) {
			if typ := refusals[d.Code]; typ != "" {
				detail := "The client " + d.Rule.Title
				if d.Path != "" {
					detail += ": " + d.Path
				}
				return &scim.Error{Status: 400, Type: typ, Detail: detail + " (profile interop)."}
			}
		}
	}
	o, err := scim.DecodeWhole(r.Body)
	if len(r.Body) == 0 || err != nil {
		return nil // who reads it says so
	}
	return refuseBody(r.Method, r.Path, o, p, true)
}

// refuseBody looks at what is sent to a path. Of a Bulk request it looks at each operation.
func refuseBody(method, path string, o scim.Object, p Profile, whole bool) *scim.Error {
	first, _, _ := strings.Cut(strings.Trim(path, "/"), "/")
	switch {
	case whole && strings.EqualFold(first, "Bulk"):
		ops, _ := o.Get("Operations").(scim.List)
		for _, one := range ops {
			op, _ := one.(scim.Object)
			data, _ := op.Get("data").(scim.Object)
			if e := refuseBody(strings.ToUpper(op.Text("method")), op.Text("path"), data, p, false); e != nil {
				return e
			}
		}
	case method == "PATCH":
		ops, _ := o.Get("Operations").(scim.List)
		for _, one := range ops {
			op, _ := one.(scim.Object)
			if p.Interop && op.Text("path") == "" {
				return &scim.Error{Status: 400, Type: scim.TypeInvalidSyntax, Detail: "An operation of a PATCH has no path (profile interop)."}
			}
			value, _ := op.Get("value").(scim.Object)
			if p.Password && (isPassword(op.Text("path")) || value.Has("password")) {
				return errPassword
			}
		}
	case (method == "POST" || method == "PUT") && p.Password && o.Has("password"):
		return errPassword
	}
	return nil
}

// errPassword refuses a password under a profile that forbids it.
var errPassword = &scim.Error{Status: 400, Type: scim.TypeInvalidValue, Detail: "The profile ipsie does not take passwords."}

// isPassword reports whether a path is that of the password, with or without its schema.
func isPassword(path string) bool {
	path = strings.ToLower(strings.TrimSpace(path))
	return path == "password" || path == strings.ToLower(scim.UserURN)+":password"
}
