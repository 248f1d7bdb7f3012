package provision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/webexorg"
)

// demand provisions one object now and returns the cycle that did it, and the rows.
func (w *world) demand(of connection.Ref) (provision.Cycle, []plan.Action) {
	w.Helper()
	return w.meet(provision.Demand{Cycle: lockstep.NewID[lockstep.CycleID](), Of: of, By: audit.Actor{Kind: audit.Admin, Name: "test"}, At: w.engine.Now()})
}

// meet runs the job until the demand is met.
func (w *world) meet(d provision.Demand) (provision.Cycle, []plan.Action) {
	w.Helper()
	w.must(w.db.Demand(w.ctx, w.tenant, w.out, d, "somebody"))
	for range 100 {
		_, err := w.engine.Slice(w.ctx, w.tenant, w.out)
		w.must(err)
		cycles, err := w.db.Provision().Cycles(w.ctx, w.tenant, w.out, 20)
		w.must(err)
		i := slices.IndexFunc(cycles, func(c provision.Cycle) bool { return c.ID == d.Cycle && !c.EndedAt.IsZero() })
		if i < 0 {
			w.ahead += 3e9
			continue
		}
		rows, err := w.db.Provision().Actions(w.ctx, w.tenant, w.out, plan.ActionQuery{Cycle: d.Cycle})
		w.must(err)
		j := w.job()
		if j.Demand != nil || j.Cycle != nil {
			w.Fatalf("the job still has the demand %v, cycle %v", j.Demand, j.Cycle)
		}
		return cycles[i], rows
	}
	w.Fatal("the demand is never met")
	return provision.Cycle{}, nil
}

func (w *world) job() provision.Job {
	w.Helper()
	j, err := w.db.Provision().Job(w.ctx, w.tenant, w.out)
	w.must(err)
	return j
}

func userRef(id lockstep.UserID) connection.Ref { return connection.Ref{Type: "User", ID: string(id)} }

// said prints what a cycle has said to the target, reads left out.
func (w *world) said(c provision.Cycle) string {
	w.Helper()
	all, err := w.db.Provision().Said(w.ctx, w.tenant, w.out, c.ID)
	w.must(err)
	return saidWords(all)
}

func saidWords(all []connection.Exchange) string {
	var out []string
	for _, e := range all {
		if e.Method == "GET" {
			continue
		}
		at := e.URL[strings.LastIndex(e.URL, "/v2")+3:]
		out = append(out, fmt.Sprintf("%s %s sent=%v %d", e.Method, strings.Split(at, "/")[1], e.Sent, e.Status))
	}
	return strings.Join(out, "; ")
}

// TestDemandOfADraft: before anything is turned on, one test user can be provisioned, and nobody else is.
func TestDemandOfADraft(t *testing.T) {
	w := newWorld(t)
	w.edit(func(j *provision.Job) { j.State = provision.Paused; j.Manual = true })
	ada := w.person("ada")
	w.person("ben")
	before := w.job()
	c, rows := w.demand(userRef(ada))
	w.wantTarget("user ada@acme.example\n")
	if c.Kind != provision.OnDemand || c.Code != "" || c.Counts.Created != 1 || len(rows) != 1 || rows[0].State != plan.Done {
		t.Errorf("the cycle is %+v with %+v", c, rows)
	}
	after := w.job()
	if !after.Draft() || after.Cursor != before.Cursor || after.Position != before.Position {
		t.Errorf("the job was %+v and is %+v", before, after)
	}
	if got := w.said(c); got != "POST Users sent=true 201" {
		t.Errorf("said %s", got)
	}
	all, err := w.db.Provision().Said(w.ctx, w.tenant, w.out, c.ID)
	w.must(err)
	if text := fmt.Sprint(all); strings.Contains(text, w.token) || !strings.Contains(text, "ada@acme.example") {
		t.Errorf("what was said is shown as %s", text)
	}
	lines, err := w.db.Audit(w.ctx, w.tenant, audit.Query{})
	w.must(err)
	if !slices.ContainsFunc(lines, func(l audit.Line) bool { return l.Verb == "provisioned by hand in" && l.Detail == "somebody" }) {
		t.Error("the audit log does not tell of it")
	}
	// The others come when the job is turned on, and Ada is not made twice.
	w.edit(func(j *provision.Job) { j.State = provision.Active; j.Manual = false })
	w.run(w.out)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
}

