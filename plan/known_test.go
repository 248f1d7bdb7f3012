package plan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// known is what a job knows that has run before.
type known struct {
	nothing
	links []plan.Link
	refs  []plan.ReferenceRow
	rows  []plan.Action
}

func (k *known) Links(_ context.Context, q plan.LinkQuery) (all []plan.Link, err error) {
	for _, l := range k.links {
		switch {
		case l.Source.Type != q.Type:
		case q.Sources != nil && !slices.Contains(q.Sources, l.Source.ID), q.Targets != nil && !slices.Contains(q.Targets, l.Target), q.Keys != nil && !slices.Contains(q.Keys, l.Key):
		case l.Source.ID <= q.After, q.Unseen != "" && l.Seen == q.Unseen, !q.DueBefore.IsZero() && (l.Due.IsZero() || l.Due.After(q.DueBefore)):
		default:
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b plan.Link) int { return strings.Compare(a.Source.ID, b.Source.ID) })
	return all, nil
}

func (k *known) References(_ context.Context, q plan.ReferenceQuery) (all []plan.ReferenceRow, err error) {
	for _, e := range k.refs {
		switch {
		case q.From != nil && !slices.Contains(q.From, e.From), q.To != nil && !slices.Contains(q.To, e.To):
		case (q.Waiting || q.Ready) && e.Wanted == e.Written, q.Adds && !e.Wanted, q.Removes && e.Wanted:
		default:
			all = append(all, e)
		}
	}
	return all, nil
}

func (k *known) EachWaiting(ctx context.Context, f func(plan.ReferenceRow) error) error {
	all, _ := k.References(ctx, plan.ReferenceQuery{Waiting: true})
	for _, e := range all {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

func (k *known) CountReferences(_ context.Context, attribute string) (n int, err error) {
	for _, e := range k.refs {
		if e.Written && e.Attribute == attribute {
			n++
		}
	}
	return n, nil
}

func (k *known) Actions(_ context.Context, q plan.ActionQuery) (all []plan.Action, err error) {
	for _, a := range k.rows {
		switch {
		case q.Cycle != "" && a.Cycle != q.Cycle, q.NotOf != "" && a.Cycle == q.NotOf, q.Source.ID != "" && a.Source.Ref != q.Source:
		case len(q.States) > 0 && !slices.Contains(q.States, a.State), len(q.Kinds) > 0 && !slices.Contains(q.Kinds, a.Kind), len(q.Codes) > 0 && !slices.Contains(q.Codes, a.Code):
		default:
			all = append(all, a)
		}
	}
	return all, nil
}

func (k *known) Tally(context.Context, lockstep.CycleID) (plan.Tally, error) {
	t := plan.Tally{Linked: map[string]int{}}
	for _, l := range k.links {
		if l.Target != "" && !l.Disabled {
			t.Linked[l.Source.Type]++
		}
	}
	return t, nil
}

// link adds links, each as "ada=t1 title=Clerk": who, the target's id, and what was written there. Without an id there is nothing.
func (k *known) link(texts ...string) *plan.Link {
	for _, text := range texts {
		who, rest, _ := strings.Cut(text, " ")
		who, target, _ := strings.Cut(who, "=")
		o := object(who + " " + rest)
		l := plan.Link{Source: o.Ref, Name: o.Name, Target: target, Key: "userName=" + plan.Fold(o.Values.Text("userName")), Seen: "old", Verdict: rule.Verdict{In: true}}
		if o.Type == "Group" {
			l.Key = "displayName=" + plan.Fold(o.Name)
		}
		for _, r := range o.References {
			k.refs = append(k.refs, plan.ReferenceRow{From: o.Ref, Attribute: r.Attribute, To: r.To, Wanted: true, Written: true})
		}
		if target != "" {
			l.Image, l.Matched = o.Values, "created"
		}
		k.links = append(k.links, l)
	}
	return &k.links[len(k.links)-1]
}

// row adds a row of an earlier cycle: it takes a person from one state to another.
func (k *known) row(kind rule.Kind, state plan.ActionState, code lockstep.Code, who, target, before, after string) *plan.Action {
	o := object(who)
	a := plan.Action{
		ID: lockstep.ActionID(fmt.Sprintf("row %d", len(k.rows))), Cycle: "old", Kind: kind, State: state, Code: code, Lane: plan.LaneUpdate,
		Source: plan.End{Ref: o.Ref, Name: o.Name}, Target: plan.End{Ref: connection.Ref{Type: o.Type, ID: target}, Name: o.Name},
	}
	if before != "" {
		a.Before = object(before).Values
	}
	if after != "" {
		a.After = object(after).Values
	}
	if state == plan.Planned { // after its cycle had ended: somebody has approved it
		a.Decided.At = time.Unix(1_700_000_000, 0)
	}
	k.rows = append(k.rows, a)
	return &k.rows[len(k.rows)-1]
}

// removal adds a row of an earlier cycle that takes members away from a group.
func (k *known) removal(state plan.ActionState, group string, members ...string) *plan.Action {
	a := k.row(rule.Refer, state, lockstep.CodeGuardHeld, group, "tg", "", "")
	a.Source.Type, a.Target.Type, a.Lane = "Group", "Group", plan.LaneRefer
	for _, m := range members {
		a.References = append(a.References, plan.RowReference{Attribute: "members", To: plan.End{Ref: connection.Ref{Type: "User", ID: m}}, Gone: true})
	}
	return a
}

// taken is a sink that remembers what was decided about rows of earlier cycles.
type taken struct {
	*plan.Memory
	moved []string
	most  int  // references that creates take along, in the largest piece
	cut   bool // the next piece of references is not kept, as when a turn is cut off
}

var errCut = errors.New("the turn is cut off")

func (s *taken) Take(ctx context.Context, p plan.Piece) error {
	if s.cut && slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind == rule.Refer }) {
		s.cut = false
		return errCut
	}
	n := 0
	for _, c := range p.Carried {
		n += len(c.References)
	}
	s.most = max(s.most, n)
	for _, m := range p.Moved {
		if strings.HasPrefix(string(m.ID), "row ") && m.From != m.To {
			s.moved = append(s.moved, fmt.Sprintf("%s %s", m.ID, m.To))
		}
	}
	return s.Memory.Take(ctx, p)
}

