package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"lockstep/api"
	"lockstep/rule"
)

type scopeCmd struct {
	Show scopeShowCmd `cmd:"" default:"withargs" help:"Show the scoping filter."`
	Set  scopeSetCmd  `cmd:"" help:"Replace the scoping filter; without clauses everybody passes."`
}

type scopeShowCmd struct{ ruled }

// Run shows the filter.
func (s *scopeShowCmd) Run(c *cli, client *api.Client, job slug) error {
	v, err := client.Rules(c.ctx, job)
	if err != nil {
		return err
	}
	return showScope(c, v, s.Type)
}

func showScope(c *cli, v api.RulesView, typ string) error {
	i := slices.IndexFunc(v.Rules.Objects, func(o rule.ObjectMapping) bool { return o.Source == typ })
	var f rule.Filter
	if i >= 0 {
		f = v.Rules.Objects[i].Scope
	}
	return c.show(f, func(w io.Writer) {
		if len(f.Groups) == 0 {
			fmt.Fprintln(w, "Everybody who is assigned passes.")
		}
		for i, g := range f.Groups {
			if i > 0 {
				fmt.Fprintln(w, "or")
			}
			for j, clause := range g.Clauses {
				word := "   "
				if j > 0 {
					word = "and"
				}
				printf(w, "  %s %s %s %s\n", word, clause.Attribute, clause.Operator, strings.Join(clause.Operand.Values, ", "))
			}
		}
	})
}

type scopeSetCmd struct {
	ruled
	drafted
	Name   string   `help:"Name of the filter."`
	Clause []string `arg:"" optional:"" help:"Clauses such as 'country EQUALS DE' that must all hold; the word or between them begins another filter, and any filter will do."`
}

// Run replaces the filter.
func (s *scopeSetCmd) Run(c *cli) error {
	filter, err := parseFilter(s.Name, s.Clause)
	if err != nil {
		return err
	}
	client, job, err := c.about(s.App)
	if err != nil {
		return err
	}
	replace := func(o *rule.ObjectMapping) error {
		o.Scope = filter
		return nil
	}
	if s.Draft {
		return s.draftRules(c, client, job, replace)
	}
	v, err := client.EditRules(c.ctx, job, s.Type, replace)
	if err != nil {
		return err
	}
	c.say("Config version %d. See what it does: lockstep plan %s", v.Config, job)
	return showScope(c, v, s.Type)
}

// parseFilter reads clauses: attribute, operator, values divided by commas. The longest operator that fits counts, so that
// NOT EQUALS is not taken for something else.
func parseFilter(name string, clauses []string) (rule.Filter, error) {
	var f rule.Filter
	group := rule.FilterGroup{Name: name}
	for _, text := range clauses {
		if strings.EqualFold(strings.TrimSpace(text), "or") {
			if len(group.Clauses) == 0 {
				return f, usage("The word or stands between clauses.")
			}
			f.Groups = append(f.Groups, group)
			group = rule.FilterGroup{Name: name}
			continue
		}
		clause, err := parseClause(text)
		if err != nil {
			return f, err
		}
		group.Clauses = append(group.Clauses, clause)
	}
	if len(group.Clauses) > 0 {
		f.Groups = append(f.Groups, group)
	}
	return f, nil
}

func parseClause(text string) (rule.Clause, error) {
	attribute, rest := cutAttribute(strings.TrimSpace(text))
	var best rule.Operator
	length := 0
	for _, op := range rule.Operators() {
		if n := operatorLength(rest, op.Name); n > length {
			best, length = op, n
		}
	}
	if attribute == "" || length == 0 {
		return rule.Clause{}, usage("%q is no clause; write it as: attribute OPERATOR value. Operators: %s.", text, operatorNames())
	}
	clause := rule.Clause{Attribute: attribute, Operator: best.Name}
	value := strings.TrimSpace(rest[length:])
	switch {
	case value == "":
	case best.Several:
		for v := range strings.SplitSeq(value, ",") {
			clause.Operand.Values = append(clause.Operand.Values, strings.TrimSpace(v))
		}
	default:
		clause.Operand.Values = []string{value}
	}
	return clause, nil
}

// cutAttribute cuts at the first blank that is not in the brackets of a path such as addresses[type eq "work"].country.
func cutAttribute(text string) (attribute, rest string) {
	depth := 0
	i := strings.IndexFunc(text, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ' ' && depth <= 0
	})
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i:])
}

// operatorLength is how much of the text the operator takes, in any case, with blanks or underscores; 0 when it is not there.
func operatorLength(text, name string) int {
	norm := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", " ") }
	if !strings.HasPrefix(norm(text), norm(name)) {
		return 0
	}
	if rest := text[len(name):]; rest != "" && rest[0] != ' ' {
		return 0
	}
	return len(name)
}

func operatorNames() string {
	var names []string
	for _, op := range rule.Operators() {
		names = append(names, op.Name)
	}
	return strings.Join(names, ", ")
}
