package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
)

func userRef(id string) connection.Ref { return connection.Ref{Type: "User", ID: id} }

func groupRef(id string) connection.Ref { return connection.Ref{Type: "Group", ID: id} }

func member(group, user string) plan.ReferenceRow {
	return plan.ReferenceRow{From: groupRef(group), Attribute: "members", To: userRef(user), Wanted: true}
}

// edges returns what a query finds, one sorted line an edge: W wanted, D written.
func (s slice) edges(q plan.ReferenceQuery) []string {
	s.Helper()
	all, err := s.db.References(s.Context(), s.tenant, s.job.ID, q)
	s.ok(err)
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = edgeLine(e)
	}
	slices.Sort(lines)
	return lines
}

func edgeLine(e plan.ReferenceRow) string {
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
	manager := plan.ReferenceRow{From: userRef("a"), Attribute: "manager", To: userRef("b"), Wanted: true}
	s.commit(provision.Batch{Wanted: []plan.ReferenceRow{
		member("1", "a"), member("1", "b"), member("2", "a"), manager, {From: userRef("x"), Attribute: "manager", To: userRef("y")},
	}})
	from1 := []connection.Ref{groupRef("1")}
	for _, q := range []struct {
		name string
		q    plan.ReferenceQuery
		want []string
	}{
		{"from", plan.ReferenceQuery{From: from1}, []string{"G1.members>Ua W", "G1.members>Ub W"}},
		{"from another type", plan.ReferenceQuery{From: []connection.Ref{userRef("1")}}, []string{}},
		{"from two types", plan.ReferenceQuery{From: []connection.Ref{userRef("a"), groupRef("2")}}, []string{"G2.members>Ua W", "Ua.manager>Ub W"}},
		{"to", plan.ReferenceQuery{To: []connection.Ref{userRef("b")}}, []string{"G1.members>Ub W", "Ua.manager>Ub W"}},
		{"both", plan.ReferenceQuery{From: from1, To: []connection.Ref{userRef("b"), userRef("c")}}, []string{"G1.members>Ub W"}},
		{"limit", plan.ReferenceQuery{From: []connection.Ref{userRef("a")}, To: []connection.Ref{userRef("b")}, Limit: 1}, []string{"Ua.manager>Ub W"}},
		{"ready", plan.ReferenceQuery{Ready: true}, []string{}},
		{"neither wanted nor written", plan.ReferenceQuery{From: []connection.Ref{userRef("x")}}, []string{}},
		{"nothing asked", plan.ReferenceQuery{}, []string{}},
	} {
		if d := diff.Diff(q.want, s.edges(q.q)); d != "" {
			t.Errorf("%s: %s", q.name, d)
		}
	}
	written := member("1", "a")
	written.Written = true
	s.commit(provision.Batch{Written: []plan.ReferenceRow{written, written}})
	if d := diff.Diff([]string{"G1.members>Ub W"}, s.edges(plan.ReferenceQuery{From: from1, Waiting: true})); d != "" {
		t.Errorf("waiting: %s", d)
	}
	s.commit(provision.Batch{Unwrite: []connection.Ref{userRef("a")}})
	if d := diff.Diff([]string{"G1.members>Ua W", "G1.members>Ub W"}, s.edges(plan.ReferenceQuery{From: from1})); d != "" {
		t.Errorf("no longer written: %s", d)
	}
	s.commit(provision.Batch{Unlink: []connection.Ref{userRef("a")}})
	if d := diff.Diff([]string{"G1.members>Ub W"}, s.edges(plan.ReferenceQuery{From: []connection.Ref{groupRef("1"), groupRef("2"), userRef("a")}})); d != "" {
		t.Errorf("unlinked: %s", d)
	}
}

// edgeModel is what the store must know of edges and links, in the plainest form.
type edgeModel struct {
	linked map[connection.Ref]bool
	edges  map[plan.ReferenceRow]*[2]bool // by the edge without its flags: wanted, written
}

func bareEdge(e plan.ReferenceRow) plan.ReferenceRow {
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
	refs := []connection.Ref{userRef("a"), userRef("b"), userRef("c"), groupRef("a"), groupRef("g")}
	m := edgeModel{linked: map[connection.Ref]bool{}, edges: map[plan.ReferenceRow]*[2]bool{}}
	some := func() connection.Ref { return refs[random.IntN(len(refs))] }
	for step := range 150 {
		var b provision.Batch
		for range random.IntN(4) {
			b.Links = append(b.Links, plan.Link{Source: some(), Target: []string{"", "t"}[random.IntN(2)]})
		}
		for range random.IntN(4) {
			b.Wanted = append(b.Wanted, plan.ReferenceRow{From: some(), Attribute: "members", To: some(), Wanted: random.IntN(3) > 0})
		}
		for range random.IntN(4) {
			b.Written = append(b.Written, plan.ReferenceRow{From: some(), Attribute: "members", To: some(), Written: random.IntN(3) > 0})
		}
		if random.IntN(4) == 0 {
			b.Unwrite = []connection.Ref{some(), some()}
		}
		if random.IntN(6) == 0 {
			b.Unlink = []connection.Ref{some()}
		}
		s.commit(b)
		m.apply(b)
		if d := diff.Diff(m.ready(), s.edges(plan.ReferenceQuery{Ready: true})); d != "" {
			t.Fatalf("step %d: ready: %s", step, d)
		}
		if d := diff.Diff(m.all(), s.edges(plan.ReferenceQuery{From: refs})); d != "" {
			t.Fatalf("step %d: all: %s", step, d)
		}
	}
}
