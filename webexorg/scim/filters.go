package scim

import (
	"slices"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
	"lockstep/webexorg/state"
)

var (
	eqOnly = []filter.Op{filter.Eq}
	eqSw   = []filter.Op{filter.Eq, filter.Sw}
	eqSwEw = []filter.Op{filter.Eq, filter.Sw, filter.Ew}
)

// table is what filters of a resource type may compare, by canonical path, and how: that of Webex's "Search users" and "Search
// groups", and what is assumed.
type table struct {
	typ    string
	assume state.Assumed
}

// searchable reports whether the path can be compared so.
func (t table) searchable(path string, op filter.Op) bool {
	ops := userFilters[path]
	if t.typ == "Group" {
		if ops = groupFilters[path]; t.assume.GroupsEqOnly {
			return op == filter.Eq && len(ops) > 0
		}
	}
	if op == filter.Co {
		return t.assume.SearchContains && slices.Contains(ops, filter.Sw)
	}
	return slices.Contains(ops, op)
}

var groupFilters = map[string][]filter.Op{"displayName": eqSw}

var userFilters = map[string][]filter.Op{
	"id": eqOnly,
	scim.EnterpriseUserURN + ":manager.value":  eqOnly,
	scim.CiscoUserURN + ":meta.organizationId": eqOnly,
	"userName":             eqSwEw,
	"name.familyName":      eqSwEw,
	"name.givenName":       eqSw,
	"name.middleName":      eqSw,
	"name.formatted":       eqSw,
	"displayName":          eqSwEw,
	"nickName":             eqSwEw,
	"emails.value":         eqSwEw,
	"emails.display":       eqSwEw,
	"phoneNumbers.value":   eqSwEw,
	"phoneNumbers.display": eqSwEw,
	scim.EnterpriseUserURN + ":employeeNumber":      eqSwEw,
	scim.EnterpriseUserURN + ":costCenter":          eqSwEw,
	scim.EnterpriseUserURN + ":organization":        eqSwEw,
	scim.EnterpriseUserURN + ":division":            eqSwEw,
	scim.EnterpriseUserURN + ":department":          eqSwEw,
	scim.EnterpriseUserURN + ":manager.displayName": eqSwEw,
}

// supported refuses a filter that Webex does not serve: 400 invalidFilter. Paths are canonical.
func (t table) supported(e filter.Expr) error {
	switch e := e.(type) {
	case nil:
		return nil
	case filter.And:
		if t.typ == "User" {
			return t.allSupported(e)
		}
	case filter.Or:
		return t.allSupported(e)
	case filter.Compare:
		if e.Path.Filter == nil && t.searchable(e.Path.String(), e.Op) {
			return nil
		}
	case filter.ValuePath:
		if t.typ == "User" && e.Path.Attr == "phoneNumbers" && onlyPhones(e.Path.Filter) {
			return nil
		}
	}
	return unsupported(e)
}

func (t table) allSupported(list []filter.Expr) error {
	for _, e := range list {
		if err := t.supported(e); err != nil {
			return err
		}
	}
	return nil
}

// onlyPhones reports whether the brackets of phoneNumbers[type eq "mobile" and value eq "…"] hold what Webex shows in them.
func onlyPhones(e filter.Expr) bool {
	switch e := e.(type) {
	case filter.And:
		return !slices.ContainsFunc(e, func(e filter.Expr) bool { return !onlyPhones(e) })
	case filter.Compare:
		switch e.Path.Attr {
		case "type":
			return e.Op == filter.Eq
		case "value", "display":
			return slices.Contains(eqSwEw, e.Op)
		}
	}
	return false
}

// unsupported refuses a filter in the words that Webex uses.
func unsupported(e filter.Expr) error {
	if c, ok := e.(filter.Compare); ok {
		return scim.ErrInvalidFilter("The user's " + c.Path.String() + ", operator: " + strings.ToUpper(string(c.Op)) + " is not supported search.")
	}
	return scim.ErrInvalidFilter("The filter " + e.String() + " is not supported search.")
}

// sortable refuses what Webex cannot sort by.
func sortable(typ string, by filter.Path) error {
	name := "userName"
	if typ == "Group" {
		name = "displayName"
	}
	switch by.String() {
	case "", name, "id", "meta.lastModified":
		return nil
	}
	return scim.ErrInvalidValue("sortBy must be " + name + ", id or meta.lastModified")
}
