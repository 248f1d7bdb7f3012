package plan_test

import (
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
	"lockstep/scim"
)

// TestValuesInUse: whoever would get a unique value that an object of the target has which is nobody's is refused by the plan; what somebody gives up
// by the same plan is not.
func TestValuesInUse(t *testing.T) {
	for _, c := range []struct {
		name string
		know func(k *known)
		plan func(s *second)
		want string
	}{
		{"renamed onto an account that is nobody's", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "zoe")
			s.page("ada name=Zoe title=Boss")
		}, "skip ada refused conflict"},
		{"renamed, and nobody has the name", func(k *known) { k.link("ada=t1") }, func(s *second) { s.page("ada name=zoe") }, "update ada"},
		{"renamed onto what they have there already", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t1", "zoe")
			s.page("ada name=zoe")
		}, "update ada"},
		{"in other letters it is the same name", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "ada")
			s.page("ada name=ADA")
		}, "update ada"},
		{"another title, and the name is somebody's", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "ada")
			s.page("ada title=Boss")
		}, "update ada"},
		{"renamed onto somebody who gives the name up", func(k *known) { k.link("ada=t1", "zoe=t9") }, func(s *second) {
			s.found("t9", "zoe")
			s.page("ada name=zoe\nzoe name=eve")
		}, "update zoe\nupdate ada"},
		{"renamed onto an account that is deleted", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "zoe").Deleted = true
			s.page("ada name=zoe")
		}, "update ada"},
		{"a target that keeps nothing unique", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.To.Unique = nil
			s.found("t9", "zoe")
			s.page("ada name=zoe")
		}, "update ada"},
		{"a value that cannot be searched", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.To.FindBy = nil
			s.found("t9", "zoe")
			s.page("ada name=zoe")
		}, "update ada"},
		{"a target that cannot be asked", func(k *known) { k.link("ada=t1") }, func(s *second) {
			deaf := s.at
			deaf.deaf = &lockstep.Error{Code: lockstep.CodeTargetUnsupported}
			s.Search = deaf
			s.page("ada name=zoe")
		}, "update ada"},
		{"who is new, by another value than they are matched by", func(*known) {}, func(s *second) {
			s.To.Unique["User"] = []string{"userName", "title"}
			s.To.FindBy["User"] = []string{"userName", "title"}
			s.at.target["chief"] = []connection.Object{{Ref: connection.Ref{Type: "User", ID: "t9"}, Name: "zoe"}}
			s.page("ada title=Chief\nben title=Cook")
		}, "skip ada refused conflict\ncreate ben"},
		{"another source says what the name is", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "zoe")
			s.Foresee = &foreseeing{t: s.T, f: connection.Foreseen{Kind: rule.Update, Effect: &connection.Effect{After: scim.Object{{Name: "title", Value: "Boss"}}}}}
			s.page("ada name=zoe title=Boss")
		}, "update ada"},
		{"and does not", func(k *known) { k.link("ada=t1") }, func(s *second) {
			s.found("t9", "zoe")
			s.Foresee = &foreseeing{t: s.T, f: connection.Foreseen{Kind: rule.Update, Effect: &connection.Effect{After: scim.Object{{Name: "userName", Value: "zoe"}}}}}
			s.page("ada name=zoe title=Boss")
		}, "skip ada refused conflict"},
		{"two of the source are called the same", func(k *known) { k.link("ada=t1", "zoe=t9") }, func(s *second) {
			s.found("t9", "zoe")
			s.page("ada name=zoe\nzoe")
		}, "update ada refused match.duplicate_source"},
		{"and whoever would take the name of one of them keeps theirs", func(k *known) { k.link("ada=t1", "ben=t2", "cy=t3", "zoe=t9") }, func(s *second) {
			s.page("cy name=ben\nben name=ada\nada name=zoe\nzoe")
		}, "update cy refused match.duplicate_source\nupdate ben refused match.duplicate_source\nupdate ada refused match.duplicate_source"},
		{"two want one name that is given up: the order decides", func(k *known) { k.link("ada=t1", "ben=t2", "zoe=t9") }, func(s *second) {
			s.page("ada name=zoe\nben name=ben title=Cook\nzoe name=eve")
		}, "update ben\nupdate zoe\nupdate ada"},
		{"whose name they are to have goes", func(k *known) { k.link(some...); k.link("ada=t1", "zoe=t9") }, func(s *second) {
			s.Job.Policy.OnLeave = rule.LeaveDelete
			s.page(everybody + "ada name=zoe\n-zoe")
		}, "delete zoe\nupdate ada"},
		{"where names need not be unique", func(k *known) { k.link("ada=t1", "zoe=t9") }, func(s *second) {
			s.To.Unique = nil
			s.page("ada name=zoe\nzoe")
		}, "update ada"},
		{"approved: it is sent as it is", func(k *known) {
			k.link("ada=t1", "zoe=t9")
			k.row(rule.Update, plan.Planned, lockstep.CodeUniqueCircle, "ada", "t1", "ada", "ada name=zoe")
		}, func(s *second) { s.page("ada name=zoe\nzoe") }, "update ada"},
		{"who leaves", func(k *known) { k.link(some...); k.link("ada=t1") }, func(s *second) {
			s.found("t9", "zoe")
			s.Job.Policy.OnLeave, s.Job.Policy.Excluded = rule.LeaveDelete, []rule.Exclusion{{Type: "User", ID: "ada"}}
			s.page(everybody + "ada name=zoe")
		}, "delete ada"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &known{}
			c.know(k)
			s := newSecond(t, k)
			s.To.Unique = map[string][]string{"User": {"userName"}}
			c.plan(s)
			must(t, s.Finish(t.Context(), s.sink.Sum.Planned > 0))
			if got := show(s.sink.Plan()); got != c.want {
				t.Errorf("planned\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	for name, due := range map[string]time.Duration{"": 0, ", who were due": -time.Hour} {
		t.Run("two who are called the same"+name+": counted once, and due when the name is given up", func(t *testing.T) {
			k := &known{}
			k.link("zoe=t9")
			s := newSecond(t, k)
			if l := k.link("ada=t1"); due != 0 {
				l.Due = s.Now().Add(due)
			}
			s.To.Unique = map[string][]string{"User": {"userName"}}
			s.Job.Manual = due < 0 // else the page has set another instant
			s.page("ada name=zoe\nzoe")
			for range 2 {
				must(t, s.Finish(t.Context(), s.sink.Sum.Planned > 0))
			}
			l := s.of("ada")
			if l.Code != lockstep.CodeMatchDuplicate || l.Key != "userName=ada" || l.Detail != "zoe of Source has userName zoe in Target, too, and keeps it" || !l.Due.Equal(s.Now().Add(plan.BackOff(1))) {
				t.Errorf("%+v", l)
			}
			if s.sink.Sum.Planned != 0 || s.sink.Sum.Failed != 1 {
				t.Errorf("counted %+v", s.sink.Sum)
			}
		})
	}
	t.Run("they keep their name, and are looked at again soon", func(t *testing.T) {
		k := &known{}
		k.link("ada=t1")
		s := newSecond(t, k)
		s.To.Unique = map[string][]string{"User": {"userName"}}
		s.found("t9", "zoe")
		s.page("ada name=zoe")
		l := s.of("ada")
		if l.Key != "userName=ada" || l.Target != "t1" || l.Code != lockstep.CodeConflict || !l.Due.Equal(s.Now().Add(plan.BackOff(1))) {
			t.Errorf("%+v", l)
		}
		if row := s.sink.Plan()[0]; !strings.Contains(row.Detail, "zoe is taken in Target, by zoe") || row.Reason.Rule != "the target would refuse it" {
			t.Errorf("%q by %q", row.Detail, row.Reason.Rule)
		}
		delete(s.at.target, "zoe")
		later := s.Now().Add(time.Minute)
		s.Planner.Now = func() time.Time { return later }
		must(t, s.Again(t.Context()))
		if got := show(s.sink.Plan()); got != "update ada\nskip ada refused conflict" {
			t.Errorf("once it is free: %s", got)
		}
	})
}
