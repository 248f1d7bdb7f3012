package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/plan"
	"lockstep/provision"
)

func (s *Server) planRoutes(a huma.API) {
	route(s, a, http.MethodPost, "/jobs/{job}/plan", "plan", "Show what would be done, and keep it for apply when the job is in mode manual", s.plan)
	route(s, a, http.MethodPost, "/jobs/{job}/apply", "apply", "Carry out the plan that was reviewed", s.apply)
	route(s, a, http.MethodPost, "/jobs/{job}/discard", "discard", "Drop the plan that was reviewed", s.discard)
	route(s, a, http.MethodPost, "/jobs/{job}/run", "run", "Begin a cycle now", s.run)
	route(s, a, http.MethodPost, "/jobs/{job}/held", "decide-held", "Approve or reject what the guard holds", s.decideHeld)
	route(s, a, http.MethodGet, "/jobs/{job}/explain", "explain", "Tell why a person is or is not in the application", s.explain)
}

// Plan is what a job would do.
type Plan struct {
	Cycle    *Cycle           `json:"cycle,omitempty" doc:"The cycle that waits for apply; absent for a preview, or when there is nothing to do."`
	Preview  bool             `json:"preview" doc:"Nothing was kept: the job is in mode auto."`
	Counts   provision.Counts `json:"counts"`
	Kinds    map[string]int   `json:"kinds" doc:"Actions by kind, without what is held or cannot be done."`
	Held     int              `json:"held"`
	Problems int              `json:"problems" doc:"People for whom something cannot be done."`
	Actions  []Action         `json:"actions" doc:"The first of them, at most limit."`
	More     int              `json:"more" doc:"How many were left out."`
}

func newPlan() Plan { return Plan{Kinds: map[string]int{}, Actions: []Action{}} }

// add counts the action and keeps it within the limit.
func (p *Plan) add(a plan.Action, limit int) {
	switch {
	case a.State == plan.Held:
		p.Held++
	case a.Code != "":
		p.Problems++
	default:
		p.Kinds[string(a.Kind)]++
	}
	if len(p.Actions) < limit {
		p.Actions = append(p.Actions, actionOf(a))
	} else {
		p.More++
	}
}

type planInput struct {
	JobPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Actions to show."`
	Wait  int `query:"wait" minimum:"1" maximum:"600" default:"120" doc:"Seconds to wait for the plan."`
}

func (s *Server) plan(ctx context.Context, c caller, in *planInput) (Plan, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Plan{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
	defer cancel()
	if !j.Manual {
		return s.preview(ctx, c, j, in.Limit)
	}
	cycle, err := s.newReview(ctx, c, j)
	if err != nil || cycle == nil {
		return newPlan(), err
	}
	return s.review(ctx, c, j, *cycle, in.Limit)
}

func (s *Server) preview(ctx context.Context, c caller, j provision.Job, limit int) (Plan, error) {
	p := newPlan()
	p.Preview = true
	var err error
	p.Counts, err = s.Engine.Preview(ctx, c.Tenant, j.ID, func(a plan.Action) error {
		p.add(a, limit)
		return nil
	})
	return p, err
}

// newReview opens a planning cycle, in place of a plan that waits already, and waits until it can be reviewed. Without
// anything to do there is no cycle to review.
func (s *Server) newReview(ctx context.Context, c caller, j provision.Job) (*provision.Cycle, error) {
	if j.Cycle != nil {
		switch j.Cycle.Phase {
		case provision.Applying:
			return nil, &lockstep.Error{Code: lockstep.CodeConflict, Detail: "A plan is being applied; make a new one when it has ended."}
		case provision.Review:
			err := s.Settings.Decide(ctx, c.Actor, c.Tenant, j.ID, provision.Verdict{Cycle: j.Cycle.ID, Discard: true})
			if err != nil {
				return nil, err
			}
		}
	}
	began := s.now()
	if err := s.runNow(ctx, c, j); err != nil {
		return nil, err
	}
	var cycle *provision.Cycle
	err := s.await(ctx, c.Tenant, j.ID, func(now provision.Job) (bool, error) {
		if failed := stopped(now, began); failed != nil {
			return false, failed
		}
		if now.Cycle != nil && now.Cycle.Phase == provision.Review {
			cycle = now.Cycle
			return true, nil
		}
		if now.Cycle != nil {
			return false, nil
		}
		last, err := s.Store.Cycles(ctx, c.Tenant, j.ID, 1)
		return err == nil && len(last) == 1 && !last[0].EndedAt.Before(began), err
	})
	return cycle, err
}

// stopped returns why the job has stopped since the instant, or nil.
func stopped(j provision.Job, since time.Time) error {
	if j.Code == "" || j.NotBefore.Before(since) {
		return nil
	}
	return &lockstep.Error{Code: j.Code, Detail: j.Detail}
}

// poll is how often a waiting request looks at a job.
const poll = 50 * time.Millisecond

// await calls done with the job until it says so, fails, or the time is up.
func (s *Server) await(ctx context.Context, t lockstep.TenantID, id lockstep.JobID, done func(provision.Job) (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		j, err := s.Store.Job(ctx, t, id)
		if err != nil {
			return err
		}
		if ok, err := done(j); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return &lockstep.Error{Code: lockstep.CodeTimeout, Detail: "The job is still at work; look at it again later.", Err: ctx.Err()}
		case <-tick.C:
		}
	}
}

