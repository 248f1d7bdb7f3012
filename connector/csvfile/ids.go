package csvfile

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"math"
	"slices"

	"lockstep"
)

// repeats finds the ids that stand in more than one row, in bounded memory: it remembers hashes of 64 bits under a key of its own,
// and where there are too many of them, it looks at a part of all hashes at a time and needs several passes.
//
// Two different ids have one hash once in thirty million reads of a million people. Both rows are called repeated then, and the next
// read has another key.
type repeats struct {
	seed       maphash.Seed
	from, upto uint64 // hashes of this pass
	limit      int
	keys       []uint64
	found      []uint64 // sorted
}

func newRepeats(limit int) *repeats {
	return &repeats{seed: maphash.MakeSeed(), upto: math.MaxUint64, limit: limit}
}

func (x *repeats) hash(id []byte) uint64 { return maphash.Bytes(x.seed, id) }

// add notes that a row has the id with the hash.
func (x *repeats) add(h uint64) {
	if h < x.from || h > x.upto {
		return
	}
	if len(x.keys) == x.limit {
		x.settle()
		if half := x.limit / 2; len(x.keys) > half { // leave the upper half to the next pass
			x.upto = x.keys[half] - 1
			x.keys = x.keys[:half]
			if h > x.upto {
				return
			}
		}
	}
	x.keys = append(x.keys, h)
}

// settle sorts the keys and takes out the repeated ones.
func (x *repeats) settle() {
	slices.Sort(x.keys)
	kept := x.keys[:0]
	for i, k := range x.keys {
		if i > 0 && k == x.keys[i-1] {
			if n := len(x.found); n == 0 || x.found[n-1] != k {
				x.found = append(x.found, k)
			}
			continue
		}
		kept = append(kept, k)
	}
	x.keys = kept
}

// next ends a pass. It reports whether another one is needed.
func (x *repeats) next() bool {
	x.settle()
	x.keys = x.keys[:0]
	if x.upto == math.MaxUint64 {
		x.keys = nil
		slices.Sort(x.found)
		x.found = slices.Compact(x.found)
		return false
	}
	x.from, x.upto = x.upto+1, math.MaxUint64
	return true
}

// has reports whether the id stands in more than one row.
func (x *repeats) has(id []byte) bool {
	if len(x.found) == 0 {
		return false
	}
	_, ok := slices.BinarySearch(x.found, x.hash(id))
	return ok
}

// ids goes over the first file for its ids. Note is called with the hash of each id, in order.
func (p *pass) ids(ctx context.Context, find finder, note func(uint64) error) error {
	p.repeat = newRepeats(p.limits.keys)
	for again, first := true, true; again; first = false {
		t, err := p.open(ctx, p.docs[0], find, p.beat)
		if err != nil {
			return err
		}
		err = p.idsOf(t, first, note)
		t.close()
		if err != nil {
			return err
		}
		if len(p.repeat.found) > p.limits.keys {
			return &lockstep.Error{Code: lockstep.CodeSourceDuplicate, Detail: t.name + ": millions of ids stand in more than one row."}
		}
		again = p.repeat.next()
	}
	return nil
}

func (p *pass) idsOf(t *text, first bool, note func(uint64) error) error {
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			return p.end(t)
		}
		if err != nil {
			return p.in(t.name, err)
		}
		if first {
			p.total += 1 + r.others
		}
		id := t.handle(r)
		if id == nil {
			continue
		}
		h := p.repeat.hash(id)
		p.repeat.add(h)
		if first && note != nil {
			if err := note(h); err != nil {
				return err
			}
		}
	}
}

// handle returns the id of a row, nil when it has none that is certain.
func (t *text) handle(r record) []byte {
	if t.id >= r.sure {
		return nil
	}
	if id := t.cell(t.id); len(id) > 0 && asHandle.wrong(id) == "" {
		return id
	}
	return nil
}
