package scim_test

import (
	"fmt"

	"lockstep/scim"
	"lockstep/scim/filter"
)

// must ends an example that cannot go on.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ExampleDecodeObject() {
	o := must(scim.DecodeObject([]byte(`{"userName":"ada@example.com","logins":7.0,"nickName":null,"roles":[]}`)))
	fmt.Println(o.Text("USERNAME"), o.Get("logins"), o.Has("nickName"), o.Has("roles"))
	_, err := scim.DecodeObject([]byte(`{"userName":"ada","UserName":"bob"}`))
	fmt.Println(err)
	// Output:
	// ada@example.com 7 false false
	// scim 400 invalidSyntax: the name "UserName" occurs twice
}

func ExampleAppendJSON() {
	o := scim.Object{{Name: "userName", Value: "ada"}, {Name: "emails", Value: scim.List{scim.Object{{Name: "value", Value: "ada@example.com"}}}}}
	fmt.Println(string(scim.AppendJSON(nil, o)))
	// Output: {"userName":"ada","emails":[{"value":"ada@example.com"}]}
}

func ExampleHash() {
	a := must(scim.DecodeObject([]byte(`{"userName":"ada","roles":["x","y"]}`)))
	b := must(scim.DecodeObject([]byte(`{"roles":["y","x"],"USERNAME":"ada"}`)))
	fmt.Println(scim.Hash(a) == scim.Hash(b))
	// Output: true
}

func ExampleValues() {
	o := must(scim.DecodeObject([]byte(`{"emails":[{"type":"work","value":"ada@example.com"},{"type":"home","value":"ada@home.example"}]}`)))
	fmt.Println(scim.Values(o, must(filter.ParsePath(`emails.value`))))
	fmt.Println(scim.First(o, must(filter.ParsePath(`emails[type eq "home"].value`))))
	// Output:
	// [ada@example.com ada@home.example]
	// ada@home.example
}

func ExampleAssign() {
	var o scim.Object
	for _, set := range []struct{ path, value string }{
		{"userName", "ada@example.com"},
		{`emails[type eq "work"].value`, "ada@example.com"},
		{scim.EnterpriseUserURN + ":department", "Engines"},
	} {
		if err := scim.Assign(&o, must(filter.ParsePath(set.path)), set.value); err != nil {
			panic(err)
		}
	}
	scim.Remove(&o, filter.Path{Attr: "userName"})
	fmt.Println(string(scim.AppendJSON(nil, o)))
	// Output: {"emails":[{"type":"work","value":"ada@example.com"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engines"}}
}

func ExampleRemove() {
	o := must(scim.DecodeObject([]byte(`{"emails":[{"type":"work","value":"a"},{"type":"home","value":"b"}]}`)))
	removed := scim.Remove(&o, must(filter.ParsePath(`emails[type eq "work"]`)))
	fmt.Println(removed, string(scim.AppendJSON(nil, o)))
	// Output: true {"emails":[{"type":"home","value":"b"}]}
}

func ExampleDiff() {
	before := must(scim.DecodeObject([]byte(`{"title":"Engineer","emails":[{"type":"work","value":"ada@old.example"}]}`)))
	after := must(scim.DecodeObject([]byte(`{"active":true,"emails":[{"type":"work","value":"ada@new.example"}]}`)))
	for _, c := range scim.Diff(before, after) {
		fmt.Println(c.Path, c.Before, "->", c.After)
	}
	// Output:
	// title Engineer -> <nil>
	// emails[type eq "work"].value ada@old.example -> ada@new.example
	// active <nil> -> true
}

func ExampleNewType() {
	device := &scim.Schema{ID: "urn:example:2.0:Device", Name: "Device", Attributes: []scim.Attribute{
		{Name: "serial", Type: scim.String, Required: true, CaseExact: true},
		{Name: "ports", Type: scim.Integer, MultiValued: true},
	}}
	t := must(scim.NewType(scim.ResourceType{Name: "Device", Endpoint: "/Devices", Schema: device.ID}, device))
	_, err := t.Check(scim.Object{{Name: "ports", Value: scim.List{int64(80)}}}, scim.Mode{})
	fmt.Println(err)
	// Output: scim 400 invalidValue: the attribute serial is required
}

