package server

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lockstep"
	"lockstep/store"
)

// A backup is a gzipped tar archive of two files: a manifest and a copy of the database. The key is never in it.

// Manifest says what a backup is.
type Manifest struct {
	Format  string    `json:"format"` // "lockstep-backup-1"
	Created time.Time `json:"created"`
	Version string    `json:"version"` // of the program
	SHA256  string    `json:"sha256"`  // of the database
	Bytes   int64     `json:"bytes"`
	store.Copied
}

const (
	backupFormat   = "lockstep-backup-1"
	manifestName   = "manifest.json"
	longestText    = 1 << 20
	backupTempName = ".lockstep-backup-"
)

func damaged(detail string, err error) error {
	return &lockstep.Error{Code: lockstep.CodeBackupDamaged, Detail: detail, Err: err}
}

// Backup writes a backup of a data folder's database into a new file, beside a server that may use it. What was acknowledged before the
// call is in it. When it fails there is no file.
func Backup(ctx context.Context, folder, to, version string) (m Manifest, err error) {
	dir, err := backupFolder(filepath.Dir(to))
	if err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	defer func() { err = errors.Join(err, dir.remove()) }()
	sweepBackups(filepath.Dir(to))
	db, packed := filepath.Join(dir.path, databaseName), filepath.Join(dir.path, "packed")
	if err := store.Copy(ctx, Database(folder), db); err != nil {
		return m, err
	}
	m = Manifest{Format: backupFormat, Created: time.Now().UTC().Truncate(time.Second), Version: version}
	if m.Copied, err = store.CheckCopy(ctx, db); err != nil {
		return m, err
	}
	if m.SHA256, m.Bytes, err = digest(db); err != nil {
		return m, err
	}
	if err := pack(m, db, packed); err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	if err := place(packed, to); err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	return m, store.SyncFolder(filepath.Dir(to))
}

// scratch is a folder beside a backup that is being made. Whoever makes it has its lock.
type scratch struct {
	path string
	lock *os.File
}

const scratchLock = "lock"

func backupFolder(in string) (scratch, error) {
	path, err := os.MkdirTemp(in, backupTempName)
	if err != nil {
		return scratch{}, err
	}
	lock, _, err := lockFile(filepath.Join(path, scratchLock))
	if err != nil {
		return scratch{}, errors.Join(err, os.RemoveAll(path))
	}
	return scratch{path, lock}, nil
}

// remove removes the folder, its lock last: whoever is killed meanwhile leaves something that the next one knows to be nobody's.
func (s scratch) remove() error {
	all, err := os.ReadDir(s.path)
	for _, e := range all {
		if e.Name() != scratchLock {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.path, e.Name())))
		}
	}
	return errors.Join(err, s.lock.Close(), os.RemoveAll(s.path))
}

// begunFor is after which time a folder without a lock is not one that has begun just now.
const begunFor = time.Minute

// sweepBackups removes what those have left who were killed while they made a backup in the folder: it is as large as the database. What
// cannot be removed stays.
func sweepBackups(in string) {
	all, err := os.ReadDir(in)
	if err != nil {
		return
	}
	for _, e := range all {
		path := filepath.Join(in, e.Name())
		lock := filepath.Join(path, scratchLock)
		if !e.IsDir() || !strings.HasPrefix(e.Name(), backupTempName) {
			continue
		}
		if _, err := os.Stat(lock); err != nil {
			if is, err := e.Info(); err == nil && time.Since(is.ModTime()) > begunFor {
				_ = os.RemoveAll(path)
			}
			continue
		}
		if f, free, err := lockFile(lock); err == nil && free {
			_ = scratch{path, f}.remove()
		}
	}
}

// link is os.Link; not every file system has it.
var link = os.Link

// place gives a file its name, and never replaces another.
func place(from, to string) error {
	err := link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	mine, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(mine.Close(), os.Rename(from, to)); err != nil {
		err = errors.Join(err, os.Remove(to)) // it is ours, and empty
	}
	return err
}

func digest(path string) (sum string, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, errors.Join(err, f.Close())
}

func pack(m Manifest, db, to string) (err error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	from, err := os.Open(db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	head := func(name string, size int64) error {
		return archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: m.Created, Format: tar.FormatPAX})
	}
	if err := head(manifestName, int64(len(text))); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	if err := head(databaseName, m.Bytes); err != nil {
		return err
	}
	if _, err := io.Copy(archive, from); err != nil {
		return err
	}
	return errors.Join(archive.Close(), zip.Close(), out.Sync())
}

