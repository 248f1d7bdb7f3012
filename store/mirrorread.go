package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lockstep"
	"lockstep/connection"
	"lockstep/mirror"
)

const mirrorRowColumns = "r.no, r.type, r.id, r.hash, r.version, r.state, r.missed, r.written, r.ask, r.position, r.owner, "

// withDocs is where rows come from with their documents, bareRows without.
const (
	withDocs = "COALESCE(d.document, '') FROM mirror_row r LEFT JOIN mirror_doc d ON d.no = r.no"
	bareRows = "'' FROM mirror_row r"
)

func scanMirrorRow(s scanner) (r mirror.Row, err error) {
	var ref connection.Ref
	var version, doc string
	var written int64
	err = s.Scan(&r.No, &ref.Type, &ref.ID, &r.Hash, &version, &r.State, &r.Missed, &written, &r.Ask, &r.Position, &r.Owner, &doc)
	if err != nil {
		return r, err
	}
	r.No &= rowMask
	r.Written = instant(written)
	r.Object, err = mirror.Decode(ref, version, []byte(doc))
	return r, err
}

// Rows returns rows of one type. It satisfies mirror.Rows.
func (m Mirrors) Rows(ctx context.Context, id mirror.ID, q mirror.Query) ([]mirror.Row, error) {
	if q.Limit == 0 {
		q.Limit = 1000
	}
	rows, err := m.query(ctx, "SELECT mirror FROM mirror_head h JOIN job j ON j.no = h.connection "+oneHead, string(id.Tenant), string(id.Connection))
	numbers, err := collect(rows, err, scanInt)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	from := withDocs
	if q.Bare {
		from = bareRows
	}
	where, args := mirrorRowsWhere(q, numbers[0])
	text := "SELECT " + mirrorRowColumns + from + where
	rows, err = m.query(ctx, text+limitTo(&args, q.Limit), args...)
	all, err := collect(rows, err, scanMirrorRow)
	if err != nil {
		return nil, fmt.Errorf("read the mirror: %w", err)
	}
	return all, nil
}

// mirrorRowsWhere returns the conditions and the order of rows of the mirror with a number. The numbers of the rows tell it, too: the
// condition on the mirror is left out where it would lead away from their order.
func mirrorRowsWhere(q mirror.Query, no int64) (where string, args []any) {
	var conditions []string
	and := func(text string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			text = strings.Replace(text, "$", fmt.Sprintf("§%d", len(args)), 1)
		}
		conditions = append(conditions, strings.ReplaceAll(text, "§", "$"))
	}
	few := q.Asked || len(q.States) > 0 && !slices.Contains(q.States, mirror.There)
	if few || q.Order == mirror.ByPosition {
		and("r.mirror = $", no)
	}
	and("r.type = $", q.Type)
	if len(q.States) > 0 {
		list := make([]string, len(q.States))
		for i, s := range q.States {
			list[i] = fmt.Sprint(int64(s))
		}
		and("r.state IN (" + strings.Join(list, ",") + ")")
	}
	if few && !q.Asked {
		and("r.state > 0") // as the index says
	}
	if q.Asked {
		and("r.ask")
	}
	order := "r.no"
	if q.Order == mirror.ByPosition {
		order = "r.position"
		and("r.position > $ AND r.position > 0", q.After)
		if q.UpTo > 0 {
			and("r.position <= $", q.UpTo)
		}
	} else {
		and("r.no > $ AND r.no <= $", no<<rowBits|q.After, no<<rowBits|rowMask)
	}
	return " WHERE " + strings.Join(conditions, " AND ") + " ORDER BY " + order, args
}

// Get returns the rows of objects. It satisfies mirror.Rows.
func (m Mirrors) Get(ctx context.Context, id mirror.ID, refs ...connection.Ref) ([]mirror.Row, error) {
	var all []mirror.Row
	for typ, ids := range byType(refs) {
		err := lists(m.DB, "SELECT "+mirrorRowColumns+withDocs+" WHERE r.mirror = "+mirrorOf+" AND r.type = $3 AND r.id IN (@list)",
			[]any{string(id.Tenant), string(id.Connection), typ}, ids, m.rowsInto(ctx, &all))
		if err != nil {
			return nil, fmt.Errorf("read objects of the mirror: %w", err)
		}
	}
	return all, nil
}

func (m Mirrors) rowsInto(ctx context.Context, all *[]mirror.Row) func(text string, args []any) error {
	return func(text string, args []any) error {
		rows, err := m.query(ctx, text, args...)
		found, err := collect(rows, err, scanMirrorRow)
		*all = append(*all, found...)
		return err
	}
}

