package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// statements keeps the prepared statements of one pool by their text. There are at most a few hundred: lists are padded and
// rows are cut so that few lengths occur.
type statements struct {
	db *sql.DB
	mu sync.RWMutex
	m  map[string]*sql.Stmt
}

// get returns the statement if it is prepared.
func (s *statements) get(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[text]
}

// maxStatements is how many statements are kept before those that clients' filters make are no longer.
const maxStatements = 1000

// full reports whether enough statements are kept.
func (s *statements) full() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.m) >= maxStatements
}

// prepare returns the statement, preparing it at first. It needs a free connection.
func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := s.get(text); st != nil {
		return st, nil
	}
	st, err := s.db.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.m[text]; other != nil {
		return other, st.Close()
	}
	if s.m == nil {
		s.m = map[string]*sql.Stmt{}
	}
	s.m[text] = st
	return st, nil
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.m {
		errs = append(errs, st.Close())
	}
	s.m = nil
	return errors.Join(errs...)
}

// clean replaces in texts what PostgreSQL cannot keep, NUL and invalid UTF-8, so that both databases keep the same. Such bytes
// come from outside, in names and in what a target answers, and must not stop the work.
func clean(args []any) []any {
	for i, a := range args {
		s, ok := a.(string)
		if ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			args[i] = cleanText(s)
		}
	}
	return args
}

// cleanText is the text as it is kept.
func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// query reads committed data.
func (db *DB) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	args = clean(args)
	if !db.dialect.prepares() {
		return db.readerDB.QueryContext(ctx, text, args...)
	}
	st, err := db.readers.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all = append(all, v)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

// one reads one row, or returns sql.ErrNoRows.
func one[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) (T, error) {
	all, err := collect(rows, err, scan)
	if err == nil && len(all) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return all[0], nil
}

func scanText(s scanner) (text string, err error) { return text, s.Scan(&text) }

func scanInt(s scanner) (n int64, err error) { return n, s.Scan(&n) }

// listSize is how many values of an IN list one statement takes. 512 keeps the number of parameters far from any limit.
const listSize = 512

// lists calls f with pieces of values and, for each, the text with its list in the place of @list and args followed by the
// values. Lists are padded to a power of two by repeating the last value, which changes no result of IN.
func lists[S ~string](db *DB, text string, args []any, values []S, f func(text string, args []any) error) error {
	return listsOf(db, text, args, values, func(s S) any { return string(s) }, f)
}

// listsOf is lists for values of any type, each given to the database as asArg makes it.
func listsOf[V any](db *DB, text string, args []any, values []V, asArg func(V) any, f func(text string, args []any) error) error {
	for len(values) > 0 {
		n := min(len(values), listSize)
		size := 1
		for size < n {
			size *= 2
		}
		all := make([]any, 0, len(args)+size+1) // one more, for a limit
		all = append(all, args...)
		for i := range size {
			all = append(all, asArg(values[min(i, n-1)]))
		}
		mark := db.marks(text, "@list", len(args))
		if err := f(strings.Replace(text, "@list", mark.list(len(args)+1, size), 1), all); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// marks is how the parameters of a list are written: $4,$5,$6 or ?,?,?.
type marks bool

const (
	numbered   marks = false
	positional marks = true
)

// marks returns how to write a list of parameters in the place of at, after n others. SQLite looks a named parameter up in a list
// of all names, so that a long list costs its square; ? has no name. It counts from the parameters before it, so it will do
// only when all n stand there.
func (db *DB) marks(text, at string, n int) marks {
	if db.dialect.name() != SQLite {
		return numbered
	}
	before, _, _ := strings.Cut(text, at)
	for i := range n {
		if !mentions(before, "$"+strconv.Itoa(i+1)) {
			return numbered
		}
	}
	return positional
}

// mentions reports whether the parameter occurs in the text.
func mentions(text, parameter string) bool {
	for {
		_, after, ok := strings.Cut(text, parameter)
		if !ok || after == "" || after[0] < '0' || after[0] > '9' {
			return ok
		}
		text = after
	}
}

// list returns n parameters, divided by commas.
func (m marks) list(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.one(first + i))
	}
	return b.String()
}

func (m marks) one(n int) string {
	if m == positional {
		return "?"
	}
	return "$" + strconv.Itoa(n)
}

// limitTo adds a limit to the arguments and returns its clause.
func limitTo(args *[]any, n int) string {
	*args = append(*args, int64(n))
	return " LIMIT $" + strconv.Itoa(len(*args))
}

// bulk is a statement that takes any number of rows.
type bulk struct {
	text string   // with @rows in the place of the list of rows: ($1,$2,$3),($1,$4,$5)
	lead []string // types of the columns that every row begins with, with the same values
	cols []string // types of the other columns, where PostgreSQL cannot infer them: in a list of rows that is not INSERT's own
	n    int      // number of the other columns, where it can
}

func (b *bulk) columns() int { return max(b.n, len(b.cols)) }

// bulkSize is how many rows one statement takes. A larger one is no faster, and prepares slower.
const bulkSize = 64

type bulkKey struct {
	*bulk
	rows int
}

// rendered returns the statement for a number of rows.
func (db *DB) rendered(b *bulk, rows int) string {
	if text, ok := db.texts.Load(bulkKey{b, rows}); ok {
		return text.(string)
	}
	m := numbered
	if db.dialect.name() == SQLite {
		m = positional // the first row has all leading parameters before the others
	}
	text := b.render(rows, m)
	db.texts.Store(bulkKey{b, rows}, text)
	return text
}

func (b *bulk) render(rows int, m marks) string {
	var s strings.Builder
	next := len(b.lead) + 1
	for r := range rows {
		if r > 0 {
			s.WriteByte(',')
		}
		s.WriteByte('(')
		for c := range len(b.lead) + b.columns() {
			if c > 0 {
				s.WriteByte(',')
			}
			parameter := numbered.one(c + 1)
			if c >= len(b.lead) {
				parameter = m.one(next)
				next++
			}
			if r == 0 && b.cols != nil { // the first row gives the list its types
				parameter = "CAST(" + parameter + " AS " + append(slices.Clip(b.lead), b.cols...)[c] + ")"
			}
			s.WriteString(parameter)
		}
		s.WriteByte(')')
	}
	return strings.Replace(b.text, "@rows", s.String(), 1)
}

// lastOf returns the values, but only the last of those with the same key: one statement must not write a row twice.
func lastOf[T any, K comparable](all []T, key func(*T) K) []T {
	at := make(map[K]int, len(all))
	for i := range all {
		at[key(&all[i])] = i
	}
	if len(at) == len(all) {
		return all
	}
	kept := make([]T, 0, len(at))
	for i := range all {
		if at[key(&all[i])] == i {
			kept = append(kept, all[i])
		}
	}
	return kept
}