// second is a planner of the cycle after those that a job knows of.
type second struct {
	*testing.T
	*known
	*plan.Planner
	sink *taken
	at   there
}

func newSecond(t *testing.T, k *known) *second {
	at := there{target: map[string][]connection.Object{}, source: map[connection.Ref]connection.Object{}}
	p, _ := planner(t, at)
	memory := plan.NewMemory(k, k, "c")
	s := &second{T: t, known: k, Planner: p, sink: &taken{Memory: memory}, at: at}
	p.Known, p.Rows, p.Sink, p.Waits = memory, memory, s.sink, must2(t)(plan.LoadWaits(t.Context(), memory, "c", connection.Ref{}))
	return s
}

// page plans a page of the source: lines as object reads them, "-ada" for who is gone, "!ada" for who could not be read.
func (s *second) page(text string) {
	s.Helper()
	var page connection.Page
	for _, line := range lines(text) {
		switch {
		case strings.HasPrefix(line, "-"):
			page.Gone = append(page.Gone, object(line[1:]).Ref)
		case strings.HasPrefix(line, "!"):
			page.Bad = append(page.Bad, connection.Bad{Ref: connection.Ref{Type: "User", ID: line[1:]}, Name: line[1:], Err: lockstep.ErrNotFound})
		default:
			o := object(line)
			page.Objects = append(page.Objects, o)
			s.at.source[o.Ref] = o
		}
	}
	piece, err := s.Page(s.Context(), page, true)
	must(s.T, err)
	must(s.T, s.sink.Take(s.Context(), piece))
}

// ends ends the planning and returns the plan, and what has become of rows of earlier cycles.
func (s *second) ends() string {
	s.Helper()
	must(s.T, s.Unseen(s.Context()))
	must(s.T, s.Again(s.Context()))
	for range 2 { // the second time it was cut off before
		err := s.Finish(s.Context(), s.sink.Sum.Planned > 0)
		if errors.Is(err, errCut) { // another turn goes on, which knows what is kept
			s.Waits, err = plan.LoadWaits(s.Context(), s.sink, "c", connection.Ref{})
		}
		must(s.T, err)
	}
	slices.Sort(s.sink.moved)
	return strings.Join(append(lines(show(s.sink.Plan())), s.sink.moved...), "\n")
}

// of is the link of somebody as the plan leaves it.
func (s *second) of(who string) plan.Link {
	s.Helper()
	all, err := s.sink.Links(s.Context(), plan.LinkQuery{Type: "User", Sources: []string{who}})
	must(s.T, err)
	if len(all) != 1 {
		s.Fatalf("%s has %d links", who, len(all))
	}
	return all[0]
}

