package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/expr"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// reader reads one attribute of a source object, as a mapping or a clause names it.
type reader struct {
	name     string // as written
	computed computed
	path     filter.Path
	matches  func(filter.Object) bool // the path's filter, nil when it has none
}

// computed is a source attribute that no source stores.
type computed int

const (
	stored computed = iota
	isSoftDeleted
	accountEnabled // only where the source has no such attribute
	objectID       // likewise
	appRoles       // likewise: appRoleAssignments
)

// status is what computed attributes are made of.
type status struct {
	id                string
	deleted, disabled bool // IsSoftDeleted; may not sign in
	grants            []Grant
}

var computedNames = map[string]computed{
	"issoftdeleted":  isSoftDeleted,
	"accountenabled": accountEnabled,
	"objectid":       objectID,

	"approleassignments": appRoles,
}

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// entraNames are the names of Entra ID's user attributes for those of SCIM, in lower case. They are understood wherever the
// source has a schema, so that mappings exported from Entra work on the directory.
var entraNames = map[string]string{
	"userprincipalname":        "userName",
	"mailnickname":             "nickName",
	"mail":                     `emails[type eq "work"].value`,
	"surname":                  "name.familyName",
	"givenname":                "name.givenName",
	"jobtitle":                 "title",
	"telephonenumber":          `phoneNumbers[type eq "work"].value`,
	"mobile":                   `phoneNumbers[type eq "mobile"].value`,
	"facsimiletelephonenumber": `phoneNumbers[type eq "fax"].value`,
	"streetaddress":            `addresses[type eq "work"].streetAddress`,
	"city":                     `addresses[type eq "work"].locality`,
	"state":                    `addresses[type eq "work"].region`,
	"postalcode":               `addresses[type eq "work"].postalCode`,
	"country":                  `addresses[type eq "work"].country`,
	"usagelocation":            `addresses[type eq "work"].country`,
	"employeeid":               enterpriseURN + ":employeeNumber",
	"department":               enterpriseURN + ":department",
	"companyname":              enterpriseURN + ":organization",
	"costcenter":               enterpriseURN + ":costCenter",
	"division":                 enterpriseURN + ":division",
}

// newReader prepares reading the attribute. With a source type, a name that it lacks is tried as one of Entra's. known is
// false when the source type has no such attribute; it is then read all the same, since sources may show more than they say.
func newReader(name string, source *scim.Type) (r *reader, known bool, err error) {
	r = &reader{name: name, computed: computedNames[strings.ToLower(name)]}
	if r.path, err = filter.ParsePath(name); err != nil || r.path.Attr == "" {
		if name == "" || source != nil || strings.ContainsAny(name, "[]") {
			return nil, false, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: fmt.Sprintf("%q is no attribute: %v", name, err)}
		}
		r.path = filter.Path{Attr: name} // the heading of a column may be anything
	}
	known = true
	if source != nil && r.computed == stored {
		if canonical, ok := source.Canonical(r.path); ok {
			r.path = canonical
		} else {
			known = r.alias(source)
		}
	}
	if r.path.Filter != nil {
		r.matches = filter.Compile(r.path.Filter, filter.Types{})
	}
	return r, known, nil
}

// alias makes the reader read what Entra's name stands for, when the source has that.
func (r *reader) alias(source *scim.Type) bool {
	name, ok := entraNames[strings.ToLower(r.name)]
	if !ok {
		return false
	}
	path, err := filter.ParsePath(name)
	if err != nil {
		return false
	}
	if path, ok = source.Canonical(path); ok {
		r.path = path
	}
	return ok
}

// read appends the attribute's values to dst.
func (r *reader) read(dst scim.List, o scim.Object, s status) scim.List {
	if r.computed == isSoftDeleted {
		return append(dst, s.deleted)
	}
	before := len(dst)
	if dst = r.stored(dst, o); len(dst) > before {
		return dst
	}
	switch {
	case r.computed == accountEnabled:
		return append(dst, !s.disabled)
	case r.computed == objectID && s.id != "":
		return append(dst, s.id)
	case r.computed == appRoles:
		return appendRoles(dst, s.grants)
	}
	return dst
}

// appendRoles appends the roles that an object has in the app, each once: those that keep it out are none.
func appendRoles(dst scim.List, grants []Grant) scim.List {
	before := len(dst)
	for _, g := range grants {
		if g.Role != "" && !g.Exclude && !slices.Contains(dst[before:], any(g.Role)) {
			dst = append(dst, g.Role)
		}
	}
	return dst
}

const coreURN = "urn:ietf:params:scim:schemas:core:"

func (r *reader) stored(dst scim.List, o scim.Object) scim.List {
	if urn := r.path.URN; urn != "" {
		ext, ok := o.Get(urn).(scim.Object)
		if !ok && !strings.HasPrefix(urn, coreURN) {
			return dst
		}
		if ok {
			o = ext
		}
	}
	v := o.Get(r.path.Attr)
	if v == nil {
		return dst
	}
	list, ok := v.(scim.List)
	if !ok {
		list = scim.List{v}
	}
	for _, e := range list {
		element, complex := e.(scim.Object)
		if r.matches != nil {
			o, ok := e.(filter.Object) // the same, but not made a value anew
			if !ok {
				o = scim.Object{{Name: "value", Value: e}}
			}
			if !r.matches(o) {
				continue
			}
		}
		switch {
		case r.path.Sub == "", !complex && strings.EqualFold(r.path.Sub, "value"):
			dst = append(dst, e)
		case complex:
			dst = flatten(dst, element, r.path.Sub)
		}
	}
	return dst
}

func flatten(dst scim.List, o scim.Object, name string) scim.List {
	switch v := o.Get(name).(type) {
	case nil:
		return dst
	case scim.List:
		return append(dst, v...)
	default:
		return append(dst, v)
	}
}

// appendTexts appends the values as expressions see them: True and False, decimal numbers, and of complex values what their
// sub-attribute value holds. Complex values without one have no text.
func appendTexts(dst expr.Value, list scim.List) expr.Value {
	for _, v := range list {
		if o, ok := v.(scim.Object); ok {
			v = o.Get("value")
		}
		switch v := v.(type) {
		case string:
			dst = append(dst, v)
		case bool:
			dst = append(dst, boolText(v))
		case int64:
			dst = append(dst, strconv.FormatInt(v, 10))
		case float64:
			dst = append(dst, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return dst
}

// empty reports whether there is nothing but empty texts.
func empty(v expr.Value) bool {
	for _, s := range v {
		if s != "" {
			return false
		}
	}
	return true
}

func boolText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
