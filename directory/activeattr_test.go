package directory_test

import (
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/store"
)

// TestActiveOfAnother: an attribute called active in a tenant's own schema is not the user's own, which is true when nobody has
// said otherwise.
func TestActiveOfAnother(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		const urn = "urn:acme:params:scim:schemas:card:2.0:User"
		if err := p.define(`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "` + urn + `", "name": "Card", "resourceType": "User",
			"attributes": [{"name": "active", "type": "boolean"}]}`); err != nil {
			t.Fatal(err)
		}
		u := directory.User{ID: lockstep.NewID[lockstep.UserID](), Attributes: scim.Object{
			{Name: "userName", Value: "ada"}, {Name: urn, Value: scim.Object{{Name: "active", Value: false}}}, // as a job writes them
		}}
		if _, err := db.Commit(t.Context(), p.tenant, audit.Actor{}, "", directory.PutUser{User: u}); err != nil {
			t.Fatal(err)
		}
		o := p.want(200, "GET", "/Users/"+string(u.ID), "")
		if card, _ := o.Get(urn).(scim.Object); o.Get("active") != true || card.Get("active") != false {
			t.Errorf("%v", o)
		}
	})
}
