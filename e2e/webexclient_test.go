package e2e

import (
	"slices"
	"testing"

	"lockstep/scim"
)

// webexClientCalls is the life of people and a group at a Webex organisation, in the words of a client that knows nothing of Webex:
// where Webex has rules of its own, it is told so in SCIM's errors.
var webexClientCalls = []clientCall{
	{"listProvisionedIdentitiesEnterprise", `{"filter": "userName eq \"mona@acme.example\""}`, 200, `{"totalResults": 0}`, ""},
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "7fce0092-d52e-4f76-b727-3955bd72c939"}`, 404, `{"status": "404"}`, ""},
	// A user name is an address of a verified domain, and there is one of it.
	{"provisionEnterpriseUser", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "E012345", "displayName": "Mona Lisa"}`, 400, `{"status": "400", "scimType": "invalidValue"}`, ""},
	{"provisionEnterpriseUser", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "mona@elsewhere.example"}`, 400, `{"scimType": "invalidValue"}`, ""},
	{"provisionEnterpriseUser", `{` + webexMona + `, "active": true}`, 201, `{"userName": "mona@acme.example", "active": true, "meta": {"resourceType": "User"}}`, "mona"},
	{"provisionEnterpriseUser", `{` + webexMona + `, "active": true}`, 409, `{"status": "409", "scimType": "uniqueness"}`, ""},
	{"provisionEnterpriseUser", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "hubot@acme.example", "displayName": "Hubot", "active": false}`, 201,
		`{"active": false, "emails": [{"value": "hubot@acme.example", "type": "work", "primary": true}]}`, "hubot"},
	// Read and search; Webex has no search by externalId.
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "$mona"}`, 200, `{` + webexSeen + `}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "userName eq \"MONA@acme.example\""}`, 200, `{"totalResults": 1, "Resources": [{"id": "$mona"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "name.familyName sw \"Octo\" or id eq \"$hubot\""}`, 200, `{"totalResults": 2}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"filter": "externalId eq \"E012345\""}`, 400, `{"scimType": "invalidFilter"}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"startIndex": 1, "count": 1}`, 200, `{"totalResults": 2, "itemsPerPage": 1, "startIndex": 1, "Resources": [{"id": "$mona"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"startIndex": 2, "count": 1}`, 200, `{"startIndex": 2, "Resources": [{"id": "$hubot"}]}`, ""},
	{"listProvisionedIdentitiesEnterprise", `{"startIndex": 3, "count": 1}`, 200, `{"totalResults": 2, "itemsPerPage": 0}`, ""},
	// Change.
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "name.familyName", "value": "Lisa"}]}`, 200,
		`{"name": {"familyName": "Lisa", "givenName": "Mona"}}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "Replace", "path": "active", "value": "False"}]}`, 200, `{"active": false}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "1"}]}`, 400,
		`{"scimType": "noTarget"}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "userName", "value": "hubot@acme.example"}]}`, 409, `{"scimType": "uniqueness"}`, ""},
	{"updateAttributeForEnterpriseUser", `{"scim_user_id": "$mona", ` + patchBody + `[{"op": "replace", "path": "noSuch[", "value": "x"}]}`, 400, `{"scimType": "invalidPath"}`, ""},
	{"setInformationForProvisionedEnterpriseUser", `{"scim_user_id": "$mona", ` + webexMona + `, "active": true}`, 200, `{` + webexSeen + `, "active": true}`, ""},
	// A group.
	{"provisionEnterpriseGroup", `{` + groupBody + `, "members": [{"value": "$mona", "displayName": "Mona Lisa"}]}`, 201,
		`{"displayName": "Engineering", "members": [{"value": "$mona", "type": "user", "display": "Mona Lisa"}]}`, "group"},
	{"provisionEnterpriseGroup", `{` + groupBody + `}`, 409, `{"scimType": "uniqueness"}`, ""},
	{"listProvisionedGroupsEnterprise", `{"filter": "displayName eq \"engineering\""}`, 200, `{"totalResults": 1, "Resources": [{"id": "$group"}]}`, ""},
	{"updateAttributeForEnterpriseGroup", `{"scim_group_id": "$group", ` + patchBody + `[{"op": "add", "path": "members", "value": [{"value": "$hubot"}]}]}`, 200,
		`{"members": [{"value": "$mona"}, {"value": "$hubot"}]}`, ""},
	{"updateAttributeForEnterpriseGroup", `{"scim_group_id": "$group", ` + patchBody + `[{"op": "remove", "path": "members[value eq \"$mona\"]"}]}`, 200, `{"members": [{"value": "$hubot"}]}`, ""},
	{"setInformationForProvisionedEnterpriseGroup", `{"scim_group_id": "$group", ` + groupBody + `, "members": [{"value": "$mona"}, {"value": "$hubot"}]}`, 200,
		`{"members": [{"value": "$mona"}, {"value": "$hubot"}]}`, ""},
	// The end.
	{"deleteUserFromEnterprise", `{"scim_user_id": "$hubot"}`, 204, ``, ""},
	{"getProvisioningInformationForEnterpriseUser", `{"scim_user_id": "$hubot"}`, 404, `{"status": "404"}`, ""},
	{"getProvisioningInformationForEnterpriseGroup", `{"scim_group_id": "$group"}`, 200, `{"members": [{"value": "$mona"}]}`, ""},
	{"deleteScimGroupFromEnterprise", `{"scim_group_id": "$group"}`, 204, ``, ""},
	{"listProvisionedGroupsEnterprise", `{}`, 200, `{"totalResults": 0}`, ""},
	{"deleteUserFromEnterprise", `{"scim_user_id": "$mona"}`, 204, ``, ""},
	{"listProvisionedIdentitiesEnterprise", `{}`, 200, `{"totalResults": 0}`, ""},
}

