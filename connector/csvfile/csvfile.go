// Package csvfile reads people and groups from CSV files in passes, as a connection.Reader.
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
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"lockstep"
)

// Config says which files to read. Root is required, everything else has a default.
type Config struct {
	Root        *os.Root         // the folder
	People      string           // "" is people.csv; it must exist
	Groups      string           // "" is groups.csv, which may be missing
	Memberships string           // "" is memberships.csv, which may be missing
	ID          string           // column of people and groups that holds the id; "" is id
	Comma       rune             // 0 is found out from the first row
	Poll        time.Duration    // how often Watch looks; 0 is a quarter of a second
	MaxBytes    int64            // of one file; 0 is 4 GiB
	Encoding    string           // a name of the WHATWG's Encoding Standard; "" is found out from the bytes
	Now         func() time.Time // nil is time.Now
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

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// missing reports whether an optional file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
