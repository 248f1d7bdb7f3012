package api

import (
	"context"
	"net/http"
	"time"

	"lockstep/connection"
	"lockstep/operate"
)

// TargetRequest is one request to an application, and its answer.
type TargetRequest struct {
	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Request  string        `json:"request,omitempty" doc:"Body, secrets masked."`
	Sent     bool          `json:"sent" doc:"False: it would be sent."`
	Status   int           `json:"status,omitempty" doc:"Of the answer."`
	Response string        `json:"response,omitempty" doc:"Body of the answer, secrets masked."`
	Failure  string        `json:"failure,omitempty" doc:"Why there was no answer."`
	Took     time.Duration `json:"took_ns,omitempty"`
}

func requestsOf(all []connection.Exchange) []TargetRequest {
	out := make([]TargetRequest, len(all))
	for i, e := range all {
		out[i] = TargetRequest(e)
	}
	return out
}

// Demand names whom to provision now.
type Demand struct {
	Object string `json:"object" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string `json:"type,omitempty" enum:"User,Group" default:"User"`
	Wait   int    `json:"wait,omitempty" minimum:"1" maximum:"600" default:"60" doc:"Seconds to wait for its end. What has not begun by then is taken back."`
}

// Provisioned is what became of one person or group.
type Provisioned struct {
	Source   End             `json:"source"`
	Cycle    *Cycle          `json:"cycle,omitempty" doc:"Absent when it did not begin."`
	Outcome  operate.Finding `json:"outcome" doc:"What became of it, in a sentence, with the exit code that a command ends with."`
	Actions  []Action        `json:"actions" doc:"What was planned, with what became of each."`
	Requests []TargetRequest `json:"requests" doc:"What was said to the application. Secrets are masked."`
}

func (s *Server) provision(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body Demand
},
) (Provisioned, error) {
	d, err := s.Operator.Provision(ctx, p, in.Job, in.Body.Type, in.Body.Object, time.Duration(in.Body.Wait)*time.Second)
	return provisionedOf(d), err
}

func provisionedOf(d operate.Provisioned) Provisioned {
	out := Provisioned{Source: End{d.Of.Type, d.Of.ID, d.Name}, Outcome: d.Finding, Actions: mapped(d.Rows, "", actionOf).Items, Requests: requestsOf(d.Said)}
	if d.Cycle.ID != "" {
		c := cycleOf(d.Cycle)
		out.Cycle = &c
	}
	return out
}

// Provision provisions one object now.
func (c *Client) Provision(ctx context.Context, job string, d Demand) (Provisioned, error) {
	return call[Provisioned](ctx, c, http.MethodPost, at("jobs", job, "provision"), nil, d)
}
