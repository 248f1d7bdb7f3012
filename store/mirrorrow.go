package store

import (
	"slices"
	"time"

	"lockstep/connection"
	"lockstep/mirror"
)

// rowChange is what happens to a row of a mirror.
type rowChange struct {
	effect mirror.Effect
	known  mirror.Known // with the number of the row, also when it is new
	now    connection.Object
	hash   int64
	gone   bool

	keepDoc bool // only state and missed change
	state   mirror.State
	missed  int64

	ours    bool // we wrote it: its position stays
	written time.Time
	unknown bool // with ours: nobody knows whether it was done

	old connection.Object // as it was kept; for Rewritten
}

// change writes changes of rows and what hangs on them: documents, names, keys, and the positions of who refers to a name that has
// come to mean somebody else.
func (p *piece) change(all []rowChange) error {
	if len(all) == 0 {
		return nil
	}
	if err := p.compare(all); err != nil {
		return err
	}
	for _, part := range []func([]rowChange) error{p.putRows, p.putDocs, p.putKeys, p.putRefers, p.putNames} {
		if err := part(all); err != nil {
			return err
		}
	}
	return nil
}

// compare loads what is kept of rows that are to be rewritten, and looks whether they really differ.
func (p *piece) compare(all []rowChange) error {
	var numbers []int64
	for i := range all {
		if c := &all[i]; c.effect == mirror.Rewritten && c.known.State != mirror.Gone {
			numbers = append(numbers, c.known.No)
		}
	}
	docs, err := p.docs(numbers)
	if err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
		if c.effect != mirror.Rewritten && c.effect != mirror.Made {
			continue
		}
		if c.old, err = mirror.Decode(c.now.Ref, c.known.Version, []byte(docs[c.known.No])); err != nil {
			return err
		}
		if c.gone {
			continue
		}
		if c.now.Partial {
			c.now = mirror.Merge(c.old, c.now)
			c.hash = mirror.HashOf(&c.now)
		}
		if c.effect == mirror.Rewritten && c.known.State != mirror.Gone && docs[c.known.No] != "" && mirror.Same(&c.old, &c.now) {
			c.effect = mirror.Refreshed
		}
	}
	return nil
}

func (t *tx) docs(numbers []int64) (map[int64]string, error) {
	docs := make(map[int64]string, len(numbers))
	err := numberLists(t.db, "SELECT no, document FROM mirror_doc WHERE no IN (@list)", nil, numbers, func(text string, args []any) error {
		rows, err := t.query(text, args...)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			var no int64
			var doc string
			err := s.Scan(&no, &doc)
			docs[no] = doc
			return struct{}{}, err
		})
		return err
	})
	return docs, err
}

var upsertRows = bulk{lead: []string{"BIGINT", "TEXT"}, n: 10, text: `INSERT INTO mirror_row
	(mirror, type, no, id, hash, version, state, missed, written, ask, position, owner) VALUES @rows
	ON CONFLICT (no) DO UPDATE SET hash = excluded.hash, version = excluded.version, state = excluded.state, missed = excluded.missed,
		written = excluded.written, ask = excluded.ask,
		position = CASE WHEN excluded.position > 0 THEN excluded.position ELSE mirror_row.position END`}

// putRows writes the rows themselves and gives those that changed a position.
func (p *piece) putRows(all []rowChange) error {
	_, err := p.bulk(&upsertRows, []any{p.no, p.typ}, len(all), func(args []any, i int) []any {
		c := &all[i]
		r := p.rowOf(c)
		return append(args, r.No, c.now.ID, r.Hash, r.Version, int64(r.State), r.Missed, millis(r.Written), r.Ask, p.positionOf(c), "")
	})
	for i := range all {
		p.count(&all[i])
	}
	return err
}

// rowOf returns the row as it is after the change.
func (p *piece) rowOf(c *rowChange) mirror.Known {
	r := c.known
	switch {
	case c.effect == mirror.Doubted:
		r.Ask = true
		p.askAt(r.Written.Add(p.lag + time.Millisecond)) // when an answer shows what was written
	case c.ours:
		r.Written, r.Ask = c.written, c.unknown
		if c.unknown {
			p.askAt(c.written.Add(p.lag + time.Millisecond))
			break
		}
		r.Hash, r.Version, r.State, r.Missed = c.hash, c.now.Version, mirror.There, 0
	case c.keepDoc && !c.gone:
		r.State, r.Missed = c.state, c.missed
		return r
	default:
		r.Hash, r.Version, r.State, r.Missed, r.Ask = c.hash, c.now.Version, mirror.There, 0, false
	}
	if c.gone {
		r.Hash, r.Version, r.State, r.Missed, r.Ask = 0, "", mirror.Gone, 0, false
	}
	return r
}

func (p *piece) positionOf(c *rowChange) int64 {
	if c.ours || c.effect != mirror.Made && c.effect != mirror.Rewritten {
		return 0
	}
	p.position++
	return p.position
}

