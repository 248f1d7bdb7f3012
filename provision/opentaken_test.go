package provision_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockstep"
	hub "lockstep/connector/directory"
	"lockstep/provision"
)

// death is a store that stops working for good after a number of commits, as if the process had been killed then. What was
// committed stays.
type death struct {
	provision.Store
	commits int  // still let through
	lost    bool // the last commit is written, but its answer never comes
}

var errKilled = errors.New("killed")

func (d *death) Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b provision.Batch) error {
	if d.commits--; d.commits < 0 {
		return errKilled
	}
	err := d.Store.Commit(ctx, t, job, epoch, b)
	if d.commits == 0 && d.lost {
		return errKilled
	}
	return err
}

// restart drops the engine and makes another, over the same directory and organisation, as a new process on SQLite does: whoever had a
// job is dead.
func (w *world) restart(store provision.Store) {
	w.must(w.db.Provision().Start(w.ctx))
	old := w.engine
	w.engine = &provision.Engine{
		Store: store, Directory: &hub.Connector{Store: w.db}, Connect: w, Mirrors: w.db.Mirrors(), Now: old.Now, Log: old.Log,
		SliceFor: old.SliceFor, SendFor: old.SendFor, CallTimeout: old.CallTimeout,
	}
}

// TestOpenRowsAreTakenUp is for a store that opened only planned rows: what a dead worker had left open could never be sent.
func TestOpenRowsAreTakenUp(t *testing.T) {
	for commits := range 25 {
		w := newWorld(t)
		w.file("people.csv", smallPeople)
		w.file("groups.csv", smallGroups)
		w.run(w.in)
		w.restart(&death{Store: w.db.Provision(), commits: commits})
		for range 20 {
			if _, err := w.engine.Slice(w.ctx, w.tenant, w.out); err != nil {
				break
			}
		}
		w.restart(w.db.Provision())
		w.ahead += time.Minute
		w.untilDone(w.out)
		w.wantTarget(`
group Engineers: ben@acme.example cleo@acme.example
group Everybody: ada@acme.example ben@acme.example cleo@acme.example
user ada@acme.example title=Chief
user ben@acme.example title=Engineer manager=ada@acme.example
user cleo@acme.example title=Engineer manager=ben@acme.example
`)
		w.consistent()
	}
}
