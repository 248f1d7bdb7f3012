package scim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"lockstep/scim/filter"
)

// Hash returns a digest of the object that does not depend on the order of attributes, the order of list elements, or the
// case of names. Objects that are Equal have the same Hash; objects that are not have different ones, but for a chance of
// 2^-64. It is the same in every process and on every machine, so it may be stored.
func Hash(o Object) [16]byte { return hashValue(o) }

func hashValue(v any) [16]byte {
	sum := sha256.Sum256(appendCanonical(make([]byte, 0, 1024), v))
	return [16]byte(sum[:16])
}

// appendCanonical appends an encoding that is the same for equal values and never a prefix of another: a tag, a length or
// count, and the content; attributes and elements in the order of their encodings.
func appendCanonical(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		dst = binary.AppendUvarint(append(dst, 's'), uint64(len(v)))
		return append(dst, v...)
	case bool:
		if v {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(v+0)) // +0: one zero
	case Object:
		dst = binary.AppendUvarint(append(dst, '{'), uint64(len(v)))
		return appendAttributes(dst, v)
	case List:
		dst = binary.AppendUvarint(append(dst, '['), uint64(len(v)))
		if len(v) == 1 {
			return appendCanonical(dst, v[0])
		}
		return appendElements(dst, v)
	}
	return append(dst, 'n')
}

func appendAttributes(dst []byte, o Object) []byte {
	var few [32]Attr
	sorted := few[:0]
	for _, a := range o {
		sorted = append(sorted, Attr{Name: filter.Fold(a.Name), Value: a.Value})
	}
	slices.SortFunc(sorted, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range sorted {
		dst = appendCanonical(dst, a.Name)
		dst = appendCanonical(dst, a.Value)
	}
	return dst
}

func appendElements(dst []byte, l List) []byte {
	var all []byte
	ends := make([]int, len(l)+1)
	for i := range l {
		all = appendCanonical(all, l[i])
		ends[i+1] = len(all)
	}
	parts := make([][]byte, len(l))
	for i := range parts {
		parts[i] = all[ends[i]:ends[i+1]]
	}
	slices.SortFunc(parts, bytes.Compare)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}
