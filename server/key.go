package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"lockstep"
	"lockstep/store"
)

// Key loads the key that seals secrets from a file. When there is none, and no database that could have been sealed with one
// either, a new one is made. database is the file of an SQLite database; "" when the data is elsewhere. A key that others may read
// is closed.
func Key(file, database string, log *slog.Logger) (key store.Key, made bool, err error) {
	key, err = LoadKey(file, log)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	if database != "" {
		if _, err := os.Stat(database); err == nil {
			detail := "There is a database in " + filepath.Dir(database) + ", but no key at " + file + "."
			return store.Key{}, false, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: detail}
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return store.Key{}, false, err
	}
	key = store.NewKey()
	return key, true, key.Save(file)
}

// NewKey makes a key that lasts as long as the process, unless it is saved.
func NewKey() store.Key { return store.NewKey() }

// LoadKey loads the key that seals secrets from a file that must be there, and closes one that others may read.
func LoadKey(file string, log *slog.Logger) (store.Key, error) {
	key, err := store.LoadKey(file)
	if err == nil {
		closeFile(file, log)
	}
	return key, err
}

// Schema tells which schema a database has, and changes nothing. It may run beside a server.
func Schema(ctx context.Context, c Config) (store.Schema, error) {
	return store.ReadSchema(ctx, store.Config{SQLite: c.SQLite, Postgres: c.Postgres})
}
