package plan

import (
	"time"

	"lockstep/connection"
	"lockstep/rule"
)

// Direction is which way a job brings objects.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Policy is what an administrator decides about a job beside its rules. The zero Policy is the default.
type Policy struct {
	Everyone    bool             `json:"everyone,omitempty"`     // all people are in scope, not only assigned ones
	Nested      bool             `json:"nested,omitempty"`       // an assigned group brings members of its groups too
	DefaultRole bool             `json:"default_role,omitempty"` // holders of only an excluding role are provisioned as well
	Groups      bool             `json:"groups,omitempty"`       // group objects are provisioned
	OnLeave     rule.Leave       `json:"on_leave,omitempty"`     // what happens to who leaves scope: disable (default), delete, keep
	OnMissing   rule.Missing     `json:"on_missing,omitempty"`   // what happens when a linked object vanished at the target
	Guard       rule.GuardLimit  `json:"guard"`
	Excluded    []rule.Exclusion `json:"excluded,omitempty"` // whom somebody keeps out
	Interval    time.Duration    `json:"interval,omitempty"` // at least this often, also without a change; 0 is only on change
	Rate        float64          `json:"rate,omitempty"`     // requests a second at most; 0 is as many as the target takes
	Connections int              `json:"connections,omitempty"`
	Order       int              `json:"order,omitempty"`       // of a source: 1 is heard first where several have a person; 0 is after all that have an order
	DriftEvery  time.Duration    `json:"drift_every,omitempty"` // how often the application is read to look for drift; 0 is DefaultDriftEvery, less than 0 is never
}

// DefaultDriftEvery is how often an application is read to look for drift, if the policy does not say.
const DefaultDriftEvery = 24 * time.Hour

// exclusion returns who is kept out by name, nil when nobody says so.
func (p Policy) exclusion(of connection.Ref) *rule.Exclusion {
	for i := range p.Excluded {
		if e := &p.Excluded[i]; e.ID == of.ID && e.Type == of.Type {
			return e
		}
	}
	return nil
}
