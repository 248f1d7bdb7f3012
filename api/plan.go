package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
)

func (s *Server) planRoutes(a huma.API) {
	s.byHandRoutes(a)
	s.draftRoutes(a)
	route(s, a, http.MethodPost, "/jobs/{job}/plan", "plan", "Show what would be done, and keep it for apply when the job is in mode manual", s.plan)
	route(s, a, http.MethodGet, "/jobs/{job}/plan", "get-plan", "Show the plan that waits for apply, as it was made", s.waitingPlan)
	route(s, a, http.MethodPost, "/jobs/{job}/apply", "apply", "Carry out the plan that was reviewed", s.apply)
	route(s, a, http.MethodPost, "/jobs/{job}/discard", "discard", "Drop the plan that was reviewed", s.discard)
	route(s, a, http.MethodPost, "/jobs/{job}/run", "run", "Begin a cycle now", s.run)
	route(s, a, http.MethodPost, "/jobs/{job}/held", "decide-held", "Approve or reject what the guard holds", s.decideHeld)
	route(s, a, http.MethodGet, "/jobs/{job}/drift", "drift", "Show what differs from what was written, as the last look has found it", s.drift)
	route(s, a, http.MethodPost, "/jobs/{job}/drift/read", "read-for-drift", "Look once more: read the application, ask for its groups, and show what differs from what was written", s.lookForDrift)
	route(s, a, http.MethodPost, "/jobs/{job}/drift/restore", "restore-drift", "Have objects written anew that somebody else has changed or removed", s.restoreDrift)
	route(s, a, http.MethodPost, "/jobs/{job}/undo", "undo", "Take back what lines of the log, or a cycle, have done", s.undo)
	route(s, a, http.MethodPost, "/jobs/{job}/provision", "provision", "Provision one person or group now, also in an app that is paused or a draft", s.provision)
	route(s, a, http.MethodGet, "/jobs/{job}/explain", "explain", "Tell why a person is or is not in the application", s.explain)
}

// Plan is what a job would do.
type Plan struct {
	Cycle    *Cycle            `json:"cycle,omitempty" doc:"The cycle that waits for apply; absent for a preview, or when there is nothing to do."`
	Preview  bool              `json:"preview" doc:"Nothing was kept: the job is in mode auto."`
	Counts   provision.Counts  `json:"counts"`
	Kinds    map[string]int    `json:"kinds" doc:"Actions by kind, without what is held or cannot be done."`
	Held     int               `json:"held"`
	Problems int               `json:"problems" doc:"People for whom something cannot be done."`
	Actions  []Action          `json:"actions" doc:"The first of them, at most limit."`
	More     int               `json:"more" doc:"How many were left out."`
	Standing operate.State     `json:"standing" doc:"How the job stands with this plan, in words."`
	Shared   []operate.Sharing `json:"shared,omitempty" doc:"Other apps that lead to the same place."`
	Warnings []operate.Warning `json:"warnings,omitempty" doc:"What should be known before it is applied. They stop nothing."`
}

func planOf(p operate.Plan) Plan {
	v := Plan{
		Preview: p.Preview, Counts: p.Counts, Kinds: map[string]int{}, Held: p.Held, Problems: p.Problems, More: p.More,
		Actions: mapped(p.Rows, "", actionOf).Items, Standing: p.State, Shared: p.Shared, Warnings: p.Warnings,
	}
	if p.Cycle != nil {
		c := cycleOf(*p.Cycle)
		v.Cycle = &c
	}
	for k, n := range p.Kinds {
		v.Kinds[string(k)] = n
	}
	return v
}

type planInput struct {
	JobPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Actions to show."`
	Wait  int `query:"wait" minimum:"1" maximum:"600" default:"120" doc:"Seconds to wait for the plan."`
}

func (s *Server) plan(ctx context.Context, p operate.Principal, in *planInput) (Plan, error) {
	made, err := s.Operator.Plan(ctx, p, in.Job, in.Limit, time.Duration(in.Wait)*time.Second)
	return planOf(made), err
}

