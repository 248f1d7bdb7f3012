package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/store"
)

// working is a company with a claimed job.
func working(t *testing.T, open Open) slice {
	t.Helper()
	c := found(t, open, store.Config{})
	return c.claim(c.job("webex", nil).ID)
}

// full is an action with every field set.
func full(id string) plan.Action {
	user := connection.Ref{Type: "User", ID: "s-" + id}
	return plan.Action{
		ID: lockstep.ActionID(id), Cycle: "c1", Kind: rule.Create, Lane: plan.LaneCreate, Rank: 3,
		Source: plan.End{Ref: user, Name: "Zoé " + id}, Target: plan.End{Ref: connection.Ref{Type: "Person", ID: "t-" + id}, Name: "ZOE"},
		Before: scim.Object{{Name: "title", Value: "a"}},
		After:  scim.Object{{Name: "n", Value: int64(1)}, {Name: "active", Value: true}, {Name: "emails", Value: emails("x")}},
		Refers: "boss", References: []plan.RowReference{
			{Attribute: "manager", To: plan.End{Ref: connection.Ref{Type: "User", ID: "boss"}, Name: "B"}},
			{Attribute: "members", To: plan.End{Ref: connection.Ref{Type: "User", ID: "x"}}, Target: "t", Gone: true},
		},
		Reason: rule.Reason{Rule: "filter", Clause: "x", Values: []string{"a=b"}},
		Seen:   plan.Seen{Version: "v", Gone: true, Hash: "h", Config: 2}, State: plan.Planned,
		Code: lockstep.CodeTargetTimeout, Detail: "slow", Attempt: 2, Epoch: 4,
		Decided: plan.Decision{By: audit.Actor{Kind: audit.Admin, ID: "g"}, At: noon}, Undoes: "u",
		Planned: noon, Opened: noon.Add(2e9), Ended: noon.Add(3e9),
	}
}

// jobOf sets the job, which the store knows from where the row stands.
func jobOf(s slice, all ...plan.Action) []plan.Action {
	for i := range all {
		all[i].Job = s.job.ID
	}
	return all
}

func testActions(t *testing.T, open Open) {
	t.Run("round trip", func(t *testing.T) { actionRoundTrip(working(t, open)) })
	t.Run("select", func(t *testing.T) { actionSelect(working(t, open)) })
	t.Run("open", func(t *testing.T) { actionOpen(working(t, open)) })
}

func actionRoundTrip(s slice) {
	a, least := full("a1"), plan.Action{ID: "a2", State: plan.Skipped}
	s.commit(provision.Batch{Actions: []plan.Action{a, least}})
	read := func(want ...plan.Action) {
		s.Helper()
		got, err := s.db.Actions(s.Context(), s.tenant, s.job.ID, plan.ActionQuery{IDs: []lockstep.ActionID{"a2", "a1"}})
		s.ok(err)
		if d := cmp.Diff(jobOf(s, want...), got); d != "" {
			s.Error(d)
		}
	}
	read(least, a)
	a.State, a.Code, a.Target.ID, a.After, a.Rank = plan.Done, "", "t2", nil, 0
	s.commit(provision.Batch{Actions: []plan.Action{full("a1"), a}}) // the last word counts
	read(least, a)
}

