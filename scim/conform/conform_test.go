package conform_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lockstep/scim"
	"lockstep/scim/conform"
)

func types(t testing.TB) []*scim.Type {
	const urn = "urn:example:params:2.0:Badge"
	user, err := scim.NewType(scim.ResourceType{
		Name: "User", Endpoint: "/Users", Schema: scim.UserURN, Extensions: []scim.Extension{{Schema: scim.EnterpriseUserURN}, {Schema: urn}},
	}, scim.UserSchema(), scim.EnterpriseUserSchema(), &scim.Schema{ID: urn, Attributes: []scim.Attribute{
		{Name: "floor", Type: scim.Integer}, {Name: "since", Type: scim.DateTime}, {Name: "share", Type: scim.Decimal}, {Name: "card", Type: scim.Binary},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return []*scim.Type{user, scim.GroupType()}
}

// sent is a request as the tables write it: method and path with a query, headers, a blank line, the body. A body of SCIM has its
// content type unless a header says otherwise.
func sent(text string) conform.Request {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	path, query, _ := strings.Cut(target, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" {
			pairs = append(pairs, name+"="+url.QueryEscape(value))
		}
	}
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", "application/scim+json")
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	return conform.Request{Method: method, Path: path, Query: strings.Join(pairs, "&"), Header: header.Get, Body: []byte(body), Masked: "•••"}
}

const (
	user     = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"`
	employee = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"ada"`
	badge    = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:example:params:2.0:Badge"],"userName":"ada","urn:example:params:2.0:Badge":`
	patch    = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":`
	bulk     = `"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":`
	search   = `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`
	ent      = `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User`
)

// deviations are requests that depart in one way, and beside each one that does not.
var deviations = []struct {
	code conform.Code
	path string // where
	bad  string
	good string
}{
	{conform.ContentType, "Content-Type", "POST /Users\nContent-Type: application/json\n\n{" + user + "}", "POST /Users\nContent-Type: application/scim+json; charset=utf-8\n\n{" + user + "}"},
	{conform.ContentType, "Content-Type", "POST /Users\nContent-Type: \n\n{" + user + "}", "POST /Users\n\n{" + user + "}"},
	{conform.EntityTag, "If-Match", "DELETE /Users/1\nIf-Match: 3", "DELETE /Users/1\nIf-Match: W/\"3\", \"4\""},
	{conform.EntityTag, "If-None-Match", "GET /Users/1\nIf-None-Match: W/3", "GET /Users/1\nIf-None-Match: *"},
	{conform.BodySyntax, "", "POST /Users\n\n{" + user, "POST /Users\n\n{" + user + "}"},
	{conform.BodySyntax, "", "POST /Users\n\n{" + user + `,"USERNAME":"x"}`, "POST /Users\n\n{" + user + `,"displayName":"x"}`},
	{conform.BodySyntax, "", "POST /Users\nContent-Type: application/scim+json\n\n", "GET /Users"},
	{conform.QueryParameter, "aadOptscim062020", "GET /Users?aadOptscim062020=", "GET /Users?attributes=userName"},
	{conform.PagingNumber, "count", "GET /Users?count=ten", "GET /Users?count=10&startIndex=0"},
	{conform.SortOrder, "sortOrder", "GET /Users?sortBy=userName&sortOrder=DESC", "GET /Users?sortBy=name.familyName&sortOrder=descending"},
	{conform.AttributesBoth, "attributes", "GET /Groups?attributes=id&excludedAttributes=members", "GET /Groups?excludedAttributes=members"},

	{conform.FilterSyntax, "filter", `GET /Users?filter=userName = "x"`, `GET /Users?filter=userName eq "x"`},
	{conform.FilterUnquoted, "filter", `GET /Users?filter=userName sw O`, `GET /Users?filter=userName SW "O"`},
	{conform.FilterAfterBrackets, "filter", `GET /Users?filter=emails[type eq "work"].value eq "x"`, `GET /Users?filter=emails[type eq "work" and value eq "x"]`},
	{conform.FilterAfterBrackets, "filter", `GET /Users?filter=not (emails[type eq "work"].value pr)`, `GET /Users?filter=not (emails.value pr)`},
	{conform.FilterRefNull, "Operations[0].path", "PATCH /Groups/1\n\n{" + patch + `[{"op":"remove","path":"members[$ref eq null and value eq \"1\"]"}]}`, "PATCH /Groups/1\n\n{" + patch + `[{"op":"remove","path":"members[value eq \"1\"]"}]}`},
	{conform.FilterAttribute, "filter", `GET /Users?filter=shoeSize eq "9"`, `GET /Users?filter=urn:ietf:params:scim:schemas:core:2.0:User:title eq "x"`},
	{conform.FilterAttribute, "filter", `GET /Users?filter=emails[colour eq "red"]`, `GET /Users?filter=emails[type eq "work"]`},
	{conform.FilterAttribute, "sortBy", `GET /Users?sortBy=shoeSize`, `GET /Users?sortBy=id`},
	{conform.FilterComplex, "filter", `GET /Users?filter=name eq "Ada"`, `GET /Users?filter=emails co "example.com" and name pr`},
	{conform.FilterType, "filter", `GET /Users?filter=active eq "true"`, `GET /Users?filter=active eq true`},
	{conform.FilterType, "filter", `GET /Users?filter=userName eq 5`, `GET /Users?filter=userName eq "5" or title eq null`},
	{conform.FilterType, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"roles[primary eq \"True\"].value","value":"x"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"roles[primary eq true].value","value":"x"}]}`},

	{conform.SchemasMissing, "schemas", "POST /Users\n\n" + `{"userName":"ada"}`, "PUT /Users/1\n\n{" + user + "}"},
	{conform.SchemasMissing, "schemas", "PATCH /Users/1\n\n" + `{"Operations":[{"op":"remove","path":"title"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.SchemasWrong, "schemas", "PATCH /Users/1\n\n" + `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:PatchOp"],"Operations":[{"op":"remove","path":"title"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.SchemasWrong, "schemas", "POST /Users\n\n" + `{"schemas":["` + ent + `"],"userName":"ada"}`, "POST /Users\n\n{" + employee + "}"},
	{conform.SchemaUnknown, "schemas[1]", "POST /Users\n\n" + `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:scim:schemas:core:1.0"],"userName":"ada"}`, "POST /Users\n\n{" + employee + "}"},
	{conform.SchemaUnknown, "urn:x:1.0:Thing", "POST /Users\n\n{" + user + `,"urn:x:1.0:Thing":{"a":1}}`, "POST /Users\n\n{" + badge + `{"floor":1}}`},
	{conform.SchemaUnknown, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"` + ent + `:department"}]}`},
	{conform.SchemaUnlisted, ent, "POST /Users\n\n{" + user + `,"` + ent + `":{"department":"x"}}`, "POST /Users\n\n{" + employee + `,"` + ent + `":{"department":"x"}}`},
	{conform.AttrUnknown, "shoeSize", "POST /Users\n\n{" + user + `,"shoeSize":9}`, "POST /Users\n\n{" + user + `,"title":"Dr"}`},
	{conform.AttrUnknown, "name.first", "POST /Users\n\n{" + user + `,"name":{"first":"Ada"}}`, "POST /Users\n\n{" + user + `,"name":{"givenName":"Ada"}}`},
	{conform.AttrUnknown, "urn:example:params:2.0:Badge:colour", "POST /Users\n\n{" + badge + `{"colour":"red"}}`, "POST /Users\n\n{" + badge + `{"floor":2}}`},
	{conform.AttrUnqualified, "filter", `GET /Users?filter=department eq "x"`, `GET /Users?filter=` + ent + `:department eq "x"`},
	{conform.AttrUnqualified, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"department","value":"x"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"` + ent + `:department","value":"x"}]}`},
	{conform.AttrUnqualified, "department", "POST /Users\n\n{" + user + `,"department":"x"}`, "POST /Users\n\n{" + employee + `,"` + ent + `":{"department":"x"}}`},
	{conform.AttrDotted, "Operations[0].value.name.givenName", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":{"name.givenName":"Ada"}}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":{"name":{"givenName":"Ada"}}}]}`},
	{conform.AttrURN, "Operations[0].value." + ent + ":department", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":{"` + ent + `:department":"x"}}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":{"` + ent + `":{"department":"x"}}}]}`},
	{conform.AttrReadOnly, "meta", "POST /Users\n\n{" + user + `,"meta":{"resourceType":"User"}}`, "PUT /Users/1\n\n{" + user + `,"id":"1","meta":{"resourceType":"User"}}`},
	{conform.AttrReadOnly, "groups", "POST /Users\n\n{" + user + `,"groups":[{"value":"1"}]}`, "POST /Users\n\n{" + user + `,"groups":[]}`},
	{conform.AttrReadOnly, "Operations[0].value.id", "PATCH /Groups/1\n\n{" + patch + `[{"op":"replace","value":{"id":"1","displayName":"x"}}]}`, "PATCH /Groups/1\n\n{" + patch + `[{"op":"replace","value":{"displayName":"x"}}]}`},
	{conform.AttrRequired, "userName", "POST /Users\n\n" + `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"title":"x"}`, "POST /Users\n\n{" + user + "}"},

	{conform.BooleanText, "active", "POST /Users\n\n{" + user + `,"active":"True"}`, "POST /Users\n\n{" + user + `,"active":true}`},
	{conform.BooleanText, "Operations[0].value", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"active","value":"False"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"active","value":false}]}`},
	{conform.BooleanText, "emails[0].primary", "POST /Users\n\n{" + user + `,"emails":[{"value":"a@b.c","primary":"true"}]}`, "POST /Users\n\n{" + user + `,"emails":[{"value":"a@b.c","primary":true}]}`},
	{conform.NumberText, "urn:example:params:2.0:Badge:floor", "POST /Users\n\n{" + badge + `{"floor":"3"}}`, "POST /Users\n\n{" + badge + `{"floor":3,"share":0.5}}`},
	{conform.NumberText, "startIndex", "POST /Users/.search\n\n{" + search + `,"startIndex":"1"}`, "POST /.search\n\n{" + search + `,"startIndex":1,"count":null,"filter":"displayName eq \"x\"","sortBy":"id","sortOrder":"ascending","attributes":["id"]}`},
	{conform.NumberText, "failOnErrors", "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}],"failOnErrors":"1"}`, "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}],"failOnErrors":1}`},
	{conform.TextType, "title", "POST /Users\n\n{" + user + `,"title":5}`, "POST /Users\n\n{" + user + `,"title":"5"}`},
	{conform.ValueType, "title", "POST /Users\n\n{" + user + `,"title":{"a":1}}`, "POST /Users\n\n{" + user + `,"title":null}`},
	{conform.ValueType, "active", "POST /Users\n\n{" + user + `,"active":1}`, "POST /Users\n\n{" + user + `,"active":null}`},
	{conform.ValueType, "urn:example:params:2.0:Badge:floor", "POST /Users\n\n{" + badge + `{"floor":1.5}}`, "POST /Users\n\n{" + badge + `{"floor":1}}`},
	{conform.ComplexText, "Operations[0].value[0]", "PATCH /Groups/1\n\n{" + patch + `[{"op":"add","path":"members","value":["1"]}]}`, "PATCH /Groups/1\n\n{" + patch + `[{"op":"add","path":"members","value":[{"value":"1","$ref":null}]}]}`},
	{conform.ComplexText, "Operations[0].value", "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"` + ent + `:manager","value":"1"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"` + ent + `:manager","value":{"value":"1"}}]}`},
	{conform.EmptyReference, "Operations[0].value", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"` + ent + `:manager","value":""}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"` + ent + `:manager"}]}`},
	{conform.EmptyReference, ent + ":manager.value", "POST /Users\n\n{" + employee + `,"` + ent + `":{"manager":{"value":""}}}`, "POST /Users\n\n{" + employee + `,"` + ent + `":{"manager":null}}`},
	{conform.EmptyReference, "profileUrl", "POST /Users\n\n{" + user + `,"profileUrl":""}`, "POST /Users\n\n{" + user + `,"profileUrl":"https://example.com"}`},
	{conform.MultiSingle, "emails", "POST /Users\n\n{" + user + `,"emails":{"value":"a@b.c"}}`, "POST /Users\n\n{" + user + `,"emails":[{"value":"a@b.c"}]}`},
	{conform.MultiSingle, "schemas", "POST /Users\n\n" + `{"schemas":"urn:ietf:params:scim:schemas:core:2.0:User","userName":"ada"}`, "POST /Users\n\n{" + user + "}"},
	{conform.MultiSingle, "schemas", "PATCH /Users/1\n\n" + `{"schemas":"urn:ietf:params:scim:api:messages:2.0:PatchOp","Operations":[{"op":"remove","path":"title"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"emails","value":{"value":"a@b.c"}}]}`},
	{conform.MultiSingle, "attributes", "POST /.search\n\n{" + search + `,"attributes":"id"}`, "POST /.search\n\n{" + search + `,"excludedAttributes":["members"]}`},
	{conform.SingleMulti, "title", "POST /Users\n\n{" + user + `,"title":["x"]}`, "POST /Users\n\n{" + user + `,"title":"x"}`},
	{conform.PrimaryMany, "emails", "POST /Users\n\n{" + user + `,"emails":[{"value":"a@b.c","primary":true},{"value":"d@b.c","primary":true}]}`, "POST /Users\n\n{" + user + `,"emails":[{"value":"a@b.c","primary":true},{"value":"d@b.c","primary":false}]}`},
	{conform.DateForm, "urn:example:params:2.0:Badge:since", "POST /Users\n\n{" + badge + `{"since":"22.11.2026"}}`, "POST /Users\n\n{" + badge + `{"since":"2026-11-22T12:00:00+01:00"}}`},
	{conform.BinaryForm, "urn:example:params:2.0:Badge:card", "POST /Users\n\n{" + badge + `{"card":"no!"}}`, "POST /Users\n\n{" + badge + `{"card":"AAE_"}}`},

	{conform.PatchOperations, "Operations", "PATCH /Users/1\n\n{" + patch + `{"op":"remove","path":"title"}}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.PatchOperations, "Operations[0]", "PATCH /Users/1\n\n{" + patch + `["remove"]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.PatchEmpty, "Operations", "PATCH /Users/1\n\n{" + patch + `[]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.PatchMember, "Operations[0].name", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title","name":"x"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.PatchOpCase, "Operations[0].op", "PATCH /Users/1\n\n{" + patch + `[{"op":"Replace","path":"title","value":"x"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"title","value":"x"}]}`},
	{conform.PatchOpUnknown, "Operations[0].op", "PATCH /Users/1\n\n{" + patch + `[{"op":"delete","path":"title"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"title"}]}`},
	{conform.PatchPathSyntax, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"emails["}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"emails[type eq \"work\"]"}]}`},
	{conform.PatchPathSyntax, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":5}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"x509Certificates"}]}`},
	{conform.PatchPathUnknown, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"shoeSize"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"name.familyName"}]}`},
	{conform.PatchReadOnly, "Operations[0].path", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"id","value":"1"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"externalId","value":"1"}]}`},
	{conform.PatchNoTarget, "Operations[0]", "PATCH /Users/1\n\n{" + patch + `[{"op":"remove"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"` + ent + `"}]}`},
	{conform.PatchNoValue, "Operations[0]", "PATCH /Users/1\n\n{" + patch + `[{"op":"add","path":"title"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"title","value":null}]}`},
	{conform.PatchRemoveValue, "Operations[0].value", "PATCH /Groups/1\n\n{" + patch + `[{"op":"remove","path":"members","value":[{"value":"1"}]}]}`, "PATCH /Groups/1\n\n{" + patch + `[{"op":"remove","path":"members[value eq \"1\"]"}]}`},
	{conform.PatchValueText, "Operations[0].value", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":"{\"active\":false}"}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":{"active":false}}]}`},
	{conform.PatchValueNoPath, "Operations[0].value", "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","value":[{"active":false}]}]}`, "PATCH /Users/1\n\n{" + patch + `[{"op":"replace","path":"` + ent + `","value":{"division":"x"}}]}`},

	{conform.BulkOperations, "Operations", "POST /Bulk\n\n{" + bulk + `[]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}]}`},
	{conform.BulkOperations, "Operations[0]", "POST /Bulk\n\n{" + bulk + `["x"]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}]}`},
	{conform.BulkMethod, "Operations[0].method", "POST /Bulk\n\n{" + bulk + `[{"method":"delete","path":"/Users/1"}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}]}`},
	{conform.BulkPath, "Operations[0].path", "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"Users/1"}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"DELETE","path":"/Users/1"}]}`},
	{conform.BulkID, "Operations[0].bulkId", "POST /Bulk\n\n{" + bulk + `[{"method":"POST","path":"/Users","data":{` + user + `}}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"POST","path":"/Users","bulkId":"1","data":{` + user + `}}]}`},
	{conform.BulkPayload, "Operations[0].data", "POST /Bulk\n\n{" + bulk + `[{"method":"PUT","path":"/Users/1"}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"PUT","path":"/Users/1","data":{` + user + `}}]}`},
	{conform.BulkPayloadString, "Operations[0].data", "POST /Bulk\n\n{" + bulk + `[{"method":"PATCH","path":"/Users/1","data":"{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[{\"op\":\"remove\",\"path\":\"title\"}]}"}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"PATCH","path":"/Users/1","data":{` + patch + `[{"op":"remove","path":"title"}]}}]}`},
	{conform.PatchOpCase, "Operations[0].data.Operations[0].op", "POST /Bulk\n\n{" + bulk + `[{"method":"PATCH","path":"/Users/1","data":{` + patch + `[{"op":"REMOVE","path":"title"}]}}]}`, "POST /Bulk\n\n{" + bulk + `[{"method":"PATCH","path":"/Groups/1","data":{` + patch + `[{"op":"remove","path":"members"}]}}]}`},
}