func ExampleType_Check() {
	// As Entra ID sends it: a boolean as text, the manager as a bare id.
	o := must(scim.DecodeObject([]byte(`{"UserName":"ada","Active":"True","id":"7",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"9"}}`)))
	o = must(scim.UserType().Check(o, scim.Mode{}))
	fmt.Println(o.Text("userName"), o.Get("active"), o.Has("id"))
	fmt.Println(o.Get("schemas"))
	// Output:
	// ada true false
	// [urn:ietf:params:scim:schemas:core:2.0:User urn:ietf:params:scim:schemas:extension:enterprise:2.0:User]
}

func ExampleType_Canonical() {
	p, ok := scim.UserType().Canonical(must(filter.ParsePath("MANAGER.value")))
	fmt.Println(p, ok)
	// Output: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value true
}

func ExampleType_Filter() {
	e := must(filter.Parse(`USERNAME eq "ada" and emails eq "ada@example.com" and active eq "True"`))
	fmt.Println(must(scim.UserType().Filter(e)))
	_, err := scim.UserType().Filter(must(filter.Parse(`password sw "s"`)))
	fmt.Println(err)
	// Output:
	// userName eq "ada" and emails.value eq "ada@example.com" and active eq true
	// scim 400 invalidFilter: the attribute password cannot be searched
}

func ExampleType_FilterTypes() {
	t := scim.UserType()
	match := filter.Compile(must(filter.Parse(`userName eq "ADA" and externalId eq "X"`)), t.FilterTypes())
	fmt.Println(match(scim.Object{{Name: "userName", Value: "ada"}, {Name: "externalId", Value: "X"}}))
	fmt.Println(match(scim.Object{{Name: "userName", Value: "ada"}, {Name: "externalId", Value: "x"}})) // caseExact
	// Output:
	// true
	// false
}

func ExampleParsePatch() {
	p := must(scim.ParsePatch([]byte(`{"Operations":[{"op":"Replace","value":{"name.givenName":"Ada","title":null}}]}`), scim.Limits{}))
	for _, op := range p.Operations {
		fmt.Println(op.Op, op.Path, op.Value)
	}
	_, err := scim.ParsePatch([]byte(`{"Operations":[{"op":"remove"}]}`), scim.Limits{})
	fmt.Println(err)
	// Output:
	// replace name.givenName Ada
	// replace title <nil>
	// scim 400 noTarget: operation 1: remove needs a path (RFC 7644 §3.5.2.2)
}

func ExamplePatch_Apply() {
	t := scim.UserType()
	o := must(t.Check(scim.Object{{Name: "userName", Value: "ada"}, {Name: "active", Value: true}}, scim.Mode{}))
	p := must(scim.ParsePatch([]byte(`{"Operations":[
		{"op":"Replace","path":"active","value":"False"},
		{"op":"Add","path":"emails[type eq \"work\"].value","value":"ada@example.com"}]}`), scim.Limits{}))
	o, changed, err := p.Apply(t, o)
	fmt.Println(o.Get("active"), o.Get("emails"), changed, err)
	_, changed, err = p.Apply(t, o)
	fmt.Println(changed, err)
	// Output:
	// false [[{type work} {value ada@example.com}]] true <nil>
	// false <nil>
}

func ExamplePatch_Members() {
	p := must(scim.ParsePatch([]byte(`{"Operations":[
		{"op":"remove","path":"members[value eq \"1\"]"},
		{"op":"add","path":"members","value":[{"value":"2"}]},
		{"op":"replace","value":{"displayName":"Engines"}}]}`), scim.Limits{}))
	delta, rest, ok := p.Members()
	fmt.Println(delta.Add, delta.Remove, len(rest.Operations), ok)
	// Output: [[{value 2}]] [1] 1 true
}

