package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lockstep/api"
)

// csvSource is a company in a folder of CSV files.
type csvSource struct {
	company Company
	dir     string
	titles  map[int]string // those that are not as the company has them
}

func (s *csvSource) stop() {}

// add adds the source, which rests while it has no files, so that the rules are there before anybody is.
func (s *csvSource) add(ctx context.Context, c *api.Client) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if _, err := c.CreateSource(ctx, api.NewSystem{Kind: "csvfile", Slug: sourceSlug, Draft: true}); err != nil {
		return err
	}
	if _, err := c.PatchJob(ctx, sourceSlug, api.JobPatch{State: "paused"}); err != nil {
		return err
	}
	rules := plainRules(personColumns)
	for i := range rules.Objects {
		for j := range rules.Objects[i].Attributes {
			if m := &rules.Objects[i].Attributes[j]; m.Target == "active" {
				*m = direct("active")
			}
		}
	}
	return putRules(ctx, c, sourceSlug, rules)
}

// aged makes the files look as if nobody had written to them for a while: a file that is still being written is not read.
func aged(dir string) error {
	at := time.Now().Add(-time.Minute)
	for _, name := range []string{"people.csv", "groups.csv", "memberships.csv"} {
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *csvSource) fill(context.Context) error {
	if err := s.company.Write(s.dir); err != nil {
		return err
	}
	return aged(s.dir)
}

// people is the file of people.
func (s *csvSource) people() string { return filepath.Join(s.dir, "people.csv") }

// write writes the people with their titles.
func (s *csvSource) write(out io.Writer) error {
	w := csv.NewWriter(out)
	if err := w.Write(append(append([]string{"id"}, personColumns...), "manager")); err != nil {
		return err
	}
	title := slices.Index(personColumns, "title")
	for i := range s.company.People {
		p := s.company.Person(i)
		if t, ok := s.titles[i]; ok {
			p.Values[title] = t
		}
		manager := ""
		if p.Manager >= 0 {
			manager = PersonID(p.Manager)
		}
		if err := w.Write(append(append([]string{PersonID(i)}, p.Values...), manager)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (s *csvSource) retitle(how writing, titles map[int]string) (func(context.Context) error, error) {
	if s.titles == nil {
		s.titles = map[int]string{}
	}
	for i, t := range titles {
		s.titles[i] = t
	}
	if how == inPlace {
		var text bytes.Buffer
		err := s.write(&text)
		return func(context.Context) error { return os.WriteFile(s.people(), text.Bytes(), 0o600) }, err
	}
	return s.replace()
}

// replace writes a new file and returns what puts it in the place of the old one.
func (s *csvSource) replace() (func(context.Context) error, error) {
	f, err := os.CreateTemp(filepath.Dir(s.dir), "people-")
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(s.write(w), w.Flush(), f.Close()); err != nil {
		return nil, err
	}
	return func(context.Context) error { return os.Rename(f.Name(), s.people()) }, nil
}

// touch puts a file with the same bytes in the place of the old one.
func (s *csvSource) touch() error {
	put, err := s.replace()
	if err != nil {
		return err
	}
	return put(context.Background())
}

// eachRow reads a CSV file with the standard library's reader.
func eachRow(path string, f func(row []string, column func(name string) string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReaderSize(file, 1<<20))
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		err = f(row, func(name string) string {
			if i, ok := at[name]; ok {
				return row[i]
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
}

// expect reads the files.
func (s *csvSource) expect(context.Context) (*imported, error) {
	x := newImported(personColumns)
	names := map[string]string{} // user names by id
	err := eachRow(s.people(), func(_ []string, column func(string) string) error {
		names[column("id")] = column("userName")
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachRow(s.people(), func(_ []string, column func(string) string) error {
		x.person(column, true, names[column("manager")])
		return nil
	})
	if err != nil {
		return nil, err
	}
	groups := map[string]string{}
	err = eachRow(filepath.Join(s.dir, "groups.csv"), func(_ []string, column func(string) string) error {
		groups[column("id")] = column("displayName")
		x.group(column("displayName"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return x, eachRow(filepath.Join(s.dir, "memberships.csv"), func(_ []string, column func(string) string) error {
		member := column("member")
		if column("type") == "Group" {
			x.member(groups[column("group")], "Group", groups[member])
		} else {
			x.member(groups[column("group")], "User", names[member])
		}
		return nil
	})
}
