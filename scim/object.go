package scim

import "strings"

// Object is a set of attributes in the order in which they were set. Names are compared without regard to case (RFC
// 7643 §2.1) and keep the spelling of whoever set them first. The zero Object is empty and ready to use.
//
// A value is one of: string, bool, int64, float64, Object, or List of these. Nothing else appears, so a type switch over
// those six is complete. A null, an empty List and an absent attribute are the same state (RFC 7643 §2.5): Set with any of
// them removes the attribute.
type Object []Attr

// Attr is one attribute of an Object.
type Attr struct {
	Name  string
	Value any
}

// List is the value of a multi-valued attribute. Its elements are values, but never Lists.
type List []any

// Len returns the number of elements.
func (l List) Len() int { return len(l) }

// At returns the element i, which is at least 0 and less than Len.
func (l List) At(i int) any { return l[i] }

// Get returns the value of the attribute, or nil when it is absent.
func (o Object) Get(name string) any {
	if i := o.index(name); i >= 0 {
		return o[i].Value
	}
	return nil
}

// Text returns the attribute when it is a string, else "".
func (o Object) Text(name string) string {
	s, _ := o.Get(name).(string)
	return s
}

// Has reports whether the attribute is present.
func (o Object) Has(name string) bool { return o.index(name) >= 0 }

// Set gives the attribute a value, in place when it exists, at the end when it does not. A nil value, an empty List and an
// empty Object remove it.
func (o *Object) Set(name string, value any) {
	if emptyValue(value) {
		o.Delete(name)
		return
	}
	if i := o.index(name); i >= 0 {
		(*o)[i].Value = value
		return
	}
	*o = append(*o, Attr{Name: name, Value: value})
}

// Delete removes the attribute; removing an absent one does nothing.
func (o *Object) Delete(name string) {
	if i := o.index(name); i >= 0 {
		*o = append((*o)[:i], (*o)[i+1:]...)
	}
}

func (o Object) index(name string) int {
	for i := range o {
		if len(o[i].Name) == len(name) && (o[i].Name == name || strings.EqualFold(o[i].Name, name)) {
			return i
		}
	}
	return -1
}

func emptyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case List:
		return len(v) == 0
	case Object:
		return len(v) == 0
	}
	return false
}

// Clone returns a deep copy.
func (o Object) Clone() Object {
	if o == nil {
		return nil
	}
	c := make(Object, len(o))
	for i, a := range o {
		c[i] = Attr{Name: a.Name, Value: CloneValue(a.Value)}
	}
	return c
}

// CloneValue returns a deep copy of an attribute value.
func CloneValue(v any) any {
	switch v := v.(type) {
	case Object:
		return v.Clone()
	case List:
		c := make(List, len(v))
		for i := range v {
			c[i] = CloneValue(v[i])
		}
		return c
	}
	return v
}

// Equal reports whether two values are the same. The order of attributes does not matter; the order of list elements does
// not either (RFC 7643 §2.4: values have no guaranteed order), but how often each occurs does. Strings compare exactly.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case Object:
		b, ok := b.(Object)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			j := b.index(a[i].Name)
			if j < 0 || !Equal(a[i].Value, b[j].Value) {
				return false
			}
		}
		return true
	case List:
		b, ok := b.(List)
		return ok && equalList(a, b)
	}
	switch b.(type) {
	case Object, List:
		return false
	}
	return a == b
}

// equalList compares in the order given first, which is the usual case, then without order.
func equalList(a, b List) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && Equal(a[i], b[i]) {
		i++
	}
	if len(a)-i > smallList {
		return sameHashes(a[i:], b[i:])
	}
	used := make([]bool, len(b))
next:
	for _, x := range a[i:] {
		for j := i; j < len(b); j++ {
			if !used[j] && Equal(x, b[j]) {
				used[j] = true
				continue next
			}
		}
		return false
	}
	return true
}

// smallList is the length up to which comparing all pairs is faster than anything else.
const smallList = 16

func sameHashes(a, b List) bool {
	count := make(map[[16]byte]int, len(a))
	for _, x := range a {
		count[hashValue(x)]++
	}
	for _, x := range b {
		h := hashValue(x)
		if count[h] == 0 {
			return false
		}
		count[h]--
	}
	return true
}
