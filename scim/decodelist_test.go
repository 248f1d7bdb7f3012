package scim_test

import (
	"fmt"
	"testing"

	"lockstep/scim"
)

// TestDecodeList: what stands beside the resources is decoded as any object, and each resource alone.
func TestDecodeList(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"totalResults":2,"Resources":[{"id":"1"},{"id":"2"}],"itemsPerPage":2}`, `{"totalResults":2,"itemsPerPage":2} true {"id":"1"} {"id":"2"}`},
		{`{"Resources":[]}`, `{} true`},
		{`{"Resources":null,"totalResults":0}`, `{"totalResults":0} false`},
		{`{"resources":{"id":"1"}}`, `{} true {"id":"1"}`},
		{`{"Resources":[null,{},"x",[1],{"a":1,"A":2},{"id":"2"}]}`, `{} true !null {} !"x" ![1] !{"a":1,"A":2} {"id":"2"}`},
		{"{\"Resources\":[{\"a\":\"\xff\"},{\"id\":\"2\"}]}", "{} true !{\"a\":\"\xff\"} {\"id\":\"2\"}"},
		{`{}`, `{} false`},
		{`[]`, "error"},
		{`"x"`, "error"},
		{``, "error"},
		{`{"Resources":[{"id":"1"}`, "error"},
		{`{"Resources":[{"id":"1"}]} {}`, "error"},
		{`{"Resources":[{"id":"1"}],"resources":[]}`, "error"},
		{`{"Resources":[{"id":}]}`, "error"},
		{`{"a":1,"A":2,"Resources":[]}`, "error"},
		{"{\"a\":\"\xff\",\"Resources\":[]}", "error"},
	} {
		beside, all, has, err := scim.DecodeList([]byte(c.text))
		got := fmt.Sprintf("%s %t", scim.AppendJSON(nil, beside), has)
		for _, l := range all {
			if l.Err != nil {
				got += " !" + l.Text
			} else {
				got += " " + string(scim.AppendJSON(nil, l.Resource))
			}
		}
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s\n got  %s\n want %s", c.text, got, c.want)
		}
	}
}
