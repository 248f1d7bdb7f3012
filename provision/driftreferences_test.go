package provision_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep/connection"
	"lockstep/e2e/hostile"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/store"
	"lockstep/store/storetest"
)

// TestDriftOfManager: whom somebody else has given another manager, or none, is found, and has the manager whom Lockstep wrote after that was
// restored. Who was given no manager may have any.
func TestDriftOfManager(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { findsManagers(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { findsManagers(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func findsManagers(w *world) {
	w.Helper()
	people := "id,userName,displayName,manager,active\n1,ada@acme.example,Ada,,true\n"
	for i, name := range []string{"bo", "cy", "di", "ed"} {
		people += fmt.Sprintf("%d,%s@acme.example,%s,1,true\n", i+2, name, name)
	}
	w.file("people.csv", people)
	w.run(w.in)
	w.run(w.out)
	before := w.target()
	if !strings.Contains(before, "ada") {
		w.Fatal(before)
	}
	w.ahead += 60e9
	w.reread()
	if got, look := w.drift(); got != "" || look.Unsure > 0 || len(look.Silent) > 0 {
		w.Fatalf("as it was written: %q, %+v", got, look)
	}
	const manager = enterpriseURN + ":manager"
	by := func(who, manages string) {
		w.patchByHand(who+"@acme.example", manager, fmt.Sprintf(`{"value":%q}`, w.targetID(manages+"@acme.example")))
	}
	by("bo", "cy")
	by("ada", "ed")
	w.byHand(http.MethodPatch, "/Users/"+w.targetID("di@acme.example"), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"`+manager+`"}]}`)
	w.ahead += 60e9
	w.reread()
	const want = "bo@acme.example changed; manager + “cy@acme.example”; manager − “ada@acme.example”\ndi@acme.example changed; manager − “ada@acme.example”"
	if got, look := w.drift(); got != want || look.Changed != 2 {
		w.Errorf("drift is\n%s\n%+v, want\n%s", got, look, want)
	}
	if n, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil); err != nil || n != 2 {
		w.Fatalf("restored %d: %v", n, err)
	}
	w.run(w.out)
	of := func(target, who string) string {
		for line := range strings.Lines(target) {
			if strings.Contains(line, "user "+who) {
				return line
			}
		}
		return ""
	}
	after := w.target()
	for _, who := range []string{"bo", "cy", "di", "ed"} {
		if of(after, who) != of(before, who) {
			w.Errorf("restored is %q, want %q", of(after, who), of(before, who))
		}
	}
	if of(after, "ada") == of(before, "ada") {
		w.Errorf("a manager whom Lockstep has never written was taken away: %s", of(after, "ada"))
	}
	w.ahead += 60e9
	w.reread()
	if got, look := w.drift(); got != "" || look.Unsure > 0 {
		w.Errorf("at the end: %q, %+v", got, look)
	}
}

// hostileTo puts a target with faults in the place of the organisation.
func (w *world) hostileTo(quirks hostile.Quirks) *hostile.Target {
	w.Helper()
	target := hostile.New(quirks)
	server := httptest.NewServer(target)
	w.Cleanup(server.Close)
	w.url, w.token = server.URL, "t"
	return target
}

// staffed is a file of people and one of groups with some of them each.
func (w *world) staffed(people int, groups ...int) {
	w.Helper()
	var p, g strings.Builder
	p.WriteString("id,userName,displayName,active\n")
	for i := range people {
		fmt.Fprintf(&p, "%d,p%03d@acme.example,P %03d,true\n", i, i, i)
	}
	g.WriteString("id,displayName,members\n")
	for i, n := range groups {
		ids := make([]string, n)
		for k := range ids {
			ids[k] = fmt.Sprint(k)
		}
		fmt.Fprintf(&g, "g%d,Group %d,%s\n", i, i, strings.Join(ids, ";"))
	}
	w.file("people.csv", p.String())
	w.file("groups.csv", g.String())
	w.run(w.in)
	w.run(w.out)
	w.ahead += 60e9
	w.reread()
}

// linkTo returns the link of the group with a name.
func (w *world) linkTo(typ, name string) plan.Link {
	w.Helper()
	all, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: typ, Limit: 10_000})
	w.must(err)
	i := slices.IndexFunc(all, func(l plan.Link) bool { return l.Name == name })
	if i < 0 {
		w.Fatalf("nothing is called %s", name)
	}
	return all[i]
}

// TestDriftOfManyMembers: of whom somebody else has added to a large group, and taken away, the numbers are true and everybody is named. To take so
// many out again is more than the guard lets through.
func TestDriftOfManyMembers(t *testing.T) {
	w := newWorld(t)
	target := w.hostileTo(hostile.Quirks{})
	w.staffed(260, 60, 3, 3)
	group := w.linkTo("Group", "Group 0")
	people, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User", Limit: 10_000})
	w.must(err)
	target.Change(group.Target, func(doc map[string]any) {
		var list []any
		for _, l := range people { // everybody but p000 to p009
			if !strings.HasPrefix(l.Name, "p00") {
				list = append(list, map[string]any{"value": l.Target})
			}
		}
		doc["members"] = append(list, map[string]any{"value": "stranger"})
	})
	got, look := w.drift()
	found, _ := w.found()
	if look.Changed != 1 || len(found) != 1 || found[0].Gone != 10 || found[0].Added != 201 || found[0].Known != 200 {
		t.Fatalf("found %+v, %+v", found, look)
	}
	for _, want := range []string{"members − “p009@acme.example”", "members + “p259@acme.example”", "members + “stranger”"} {
		if !strings.Contains(got, want) && len(found[0].References) == 211 {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	ends, err := w.db.DriftEnds(w.ctx, w.tenant, w.out, plan.DriftEndQuery{Of: group.Source, Limit: 1000})
	w.must(err)
	if len(ends) != 211 || slices.ContainsFunc(ends, func(r plan.RowReference) bool { return r.To.Name == "" && r.Target != "stranger" }) {
		t.Errorf("%d are named", len(ends))
	}
	if n, err := w.finder().Restore(w.ctx, w.tenant, w.out, []connection.Ref{group.Source}); err != nil || n != 1 {
		t.Fatalf("restored %d: %v", n, err)
	}
	c := w.run(w.out)
	if c.Counts.Held == 0 {
		t.Errorf("the guard has let 200 removals through: %+v", c.Counts)
	}
}

// TestDriftOfHiddenMembers: an application that shows nobody's members cannot be compared, and says nothing of who is missing. Where others
// show theirs, a group that shows nobody has nobody.
func TestDriftOfHiddenMembers(t *testing.T) {
	t.Run("hidden", func(t *testing.T) {
		w := newWorld(t)
		w.hostileTo(hostile.Quirks{Hide: []string{"members"}})
		w.staffed(5, 2, 3, 4)
		if got, look := w.drift(); got != "" || !slices.Contains(look.Silent, connection.Members) {
			t.Errorf("drift is %q, %+v", got, look)
		}
	})
	t.Run("emptied", func(t *testing.T) {
		w := newWorld(t)
		target := w.hostileTo(hostile.Quirks{})
		w.staffed(5, 2, 2, 2, 2)
		groups, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "Group", Limit: 100})
		w.must(err)
		for _, l := range groups[:3] { // the first that are asked for
			target.Change(l.Target, func(doc map[string]any) { delete(doc, "members") })
		}
		if _, look := w.drift(); look.Changed != 3 || len(look.Silent) > 0 {
			t.Errorf("%+v", look)
		}
		found, _ := w.found()
		for _, f := range found {
			if f.Gone != 2 {
				t.Errorf("%s has lost %d", f.Source.Name, f.Gone)
			}
		}
		if n, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil); err != nil || n != 3 {
			t.Fatalf("restored %d: %v", n, err)
		}
		w.run(w.out)
		w.ahead += 60e9
		w.reread()
		if got, look := w.drift(); got != "" || look.Unsure > 0 {
			t.Errorf("at the end: %q, %+v", got, look)
		}
	})
}

// TestDriftOfWhatWaits: what the job itself has still to write or to take away is no drift, whoever has done it already, and restoring the
// rest takes nobody out whom the source has put there meanwhile.
func TestDriftOfWhatWaits(t *testing.T) {
	w := newWorld(t)
	target := w.hostileTo(hostile.Quirks{})
	w.staffed(6, 3, 2, 2)
	group, p4, p5 := w.linkTo("Group", "Group 0"), w.linkTo("User", "p004@acme.example"), w.linkTo("User", "p005@acme.example")
	target.Change(group.Target, func(doc map[string]any) {
		doc["members"] = append(doc["members"].([]any), map[string]any{"value": p4.Target}, map[string]any{"value": p5.Target})
	})
	want := func(who plan.Link, wanted bool) {
		job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
		w.must(err)
		w.must(w.db.Provision().Commit(w.ctx, w.tenant, w.out, job.Epoch, provision.Batch{Wanted: []plan.ReferenceRow{{From: group.Source, Attribute: connection.Members, To: who.Source, Wanted: wanted}}}))
	}
	want(p4, true) // the source has put them there, too
	p0 := w.linkTo("User", "p000@acme.example")
	want(p0, false) // and has taken this one out, whom somebody else took out before
	target.Change(group.Target, func(doc map[string]any) {
		doc["members"] = slices.DeleteFunc(doc["members"].([]any), func(m any) bool { return m.(map[string]any)["value"] == p0.Target })
	})
	if got, _ := w.drift(); got != "Group 0 changed; members + “p005@acme.example”" {
		t.Errorf("drift is %q", got)
	}
	want(p5, true)
	_, err := w.finder().Restore(w.ctx, w.tenant, w.out, nil)
	w.must(err)
	rows, err := w.db.Provision().References(w.ctx, w.tenant, w.out, plan.ReferenceQuery{From: []connection.Ref{group.Source}, To: []connection.Ref{p5.Source}})
	w.must(err)
	if len(rows) != 1 || !rows[0].Wanted || !rows[0].Written {
		t.Errorf("the reference is %+v", rows)
	}
}

// TestDriftOnTwoNodes: while one node looks the other does nothing, and goes on when that one is gone.
func TestDriftOnTwoNodes(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { looksOnce(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { looksOnce(newWorldOn(t, store.Config{Postgres: storetest.Postgres(t)})) })
}

func looksOnce(w *world) {
	w.Helper()
	w.file("people.csv", driftPeople)
	w.run(w.in)
	w.run(w.out)
	w.ahead += 60e9
	w.reread()
	now := time.Now().Add(w.ahead)
	other, err := w.db.ClaimDrift(w.ctx, w.tenant, w.out, now.Add(time.Minute))
	w.must(err)
	if more, err := w.finder().Look(w.ctx, w.tenant, w.out, 1); more || err != nil {
		w.Errorf("more %v, %v", more, err)
	}
	if _, look, err := w.finder().Found(w.ctx, w.tenant, w.out, plan.DriftQuery{}); err != nil || !look.Read.IsZero() || !look.Under {
		w.Errorf("%+v, %v", look, err)
	}
	w.ahead += 2 * 60e9 // the other is gone
	w.look()
	if _, look := w.found(); look.Compared == 0 || look.Under {
		w.Errorf("%+v", look)
	}
	if err := w.db.KeepDrift(w.ctx, w.tenant, w.out, plan.DriftPiece{Work: other, Done: true}); err == nil {
		w.Error("a node whose lease has ended has kept what it found")
	}
}
