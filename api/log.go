package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
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

func (s *Server) listCycles(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"20"`
},
) (list[Cycle], error) {
	all, err := s.Operator.Cycles(ctx, p, in.Job, in.Limit)
	return mapped(all, "", cycleOf), err
}

func (s *Server) getCycle(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Cycle string `path:"cycle" maxLength:"36"`
},
) (Cycle, error) {
	c, err := s.Operator.Cycle(ctx, p, in.Job, lockstep.CycleID(in.Cycle))
	return cycleOf(c), err
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

func (s *Server) listActions(ctx context.Context, p operate.Principal, in *struct {
	LogFilter
	After string `query:"after" maxLength:"36" doc:"The next of the page before: older lines follow."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (list[Action], error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	if err != nil {
		return list[Action]{}, err
	}
	q, err := in.query()
	if err != nil {
		return list[Action]{}, err
	}
	q.After, q.Limit = lockstep.ActionID(in.After), in.Limit
	all, err := s.Operator.Actions(ctx, p, j, q)
	next := ""
	if len(all) == in.Limit {
		next = string(all[len(all)-1].ID)
	}
	return mapped(all, next, actionOf), err
}

func (s *Server) getAction(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Action string `path:"action" maxLength:"36"`
},
) (Action, error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	if err != nil {
		return Action{}, err
	}
	found, err := s.Operator.Actions(ctx, p, j, plan.ActionQuery{IDs: []lockstep.ActionID{lockstep.ActionID(in.Action)}, Limit: 1})
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
		p := principalOf(ctx)
		j, err := s.Operator.Job(ctx, p, in.Job)
		if err != nil {
			return nil, s.failed(ctx, op.OperationID, err)
		}
		q, err := in.query()
		if err != nil {
			return nil, s.failed(ctx, op.OperationID, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/jsonl")
			if err := s.export(hc, p, j, q); err != nil && ctx.Err() == nil {
				s.log().ErrorContext(ctx, "export stopped half-way", "job", j.Slug, "error", err)
				panic(http.ErrAbortHandler) //nolint:forbidigo // half a log must not look like a whole one
			}
		}}, nil
	})
}

func (s *Server) export(hc huma.Context, p operate.Principal, j provision.Job, q plan.ActionQuery) error {
	out := json.NewEncoder(hc.BodyWriter())
	for q.Limit = 1000; ; {
		page, err := s.Operator.Actions(hc.Context(), p, j, q)
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
