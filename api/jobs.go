package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/connection"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
)

func (s *Server) jobRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs", "list-jobs", "List the jobs of apps and sources", s.listJobs)
	route(s, a, http.MethodGet, "/jobs/{job}", "get-job", "Show a job", s.getJob)
	route(s, a, http.MethodPatch, "/jobs/{job}", "patch-job", "Name, mode, pause and resume", s.patchJob)
	route(s, a, http.MethodPut, "/jobs/{job}/connection", "put-connection", "Set settings and secrets of the connection", s.putConnection)
	route(s, a, http.MethodPost, "/jobs/{job}/connection/consent", "ask-consent", "Get the address at which an administrator consents to the connection (OAuth 2.0)", s.askConsent)
	route(s, a, http.MethodGet, "/jobs/{job}/connection/consent", "get-consent", "Say how the consent to the connection stands", s.getConsent)
	route(s, a, http.MethodPost, "/jobs/{job}/connection/test", "test-connection", "Test the connection", s.testConnection)
	route(s, a, http.MethodGet, "/jobs/{job}/rules", "get-rules", "Show mappings and scoping filters", s.getRules)
	long(s, a, rule.MaxEntra, http.MethodPost, "/jobs/{job}/rules/read", "read-rules", "Read a schema of Entra ID, or rules, and say what the job's rules would be with it", s.readRules)
	route(s, a, http.MethodPut, "/jobs/{job}/rules", "put-rules", "Replace mappings and scoping filters", s.putRules)
	route(s, a, http.MethodPut, "/jobs/{job}/policy", "put-policy", "Replace the policy", s.putPolicy)
}

// JobPath names a job in a path.
type JobPath struct {
	Job string `path:"job" maxLength:"80" doc:"Slug of the app or source, or id of the job."`
}

func (s *Server) listJobs(ctx context.Context, p operate.Principal, _ *struct{}) (list[Job], error) {
	all, err := s.Operator.ListJobs(ctx, p)
	if err != nil {
		return list[Job]{}, err
	}
	out := listOf[Job](nil)
	for _, j := range all {
		v, err := s.standing(ctx, p, j, nil)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

// standing is jobOf with how the job stands. It takes the error of reading the job on, for the end of a function.
func (s *Server) standing(ctx context.Context, p operate.Principal, j provision.Job, err error) (Job, error) {
	if err != nil {
		return Job{}, err
	}
	v := jobOf(j)
	state, err := s.Operator.State(ctx, p, j)
	v.Standing = &state
	return v, err
}

func (s *Server) getJob(ctx context.Context, p operate.Principal, in *JobPath) (Job, error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	return s.standing(ctx, p, j, err)
}

// JobPatch changes what is given.
type JobPatch struct {
	Name  string `json:"name,omitempty" maxLength:"200"`
	Mode  string `json:"mode,omitempty" enum:"auto,manual"`
	State string `json:"state,omitempty" enum:"active,paused" doc:"active also ends a quarantine: the job is tried at once."`
}

func (s *Server) patchJob(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body JobPatch
},
) (Job, error) {
	c := operate.JobChange{Name: in.Body.Name, State: provision.JobState(in.Body.State)}
	if in.Body.Mode != "" {
		manual := in.Body.Mode == "manual"
		c.Manual = &manual
	}
	j, err := s.Operator.ChangeJob(ctx, p, in.Job, c)
	return s.standing(ctx, p, j, err)
}

// ConnectionChange sets what is given; an empty value removes a setting or a secret.
type ConnectionChange struct {
	Settings map[string]string `json:"settings,omitempty" maxProperties:"50"`
	Secrets  map[string]string `json:"secrets,omitempty" maxProperties:"20" doc:"Values are kept sealed and never shown."`

	TenantURL string `json:"tenant_url,omitempty" maxLength:"2000" doc:"In place of settings: the address that instructions print for the system, of any form, or an organisation's id."`
	Redirect  string `json:"redirect,omitempty" maxLength:"20000" doc:"In place of the token: the whole address at which signing in for it has ended. Token and expiry are taken out of it; nothing else is kept."`
}

func (s *Server) putConnection(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body ConnectionChange
},
) (Job, error) {
	j, err := s.Operator.SetConnection(ctx, p, in.Job, operate.ConnectionChange(in.Body))
	v, err := s.standing(ctx, p, j, err)
	if shared, e := s.Operator.Shared(ctx, p, in.Job); err == nil && e == nil { // whoever may only write is not told
		v.Shared = shared
	}
	return v, err
}

// TestResult is the outcome of a connection test.
type TestResult struct {
	OK     bool               `json:"ok"`
	Checks []connection.Check `json:"checks"`
	Code   lockstep.Code      `json:"code,omitempty"`
	Detail string             `json:"detail,omitempty"`
	Hint   string             `json:"hint,omitempty"`
}

func (s *Server) testConnection(ctx context.Context, p operate.Principal, in *JobPath) (TestResult, error) {
	out := TestResult{Checks: []connection.Check{}}
	err := s.Operator.TestConnection(ctx, p, in.Job, func(check connection.Check) { out.Checks = append(out.Checks, check) })
	failed, is := errors.AsType[*operate.TestFailed](err)
	if err == nil {
		out.OK = true
	}
	if err == nil || !is {
		return out, err
	}
	said := problemOf(failed.Err) // a failed test is a result of this request, not a failure of it
	out.Code, out.Detail, out.Hint = said.Code, orElse(said.Detail, said.Title), said.Hint
	return out, nil
}

// RulesView is a job's rules with the version that they belong to.
type RulesView struct {
	Config int64 `json:"config" doc:"Pass it as config to put-rules so as not to overwrite somebody else's change."`
	Rules  Rules `json:"rules"`
}

func rulesOf(j provision.Job) RulesView { return RulesView{Config: j.Config, Rules: Rules(j.Rules)} }

func (s *Server) getRules(ctx context.Context, p operate.Principal, in *JobPath) (RulesView, error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	return rulesOf(j), err
}

func (s *Server) putRules(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Config int64 `query:"config" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body   Rules
},
) (RulesView, error) {
	j, err := s.Operator.SetRules(ctx, p, in.Job, in.Config, rule.Rules(in.Body))
	return rulesOf(j), err
}

// EntraSchema is a provisioning schema as Entra ID exports it, one of its rules, or Rules.
type EntraSchema json.RawMessage

// Schema implements huma.SchemaProvider: any JSON object.
func (EntraSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "As GET …/synchronization/jobs/{id}/schema of Microsoft Graph has it."}
}

// MarshalJSON implements json.Marshaler.
func (s EntraSchema) MarshalJSON() ([]byte, error) { return json.RawMessage(s).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (s *EntraSchema) UnmarshalJSON(text []byte) error {
	return (*json.RawMessage)(s).UnmarshalJSON(text)
}

// ReadRules is what a job's rules would be with a schema that was read.
type ReadRules struct {
	Config   int64    `json:"config" doc:"Version of the rules that it was read for: pass it to put-rules."`
	Revision int64    `json:"revision" doc:"Of the draft that it was read for, 0 for none: pass it to draft-rules."`
	Rules    Rules    `json:"rules" doc:"For put-rules or draft-rules: nothing is kept by reading."`
	Problems []string `json:"problems" doc:"What was not taken over, and why."`
}

func (s *Server) readRules(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Draft bool `query:"draft" doc:"What the schema does not speak of stays as it is in the draft, not as it is in force."`
	Body  EntraSchema
},
) (ReadRules, error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	if err != nil {
		return ReadRules{}, err
	}
	out, base := ReadRules{Config: j.Config}, j.Rules
	if in.Draft {
		d, err := s.Operator.Draft(ctx, p, in.Job)
		if err != nil {
			return ReadRules{}, err
		}
		if out.Revision = d.Revision; d.Revision != 0 {
			base = d.Configuration.Rules
		}
	}
	rules, problems, err := s.Operator.ReadRules(ctx, p, in.Job, base, in.Body)
	out.Rules, out.Problems = Rules(rules), append([]string{}, problems...)
	return out, err
}

func (s *Server) putPolicy(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Config int64 `query:"config" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body   Policy
},
) (Job, error) {
	j, err := s.Operator.SetPolicy(ctx, p, in.Job, in.Config, in.Body.domain())
	return s.standing(ctx, p, j, err)
}
