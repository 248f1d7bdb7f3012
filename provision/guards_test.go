package provision_test

import (
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

// TestDiscardedPlanIsMadeAgain: a plan that nobody has applied has answered nothing, so the next one says the same.
func TestDiscardedPlanIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.run(w.out)
	w.set(ada, "title", "Boss")
	before := w.job()
	for range 2 {
		c, rows := w.review()
		if j := w.job(); j.Cursor != before.Cursor || j.Position != before.Position || j.Applied != before.Applied {
			t.Errorf("a plan that waits has moved the job from %q to %q", before.Cursor, j.Cursor)
		}
		if c.Phase != provision.Review || len(rows) != 1 || rows[0].Kind != rule.Update || rows[0].After.Text("title") != "Boss" {
			t.Fatalf("%s: %+v", c.Phase, rows)
		}
		w.must(w.db.Provision().Decide(w.ctx, audit.Actor{}, w.tenant, w.out, provision.Verdict{Cycle: c.ID, Discard: true}))
	}
	c, _ := w.review()
	w.apply(c)
	if j := w.job(); j.Cursor == before.Cursor || j.Position <= before.Position {
		t.Errorf("a plan that was applied has left the job at %q", j.Cursor)
	}
	if got := w.target(); !strings.Contains(got, "title=Boss") {
		t.Errorf("the organisation has\n%s", got)
	}
}

// TestRestoreSome: what somebody else has done is taken back for those who are named, with the groups that they were in, and for nobody else.
func TestRestoreSome(t *testing.T) {
	w := newWorld(t)
	ada, di := w.person("ada"), w.person("di")
	w.set(ada, "title", "Analyst")
	w.group("Team", string(ada), string(di))
	w.run(w.out)
	before := w.target()
	w.patchByHand("ada@acme.example", "title", `"Queen"`)
	w.deleteAtTarget(w.targetID("di@acme.example"))
	w.ahead += 60e9
	w.reread()
	w.look()
	n, err := w.finder().Restore(w.ctx, w.tenant, w.out, []connection.Ref{{Type: "User", ID: string(di)}})
	if err != nil || n != 1 {
		t.Fatalf("restored %d: %v", n, err)
	}
	w.run(w.out)
	w.run(w.out)
	if got, want := w.target(), strings.Replace(before, "Analyst", "Queen", 1); got != want {
		t.Errorf("the organisation has\n%s\nwant\n%s", got, want)
	}
}

// TestVanishedAtTarget: what becomes of somebody who is not at the target any more is the administrator's to say; who is created
// again is in their groups again.
func TestVanishedAtTarget(t *testing.T) {
	for missing, again := range map[rule.Missing]bool{"": true, rule.MissingRecreate: true, rule.MissingDetach: false, rule.MissingFail: false} {
		t.Run(string(missing), func(t *testing.T) {
			w := newWorld(t)
			w.edit(func(j *provision.Job) { j.Policy.OnMissing = missing })
			ada, di := w.person("ada"), w.person("di")
			w.group("Team", string(ada), string(di))
			w.run(w.out)
			want := strings.Replace(w.target(), "user di@acme.example", "user di@acme.example title=Boss", 1)
			w.deleteAtTarget(w.targetID("di@acme.example"))
			if !again {
				want = w.target()
			}
			w.set(di, "title", "Boss")
			for range 3 {
				w.run(w.out)
				w.ahead += 10 * time.Second
			}
			if got := w.target(); got != want {
				t.Errorf("the organisation has\n%s\nwant\n%s", got, want)
			}
			links, err := w.db.Provision().Links(w.ctx, w.tenant, w.out, plan.LinkQuery{Type: "User", Sources: []string{string(di)}})
			w.must(err)
			if len(links) != 1 || (links[0].Target != "") != (again || missing == rule.MissingFail) || !again && links[0].Code != lockstep.CodeTargetGone {
				t.Errorf("%+v", links)
			}
		})
	}
}

// TestQuarantine: a job that somebody has to help stops until then, for a minute at least, and goes on as if nothing had been.
func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	w.person("ada")
	w.run(w.out)
	good := w.token
	w.token = "no token of theirs"
	w.person("ben")
	if turn, err := w.engine.Slice(w.ctx, w.tenant, w.out); err != nil || turn.More || turn.Cycle.Code != lockstep.CodeAuthToken {
		t.Fatalf("%+v, %v", turn, err)
	}
	j := w.job()
	if j.State != provision.Quarantined || j.Code != lockstep.CodeAuthToken || j.NotBefore.Sub(w.engine.Now()) < 50*time.Second {
		t.Errorf("the job is %s, %s, and is not tried before %s", j.State, j.Code, j.NotBefore)
	}
	w.token = good
	w.ahead += 2 * time.Minute
	w.untilDone(w.out)
	if j := w.job(); j.State != provision.Active || j.Code != "" || j.Detail != "" || !j.NotBefore.IsZero() || j.Cycle != nil {
		t.Errorf("the job is %s, %s %q, not before %s", j.State, j.Code, j.Detail, j.NotBefore)
	}
	w.wantTarget("user ada@acme.example\nuser ben@acme.example\n")
}

// TestExpiredCursor: a cursor that is no good any more has everything read again, and takes nobody away.
func TestExpiredCursor(t *testing.T) {
	w := newWorld(t)
	w.file("people.csv", undoPeople)
	w.run(w.in)
	before := w.people()
	j, err := w.db.Provision().Claim(w.ctx, w.tenant, w.in, 0)
	w.must(err)
	good := j.Cursor
	j.Cursor += "000" // of a feed that is not there
	w.must(w.db.Provision().Commit(w.ctx, w.tenant, w.in, j.Epoch, provision.Batch{Job: &j}))
	w.due(w.in)
	w.untilDone(w.in)
	j, err = w.db.Provision().Job(w.ctx, w.tenant, w.in)
	w.must(err)
	if j.State != provision.Active || j.Code != "" || j.Cursor == "" || len(j.Cursor) > len(good)+1 {
		t.Errorf("the job is %s, %s, and goes on at %q", j.State, j.Code, j.Cursor)
	}
	if after := w.people(); len(after) != len(before) || len(before) != 3 {
		t.Errorf("the directory has %v, and had %v", after, before)
	}
}
