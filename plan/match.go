package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
)

// match finds the target's objects for those that are to be there and are not linked, and the twins among them.
func (p *Planner) match(ctx context.Context, cs []*candidate) error {
	open := map[string][]*candidate{}
	gives := map[connection.Ref]bool{} // who gives up their matching value on this page
	for _, c := range cs {
		gives[c.Ref] = c.gives()
	}
	for _, c := range cs {
		wanted := c.link.Target == "" && c.verdict.In && c.Enabled && !c.Deleted && !c.gone
		switch {
		case wanted && p.Job.Chosen != "" && c.Ref == p.Job.Only:
			if err := p.chosen(ctx, c); err != nil {
				return err
			}
		case wanted && len(c.out.Match) > 0:
			open[c.Type] = append(open[c.Type], c)
		}
	}
	for typ, list := range open {
		if err := p.twins(ctx, typ, list, gives); err != nil {
			return err
		}
		if err := p.hits(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// chosen takes the object that somebody has chosen for a candidate, in place of matching.
func (p *Planner) chosen(ctx context.Context, c *candidate) error {
	o, err := p.Search.Get(ctx, connection.Ref{Type: c.program.Type, ID: p.Job.Chosen})
	if errors.Is(err, lockstep.ErrNotFound) {
		return &lockstep.Error{Code: lockstep.CodeTargetGone, Detail: fmt.Sprintf("there is no %s %s in %s", strings.ToLower(c.program.Type), p.Job.Chosen, p.To.Name)}
	}
	if err != nil {
		return err
	}
	c.hits = []connection.Object{o}
	return p.markTaken(ctx, []*candidate{c}, []string{o.ID})
}

// twins marks candidates whose first matching value another object of the source holds already. Whoever is linked, or else
// was met first, keeps it.
func (p *Planner) twins(ctx context.Context, typ string, cs []*candidate, gives map[connection.Ref]bool) error {
	keys := make([]string, len(cs))
	for i, c := range cs {
		keys[i] = c.next.Key
	}
	holders, err := p.Known.Links(ctx, LinkQuery{Type: typ, Keys: keys})
	if err != nil {
		return err
	}
	holder := map[string]connection.Ref{}
	for _, l := range holders {
		if l.Verdict.In && l.Code != lockstep.CodeMatchDuplicate && !gives[l.Source] {
			if _, taken := holder[l.Key]; !taken || l.Target != "" {
				holder[l.Key] = l.Source
			}
		}
	}
	for _, c := range cs {
		h, taken := holder[c.next.Key]
		if !taken {
			holder[c.next.Key] = c.Ref
			continue
		}
		c.twin = h != c.Ref
	}
	return nil
}

// gives reports whether the object no longer has the matching value that it had.
func (c *candidate) gives() bool {
	return c.known && c.link.Key != "" && (c.gone || !c.verdict.In || c.next.Key != c.link.Key)
}

// release makes those due who were refused for a matching value that a candidate gives up.
func (p *Planner) release(ctx context.Context, cs []*candidate, out *Piece) error {
	given := map[string][]string{}
	here := map[connection.Ref]*candidate{}
	for _, c := range cs {
		here[c.Ref] = c
		if c.gives() {
			given[c.Type] = append(given[c.Type], c.link.Key)
		}
		if has := c.program.Key(c.link.Image); c.gone && has != "" { // the object may be nobody's from now on
			given[c.Type] = append(given[c.Type], has)
		}
	}
	for typ, keys := range given {
		heirs, err := p.Known.Links(ctx, LinkQuery{Type: typ, Keys: keys})
		if err != nil {
			return err
		}
		for _, l := range heirs {
			if !l.refusedForKey() {
				continue
			}
			if l.Due = p.Now(); here[l.Source] != nil {
				here[l.Source].next.Due = l.Due
			} else {
				out.Links = append(out.Links, l)
			}
		}
	}
	return nil
}

// hits looks the candidates up by their matching values: the first attribute for all, the next for those without a hit.
func (p *Planner) hits(ctx context.Context, cs []*candidate) error {
	for priority := 0; len(cs) > 0; priority++ {
		var keys []Question
		var asked, rest []*candidate
		for _, c := range cs {
			if priority < len(c.out.Match) && !c.twin {
				keys = append(keys, Ask(c.out.Match[priority].Attribute, c.out.Match[priority].Value))
				asked = append(asked, c)
			}
		}
		if len(keys) == 0 {
			return p.former(ctx, cs)
		}
		a, err := p.Search.LookUp(ctx, cs[0].program.Type, keys)
		if err != nil {
			return err
		}
		var targets []string
		for _, c := range asked {
			if c.unasked = a.Failed[matchKey(c, priority)]; c.unasked != nil {
				continue // by the next attribute somebody else may be found
			}
			if c.hits = p.living(c, a.Found[matchKey(c, priority)]); len(c.hits) == 0 {
				rest = append(rest, c)
			} else {
				c.matched = priority
			}
			for _, h := range c.hits {
				targets = append(targets, h.ID)
			}
		}
		if err := p.markTaken(ctx, asked, targets); err != nil {
			return err
		}
		cs = rest
	}
	return nil
}

// living leaves out deleted objects. A leaver's object is theirs: it comes back with the same source object, and a newcomer who
// gets its name is a new person.
func (p *Planner) living(c *candidate, hits []connection.Object) []connection.Object {
	alive := slices.DeleteFunc(slices.Clone(hits), func(o connection.Object) bool { return o.Deleted })
	if len(alive) > 0 || !p.To.Restores {
		return alive
	}
	return slices.DeleteFunc(slices.Clone(hits), func(o connection.Object) bool {
		return o.ID != c.link.Former && (c.link.Former != "" || o.Values.Text("externalId") != c.ID)
	})
}

// former looks for the deleted objects of people who have come back under another name.
func (p *Planner) former(ctx context.Context, cs []*candidate) error {
	for _, c := range cs {
		if c.link.Former == "" || c.twin || c.unasked != nil {
			continue
		}
		o, err := p.Search.Get(ctx, connection.Ref{Type: c.program.Type, ID: c.link.Former})
		if errors.Is(err, lockstep.ErrNotFound) {
			continue // it was removed for good
		}
		if err != nil {
			return err
		}
		if has := c.program.Key(o.Values); p.Job.Elsewhere && has != "" && c.next.Key != has {
			continue // the id is that of another system, and may be somebody else's there
		}
		c.hits = []connection.Object{o}
		if err := p.markTaken(ctx, []*candidate{c}, []string{o.ID}); err != nil {
			return err
		}
	}
	return nil
}

func matchKey(c *candidate, priority int) Key {
	m := c.out.Match[priority]
	return Ask(m.Attribute, m.Value).Key
}

func (p *Planner) markTaken(ctx context.Context, cs []*candidate, targets []string) error {
	if len(targets) == 0 {
		return nil
	}
	links, err := p.Known.Links(ctx, LinkQuery{Type: cs[0].Type, Targets: targets, Limit: len(targets)})
	if err != nil {
		return err
	}
	owner := map[string]connection.Ref{}
	for _, l := range links {
		owner[l.Target] = l.Source
	}
	for _, c := range cs {
		if len(c.hits) == 1 {
			o, linked := owner[c.hits[0].ID]
			c.taken = linked && o != c.Ref
		}
	}
	return nil
}
