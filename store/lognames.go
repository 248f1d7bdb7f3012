package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lockstep"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/rule"
)

// The log is searched by the names of its ends. There are few of them beside the lines that bear them, so they stand in a table of their
// own, a row for each name of a source object, written with the line that bears it first; and they are found by their grams as people are
// (peopleindex.go), in sets under the number of the job. A name gets its number behind whoever writes lines: those that have none yet are
// few, and are looked at one by one.

const (
	nameLetters = 300    // of a name that are kept
	idSign      = "\x01" // begins a row that is an id at the target
)

// The numbers of rows of action_name that are in no set.
const (
	nameNew  = 0
	nameID   = -1
	nameLong = -2 // more letters than are kept: it may have any part
)

var putNames = bulk{lead: []string{"BIGINT"}, n: 3, text: "INSERT INTO action_name (job, source_id, name, no) VALUES @rows ON CONFLICT (job, source_id, name) DO NOTHING"}

// An id at the target is found by the link of whoever has it. A row keeps it only once the link has another one or none, and where there may be no
// link yet.
const keepIDs = `INSERT INTO action_name (job, source_id, name, no) SELECT job, source_id, '` + idSign + `' || target, -1 FROM link WHERE job = $1 AND target <> ''`

const onceKept = " ON CONFLICT (job, source_id, name) DO NOTHING"

// putFormerIDs keeps the ids of links that get another one.
var putFormerIDs = bulk{
	lead: []string{"BIGINT"}, cols: []string{"TEXT", "TEXT", "TEXT"}, text: `WITH v(job, type, source_id, target) AS (VALUES @rows)
	INSERT INTO action_name (job, source_id, name, no) SELECT l.job, l.source_id, '` + idSign + `' || l.target, -1 FROM v CROSS JOIN link l
	WHERE l.job = v.job AND l.type = v.type AND l.source_id = v.source_id AND l.target <> '' AND l.target <> v.target` + onceKept,
}

type nameRow struct {
	source, name string
	no           int64
}

// names keeps by what the rows can be found.
func (w batch) names(all []plan.Action) error {
	rows := make([]nameRow, 0, 2*len(all))
	for i := range all {
		a := &all[i]
		if text := cleanText(searchText(a)); text != "" {
			no := int64(nameNew)
			if utf8.RuneCountInString(text) > nameLetters {
				text, no = string([]rune(text)[:nameLetters]), nameLong
			}
			rows = append(rows, nameRow{a.Source.ID, text, no})
		}
		if a.Target.ID != "" && !linked(a.Kind) {
			rows = append(rows, nameRow{a.Source.ID, idSign + a.Target.ID, nameID})
		}
	}
	n, err := w.bulk(&putNames, []any{w.no}, len(rows), func(args []any, i int) []any { return append(args, rows[i].source, rows[i].name, rows[i].no) })
	if n > 0 {
		w.work.named = w.no
	}
	return err
}

// linked reports whether rows of the kind are about the object that their link has, or will have once they are done.
func linked(k rule.Kind) bool {
	return k == rule.Create || k == rule.Update || k == rule.Disable || k == rule.Refer
}

// forgetNames removes what no row of these source objects bears any more.
func (t *tx) forgetNames(job int64, sources []string) error {
	slices.Sort(sources)
	_, err := execLists(t, `DELETE FROM action_name WHERE job = $1 AND source_id IN (@list) AND NOT EXISTS (SELECT 1 FROM action a
		WHERE a.job = action_name.job AND a.source_id = action_name.source_id AND (substr(a.search, 1, 300) = action_name.name OR '`+idSign+`' || a.target_id = action_name.name))`,
		[]any{job}, slices.Compact(sources))
	return err
}

// The numbers that the names of a job have in its sets.
const (
	newNames       = "SELECT source_id, name FROM action_name WHERE job = $1 AND no = 0 AND no IN (0, -2) LIMIT $2"
	lastName       = "SELECT COALESCE(MAX(no), 0) FROM action_name WHERE job = $1 AND no > 0"
	unnumberedJobs = "SELECT DISTINCT job FROM action_name WHERE no IN (0, -2) AND no = 0"
)

var numberNames = bulk{
	lead: []string{"BIGINT"}, cols: []string{"TEXT", "TEXT", "BIGINT"}, text: `WITH v(job, source_id, name, no) AS (VALUES @rows)
	UPDATE action_name SET no = v.no FROM v WHERE action_name.job = v.job AND action_name.source_id = v.source_id AND action_name.name = v.name AND action_name.no = 0`,
}

