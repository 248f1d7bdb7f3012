package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
)

// fromLinked and toLinked say that an end of the edge is linked.
const (
	fromLinked = "EXISTS (SELECT 1 FROM link l WHERE l.job = edge.job AND l.type = edge.from_type AND l.source_id = edge.from_id AND l.target <> '')"
	toLinked   = "EXISTS (SELECT 1 FROM link l WHERE l.job = edge.job AND l.type = edge.to_type AND l.source_id = edge.to_id AND l.target <> '')"
)

// bothLinked is the same for a row v that is about to become an edge.
const bothLinked = `EXISTS (SELECT 1 FROM link l WHERE l.job = v.job AND l.type = v.from_type AND l.source_id = v.from_id AND l.target <> '')
	AND EXISTS (SELECT 1 FROM link l WHERE l.job = v.job AND l.type = v.to_type AND l.source_id = v.to_id AND l.target <> '')`

// edgeTypes are the types of an edge's key and one flag.
var edgeTypes = []string{"TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BOOLEAN"}

// upsertWanted inserts an edge that is not written, or sets wanted. excluded.ready says whether both ends are linked. (A new
// row that is not wanted may so be ready for a moment; it is swept in the same commit.)
var upsertWanted = bulk{lead: []string{"BIGINT"}, cols: edgeTypes, text: `WITH v(job, from_type, from_id, attribute, to_type, to_id, wanted) AS (VALUES @rows)
	INSERT INTO edge (job, from_type, from_id, attribute, to_type, to_id, wanted, written, ready)
	SELECT v.job, v.from_type, v.from_id, v.attribute, v.to_type, v.to_id, v.wanted, FALSE, ` + bothLinked + ` FROM v WHERE TRUE
	ON CONFLICT (job, from_type, from_id, attribute, to_type, to_id)
	DO UPDATE SET wanted = excluded.wanted, ready = excluded.ready AND excluded.wanted <> edge.written`}

var updateWritten = bulk{lead: []string{"BIGINT"}, cols: edgeTypes, text: `WITH v(job, from_type, from_id, attribute, to_type, to_id, written) AS (VALUES @rows)
	UPDATE edge SET written = v.written, ready = edge.wanted <> v.written AND ` + bothLinked + ` FROM v
	WHERE edge.job = v.job AND edge.from_type = v.from_type AND edge.from_id = v.from_id AND edge.attribute = v.attribute
	AND edge.to_type = v.to_type AND edge.to_id = v.to_id`}

// edges writes the parts of a batch that concern references, and what the links it wrote change in their readiness.
func (w batch) edges(b *provision.Batch, links []plan.Link) error {
	if err := w.want(b.Wanted); err != nil {
		return err
	}
	if err := w.written(b.Written); err != nil {
		return err
	}
	for typ, ids := range byType(b.Unwrite) {
		for _, end := range []string{"from", "to"} {
			text := "UPDATE edge SET written = FALSE, ready = wanted AND " + fromLinked + " AND " + toLinked +
				" WHERE job = $1 AND " + end + "_type = $2 AND " + end + "_id IN (@list) AND written"
			if _, err := execLists(w.tx, text, []any{w.no, typ}, ids); err != nil {
				return err
			}
		}
	}
	if err := w.ready(links); err != nil {
		return err
	}
	if len(b.Wanted)+len(b.Written)+len(b.Unwrite) == 0 {
		return nil
	}
	_, err := w.exec(sweepEdges, w.no)
	return err
}

func appendEdge(args []any, e *plan.ReferenceRow, value bool) []any {
	return append(args, e.From.Type, e.From.ID, e.Attribute, e.To.Type, e.To.ID, value)
}

func (w batch) want(edges []plan.ReferenceRow) error {
	edges = lastOf(edges, keyOfEdge)
	_, err := w.bulk(&upsertWanted, []any{w.no}, len(edges), func(args []any, i int) []any { return appendEdge(args, &edges[i], edges[i].Wanted) })
	return err
}

