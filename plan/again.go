package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lockstep/connection"
)

// Unseen decides about the linked objects that a whole read of the source did not list: they are gone. Those that never came to the
// target are forgotten, so that nobody waits for what they had.
func (p *Planner) Unseen(ctx context.Context) error {
	for typ := range p.Programs {
		err := p.eachLink(ctx, LinkQuery{Type: typ, Unseen: p.Job.Cycle}, func(links []Link) error {
			return p.more(ctx, connection.Page{Gone: sources(links)})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Again decides about those whom the source has not named now: whose time has come, whose rows were approved, and who is held for a
// circle that is another one now.
func (p *Planner) Again(ctx context.Context) error {
	if err := p.due(ctx); err != nil {
		return err
	}
	if err := p.Objects(ctx, p.Waits.approved(p.Programs)); err != nil {
		return err
	}
	if err := p.brokenCircles(ctx); err != nil {
		return err
	}
	return p.unbrought(ctx)
}

// due decides again about the objects whose time has come: retries, relative dates, grace periods.
func (p *Planner) due(ctx context.Context) error {
	for _, typ := range []string{connection.UserType, connection.GroupType} {
		err := p.eachLink(ctx, LinkQuery{Type: typ, DueBefore: p.Now()}, func(links []Link) error {
			if p.Programs[typ] == nil { // no rule brings them any more
				return p.undue(ctx, links)
			}
			return p.Objects(ctx, sources(links))
		})
		if errors.Is(err, errors.ErrUnsupported) {
			return nil // the next whole read has them
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undue takes the links off the clock.
func (p *Planner) undue(ctx context.Context, links []Link) error {
	for i := range links {
		links[i].Due = time.Time{}
	}
	return p.Sink.Take(ctx, Piece{Links: links})
}

// brokenCircles decides again about those who are held because they exchange values in a circle that is another one now: somebody
// of it wants another value, has left, was approved or was rejected. Whoever can be written then is.
func (p *Planner) brokenCircles(ctx context.Context) error {
	for {
		refs := p.Waits.bereft(p.Programs)
		if len(refs) == 0 {
			return nil
		}
		p.Waits.broken = map[connection.Ref]bool{}
		for _, ref := range refs {
			p.Waits.broken[ref] = true
		}
		err := p.Objects(ctx, refs)
		p.Waits.broken = nil
		if err != nil {
			return err
		}
	}
}

// unbrought leaves out the rows that wait for a decision on objects which no rule brings any more.
func (p *Planner) unbrought(ctx context.Context) error {
	var out []Transition
	for k, a := range p.Waits.rows {
		if p.Programs[k.source.Type] == nil {
			out = append(out, Transition{ID: a.ID, From: a.State, To: LeftOut, Detail: "no rule brings it any more", At: p.Now()})
			delete(p.Waits.rows, k)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return p.Sink.Take(ctx, Piece{Moved: out})
}

// eachLink calls f with the links of one type, some at a time.
func (p *Planner) eachLink(ctx context.Context, q LinkQuery, f func([]Link) error) error {
	q.Limit = pageSize
	for {
		links, err := p.Known.Links(ctx, q)
		if err != nil || len(links) == 0 {
			return err
		}
		q.After = links[len(links)-1].Source.ID
		if err := f(links); err != nil {
			return err
		}
	}
}

func sources(links []Link) []connection.Ref {
	refs := make([]connection.Ref, len(links))
	for i, l := range links {
		refs[i] = l.Source
	}
	return refs
}

// Objects reads objects of the source anew and decides about them. Those that it has no longer are gone.
func (p *Planner) Objects(ctx context.Context, refs []connection.Ref) error {
	for chunk := range slices.Chunk(refs, pageSize) {
		objects, err := p.Source.Get(ctx, chunk...)
		if err != nil {
			return fmt.Errorf("read %s again: %w", p.From.Name, err)
		}
		if err := p.more(ctx, connection.Page{Objects: objects, Gone: missing(chunk, objects)}); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the refs that have no object.
func missing(refs []connection.Ref, objects []connection.Object) []connection.Ref {
	there := make(map[connection.Ref]bool, len(objects))
	for _, o := range objects {
		there[o.Ref] = true
	}
	var gone []connection.Ref
	for _, ref := range refs {
		if !there[ref] {
			gone = append(gone, ref)
		}
	}
	return gone
}

// more decides about objects that are not on a page of their own.
func (p *Planner) more(ctx context.Context, page connection.Page) error {
	piece, err := p.Page(ctx, page, false)
	if err != nil {
		return err
	}
	return p.Sink.Take(ctx, piece)
}