// TestDeviations: each request departs in just the way that is written beside it, and its neighbour in none.
func TestDeviations(t *testing.T) {
	all, met := types(t), map[conform.Code]bool{}
	for _, c := range deviations {
		met[c.code] = true
		got := conform.Examine(all, sent(c.bad))
		if len(got) != 1 || got[0].Code != c.code || got[0].Path != c.path || got[0].Seen == "" && c.code != conform.QueryParameter || got[0].Times != 1 {
			t.Errorf("%s: got %+v\n%s", c.code, got, c.bad)
		}
		if got := conform.Examine(all, sent(c.good)); len(got) != 0 {
			t.Errorf("beside %s: got %+v\n%s", c.code, got, c.good)
		}
	}
	bad := sent("GET /Users")
	bad.Query = "filter=%zz"
	if got := conform.Examine(all, bad); len(got) != 1 || got[0].Code != conform.QuerySyntax {
		t.Errorf("a query that is not encoded: %+v", got)
	}
	met[conform.QuerySyntax] = true
	for _, r := range conform.Rules() {
		if !met[r.Code] {
			t.Errorf("%s has no case", r.Code)
		}
		if !strings.HasPrefix(r.Section, "RFC 76") && r.Code != conform.EntityTag || !strings.HasSuffix(r.Want, ".") || r.Title == "" || (r.Clients == "") != (r.Source == "") {
			t.Errorf("%s says too little: %+v", r.Code, r)
		}
		if conform.Describe(r.Code) != r {
			t.Errorf("%s is described twice", r.Code)
		}
	}
}

