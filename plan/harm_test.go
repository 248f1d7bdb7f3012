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

// some are thirty people of whom a few may go; everybody is a page that lists them.
var some, everybody = func() (links []string, page string) {
	for i := range 30 {
		links = append(links, fmt.Sprintf("p%02d=x%02d", i, i))
		page += fmt.Sprintf("p%02d\n", i)
	}
	return links, page
}()

// found has the target show an object under a name.
func (s *second) found(id, name string, more ...any) *connection.Object {
	o := connection.Object{Ref: connection.Ref{Type: "User", ID: id}, Name: name, Values: scim.Object{{Name: "userName", Value: name}}}
	for i := 0; i < len(more); i += 2 {
		o.Values.Set(more[i].(string), more[i+1])
	}
	all := append(s.at.target[plan.Fold(name)], o)
	s.at.target[plan.Fold(name)] = all
	return &all[len(all)-1]
}

// TestHarmIsDecidedOn: who is written, removed, held, matched or forgotten by the cycle of a job that has run before, beside what TestSecondCycle
// plans.
func TestHarmIsDecidedOn(t *testing.T) {
	none := rule.GuardLimit{Count: -1, Percent: -1}
	runSecond(t, []secondCase{
		// rows that wait for a decision
		{"held, something else is to be done, and the page is read again", func(k *known) {
			k.link(some...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(everybody + "ada title=Boss"); s.page("ada title=Boss") }, "update ada\nrow 0 left_out"},
		{"held as letting go, and it is to be deleted", func(k *known) {
			k.link(some...)
			k.link("ada=t1")
			k.row(rule.Release, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		}, func(s *second) { s.page(everybody + "-ada") }, "delete ada held guard.held\nrow 0 left_out"},
		{"held, and other values stand by now", func(k *known) {
			k.link("ada=t1 title=C")
			k.row(rule.Update, plan.Held, lockstep.CodeGuardHeld, "ada", "t1", "ada title=A", "ada title=B")
		}, func(s *second) { s.page("ada title=B") }, "update ada\nrow 0 left_out"},
		{"approved and rejected before: the approval counts", func(k *known) {
			k.link(some...)
			k.link("ada=t1")
			k.row(rule.Delete, plan.Planned, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
			k.row(rule.Delete, plan.Rejected, lockstep.CodeGuardHeld, "ada", "t1", "ada", "").Seen.Config = 7
		}, func(s *second) { s.page(everybody + "-ada") }, "delete ada"},
		{"approved, and by the time the page is read again they are gone: that is another decision", func(k *known) {
			k.link(some...)
			k.link("ada=t1")
			k.row(rule.Update, plan.Planned, lockstep.CodeMatchOther, "ada", "t1", "ada", "ada title=Boss")
		}, func(s *second) { s.page(everybody + "ada title=Boss"); s.page("-ada") }, "delete ada held guard.held"},
		{"rejected, and something was done since", func(k *known) {
			k.link("ada=t1 title=A")
			k.row(rule.Update, plan.Rejected, "", "ada", "t1", "ada title=A", "ada title=B")
			k.row(rule.Update, plan.Done, "", "ada", "t1", "ada title=B", "ada title=A")
		}, func(s *second) { s.page("ada title=B") }, "update ada"},
		{"rejected with another manager", func(k *known) {
			k.link("ben=t2", "cy=t3")
			k.link("ada")
			k.row(rule.Create, plan.Rejected, "", "ada", "", "", "ada").References = []plan.RowReference{{Attribute: "manager", To: plan.End{Ref: connection.Ref{Type: "User", ID: "ben"}}}}
		}, func(s *second) { s.page("ada manager=cy\nben\ncy") }, "create ada +manager:cy"},
		{"rejected with the same manager", func(k *known) {
			k.link("ben=t2", "cy=t3")
			k.link("ada")
			k.row(rule.Create, plan.Rejected, "", "ada", "", "", "ada").References = []plan.RowReference{{Attribute: "manager", To: plan.End{Ref: connection.Ref{Type: "User", ID: "cy"}}}}
		}, func(s *second) { s.page("ada manager=cy\nben\ncy") }, ""},
		{"a removal was held, and no rule brings groups any more", func(k *known) {
			k.link("ada=t1")
			k.removal(plan.Held, "all", "ada")
		}, func(s *second) { delete(s.Programs, "Group"); s.page("ada") }, "row 0 left_out"},
		{"a removal was rejected, by other rules", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
			k.removal(plan.Rejected, "all", "ada").Seen.Config = 7
		}, func(s *second) { s.page("ada\nben\nall members=ben") }, "refer all held guard.held +members:ada"},
		{"a removal was rejected", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
			k.removal(plan.Rejected, "all", "ada")
		}, func(s *second) { s.page("ada\nben\nall members=ben") }, ""},
		{"that somebody comes was rejected: that says nothing of whom to take away", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
			k.removal(plan.Rejected, "all", "ada").References[0].Gone = false
		}, func(s *second) { s.page("ada\nben\nall members=ben") }, "refer all +members:ada"},

		// another system
		{"another system: another person by the id, whose name somebody has", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.Job.Elsewhere = true
			s.found("t5", "zoe")
			s.page("ada name=zoe")
		}, "update ada held match.other"},
		{"another system: another person by the id, approved", func(k *known) {
			k.link("ada=t1")
			k.row(rule.Update, plan.Planned, lockstep.CodeMatchOther, "ada", "t1", "ada", "ada name=zoe")
		}, func(s *second) { s.Job.Elsewhere = true; s.page("ada name=zoe") }, "update ada"},
		{"another system: what they are called at the target is not known", func(k *known) { k.link("ada=t1").Image = nil }, func(s *second) {
			s.Job.Elsewhere = true
			s.page("ada title=Boss")
		}, "update ada"},
		{"another system: a leaver comes back under their name", func(k *known) { k.link("ada").Former = "t7" }, func(s *second) {
			s.Job.Elsewhere, s.To.Restores = true, true
			s.Search = gets{s.at, connection.Object{Ref: connection.Ref{Type: "User", ID: "t7"}, Name: "ada", Deleted: true, Values: scim.Object{{Name: "userName", Value: "ada"}}}}
			s.page("ada")
		}, "link ada"},
		{"another system: by the id of a leaver somebody else", func(k *known) { k.link("ada").Former = "t7" }, func(s *second) {
			s.Job.Elsewhere, s.To.Restores = true, true
			s.Search = gets{s.at, connection.Object{Ref: connection.Ref{Type: "User", ID: "t7"}, Name: "eve", Deleted: true, Values: scim.Object{{Name: "userName", Value: "eve"}}}}
			s.page("ada")
		}, "create ada"},

		// who has vanished
		{"it had vanished: they are matched anew", func(k *known) { k.link("ada").Code = lockstep.CodeTargetGone }, func(s *second) { s.page("ada") }, "create ada"},
		{"it had vanished, and such are let go of", func(k *known) { k.link("ada").Code = lockstep.CodeTargetGone }, func(s *second) {
			s.Job.Policy.OnMissing = rule.MissingDetach
			s.page("ada")
		}, "skip ada skipped "},

		// names
		{"deleted and renamed, and they have taken the name before", func(k *known) {
			k.link(some...)
			l := k.link("ada=t1 name=a")
			l.Disabled, l.Key = true, "userName=b"
		}, func(s *second) { s.Job.Policy.OnLeave = rule.LeaveDisable; s.page(everybody + "ada name=b deleted") }, "update ada"},
		{"deleted and renamed, and the target cannot be asked", func(k *known) { k.link(some...); k.link("ada=t1 name=a").Disabled = true }, func(s *second) {
			s.Job.Policy.OnLeave = rule.LeaveDisable
			deaf := s.at
			deaf.deaf = &lockstep.Error{Code: lockstep.CodeTargetUnsupported}
			s.Search = deaf
			s.page(everybody + "ada name=b deleted")
		}, "skip ada skipped "},
		{"a name is no longer waited for by who was refused for it", func(k *known) { k.link("bob name=ada").Code = lockstep.CodeMatchDuplicate }, func(s *second) { s.page("ada") },
			"create ada\nskip bob skipped "},
		{"of two with a name it is theirs who is linked", func(k *known) { k.link("abe name=ada", "ben=t2 name=ada") }, func(s *second) { s.page("abe name=ada\nben name=ada") },
			"skip abe refused match.duplicate_source"},
		{"who is deleted at a target that restores nobody is another", func(k *known) { k.link("zoe") }, func(s *second) {
			s.found("t7", "ada", "externalId", "ada").Deleted = true
			s.page("zoe\nada")
		}, "create zoe\ncreate ada"},
		{"two exchange names still", func(k *known) {
			k.link("ada=t1 name=a", "ben=t2 name=b")
			k.exchange(plan.Held)
		}, func(s *second) { s.page("ada name=b\nben name=a") }, ""},
		{"two exchange names, and it was approved", func(k *known) {
			k.link("ada=t1 name=a", "ben=t2 name=b")
			k.exchange(plan.Planned)
		}, func(s *second) { s.page("ada name=b\nben name=a") }, "update ada\nupdate ben"},
		{"two have exchanged names until one wants another", func(k *known) {
			k.link("ada=t1 name=a", "ben=t2 name=b")
			k.exchange(plan.Held)
			for i := range k.links {
				k.links[i].Seen = "c"
			}
			k.links[0].Due = time.Time{}
		}, func(s *second) {
			s.at.source[connection.Ref{Type: "User", ID: "ada"}] = object("ada name=b") // which the source does not name now
			s.page("ben name=c")
		}, "update ben\nupdate ada\nrow 0 left_out\nrow 1 left_out"},

		// references
		{"what leaves does not stay in groups that want it still", func(k *known) { k.link(some...); k.link("ada=t1", "ben=t2", "all=tg members=ada,ben") }, func(s *second) {
			s.page(everybody + "-ada\nben\nall members=ada,ben")
		}, "refer all +members:ada\ndelete ada"},
		{"somebody and a group of theirs leave", func(k *known) {
			k.link(some...)
			k.link("ada=t1", "all=tg members=ada", "more=th members=")
		}, func(s *second) { s.page(everybody + "-ada\n-all members=\nmore members=") }, "delete ada\ndelete all"},
		{"a new group has members who are there", func(k *known) { k.link("ada=t1") }, func(s *second) { s.page("ada\nall members=ada") }, "create all +members:ada"},
		{"a group that is there is joined, and its members are written afterwards", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.at.target["all"] = []connection.Object{{Ref: connection.Ref{Type: "Group", ID: "tg"}, Name: "all", Values: scim.Object{{Name: "displayName", Value: "all"}}}}
			s.page("ada\nall members=ada")
		}, "link all\nrefer all +members:ada"},
		{"who is new has a manager who is there", func(k *known) { k.link("ben=t2") }, func(s *second) { s.page("ben\nada manager=ben") }, "create ada +manager:ben"},
		{"the references of one object are one row, in whatever order they are known", func(k *known) {
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben", "more=th members=ada,ben")
			k.refs = []plan.ReferenceRow{k.refs[0], k.refs[2], k.refs[1], k.refs[3]}
			for i := range k.refs {
				k.refs[i].Written = false
			}
		}, func(s *second) { s.page("ada\nben\nall members=ada,ben\nmore members=ada,ben") }, "refer all +members:ada +members:ben\nrefer more +members:ada +members:ben"},
		{"a manager who is taken away is no member who is", func(k *known) {
			k.link("ada=t1", "ben=t2 manager=ada", "cy=t3 manager=ada", "all=tg members=ada,ben,cy")
		}, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: 1, Percent: -1}
			s.page("ada\nben\ncy\nall members=ada,ben")
		}, "refer all +members:cy\nrefer ben +manager:ada\nrefer cy +manager:ada"},
		{"nor are those who come", func(k *known) { k.link("ada=t1", "ben=t2", "cy=t3", "all=tg members=ada") }, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: 1, Percent: -1}
			s.page("ada\nben\ncy\nall members=ben,cy")
		}, "refer all +members:ada +members:ben +members:cy"},
		{"nor the members of a group that goes", func(k *known) {
			k.link("ada=t1", "ben=t2", "cy=t3", "all=tg members=ada,ben,cy", "more=th members=ada,ben,cy", "rest=ti members=")
		}, func(s *second) {
			s.Job.Policy.Guard = rule.GuardLimit{Count: 1, Percent: -1}
			s.Job.Policy.Excluded = []rule.Exclusion{{Type: "Group", ID: "all"}}
			s.page("ada\nben\ncy\nall members=\nmore members=ada,ben\nrest members=")
		}, "delete all\nrefer more +members:cy"},
		{"people are held, and a manager is taken away", func(k *known) { k.link("ada=t1", "ben=t2 manager=cy", "cy=t3") }, func(s *second) {
			s.Job.Policy.Guard = none
			s.page("-ada\nben\ncy")
		}, "delete ada held guard.held\nrefer ben +manager:cy"},
		{"of types that no rule brings nothing is taken away", func(k *known) { k.link("ada=t1", "all=tg members=ada") }, func(s *second) {
			delete(s.Programs, "User")
			s.page("all members=")
		}, ""},
		{"everybody is let go of", func(k *known) { k.link("ada=t1", "ben=t2") }, func(s *second) {
			s.Foresee = &foreseeing{t: s.T, f: connection.Foreseen{Kind: rule.Release, Effect: &connection.Effect{Note: "another source has them, too"}}}
			s.page("-ada\n-ben")
		}, "release ada held guard.held\nrelease ben held guard.held"},
	})
}

