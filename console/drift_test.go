package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
)

// lookedAt keeps a look of this test's own making: people with other titles, a group with members who came and went, and somebody who is gone.
func (w *world) lookedAt(people int) {
	w.Helper()
	work, err := w.db.ClaimDrift(w.Context(), w.tenant, w.out, w.now().Add(time.Minute))
	w.must(err)
	work.Read, work.Compared, work.Silent = w.now().Add(-time.Hour), 1000, []string{"nickName"}
	end := func(typ, id string) plan.End { return plan.End{Ref: connection.Ref{Type: typ, ID: id}, Name: id} }
	p := plan.DriftPiece{Work: work, Done: true}
	p.Found = append(p.Found, plan.Drift{Kind: plan.DriftChanged, Source: end("Group", "Team"), Target: end("Group", "t"), Gone: 9, Added: 1200, Known: 1199})
	for i := range 1209 {
		r := plan.RowReference{Attribute: connection.Members, To: end("User", fmt.Sprintf("member%04d", i)), Target: fmt.Sprint(i), Gone: i >= 1200}
		if i == 0 {
			r.To = plan.End{Ref: connection.Ref{Type: "User"}}
		}
		p.Ends = append(p.Ends, plan.DriftedReference{Of: connection.Ref{Type: "Group", ID: "Team"}, RowReference: r})
	}
	for i := range people {
		f := plan.Drift{Kind: plan.DriftChanged, Source: end("User", fmt.Sprintf("person%03d", i)), Target: end("User", "x"), Differs: 1}
		f.Differ = []scim.Change{{Path: "title", Before: "Analyst", After: "Queen"}}
		if i == 0 {
			f.Kind, f.Differ, f.Differs = plan.DriftMissing, nil, 0
		}
		p.Found = append(p.Found, f)
	}
	w.must(w.db.KeepDrift(w.Context(), w.tenant, w.out, p))
}

// TestDriftPage: the page shows what the last look has found, page by page and with true numbers, and says when another one is under way.
func TestDriftPage(t *testing.T) {
	w := newWorld(t, 0)
	b := w.signedIn(w.tenant)
	const at = "/apps/webex/drift"
	never := b.get(at)
	never.has("strong", "Nobody can say yet.")
	checkPage(t, never)
	b.post(at + "/read").to(at + "?said=reading")
	first := b.get(at)
	first.has("strong", "The first look is under way.")
	checkPage(t, first)
	b.post("/apps/webex/state", "state", string(provision.Paused))
	paused := b.get(at)
	if !strings.Contains(paused.says(), "it is read once somebody resumes it") || strings.Contains(paused.says(), "under way") {
		t.Errorf("of a paused app it says %q", paused.says())
	}
	checkPage(t, paused)
	b.post("/apps/webex/state", "state", string(provision.Active))
	w.lookedAt(150)
	page := b.get(at)
	checkPage(t, page)
	for _, want := range []string{"1 000 objects compared", "151 objects differ from what was written.", "is no longer there", "Members: 1 200 added, 9 removed", "Another look is under way", "nickName"} {
		if !strings.Contains(page.says(), want) {
			t.Errorf("%q is not said in %q", want, page.says())
		}
	}
	page.has("a", "Team")
	page.has("a", "person098")
	page.hasNot("a", "person099")
	next := b.get(page.has("a", "Next page").attr["href"])
	checkPage(t, next)
	next.has("a", "person099")
	next.has("a", "person149")
	next.hasNot("a", "Team")
	next.hasNot("a", "Next page")
	next.has("a", "First page")
	b.post(at+"/restore", "do", "ticked").is(http.StatusUnprocessableEntity).has("p", "Tick at least one")
	b.post(at+"/restore", "do", "ticked", "id", "User:person001").to("/apps/webex?said=mended")
}