// TestSecondCycle plans for a job that has run before: what is held, approved or rejected, who is taken, what goes too far.
func TestSecondCycle(t *testing.T) {
	crowd := make([]string, 30) // of whom a few may go
	for i := range crowd {
		crowd[i] = fmt.Sprintf("p%02d=x%02d", i, i)
	}
	all := func() string {
		var text []string
		for _, c := range crowd {
			who, _, _ := strings.Cut(c, "=")
			text = append(text, who)
		}
		return strings.Join(text, "\n") + "\n"
	}
	runSecond(t, []secondCase{
		{"nothing has changed", func(k *known) { k.link("ada=t1 title=Boss") }, func(s *second) { s.page("ada title=Boss") }, ""},
		{"another title", func(k *known) { k.link("ada=t1 title=Clerk") }, func(s *second) { s.page("ada title=Boss") }, "update ada"},
		{"a page read again, and the change is taken back", func(k *known) { k.link("ada=t1 title=Clerk") }, func(s *second) { s.page("ada title=Boss"); s.page("ada title=Clerk") }, ""},
		{"a page read again", func(k *known) { k.link("ada=t1 title=Clerk") }, func(s *second) { s.page("ada title=Boss"); s.page("ada title=Boss") }, "update ada"},
		{"who is gone", func(k *known) { k.link(crowd...); k.link("ada=t1") }, func(s *second) { s.page(all() + "-ada") }, "delete ada"},
		{"who could not be read is no leaver", func(k *known) { k.link(crowd...); k.link("ada=t1") }, func(s *second) { s.page(all() + "!ada") }, "skip ada refused not_found"},
		{"who was not listed is one", func(k *known) { k.link(crowd...); k.link("ada=t1") }, func(s *second) { s.page(all()) }, "delete ada"},

		{"held, and still to be done", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "-ada") }, ""},
		{"held, and about another object", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t9", "ada", "")
		}, func(s *second) { s.page(all() + "-ada") }, "delete ada held guard.held\nrow 0 left_out"},
		{"held, and no longer to be done", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "ada") }, "row 0 left_out"},
		{"held, and something harmless is to be done", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "ada title=Boss") }, "update ada\nrow 0 left_out"},
		{"held, and it comes to something else", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "").Effect = &connection.Effect{Before: scim.Object{{Name: "active", Value: true}}}
		}, func(s *second) { s.page(all() + "-ada") }, "delete ada held guard.held\nrow 0 left_out"},
		{"approved", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Planned, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "-ada") }, "delete ada"},
		{"approved, and its page is read again", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Planned, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "-ada"); s.page("-ada") }, "delete ada"},
		{"approved, and about another object", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Planned, lockstep.CodeGuardHeld, "ada", "t9", "ada", "")
		}, func(s *second) { s.page(all() + "-ada") }, "delete ada held guard.held\nrow 0 left_out"},
		{"rejected", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Rejected, "", "ada", "t1", "ada", "")
		}, func(s *second) { s.page(all() + "-ada") }, ""},
		{"the newest counts of what was rejected", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1 title=A")
			k.row(rule.Delete, plan.Rejected, "", "ada", "t1", "ada title=A", "").ID = "row 2"
			k.row(rule.Update, plan.Rejected, "", "ada", "t1", "ada title=A", "ada title=B").ID = "row 1"
			k.rows = append(k.rows[1:], k.rows[0])
		}, func(s *second) { s.page(all() + "-ada") }, ""},
		{"rejected, and the rules are others", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Rejected, "", "ada", "t1", "ada", "").Seen.Config = 7
		}, func(s *second) { s.page(all() + "-ada") }, "delete ada held guard.held"},
		{"held, and no rule brings it any more", func(k *known) {
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "all", "tg", "all", "").Source.Type = "Group"
		}, func(s *second) { delete(s.Programs, "Group"); s.page("ada") }, "row 0 left_out"},

		{"nearly everybody goes", func(k *known) { k.link("ada=t1", "ben=t2") }, func(s *second) { s.page("-ada\n-ben") }, "delete ada held guard.held\ndelete ben held guard.held"},
		{"another system: nobody goes", func(k *known) { k.link(crowd...); k.link("ada=t1") }, func(s *second) { s.Job.Elsewhere = true; s.page(all() + "-ada") }, "delete ada held guard.held"},
		{"another system: another person by the id", func(k *known) { k.link("ada=t1") }, func(s *second) { s.Job.Elsewhere = true; s.page("ada name=zoe") }, "update ada held match.other"},
		{"another system: who leaves scope there under another name", func(k *known) { k.link(crowd...); k.link("ada=t1") }, func(s *second) {
			s.Job.Elsewhere, s.Job.Policy.Excluded = true, []rule.Exclusion{{Type: "User", ID: "ada"}}
			s.page(all() + "ada name=zoe")
		}, "delete ada held guard.held"},
		{"another system: who has no name any more", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.Job.Elsewhere = true
			o := object("ada title=Boss")
			o.Values.Delete("userName")
			piece, err := s.Page(s.Context(), connection.Page{Objects: []connection.Object{o}}, true)
			must(s.T, err)
			must(s.T, s.sink.Take(s.Context(), piece))
			s.at.source[o.Ref] = o
		}, "update ada"},
		{"another system: another title", func(k *known) { k.link("ada=t1") }, func(s *second) { s.Job.Elsewhere = true; s.page("ada title=Boss") }, "update ada"},

		{"deleted and renamed, and nobody has the name", func(k *known) { k.link(crowd...); k.link("ada=t1 name=a").Disabled = true }, func(s *second) { s.Job.Policy.OnLeave = rule.LeaveDisable; s.page(all() + "ada name=b deleted") }, "update ada"},
		{"deleted and renamed, and another is to have the name", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1 name=a").Disabled = true
			k.link("ben=t2 name=b")
		}, func(s *second) {
			s.Job.Policy.OnLeave = rule.LeaveDisable
			s.page(all() + "ada name=b deleted\nben name=b")
		}, "skip ada skipped "},
		{"deleted and renamed, and who had the name has left scope", func(k *known) {
			k.link(crowd...)
			k.link("ada=t1 name=a").Disabled = true
			k.link("ben name=b").Verdict.In = false
		}, func(s *second) {
			s.Job.Policy.OnLeave = rule.LeaveDisable
			s.Job.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: "ben"}}
			s.page(all() + "ada name=b deleted\nben name=b")
		}, "update ada\nskip ben skipped "},
		{"deleted and renamed, and the target has the name", func(k *known) { k.link(crowd...); k.link("ada=t1 name=a").Disabled = true }, func(s *second) {
			s.Job.Policy.OnLeave = rule.LeaveDisable
			s.at.target["b"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t5"}, Name: "b"}}
			s.page(all() + "ada name=b deleted")
		}, "skip ada skipped "},
		{"it had vanished, and is there again", func(k *known) { k.link("ada=t1 title=Clerk").Code = lockstep.CodeTargetGone }, func(s *second) {
			s.Job.Policy.OnMissing = rule.MissingDetach
			s.page("ada title=Boss")
		}, "update ada"},
		{"who leaves scope gives up their name", func(k *known) { k.link(crowd...); k.link("ada=t1 name=a") }, func(s *second) {
			s.at.target["a"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}, Name: "a", Values: scim.Object{{Name: "userName", Value: "a"}}}}
			s.Job.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: "ada"}}
			s.page(all() + "ada name=a\neve name=a")
		}, "delete ada\nskip eve refused match.already_linked"},
		{"refused as before, for another reason", func(k *known) {
			l := k.link("ada")
			l.Code, l.Detail = lockstep.CodeMatchTaken, "2 objects in Target match userName ada: , "
		}, func(s *second) {
			s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}}, {Ref: connection.Ref{Type: "User", ID: "t2"}}}
			s.page("ada")
		}, "skip ada refused match.ambiguous"},
		{"one leaves a group, however little may go", func(k *known) { k.link("ada=t1", "ben=t2", "all=tg members=ada,ben") }, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: -1, Percent: -1}
			s.page("ada\nben\nall members=ada")
		}, "refer all +members:ben"},
		{"one leaves a group", func(k *known) { k.link("ada=t1", "ben=t2", "all=tg members=ada,ben") }, func(s *second) { s.page("ada\nben\nall members=ada") }, "refer all +members:ben"},
		{"the only one leaves a group", func(k *known) { k.link("ada=t1", "all=tg members=ada") }, func(s *second) { s.page("ada\nall members=") }, "refer all +members:ada"},
		{"one goes, another leaves a group", func(k *known) { k.link(crowd...); k.link("ada=t1", "ben=t2", "all=tg members=ben") }, func(s *second) {
			s.page(all() + "-ada\nben\nall members=")
		}, "delete ada\nrefer all +members:ben"},
		{"people are held, another leaves a group", func(k *known) { k.link("ada=t1", "ben=t2", "all=tg members=ben") }, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: -1, Percent: -1}
			s.page("-ada\nben\nall members=")
		}, "delete ada held guard.held\nrefer all held guard.held +members:ben"},
		{"groups are held, another loses somebody", func(k *known) { k.link("ada=t1", "ben=t2", "all=tg members=ada,ben", "more=th members=") }, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: -1, Percent: -1}
			s.page("ada\nben\nall members=ada\n-more members=")
		}, "delete more held guard.held\nrefer all held guard.held +members:ben"},
		{"a group is let go of and held, another loses somebody", func(k *known) { k.link("ada=t1", "ben=t2", "all=tg members=ada,ben", "more=th members=") }, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: -1, Percent: -1}
			s.Foresee = &foreseeing{t: s.T, f: connection.Foreseen{Kind: rule.Release, Effect: &connection.Effect{Note: "another source has it, too"}}}
			s.page("ada\nben\nall members=ada\n-more members=")
		}, "release more held guard.held\nrefer all held guard.held +members:ben"},
		{"a member goes: the removal is not counted beside the deletion", func(k *known) { k.link(crowd...); k.link("ada=t1", "ben=t2", "all=tg members=ada,ben") }, func(s *second) {
			s.page(all() + "-ada\nben\nall members=")
		}, "refer all +members:ada\ndelete ada\nrefer all +members:ben"},
		{"a removal is held, and somebody comes", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada")
			k.removal(plan.Held, "all", "ada")
		}, func(s *second) { s.page("ada\nben\nall members=ben") }, "refer all +members:ben"},
		{"a removal was approved", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada")
			k.removal(plan.Planned, "all", "ada")
		}, func(s *second) { s.page("ada\nben\nall members=ben") }, "refer all +members:ben\nrefer all +members:ada"},
		{"a removal was approved, and it is another one", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
			k.removal(plan.Planned, "all", "ada")
		}, func(s *second) { s.page("ada\nben\nall members=ada") }, "refer all held guard.held +members:ben\nrow 0 left_out"},
		{"a removal is held, and is not to be done any more", func(k *known) {
			k.link("ada=t1", "all=tg members=ada")
			k.removal(plan.Held, "all", "ada")
		}, func(s *second) { s.page("ada\nall members=ada") }, "row 0 left_out"},
		{"for one alone", func(k *known) {
			k.link("ada=t1 title=Clerk", "ben=t2", "all=tg")
			k.links[2].Source.Type, k.links[2].Key = "Group", "displayName=all"
			for i := range k.links {
				k.links[i].Seen = "c"
			}
			k.refs = append(k.refs, plan.ReferenceRow{From: connection.Ref{Type: "Group", ID: "all"}, Attribute: "members", To: connection.Ref{Type: "User", ID: "ben"}, Wanted: true})
		}, func(s *second) {
			s.Job.Only = connection.Ref{Type: "User", ID: "ada"}
			piece, err := s.Page(s.Context(), connection.Page{Objects: []connection.Object{object("ada title=Boss")}}, false)
			must(s.T, err)
			must(s.T, s.sink.Take(s.Context(), piece))
			must(s.T, s.Finish(s.Context(), true))
			if got := show(s.sink.Plan()); got != "update ada" {
				s.Errorf("planned for ada alone: %s", got)
			}
		}, "update ada"},

		{"two exchange names", func(k *known) { k.link("ada=t1 name=a", "ben=t2 name=b") }, func(s *second) { s.page("ada name=b\nben name=a") },
			"update ada held guard.circle\nupdate ben held guard.circle"},
		{"two exchange names where that can be done at once", func(k *known) { k.link("ada=t1 name=a", "ben=t2 name=b") }, func(s *second) { s.To.Exchange = true; s.page("ada name=b\nben name=a") },
			"update ada\nupdate ben"},
		{"a name is given up and taken", func(k *known) { k.link("ada=t1 name=a", "ben=t2 name=b") }, func(s *second) { s.page("ada name=b\nben name=c") }, "update ben\nupdate ada"},

		{"a leaver's object is nobody else's", func(k *known) { k.link("zoe") }, func(s *second) {
			s.To.Restores = true
			s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t7"}, Name: "ada", Deleted: true, Values: scim.Object{{Name: "userName", Value: "ada"}}}}
			s.page("zoe\nada")
		}, "create zoe\ncreate ada"},
		{"a leaver comes back", func(k *known) { k.link("ada").Former = "t7" }, func(s *second) {
			s.To.Restores = true
			s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t7"}, Name: "ada", Deleted: true, Values: scim.Object{{Name: "userName", Value: "ada"}}}}
			s.page("ada")
		}, "link ada"},
		{"a leaver comes back, and another deleted object has their id", func(k *known) { k.link("ada").Former = "t7" }, func(s *second) {
			s.To.Restores = true
			s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t8"}, Name: "ada", Deleted: true, Values: scim.Object{{Name: "userName", Value: "ada"}, {Name: "externalId", Value: "ada"}}}}
			s.page("ada")
		}, "create ada"},
		{"an object is somebody else's", func(k *known) { k.link("ben=t1 name=ada") }, func(s *second) {
			s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}, Name: "ada", Values: scim.Object{{Name: "userName", Value: "ada"}}}}
			s.page("ben name=ben\nada")
		}, "update ben\nskip ada refused match.already_linked"},
	})
}

