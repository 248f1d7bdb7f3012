package mirror

import (
	"slices"
	"strings"

	"lockstep/connection"
	"lockstep/scim"
	"lockstep/scim/filter"
)

// Wanted says what is read of a type, and what is kept of it.
type Wanted struct {
	Type    string
	Paths   []string // attributes that a mapping, filter or matching names, as paths; empty is all
	Keys    []string // attributes that objects without an owner are looked up by, as paths
	Secrets []string // further names of attributes that are never kept: those that the type's schema hides (scim.Type.Hidden)
}

// sameObjects reports whether the same is kept of objects.
func (w *Wanted) sameObjects(other Wanted) bool {
	return slices.Equal(w.Paths, other.Paths) && slices.Equal(w.Secrets, other.Secrets)
}

// Keep cuts objects down to what is kept. Entry is for one goroutine at a time.
type Keep struct {
	attributes map[string]bool            // names of attributes, folded; nil keeps all
	extensions map[string]map[string]bool // by URN, folded: names of its attributes
	secrets    map[string]bool
	keys       []keyPath
	known      map[string]naming // what was found out about names; they are the same in all objects
}

// naming is what is known of a name of an attribute, at the top of an object or anywhere in it.
type naming struct {
	secret bool
	core   bool            // the URN of a schema whose attributes are the object's own
	kept   bool            // with everything in it
	part   bool            // an extension of which parts are kept
	parts  map[string]bool // these
}

// maxNamings bounds what is remembered: names come from outside.
const maxNamings = 4096

func (k *Keep) naming(name string) naming {
	n, ok := k.known[name]
	if ok {
		return n
	}
	folded := filter.Fold(name)
	n.secret = k.secret(folded)
	n.core = strings.HasPrefix(folded, coreURN)
	n.kept = k.attributes == nil || k.attributes[folded]
	if !n.kept {
		n.parts, n.part = k.extensions[folded]
	}
	if k.known == nil || len(k.known) >= maxNamings {
		k.known = map[string]naming{}
	}
	k.known[name] = n
	return n
}

type keyPath struct {
	name string
	path filter.Path
}

// NewKeep prepares what is wanted. A path that cannot be parsed is the name of an attribute as it stands; a key that cannot is left
// out.
func NewKeep(w Wanted) *Keep {
	k := &Keep{secrets: map[string]bool{}}
	for _, s := range w.Secrets {
		k.secrets[filter.Fold(lastPart(s))] = true
	}
	if len(w.Paths) > 0 {
		k.attributes, k.extensions = map[string]bool{}, map[string]map[string]bool{}
	}
	for _, s := range w.Paths {
		k.path(s)
	}
	for _, s := range w.Keys {
		if p, err := filter.ParsePath(s); err == nil {
			k.keys = append(k.keys, keyPath{s, p})
		}
	}
	return k
}

// path keeps one path. A part of an attribute keeps the whole: its elements are of little use without one another.
func (k *Keep) path(s string) {
	k.attributes[filter.Fold(s)] = true // an attribute of this very name, whatever it is
	p, err := filter.ParsePath(s)
	if err != nil {
		return
	}
	urn := filter.Fold(p.URN)
	switch {
	case urn == "" || strings.HasPrefix(urn, coreURN):
		k.attributes[filter.Fold(p.Attr)] = true
	case k.extensions[urn] == nil:
		k.extensions[urn] = map[string]bool{filter.Fold(p.Attr): true}
	default:
		k.extensions[urn][filter.Fold(p.Attr)] = true
	}
}

const coreURN = "urn:ietf:params:scim:schemas:core:"

// Entry is an object of a page, ready to be compared with its row.
type Entry struct {
	Object connection.Object // with nothing but what is kept
	Hash   int64
	Size   int // about how many bytes there were
}

// Entry makes an object of a page ready. The object itself is not changed.
func (k *Keep) Entry(o connection.Object) Entry {
	o.Grants = nil
	o.Values = k.values(o.Values)
	if slices.ContainsFunc(o.References, toNobody) {
		o.References = slices.DeleteFunc(slices.Clone(o.References), toNobody)
	}
	hash, size := hashOf(&o)
	return Entry{Object: o, Hash: hash, Size: size}
}

