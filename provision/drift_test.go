package provision_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/drift"
	"lockstep/mirror"
	"lockstep/mirror/mirrortest"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
	"lockstep/store/storetest"
)

// reread has the application read once more.
func (w *world) reread() {
	w.Helper()
	id := mirror.ID{Tenant: w.tenant, Connection: w.out}
	n, err := w.db.Mirrors().Request(w.ctx, id, mirror.Request{Whole: true, Now: true})
	w.must(err)
	mirrortest.Await(w, w.db.Mirrors(), id, n)
}

// byHand sends a request to the organisation as somebody else would, by hand.
func (w *world) byHand(method, path, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, w.url+path, bytes.NewBufferString(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		w.Fatalf("%s %s: %s %s", method, path, res.Status, text)
	}
}

func (w *world) patchByHand(userName, path, value string) {
	w.Helper()
	w.byHand(http.MethodPatch, "/Users/"+w.targetID(userName), fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":%q,"value":%s}]}`, path, value))
}

// finder finds drift of the world's application.
func (w *world) finder() *drift.Finder {
	return &drift.Finder{Engine: w.engine, Mirrors: w.engine.Mirrors.(drift.Mirrors), Looks: w.db}
}

// look looks for drift to the end.
func (w *world) look() {
	w.Helper()
	for more := true; more; {
		var err error
		more, err = w.finder().Look(w.ctx, w.tenant, w.out, 1) // a group a turn, so that each turn takes up where the last one stood
		w.must(err)
	}
}

// found is what the last look has found.
func (w *world) found() ([]plan.Drift, plan.DriftLook) {
	w.Helper()
	found, look, err := w.finder().Found(w.ctx, w.tenant, w.out, plan.DriftQuery{Ends: 1000})
	w.must(err)
	if look.Under || look.Changed+look.Missing != len(found) {
		w.Errorf("%d were found, and the look says %+v", len(found), look)
	}
	return found, look
}

// drift looks, and prints what drift there is.
func (w *world) drift() (string, plan.DriftLook) {
	w.Helper()
	w.look()
	return w.drifted()
}

// drifted prints what the last look has found.
func (w *world) drifted() (string, plan.DriftLook) {
	w.Helper()
	found, look := w.found()
	var lines []string
	for _, f := range found {
		var parts []string
		for _, c := range f.Changes() {
			parts = append(parts, c.String())
		}
		if len(f.References) != f.Gone+f.Added {
			w.Errorf("%s: %d references for %d gone and %d added", f.Source.Name, len(f.References), f.Gone, f.Added)
		}
		slices.Sort(parts)
		lines = append(lines, strings.Join(append([]string{f.Source.Name + " " + string(f.Kind)}, parts...), "; "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), look
}

const driftPeople = `id,userName,displayName,title,active
1,ada@acme.example,Ada,Analyst,true
2,bo@acme.example,Bo,Clerk,true
3,cy@acme.example,Cy,Clerk,true
4,di@acme.example,Di,Clerk,true
5,ed@acme.example,Ed,Clerk,false
`

// TestDrift: what somebody else has changed, disabled, enabled or removed at the application is found by the next read of it, and is as
// it was after it was restored. A change of letter case is none, and what we have written since the read is none either.
func TestDrift(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { findsDrift(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { findsDrift(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func findsDrift(w *world) {
	w.Helper()
	w.file("people.csv", driftPeople)
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	w.reread()
	if got, look := w.drift(); got != "" || look.Compared == 0 || look.Read.IsZero() {
		w.Fatalf("as it was written: %q, %+v", got, look)
	}

	w.patchByHand("ada@acme.example", "title", `"Queen"`)
	w.patchByHand("bo@acme.example", "displayName", `"BO"`)
	w.patchByHand("cy@acme.example", "active", `false`)
	w.deleteAtTarget(w.targetID("di@acme.example"))
	w.ahead += 60e9 // later than a target may be late
	if got, _ := w.drift(); got != "" {
		w.Errorf("before the application was read again: %q", got)
	}
	w.reread()
	const want = "ada@acme.example changed; title “Analyst” → “Queen”\ncy@acme.example changed; active “true” → “false”\ndi@acme.example missing"
	got, look := w.drift()
	if got != want || look.Changed != 2 || look.Missing != 1 || look.Unsure != 0 {
		w.Errorf("drift is\n%s\n%+v, want\n%s", got, look, want)
	}
	if s, err := w.db.Standing(w.ctx, w.tenant, w.out); err != nil || s.Drift.Changed != 2 || s.Drift.Missing != 1 || !s.Drift.Read.Equal(look.Read.Truncate(1e6)) {
		w.Errorf("how the job stands says %+v, %v", s.Drift, err)
	}
	if w.run(w.out); w.target() == before {
		w.Error("drift went away although nobody asked for it")
	}

	n, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil)
	if err != nil || n != 3 {
		w.Fatalf("restored %d: %v", n, err)
	}
	if got, look := w.drifted(); got != "" || look.Restored != 3 {
		w.Errorf("restored, and not yet written: %q, %+v", got, look)
	}
	if s, err := w.db.Standing(w.ctx, w.tenant, w.out); err != nil || s.Drift.Changed+s.Drift.Missing != 0 {
		w.Errorf("after it was restored the job has %+v, %v", s.Drift, err)
	}
	w.run(w.out)
	if after := strings.ReplaceAll(w.target(), "BO", "Bo"); after != before {
		w.Errorf("after it was restored the organisation has\n%s\nwant\n%s", after, before)
	}
	if got, look := w.drifted(); got != "" || look.Unsure != 3 || look.Restored != 0 {
		w.Errorf("what was written since the look: %q, %+v", got, look)
	}
	if got, look := w.drift(); got != "" || look.Unsure != 3 {
		w.Errorf("what was written since the read: %q, %+v", got, look)
	}
	w.ahead += 60e9
	w.reread()
	if got, look := w.drift(); got != "" || look.Unsure != 0 {
		w.Errorf("after all was read again: %q, %+v", got, look)
	}
}

// TestDriftOfLeaver: an account that was disabled with the person and that somebody has enabled again is found, and disabled again.
func TestDriftOfLeaver(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", driftPeople)
	w.run(w.in)
	w.run(w.out)
	w.file("people.csv", strings.Replace(driftPeople, "4,di@acme.example,Di,Clerk,true\n", "", 1))
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	links := func() []plan.Link {
		t.Helper()
		all, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User", Limit: 100})
		w.must(err)
		return slices.DeleteFunc(all, func(l plan.Link) bool { return !l.Disabled })
	}
	if got := links(); len(got) != 1 || !strings.Contains(before, "di@acme.example inactive") {
		t.Fatalf("%d links are of somebody who was disabled; the organisation has\n%s", len(got), before)
	}
	w.ahead += 60e9
	w.patchByHand("di@acme.example", "active", `true`)
	w.ahead += 60e9
	w.reread()
	if got, _ := w.drift(); !strings.HasSuffix(got, "changed; active “false” → “true”") {
		t.Fatalf("drift is %q", got)
	}
	found, _ := w.found()
	n, err := w.finder().Restore(w.ctx, w.tenant, w.out, []connection.Ref{found[0].Source.Ref})
	if err != nil || n != 1 {
		t.Fatalf("restored %d: %v", n, err)
	}
	w.run(w.out)
	if after := w.target(); after != before || len(links()) != 1 {
		t.Errorf("the organisation has\n%s\nwant\n%s", after, before)
	}
}

// TestDriftNeedsRead: nothing is said of an application that was never read, of one that is being read, or of a source.
func TestDriftNeedsRead(t *testing.T) {
	w := newWorld(t)
	if _, err := w.finder().Look(w.ctx, w.tenant, w.out, 1e9); lockstep.CodeOf(err) != lockstep.CodeUnread {
		t.Errorf("never read: %v", err)
	}
	if _, look, err := w.finder().Found(w.ctx, w.tenant, w.out, plan.DriftQuery{}); err != nil || !look.Read.IsZero() {
		t.Errorf("nobody has looked: %+v, %v", look, err)
	}
	if _, err := w.finder().Look(w.ctx, w.tenant, w.in, 1e9); lockstep.CodeOf(err) != lockstep.CodeInvalid {
		t.Errorf("a source: %v", err)
	}
}

// TestDriftManual: in a job whose plans are reviewed, what is restored waits in the plan like any other change, with what is there and
// what is to be.
func TestDriftManual(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", driftPeople)
	w.run(w.in)
	w.run(w.out)
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	j.Manual = true
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, j))
	w.patchByHand("ada@acme.example", "title", `"Queen"`)
	w.ahead += 60e9
	w.reread()
	w.look()
	_, err = w.finder().Restore(w.ctx, w.tenant, w.out, nil)
	w.must(err)
	var rows []plan.Action
	_, err = w.engine.Preview(w.ctx, w.tenant, w.out, func(a plan.Action) error { rows = append(rows, a); return nil })
	w.must(err)
	if len(rows) != 1 || rows[0].Before.Text("title") != "Queen" || rows[0].After.Text("title") != "Analyst" {
		t.Errorf("the plan has %+v", rows)
	}
}

// TestDriftOfMembers: whom somebody else has taken out of a group or put into it is found when the groups are asked for, and the group
// is as it was written after it was restored, also when the other was somebody whom the job does not know, who stays.
func TestDriftOfMembers(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { findsMembers(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { findsMembers(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func findsMembers(w *world) {
	w.Helper()
	w.file("people.csv", driftPeople)
	w.file("groups.csv", "id,displayName,members\ng1,Team,1;2;3\ng2,Board,1\n")
	w.run(w.in)
	w.run(w.out)
	w.ahead += 60e9
	w.reread()
	if got, l := w.drift(); got != "" || l.Unsure > 0 {
		w.Fatalf("as it was written: %q, %+v", got, l)
	}
	before := w.target()
	patch := func(op, path, value string) {
		w.Helper()
		w.byHand(http.MethodPatch, "/Groups/"+w.targetGroup("Team"), fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":%q%s}]}`, op, path, value))
	}
	patch("remove", fmt.Sprintf("members[value eq %q]", w.targetID("bo@acme.example")), "")
	patch("add", "members", fmt.Sprintf(`,"value":[{"value":%q}]`, w.targetID("di@acme.example")))
	const want = "Team changed; members + “di@acme.example”; members − “bo@acme.example”"
	if got, l := w.drift(); got != want || l.Changed != 1 {
		w.Errorf("drift is %q, %+v", got, l)
	}
	if n, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil); err != nil || n != 1 {
		w.Fatalf("restored %d: %v", n, err)
	}
	w.run(w.out)
	if after := w.target(); after != before {
		w.Errorf("after it was restored the organisation has\n%s\nwant\n%s", after, before)
	}
	if got, l := w.drift(); got != "" {
		w.Errorf("just written: %q, %+v", got, l)
	}
	w.ahead += 60e9
	if got, l := w.drift(); got != "" || l.Unsure > 0 {
		w.Errorf("at the end: %q, %+v", got, l)
	}
	w.byHand(http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve@acme.example","displayName":"Eve"}`)
	patch("add", "members", fmt.Sprintf(`,"value":[{"value":%q}]`, w.targetID("eve@acme.example")))
	if got, _ := w.drift(); got != "Team changed; members + “"+w.targetID("eve@acme.example")+"”" {
		w.Errorf("a stranger: %q", got)
	}
	if n, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil); err != nil || n != 0 {
		w.Errorf("restored %d, and the job does not know them: %v", n, err)
	}
}

// targetGroup returns the id of a group of the organisation.
func (w *world) targetGroup(name string) string {
	w.Helper()
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	found, err := target.Find(w.ctx, "Group", "displayName", name)
	w.must(err)
	if len(found) != 1 {
		w.Fatalf("%d groups are called %s", len(found), name)
	}
	return found[0].ID
}