const (
	webexMona = `"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], ` + webexSeen
	webexSeen = `"externalId": "E012345", "userName": "mona@acme.example",
		"name": {"formatted": "Ms. Mona Lisa Octocat", "familyName": "Octocat", "givenName": "Mona", "middleName": "Lisa"},
		"displayName": "Mona Lisa", "emails": [{"value": "mona@acme.example", "type": "work", "primary": true}]`
)

// TestWebexOctokit: GitHub's SCIM client works with a Webex organisation, and SCIMMY reads every resource as it stands, Webex's own
// attributes left out.
func TestWebexOctokit(t *testing.T) {
	t.Parallel()
	org := newOrganisation(t, nil)
	client := newOracle(t, "client.js", "ADDRESS="+org.server.URL+"/identity", "TENANT="+org.ID(), "TOKEN="+org.token)
	callAll(t, client, webexClientCalls, withoutCisco)
	outsider := newOracle(t, "client.js", "ADDRESS="+org.server.URL+"/identity", "TENANT="+org.ID(), "TOKEN=wrong")
	answer := outsider.ask(scim.Object{{Name: "call", Value: "listProvisionedIdentitiesEnterprise"}, {Name: "request", Value: scim.Object{}}})
	if status, _ := answer.Get("status").(int64); status != 401 {
		t.Errorf("with a wrong token: %s", scim.AppendJSON(nil, answer))
	}
}

// withoutCisco takes Webex's own attributes away, and the type of members, which Webex writes with a small letter.
func withoutCisco(o scim.Object) scim.Object {
	o = o.Clone()
	for _, name := range []string{"firstAdmin", "userType", scim.CiscoUserURN, scim.CiscoGroupURN} {
		o.Delete(name)
	}
	if schemas, ok := o.Get("schemas").(scim.List); ok {
		o.Set("schemas", slices.DeleteFunc(slices.Clone(schemas), func(v any) bool { return v == scim.CiscoUserURN || v == scim.CiscoGroupURN }))
	}
	members, _ := o.Get("members").(scim.List)
	for _, m := range members {
		member, _ := m.(scim.Object)
		for i := range member {
			if member[i].Name == "type" && member[i].Value == "user" {
				member[i].Value = "User"
			}
		}
	}
	return o
}
