package console

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// group is a cause with the people whom it concerns, so that a hundred people with one cause are one thing to do.
type group struct {
	failure
	People []who
	N      int
	Things bool   // not people alone
	Href   string // all of them
}

func (g group) noun() string {
	if g.Things {
		return words.Many(g.N, "object", "objects")
	}
	return words.Many(g.N, "person", "people")
}

// who is a person or a group in a list.
type who struct {
	Name, Href, Detail string
}

const (
	problemRows = 500 // newest lines of the log in which problems are looked for
	problemWho  = 5   // of a group that are named
)

// problems returns what stands in the way now, grouped by cause: first what needs somebody, then what heals itself. A line of
// the log is a problem as long as the link of its object says so.
func (s *Server) problems(ctx context.Context, p operate.Principal, j provision.Job) (needs, heals []group, err error) {
	rows, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{
		States: []plan.ActionState{plan.Failed, plan.Refused}, Newest: true, Limit: problemRows,
	})
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	newest, order := map[connection.Ref]plan.Action{}, []connection.Ref{}
	ids := map[string][]string{}
	for _, a := range rows {
		if _, seen := newest[a.Source.Ref]; seen {
			continue
		}
		newest[a.Source.Ref] = a
		order = append(order, a.Source.Ref)
		ids[a.Source.Type] = append(ids[a.Source.Type], a.Source.ID)
	}
	links := map[connection.Ref]plan.Link{}
	for typ, sources := range ids {
		found, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: typ, Sources: sources, Limit: len(sources)})
		if err != nil {
			return nil, nil, err
		}
		for _, l := range found {
			links[l.Source] = l
		}
	}
	last := rows[0].Cycle
	var all []group
	for _, ref := range order {
		a := newest[ref]
		l, linked := links[ref]
		switch {
		case linked && l.Code == "":
			continue // it went well since
		case linked:
			a.Code, a.Detail = l.Code, l.Detail
		case a.Cycle != last:
			continue // a row of the source that could not be read, in a cycle before the last
		}
		all = addTo(all, j, a)
	}
	for _, g := range all {
		if g.Class == lockstep.Heals {
			heals = append(heals, g)
		} else {
			needs = append(needs, g)
		}
	}
	return needs, heals, nil
}

func addTo(all []group, j provision.Job, a plan.Action) []group {
	i := slices.IndexFunc(all, func(g group) bool { return g.Code == a.Code })
	if i < 0 {
		i = len(all)
		all = append(all, group{failure: failureOf(a.Code, ""), Href: jobHref(j.Slug) + "/people?show=failing"})
	}
	all[i].N++
	all[i].Things = all[i].Things || a.Source.Type != "User"
	if len(all[i].People) < problemWho {
		r := rowOf(j, a, logFilter{Show: "failed"})
		href := r.Person
		if href == "" {
			href = r.Href
		}
		all[i].People = append(all[i].People, who{Name: r.Name, Href: href, Detail: a.Detail})
	}
	return all
}

// held is what the guard holds, ready to be decided on.
type held struct {
	Rows  []heldRow
	More  bool // there are more than are shown: they come when these are decided
	Why   string
	Deeds []string // "Disable 6 people"
}

type heldRow struct {
	row
	ID string
}

// heldRows is how many held changes are decided at a time.
const heldRows = 200

func (s *Server) held(ctx context.Context, p operate.Principal, j provision.Job) (held, error) {
	rows, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{States: []plan.ActionState{plan.Held}, Limit: heldRows + 1})
	if err != nil || len(rows) == 0 {
		return held{}, err
	}
	h := held{More: len(rows) > heldRows}
	counts, things := map[rule.Kind]int{}, false
	for _, a := range rows[:min(len(rows), heldRows)] {
		h.Rows = append(h.Rows, heldRow{row: rowOf(j, a, logFilter{Show: "held"}), ID: string(a.ID)})
		counts[a.Kind]++
		things = things || a.Source.Type != "User"
		if h.Why == "" {
			h.Why = a.Detail
		}
	}
	for _, kind := range []rule.Kind{rule.Disable, rule.Delete, rule.Update, rule.Create} {
		if n := counts[kind]; n > 0 {
			h.Deeds = append(h.Deeds, words.DeedOf(kind).Will+" "+group{N: n, Things: things}.noun())
		}
	}
	if h.Why == "" {
		h.Why = lockstep.Describe(lockstep.CodeGuardHeld).Title
	}
	return h, nil
}