// exchange adds rows by which two exchange their names.
func (k *known) exchange(state plan.ActionState) {
	for _, row := range [][4]string{{"ada", "t1", "a", "b"}, {"ben", "t2", "b", "a"}} {
		k.row(rule.Update, state, lockstep.CodeUniqueCircle, row[0], row[1], row[0]+" name="+row[2], row[0]+" name="+row[3]).Refers = plan.Names("userName="+row[2], "userName="+row[3])
	}
}

// gets is a target that has one object by its id.
type gets struct {
	there
	one connection.Object
}

func (g gets) Get(_ context.Context, ref connection.Ref) (connection.Object, error) {
	if ref == g.one.Ref {
		return g.one, nil
	}
	return connection.Object{}, lockstep.ErrNotFound
}

// TestApprovalIsOfOneRow: an approval goes with the row that does what was approved, and the row is not there twice.
func TestApprovalIsOfOneRow(t *testing.T) {
	t.Run("of somebody who has come back", func(t *testing.T) {
		k := &known{}
		k.link(some...)
		k.link("ada=t1")
		k.row(rule.Delete, plan.Planned, lockstep.CodeGuardHeld, "ada", "t1", "ada", "")
		s := newSecond(t, k)
		s.Job.Policy.OnLeave = rule.LeaveDelete
		s.page(everybody + "-ada")
		s.page("ada title=Boss")
		rows := s.sink.Plan()
		if show(rows) != "update ada" || !rows[0].Decided.At.IsZero() {
			t.Errorf("%s, decided at %v", show(rows), rows[0].Decided.At)
		}
	})
	t.Run("of a removal", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
		k.removal(plan.Planned, "all", "ada")
		s := newSecond(t, k)
		s.page("ada\nben\nall members=ben")
		s.ends()
		rows, err := s.sink.Actions(t.Context(), plan.ActionQuery{States: []plan.ActionState{plan.Planned}})
		must(t, err)
		if len(rows) != 1 || rows[0].ID != "row 0" || rows[0].Decided.At.IsZero() {
			t.Errorf("%+v", rows)
		}
	})
	for state, others := range map[rule.Kind][]plan.ActionState{rule.Disable: {plan.Held}, rule.Delete: {plan.Held}, rule.Release: {plan.Held}, rule.Update: nil} {
		t.Run("people were held by an earlier turn as "+string(state), func(t *testing.T) {
			k := &known{}
			k.link("ada=t1", "ben=t2", "all=tg members=ada,ben")
			s := newSecond(t, k)
			must(t, s.sink.Take(t.Context(), plan.Piece{Actions: []plan.Action{{
				ID: "1", Cycle: "c", Kind: state, State: plan.Held, Source: plan.End{Ref: connection.Ref{Type: "User", ID: "zed"}, Name: "zed"},
			}}}))
			s.page("ada\nben\nall members=ben")
			s.ends()
			rows, err := s.sink.Actions(t.Context(), plan.ActionQuery{Kinds: []rule.Kind{rule.Refer}})
			must(t, err)
			if len(rows) != 1 || (rows[0].State == plan.Held) != (others != nil) {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// TestForeseenRefusals: what the target would refuse by its own rules is in the plan as refused, in its words, is not carried out, and is tried again
// hours later; that the values of one source give way to those of another is in the plan, too.
func TestForeseenRefusals(t *testing.T) {
	no := &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The directory does not take ada: userName is too long."}
	for _, c := range []struct {
		name string
		know func(k *known)
		line string
	}{
		{"a create", func(*known) {}, "ada"},
		{"an update", func(k *known) { k.link("ada=t1 title=Clerk") }, "ada title=Boss"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &known{}
			c.know(k)
			s := newSecond(t, k)
			s.Job.Policy.OnLeave = rule.LeaveDelete
			s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Refuse: no}, blank: true}
			s.page(c.line)
			rows := s.sink.Plan()
			if show(rows) != "skip ada refused invalid_value" || rows[0].Detail != no.Detail || rows[0].Reason.Rule != "the target's rules forbid it" {
				t.Fatalf("%s: %+v", show(rows), rows)
			}
			l := s.of("ada")
			if l.Code != lockstep.CodeInvalid || l.Detail != no.Detail || !l.Due.Equal(s.Now().Add(6*time.Hour)) {
				t.Errorf("the link is %+v", l)
			}
			if s.sink.Sum.Failed != 1 || s.sink.Sum.Planned != 0 {
				t.Errorf("counted %+v", s.sink.Sum)
			}
			s.page(c.line) // the reason is known by now
			if rows := s.sink.Plan(); len(rows) != 1 {
				t.Errorf("it is said again: %s", show(rows))
			}
		})
	}
	t.Run("who is joined", func(t *testing.T) {
		s := newSecond(t, &known{})
		s.found("t1", "ada")
		s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Refuse: no}}
		s.page("ada title=Boss")
		if got := show(s.sink.Plan()); got != "skip ada refused invalid_value" || s.of("ada").Target != "" {
			t.Errorf("%s, linked to %q", got, s.of("ada").Target)
		}
	})
	t.Run("who is gone keeps the link to what cannot be deleted", func(t *testing.T) {
		k := &known{}
		k.link(append(some, "ada=t1")...)
		s := newSecond(t, k)
		s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Refuse: no}, blank: true}
		s.page("-ada")
		if got, l := show(s.sink.Plan()), s.of("ada"); got != "skip ada refused invalid_value" || l.Target != "t1" || l.Code != lockstep.CodeInvalid {
			t.Errorf("%s, and the link is %+v", got, l)
		}
	})
	t.Run("a value that another has a say in is taken away", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1 title=Clerk")
		s := newSecond(t, k)
		s.Foresee = &foreseeing{t: t, f: connection.Foreseen{Kind: rule.Update, Effect: &connection.Effect{Before: scim.Object{{Name: "title", Value: "Clerk"}}}}}
		s.page("ada title=Boss")
		if rows := s.sink.Plan(); show(rows) != "update ada" || rows[0].Code != lockstep.CodeClears {
			t.Errorf("%+v", rows)
		}
	})
	t.Run("a manager who takes the place of another is asked about together", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1", "ben=t2", "cy=t3 manager=ada")
		s := newSecond(t, k)
		f := &foreseeing{t: t}
		s.Foresee = f
		s.page("ada\nben\ncy manager=ben")
		s.ends()
		op := f.ops[len(f.ops)-1]
		if op.Kind != rule.Refer || len(op.Remove) != 1 || op.Remove[0].To.ID != "t1" || len(op.Add) != 1 || op.Add[0].To.ID != "t2" {
			t.Errorf("asked about %+v", op)
		}
	})
	for name, c := range map[string]struct {
		order int
		out   bool
		asked int
	}{"sources in an order": {1, false, 1}, "in no order": {0, false, 0}, "who is out of scope and kept": {1, true, 0}} {
		t.Run("about whom nothing has changed: "+name, func(t *testing.T) {
			k := &known{}
			k.link("ada=t1")
			s := newSecond(t, k)
			f := &foreseeing{t: t}
			s.Foresee, s.Job.Policy.Order, s.Job.Policy.OnLeave = f, c.order, rule.LeaveKeep
			if c.out {
				s.Job.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: "ada"}}
			}
			if s.page("ada"); f.asked != c.asked {
				t.Errorf("asked about %d", f.asked)
			}
		})
	}
}