func ExamplePatch_Object() {
	p := scim.Patch{Operations: []scim.Operation{{Op: scim.OpReplace, Path: filter.Path{Attr: "active"}, Value: false}}}
	fmt.Println(string(scim.AppendJSON(nil, p.Object())))
	// Output: {"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}
}

func ExampleParseProjection() {
	p := must(scim.ParseProjection("", "members,displayName"))
	fmt.Println(p.Wants(scim.GroupType(), filter.Path{Attr: "members"}))
	o := p.Apply(scim.GroupType(), scim.Object{{Name: "id", Value: "1"}, {Name: "displayName", Value: "Engines"}})
	fmt.Println(string(scim.AppendJSON(nil, o)))
	// Output:
	// false
	// {"id":"1"}
}

func ExampleParseBulk() {
	r := must(scim.ParseBulk([]byte(`{"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"Engines","members":[{"value":"bulkId:u"}]}},
		{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"ada"}}]}`), scim.Limits{Operations: 100}))
	waves, circular := r.Waves()
	fmt.Println(waves, circular)
	op := r.Operations[0].Resolve(func(bulkID string) (string, bool) { return "2819", bulkID == "u" })
	fmt.Println(string(scim.AppendJSON(nil, op.Resource())))
	// Output:
	// [[1] [0]] []
	// {"displayName":"Engines","members":[{"value":"2819"}]}
}

func ExampleBulkOperation_Split() {
	op := scim.NewBulkOperation("POST", "/Groups", "a", must(scim.DecodeObject([]byte(`{"displayName":"A","members":[{"value":"bulkId:b"}]}`))))
	first, then := op.Split()
	fmt.Println(string(scim.AppendJSON(nil, first.Resource())))
	fmt.Println(then.Operations[0].Op, then.Operations[0].Path, then.Operations[0].Value)
	// Output:
	// {"displayName":"A"}
	// add members [[{value bulkId:b}]]
}

func ExampleParseBulkResponse() {
	r := must(scim.ParseBulkResponse([]byte(`{"Operations":[{"method":"POST","bulkId":"u","status":"201","location":"https://x/Users/1"}]}`)))
	fmt.Println(r.Operations[0].BulkID, r.Operations[0].Status)
	// Output: u 201
}

func ExampleAppendList() {
	users := []scim.Object{{{Name: "userName", Value: "ada"}}}
	data := scim.AppendList(nil, scim.ListResponse{Total: 1, StartIndex: 1, Items: len(users)}, func(dst []byte, i int) []byte {
		return scim.AppendJSON(dst, users[i])
	})
	fmt.Println(string(data))
	// Output: {"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"startIndex":1,"itemsPerPage":1,"Resources":[{"userName":"ada"}]}
}

func ExampleError() {
	err := scim.ErrUniqueness("userName ada@example.com is taken")
	fmt.Println(err)
	fmt.Println(string(scim.AppendJSON(nil, err.Object())))
	// Output:
	// scim 409 uniqueness: userName ada@example.com is taken
	// {"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"userName ada@example.com is taken"}
}

func ExampleParseError() {
	err := scim.ParseError(409, []byte(`{"schemas":"urn:ietf:params:scim:api:messages:2.0:Error","status":409,"scimType":"uniqueness","detail":"taken"}`))
	fmt.Println(err.Status, err.Type, err.Detail)
	// Output: 409 uniqueness taken
}

func ExampleParseSchema() {
	s := must(scim.ParseSchema(scim.UserSchema().Object()))
	fmt.Println(s.ID, s.Attribute("emails.type").CanonicalValues)
	// Output: urn:ietf:params:scim:schemas:core:2.0:User [work home room other]
}

func ExampleServiceProviderConfig_Object() {
	c := scim.ServiceProviderConfig{Patch: true, FilterResults: 500}
	o := c.Object()
	fmt.Println(o.Get("patch"), o.Get("filter"), o.Get("bulk"))
	// Output: [{supported true}] [{supported true} {maxResults 500}] [{supported false} {maxOperations 0} {maxPayloadSize 0}]
}
