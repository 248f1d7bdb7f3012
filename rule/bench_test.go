package rule_test

import (
	"testing"

	"lockstep/rule"
	"lockstep/scim"
)

// webex is the mapping of the gallery app, with Entra's names.
func webex() rule.ObjectMapping {
	return rule.ObjectMapping{
		Name: "User", Enabled: true, Source: "User", Target: "User", Flow: "Add, Update, Delete",
		Attributes: []rule.Mapping{
			{Target: "userName", Source: from("userPrincipalName"), Match: 1},
			{Target: "active", Source: function(`Switch([IsSoftDeleted], , "False", "True", "True", "False")`)},
			{Target: "displayName", Source: from("displayName")},
			{Target: "name.familyName", Source: from("surname")},
			{Target: "name.givenName", Source: from("givenName")},
			{Target: "externalId", Source: from("objectId")},
			{Target: "title", Source: from("jobTitle")},
			{Target: `addresses[type eq "work"].country`, Source: from("usageLocation")},
			{Target: `addresses[type eq "work"].locality`, Source: from("city")},
			{Target: `addresses[type eq "work"].streetAddress`, Source: from("streetAddress")},
			{Target: `addresses[type eq "work"].region`, Source: from("state")},
			{Target: `addresses[type eq "work"].postalCode`, Source: from("postalCode")},
			{Target: `phoneNumbers[type eq "work"].value`, Source: from("telephoneNumber")},
			{Target: `phoneNumbers[type eq "mobile"].value`, Source: from("mobile")},
			{Target: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Source: from("department")},
			{Target: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", Source: from("manager")},
		},
	}
}

// ada is a person of an Entra directory, with 20 attributes.
func ada() scim.Object {
	var o scim.Object
	for _, a := range [][2]string{
		{"userPrincipalName", "ada@northwind.example"},
		{"displayName", "Ada Lovelace"},
		{"surname", "Lovelace"},
		{"givenName", "Ada"},
		{"objectId", "7d3c"},
		{"jobTitle", "Analyst"},
		{"usageLocation", "GB"},
		{"city", "London"},
		{"streetAddress", "12 St James's Square"},
		{"state", "London"},
		{"postalCode", "SW1Y 4JH"},
		{"telephoneNumber", "+44 20 1"},
		{"mobile", "+44 7700 1"},
		{"department", "Engines"},
		{"mail", "ada@northwind.example"},
		{"companyName", "Northwind"},
		{"employeeId", "1815"},
		{"country", "GB"},
		{"mailNickname", "ada"},
		{"employeeType", "Staff"},
	} {
		o.Set(a[0], a[1])
	}
	return o
}

// BenchmarkMap maps a person with the 15 mappings of the gallery app.
func BenchmarkMap(b *testing.B) {
	p, problems := rule.Compile(webex(), scim.UserType(), rule.Options{Searchable: []string{"userName"}})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	in := rule.Input{Values: ada(), Enabled: true, InScope: true, Creating: true}
	want := p.Map(in).Want
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Map(in)
		}
	})
	in.Creating, in.Written = false, want
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Map(in)
		}
	})
}
