package provision_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/scim"
	"lockstep/webexorg"
)

// testLog writes the engine's log to the test's.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

const smallPeople = `id,userName,name.givenName,name.familyName,displayName,title,manager
1,ada@acme.example,Ada,Okafor,Ada Okafor,Chief,
2,ben@acme.example,Ben,Feld,Ben Feld,Engineer,1
3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2
`

const smallGroups = `id,displayName,members
g1,Everybody,1;g2
g2,Engineers,2;3
`

func TestFromFileToWebex(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	in := w.run(w.in)
	if in.Counts.Created != 5 || in.Counts.Failed != 0 {
		t.Fatalf("into the directory: %+v", in.Counts)
	}
	out := w.run(w.out)
	if out.Counts.Created != 5 || out.Counts.Failed != 0 {
		t.Fatalf("to Webex: %+v", out.Counts)
	}
	w.wantTarget(`
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`)
	t.Log(w.requests())
}

// both brings the files into the directory and the directory to Webex, and returns the second cycle.
func (w *world) both() provision.Cycle {
	w.Helper()
	w.run(w.in)
	return w.run(w.out)
}

func started(t testing.TB) *world {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.file("groups.csv", smallGroups)
	w.both()
	w.requests()
	return w
}

func TestOnlyTheDifferenceGoesOut(t *testing.T) {
	for _, test := range []struct {
		name, people, groups, want, requests string
	}{{
		name: "nothing", people: smallPeople, groups: smallGroups, requests: "",
		want: `
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`,
	}, {
		name:     "a title",
		people:   strings.Replace(smallPeople, "Cleo Roy,Engineer", "Cleo Roy,Lead", 1),
		groups:   smallGroups,
		requests: "1× PATCH /Users/{id} 200",
		want: `
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Lead manager=ben@acme.example
`,
	}, {
		name:     "another manager",
		people:   strings.Replace(smallPeople, "Engineer,2", "Engineer,1", 1),
		groups:   smallGroups,
		requests: "1× PATCH /Users/{id} 200",
		want: `
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ada@acme.example
`,
	}, {
		name:     "a leaver",
		people:   strings.Replace(smallPeople, "3,cleo@acme.example,Cleo,Roy,Cleo Roy,Engineer,2\n", "", 1),
		groups:   strings.Replace(smallGroups, "2;3", "2", 1),
		requests: "2× PATCH /Groups/{id} 200, 1× PATCH /Users/{id} 200", // nothing waits for them if they come back
		want: `
group Engineers: ben@acme.example
group Everybody: ada@acme.example ben@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example inactive title=Engineer manager=ben@acme.example
`,
	}, {
		name:     "a joiner in a nested group",
		people:   smallPeople + "4,dan@acme.example,Dan,Ito,Dan Ito,Engineer,3\n",
		groups:   strings.Replace(smallGroups, "2;3", "2;3;4", 1),
		requests: "1× GET /Users 200, 2× PATCH /Groups/{id} 200, 1× POST /Users 201",
		want: `
group Engineers: ben@acme.example cleo@acme.example dan@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example dan@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
user dan@acme.example title=Engineer manager=cleo@acme.example
`,
	}, {
		name:     "a group leaves a group",
		people:   smallPeople,
		groups:   strings.Replace(smallGroups, "1;g2", "1", 1),
		requests: "1× PATCH /Groups/{id} 200",
		want: `
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`,
	}, {
		name:     "a ring of managers and a new name",
		people:   strings.Replace(strings.Replace(smallPeople, "Chief,", "Chief,3", 1), "Ben Feld", "Ben Field", 1),
		groups:   smallGroups,
		requests: "2× PATCH /Users/{id} 200",
		want: `
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief manager=cleo@acme.example
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`,
	}} {
		t.Run(test.name, func(t *testing.T) {
			w := started(t)
			w.file("people.csv", test.people)
			w.file("groups.csv", test.groups)
			if c := w.both(); c.Counts.Failed > 0 || c.Counts.Held > 0 {
				t.Errorf("%+v", c.Counts)
			}
			w.wantTarget(test.want)
			if got := w.requests(); got != test.requests {
				t.Errorf("the organisation was asked %s, want %s", got, test.requests)
			}
			w.consistent()
		})
	}
}

