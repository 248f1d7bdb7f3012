package operate

import (
	"context"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/provision"
)

// Settings keeps what administrators change: the jobs' configuration, each change with its audit row.
type Settings interface {
	// PutJob creates the job when its Config is 0, else replaces Name, Connection, Rules, Policy, Manual, State and NextRun,
	// if the stored Config is the same; Config rises when Connection, Rules or Policy differ. A new job has the given ID.
	PutJob(ctx context.Context, by audit.Actor, job provision.Job) error
	DeleteJob(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID) error
	ListJobs(ctx context.Context, t lockstep.TenantID) ([]provision.Job, error)
	Changes
	// Demand keeps the demand, with its audit row, if the job has none; otherwise the error is lockstep.ErrConflict. name is the object's.
	Demand(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, d provision.Demand, name string) error
	// Withdraw takes a demand back whose cycle has not begun, and reports whether it did.
	Withdraw(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, cycle lockstep.CycleID) (bool, error)
	// Decide approves (state planned) or rejects held actions, or releases a plan in review (the cycle moves to Applying).
	Decide(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, d provision.Verdict) error
}

// Changes change what is there. What they ask has no effects and may be asked again: it is asked in the transaction that keeps the answer, so
// that nobody's change is lost who makes another one at the same moment.
type Changes interface {
	// ChangeJob asks change what Name, Rules, Policy, Manual, State and NextRun of a job are to become, and returns the job as it is then.
	ChangeJob(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, change func(*provision.Job) error) (provision.Job, error)
	// ChangeConnection asks change what the connection of the job is to become, and keeps that: all of it in one commit, or nothing.
	ChangeConnection(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, change func(provision.Connection) (provision.NewConnection, error)) error
}

// Drafts keeps the drafts and versions of jobs. Every write has its audit row in the same commit.
type Drafts interface {
	// Draft returns the job's draft; one of Revision 0 when there is none.
	Draft(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (plan.Draft, error)
	// PutDraft keeps a draft in the place of the one with its Revision, 0 for none, and returns it with the next one. Another
	// revision is lockstep.ErrVersion. A new draft without a Base is made from the version in force.
	PutDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, d plan.Draft) (plan.Draft, error)
	// DropDraft removes the draft if it has the revision.
	DropDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, revision int64) error
	// ApplyDraft puts the draft into force if it has the revision, and its Base is the version in force: otherwise the error is
	// lockstep.CodeDraftBehind. Assignments of whom there is no more are left out, and counted.
	ApplyDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, revision int64, note string) (v plan.Version, leftOut int, err error)
	// Versions lists versions without their configurations, the newest first; those before the number, unless it is 0.
	Versions(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, before int64, limit int) ([]plan.Version, error)
	// Version returns one with its configuration, 0 the one in force.
	Version(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, number int64) (plan.Version, error)
}
