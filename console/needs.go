package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/notify"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
)

// group is a cause with the people whom it concerns, so that a hundred people with one cause are one thing to do.
type group struct {
	failure
	People   []who
	N        int
	Things   bool   // not people alone
	Rows     bool   // rows of the source, which may be nobody's
	File     string // that these rows are in
	Href     string // all of them
	Download string // all of them as a file; "" is none
}

func (g group) noun() string {
	switch {
	case g.Rows:
		return words.Many(g.N, "row", "rows")
	case g.Things:
		return words.Many(g.N, "object", "objects")
	}
	return words.Many(g.N, "person", "people")
}

// who is a person or a group in a list.
type who struct {
	Name, Href, Detail string
}

const (
	problemLinks = 200  // failing objects of a type among which some of each cause are found to be named
	problemRows  = 2000 // rows of the source that could not be read and are counted by file; the others are in the log
	problemWho   = 5    // of a group that are named
)

// problems returns what stands in the way now, grouped by cause: first what needs somebody, then what heals itself. How many an error
// concerns is what the job's state counts, and what could not be read is what the last cycle says.
func (s *Server) problems(ctx context.Context, p operate.Principal, j provision.Job, cycles []provision.Cycle) (needs, heals []group, err error) {
	_, causes, err := s.Operator.Needs(ctx, p, j)
	if err != nil {
		return nil, nil, err
	}
	var all []group
	for _, c := range causes {
		if c.Kind == notify.Failing && c.Count > 0 && c.Code != lockstep.CodeSourceRow {
			all = append(all, group{failure: failureOf(c.Code, ""), N: c.Count, Href: jobHref(j) + "/people?show=failing"})
		}
	}
	if err := s.nameFailing(ctx, p, j, all); err != nil {
		return nil, nil, err
	}
	unread, err := s.unread(ctx, p, j, cycles)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range append(all, unread...) {
		if g.Class == lockstep.Heals {
			heals = append(heals, g)
		} else {
			needs = append(needs, g)
		}
	}
	return needs, heals, nil
}

// nameFailing names some of those whom each cause concerns.
func (s *Server) nameFailing(ctx context.Context, p operate.Principal, j provision.Job, all []group) error {
	if len(all) == 0 {
		return nil
	}
	for _, typ := range []string{"User", "Group"} {
		links, err := s.Operator.Links(ctx, p, j, plan.LinkQuery{Type: typ, Only: plan.LinksFailing, Outline: true, Limit: problemLinks})
		if err != nil {
			return err
		}
		for _, l := range links {
			i := slices.IndexFunc(all, func(g group) bool { return g.Code == l.Code })
			if i < 0 {
				continue // it failed just now
			}
			g := &all[i]
			g.Things = g.Things || typ != "User"
			if len(g.People) < problemWho {
				row := linkRowOf(j, l)
				g.People = append(g.People, who{Name: row.Name, Href: cmp.Or(row.Href, logHref(jobHref(j), logFilter{Show: "failed", Text: row.Name})), Detail: words.Sentence(l.Detail)})
			}
		}
	}
	return nil
}

// unread are the rows of the source that the last cycle could not read, by cause and file. Each counts, also those that are nobody's.
func (s *Server) unread(ctx context.Context, p operate.Principal, j provision.Job, cycles []provision.Cycle) ([]group, error) {
	i := slices.IndexFunc(cycles, func(c provision.Cycle) bool { return !c.EndedAt.IsZero() })
	if i < 0 || cycles[i].Counts.Bad == 0 {
		return nil, nil
	}
	last := cycles[i]
	rows, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{Cycle: last.ID, States: []plan.ActionState{plan.Refused}, Kinds: []rule.Kind{rule.Skip}, Newest: true, Limit: problemRows})
	if err != nil {
		return nil, err
	}
	slices.Reverse(rows) // in the order in which they were read
	var all []group
	counted := 0
	for _, a := range rows {
		place, _, _ := strings.Cut(string(a.Code), ".")
		if place != "source" {
			continue
		}
		counted++
		file, _, _ := strings.Cut(a.Source.Name, ", line")
		if file == a.Source.Name {
			file = ""
		}
		i := slices.IndexFunc(all, func(g group) bool { return g.Code == a.Code && g.File == file })
		if i < 0 {
			i = len(all)
			since := last.Began.UTC().Format(time.RFC3339)
			f := activityFilter{App: j.Slug, Code: string(a.Code), Text: file, Since: since}
			all = append(all, group{failure: failureOf(a.Code, ""), Rows: true, File: file, Href: f.href("/activity"), Download: f.href("/activity/log.csv")})
		}
		all[i].N++
		if len(all[i].People) < problemWho {
			all[i].People = append(all[i].People, who{Name: a.Source.Name, Href: rowOf(j, a, logFilter{Cycle: string(last.ID)}).Href, Detail: words.Sentence(strings.TrimPrefix(a.Detail, a.Source.Name+": "))})
		}
	}
	if n := last.Counts.Bad - counted; n > 0 { // of which the cause was not looked up, or is in the log no more
		f := activityFilter{App: j.Slug, Since: last.Began.UTC().Format(time.RFC3339)}
		all = append(all, group{failure: failureOf(lockstep.CodeSourceRow, ""), Rows: true, N: n, Href: f.href("/activity")})
	}
	return all, nil
}

// held is what the guard holds, ready to be decided on.
type held struct {
	Rows   []heldRow
	Groups []heldGroup
	N      int // in all
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
	heldRows = 200 // how many held changes are decided at a time, but for all of a kind
	heldHere = 50  // how many the overview has
	severe   = 20  // more than so many at once are approved by typing the name
)

func (s *Server) held(ctx context.Context, p operate.Principal, j provision.Job) (held, error) {
	page, err := s.Operator.Waiting(ctx, p, j, operate.RowFilter{State: plan.Held}, "", heldHere)
	if err != nil || len(page.Rows) == 0 {
		return held{}, err
	}
	rows := page.Rows
	tally, err := s.Operator.Tally(ctx, p, j, "")
	if err != nil {
		return held{}, err
	}
	h := held{Sure: j.Slug}
	counts, causes := map[rule.Kind]map[string]int{}, map[string]int{}
	for _, g := range page.Groups {
		h.N += g.N
		if counts[g.Kind] == nil {
			counts[g.Kind] = map[string]int{}
		}
		counts[g.Kind][g.Type] += g.N
		causes[string(g.Kind)+" "+g.Cause] += g.N
	}
	at := map[string]int{}
	for _, a := range rows {
		r := heldRow{row: rowOf(j, a, logFilter{Show: "held"}), ID: string(a.ID)}
		h.Rows = append(h.Rows, r)
		key := string(a.Kind) + " " + a.Cause()
		i, there := at[key]
		if !there {
			i = len(h.Groups)
			at[key] = i
			h.Groups = append(h.Groups, heldGroup{Title: words.Upper(words.DeedOf(a.Kind).Will) + ", " + causeOf(a, a.Changes()) + ": " + words.Number(causes[key])})
		}
		h.Groups[i].Rows = append(h.Groups[i].Rows, r)
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