// review reads a plan back from the store.
func (s *Server) review(ctx context.Context, c caller, j provision.Job, cycle provision.Cycle, limit int) (Plan, error) {
	p := newPlan()
	view := cycleOf(cycle)
	p.Cycle, p.Counts = &view, cycle.Counts
	tally, err := s.Store.Tally(ctx, c.Tenant, j.ID, cycle.ID)
	if err != nil {
		return p, err
	}
	for k, n := range tally.Actions {
		switch k.State {
		case plan.Planned:
			p.Kinds[string(k.Kind)] += n
		case plan.Held:
			p.Held += n
		case plan.Skipped, plan.Refused, plan.Failed:
			p.Problems += n
		}
		p.More += n
	}
	actions, err := s.Store.Actions(ctx, c.Tenant, j.ID, plan.ActionQuery{Cycle: cycle.ID, Limit: limit})
	for _, a := range actions {
		p.Actions = append(p.Actions, actionOf(a))
	}
	p.More = max(0, p.More-len(p.Actions))
	return p, err
}

// ApplyInput chooses what of a plan is carried out.
type ApplyInput struct {
	Cycle   lockstep.CycleID    `json:"cycle,omitempty" maxLength:"36" doc:"The plan as it was shown; another one by now is refused. Absent: the one that waits."`
	Approve []lockstep.ActionID `json:"approve,omitempty" maxItems:"10000" doc:"Held actions that may go."`
	Reject  []lockstep.ActionID `json:"reject,omitempty" maxItems:"10000" doc:"Actions to leave out."`
}

func (s *Server) apply(ctx context.Context, c caller, in *struct {
	JobPath
	Body ApplyInput
},
) (Cycle, error) {
	return s.decide(ctx, c, in.Job, in.Body.Cycle, provision.Verdict{Apply: true, Approve: in.Body.Approve, Reject: in.Body.Reject})
}

func (s *Server) discard(ctx context.Context, c caller, in *struct {
	JobPath
	Body struct {
		Cycle lockstep.CycleID `json:"cycle,omitempty" maxLength:"36"`
	}
},
) (Cycle, error) {
	return s.decide(ctx, c, in.Job, in.Body.Cycle, provision.Verdict{Discard: true})
}

// decide gives the verdict on the plan that waits, if it is the one that was meant.
func (s *Server) decide(ctx context.Context, c caller, name string, cycle lockstep.CycleID, v provision.Verdict) (Cycle, error) {
	j, err := s.findJob(ctx, c.Tenant, name)
	if err != nil {
		return Cycle{}, err
	}
	switch {
	case j.Cycle == nil || j.Cycle.Phase != provision.Review:
		return Cycle{}, &lockstep.Error{Code: lockstep.CodePlanStale, Detail: "No plan waits to be applied."}
	case cycle != "" && j.Cycle.ID != cycle:
		return Cycle{}, &lockstep.Error{Code: lockstep.CodePlanStale, Detail: "Another plan has taken the place of this one."}
	}
	v.Cycle = j.Cycle.ID
	if err := s.Settings.Decide(ctx, c.Actor, c.Tenant, j.ID, v); err != nil {
		return Cycle{}, err
	}
	s.wake()
	return s.cycle(ctx, c.Tenant, j.ID, v.Cycle)
}

