package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

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
		found, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: typ, Sources: sources, Outline: true, Limit: len(sources)})
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
		all = append(all, group{failure: failureOf(a.Code, ""), Href: jobHref(j) + "/people?show=failing"})
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
	Rows   []heldRow
	Groups []heldGroup
	More   bool // there are more than are shown: they come when these are decided
	Why    string
	Deeds  []string // "disable 6 people"
	Effect string   // what approving does, in a sentence
	Sure   string   // what is typed before many are approved
	Wrong  string   // why nothing was decided
}

type heldRow struct {
	row
	ID     string
	Ticked bool
}

// heldGroup is rows that are held for one reason.
type heldGroup struct {
	Title string
	Rows  []heldRow
}

const (
	heldRows = 200 // how many held changes are decided at a time
	severe   = 20  // more than so many at once are approved by typing the name
)

func (s *Server) held(ctx context.Context, p operate.Principal, j provision.Job) (held, error) {
	rows, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{States: []plan.ActionState{plan.Held}, Limit: heldRows + 1})
	if err != nil || len(rows) == 0 {
		return held{}, err
	}
	tally, err := s.Operator.Tally(ctx, p, j, "")
	if err != nil {
		return held{}, err
	}
	h := held{More: len(rows) > heldRows, Sure: j.Slug}
	counts := map[rule.Kind]map[string]int{}
	at := map[string]int{}
	for _, a := range rows[:min(len(rows), heldRows)] {
		r := heldRow{row: rowOf(j, a, logFilter{Show: "held"}), ID: string(a.ID)}
		h.Rows = append(h.Rows, r)
		if counts[a.Kind] == nil {
			counts[a.Kind] = map[string]int{}
		}
		counts[a.Kind][a.Source.Type]++
		title := words.Upper(words.DeedOf(a.Kind).Will) + ", " + causeOf(a, a.Changes())
		i, there := at[title]
		if !there {
			i = len(h.Groups)
			at[title] = i
			h.Groups = append(h.Groups, heldGroup{Title: title})
		}
		h.Groups[i].Rows = append(h.Groups[i].Rows, r)
	}
	for i := range h.Groups {
		h.Groups[i].Title += ": " + words.Number(len(h.Groups[i].Rows))
	}
	h.Deeds = deeds(counts)
	h.Why = heldBecause(rows[0], counts, tally.Linked, j.Policy.Guard)
	h.Effect = effectOf(j, counts)
	return h, nil
}

// deeds tells what would be done, to how many of what.
func deeds(counts map[rule.Kind]map[string]int) []string {
	var all []string
	for _, kind := range rule.Kinds() {
		for _, typ := range sortedKeys(counts[kind]) {
			n := counts[kind][typ]
			noun := words.People(n)
			if typ != "User" {
				noun = words.Many(n, "group", "groups")
			}
			if kind == rule.Refer {
				noun = "of " + noun
			}
			all = append(all, words.DeedOf(kind).Will+" "+noun)
		}
	}
	return all
}

// heldBecause says why: how many of how many, and what the guard lets through.
func heldBecause(first plan.Action, counts map[rule.Kind]map[string]int, linked map[string]int, limit rule.GuardLimit) string {
	why := words.Sentence(first.Detail)
	if why == "" {
		why = lockstep.Describe(lockstep.CodeGuardHeld).Title
	}
	lost := counts[rule.Disable]["User"] + counts[rule.Delete]["User"]
	if lost == 0 || first.Code != lockstep.CodeGuardHeld {
		return why
	}
	count, percent := cmp.Or(limit.Count, 5), cmp.Or(limit.Percent, 10)
	return fmt.Sprintf("%s of %s linked would lose their access. The guard lets %d through without asking, or %s %%.",
		words.People(lost), words.Number(max(linked["User"], lost)), count, strconv.FormatFloat(percent, 'f', -1, 64))
}

// effectOf says what approving does.
func effectOf(j provision.Job, counts map[rule.Kind]map[string]int) string {
	at := "there"
	if j.Direction == provision.Inbound {
		at = "anywhere that follows this directory"
	}
	switch {
	case len(counts[rule.Delete]) > 0:
		return "Whoever is deleted loses their access " + at + "."
	case len(counts[rule.Disable]) > 0:
		return "Whoever is disabled can no longer sign in " + at + "."
	}
	return ""
}