// consistent checks that a full evaluation of the job finds nothing to do: incremental equals full.
func (w *world) consistent() {
	w.Helper()
	before := w.target()
	_, err := w.engine.Preview(w.ctx, w.tenant, w.out, func(a plan.Action) error {
		if a.State == plan.Planned || a.State == plan.Held {
			w.Errorf("a full evaluation would still %s %s: %s", a.Kind, a.Source.Name, a.Reason.Sentence())
		}
		return nil
	})
	w.must(err)
	if after := w.target(); after != before {
		w.Errorf("a preview changed the organisation")
	}
}

func TestRingOfManagersIsCreated(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", strings.Replace(smallPeople, "Chief,", "Chief,3", 1))
	c := w.both()
	if c.Counts.Created != 3 || c.Counts.Failed > 0 {
		t.Errorf("%+v", c.Counts)
	}
	w.wantTarget(`
user ada@acme.example title=Chief manager=cleo@acme.example
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`)
}

func TestSourceThatReturnsNothingIsHeld(t *testing.T) {
	w := started(t)
	before := w.target()
	w.file("people.csv", smallPeople[:strings.Index(smallPeople, "1,ada")]+"9,,Nobody,,,,\n") // one whom nothing can match
	in := w.run(w.in)
	if in.Counts.Held != 5 || in.Counts.Deleted > 0 { // three people, and the members of two groups
		t.Fatalf("into the directory: %+v", in.Counts)
	}
	w.run(w.out)
	if after := w.target(); after != before {
		t.Errorf("the organisation has\n%s\nwant\n%s", after, before)
	}
	held, err := w.db.Provision().Actions(w.ctx, w.tenant, w.in, plan.ActionQuery{States: []plan.ActionState{plan.Held}})
	w.must(err)
	var ids []lockstep.ActionID
	for _, a := range held {
		if a.Code != lockstep.CodeGuardHeld {
			t.Errorf("held for %s", a.Code)
		}
		if a.Source.Name == "cleo@acme.example" {
			ids = append(ids, a.ID)
		}
	}
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{Kind: audit.Admin}, w.tenant, w.in, provision.Verdict{Approve: ids}))
	w.run(w.in)
	w.run(w.out)
	if n := strings.Count(w.target(), "inactive"); n != 1 {
		t.Errorf("%d people are inactive after one of three was approved:\n%s", n, w.target())
	}
	w.file("people.csv", smallPeople) // the source is mended: what is still held goes away
	w.both()
	if w.target() != before {
		t.Errorf("after the source was mended the organisation has\n%s\nwant\n%s", w.target(), before)
	}
}

func TestTargetHoldsAccountsAlready(t *testing.T) {
	w := newWorld(t)
	add := func(user, title string) {
		_, err := w.org.Add(w.ctx, "User", scim.Object{{Name: "userName", Value: user}, {Name: "displayName", Value: user}, {Name: "title", Value: title}})
		w.must(err)
	}
	add("Ada@ACME.example", "Boss")
	add("old@acme.example", "Gone long ago")
	w.file("people.csv", smallPeople)
	c := w.both()
	if c.Counts.Linked != 1 || c.Counts.Created != 2 {
		t.Errorf("%+v", c.Counts)
	}
	w.wantTarget(`
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
user old@acme.example title=Gone long ago
`)
}

func TestOneBadObjectDoesNotStopTheRest(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople+"4,dan@other.example,Dan,Ito,Dan Ito,Engineer,1\n5,BEN@acme.example,Ben,Twin,Ben Twin,Engineer,1\n6,,Eve,None,Eve None,,1\n")
	w.run(w.in)
	c := w.run(w.out)
	if c.Counts.Created != 3 || c.Counts.Failed != 1 {
		t.Errorf("%+v", c.Counts)
	}
	codes := map[string]lockstep.Code{}
	for _, job := range []lockstep.JobID{w.in, w.out} {
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, job, plan.ActionQuery{States: []plan.ActionState{plan.Refused, plan.Failed}})
		w.must(err)
		for _, a := range rows {
			codes[a.Source.Name] = a.Code
			if a.Detail == "" {
				t.Errorf("%s: no sentence", a.Source.Name)
			}
			t.Logf("%s: %s: %s", a.Source.Name, a.Code, a.Detail)
		}
	}
	if codes["dan@other.example"] != lockstep.CodeTargetDomain && codes["dan@other.example"] != lockstep.CodeTargetRefused {
		t.Errorf("unverified domain: %q", codes["dan@other.example"])
	}
	if codes["BEN@acme.example"] != lockstep.CodeMatchDuplicate {
		t.Errorf("letter-case twin: %q in %v", codes["BEN@acme.example"], codes)
	}
}

