package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection"
)

// reader reads one type in a visit.
type reader struct {
	*visit
	pass   Pass
	wanted Wanted
	keep   *Keep
	limits Limits

	met     *Set      // rows that the pass has met; loaded when it is needed
	last    time.Time // when the last page came, after which at the earliest the next one was asked for
	repeats int       // pages in a row that listed nothing new
	empty   int       // pages in a row without anything
	over    bool      // the last page has come
}

// read brings the type up to a request: it goes on with the pass that runs, or begins one if the last one does not answer it.
func (p *reader) read(ctx context.Context, request int64) error {
	if err := p.rekey(ctx); err != nil {
		return err
	}
	switch {
	case p.pass.Stage == Idle && p.pass.Answered >= request:
		return nil
	case p.pass.Stage == Idle, p.pass.Stage == Reading && !p.pass.Wanted.sameObjects(p.wanted):
		return p.again(ctx)
	case p.pass.Stage == Reading && p.pass.From == "" && p.pass.Counts.Pieces > 0: // the system can only be read from the beginning
		if err := p.anew(ctx); err != nil {
			return err
		}
	}
	p.pass.Resumed, p.pass.Before = p.now(), p.pass.Counts.Objects
	return p.finish(ctx)
}

// again begins a pass and brings it to its end.
func (p *reader) again(ctx context.Context) (err error) {
	keyed := p.pass.Wanted.Keys
	next := p.pass.Begin(p.wanted, p.now())
	next.Wanted.Keys = keyed // rekey has seen to them
	if p.pass, err = p.Store.Begin(ctx, p.renewed(), next); err != nil {
		return err
	}
	p.met, p.over, p.repeats, p.empty = &Set{}, false, 0, 0
	return p.finish(ctx)
}

// anew begins the running pass again from the start.
func (p *reader) anew(ctx context.Context) (err error) {
	if p.pass, err = p.Store.Begin(ctx, p.renewed(), p.pass.Anew(p.now())); err != nil {
		return err
	}
	p.met = &Set{}
	return nil
}

func (p *reader) finish(ctx context.Context) error {
	if p.met == nil {
		var err error
		if p.met, err = p.Store.Met(ctx, p.id, p.pass.No); err != nil {
			return err
		}
	}
	if p.pass.Stage == Reading {
		if err := p.pages(ctx); err != nil {
			return err
		}
	}
	return p.judge(ctx)
}

