package webexorg

import (
	"encoding/json"
	"strings"
	"testing"
)

// legacyShape is what programs that read SCIM 1 of Webex's identity service expect, in the form of testdata/published.json. There is
// no published description of it: this is what client libraries of Webex's own read.
const legacyShape = `{"schemas*": ["string urn:scim:schemas:core:1.0|urn:scim:schemas:extension:cisco:commonidentity:1.0"],
	"id*": "string", "userName*": "string", "displayName*": "string", "active*": "boolean", "title": "string", "preferredLanguage": "string",
	"name*": {"givenName*": "string", "familyName*": "string"}, "emails*": [{"value*": "string", "type*": "string", "primary*": "boolean"}],
	"phoneNumbers": [{"value*": "string", "type*": "string", "primary": "boolean"}],
	"roles": ["string"], "licenseID": ["string"], "entitlements*": ["string"], "userStatus*": "string active|inactive|pending", "cisSyncSource": "string DirSync",
	"meta*": {"created*": "string", "lastModified*": "string", "version*": "string", "location*": "string", "organizationID*": "string"}}`

// TestLegacyUser: SCIM 1 shows a person in its own form, alike wherever it is asked: as user-info of whoever signs in, by id and by
// address. Whoever may not see it gets an error of Webex's form.
func TestLegacyUser(t *testing.T) {
	s := newSample(t, Config{})
	s.call(200, "PATCH", scimAt+"/Users/"+sampleAgent, patchHead+`{"op":"add","value":{"name":{"givenName":"Grace","familyName":"Hopper"},"title":"Agent",
		"phoneNumbers":[{"type":"work","value":"+1 555 0100"}],"preferredLanguage":"en_US"}}]}`)
	var shape any
	if err := json.Unmarshal([]byte(legacyShape), &shape); err != nil {
		t.Fatal(err)
	}
	agent := s.as(sampleAgent, "openid cjp:user")
	texts := map[string]bool{}
	at := "/identity/scim/" + sampleOrg + "/v1/Users/"
	for path, by := range map[string]*sample{
		"/identity/scim/v1/Users/me": agent, "/eu/identity/scim/v1/Users/me": agent, at + sampleAgent: s, at + "agent@example.com": s, at + "Agent@Example.com": s,
	} {
		got := by.call(200, "GET", path, "")
		var body any
		if err := json.Unmarshal([]byte(got.text), &body); err != nil {
			t.Fatal(err)
		}
		for _, problem := range compareShape(shape, body, "") {
			t.Errorf("%s%s", path, problem)
		}
		if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") || !strings.Contains(got.text, sampleOrg+":CJ_1") {
			t.Errorf("%s: %s %s", path, got.Header.Get("Content-Type"), got.text)
		}
		texts[strings.ReplaceAll(got.text, s.url+"/eu", s.url)] = true
	}
	if len(texts) != 1 {
		t.Errorf("shown in %d ways: %v", len(texts), texts)
	}
	if admin := s.call(200, "GET", at+sampleAdmin, ""); !strings.Contains(admin.text, `"roles":["id_full_admin"]`) {
		t.Errorf("roles are texts there: %s", admin.text)
	}
	for _, c := range []struct {
		status int
		by     *sample
		path   string
	}{
		{403, agent, at + samplePlain}, {403, s.as(sampleAgent, "spark:rooms_read"), "/identity/scim/v1/Users/me"}, {403, s, "/identity/scim/v1/Users/me"},
		{404, s, at + "somebody@elsewhere.example"}, {404, s, "/identity/scim/" + sampleOrg + "/v1/Groups"},
	} {
		got := c.by.call(c.status, "GET", c.path, "")
		if !got.body.Has("urn:scim:schemas:extension:cisco:webexidentity:api:messages:2.0:Error") || !strings.Contains(got.text, `"trackingId"`) {
			t.Errorf("%s: %s", c.path, got.text)
		}
	}
}
