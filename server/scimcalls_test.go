package server

import (
	"net/http"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/operate"
	"lockstep/store"
	"lockstep/token"
)

// calls is what is known of a token: in all, and in the database alone.
func (b *scimBench) calls(id lockstep.TokenID) (operate.ClientCalls, store.SCIMCalls) {
	b.Helper()
	all, err := b.server.Calls(b.Context(), b.ids["acme"])
	if err != nil {
		b.Fatal(err)
	}
	kept, err := b.server.db.SCIMCalls(b.Context(), b.ids["acme"])
	if err != nil {
		b.Fatal(err)
	}
	return all.Clients[id], kept[id]
}

// flush writes what is due.
func (b *scimBench) flush() {
	b.Helper()
	if err := b.server.calls.write(b.Context(), false); err != nil {
		b.Fatal(err)
	}
}

// TestSCIMCalls: the first request of a client is known and written at once, also the first that is refused; after that there is a write a
// minute, whatever comes.
func TestSCIMCalls(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	b.status(400, bearer, "acme", "GET", "/Users?filter=secret%20is", "")
	seen, _ := b.calls(id)
	if r := seen.Refused; !seen.First.At.IsZero() || r.Status != 400 || r.Method != "GET" || r.Path != "/Users" || r.Type != "invalidFilter" || r.Detail == "" || r.Agent != "Go-http-client/1.1" {
		t.Errorf("after a refused request %+v", seen)
	}
	b.flush()
	b.status(200, bearer, "acme", "GET", "/Groups?count=1", "")
	select {
	case <-b.server.calls.due:
	default:
		t.Error("the first request waits to be written")
	}
	b.flush()
	if _, kept := b.calls(id); kept.Refused.Type != "invalidFilter" || kept.First.Path != "/Groups" || kept.Last.Path != "/Groups" {
		t.Errorf("written %+v", kept)
	}
	b.now = b.now.Add(50 * time.Second)
	b.status(200, bearer, "acme", "GET", "/Schemas", "")
	if seen, _ = b.calls(id); seen.Last.Path != "/Groups" {
		t.Errorf("a request was looked at within a minute of the last: %+v", seen.Last)
	}
	b.status(404, bearer, "acme", "GET", "/Users/1", "")
	b.now = b.now.Add(time.Second)
	b.status(200, bearer, "acme", "GET", "/ResourceTypes", "")
	b.flush()
	seen, kept := b.calls(id)
	if seen.Refused.Status != 404 || kept.Refused.Status != 400 {
		t.Errorf("within the minute %+v is known, %+v written", seen.Refused, kept.Refused)
	}
	if seen.Last.Path != "/ResourceTypes" {
		t.Errorf("that it works again is not known: %+v", seen.Last)
	}
	b.now = b.now.Add(60 * time.Second)
	b.status(200, bearer, "acme", "GET", "/Users", "")
	b.flush()
	if seen, kept = b.calls(id); kept.Last.Path != "/Users" || kept.Refused.Status != 404 || kept.First.Path != "/Groups" || seen.First.Path != "/Groups" {
		t.Errorf("after a minute %+v is written", kept)
	}
	b.server.calls = newSCIMCalls(b.server.db, b.server.calls.now) // a restart
	if seen, _ = b.calls(id); seen.First.Path != "/Groups" || seen.Last.Path != "/Users" || seen.Refused.Status != 404 {
		t.Errorf("after a restart %+v", seen)
	}
}

// TestSCIMCallsOfTheEnded: a client that has ended is told apart by why, and one of an examined client is remembered as well.
func TestSCIMCallsOfTheEnded(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, bearer := b.token(token.KindSCIM, "acme", "scim:write", b.now.Add(time.Hour))
	b.examined(id)
	b.status(200, bearer, "acme", "GET", "/Users", "")
	k, err := b.server.db.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	next, fresh, err := k.Rotate(b.now, time.Minute, k.Expires)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.server.db.RotateToken(t.Context(), audit.Actor{}, b.ids["acme"], k.Hash, next); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(2 * time.Minute)
	b.status(401, bearer, "acme", "GET", "/Users", "")
	if seen, _ := b.calls(id); seen.First.Path != "/Users" || seen.Refused.Type != endedFormer {
		t.Errorf("with the secret of before %+v", seen)
	}
	b.now = b.now.Add(2 * time.Hour)
	b.status(401, fresh, "acme", "GET", "/Users", "")
	if seen, _ := b.calls(id); seen.Refused.Type != endedExpired || seen.Refused.Status != 401 {
		t.Errorf("with an expired token %+v", seen)
	}
}