// TestWhatIsAskedAgain: what is read or looked for, and what is kept of those about whom nothing is done.
func TestWhatIsAskedAgain(t *testing.T) {
	t.Run("a source that cannot be asked for single objects", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1").Due = time.Unix(1, 0)
		s := newSecond(t, k)
		s.Source = unsupported{}
		must(t, s.Again(t.Context()))
	})
	t.Run("who is gone and had an object that may come back is remembered", func(t *testing.T) {
		k := &known{}
		k.link("ada").Former = "t7"
		s := newSecond(t, k)
		s.page("-ada")
		if l := s.of("ada"); l.Former != "t7" {
			t.Errorf("%+v", l)
		}
	})
	t.Run("whose object is another's by now is tried again hours later", func(t *testing.T) {
		k := &known{}
		k.link("ben=t1 name=ada")
		s := newSecond(t, k)
		s.found("t1", "ada")
		s.page("ben name=ben\nada")
		if l := s.of("ada"); l.Code != lockstep.CodeMatchTaken || !l.Due.Equal(s.Now().Add(6*time.Hour)) {
			t.Errorf("%s, due in %v", l.Code, l.Due.Sub(s.Now()))
		}
	})
	t.Run("a row that could not be read, on a page of changes, takes nobody off the clock", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1").Due = time.Unix(1_900_000_000, 0)
		s := newSecond(t, k)
		piece, err := s.Page(t.Context(), connection.Page{Bad: []connection.Bad{{Ref: connection.Ref{Type: "User", ID: "ada"}, Err: lockstep.ErrNotFound}}}, false)
		must(t, err)
		must(t, s.sink.Take(t.Context(), piece))
		if l := s.of("ada"); l.Due.IsZero() || l.Seen == "c" || s.sink.Sum.Bad != 1 || s.sink.Sum.Failed != 1 {
			t.Errorf("%+v, counted %+v", l, s.sink.Sum)
		}
	})
	t.Run("in a plan that waits, what is not due yet is off the clock when it is as it should be", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1").Due = time.Unix(1_900_000_000, 0)
		k.link("ben=t2").Due = time.Unix(1, 0)
		s := newSecond(t, k)
		s.Job.Manual = true
		s.page("ada\nben")
		if a, b := s.of("ada").Due, s.of("ben").Due; !a.IsZero() || b.IsZero() {
			t.Errorf("ada is due %v, ben %v", a, b)
		}
	})
	t.Run("the reason is said anew when there is another", func(t *testing.T) {
		k := &known{}
		l := k.link("ada")
		l.Code, l.Detail = lockstep.CodeMatchAmbiguous, "3 objects in Target match userName ada: ada, ada, ada"
		s := newSecond(t, k)
		s.found("t1", "ada")
		s.found("t2", "ada")
		s.page("ada")
		if got := show(s.sink.Plan()); got != "skip ada refused match.ambiguous" {
			t.Error(got)
		}
	})
	t.Run("what they are called at the target is not known: no name is given up", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1").Image = scim.Object{{Name: "title", Value: "Clerk"}}
		s := newSecond(t, k)
		s.page("ada title=Boss")
		if rows := s.sink.Plan(); show(rows) != "update ada" || rows[0].Refers != "" {
			t.Errorf("%+v", rows)
		}
	})
	t.Run("rules that bring no managers", func(t *testing.T) {
		s := newSecond(t, &known{})
		r := rules()
		r.Objects[0].Attributes = r.Objects[0].Attributes[:2]
		programs, err := plan.Compile(r, true, connection.System{}, s.To)
		must(t, err)
		s.Programs = programs
		s.page("ben\nada manager=ben")
		if got := s.ends(); got != "create ben\ncreate ada" {
			t.Error(got)
		}
		for _, a := range s.sink.Plan() {
			if a.Refers != "" {
				t.Errorf("%s refers to %s", a.Source.Name, a.Refers)
			}
		}
	})
	t.Run("who may not sign in is not looked for", func(t *testing.T) {
		s := newSecond(t, &known{})
		asked := &counted{there: s.at}
		s.Search = asked
		s.page("ada blocked\nben deleted\ncy")
		if !slices.Equal(asked.names, []string{"cy"}) {
			t.Errorf("looked for %v", asked.names)
		}
	})
	t.Run("groups of which only a part is listed", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1", "ben=t2", "all=tg members=ada")
		s := newSecond(t, k)
		for _, id := range []string{"all", "more", "rest"} {
			s.at.source[connection.Ref{Type: "Group", ID: id}] = object(id + " members=ada,ben")
		}
		source := &read{getter: getter{s.at}}
		s.Source = source
		part := func(id string, partial bool) connection.Object {
			o := object(id + " members=ben")
			o.Partial = partial
			return o
		}
		piece, err := s.Page(t.Context(), connection.Page{Objects: []connection.Object{part("all", true), part("more", true), part("rest", false)}}, false)
		must(t, err)
		if !slices.Equal(source.ids, []string{"more"}) {
			t.Errorf("read again: %v", source.ids)
		}
		wanted := map[string]int{}
		for _, w := range piece.Wanted {
			wanted[w.From.ID]++
		}
		if wanted["all"] != 1 || wanted["more"] != 2 || wanted["rest"] != 1 {
			t.Errorf("wanted: %v", wanted)
		}
	})
	t.Run("groups in groups, and people who are nobody's", func(t *testing.T) {
		for nesting, want := range map[bool]int{true: 1, false: 0} {
			s := newSecond(t, &known{})
			s.To.Nesting = nesting
			s.Job.Policy.Excluded = []rule.Exclusion{{Type: "User", ID: "ada"}}
			all := object("all members=")
			all.References = []connection.Reference{{Attribute: "members", To: connection.Ref{Type: "Group", ID: "more"}}}
			piece, err := s.Page(t.Context(), connection.Page{Objects: []connection.Object{all, object("ada manager=ben")}}, false)
			must(t, err)
			if len(piece.Wanted) != want {
				t.Errorf("nesting %t: wanted %+v", nesting, piece.Wanted)
			}
		}
	})
}