func (w batch) written(edges []plan.ReferenceRow) error {
	edges = lastOf(edges, keyOfEdge)
	_, err := w.bulk(&updateWritten, []any{w.no}, len(edges), func(args []any, i int) []any { return appendEdge(args, &edges[i], edges[i].Written) })
	return err
}

// edgeKey is what names an edge within a job.
type edgeKey struct {
	from, to  connection.Ref
	attribute string
}

func keyOfEdge(e *plan.ReferenceRow) edgeKey { return edgeKey{e.From, e.To, e.Attribute} }

// The edges at an end that is one of the rows of v. A join, not a list: for a long list PostgreSQL may prefer to read all edges of
// the job.
const (
	refRows   = "WITH v(job, type, id) AS (VALUES @rows) "
	atFromEnd = " FROM v WHERE edge.job = v.job AND edge.from_type = v.type AND edge.from_id = v.id"
	atToEnd   = " FROM v WHERE edge.job = v.job AND edge.to_type = v.type AND edge.to_id = v.id"
	waits     = " AND edge.wanted <> edge.written AND NOT edge.ready AND "
)

var (
	refLead   = []string{"BIGINT"}
	refTypes  = []string{"TEXT", "TEXT"}
	readyFrom = bulk{lead: refLead, cols: refTypes, text: refRows + "UPDATE edge SET ready = TRUE" + atFromEnd + waits + toLinked}
	readyTo   = bulk{lead: refLead, cols: refTypes, text: refRows + "UPDATE edge SET ready = TRUE" + atToEnd + waits + fromLinked}
	looseFrom = bulk{lead: refLead, cols: refTypes, text: refRows + "UPDATE edge SET ready = FALSE" + atFromEnd + " AND edge.ready"}
	looseTo   = bulk{lead: refLead, cols: refTypes, text: refRows + "UPDATE edge SET ready = FALSE" + atToEnd + " AND edge.ready"}
)

const sweepEdges = "DELETE FROM edge WHERE job = $1 AND NOT wanted AND NOT written"

