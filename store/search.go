package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim/filter"
)

func scanRecord(s scanner) (r directory.Record, err error) {
	var created, modified int64
	err = s.Scan(&r.ID, &r.Version, &r.Active, &created, &modified, &r.Doc)
	r.Created, r.Modified = instant(created), instant(modified)
	return r, err
}

// Record returns a user or a group. It satisfies directory.Searcher.
func (db *DB) Record(ctx context.Context, tenant lockstep.TenantID, kind directory.Kind, id string) (directory.Record, error) {
	t := translator{kind: kind}
	rows, err := db.query(ctx, "SELECT "+t.columns()+t.from()+" AND u.id = $2", string(tenant), id)
	r, err := one(rows, err, scanRecord)
	return r, absent(err, strings.ToLower(string(kind)), id)
}

// Search returns one page. What indexes serve the database answers alone; else it narrows down what the matcher then looks at.
// Both give the same answer. It satisfies directory.Searcher.
func (db *DB) Search(ctx context.Context, tenant lockstep.TenantID, s directory.Search) (f directory.Found, err error) {
	for range contended {
		schemas, err := db.schemas.get(ctx, db, tenant)
		if err != nil {
			return f, err
		}
		f, indexed, err := db.search(ctx, tenant, s, schemas)
		if err != nil || !indexed {
			return f, err
		}
		// An index of an extension may have gone while it was searched, or before, if another node dropped it.
		version, err := db.schemaVersion(ctx, tenant)
		if err != nil || version == schemas.version {
			return f, err
		}
		db.schemas.forget(schemas)
	}
	return f, errContended
}

// search is one search by the schemas. It reports whether it used an index of theirs.
func (db *DB) search(ctx context.Context, tenant lockstep.TenantID, s directory.Search, schemas *schemaSet) (_ directory.Found, indexed bool, err error) {
	q := search{db: db, Search: s, translator: translator{kind: s.Kind, args: []any{string(tenant)}, indexes: schemas.indexes}, tenant: tenant}
	cond := condition{exact: true}
	if s.Filter != nil {
		if q.Filter, err = q.composed(s.Filter); err != nil {
			return directory.Found{}, false, err
		}
		cond = q.expr(q.Filter)
	}
	column, sorted := q.order(s.SortBy)
	var f directory.Found
	if cond.exact && sorted {
		f, err = q.page(ctx, cond.text, column)
	} else {
		f, err = q.scan(ctx, cond)
	}
	if err != nil {
		return directory.Found{}, false, fmt.Errorf("search %ss: %w", strings.ToLower(string(s.Kind)), err)
	}
	return f, q.indexed, nil
}

// search is one Search on its way.
type search struct {
	directory.Search
	translator
	db     *DB
	tenant lockstep.TenantID
	must   string // what the document of a match holds somewhere, in lower case
	looked int    // records that a scan has read
}

// page has the database filter, sort and cut. column is what it sorts by; ids break ties.
func (q *search) page(ctx context.Context, where, column string) (f directory.Found, err error) {
	conditions := q.from()
	if where != "" {
		conditions += " AND (" + where + ")"
	}
	base := len(q.args)
	if q.Limit > 0 {
		after, offset, err := q.start(ctx, conditions, column)
		if err != nil {
			return f, err
		}
		direction := ""
		if q.reversed() {
			direction = " DESC"
		}
		text := "SELECT " + q.columns() + conditions + after + " ORDER BY "
		if column != "u.id" {
			text += column + direction + ", "
		}
		if column == "u.id" && since(q.Filter) {
			text += "u.id || ''" // not by the index of ids: few have changed since, and another index finds them
		} else {
			text += "u.id"
		}
		text += direction + " LIMIT " + strconv.Itoa(rounded(q.Limit)+1) // one more tells whether there are more
		if offset > 0 {
			text += " OFFSET " + q.arg(int64(offset))
		}
		rows, err := q.query(ctx, text, q.args)
		if f.Records, err = collect(rows, err, scanRecord); err != nil {
			return f, err
		}
		f.More = len(f.Records) > q.Limit
		f.Records = f.Records[:min(len(f.Records), q.Limit)]
		if q.Backward {
			slices.Reverse(f.Records)
		}
	}
	if !q.NoTotal {
		if f.Total, err = q.total(ctx, conditions, q.args[:base], len(f.Records)); err != nil {
			return f, err
		}
	}
	if n := len(f.Records); n > 0 {
		var wrong error
		f.First, err = q.mark(f.Records[0], column, f.Total)
		f.Last, wrong = q.mark(f.Records[n-1], column, f.Total)
		err = errors.Join(err, wrong)
	}
	return f, err
}

// reversed reports whether the search goes from the last to the first.
func (q *search) reversed() bool { return q.Descending != q.Backward }

