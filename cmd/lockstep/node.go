package main

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"lockstep/server"
)

// config returns the configuration of a server of this command. The caller sees to the lock of the data folder.
func (c *cli) config(folder string) (server.Config, error) {
	n := server.Config{
		Log: c.log, Private: []string{folder}, Version: version(), Files: cmp.Or(c.Files, server.Files(folder)), Tenants: cmp.Or(c.TenantFiles, server.Tenants(folder)),
	}
	for _, text := range c.AllowNetwork {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return n, usage("%q is no network; write it as 10.0.0.0/8.", text)
		}
		n.Allow = append(n.Allow, p)
	}
	if err := c.database(folder, &n); err != nil {
		return n, err
	}
	return n, c.key(&n)
}

// database sets where the data is: a file in the data folder, or a PostgreSQL database.
func (c *cli) database(folder string, n *server.Config) error {
	switch {
	case strings.HasPrefix(c.Store, "postgres://"), strings.HasPrefix(c.Store, "postgresql://"):
		n.Postgres = c.Store
	case c.Store == "" || c.Store == "sqlite":
		n.SQLite = server.Database(folder)
	default:
		return usage("--store is sqlite or begins with postgres://.")
	}
	return nil
}

// key sets the key that seals secrets. Without one that was named, it is kept in the configuration folder, away from the data.
func (c *cli) key(n *server.Config) (err error) {
	if c.KeyFile != "" {
		n.Private = append(n.Private, c.KeyFile)
		n.Key, err = server.LoadKey(c.KeyFile, c.log)
		return err
	}
	path, err := c.keyPath()
	if err != nil {
		return err
	}
	n.Private = append(n.Private, path)
	if !c.founds && n.Postgres != "" { // whose data are sealed with the key of another machine, if there are any
		n.Key, err = server.LoadKey(path, c.log)
		return err
	}
	made := false
	if n.Key, made, err = server.Key(c.ctx, path, *n); made && err == nil {
		c.say("Made a key that seals secrets: %s. Keep a copy of it apart from the data.", path)
	}
	return err
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

// version is what the build says of itself.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
