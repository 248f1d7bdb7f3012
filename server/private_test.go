package server

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"lockstep"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestFolderIsPrivate: a data folder is made for its owner alone, one that was left open is closed and the operator told, and one that
// is more than a data folder is left as it is.
func TestFolderIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing")
	}
	for _, c := range []struct {
		name    string
		mode    fs.FileMode // 0 is no folder
		with    []string
		refused string // what the error names
		told    bool
	}{
		{name: "new"},
		{name: "private", mode: 0o700, with: []string{"notes.txt"}},
		{name: "empty", mode: 0o755, told: true},
		{name: "group", mode: 0o750, with: []string{"lockstep.db", "lockstep.db-wal", "server.json", "lock", "files", "lost+found"}, told: true},
		{name: "everybody", mode: 0o777, with: []string{"lockstep.db"}, told: true},
		{name: "home", mode: 0o755, with: []string{"lockstep.db", "public_html"}, refused: "public_html"},
		{name: "temporary", mode: 0o777, with: []string{"other"}, refused: "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "data")
			if c.mode != 0 {
				if err := os.Mkdir(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				for _, name := range c.with {
					if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chmod(folder, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			var said bytes.Buffer
			lock, err := Lock(folder, slog.New(slog.NewTextHandler(&said, nil)))
			if c.refused != "" {
				if lockstep.CodeOf(err) != lockstep.CodeUsage || !strings.Contains(err.Error(), c.refused) || mode(t, folder) != c.mode {
					t.Errorf("%v, mode %v", err, mode(t, folder))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			if got := mode(t, folder); got != 0o700 {
				t.Errorf("mode %v", got)
			}
			if told := strings.Contains(said.String(), "open to others"); told != c.told {
				t.Errorf("said %q", said.String())
			}
		})
	}
}

// TestFilesArePrivate: whatever a server keeps is its owner's alone, and so is what an older version left open.
func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "config", "key")
	folder := filepath.Join(dir, "data")
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	start := func() {
		t.Helper()
		lock, err := Lock(folder, log)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		k, _, err := Key(t.Context(), key, Config{SQLite: Database(folder), Log: log})
		if err != nil {
			t.Fatal(err)
		}
		n, err := Open(t.Context(), Config{SQLite: Database(folder), Key: k, Files: Files(folder), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := (Card{}).Write(folder); err != nil {
			t.Error(err)
		}
		seen := 0
		err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if seen++; path != dir && mode(t, path)&others != 0 {
				t.Errorf("%s has mode %v", path, mode(t, path))
			}
			return err
		})
		if err != nil || seen < 9 { // config, key, data, files, lock, card, database with its log and index
			t.Errorf("%d files, %v", seen, err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	start()
	if said.Len() > 0 {
		t.Errorf("a new folder: %s", said.String())
	}
	for path, open := range map[string]fs.FileMode{folder: 0o755, Database(folder): 0o644, filepath.Join(folder, "server.json"): 0o644, key: 0o640} {
		if err := os.Chmod(path, open); err != nil {
			t.Fatal(err)
		}
	}
	start()
	if got := strings.Count(said.String(), "level=WARN"); got != 2 { // the folder and the key
		t.Errorf("said %s", said.String())
	}
}
