package console_test

import (
	"net/http"
	"testing"
)

// TestClaimsPage: a rule is added and taken away on the provider's page; what cannot be is said there, and an untrusted provider's rules are shown as
// without effect.
func TestClaimsPage(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	b.post("/signin/add/webexcc", "name", "", "alias", "webex").is(http.StatusSeeOther)
	const at = "/signin/providers/webex"
	empty := b.get(at + "/claims")
	empty.has("strong", "Claims give nothing yet.")
	empty.hasNot("option", "Owner")
	empty.hasNot("option", "User management")
	checkPage(t, empty)
	b.post(at+"/claims", "claim", "name", "value", "Boss", "gives", "operator").is(http.StatusUnprocessableEntity).has("li", "write “name” about themselves")
	b.post(at+"/claims", "claim", "groups", "value", "x", "gives", "owner").is(http.StatusUnprocessableEntity).has("li", "does not make owners")
	b.post(at+"/claims", "claim", "groups", "value", "", "gives", "group", "group", "x").is(http.StatusUnprocessableEntity)
	b.post(at+"/claims", "claim", "groups", "value", "LS operators", "gives", "operator").to(at + "/claims?said=claim-added")
	b.post(at+"/claims", "claim", "groups", "value", "Sales", "gives", "group", "group", "Sales people", "once", "on").to(at + "/claims?said=claim-added")
	full := b.get(at + "/claims")
	full.has("bdi", "the role Operator")
	full.has("bdi", "the group Sales people")
	full.has("span", "at the first sign-in")
	checkPage(t, full)
	rules := w.provider("webex").Rules
	if len(rules) != 2 || rules[0].ID == "" || !rules[1].Once {
		t.Fatalf("kept: %+v", rules)
	}
	b.post(at, "name", "Webex CC", "policy", "imported", "order", "0", "set-region", "global", "do", "save").is(http.StatusSeeOther)
	b.get(at+"/claims").has("strong", "They give nothing at the moment")
	b.post(at+"/claims", "claim", "groups", "value", "x", "gives", "auditor").is(http.StatusUnprocessableEntity).has("li", "Trust it first")
	b.post(at+"/claims/remove", "rule", rules[0].ID).to(at + "/claims?said=claim-removed")
	if left := w.provider("webex").Rules; len(left) != 1 || left[0] != rules[1] {
		t.Errorf("left: %+v", left)
	}
	b.get("/signin/providers/local/claims").is(http.StatusNotFound)
}
