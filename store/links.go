package store

import (
	"context"
	"fmt"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

const linkColumns = "type, source_id, name, target, matched, match_key, version, disabled, code, detail, attempts, due, seen, verdict, image, recheck, former"

var upsertLinks = bulk{lead: []string{"BIGINT"}, n: 17, text: "INSERT INTO link (job, " + linkColumns + `) VALUES @rows
	ON CONFLICT (job, type, source_id) DO UPDATE SET name = excluded.name, target = excluded.target, matched = excluded.matched,
		match_key = excluded.match_key, version = excluded.version, disabled = excluded.disabled, code = excluded.code,
		detail = excluded.detail, attempts = excluded.attempts, due = excluded.due, seen = excluded.seen, verdict = excluded.verdict,
		image = excluded.image, recheck = excluded.recheck, former = excluded.former`}

// links writes and removes links. The edges of a removed link go with it, in both directions: its object is gone for good.
func (w batch) links(all []plan.Link, gone []connection.Ref) error {
	for typ, ids := range byType(gone) {
		for _, text := range []string{
			keepIDs + " AND type = $2 AND source_id IN (@list)" + onceKept,
			"DELETE FROM link WHERE job = $1 AND type = $2 AND source_id IN (@list)",
			"DELETE FROM edge WHERE job = $1 AND from_type = $2 AND from_id IN (@list)",
			"DELETE FROM edge WHERE job = $1 AND to_type = $2 AND to_id IN (@list)",
		} {
			if _, err := execLists(w.tx, text, []any{w.no, typ}, ids); err != nil {
				return err
			}
		}
	}
	_, err := w.bulk(&putFormerIDs, []any{w.no}, len(all), func(args []any, i int) []any {
		return append(args, all[i].Source.Type, all[i].Source.ID, all[i].Target)
	})
	if err != nil {
		return err
	}
	_, err = w.bulk(&upsertLinks, []any{w.no}, len(all), func(args []any, i int) []any {
		l := &all[i]
		return append(args, l.Source.Type, l.Source.ID, l.Name, l.Target, l.Matched, l.Key, l.Version, l.Disabled, string(l.Code), l.Detail,
			int64(l.Attempts), millis(l.Due), string(l.Seen), verdictText(l.Verdict), document(l.Image), millis(l.Recheck), l.Former)
	})
	return err
}

// due makes the objects due now, unless they are already.
func (w batch) due(refs []connection.Ref) error {
	for typ, ids := range byType(refs) {
		if _, err := execLists(w.tx, "UPDATE link SET due = $3 WHERE job = $1 AND type = $2 AND (due = 0 OR due > $3) AND source_id IN (@list)",
			[]any{w.no, typ, millis(w.at)}, ids); err != nil {
			return err
		}
	}
	return nil
}

func verdictText(v rule.Verdict) string {
	if !v.In && v.Reason.Rule == "" && v.Reason.Clause == "" && v.Reason.Values == nil {
		return ""
	}
	return plain(v)
}

// byType sorts the ids of refs by their types.
func byType(refs []connection.Ref) map[string][]string {
	ids := map[string][]string{}
	for _, r := range refs {
		ids[r.Type] = append(ids[r.Type], r.ID)
	}
	return ids
}

func scanLink(s scanner) (l plan.Link, err error) {
	var due, recheck int64
	var verdict, image string
	err = s.Scan(&l.Source.Type, &l.Source.ID, &l.Name, &l.Target, &l.Matched, &l.Key, &l.Version, &l.Disabled, &l.Code, &l.Detail,
		&l.Attempts, &due, &l.Seen, &verdict, &image, &recheck, &l.Former)
	if err != nil {
		return l, err
	}
	l.Due, l.Recheck = instant(due), instant(recheck)
	if err := parse(verdict, &l.Verdict); err != nil {
		return l, fmt.Errorf("link of %s: %w", l.Source.ID, err)
	}
	l.Image, err = object(image)
	return l, err
}

// outlinedLink is the columns of plan.LinkQuery.Outline. They stand before the image in the row, which is the most of it and is not read.
const outlinedLink = "type, source_id, name, target, matched, match_key, version, disabled, code, detail, attempts, due, seen, verdict, '', 0, ''"

// bareLink is the columns of plan.LinkQuery.Bare.
const bareLink = "type, source_id, name, target, version"

func scanBareLink(s scanner) (l plan.Link, err error) {
	return l, s.Scan(&l.Source.Type, &l.Source.ID, &l.Name, &l.Target, &l.Version)
}

// Links returns links of a job. It satisfies provision.Store. The limit of 1,000 is for paging: a query that names sources,
// targets or keys and has no limit gets all that match.
func (db *DB) Links(ctx context.Context, tenant lockstep.TenantID, job lockstep.JobID, q plan.LinkQuery) ([]plan.Link, error) {
	text := "SELECT " + linkColumns + " FROM link WHERE " + ofJob + " AND type = $3"
	args := []any{string(tenant), string(job), q.Type}
	scan := scanLink
	if q.Bare {
		text, scan = strings.Replace(text, linkColumns, bareLink, 1), scanBareLink
	}
	if q.Outline {
		text = strings.Replace(text, linkColumns, outlinedLink, 1)
	}
	var all []plan.Link
	read := func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		found, err := collect(rows, err, scan)
		all = append(all, found...)
		return err
	}
	var err error
	switch {
	case q.Sources != nil:
		err = lists(db, text+" AND source_id IN (@list)", args, q.Sources, read)
	case q.Targets != nil:
		err = lists(db, text+" AND target IN (@list) AND target <> ''", args, q.Targets, read)
	case q.Keys != nil:
		err = lists(db, text+" AND match_key IN (@list) AND match_key <> ''", args, q.Keys, read)
	default:
		if q.Limit == 0 {
			q.Limit = 1000
		}
		where, more := linkPage(q)
		err = read(text+where, append(args, more...))
	}
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

// linkPage returns the conditions of a page, whose parameters begin with $4. What is due is looked up by the index of due
// times and then taken in the order of ids.
func linkPage(q plan.LinkQuery) (where string, args []any) {
	where, args = " AND source_id > $4", []any{q.After, int64(q.Limit)}
	if !q.DueBefore.IsZero() {
		where += " AND source_id IN (SELECT source_id FROM link WHERE " + ofJob + " AND due > 0 AND due <= $6 AND type = $3)"
		args = append(args, millis(q.DueBefore))
	}
	if q.Unseen != "" {
		args = append(args, string(q.Unseen))
		where += fmt.Sprintf(" AND seen <> $%d", len(args)+3)
	}
	return where + chosenLinks[q.Only] + " ORDER BY source_id LIMIT $5", args
}

// What is out of scope is in an index of its own; failing objects are few.
const outLinks = `substr(verdict, 1, 10) <> '{"in":true'`

var chosenLinks = map[plan.LinkChoice]string{
	plan.LinksIn:      ` AND substr(verdict, 1, 10) = '{"in":true'`,
	plan.LinksOut:     " AND " + outLinks,
	plan.LinksLinked:  " AND target <> '' AND NOT disabled",
	plan.LinksFailing: " AND source_id IN (SELECT source_id FROM link WHERE " + ofJob + " AND code <> '' AND type || '' = $3)",
}

// Each count of people goes along an index. What fails has one without types, which SQLite does not take while it could have theirs.
var countPeople = []string{
	"SELECT count(*) FROM (SELECT 1 FROM link WHERE job = $1 AND type = 'User' LIMIT $2) x",
	"SELECT count(*) FROM (SELECT 1 FROM link WHERE job = $1 AND type = 'User' AND " + outLinks + " LIMIT $2) x",
	"SELECT count(*) FROM (SELECT 1 FROM link WHERE job = $1 AND type = 'User' AND target <> '' AND NOT disabled LIMIT $2) x",
	"SELECT count(*) FROM (SELECT 1 FROM link WHERE job = $1 AND code <> '' AND type || '' = 'User' LIMIT $2) x",
}

// Funnel counts how far people get in a job. It satisfies operate.Standings.
func (db *DB) Funnel(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID) (r provision.Funnel, err error) {
	j, err := job(db.asks(ctx), tenant, id)
	if err != nil {
		return r, err
	}
	for i, into := range []*int{&r.Known, &r.Out, &r.Linked, &r.Failing} {
		rows, err := db.query(ctx, countPeople[i], j.no, int64(provision.MostFunnel))
		n, err := one(rows, err, scanInt)
		if err != nil {
			return r, fmt.Errorf("count the people of job %s: %w", id, err)
		}
		*into = int(n)
	}
	return r, nil
}