// secondCase is what a job knows, what its next cycle plans, and the plan with what has become of earlier rows.
type secondCase struct {
	name string
	know func(k *known)
	plan func(s *second)
	want string
}

func runSecond(t *testing.T, cases []secondCase) {
	for _, c := range cases {
		t.Run(c.name+", cut off", func(t *testing.T) { // amid its references: what is planned is the same
			k := &known{}
			c.know(k)
			s := newSecond(t, k)
			s.Job.Policy.OnLeave = rule.LeaveDelete
			if c.plan(s); s.Job.Only.ID != "" {
				return // it has ended itself
			}
			s.sink.cut = true
			if got := s.ends(); got != c.want {
				t.Errorf("planned\n%s\nwant\n%s", got, c.want)
			}
		})
		t.Run(c.name, func(t *testing.T) {
			k := &known{}
			c.know(k)
			s := newSecond(t, k)
			s.Job.Policy.OnLeave = rule.LeaveDelete
			c.plan(s)
			if got := s.ends(); got != c.want {
				t.Errorf("planned\n%s\nwant\n%s", got, c.want)
			}
			ids := map[lockstep.ActionID]bool{}
			for _, a := range must3(s.sink.Actions(t.Context(), plan.ActionQuery{})) {
				if ids[a.ID] {
					t.Errorf("%s is there twice", a.ID)
				}
				ids[a.ID] = true
			}
			n := map[plan.ActionState]int{}
			for _, a := range s.sink.Plan() {
				n[a.State]++
				if a.State == plan.Planned && a.ID == "row 0" && a.Decided.At.IsZero() {
					t.Errorf("the approval of %s is forgotten", a.Source.Name)
				}
			}
			if s.sink.Sum.Planned != n[plan.Planned] {
				t.Errorf("%d rows are planned, counted %+v", n[plan.Planned], s.sink.Sum)
			}
		})
	}
}

