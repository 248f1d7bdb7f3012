package demo

import "strings"

// account is a user of a Webex organisation as JSON, with the attributes that the demo and the benches look at. It is read
// and written without the product's own SCIM values, so that what checks the product does not share its faults.
type account struct {
	Schemas           []string     `json:"schemas,omitempty"`
	UserName          string       `json:"userName"`
	Name              personName   `json:"name"`
	DisplayName       string       `json:"displayName,omitempty"`
	Title             string       `json:"title,omitempty"`
	NickName          string       `json:"nickName,omitempty"`
	ProfileURL        string       `json:"profileUrl,omitempty"`
	UserType          string       `json:"userType,omitempty"`
	PreferredLanguage string       `json:"preferredLanguage,omitempty"`
	Timezone          string       `json:"timezone,omitempty"`
	Active            bool         `json:"active"`
	Emails            []typedValue `json:"emails,omitempty"`
	PhoneNumbers      []typedValue `json:"phoneNumbers,omitempty"`
	Addresses         []address    `json:"addresses,omitempty"`
	Enterprise        *employment  `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitempty"`
}

type personName struct {
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

type typedValue struct {
	Value string `json:"value"`
	Type  string `json:"type,omitempty"`
}

type address struct {
	Type       string `json:"type,omitempty"`
	Locality   string `json:"locality,omitempty"`
	Country    string `json:"country,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
}

type employment struct {
	EmployeeNumber string     `json:"employeeNumber,omitempty"`
	Department     string     `json:"department,omitempty"`
	CostCenter     string     `json:"costCenter,omitempty"`
	Division       string     `json:"division,omitempty"`
	Organization   string     `json:"organization,omitempty"`
	Manager        *reference `json:"manager,omitempty"`
}

type reference struct {
	Value string `json:"value"`
}

// The schemas of a user that has enterprise attributes.
var userSchemas = []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterprise}

const work = "work"

// slot returns where the account keeps the attribute of the column, or nil for a column that it does not know. With room it
// makes room for it.
func (a *account) slot(column string, room bool) *string {
	switch column {
	case "userName":
		return &a.UserName
	case "name.givenName":
		return &a.Name.GivenName
	case "name.familyName":
		return &a.Name.FamilyName
	case "displayName":
		return &a.DisplayName
	case "title":
		return &a.Title
	case "nickName":
		return &a.NickName
	case "profileUrl":
		return &a.ProfileURL
	case "userType":
		return &a.UserType
	case "preferredLanguage":
		return &a.PreferredLanguage
	case "timezone":
		return &a.Timezone
	case `emails[type eq "work"].value`:
		return workValue(&a.Emails, room)
	case `phoneNumbers[type eq "work"].value`:
		return workValue(&a.PhoneNumbers, room)
	}
	if attribute, ok := strings.CutPrefix(column, `addresses[type eq "work"].`); ok {
		return a.addressSlot(attribute, room)
	}
	if attribute, ok := strings.CutPrefix(column, enterprise+":"); ok {
		return a.employeeSlot(attribute, room)
	}
	return nil
}

func workValue(list *[]typedValue, room bool) *string {
	for i := range *list {
		if (*list)[i].Type == work {
			return &(*list)[i].Value
		}
	}
	if !room {
		return nil
	}
	*list = append(*list, typedValue{Type: work})
	return &(*list)[len(*list)-1].Value
}

func (a *account) addressSlot(attribute string, room bool) *string {
	at := -1
	for i := range a.Addresses {
		if a.Addresses[i].Type == work {
			at = i
		}
	}
	if at < 0 {
		if !room {
			return nil
		}
		a.Addresses = append(a.Addresses, address{Type: work})
		at = len(a.Addresses) - 1
	}
	switch attribute {
	case "locality":
		return &a.Addresses[at].Locality
	case "country":
		return &a.Addresses[at].Country
	case "postalCode":
		return &a.Addresses[at].PostalCode
	}
	return nil
}

func (a *account) employeeSlot(attribute string, room bool) *string {
	if a.Enterprise == nil {
		if !room {
			return nil
		}
		a.Enterprise = &employment{}
	}
	switch attribute {
	case "employeeNumber":
		return &a.Enterprise.EmployeeNumber
	case "department":
		return &a.Enterprise.Department
	case "costCenter":
		return &a.Enterprise.CostCenter
	case "division":
		return &a.Enterprise.Division
	case "organization":
		return &a.Enterprise.Organization
	}
	return nil
}

// get returns the attribute of the column, "" when the account has none.
func (a *account) get(column string) string {
	if s := a.slot(column, false); s != nil {
		return *s
	}
	return ""
}

// set gives the attribute of the column a value, if there is such a column.
func (a *account) set(column, value string) {
	if s := a.slot(column, true); s != nil {
		*s = value
	}
}

// manager returns the id of the account's manager, "" when there is none.
func (a *account) manager() string {
	if a.Enterprise == nil || a.Enterprise.Manager == nil {
		return ""
	}
	return a.Enterprise.Manager.Value
}

// setManager sets or removes the manager.
func (a *account) setManager(id string) {
	if a.Enterprise == nil {
		a.Enterprise = &employment{}
	}
	a.Enterprise.Manager = nil
	if id != "" {
		a.Enterprise.Manager = &reference{Value: id}
	}
}
