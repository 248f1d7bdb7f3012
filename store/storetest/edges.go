package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"lockstep/provision"
)

func userRef(id string) provision.Ref { return provision.Ref{Type: "User", ID: id} }

func groupRef(id string) provision.Ref { return provision.Ref{Type: "Group", ID: id} }

func member(group, user string) provision.EdgeRow {
	return provision.EdgeRow{From: groupRef(group), Attribute: "members", To: userRef(user), Wanted: true}
}

// edges returns what a query finds, one sorted line an edge: W wanted, D written.
func (s slice) edges(q provision.EdgeQuery) []string {
	s.Helper()
	all, err := s.db.Edges(s.Context(), s.tenant, s.job.ID, q)
	s.ok(err)
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = edgeLine(e)
	}
	slices.Sort(lines)
	return lines
}

func edgeLine(e provision.EdgeRow) string {
	flags := ""
	if e.Wanted {
		flags += "W"
	}
	if e.Written {
		flags += "D"
	}
	return fmt.Sprintf("%s%s.%s>%s%s %s", e.From.Type[:1], e.From.ID, e.Attribute, e.To.Type[:1], e.To.ID, flags)
}

func testEdges(t *testing.T, open Open) {
	s := working(t, open)
	manager := provision.EdgeRow{From: userRef("a"), Attribute: "manager", To: userRef("b"), Wanted: true}
	s.commit(provision.Batch{Wanted: []provision.EdgeRow{
		member("1", "a"), member("1", "b"), member("2", "a"), manager, {From: userRef("x"), Attribute: "manager", To: userRef("y")},
	}})
	from1 := []provision.Ref{groupRef("1")}
	for _, q := range []struct {
		name string
		q    provision.EdgeQuery
		want []string
	}{
		{"from", provision.EdgeQuery{From: from1}, []string{"G1.members>Ua W", "G1.members>Ub W"}},
		{"from another type", provision.EdgeQuery{From: []provision.Ref{userRef("1")}}, []string{}},
		{"from two types", provision.EdgeQuery{From: []provision.Ref{userRef("a"), groupRef("2")}}, []string{"G2.members>Ua W", "Ua.manager>Ub W"}},
		{"to", provision.EdgeQuery{To: []provision.Ref{userRef("b")}}, []string{"G1.members>Ub W", "Ua.manager>Ub W"}},
		{"both", provision.EdgeQuery{From: from1, To: []provision.Ref{userRef("b"), userRef("c")}}, []string{"G1.members>Ub W"}},
		{"limit", provision.EdgeQuery{From: []provision.Ref{userRef("a")}, To: []provision.Ref{userRef("b")}, Limit: 1}, []string{"Ua.manager>Ub W"}},
		{"ready", provision.EdgeQuery{Ready: true}, []string{}},
		{"neither wanted nor written", provision.EdgeQuery{From: []provision.Ref{userRef("x")}}, []string{}},
		{"nothing asked", provision.EdgeQuery{}, []string{}},
	} {
		if d := diff.Diff(q.want, s.edges(q.q)); d != "" {
			t.Errorf("%s: %s", q.name, d)
		}
	}
	written := member("1", "a")
	written.Written = true
	s.commit(provision.Batch{Written: []provision.EdgeRow{written, written}})
	if d := diff.Diff([]string{"G1.members>Ub W"}, s.edges(provision.EdgeQuery{From: from1, Waiting: true})); d != "" {
		t.Errorf("waiting: %s", d)
	}
	s.commit(provision.Batch{Unwrite: []provision.Ref{userRef("a")}})
	if d := diff.Diff([]string{"G1.members>Ua W", "G1.members>Ub W"}, s.edges(provision.EdgeQuery{From: from1})); d != "" {
		t.Errorf("no longer written: %s", d)
	}
	s.commit(provision.Batch{Unlink: []provision.Ref{userRef("a")}})
	if d := diff.Diff([]string{"G1.members>Ub W"}, s.edges(provision.EdgeQuery{From: []provision.Ref{groupRef("1"), groupRef("2"), userRef("a")}})); d != "" {
		t.Errorf("unlinked: %s", d)
	}
}

