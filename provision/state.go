package provision

import (
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/plan"
	"lockstep/rule"
)

// Job joins a source to a target. Of the two one is always the directory: an inbound job brings people into it, an outbound
// job brings them from it into an app.
type Job struct {
	Tenant     lockstep.TenantID
	ID         lockstep.JobID
	Slug       string // unique in the tenant: of the source or of the app
	Name       string
	Direction  Direction
	App        lockstep.AppID // of an outbound job
	Connection Connection     // to the outside system
	Rules      rule.Rules
	Policy     Policy
	Manual     bool  // plans wait for Apply
	Config     int64 // version of Connection, Rules and Policy; rises with each edit
	Created    time.Time

	// What follows changes as the job runs.
	State     JobState
	Code      lockstep.Code // why it is quarantined
	Detail    string
	Cursor    connection.Cursor // where the next cycle begins; "" is everything
	Position  int64             // feed position that Cursor stands for, outbound jobs only
	Applied   int64             // Config that the links were last evaluated with
	NextRun   time.Time         // not later than this, zero is never
	NotBefore time.Time         // not earlier than this, after a failure; zero is at once
	Epoch     int64             // raised by each slice; every commit is conditional on it
	Request   int64             // the read of the outside system that it waits for, or whose cycle has not ended; 0 is none
	Leased    time.Time         // until when whoever has it has it; in the past or zero is nobody
	Cycle     *Cycle            // the open one
	Demand    *Demand           // one object that somebody wants provisioned now; nil is none
}

// Demand is one object that somebody wants provisioned at once, whatever the job does otherwise. It has a cycle of its own, which begins
// as soon as no other is open, also in a job that is paused, and moves nothing but this object.
type Demand struct {
	Cycle lockstep.CycleID // that it gets
	Of    connection.Ref   // at the source
	To    string           // id of the target's object that it is to be linked to, whatever matching says; "" is as the rules say
	Loose bool             // its link is taken away, and nothing is written at the target
	By    audit.Actor
	At    time.Time
}

// Configuration returns what versions of the job keep, as it is in force.
func (j Job) Configuration() plan.Configuration {
	return plan.Configuration{Rules: j.Rules, Policy: j.Policy}
}

// Draft reports whether the job was added and never turned on: nothing runs, and nothing is wrong.
func (j Job) Draft() bool {
	return j.State == Paused && j.Cursor == "" && j.Applied == 0 && j.Cycle == nil && j.Code == "" && j.NextRun.IsZero()
}

// What a plan depends on is a value of package plan.
type (
	Direction = plan.Direction
	Policy    = plan.Policy
	Rank      = plan.Rank
)

// The directions.
const (
	Inbound  = plan.Inbound
	Outbound = plan.Outbound
)

// JobState is what a job may do.
type JobState string

// The states of a job.
const (
	Active      JobState = "active"
	Paused      JobState = "paused"
	Quarantined JobState = "quarantined" // tried again with growing pauses
)

// Connection says how to reach the outside system. Secrets are names only: their values are sealed in the store and read
// through Secrets.
type Connection struct {
	Kind     string            `json:"kind"` // "csvfile", "ldap", "scimapp", "webex"
	Settings map[string]string `json:"settings"`
	Secrets  []string          `json:"secrets"` // names of the secrets that are set
}

// NewConnection is what a connection becomes.
type NewConnection struct {
	Settings map[string]string // all of them
	Secrets  map[string]string // those that change; an empty value removes one
	Moved    bool              // it leads to another system: what was read of the old one is forgotten
}

// Phase is how far a cycle is. Each begins only when the one before has ended.
type Phase string

// The phases of a cycle, in order.
const (
	Listing  Phase = "list"   // the target's objects are read for matching
	Reading  Phase = "read"   // the source is read and actions are planned
	Sweeping Phase = "sweep"  // what a whole read did not list is planned for
	Ranking  Phase = "rank"   // creates are put in manager order
	Review   Phase = "review" // a manual job's plan waits for Apply
	Applying Phase = "apply"  // planned actions are carried out
	Ended    Phase = "end"
)

