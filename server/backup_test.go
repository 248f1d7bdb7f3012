package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestPlace: a backup gets its name, and never that of another file, also on a file system without links.
func TestPlace(t *testing.T) {
	real := link
	t.Cleanup(func() { link = real })
	for name, how := range map[string]func(string, string) error{
		"links": real, "no links": func(string, string) error { return &os.LinkError{Op: "link", Err: errors.ErrUnsupported} },
	} {
		link = how
		dir := t.TempDir()
		to := filepath.Join(dir, "b.tar.gz")
		for _, text := range []string{"first", "second"} {
			packed := filepath.Join(dir, text)
			if err := os.WriteFile(packed, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := place(packed, to); (text == "first") != (err == nil) || err != nil && !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s, %s: %v", name, text, err)
			}
			if got, err := os.ReadFile(to); err != nil || string(got) != "first" {
				t.Errorf("%s: after the %s it is %q, %v", name, text, got, err)
			}
		}
		other := filepath.Join(dir, "other.tar.gz")
		if err := place(filepath.Join(dir, "nothing"), other); err == nil {
			t.Errorf("%s: what is not there was placed", name)
		}
		if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: what failed has left a file: %v", name, err)
		}
	}
}

// TestSweepBackups: what somebody has left who was killed while they made a backup goes, and what somebody makes stays.
func TestSweepBackups(t *testing.T) {
	dir := t.TempDir()
	dead, err := backupFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil { // as the end of its process does
		t.Fatal(err)
	}
	alive, err := backupFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	young, old := filepath.Join(dir, backupTempName+"young"), filepath.Join(dir, backupTempName+"old") // without a lock: killed when it was to come, or was gone
	for _, path := range []string{young, old} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*begunFor)); err != nil {
		t.Fatal(err)
	}
	sweepBackups(dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one is there still: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
	if _, err := os.Stat(alive.path); err != nil {
		t.Error(err)
	}
	if err := alive.remove(); err != nil {
		t.Error(err)
	}
}
