package provision_test

import (
	"context"
	"testing"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/e2e/parts"
	"lockstep/provision"
	"lockstep/store"
)

// changing is a way to outside systems whose settings an administrator mends while a turn that has the old ones is under way, which fails by them.
type changing struct {
	*world
	fails bool
}

func (c *changing) change() error {
	if !c.fails {
		return nil
	}
	for _, id := range []lockstep.JobID{c.in, c.out} {
		c.must(c.db.Provision().ChangeConnection(c.ctx, audit.Actor{}, c.tenant, id, func(provision.Connection) (provision.NewConnection, error) {
			return provision.NewConnection{Settings: map[string]string{"changed": c.now.String()}}, nil
		}))
	}
	return &lockstep.Error{Code: lockstep.CodeAuthToken, Detail: "by the old settings"}
}

func (c *changing) Source(ctx context.Context, j provision.Job) (connection.Source, error) {
	if err := c.change(); err != nil {
		return nil, err
	}
	return c.world.Source(ctx, j)
}

func (c *changing) Target(ctx context.Context, j provision.Job) (connection.Target, error) {
	if err := c.change(); err != nil {
		return nil, err
	}
	return c.world.Target(ctx, j)
}

// TestConnectionChangedMeanwhile: what a turn fails for by settings that somebody has mended since it began is no failure of the job: it is not stopped,
// says nothing of it, and goes on at once.
func TestConnectionChangedMeanwhile(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { changedMeanwhile(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { changedMeanwhile(newWorldOn(t, store.Config{Postgres: parts.Postgres(t)})) })
}

func changedMeanwhile(w *world) {
	w.Helper()
	w.file("people.csv", "id,userName,displayName,title\n1,ada@acme.example,Ada,Analyst\n")
	w.due(w.in)
	if turn, err := w.engine.Slice(w.ctx, w.tenant, w.in); err != nil || !turn.Reading {
		w.Fatalf("%+v, %v", turn, err)
	}
	w.awaitRead(w.in)
	c := &changing{world: w}
	w.engine.Connect = c
	for name, id := range map[string]lockstep.JobID{"source": w.in, "app": w.out} {
		c.fails = true
		_, err := w.engine.Slice(w.ctx, w.tenant, id)
		w.must(err)
		c.fails = false
		j, err := w.db.Provision().Job(w.ctx, w.tenant, id)
		w.must(err)
		if j.State != provision.Active || j.Code != "" || j.Detail != "" || !j.NotBefore.IsZero() || j.Cycle != nil && j.Cycle.Code != "" {
			w.Errorf("%s: %+v", name, j)
		}
		due, err := w.db.Due(w.ctx, w.engine.Now())
		w.must(err)
		is := false
		for _, j := range due {
			is = is || j.ID == id
		}
		if !is {
			w.Errorf("%s: it is not due", name)
		}
	}
	w.run(w.in)
	w.run(w.out)
	w.wantTarget("user ada@acme.example title=Analyst\n")
}