// TestBounds: what is met often is one deviation, what is shown is short, and neither secrets nor what stands for them are
// judged.
func TestBounds(t *testing.T) {
	all := types(t)
	many := "POST /Users\n\n{" + user + `,"emails":[` + strings.Repeat(`{"value":"a","primary":"`+"true"+`"},`, 500) + `{}]}`
	if got := conform.Examine(all, sent(many)); len(got) != 1 || got[0].Times != 500 {
		t.Errorf("500 times the same: %+v", got)
	}
	long := "POST /Users\n\n{" + user + `,"title":{"a":"` + strings.Repeat("ä", 5000) + `"}}`
	if got := conform.Examine(all, sent(long)); len(got) != 1 || len(got[0].Seen) > 110 {
		t.Errorf("a long value: %+v", got)
	}
	for _, quiet := range []string{
		"POST /Users\n\n{" + user + `,"password":5}`,
		"POST /Users\n\n{" + user + `,"active":"•••"}`,
		"GET /Users?filter=•••",
		"PATCH /Users/1\n\n{" + patch + `[{"op":"remove","path":"•••"}]}`,
	} {
		if got := conform.Examine(all, sent(quiet)); len(got) != 0 {
			t.Errorf("%s: %+v", quiet, got)
		}
	}
	if got := conform.Examine(nil, conform.Request{Method: "POST", Path: "/"}); !slices.ContainsFunc(got, func(d conform.Deviation) bool { return d.Code == conform.BodySyntax }) {
		t.Errorf("of nothing: %+v", got)
	}
}

// FuzzExamine: no request panics; each code comes once; what is shown is short.
func FuzzExamine(f *testing.F) {
	for _, c := range deviations {
		r := sent(c.bad)
		f.Add(r.Method, r.Path, r.Query, r.Body)
	}
	all := types(f)
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		seen := map[conform.Code]bool{}
		for _, d := range conform.Examine(all, conform.Request{Method: method, Path: path, Query: query, Body: body, Masked: "•••"}) {
			if seen[d.Code] || d.Times < 1 || len(d.Seen) > 110 || d.Section == "" {
				t.Errorf("%s %s?%s %s: %+v", method, path, query, body, d)
			}
			seen[d.Code] = true
		}
	})
}
