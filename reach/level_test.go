//go:build unix

package reach

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// lines takes what is logged, a line each.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	l.more <- struct{}{}
	return n, err
}

func (l *lines) next() string {
	<-l.more
	l.mu.Lock()
	defer l.mu.Unlock()
	line, _ := l.text.ReadString('\n')
	return line
}

// TestFollowLevel: the level is what the file says when the server starts and after each signal, what is wrong in it changes nothing, and without it the
// level is as at the start.
func TestFollowLevel(t *testing.T) {
	folder := t.TempDir()
	say := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, levelFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := &lines{more: make(chan struct{}, 10)}
	level := &slog.LevelVar{}
	level.Set(slog.LevelWarn)
	say("debug\n")
	stop := FollowLevel(folder, level, slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: level})))
	defer stop()
	reload := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		change func()
		level  slog.Level
		line   string
	}{
		{func() {}, slog.LevelDebug, "level=DEBUG"},
		{func() { say("ERROR"); reload() }, slog.LevelError, ""}, // which says no warning any more
		{func() { say("info"); reload() }, slog.LevelInfo, "level=INFO"},
		{func() { say("loud"); reload() }, slog.LevelInfo, "has to say debug"},
		{func() { _ = os.Remove(filepath.Join(folder, levelFile)); reload() }, slog.LevelWarn, "level=WARN"},
	} {
		c.change()
		if c.line == "" {
			for level.Level() != c.level { // nothing is said
			}
			continue
		}
		if line := said.next(); !strings.Contains(line, c.line) || level.Level() != c.level {
			t.Errorf("%v: %s", level.Level(), line)
		}
	}
}
