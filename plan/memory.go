package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// Memory is a plan that is only looked at. It is a Sink that keeps what it takes in memory, and answers as Known and Rows what the job
// knows with that included. Nothing reaches what it stands on.
//
// It is smaller than what a cycle stores: of links, values that were written stay where they are, and of objects that have nothing at
// the target and are to have nothing only the name is kept.
type Memory struct {
	Sum Sum

	known    Known
	base     Rows
	cycle    lockstep.CycleID
	links    map[connection.Ref]Link // without Image, in the place of those of known
	keys     map[memoryKey][]connection.Ref
	met      map[connection.Ref]mark
	rows     []Action
	at       map[lockstep.ActionID]int // in rows
	of       map[connection.Ref][]int  // rows of a source object
	moved    map[lockstep.ActionID]ActionState
	wanted   map[connection.Ref]map[memoryReference]bool // by the object that refers
	referred map[connection.Ref]map[connection.Ref]bool  // who refers to the object
}

// mark says what is known of an object without a link of its own in memory.
type mark uint8

const (
	saw       mark = 1 << iota // the source listed it
	outside                    // it has nothing at the target and is to have nothing
	forgotten                  // its link has gone
)

type memoryKey struct{ typ, key string }

type memoryReference struct {
	attribute string
	to        connection.Ref
}

// NewMemory is an empty plan of a cycle that stands on what is known.
func NewMemory(known Known, rows Rows, cycle lockstep.CycleID) *Memory {
	return &Memory{
		known: known, base: rows, cycle: cycle, links: map[connection.Ref]Link{}, keys: map[memoryKey][]connection.Ref{}, met: map[connection.Ref]mark{},
		at: map[lockstep.ActionID]int{}, of: map[connection.Ref][]int{}, moved: map[lockstep.ActionID]ActionState{},
		wanted: map[connection.Ref]map[memoryReference]bool{}, referred: map[connection.Ref]map[connection.Ref]bool{},
	}
}

// Saw notes that the source has listed the object, as Page does with whole in a link.
func (m *Memory) Saw(ref connection.Ref) { m.met[ref] |= saw }

// Plan returns the rows in the order in which they would be carried out. Those that no longer hold are left out.
func (m *Memory) Plan() []Action {
	rows := slices.DeleteFunc(slices.Clone(m.rows), func(a Action) bool { return a.State == LeftOut })
	slices.SortFunc(rows, inOrder)
	return rows
}

func inOrder(a, b Action) int {
	return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
}

// Take adds a piece. It never fails.
func (m *Memory) Take(_ context.Context, p Piece) error {
	for _, ref := range p.Unlink {
		m.unlink(ref)
	}
	for i := range p.Links {
		m.link(p.Links[i])
	}
	for _, w := range p.Wanted {
		m.want(w)
	}
	for _, t := range p.Moved {
		if i, ok := m.at[t.ID]; ok {
			a := &m.rows[i]
			a.State, a.Code, a.Detail, a.Ended = t.To, t.Code, t.Detail, t.At
		} else {
			m.moved[t.ID] = t.To
		}
	}
	for _, a := range p.Actions {
		m.put(a)
	}
	for _, r := range p.Ranks {
		if i, ok := m.at[r.Action]; ok {
			m.rows[i].Rank = r.Rank
		}
	}
	for _, c := range p.Carried {
		if i, ok := m.at[c.ID]; ok && m.rows[i].State == Planned {
			if m.rows[i].References = c.References; len(c.References) == 0 {
				m.rows[i].Refers = ""
			}
		}
	}
	m.Sum.Add(p.Sum)
	return nil
}

// Add adds another sum.
func (s *Sum) Add(o Sum) {
	s.Planned += o.Planned
	s.Held += o.Held
	s.Skipped += o.Skipped
	s.Unchanged += o.Unchanged
	s.Failed += o.Failed
	s.Bad += o.Bad
}

