package scim_test

import (
	"fmt"
	"strings"
	"testing"

	"lockstep/scim"
)

func TestParseBulk(t *testing.T) {
	r, err := scim.ParseBulk([]byte(`{"schemas":["`+scim.BulkRequestURN+`"],"failOnErrors":1,"operations":[
		{"method":"post","path":"/Users","bulkId":"q","data":{"userName":"a","nickName":null}},
		{"method":"POST","path":"/Users","bulkId":"w","data":"{\"userName\":\"b\"}"},
		{"method":"PATCH","path":"/Groups/1","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:q"}]}]}},
		{"method":"DELETE","path":"/Users/bulkId:w","version":"W/\"1\""}]}`), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ops := r.Operations
	if r.FailOnErrors != 1 || len(ops) != 4 || ops[0].Method != "POST" || ops[3].Version != `W/"1"` {
		t.Errorf("%+v", r)
	}
	if a, b := show(ops[0].Resource()), show(ops[1].Resource()); a != `{"userName":"a"}` || b != `{"userName":"b"}` {
		t.Errorf("resources %s %s", a, b) // Webex: data as a JSON string
	}
	if got := fmt.Sprint(ops[2].References(), ops[3].References(), ops[0].References()); got != "[q] [w] []" {
		t.Errorf("references %s", got)
	}
	lookup := func(id string) (string, bool) { return "id-" + id, true }
	p, err := ops[2].Resolve(lookup).Patch(scim.Limits{})
	if got := describe(p.Members()); err != nil || got != "+id-q" {
		t.Errorf("patch: %s, %v", got, err)
	}
	if endpoint, id := ops[3].Resolve(lookup).Target(); endpoint != "/Users" || id != "id-w" {
		t.Errorf("target %s %s", endpoint, id)
	}
	again, err := scim.ParseBulk(scim.AppendJSON(nil, r.Object()), scim.Limits{})
	if err != nil || !scim.Equal(again.Object(), r.Object()) {
		t.Errorf("printed and parsed: %v %v", again, err)
	}
}

func TestParseBulkErrors(t *testing.T) {
	post := `{"method":"POST","path":"/Users","bulkId":"a","data":{}}`
	for _, c := range []struct{ name, body, want string }{
		{"RFC 7644 §3.7.4: too many operations", `{"Operations":[` + strings.Repeat(`{},`, 4) + `{}]}`, "413"},
		{"RFC 7644 §3.7.4: too large", `{"x":"` + strings.Repeat("x", 500) + `"}`, "413"},
		{"charon#393: a bulkId twice", `{"Operations":[` + post + `,` + post + `]}`, "400 invalidValue"},
		{"RFC 7644 §3.7: POST without bulkId", `{"Operations":[{"method":"POST","path":"/Users","data":{}}]}`, "400 invalidSyntax"},
		{"no method", `{"Operations":[{"path":"/Users"}]}`, "400 invalidSyntax"},
		{"GET", `{"Operations":[{"method":"GET","path":"/Users"}]}`, "400 invalidSyntax"},
		{"no path", `{"Operations":[{"method":"DELETE"}]}`, "400 invalidSyntax"},
		{"no data", `{"Operations":[{"method":"PUT","path":"/Users/1"}]}`, "400 invalidSyntax"},
		{"data is no object", `{"Operations":[{"method":"PUT","path":"/Users/1","data":"[]"}]}`, "400 invalidSyntax"},
		{"failOnErrors", `{"failOnErrors":0,"Operations":[]}`, "400 invalidValue"},
		{"no operations", `{}`, "400 invalidSyntax"},
		{"not JSON", `{`, "400 invalidSyntax"},
		{"an operation is no object", `{"Operations":["x"]}`, "400 invalidSyntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := scim.ParseBulk([]byte(c.body), scim.Limits{Operations: 4, Bytes: 400})
			checkError(t, err, c.want)
		})
	}
}

func TestBulkWaves(t *testing.T) {
	op := func(method, path, id string, refs ...string) scim.BulkOperation {
		var members scim.List
		for _, r := range refs {
			members = append(members, "bulkId:"+r)
		}
		return scim.NewBulkOperation(method, path, id, scim.Object{{Name: "members", Value: members}})
	}
	for _, c := range []struct {
		name string
		ops  []scim.BulkOperation
		want string
	}{
		{"independent", []scim.BulkOperation{op("POST", "/Users", "a"), op("POST", "/Users", "b")}, "[[0 1]] []"},
		{"RFC 7644 §3.7.2: a forward reference", []scim.BulkOperation{op("POST", "/Groups", "g", "a"), op("POST", "/Users", "a")}, "[[1] [0]] []"},
		{"RFC 7644 §3.7.1: a circle", []scim.BulkOperation{op("POST", "/Groups", "g", "h"), op("POST", "/Groups", "h", "g"), op("POST", "/Users", "a")}, "[[2]] [0 1]"},
		{"itself", []scim.BulkOperation{op("POST", "/Groups", "g", "g")}, "[] [0]"},
		{"one resource, in order", []scim.BulkOperation{op("PATCH", "/Users/1", ""), op("PATCH", "/Users/2", ""), op("DELETE", "/Users/1", "")}, "[[0 1] [2]] []"},
		{"nobody's bulkId", []scim.BulkOperation{op("POST", "/Groups", "g", "x")}, "[[0]] []"},
	} {
		waves, circular := scim.BulkRequest{Operations: c.ops}.Waves()
		if got := fmt.Sprint(waves, circular); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBulkSplit(t *testing.T) {
	body := object(t, `{"displayName":"G","externalId":"bulkId:x","members":[{"value":"1"},{"value":"bulkId:h"}],"`+ent+`":{"department":"R","manager":{"value":"bulkId:m"}}}`)
	first, then := scim.NewBulkOperation("POST", "/Groups", "g", body).Split()
	if got, want := show(first.Resource()), `{"displayName":"G","members":[{"value":"1"}],"`+ent+`":{"department":"R"}}`; got != want {
		t.Errorf("first %s\nwant  %s", got, want)
	}
	got := show(then.Object())
	for _, want := range []string{`"path":"externalId"`, `"path":"members","value":[{"value":"bulkId:h"}]`, `"path":"` + ent + `:manager","value":{"value":"bulkId:m"}`} {
		if !strings.Contains(got, want) {
			t.Errorf("then %s lacks %s", got, want)
		}
	}
}

func TestBulkResponse(t *testing.T) {
	r := scim.BulkResponse{Operations: []scim.BulkResult{
		{Method: "POST", BulkID: "q", Location: "https://x/Users/1", Version: `W/"1"`, Status: 201},
		{Method: "POST", BulkID: "w", Status: 409, Response: scim.ErrUniqueness("taken").Object()},
	}}
	got := show(r.Object())
	if want := `"status":"201"`; !strings.Contains(got, want) { // scimgateway leaves it out
		t.Errorf("%s lacks %s", got, want)
	}
	back, err := scim.ParseBulkResponse([]byte(got))
	if err != nil || len(back.Operations) != 2 || back.Operations[1].Status != 409 || back.Operations[1].Response.Text("scimType") != "uniqueness" {
		t.Errorf("%+v %v", back, err)
	}
	back, err = scim.ParseBulkResponse([]byte(`{"Operations":[{"status":200},{"status":{"code":"204"}},{}]}`))
	if err != nil || fmt.Sprint(back.Operations[0].Status, back.Operations[1].Status, back.Operations[2].Status) != "200 204 0" {
		t.Errorf("%+v %v", back, err)
	}
}
