package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lockstep"
	"lockstep/directory"
	"lockstep/scim/filter"
)

// The limits of one search.
const (
	searchCatchUp = peopleChanges // changes, or people, that a search brings the index up to date with itself
	searchLooks   = 2000          // people a page looks at: the index may propose some who do not match
	searchChunks  = 32            // chunks it reads at a time
	searchGrams   = 8             // grams it asks for
	searchBatch   = 200           // people it reads at a time
)

// numberMark and nameMark begin what PeopleFound.Next says: the number of the last person in the index, or their user name. An id
// is neither.
const (
	numberMark = "#"
	nameMark   = "="
)

// People returns one page of those whom a text finds. It satisfies directory.Finder.
func (db *DB) People(ctx context.Context, tenant lockstep.TenantID, q directory.PeopleQuery) (f directory.PeopleFound, err error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Text = filter.Fold(q.Text)
	if utf8.RuneCountInString(q.Text) < directory.GramLetters {
		f.Index.Ready = true
		f.Users, f.Next, err = db.peopleNamed(ctx, tenant, q)
	} else {
		f, err = db.peopleWith(ctx, tenant, q)
	}
	if err != nil {
		return f, fmt.Errorf("search people: %w", err)
	}
	return f, nil
}

// CountPeople satisfies directory.Finder: the feed's head keeps count.
func (db *DB) CountPeople(ctx context.Context, tenant lockstep.TenantID) (int, error) {
	h, err := db.peopleHead(ctx, tenant)
	if err != nil {
		return 0, fmt.Errorf("count people: %w", err)
	}
	return int(h.users), nil
}