// TestClocks: when objects are looked at again.
func TestClocks(t *testing.T) {
	k := &known{}
	k.link("ada").Code, k.links[0].Attempts = lockstep.CodeTargetUnsupported, 1
	k.link("two", "ben=t2 name=old").Key = "userName=new" // which was never written
	k.link("cy=t3").Due, k.links[3].Code, k.links[3].Detail = time.Unix(1, 0), lockstep.CodeTargetRefused, "no"
	k.link("all=tg members=").Due = time.Unix(1, 0)
	k.link("heir name=old").Code = lockstep.CodeMatchDuplicate
	s := newSecond(t, k)
	now := s.Now()
	s.at.target["two"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "x"}}, {Ref: connection.Ref{Type: "User", ID: "y"}}}
	s.page("two\ncy")
	delete(s.Programs, "Group")
	deaf := s.at
	deaf.deaf = &lockstep.Error{Code: lockstep.CodeTargetUnsupported}
	s.Search = deaf
	s.page("ada")
	must(t, s.Again(t.Context()))
	if l := s.of("ada"); l.Attempts != 2 || !l.Due.Equal(now.Add(plan.BackOff(2))) {
		t.Errorf("who cannot be looked for waits until %v, after %d attempts", l.Due.Sub(now), l.Attempts)
	}
	if l := s.of("two"); !l.Due.Equal(now.Add(6 * time.Hour)) {
		t.Errorf("who is there twice waits until %v", l.Due)
	}
	if l := s.of("cy"); l.Code != "" || l.Detail != "" || !l.Due.IsZero() {
		t.Errorf("who is as they should be: %+v", l)
	}
	groups, err := s.sink.Links(t.Context(), plan.LinkQuery{Type: "Group", Sources: []string{"all"}})
	if err != nil || len(groups) != 1 || !groups[0].Due.IsZero() {
		t.Errorf("what no rule brings is due: %+v, %v", groups, err)
	}
	s.Search = s.at
	s.page("-ben")
	if l := s.of("heir"); !l.Due.Equal(now) {
		t.Errorf("who waits for the name of somebody who is gone is due %v", l.Due)
	}
	if l := s.of("ben"); l.Verdict.Reason.Rule != "deleted for good at source" {
		t.Errorf("%+v", l.Verdict)
	}
	s.page("-two") // who never came
	if links, err := s.sink.Links(t.Context(), plan.LinkQuery{Type: "User", Sources: []string{"two"}}); err != nil || len(links) != 0 {
		t.Errorf("whoever never came and is gone is remembered: %+v, %v", links, err)
	}
}

