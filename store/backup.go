package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lockstep"
)

// Copied is what a copy of a database holds.
type Copied struct {
	Schema int64  `json:"schema"`
	KeyID  string `json:"key"` // of the key that seals its secrets; "" is none
	Users  int64  `json:"users"`
	Groups int64  `json:"groups"`
	Jobs   int64  `json:"jobs"`
}

// Copy writes a SQLite database into a new file as it is at one moment, beside whoever uses it. What was committed before the call is
// in it. The copy is on disk when Copy returns, and only its owner may read it; when it fails there is no file.
func Copy(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file, and its mode stays
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("copy the database: %w", errors.Join(err, f.Close(), os.Remove(to)))
		}
	}()
	db, err := openPlain(from)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// openPlain opens a SQLite file for one statement at a time.
func openPlain(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(30000)", "temp_store(MEMORY)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String()+"?"+pragmas.Encode())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// SyncFolder has the names of a folder on disk. Not every system lets a folder be synced; there it is no use to try.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// CheckCopy looks whether a SQLite file is a whole database of Lockstep, page by page, and says what it holds.
func CheckCopy(ctx context.Context, path string) (c Copied, err error) {
	damaged := func(detail string, err error) error {
		return &lockstep.Error{Code: lockstep.CodeBackupDamaged, Detail: detail, Err: err}
	}
	db, err := openPlain(path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil || said != "ok" {
		return c, damaged("The database of the backup is damaged: "+said+".", err)
	}
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM schema_version WHERE is_applied").Scan(&c.Schema); err != nil {
		return c, damaged("The database of the backup is none of Lockstep.", err)
	}
	for _, n := range []struct {
		into *int64
		text string
	}{{&c.Users, "SELECT count(*) FROM users"}, {&c.Groups, "SELECT count(*) FROM groups"}, {&c.Jobs, "SELECT count(*) FROM job"}} {
		if err := db.QueryRowContext(ctx, n.text).Scan(n.into); err != nil {
			return c, damaged("The database of the backup cannot be read.", err)
		}
	}
	var sealed string
	err = db.QueryRowContext(ctx, "SELECT value FROM setting WHERE tenant = '' AND name = 'key_check'").Scan(&sealed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, damaged("The database of the backup cannot be read.", err)
	}
	_, rest, _ := strings.Cut(sealed, ":")
	c.KeyID, _, _ = strings.Cut(rest, ":")
	return c, nil
}

// Has reports whether the key of this id is among them.
func (k Key) Has(id string) bool {
	for _, p := range k.parts {
		if p.id == id {
			return true
		}
	}
	return false
}

// beforeUpgrade names the copy that is made of a SQLite database before its schema changes.
func beforeUpgrade(path string, schema int64) string {
	return fmt.Sprintf("%s.schema-%d", path, schema)
}

// Kept is a copy of a database that was made before its schema changed.
type Kept struct {
	Path  string
	Bytes int64
	Made  time.Time
}

// KeptBefore lists the copies that upgrades have left beside a SQLite database.
func KeptBefore(path string) ([]Kept, error) {
	names, err := filepath.Glob(strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path) + ".schema-*")
	if err != nil {
		return nil, err
	}
	var all []Kept
	for _, name := range names {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Kept{Path: name, Bytes: info.Size(), Made: info.ModTime()})
	}
	return all, nil
}

// CopyBeforeUpgrade makes a copy of a SQLite database whose schema this program is about to change, and returns its name; "" when there
// is nothing to do. It takes the place of a copy of the same schema: that one is of an upgrade that was cut off before it had changed anything, or
// of an earlier one that was taken back, and what has happened since is only here. (A migration is one transaction: a database that still has
// the old schema is untouched.)
func CopyBeforeUpgrade(ctx context.Context, path string) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	s, err := ReadSchema(ctx, Config{SQLite: path})
	if err != nil || s.Current == 0 || s.Current >= s.Newest {
		return "", err
	}
	to := beforeUpgrade(path, s.Current)
	half := to + ".part"
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := Copy(ctx, path, half); err != nil {
		return "", fmt.Errorf("before the upgrade: %w", err)
	}
	return to, errors.Join(os.Rename(half, to), SyncFolder(filepath.Dir(to)))
}
