package provision

import (
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/plan"
	"lockstep/rule"
)

// What versions and drafts are made of.
type (
	Configuration    = plan.Configuration
	AssignmentChange = rule.AssignmentChange
)

// Configuration returns what versions of the job keep, as it is in force.
func (j Job) Configuration() Configuration { return Configuration{Rules: j.Rules, Policy: j.Policy} }

// Version is a configuration that a job has had or has. It never changes. The newest is the one in force; what a job had when versions
// were first kept is version 1.
type Version struct {
	Number        int64
	By            audit.Actor
	At            time.Time
	Note          string             // what the author says of it; "" is nothing
	Changed       []plan.Field       // against the version before, of many the first; none in version 1
	Assigned      []AssignmentChange // carried out with it; of many the first
	Assignments   int                // how many were carried out
	Configuration Configuration      // as Configuration.Kept keeps it; empty in a list of versions
}

// VersionsKept is how many versions of a job are kept at least: the newest ones, and that which a draft was made from.
const VersionsKept = 100

// Draft is a configuration that a job is to have when somebody applies it, and assignments that change with it. There is at most one of a
// job. Nothing runs by it.
type Draft struct {
	Revision      int64       // rises with each edit; 0 is that there is no draft
	Base          int64       // the version that it was made from
	Opened, By    audit.Actor // who made it, and who changed it last
	OpenedAt, At  time.Time
	Configuration Configuration
	Assignments   []AssignmentChange
}

// MostAssignments is how many assignments a draft changes at most.
const MostAssignments = 1000

// Drafts keeps the drafts and versions of jobs. Every write has its audit row in the same commit.
type Drafts interface {
	// Draft returns the job's draft; one of Revision 0 when there is none.
	Draft(ctx context.Context, t lockstep.TenantID, id lockstep.JobID) (Draft, error)
	// PutDraft keeps a draft in the place of the one with its Revision, 0 for none, and returns it with the next one. Another
	// revision is lockstep.ErrVersion. A new draft without a Base is made from the version in force.
	PutDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, d Draft) (Draft, error)
	// DropDraft removes the draft if it has the revision.
	DropDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, revision int64) error
	// ApplyDraft puts the draft into force if it has the revision, and its Base is the version in force: otherwise the error is
	// lockstep.CodeDraftBehind. Assignments of whom there is no more are left out, and counted.
	ApplyDraft(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.JobID, revision int64, note string) (v Version, leftOut int, err error)
	// Versions lists versions without their configurations, the newest first; those before the number, unless it is 0.
	Versions(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, before int64, limit int) ([]Version, error)
	// Version returns one with its configuration, 0 the one in force.
	Version(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, number int64) (Version, error)
}
