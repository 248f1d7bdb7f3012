package report

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"lockstep/api"
	"lockstep/rule"
)

// objects are the rules for a type of object at the source.
func objects(v api.RulesView, typ string) (rule.ObjectMapping, bool) {
	i := slices.IndexFunc(v.Rules.Objects, func(o rule.ObjectMapping) bool { return o.Source == typ })
	if i < 0 {
		return rule.ObjectMapping{}, false
	}
	return v.Rules.Objects[i], true
}

// Mappings lists the attribute mappings of a type of object. There is false when the rules have none of it.
func Mappings(v api.RulesView, typ string) (view View, there bool) {
	o, there := objects(v, typ)
	view, _ = List(o.Attributes, nil, "No mappings.", "TARGET FROM DEFAULT MATCH FLOW", func(m rule.Mapping) []string {
		from, match := "–", "–"
		if m.Source != nil {
			from = m.Source.Text()
		}
		if m.Match > 0 {
			match = strconv.Itoa(m.Match)
		}
		flow := Or(string(m.FlowType), string(rule.Always))
		if m.Behavior == rule.FlowAlways {
			flow += ", each time"
		}
		return []string{m.Target, from, dash(m.Default), match, flow}
	})
	return view, there
}

// Allowed says what may be done to objects, "create, update and disable"; "" is everything.
func Allowed(f rule.Flow) string {
	var all []string
	for _, part := range []struct {
		kind rule.Kind
		word string
	}{{rule.Create, "create"}, {rule.Update, "update and disable"}, {rule.Delete, "delete"}} {
		if f.Allows(part.kind) {
			all = append(all, part.word)
		}
	}
	if len(all) == 3 {
		return ""
	}
	return strings.Join(all, ", ")
}

// Exported are rules as a file has them.
func Exported(r api.Rules, err error) (View, error) {
	return Of(r, err, func(p *Page) {
		text, _ := json.MarshalIndent(r, "", "  ") // values that came as JSON
		p.Printf("%s\n", text)
	})
}

// Scope shows the scoping filter of a type of object.
func Scope(v api.RulesView, typ string, err error) (View, error) {
	o, _ := objects(v, typ)
	return Of(o.Scope, err, func(p *Page) {
		if len(o.Scope.Groups) == 0 {
			p.Printf("Everybody who is assigned passes.\n")
		}
		for i, g := range o.Scope.Groups {
			if i > 0 {
				p.Printf("or\n")
			}
			for j, clause := range g.Clauses {
				word := "   "
				if j > 0 {
					word = "and"
				}
				p.Printf("  %s %s %s %s\n", word, clause.Attribute, clause.Operator, strings.Join(clause.Operand.Values, ", "))
			}
		}
	})
}

// Exclusions lists whom somebody keeps out of an app.
func Exclusions(all []rule.Exclusion, err error) (View, error) {
	return List(all, err, "Nobody is excluded.", "WHO UNTIL BY WHY ID", func(x rule.Exclusion) []string {
		until := "for good"
		if !x.Until.IsZero() {
			until = Minute(&x.Until, "")
		}
		return []string{Or(x.Name, x.ID), until, dash(x.By), x.Reason, x.ID}
	})
}

// Excluded shows an exclusion that is new.
func Excluded(app string, x rule.Exclusion, err error) (View, error) {
	return Of(x, err, func(p *Page) {
		p.Printf("%s is excluded from %s: %s\n", Or(x.Name, x.ID), app, x.Reason)
		p.Say("See what it does: lockstep provision %s --app %s --dry-run", x.ID, app)
	})
}
