package upstream

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/sso"
)

// hop is one stage of a login while it runs. A Recorder that is nil takes nothing down.
type hop struct {
	rec   sso.Recorder
	name  string
	now   func() time.Time
	begin time.Time
	facts map[string]string

	tooLarge bool // an answer was cut at its bound
}

func startHop(rec sso.Recorder, now func() time.Time, name string) *hop {
	return &hop{rec: rec, name: name, now: now, begin: now(), facts: map[string]string{}}
}

// The bounds of a stage's facts.
const (
	maxFacts = 64
	maxFact  = 300 // letters
)

// fact notes a value. What came from outside is cleaned here; the caller sees to it that it is no secret.
func (h *hop) fact(name, value string) {
	if len(h.facts) < maxFacts && value != "" {
		h.facts[cleanText(name, 80)] = cleanText(value, maxFact)
	}
}

// finding is why an answer is not believed.
type finding struct {
	code   lockstep.Code
	detail string // one sentence
	fix    string // what to do about it; empty when the catalogue's sentence is all that is known
	err    error  // what lies beneath; holds no secret
}

func found(code lockstep.Code, fix, format string, args ...any) *finding {
	return &finding{code: code, fix: fix, detail: fmt.Sprintf(format, args...)}
}

// done ends the stage well.
func (h *hop) done(detail string) { h.tell(sso.Stage{OK: true, Detail: detail}) }

// fail ends the stage and returns its error.
func (h *hop) fail(f *finding) error {
	fix := f.fix
	if fix == "" {
		fix = lockstep.Describe(f.code).Help
	}
	h.tell(sso.Stage{Code: f.code, Detail: f.detail, Fix: fix})
	return &lockstep.Error{Code: f.code, Detail: f.detail, Err: f.err}
}

func (h *hop) tell(s sso.Stage) {
	if h.rec == nil {
		return
	}
	s.Name, s.Facts, s.Took = h.name, h.facts, h.now().Sub(h.begin)
	h.rec.Stage(s)
}

// claimFacts notes the claims of a token or of a user-info answer. A value that looks like a credential is not shown, nor is one
// that serves once, such as the nonce.
func (h *hop) claimFacts(claims map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		switch {
		case name == "nonce" || name == "at_hash" || name == "c_hash" || name == "jti":
			h.fact("claim "+name, "(there)")
		case secretName(name):
			h.fact("claim "+name, "(taken out)")
		default:
			h.fact("claim "+name, show(claims[name]))
		}
	}
}

// secretName reports whether a claim's name says that its value is a credential.
func secretName(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"token", "secret", "password", "passwd", "assertion", "credential", "api_key", "apikey"}, func(part string) bool { return strings.Contains(name, part) })
}

// show writes a claim's value for people. A text that has the form of a JWT is taken out wherever it stands.
func show(value any) string {
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, "eyJ") {
			return "(taken out)"
		}
		return v
	case []any:
		var parts []string
		for _, e := range v[:min(len(v), 20)] {
			parts = append(parts, show(e))
		}
		if len(v) > 20 {
			parts = append(parts, fmt.Sprintf("and %d more", len(v)-20))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if secretName(name) {
				parts = append(parts, name+": (taken out)")
				continue
			}
			parts = append(parts, name+": "+show(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}