func (s *Server) run(ctx context.Context, c caller, in *JobPath) (Job, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Job{}, err
	}
	if err := s.runNow(ctx, c, j); err != nil {
		return Job{}, err
	}
	return s.getJob(ctx, c, &JobPath{Job: string(j.ID)})
}

// runNow makes the job due at once, also when it waits after a failure.
func (s *Server) runNow(ctx context.Context, c caller, j provision.Job) error {
	_, err := s.changeJob(ctx, c, string(j.ID), func(j *provision.Job) error {
		if j.State == provision.Paused {
			return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "The job is paused; resume it first."}
		}
		j.State, j.NextRun, j.NotBefore = provision.Active, s.now(), time.Time{}
		return nil
	})
	return err
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

func (s *Server) decideHeld(ctx context.Context, c caller, in *struct {
	JobPath
	Body HeldDecision
},
) (Decided, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Decided{}, err
	}
	v := provision.Verdict{Approve: in.Body.Approve, Reject: in.Body.Reject}
	if in.Body.All != "" {
		ids, err := s.heldIDs(ctx, c.Tenant, j.ID)
		if err != nil {
			return Decided{}, err
		}
		if in.Body.All == "approve" {
			v.Approve = ids
		} else {
			v.Reject = ids
		}
	}
	if len(v.Approve)+len(v.Reject) == 0 {
		return Decided{}, &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "Nothing is held."}
	}
	if j.Cycle != nil {
		v.Cycle = j.Cycle.ID
	}
	if err := s.Settings.Decide(ctx, c.Actor, c.Tenant, j.ID, v); err != nil {
		return Decided{}, err
	}
	s.wake()
	return Decided{Approved: len(v.Approve), Rejected: len(v.Reject)}, nil
}

func (s *Server) heldIDs(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) ([]lockstep.ActionID, error) {
	held, err := s.Store.Actions(ctx, t, job, plan.ActionQuery{States: []plan.ActionState{plan.Held}, Limit: 10_000})
	ids := make([]lockstep.ActionID, len(held))
	for i, a := range held {
		ids[i] = a.ID
	}
	return ids, err
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
}

func (s *Server) explain(ctx context.Context, c caller, in *struct {
	JobPath
	Object string `query:"object" required:"true" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string `query:"type" enum:"User,Group" default:"User"`
},
) (Explanation, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Explanation{}, err
	}
	ref, name, err := s.sourceRef(ctx, c.Tenant, j, in.Type, in.Object)
	if err != nil {
		return Explanation{}, err
	}
	e, err := s.Engine.Explain(ctx, c.Tenant, j.ID, ref)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{
		Source: End{e.Source.Type, e.Source.ID, orElse(e.Source.Name, name)}, Target: End{e.Target.Type, e.Target.ID, e.Target.Name},
		In: e.In, Summary: e.Summary, Grants: e.Grants, Steps: e.Steps,
	}
	if e.Action != nil {
		a := actionOf(*e.Action)
		out.Action = &a
	}
	return out, nil
}

// sourceRef finds what the name means at the job's source. An inbound job's source has ids of its own: a person of the
// directory is found there by the link, anything else is taken as an id of the source.
func (s *Server) sourceRef(ctx context.Context, t lockstep.TenantID, j provision.Job, typ, name string) (connection.Ref, string, error) {
	id, shown, err := s.directoryID(ctx, t, typ, name)
	switch {
	case j.Direction == provision.Outbound:
		return connection.Ref{Type: typ, ID: id}, shown, err
	case lockstep.CodeOf(err) == lockstep.CodeNotFound:
		return connection.Ref{Type: typ, ID: name}, name, nil
	case err != nil:
		return connection.Ref{}, "", err
	}
	links, err := s.Store.Links(ctx, t, j.ID, plan.LinkQuery{Type: typ, Targets: []string{id}, Limit: 1})
	if err != nil || len(links) == 0 {
		return connection.Ref{Type: typ, ID: name}, shown, err
	}
	return links[0].Source, shown, nil
}

func (s *Server) directoryID(ctx context.Context, t lockstep.TenantID, typ, name string) (id, shown string, err error) {
	if typ == string(directory.GroupKind) {
		g, err := s.findGroup(ctx, t, name, true)
		return string(g.ID), g.Attributes.Text("displayName"), err
	}
	u, err := s.findUser(ctx, t, name, true)
	return string(u.ID), u.Attributes.Text("userName"), err
}
