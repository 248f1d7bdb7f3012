package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
)

func (s *Server) planRoutes(a huma.API) {
	s.byHandRoutes(a)
	s.accountRoutes(a)
	s.draftRoutes(a)
	route(s, a, http.MethodPost, "/jobs/{job}/plan", "plan", "Show what would be done, and keep it for apply when the job is in mode manual", s.plan)
	route(s, a, http.MethodGet, "/jobs/{job}/plan", "get-plan", "Show the plan that waits for apply, as it was made", s.waitingPlan)
	route(s, a, http.MethodPost, "/jobs/{job}/apply", "apply", "Carry out the plan that was reviewed", s.apply)
	route(s, a, http.MethodPost, "/jobs/{job}/apply/one", "apply-one", "Carry out what the plan that waits has for one person or group; the rest goes on waiting", s.applyOne)
	route(s, a, http.MethodGet, "/jobs/{job}/plan/rows", "list-plan-rows", "List rows of the plan that waits, or what the guard holds, with how many there are of each deed and cause", s.planRows)
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
	Reject  []lockstep.ActionID `json:"reject,omitempty" maxItems:"10000" doc:"Actions to leave out. As long as the same is to be done they are not planned again."`
	Note    string              `json:"note,omitempty" maxLength:"2000" doc:"Why, for the audit log."`
}

func (s *Server) apply(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body ApplyInput
},
) (Cycle, error) {
	c, err := s.Operator.Apply(ctx, p, in.Job, operate.Answer(in.Body))
	return cycleOf(c), err
}

func (s *Server) applyOne(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body ApplyOne
},
) (Provisioned, error) {
	out, err := s.Operator.ApplyTo(ctx, p, in.Job, in.Body.Type, in.Body.Object, operate.Answer{Cycle: in.Body.Cycle, Note: in.Body.Note}, time.Duration(in.Body.Wait)*time.Second)
	return provisionedOf(out), err
}

// ApplyOne names for whom alone a plan is applied.
type ApplyOne struct {
	Object string           `json:"object" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string           `json:"type,omitempty" enum:"User,Group" default:"User"`
	Wait   int              `json:"wait,omitempty" minimum:"1" maximum:"600" default:"60" doc:"Seconds to wait for its end."`
	Cycle  lockstep.CycleID `json:"cycle,omitempty" maxLength:"36" doc:"The plan as it was shown; another one by now is refused. Absent: the one that waits."`
	Note   string           `json:"note,omitempty" maxLength:"2000" doc:"Why, for the audit log."`
}

// ApplyOne carries out what the plan that waits has for one object.
func (c *Client) ApplyOne(ctx context.Context, job string, in ApplyOne) (Provisioned, error) {
	return call[Provisioned](ctx, c, http.MethodPost, at("jobs", job, "apply", "one"), nil, in)
}

// RowGroup is how many rows of one deed and cause there are.
type RowGroup struct {
	Kind  string `json:"kind"`
	Type  string `json:"type" doc:"Of the objects, such as User."`
	Cause string `json:"cause" doc:"Of updates the attributes that they change, of others the rule; of what cannot be done the error code."`
	N     int    `json:"n"`
}

// PlanRows is a page of rows that wait.
type PlanRows struct {
	Groups []RowGroup `json:"groups" doc:"Of all that the filter lets through, but for its search."`
	Items  []Action   `json:"items"`
	Next   string     `json:"next,omitempty" doc:"Pass it as after to get what follows; absent at the end."`
}

func (s *Server) planRows(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Show      string `query:"show" enum:"planned,held,left_out,cannot" default:"planned" doc:"What: planned, held by the guard, left out of the plan by somebody, or cannot be done."`
	Kind      string `query:"kind" maxLength:"20" doc:"Such as create."`
	Cause     string `query:"cause" maxLength:"400" doc:"Exactly this, as groups have it."`
	Attribute string `query:"attribute" maxLength:"200" doc:"Updates of this attribute, whatever else they change."`
	Search    string `query:"search" maxLength:"200" doc:"Part of a name."`
	After     string `query:"after" maxLength:"4000" doc:"The next of the page before."`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (PlanRows, error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	if err != nil {
		return PlanRows{}, err
	}
	f := operate.RowFilter{State: shownStates[in.Show], Kind: rule.Kind(in.Kind), Attribute: in.Attribute, Text: in.Search}
	if in.Cause != "" {
		f.Cause = &in.Cause
	}
	page, err := s.Operator.Waiting(ctx, p, j, f, in.After, in.Limit)
	out := PlanRows{Groups: make([]RowGroup, len(page.Groups)), Items: mapped(page.Rows, "", actionOf).Items, Next: page.Next}
	for i, g := range page.Groups {
		out.Groups[i] = RowGroup{string(g.Kind), g.Type, g.Cause, g.N}
	}
	return out, err
}

// shownStates are what list-plan-rows shows.
var shownStates = map[string]plan.ActionState{"planned": plan.Planned, "held": plan.Held, "left_out": plan.Rejected, "cannot": plan.Refused}

func (s *Server) discard(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body struct {
		Cycle lockstep.CycleID `json:"cycle,omitempty" maxLength:"36"`
		Note  string           `json:"note,omitempty" maxLength:"2000" doc:"Why, for the audit log."`
	}
},
) (Cycle, error) {
	c, err := s.Operator.Discard(ctx, p, in.Job, operate.Answer{Cycle: in.Body.Cycle, Note: in.Body.Note})
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
	All     string              `json:"all,omitempty" enum:"approve,reject" doc:"All that is held, or with kind all of that kind, however many they are."`
	Kind    string              `json:"kind,omitempty" maxLength:"20" doc:"With all: actions of this kind, such as disable."`
	Note    string              `json:"note,omitempty" maxLength:"2000" doc:"Why, for the audit log."`
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
	a := operate.HeldAnswer{Approve: in.Body.Approve, Reject: in.Body.Reject, Note: in.Body.Note}
	if in.Body.All != "" {
		j, err := s.Operator.Job(ctx, p, in.Job)
		if err != nil {
			return Decided{}, err
		}
		all, err := s.Operator.Waiting(ctx, p, j, operate.RowFilter{State: plan.Held, Kind: rule.Kind(in.Body.Kind)}, "", 1)
		if err != nil {
			return Decided{}, err
		}
		a.Approve, a.Reject = nil, nil
		if a.ApproveAll = all.Groups; in.Body.All == "reject" {
			a.ApproveAll, a.RejectAll = nil, all.Groups
		}
	}
	held, err := s.Operator.DecideHeld(ctx, p, in.Job, a)
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
