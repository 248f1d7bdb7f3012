package provision

import (
	"lockstep"
	"lockstep/plan"
)

// Standing is what stands in a job's way, or waits, as the store counts it.
type Standing struct {
	Head     int64                 // of the tenant's change feed
	Held     int                   // rows that wait for a decision
	Rejected int                   // objects whose newest row was rejected
	Waiting  int                   // references whose ends are both linked and that are not written, but for rejected ones
	Codes    map[lockstep.Code]int // objects whose last attempt failed, by the code of the failure
	Empty    bool                  // the job has met no object at all
	Bad      int                   // rows of the source that the last cycle could not read
	Drift    plan.DriftLook        // what the last look for drift has come to
}

// MostFunnel is up to how many people a Funnel counts.
const MostFunnel = 50_000

// Funnel is how far people get in a job, of those it has met. What is MostFunnel may be more.
type Funnel struct {
	Known   int
	Out     int // not in scope
	Linked  int // to an object that is not disabled
	Failing int // their last attempt failed
}