// pages reads pages until the last one. The reader runs beside this function and fetches the next page while one is committed; this
// function gives up when none comes.
func (p *reader) pages(ctx context.Context) error {
	pages := make(chan connection.ReadPage)
	ask := connection.Read{Type: p.wanted.Type, From: p.pass.From, Since: p.pass.Since, Whole: p.pass.Whole, Paths: p.wanted.Paths}
	what := p.doing()
	p.last = p.now()
	g := p.start(ctx, what, func(ctx context.Context) error {
		return p.system.Reader.Read(ctx, ask, func(page connection.ReadPage) error {
			select {
			case pages <- page:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	timer := time.NewTimer(p.timeout())
	defer timer.Stop()
	for {
		select {
		case page := <-pages:
			if err := p.page(ctx, &page); err != nil {
				return g.giveUp(err)
			}
			timer.Reset(p.timeout())
		case err := <-g.done:
			if err == nil && !p.over {
				err = &lockstep.Error{Code: lockstep.CodeSourceMalformed, Detail: what + ": it ended without a last page."}
			}
			return err
		case <-timer.C:
			return g.giveUp(p.tooSlow(what))
		case <-ctx.Done():
			return g.giveUp(ctx.Err())
		}
	}
}

// pieceSize is how many objects of a page are committed at a time: few enough that nobody waits long for the writer.
const pieceSize = 500

// page judges and commits a page.
func (p *reader) page(ctx context.Context, page *connection.ReadPage) error {
	switch n := len(page.Objects) + len(page.Present); {
	case p.over:
		return p.broken(ctx, "it went on after its last page")
	case n > p.limits.Page:
		return p.broken(ctx, fmt.Sprintf("a page has %d objects, %d are allowed", n, p.limits.Page))
	}
	if page.Asked.IsZero() || page.Asked.After(p.now()) {
		page.Asked = p.last
	}
	p.last = p.now()
	p.hideLong(page)
	if page.Anew && p.pass.Counts.Pieces > 0 {
		if err := p.anew(ctx); err != nil {
			return err
		}
	}
	if p.idle(page) {
		if why := p.progress(0, 0, 0); why != "" {
			return p.broken(ctx, why)
		}
		return nil
	}
	present, err := p.present(ctx, page)
	if err != nil {
		return err
	}
	batches := p.batches(page, present)
	fresh := 0
	for i := range batches {
		taken, err := p.Store.Take(ctx, p.renewed(), &batches[i])
		if err != nil {
			return err
		}
		for _, no := range taken.Met {
			if p.met.Add(no) {
				fresh++
			}
		}
		p.pass = taken.Pass
		if i+1 < len(batches) { // what the pass has found out goes on in the next piece
			counts := &batches[i+1].Pass.Counts
			counts.Made, counts.Changed, counts.Gone = p.pass.Counts.Made, p.pass.Counts.Changed, p.pass.Counts.Gone
			counts.Pieces, counts.Hidden = p.pass.Counts.Pieces, p.pass.Counts.Hidden
		}
	}
	p.over = page.Last
	if why := p.progress(len(page.Objects)+len(page.Present), len(page.Gone), fresh); why != "" && !page.Last {
		return p.broken(ctx, why)
	}
	if p.yield.Load() && page.Next != "" && !page.Last {
		return errYield
	}
	return nil
}

// hideLong takes objects out of a page whose ids are too long to be kept. They count as parts that could not be read.
func (p *reader) hideLong(page *connection.ReadPage) {
	hide := func(name, id string) bool {
		if len(id) <= connection.LongestID {
			return false
		}
		page.Hidden = append(page.Hidden, connection.Hidden{
			Name: name, IDs: []string{id}, Part: id[:connection.LongestID], // it alone: whoever else is not listed has left
			Err: &lockstep.Error{Code: lockstep.CodeSourceMalformed, Detail: name + " " + connection.CheckID(id)},
		})
		return true
	}
	page.Objects = slices.DeleteFunc(page.Objects, func(o connection.Object) bool { return hide(cmp.Or(o.Name, "an object"), o.ID) })
	page.Present = slices.DeleteFunc(page.Present, func(o connection.Present) bool { return hide("an object", o.ID) })
	page.Gone = slices.DeleteFunc(page.Gone, func(id string) bool { return len(id) > connection.LongestID })
}

// idle reports whether a page says nothing but that the reader is busy, and need not be committed for the sake of the lease.
func (p *reader) idle(page *connection.ReadPage) bool {
	return len(page.Objects)+len(page.Present)+len(page.Gone)+len(page.Hidden) == 0 && !page.Last && page.Next == p.pass.From &&
		p.lease.Until.Sub(p.now()) > margin+p.timeout()/2
}

// progress judges whether the pass goes on at all, and says what is wrong.
func (p *reader) progress(objects, gone, fresh int) string {
	switch {
	case objects+gone == 0:
		p.empty++
	case objects > 0 && fresh == 0 && gone == 0:
		p.repeats++
		p.empty = 0
	default:
		p.repeats, p.empty = 0, 0
	}
	c := p.pass.Counts
	switch {
	case p.repeats >= p.limits.Repeats:
		return fmt.Sprintf("%d pages in a row list only what was listed before", p.repeats)
	case p.empty >= p.limits.Empty:
		return fmt.Sprintf("%d pages in a row are empty", p.empty)
	case c.Objects > p.limits.Objects:
		return fmt.Sprintf("it lists more than %d objects", p.limits.Objects)
	case c.Bytes > p.limits.Bytes:
		return fmt.Sprintf("it lists more than %d bytes", p.limits.Bytes)
	}
	return ""
}

// doing is what the pass does, as people read it.
func (p *reader) doing() string { return "Reading " + strings.ToLower(p.wanted.Type) + "s" }

// broken is the error of a system whose answers have no end or no sense. The pass begins anew the next time: going on where it
// stands would lead to the same place.
func (p *reader) broken(ctx context.Context, why string) error {
	p.pass.From = ""
	if err := p.commit(ctx, Batch{}); err != nil {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeReadEndless, Detail: p.doing() + ": " + why + "."}
}

// batches divides a page into pieces. Only the last moves the place where the pass goes on.
func (p *reader) batches(page *connection.ReadPage, present []string) []Batch {
	doubt := Doubt(page.Asked, p.system.Lag)
	blank := Batch{Keep: p.keep, Lag: p.system.Lag, Doubt: doubt}
	var all []Batch
	bytes := int64(0)
	for chunk := range slices.Chunk(page.Objects, pieceSize) {
		b := blank
		b.Meets, b.Entries = true, make([]Entry, 0, len(chunk))
		for _, o := range chunk {
			o.Type = p.wanted.Type
			if o.ID == "" {
				continue // nobody could find it again
			}
			e := p.keep.Entry(o)
			bytes += int64(e.Size)
			b.Entries = append(b.Entries, e)
		}
		all = append(all, b)
	}
	for chunk := range slices.Chunk(present, pieceSize) {
		b := blank
		b.Meets, b.Present = true, chunk
		all = append(all, b)
	}
	for chunk := range slices.Chunk(page.Gone, pieceSize) {
		b := blank
		b.Gone = chunk
		all = append(all, b)
	}
	if len(all) == 0 {
		all = append(all, blank)
	}
	for i := range all {
		all[i].Pass = p.pass
	}
	end := &all[len(all)-1]
	end.Parts = p.parts(page.Hidden)
	p.moved(&end.Pass, page, bytes)
	return all
}

// moved notes in the pass that a page is done with.
func (p *reader) moved(pass *Pass, page *connection.ReadPage, bytes int64) {
	now := p.now()
	pass.From, pass.Progress = page.Next, now
	pass.Counts.Objects += int64(len(page.Objects) + len(page.Present))
	pass.Counts.Pages++
	pass.Counts.Bytes += bytes
	if page.Total > 0 {
		pass.Counts.Total = int64(page.Total)
	}
	if page.Last {
		pass.Stage, pass.Reach, pass.Next, pass.Notes, pass.From = Judging, page.Reach, page.Mark, page.Notes, ""
	}
}

// maxParts is how many hidden parts of a pass are kept one by one.
const maxParts = 1000

// parts returns the hidden parts of a page as they are kept. When there are very many, the rest is kept as one: with the ids that
// may be in it, if all are known.
func (p *reader) parts(hidden []connection.Hidden) []connection.Hidden {
	room := max(maxParts-int(p.pass.Counts.Hidden), 0)
	if len(hidden) <= room {
		return hidden
	}
	kept := slices.Clone(hidden[:room])
	rest := connection.Hidden{Name: fmt.Sprintf("%d more parts", len(hidden)-room), Err: hidden[room].Err}
	for _, h := range hidden[room:] {
		if len(h.IDs) == 0 {
			rest.IDs = nil
			break
		}
		rest.IDs = append(rest.IDs, h.IDs...)
	}
	return append(kept, rest)
}

// present returns the ids of the objects that are there as they are known. Those that are not known so are read and become objects
// of the page.
func (p *reader) present(ctx context.Context, page *connection.ReadPage) ([]string, error) {
	if len(page.Present) == 0 {
		return nil, nil
	}
	ids := make([]string, len(page.Present))
	for i, o := range page.Present {
		ids[i] = o.ID
	}
	known, err := p.Store.Versions(ctx, p.id, p.wanted.Type, ids)
	if err != nil {
		return nil, err
	}
	var same, other []string
	for _, o := range page.Present {
		if v, is := known[o.ID]; is && (v == o.Version || p.system.Getter == nil) {
			same = append(same, o.ID)
		} else {
			other = append(other, o.ID)
		}
	}
	if p.system.Getter == nil {
		return same, nil
	}
	err = p.get(ctx, other, func(asked time.Time, found []connection.Object, _ []string) error {
		page.Objects = append(page.Objects, found...)
		return nil
	})
	return same, err
}

// get asks the system for objects, some at a time, and hands on what was found and which ids were not.
func (p *reader) get(ctx context.Context, ids []string, f func(asked time.Time, found []connection.Object, missing []string) error) error {
	for chunk := range slices.Chunk(ids, cmp.Or(p.system.Batch, 20)) {
		refs := make([]connection.Ref, len(chunk))
		for i, id := range chunk {
			refs[i] = connection.Ref{Type: p.wanted.Type, ID: id}
		}
		asked := p.now()
		var found []connection.Object
		err := p.call(ctx, p.doing()+" by their ids", func(ctx context.Context) (err error) {
			found, err = p.system.Getter.Get(ctx, refs...)
			return err
		})
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(o connection.Object) bool { return connection.CheckID(o.ID) != "" }) // nobody has asked for it
		here := make(map[string]bool, len(found))
		for _, o := range found {
			here[o.ID] = true
		}
		missing := slices.DeleteFunc(slices.Clone(chunk), func(id string) bool { return here[id] })
		if err := f(asked, found, missing); err != nil {
			return err
		}
		if p.lease.Until.Sub(p.now()) < margin+p.timeout()/2 { // it lasts as long as the next call
			if err := p.commit(ctx, Batch{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask asks the system for objects and keeps what it says.
func (p *reader) ask(ctx context.Context, ids []string) error {
	return p.get(ctx, ids, func(asked time.Time, found []connection.Object, missing []string) error {
		b := Batch{Doubt: Doubt(asked, p.system.Lag), Gone: missing}
		for _, o := range found {
			o.Type = p.wanted.Type
			b.Entries = append(b.Entries, p.keep.Entry(o))
		}
		return p.commit(ctx, b)
	})
}

// commit keeps a batch that is not of a page, and what it has changed in the pass.
func (p *reader) commit(ctx context.Context, b Batch) error {
	b.Pass, b.Keep, b.Lag = p.pass, p.keep, p.system.Lag
	taken, err := p.Store.Take(ctx, p.renewed(), &b)
	if err == nil {
		p.pass = taken.Pass
	}
	return err
}

// judge finds out what it means that the pass did not list some rows, and ends it.
func (p *reader) judge(ctx context.Context) error {
	parts, err := p.Store.Parts(ctx, p.id, p.wanted.Type, p.pass.No)
	if err != nil {
		return err
	}
	cover := CoverOf(parts)
	if p.pass.Reach == connection.OneView || p.pass.Reach == connection.Pages {
		if err := p.unseen(ctx, &cover); err != nil {
			return err
		}
	}
	p.pass = p.pass.End(&cover, p.now())
	return p.commit(ctx, Batch{Done: true})
}

// unseen judges the rows that the pass did not list, some at a time. Judging again what was judged before changes nothing, so a
// visit that was broken off needs no place to go on from.
func (p *reader) unseen(ctx context.Context, cover *Cover) error {
	alive, err := p.Store.Alive(ctx, p.id, p.wanted.Type)
	if err != nil {
		return err
	}
	unseen := alive.Minus(p.met)
	if p.pass.Unseen < 0 {
		p.pass.Unseen = unseen.Len()
	}
	p.pass.Counts.Hides, p.pass.Counts.Missed = 0, 0
	way := WayOf(p.pass.Reach, p.system.Getter != nil, p.pass.Unseen, alive.Len())
	for chunk := range slices.Chunk(unseen.Numbers(), pieceSize) {
		rows, err := p.Store.Numbered(ctx, p.id, chunk)
		if err != nil {
			return err
		}
		var ask []string
		b := Batch{Doubt: Doubt(p.pass.Asked, p.system.Lag)}
		for i := range rows {
			r := &rows[i]
			fate := FateOf(r, &p.pass, way, cover, p.system.Lag)
			switch {
			case fate == Stays:
			case fate == IsAsked && p.system.Getter != nil && !Doubtful(r.Written, Doubt(p.now(), p.system.Lag)):
				ask = append(ask, r.Object.ID)
			default:
				b.Fates = append(b.Fates, Verdict{r.No, fate})
			}
		}
		if err := p.commit(ctx, b); err != nil {
			return err
		}
		if err := p.ask(ctx, ask); err != nil {
			return err
		}
	}
	return nil
}

// rekey gives rows that nobody owns the keys that are wanted now. Until all have them they are looked up by the old ones alone.
func (p *reader) rekey(ctx context.Context) error {
	if p.pass.No == 0 {
		p.pass.Wanted.Keys, p.pass.Keyed = p.wanted.Keys, p.wanted.Keys
		return nil
	}
	if slices.Equal(p.pass.Keyed, p.wanted.Keys) {
		return nil
	}
	p.pass.Wanted.Keys = p.wanted.Keys // from this commit on, rows that change get the new ones
	p.pass.Keyed = slices.DeleteFunc(slices.Clone(p.pass.Keyed), func(k string) bool { return !slices.Contains(p.wanted.Keys, k) })
	if err := p.commit(ctx, Batch{}); err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := p.Store.Rows(ctx, p.id, Query{Type: p.wanted.Type, After: after, States: []State{There, Hidden, Missed}, Bare: true, Limit: pieceSize})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].No
		numbers := make([]int64, len(rows))
		for i := range rows {
			numbers[i] = rows[i].No
		}
		if err := p.commit(ctx, Batch{Rekey: numbers}); err != nil {
			return err
		}
	}
	p.pass.Keyed = p.wanted.Keys
	return p.commit(ctx, Batch{})
}

// asked reads the objects by their ids of which what we know may be older than what we wrote.
func (v *visit) asked(ctx context.Context, head Head) error {
	if head.Asks.IsZero() || v.system.Getter == nil {
		return nil
	}
	now := v.now()
	for _, w := range v.system.Types {
		p := reader{visit: v, pass: head.Pass(w.Type), wanted: w, keep: NewKeep(w)}
		if p.pass.No == 0 {
			p.pass.Wanted, p.pass.Keyed = w, w.Keys
		}
		for after := int64(0); ; {
			rows, err := v.Store.Rows(ctx, v.id, Query{Type: w.Type, After: after, Asked: true, Bare: true, Limit: pieceSize})
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			after = rows[len(rows)-1].No
			var ids []string
			for i := range rows {
				if !Doubtful(rows[i].Written, Doubt(now, v.system.Lag)) {
					ids = append(ids, rows[i].Object.ID)
				}
			}
			if err := p.ask(ctx, ids); err != nil {
				return err
			}
		}
		for i := range head.Passes { // the pass has counted what it found
			if head.Passes[i].Type == w.Type {
				head.Passes[i] = p.pass
			}
		}
	}
	return nil
}
