package api

import (
	"context"

	"lockstep"
	"lockstep/operate"
)

// UndoInput chooses what is taken back: lines of the log, or all that a cycle has done.
type UndoInput struct {
	Actions []lockstep.ActionID `json:"actions,omitempty" maxItems:"10000"`
	Cycle   lockstep.CycleID    `json:"cycle,omitempty" maxLength:"36"`
}

// Undone is what is taken back, and what cannot be.
type Undone struct {
	Cycle   lockstep.CycleID `json:"cycle,omitempty" doc:"Carries it out; absent when nothing can be taken back."`
	Actions []Action         `json:"actions" doc:"What is done to take it back."`
	Refused []Refused        `json:"refused" doc:"What cannot be taken back."`
}

// Refused is a line of the log that cannot be taken back.
type Refused struct {
	Action lockstep.ActionID `json:"action"`
	Name   string            `json:"name"`
	Why    string            `json:"why"`
}

func (s *Server) undo(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body UndoInput
},
) (Undone, error) {
	u, err := s.Operator.Undo(ctx, p, in.Job, in.Body.Actions, in.Body.Cycle)
	if err != nil {
		return Undone{}, err
	}
	out := Undone{Cycle: u.Cycle, Actions: mapped(u.Rows, "", actionOf).Items, Refused: []Refused{}}
	for _, r := range u.Refuse {
		out.Refused = append(out.Refused, Refused{Action: r.Row.ID, Name: orElse(r.Row.Source.Name, r.Row.Source.ID), Why: r.Why})
	}
	return out, nil
}
