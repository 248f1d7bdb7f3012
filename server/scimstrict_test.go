package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/scim/conform"
	"lockstep/store"
	"lockstep/token"
)

// strict makes a token of acme whose holder is examined.
func (b *scimBench) strict(scopes string) (lockstep.TokenID, string) {
	b.Helper()
	id, text := b.token(token.KindSCIM, "acme", scopes, time.Time{})
	if _, err := b.server.db.SetToken(b.Context(), audit.Actor{}, b.ids["acme"], id, func(k *store.Token) error { k.Profile = token.Strict; return nil }); err != nil {
		b.Fatal(err)
	}
	return id, text
}

// report is how often which code was met, in the order of the report.
func (b *scimBench) report(id lockstep.TokenID) (string, []conform.Tally) {
	b.Helper()
	all, err := b.server.Report(b.Context(), b.ids["acme"])
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, t := range all[id] {
		out = append(out, fmt.Sprintf("%s=%d", t.Code, t.Times))
	}
	return strings.Join(out, " "), all[id]
}

// TestSCIMStrict: what a strict client sends is served as that of any other, and counted by the way in which it departs.
func TestSCIMStrict(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, strict := b.strict("scim:write")
	calm, other := b.strict("scim:write")
	lax, free := b.token(token.KindSCIM, "acme", "scim:write", time.Time{})
	user := b.status(201, strict, "acme", "POST", "/Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "password": "Canary-8", "active": "True"}`)["id"].(string)
	const patch = `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "Replace", "path": "title", "value": "x"}, {"op": "Add", "path": "active", "value": "False"}]}`
	b.status(200, strict, "acme", "PATCH", "/Users/"+user, patch)
	b.status(200, free, "acme", "PATCH", "/Users/"+user, patch)
	b.status(200, other, "acme", "GET", "/Users/"+user, "")
	if got, all := b.report(id); got != "boolean-text=2 patch-op-case=2" || all[0].Seen != `"False"` || all[0].Path != "Operations[1].value" || all[0].First.After(all[0].Last) {
		t.Errorf("report %s: %+v", got, all)
	}
	for _, quiet := range []lockstep.TokenID{calm, lax} {
		if got, _ := b.report(quiet); got != "" {
			t.Errorf("a token without deviations has %s", got)
		}
	}
	long := strings.Repeat(" ", 100_000) // more than the inspector keeps
	b.status(200, strict, "acme", "PATCH", "/Users/"+user, long+patch)
	if got, _ := b.report(id); got != "patch-op-case=4 boolean-text=3" {
		t.Errorf("after a long body %s", got)
	}
	if _, err := b.server.db.SetToken(t.Context(), audit.Actor{}, b.ids["acme"], id, func(k *store.Token) error { k.Profile = token.Generic; return nil }); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(clientLife)
	b.status(200, strict, "acme", "PATCH", "/Users/"+user, patch)
	if got, _ := b.report(id); got != "patch-op-case=4 boolean-text=3" {
		t.Errorf("no longer strict: %s", got)
	}
	if err := b.server.ClearReport(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.report(id); got != "" {
		t.Errorf("cleared: %s", got)
	}
}

// TestSCIMStrictWrites: what was counted is written when the server ends, and goes with the token.
func TestSCIMStrictWrites(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, strict := b.strict("scim:read")
	b.status(200, strict, "acme", "GET", "/Users?aadOptscim062020", "")
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := b.server.run(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := b.server.db.Tallies(t.Context(), b.ids["acme"])
	if err != nil || len(all[id]) != 1 || all[id][0].Code != conform.QueryParameter {
		t.Errorf("written %+v, %v", all, err)
	}
	if other, err := b.server.db.Tallies(t.Context(), b.ids["other"]); err != nil || len(other) != 0 {
		t.Errorf("of another tenant %+v, %v", other, err)
	}
	b.status(200, strict, "acme", "GET", "/Users?aadOptscim062020", "")
	if err := b.server.db.RevokeToken(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	if got, _ := b.report(id); got != "" {
		t.Errorf("of a revoked token %s", got)
	}
}
