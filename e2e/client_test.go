package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"lockstep/scim"
)

// clientCall is one call of Octokit's enterprise cloud, in its own words. $NAME stands for the id that the call named NAME was
// answered with.
type clientCall struct {
	call    string
	request string
	status  int
	want    string // what the answer holds, among other things: objects in part, lists whole
	name    string
}

const (
	monaBody = `"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "E012345", "userName": "E012345",
		"name": {"formatted": "Ms. Mona Lisa Octocat", "familyName": "Octocat", "givenName": "Mona", "middleName": "Lisa"},
		"displayName": "Mona Lisa", "emails": [{"value": "mlisa@example.com", "type": "work", "primary": true}], "roles": [{"value": "user", "primary": false}]`
	groupBody = `"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": "8aa1a0c0", "displayName": "Engineering"`
	patchBody = `"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": `
)

// clientCalls is the life of two people and a group. The requests are those of GitHub's documentation of these calls.
var clientCalls = []clientCall{
	// Nobody there yet.
	{"listProvisionedIdentitiesEnterprise", `{"filter": "externalId eq \"E012345\""}`, 200, `{"totalResults": 0}`, ""},
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "7fce0092-d52e-4f76-b727-3955bd72c939"}`, 404, `{"status": "404"}`, ""},
	// Create, and the same once more.
	{"provisionEnterpriseUser", `{` + monaBody + `, "active": true}`, 201, `{"userName": "E012345", "active": true, "meta": {"resourceType": "User"}}`, "mona"},
	{"provisionEnterpriseUser", `{` + monaBody + `, "active": true}`, 409, `{"status": "409", "scimType": "uniqueness"}`, ""},
	{"provisionEnterpriseUser", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "hubot", "active": true, "externalId": "E2",
		"displayName": "Hubot", "emails": [{"value": "hubot@example.com", "type": "work", "primary": true}]}`, 201, `{"userName": "hubot"}`, "hubot"},
	{"provisionEnterpriseUser", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "displayName": "No Name"}`, 400, `{"status": "400", "scimType": "invalidValue"}`, ""},
	// Read and search.
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "$mona"}`, 200, `{` + monaBody + `}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "userName eq \"e012345\""}`, 200, `{"totalResults": 1, "Resources": [{"id": "$mona"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "externalId eq \"E2\""}`, 200, `{"totalResults": 1, "Resources": [{"id": "$hubot"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "emails[type eq \"work\" and value sw \"hub\"]"}`, 200, `{"Resources": [{"id": "$hubot"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "userName eq"}`, 400, `{"status": "400", "scimType": "invalidFilter"}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"startIndex": 1, "count": 1}`, 200, `{"totalResults": 2, "itemsPerPage": 1, "startIndex": 1, "Resources": [{"id": "$mona"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"startIndex": 2, "count": 1}`, 200, `{"totalResults": 2, "itemsPerPage": 1, "startIndex": 2, "Resources": [{"id": "$hubot"}]}`, ""},
	// Change attributes, one by one and all.
	{
		"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "updated@example.com"},
		{"op": "replace", "path": "name.familyName", "value": "updatedFamilyName"}]}`, 200,
		`{"emails": [{"value": "updated@example.com", "type": "work", "primary": true}], "name": {"familyName": "updatedFamilyName", "givenName": "Mona"}}`, "",
	},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "active", "value": false}]}`, 200, `{"active": false}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "noSuch[", "value": "x"}]}`, 400, `{"scimType": "invalidPath"}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "id", "value": "x"}]}`, 400, `{"scimType": "mutability"}`, ""},
	{"setInformationForProvisionedEnterpriseUser", `{"scim_user_id": "$mona", ` + monaBody + `, "active": true}`, 200, `{` + monaBody + `, "active": true}`, ""},
	{
		"setInformationForProvisionedEnterpriseUser", `{"scim_user_id": "$mona", ` + strings.Replace(monaBody, `"E012345", "userName": "E012345"`, `"E1", "userName": "hubot"`, 1) + `, "active": true}`,
		409, `{"scimType": "uniqueness"}`, "",
	},
	// A group and its members.
	{
		"provisionEnterpriseGroup", `{` + groupBody + `, "members": [{"value": "$mona", "displayName": "Mona Lisa"}]}`, 201,
		`{"displayName": "Engineering", "members": [{"value": "$mona", "type": "User", "display": "Mona Lisa"}]}`, "group",
	},
	{"provisionEnterpriseGroup", `{` + groupBody + `, "members": [{"value": "7fce0092-d52e-4f76-b727-3955bd72c939"}]}`, 400, `{"scimType": "invalidValue"}`, ""},
	{"listProvisionedGroupsEnterprise", `{"filter": "displayName eq \"engineering\"", "excludedAttributes": "members"}`, 200, `{"totalResults": 1, "Resources": [{"id": "$group"}]}`, ""},
	{
		"updateAttributeForEnterpriseGroup", `{"scim_group_id": "$group", ` + patchBody + `[{"op": "add", "path": "members", "value": [{"value": "$hubot", "displayName": "Hubot"}]}]}`,
		200, `{"members": [{"value": "$mona"}, {"value": "$hubot"}]}`, "",
	},
	{"updateAttributeForEnterpriseGroup", `{"scim_group_id": "$group", ` + patchBody + `[{"op": "remove", "path": "members[value eq \"$mona\"]"},
		{"op": "replace", "path": "displayName", "value": "Employees"}]}`, 200, `{"displayName": "Employees", "members": [{"value": "$hubot"}]}`, ""},
	{
		"setInformationForProvisionedEnterpriseGroup", `{"scim_group_id": "$group", ` + groupBody + `, "members": [{"value": "$mona"}, {"value": "$hubot"}]}`,
		200, `{"displayName": "Engineering", "members": [{"value": "$mona"}, {"value": "$hubot"}]}`, "",
	},
	// The end: who is gone is in no group.
	{"deleteUserFromEnterprise", `{"scim_user_id": "$hubot"}`, 204, ``, ""},
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "$hubot"}`, 404, `{"status": "404"}`, ""},
	{"getProvisioningInformationForEnterpriseGroup", `{"scim_group_id": "$group"}`, 200, `{"members": [{"value": "$mona"}]}`, ""},
	{"deleteScimGroupFromEnterprise", `{"scim_group_id": "$group"}`, 204, ``, ""},
	{"deleteScimGroupFromEnterprise", `{"scim_group_id": "$group"}`, 404, `{"status": "404"}`, ""},
	{"listProvisionedGroupsEnterprise", `{}`, 200, `{"totalResults": 0}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{}`, 200, `{"totalResults": 1, "Resources": [{"id": "$mona", "active": true}]}`, ""},
}

// TestSCIMOctokit: GitHub's SCIM client works with the endpoint as with GitHub's own, and SCIMMY reads every resource that it is
// answered with as it stands.
func TestSCIMOctokit(t *testing.T) {
	t.Parallel()
	_, e := newHome(t).scimServer()
	address := strings.TrimSuffix(e.base, "/scim/default/v2")
	client := newOracle(t, "client.js", "ADDRESS="+address, "TENANT=default", "TOKEN="+e.token)
	callAll(t, client, clientCalls, nil)
	outsider := newOracle(t, "client.js", "ADDRESS="+address, "TENANT=default", "TOKEN=wrong")
	answer := outsider.ask(scim.Object{{Name: "call", Value: "listProvisionedIdentitiesEnterprise"}, {Name: "request", Value: scim.Object{}}})
	if status, _ := answer.Get("status").(int64); status != 401 {
		t.Errorf("with a wrong token: %s", scim.AppendJSON(nil, answer))
	}
}

// callAll has the client make the calls, and SCIMMY read every resource that it is answered with. known takes away what SCIMMY does
// not know; nil takes nothing.
func callAll(t *testing.T, client *oracle, calls []clientCall, known func(scim.Object) scim.Object) {
	t.Helper()
	judge := newOracle(t, "oracle.js")
	ids := map[string]string{}
	for _, c := range calls {
		var names []string
		for name, id := range ids {
			names = append(names, "$"+name, id)
		}
		put := strings.NewReplacer(names...)
		var request scim.Object
		if err := json.Unmarshal([]byte(put.Replace(c.request)), &request); err != nil {
			t.Fatalf("%s: %v", c.call, err)
		}
		answer := client.ask(scim.Object{{Name: "call", Value: c.call}, {Name: "request", Value: request}})
		where := c.call + " " + put.Replace(c.request)
		if status, _ := answer.Get("status").(int64); int(status) != c.status {
			t.Fatalf("%s: %s", where, scim.AppendJSON(nil, answer))
		}
		body, _ := answer.Get("body").(scim.Object)
		if c.want != "" {
			var want scim.Object
			if err := json.Unmarshal([]byte(put.Replace(c.want)), &want); err != nil {
				t.Fatalf("%s: %v", c.call, err)
			}
			if !holds(body, want) {
				t.Errorf("%s answers\n%s\nwithout\n%s", where, scim.AppendJSON(nil, body), scim.AppendJSON(nil, want))
			}
		}
		if c.name != "" {
			ids[c.name] = body.Text("id")
		}
		judged(t, judge, where, body, known)
	}
}

// judged has SCIMMY read the resources of an answer: it must find nothing wrong, and nothing that it does not know.
func judged(t *testing.T, judge *oracle, where string, body scim.Object, known func(scim.Object) scim.Object) {
	t.Helper()
	resources, ok := body.Get("Resources").(scim.List)
	if !ok {
		resources = scim.List{body}
	}
	for _, r := range resources {
		resource, _ := r.(scim.Object)
		meta, _ := resource.Get("meta").(scim.Object)
		if !meta.Has("resourceType") {
			continue // an error, or no body
		}
		if known != nil {
			resource = known(resource)
		}
		answer := judge.ask(scim.Object{{Name: "schema", Value: meta.Text("resourceType")}, {Name: "resource", Value: resource}})
		if read, _ := answer.Get("resource").(scim.Object); !scim.Equal(read, resource) {
			t.Errorf("%s: SCIMMY reads\n%s\nas\n%s", where, scim.AppendJSON(nil, resource), scim.AppendJSON(nil, answer))
		}
	}
}

// holds tells whether got has what want has: of objects each attribute, of lists each value in order.
func holds(got, want any) bool {
	switch want := want.(type) {
	case scim.Object:
		got, ok := got.(scim.Object)
		return ok && !slices.ContainsFunc(want, func(a scim.Attr) bool { return !holds(got.Get(a.Name), a.Value) })
	case scim.List:
		got, ok := got.(scim.List)
		return ok && slices.EqualFunc(got, want, holds)
	}
	return scim.Equal(got, want)
}

// schemaChoices are the characteristics in which our schemas differ from SCIMMY's on purpose, and why.
var schemaChoices = map[string]string{
	"User.groups.returned":                   "request, since a person may be in thousands",
	"Group.members.value.required":           "a member without a value is none",
	"Group.members.display.mutability":       "readOnly: the server knows the name; RFC 7643 §8.7.1 does not list it",
	"EnterpriseUser.manager.$ref.mutability": "readOnly: it follows from the value",
}

// TestSCIMSchemaOracle: /Schemas has every attribute that SCIMMY's schemas have, with the same characteristics.
func TestSCIMSchemaOracle(t *testing.T) {
	t.Parallel()
	o := newOracle(t, "oracle.js")
	_, e := newHome(t).scimServer()
	unused := maps.Clone(schemaChoices)
	for _, name := range []string{"User", "Group", "EnterpriseUser"} {
		theirs, _ := o.ask(scim.Object{{Name: "describe", Value: name}}).Get("schema").(scim.Object)
		ours := e.want(200, "GET", "/Schemas/"+theirs.Text("id"), "")
		for _, difference := range attributeDifferences(name, ours.Get("attributes"), theirs.Get("attributes")) {
			what, _, _ := strings.Cut(difference, " ")
			if _, chosen := schemaChoices[what]; !chosen {
				t.Error(difference)
			}
			delete(unused, what)
		}
	}
	for what := range unused {
		t.Errorf("%s no longer differs", what)
	}
}

// attributeDifferences compares attributes, and theirs below. caseExact of a value that is no string means nothing
// (RFC 7643 §7), and canonicalValues are suggestions.
func attributeDifferences(path string, ours, theirs any) []string {
	var found []string
	mine, _ := ours.(scim.List)
	others, _ := theirs.(scim.List)
	for _, v := range others {
		other, _ := v.(scim.Object)
		where := path + "." + other.Text("name")
		i := slices.IndexFunc(mine, func(v any) bool { o, _ := v.(scim.Object); return o.Text("name") == other.Text("name") })
		if i < 0 {
			found = append(found, where+" is missing")
			continue
		}
		own, _ := mine[i].(scim.Object)
		for _, characteristic := range []string{"type", "multiValued", "required", "mutability", "returned"} {
			if a, b := own.Get(characteristic), other.Get(characteristic); !scim.Equal(a, b) {
				found = append(found, fmt.Sprintf("%s.%s is %v, SCIMMY has %v", where, characteristic, a, b))
			}
		}
		found = append(found, attributeDifferences(where, own.Get("subAttributes"), other.Get("subAttributes"))...)
	}
	return found
}
