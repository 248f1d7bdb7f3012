package reach

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// levelFile is the file of a data folder that says how much is logged, in one word: debug, info, warn or error.
const levelFile = "log-level"

// FollowLevel sets the level to what the file log-level of the data folder says, now and each time the process is told to reload (SIGHUP). Without the
// file it is what it was. Call stop in the end; then the process ends again when it is told to reload.
func FollowLevel(folder string, level *slog.LevelVar, log *slog.Logger) (stop func()) {
	usual := level.Level()
	read := func() {
		was := level.Level()
		level.Set(levelOf(filepath.Join(folder, levelFile), usual, was, log))
		if level.Level() != was {
			log.Warn("how much is logged has changed", "level", level.Level().String())
		}
	}
	read()
	told, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(told, syscall.SIGHUP)
	go func() {
		defer close(ended)
		for range told {
			read()
		}
	}()
	return func() {
		signal.Stop(told)
		close(told)
		<-ended
	}
}

// levelOf is what the file says: usual without it, and was when it says nothing that is known.
func levelOf(path string, usual, was slog.Level, log *slog.Logger) slog.Level {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usual
	}
	var said slog.Level
	if err == nil {
		err = said.UnmarshalText([]byte(strings.TrimSpace(string(text))))
	}
	if err != nil {
		log.Warn("how much is logged stays as it is: the file has to say debug, info, warn or error", "file", path, "error", err)
		return was
	}
	return said
}