// TestTryChangesNothing: the requests of a try are those that are then sent, and none of them is sent before.
func TestTryChangesNothing(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("ada"), w.person("ben")
	team := w.group("Team", string(ada))
	w.run(w.out)
	w.set(ada, "title", "Countess")
	w.set(ben, "active", false)
	cleo := w.person("cleo")
	before := w.target()
	for _, one := range []struct {
		ref  connection.Ref
		want string
	}{
		{userRef(ada), "PATCH Users"}, {userRef(ben), "PATCH Users"}, {userRef(cleo), "POST Users"}, {connection.Ref{Type: "Group", ID: string(team)}, ""},
	} {
		w.requests()
		x, err := w.engine.Explain(w.ctx, w.tenant, w.out, one.ref)
		w.must(err)
		want := one.want
		if want != "" {
			want += " sent=false 0"
		}
		if got := saidWords(x.Requests); got != want {
			t.Errorf("%s would send %q, want %q", one.ref, got, want)
		}
		if got := w.requests(); strings.Contains(got, "POST") || strings.Contains(got, "PATCH") || strings.Contains(got, "DELETE") || strings.Contains(got, "PUT") {
			t.Fatalf("%s: a try has sent %s", one.ref, got)
		}
		if now := w.target(); now != before {
			t.Fatalf("a try has changed the organisation to\n%s", now)
		}
		if one.want == "" {
			continue
		}
		c, _ := w.demand(one.ref)
		all, err := w.db.Provision().Said(w.ctx, w.tenant, w.out, c.ID)
		w.must(err)
		if would, did := last(x.Requests), last(all); would.Request != did.Request || would.URL != did.URL || would.Method != did.Method || !did.Sent {
			t.Errorf("would be sent:\n%+v\nwas sent:\n%+v", would, did)
		}
		before = w.target()
	}
	w.wantTarget("group Team: ada@acme.example\nuser ada@acme.example title=Countess\nuser ben@acme.example inactive\nuser cleo@acme.example\n")
}

func last(all []connection.Exchange) connection.Exchange {
	all = slices.DeleteFunc(slices.Clone(all), func(e connection.Exchange) bool { return e.Method == "GET" })
	if len(all) == 0 {
		return connection.Exchange{}
	}
	return all[len(all)-1]
}

// TestDemandGoesNoWayRound: what waits for a decision waits on, whoever is out of scope stays out, and a refusal is one.
func TestDemandGoesNoWayRound(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		w, ada, _ := blocked(t)
		before := w.target()
		c, rows := w.demand(userRef(ada))
		w.wantTarget(before)
		if c.Counts.Held != 1 || c.Counts.Disabled != 0 || len(rows) != 0 {
			t.Errorf("the cycle is %+v with %+v", c.Counts, rows)
		}
		w.wantWaiting("ada@acme.example", "ben@acme.example")
	})
	t.Run("out of scope", func(t *testing.T) {
		w := newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Everyone = false })
		c, rows := w.demand(userRef(w.person("ada")))
		if got := w.target(); got != "\n" {
			t.Errorf("the organisation has %s", got)
		}
		if c.Counts.Skipped != 1 || len(rows) != 0 {
			t.Errorf("the cycle is %+v with %+v", c.Counts, rows)
		}
	})
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		w.set(ada, "userName", "ada@elsewhere.example")
		c, rows := w.demand(userRef(ada))
		if c.Counts.Failed != 1 || len(rows) != 1 || rows[0].Code != lockstep.CodeTargetRefused {
			t.Errorf("the cycle is %+v with %+v", c.Counts, rows)
		}
	})
	t.Run("the target is away", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		w.run(w.out)
		w.set(ada, "title", "Countess")
		target, err := w.Target(w.ctx, provision.Job{})
		w.must(err)
		w.engine.Connect = connect{world: w, target: away{target}}
		before := w.job()
		c, _ := w.demand(userRef(w.person("ben")))
		if after := w.job(); c.Code != lockstep.CodeTargetUnreachable || after.State != before.State || after.Code != before.Code {
			t.Errorf("the cycle ended with %q, and the job is %s %s", c.Code, after.State, after.Code)
		}
		w.engine.Connect = w
		w.untilDone(w.out)
		w.wantTarget("user ada@acme.example title=Countess\nuser ben@acme.example\n")
	})
	t.Run("quarantined", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		w.edit(func(j *provision.Job) { j.State = provision.Quarantined })
		w.demand(userRef(ada))
		if j := w.job(); j.State != provision.Quarantined {
			t.Errorf("one who went through has ended the quarantine: %s", j.State)
		}
		w.wantTarget("user ada@acme.example\n")
	})
}

