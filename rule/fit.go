package rule

import (
	"fmt"
	"slices"
	"strings"

	"lockstep"
)

// Fit takes imported rules over into those of a job that joins the systems: its objects of the same types get their scoping filter,
// their attribute mappings and what may be done. What cannot be in force here is left out and named in the problems: a mapping whose
// attribute one side does not have, or whose expression cannot be read. A scoping filter is taken over whole or not at all, since a
// clause that is left out lets in whom it keeps out; and mappings by which nobody could be found leave the job's own as they are. What
// Fit returns is valid when the job's own rules are.
func Fit(imported, own Rules, s Systems) (Rules, []error) {
	fitted := Rules{Objects: slices.Clone(own.Objects)}
	var problems []error
	for _, m := range imported.Objects {
		at := slices.IndexFunc(own.Objects, func(o ObjectMapping) bool { return TypeName(o.Source) == TypeName(m.Source) })
		if at < 0 {
			problems = append(problems, entraError(fmt.Sprintf("object mapping %q is about objects of type %s, which are not brought over here: it is left out", m.Name, m.Source)))
			continue
		}
		f := fitting{own: own.Objects[at], systems: s}
		o, ok := f.fit(m)
		if problems = append(problems, f.problems...); ok {
			fitted.Objects[at] = o
		}
	}
	return fitted, problems
}

// fitting takes over one object mapping.
type fitting struct {
	own      ObjectMapping
	systems  Systems
	problems []error
}

func (f *fitting) faults(m ObjectMapping) []error {
	source, target := TypeName(m.Source), TypeName(m.Target)
	_, faults := Compile(m, f.systems.Target[target], f.systems.options(source, target))
	return faults
}

func (f *fitting) leave(err error, what string) {
	f.problems = append(f.problems, &lockstep.Error{Code: lockstep.CodeOf(err), Detail: fmt.Sprintf("%s: %s: %s", f.own.Name, strings.TrimSuffix(lockstep.Said(err), "."), what)})
}

// fit returns the mapping as it can be in force, if it can.
func (f *fitting) fit(m ObjectMapping) (ObjectMapping, bool) {
	m.Name, m.Source, m.Target, m.Enabled = f.own.Name, f.own.Source, f.own.Target, f.own.Enabled
	m.Attributes = slices.Clone(m.Attributes)
	for range 2*len(m.Attributes) + 2 { // each time at least one of them loses something, or the filter goes
		faults := f.faults(m)
		if len(faults) == 0 {
			return m, true
		}
		if !f.mend(&m, faults) {
			f.leave(faults[0], "mappings and filter stay as they are")
			return m, false
		}
	}
	return m, false
}

// mend takes out what the faults are about, and reports whether that was anything.
func (f *fitting) mend(m *ObjectMapping, faults []error) (mended bool) {
	for _, err := range faults {
		part, target, _ := strings.Cut(lockstep.FieldOf(err), " ")
		at := -1
		for i, a := range m.Attributes {
			if a.Target == target {
				at = i // of two for one attribute the later
			}
		}
		switch {
		case part == "filter":
			if !sameFilter(m.Scope, f.own.Scope) {
				f.leave(err, "the scoping filter stays as it is")
				m.Scope, mended = f.own.Scope, true
			}
		case at < 0:
		case part == "match" && m.Attributes[at].Match > 0:
			f.leave(err, "it is mapped, and nobody is found by it")
			m.Attributes[at].Match, mended = 0, true
		default:
			f.leave(err, "the mapping is left out")
			m.Attributes, mended = slices.Delete(m.Attributes, at, at+1), true
		}
	}
	return mended
}

func sameFilter(a, b Filter) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
