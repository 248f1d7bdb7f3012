package token

import (
	"slices"
	"strings"

	"lockstep"
)

// Scope is one right in the form area:verb, for example users:read. The area * stands for every area, the verb * for every
// verb, and write implies read.
type Scope string

// ScopeAll is the right to do everything.
const ScopeAll Scope = "*:*"

// Scopes is a set of rights.
type Scopes []Scope

// ParseScopes reads scopes divided by blanks, the form of RFC 6749 §3.3, and returns them sorted and without repetition. An
// error carries the code invalid_value and names the scope.
func ParseScopes(text string) (Scopes, error) {
	var all Scopes
	for word := range strings.FieldsSeq(text) {
		area, verb, ok := strings.Cut(word, ":")
		if !ok || !isWord(area) || !isWord(verb) {
			return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The scope " + quote(word) + " does not have the form area:verb."}
		}
		all = append(all, Scope(word))
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func isWord(s string) bool {
	return s == "*" || (s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == "")
}

// quote shows at most 40 bytes of what was typed.
func quote(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return "“" + s + "”"
}

// String returns the scopes divided by blanks, as ParseScopes reads them.
func (s Scopes) String() string {
	words := make([]string, len(s))
	for i, scope := range s {
		words[i] = string(scope)
	}
	return strings.Join(words, " ")
}

// Allow reports whether one of the scopes covers the wanted one.
func (s Scopes) Allow(want Scope) bool {
	return slices.ContainsFunc(s, func(have Scope) bool { return have.covers(want) })
}

func (s Scope) covers(want Scope) bool {
	area, verb, ok := strings.Cut(string(s), ":")
	wantArea, wantVerb, wantOK := strings.Cut(string(want), ":")
	if !ok || !wantOK {
		return false
	}
	return (area == "*" || area == wantArea) &&
		(verb == "*" || verb == wantVerb || (verb == "write" && wantVerb == "read"))
}
