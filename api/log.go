package api

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/words"
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
	Cycle  string    `query:"cycle" maxLength:"36"`
	State  string    `query:"state" maxLength:"200" doc:"States divided by commas, such as failed,refused."`
	Kind   string    `query:"kind" maxLength:"200" doc:"Kinds divided by commas, such as create,update."`
	Code   string    `query:"code" maxLength:"100" doc:"Part of an error code, such as match."`
	Search string    `query:"search" maxLength:"200" doc:"Part of a name."`
	Words  string    `query:"words" maxLength:"200" doc:"Words, each of which is part of a name, of the detail or of the error code, or the whole id of an object."`
	Since  time.Time `query:"since" doc:"Not before, by the time at which the line ended, or was planned when it has not ended."`
	Until  time.Time `query:"until" doc:"Before."`
}

func (f LogFilter) query() (plan.ActionQuery, error) {
	q := plan.ActionQuery{Cycle: lockstep.CycleID(f.Cycle), Text: f.Search, Words: strings.Fields(f.Words), Code: f.Code, Since: f.Since, Until: f.Until, Newest: true}
	var err error
	if q.States, err = oneOf(f.State, "state", rule.States()); err != nil {
		return q, err
	}
	q.Kinds, err = oneOf(f.Kind, "kind", rule.Kinds())
	return q, err
}

// oneOf reads words divided by commas, each of which must be known.
func oneOf[S ~string](text, what string, known []S) ([]S, error) {
	var all []S
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if !slices.Contains(known, S(word)) {
			var there []string
			for _, k := range known {
				there = append(there, string(k))
			}
			return nil, invalid("“" + clip(word) + "” is no " + what + "; there are: " + strings.Join(there, ", ") + ".")
		}
		all = append(all, S(word))
	}
	return all, nil
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
	return s.Operator.EachLine(hc.Context(), p, operate.LogQuery{Jobs: []string{string(j.ID)}, ActionQuery: q}, func(l operate.LogLine) error {
		return out.Encode(actionOf(l.Action))
	})
}

// LogLine is a line of one of several provisioning logs.
type LogLine struct {
	App string `json:"app" doc:"Short name of the app or source."`
	Action
}

// LogLineOf is a line as it is written.
func LogLineOf(l operate.LogLine) LogLine { return LogLine{l.Job.Slug, actionOf(l.Action)} }

// LogCSV writes lines of provisioning logs as CSV (RFC 4180), one line each, the first with the names of the columns. No cell is a formula.
type LogCSV struct{ out *csv.Writer }

// NewLogCSV begins a table.
func NewLogCSV(w io.Writer) (*LogCSV, error) {
	t := &LogCSV{csv.NewWriter(w)}
	return t, t.write("time", "cycle", "id", "type", "what", "state", "name", "source", "target", "why", "code", "detail", "by", "app", "changes")
}

// Add writes a line.
func (t *LogCSV) Add(l LogLine) error {
	at, by := l.Ended, ""
	if at == nil {
		at = l.Planned
	}
	when := ""
	if at != nil {
		when = at.UTC().Format(time.RFC3339)
	}
	if l.By != nil {
		by = l.By.Name
	}
	return t.write(when, string(l.Cycle), string(l.ID), l.Source.Type, words.DeedOf(rule.Kind(l.Kind)).Will, l.State, cmp.Or(l.Source.Name, l.Target.Name, l.Source.ID),
		l.Source.ID, l.Target.ID, l.Why, string(l.Code), l.Detail, by, l.App, changesText(l.Changes))
}

// changesText is what changes in one cell: attribute: before → after; the next.
func changesText(all []Change) string {
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = c.Attribute + ": " + cmp.Or(c.Before, "nothing") + " → " + cmp.Or(c.After, "nothing")
	}
	return strings.Join(parts, "; ")
}

// Close writes what is left.
func (t *LogCSV) Close() error {
	t.out.Flush()
	return t.out.Error()
}

func (t *LogCSV) write(cells ...string) error {
	for i := range cells {
		cells[i] = words.Cell(words.Clean(cells[i]))
	}
	return t.out.Write(cells)
}
