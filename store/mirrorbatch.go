package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lockstep/connection"
	"lockstep/mirror"
)

// Begin keeps a new pass. It satisfies mirror.Passes.
func (m Mirrors) Begin(ctx context.Context, l mirror.Lease, p mirror.Pass) (mirror.Pass, error) {
	var made mirror.Pass
	err := m.write(ctx, &work{tenant: l.Tenant, rows: 2, run: func(t *tx) error {
		x, err := t.leased(l)
		if err != nil {
			return err
		}
		old, err := x.passOf(p.Type)
		if err != nil {
			return err
		}
		if old.No != 0 {
			if err := t.doom(old.No); err != nil {
				return err
			}
		}
		made = p
		if made.No, err = t.number(); err != nil {
			return err
		}
		if made.Request == 0 {
			if err := x.answers(&made); err != nil {
				return err
			}
		}
		return x.putPass(made)
	}})
	if err != nil {
		return mirror.Pass{}, fmt.Errorf("begin a pass over %ss of %s: %w", p.Type, l.Connection, err)
	}
	return made, nil
}

// answers notes which requests a pass answers whose first page is about to be asked for.
func (m *mirrorTx) answers(p *mirror.Pass) error {
	rows, err := m.query("SELECT requests, whole FROM mirror_head WHERE connection = $1", m.job)
	_, err = one(rows, err, func(s scanner) (int, error) {
		var whole int64
		err := s.Scan(&p.Request, &whole)
		p.Whole = p.Whole || whole > p.Answered
		return 0, err
	})
	return err
}

// Take commits a piece of a pass. It satisfies mirror.Passes.
func (m Mirrors) Take(ctx context.Context, l mirror.Lease, b *mirror.Batch) (taken mirror.Taken, err error) {
	rows := 3 + (len(b.Entries)+len(b.Present))/8 + len(b.Gone) + len(b.Fates) + len(b.Rekey) // most objects are as they were
	err = m.write(ctx, &work{tenant: l.Tenant, rows: rows, wakes: true, run: func(t *tx) error {
		x, err := t.leased(l)
		if err != nil {
			return err
		}
		p := piece{mirrorTx: x, b: b, keep: b.Keep, typ: b.Pass.Type, pass: b.Pass, doubt: b.Doubt, lag: b.Lag}
		if p.keep == nil {
			p.keep = mirror.NewKeep(b.Pass.Wanted)
		}
		if err := p.write(); err != nil {
			return err
		}
		taken = mirror.Taken{Pass: p.pass, Met: p.met}
		return x.save()
	}})
	if err != nil {
		return mirror.Taken{}, fmt.Errorf("keep what was read of %s: %w", l.Connection, err)
	}
	return taken, nil
}

// piece is a mirror.Batch being written.
type piece struct {
	*mirrorTx
	b     *mirror.Batch
	keep  *mirror.Keep
	typ   string
	pass  mirror.Pass
	doubt time.Time
	lag   time.Duration
	met   []int64
}

