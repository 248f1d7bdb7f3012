package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/scim"
	"lockstep/sso"
)

// TestLastFactorOfTwoNodes: of somebody's two second factors, which two nodes on PostgreSQL remove at the same moment, one is the last and
// stays. Within one node the writes of a tenant wait for each other anyhow.
func TestLastFactorOfTwoNodes(t *testing.T) {
	t.Parallel()
	one, two := twoNodes(t)
	ctx := t.Context()
	id := lockstep.NewID[lockstep.UserID]()
	if _, err := one.Commit(ctx, "t", audit.Actor{}, "", directory.PutUser{User: directory.User{ID: id, Attributes: scim.Object{{Name: "userName", Value: "ada"}}}}); err != nil {
		t.Fatal(err)
	}
	nodes := []SSO{one.SSO(), two.SSO()}
	for round := range 30 {
		var gone, kept atomic.Int32
		var both sync.WaitGroup
		keys := make([]string, len(nodes))
		for i := range nodes {
			k := &sso.Passkey{ID: fmt.Append(nil, round, i), RP: "id.acme.example", Name: "Key", PublicKey: []byte("k")}
			keys[i] = k.Key()
			if err := nodes[0].AddFactors(ctx, audit.Actor{}, "t", sso.Person{User: id}, sso.NewFactors{Passkey: k}); err != nil {
				t.Fatal(err)
			}
		}
		for i, node := range nodes {
			both.Go(func() {
				switch _, err := node.RemoveFactors(ctx, audit.Actor{}, "t", id, sso.Removal{Which: sso.Which{Passkey: keys[i]}}); lockstep.CodeOf(err) {
				case "":
					gone.Add(1)
				case lockstep.CodeSSOLastFactor:
					kept.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		both.Wait()
		left, err := nodes[0].Factors(ctx, "t", id)
		if err != nil || gone.Load() != 1 || kept.Load() != 1 || len(left.Passkeys) != 1 {
			t.Fatalf("round %d: %d removed, %d kept, %d left, %v", round, gone.Load(), kept.Load(), len(left.Passkeys), err)
		}
		if _, err := nodes[0].RemoveFactors(ctx, audit.Actor{}, "t", id, sso.Removal{Which: sso.Which{All: true}, Last: true}); err != nil {
			t.Fatal(err)
		}
	}
}
