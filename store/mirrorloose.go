package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lockstep/mirror"
)

// Whom an application has and nobody of the directory does is found by comparing ids: those of the rows, a chunk at a time in the order of an index,
// with the targets of links between the same two. An answer holds a chunk in one text: a row of an answer for each object would cost more than
// to find it. Who is gone is few, and found by the index of rows that are not simply there: "state > 0" is its condition.
const (
	looseChunk = 50_000
	looseSign  = "\x1f" // between ids; one that has it is not found, and counts as nobody's
	looseRows  = `SELECT COALESCE(string_agg(x.no || ' ' || x.id, $5), ''), COALESCE(max(x.id), ''), count(*)
	FROM (SELECT no, id FROM mirror_row WHERE mirror = $1 AND type = $2 AND id > $3 ORDER BY id LIMIT $4) x`
	looseLinks = `SELECT COALESCE(string_agg(target, $5), '') FROM link WHERE job = $1 AND type = $2 AND target > $3 AND target <= $4 AND target <> ''`
	looseGone  = "SELECT no FROM mirror_row WHERE mirror = $1 AND type = $2 AND state > 0 AND state = 1"
	looseText  = `SELECT COALESCE(string_agg(CAST(k.no AS TEXT), ' '), '') FROM mirror_key k WHERE k.mirror = $1 AND k.type = $2 AND k.value LIKE $3 ESCAPE '\'`
	looseID    = "SELECT no FROM mirror_row WHERE mirror = $1 AND type = $2 AND id = $3"
)

// mirrorNumbers are the numbers of a mirror and of the job that it belongs to; the zero value is no mirror.
type mirrorNumbers struct{ no, job int64 }

func (m Mirrors) numbersOf(ctx context.Context, id mirror.ID) (mirrorNumbers, error) {
	rows, err := m.query(ctx, "SELECT h.mirror, h.connection FROM mirror_head h JOIN job j ON j.no = h.connection "+oneHead, string(id.Tenant), string(id.Connection))
	all, err := collect(rows, err, func(s scanner) (of mirrorNumbers, err error) { return of, s.Scan(&of.no, &of.job) })
	if err != nil || len(all) == 0 {
		return mirrorNumbers{}, err
	}
	return all[0], nil
}

// Loose returns the numbers of the rows of a type that are not gone and that no link of the connection's job leads to, in their order.
func (m Mirrors) Loose(ctx context.Context, id mirror.ID, typ string) ([]int64, error) {
	of, err := m.numbersOf(ctx, id)
	if err != nil || of == (mirrorNumbers{}) {
		return nil, err
	}
	var loose []int64
	for after, n := "", int64(looseChunk); n == looseChunk; {
		var text, last string
		rows, err := m.query(ctx, looseRows, of.no, typ, after, int64(looseChunk), looseSign)
		_, err = collect(rows, err, func(s scanner) (struct{}, error) { return struct{}{}, s.Scan(&text, &last, &n) })
		if err != nil {
			return nil, fmt.Errorf("read the ids of the mirror: %w", err)
		}
		if n == 0 {
			break
		}
		rows, err = m.query(ctx, looseLinks, of.job, typ, after, last, looseSign)
		targets, err := one(rows, err, scanText)
		if err != nil {
			return nil, fmt.Errorf("read the targets of links: %w", err)
		}
		linked := make(map[string]struct{}, n)
		for target := range strings.SplitSeq(targets, looseSign) {
			linked[target] = struct{}{}
		}
		for row := range strings.SplitSeq(text, looseSign) {
			no, ref, _ := strings.Cut(row, " ")
			if _, has := linked[ref]; has {
				continue
			}
			if number, err := strconv.ParseInt(no, 10, 64); err == nil {
				loose = append(loose, number&rowMask)
			}
		}
		after = last
	}
	slices.Sort(loose)
	return m.alive(ctx, of.no, typ, loose)
}

// Holding returns the numbers of the rows of a type that are not gone and have a text in a value that they are looked up by, in any case, or as
// their whole id, in their order.
func (m Mirrors) Holding(ctx context.Context, id mirror.ID, typ, text string) ([]int64, error) {
	of, err := m.numbersOf(ctx, id)
	if err != nil || of == (mirrorNumbers{}) {
		return nil, err
	}
	rows, err := m.query(ctx, looseText, of.no, typ, "%"+escapeLike(mirror.Fold(text))+"%")
	found, err := one(rows, err, scanText)
	if err != nil {
		return nil, fmt.Errorf("look for a text in the mirror: %w", err)
	}
	rows, err = m.query(ctx, looseID, of.no, typ, text)
	all, err := collect(rows, err, scanInt)
	if err != nil {
		return nil, fmt.Errorf("look for an id in the mirror: %w", err)
	}
	for i := range all {
		all[i] &= rowMask
	}
	for no := range strings.FieldsSeq(found) {
		if number, err := strconv.ParseInt(no, 10, 64); err == nil {
			all = append(all, number&rowMask)
		}
	}
	slices.Sort(all)
	return m.alive(ctx, of.no, typ, slices.Compact(all))
}

// alive leaves out the rows that are gone. Numbers are in their order.
func (m Mirrors) alive(ctx context.Context, no int64, typ string, numbers []int64) ([]int64, error) {
	rows, err := m.query(ctx, looseGone, no, typ)
	gone, err := collect(rows, err, scanInt)
	if err != nil {
		return nil, fmt.Errorf("read who is gone: %w", err)
	}
	went := make(map[int64]bool, len(gone))
	for _, n := range gone {
		went[n&rowMask] = true
	}
	return slices.DeleteFunc(numbers, func(n int64) bool { return went[n] }), nil
}
