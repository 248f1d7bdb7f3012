package api_test

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/api"
	"lockstep/scim"
)

// TestSchemas: a tenant's schema is written, read as it was written, and removed; another tenant neither sees nor changes it, and
// a token that reads does not write.
func TestSchemas(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const urn = "urn:acme:2.0:Badge"
	definition := func(text string) api.Schema {
		o, err := scim.DecodeObject([]byte(text))
		w.must(err)
		return api.Schema(o)
	}
	badge := definition(`{"id": "` + urn + `", "resourceType": "User", "attributes": [{"name": "number", "uniqueness": "server", "filterable": true, "maxLength": 9}]}`)
	stored, err := w.admin.PutSchema(ctx, 0, badge)
	w.must(err)
	again, err := w.admin.PutSchema(ctx, 1, stored) // as it was read
	w.must(err)
	if a, b := scim.Object(stored), scim.Object(again); !scim.Equal(a, b) || !strings.Contains(string(scim.AppendJSON(nil, a)), `"maxLength":9`) {
		t.Errorf("stored as %v, then as %v", a, b)
	}
	refused := func(what string, err error, code lockstep.Code) {
		t.Helper()
		if lockstep.CodeOf(err) != code {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = w.admin.PutSchema(ctx, 7, badge)
	refused("another version", err, lockstep.CodeVersion)
	_, err = w.admin.PutSchema(ctx, 0, definition(`{"id": "`+urn+`", "attributes": []}`))
	refused("nothing defined", err, lockstep.CodeInvalid)

	var o scim.Object
	o.Set("userName", "ada")
	o.Set(urn, scim.Object{{Name: "number", Value: "A-1"}})
	_, err = w.admin.CreateUser(ctx, api.Attributes(o))
	w.must(err)
	o.Set("userName", "bob")
	o.Set(urn, scim.Object{{Name: "number", Value: "a-1"}})
	_, err = w.admin.CreateUser(ctx, api.Attributes(o))
	refused("a number that is taken", err, lockstep.CodeConflict)
	o.Set(urn, scim.Object{{Name: "number", Value: "much too long"}})
	_, err = w.admin.CreateUser(ctx, api.Attributes(o))
	refused("a long number", err, lockstep.CodeInvalid)
	refused("removed while in use", w.admin.DeleteSchema(ctx, urn), lockstep.CodeSchemaInUse)

	other := w.client(localToken, "other")
	if all, err := other.Schemas(ctx); err != nil || len(all) != 0 {
		t.Errorf("another tenant sees %v, %v", all, err)
	}
	refused("removed by another tenant", other.DeleteSchema(ctx, urn), lockstep.CodeNotFound)
	made, err := w.admin.CreateToken(ctx, api.NewToken{Name: "reader", Scopes: string(api.ScopeRead)})
	w.must(err)
	reader := w.client(made.Text, "")
	if all, err := reader.Schemas(ctx); err != nil || len(all) != 1 {
		t.Errorf("the reader sees %v, %v", all, err)
	}
	_, err = reader.PutSchema(ctx, 0, badge)
	refused("written by a reader", err, lockstep.CodeAuthForbidden)

	w.must(w.admin.DeleteUser(ctx, "ada", true))
	w.must(w.admin.DeleteSchema(ctx, strings.ToUpper(urn)))
	_, err = w.admin.Schema(ctx, urn)
	refused("read when it is gone", err, lockstep.CodeNotFound)
}