func actionSelect(s slice) {
	all := map[string]plan.Action{}
	put := func(id string, lane plan.Lane, rank int, state plan.ActionState, change func(*plan.Action)) {
		a := plan.Action{ID: lockstep.ActionID(id), Cycle: "c1", Kind: rule.Update, Lane: lane, Rank: rank, State: state}
		a.Source = plan.End{Ref: connection.Ref{Type: "User", ID: "s" + id}, Name: "Person " + id}
		if change != nil {
			change(&a)
		}
		all[id] = a
		s.commit(provision.Batch{Actions: []plan.Action{a}})
	}
	put("a", plan.LaneCreate, 2, plan.Planned, func(a *plan.Action) { a.Kind, a.Refers = rule.Create, "sb" })
	put("b", plan.LaneCreate, 1, plan.Planned, func(a *plan.Action) {
		a.Kind, a.References = rule.Create, []plan.RowReference{{Attribute: connection.Members}, {Attribute: connection.Members}}
	})
	put("c", plan.LaneDisable, 9, plan.Open, func(a *plan.Action) { a.Target.Name = "100%_\\ÉTÉ" })
	put("d", plan.LaneDisable, 9, plan.Done, func(a *plan.Action) { a.Source.Type = "Group" })
	early := time.UnixMilli(1_700_000_000_000)
	put("e", plan.LaneDelete, 0, plan.Held, func(a *plan.Action) { a.Cycle, a.Planned = "c0", early.Add(time.Hour) })
	put("g", plan.LaneDelete, 1, plan.Failed, func(a *plan.Action) {
		a.Cycle, a.Code, a.Detail, a.Target.ID = "cg", lockstep.CodeMatchTaken, "Somebody 100% Else has it.", "tg"
		a.Planned, a.Ended = early, early.Add(2*time.Hour)
	})
	put("f", plan.LaneUpdate, 0, plan.Planned, func(a *plan.Action) { a.Cycle = "c0" })
	past, disabled := all["b"], all["d"]
	for _, q := range []struct {
		name string
		q    plan.ActionQuery
		want string
	}{
		{"all, in the order of work", plan.ActionQuery{}, "cdegfba"},
		{"cycle", plan.ActionQuery{Cycle: "c1"}, "cdba"},
		{"state", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned}}, "ba"},
		{"limit", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned}, Limit: 1}, "b"},
		{"states", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned, plan.Open, plan.Held}}, "cba"},
		{"states, limit", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned, plan.Open}, Limit: 2}, "cb"},
		{"state of any cycle", plan.ActionQuery{States: []plan.ActionState{plan.Held}}, "e"},
		{"kinds", plan.ActionQuery{Kinds: []rule.Kind{rule.Create, rule.Delete}}, "ba"},
		{"source", plan.ActionQuery{Source: connection.Ref{Type: "User", ID: "sb"}}, "b"},
		{"source of another type", plan.ActionQuery{Source: connection.Ref{Type: "User", ID: "sd"}}, ""},
		{"ids and state", plan.ActionQuery{IDs: []lockstep.ActionID{"a", "c", "none"}, States: []plan.ActionState{plan.Open}}, "c"},
		{"as many references", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned}, Most: 1}, "b"},
		{"more references than there are", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned}, Most: 3}, "ba"},
		{"past one", plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Planned}, Past: &past}, "a"},
		{"past one of another lane", plan.ActionQuery{Cycle: "c1", Past: &disabled}, "ba"},
		{"newest", plan.ActionQuery{Newest: true}, "gfedcba"},
		{"newest after", plan.ActionQuery{Newest: true, After: "e", Limit: 2}, "dc"},
		{"newest in states of which there are few", plan.ActionQuery{Newest: true, States: []plan.ActionState{plan.Failed, plan.Held, plan.Open}}, "gec"},
		{"the same, of one cycle", plan.ActionQuery{Newest: true, Cycle: "c0", States: []plan.ActionState{plan.Failed, plan.Held}}, "e"},
		{"the same, after and limit", plan.ActionQuery{Newest: true, After: "g", Limit: 1, States: []plan.ActionState{plan.Failed, plan.Held, plan.Open}}, "e"},
		{"the same, with a text", plan.ActionQuery{Newest: true, Text: "son g", States: []plan.ActionState{plan.Failed, plan.Held}}, "g"},
		{"newest in others as well", plan.ActionQuery{Newest: true, States: []plan.ActionState{plan.Failed, plan.Planned}}, "gfba"},
		{"text", plan.ActionQuery{Text: "SON a"}, "a"},
		{"words of several places", plan.ActionQuery{Words: []string{"SON G", "100% eLSE", "match.", "tg", "sg"}}, "g"},
		{"a word that is nowhere", plan.ActionQuery{Words: []string{"Person g", "200%"}}, ""},
		{"a word that is no pattern", plan.ActionQuery{Words: []string{"1%0"}}, ""},
		{"part of an id is nobody", plan.ActionQuery{Words: []string{"t"}, Codes: []lockstep.Code{lockstep.CodeInternal}}, ""},
		{"part of a code", plan.ActionQuery{Code: "mATch."}, "g"},
		{"part of no code", plan.ActionQuery{Code: "match_"}, ""},
		{"since", plan.ActionQuery{Since: early.Add(time.Hour)}, "eg"},
		{"since it ended", plan.ActionQuery{Since: early.Add(2 * time.Hour)}, "g"},
		{"until", plan.ActionQuery{Since: early, Until: early.Add(2 * time.Hour)}, "e"},
		{"before both", plan.ActionQuery{Since: early, Until: early.Add(time.Hour)}, ""},
		{"text with signs", plan.ActionQuery{Text: "%_\\été"}, "c"},
		{"text that is no pattern", plan.ActionQuery{Text: "P%n"}, ""},
	} {
		got, err := s.db.Actions(s.Context(), s.tenant, s.job.ID, q.q)
		s.ok(err)
		var ids string
		for _, a := range got {
			ids += string(a.ID)
			if want := all[string(a.ID)]; a.Kind != want.Kind || a.Source != want.Source {
				s.Errorf("%s: %+v", q.name, a)
			}
		}
		if ids != q.want {
			s.Errorf("%s: got %s, want %s", q.name, ids, q.want)
		}
	}
	var creates []string
	s.ok(s.db.Made(s.Context(), s.tenant, s.job.ID, "c1", func(m plan.Made) {
		creates = append(creates, fmt.Sprint(m.ID, m.Source.ID, m.Refers))
	}))
	if slices.Sort(creates); !slices.Equal(creates, []string{"asasb", "bsb"}) {
		s.Errorf("creates: %v", creates)
	}
	s.commit(provision.Batch{Links: []plan.Link{
		{Source: connection.Ref{Type: "User", ID: "1"}, Target: "t1"},
		{Source: connection.Ref{Type: "User", ID: "2"}, Target: "t2", Disabled: true},
		{Source: connection.Ref{Type: "User", ID: "3"}},
		{Source: connection.Ref{Type: "Group", ID: "1"}, Target: "t1"},
	}})
	tally, err := s.db.Tally(s.Context(), s.tenant, s.job.ID, "c1")
	s.ok(err)
	want := plan.Tally{
		Actions: map[plan.TallyKey]int{
			{State: plan.Planned, Kind: rule.Create, Type: "User"}: 2, {State: plan.Open, Kind: rule.Update, Type: "User"}: 1,
			{State: plan.Done, Kind: rule.Update, Type: "Group"}: 1,
		},
		Linked: map[string]int{"User": 1, "Group": 1},
	}
	if d := cmp.Diff(want, tally); d != "" {
		s.Error(d)
	}
}