func (p *piece) write() error {
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"objects", func() error { return p.entries(p.b.Entries) }},
		{"objects that are there", p.present},
		{"objects that are gone", p.gone},
		{"objects that were not listed", p.fates},
		{"keys", func() error { return p.rekey(p.b.Rekey) }},
		{"parts", p.parts},
		{"pass", p.end},
	} {
		if err := part.do(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// entries takes objects, in rounds in which each occurs once: an object that lists only its changes is merged with what the
// one before left.
func (p *piece) entries(all []mirror.Entry) error {
	for len(all) > 0 {
		seen := make(map[string]bool, len(all))
		n := 0
		for n < len(all) && !seen[all[n].Object.ID] {
			seen[all[n].Object.ID] = true
			n++
		}
		if err := p.round(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

const knownColumns = "no, id, hash, version, state, missed, written, ask, owner <> ''"

func scanKnown(s scanner) (id string, k mirror.Known, err error) {
	var written int64
	err = s.Scan(&k.No, &id, &k.Hash, &k.Version, &k.State, &k.Missed, &written, &k.Ask, &k.Owned)
	k.Written = instant(written)
	return id, k, err
}

// known returns what is known of objects, by their ids.
func (p *piece) known(ids []string) (map[string]*mirror.Known, error) {
	found := make(map[string]*mirror.Known, len(ids))
	err := lists(p.db, "SELECT "+knownColumns+" FROM mirror_row WHERE mirror = $1 AND type = $2 AND id IN (@list)", []any{p.no, p.typ}, ids,
		func(text string, args []any) error {
			rows, err := p.query(text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) {
				id, k, err := scanKnown(s)
				found[id] = &k
				return struct{}{}, err
			})
			return err
		})
	return found, err
}

// round takes objects of which each occurs once.
func (p *piece) round(all []mirror.Entry) error {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = cleanText(all[i].Object.ID)
	}
	known, err := p.known(ids)
	if err != nil {
		return err
	}
	rows := make([]rowChange, 0, 16)
	for i := range all {
		e, k := &all[i], known[ids[i]]
		effect := mirror.Meet(k, e, p.doubt)
		switch {
		case effect == mirror.Made:
			p.rows++
			k = &mirror.Known{No: p.no<<rowBits | p.rows}
		case effect == mirror.Untouched:
			p.meet(k.No)
			continue
		}
		p.meet(k.No)
		rows = append(rows, rowChange{effect: effect, known: *k, now: e.Object, hash: e.Hash})
	}
	return p.change(rows)
}

// meet counts the row as listed by the pass.
func (p *piece) meet(no int64) {
	if p.b != nil && p.b.Meets {
		p.met = append(p.met, no&rowMask)
	}
}

// present takes the objects of which the system says that they are there as they are known.
func (p *piece) present() error {
	ids := make([]string, len(p.b.Present))
	for i, id := range p.b.Present {
		ids[i] = cleanText(id)
	}
	known, err := p.known(ids)
	if err != nil {
		return err
	}
	var rows []rowChange
	for id, k := range known {
		if k.State == mirror.Gone {
			continue
		}
		p.meet(k.No)
		if (k.State != mirror.There || k.Missed != 0) && !mirror.Doubtful(k.Written, p.doubt) {
			rows = append(rows, rowChange{effect: mirror.Refreshed, known: *k, keepDoc: true, now: connection.Object{Ref: connection.Ref{Type: p.typ, ID: id}}})
		}
	}
	return p.change(rows)
}

// gone takes the objects of which the system itself says that they are gone.
func (p *piece) gone() error {
	here := make(map[string]bool, len(p.b.Entries))
	for i := range p.b.Entries {
		here[p.b.Entries[i].Object.ID] = true
	}
	known, err := p.known(p.b.Gone)
	if err != nil {
		return err
	}
	var rows []rowChange
	for _, id := range p.b.Gone {
		k := known[cleanText(id)]
		if k == nil || k.State == mirror.Gone {
			continue
		}
		delete(known, id) // it may be named twice
		c := rowChange{effect: mirror.Rewritten, known: *k, gone: true, now: connection.Object{Ref: connection.Ref{Type: p.typ, ID: id}}}
		if here[id] || mirror.Doubtful(k.Written, p.doubt) { // of a page that lists it, too, nobody knows which came last
			c.effect, c.gone = mirror.Doubted, false
		}
		rows = append(rows, c)
	}
	return p.change(rows)
}

// fates applies what was judged of rows that the pass did not list. One that was written since is left to the next look.
func (p *piece) fates() error {
	if len(p.b.Fates) == 0 {
		return nil
	}
	fates := make(map[int64]mirror.Fate, len(p.b.Fates))
	numbers := make([]int64, len(p.b.Fates))
	for i, f := range p.b.Fates {
		numbers[i] = p.no<<rowBits | f.No
		fates[numbers[i]] = f.Fate
	}
	var rows []rowChange
	err := numberLists(p.db, "SELECT "+knownColumns+" FROM mirror_row WHERE no IN (@list)", nil, numbers, func(text string, args []any) error {
		found, err := p.query(text, args...)
		_, err = collect(found, err, func(s scanner) (struct{}, error) {
			id, k, err := scanKnown(s)
			if k.State != mirror.Gone && !(mirror.Doubtful(k.Written, p.doubt) && fates[k.No] != mirror.IsAsked) {
				rows = append(rows, p.fated(connection.Ref{Type: p.typ, ID: id}, k, fates[k.No]))
			}
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return err
	}
	return p.change(rows)
}

func (p *piece) fated(ref connection.Ref, k mirror.Known, f mirror.Fate) rowChange {
	c := rowChange{effect: mirror.Refreshed, known: k, now: connection.Object{Ref: ref, Version: k.Version}, hash: k.Hash, keepDoc: true}
	c.missed = k.Missed // a pass that could not read everything has missed nothing
	switch f {
	case mirror.Goes:
		c.effect, c.gone = mirror.Rewritten, true
	case mirror.Hides:
		c.state = mirror.Hidden
		p.pass.Counts.Hides++
	case mirror.Waits:
		c.state = mirror.Missed
		if c.missed == 0 {
			c.missed = p.pass.No
		}
		p.pass.Counts.Missed++
	default:
		c.effect = mirror.Doubted
	}
	return c
}

// parts keeps the parts that the pass could not read.
func (p *piece) parts() error {
	n := p.pass.Counts.Hidden
	for i := range p.b.Parts {
		text, err := json.Marshal(mirror.PartOf(p.b.Parts[i]))
		if err != nil {
			return err
		}
		n++
		if _, err := p.exec(`INSERT INTO mirror_part (mirror, type, pass, n, part) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (mirror, type, pass, n) DO NOTHING`, p.no, p.typ, p.pass.No, n, string(text)); err != nil {
			return err
		}
	}
	p.pass.Counts.Hidden = n
	return nil
}

// end keeps the set of rows and the pass, and drops what a complete pass no longer needs.
func (p *piece) end() error {
	if p.b.Meets {
		if _, err := p.exec("INSERT INTO mirror_met (pass, page, met) VALUES ($1, $2, $3) ON CONFLICT (pass, page) DO UPDATE SET met = excluded.met",
			p.pass.No, p.pass.Counts.Pieces, mirror.EncodeSet(p.met)); err != nil {
			return err
		}
		p.pass.Counts.Pieces++
	}
	if p.b.Done {
		if err := p.doom(p.pass.No); err != nil {
			return err
		}
		if err := p.forgetGone(); err != nil {
			return err
		}
		if _, err := p.exec("DELETE FROM mirror_part WHERE mirror = $1 AND type = $2 AND pass <> $3", p.no, p.typ, p.pass.Parts); err != nil {
			return err
		}
	}
	return p.putPass(p.pass)
}

// Objects that are gone are remembered, so that whoever follows the positions hears of them: this many of a type, and those that a
// link owns. Of the others the oldest are forgotten, some with each pass.
const (
	rememberGone = 10_000
	forgetGone   = 500
)

// forgetGone forgets objects that went long ago. Whoever has not heard of them reads everything once.
func (p *piece) forgetGone() error {
	const gone = " FROM mirror_row WHERE mirror = $1 AND type = $2 AND state > 0 AND state = 1 AND owner = '' AND NOT ask"
	rows, err := p.query("SELECT COUNT(*)"+gone, p.no, p.typ)
	n, err := one(rows, err, scanInt)
	if err != nil || n <= rememberGone {
		return err
	}
	rows, err = p.query("SELECT no, position"+gone+" ORDER BY position LIMIT $3", p.no, p.typ, min(n-rememberGone, forgetGone))
	last := int64(0)
	numbers, err := collect(rows, err, func(s scanner) (no int64, err error) {
		var position int64
		err = s.Scan(&no, &position)
		last = max(last, position)
		return no, err
	})
	if err != nil {
		return err
	}
	if err := p.execNumbers("DELETE FROM mirror_row WHERE no IN (@list)", nil, numbers); err != nil {
		return err
	}
	_, err = p.exec("UPDATE mirror_head SET trimmed = CASE WHEN $2 > trimmed THEN $2 ELSE trimmed END WHERE connection = $1", p.job, last)
	return err
}

// numberLists is lists for numbers.
func numberLists(db *DB, text string, args []any, values []int64, f func(text string, args []any) error) error {
	return listsOf(db, text, args, values, func(n int64) any { return n }, f)
}
