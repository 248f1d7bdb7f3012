package server

import (
	"context"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/store"
	"lockstep/token"
)

// TestSCIMMaker: a SCIM token that was made with a token of the API ends with it.
func TestSCIMMaker(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	ctx := context.Background()
	child := func(maker lockstep.TokenID) string {
		k, text, err := token.New(token.KindSCIM)
		if err != nil {
			t.Fatal(err)
		}
		k.Scopes = token.Scopes{"scim:read"}
		if err := b.server.db.PutToken(ctx, audit.Actor{}, store.Token{Token: k, Tenant: b.ids["acme"], Maker: maker, Name: "child"}); err != nil {
			t.Fatal(err)
		}
		return text
	}
	revoked, _ := b.token(token.KindAPI, "acme", "*:*", time.Time{})
	expiring, _ := b.token(token.KindAPI, "acme", "*:*", b.now.Add(time.Hour))
	first, second := child(revoked), child(expiring)
	b.status(200, first, "acme", "GET", "/Users", "")
	b.status(200, second, "acme", "GET", "/Users", "")
	if err := b.server.db.RevokeToken(ctx, audit.Actor{}, b.ids["acme"], revoked); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(clientLife)
	b.status(401, first, "acme", "GET", "/Users", "")
	b.status(200, second, "acme", "GET", "/Users", "")
	b.now = b.now.Add(time.Hour)
	b.status(401, second, "acme", "GET", "/Users", "")
}
