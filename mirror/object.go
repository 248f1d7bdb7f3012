package mirror

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Fold is the form in which values are looked up.
func Fold(s string) string { return filter.Fold(norm.NFC.String(s)) }

// Encode returns the object as it is kept: all but Type, ID and Version, which have places of their own, and Grants, which no
// outside system has. References stand in groups of one attribute and type, since some objects have many.
func Encode(o *connection.Object) []byte {
	doc := make(scim.Object, 0, 8)
	doc.Set("name", o.Name)
	doc.Set("values", o.Values)
	doc.Set("references", encodeReferences(o.References))
	doc.Set("names", texts(o.Names))
	doc.Set("disabled", !o.Enabled)
	doc.Set("deleted", o.Deleted)
	if !o.Time.IsZero() {
		doc.Set("time", o.Time.UnixMilli())
	}
	return scim.AppendJSON(make([]byte, 0, 1024), doc)
}

func texts(values []string) scim.List {
	var l scim.List
	for _, v := range values {
		l = append(l, v)
	}
	return l
}

func encodeReferences(all []connection.Reference) scim.List {
	type group struct {
		attribute, typ string
		byName         bool
	}
	var order []group
	ends := map[group]scim.List{}
	for _, r := range all {
		g := group{r.Attribute, r.To.Type, r.To.ID == ""}
		if ends[g] == nil {
			order = append(order, g)
		}
		end := r.To.ID
		if g.byName {
			end = r.Name
		}
		ends[g] = append(ends[g], end)
	}
	var l scim.List
	for _, g := range order {
		o := scim.Object{{Name: "attribute", Value: g.attribute}}
		o.Set("type", g.typ)
		if g.byName {
			o.Set("names", ends[g])
		} else {
			o.Set("ids", ends[g])
		}
		l = append(l, o)
	}
	return l
}

// Decode is the inverse of Encode. The zero text gives an object with its Ref alone.
func Decode(ref connection.Ref, version string, text []byte) (connection.Object, error) {
	o := connection.Object{Ref: ref, Version: version}
	if len(text) == 0 {
		return o, nil
	}
	doc, err := scim.DecodeObject(text)
	if err != nil {
		return o, fmt.Errorf("mirrored %s %s: %w", ref.Type, ref.ID, err)
	}
	flag := func(name string) bool { is, _ := doc.Get(name).(bool); return is }
	o.Name, o.Enabled, o.Deleted = doc.Text("name"), !flag("disabled"), flag("deleted")
	o.Values, _ = doc.Get("values").(scim.Object)
	for _, v := range list(doc, "names") {
		o.Names = append(o.Names, textOf(v))
	}
	for _, v := range list(doc, "references") {
		g, _ := v.(scim.Object)
		r := connection.Reference{Attribute: g.Text("attribute"), To: connection.Ref{Type: g.Text("type")}}
		for _, id := range list(g, "ids") {
			r.To.ID = textOf(id)
			o.References = append(o.References, r)
		}
		for _, name := range list(g, "names") { // of a group that has no ids
			r.Name = textOf(name)
			o.References = append(o.References, r)
		}
	}
	if ms, ok := doc.Get("time").(int64); ok {
		o.Time = time.UnixMilli(ms).UTC()
	}
	return o, nil
}

func list(o scim.Object, name string) scim.List {
	l, _ := o.Get(name).(scim.List)
	return l
}

func textOf(v any) string { s, _ := v.(string); return s }

// HashOf returns a digest of the object without Version and Time. Equal objects whose attributes stand in the same order have
// the same; others differ, but for a chance of 2^-64. References and Names count in any order.
func HashOf(o *connection.Object) int64 {
	hash, _ := hashOf(o)
	return hash
}

func hashOf(o *connection.Object) (hash int64, size int) {
	var room [2048]byte
	b := append(room[:0], o.Name...)
	b = append(b, 0, flags(o))
	b = appendPlain(b, o.Values)
	b = appendSorted(b, len(o.References), func(b []byte, i int) []byte {
		r := &o.References[i]
		for _, s := range [...]string{r.Attribute, r.To.Type, r.To.ID, r.Name} {
			b = appendText(b, s)
		}
		return b
	})
	b = appendSorted(b, len(o.Names), func(b []byte, i int) []byte { return appendText(b, o.Names[i]) })
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:])), len(b)
}