// actionOpen: rows are opened only while they are planned, and all or none.
func actionOpen(s slice) {
	var batch provision.Batch
	for i := range 70 {
		a := full(fmt.Sprintf("a%02d", i))
		batch.Actions = append(batch.Actions, a)
		batch.Opened = append(batch.Opened, a.ID)
		batch.Ranks = append(batch.Ranks, provision.Rank{Action: a.ID, Rank: 100 - i})
	}
	s.commit(batch)
	got, err := s.db.Actions(s.Context(), s.tenant, s.job.ID, plan.ActionQuery{Cycle: "c1", States: []plan.ActionState{plan.Open}, Limit: 100})
	s.ok(err)
	if len(got) != 70 || got[0].ID != "a69" || got[0].Rank != 31 || got[0].Attempt != 3 || got[0].Epoch != s.job.Epoch || got[0].Opened.Equal(noon.Add(2e9)) {
		s.Errorf("opened: %d rows, first %+v", len(got), got[0])
	}
	held := full("b1")
	held.State = plan.Held
	s.commit(provision.Batch{Actions: []plan.Action{held, full("b2")}})
	s.refuses(lockstep.CodePlanStale, provision.Batch{Opened: []lockstep.ActionID{"b1", "b2"}})
	if got, err = s.db.Actions(s.Context(), s.tenant, s.job.ID, plan.ActionQuery{IDs: []lockstep.ActionID{"b2"}}); err != nil || got[0].State != plan.Planned {
		s.Errorf("half of the rows were opened: %+v, %v", got, err)
	}
}