// ready brings the edges of links that were written up to date: those of a linked object may have become ready, those of an
// object that is not linked are not.
func (w batch) ready(links []plan.Link) error {
	var linked, loose []connection.Ref
	for i := range links {
		if links[i].Target != "" {
			linked = append(linked, links[i].Source)
		} else {
			loose = append(loose, links[i].Source)
		}
	}
	for _, part := range []struct {
		refs []connection.Ref
		stmt *bulk
	}{
		{linked, &readyFrom},
		{linked, &readyTo},
		{loose, &looseFrom},
		{loose, &looseTo},
	} {
		_, err := w.bulk(part.stmt, []any{w.no}, len(part.refs), func(args []any, i int) []any {
			return append(args, part.refs[i].Type, part.refs[i].ID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const edgeColumns = "from_type, from_id, attribute, to_type, to_id, wanted, written"

func scanEdge(s scanner) (e plan.ReferenceRow, err error) {
	return e, s.Scan(&e.From.Type, &e.From.ID, &e.Attribute, &e.To.Type, &e.To.ID, &e.Wanted, &e.Written)
}

// References returns edges of a job. It satisfies provision.Store. Without From, To and Ready it returns none.
func (db *DB) References(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.ReferenceQuery) ([]plan.ReferenceRow, error) {
	text := "SELECT " + edgeColumns + " FROM edge WHERE " + ofJob
	if q.Waiting {
		text += " AND wanted <> written"
	}
	if q.Ready {
		text += " AND ready"
	}
	if q.Adds {
		text += " AND wanted"
	}
	if q.Removes {
		text += " AND NOT wanted"
	}
	limit := q.Limit
	if limit == 0 {
		limit = math.MaxInt
	}
	args := []any{string(tenant), string(job)}
	var all []plan.ReferenceRow
	read := func(text string, args []any) error {
		rows, err := db.query(ctx, text+limitTo(&args, limit), args...)
		found, err := collect(rows, err, scanEdge)
		all = append(all, found...)
		return err
	}
	to := func(text string, args []any) error { return ends(db, "to", q.To, text, args, read) }
	var err error
	switch {
	case q.From != nil && q.To != nil:
		err = ends(db, "from", q.From, text, args, to)
	case q.From != nil:
		err = ends(db, "from", q.From, text, args, read)
	case q.To != nil:
		err = to(text, args)
	case q.Ready:
		err = read(text, args)
	}
	if err != nil {
		return nil, fmt.Errorf("read references: %w", err)
	}
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

// Ends returns references of objects with what their other ends are at the target. It satisfies provision.Knowledge.
func (db *DB) Ends(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.EndQuery) ([]plan.EndRow, error) {
	if len(q.From) == 0 {
		return nil, nil
	}
	text := `SELECT e.from_type, e.from_id, e.to_type, e.to_id, e.wanted, e.written, COALESCE(l.name, ''), COALESCE(l.target, '') FROM edge e
		LEFT JOIN link l ON l.job = e.job AND l.type = e.to_type AND l.source_id = e.to_id WHERE e.` + ofJob + " AND e.attribute = $3 AND e.from_type = $4"
	args := []any{string(tenant), string(job), q.Attribute, q.From[0].Type}
	if q.After.ID != "" {
		text += " AND (e.to_type, e.to_id) > ($5, $6)"
		args = append(args, q.After.Type, q.After.ID)
	}
	limit := q.Limit
	if limit == 0 {
		limit = math.MaxInt
	}
	ids := make([]string, len(q.From))
	for i, ref := range q.From {
		ids[i] = ref.ID
	}
	var all []plan.EndRow
	err := lists(db, text+" AND e.from_id IN (@list) ORDER BY e.from_id, e.to_type, e.to_id", args, ids, func(text string, args []any) error {
		rows, err := db.query(ctx, text+limitTo(&args, limit), args...)
		some, err := collect(rows, err, func(s scanner) (e plan.EndRow, err error) {
			return e, s.Scan(&e.From.Type, &e.From.ID, &e.To.Type, &e.To.ID, &e.Wanted, &e.Written, &e.To.Name, &e.Target)
		})
		all = append(all, some...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read references: %w", err)
	}
	return all, nil
}

// EachWaiting calls f with each reference whose wanted and written differ. It satisfies provision.Store.
func (db *DB) EachWaiting(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, f func(plan.ReferenceRow) error) error {
	rows, err := db.query(ctx, "SELECT "+edgeColumns+" FROM edge WHERE "+ofJob+
		" AND wanted <> written ORDER BY from_type, from_id, attribute, to_type, to_id", string(tenant), string(job))
	if err != nil {
		return fmt.Errorf("read references: %w", err)
	}
	for rows.Next() {
		e, err := scanEdge(rows)
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// CountReferences counts the references that are written. It satisfies provision.Store.
func (db *DB) CountReferences(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, attribute string) (int, error) {
	rows, err := db.query(ctx, "SELECT COUNT(*) FROM edge WHERE "+ofJob+" AND attribute = $3 AND written", string(tenant), string(job), attribute)
	n, err := collect(rows, err, scanInt)
	if err != nil {
		return 0, fmt.Errorf("count references: %w", err)
	}
	return int(n[0]), nil
}

// ends calls f with the statement narrowed to edges with one of the refs at an end, in pieces.
func ends(db *DB, end string, refs []connection.Ref, text string, args []any, f func(text string, args []any) error) error {
	for typ, ids := range byType(refs) {
		narrowed := text + fmt.Sprintf(" AND %s_type = $%d AND %s_id IN (@list)", end, len(args)+1, end)
		if err := lists(db, narrowed, append(slices.Clip(args), typ), ids, f); err != nil {
			return err
		}
	}
	return nil
}
