package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/plan"
	"lockstep/provision"
)

func (s *Server) logRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs/{job}/cycles", "list-cycles", "List the job's cycles, newest first", s.listCycles)
	route(s, a, http.MethodGet, "/jobs/{job}/cycles/{cycle}", "get-cycle", "Show a cycle", s.getCycle)
	route(s, a, http.MethodGet, "/jobs/{job}/actions", "list-actions", "Search the provisioning log, newest first", s.listActions)
	route(s, a, http.MethodGet, "/jobs/{job}/actions/{action}", "get-action", "Show a line of the provisioning log", s.getAction)
	s.exportRoute(a)
}

func (s *Server) listCycles(ctx context.Context, c caller, in *struct {
	JobPath
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"20"`
},
) (list[Cycle], error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return list[Cycle]{}, err
	}
	all, err := s.Store.Cycles(ctx, c.Tenant, j.ID, in.Limit)
	out := listOf[Cycle](nil)
	for _, cy := range all {
		out.Items = append(out.Items, s.fresh(cy))
	}
	return out, err
}

// fresh is cycleOf, with what the slice that runs in this process knows better.
func (s *Server) fresh(c provision.Cycle) Cycle {
	if f, ok := s.Engine.Progress(c.Job); ok && f.ID == c.ID {
		return cycleOf(f)
	}
	return cycleOf(c)
}

func (s *Server) getCycle(ctx context.Context, c caller, in *struct {
	JobPath
	Cycle string `path:"cycle" maxLength:"36"`
},
) (Cycle, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Cycle{}, err
	}
	return s.cycle(ctx, c.Tenant, j.ID, lockstep.CycleID(in.Cycle))
}

// cycle finds a cycle; most callers want one of the newest.
func (s *Server) cycle(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, id lockstep.CycleID) (Cycle, error) {
	for _, limit := range []int{10, 10_000} {
		all, err := s.Store.Cycles(ctx, t, job, limit)
		if err != nil {
			return Cycle{}, err
		}
		for _, cy := range all {
			if cy.ID == id {
				return s.fresh(cy), nil
			}
		}
		if len(all) < limit {
			break
		}
	}
	return Cycle{}, notFound("cycle", string(id))
}

// LogFilter selects lines of the log.
type LogFilter struct {
	JobPath
	Cycle  string `query:"cycle" maxLength:"36"`
	State  string `query:"state" maxLength:"200" doc:"States divided by commas, such as failed,refused."`
	Search string `query:"search" maxLength:"200" doc:"Part of a name."`
}

func (f LogFilter) query() (plan.ActionQuery, error) {
	q := plan.ActionQuery{Cycle: lockstep.CycleID(f.Cycle), Text: f.Search, Newest: true}
	for word := range strings.SplitSeq(f.State, ",") {
		switch st := plan.ActionState(strings.TrimSpace(word)); st {
		case "":
		case plan.Planned, plan.Held, plan.LeftOut, plan.Open, plan.Done, plan.Failed,
			plan.Refused, plan.Rejected, plan.Skipped:
			q.States = append(q.States, st)
		default:
			return q, invalid("“" + clip(word) + "” is no state; there are: planned, held, left_out, open, done, failed, refused, rejected, skipped.")
		}
	}
	return q, nil
}

func (s *Server) listActions(ctx context.Context, c caller, in *struct {
	LogFilter
	After string `query:"after" maxLength:"36" doc:"The next of the page before: older lines follow."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (list[Action], error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return list[Action]{}, err
	}
	q, err := in.query()
	if err != nil {
		return list[Action]{}, err
	}
	q.After, q.Limit = lockstep.ActionID(in.After), in.Limit
	all, err := s.Store.Actions(ctx, c.Tenant, j.ID, q)
	out := listOf[Action](nil)
	for _, a := range all {
		out.Items = append(out.Items, actionOf(a))
	}
	if len(all) == in.Limit {
		out.Next = string(all[len(all)-1].ID)
	}
	return out, err
}

func (s *Server) getAction(ctx context.Context, c caller, in *struct {
	JobPath
	Action string `path:"action" maxLength:"36"`
},
) (Action, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Action{}, err
	}
	found, err := s.Store.Actions(ctx, c.Tenant, j.ID, plan.ActionQuery{IDs: []lockstep.ActionID{lockstep.ActionID(in.Action)}, Limit: 1})
	if err != nil {
		return Action{}, err
	}
	if len(found) == 0 {
		return Action{}, notFound("action", in.Action)
	}
	return actionOf(found[0]), nil
}

// exportRoute registers the log as JSON Lines, newest first: one object a line, without a limit, as fast as it is read.
func (s *Server) exportRoute(a huma.API) {
	op := operation(http.MethodGet, "/jobs/{job}/actions.jsonl", "export-actions", "Export the provisioning log as JSON Lines, newest first")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "One action a line.",
		Content:     map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(a, op, func(ctx context.Context, in *LogFilter) (*huma.StreamResponse, error) {
		c := callerOf(ctx)
		j, err := s.findJob(ctx, c.Tenant, in.Job)
		if err != nil {
			return nil, s.failed(ctx, op.OperationID, err)
		}
		q, err := in.query()
		if err != nil {
			return nil, s.failed(ctx, op.OperationID, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/jsonl")
			if err := s.export(hc, c, j.ID, q); err != nil && ctx.Err() == nil {
				s.log().ErrorContext(ctx, "export stopped half-way", "job", j.Slug, "error", err)
				panic(http.ErrAbortHandler) //nolint:forbidigo // half a log must not look like a whole one
			}
		}}, nil
	})
}

func (s *Server) export(hc huma.Context, c caller, job lockstep.JobID, q plan.ActionQuery) error {
	out := json.NewEncoder(hc.BodyWriter())
	for q.Limit = 1000; ; {
		page, err := s.Store.Actions(hc.Context(), c.Tenant, job, q)
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := out.Encode(actionOf(a)); err != nil {
				return err
			}
			q.After = a.ID
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}
