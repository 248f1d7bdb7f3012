package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/connection"
	"lockstep/provision"
	"lockstep/rule"
)

func (s *Server) jobRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs", "list-jobs", "List the jobs of apps and sources", s.listJobs)
	route(s, a, http.MethodGet, "/jobs/{job}", "get-job", "Show a job", s.getJob)
	route(s, a, http.MethodPatch, "/jobs/{job}", "patch-job", "Name, mode, pause and resume", s.patchJob)
	route(s, a, http.MethodPut, "/jobs/{job}/connection", "put-connection", "Set settings and secrets of the connection", s.putConnection)
	route(s, a, http.MethodPost, "/jobs/{job}/connection/test", "test-connection", "Test the connection", s.testConnection)
	route(s, a, http.MethodGet, "/jobs/{job}/rules", "get-rules", "Show mappings and scoping filters", s.getRules)
	route(s, a, http.MethodPut, "/jobs/{job}/rules", "put-rules", "Replace mappings and scoping filters", s.putRules)
	route(s, a, http.MethodPut, "/jobs/{job}/policy", "put-policy", "Replace the policy", s.putPolicy)
}

// JobPath names a job in a path.
type JobPath struct {
	Job string `path:"job" maxLength:"80" doc:"Slug of the app or source, or id of the job."`
}

func (s *Server) findJob(ctx context.Context, t lockstep.TenantID, name string) (provision.Job, error) {
	all, err := s.Settings.ListJobs(ctx, t)
	if err != nil {
		return provision.Job{}, err
	}
	for _, j := range all {
		if j.Slug == name || string(j.ID) == name {
			return s.Store.Job(ctx, t, j.ID) // with its open cycle
		}
	}
	return provision.Job{}, notFound("app or source", name)
}

func (s *Server) listJobs(ctx context.Context, c caller, _ *struct{}) (list[Job], error) {
	all, err := s.Settings.ListJobs(ctx, c.Tenant)
	if err != nil {
		return list[Job]{}, err
	}
	out := listOf[Job](nil)
	for _, j := range all {
		out.Items = append(out.Items, s.view(j))
	}
	return out, nil
}

// view is jobOf with the cycle of a slice that runs in this process, which is fresher than what is stored.
func (s *Server) view(j provision.Job) Job {
	v := jobOf(j)
	if c, ok := s.Engine.Progress(j.ID); ok && v.Cycle != nil && c.ID == v.Cycle.ID {
		fresh := cycleOf(c)
		v.Cycle = &fresh
	}
	return v
}

func (s *Server) getJob(ctx context.Context, c caller, in *JobPath) (Job, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Job{}, err
	}
	return s.view(j), nil
}

// changeJob reads a job, changes it and writes it, again when somebody else was faster.
func (s *Server) changeJob(ctx context.Context, c caller, name string, f func(*provision.Job) error) (Job, error) {
	for attempt := 1; ; attempt++ {
		j, err := s.findJob(ctx, c.Tenant, name)
		if err != nil {
			return Job{}, err
		}
		if err := f(&j); err != nil {
			return Job{}, err
		}
		err = s.Settings.PutJob(ctx, c.Actor, j)
		if errors.Is(err, lockstep.ErrVersion) && attempt < 5 {
			continue
		}
		if err != nil {
			return Job{}, err
		}
		s.wake()
		return s.getJob(ctx, c, &JobPath{Job: string(j.ID)})
	}
}

// JobPatch changes what is given.
type JobPatch struct {
	Name  string `json:"name,omitempty" maxLength:"200"`
	Mode  string `json:"mode,omitempty" enum:"auto,manual"`
	State string `json:"state,omitempty" enum:"active,paused" doc:"active also ends a quarantine: the job is tried at once."`
}

func (s *Server) patchJob(ctx context.Context, c caller, in *struct {
	JobPath
	Body JobPatch
},
) (Job, error) {
	return s.changeJob(ctx, c, in.Job, func(j *provision.Job) error {
		if in.Body.Name != "" {
			j.Name = in.Body.Name
		}
		if in.Body.Mode != "" {
			j.Manual = in.Body.Mode == "manual"
		}
		switch in.Body.State {
		case "paused":
			j.State = provision.Paused
		case "active":
			if j.State == provision.Quarantined {
				j.NextRun = s.now()
			}
			j.State = provision.Active
		}
		return nil
	})
}

// ConnectionChange sets what is given; an empty value removes a setting or a secret.
type ConnectionChange struct {
	Settings map[string]string `json:"settings,omitempty" maxProperties:"50"`
	Secrets  map[string]string `json:"secrets,omitempty" maxProperties:"20" doc:"Values are kept sealed and never shown."`
}