func flags(o *connection.Object) (f byte) {
	for i, is := range [...]bool{o.Enabled, o.Deleted} {
		if is {
			f |= 1 << i
		}
	}
	return f
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendPlain appends an encoding of a value that is never a prefix of another's. Attributes and elements keep their order, which
// makes it much cheaper than scim.Hash; Same decides when two digests differ.
func appendPlain(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(append(b, 's'), v)
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v+0))
	case scim.Object:
		b = binary.AppendUvarint(append(b, '{'), uint64(len(v)))
		for i := range v {
			b = appendPlain(appendText(b, v[i].Name), v[i].Value)
		}
		return b
	case scim.List:
		b = binary.AppendUvarint(append(b, '['), uint64(len(v)))
		for i := range v {
			b = appendPlain(b, v[i])
		}
		return b
	}
	return append(b, 'n')
}

// appendSorted appends n parts in the order of their encodings.
func appendSorted(b []byte, n int, part func([]byte, int) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(n))
	switch n {
	case 0:
		return b
	case 1:
		return part(b, 0)
	}
	var all []byte
	ends := make([]int, n+1)
	for i := range n {
		all = part(all, i)
		ends[i+1] = len(all)
	}
	parts := make([][]byte, n)
	for i := range n {
		parts[i] = all[ends[i]:ends[i+1]]
	}
	slices.SortFunc(parts, bytes.Compare)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Same reports whether two objects are the same but for Version and Time, in whatever order their attributes stand.
func Same(a, b *connection.Object) bool {
	return a.Name == b.Name && flags(a) == flags(b) && scim.Equal(a.Values, b.Values) &&
		sameSet(a.References, b.References, lessReference) && sameSet(a.Names, b.Names, strings.Compare)
}

func sameSet[T comparable](a, b []T, less func(T, T) int) bool {
	if len(a) != len(b) || slices.Equal(a, b) {
		return len(a) == len(b)
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), less), slices.SortedFunc(slices.Values(b), less))
}

func lessReference(a, b connection.Reference) int {
	for _, p := range [...][2]string{{a.Attribute, b.Attribute}, {a.To.Type, b.To.Type}, {a.To.ID, b.To.ID}, {a.Name, b.Name}} {
		if c := strings.Compare(p[0], p[1]); c != 0 {
			return c
		}
	}
	return 0
}

// Merge returns the object as a change that lists only the references that came and went leaves it (connection.Object.Partial).
func Merge(old, change connection.Object) connection.Object {
	went := map[connection.Reference]bool{}
	here := map[connection.Reference]bool{}
	all := []connection.Reference{}
	for _, r := range change.References {
		plain := r
		plain.Gone = false
		went[plain] = r.Gone
	}
	for _, r := range old.References {
		if !went[r] {
			here[r] = true
			all = append(all, r)
		}
	}
	for _, r := range change.References {
		if plain := r; !r.Gone && !here[plain] && !went[plain] {
			here[plain] = true
			all = append(all, plain)
		}
	}
	change.References, change.Partial = all, false
	return change
}

// Pointer is what stands for an end of references where the objects that have them are looked up.
type Pointer int64

// PointersOf returns by what an object is looked up as the other end of others' references: for each that names its end, and for
// each of the kind that is read from the other side (connection.MemberOf). Two different ends have the same Pointer with a chance
// of 2^-64.
func PointersOf(o *connection.Object) []Pointer {
	var all []Pointer
	for _, r := range o.References {
		switch {
		case r.Attribute == connection.MemberOf:
			all = append(all, memberPointer(r))
		case r.To.ID == "" && r.Name != "":
			all = append(all, NamePointer(r.Name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// NamePointer stands for whoever has a name.
func NamePointer(name string) Pointer { return pointer("n", name) }

// MemberPointers stand for a group as those show it who say that they are its members: by one of its names, or by its id.
func MemberPointers(group *connection.Object) []Pointer {
	all := []Pointer{memberPointer(connection.Reference{To: group.Ref})}
	for _, n := range group.Names {
		all = append(all, memberPointer(connection.Reference{Name: n}))
	}
	return all
}

func memberPointer(r connection.Reference) Pointer {
	if r.To.ID != "" {
		return pointer("i", r.To.ID) // whatever its type is called: an id has one object
	}
	return pointer("m", r.Name)
}

func pointer(kind, text string) Pointer {
	sum := sha256.Sum256(append([]byte(kind), text...))
	return Pointer(binary.BigEndian.Uint64(sum[:]))
}

// MemberEnds returns the groups that an object says it is a member of, as it refers to them.
func MemberEnds(o *connection.Object) []connection.Reference {
	var all []connection.Reference
	for _, r := range o.References {
		if r.Attribute == connection.MemberOf {
			all = append(all, r)
		}
	}
	return all
}
