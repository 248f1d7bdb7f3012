package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
			if !Searchable(p.To, typ, attribute) {
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
	has, gets := questions(attribute, path, c.before), c.out.Want
	if c.effect != nil { // others say what the rest is
		gets = c.effect.After
	}
	return slices.DeleteFunc(questions(attribute, path, gets), func(q Question) bool {
		return slices.ContainsFunc(has, func(h Question) bool { return h.Key == q.Key })
	})
}

// refused has the target refuse the candidate. They are looked at again soon.
func (c *candidate) refused(p *Planner, why error) {
	c.decision, c.forbidden = c.decision.As(rule.Skip), why
	c.decision.Code, c.decision.Rule, c.decision.Adopt = lockstep.CodeOf(why), "the target would refuse it", false
	c.next.Attempts++
	c.next.Due = earliest(c.next.Due, p.Now().Add(BackOff(c.next.Attempts)))
}

// doubles refuses the planned renames to a matching value that somebody has at the target, is linked and does not give up by this plan, where
// the target keeps it unique: two of the source are called the same. It returns the others. Who is refused gives nothing up
// either. Rows that somebody has approved are sent as they are.
func (p *Planner) doubles(ctx context.Context, rows []Renamed, leavers []leaver, out *Piece) ([]Renamed, error) {
	holders, err := p.linkedHolders(ctx, rows)
	if err != nil || len(holders) == 0 {
		return rows, err
	}
	given := map[string]int{}
	for _, l := range leavers {
		given[l.has]++
	}
	for _, row := range rows {
		given[row.From]++
	}
	refused := map[lockstep.ActionID]Link{} // with who has the value
	for n := -1; n != len(refused); {
		n = len(refused)
		for _, row := range rows {
			holder, has := holders[row.To]
			if _, is := refused[row.ID]; is || !has || row.Decided || given[row.To] > 0 || moves(out, row.ID) {
				continue
			}
			refused[row.ID] = holder
			given[row.From]--
			_, name, _ := strings.Cut(row.From, "=")
			holders[row.From] = Link{Name: name} // they are called so still
		}
	}
	if len(refused) == 0 {
		return rows, nil
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(row Renamed) bool { _, is := refused[row.ID]; return is })
	return rows, p.refuseDoubles(ctx, refused, out)
}

// moves reports whether the piece does something about a row already.
func moves(out *Piece, id lockstep.ActionID) bool {
	return slices.ContainsFunc(out.Moved, func(t Transition) bool { return t.ID == id })
}

// linkedHolders returns who has the values at the target that rows take, by the values, of types in which the target keeps them unique.
func (p *Planner) linkedHolders(ctx context.Context, rows []Renamed) (map[string]Link, error) {
	holders := map[string]Link{}
	for typ, program := range p.Programs {
		if !p.Programs.RefusesTwo(p.To, program.Type) {
			continue
		}
		for chunk := range slices.Chunk(rows, pageSize) {
			keys := make([]string, len(chunk))
			for i, row := range chunk {
				keys[i] = row.To
			}
			links, err := p.Known.Links(ctx, LinkQuery{Type: typ, Keys: keys})
			if err != nil {
				return nil, err
			}
			for _, l := range links {
				if has := program.Key(l.Image); l.Target != "" && has != "" && has == l.Key {
					holders[has] = l
				}
			}
		}
	}
	return holders, nil
}

// refuseDoubles ends the rows, each with who has the value. Who has given their value up makes them due.
func (p *Planner) refuseDoubles(ctx context.Context, refused map[lockstep.ActionID]Link, out *Piece) error {
	ids := slices.Sorted(maps.Keys(refused))
	rows, err := p.Rows.Actions(ctx, ActionQuery{Cycle: p.Job.Cycle, IDs: ids, States: []ActionState{Planned}, Limit: len(ids)})
	if err != nil {
		return err
	}
	links := map[connection.Ref]Link{}
	sources := map[string][]string{}
	for _, row := range rows {
		sources[row.Source.Type] = append(sources[row.Source.Type], row.Source.ID)
	}
	for typ, some := range sources {
		found, err := p.Known.Links(ctx, LinkQuery{Type: typ, Sources: some, Limit: len(some)})
		if err != nil {
			return err
		}
		for _, l := range found {
			links[l.Source] = l
		}
	}
	for _, row := range rows {
		l, linked := links[row.Source.Ref]
		if !linked {
			continue // there is nothing that could be renamed
		}
		holder, now := refused[row.ID], p.Now()
		from, to, _ := SplitNames(row.Refers)
		attribute, value, _ := strings.Cut(to, "=")
		l.Code, l.Key = lockstep.CodeMatchDuplicate, from
		l.Detail = fmt.Sprintf("%s of %s has %s %s in %s, too, and keeps it", holder.Name, p.From.Name, words.Attribute(attribute), value, p.To.Name)
		l.Attempts++
		if !l.Due.After(now) { // it is why they were looked at, which has been done
			l.Due = time.Time{}
		}
		l.Due = earliest(l.Due, now.Add(BackOff(l.Attempts)))
		out.Links = append(out.Links, l)
		out.Moved = append(out.Moved, Transition{ID: row.ID, From: Planned, To: Refused, Code: l.Code, Detail: l.Detail, At: now})
		out.Sum.Planned--
		out.Sum.Failed++
	}
	return nil
}
