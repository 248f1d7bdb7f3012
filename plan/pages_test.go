package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
)

// TestOrderOfPages: who gets a name does not depend on which page of the source they are on, nor on who else is on it.
func TestOrderOfPages(t *testing.T) {
	for _, c := range []struct {
		name string
		know func(k *known)
		plan func(s *second) // before the pages
		who  []string
		want string
	}{
		{"one who may not sign in, and one who is new", func(*known) {}, nil, []string{"ada name=n blocked", "ben name=n"}, "ben create"},
		{"one who was deleted at the source, and one who is new", func(*known) {}, nil, []string{"ada name=n deleted", "ben name=n"}, "ben create"},
		{"one who may not sign in any more, and whom they kept from the name", func(k *known) {
			k.link("ada name=n")
			k.link("ben name=n").Code = lockstep.CodeMatchDuplicate
		}, nil, []string{"ada name=n blocked", "ben name=n"}, "ben create"},
		{"one who may not sign in and has an account, and one who is new", func(k *known) { k.link("ada=t1 name=n") }, nil, []string{"ada name=n blocked", "ben name=n"}, "ada delete\nben refused"},
		{"renamed, and one who is new and called so", func(k *known) { k.link("ada=t1 name=a") }, nil, []string{"ada name=b", "ben name=b"}, "ada update\nben refused"},
		{"renamed, and one who is new with the name from before", func(k *known) { k.link("ada=t1 name=a") }, nil, []string{"ada name=b", "ben name=a"}, "ada update\nben refused"},
		{"a rename that is in use, and one who is new and called so", func(k *known) { k.link("ada=t1 name=a") }, func(s *second) { s.found("t9", "b") },
			[]string{"ada name=b", "ben name=b"}, "ada refused\nben link"},
		{"a rename that is in use, and one who would get the name from before", func(k *known) { k.link("ada=t1 name=a", "dan=t4 name=d") }, func(s *second) { s.found("t9", "b") },
			[]string{"ada name=b", "dan name=a"}, "ada refused\ndan refused"},
		{"a rename that the target's rules forbid, and one who is new and called so", func(k *known) { k.link("ada=t1 name=a") }, func(s *second) { s.Foresee = forbids("ada") },
			[]string{"ada name=b", "ben name=b"}, "ada refused\nben create"},
		{"a rename that the target's rules forbid, and one who would get the name from before", func(k *known) { k.link("ada=t1 name=a", "dan=t4 name=d") }, func(s *second) { s.Foresee = forbids("ada") },
			[]string{"ada name=b", "dan name=a"}, "ada refused\ndan refused"},
		{"a rename that the target's rules forbid, and one who is new with the name from before", func(k *known) { k.link("ada=t1 name=a") }, func(s *second) { s.Foresee = forbids("ada") },
			[]string{"ada name=b", "ben name=a"}, "ada refused\nben refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			backwards := slices.Clone(c.who)
			slices.Reverse(backwards)
			for _, pages := range [][]string{{strings.Join(c.who, "\n")}, {strings.Join(backwards, "\n")}, c.who, backwards} {
				k := &known{}
				k.link(some...)
				c.know(k)
				s := newSecond(t, k)
				s.To.Unique = map[string][]string{"User": {"userName"}}
				for _, l := range k.links {
					s.found(l.Target, l.Image.Text("userName"))
				}
				if c.plan != nil {
					c.plan(s)
				}
				for _, page := range pages {
					s.page(page)
				}
				must(t, s.Again(t.Context()))
				must(t, s.Finish(t.Context(), s.sink.Sum.Planned > 0))
				if got := s.outcome(); got != c.want {
					t.Errorf("in %d pages, %s first:\n%s\nwant\n%s", len(pages), strings.Fields(pages[0])[0], got, c.want)
				}
			}
		})
	}
}

// outcome is what is to be done about each, or that they are refused.
func (s *second) outcome() string {
	s.Helper()
	of := map[string]string{}
	for _, a := range s.sink.Plan() {
		switch {
		case a.State == plan.Planned:
			of[a.Source.Name] = string(a.Kind)
		case a.State == plan.Refused && of[a.Source.Name] == "":
			of[a.Source.Name] = "refused"
		}
	}
	var all []string
	for who, what := range of {
		all = append(all, who+" "+what)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// forbids is a target whose rules forbid to change who has the name a.
type forbids string

func (f forbids) Foresee(_ context.Context, ops []connection.Operation) ([]connection.Foreseen, error) {
	all := make([]connection.Foreseen, len(ops))
	for i, op := range ops {
		if all[i].Kind = op.Kind; op.Before.Text("userName") == "a" {
			all[i].Refuse = &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf("The directory does not take %s.", f)}
		}
	}
	return all, nil
}
