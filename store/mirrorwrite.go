package store

import (
	"context"
	"fmt"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
)

// Wrote notes what we did to objects. It satisfies mirror.Writes.
func (m Mirrors) Wrote(ctx context.Context, id mirror.ID, lag time.Duration, all ...mirror.Write) error {
	err := m.write(ctx, &work{tenant: id.Tenant, rows: 2 * len(all), run: func(t *tx) error {
		x, err := t.openMirror(id)
		if err != nil {
			return err
		}
		if err := x.wrote(lag, all); err != nil {
			return err
		}
		return x.save()
	}})
	if err != nil {
		return fmt.Errorf("note what was written to %s: %w", id.Connection, err)
	}
	return nil
}

// wrote notes writes in a transaction that others share.
func (m *mirrorTx) wrote(lag time.Duration, all []mirror.Write) error {
	for typ, writes := range writesByType(all) {
		pass, err := m.passOf(typ)
		if err != nil {
			return err
		}
		p := &piece{mirrorTx: m, keep: mirror.NewKeep(pass.Wanted), typ: typ, pass: pass, lag: lag}
		for len(writes) > 0 { // each object once a round: the later write sees what the earlier one left
			n, seen := 0, map[string]bool{}
			for n < len(writes) && !seen[writes[n].Ref.ID] {
				seen[writes[n].Ref.ID] = true
				n++
			}
			if err := p.writes(writes[:n]); err != nil {
				return err
			}
			writes = writes[n:]
		}
	}
	return nil
}

func writesByType(all []mirror.Write) map[string][]mirror.Write {
	types := map[string][]mirror.Write{}
	for _, w := range all {
		types[w.Ref.Type] = append(types[w.Ref.Type], w)
	}
	return types
}

func (p *piece) writes(all []mirror.Write) error {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = cleanText(all[i].Ref.ID)
	}
	known, err := p.known(ids)
	if err != nil {
		return err
	}
	var numbers []int64
	for _, k := range known {
		if k.State != mirror.Gone {
			numbers = append(numbers, k.No)
		}
	}
	docs, err := p.docs(numbers)
	if err != nil {
		return err
	}
	rows := make([]rowChange, len(all))
	for i := range all {
		w, k := &all[i], known[ids[i]]
		c := rowChange{effect: mirror.Rewritten, ours: true, written: w.At, unknown: w.Unknown, gone: w.Deleted && !w.Unknown}
		if k == nil {
			c.effect = mirror.Made
			p.rows++
			k = &mirror.Known{No: p.no<<rowBits | p.rows}
		}
		c.known = *k
		if c.now, err = mirror.Decode(w.Ref, k.Version, []byte(docs[k.No])); err != nil {
			return err
		}
		if !c.unknown && !c.gone && w.Change != nil {
			w.Change(&c.now)
			c.now.Ref = w.Ref
		}
		e := p.keep.Entry(c.now)
		c.now, c.hash = e.Object, e.Hash
		rows[i] = c
	}
	return p.change(rows)
}

// Own makes links the owners of objects. It satisfies mirror.Writes.
func (m Mirrors) Own(ctx context.Context, id mirror.ID, all ...mirror.Claim) error {
	err := m.write(ctx, &work{tenant: id.Tenant, rows: len(all), run: func(t *tx) error {
		x, err := t.openMirror(id)
		if err != nil {
			return err
		}
		if err := x.own(all); err != nil {
			return err
		}
		return x.save()
	}})
	if err != nil {
		return fmt.Errorf("take objects of %s: %w", id.Connection, err)
	}
	return nil
}

// own makes links the owners of objects in a transaction that others share. An object without a row gets one, so that whoever comes
// second finds the first.
func (m *mirrorTx) own(all []mirror.Claim) error {
	for i := range all {
		c := &all[i]
		row, err := m.claimed(c.Ref)
		if err != nil {
			return err
		}
		switch {
		case row.Owner == c.Owner:
			continue
		case row.Owner != "" && row.Owner != c.From:
			if c.Owner == "" {
				continue // somebody else has it: it is not ours to set free
			}
			return &lockstep.Error{Code: lockstep.CodeMatchTaken, Detail: fmt.Sprintf("%s %s belongs to another link.", c.Ref.Type, c.Ref.ID)}
		}
		if _, err := m.exec("UPDATE mirror_row SET owner = $2 WHERE no = $1", m.no<<rowBits|row.No, string(c.Owner)); err != nil {
			return err
		}
		if err := m.rekeyed(row, c); err != nil {
			return err
		}
	}
	return nil
}

