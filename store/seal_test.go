package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lockstep"
)

func TestSealing(t *testing.T) {
	old, fresh := NewKey(), NewKey()
	rotated, err := ParseKey(fresh.Text() + old.Text())
	if err != nil {
		t.Fatal(err)
	}
	here := place{"t1", "secret", "sealed", "job\x00token"}
	sealed, err := sealer{old}.seal(here, "sesame")
	if err != nil {
		t.Fatal(err)
	}
	again, err := sealer{old}.seal(here, "sesame")
	if err != nil || again == sealed || strings.Contains(sealed, "sesame") {
		t.Errorf("sealed twice: %s, %s, %v", sealed, again, err)
	}
	middle := len(sealed) - 5
	damaged := sealed[:middle] + string(sealed[middle]^1) + sealed[middle+1:]
	for _, c := range []struct {
		name   string
		key    Key
		at     place
		sealed string
		want   lockstep.Code
	}{
		{"at its place", old, here, sealed, ""},
		{"with a newer key before", rotated, here, sealed, ""},
		{"with another key", fresh, here, sealed, lockstep.CodeSealed},
		{"without a key", Key{}, here, sealed, lockstep.CodeKeyMissing},
		{"in another tenant", old, place{"t2", "secret", "sealed", "job\x00token"}, sealed, lockstep.CodeSealed},
		{"in another table", old, place{"t1", "token", "sealed", "job\x00token"}, sealed, lockstep.CodeSealed},
		{"in another column", old, place{"t1", "secret", "name", "job\x00token"}, sealed, lockstep.CodeSealed},
		{"in another row", old, place{"t1", "secret", "sealed", "job\x00other"}, sealed, lockstep.CodeSealed},
		{"damaged", old, here, damaged, lockstep.CodeSealed},
		{"cut off", old, here, sealed[:20], lockstep.CodeSealed},
		{"not an envelope", old, here, "sesame", lockstep.CodeSealed},
		{"of a later form", old, here, "2" + sealed[1:], lockstep.CodeSealed},
	} {
		value, err := sealer{c.key}.open(c.at, c.sealed)
		if lockstep.CodeOf(err) != c.want || (err == nil) != (value == "sesame") {
			t.Errorf("%s: %q, %v", c.name, value, err)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	_, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) || lockstep.CodeOf(err) != lockstep.CodeKeyMissing {
		t.Errorf("no file: %v", err)
	}
	k := NewKey()
	if err := k.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := NewKey().Save(path); err == nil {
		t.Error("a key was replaced")
	}
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", at.Mode(), err)
	}
	loaded, err := LoadKey(path)
	if err != nil || loaded.Text() != k.Text() {
		t.Errorf("loaded %v, %v", loaded, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, k); strings.Contains(got, "lockstep-key") || len(got) > 20 {
			t.Errorf("%s shows %s", verb, got)
		}
	}
	for _, text := range []string{"", "\n", "sesame", keyPrefix, keyPrefix + "AAAA", k.Text() + "rest"} {
		if _, err := ParseKey(text); lockstep.CodeOf(err) != lockstep.CodeKeyMissing {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestKeyOfDatabase: a database opens with the key it knows, and tells at once when that is not it.
func TestKeyOfDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lockstep.db")
	first, second := NewKey(), NewKey()
	both, err := ParseKey(second.Text() + first.Text())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		key  Key
		want lockstep.Code
	}{
		{"without a key, before there was one", Key{}, ""},
		{"the first key", first, ""},
		{"the first key again", first, ""},
		{"another key", second, lockstep.CodeSealed},
		{"no key", Key{}, lockstep.CodeKeyMissing},
		{"a new key before the old", both, ""},
	} {
		db, err := Open(t.Context(), Config{SQLite: path, Key: c.key})
		if lockstep.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
