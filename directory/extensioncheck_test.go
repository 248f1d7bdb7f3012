package directory

import (
	"fmt"
	"strings"
	"testing"

	"lockstep"
	"lockstep/scim"
)

// TestDefinitions: what a definition may not be, by itself and beside others.
func TestDefinitions(t *testing.T) {
	with := func(attribute string) string {
		return `{"id": "urn:acme:2.0:Badge", "attributes": [` + attribute + `]}`
	}
	named := func(urn string) string { return `{"id": "` + urn + `", "attributes": [{"name": "a"}]}` }
	many := func(n int, more string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"name": "a%d"%s}`, i, more))
		}
		return with(strings.Join(all, ", "))
	}
	for text, want := range map[string]string{ // part of the error; "" is none
		named("urn:acme:2.0:Badge"):                                         "",
		named("urn:ietf:params:scim:schemas:extension:acme:2.0:User"):       "",
		named("urn:ietf:params:scim:schemas:core:2.0:Badge"):                "cannot be told",
		named("URN:IETF:params:scim:schemas:CORE:2.0:User"):                 "cannot be told",
		named("urn:ietf:params:scim:api:messages:2.0:Badge"):                "cannot be told",
		named("urn:ietf:params:scim:schemas:extension:Enterprise:2.0:User"): "cannot be told",
		named("urn:ietf:params:scim:schemas:extension:enterprise2.0:User"):  "cannot be told", // but for a colon
		named("urn:ietf:params:scim:schemas:extension"):                     "cannot be told",
		named("urn:acme:first"):                                             "cannot be told from urn:acme:First",
		named("urn:acme:first:2.0:Badge"):                                   "cannot be told from urn:acme:First",
		named("acme"):                                                       "is a URN",
		named("urn:acme:2.0"):                                               "ends in a name",
		named("urn:acme:" + strings.Repeat("x", 200)):                       "at most 200",
		named(`urn:acme:2.0:Ba\"dge`):                                       "is a URN",
		`{"id": "urn:acme:2.0:Badge"}`:                                      "attributes is required",
		`{"attributes": [{"name": "a"}]}`:                                   "id is required",
		`{"id": "urn:acme:2.0:Badge", "kind": "x", "attributes": []}`:       `"kind"`,
		with(`{"name": "a", "tpye": "string"}`):                             `"tpye"`,
		with(`{"name": "a", "type": "text"}`):                               "one of string, boolean",
		with(`{"name": "a", "type": "STRING", "mutability": "Immutable"}`):  "",
		with(`{"name": "ok"}, {"name": "a", "type": "text"}`):               "In the definition of a: attributes.type takes one of string",
		with(`{"name": "Password"}`):                                        "no schema adds another",
		with(`{"name": "a b"}`):                                             "not a letter followed",
		with(`{"name": "$ref"}`):                                            "not a letter followed",
		with(`{"name": "a"}, {"name": "A"}`):                                "twice",
		with(`{"name": "a", "mutability": "writeOnly"}`):                    "Lockstep keeps no such values",
		with(`{"name": "a", "returned": "never"}`):                          "Lockstep keeps no such values",

		with(`{"name": "a", "type": "complex", "subAttributes": [{"name": "b", "returned": "never"}]}`): "a.b would be",
		with(`{"name": "a", "type": "complex"}`):                                                        "complex attributes have",

		with(`{"name": "a", "subAttributes": [{"name": "b"}]}`): "complex attributes have",

		with(`{"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "complex"}]}`):                "complex",
		with(`{"name": "a", "type": "complex", "subAttributes": [{"name": "b", "subAttributes": [{"name": "c"}]}]}`): `"subAttributes"`,
		with(`{"name": "a", "type": "complex", "filterable": true, "subAttributes": [{"name": "b"}]}`):               "cannot be filterable",

		with(`{"name": "a", "type": "boolean", "uniqueness": "server"}`):                 "cannot be unique",
		with(`{"name": "a", "type": "integer", "uniqueness": "global"}`):                 "",
		with(`{"name": "a", "closed": true}`):                                            "canonical values",
		with(`{"name": "a", "type": "integer", "maxLength": 3}`):                         "for texts",
		with(`{"name": "a", "maxLength": -1}`):                                           "at most",
		with(`{"name": "a", "maxLength": 99999999999}`):                                  "at most",
		with(`{"name": "a", "multiValued": true, "filterable": true, "maxValues": 101}`): "at most 100 values",
		with(`{"name": "a", "multiValued": true, "maxValues": 101}`):                     "",

		with(`{"name": "a", "type": "complex", "multiValued": true, "maxValues": 101, "subAttributes": [{"name": "b", "uniqueness": "server"}]}`): "at most 100 values",
		with(`{"name": "a", "type": "complex", "multiValued": true, "subAttributes": [{"name": "b", "multiValued": true, "filterable": true}]}`):  "of several values, each with several",

		with(`{"name": "a", "maxValues": 3}`):                                     "multi-valued",
		with(`{"name": "a", "description": "` + strings.Repeat("x", 2000) + `"}`): "too long",

		many(200, ""):                        "",
		many(201, ""):                        "at most 200 attributes",
		many(21, `, "filterable": true`):     "At most 20",
		many(11, `, "uniqueness": "server"`): "At most 10",
		many(150, `, "description": "`+strings.Repeat("x", 600)+`"`): "65536 bytes",
	} {
		o, err := scim.DecodeObject([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		e, err := ParseExtension(o)
		if err == nil {
			err = e.Validate()
		}
		if err == nil {
			_, err = NewSchemas([]Extension{{Schema: scim.Schema{ID: "urn:acme:First", Attributes: []scim.Attribute{{Name: "a"}}}, Kind: GroupKind}, e})
		}
		switch {
		case want == "" && err != nil, want != "" && (lockstep.CodeOf(err) != lockstep.CodeInvalid || !strings.Contains(err.Error(), want)):
			t.Errorf("%.200s: %v, want %q", text, err, want)
		case err == nil:
			again, err := ParseExtension(e.Object())
			if err != nil || !scim.Equal(again.Object(), e.Object()) {
				t.Errorf("%.200s: read again as %v, %v", text, again.Object(), err)
			}
		}
	}
	var all []Extension
	for i := range maxExtensions + 1 {
		all = append(all, Extension{Schema: scim.Schema{ID: fmt.Sprintf("urn:acme:2.0:S%d", i), Attributes: []scim.Attribute{{Name: "a"}}}, Kind: UserKind})
	}
	if _, err := NewSchemas(all); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("%d schemas: %v", len(all), err)
	}
	if _, err := NewSchemas(all[1:]); err != nil {
		t.Errorf("%d schemas: %v", maxExtensions, err)
	}
}

// FuzzExtension: whatever is valid compiles beside nothing else, and is read again as it was written.
func FuzzExtension(f *testing.F) {
	for _, text := range []string{
		`{"id": "urn:acme:2.0:Badge", "attributes": [{"name": "a", "type": "STRING", "uniqueness": "server", "filterable": "true", "maxLength": 7}]}`,
		`{"id": "urn:acme:2.0:Badge", "resourceType": "group", "required": true, "attributes": {"name": "a", "type": "complex", "multiValued": true,
			"subAttributes": [{"name": "value", "canonicalValues": ["x"], "closed": true}]}, "meta": {"version": 3}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := scim.DecodeObject(text)
		if err != nil {
			return
		}
		e, err := ParseExtension(o)
		if err != nil || e.Validate() != nil {
			return
		}
		if _, err := NewSchemas([]Extension{e}); err != nil {
			if lockstep.CodeOf(err) != lockstep.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseExtension(e.Object())
		if err != nil || again.Validate() != nil || !scim.Equal(again.Object(), e.Object()) {
			t.Fatalf("%v is read again as %v, %v", e.Object(), again.Object(), err)
		}
	})
}