// since reports whether the filter wants what has changed after a time.
func since(e filter.Expr) bool {
	switch e := e.(type) {
	case filter.And:
		return slices.ContainsFunc(e, since)
	case filter.Compare:
		return (e.Op == filter.Gt || e.Op == filter.Ge) && e.Path.String() == "meta.lastModified"
	}
	return false
}

var parameter = regexp.MustCompile(`\$\d+`)

// query runs a statement with those of the arguments that it mentions: a condition that was given up may have left some behind,
// and PostgreSQL wants to know the type of each.
func (q *search) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	var used []any
	number := make([]string, len(args)+1)
	text = parameter.ReplaceAllStringFunc(text, func(p string) string {
		n, err := strconv.Atoi(p[1:])
		if err != nil || n < 1 || n > len(args) {
			return p
		}
		if number[n] == "" {
			used = append(used, args[n-1])
			number[n] = "$" + strconv.Itoa(len(used))
		}
		return number[n]
	})
	if q.db.dialect.prepares() && q.db.readers.full() && q.db.readers.get(text) == nil {
		return q.db.readerDB.QueryContext(ctx, text, clean(used)...) // clients make up filters without end
	}
	return q.db.query(ctx, text, used...)
}

// rounded is the least of 1, 2, 5, 10, 20, 50, … that is not less than n. It stands in the text: SQLite prepares a statement
// anew whenever the parameter of its LIMIT is bound, and few different texts are worth keeping.
func rounded(n int) int {
	for unit := 1; ; unit *= 10 {
		for _, f := range []int{1, 2, 5} {
			if f*unit >= n {
				return f * unit
			}
		}
	}
}

// start returns the condition that the page begins with, or how many records it leaves out.
func (q *search) start(ctx context.Context, conditions, column string) (after string, offset int, err error) {
	if q.After.IsZero() {
		if q.Offset == 0 || q.Filter != nil || column != "u.id" || q.Descending {
			return "", q.Offset, nil
		}
		id, rest, err := q.db.before(ctx, markedList{q.tenant, q.kind}, q.Offset)
		if err == nil && rest > 2*markStep {
			id, err = q.numbered(ctx, conditions)
			rest = 0
		}
		if err != nil || id == "" && rest == 0 {
			return " AND 0 = 1", 0, err
		}
		return " AND u.id >= " + q.arg(id), rest, nil
	}
	sign := " > "
	if q.reversed() {
		sign = " < "
	}
	if column == "u.id" {
		return " AND u.id" + sign + q.arg(q.After.ID), 0, nil
	}
	var key any = q.After.Key
	if column == "u.modified" {
		key, err = strconv.ParseInt(q.After.Key, 10, 64)
	}
	if err != nil || strings.HasPrefix(q.After.Key, keyMark) {
		return "", 0, errMark
	}
	return " AND (" + column + ", u.id)" + sign + "(" + q.arg(key) + ", " + q.arg(q.After.ID) + ")", 0, nil
}

