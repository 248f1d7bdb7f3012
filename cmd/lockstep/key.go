package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"lockstep"
	"lockstep/store"
)

// key loads the key that seals secrets. Without one that was named, it is kept in the configuration folder, away from the
// data; when there is none and no database that could have been sealed with one either, a new one is made.
func (c *cli) key(folder string, n nodeConfig) (store.Key, error) {
	if c.KeyFile != "" {
		return store.LoadKey(c.KeyFile)
	}
	path, err := c.keyPath()
	if err != nil {
		return store.Key{}, err
	}
	key, err := store.LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if n.SQLite != "" {
		if _, err := os.Stat(n.SQLite); err == nil {
			return store.Key{}, &lockstep.Error{Code: lockstep.CodeKeyMissing, Detail: "There is a database in " + folder + ", but no key at " + path + "."}
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return store.Key{}, err
	}
	key = store.NewKey()
	if err := key.Save(path); err != nil {
		return store.Key{}, err
	}
	c.say("Made a key that seals secrets: %s. Keep a copy of it apart from the data.", path)
	return key, nil
}

// keyPath is where the key stands when it was not named.
func (c *cli) keyPath() (string, error) {
	if dir := c.env.get("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "lockstep", "key"), nil
	}
	if home := c.env.get("HOME"); home != "" {
		return filepath.Join(home, ".config", "lockstep", "key"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usage("There is no configuration folder: name the key with --key-file.")
	}
	return filepath.Join(dir, "lockstep", "key"), nil
}
