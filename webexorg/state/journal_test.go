package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// reopen opens the journal and returns its entries.
func reopen(t *testing.T, path string) (*journal, []string, error) {
	t.Helper()
	var entries []string
	j, err := openJournal(path, false, func(e []byte) error {
		entries = append(entries, string(e))
		return nil
	})
	return j, entries, err
}

func writeEntries(t *testing.T, path string, entries ...string) {
	t.Helper()
	j, _, err := reopen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := j.flush(j.append([]byte(e))); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

func TestJournalTail(t *testing.T) {
	for name, tail := range map[string]string{
		"nothing":             "",
		"garbage":             "\x00\xff garbage",
		"garbage lines":       "garbage\nmore garbage\n\n",
		"half an entry":       "0badcafe {\"op\":\"pu",
		"wrong sum":           "00000000 {}\n",
		"entry without end":   "",
		"a very long garbage": strings.Repeat("x", 3<<20),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			long := strings.Repeat("long ", 1<<19) // longer than the read buffer
			writeEntries(t, path, "one", long, "three")
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"one", long, "three"}
			damaged := append(slices.Clone(whole), tail...)
			if name == "entry without end" {
				damaged, want = whole[:len(whole)-1], want[:2]
			}
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			writeEntries(t, path, "four") // opens the damaged file and appends
			j, got, err := reopen(t, path)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.close(); err != nil {
				t.Fatal(err)
			}
			if want = append(want, "four"); !slices.Equal(got, want) {
				t.Errorf("entries after the crash: %d, want %d", len(got), len(want))
			}
		})
	}
}

func TestJournalDamageBeforeTheEndIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	writeEntries(t, path, "one", "two", "three")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(whole), "two", "twp", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = reopen(t, path); err == nil || !strings.Contains(err.Error(), "offset 13") {
		t.Errorf("error = %v, want one that names offset 13", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || len(after) != len(whole) {
		t.Errorf("the journal was cut to %d bytes of %d (%v)", len(after), len(whole), err)
	}
}

func TestJournalManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := reopen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	j.sync = true
	const writers, each = 16, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := j.flush(j.append(fmt.Appendf(nil, "%d/%d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	j, got, err := reopen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	next := map[string]int{}
	for _, e := range got {
		w, i, _ := strings.Cut(e, "/")
		if i != fmt.Sprint(next[w]) {
			t.Fatalf("writer %s: entry %s, want %d", w, i, next[w])
		}
		next[w]++
	}
	if len(got) != writers*each {
		t.Errorf("%d entries, want %d", len(got), writers*each)
	}
}
