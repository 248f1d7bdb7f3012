package reach

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"lockstep"
	"lockstep/server"
)

// Host says where a server of this process keeps what it has, and what it may reach, as an operator says it. Empty is what is usual.
type Host struct {
	Data         string   // folder
	Store        string   // sqlite, or postgres://…
	KeyFile      string   // the key that seals secrets
	Files        string   // folder that the default tenant's file sources may read
	TenantFiles  string   // folder with one for each other tenant
	AllowNetwork []string // private networks that connectors may reach
}

// Place is a Host on this machine.
type Place struct {
	Host
	Founds bool                             // what is not there yet is made; otherwise only a key is
	Getenv func(name string) string         // of the process
	Say    func(format string, args ...any) // tells people beside the result
	Log    *slog.Logger
}

func usage(text string) error { return &lockstep.Error{Code: lockstep.CodeUsage, Detail: text} }

// OnPostgres reports whether the data are in PostgreSQL.
func (p *Place) OnPostgres() bool { return p.Store != "" && p.Store != "sqlite" }

// Folder is the data folder: the one that was named, or where the system keeps a user's data.
func (p *Place) Folder() (string, error) {
	if p.Data != "" {
		return filepath.Abs(p.Data)
	}
	if dir := p.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "lockstep"), nil
	}
	if dir := p.Getenv("STATE_DIRECTORY"); dir != "" { // of a systemd unit
		return dir, nil
	}
	home := p.Getenv("HOME")
	if home == "" {
		return "", usage("There is no home folder: name the data folder with --data.")
	}
	return filepath.Join(home, ".local", "share", "lockstep"), nil
}

// Lock takes the data folder for this process for as long as the file is open.
func (p *Place) Lock() (folder string, lock *os.File, err error) {
	if folder, err = p.Folder(); err != nil {
		return "", nil, err
	}
	lock, err = server.Lock(folder, p.Log)
	return folder, lock, err
}

// Config returns the configuration of a server of this process. The caller sees to the lock of the data folder.
func (p *Place) Config(ctx context.Context, folder string) (server.Config, error) {
	n, err := p.Database(folder)
	if err != nil {
		return n, err
	}
	n.Log, n.Private, n.Version = p.Log, []string{folder}, Version()
	n.Files, n.Tenants = cmp.Or(p.Files, server.Files(folder)), cmp.Or(p.TenantFiles, server.Tenants(folder))
	for _, text := range p.AllowNetwork {
		network, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return n, usage("“" + text + "” is no network; write it as 10.0.0.0/8.")
		}
		n.Allow = append(n.Allow, network)
	}
	return n, p.key(ctx, &n)
}

// Database is a configuration that says no more than where the data are: in a file of the data folder, or in PostgreSQL.
func (p *Place) Database(folder string) (server.Config, error) {
	switch {
	case strings.HasPrefix(p.Store, "postgres://"), strings.HasPrefix(p.Store, "postgresql://"):
		return server.Config{Postgres: p.Store}, nil
	case !p.OnPostgres():
		return server.Config{SQLite: server.Database(folder)}, nil
	}
	return server.Config{}, usage("--store is sqlite or begins with postgres://.")
}

// key sets the key that seals secrets. Without one that was named, it is kept in the configuration folder, away from the data.
func (p *Place) key(ctx context.Context, n *server.Config) error {
	path, err := p.KeyPath()
	if err != nil {
		return err
	}
	n.Private = append(n.Private, path)
	if p.KeyFile != "" || !p.Founds && n.Postgres != "" { // whose data are sealed with the key of another machine, if there are any
		n.Key, err = server.LoadKey(path, p.Log)
		return err
	}
	made := false
	if n.Key, made, err = server.Key(ctx, path, *n); made && err == nil {
		p.Say("Made a key that seals secrets: %s. Keep a copy of it apart from the data.", path)
	}
	return err
}

// KeyPath is where the key stands: the file that was named, or one of the configuration folder.
func (p *Place) KeyPath() (string, error) {
	if p.KeyFile != "" {
		return p.KeyFile, nil
	}
	if dir := p.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "lockstep", "key"), nil
	}
	if home := p.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "lockstep", "key"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usage("There is no configuration folder: name the key with --key-file.")
	}
	return filepath.Join(dir, "lockstep", "key"), nil
}

// Key loads the key that is here, which may be none: the zero key.
func (p *Place) Key() (server.SealingKey, error) {
	path, err := p.KeyPath()
	if err != nil {
		return server.SealingKey{}, err
	}
	key, err := server.LoadKey(path, p.Log)
	if errors.Is(err, fs.ErrNotExist) {
		p.Say("There is no key at %s.", path)
		return server.SealingKey{}, nil
	}
	return key, err
}

// Version is what the build says of itself.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
