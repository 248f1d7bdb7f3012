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
	Look    bool                `json:"look,omitempty" doc:"Do nothing: say what would be taken back, and how."`
	Shown   string              `json:"shown,omitempty" maxLength:"64" doc:"As a look has answered: exactly that is done, or nothing."`
	Sure    bool                `json:"sure,omitempty" doc:"Also if it is more harm at once than the guard lets through."`
}

// Undone is what is taken back, and what cannot be.
type Undone struct {
	Cycle   lockstep.CycleID `json:"cycle,omitempty" doc:"Carries it out; absent of a look, and when nothing can be taken back."`
	Actions []Action         `json:"actions" doc:"What is done to take it back."`
	Refused []Refused        `json:"refused" doc:"What cannot be taken back."`
	Shown   string           `json:"shown" doc:"Names exactly this result."`
	Harms   []string         `json:"harms" doc:"The kinds of harm that go beyond what the guard lets through at once: sure is needed."`
}

// Refused is a line of the log that cannot be taken back.
type Refused struct {
	Action lockstep.ActionID `json:"action"`
	Name   string            `json:"name"`
	Code   lockstep.Code     `json:"code"`
	Why    string            `json:"why"`
}

func (s *Server) undo(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body UndoInput
},
) (Undone, error) {
	u, err := s.Operator.Undo(ctx, p, in.Job, operate.TakeBack{Rows: in.Body.Actions, Cycle: in.Body.Cycle, Look: in.Body.Look, Shown: in.Body.Shown, Sure: in.Body.Sure})
	if err != nil {
		return Undone{}, err
	}
	out := Undone{Cycle: u.Cycle, Actions: mapped(u.Rows, "", actionOf).Items, Refused: []Refused{}, Shown: u.Digest, Harms: []string{}}
	for _, h := range u.Harms {
		out.Harms = append(out.Harms, string(h))
	}
	for _, r := range u.Refuse {
		out.Refused = append(out.Refused, Refused{Action: r.Row.ID, Name: orElse(r.Row.Source.Name, r.Row.Source.ID), Code: r.Code, Why: r.Why})
	}
	return out, nil
}