func (s *Server) putConnection(ctx context.Context, c caller, in *struct {
	JobPath
	Body ConnectionChange
},
) (Job, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return Job{}, err
	}
	t, err := s.template(j.Connection.Kind, j.Direction)
	if err != nil {
		return Job{}, err
	}
	if err := t.check(in.Body.Settings, slices.Collect(maps.Keys(in.Body.Secrets))); err != nil {
		return Job{}, err
	}
	for name, v := range in.Body.Settings {
		if len(v) > 4000 {
			return Job{}, invalid("The setting " + name + " is longer than 4,000 bytes.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Body.Secrets)) {
		if len(in.Body.Secrets[name]) > 16_000 {
			return Job{}, invalid("The secret " + name + " is longer than 16,000 bytes.")
		}
		if err := s.Settings.SetSecret(ctx, c.Actor, c.Tenant, j.ID, name, in.Body.Secrets[name]); err != nil {
			return Job{}, err
		}
	}
	if len(in.Body.Settings) == 0 {
		s.wake()
		return s.getJob(ctx, c, &JobPath{Job: string(j.ID)})
	}
	return s.changeJob(ctx, c, in.Job, func(j *provision.Job) error {
		all := maps.Clone(j.Connection.Settings)
		if all == nil {
			all = map[string]string{}
		}
		for name, v := range in.Body.Settings {
			if v == "" {
				delete(all, name)
			} else {
				all[name] = v
			}
		}
		j.Connection.Settings = all
		return nil
	})
}

// TestResult is the outcome of a connection test.
type TestResult struct {
	OK     bool               `json:"ok"`
	Checks []connection.Check `json:"checks"`
	Code   lockstep.Code      `json:"code,omitempty"`
	Detail string             `json:"detail,omitempty"`
	Hint   string             `json:"hint,omitempty"`
}

// testFor bounds a connection test.
const testFor = 60 * time.Second

func (s *Server) testConnection(ctx context.Context, c caller, in *JobPath) (TestResult, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return TestResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, testFor)
	defer cancel()
	out := TestResult{Checks: []connection.Check{}}
	err = s.Engine.Test(ctx, c.Tenant, j.ID, func(check connection.Check) { out.Checks = append(out.Checks, check) })
	if err == nil {
		out.OK = true
		return out, nil
	}
	p := problemOf(err) // a failed test is a result of this request, not a failure of it
	out.Code, out.Detail, out.Hint = p.Code, orElse(p.Detail, p.Title), p.Hint
	return out, nil
}

// RulesView is a job's rules with the version that they belong to.
type RulesView struct {
	Config int64 `json:"config" doc:"Pass it as config to put-rules so as not to overwrite somebody else's change."`
	Rules  Rules `json:"rules"`
}

func (s *Server) getRules(ctx context.Context, c caller, in *JobPath) (RulesView, error) {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	return RulesView{Config: j.Config, Rules: Rules(j.Rules)}, err
}

func (s *Server) putRules(ctx context.Context, c caller, in *struct {
	JobPath
	Config int64 `query:"config" minimum:"0" doc:"Write only if this is still the version; 0 is whatever it is."`
	Body   Rules
},
) (RulesView, error) {
	if err := checkRules(rule.Rules(in.Body)); err != nil {
		return RulesView{}, err
	}
	_, err := s.changeJob(ctx, c, in.Job, func(j *provision.Job) error {
		if in.Config != 0 && in.Config != j.Config {
			return &lockstep.Error{Code: lockstep.CodeVersion, Detail: "The rules were changed by somebody else in the meantime."}
		}
		j.Rules = rule.Rules(in.Body)
		return nil
	})
	if err != nil {
		return RulesView{}, err
	}
	return s.getRules(ctx, c, &in.JobPath)
}

// checkRules compiles the rules and returns everything that is wrong with them as one problem.
func checkRules(r rule.Rules) error {
	if len(r.Objects) == 0 || len(r.Objects) > 20 {
		return invalid("Rules have one to twenty object mappings.")
	}
	var all []error
	var fields []FieldError
	for _, m := range r.Objects {
		_, problems := rule.Compile(m, nil, rule.Options{})
		for _, err := range problems {
			all = append(all, err)
			fields = append(fields, FieldError{Location: m.Name, Message: problemOf(err).Detail})
		}
	}
	if len(all) == 0 {
		return nil
	}
	p := problemOf(all[0])
	if len(all) > 1 {
		p.Errors = fields
	}
	return p
}

func (s *Server) putPolicy(ctx context.Context, c caller, in *struct {
	JobPath
	Body Policy
},
) (Job, error) {
	return s.changeJob(ctx, c, in.Job, func(j *provision.Job) error {
		j.Policy = in.Body.domain()
		return nil
	})
}