func (p *piece) count(c *rowChange) {
	switch {
	case c.ours:
	case c.gone:
		p.pass.Counts.Gone++
	case c.effect == mirror.Made:
		p.pass.Counts.Made++
	case c.effect == mirror.Rewritten:
		p.pass.Counts.Changed++
	}
}

// rewritten returns the changes after which the document is another.
func rewritten(all []rowChange) []*rowChange {
	var some []*rowChange
	for i := range all {
		if c := &all[i]; (c.effect == mirror.Made || c.effect == mirror.Rewritten) && !c.unknown {
			some = append(some, c)
		}
	}
	return some
}

var upsertDocs = bulk{n: 2, text: "INSERT INTO mirror_doc (no, document) VALUES @rows ON CONFLICT (no) DO UPDATE SET document = excluded.document"}

func (p *piece) putDocs(all []rowChange) error {
	var gone []int64
	var here []*rowChange
	for _, c := range rewritten(all) {
		if c.gone {
			gone = append(gone, c.known.No)
		} else {
			here = append(here, c)
		}
	}
	if err := p.execNumbers("DELETE FROM mirror_doc WHERE no IN (@list)", nil, gone); err != nil {
		return err
	}
	_, err := p.bulk(&upsertDocs, nil, len(here), func(args []any, i int) []any {
		return append(args, here[i].known.No, string(mirror.Encode(&here[i].now)))
	})
	return err
}

// execNumbers runs the statement for pieces of a list of numbers.
func (t *tx) execNumbers(text string, args []any, numbers []int64) error {
	return numberLists(t.db, text, args, numbers, func(text string, args []any) error {
		_, err := t.exec(text, args...)
		return err
	})
}

// difference returns what is in one list and not in the other. Long lists occur: the members of a group.
func difference[T comparable](of, without []T) []T {
	if len(without) == 0 {
		return of
	}
	if slices.Equal(of, without) {
		return nil
	}
	other := make(map[T]bool, len(without))
	for _, v := range without {
		other[v] = true
	}
	var rest []T
	for _, v := range of {
		if !other[v] {
			rest = append(rest, v)
		}
	}
	return rest
}

// hung is a value that hangs on a row.
type hung[T any] struct {
	no    int64
	value T
}

// hangs returns what the changes add to rows and take from them, of something that hangs on an object.
func hangs[T comparable](all []*rowChange, of func(*connection.Object) []T) (added, removed []hung[T]) {
	for _, c := range all {
		var before, after []T
		if c.effect != mirror.Made {
			before = of(&c.old)
		}
		if !c.gone {
			after = of(&c.now)
		}
		for _, v := range difference(after, before) {
			added = append(added, hung[T]{c.known.No, v})
		}
		for _, v := range difference(before, after) {
			removed = append(removed, hung[T]{c.known.No, v})
		}
	}
	return added, removed
}

var (
	insertMirrorKeys = bulk{lead: []string{"BIGINT", "TEXT"}, n: 3, text: `INSERT INTO mirror_key (mirror, type, attribute, value, no) VALUES @rows
		ON CONFLICT (mirror, type, attribute, value, no) DO NOTHING`}
	deleteMirrorKeys = bulk{lead: []string{"BIGINT", "TEXT"}, cols: []string{"TEXT", "TEXT", "BIGINT"},
		text: "DELETE FROM mirror_key WHERE (mirror, type, attribute, value, no) IN (VALUES @rows)"}
	insertRefers = bulk{lead: []string{"BIGINT"}, n: 2, text: `INSERT INTO mirror_refers (mirror, name, no) VALUES @rows
		ON CONFLICT (mirror, name, no) DO NOTHING`}
	deleteRefers = bulk{lead: []string{"BIGINT"}, cols: []string{"BIGINT", "BIGINT"},
		text: "DELETE FROM mirror_refers WHERE (mirror, name, no) IN (VALUES @rows)"}
	upsertNames = bulk{lead: []string{"BIGINT", "TEXT"}, n: 2, text: `INSERT INTO mirror_name (mirror, type, name, no) VALUES @rows
		ON CONFLICT (mirror, name, type) DO UPDATE SET no = excluded.no`}
	deleteNames = bulk{lead: []string{"BIGINT", "TEXT"}, cols: []string{"TEXT", "BIGINT"},
		text: "DELETE FROM mirror_name WHERE (mirror, type, name, no) IN (VALUES @rows)"}
)

// putKeys keeps the values by which objects that nobody owns are looked up.
func (p *piece) putKeys(all []rowChange) error {
	free := slices.DeleteFunc(rewritten(all), func(c *rowChange) bool { return c.known.Owned })
	added, removed := hangs(free, p.keep.KeysOf)
	return p.keys(added, removed)
}