// Numbered returns rows by their numbers. It satisfies mirror.Passes.
func (m Mirrors) Numbered(ctx context.Context, id mirror.ID, numbers []int64) ([]mirror.Row, error) {
	no, err := m.mirrorNumber(ctx, id)
	if err != nil {
		return nil, err
	}
	full := make([]int64, len(numbers))
	for i, n := range numbers {
		full[i] = no<<rowBits | n
	}
	var all []mirror.Row
	err = numberLists(m.DB, "SELECT "+mirrorRowColumns+withDocs+" WHERE r.no IN (@list)", nil, full, m.rowsInto(ctx, &all))
	if err != nil {
		return nil, fmt.Errorf("read rows of the mirror: %w", err)
	}
	return all, nil
}

// rowsNumbered returns rows by their whole numbers.
func (t *tx) rowsNumbered(numbers []int64) (all []mirror.Row, err error) {
	err = numberLists(t.db, "SELECT "+mirrorRowColumns+withDocs+" WHERE r.no IN (@list)", nil, numbers, func(text string, args []any) error {
		rows, err := t.query(text, args...)
		found, err := collect(rows, err, scanMirrorRow)
		all = append(all, found...)
		return err
	})
	return all, err
}

func (m Mirrors) mirrorNumber(ctx context.Context, id mirror.ID) (int64, error) {
	rows, err := m.query(ctx, "SELECT mirror FROM mirror_head h JOIN job j ON j.no = h.connection "+oneHead, string(id.Tenant), string(id.Connection))
	no, err := one(rows, err, scanInt)
	if err != nil {
		return 0, fmt.Errorf("find the mirror: %w", absent(err, "mirror of", string(id.Connection)))
	}
	return no, nil
}

// Named returns who has names. It satisfies mirror.Rows.
func (m Mirrors) Named(ctx context.Context, id mirror.ID, names []mirror.Name) (map[mirror.Name]connection.Ref, error) {
	have := map[string][]connection.Ref{}
	texts := make([]string, 0, len(names))
	for _, n := range names {
		texts = append(texts, indexed(n.Name))
	}
	err := lists(m.DB, "SELECT n.name, n.type, r.id FROM mirror_name n JOIN mirror_row r ON r.no = n.no WHERE n.mirror = "+mirrorOf+" AND n.name IN (@list)",
		[]any{string(id.Tenant), string(id.Connection)}, texts, func(text string, args []any) error {
			rows, err := m.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) {
				var name string
				var ref connection.Ref
				err := s.Scan(&name, &ref.Type, &ref.ID)
				have[name] = append(have[name], ref)
				return struct{}{}, err
			})
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look up names in the mirror: %w", err)
	}
	found := make(map[mirror.Name]connection.Ref, len(names))
	for _, n := range names {
		refs := have[indexed(n.Name)]
		if n.Type == "" && len(refs) == 1 {
			found[n] = refs[0]
		}
		for _, r := range refs {
			if r.Type == n.Type {
				found[n] = r
			}
		}
	}
	return found, nil
}

// Members returns who says to be a member of groups. It satisfies mirror.Rows.
func (m Mirrors) Members(ctx context.Context, id mirror.ID, groups ...connection.Object) (map[string][]connection.Ref, error) {
	of := map[int64]string{}
	var pointers []int64
	for i := range groups {
		for _, p := range mirror.MemberPointers(&groups[i]) {
			of[int64(p)] = groups[i].ID
			pointers = append(pointers, int64(p))
		}
	}
	members := map[string][]connection.Ref{}
	err := numberLists(m.DB, "SELECT f.name, r.type, r.id FROM mirror_refers f JOIN mirror_row r ON r.no = f.no WHERE f.mirror = "+mirrorOf+" AND f.name IN (@list)",
		[]any{string(id.Tenant), string(id.Connection)}, pointers, func(text string, args []any) error {
			rows, err := m.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) {
				var pointer int64
				var ref connection.Ref
				err := s.Scan(&pointer, &ref.Type, &ref.ID)
				members[of[pointer]] = append(members[of[pointer]], ref)
				return struct{}{}, err
			})
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look up members in the mirror: %w", err)
	}
	return members, nil
}

