package rule

import (
	"slices"
	"strings"
	"unicode"
)

// Refusals is what an application has refused while one plan was carried out, as far as it tells whether it would refuse all of it. Of an
// application that says the same about everybody not everybody is to be asked.
//
// Refusals are alike when the same was tried and the same was said about it, whatever names and values stand in what was said. So many of one kind cast
// doubt, with no more than a quarter as many going through between them, as are a hundredth of the plan, and twenty at least; of one code, whatever was
// said, five times as many. While there is doubt one thing is tried at a time. It ends when one goes through; then twice as many must be refused
// before there is doubt again, so that whoever is refused for values of their own stops the others a few times at most.
type Refusals struct {
	Alike []Alike `json:"alike,omitempty"`
	Doubt *Alike  `json:"doubt,omitempty"` // a copy; nil is none
	Left  bool    `json:"left,omitempty"`  // what was left of the plan was not tried
}

// Alike is refusals of one kind.
type Alike struct {
	Kind  Kind   `json:"kind"`
	Type  string `json:"type"` // of the source objects
	Code  string `json:"code"`
	Cause string `json:"cause,omitempty"` // CauseOf what was said; "" is whatever was said
	Says  string `json:"says"`            // the last time, with its names and values
	Count int    `json:"count"`           // less four for each that went through
	All   int    `json:"all"`             // of this plan
	Limit int    `json:"limit"`           // from which there is doubt
}

// The bounds of Refusals.
const (
	leastRefusals  = 20  // of one cause
	refusalsOf     = 100 // one of so many planned
	anyCause       = 5   // times as many when causes differ
	passedOutweigh = 4
	mostAlike      = 40 // kinds that are kept
)

// Of reports whether the refusals are of this deed.
func (a *Alike) Of(kind Kind, typ string) bool { return a != nil && a.Kind == kind && a.Type == typ }

// Refused counts a refusal, of a plan of so many rows.
func (r *Refusals) Refused(kind Kind, typ, code, cause, says string, planned int) {
	limit := max(leastRefusals, planned/refusalsOf)
	r.count(Alike{Kind: kind, Type: typ, Code: code, Cause: cause, Says: says, Limit: limit})
	r.count(Alike{Kind: kind, Type: typ, Code: code, Says: says, Limit: limit * anyCause})
}

func (r *Refusals) count(a Alike) {
	i := slices.IndexFunc(r.Alike, func(b Alike) bool {
		return b.Kind == a.Kind && b.Type == a.Type && b.Code == a.Code && b.Cause == a.Cause
	})
	if i < 0 {
		if len(r.Alike) >= mostAlike { // of hostile answers alone
			i = max(slices.IndexFunc(r.Alike, func(b Alike) bool { return b.Cause != "" }), 0)
			r.Alike = slices.Delete(r.Alike, i, i+1)
		}
		i, r.Alike = len(r.Alike), append(r.Alike, a)
	}
	b := &r.Alike[i]
	b.Says, b.Count, b.All, b.Limit = a.Says, b.Count+1, b.All+1, max(b.Limit, a.Limit)
	if b.Count >= b.Limit && (r.Doubt == nil || r.Doubt.Of(b.Kind, b.Type)) {
		doubt := *b
		r.Doubt = &doubt
	}
}

// Passed counts something that went through, and reports whether doubt has ended with it.
func (r *Refusals) Passed(kind Kind, typ string) bool {
	doubted := r.Doubt.Of(kind, typ)
	for i := range r.Alike {
		a := &r.Alike[i]
		if !a.Of(kind, typ) {
			continue
		}
		if doubted && a.Count >= a.Limit {
			a.Limit *= 2
		}
		if a.Count = max(a.Count-passedOutweigh, 0); doubted {
			a.Count = 0
		}
	}
	if doubted {
		r.Doubt = nil
	}
	return doubted
}

// Clone returns a copy that has nothing in common with it.
func (r Refusals) Clone() Refusals {
	r.Alike = slices.Clone(r.Alike)
	return r
}

// causeBytes is how much of what was said tells causes apart.
const causeBytes = 160

// CauseOf is what was said without what is of the object alone: the names, quoted words within, and words that have digits or are addresses.
func CauseOf(said string, names ...string) string {
	for _, name := range names {
		if len(name) > 1 {
			said = strings.ReplaceAll(said, name, "")
		}
	}
	var words []string
	size := 0
	for _, w := range strings.Fields(unquoted(said)) {
		w = strings.ToLower(strings.TrimFunc(w, func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }))
		if w == "" || strings.ContainsFunc(w, unicode.IsDigit) || strings.ContainsAny(w, "@\\") {
			continue
		}
		if size += len(w) + 1; size > causeBytes {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// unquoted is what was said without quotations within it. What an application says is quoted itself.
func unquoted(said string) string {
	for _, q := range []string{`\"`, "'", "`"} {
		parts := strings.Split(said, q)
		if len(parts)%2 == 0 { // one that is not closed, as in "isn't"
			continue
		}
		kept := parts[:0]
		for i, part := range parts {
			if i%2 == 0 {
				kept = append(kept, part)
			}
		}
		said = strings.Join(kept, " ")
	}
	return said
}
