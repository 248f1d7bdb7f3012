package store

import (
	"context"
	"database/sql"
	"errors"
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
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
		}
	}
	return args
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
func lists[S ~string](text string, args []any, values []S, f func(text string, args []any) error) error {
	for len(values) > 0 {
		n := min(len(values), listSize)
		size := 1
		for size < n {
			size *= 2
		}
		all := make([]any, 0, len(args)+size)
		all = append(all, args...)
		for i := range size {
			all = append(all, string(values[min(i, n-1)]))
		}
		if err := f(strings.Replace(text, "@list", params(len(args)+1, size), 1), all); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// params returns "$first,…" for n parameters.
func params(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

// bulk is a statement that takes any number of rows.
type bulk struct {
	text  string   // with @rows in the place of the list of rows: ($4,$5),($6,$7)
	fixed int      // parameters $1… that come before those of the rows
	lead  bool     // each row begins with the fixed parameters
	casts []string // the type of each column, where PostgreSQL cannot infer it (a list of rows that is not INSERT's own)
	cols  int      // columns of a row; 0 is len(casts)
}

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
	text := b.render(rows)
	db.texts.Store(bulkKey{b, rows}, text)
	return text
}

func (b *bulk) columns() int {
	if b.cols > 0 {
		return b.cols
	}
	return len(b.casts)
}

func (b *bulk) render(rows int) string {
	var s strings.Builder
	lead := ""
	if b.lead {
		lead = params(1, b.fixed) + ","
	}
	next := b.fixed + 1
	for r := range rows {
		if r > 0 {
			s.WriteByte(',')
		}
		s.WriteString("(" + lead)
		if r == 0 && b.casts != nil {
			for c, typ := range b.casts {
				if c > 0 {
					s.WriteByte(',')
				}
				s.WriteString("CAST($" + strconv.Itoa(next+c) + " AS " + typ + ")")
			}
		} else {
			s.WriteString(params(next, b.columns()))
		}
		next += b.columns()
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