func (m *Memory) put(a Action) {
	if i, ok := m.at[a.ID]; ok {
		m.rows[i] = a
		return
	}
	m.at[a.ID] = len(m.rows)
	m.of[a.Source.Ref] = append(m.of[a.Source.Ref], len(m.rows))
	m.rows = append(m.rows, a)
}

func (m *Memory) link(l Link) {
	m.met[l.Source] &^= outside
	if l.Target == "" && l.Former == "" && !l.Verdict.In && l.Seen != m.cycle {
		m.met[l.Source] |= outside
		delete(m.links, l.Source)
		return
	}
	l.Image = nil
	m.links[l.Source] = l
	if k := (memoryKey{l.Source.Type, l.Key}); l.Key != "" && !slices.Contains(m.keys[k], l.Source) {
		m.keys[k] = append(m.keys[k], l.Source)
	}
}

func (m *Memory) unlink(ref connection.Ref) {
	m.met[ref] |= forgotten
	delete(m.links, ref)
	delete(m.wanted, ref)
	for from := range m.referred[ref] {
		for r := range m.wanted[from] {
			if r.to == ref {
				delete(m.wanted[from], r)
			}
		}
	}
	delete(m.referred, ref)
}

func (m *Memory) want(w ReferenceRow) {
	if m.wanted[w.From] == nil {
		m.wanted[w.From] = map[memoryReference]bool{}
	}
	m.wanted[w.From][memoryReference{w.Attribute, w.To}] = w.Wanted
	if m.referred[w.To] == nil {
		m.referred[w.To] = map[connection.Ref]bool{}
	}
	m.referred[w.To][w.From] = true
}

// now returns the link as it is with the plan included.
func (m *Memory) now(l Link) (Link, bool) {
	if own, ok := m.links[l.Source]; ok {
		if own.Image = l.Image; m.met[l.Source]&forgotten != 0 {
			own.Image = nil
		}
		return own, true
	}
	switch mark := m.met[l.Source]; {
	case mark&forgotten != 0:
		return Link{}, false
	case mark&outside != 0:
		return Link{Source: l.Source, Name: l.Name}, true
	}
	return l, true
}

// Links is one method of Known.
func (m *Memory) Links(ctx context.Context, q LinkQuery) ([]Link, error) {
	if q.Sources == nil && q.Targets == nil && q.Keys == nil {
		return m.page(ctx, q)
	}
	found, err := m.known.Links(ctx, q)
	if err != nil {
		return nil, err
	}
	there := map[connection.Ref]bool{}
	var all []Link
	for _, l := range found {
		there[l.Source] = true
		if l, ok := m.now(l); ok && (q.Keys == nil || slices.Contains(q.Keys, l.Key)) {
			all = append(all, l)
		}
	}
	own := func(ref connection.Ref) {
		l, ok := m.links[ref]
		if !there[ref] && !ok && m.met[ref]&outside != 0 {
			l, ok = Link{Source: ref}, q.Keys == nil
		}
		if ok && !there[ref] && (q.Keys == nil || slices.Contains(q.Keys, l.Key)) {
			there[ref] = true
			all = append(all, l)
		}
	}
	for _, id := range q.Sources {
		own(connection.Ref{Type: q.Type, ID: id})
	}
	for _, k := range q.Keys {
		for _, ref := range m.keys[memoryKey{q.Type, k}] {
			own(ref)
		}
	}
	return all, nil
}

