package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim/filter"
	"lockstep/words"
)

// inUse refuses what would give somebody a value that must be unique at the target, and that an object has there which is nobody's of the
// source: the target would refuse it, so the plan tells. Objects that are linked may give their values up by the same plan, so these are
// left to its order. A value by which nobody was found when they were matched is not asked for again.
func (p *Planner) inUse(ctx context.Context, cs []*candidate) error {
	byType := map[string][]*candidate{}
	for _, c := range cs {
		if c.decision.Kind == rule.Create || c.decision.Kind == rule.Update {
			byType[c.Type] = append(byType[c.Type], c)
		}
	}
	for _, list := range byType {
		typ := list[0].program.Type
		for _, attribute := range p.To.Unique[typ] {
			if !containsFold(p.To.FindBy[typ], attribute) {
				continue
			}
			if err := p.holders(ctx, attribute, list); err != nil {
				return err
			}
		}
	}
	return nil
}

// holders refuses those of the candidates, all of one type, whose new value of an attribute another object of the target has.
func (p *Planner) holders(ctx context.Context, attribute string, cs []*candidate) error {
	path, err := filter.ParsePath(attribute)
	if err != nil {
		return fmt.Errorf("unique attribute %q of %s: %w", attribute, p.To.Name, err)
	}
	wants := map[*candidate][]Question{}
	var asked []Question
	for _, c := range cs {
		if c.decision.Kind != rule.Skip { // for another attribute
			wants[c] = c.takes(attribute, path)
			asked = append(asked, wants[c]...)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	a, err := p.Search.LookUp(ctx, cs[0].program.Type, asked)
	if err != nil {
		return err
	}
	var ids []string
	for _, hits := range a.Found {
		for _, o := range hits {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	links, err := p.Known.Links(ctx, LinkQuery{Type: cs[0].Type, Targets: ids, Limit: len(ids)})
	if err != nil {
		return err
	}
	for _, c := range cs {
		for _, q := range wants[c] {
			i := slices.IndexFunc(a.Found[q.Key], func(o connection.Object) bool {
				own := o.ID == c.link.Target || slices.ContainsFunc(c.hits, func(h connection.Object) bool { return h.ID == o.ID })
				return !own && !o.Deleted && !slices.ContainsFunc(links, func(l Link) bool { return l.Target == o.ID })
			})
			if i >= 0 && c.decision.Kind != rule.Skip {
				c.refused(p, &lockstep.Error{Code: lockstep.CodeConflict, Detail: fmt.Sprintf(
					"%s %s is taken in %s, by %s, whom nobody of %s is linked to", words.Attribute(attribute), q.Raw, p.To.Name, a.Found[q.Key][i].Name, p.From.Name)})
			}
		}
	}
	return nil
}

// takes returns the values of an attribute that the candidate gets by the decision and has not yet at the target.
func (c *candidate) takes(attribute string, path filter.Path) []Question {
	if c.decision.Kind == rule.Create && slices.ContainsFunc(c.out.Match, func(m rule.MatchValue) bool { return strings.EqualFold(m.Attribute, attribute) }) {
		return nil
	}
	has := questions(attribute, path, c.before)
	return slices.DeleteFunc(questions(attribute, path, c.out.Want), func(q Question) bool {
		return slices.ContainsFunc(has, func(h Question) bool { return h.Key == q.Key })
	})
}

// refused has the target refuse the candidate. They are looked at again soon, and keep the matching value that they have.
func (c *candidate) refused(p *Planner, why error) {
	c.decision, c.forbidden = c.decision.As(rule.Skip), why
	c.decision.Code, c.decision.Rule, c.decision.Adopt = lockstep.CodeOf(why), "the target would refuse it", false
	c.next.Attempts++
	c.next.Due = earliest(c.next.Due, p.Now().Add(BackOff(c.next.Attempts)))
	if c.link.Target != "" {
		c.next.Key = c.link.Key
	}
}
