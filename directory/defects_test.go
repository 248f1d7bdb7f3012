package directory_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"lockstep/store"
)

// TestDefects replays what has gone wrong in other servers, on both databases.
func TestDefects(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		play(t, db, "testdata/defects/*.txtar", nil)
	})
}

// TestSources: every recording says where its knowledge is from: an issue, an RFC, a document or a measurement.
func TestSources(t *testing.T) {
	cites := regexp.MustCompile(`(?s)^[^-].*?([\w.-]+#\d+|RFC \d{4} §|"[^"]+"|\(measured\)).*?\n-- `)
	for _, folder := range []string{"defects", "exchange"} {
		files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
		if err != nil || len(files) == 0 {
			t.Fatalf("no recordings in %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !cites.Match(text) {
				t.Errorf("%s cites nothing", file)
			}
		}
	}
}
