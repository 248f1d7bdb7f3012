package rule

import (
	"fmt"
	"slices"
	"strings"

	"lockstep"
)

// Import takes a provisioning schema over into the rules of a job that joins the systems: what Entra ID exports (GET
// …/synchronization/jobs/{id}/schema), one of its rules, or Rules of our own. Objects of the job's types get the scoping filter and the
// attribute mappings of the schema. What cannot be in force here is left out and named in the problems, as is whatever stays against the
// schema. Nothing is widened by what is left out:
//
//   - a filter is taken over whole, or stays: without one of its clauses it lets in whom that keeps out; and a schema without a filter
//     takes none away;
//   - what may be done to objects stays;
//   - the mapping that disables who leaves stays where the schema has none that does: without it they would be deleted;
//   - when nobody could be found by what is left, mappings and filter stay.
//
// The error says that nothing could be read. What Import returns is valid when the job's own rules are.
func Import(schema []byte, own Rules, s Systems) (Rules, []error, error) {
	in := parseEntra(schema)
	if len(in.rules.Objects) == 0 {
		return Rules{}, nil, in.problems[0]
	}
	fitted, taken := Rules{Objects: slices.Clone(own.Objects)}, map[int]bool{}
	for i, m := range in.rules.Objects {
		at := counterpart(own, m)
		switch {
		case at < 0:
			in.problem(fmt.Sprintf("object mapping %q is about objects of type %s, which are not brought over here: it is left out", m.Name, m.Source))
			continue
		case !m.Enabled:
			in.problem(fmt.Sprintf("object mapping %q is switched off there: it is left out", m.Name))
			continue
		case taken[at]:
			in.problem(fmt.Sprintf("object mapping %q is another one for %s: it is left out", m.Name, own.Objects[at].Name))
			continue
		}
		f := fitting{own: own.Objects[at], systems: s}
		o, ok := f.fit(m, in.partial[i])
		if in.problems = append(in.problems, f.problems...); ok {
			fitted.Objects[at], taken[at] = o, true
		}
	}
	return fitted, in.problems, nil
}

// counterpart is the job's own mapping for the objects of another: an enabled one, and of several one to the same type.
func counterpart(own Rules, m ObjectMapping) int {
	best, most := -1, -1
	for i, o := range own.Objects {
		if TypeName(o.Source) != TypeName(m.Source) {
			continue
		}
		score := 0
		if o.Enabled {
			score += 2
		}
		if TypeName(o.Target) == TypeName(m.Target) {
			score++
		}
		if score > most {
			best, most = i, score
		}
	}
	return best
}

// fitting takes over one object mapping.
type fitting struct {
	own      ObjectMapping
	systems  Systems
	problems []error
}

func (f *fitting) compile(m ObjectMapping) (*Program, []error) {
	source, target := TypeName(m.Source), TypeName(m.Target)
	return Compile(m, f.systems.Target[target], f.systems.options(source, target))
}

func (f *fitting) say(detail string) {
	f.problems = append(f.problems, entraError(f.own.Name+": "+detail))
}

func (f *fitting) leave(err error, what string) {
	f.say(strings.TrimSuffix(lockstep.Said(err), ".") + ": " + what)
}

// fit returns the mapping as it can be in force, if it can. partial is that its filter is not whole.
func (f *fitting) fit(m ObjectMapping, partial bool) (ObjectMapping, bool) {
	if m.Flow != "" && allowed(m.Flow) != allowed(f.own.Flow) {
		f.say("what may be done differs there (" + string(m.Flow) + "): it stays as it is here")
	}
	m.Name, m.Source, m.Target, m.Enabled, m.Flow = f.own.Name, f.own.Source, f.own.Target, f.own.Enabled, f.own.Flow
	m.Attributes = slices.Clone(m.Attributes)
	if own := len(f.own.Scope.Groups) > 0; partial || own && len(m.Scope.Groups) == 0 {
		f.say("the schema has no whole scoping filter: the one that is here stays")
		m.Scope = f.own.Scope
	}
	for range len(m.Attributes) + 3 { // each time something of each faulty mapping goes, or the filter
		p, faults := f.compile(m)
		if len(faults) == 0 {
			return f.disabling(m, p), true
		}
		if !f.mend(&m, faults) {
			f.leave(faults[0], "mappings and filter stay as they are")
			return m, false
		}
	}
	f.say("mappings and filter stay as they are")
	return m, false
}

// allowed are the kinds of action that a flow allows.
func allowed(f Flow) [3]bool { return [3]bool{f.Allows(Create), f.Allows(Update), f.Allows(Delete)} }

// disabling puts the job's own mappings back by which who leaves is disabled, when no other does that.
func (f *fitting) disabling(m ObjectMapping, p *Program) ObjectMapping {
	own, faults := f.compile(f.own)
	if len(faults) > 0 || !own.Blocks() || p.Blocks() {
		return m
	}
	for _, a := range f.own.Attributes {
		if a.Source == nil || !strings.Contains(strings.ToLower(a.Source.Text()), "[issoftdeleted]") {
			continue
		}
		f.say(a.Target + ": the mapping here disables who leaves, and none of the schema does: it stays")
		m.Attributes = append(slices.DeleteFunc(m.Attributes, func(o Mapping) bool { return strings.EqualFold(o.Target, a.Target) }), a)
	}
	if _, faults := f.compile(m); len(faults) > 0 {
		f.leave(faults[0], "mappings and filter stay as they are")
		return f.own
	}
	return m
}

// mend takes out what the faults are about, and reports whether that was anything.
func (f *fitting) mend(m *ObjectMapping, faults []error) (mended bool) {
	last := map[string]int{} // of two for one attribute the later
	for i, a := range m.Attributes {
		last[a.Target] = i
	}
	out := map[int]bool{}
	for _, err := range faults {
		part, target, _ := strings.Cut(lockstep.FieldOf(err), " ")
		at, known := last[target]
		switch {
		case part == "filter":
			if !sameFilter(m.Scope, f.own.Scope) {
				f.leave(err, "the scoping filter stays as it is")
				m.Scope, mended = f.own.Scope, true
			}
		case !known || out[at]:
		case part == "match" && m.Attributes[at].Match > 0:
			f.leave(err, "it is mapped, and nobody is found by it")
			m.Attributes[at].Match, mended = 0, true
		default:
			f.leave(err, "the mapping is left out")
			out[at], mended = true, true
		}
	}
	kept := m.Attributes[:0]
	for i, a := range m.Attributes {
		if !out[i] {
			kept = append(kept, a)
		}
	}
	m.Attributes = kept
	return mended
}

func sameFilter(a, b Filter) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
