package scim

import (
	"slices"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

var (
	eqOnly = []filter.Op{filter.Eq}
	eqSw   = []filter.Op{filter.Eq, filter.Sw}
	eqSwEw = []filter.Op{filter.Eq, filter.Sw, filter.Ew}
)

// searchable lists what filters may compare, by canonical path, and how. It is the table of Webex's "Search users" and
// "Search groups".
func searchable(typ string) map[string][]filter.Op {
	if typ == "Group" {
		return groupFilters
	}
	return userFilters
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
func supported(typ string, e filter.Expr) error {
	switch e := e.(type) {
	case nil:
		return nil
	case filter.And:
		if typ == "User" {
			return allSupported(typ, e)
		}
	case filter.Or:
		return allSupported(typ, e)
	case filter.Compare:
		if e.Path.Filter == nil && slices.Contains(searchable(typ)[e.Path.String()], e.Op) {
			return nil
		}
	case filter.ValuePath:
		if typ == "User" && e.Path.Attr == "phoneNumbers" && onlyPhones(e.Path.Filter) {
			return nil
		}
	}
	return unsupported(e)
}

func allSupported(typ string, list []filter.Expr) error {
	for _, e := range list {
		if err := supported(typ, e); err != nil {
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
