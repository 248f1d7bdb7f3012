package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
)

// match finds the target's objects for those that are to be there and are not linked, and the twins among them.
func (p *Planner) match(ctx context.Context, cs []*candidate) error {
	open := map[string][]*candidate{}
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
		if err := p.twins(ctx, typ, list, cs); err != nil {
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

// twins marks candidates whose first matching value another object of the source holds already, or takes on this page. Whoever is linked, or else
// was met first, keeps it.
func (p *Planner) twins(ctx context.Context, typ string, cs, page []*candidate) error {
	keys := make([]string, len(cs))
	for i, c := range cs {
		keys[i] = c.next.Key
	}
	holders, err := p.Known.Links(ctx, LinkQuery{Type: typ, Keys: keys})
	if err != nil {
		return err
	}
	gives, holder := map[connection.Ref]bool{}, map[string]connection.Ref{}
	for _, c := range page {
		if gives[c.Ref] = c.gives(); c.Type == typ && c.gains() {
			holder[c.next.Key] = c.Ref
		}
	}
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

// gains reports whether the object is linked and gets a matching value that it had not.
func (c *candidate) gains() bool {
	return c.link.Target != "" && c.verdict.In && !c.gone && c.next.Key != "" && c.next.Key != c.link.Key
}

// blocked reports whether what was decided is refused: the object stays as it is.
func (c *candidate) blocked() bool { return c.decision.Kind == rule.Skip && c.decision.Code != "" }

// handOver has those decided about again whom a decision on this page gives a matching value, or takes one away from, on whatever page they are:
// who was refused for one that a candidate gives up, or does not get after all, and who is to be created with one that a candidate gets who is
// linked. Whoever is refused while linked keeps the value that they have.
func (p *Planner) handOver(ctx context.Context, cs []*candidate, out *Piece) error {
	free, taken := map[string][]string{}, map[string][]string{}
	here := map[connection.Ref]*candidate{}
	for _, c := range cs {
		here[c.Ref] = c
		switch {
		case c.gains() && c.blocked():
			free[c.Type] = append(free[c.Type], c.next.Key)
			c.next.Key = c.link.Key
		case c.gains():
			taken[c.Type] = append(taken[c.Type], c.next.Key)
		}
		if c.gives() {
			free[c.Type] = append(free[c.Type], c.link.Key)
		}
		if has := c.program.Key(c.link.Image); c.gone && has != "" { // the object may be nobody's from now on
			free[c.Type] = append(free[c.Type], has)
		}
	}
	again := func(keys map[string][]string, whom func(*Link) bool) error {
		for typ, some := range keys {
			links, err := p.Known.Links(ctx, LinkQuery{Type: typ, Keys: some})
			if err != nil {
				return err
			}
			for _, l := range links {
				if c := here[l.Source]; !whom(&l) {
				} else if l.Due = p.Now(); c != nil {
					c.next.Due = l.Due
				} else {
					out.Links = append(out.Links, l)
				}
			}
		}
		return nil
	}
	if err := again(free, (*Link).refusedForKey); err != nil {
		return err
	}
	for _, c := range cs { // who is refused on this page is not known as that yet
		if c.twin && slices.Contains(free[c.Type], c.next.Key) {
			c.next.Due = p.Now()
		}
	}
	return again(taken, func(l *Link) bool { return l.Target == "" && l.Verdict.In && l.Code == "" && here[l.Source] == nil })
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