// away is a target that cannot be reached.
type away struct{ connection.Target }

func (away) Find(context.Context, string, string, ...string) ([]connection.Object, error) {
	return nil, &lockstep.Error{Code: lockstep.CodeTargetUnreachable, Detail: "it cannot be reached"}
}

// TestDemandAmidOthers: a demand waits while another cycle is open, a lost answer is looked after, and what belongs to the others is
// left to them.
func TestDemandAmidOthers(t *testing.T) {
	t.Run("a plan waits", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		c, _ := w.review()
		d := provision.Demand{Cycle: lockstep.NewID[lockstep.CycleID](), Of: userRef(ada)}
		w.must(w.db.Demand(w.ctx, w.tenant, w.out, d, "ada"))
		due, err := w.db.Due(w.ctx, w.engine.Now())
		w.must(err)
		if slices.ContainsFunc(due, func(j provision.Job) bool { return j.ID == w.out }) {
			t.Error("the job is due while its plan waits")
		}
		if err := w.db.Demand(w.ctx, w.tenant, w.out, d, "ada"); lockstep.CodeOf(err) != lockstep.CodeConflict {
			t.Errorf("a second demand: %v", err)
		}
		gone, err := w.db.Withdraw(w.ctx, w.tenant, w.out, d.Cycle)
		w.must(err)
		if !gone || w.job().Demand != nil {
			t.Error("the demand was not withdrawn")
		}
		w.apply(c)
	})
	t.Run("a lost answer", func(t *testing.T) {
		w := newWorld(t)
		ada := w.person("ada")
		w.must(w.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: webexorg.FaultReset, Method: "POST", After: true, Times: 3}}}))
		c, rows := w.demand(userRef(ada))
		w.wantTarget("user ada@acme.example\n")
		if len(rows) != 1 || rows[0].State != plan.Done {
			t.Errorf("the cycle is %+v with %+v", c, rows)
		}
	})
	t.Run("a group and its members", func(t *testing.T) {
		w := newWorld(t)
		ada, ben := w.person("ada"), w.person("ben")
		team, other := w.group("Team", string(ada)), w.group("Other", string(ben))
		w.run(w.out)
		w.edit(func(j *provision.Job) { j.Manual = true })
		w.join(team, directory.UserKind, string(ben))
		w.join(other, directory.UserKind, string(ada))
		w.demand(connection.Ref{Type: "Group", ID: string(team)})
		w.wantTarget("group Other: ben@acme.example\ngroup Team: ada@acme.example ben@acme.example\nuser ada@acme.example\nuser ben@acme.example\n")
	})
	t.Run("a disable leaves", func(t *testing.T) {
		w := newWorld(t)
		w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Off: true}; j.Manual = true })
		ada, ben := w.person("ada"), w.person("ben")
		w.demand(userRef(ada))
		w.demand(userRef(ben))
		w.set(ada, "active", false)
		w.set(ben, "active", false)
		w.demand(userRef(ada))
		w.wantTarget("user ada@acme.example inactive\nuser ben@acme.example\n")
	})
}

