package plan

import (
	"context"
	"io"
	"time"

	"lockstep"
	"lockstep/connection"
)

// Planner decides what a job should do: for the objects of a page of its source, and, when all have been seen, for the plan as a whole.
// Everything that it depends on is a field. Its only effect is what it hands to Sink; the store keeps that in a cycle, and Memory in
// a plan that is only looked at. All fields but Foresee must be set.
type Planner struct {
	Job      Job
	From, To connection.System
	Programs Programs
	Known    Known
	Rows     Rows
	Search   Searcher
	Foresee  connection.Foreseer // nil: what an operation says is what it comes to
	Source   connection.Getter   // reads objects of the source again
	Sink     Sink
	Waits    *Waits

	Now    func() time.Time
	Random io.Reader // for expressions
}

// Job is what a plan depends on of its job and of the cycle for which it is made.
type Job struct {
	ID        lockstep.JobID
	Cycle     lockstep.CycleID
	Epoch     int64
	Config    int64
	Direction Direction
	Policy    Policy
	Manual    bool
	Only      connection.Ref // the plan is about this object alone; blank is about all
	Chosen    string         // id of the target's object that somebody has chosen for Only, whatever matching says; "" is nobody
	Elsewhere bool           // the connection leads to another system than that of the cycle before: nobody is removed without an approval
}

// Known is what the job knows of both ends, all pieces included that the Sink has taken.
type Known interface {
	Links(ctx context.Context, q LinkQuery) ([]Link, error)
	References(ctx context.Context, q ReferenceQuery) ([]ReferenceRow, error)
	// EachWaiting calls f with each reference that waits to be written or taken away, in the order of the objects that have them.
	EachWaiting(ctx context.Context, f func(ReferenceRow) error) error
	// CountReferences counts the references of the attribute that are written at the target.
	CountReferences(ctx context.Context, attribute string) (int, error)
}

// Rows is the job's action rows, all pieces included that the Sink has taken.
type Rows interface {
	Actions(ctx context.Context, q ActionQuery) ([]Action, error)
	// Made calls f with each planned create and link of the cycle.
	Made(ctx context.Context, cycle lockstep.CycleID, f func(Made)) error
	// Renamed returns the planned updates of the cycle that change the first matching value.
	Renamed(ctx context.Context, cycle lockstep.CycleID) ([]Renamed, error)
	Tally(ctx context.Context, cycle lockstep.CycleID) (Tally, error)
}

// Searcher looks for objects at the target. Questions that cannot be asked fail alone; an error means that nothing can be asked.
type Searcher interface {
	// LookUp answers as matching needs it, which may be from what the target had when it was read.
	LookUp(ctx context.Context, typ string, asked []Question) (Answers, error)
	// Find asks the target itself.
	Find(ctx context.Context, typ string, asked []Question) (Answers, error)
	// Get returns one object, or lockstep.ErrNotFound.
	Get(ctx context.Context, ref connection.Ref) (connection.Object, error)
}

// Sink takes what is decided, each piece wholly or not at all.
type Sink interface {
	Take(ctx context.Context, p Piece) error
}

// Piece is a part of a plan: what follows from deciding about some objects.
type Piece struct {
	Actions []Action     // new, or in the place of those with their ids
	Moved   []Transition // all of them, or nothing of the piece holds any more
	Ranks   []Rank
	Carried []Carried
	Links   []Link           // in the place of those of their sources
	Unlink  []connection.Ref // source refs: the link and its references go
	Wanted  []ReferenceRow   // Wanted of these references is as given
	Sum     Sum
}

// Rank sets the rank of an action.
type Rank struct {
	Action lockstep.ActionID
	Rank   int
}

// Sum is what a piece adds to the counts of its cycle, in objects. What was counted before and is not any more makes it negative.
type Sum struct{ Planned, Held, Skipped, Unchanged, Failed, Bad int }

// pageSize is how many links or references are asked for at once.
const pageSize = 500