// unpack writes the database of a backup into a new file and checks that it is, byte by byte, what was packed.
func unpack(from, db string) (m Manifest, err error) {
	in, err := os.Open(from)
	if err != nil {
		return m, &lockstep.Error{Code: lockstep.CodeUsage, Detail: fmt.Sprintf("The backup cannot be read: %v.", err)}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	zip, err := gzip.NewReader(in)
	if err != nil {
		return m, damaged("The file is no backup of Lockstep.", err)
	}
	archive := tar.NewReader(zip)
	if h, err := archive.Next(); err != nil || h.Name != manifestName || h.Size > longestText {
		return m, damaged("The file is no backup of Lockstep.", err)
	}
	if err := json.NewDecoder(archive).Decode(&m); err != nil || m.Format != backupFormat {
		return m, damaged("The backup's manifest is none that this program knows.", err)
	}
	if h, err := archive.Next(); err != nil || h.Name != databaseName || h.Size != m.Bytes {
		return m, damaged("The backup ends before its database.", err)
	}
	out, err := os.OpenFile(db, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return m, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(archive, m.Bytes))
	if err == nil {
		_, err = io.Copy(io.Discard, zip) // the sum at the end covers the whole
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return m, damaged("The backup cannot be unpacked.", err)
	}
	if n != m.Bytes || hex.EncodeToString(h.Sum(nil)) != m.SHA256 {
		return m, damaged("The database of the backup is not what was written.", nil)
	}
	return m, nil
}

// restored unpacks a backup into a new file and checks that a server can be started on it with the key.
func restored(ctx context.Context, from, db string, key store.Key) (Manifest, error) {
	m, err := unpack(from, db)
	if err != nil {
		return m, err
	}
	found, err := store.CheckCopy(ctx, db)
	if err != nil {
		return m, err
	}
	if found != m.Copied {
		return m, damaged("The database of the backup is not what its manifest says.", nil)
	}
	if m.KeyID != "" && !key.Has(m.KeyID) {
		return m, &lockstep.Error{
			Code:   lockstep.CodeKeyMissing,
			Detail: "The secrets in the backup are sealed with the key " + m.KeyID + ", which is not here. A backup never holds the key: bring the copy that was kept apart.",
		}
	}
	return m, nil
}

// VerifyBackup restores a backup into a folder that it removes again, opens it as a server would, and says what it holds.
func VerifyBackup(ctx context.Context, from string, key store.Key) (m Manifest, err error) {
	dir, err := os.MkdirTemp("", backupTempName)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, databaseName)
	if m, err = restored(ctx, from, path, key); err != nil {
		return m, err
	}
	db, err := store.Open(ctx, store.Config{SQLite: path, Key: key}) // which also brings it up to date
	if err != nil {
		return m, fmt.Errorf("open the restored database: %w", err)
	}
	return m, db.Close()
}

// RestoreBackup puts the database of a backup into a data folder that has none. The caller holds the folder's Lock. When it fails the
// folder has no database.
func RestoreBackup(ctx context.Context, from, folder string, key store.Key) (m Manifest, err error) {
	to := Database(folder)
	for _, name := range []string{to, to + "-wal", to + "-shm"} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return m, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "There is a database in " + folder + " already: move it away, or name another folder with --data."}
		}
	}
	half := to + ".restored"
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if m, err = restored(ctx, from, half, key); err != nil {
		return m, errors.Join(err, remove(half))
	}
	return m, errors.Join(os.Rename(half, to), store.SyncFolder(folder))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// beforeUpgrade keeps a copy of a SQLite database that this program is about to change for good.
func beforeUpgrade(ctx context.Context, c Config) error {
	if c.SQLite == "" {
		return nil
	}
	name, err := store.CopyBeforeUpgrade(ctx, c.SQLite)
	if name != "" && err == nil {
		c.Log.Warn("the database is brought up to date; it is kept as it was before", "copy", name)
	}
	return err
}

// KeptBefore lists the copies that upgrades have left beside a SQLite database.
func KeptBefore(path string) ([]store.Kept, error) { return store.KeptBefore(path) }

// DatabaseBytes is what a SQLite database takes on disk, with its log; 0 when there is none.
func DatabaseBytes(path string) int64 {
	n, _ := databaseBytes(path)
	return int64(n)
}

// Inspect says what a SQLite database holds, and whether it is whole, page by page. It may run beside a server.
func Inspect(ctx context.Context, path string) (store.Copied, error) {
	return store.CheckCopy(ctx, path)
}