func (s *Server) waitingPlan(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Actions to show."`
},
) (Plan, error) {
	made, err := s.Operator.WaitingPlan(ctx, p, in.Job, in.Limit)
	return planOf(made), err
}

// ApplyInput chooses what of a plan is carried out.
type ApplyInput struct {
	Cycle   lockstep.CycleID    `json:"cycle,omitempty" maxLength:"36" doc:"The plan as it was shown; another one by now is refused. Absent: the one that waits."`
	Approve []lockstep.ActionID `json:"approve,omitempty" maxItems:"10000" doc:"Held actions that may go."`
	Reject  []lockstep.ActionID `json:"reject,omitempty" maxItems:"10000" doc:"Actions to leave out."`
}

func (s *Server) apply(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body ApplyInput
},
) (Cycle, error) {
	c, err := s.Operator.Apply(ctx, p, in.Job, in.Body.Cycle, in.Body.Approve, in.Body.Reject)
	return cycleOf(c), err
}

func (s *Server) discard(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body struct {
		Cycle lockstep.CycleID `json:"cycle,omitempty" maxLength:"36"`
	}
},
) (Cycle, error) {
	c, err := s.Operator.Discard(ctx, p, in.Job, in.Body.Cycle)
	return cycleOf(c), err
}

func (s *Server) run(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Whole bool `query:"whole" doc:"Read the outside system from the beginning, also where it could say what has changed, or where nothing seems to have."`
},
) (Job, error) {
	j, err := s.Operator.Run(ctx, p, in.Job, in.Whole)
	return s.standing(ctx, p, j, err)
}

// HeldDecision approves or rejects held actions, by id or all of them.
type HeldDecision struct {
	Approve []lockstep.ActionID `json:"approve,omitempty" maxItems:"10000"`
	Reject  []lockstep.ActionID `json:"reject,omitempty" maxItems:"10000"`
	All     string              `json:"all,omitempty" enum:"approve,reject"`
}

// Decided is how many actions a decision concerned.
type Decided struct {
	Approved int `json:"approved"`
	Rejected int `json:"rejected"`
}

func (s *Server) decideHeld(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body HeldDecision
},
) (Decided, error) {
	approve, reject := in.Body.Approve, in.Body.Reject
	if in.Body.All != "" {
		ids, err := s.Operator.HeldIDs(ctx, p, in.Job)
		if err != nil {
			return Decided{}, err
		}
		if approve, reject = ids, nil; in.Body.All == "reject" {
			approve, reject = nil, ids
		}
	}
	held, err := s.Operator.DecideHeld(ctx, p, in.Job, approve, reject)
	return Decided(held), err
}

// Explanation tells step by step why an object is or is not at the target.
type Explanation struct {
	Source  End              `json:"source"`
	Target  End              `json:"target"`
	In      bool             `json:"in" doc:"Whether the object is in scope."`
	Summary string           `json:"summary" doc:"The answer in one sentence."`
	Grants  []string         `json:"grants,omitempty" doc:"Why it is assigned."`
	Steps   []provision.Step `json:"steps" doc:"import, scope, match, map, action."`
	Action  *Action          `json:"action,omitempty" doc:"What would be done now; absent when nothing would."`

	Clauses  []rule.Clausing `json:"clauses,omitempty" doc:"Every clause of the scoping filter, with the object's values."`
	Requests []TargetRequest `json:"requests,omitempty" doc:"What was asked of the application, then what would be sent. Secrets are masked."`
}

func (s *Server) explain(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Object string `query:"object" required:"true" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string `query:"type" enum:"User,Group" default:"User"`
},
) (Explanation, error) {
	e, err := s.Operator.Explain(ctx, p, in.Job, in.Type, in.Object)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{
		Source: End{e.Source.Type, e.Source.ID, e.Source.Name}, Target: End{e.Target.Type, e.Target.ID, e.Target.Name},
		In: e.In, Summary: e.Summary, Grants: e.Grants, Steps: e.Steps,
		Clauses: e.Clauses, Requests: requestsOf(e.Requests),
	}
	if e.Action != nil {
		a := actionOf(*e.Action)
		out.Action = &a
	}
	return out, nil
}