func must3[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHeirs: who waits for the name of somebody who is gone is looked at again at once, also when both are met together.
func TestHeirs(t *testing.T) {
	k := &known{}
	k.link("ben=t2 name=old")
	k.link("heir name=old").Code = lockstep.CodeMatchDuplicate
	s := newSecond(t, k)
	s.at.target["old"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t2"}, Name: "old"}}
	s.page("-ben\nheir name=old")
	if l := s.of("heir"); l.Code != lockstep.CodeMatchTaken || !l.Due.Equal(s.Now()) {
		t.Errorf("%s, due in %v", l.Code, l.Due.Sub(s.Now()))
	}
}

// TestTimeTurnsValues: who is in scope for good, and gets another value by time alone, is looked at again then.
func TestTimeTurnsValues(t *testing.T) {
	s := newSecond(t, &known{})
	r := rules()
	r.Objects[0].Attributes = append(r.Objects[0].Attributes, rule.Mapping{
		Target: "nickName", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: `IIF(DateDiff("d", Now(), CDate([hireDate])) > 0, "new", "old")`},
	})
	programs, err := plan.Compile(r, true, connection.System{}, s.To)
	must(t, err)
	s.Programs = programs
	s.page("ada hireDate=2027-06-01") // it is January
	if l := s.of("ada"); !l.Recheck.After(s.Now()) || !l.Due.Equal(l.Recheck) {
		t.Errorf("looked at again at %v", l.Recheck)
	}
}

// TestPieces: the references of one object stay together, however many there are.
func TestPieces(t *testing.T) {
	k := &known{}
	group := *k.link("all=tg members=")
	for i := range 5_200 {
		who := fmt.Sprintf("p%05d", i)
		k.link(who + "=" + who)
		k.refs = append(k.refs, plan.ReferenceRow{From: group.Source, Attribute: "members", To: connection.Ref{Type: "User", ID: who}, Wanted: true})
	}
	for i := range k.links {
		k.links[i].Seen = "c"
	}
	s := newSecond(t, k)
	var newcomers []string
	for i := range 1_001 {
		newcomers = append(newcomers, fmt.Sprint("n", i))
	}
	s.page(strings.Join(newcomers, "\n"))
	must(t, s.Finish(t.Context(), true))
	n, rows := 0, 0
	for _, a := range s.sink.Plan() {
		if a.Kind == rule.Refer {
			n, rows = n+len(a.References), rows+1
		}
	}
	if n != 5_200 || rows != 1 {
		t.Errorf("%d references in %d rows", n, rows)
	}
}

// TestPiecesOfNewGroups: members that creates of groups take along are kept some at a time, too.
func TestPiecesOfNewGroups(t *testing.T) {
	s := newSecond(t, &known{})
	var page strings.Builder
	for g := range 20 {
		var members []string
		for i := range 900 {
			members = append(members, fmt.Sprintf("p%02d%03d", g, i))
		}
		fmt.Fprintf(&page, "%s\ng%02d members=%s\n", strings.Join(members, "\n"), g, strings.Join(members, ","))
	}
	s.page(page.String())
	must(t, s.Finish(t.Context(), true))
	n := 0
	for _, a := range s.sink.Plan() {
		if a.Source.Type == "Group" {
			n += len(a.References)
		}
	}
	if n != 18_000 || s.sink.most >= 6_000 {
		t.Errorf("%d members, %d of them in one piece", n, s.sink.most)
	}
}

// TestWanted: what a page adds to the references that are wanted, and takes away.
func TestWanted(t *testing.T) {
	k := &known{}
	k.link("ada=t1", "ben=t2", "cy=t3 manager=ben", "all=tg members=ada,ben")
	for _, c := range []struct {
		name   string
		object connection.Object
		policy plan.Policy
		want   string
	}{
		{"the same", object("all members=ben,ada"), plan.Policy{}, ""},
		{"one more and one less", object("all members=ada,cy"), plan.Policy{}, "all members ben false, all members cy true"},
		{"who is kept although they have left scope", object("cy manager=ada"), plan.Policy{OnLeave: rule.LeaveKeep, Excluded: []rule.Exclusion{{Type: "User", ID: "cy"}}}, "cy manager ada true, cy manager ben false"},
		{"an attribute that no rule brings", connection.Object{
			Ref: connection.Ref{Type: "User", ID: "ada"}, Name: "ada", Enabled: true, Values: scim.Object{{Name: "userName", Value: "ada"}},
			References: []connection.Reference{{Attribute: "assistant", To: connection.Ref{Type: "User", ID: "ben"}}},
		}, plan.Policy{}, ""},
	} {
		s := newSecond(t, k)
		s.Job.Policy = c.policy
		s.Job.Policy.Everyone = true
		piece, err := s.Page(t.Context(), connection.Page{Objects: []connection.Object{c.object}}, false)
		must(t, err)
		var got []string
		for _, w := range piece.Wanted {
			got = append(got, fmt.Sprintf("%s %s %s %t", w.From.ID, w.Attribute, w.To.ID, w.Wanted))
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// foreseeing is a target that says what operations come to.
type foreseeing struct {
	t     *testing.T
	f     connection.Foreseen
	asked int
	ops   []connection.Operation
	blank bool // creates are asked about
}

func (f *foreseeing) Foresee(_ context.Context, ops []connection.Operation) ([]connection.Foreseen, error) {
	for _, op := range ops {
		f.ops = append(f.ops, op)
		if f.asked++; op.Ref.ID == "" && !f.blank {
			f.t.Errorf("asked about somebody who is not there: %+v", op)
		}
	}
	return slices.Repeat([]connection.Foreseen{f.f}, len(ops)), nil
}

// TestForeseen: what others have a say in is planned as it comes to, and nothing else is asked for.
func TestForeseen(t *testing.T) {
	effect := &connection.Effect{Note: "another source has them, too"}
	t.Run("a member whom another source has", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
		s := newSecond(t, k)
		s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Effect: effect, Stay: []connection.Reference{{Attribute: "members", To: connection.Ref{Type: "User", ID: "t2"}}}}}
		s.page("ada\nben\nall members=ada")
		if got := s.ends(); got != "refer all +members:ben" {
			t.Fatal(got)
		}
		if row := s.sink.Plan()[0]; row.Effect != effect || !row.References[0].Stays || row.Reason.Clause != "1 let go of, which others have, too" {
			t.Errorf("%+v", row)
		}
	})
	t.Run("who is joined stays so, whatever is written beside", func(t *testing.T) {
		s := newSecond(t, &known{})
		s.at.target["ada"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}, Name: "ada", Values: object("ada title=Clerk").Values}}
		s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Kind: rule.Skip, Effect: effect}}
		s.page("ada title=Boss")
		if rows := s.sink.Plan(); show(rows) != "link ada" || rows[0].Effect != effect {
			t.Errorf("%+v", rows)
		}
	})
	t.Run("in an order of sources, of whom nothing is there", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1")
		s := newSecond(t, k)
		f := &foreseeing{t: t}
		s.Foresee, s.Job.Policy.Order = f, 1
		s.page("ada\nben blocked")
		if f.asked != 1 {
			t.Errorf("asked about %d", f.asked)
		}
	})
}

