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
// either, a new one is made. A key that others may read is closed.
func Key(ctx context.Context, file string, c Config) (key store.Key, made bool, err error) {
	log := c.Log
	if log == nil {
		log = slog.Default()
	}
	key, err = LoadKey(file, log)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	switch there, err := Exists(ctx, c); {
	case err != nil:
		return store.Key{}, false, err
	case there:
		where := "There is data in the PostgreSQL database"
		if c.SQLite != "" {
			where = "There is a database in " + filepath.Dir(c.SQLite)
		}
		return store.Key{}, false, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: where + ", but no key at " + file + "."}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return store.Key{}, false, err
	}
	key = store.NewKey()
	return key, true, key.Save(file)
}

// Exists reports whether a Lockstep keeps its data where the configuration says. It leaves nothing behind.
func Exists(ctx context.Context, c Config) (bool, error) {
	if c.SQLite != "" {
		_, err := os.Stat(c.SQLite)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	s, err := store.ReadSchema(ctx, store.Config{Postgres: c.Postgres})
	return s.Current > 0, err
}

// Pooler is what stands before PostgreSQL.
type Pooler = store.Pooler

// SealingKey is a key that seals secrets.
type SealingKey = store.Key

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