func TestManualPlanWaitsForApply(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", smallPeople)
	w.run(w.in)
	job, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	job.Manual = true
	w.must(w.db.Provision().PutJob(w.ctx, audit.Actor{}, job))
	c := w.run(w.out)
	if c.Phase != provision.Review || c.Counts.Planned != 3 {
		t.Fatalf("%s %+v", c.Phase, c.Counts)
	}
	if got := strings.TrimSpace(w.target()); got != "" {
		t.Fatalf("before Apply the organisation has %s", got)
	}
	w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Apply: true}))
	if c = w.run(w.out); c.Phase != provision.Ended || c.Counts.Created != 3 {
		t.Fatalf("%s %+v", c.Phase, c.Counts)
	}
}

func TestFaultsAtTheTarget(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault webexorg.Fault
	}{
		{"429", webexorg.Fault{Kind: webexorg.Fault429, Every: 3, Times: 2}},
		{"500", webexorg.Fault{Kind: webexorg.Fault500, Method: "POST", Every: 2, Times: 2}},
		{"500 after the effect", webexorg.Fault{Kind: webexorg.Fault500, Method: "POST", After: true, Times: 2}},
		{"503", webexorg.Fault{Kind: webexorg.Fault503, Times: 3}},
		{"reset", webexorg.Fault{Kind: webexorg.FaultReset, Method: "POST", Times: 2}},
		{"reset after the effect", webexorg.Fault{Kind: webexorg.FaultReset, Method: "POST", After: true, Times: 3}},
		{"no JSON", webexorg.Fault{Kind: webexorg.FaultHTML, Method: "POST", Times: 2}},
		{"cut off", webexorg.Fault{Kind: webexorg.FaultTruncate, Method: "POST", Times: 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.file("people.csv", smallPeople)
			w.file("groups.csv", smallGroups)
			w.run(w.in)
			w.must(w.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{test.fault}}))
			w.untilDone(w.out)
			w.wantTarget(`
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`)
			w.must(w.org.SetKnobs(webexorg.Knobs{}))
			w.consistent()
		})
	}
}

// untilDone turns slices as the queue would: as long as the job is due, with the clock put ahead to when it says so.
func (w *world) untilDone(id lockstep.JobID) {
	w.Helper()
	for range 200 {
		turn, err := w.engine.Slice(w.ctx, w.tenant, id)
		w.must(err)
		if turn.Reading {
			w.awaitRead(id)
			continue
		}
		if turn.More {
			continue
		}
		due, err := w.db.Provision().Due(w.ctx, time.Now().Add(w.ahead))
		w.must(err)
		if slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == id }) {
			continue
		}
		later, err := w.db.Provision().Due(w.ctx, time.Now().Add(w.ahead+time.Hour))
		w.must(err)
		if !slices.ContainsFunc(later, func(j provision.Job) bool { return j.ID == id }) {
			return
		}
		w.ahead += time.Second
	}
	w.Fatal("the job never comes to rest")
}

func TestOneRefusedMemberKeepsNobodyOut(t *testing.T) {
	w := started(t)
	var people, members strings.Builder
	people.WriteString(smallPeople)
	for i := range 20 {
		fmt.Fprintf(&people, "n%d,new%d@acme.example,New,%d,New %d,Engineer,1\n", i, i, i, i)
		fmt.Fprintf(&members, ";n%d", i)
	}
	w.file("people.csv", people.String())
	w.both()
	w.file("groups.csv", strings.Replace(smallGroups, "2;3", "2;3"+members.String(), 1))
	w.run(w.in)
	w.must(w.org.SetKnobs(webexorg.Knobs{}))
	gone := w.targetID("new7@acme.example")
	w.deleteAtTarget(gone) // behind our back
	c := w.run(w.out)
	if c.Counts.Failed == 0 {
		t.Errorf("nothing failed: %+v", c.Counts)
	}
	if n := strings.Count(w.target(), "new"); n < 3*19 {
		t.Errorf("the other 19 people are not in both groups:\n%s", w.target())
	}
}
