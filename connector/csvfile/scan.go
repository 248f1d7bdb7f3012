package csvfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"lockstep"
	"lockstep/connection"
)

// index is what the first pass over the files finds.
type index struct {
	digest  string
	people  map[string]int // id → rows that have it
	groups  map[string]int
	members map[string][]connection.Reference // by group, from memberships.csv
	partial map[string]bool                   // groups with a membership row that cannot be used
	doubt   bool                              // some membership row could belong to any group
	lost    bool                              // some row could belong to anybody
	bad     int                               // rows that cannot be used
	notes   []connection.Bad                  // of memberships.csv
	rows    int                               // of people and groups
	sums    [3][]byte                         // of the files; nil is a missing one
}

// digest returns what scan will give as digest, without looking into the files.
func (s *Source) digest() (string, error) {
	var sums [3][]byte
	for i, name := range s.files() {
		t, err := s.open(name)
		if err != nil {
			if i > 0 && missing(err) {
				continue
			}
			return "", err
		}
		sums[i], err = t.sum()
		t.close()
		if err != nil {
			return "", err
		}
	}
	return s.combine(sums), nil
}

// combine makes one digest of those of the files and of the settings that change how they are read.
func (s *Source) combine(sums [3][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d\n", s.files(), s.config.ID, s.config.Comma)
	for _, sum := range sums {
		fmt.Fprintf(h, "%x\n", sum)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// scan goes over the files for ids and memberships.
func (s *Source) scan(ctx context.Context) (*index, error) {
	x := &index{people: map[string]int{}, groups: map[string]int{}, members: map[string][]connection.Reference{}, partial: map[string]bool{}}
	steps := [3]func(context.Context, *table, *index) error{s.scanPeople, s.scanGroups, s.scanMemberships}
	for i, name := range s.files() {
		t, err := s.open(name)
		if err != nil {
			if i > 0 && missing(err) {
				continue
			}
			return nil, err
		}
		if err = steps[i](ctx, t, x); err == nil {
			x.sums[i], err = t.sum()
		}
		t.close()
		if err != nil {
			return nil, err
		}
	}
	x.digest = s.combine(x.sums)
	return x, nil
}

func (s *Source) scanPeople(ctx context.Context, t *table, x *index) error {
	columns, err := s.personColumns(t)
	if err != nil {
		return err
	}
	return x.ids(ctx, t, columns.id, x.people)
}

func (s *Source) scanGroups(ctx context.Context, t *table, x *index) error {
	columns, err := s.groupColumns(t)
	if err != nil {
		return err
	}
	return x.ids(ctx, t, columns.id, x.groups)
}

// ids counts how often each id occurs. A row whose id is not certain makes the read incomplete.
func (x *index) ids(ctx context.Context, t *table, column int, count map[string]int) error {
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if x.rows++; x.rows%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		id := r.id(column)
		if id == "" {
			x.lost = true
		} else {
			count[id]++
		}
		if r.err != nil || id == "" || count[id] > 1 {
			x.bad++
		}
	}
}

// id returns the row's id, or "" when it is missing or not certain: of a row with too many or too few fields only the first
// field is.
func (r row) id(column int) string {
	if len(r.fields) <= column || (r.skewed && column != 0) {
		return ""
	}
	return strings.TrimSpace(r.fields[column])
}

func (s *Source) scanMemberships(ctx context.Context, t *table, x *index) error {
	group, member, kind := t.column("group"), t.column("member"), t.column("type")
	if group < 0 || member < 0 {
		return t.malformed("needs the columns group and member")
	}
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if r.err != nil || r.fields[group] == "" || r.fields[member] == "" {
			x.unusable(t, r, group)
			continue
		}
		typ := ""
		if kind >= 0 {
			typ = r.fields[kind]
		}
		x.membership(t, r.line, r.fields[group], r.fields[member], typ)
	}
}

// unusable notes a membership row that cannot be read.
func (x *index) unusable(t *table, r row, group int) {
	if r.err == nil {
		r.err = errors.New("group and member must not be empty")
	}
	if len(r.fields) > group && !r.skewed && r.fields[group] != "" {
		x.partial[r.fields[group]] = true
	} else {
		x.doubt = true
	}
	x.note(t, r.line, "This membership cannot be used: "+r.err.Error()+".")
}

func (x *index) membership(t *table, line int, group, member, typ string) {
	if x.groups[group] == 0 {
		x.note(t, line, fmt.Sprintf("There is no group with the id %q.", group))
		return
	}
	if typ != "" && !strings.EqualFold(typ, userType) && !strings.EqualFold(typ, groupType) {
		x.partial[group] = true
		x.note(t, line, fmt.Sprintf("The type %q is neither User nor Group.", typ))
		return
	}
	to, ok := x.member(member, typ)
	if !ok {
		x.note(t, line, fmt.Sprintf("The group %q has a member %q that is not in the files.", group, member))
		return
	}
	x.members[group] = append(x.members[group], connection.Reference{Attribute: memberAttribute, To: to})
}

// member finds the object that a membership names.
func (x *index) member(id, typ string) (connection.Ref, bool) {
	if strings.EqualFold(typ, groupType) || (typ == "" && x.people[id] == 0) {
		return connection.Ref{Type: groupType, ID: id}, x.groups[id] > 0
	}
	return connection.Ref{Type: userType, ID: id}, x.people[id] > 0
}

func (x *index) note(t *table, line int, detail string) {
	x.bad++
	x.notes = append(x.notes, connection.Bad{Name: t.at(line), Err: rowError(t.at(line), detail)})
}

func rowError(at, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeSourceRow, Detail: at + ": " + detail}
}
