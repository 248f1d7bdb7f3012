package token

import (
	"slices"
	"strings"

	"lockstep"
)

// Scope is one right in the form area:verb, for example people:read. The area * stands for every area and api for those of the management
// API (Management), the verb * stands for every verb, and write implies read. A right to apps may be one to a single app or source, by its
// short name: apps:write@webex. Without a name it is one to all of them.
type Scope string

// Areas with a meaning of their own.
const (
	areaAPI  = "api"
	areaApps = "apps"
)

// Management reports whether an area is one of the management API, which the area api stands for.
func Management(area string) bool {
	switch area {
	case areaAPI, areaApps, "people", "signin", "tokens", "settings", "audit", "admins":
		return true
	}
	return false
}

// At is the right to one app or source.
func (s Scope) At(name string) Scope { return s + "@" + Scope(name) }

// parts takes a scope apart. name is "" for one that is not about a single thing.
func (s Scope) parts() (area, verb, name string, ok bool) {
	area, rest, ok := strings.Cut(string(s), ":")
	verb, name, named := strings.Cut(rest, "@")
	return area, verb, name, ok && (!named || name != "")
}

// Verb reports whether the right includes the verb, in whatever area.
func (s Scope) Verb(want string) bool {
	_, verb, _, ok := s.parts()
	return ok && (verb == "*" || verb == want || verb == "write" && want == "read")
}

// Name is the app or source that the right is about; "" is all of them, or nothing in particular.
func (s Scope) Name() string {
	_, _, name, _ := s.parts()
	return name
}

// ScopeAll is the right to do everything.
const ScopeAll Scope = "*:*"

// Scopes is a set of rights.
type Scopes []Scope

// ParseScopes reads scopes divided by blanks, the form of RFC 6749 §3.3, and returns them sorted and without repetition. An
// error carries the code invalid_value and names the scope.
func ParseScopes(text string) (Scopes, error) {
	var all Scopes
	for word := range strings.FieldsSeq(text) {
		area, verb, name, ok := Scope(word).parts()
		if !ok || !isWord(area) || !isWord(verb) {
			return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The scope " + quote(word) + " does not have the form area:verb."}
		}
		if name != "" && (area != areaApps || !isName(name)) {
			return nil, &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "The scope " + quote(word) + " is not of the form apps:verb@name: only a right to apps can be one to a single app."}
		}
		all = append(all, Scope(word))
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func isWord(s string) bool {
	return s == "*" || (s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == "")
}

func isName(s string) bool {
	return len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
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

// Some reports whether one of the scopes covers the wanted one, or would for one thing at least.
func (s Scopes) Some(want Scope) bool {
	return slices.ContainsFunc(s, func(have Scope) bool {
		_, _, name, _ := have.parts()
		if name != "" {
			return have.covers(want.At(name))
		}
		return have.covers(want)
	})
}

func (s Scope) covers(want Scope) bool {
	area, verb, name, ok := s.parts()
	wantArea, wantVerb, wantName, wantOK := want.parts()
	if !ok || !wantOK {
		return false
	}
	return (area == "*" || area == wantArea || area == areaAPI && Management(wantArea)) &&
		(verb == "*" || verb == wantVerb || (verb == "write" && wantVerb == "read")) && (name == "" || name == wantName)
}
