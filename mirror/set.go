package mirror

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Set is a set of row numbers. The zero Set is empty. It takes a bit for each number up to the highest.
type Set struct {
	words []uint64
	count int
}

// Add adds a number and reports whether it is new.
func (s *Set) Add(n int64) bool {
	i := int(n >> 6)
	for len(s.words) <= i {
		s.words = append(s.words, make([]uint64, max(i+1-len(s.words), len(s.words)/4, 16))...)
	}
	bit := uint64(1) << (n & 63)
	if s.words[i]&bit != 0 {
		return false
	}
	s.words[i] |= bit
	s.count++
	return true
}

// Has reports whether the number is in the set.
func (s *Set) Has(n int64) bool {
	i := int(n >> 6)
	return i < len(s.words) && s.words[i]&(1<<(n&63)) != 0
}

// Len returns how many numbers there are.
func (s *Set) Len() int { return s.count }

// Minus returns the numbers that are not in the other set.
func (s *Set) Minus(other *Set) *Set {
	rest := &Set{words: slices.Clone(s.words)}
	for i := range rest.words {
		if i < len(other.words) {
			rest.words[i] &^= other.words[i]
		}
		rest.count += bits.OnesCount64(rest.words[i])
	}
	return rest
}

// Numbers returns the numbers in ascending order.
func (s *Set) Numbers() []int64 {
	all := make([]int64, 0, s.count)
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			all = append(all, int64(i)<<6+int64(bits.TrailingZeros64(w)))
		}
	}
	return all
}

// EncodeSet returns numbers as a short text: runs of neighbours, each as its distance from the run before and its length. The
// rows of a page were mostly made together, so there are few runs.
func EncodeSet(numbers []int64) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(numbers)))
	var b []byte
	last := int64(-1)
	for i := 0; i < len(sorted); {
		n := 1
		for i+n < len(sorted) && sorted[i+n] == sorted[i]+int64(n) {
			n++
		}
		b = binary.AppendUvarint(b, uint64(sorted[i]-last-1))
		b = binary.AppendUvarint(b, uint64(n-1))
		last = sorted[i] + int64(n) - 1
		i += n
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// Decode adds to the set what EncodeSet made a text of.
func (s *Set) Decode(text string) error {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("set of rows: %w", err)
	}
	next := int64(0)
	for len(b) > 0 {
		gap, i := binary.Uvarint(b)
		if i <= 0 {
			return fmt.Errorf("set of rows: %d bytes that are no number", len(b))
		}
		n, j := binary.Uvarint(b[i:])
		if j <= 0 || gap > maxNumber || n > maxNumber || next+int64(gap+n) > maxNumber {
			return fmt.Errorf("set of rows: %d bytes that are no run", len(b))
		}
		b = b[i+j:]
		next += int64(gap)
		for range n + 1 {
			s.Add(next)
			next++
		}
	}
	return nil
}

// maxNumber is the highest number of a row.
const maxNumber = 1<<32 - 1