// toNobody reports whether a reference names its end by an id that no object can be kept with.
func toNobody(r connection.Reference) bool { return len(r.To.ID) > connection.LongestID }

// values returns the attributes that are kept: the same object when nothing has to go.
func (k *Keep) values(o scim.Object) scim.Object {
	whole := true
	for i := range o {
		n := k.naming(o[i].Name)
		if n.secret || n.core || !n.kept || empty(o[i].Value) || k.hides(o[i].Value) {
			whole = false
			break
		}
	}
	if whole {
		return o
	}
	kept := make(scim.Object, 0, len(o))
	for _, a := range o {
		n := k.naming(a.Name)
		inner, complex := a.Value.(scim.Object)
		switch {
		case n.secret:
			continue
		case n.core && complex:
			a.Value = k.values(inner)
		case n.part && complex:
			a.Value = k.clean(only(inner, n.parts))
		case n.kept:
			a.Value = k.clean(a.Value)
		default:
			continue
		}
		kept = appendAttr(kept, a)
	}
	return kept
}

// appendAttr leaves out what is as good as absent.
func appendAttr(o scim.Object, a scim.Attr) scim.Object {
	if empty(a.Value) {
		return o
	}
	return append(o, a)
}

// empty reports whether an attribute with this value is as good as absent (RFC 7643 §2.5).
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case scim.Object:
		return len(v) == 0
	case scim.List:
		return len(v) == 0
	}
	return false
}

// only returns the attributes with these names.
func only(o scim.Object, names map[string]bool) scim.Object {
	var kept scim.Object
	for _, a := range o {
		if names[filter.Fold(a.Name)] {
			kept = append(kept, a)
		}
	}
	return kept
}

// clean returns the value without secrets in it.
func (k *Keep) clean(v any) any {
	switch v := v.(type) {
	case scim.Object:
		if !k.hides(v) {
			return v
		}
		var kept scim.Object
		for _, a := range v {
			if !k.naming(a.Name).secret {
				a.Value = k.clean(a.Value)
				kept = appendAttr(kept, a)
			}
		}
		return kept
	case scim.List:
		if !k.hides(v) {
			return v
		}
		kept := make(scim.List, 0, len(v))
		for _, e := range v {
			if e = k.clean(e); !empty(e) {
				kept = append(kept, e)
			}
		}
		return kept
	}
	return v
}

// hides reports whether there is a secret in the value.
func (k *Keep) hides(v any) bool {
	switch v := v.(type) {
	case scim.Object:
		for i := range v {
			if k.naming(v[i].Name).secret || k.hides(v[i].Value) {
				return true
			}
		}
	case scim.List:
		for _, e := range v {
			if k.hides(e) {
				return true
			}
		}
	}
	return false
}

// secret reports whether an attribute of this name, folded, is never kept: the password of SCIM (RFC 7643 §4.1.1), of LDAP
// (RFC 4519 §2.41), of Active Directory and of what else keeps hashes beside people, with or without a URN before it. Times and
// flags about passwords (pwdLastSet) are not secret.
func (k *Keep) secret(folded string) bool {
	name := lastPart(folded)
	name, _, _ = strings.Cut(name, ";") // an LDAP option (RFC 4512 §2.5)
	return strings.HasSuffix(name, "password") || strings.HasSuffix(name, "pwd") || strings.HasSuffix(name, "passwd") ||
		secrets[name] || k.secrets[name]
}

var secrets = map[string]bool{
	"pwdhistory": true, "ntpwdhistory": true, "lmpwdhistory": true, "passwordhistory": true, "sambapasswordhistory": true,
	"supplementalcredentials": true, "krbprincipalkey": true, "passphrase": true, "secret": true,
}

func lastPart(s string) string { return s[strings.LastIndexByte(s, ':')+1:] }

// KeysOf returns the values that the object is looked up by, each once.
func (k *Keep) KeysOf(o *connection.Object) []Key {
	var all []Key
	for _, kp := range k.keys {
		for _, v := range scim.Values(o.Values, kp.path) {
			s, ok := v.(string)
			if key := (Key{kp.name, Fold(s)}); ok && s != "" && !has(all, key) {
				all = append(all, key)
			}
		}
	}
	return all
}

func has(all []Key, k Key) bool {
	for _, o := range all {
		if o == k {
			return true
		}
	}
	return false
}
