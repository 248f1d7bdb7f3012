package reach

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/server"
)

// TestClock: a difference that leases and tokens would notice is said, with its direction.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		ahead time.Duration
		ok    bool
		says  string
	}{
		{0, true, "within 1s of the database"},
		{-3 * time.Second, true, "within 3s of the database"},
		{90 * time.Second, false, "1m30s ahead of the database"},
		{-time.Hour, false, "1h0m0s behind the database"},
	} {
		var f Findings
		f.clock("the database", c.ahead)
		if len(f) != 1 || f[0].OK != c.ok || !strings.Contains(f[0].Says, c.says) {
			t.Errorf("%v: %+v", c.ahead, f)
		}
	}
}

// TestExamineUpgrades: what an upgrade leaves and needs is said; who has everything is well.
func TestExamineUpgrades(t *testing.T) {
	dir := t.TempDir()
	p := &Place{Host: Host{Data: filepath.Join(dir, "data"), KeyFile: filepath.Join(dir, "key")}, Founds: true, Getenv: os.Getenv, Say: func(string, ...any) {}, Log: slog.New(slog.DiscardHandler)}
	folder, lock, err := p.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	c, err := p.Database(folder)
	if err != nil {
		t.Fatal(err)
	}
	if c.Key, _, err = server.Key(context.Background(), p.KeyFile, c); err != nil {
		t.Fatal(err)
	}
	c.Log = p.Log
	n, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	says := func() (Findings, map[string]string) {
		t.Helper()
		all, err := p.Examine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]string{}
		for _, f := range all {
			by[f.What] = f.Says
		}
		return all, by
	}
	all, by := says()
	if !all.Well() || !strings.Contains(by["schema"], "as this program has it") || !strings.Contains(by["disk"], "room for a copy") || by["copies"] != "" {
		t.Errorf("of a new folder: %+v", all)
	}
	kept := server.Database(folder) + ".schema-7"
	if err := os.WriteFile(kept, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, by = says(); !all.Well() || !strings.Contains(by["copies"], "3 MiB") || !strings.Contains(by["copies"], kept) {
		t.Errorf("with a copy: %+v", all)
	}
	var f Findings
	if err := os.Truncate(kept, 1<<52); err == nil { // a file that no disk has room for: it has no blocks
		if f.disk(folder, kept); f.Well() || !strings.Contains(f[0].Says, "would not begin") {
			t.Errorf("without room: %+v", f)
		}
	}
}
