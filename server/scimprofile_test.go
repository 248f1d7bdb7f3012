package server

import (
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/store"
	"lockstep/token"
)

// TestSCIMProfiles: what the profiles interop and ipsie forbid is refused, with the error that they name, and to nobody else.
func TestSCIMProfiles(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	const patch = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [`
	made := map[token.Profile]string{}
	person := b.status(201, b.profiled(token.Generic), "acme", "POST", "/Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada"}`)["id"].(string)
	for _, p := range []token.Profile{token.Generic, token.Interop, token.IPSIE} {
		made[p] = b.profiled(p)
	}
	const head = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "x"`
	for name, c := range map[string]struct {
		method, path, body string
		typ                string // of the error under interop; "" is that it is taken
		ipsie              bool   // it is refused under ipsie alone
	}{
		"a user":                    {"POST", "/Users", head + `, "title": "t"}`, "", false},
		"unknown attribute":         {"POST", "/Users", head + `, "shoeSize": 42}`, "invalidSyntax", false},
		"unknown sub-attribute":     {"PUT", "/Users/" + person, head + `, "name": {"shoe": 1}}`, "invalidSyntax", false},
		"unknown schema":            {"POST", "/Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x"], "userName": "x"}`, "invalidSyntax", false},
		"a change":                  {"PATCH", "/Users/" + person, patch + `{"op": "replace", "path": "title", "value": "x"}]}`, "", false},
		"a change of several":       {"PATCH", "/Users/" + person, patch + `{"op": "replace", "path": "title", "value": "x"}, {"op": "replace", "value": {"title": "y"}}]}`, "invalidSyntax", false},
		"a change without a path":   {"PATCH", "/Users/" + person, patch + `{"op": "replace", "value": {"active": false}}]}`, "invalidSyntax", false},
		"a filter":                  {"GET", "/Users?filter=userName+eq+%22ada%22", "", "", false},
		"unknown filter attribute":  {"GET", "/Users?filter=shoe+eq+1", "", "invalidFilter", false},
		"in Bulk":                   {"POST", "/Bulk", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [{"method": "PATCH", "path": "/Users/` + person + `", "data": ` + patch + `{"op": "replace", "value": {"title": "z"}}]}}]}`, "invalidSyntax", false},
		"a password":                {"POST", "/Users", head + `, "password": "Canary-8-long"}`, "", true},
		"a password by PATCH":       {"PATCH", "/Users/" + person, patch + `{"op": "replace", "path": "password", "value": "Canary-8-long"}]}`, "", true},
		"a password by its URN":     {"PATCH", "/Users/" + person, patch + `{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": "Canary-8-long"}]}`, "", true},
		"a password in Bulk":        {"POST", "/Bulk", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [{"method": "POST", "bulkId": "1", "path": "/Users", "data": ` + head + `, "password": "Canary-8-long"}}]}`, "", true},
		"what discovery is read by": {"GET", "/ResourceTypes/User", "", "", false},
	} {
		for p, bearer := range made {
			body := strings.ReplaceAll(c.body, `"userName": "x"`, `"userName": "`+string(lockstep.NewID[lockstep.UserID]())+`"`)
			res, v := b.call(bearer, "acme", c.method, c.path, body)
			refused := c.typ != "" && p != token.Generic || c.ipsie && p == token.IPSIE
			if c.typ == "invalidFilter" {
				refused = true // of every client
			}
			got, _ := v["scimType"].(string)
			if refused != (res.StatusCode == 400) || refused && c.typ != "" && got != c.typ {
				t.Errorf("%s as %s: status %d %v", name, p, res.StatusCode, v)
			}
		}
	}
	for p, bearer := range made {
		config := b.status(200, bearer, "acme", "GET", "/ServiceProviderConfig", "")
		if flag := config["interopProfileConformant"]; (flag == true) != p.Refuses() || flag == false {
			t.Errorf("%s: interopProfileConformant is %v", p, flag)
		}
		if change := config["changePassword"].(map[string]any)["supported"]; change == (p == token.IPSIE) {
			t.Errorf("%s: changePassword is %v", p, change)
		}
		if bulk := config["bulk"].(map[string]any)["supported"]; bulk != true {
			t.Errorf("%s: no Bulk", p)
		}
		for _, one := range b.status(200, bearer, "acme", "GET", "/ResourceTypes", "")["Resources"].([]any) {
			if o := one.(map[string]any); o["id"] != o["name"] {
				t.Errorf("%s: resource type %v has the id %v", p, o["name"], o["id"])
			}
		}
	}
}

// profiled is a token of acme with a profile.
func (b *scimBench) profiled(p token.Profile) string {
	b.Helper()
	id, text := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	if _, err := b.server.db.SetToken(b.Context(), audit.Actor{}, b.ids["acme"], id, func(k *store.Token) error { k.Profile = p; return nil }); err != nil {
		b.Fatal(err)
	}
	return text
}
