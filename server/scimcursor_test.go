package server

import (
	"log/slog"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/scim"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/token"
)

// TestSCIMCursor: two nodes on one database serve the pages of one walk, each authorized anew: the cursor of a token that was
// revoked, or somebody else's, opens nothing.
func TestSCIMCursor(t *testing.T) {
	config := store.Config{Postgres: storetest.Postgres(t), Key: store.NewKey()}
	b := newSCIMBenchOn(t, SCIM{}, config)
	id, mine := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	_, other := b.token(token.KindSCIM, "acme", "scim:read", time.Time{})
	for i := range 4 {
		b.status(201, mine, "acme", "POST", "/Users", `{"userName": "u`+strconv.Itoa(i)+`"}`)
	}
	pagination, _ := b.status(200, mine, "acme", "GET", "/ServiceProviderConfig", "")["pagination"].(map[string]any)
	if pagination["cursor"] != true || pagination["cursorTimeout"] != 3600.0 {
		t.Errorf("announced: %v", pagination)
	}
	page := "/Users?count=2&cursor="
	next, _ := b.status(200, mine, "acme", "GET", page, "")["nextCursor"].(string)

	db, err := store.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	node := newSCIM(db, Config{Key: config.Key, Log: slog.New(slog.DiscardHandler)})
	node.now = func() time.Time { return b.now }
	server := httptest.NewServer(node.handler())
	t.Cleanup(func() {
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b.url = server.URL
	last := b.status(200, mine, "acme", "GET", page+next, "")
	if list, _ := last["Resources"].([]any); len(list) != 2 || last["nextCursor"] != nil {
		t.Errorf("the other node shows %v", last)
	}
	if got := b.status(400, other, "acme", "GET", page+next, ""); got["scimType"] != scim.TypeInvalidCursor {
		t.Errorf("another token gets %v", got)
	}
	if err := db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(clientLife)
	b.status(401, mine, "acme", "GET", page+next, "")
}