// TestLinkByHand: somebody's word goes before matching, and never over what is another's.
func TestLinkByHand(t *testing.T) {
	link := func(w *world, of lockstep.UserID, to string, loose bool) (provision.Cycle, []plan.Action) {
		w.Helper()
		d := provision.Demand{Cycle: lockstep.NewID[lockstep.CycleID](), Of: userRef(of), To: to, Loose: loose, By: audit.Actor{Kind: audit.Admin, Name: "test"}, At: w.engine.Now()}
		return w.meet(d)
	}
	w := newWorld(t)
	target, err := w.Target(w.ctx, provision.Job{})
	w.must(err)
	made := target.Apply(w.ctx, []connection.Operation{{Kind: rule.Create, Ref: connection.Ref{Type: "User"}, Name: "countess", After: scimUser("countess@acme.example")}})
	w.must(made[0].Err)
	there := made[0].ID
	ada, ben := w.person("ada"), w.person("ben")
	w.demand(userRef(ben))

	found, err := w.engine.FindAtTarget(w.ctx, w.tenant, w.out, "User", "countess@acme.example")
	w.must(err)
	if len(found) != 1 || found[0].ID != there || found[0].Of != "" {
		t.Errorf("found %+v", found)
	}
	if found, err = w.engine.FindAtTarget(w.ctx, w.tenant, w.out, "User", w.targetID("ben@acme.example")); err != nil || len(found) != 1 || found[0].Of != "ben@acme.example" {
		t.Errorf("found %+v %v", found, err)
	}

	// What is another's is refused.
	if _, rows := link(w, ada, w.targetID("ben@acme.example"), false); len(rows) != 1 || rows[0].Code != lockstep.CodeMatchTaken {
		t.Errorf("linked to another's: %+v", rows)
	}
	if c, _ := link(w, ada, "01a22998-0000-7743-b09b-2206535b71ea", false); c.Code != lockstep.CodeTargetGone {
		t.Errorf("linked to nobody: %+v", c)
	}
	// The account is theirs from now on, with their name.
	link(w, ada, there, false)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
	if l := w.linkOf(ada); l.Target != there || l.Matched != "by hand" {
		t.Errorf("the link is %+v", l)
	}
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")

	// Without its link nothing changes there, and the log says so.
	c, rows := link(w, ada, "", true)
	if l := w.linkOf(ada); l.Target != "" || len(rows) != 1 || rows[0].Reason.Rule != provision.Unlinked || c.Code != "" {
		t.Errorf("the link is %+v, the rows %+v", l, rows)
	}
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
}

func scimUser(name string) scim.Object {
	return scim.Object{{Name: "userName", Value: name}, {Name: "active", Value: true}}
}

func (w *world) linkOf(id lockstep.UserID) plan.Link {
	w.Helper()
	links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User", Sources: []string{string(id)}})
	w.must(err)
	if len(links) == 0 {
		return plan.Link{}
	}
	return links[0]
}

// TestExcluded: whoever is excluded leaves, with the reason, and comes back by themselves when the time is over.
func TestExcluded(t *testing.T) {
	w := newWorld(t)
	w.edit(func(j *provision.Job) { j.Policy.Guard = rule.GuardLimit{Off: true} })
	ada := w.person("ada")
	w.person("ben")
	w.run(w.out)
	w.edit(func(j *provision.Job) {
		j.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: string(ada), Reason: "on leave", By: "mia", Until: w.engine.Now().Add(10 * time.Hour)}}
	})
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example inactive\nuser ben@acme.example\n")
	x, err := w.engine.Explain(w.ctx, w.tenant, w.out, userRef(ada))
	w.must(err)
	if !strings.HasPrefix(x.Summary, "left out: excluded by mia until ") || !strings.HasSuffix(x.Summary, ": on leave") {
		t.Errorf("the reason is %q", x.Summary)
	}
	w.ahead += 11 * time.Hour
	w.untilDone(w.out)
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
}