// Versions returns versions of objects. It satisfies mirror.Passes.
func (m Mirrors) Versions(ctx context.Context, id mirror.ID, typ string, ids []string) (map[string]string, error) {
	versions := make(map[string]string, len(ids))
	err := lists(m.DB, "SELECT id, version FROM mirror_row WHERE mirror = "+mirrorOf+" AND type = $3 AND state <> 1 AND id IN (@list)",
		[]any{string(id.Tenant), string(id.Connection), typ}, ids, func(text string, args []any) error {
			rows, err := m.query(ctx, text, args...)
			_, err = collect(rows, err, func(s scanner) (struct{}, error) {
				var id, version string
				err := s.Scan(&id, &version)
				versions[id] = version
				return struct{}{}, err
			})
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read versions of the mirror: %w", err)
	}
	return versions, nil
}

const selectFound = "SELECT k.value, " + mirrorRowColumns + withDocs + " JOIN mirror_key k ON k.no = r.no WHERE k.mirror = " + mirrorOf +
	" AND k.type = $3 AND k.attribute = $4 AND k.value IN (@list)"

// Find returns objects by values. It satisfies mirror.Rows.
func (m Mirrors) Find(ctx context.Context, id mirror.ID, typ, attribute string, values ...string) ([]mirror.Found, error) {
	keys := make([]string, len(values))
	whole := map[string]string{}
	for i, v := range values {
		v = mirror.Fold(v)
		keys[i] = indexed(v)
		whole[keys[i]] = v
	}
	var all []mirror.Found
	err := lists(m.DB, selectFound, []any{string(id.Tenant), string(id.Connection), typ, attribute}, keys, func(text string, args []any) error {
		rows, err := m.query(ctx, text, args...)
		found, err := collect(rows, err, func(s scanner) (f mirror.Found, err error) {
			f.Key.Attribute = attribute
			f.Row, err = scanMirrorRow(after{s, []any{&f.Key.Value}})
			if v, is := whole[f.Key.Value]; is {
				f.Key.Value = v
			}
			return f, err
		})
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up %s in the mirror: %w", attribute, err)
	}
	return all, nil
}

// after scans columns that come before those of another scan.
type after struct {
	scanner
	first []any
}

func (a after) Scan(dest ...any) error { return a.scanner.Scan(append(a.first, dest...)...) }

// Count counts the objects that are not gone, by type. It satisfies mirror.Rows.
func (m Mirrors) Count(ctx context.Context, id mirror.ID) (map[string]int, error) {
	counts := map[string]int{}
	add := func(text string, sign int) error {
		rows, err := m.query(ctx, text, string(id.Tenant), string(id.Connection))
		_, err = collect(rows, err, func(s scanner) (struct{}, error) {
			var typ string
			var n int
			err := s.Scan(&typ, &n)
			counts[typ] += sign * n
			return struct{}{}, err
		})
		return err
	}
	err := add("SELECT type, COUNT(*) FROM mirror_row WHERE mirror = "+mirrorOf+" GROUP BY type", 1)
	if err == nil {
		err = add("SELECT type, COUNT(*) FROM mirror_row WHERE mirror = "+mirrorOf+" AND state > 0 AND state = 1 GROUP BY type", -1)
	}
	if err != nil {
		return nil, fmt.Errorf("count the mirror: %w", err)
	}
	return counts, nil
}

// Alive returns the rows of a type that are not gone. It satisfies mirror.Passes.
func (m Mirrors) Alive(ctx context.Context, id mirror.ID, typ string) (*mirror.Set, error) {
	rows, err := m.query(ctx, "SELECT no FROM mirror_row WHERE mirror = "+mirrorOf+" AND type = $3 AND state <> 1", string(id.Tenant), string(id.Connection), typ)
	var set mirror.Set
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		no, err := scanInt(s)
		set.Add(no & rowMask)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the rows of the mirror: %w", err)
	}
	return &set, nil
}

// Met returns the rows that a pass has met. It satisfies mirror.Passes.
func (m Mirrors) Met(ctx context.Context, _ mirror.ID, pass int64) (*mirror.Set, error) {
	rows, err := m.query(ctx, "SELECT met FROM mirror_met WHERE pass = $1", pass)
	var set mirror.Set
	_, err = collect(rows, err, func(s scanner) (struct{}, error) {
		text, err := scanText(s)
		if err == nil {
			err = set.Decode(text)
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what a pass has met: %w", err)
	}
	return &set, nil
}

// Parts returns what a pass could not read. It satisfies mirror.Passes.
func (m Mirrors) Parts(ctx context.Context, id mirror.ID, typ string, pass int64) ([]mirror.Part, error) {
	args := []any{string(id.Tenant), string(id.Connection), typ}
	rows, err := m.query(ctx, "SELECT part FROM mirror_answer WHERE mirror = "+mirrorOf+" AND type = $3", args...)
	answers, err := collect(rows, err, scanText)
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	answered := map[string]bool{}
	for _, a := range answers {
		answered[a] = true
	}
	rows, err = m.query(ctx, "SELECT part FROM mirror_part WHERE mirror = "+mirrorOf+" AND type = $3 AND pass = $4 ORDER BY n", append(args, pass)...)
	all, err := collect(rows, err, func(s scanner) (p mirror.Part, err error) {
		text, err := scanText(s)
		if err != nil {
			return p, err
		}
		err = json.Unmarshal([]byte(text), &p)
		p.Answered = p.Hidden.Part != "" && answered[p.Hidden.Part]
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read hidden parts: %w", err)
	}
	return all, nil
}

// Passes returns how the passes over all connections of a tenant look at an instant.
func (m Mirrors) Passes(ctx context.Context, tenant lockstep.TenantID) ([]mirror.Progress, error) {
	all, err := m.Heads(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var passes []mirror.Progress
	for i := range all {
		for _, p := range all[i].Passes {
			passes = append(passes, all[i].Watch(p, m.now()))
		}
	}
	return passes, nil
}
