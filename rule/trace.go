package rule

// Clausing is what one clause of a scoping filter made of an object.
type Clausing struct {
	Filter string   `json:"filter,omitempty"` // its group's name
	Group  int      `json:"group"`            // of one group all clauses must hold, of the groups one must let the object through
	Clause string   `json:"clause"`           // in words: "country equals DE"
	Values []string `json:"values"`           // that the object has; none is empty
	OK     bool     `json:"ok"`
}

// Clauses evaluates every clause of the scoping filter on an object, also those that Scope does not come to. They decide nothing beside
// Scope: who has no assignment is out of scope whatever the clauses say.
func (p *Program) Clauses(s Subject) []Clausing {
	var all []Clausing
	state := status{id: s.ID, deleted: s.Deleted || !s.Enabled, disabled: !s.Enabled, grants: s.Grants}
	for i := range p.groups {
		g := &p.groups[i]
		for j := range g.clauses {
			c := &g.clauses[j]
			values := c.values(s.Values, state)
			o := c.holds(values, s.Now)
			all = append(all, Clausing{Filter: g.name, Group: i + 1, Clause: c.words, Values: append([]string{}, values...), OK: o.ok && o.err == nil})
		}
	}
	return all
}

// Redacted returns the target attributes whose values must not be shown, as paths. The caller must not change the slice.
func (p *Program) Redacted() []string { return p.redacted }