// TestSecondWayToMatch: two that are found by the second matching attribute are said to be found by it.
func TestSecondWayToMatch(t *testing.T) {
	s := newSecond(t, &known{})
	s.To.FindBy["User"] = []string{"userName", "title"}
	r := rules()
	r.Objects[0].Attributes[1].Match = 2
	programs, err := plan.Compile(r, true, connection.System{}, s.To)
	must(t, err)
	s.Programs = programs
	s.at.target["chief"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t1"}, Name: "x"}, {Ref: connection.Ref{Type: "User", ID: "t2"}, Name: "y"}}
	s.page("ada title=Chief")
	if rows := s.sink.Plan(); show(rows) != "skip ada refused match.ambiguous" || rows[0].Detail != "2 objects in Target match title Chief: x, y" {
		t.Errorf("%s: %s", show(rows), rows[0].Detail)
	}
}

// TestWhoIsOutIsLookedAt: when the rules begin to disable, those who are out of scope, and were left alone when they left, may be disabled now.
func TestWhoIsOutIsLookedAt(t *testing.T) {
	to := connection.System{FindBy: map[string][]string{"User": {"userName"}}, SoftDelete: true}
	was, now := plan.Configuration{Rules: rules()}, plan.Configuration{Rules: rules()}
	now.Rules.Objects[0].Attributes = append(slices.Clone(now.Rules.Objects[0].Attributes), rule.Mapping{
		Target: "active", Source: &rule.MappingSource{Type: rule.FromFunction, Expression: "Not([IsSoftDeleted])"},
	})
	all, err := plan.Diverge(was, now, plan.Ends{Way: plan.Outbound, To: to})
	must(t, err)
	if d := all["User"].Of(object("ada"), nil, time.Unix(0, 0), nil); !d.Named {
		t.Errorf("%+v", d)
	}
}

// unsupported is a source that cannot be asked for single objects.
type unsupported struct{}

func (unsupported) Get(context.Context, ...connection.Ref) ([]connection.Object, error) {
	return nil, errors.ErrUnsupported
}

// counted is a target that notes whom it is asked for.
type counted struct {
	there
	names []string
}

func (c *counted) LookUp(ctx context.Context, typ string, asked []plan.Question) (plan.Answers, error) {
	for _, q := range asked {
		c.names = append(c.names, q.Raw)
	}
	return c.Find(ctx, typ, asked)
}

// read is a source that notes which objects are read again.
type read struct {
	getter
	ids []string
}

func (r *read) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	for _, ref := range refs {
		r.ids = append(r.ids, ref.ID)
	}
	return r.getter.Get(ctx, refs...)
}

// TestMemory: a plan in memory answers with what it has taken.
func TestMemory(t *testing.T) {
	group, ada, ben := connection.Ref{Type: "Group", ID: "all"}, connection.Ref{Type: "User", ID: "ada"}, connection.Ref{Type: "User", ID: "ben"}
	take := func(m *plan.Memory, p plan.Piece) { must(t, m.Take(t.Context(), p)) }
	t.Run("a leaver is known by what they had", func(t *testing.T) {
		k := &known{}
		m := plan.NewMemory(k, k, "c")
		take(m, plan.Piece{Links: []plan.Link{{Source: ada, Former: "t7"}, {Source: ben}}})
		for id, want := range map[string]string{"ada": "t7", "ben": ""} {
			links, err := m.Links(t.Context(), plan.LinkQuery{Type: "User", Sources: []string{id}})
			if must(t, err); len(links) != 1 || links[0].Former != want {
				t.Errorf("%s: %+v", id, links)
			}
		}
	})
	t.Run("rows of earlier cycles are as they were left", func(t *testing.T) {
		k := &known{}
		k.row(rule.Update, plan.Held, "", "ada", "t1", "ada", "ada title=A")
		k.row(rule.Update, plan.Held, "", "ben", "t2", "ben", "ben title=A")
		m := plan.NewMemory(k, k, "c")
		take(m, plan.Piece{Moved: []plan.Transition{{ID: "row 0", From: plan.Held, To: plan.LeftOut}}, Actions: []plan.Action{{ID: "new", Cycle: "c", State: plan.Held}}})
		for q, want := range map[*plan.ActionQuery]string{{States: []plan.ActionState{plan.Held}}: "new row 1", {States: []plan.ActionState{plan.Held}, NotOf: "c"}: "row 1", {Cycle: "c"}: "new", {Cycle: "old"}: "row 0 row 1"} {
			rows, err := m.Actions(t.Context(), *q)
			must(t, err)
			var ids []string
			for _, a := range rows {
				ids = append(ids, string(a.ID))
			}
			if slices.Sort(ids); strings.Join(ids, " ") != want {
				t.Errorf("%+v: %v, want %s", q, ids, want)
			}
		}
	})
	t.Run("a row that waits takes nothing along", func(t *testing.T) {
		k := &known{}
		m := plan.NewMemory(k, k, "c")
		take(m, plan.Piece{Actions: []plan.Action{{ID: "1", Cycle: "c", State: plan.Held}, {ID: "2", Cycle: "c", State: plan.Planned}}})
		refs := []plan.RowReference{{Attribute: "members"}}
		take(m, plan.Piece{Carried: []plan.Carried{{ID: "1", References: refs}, {ID: "2", References: refs}}})
		for _, a := range m.Plan() {
			if (len(a.References) == 1) != (a.State == plan.Planned) {
				t.Errorf("%s carries %v", a.State, a.References)
			}
		}
	})
	t.Run("who is forgotten refers to nobody, and nobody to them", func(t *testing.T) {
		k := &known{refs: []plan.ReferenceRow{{From: group, Attribute: "members", To: ada, Wanted: true}, {From: group, Attribute: "members", To: ben, Wanted: true}, {From: ada, Attribute: "manager", To: ben, Wanted: true}}}
		for gone, want := range map[connection.Ref]int{ada: 1, ben: 1, group: 1} {
			m := plan.NewMemory(k, k, "c")
			take(m, plan.Piece{Unlink: []connection.Ref{gone}})
			rows, err := m.References(t.Context(), plan.ReferenceQuery{From: []connection.Ref{group, ada}})
			if must(t, err); len(rows) != want {
				t.Errorf("without %s: %+v", gone.ID, rows)
			}
		}
	})
}