// Cycle is one run of a job from its cursor to the head it saw when it began.
type Cycle struct {
	ID      lockstep.CycleID
	Job     lockstep.JobID
	Kind    CycleKind
	Of      connection.Ref // of a cycle on demand: its one object; of another one: the only object that is carried out before the plan waits again
	Trigger string         // "change", "schedule", "person", "configuration", "first", "connection"
	Phase   Phase
	Page    connection.Cursor // where Reading stands
	Config  int64             // of the job when the cycle began: what it plans with
	Listed  bool              // the target has been listed into the store
	Total   int               // objects to read, 0 when unknown
	Counts  Counts
	Code    lockstep.Code // why it failed or stopped
	Detail  string
	Began   time.Time
	EndedAt time.Time
	Decided plan.Decision // who applied or discarded its plan

	Refusals rule.Refusals // what its application refuses
}

// Only reports whether the rows of one object alone are carried out, and the rest of the plan waits for review again.
func (c *Cycle) Only() bool { return c.Kind != OnDemand && c.Of.ID != "" }

// CycleKind says what a cycle reads.
type CycleKind string

// The kinds of cycle.
const (
	Initial     CycleKind = "initial"
	Incremental CycleKind = "incremental"
	OnDemand    CycleKind = "on_demand" // one object, that of Job.Demand
)

// Counts is what a cycle did, in objects. TargetRequests counts HTTP requests.
type Counts struct {
	Read           int `json:"read"`
	Planned        int `json:"planned"`
	Created        int `json:"created"`
	Linked         int `json:"linked"`
	Updated        int `json:"updated"`
	Disabled       int `json:"disabled"`
	Deleted        int `json:"deleted"`
	Released       int `json:"released,omitempty"` // let go of, and kept by others
	Referred       int `json:"referred"`
	Skipped        int `json:"skipped"`
	Unchanged      int `json:"unchanged"`
	Failed         int `json:"failed"`
	Held           int `json:"held"`
	TargetRequests int `json:"target_requests"`
	Throttled      int `json:"throttled"` // answers 429
	Bad            int `json:"bad"`       // rows of the source that could not be used
}

// Batch is what one commit writes, all or nothing. Nil and empty parts are left alone.
type Batch struct {
	Cycle    *Cycle              // opened, moved on or, with EndedAt set, closed
	Job      *Job                // its State, Code, Detail, Cursor, Position, Applied and NextRun
	Actions  []plan.Action       // inserted, or replaced by id
	Opened   []lockstep.ActionID // planned → open, with epoch, attempt+1 and time
	Moved    []plan.Transition   // all of them, or nothing of the batch is written and the error is lockstep.CodePlanStale
	Ranks    []Rank
	Carried  []plan.Carried
	Links    []plan.Link           // inserted or replaced by source
	Due      []connection.Ref      // source refs: looked at again as soon as may be
	Unlink   []connection.Ref      // source refs: the link and its edges go
	Wanted   []plan.ReferenceRow   // Wanted of these edges is set as given, inserting what is new; rows neither wanted nor written go
	Written  []plan.ReferenceRow   // Written of these edges is set as given; rows neither wanted nor written go
	Unwrite  []connection.Ref      // source refs whose edges, in both directions, are no longer written at the target
	Restored []connection.Ref      // source refs: what a look has found of them is to be written anew
	Said     []connection.Exchange // what was said to the target in Cycle, in place of what is kept of it; nil leaves that
	Release  bool                  // the lease ends with it
}

// Store keeps jobs and what they know. All reads see committed data.
type Store interface {
	Jobs
	Knowledge
	Rows
	RowCounts
	// Commit writes the batch if the job's epoch is still epoch, else it writes nothing and returns lockstep.ErrEpoch.
	Commit(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, epoch int64, b Batch) error
	// Beside returns what Commit would write, to be kept in a commit of the tenant's directory instead (connection.Committer). That
	// fails with lockstep.ErrEpoch as Commit does.
	Beside(t lockstep.TenantID, job lockstep.JobID, epoch int64, b Batch) any
}

