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

// TestAssignTextShortName: what the object has in an extension is changed and removed there by its short name.
func TestAssignTextShortName(t *testing.T) {
	for text, want := range map[string]string{
		"department=Legal": `{"urn:a:User":{"department":"Legal","title":"x","badge":"1"},"urn:b:User":{"badge":"2"}}`,
		"department=":      `{"urn:a:User":{"title":"x","badge":"1"},"urn:b:User":{"badge":"2"}}`,
		"title=y":          `{"urn:a:User":{"department":"Sales","title":"x","badge":"1"},"urn:b:User":{"badge":"2"},"title":"y"}`,
		"badge=":           `{"urn:a:User":{"department":"Sales","title":"x","badge":"1"},"urn:b:User":{"badge":"2"}}`,
	} {
		o, err := scim.DecodeObject([]byte(`{"urn:a:User":{"department":"Sales","title":"x","badge":"1"},"urn:b:User":{"badge":"2"}}`))
		if err != nil {
			t.Fatal(err)
		}
		path, value, _ := scim.CutAssignment(text)
		if err := scim.AssignText(&o, path, value); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err := o.MarshalJSON(); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
