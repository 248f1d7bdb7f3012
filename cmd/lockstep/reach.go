package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lockstep"
	"lockstep/api"
	"lockstep/server"
)

// reached is the server that a command talks to.
type reached struct {
	client *api.Client
	where  string // it is, for people
	work   func() // begins to run jobs; nil when the server does so by itself
	close  func() error
}

// work makes a server inside this process run jobs, as any other does all the time. client was called before.
func (c *cli) work() {
	if c.reached.work != nil {
		c.reached.work()
	}
}

// client returns a client of the server: the one that was named, the one that runs on the data folder, or one inside this
// process.
func (c *cli) client() (*api.Client, error) {
	if c.reached != nil {
		return c.reached.client, nil
	}
	var err error
	if c.Server != "" {
		c.reached, err = c.remote()
	} else {
		c.reached, err = c.local()
	}
	if err != nil {
		return nil, err
	}
	c.reached.client.Tenant = c.Tenant
	return c.reached.client, nil
}

// found returns a client for a command that may be the first on a data folder: it makes what is not there yet. Every other command looks
// for data that are there, so that a folder which was misspelt does not become an empty one.
func (c *cli) found() (*api.Client, error) {
	c.founds = true
	return c.client()
}

// anywhere returns a client for a command that asks for nothing that is kept: without data, of a server on a folder that goes with it.
func (c *cli) anywhere() (*api.Client, error) {
	client, err := c.client()
	if lockstep.CodeOf(err) != lockstep.CodeNoData {
		return client, err
	}
	folder, err := os.MkdirTemp("", "lockstep-")
	if err != nil {
		return nil, err
	}
	config := server.Config{SQLite: server.Database(folder), Key: server.NewKey(), Version: version(), Log: c.log}
	if c.reached, err = c.process(config, func() error { return os.RemoveAll(folder) }); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return c.reached.client, nil
}

// there fails when there are neither data nor a server in the folder.
func (c *cli) there(folder string) error {
	if c.founds || isPostgres(c.Store) {
		return nil
	}
	for _, path := range []string{server.Database(folder), server.CardOf(folder)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil // what is wrong with it, its use tells
		}
	}
	return &lockstep.Error{Code: lockstep.CodeNoData, Detail: "There are no data in " + folder + " yet."}
}

func (c *cli) remote() (*reached, error) {
	token := c.env.get("LOCKSTEP_TOKEN")
	if c.TokenFile != "" {
		var err error
		if token, err = c.secret("token", c.TokenFile, false); err != nil {
			return nil, err
		}
	}
	if token == "" {
		return nil, &lockstep.Error{Code: lockstep.CodeUnauthorized, Detail: "No token: give --token-file or LOCKSTEP_TOKEN."}
	}
	return &reached{where: c.Server, client: &api.Client{Base: c.Server, Token: token}, close: func() error { return nil }}, nil
}

const (
	lockWait  = 5 * time.Second // for another command that works on the folder
	lockEvery = 50 * time.Millisecond
)

// local takes the folder's lock and runs a server in this process, or finds who has it.
func (c *cli) local() (*reached, error) {
	folder, err := c.dataFolder()
	if err != nil {
		return nil, err
	}
	if err := c.there(folder); err != nil {
		return nil, err
	}
	for began := time.Now(); ; {
		lock, err := server.Lock(folder, c.log)
		if err == nil {
			return c.inside(folder, lock)
		}
		if lockstep.CodeOf(err) != lockstep.CodeBusy {
			return nil, err
		}
		running, err := server.ReadCard(folder)
		if err == nil {
			return &reached{where: running.Address, client: &api.Client{Base: running.Address, Token: running.Token}, close: func() error { return nil }}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Since(began) > lockWait {
			return nil, &lockstep.Error{Code: lockstep.CodeBusy, Detail: "Another command works on the data folder " + folder + ".", Err: err}
		}
		if err := wait(c.ctx, lockEvery); err != nil {
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
func (c *cli) inside(folder string, lock *os.File) (_ *reached, err error) {
	config, err := c.config(folder)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	r, err := c.process(config, lock.Close)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return r, nil
}

// process runs a server in this process, without a network. after is called when it has ended.
func (c *cli) process(config server.Config, after func() error) (*reached, error) {
	where := "this process, on PostgreSQL"
	if config.SQLite != "" {
		where = "this process, on the data folder " + filepath.Dir(config.SQLite)
	}
	config.Local = rand.Text()
	n, err := c.start(config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(c.ctx)) // the end of the command drains the queue
	var working errgroup.Group
	return &reached{
		where:  where,
		client: &api.Client{Base: "http://lockstep.local", Token: config.Local, HTTP: api.Local(n.Handler())},
		work:   sync.OnceFunc(func() { working.Go(func() error { return n.Run(ctx) }) }),
		close: func() error {
			stop()
			return errors.Join(working.Wait(), n.Close(), after())
		},
	}, nil
}