func (p *piece) keys(added, removed []hung[mirror.Key]) error {
	lead := []any{p.no, p.typ}
	_, err := p.bulk(&deleteMirrorKeys, lead, len(removed), func(args []any, i int) []any {
		return append(args, removed[i].value.Attribute, indexed(removed[i].value.Value), removed[i].no)
	})
	if err != nil {
		return err
	}
	_, err = p.bulk(&insertMirrorKeys, lead, len(added), func(args []any, i int) []any {
		return append(args, added[i].value.Attribute, indexed(added[i].value.Value), added[i].no)
	})
	return err
}

// putRefers keeps by which names objects refer to others.
func (p *piece) putRefers(all []rowChange) error {
	added, removed := hangs(rewritten(all), mirror.PointersOf)
	row := func(list []hung[mirror.Pointer]) func([]any, int) []any {
		return func(args []any, i int) []any { return append(args, int64(list[i].value), list[i].no) }
	}
	if _, err := p.bulk(&deleteRefers, []any{p.no}, len(removed), row(removed)); err != nil {
		return err
	}
	_, err := p.bulk(&insertRefers, []any{p.no}, len(added), row(added))
	return err
}

// putNames keeps who has which name. A name that comes to another object is taken from the one that had it.
func (p *piece) putNames(all []rowChange) error {
	added, removed := hangs(rewritten(all), func(o *connection.Object) []string { return o.Names })
	lead := []any{p.no, p.typ}
	row := func(list []hung[string]) func([]any, int) []any {
		return func(args []any, i int) []any { return append(args, indexed(list[i].value), list[i].no) }
	}
	if _, err := p.bulk(&deleteNames, lead, len(removed), row(removed)); err != nil {
		return err
	}
	last := lastOf(added, func(h *hung[string]) string { return indexed(h.value) })
	if _, err := p.bulk(&upsertNames, lead, len(last), row(last)); err != nil {
		return err
	}
	pointers := make([]int64, 0, len(added)+len(removed))
	for _, h := range append(added, removed...) {
		pointers = append(pointers, int64(mirror.NamePointer(h.value)))
	}
	groups, err := p.groupsOf(all)
	if err != nil {
		return err
	}
	return p.tell(all, pointers, groups)
}

// groupsOf returns the groups of which an object says since this commit, or no longer, that it is a member.
func (p *piece) groupsOf(all []rowChange) ([]int64, error) {
	added, removed := hangs(rewritten(all), mirror.MemberEnds)
	var names, ids []string
	for _, h := range append(added, removed...) {
		if h.value.To.ID != "" {
			ids = append(ids, h.value.To.ID)
		} else {
			names = append(names, indexed(h.value.Name))
		}
	}
	var numbers []int64
	find := func(text string, args []any) error {
		rows, err := p.query(text, args...)
		found, err := collect(rows, err, scanInt)
		numbers = append(numbers, found...)
		return err
	}
	if err := lists(p.db, "SELECT no FROM mirror_name WHERE mirror = $1 AND name IN (@list)", []any{p.no}, distinct(names), find); err != nil {
		return nil, err
	}
	err := lists(p.db, "SELECT no FROM mirror_row WHERE mirror = $1 AND type = $2 AND id IN (@list)", []any{p.no, connection.GroupType}, distinct(ids), find)
	return numbers, err
}

func distinct(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}

var movePositions = bulk{cols: []string{"BIGINT", "BIGINT"}, text: `WITH v(no, position) AS (VALUES @rows)
	UPDATE mirror_row SET position = v.position FROM v WHERE mirror_row.no = v.no`}

// tell moves the positions of those who refer to names that have come to mean somebody else, or nobody, and of groups whose
// members are others now.
func (p *piece) tell(all []rowChange, pointers, groups []int64) error {
	told := map[int64]bool{}
	for _, c := range rewritten(all) {
		told[c.known.No] = !c.ours
	}
	var numbers []int64
	add := func(found []int64) {
		for _, no := range found {
			if !told[no] {
				told[no] = true
				numbers = append(numbers, no)
			}
		}
	}
	add(groups)
	err := numberLists(p.db, "SELECT no FROM mirror_refers WHERE mirror = $1 AND name IN (@list)", []any{p.no}, pointers, func(text string, args []any) error {
		rows, err := p.query(text, args...)
		found, err := collect(rows, err, scanInt)
		add(found)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(numbers)
	_, err = p.bulk(&movePositions, nil, len(numbers), func(args []any, i int) []any {
		p.position++
		return append(args, numbers[i], p.position)
	})
	return err
}

// rekey gives rows that nobody owns the keys that are wanted now, beside those that they have.
func (p *piece) rekey(numbers []int64) error {
	full := make([]int64, len(numbers))
	for i, n := range numbers {
		full[i] = p.no<<rowBits | n
	}
	rows, err := p.rowsNumbered(full)
	if err != nil {
		return err
	}
	var added []hung[mirror.Key]
	for i := range rows {
		if rows[i].Owner != "" || rows[i].State == mirror.Gone {
			continue
		}
		for _, k := range p.keep.KeysOf(&rows[i].Object) {
			added = append(added, hung[mirror.Key]{p.no<<rowBits | rows[i].No, k})
		}
	}
	return p.keys(added, nil)
}