// edgeModel is what the store must know of edges and links, in the plainest form.
type edgeModel struct {
	linked map[provision.Ref]bool
	edges  map[provision.EdgeRow]*[2]bool // by the edge without its flags: wanted, written
}

func bareEdge(e provision.EdgeRow) provision.EdgeRow {
	e.Wanted, e.Written = false, false
	return e
}

func (m *edgeModel) apply(b provision.Batch) {
	for _, r := range b.Unlink {
		delete(m.linked, r)
		for e := range m.edges {
			if e.From == r || e.To == r {
				delete(m.edges, e)
			}
		}
	}
	for _, l := range b.Links {
		m.linked[l.Source] = l.Target != ""
	}
	for _, e := range b.Wanted {
		if m.edges[bareEdge(e)] == nil {
			m.edges[bareEdge(e)] = &[2]bool{}
		}
		m.edges[bareEdge(e)][0] = e.Wanted
	}
	for _, e := range b.Written {
		if flags := m.edges[bareEdge(e)]; flags != nil {
			flags[1] = e.Written
		}
	}
	for _, r := range b.Unwrite {
		for e, flags := range m.edges {
			if e.From == r || e.To == r {
				flags[1] = false
			}
		}
	}
	for e, flags := range m.edges {
		if *flags == [2]bool{} {
			delete(m.edges, e)
		}
	}
}

// ready returns the edges to write, as slice.edges does.
func (m *edgeModel) ready() []string {
	lines := []string{}
	for e, flags := range m.edges {
		e.Wanted, e.Written = flags[0], flags[1]
		if e.Wanted != e.Written && m.linked[e.From] && m.linked[e.To] {
			lines = append(lines, edgeLine(e))
		}
	}
	slices.Sort(lines)
	return lines
}

func (m *edgeModel) all() []string {
	lines := []string{}
	for e, flags := range m.edges {
		e.Wanted, e.Written = flags[0], flags[1]
		lines = append(lines, edgeLine(e))
	}
	slices.Sort(lines)
	return lines
}

// testEdgeModel: after any history of batches the edges that are ready are those that a plain model says are.
func testEdgeModel(t *testing.T, open Open) {
	s := working(t, open)
	random := rand.New(rand.NewPCG(1, 2))
	refs := []provision.Ref{userRef("a"), userRef("b"), userRef("c"), groupRef("a"), groupRef("g")}
	m := edgeModel{linked: map[provision.Ref]bool{}, edges: map[provision.EdgeRow]*[2]bool{}}
	some := func() provision.Ref { return refs[random.IntN(len(refs))] }
	for step := range 150 {
		var b provision.Batch
		for range random.IntN(4) {
			b.Links = append(b.Links, provision.Link{Source: some(), Target: []string{"", "t"}[random.IntN(2)]})
		}
		for range random.IntN(4) {
			b.Wanted = append(b.Wanted, provision.EdgeRow{From: some(), Attribute: "members", To: some(), Wanted: random.IntN(3) > 0})
		}
		for range random.IntN(4) {
			b.Written = append(b.Written, provision.EdgeRow{From: some(), Attribute: "members", To: some(), Written: random.IntN(3) > 0})
		}
		if random.IntN(4) == 0 {
			b.Unwrite = []provision.Ref{some(), some()}
		}
		if random.IntN(6) == 0 {
			b.Unlink = []provision.Ref{some()}
		}
		s.commit(b)
		m.apply(b)
		if d := diff.Diff(m.ready(), s.edges(provision.EdgeQuery{Ready: true})); d != "" {
			t.Fatalf("step %d: ready: %s", step, d)
		}
		if d := diff.Diff(m.all(), s.edges(provision.EdgeQuery{From: refs})); d != "" {
			t.Fatalf("step %d: all: %s", step, d)
		}
	}
}