// Knowledge is what a job knows of both ends.
type Knowledge interface {
	Links(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.LinkQuery) ([]plan.Link, error)
	References(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.ReferenceQuery) ([]plan.ReferenceRow, error)
	// Ends returns references with what their other ends are at the target.
	Ends(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.EndQuery) ([]plan.EndRow, error)
	// EachWaiting calls f with each reference that waits to be written or taken away, in the order of the objects that have them.
	EachWaiting(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, f func(plan.ReferenceRow) error) error
	// CountReferences counts the references of the attribute that are written at the target.
	CountReferences(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, attribute string) (int, error)
}

// Rows is a job's action rows.
type Rows interface {
	Actions(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, q plan.ActionQuery) ([]plan.Action, error)
	// Made calls f with each planned create and link of the cycle.
	Made(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID, f func(plan.Made)) error
	// Renamed returns the planned updates of the cycle that change the first matching value.
	Renamed(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID) ([]plan.Renamed, error)
	Tally(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID) (plan.Tally, error)
	// NewestOf returns of source objects the newest row of these kinds, of those that have one.
	NewestOf(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, kinds []rule.Kind, of []connection.Ref) (map[connection.Ref]lockstep.ActionID, error)
}

// RowCounts counts a job's action rows.
type RowCounts interface {
	// WaitingGroups counts the rows that wait in a state, Planned or Held, by deed and cause.
	WaitingGroups(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, state plan.ActionState) ([]plan.RowGroup, error)
	// CycleGroups counts the rows of a cycle in some states, by deed and by code, which stands in the place of the cause.
	CycleGroups(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, cycle lockstep.CycleID, states ...plan.ActionState) ([]plan.RowGroup, error)
}

// Leases say who has a job. A lease runs by one clock for all nodes, and ends with a Batch that says so or when its time is over.
type Leases interface {
	// Claim raises the job's epoch, has it for so long, and returns it with its open cycle. While somebody has it the error is
	// lockstep.ErrEpoch.
	Claim(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, lease time.Duration) (Job, error)
	// TakeOver is Claim also from whoever has the job. While a cycle is open, and something may be under way, it changes nothing and
	// returns the job as it is.
	TakeOver(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, lease time.Duration) (Job, error)
}

// Jobs keeps the jobs themselves.
type Jobs interface {
	Job(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (Job, error)
	// JobNamed returns the job with this slug and its open cycle, or lockstep.ErrNotFound.
	JobNamed(ctx context.Context, t lockstep.TenantID, slug string) (Job, error)
	Leases
	// Due returns the jobs that nobody has, that are not paused, whose NotBefore has passed and that have work at now: an open cycle that does
	// not wait for review, or NextRun; and, for a job that is not Manual, a head beyond Position (outbound), Config other
	// than Applied, or a link that is due.
	Due(ctx context.Context, now time.Time) ([]Job, error)
	// Cycles returns the job's cycles, newest first.
	Cycles(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, limit int) ([]Cycle, error)
	// Said returns what was said to the target in a cycle on demand.
	Said(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, cycle lockstep.CycleID) ([]connection.Exchange, error)
	// Secret returns a secret of the job's connection, and the connection as it was at that moment but for its Secrets;
	// lockstep.ErrNotFound when there is no such secret.
	Secret(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, name string) (string, Connection, error)
}

// Verdict is an administrator's word on a job's open plan.
type Verdict struct {
	Cycle   lockstep.CycleID
	Apply   bool                // the plan in review goes ahead
	Discard bool                // the plan in review is dropped, its rows are left out
	Approve []lockstep.ActionID // held rows that may go
	Reject  []lockstep.ActionID // held or planned rows that may not
	Restore []lockstep.ActionID // rows of the plan in review that were left out: they are planned again
	// ApproveAll are groups of held rows that may go, RejectAll groups of held or planned rows that may not: all rows of each, or nothing when they
	// are not N of them any more.
	ApproveAll, RejectAll []plan.RowGroup
	Only                  plan.End // with Apply: the rows of this object alone are carried out, and the rest goes on waiting; a blank one is all
	Note                  string   // why, in the words of whoever decides: it is kept with the decision and in the audit log
}
