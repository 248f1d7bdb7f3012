package csvfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/scim/filter"
)

const (
	maxGroups = 4 << 20 // in one file
	maxNames  = 1 << 30 // bytes of the names of a window
)

// memberships are the rows of the file of memberships, which come in any order.
//
// The file is gone over once to count the rows of each group, and then once for each window: so many groups, in the order of their
// file, that their memberships fit into memory.
type memberships struct {
	*pass
	doc    document
	groups []groupKey // by hash, once survey has begun
	count  []uint32   // rows, by number of the group

	partial map[int]bool // groups with a row that cannot be used
	doubt   bool         // a row that cannot be used may belong to any group
	strays  int          // rows that name a group which is not there
	notes   []string

	from, after int      // the window: groups with these numbers
	starts      []uint32 // where the members of a group begin in items
	items       []item
	names       string
}

// groupKey gives the number of a group, which is its place in the file of groups.
type groupKey struct {
	hash   uint64
	number uint32
}

// item is one membership of the window.
type item struct {
	at   uint32 // in names
	size uint32
	kind memberKind
}

type memberKind uint8

const (
	anyMember memberKind = iota
	userMember
	groupMember
)

func (k memberKind) typ() string {
	return [...]string{"", connection.UserType, connection.GroupType}[k]
}

// group notes the id of a group.
func (m *memberships) group(hash uint64) error {
	if len(m.groups) == maxGroups {
		return &lockstep.Error{Code: lockstep.CodeSourceLimit, Detail: fmt.Sprintf("The file %s has more than %d groups.", m.docs[0].name, maxGroups)}
	}
	m.groups = append(m.groups, groupKey{hash, uint32(len(m.groups))})
	return nil
}

// find returns the number of a group, -1 when it is not there.
func (m *memberships) find(hash uint64) int {
	i, ok := slices.BinarySearchFunc(m.groups, hash, func(k groupKey, h uint64) int { return cmp.Compare(k.hash, h) })
	if !ok {
		return -1
	}
	return int(m.groups[i].number)
}

// survey counts the memberships, and notes those that cannot be used.
func (m *memberships) survey(ctx context.Context) error {
	slices.SortFunc(m.groups, func(a, b groupKey) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.number, b.number)) })
	m.count, m.partial = make([]uint32, len(m.groups)), map[int]bool{}
	if m.doc.missing() {
		return nil
	}
	first := ""
	t, err := m.scan(ctx, func(t *text, r record) error {
		n, _, what := m.membership(t, r)
		switch {
		case what != "":
			return m.unusable(ctx, t, r, n, what)
		case n < 0:
			if m.strays++; first == "" {
				first = fmt.Sprintf("the first one is %q in line %d", cut(string(t.cell(t.id))), r.line)
			}
		default:
			m.count[n]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.notes = t.describe()
	if m.strays > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%s: %d rows name a group that %s does not have; %s.", m.doc.name, m.strays, m.docs[0].name, first))
	}
	return nil
}

// scan calls use with each row of the file.
func (m *memberships) scan(ctx context.Context, use func(*text, record) error) (*text, error) {
	t, err := m.open(ctx, m.doc, m.columns, m.beat)
	if err != nil {
		return nil, err
	}
	defer t.close()
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			return t, m.end(t)
		}
		if err != nil {
			return t, m.in(t.name, err)
		}
		if err := use(t, r); err != nil {
			return t, err
		}
	}
}

// columns finds the columns group, member and type.
func (m *memberships) columns(header []string) (layout, error) {
	l := layout{header: header, id: -1, active: -1, reference: -1, userName: -1, kind: -1}
	if err := l.distinct(); err != nil {
		return l, err
	}
	for i, name := range header {
		switch filter.Fold(name) {
		case "group":
			l.id = i
		case "member":
			l.reference = i
		case "type":
			l.kind = i
		}
	}
	if l.id < 0 || l.reference < 0 {
		return l, malformedHeader(fmt.Sprintf("It needs the columns group and member; it has %s.", quoteAll(header)))
	}
	return l, nil
}