// examined has a token's requests examined.
func (b *scimBench) examined(id lockstep.TokenID) {
	b.Helper()
	if _, err := b.server.db.SetToken(b.Context(), audit.Actor{}, b.ids["acme"], id, func(k *store.Token) error { k.Profile = token.Strict; return nil }); err != nil {
		b.Fatal(err)
	}
}

// TestSCIMStrangers: who shows nothing that opens the tenant is remembered with what was wrong, in memory alone, for that tenant alone.
func TestSCIMStrangers(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	_, apiToken := b.token(token.KindAPI, "acme", "api:read", time.Time{})
	k, err := b.server.db.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := k.Rotate(b.now, 0, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.server.db.RotateToken(t.Context(), audit.Actor{}, b.ids["acme"], k.Hash, next); err != nil {
		t.Fatal(err)
	}
	_, theirs := b.token(token.KindSCIM, "other", "scim:write", time.Time{})
	for header, want := range map[string]operate.Stranger{
		"":                              {Why: operate.StrangerNothing},
		"Basic YWRhOnNlc2FtZQ==":        {Why: operate.StrangerScheme},
		"Bearer " + bearer[:30]:         {Why: operate.StrangerBroken},
		"Bearer " + apiToken:            {Why: operate.StrangerKind},
		"Bearer " + bearer:              {Why: operate.StrangerSecret, Token: id},
		"Bearer sesame":                 {Why: operate.StrangerText},
		"Bearer eyJhbGciOiJub25lIn0.e.": {Why: operate.StrangerAccess},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+endpointPath("acme")+"/Users?filter=x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		r.Header.Set("User-Agent", "robot/2")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		all, err := b.server.Calls(t.Context(), b.ids["acme"])
		if err != nil {
			t.Fatal(err)
		}
		got := all.Stranger
		if res.StatusCode != 401 || got == nil || got.Why != want.Why || got.Token != want.Token || got.Path != "/Users" || got.Agent != "robot/2" || got.Status != 401 {
			t.Errorf("%.20q is remembered as %+v, want %+v", header, got, want)
		}
	}
	b.status(401, theirs, "acme", "GET", "/Users", "")
	all, err := b.server.Calls(t.Context(), b.ids["other"])
	if err != nil || all.Stranger == nil || all.Stranger.Why != operate.StrangerTenant || all.Stranger.Path != "/scim/acme/v2/Users" {
		t.Errorf("at the address of another tenant %+v, %v", all.Stranger, err)
	}
	if _, kept := b.calls(id); kept != (store.SCIMCalls{}) {
		t.Errorf("a stranger was written: %+v", kept)
	}
}

// TestSCIMRateOfToken: a token has a limit of its own from the next second on, which is never above the server's.
func TestSCIMRateOfToken(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 3})
	id, bearer := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	limit := func(rate float64) int {
		t.Helper()
		if _, err := b.server.db.SetToken(t.Context(), audit.Actor{}, b.ids["acme"], id, func(k *store.Token) error { k.Rate = rate; return nil }); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Minute)
		for served := 0; ; served++ {
			if res, _ := b.call(bearer, "acme", "GET", "/Users", ""); res.StatusCode == 429 {
				return served
			}
		}
	}
	for _, c := range []struct {
		rate float64
		want int
	}{{0, 6}, {1, 2}, {100, 6}, {0.1, 1}} {
		if got := limit(c.rate); got != c.want {
			t.Errorf("at %v a second %d requests are served at once, want %d", c.rate, got, c.want)
		}
	}
}