func testLinks(t *testing.T, open Open) {
	s := working(t, open)
	user := func(id string) connection.Ref { return connection.Ref{Type: "User", ID: id} }
	whole := plan.Link{
		Source: user("a"), Name: "Ada", Target: "t1", Matched: "userName", Key: "ada", Image: scim.Object{{Name: "title", Value: "x"}}, Version: "v",
		Disabled: true, Verdict: rule.Verdict{In: true, Reason: rule.Reason{Rule: "assigned"}}, Code: lockstep.CodeTargetTimeout, Detail: "slow",
		Attempts: 3, Due: noon, Seen: "c1",
	}
	s.commit(provision.Batch{Links: []plan.Link{
		whole,
		{Source: user("b"), Target: "t2", Key: "bob", Due: noon.Add(time.Hour), Seen: "c2"},
		{Source: user("c"), Key: "bob", Due: noon.Add(-time.Hour)},
		{Source: user("d")},
		{Source: connection.Ref{Type: "Group", ID: "a"}, Target: "t1", Key: "ada", Due: noon},
	}})
	for _, q := range []struct {
		name string
		q    plan.LinkQuery
		want string
	}{
		{"sources", plan.LinkQuery{Sources: []string{"a", "d", "x"}}, "ad"},
		{"targets", plan.LinkQuery{Targets: []string{"t1", "t2", ""}}, "ab"},
		{"keys", plan.LinkQuery{Keys: []string{"bob", ""}}, "bc"},
		{"no keys", plan.LinkQuery{Keys: []string{}}, ""},
		{"all", plan.LinkQuery{}, "abcd"},
		{"page", plan.LinkQuery{After: "a", Limit: 2}, "bc"},
		{"due", plan.LinkQuery{DueBefore: noon}, "ac"},
		{"due, page", plan.LinkQuery{DueBefore: noon, After: "a"}, "c"},
		{"unseen", plan.LinkQuery{Unseen: "c1"}, "bcd"},
		{"unseen and due", plan.LinkQuery{Unseen: "c2", DueBefore: noon}, "ac"},
		{"in scope", plan.LinkQuery{Only: plan.LinksIn}, "a"},
		{"out of scope", plan.LinkQuery{Only: plan.LinksOut}, "bcd"},
		{"out of scope, page", plan.LinkQuery{Only: plan.LinksOut, After: "b", Limit: 1}, "c"},
		{"linked", plan.LinkQuery{Only: plan.LinksLinked}, "b"},
		{"failing", plan.LinkQuery{Only: plan.LinksFailing}, "a"},
		{"failing, page", plan.LinkQuery{Only: plan.LinksFailing, After: "a"}, ""},
	} {
		q.q.Type = "User"
		got, err := s.db.Links(t.Context(), s.tenant, s.job.ID, q.q)
		s.ok(err)
		var ids string
		for _, l := range got {
			ids += l.Source.ID
		}
		if ids != q.want {
			t.Errorf("%s: got %s, want %s", q.name, ids, q.want)
		}
	}
	read := func(want ...plan.Link) {
		t.Helper()
		got, err := s.db.Links(t.Context(), s.tenant, s.job.ID, plan.LinkQuery{Type: "User", Sources: []string{"a"}})
		s.ok(err)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	read(whole)
	funnel, err := s.db.Funnel(t.Context(), s.tenant, s.job.ID)
	s.ok(err)
	if want := (provision.Funnel{Known: 4, Out: 3, Linked: 1, Failing: 1}); funnel != want {
		t.Errorf("%+v, want %+v", funnel, want)
	}
	outline := whole
	outline.Image, outline.Recheck, outline.Former = nil, time.Time{}, ""
	got, err := s.db.Links(t.Context(), s.tenant, s.job.ID, plan.LinkQuery{Type: "User", Sources: []string{"a"}, Outline: true})
	s.ok(err)
	if d := cmp.Diff([]plan.Link{outline}, got); d != "" {
		t.Errorf("in outline: %s", d)
	}
	least := plan.Link{Source: user("a")}
	s.commit(provision.Batch{Links: []plan.Link{whole, least}})
	read(least)
	s.commit(provision.Batch{Unlink: []connection.Ref{user("a"), user("none")}})
	read()
}

func testDecisions(t *testing.T, open Open) {
	s := working(t, open)
	row := func(id string, state plan.ActionState) plan.Action {
		a := full(id)
		a.State, a.Decided, a.Ended = state, plan.Decision{}, time.Time{}
		return a
	}
	review := provision.Cycle{ID: "c1", Phase: provision.Review, Began: noon}
	job := s.job
	s.commit(provision.Batch{Cycle: &review, Job: &job, Actions: []plan.Action{
		row("h1", plan.Held), row("h2", plan.Held), row("p1", plan.Planned), row("p2", plan.Planned), row("d1", plan.Done),
	}})
	decide := func(v provision.Verdict) error { return s.db.Decide(t.Context(), admin, s.tenant, s.job.ID, v) }
	states := func(want string) {
		t.Helper()
		all, err := s.db.Actions(t.Context(), s.tenant, s.job.ID, plan.ActionQuery{})
		s.ok(err)
		got := ""
		for _, a := range all {
			got += fmt.Sprint(a.ID, "=", a.State, " ")
		}
		if got != want+" " {
			t.Errorf("states %s, want %s", got, want)
		}
	}
	s.fails(decide(provision.Verdict{Cycle: "other", Apply: true}), lockstep.CodePlanStale)
	s.fails(decide(provision.Verdict{Cycle: "c1", Apply: true}), lockstep.CodePlanStale) // by other rules than the job's
	review.Config = s.job.Config
	s.commit(provision.Batch{Cycle: &review})
	s.fails(decide(provision.Verdict{Cycle: "c1", Apply: true, Discard: true}), lockstep.CodeInvalid)
	s.fails(decide(provision.Verdict{Cycle: "c1", Approve: []lockstep.ActionID{"h1", "p1"}}), lockstep.CodePlanStale)
	s.fails(decide(provision.Verdict{Cycle: "c1", Reject: []lockstep.ActionID{"d1"}}), lockstep.CodePlanStale)
	states("d1=done h1=held h2=held p1=planned p2=planned")
	s.ok(decide(provision.Verdict{Cycle: "c1", Apply: true, Approve: []lockstep.ActionID{"h1"}, Reject: []lockstep.ActionID{"p1"}}))
	states("d1=done h1=planned h2=held p1=rejected p2=planned")
	if j := s.reload(s.job.ID); j.Cycle.Phase != provision.Applying {
		t.Errorf("phase %s", j.Cycle.Phase)
	}
	got, err := s.db.Actions(t.Context(), s.tenant, s.job.ID, plan.ActionQuery{IDs: []lockstep.ActionID{"h1", "p1"}})
	s.ok(err)
	if got[0].Decided.By != admin || !got[0].Ended.IsZero() || got[1].Decided.At.IsZero() || got[1].Ended.IsZero() {
		t.Errorf("decided rows: %+v", got)
	}
	s.fails(decide(provision.Verdict{Cycle: "c1", Discard: true}), lockstep.CodePlanStale)
	s.commit(provision.Batch{Cycle: &review})
	s.ok(decide(provision.Verdict{Cycle: "c1", Discard: true}))
	states("d1=done h1=left_out h2=left_out p1=rejected p2=left_out")
	cycles, err := s.db.Cycles(t.Context(), s.tenant, s.job.ID, 0)
	s.ok(err)
	for _, c := range cycles {
		if want := c.ID == "c1"; (c.Decided.By == admin && !c.Decided.At.IsZero()) != want {
			t.Errorf("cycle %s was decided on by %+v", c.ID, c.Decided)
		}
	}
	if j := s.reload(s.job.ID); j.Cycle != nil {
		t.Errorf("the plan is still open: %+v", j.Cycle)
	}
	s.commit(provision.Batch{Actions: []plan.Action{row("h3", plan.Held)}})
	s.ok(decide(provision.Verdict{Approve: []lockstep.ActionID{"h3"}}))
	if j := s.reload(s.job.ID); j.NextRun.IsZero() {
		t.Error("approving what was held does not run the job")
	}
	log, err := s.db.Audit(t.Context(), s.tenant, store.AuditQuery{Limit: 5})
	s.ok(err)
	var lines []string
	for _, l := range log {
		lines = append(lines, l.String())
	}
	want := []string{
		"Grace approved changes of job webex (1)", "Grace discarded plan of job webex (c1)", "Grace rejected changes of job webex (1)",
		"Grace approved changes of job webex (1)", "Grace applied plan of job webex (c1)",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
}