// numbered returns the id at the offset, or "" when there are not so many. The index alone is walked to the place, from the nearer
// end; the rows, which are large, only from there on.
func (q *search) numbered(ctx context.Context, conditions string) (string, error) {
	total, err := q.total(ctx, conditions, q.args, 0)
	if err != nil || q.Offset >= total {
		return "", err
	}
	text := "SELECT u.id" + conditions + " ORDER BY u.id LIMIT 1 OFFSET $2"
	if q.Offset > total/2 { // counted from the end that this very statement sees: others may have come since
		text = "SELECT u.id" + conditions + " ORDER BY u.id DESC LIMIT 1 OFFSET (SELECT CASE WHEN n > $2 THEN n - 1 - $2 ELSE n END" +
			" FROM (SELECT " + countOf(q.kind) + " AS n FROM feed_head WHERE tenant = $1) h)"
	}
	rows, err := q.db.query(ctx, text, string(q.tenant), int64(q.Offset))
	ids, err := collect(rows, err, scanText)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// errMark is what a mark gets that another search made.
var errMark = invalid("The mark of the page cannot be read.")

// mark is where the record stands.
func (q *search) mark(r directory.Record, column string, total int) (directory.Mark, error) {
	m := directory.Mark{ID: r.ID, Total: total}
	switch column {
	case "u.modified":
		m.Key = strconv.FormatInt(millis(r.Modified), 10)
	case "u.user_name", "u.name":
		o, err := object(string(r.Doc))
		if err != nil {
			return m, err
		}
		m.Key = cleanText(fold(o.Text(map[string]string{"u.user_name": "userName", "u.name": "displayName"}[column]))) // as the column has it
	}
	return m, nil
}

// total counts what matches, unless it is known or the page tells.
func (q *search) total(ctx context.Context, conditions string, args []any, n int) (int, error) {
	text := "SELECT COUNT(*)" + conditions
	switch {
	case !q.After.IsZero():
		return q.After.Total, nil
	case q.Filter == nil:
		text = "SELECT " + countOf(q.kind) + " FROM feed_head WHERE tenant = $1"
	case q.Limit > n && (n > 0 || q.Offset == 0):
		return q.Offset + n, nil
	}
	rows, err := q.query(ctx, text, args)
	total, err := one(rows, err, scanInt)
	return int(total), absent(err, "tenant", string(q.tenant))
}

// countOf is the column of feed_head that counts what is there of a kind.
func countOf(kind directory.Kind) string {
	if kind == directory.GroupKind {
		return "groups"
	}
	return "users"
}

// MembersOf returns members of a group by id, first the users. It satisfies directory.Searcher.
func (db *DB) MembersOf(ctx context.Context, tenant lockstep.TenantID, group lockstep.GroupID, limit int) ([]directory.Relative, error) {
	rows, err := db.query(ctx, `SELECT m.id, v.display FROM member m JOIN users v ON v.tenant = m.tenant AND v.id = m.id AND v.deleted = 0
		WHERE m.tenant = $1 AND m.group_id = $2 AND m.kind = 'User' ORDER BY m.id LIMIT $3`, string(tenant), string(group), int64(limit))
	users, err := collect(rows, err, func(s scanner) (r directory.Relative, err error) {
		r.Kind = directory.UserKind
		return r, s.Scan(&r.ID, &r.Name)
	})
	if err != nil || len(users) == limit {
		return users, err
	}
	rows, err = db.query(ctx, `SELECT v.id, v.doc FROM member m JOIN groups v ON v.tenant = m.tenant AND v.id = m.id AND v.deleted = 0
		WHERE m.tenant = $1 AND m.group_id = $2 AND m.kind = 'Group' ORDER BY m.id LIMIT $3`, string(tenant), string(group), int64(limit-len(users)))
	nested, err := collect(rows, err, scanRelative)
	return append(users, nested...), err
}

// GroupsOf returns the groups of a principal. It satisfies directory.Searcher.
func (db *DB) GroupsOf(ctx context.Context, tenant lockstep.TenantID, id string) ([]directory.Relative, error) {
	rows, err := db.query(ctx, `SELECT v.id, v.doc FROM member m JOIN groups v ON v.tenant = m.tenant AND v.id = m.group_id AND v.deleted = 0
		WHERE m.tenant = $1 AND m.id = $2 ORDER BY m.group_id`, string(tenant), id)
	return collect(rows, err, scanRelative)
}

// KindsOf says what ids are of. It satisfies directory.Searcher.
func (db *DB) KindsOf(ctx context.Context, tenant lockstep.TenantID, ids []string) (map[string]directory.Kind, error) {
	kinds := make(map[string]directory.Kind, len(ids))
	for table, kind := range map[string]directory.Kind{"users": directory.UserKind, "groups": directory.GroupKind} {
		rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return kinds[id] != "" })
		text := "SELECT id FROM " + table + " WHERE tenant = $1 AND deleted = 0 AND id IN (@list)"
		err := lists(db, text, []any{string(tenant)}, rest, func(text string, args []any) error {
			rows, err := db.query(ctx, text, args...)
			found, err := collect(rows, err, scanText)
			for _, id := range found {
				kinds[id] = kind
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for users and groups: %w", err)
		}
	}
	return kinds, nil
}

// NamesOf says what users are called. It satisfies directory.Searcher.
func (db *DB) NamesOf(ctx context.Context, tenant lockstep.TenantID, users []string) (map[string]string, error) {
	names := make(map[string]string, len(users))
	text := "SELECT id, display FROM users WHERE tenant = $1 AND deleted = 0 AND id IN (@list)"
	err := lists(db, text, []any{string(tenant)}, users, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		_, err = collect(rows, err, func(s scanner) (id string, err error) {
			var name string
			err = s.Scan(&id, &name)
			names[id] = name
			return id, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for names: %w", err)
	}
	return names, nil
}

// scanRelative reads a group.
func scanRelative(s scanner) (directory.Relative, error) {
	r := directory.Relative{Kind: directory.GroupKind}
	var doc string
	if err := s.Scan(&r.ID, &doc); err != nil {
		return r, err
	}
	o, err := object(doc)
	r.Name = o.Text("displayName")
	return r, err
}

// errScanBusy is what a search gets that waited for its tenant's scan in vain.
var errScanBusy = errors.New("another search of the tenant is still running")

// matcher is the compiled filter of a scan.
func (q *search) matcher() func(filter.Object) bool {
	if q.Filter == nil {
		return func(filter.Object) bool { return true }
	}
	return filter.Compile(q.Filter, q.Types)
}
