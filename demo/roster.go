package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table is a CSV file in memory: rows by column.
type table struct {
	path   string
	header []string
	rows   [][]string
}

func readTable(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read %s: it is empty", path)
	}
	return &table{path: path, header: all[0], rows: all[1:]}, nil
}

// write puts the table into its file, whole or not at all.
func (t *table) write() error {
	f, err := os.CreateTemp(filepath.Dir(t.path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // when it has not become the file
	w := csv.NewWriter(f)
	if err := errors.Join(w.Write(t.header), w.WriteAll(t.rows), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), t.path)
}

// column returns the number of the column, -1 when there is none.
func (t *table) column(name string) int { return slices.Index(t.header, name) }

func (t *table) get(row []string, column string) string {
	if i := t.column(column); i >= 0 {
		return row[i]
	}
	return ""
}

// row returns the row with the id.
func (t *table) row(id string) ([]string, error) {
	for _, row := range t.rows {
		if row[0] == id {
			return row, nil
		}
	}
	return nil, fmt.Errorf("%s has no row %s", t.path, id)
}

// set changes one cell.
func (t *table) set(id, column, value string) error {
	row, err := t.row(id)
	if err != nil {
		return err
	}
	i := t.column(column)
	if i < 0 {
		return fmt.Errorf("%s has no column %s", t.path, column)
	}
	row[i] = value
	return nil
}

// roster is a company as its CSV files show it.
type roster struct {
	people, groups *table
	memberships    *table // nil when groups have a column of members
}

func readRoster(dir string) (*roster, error) {
	var r roster
	var err error
	if r.people, err = readTable(filepath.Join(dir, "people.csv")); err != nil {
		return nil, err
	}
	if r.groups, err = readTable(filepath.Join(dir, "groups.csv")); err != nil {
		return nil, err
	}
	r.memberships, err = readTable(filepath.Join(dir, "memberships.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return &r, err
}

func (r *roster) write() error {
	err := errors.Join(r.people.write(), r.groups.write())
	if err == nil && r.memberships != nil {
		err = r.memberships.write()
	}
	return err
}

// members returns the ids that stand in each group, by the group's id.
func (r *roster) members() map[string][]string {
	all := map[string][]string{}
	if r.memberships != nil {
		for _, row := range r.memberships.rows {
			all[row[0]] = append(all[row[0]], row[1])
		}
		return all
	}
	for _, row := range r.groups.rows {
		all[row[0]] = strings.FieldsFunc(r.groups.get(row, "members"), func(c rune) bool { return c == ';' })
	}
	return all
}

// join adds somebody to a group.
func (r *roster) join(group, id string) error {
	if r.memberships != nil {
		r.memberships.rows = append(r.memberships.rows, []string{group, id, "User"})
		return nil
	}
	return r.groups.set(group, "members", strings.Join(append(r.members()[group], id), ";"))
}

// leave takes somebody out of every group but one.
func (r *roster) leave(id, stay string) error {
	if r.memberships != nil {
		r.memberships.rows = slices.DeleteFunc(r.memberships.rows, func(row []string) bool { return row[1] == id && row[0] != stay })
		return nil
	}
	for group, members := range r.members() {
		if group == stay || !slices.Contains(members, id) {
			continue
		}
		rest := slices.DeleteFunc(members, func(m string) bool { return m == id })
		if err := r.groups.set(group, "members", strings.Join(rest, ";")); err != nil {
			return err
		}
	}
	return nil
}

// remove takes somebody out of the files.
func (r *roster) remove(id string) error {
	if _, err := r.people.row(id); err != nil {
		return err
	}
	r.people.rows = slices.DeleteFunc(r.people.rows, func(row []string) bool { return row[0] == id })
	return r.leave(id, "")
}

// design says what of a company belongs into the organisation.
type design struct {
	columns []string        // attributes that the rules bring, userName first
	out     map[string]bool // ids of people who do not
	groups  map[string]bool // ids of groups that do; nil is all of them
}

// expect returns what the organisation has to hold once the company is in it, not counting what was there before.
func (r *roster) expect(d design) *expectation {
	e := &expectation{columns: d.columns, people: map[string]*wantedPerson{}, groups: map[string]map[string]bool{}}
	names := map[string]string{} // user names by id, of those who are in
	for _, row := range r.people.rows {
		if !d.out[row[0]] {
			names[row[0]] = r.people.get(row, "userName")
		}
	}
	for _, row := range r.people.rows {
		if d.out[row[0]] {
			continue
		}
		want := &wantedPerson{active: true, manager: names[r.people.get(row, "manager")]}
		for _, column := range d.columns {
			want.values = append(want.values, r.people.get(row, column))
		}
		e.people[key(names[row[0]])] = want
	}
	members := r.members()
	for _, row := range r.groups.rows {
		if d.groups != nil && !d.groups[row[0]] {
			continue
		}
		in := map[string]bool{}
		for _, id := range within(members, row[0], map[string]bool{}) {
			if name, ok := names[id]; ok {
				in[key(name)] = true
			}
		}
		e.groups[r.groups.get(row, "displayName")] = in
	}
	return e
}

// within returns everything that is in a group or in the groups in it.
func within(members map[string][]string, group string, seen map[string]bool) []string {
	if seen[group] {
		return nil
	}
	seen[group] = true
	var all []string
	for _, id := range members[group] {
		all = append(all, id)
		all = append(all, within(members, id, seen)...)
	}
	return all
}