// claimed returns the row of an object, which is made when there is none.
func (m *mirrorTx) claimed(ref connection.Ref) (mirror.Row, error) {
	rows, err := m.query("SELECT "+mirrorRowColumns+withDocs+" WHERE r.mirror = $1 AND r.type = $2 AND r.id = $3", m.no, ref.Type, ref.ID)
	all, err := collect(rows, err, scanMirrorRow)
	if err != nil || len(all) > 0 {
		if err == nil {
			return all[0], nil
		}
		return mirror.Row{}, err
	}
	m.rows++
	_, err = m.exec(`INSERT INTO mirror_row (no, mirror, type, id, hash, version, state, missed, written, ask, position, owner)
		VALUES ($1, $2, $3, $4, 0, '', 0, 0, 0, FALSE, 0, '')`, m.no<<rowBits|m.rows, m.no, ref.Type, ref.ID)
	return mirror.Row{No: m.rows, Object: connection.Object{Ref: ref}}, err
}

// rekeyed takes away the values by which an object is looked up that somebody owns now, and gives them back to one that is free.
func (m *mirrorTx) rekeyed(row mirror.Row, c *mirror.Claim) error {
	if (row.Owner == "") == (c.Owner == "") {
		return nil
	}
	pass, err := m.passOf(c.Ref.Type)
	if err != nil {
		return err
	}
	keep := mirror.NewKeep(pass.Wanted)
	p := &piece{mirrorTx: m, keep: keep, typ: c.Ref.Type}
	var keys []hung[mirror.Key]
	for _, k := range keep.KeysOf(&row.Object) {
		keys = append(keys, hung[mirror.Key]{m.no<<rowBits | row.No, k})
	}
	if c.Owner != "" {
		return p.keys(nil, keys)
	}
	return p.keys(keys, nil)
}

// Answer notes that nobody is in a part. It satisfies mirror.Writes.
func (m Mirrors) Answer(ctx context.Context, id mirror.ID, typ, part string) error {
	if part == "" {
		return fmt.Errorf("answer for %s: %w", id.Connection, invalid("The part that could not be read has no digest: it cannot be answered for."))
	}
	err := m.write(ctx, &work{tenant: id.Tenant, rows: 2, wakes: true, run: func(t *tx) error {
		x, err := t.openMirror(id)
		if err != nil {
			return err
		}
		_, err = x.exec("INSERT INTO mirror_answer (mirror, type, part, at) VALUES ($1, $2, $3, $4) ON CONFLICT (mirror, type, part) DO NOTHING",
			x.no, typ, part, millis(t.at))
		if err != nil {
			return err
		}
		_, err = x.request(mirror.Request{Whole: true, Now: true})
		return err
	}})
	if err != nil {
		return fmt.Errorf("answer for %s: %w", id.Connection, err)
	}
	return nil
}

// Forget empties a mirror: it gets another number, and what stood under the old one is swept bit by bit. A pass that runs ends
// with its next commit. It satisfies mirror.Writes.
func (m Mirrors) Forget(ctx context.Context, id mirror.ID) error {
	err := m.write(ctx, &work{tenant: id.Tenant, rows: 2, wakes: true, run: func(t *tx) error { return t.forgetMirror(id) }})
	if err != nil {
		return fmt.Errorf("forget the mirror of %s: %w", id.Connection, err)
	}
	return nil
}

func (t *tx) forgetMirror(id mirror.ID) error {
	x, err := t.openMirror(id)
	if err != nil {
		return err
	}
	passes, err := t.passesOf(x.no)
	if err != nil {
		return err
	}
	old := []int64{x.no}
	for _, p := range passes {
		old = append(old, p.No)
	}
	next, err := t.number()
	if err != nil {
		return err
	}
	_, err = x.exec(`UPDATE mirror_head SET mirror = $2, generation = generation + 1, position = 0, trimmed = 0, rows_made = 0, answered = 0,
			requests = requests + 1, asked = $3, asks = 0, epoch = epoch + 1, deadline = 0, not_before = 0, failures = 0, code = '', detail = ''
		WHERE connection = $1`, x.job, next, millis(t.at))
	if err != nil {
		return err
	}
	return t.doom(old...)
}