// indexNames gives the next names of a job their numbers, and reports whether there may be more.
func (db *DB) indexNames(ctx context.Context, job int64) (more bool, err error) {
	rows, err := db.query(ctx, newNames, job, int64(peopleChanges))
	found, err := collect(rows, err, func(s scanner) (n nameRow, err error) { return n, s.Scan(&n.source, &n.name) })
	if err != nil || len(found) == 0 {
		return false, err
	}
	rows, err = db.query(ctx, lastName, job)
	last, err := one(rows, err, scanInt)
	if err != nil {
		return false, err
	}
	sets := map[int64]map[uint32][]uint16{} // by chunk and gram
	for i := range found {
		n := &found[i]
		n.no = last + 1 + int64(i)
		grams := gramsOf(nil, n.name)
		slices.Sort(grams)
		chunk := sets[n.no/chunkPeople]
		if chunk == nil {
			chunk = map[uint32][]uint16{}
			sets[n.no/chunkPeople] = chunk
		}
		for _, g := range slices.Compact(grams) {
			chunk[g] = append(chunk[g], uint16(n.no%chunkPeople))
		}
	}
	var packed []peopleSet
	for _, chunk := range slices.Sorted(maps.Keys(sets)) {
		grams := slices.Sorted(maps.Keys(sets[chunk]))
		have, err := db.setsOf(ctx, job, last, chunk, grams)
		if err != nil {
			return false, err
		}
		for _, g := range grams {
			places := sets[chunk][g]
			if old, ok := have[g]; ok {
				places = slices.Compact(merge(unpackPlaces(nil, old), places)) // a number that is given anew may be in the set
			}
			packed = append(packed, peopleSet{chunk, g, packPlaces(places)})
		}
	}
	return len(found) == peopleChanges, db.write(ctx, &work{rows: len(found) + len(packed), run: func(t *tx) error {
		if _, err := t.exec("UPDATE job SET epoch = epoch WHERE no = $1", job); err != nil { // of two nodes that number names, one waits
			return err
		}
		rows, err := t.query(lastName, job)
		if now, err := one(rows, err, scanInt); err != nil || now != last { // and gives up
			return err
		}
		_, err = t.bulk(&numberNames, []any{job}, len(found), func(args []any, i int) []any { return append(args, found[i].source, found[i].name, found[i].no) })
		if err != nil {
			return err
		}
		_, err = t.bulk(&putGrams, []any{job}, len(packed), func(args []any, i int) []any {
			return append(args, packed[i].chunk, int64(packed[i].gram), packed[i].text)
		})
		return err
	}})
}

// followNames numbers the names of a job that have none yet.
func (db *DB) followNames(ctx context.Context, job int64) error {
	for {
		began := time.Now()
		more, err := db.indexNames(ctx, job)
		if err != nil {
			return fmt.Errorf("index the names of a log: %w", err)
		}
		if !more {
			return nil
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

// unnumbered are the jobs of which names have no number yet, those who are due included.
func (db *DB) unnumbered(ctx context.Context, due []int64) ([]int64, error) {
	rows, err := db.query(ctx, unnumberedJobs)
	all, err := collect(rows, err, scanInt)
	if err != nil {
		return due, fmt.Errorf("look for logs whose names are not in the index: %w", err)
	}
	all = append(all, due...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// The limits of a search by names: with more ends than that, the newest lines are looked at one by one, which soon finds enough of so many.
const (
	mostEnds  = 1000
	mostLooks = 4 * mostEnds // names that have all the grams
)

// ends returns the source objects of which lines may have a text in a name, or a word as an id. When many is true there are more than it is
// worth to look at, or it cannot be told.
func (db *DB) ends(ctx context.Context, job int64, text string, id bool) (sources []string, many bool, err error) {
	name := fold(text)
	if utf8.RuneCountInString(name) < directory.GramLetters {
		return nil, true, nil
	}
	rows, err := db.query(ctx, lastName, job)
	last, err := one(rows, err, scanInt)
	if err != nil {
		return nil, false, err
	}
	numbers, err := db.withGrams(ctx, job, searchedGrams(name), 0, last/chunkPeople+1)
	if err != nil || len(numbers) > mostLooks {
		return nil, true, err
	}
	add := func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		found, err := collect(rows, err, func(s scanner) (n nameRow, err error) { return n, s.Scan(&n.source, &n.name, &n.no) })
		for _, n := range found {
			if n.no == nameLong || n.no == nameID || strings.Contains(n.name, name) {
				sources = append(sources, n.source)
			}
		}
		return err
	}
	const columns = "SELECT source_id, name, no FROM action_name WHERE job = $1"
	err = listsOf(db, columns+" AND no > 0 AND no IN (@list)", []any{job}, numbers, func(n int64) any { return n }, add)
	if err == nil {
		err = add(columns+" AND no IN (0, -2) AND (no = -2 OR name LIKE $2 ESCAPE '\\')", []any{job, "%" + escapeLike(name) + "%"})
	}
	if err == nil && id {
		sources = append(sources, text) // as the source's id
		err = add("SELECT source_id, '', -1 FROM link WHERE job = $1 AND type IN ('User', 'Group') AND target = $2 AND target <> ''", []any{job, text})
	}
	if err == nil && id {
		err = add(columns+" AND no = -1 AND name = $2", []any{job, idSign + text})
	}
	slices.Sort(sources)
	sources = slices.Compact(sources)
	return sources, len(sources) > mostEnds, err
}

// narrowing is by what a search of the newest lines finds them without looking at all.
type narrowing struct {
	by   bool     // there is something
	ends []string // lines of these source objects
	said bool     // and lines that say something of their own
}

// narrow chooses, of the texts that are searched for, the one that the fewest objects have.
func (db *DB) narrow(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.ActionQuery) (n narrowing, err error) {
	texts := slices.Clone(q.Words)
	if q.Text != "" {
		texts = append(texts, q.Text)
	}
	if len(texts) == 0 {
		return n, nil
	}
	rows, err := db.query(ctx, "SELECT no FROM job WHERE tenant = $1 AND id = $2", string(tenant), string(job))
	numbers, err := collect(rows, err, scanInt)
	if err != nil || len(numbers) == 0 {
		return n, err
	}
	for i, text := range texts {
		word := i < len(q.Words)
		sources, many, err := db.ends(ctx, numbers[0], text, word)
		if err != nil {
			return n, err
		}
		if !many && (!n.by || len(sources) < len(n.ends)) {
			n = narrowing{by: true, ends: sources, said: word}
		}
	}
	return n, nil
}
