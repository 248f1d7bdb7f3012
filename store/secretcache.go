package store

import (
	"context"
	"sync"
	"time"

	"lockstep"
	"lockstep/provision"
)

// secretLife is how long an opened secret is given out again without a look into the database, where other nodes may have changed it.
const secretLife = 100 * time.Millisecond

// secretCache keeps opened secrets for a moment: a job that sends a thousand requests a second needs one for each of them. What this
// process changes it forgets before whoever asked for the change hears that it is done. The zero value is ready.
type secretCache struct {
	mu     sync.Mutex
	change int64 // one more with each forget: what was read before is not kept after it
	kept   map[secretKey]openedSecret
}

type secretKey struct {
	tenant lockstep.TenantID
	job    lockstep.JobID
	name   string
}

// openedSecret is a secret and the connection that it was kept for, as one commit left them.
type openedSecret struct {
	value      string
	connection provision.Connection
	read       time.Time
}

// get returns what is kept and younger than secretLife, and else the state in which keep takes what is read from now on.
func (c *secretCache) get(k secretKey) (s openedSecret, ok bool, change int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok = c.kept[k]
	return s, ok && time.Since(s.read) < secretLife, c.change
}

// keep remembers what was read, unless something was forgotten meanwhile. Nothing stays in memory for much longer than it is used.
func (c *secretCache) keep(k secretKey, s openedSecret, change int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, s := range c.kept {
		if time.Since(s.read) >= secretLife {
			delete(c.kept, k)
		}
	}
	if c.change != change {
		return
	}
	if c.kept == nil {
		c.kept = map[secretKey]openedSecret{}
	}
	c.kept[k] = s
}

// forget drops everything. It is called when a secret or a connection was changed, before that is told.
func (c *secretCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change++
	clear(c.kept)
}

// RecentSecret returns what Secret does, as it is or as it was at most 100 ms ago. What this process has changed it sees
// at once.
func (db *DB) RecentSecret(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, name string) (string, provision.Connection, error) {
	k := secretKey{tenant, id, name}
	s, ok, change := db.secrets.get(k)
	if ok {
		return s.value, s.connection, nil
	}
	s.read = time.Now() // before the database is asked: it is as old as the question
	var err error
	if s.value, s.connection, err = db.Secret(ctx, tenant, id, name); err != nil {
		return "", s.connection, err
	}
	db.secrets.keep(k, s, change)
	return s.value, s.connection, nil
}