// TestManyInOrder: a plan that is put into its order in several commits is counted once.
func TestManyInOrder(t *testing.T) {
	k := &known{}
	k.link("ada=t1", "ben=t2")
	s := newSecond(t, k)
	s.Job.Policy.OnLeave = rule.LeaveDelete
	var page strings.Builder
	for i := range 2_100 { // each reports to who comes after them
		fmt.Fprintf(&page, "n%04d manager=m%04d\nm%04d\n", i, i, i)
	}
	s.page(page.String() + "-ada\n-ben")
	must(t, s.Finish(t.Context(), true))
	n := map[plan.ActionState]int{}
	for _, a := range s.sink.Plan() {
		n[a.State]++
	}
	if s.sink.Sum.Planned != n[plan.Planned] || s.sink.Sum.Held != 2 || n[plan.Planned] != 4_200 {
		t.Errorf("%v, counted %+v", n, s.sink.Sum)
	}
}

// TestSilentAttributes: an attribute that nobody of three shows is one that the application does not show; of two it is drift.
func TestSilentAttributes(t *testing.T) {
	for n, want := range map[int]int{2: 2, 3: 0} {
		var d plan.Drifts
		for i := range n {
			o := object(fmt.Sprintf("p%d title=Boss", i))
			must(t, d.Count(o.Values, scim.Object{{Name: "userName", Value: o.Name}}))
			d.Add(plan.Drift{Kind: plan.DriftChanged, Source: plan.End{Ref: o.Ref}, Differ: []scim.Change{{Path: "title", Before: "Boss"}}})
		}
		if d.Settle(); len(d.Found) != want {
			t.Errorf("of %d: %+v", n, d.Found)
		}
	}
	for want, d := range map[bool]plan.Drift{true: {Kind: plan.DriftChanged, Added: 1, Known: 1}, false: {Kind: plan.DriftChanged, Added: 1}} {
		if d.Restorable() != want {
			t.Errorf("%+v can be restored: %t", d, !want)
		}
	}
}
