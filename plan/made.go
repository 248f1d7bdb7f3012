package plan

import (
	"encoding/hex"
	"hash/maphash"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// made is all creates and links that a cycle plans: their source objects will be at the target. A first cycle may bring a million, so
// a row takes some sixty bytes, without pointers: of source objects digests of 128 bits are kept under keys of this plan's own, which
// no two objects share. The zero made, and nil, are empty.
type made struct {
	seeds  [2]maphash.Seed
	blocks [][]madeRow
	n      int
	places []uint32                  // where the digests stand: number of the row + 1, at the digest's place or at the next that was free
	odd    map[int]lockstep.ActionID // ids of rows that are no UUIDs
	few    []connection.Ref          // the source objects, while there are mostFew at most
}

// digest names a source object.
type digest [2]uint64

// madeRow is one row of made.
type madeRow struct {
	source  digest
	id      [16]byte
	manager uint64 // of the digest of the manager whom the row names, 0 is nobody
	rank    int32
	flags   madeFlags
}

type madeFlags uint8

const (
	madeLink       madeFlags = 1 << iota // it joins what is there already; else it is a create
	madeReferences                       // its references are set
	madeRanked                           // the stored row of a person has a rank
	madeAlone                            // it named a manager who will not be there when it is written
)

const (
	madeBlock = 8192
	// mostFew is up to how many source objects are kept by name, so that what they refer to can be asked for one by one.
	mostFew = 1000
)

func newMade() *made { return &made{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}} }

func (m *made) digest(ref connection.Ref) digest {
	return digest{max(1, maphash.Comparable(m.seeds[0], ref)), maphash.Comparable(m.seeds[1], ref)}
}

// managerKey is what a row keeps of its manager's digest.
func (m *made) managerKey(id string) uint64 {
	if id == "" {
		return 0
	}
	return m.digest(connection.Ref{Type: connection.UserType, ID: id})[0]
}

// add takes a row. All are added before anything is asked.
func (m *made) add(row Made) {
	r := madeRow{source: m.digest(row.Source), manager: m.managerKey(row.Refers)}
	if row.Kind == rule.Link {
		r.flags |= madeLink
	}
	if row.References {
		r.flags |= madeReferences
	}
	if row.Rank != 0 && row.Source.Type == connection.UserType { // a group's is always the same
		r.flags |= madeRanked
	}
	if !packID(row.ID, &r.id) {
		if m.odd == nil {
			m.odd = map[int]lockstep.ActionID{}
		}
		m.odd[m.n] = row.ID
	}
	if m.n%madeBlock == 0 {
		m.blocks = append(m.blocks, make([]madeRow, 0, madeBlock))
	}
	last := &m.blocks[len(m.blocks)-1]
	*last = append(*last, r)
	if m.n++; m.n <= mostFew {
		m.few = append(m.few, row.Source)
	} else {
		m.few = nil
	}
}

// packID writes the 16 bytes of a UUID in its canonical form, whose order is that of the text.
func packID(id lockstep.ActionID, into *[16]byte) bool {
	if !lockstep.ValidID(string(id)) {
		return false
	}
	s := string(id)
	_, err := hex.Decode(into[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:]))
	return err == nil
}

func (m *made) len() int {
	if m == nil {
		return 0
	}
	return m.n
}

func (m *made) row(i int) *madeRow { return &m.blocks[i/madeBlock][i%madeBlock] }

// id returns the id of the i-th row.
func (m *made) id(i int) lockstep.ActionID {
	if id, odd := m.odd[i]; odd {
		return id
	}
	b := &m.row(i).id
	var s [36]byte
	hex.Encode(s[:8], b[:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return lockstep.ActionID(s[:])
}

// index makes the rows findable.
func (m *made) index() {
	size := 16
	for size < 2*m.n {
		size *= 2
	}
	m.places = make([]uint32, size)
	for i := range m.n {
		at := m.place(m.row(i).source)
		m.places[at] = uint32(i) + 1 // of two rows of one object the later
	}
}

// place returns where a digest stands, or would stand.
func (m *made) place(d digest) int {
	mask := len(m.places) - 1
	for at := int(d[0]) & mask; ; at = (at + 1) & mask {
		if n := m.places[at]; n == 0 || m.row(int(n)-1).source == d {
			return at
		}
	}
}

// find returns the number of an object's row, -1 when there is none.
func (m *made) find(ref connection.Ref) int {
	if m.len() == 0 {
		return -1
	}
	return int(m.places[m.place(m.digest(ref))]) - 1
}

// comes reports whether the object will be at the target.
func (m *made) comes(ref connection.Ref) bool { return m.find(ref) >= 0 }

// above returns the number of the row of a row's manager, -1 when they are not made. A part of the digest is enough to find them: of
// two with the same part in a million people, once in forty million plans, whoever is met first is taken, and a reference is
// written a little later.
func (m *made) above(i int) int {
	key := m.row(i).manager
	if key == 0 {
		return -1
	}
	mask := len(m.places) - 1
	for at := int(key) & mask; ; at = (at + 1) & mask {
		n := m.places[at]
		if n == 0 {
			return -1
		}
		if m.row(int(n) - 1).source[0] == key {
			return int(n) - 1
		}
	}
}

// carries reports whether the row of the object is a create that takes the reference to their manager along.
func (m *made) carries(e ReferenceRow) bool {
	if e.Attribute != connection.Manager || e.From.Type == connection.GroupType {
		return false
	}
	i := m.find(e.From)
	return i >= 0 && m.row(i).carries(m.managerKey(e.To.ID))
}

func (r *madeRow) carries(manager uint64) bool {
	return r.flags&(madeLink|madeAlone) == 0 && r.manager != 0 && r.manager == manager
}

// depths sets the rank of each row: how often, on the way up from it, a manager who is created too has a later id than who reports to
// them. So rows that are in order as they are, since ids rise with time and who was met first is applied first, have none, and a manager's
// is never above that of their people. Whoever is part of a circle, or reports to one, has the rank ring.
func (m *made) depths() {
	const unknown, onWay = -1, -2
	for i := range m.n {
		m.row(i).rank = unknown
	}
	var way []int
	for i := range m.n {
		way = way[:0]
		at := i
		for at >= 0 && m.row(at).rank == unknown {
			m.row(at).rank = onWay
			way = append(way, at)
			at = m.above(at)
		}
		rank := int32(0)
		if at >= 0 {
			if rank = m.row(at).rank; rank == onWay { // the way has bitten its tail
				rank = ring
			}
		}
		for k := len(way) - 1; k >= 0; k-- {
			if at >= 0 && rank < ring && !m.before(at, way[k]) {
				rank++
			}
			at = way[k]
			m.row(at).rank = rank
		}
	}
}

// before reports whether one row has the lower id.
func (m *made) before(a, b int) bool {
	if m.odd != nil {
		return m.id(a) < m.id(b)
	}
	return string(m.row(a).id[:]) < string(m.row(b).id[:])
}