// membership reads one row: the number of the group, -1 when it is not known, and what is wrong, if anything is.
func (m *memberships) membership(t *text, r record) (group int, kind memberKind, wrong string) {
	group = -1
	id := t.handle(r)
	if id != nil {
		group = m.find(m.repeat.hash(id))
	}
	switch member := t.cell(t.reference); {
	case r.fault != "":
		return group, 0, r.fault
	case m.doc.doubt && !t.rows.ended:
		return group, 0, "it may have been cut off: it has no line end"
	case id == nil || len(member) == 0:
		return group, 0, "group and member must not be empty, nor have characters that are not seen"
	case asHandle.wrong(member) != "":
		return group, 0, "the column " + t.header[t.reference] + " " + asHandle.wrong(member)
	}
	if t.kind < 0 {
		return group, anyMember, ""
	}
	switch name := string(t.cell(t.kind)); {
	case name == "":
		return group, anyMember, ""
	case strings.EqualFold(name, connection.UserType):
		return group, userMember, ""
	case strings.EqualFold(name, connection.GroupType):
		return group, groupMember, ""
	default:
		return group, 0, fmt.Sprintf("the type %q is neither User nor Group", cut(name))
	}
}

// unusable notes a row that cannot be used: the groups that it may belong to keep the members that they have.
func (m *memberships) unusable(ctx context.Context, t *text, r record, group int, what string) error {
	id := ""
	switch {
	case group >= 0 && r.others == 0:
		m.partial[group], id = true, string(t.handle(r))
	case t.handle(r) != nil && r.others == 0:
		m.strays++ // whatever it says, it is of a group that is not there
		return nil
	default:
		m.doubt = true
	}
	if m.from1() {
		m.hide(t, r, id, lockstep.CodeSourceRow, "This membership cannot be used: "+what+".")
		if m.full() {
			return m.flush(ctx, m.pass.from)
		}
	}
	return nil
}

// from1 reports whether the pass begins at the first group: otherwise what is hidden was told before.
func (m *memberships) from1() bool { return m.pass.from.offset == 0 }

// of appends the members of a group to its references.
func (m *memberships) of(ctx context.Context, group int, to []connection.Reference) ([]connection.Reference, error) {
	if m.count[group] == 0 {
		return to, nil
	}
	if group < m.from || group >= m.after {
		if err := m.load(ctx, group); err != nil {
			return nil, err
		}
	}
	from := m.starts[group-m.from]
	items := m.items[from : from+m.count[group]]
	to = slices.Grow(to, len(items))
	for _, i := range items {
		to = append(to, connection.Reference{Attribute: connection.Members, To: connection.Ref{Type: i.kind.typ()}, Name: m.names[i.at : i.at+i.size]})
	}
	return to, nil
}

// load reads the window that begins with a group.
func (m *memberships) load(ctx context.Context, group int) error {
	total := uint32(0)
	m.from, m.after, m.starts, m.names = group, group, m.starts[:0], ""
	for m.after < len(m.count) && (m.after == group || total+m.held(m.after) <= m.limits.window) {
		m.starts = append(m.starts, total)
		total += m.held(m.after)
		m.after++
	}
	m.items = slices.Grow(m.items[:0], int(total))[:total]
	var names []byte
	next := slices.Clone(m.starts)
	_, err := m.scan(ctx, func(t *text, r record) error {
		n, kind, what := m.membership(t, r)
		if what != "" || n < m.from || n >= m.after || m.held(n) == 0 {
			return nil
		}
		at := len(names)
		names = append(names, filter.Fold(string(t.cell(t.reference)))...)
		if i := n - m.from; int(next[i]) < len(m.items) && len(names) < maxNames {
			m.items[next[i]] = item{uint32(at), uint32(len(names) - at), kind}
			next[i]++
			return nil
		}
		return m.changed(t.name)
	})
	m.names = string(names)
	return err
}

// held returns how many memberships of a group are held: none of one that has too many or is not asked for.
func (m *memberships) held(group int) uint32 {
	if n := m.count[group]; n <= m.limits.members {
		return n
	}
	return 0
}
