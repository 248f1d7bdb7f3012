package store

import (
	"context"
	"database/sql"
	"fmt"

	"lockstep/plan"
)

// longKeysVersion is the migration that shortens texts which stand whole in an index, where they are looked for by their beginning and a digest now.
// SQL alone cannot: SQLite knows no digest.
const longKeysVersion = 46

// longKeys is that migration. What was kept in both forms is kept once.
func longKeys(ctx context.Context, tx *sql.Tx) error {
	for _, part := range []struct {
		table, text, columns string
		rewrite              func(row []any, text string) error
	}{
		{"mirror_key", "value", "mirror, type, attribute, no", func(row []any, text string) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO mirror_key (mirror, type, attribute, no, value) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (mirror, type, attribute, value, no) DO NOTHING`, append(row, indexed(text))...)
			if err == nil {
				_, err = tx.ExecContext(ctx, "DELETE FROM mirror_key WHERE mirror = $1 AND type = $2 AND attribute = $3 AND no = $4 AND value = $5", append(row, text)...)
			}
			return err
		}},
		{"mirror_name", "name", "mirror, type, no", func(row []any, text string) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO mirror_name (mirror, type, no, name) VALUES ($1, $2, $3, $4) ON CONFLICT (mirror, name, type) DO NOTHING", append(row, indexed(text))...)
			if err == nil {
				_, err = tx.ExecContext(ctx, "DELETE FROM mirror_name WHERE mirror = $1 AND type = $2 AND no = $3 AND name = $4", append(row, text)...)
			}
			return err
		}},
		{"link", "match_key", "job, type, source_id", func(row []any, text string) error {
			_, err := tx.ExecContext(ctx, "UPDATE link SET match_key = $4 WHERE job = $1 AND type = $2 AND source_id = $3", append(row, plan.ShortKey(text))...)
			return err
		}},
	} {
		if err := eachLong(ctx, tx, part.table, part.text, part.columns, part.rewrite); err != nil {
			return fmt.Errorf("shorten texts of %s: %w", part.table, err)
		}
	}
	return nil
}

// eachLong calls rewrite with the other columns and the text of each row whose text is too long, until there is none.
func eachLong(ctx context.Context, tx *sql.Tx, table, text, columns string, rewrite func(row []any, text string) error) error {
	for {
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %s, %s FROM %s WHERE octet_length(%[2]s) > %[4]d LIMIT 1000", columns, text, table, longestIndexed))
		if err != nil {
			return err
		}
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		all, err := collect(rows, nil, func(s scanner) ([]any, error) {
			row := make([]any, len(names))
			into := make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			return row, s.Scan(into...)
		})
		if err != nil || len(all) == 0 {
			return err
		}
		for _, row := range all {
			last := len(row) - 1
			if err := rewrite(row[:last:last], fmt.Sprint(row[last])); err != nil {
				return err
			}
		}
	}
}