// page returns the next links that are due, or not seen. Only those that were stored can be unseen.
func (m *Memory) page(ctx context.Context, q LinkQuery) ([]Link, error) {
	q.Limit = cmp.Or(q.Limit, 1000)
	due := func(l *Link) bool { return q.DueBefore.IsZero() || !l.Due.IsZero() && !l.Due.After(q.DueBefore) }
	var all []Link
	for after := q.After; ; {
		base := q
		base.After = after
		found, err := m.known.Links(ctx, base)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			l, ok := m.now(l)
			unseen := q.Unseen == "" || l.Seen != q.Unseen && m.met[l.Source]&saw == 0
			if ok && unseen && due(&l) {
				all = append(all, l)
			}
		}
		if len(found) < q.Limit || len(all) > 0 {
			break
		}
		after = found[len(found)-1].Source.ID
	}
	if !q.DueBefore.IsZero() { // some may have become so by the plan
		for ref, l := range m.links {
			if ref.Type == q.Type && ref.ID > q.After && due(&l) && !slices.ContainsFunc(all, func(o Link) bool { return o.Source == ref }) {
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, func(a, b Link) int { return strings.Compare(a.Source.ID, b.Source.ID) })
	return all[:min(len(all), q.Limit)], nil
}

// Actions is one method of Rows. It does not look at what people search by: Text, Words, Code, Since and Until.
func (m *Memory) Actions(ctx context.Context, q ActionQuery) ([]Action, error) {
	all := m.own(q)
	if q.Cycle != m.cycle {
		found, err := m.base.Actions(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			if _, replaced := m.at[a.ID]; replaced {
				continue
			}
			if to, moved := m.moved[a.ID]; moved {
				a.State = to
			}
			if isOneOf(q.States, a.State) {
				all = append(all, a)
			}
		}
	}
	slices.SortFunc(all, func(a, b Action) int {
		if q.Newest {
			return cmp.Compare(b.ID, a.ID)
		}
		return inOrder(a, b)
	})
	return all[:min(len(all), cmp.Or(q.Limit, 1000))], nil
}

// own returns the rows of the plan that the query selects.
func (m *Memory) own(q ActionQuery) (all []Action) {
	if q.Cycle != "" && q.Cycle != m.cycle || q.NotOf == m.cycle {
		return nil
	}
	take := func(a *Action) {
		if q.Past != nil && inOrder(*q.Past, *a) >= 0 {
			return
		}
		if isOneOf(q.States, a.State) && isOneOf(q.Kinds, a.Kind) && isOneOf(q.Codes, a.Code) && isOneOf(q.IDs, a.ID) {
			all = append(all, *a)
		}
	}
	if q.Source.ID != "" {
		for _, i := range m.of[q.Source] {
			take(&m.rows[i])
		}
		return all
	}
	for i := range m.rows {
		take(&m.rows[i])
	}
	return all
}

// isOneOf reports whether a query that names no value, or this one, selects it.
func isOneOf[S comparable](values []S, v S) bool {
	return len(values) == 0 || slices.Contains(values, v)
}

// Made is one method of Rows.
func (m *Memory) Made(_ context.Context, cycle lockstep.CycleID, f func(Made)) error {
	for _, a := range m.own(ActionQuery{Cycle: cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Create, rule.Link}}) {
		f(Made{ID: a.ID, Kind: a.Kind, Source: a.Source.Ref, Refers: a.Refers, References: len(a.References) > 0, Rank: a.Rank})
	}
	return nil
}

// Renamed is one method of Rows.
func (m *Memory) Renamed(_ context.Context, cycle lockstep.CycleID) (all []Renamed, err error) {
	for _, a := range m.own(ActionQuery{Cycle: cycle, States: []ActionState{Planned}, Kinds: []rule.Kind{rule.Update}}) {
		if from, to, ok := SplitNames(a.Refers); ok {
			all = append(all, Renamed{ID: a.ID, From: from, To: to, Decided: !a.Decided.At.IsZero()})
		}
	}
	return all, nil
}

// Tally is one method of Rows.
func (m *Memory) Tally(ctx context.Context, cycle lockstep.CycleID) (Tally, error) {
	t, err := m.base.Tally(ctx, cycle)
	if err != nil || cycle != m.cycle {
		return t, err
	}
	t.Actions = map[TallyKey]int{} // nobody else has rows of this cycle
	for _, a := range m.own(ActionQuery{Cycle: cycle}) {
		t.Actions[TallyKey{State: a.State, Kind: a.Kind, Type: a.Source.Type}]++
	}
	return t, nil
}
