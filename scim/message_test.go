package scim_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"lockstep/scim"
)

func TestError(t *testing.T) {
	data, err := json.Marshal(scim.ErrUniqueness("userName is taken"))
	if want := `{"schemas":["` + scim.ErrorURN + `"],"status":"409","scimType":"uniqueness","detail":"userName is taken"}`; err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	if got := show(scim.ErrNotFound("").Object()); strings.Contains(got, "scimType") || strings.Contains(got, "detail") {
		t.Errorf("%s", got)
	}
	for _, c := range []struct{ name, body, kind, detail string }{
		{"Salesforce: status a number, schemas a text", `{"schemas":"x","status":400,"scimType":"invalidValue","detail":"d"}`, "invalidValue", "d"},
		{"another name", `{"message":"m"}`, "", "m"},
		{"Google: HTML", `<html>`, "", ""},
	} {
		if e := scim.ParseError(404, []byte(c.body)); e.Status != 404 || e.Type != c.kind || e.Detail != c.detail {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestAppendList(t *testing.T) {
	for _, c := range []struct {
		list scim.ListResponse
		want string
	}{
		{scim.ListResponse{}, `"totalResults":0,"itemsPerPage":0,"Resources":[]}`}, // elimity-com/scim answers null
		{scim.ListResponse{Total: 5, StartIndex: 2, Items: 2}, `"totalResults":5,"startIndex":2,"itemsPerPage":2,"Resources":[{"n":0},{"n":1}]}`},
		{scim.ListResponse{Total: 5, Items: 1, Previous: "p", Next: `n"`}, `"totalResults":5,"itemsPerPage":1,"previousCursor":"p","nextCursor":"n\"","Resources":[{"n":0}]}`},
	} {
		got := string(scim.AppendList(nil, c.list, func(dst []byte, i int) []byte {
			return scim.AppendJSON(dst, scim.Object{{Name: "n", Value: int64(i)}})
		}))
		if want := `{"schemas":["` + scim.ListURN + `"],` + c.want; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

// Every field is there in its zero form too: authentik#25056.
func TestServiceProviderConfig(t *testing.T) {
	got := show(scim.ServiceProviderConfig{}.Object())
	for _, want := range []string{
		`"patch":{"supported":false}`, `"bulk":{"supported":false,"maxOperations":0,"maxPayloadSize":0}`, `"filter":{"supported":false,"maxResults":0}`,
		`"changePassword":{"supported":false}`, `"sort":{"supported":false}`, `"etag":{"supported":false}`,
		`"pagination":{"cursor":false,"index":true,"defaultPaginationMethod":"index"}`, `"authenticationSchemes":[]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	got = show(scim.ServiceProviderConfig{
		BulkOperations: 100, BulkBytes: 1000, Pagination: scim.Pagination{Cursor: true, MaxPageSize: 500},
		Authentication: []scim.AuthenticationScheme{{Type: "oauthbearertoken", Name: "Bearer", Primary: true}},
	}.Object())
	for _, want := range []string{`"maxOperations":100`, `"cursor":true`, `"maxPageSize":500`, `"type":"oauthbearertoken"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

// The built-in schemas compile, and their representation reads back as they are, but for what is ours.
func TestBuiltInSchemas(t *testing.T) {
	for _, s := range []*scim.Schema{
		scim.UserSchema(), scim.GroupSchema(), scim.EnterpriseUserSchema(), scim.CiscoUserSchema(), scim.CiscoGroupSchema(),
	} {
		back, err := scim.ParseSchema(object(t, show(s.Object())))
		if err != nil {
			t.Fatal(err)
		}
		plain(s.Attributes)
		if !reflect.DeepEqual(back, s) {
			t.Errorf("%s:\n got %+v\nwant %+v", s.ID, back, s)
		}
		if _, err := scim.NewType(scim.ResourceType{Name: s.Name, Schema: s.ID}, s); err != nil {
			t.Error(err)
		}
		checkDescribed(t, s.ID, s.Attributes)
	}
	if _, err := scim.ParseSchema(nil); err == nil {
		t.Error("a schema without id")
	}
}

func plain(list []scim.Attribute) {
	for i := range list {
		list[i].MaxLength, list[i].MaxValues, list[i].Closed = 0, 0, false
		plain(list[i].SubAttributes)
	}
}

// RFC 7643 §8.7.1: every attribute is described; better-auth#10417: userName and displayName are not read-only.
func checkDescribed(t *testing.T, in string, list []scim.Attribute) {
	for _, a := range list {
		if a.Description == "" || a.Type == scim.Complex != (len(a.SubAttributes) > 0) {
			t.Errorf("%s:%s: %+v", in, a.Name, a)
		}
		if (a.Name == "userName" || a.Name == "displayName") && (in == scim.UserURN || in == scim.GroupURN) && a.Mutability != scim.ReadWrite {
			t.Errorf("%s:%s is %s", in, a.Name, a.Mutability)
		}
		checkDescribed(t, in, a.SubAttributes)
	}
}

func TestResourceTypeObject(t *testing.T) {
	got := show(scim.UserType().ResourceType.Object())
	want := `{"schemas":["` + scim.ResourceTypeURN + `"],"id":"User","name":"User","endpoint":"/Users","description":"User Account","schema":"` +
		scim.UserURN + `","schemaExtensions":[{"schema":"` + ent + `","required":false}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
