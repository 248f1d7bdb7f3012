// Package csvfile reads people and groups from CSV files: in passes, as a connection.Reader, and as a connection.Source.
//
// A folder holds people.csv and, if wanted, groups.csv and memberships.csv (RFC 4180). The first row names the columns:
//
//	people.csv       id, manager (another row's id or user name), active, and any attribute or SCIM path:
//	                 userName, name.givenName, emails[type eq "work"].value, mail, …
//	groups.csv       id, displayName, members (joined by ";"), and any attribute or SCIM path
//	memberships.csv  group, member, type (User or Group; without it either)
//
// # Design
//
// A Reader looks what a file is before it opens it (document.go), waits until it has settled (settle.go), finds out its encoding
// (encoding.go), delimiter and columns (header.go), and cuts it into rows (rows.go, cell.go). A pass (reader.go) makes objects of
// them, page by page; ids.go knows which ids stand in several rows, members.go who is in which group.
//
// A Source reads all files at once, and holds all ids and memberships. Its cursor is the digest of the files.
//
// # Invariants
//
//   - One bad row never stops the others, and says who may be in it: certain ids, or at most so many people.
//   - Nobody is gone because a file is missing, empty, cut off, being written, or of an encoding that is not known.
//   - What can be read in two ways is not read: a word, an encoding, a delimiter, a quotation mark.
//   - A membership that cannot be read makes the groups it may concern partial, so that nobody loses a membership by it.
//   - Memory holds a page, eight bytes for an id, and so many memberships, however large the files are.
//   - Files are reached through an os.Root, so that no name leads out of the folder, and only regular files are opened.
package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"lockstep"
	"lockstep/connection"
)

// Config says which files to read. Root is required, everything else has a default.
type Config struct {
	Root        *os.Root      // the folder
	People      string        // "" is people.csv; it must exist
	Groups      string        // "" is groups.csv, which may be missing
	Memberships string        // "" is memberships.csv, which may be missing
	ID          string        // column of people and groups that holds the id; "" is id
	Comma       rune          // 0 is found out from the first row
	Poll        time.Duration // how often Watch looks; 0 is a second for a Source, a quarter of one for a Reader
	MaxBytes    int64         // of one file; 0 is 1 GiB for a Source, 4 GiB for a Reader

	// Of a Reader:
	Encoding string           // a name of the WHATWG's Encoding Standard; "" is found out from the bytes
	Now      func() time.Time // nil is time.Now
}

// ParseConfig reads a connection's settings: people, groups, memberships, id, delimiter. The root is the caller's.
func ParseConfig(root *os.Root, settings map[string]string) (Config, error) {
	c := Config{Root: root}
	for name, value := range settings {
		switch name {
		case "people":
			c.People = value
		case "groups":
			c.Groups = value
		case "memberships":
			c.Memberships = value
		case "id":
			c.ID = value
		case "delimiter":
			comma, err := parseComma(value)
			if err != nil {
				return c, err
			}
			c.Comma = comma
		case "encoding":
			if value != "" && value != "auto" {
				if _, _, err := parseCharset(value); err != nil {
					return c, err
				}
				c.Encoding = value
			}
		case "max_bytes":
			n, err := strconv.ParseInt(value, 10, 64)
			if value != "" && (err != nil || n < 0) {
				return c, invalid("the largest file, %q, is not a number of bytes", value)
			}
			c.MaxBytes = n
		default:
			return c, invalid("a CSV source has no setting %q; it has people, groups, memberships, id, delimiter, encoding and max_bytes", name)
		}
	}
	return c, nil
}

func parseComma(s string) (rune, error) {
	switch s {
	case "", "auto":
		return 0, nil
	case "tab", `\t`, "\t":
		return '\t', nil
	case ",", ";", "|":
		return rune(s[0]), nil
	}
	return 0, invalid("the delimiter %q is none of , ; | tab", s)
}

func invalid(format string, args ...any) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// Source is a folder of CSV files.
type Source struct{ config Config }

var _ connection.Source = (*Source)(nil)

// New returns a Source that reads the folder's files whenever it is asked.
func New(c Config) *Source {
	c.People = or(c.People, "people.csv")
	c.Groups = or(c.Groups, "groups.csv")
	c.Memberships = or(c.Memberships, "memberships.csv")
	c.ID = or(c.ID, "id")
	c.Poll = or(c.Poll, time.Second)
	c.MaxBytes = or(c.MaxBytes, 1<<30)
	return &Source{config: c}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

const (
	userType         = "User"
	groupType        = "Group"
	managerAttribute = "manager"
	memberAttribute  = "members"
)

// Describe names the source. It has no schema: every column is an attribute.
func (s *Source) Describe(context.Context) (connection.System, error) {
	return connection.System{
		Name:       s.config.People,
		Key:        "csvfile/" + s.config.Root.Name() + "/" + s.config.People,
		References: []string{managerAttribute, memberAttribute},
		Nesting:    true,
	}, nil
}

// Test opens the files, reads the headers and all rows, and tells how many there are.
func (s *Source) Test(ctx context.Context, report func(connection.Check)) error {
	var first error
	step := func(name string, f func() (string, error)) {
		if first != nil {
			return
		}
		began := time.Now()
		detail, err := f()
		check := connection.Check{Name: name, OK: err == nil, Code: lockstep.CodeOf(err), Detail: detail, Took: time.Since(began)}
		if err != nil {
			check.Detail = err.Error()
		}
		first = err
		report(check)
	}
	step("open "+s.config.People, func() (string, error) {
		t, err := s.open(s.config.People)
		if err != nil {
			return "", err
		}
		defer t.close()
		_, err = s.personColumns(t)
		return "", err
	})
	step("read all rows", func() (string, error) {
		x, err := s.scan(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d people, %d groups, %d rows cannot be used", len(x.people), len(x.groups), x.bad), nil
	})
	return first
}

// Get returns these objects. It reads the files once, however many are asked for.
func (s *Source) Get(ctx context.Context, refs ...connection.Ref) ([]connection.Object, error) {
	wanted := make(map[connection.Ref]bool, len(refs))
	for _, r := range refs {
		wanted[r] = true
	}
	var found []connection.Object
	err := s.Read(ctx, "", func(p connection.Page) error {
		for _, o := range p.Objects {
			if wanted[o.Ref] {
				found = append(found, o)
			}
		}
		return nil
	})
	return found, err
}

// Watch looks at the files' times and sizes until ctx ends.
func (s *Source) Watch(ctx context.Context, changed func()) error {
	return watch(ctx, s.config.Poll, changed, func() ([]stamp, error) { return []stamp{s.stamp()}, nil })
}

type stamp [3]struct {
	changed time.Time
	size    int64
}

func (s *Source) stamp() (at stamp) {
	for i, name := range s.files() {
		if info, err := s.config.Root.Stat(name); err == nil { // a file that is missing has the zero stamp
			at[i].changed, at[i].size = info.ModTime(), info.Size()
		}
	}
	return at
}

func (s *Source) files() [3]string {
	return [3]string{s.config.People, s.config.Groups, s.config.Memberships}
}

// missing reports whether an optional file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
