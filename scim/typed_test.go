package scim_test

import (
	"testing"

	"lockstep/scim"
)

// TestAssignText: what people type after PATH= becomes a value of the attribute's kind, or an error that names the path.
func TestAssignText(t *testing.T) {
	for _, c := range []struct{ pair, want string }{
		{`title=Engineer`, `{"title":"Engineer"}`},
		{`name.givenName=Ada`, `{"name":{"givenName":"Ada"}}`},
		{`emails[type eq "work"].value=a=b@x.example`, `{"emails":[{"type":"work","value":"a=b@x.example"}]}`},
		{`active=false`, `{"active":false}`},
		{`displayName=`, `{}`},
		{`active=perhaps`, ""},
		{`=x`, ""},
		{`no assignment`, ""},
	} {
		o := scim.Object{}
		path, text, ok := scim.CutAssignment(c.pair)
		if c.want == "" && (!ok || scim.AssignText(&o, path, text) != nil) {
			continue
		}
		if err := scim.AssignText(&o, path, text); err != nil {
			t.Errorf("%s: %v", c.pair, err)
			continue
		}
		got, err := o.MarshalJSON()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.pair, got, err)
		}
	}
}
