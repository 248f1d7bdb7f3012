package plan

import (
	"time"

	"lockstep/audit"
	"lockstep/rule"
)

// Version is a configuration that a job has had or has. It never changes. The newest is the one in force; what a job had when versions
// were first kept is version 1.
type Version struct {
	Number        int64
	By            audit.Actor
	At            time.Time
	Note          string                  // what the author says of it; "" is nothing
	Changed       []Field                 // against the version before, of many the first; none in version 1
	Assigned      []rule.AssignmentChange // carried out with it; of many the first
	Assignments   int                     // how many were carried out
	Configuration Configuration           // as Configuration.Kept keeps it; empty in a list of versions
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
	Assignments   []rule.AssignmentChange
}

// MostAssignments is how many assignments a draft changes at most.
const MostAssignments = 1000
