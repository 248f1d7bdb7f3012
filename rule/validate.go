package rule

import (
	"fmt"
	"strings"

	"lockstep"
	"lockstep/scim"
)

// Systems is what Validate knows of the two systems that rules join. The zero value knows nothing and checks less: whoever sets rules
// knows the directory, whoever runs them knows both.
type Systems struct {
	Source, Target map[string]*scim.Type // by the names of resource types; a type that is missing is not known
	Searchable     map[string][]string   // by type of the target: the paths by which it can search; nil is not checked
	References     []string              // as in Options
	DefaultDomain  string                // of the tenant
}

// Fault is one thing that is wrong with an object mapping.
type Fault struct {
	Mapping string // its name
	Err     error  // a *lockstep.Error
}

// Validate returns everything that is wrong with rules: what Compile finds in each object mapping, and what they may not be beside each
// other. Disabled mappings are read, too, since they are enabled by a word.
func Validate(r Rules, s Systems) []Fault {
	var faults []Fault
	enabled := map[string]string{}
	for _, m := range r.Objects {
		source, target := TypeName(m.Source), TypeName(m.Target)
		_, problems := Compile(m, s.Target[target], s.options(source, target))
		for _, err := range problems {
			faults = append(faults, Fault{m.Name, err})
		}
		if !m.Enabled {
			continue
		}
		if other, twice := enabled[source]; twice {
			detail := fmt.Sprintf("%q and %q are both for objects of type %s: enable one of them", other, m.Name, source)
			faults = append(faults, Fault{m.Name, &lockstep.Error{Code: lockstep.CodeMapInvalid, Detail: detail}})
		}
		enabled[source] = m.Name
	}
	return faults
}

// options is what Compile is told of the types that a mapping joins.
func (s Systems) options(source, target string) Options {
	return Options{Source: s.Source[source], Searchable: s.Searchable[target], References: s.References, DefaultDomain: s.DefaultDomain}
}

// TypeName is the name of a resource type as rules name it, which may be with the URN of its schema before it.
func TypeName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }
