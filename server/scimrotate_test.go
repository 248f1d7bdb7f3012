package server

import (
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/token"
)

// rotate gives a token of acme a new secret and returns its text.
func (b *scimBench) rotate(id lockstep.TokenID, overlap time.Duration, expires time.Time) string {
	b.Helper()
	k, err := b.server.db.Token(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	next, text, err := k.Rotate(b.now, overlap, expires)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.server.db.RotateToken(b.Context(), audit.Actor{}, b.ids["acme"], k.Hash, next); err != nil {
		b.Fatal(err)
	}
	return text
}

// TestSCIMRotation: both secrets of a rotated token open the endpoint as one client; the old one until it ends, both until the
// token is revoked.
func TestSCIMRotation(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, old := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	b.status(201, old, "acme", "POST", "/Users", `{"userName": "ada"}`)
	text := b.rotate(id, time.Hour, time.Time{})
	b.status(201, text, "acme", "POST", "/Users", `{"userName": "bob"}`)
	b.now = b.now.Add(clientLife) // what was remembered of the old secret is looked up again
	b.status(200, old, "acme", "GET", "/Users", "")
	k, err := b.server.db.Token(t.Context(), id)
	if err != nil || k.FormerUsed.IsZero() {
		t.Errorf("use of the old secret: %+v, %v", k, err)
	}
	b.now = k.Former.Ends.Add(-clientLife / 4)
	b.status(200, old, "acme", "GET", "/Users", "")
	b.now = k.Former.Ends // to the millisecond, though it was asked for just before
	b.status(401, old, "acme", "GET", "/Users", "")
	b.status(200, text, "acme", "GET", "/Users", "")

	newest := b.rotate(id, time.Hour, time.Time{})
	b.status(200, newest, "acme", "GET", "/Users", "")
	if err := b.server.db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(clientLife)
	b.status(401, newest, "acme", "GET", "/Users", "")
	b.status(401, text, "acme", "GET", "/Users", "")
}

// TestSCIMRotationRate: two secrets of one token have one budget.
func TestSCIMRotationRate(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 1})
	id, old := b.token(token.KindSCIM, "acme", "scim:read", time.Time{})
	text := b.rotate(id, time.Hour, time.Time{})
	b.status(200, old, "acme", "GET", "/Users", "")
	b.status(200, text, "acme", "GET", "/Users", "")
	b.status(429, old, "acme", "GET", "/Users", "")
	b.status(429, text, "acme", "GET", "/Users", "")
}