// peopleNamed finds by the beginning of the user name, in the order of names.
func (db *DB) peopleNamed(ctx context.Context, tenant lockstep.TenantID, q directory.PeopleQuery) (users []directory.User, next string, err error) {
	from, sign := q.Text, " >= "
	if q.After != "" {
		name, ok := strings.CutPrefix(q.After, nameMark)
		if !ok {
			return nil, "", errSearchMoved
		}
		from, sign = name, " > "
	}
	args := []any{string(tenant), from}
	where := " FROM users WHERE tenant = $1 AND user_name" + sign + "$2"
	if end, ok := successor(q.Text); ok {
		args = append(args, end)
		where += " AND user_name < $3"
	}
	states := []string{" AND deleted = 0"}
	if q.Deleted {
		states = append(states, " AND deleted <> 0")
	}
	type named struct {
		directory.User
		name string
	}
	var all []named
	for _, state := range states { // each has an index of its own
		rows, err := db.query(ctx, "SELECT user_name, "+userColumns+where+state+" ORDER BY user_name LIMIT "+strconv.Itoa(rounded(q.Limit)+1), args...)
		found, err := collect(rows, err, func(s scanner) (n named, err error) {
			n.User, err = scanUser(after{scanner: s, first: []any{&n.name}})
			return n, err
		})
		if err != nil {
			return nil, "", err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	more := len(all) > q.Limit
	all = all[:min(len(all), q.Limit)]
	for _, n := range all {
		users = append(users, n.User)
		next = nameMark + n.name
	}
	if !more {
		next = ""
	}
	return users, next, nil
}

// errSearchMoved is what a page gets whose place is gone.
var errSearchMoved = &lockstep.Error{Code: lockstep.CodeCursorExpired, Detail: "The index for searches was made anew since the page before; search again from the start."}

// peopleWith finds by a part of any text, in the order of numbers.
func (db *DB) peopleWith(ctx context.Context, tenant lockstep.TenantID, q directory.PeopleQuery) (f directory.PeopleFound, err error) {
	h, err := db.caughtUp(ctx, tenant)
	if err != nil {
		return f, err
	}
	f.Index = directory.PeopleIndex{Ready: h.ready && h.form == peopleForm, Indexed: int(h.people), Behind: int(h.behind())}
	if !f.Index.Ready {
		return f, nil
	}
	last, err := db.numberAfter(ctx, h.no, q.After)
	if err != nil {
		return f, err
	}
	s := peopleSearch{db: db, tenant: tenant, q: q, no: h.no, last: last, grams: searchedGrams(q.Text)}
	for s.last < h.people && len(f.Users) < q.Limit && s.looked < searchLooks {
		chunk := (s.last + 1) / chunkPeople
		end := min(chunk+searchChunks, h.people/chunkPeople+1)
		if err := s.chunks(ctx, &f, chunk, end); err != nil {
			return f, err
		}
		if len(f.Users) < q.Limit && s.looked < searchLooks {
			s.last = end*chunkPeople - 1
		}
	}
	if now, err := db.peopleHead(ctx, tenant); err != nil || now.no != h.no { // rows may have gone under the search
		return f, cmp.Or(err, error(errSearchMoved))
	}
	if s.last < h.people {
		f.Next = numberMark + strconv.FormatInt(h.no, 36) + "." + strconv.FormatInt(s.last, 36)
	}
	return f, nil
}

// caughtUp returns how far the index is, after it has been brought up to date if little is missing.
func (db *DB) caughtUp(ctx context.Context, tenant lockstep.TenantID) (peopleHead, error) {
	for range 4 { // begun, walked, followed
		h, err := db.peopleHead(ctx, tenant)
		little := h.ready && h.behind() <= searchCatchUp || !h.ready && h.users-h.people <= searchCatchUp
		if err != nil || h.current() || !little {
			return h, err
		}
		if _, err := db.indexPeople(ctx, tenant); err != nil {
			return h, err
		}
	}
	return db.peopleHead(ctx, tenant)
}

// numberAfter returns the number after which a page begins. An id is of a page that was found by looking at everybody in the order
// of ids, which is also the order in which the index was built.
func (db *DB) numberAfter(ctx context.Context, no int64, mark string) (int64, error) {
	if mark == "" {
		return 0, nil
	}
	if text, ok := strings.CutPrefix(mark, numberMark); ok {
		index, number, _ := strings.Cut(text, ".")
		of, err := strconv.ParseInt(index, 36, 64)
		last, wrong := strconv.ParseInt(number, 36, 64)
		if err != nil || wrong != nil || of != no || last < 0 {
			return 0, errSearchMoved
		}
		return last, nil
	}
	rows, err := db.query(ctx, "SELECT person FROM people_number WHERE no = $1 AND id = $2", no, mark)
	numbers, err := collect(rows, err, scanInt)
	if err == nil && len(numbers) == 0 {
		err = errSearchMoved
	}
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// searchedGrams are grams that everybody has whom the text finds, at most searchGrams, from all over the text.
func searchedGrams(text string) []int64 {
	all := gramsOf(nil, cut(text))
	slices.Sort(all)
	all = slices.Compact(all)
	n := min(len(all), searchGrams)
	grams := make([]int64, n)
	for i := range n {
		grams[i] = int64(all[i*len(all)/n])
	}
	return grams
}

// peopleSearch is one page on its way.
type peopleSearch struct {
	db     *DB
	tenant lockstep.TenantID
	q      directory.PeopleQuery
	no     int64
	last   int64 // the number up to which everybody was looked at
	grams  []int64
	looked int
}

// chunks looks at those in some chunks who have all grams.
func (s *peopleSearch) chunks(ctx context.Context, f *directory.PeopleFound, from, to int64) error {
	numbers, err := s.candidates(ctx, from, to)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(numbers, searchBatch) {
		batch = batch[:min(len(batch), searchLooks-s.looked)]
		if len(batch) == 0 || len(f.Users) >= s.q.Limit {
			return nil
		}
		if err := s.look(ctx, f, batch); err != nil {
			return err
		}
	}
	return nil
}

// candidates returns the numbers of those in some chunks who have all grams, in order.
func (s *peopleSearch) candidates(ctx context.Context, from, to int64) ([]int64, error) {
	numbers, err := s.db.withGrams(ctx, s.no, s.grams, from, to)
	first, _ := slices.BinarySearch(numbers, s.last+1)
	return numbers[first:], err
}

// withGrams returns the members, in some chunks, of all sets of grams under a number, in order.
func (db *DB) withGrams(ctx context.Context, no int64, grams []int64, from, to int64) ([]int64, error) {
	chunks := make([]int64, 0, to-from)
	for c := from; c < to; c++ {
		chunks = append(chunks, c)
	}
	type found struct {
		chunk  int64
		people string
	}
	args := []any{no}
	for _, g := range grams {
		args = append(args, g)
	}
	text := "SELECT chunk, people FROM people_gram WHERE no = $1 AND gram IN (" + numbered.list(2, len(grams)) + ") AND chunk IN (@list)"
	var all []found
	err := listsOf(db, text, args, chunks, func(n int64) any { return n }, func(text string, args []any) error {
		rows, err := db.query(ctx, text, args...)
		some, err := collect(rows, err, func(s scanner) (r found, err error) { return r, s.Scan(&r.chunk, &r.people) })
		all = append(all, some...)
		return err
	})
	if err != nil {
		return nil, err
	}
	sets := make([][]string, to-from)
	for _, r := range all {
		sets[r.chunk-from] = append(sets[r.chunk-from], r.people)
	}
	var numbers []int64
	for i, texts := range sets {
		if len(texts) < len(grams) {
			continue
		}
		slices.SortFunc(texts, func(a, b string) int { return len(a) - len(b) }) // what is short is small, or else nearly everybody
		places := unpackPlaces(nil, texts[0])
		for _, text := range texts[1:] {
			places = common(places, unpackPlaces(nil, text))
		}
		for _, p := range places {
			numbers = append(numbers, (from+int64(i))*chunkPeople+int64(p))
		}
	}
	return numbers, nil
}

// look reads people by their numbers and adds those whom the text finds, until there are enough.
func (s *peopleSearch) look(ctx context.Context, f *directory.PeopleFound, numbers []int64) error {
	type numbered struct {
		directory.User
		number int64
	}
	var all []numbered
	err := pieces(len(numbers), func(from, size int) error {
		args := []any{s.no, string(s.tenant)}
		for _, n := range numbers[from : from+size] {
			args = append(args, n)
		}
		rows, err := s.db.query(ctx, s.db.rendered(&peopleByNumber, size), args...)
		some, err := collect(rows, err, func(s scanner) (n numbered, err error) {
			n.User, err = scanUser(after{scanner: s, first: []any{&n.number}})
			return n, err
		})
		all = append(all, some...)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b numbered) int { return int(a.number - b.number) })
	s.looked += len(numbers)
	for _, n := range all {
		if len(f.Users) == s.q.Limit {
			return nil
		}
		s.last = n.number
		finds := func(text string) bool { return strings.Contains(text, s.q.Text) }
		there := s.q.Deleted || s.q.State == directory.DeletedUsers || n.Deleted.IsZero()
		if there && s.q.State.Has(n.User) && slices.ContainsFunc(directory.SearchTexts(n.Attributes), finds) {
			f.Users = append(f.Users, n.User)
		}
	}
	s.last = max(s.last, numbers[len(numbers)-1])
	return nil
}
