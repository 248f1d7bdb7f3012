// Package reach finds the server that a command talks to: the one that was named, the one that runs on the data folder, or, if none does, the
// same server inside this process. So a folder never has two writers, and a command is the same command everywhere.
//
// Design. A Place is where a server of this machine keeps what it has: data folder, database, key. Local looks whether one runs there, by the
// card that it left and the lock that it holds, and begins one if not.
//
// Invariants. A command that only looks makes no data: who misspells a folder finds nothing there, rather than an empty directory. A key is made
// away from the data.
package reach

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/api"
	"lockstep/server"
)

// Server is the server that a command talks to.
type Server struct {
	Client *api.Client
	Where  string // it is, for people

	work  func() // begins to run jobs; nil when the server does so by itself
	close func() error
}

// Runs reports whether a server runs; without one nothing happens by itself.
func (s *Server) Runs() bool { return s.work == nil }

// Work makes a server inside this process run jobs, as any other does all the time.
func (s *Server) Work() {
	if s.work != nil {
		s.work()
	}
}

// Close ends what was begun to reach the server.
func (s *Server) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// Remote is a server that was named.
func Remote(address, token string) *Server {
	return &Server{Where: address, Client: &api.Client{Base: address, Token: token}}
}

// Scratch runs a server in this process on a folder that goes with it, for a command that asks for nothing that is kept.
func (p *Place) Scratch(ctx context.Context) (*Server, error) {
	folder, err := os.MkdirTemp("", "lockstep-")
	if err != nil {
		return nil, err
	}
	config := server.Config{SQLite: server.Database(folder), Key: server.NewKey(), Version: Version(), Log: p.Log}
	s, err := process(ctx, config, func() error { return os.RemoveAll(folder) })
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

// there fails when there are neither data nor a server in the folder.
func (p *Place) there(folder string) error {
	if p.Founds || p.OnPostgres() {
		return nil
	}
	for _, path := range []string{server.Database(folder), server.CardOf(folder)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil // what is wrong with it, its use tells
		}
	}
	return &lockstep.Error{Code: lockstep.CodeNoData, Detail: "There are no data in " + folder + " yet."}
}

const (
	lockWait  = 5 * time.Second // for another command that works on the folder
	lockEvery = 50 * time.Millisecond
)

// Local takes the folder's lock and runs a server in this process, or finds who has it.
func (p *Place) Local(ctx context.Context) (*Server, error) {
	folder, err := p.Folder()
	if err != nil {
		return nil, err
	}
	if err := p.there(folder); err != nil {
		return nil, err
	}
	for began := time.Now(); ; {
		lock, err := server.Lock(folder, p.Log)
		if err == nil {
			return p.inside(ctx, folder, lock)
		}
		if lockstep.CodeOf(err) != lockstep.CodeBusy {
			return nil, err
		}
		running, err := server.ReadCard(folder)
		if err == nil {
			return Remote(running.Address, running.Token), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Since(began) > lockWait {
			return nil, &lockstep.Error{Code: lockstep.CodeBusy, Detail: "Another command works on the data folder " + folder + ".", Err: err}
		}
		if err := wait(ctx, lockEvery); err != nil {
			return nil, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// inside runs the server of a data folder in this process, without a network.
func (p *Place) inside(ctx context.Context, folder string, lock *os.File) (*Server, error) {
	config, err := p.Config(ctx, folder)
	if err == nil {
		err = upgraded(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s, err := process(ctx, config, lock.Close)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// upgraded fails when the database is of an older version: a command of a newer program does not upgrade it by the way, which on PostgreSQL would
// take it from under the servers that run.
func upgraded(ctx context.Context, config server.Config) error {
	s, err := server.Schema(ctx, config)
	if err == nil && s.Current > 0 && s.Current < s.Newest {
		err = &lockstep.Error{Code: lockstep.CodeSchemaOlder, Detail: fmt.Sprintf("The database has schema %d, this program has %d, and no server runs that has brought it up to date.", s.Current, s.Newest)}
	}
	return err
}

// process runs a server in this process, without a network. after is called when it has ended.
func process(ctx context.Context, config server.Config, after func() error) (*Server, error) {
	where := "this process, on PostgreSQL"
	if config.SQLite != "" {
		where = "this process, on the data folder " + filepath.Dir(config.SQLite)
	}
	config.Local = rand.Text()
	n, err := Start(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // the end of the command drains the queue
	var working errgroup.Group
	return &Server{
		Where:  where,
		Client: &api.Client{Base: "http://lockstep.local", Token: config.Local, HTTP: api.Local(n.Handler())},
		work:   sync.OnceFunc(func() { working.Go(func() error { return n.Run(ctx) }) }),
		close: func() error {
			stop()
			return errors.Join(working.Wait(), n.Close(), after())
		},
	}, nil
}

// How a server collects garbage. Most of the time the heap is a few MiB, and collecting each time that it has doubled took a tenth of the
// processor time of a first read: so it may grow to three times of what is in use. When that is much, softLimit makes the collector work
// harder instead. The page caches of SQLite and the program itself take some 85 MiB beside: a server is to stay below 300 MiB.
const (
	garbage   = 200
	softLimit = 200 << 20
)

// Start opens a server within this process, which collects garbage as a server does, unless the operator has set GOGC or GOMEMLIMIT.
func Start(ctx context.Context, config server.Config) (*server.Server, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit)
	}
	return server.Open(ctx, config)
}

// Unfounded is the error of a folder without a database.
func Unfounded(folder string) error {
	return &lockstep.Error{Code: lockstep.CodeNoData, Detail: "There is no database in " + folder + "."}
}