// TestMoreReferences: what has failed in this cycle is left for the next.
func TestMoreReferences(t *testing.T) {
	for state, want := range map[plan.ActionState]string{plan.Failed: "refer all failed ", plan.Done: "refer all +members:ada\nrefer all done "} {
		k := &known{}
		k.link("ada=t1", "all=tg members=ada")
		k.refs[0].Written = false
		s := newSecond(t, k)
		must(t, s.sink.Take(t.Context(), plan.Piece{Actions: []plan.Action{{
			ID: "1", Cycle: "c", Kind: rule.Refer, Lane: plan.LaneRefer, State: state, Source: plan.End{Ref: connection.Ref{Type: "Group", ID: "all"}, Name: "all"},
		}}}))
		must(t, s.MoreReferences(t.Context()))
		all := lines(show(s.sink.Plan()))
		slices.Sort(all)
		if got := strings.Join(all, "\n"); got != want {
			t.Errorf("after one that is %s: %q, want %q", state, got, want)
		}
	}
}

// TestDriftOfWhatWasWritten: what was never written is no drift.
func TestDriftOfWhatWasWritten(t *testing.T) {
	written, seen := object("ada title=Boss").Values, object("ADA title=Clerk nickName=A").Values
	if d := plan.Differ(written, seen); len(d) != 1 || d[0].Path != "title" {
		t.Errorf("%+v", d)
	}
}
