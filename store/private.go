package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// closeDatabase makes the file of a SQLite database, which it creates when it is not there, and those that SQLite keeps beside it
// its owner's alone. SQLite gives new ones of those the mode of the database. On Windows a mode says nothing.
func closeDatabase(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode()&0o077 != 0 {
			err = os.Chmod(name, info.Mode()&0o700)
		}
		if err != nil {
			return fmt.Errorf("the database may be read by others: %w", err)
		}
	}
	return nil
}
