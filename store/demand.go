package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/provision"
)

// demanded is what is kept of a provision.Demand beside its cycle.
type demanded struct {
	Type  string      `json:"type"`
	ID    string      `json:"id"`
	To    string      `json:"to,omitempty"`
	Loose bool        `json:"loose,omitempty"`
	By    audit.Actor `json:"by"`
	At    int64       `json:"at"`
}

func demandOf(cycle, text string) (*provision.Demand, error) {
	var d demanded
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("demand %s: %w", cycle, err)
	}
	return &provision.Demand{Cycle: lockstep.CycleID(cycle), Of: connection.Ref{Type: d.Type, ID: d.ID}, To: d.To, Loose: d.Loose, By: d.By, At: instant(d.At)}, nil
}

// Demand keeps what somebody wants provisioned at once. It satisfies operate.Settings.
func (db *DB) Demand(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, d provision.Demand, name string) error {
	text, err := json.Marshal(demanded{Type: d.Of.Type, ID: d.Of.ID, To: d.To, Loose: d.Loose, By: d.By, At: millis(d.At)})
	if err != nil {
		return err
	}
	err = db.write(ctx, &work{tenant: tenant, rows: 2, wakes: true, run: func(t *tx) error {
		j, err := job(t.query, tenant, id)
		if err != nil {
			return err
		}
		if j.Demand != nil {
			return taken("Somebody else is being provisioned by %s at this moment.", j.Slug)
		}
		if _, err := t.exec("UPDATE job SET demand = $2, demanded = $3 WHERE no = $1", j.no, string(d.Cycle), string(text)); err != nil {
			return err
		}
		verb := "provisioned by hand in"
		switch {
		case d.Loose:
			verb = "unlinked somebody in"
		case d.To != "":
			verb, name = "linked somebody by hand in", name+" to "+d.To
		}
		t.note(audit.Event{Actor: d.By, Verb: verb, Object: "job", ID: string(id), Name: cmp.Or(j.Name, j.Slug), Detail: name})
		return nil
	}})
	if err != nil {
		return fmt.Errorf("demand of job %s: %w", id, err)
	}
	return nil
}

// Withdraw takes a demand back whose cycle has not begun. It satisfies operate.Settings.
func (db *DB) Withdraw(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, cycle lockstep.CycleID) (withdrawn bool, err error) {
	err = db.write(ctx, &work{tenant: tenant, rows: 1, run: func(t *tx) error {
		n, err := t.exec("UPDATE job SET demand = '', demanded = '' WHERE tenant = $1 AND id = $2 AND demand = $3 AND cycle <> demand", string(tenant), string(id), string(cycle))
		withdrawn = n > 0
		return err
	}})
	if err != nil {
		return false, fmt.Errorf("withdraw a demand of job %s: %w", id, err)
	}
	return withdrawn, nil
}

// said keeps what was said to the target.
func (w batch) said(b *provision.Batch) error {
	if b.Said == nil || b.Cycle == nil {
		return nil
	}
	text, err := json.Marshal(b.Said)
	if err != nil {
		return err
	}
	_, err = w.exec("UPDATE cycle SET said = $3 WHERE job = $1 AND id = $2", w.no, string(b.Cycle.ID), string(text))
	return err
}

// Said returns what was said to the target in a cycle. It satisfies provision.Jobs.
func (db *DB) Said(ctx context.Context, tenant lockstep.TenantID, id lockstep.JobID, cycle lockstep.CycleID) ([]connection.Exchange, error) {
	rows, err := db.query(ctx, "SELECT said FROM cycle WHERE "+ofJob+" AND id = $3", string(tenant), string(id), string(cycle))
	text, err := one(rows, err, scanText)
	if err != nil {
		return nil, absent(err, "cycle", string(cycle))
	}
	if text == "" {
		return nil, nil
	}
	var said []connection.Exchange
	return said, json.Unmarshal([]byte(text), &said)
}
