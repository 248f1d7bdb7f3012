package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
	"lockstep/provision"
)

func (s *Server) appRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/apps", "list-apps", "List the apps with their jobs", s.listApps)
	route(s, a, http.MethodPost, "/apps", "create-app", "Add an app from the gallery, with a job in mode manual", s.createApp)
	route(s, a, http.MethodGet, "/apps/{app}", "get-app", "Show an app with its job", s.getApp)
	command(s, a, http.MethodDelete, "/apps/{app}", "delete-app", "Remove an app, its assignments and its job; nothing changes at the application", s.deleteApp)
}

func (s *Server) sourceRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/sources", "list-sources", "List the sources of people", s.listSources)
	route(s, a, http.MethodPost, "/sources", "create-source", "Add a source of people", s.createSource)
	command(s, a, http.MethodDelete, "/sources/{job}", "delete-source", "Remove a source; the people whom it brought stay", s.deleteSource)
}

func (s *Server) assignmentRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/apps/{app}/assignments", "list-assignments", "List who is assigned to an app", s.listAssignments)
	route(s, a, http.MethodPost, "/apps/{app}/assignments", "create-assignment", "Assign a user or the members of a group; again to change the role", s.createAssignment)
	command(s, a, http.MethodDelete, "/apps/{app}/assignments/{assignment}", "delete-assignment", "Withdraw an assignment", s.deleteAssignment)
}

// AppPath names an app in a path.
type AppPath struct {
	App string `path:"app" maxLength:"80" doc:"Slug or id."`
}

func (s *Server) listApps(ctx context.Context, p operate.Principal, _ *struct{}) (list[App], error) {
	apps, err := s.Operator.Apps(ctx, p)
	if err != nil {
		return list[App]{}, err
	}
	out := listOf[App](nil)
	jobs, err := s.listJobs(ctx, p, nil)
	for _, a := range apps {
		out.Items = append(out.Items, withJob(a, jobs.Items))
	}
	return out, err
}

func withJob(a directory.App, jobs []Job) App {
	v := appOf(a)
	for i := range jobs {
		if jobs[i].App == a.ID && jobs[i].Direction == string(provision.Outbound) {
			v.Job = &jobs[i]
		}
	}
	return v
}

func (s *Server) getApp(ctx context.Context, p operate.Principal, in *AppPath) (App, error) {
	a, err := s.Operator.App(ctx, p, in.App)
	if err != nil {
		return App{}, err
	}
	jobs, err := s.listJobs(ctx, p, nil)
	return withJob(a, jobs.Items), err
}

// NewSystem is what adds an app or a source.
type NewSystem struct {
	Kind     string            `json:"kind" minLength:"1" maxLength:"40" doc:"Of the gallery's template."`
	Slug     string            `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name     string            `json:"name,omitempty" maxLength:"200" doc:"The slug when absent."`
	Settings map[string]string `json:"settings,omitempty" maxProperties:"50"`
	Auto     bool              `json:"auto,omitempty" doc:"Mode auto from the start; an app begins in mode manual, a source in mode auto."`
	Draft    bool              `json:"draft,omitempty" doc:"Nothing runs before the first run, or before it is set active."`
}

func (s *Server) createApp(ctx context.Context, p operate.Principal, in *struct{ Body NewSystem }) (App, error) {
	a, err := s.Operator.AddApp(ctx, p, operate.NewSystem{Kind: in.Body.Kind, Slug: in.Body.Slug, Name: in.Body.Name, Settings: in.Body.Settings, Auto: in.Body.Auto, Draft: in.Body.Draft})
	if err != nil {
		return App{}, err
	}
	return s.getApp(ctx, p, &AppPath{App: a.Slug})
}

func (s *Server) deleteApp(ctx context.Context, p operate.Principal, in *AppPath) error {
	return s.Operator.DeleteApp(ctx, p, in.App)
}

func (s *Server) listSources(ctx context.Context, p operate.Principal, _ *struct{}) (list[Job], error) {
	jobs, err := s.listJobs(ctx, p, nil)
	out := listOf[Job](nil)
	for _, j := range jobs.Items {
		if j.Direction == string(provision.Inbound) {
			out.Items = append(out.Items, j)
		}
	}
	return out, err
}

func (s *Server) createSource(ctx context.Context, p operate.Principal, in *struct{ Body NewSystem }) (Job, error) {
	j, err := s.Operator.AddSource(ctx, p, operate.NewSystem{Kind: in.Body.Kind, Slug: in.Body.Slug, Name: in.Body.Name, Settings: in.Body.Settings, Auto: in.Body.Auto, Draft: in.Body.Draft})
	return s.standing(ctx, p, j, err)
}

func (s *Server) deleteSource(ctx context.Context, p operate.Principal, in *JobPath) error {
	return s.Operator.DeleteSource(ctx, p, in.Job)
}

func assignmentOf(a operate.Assigned) Assignment {
	return Assignment{ID: a.ID, Kind: string(a.Kind), To: a.To, Name: a.Name, Role: a.Role, Created: a.Created}
}

func (s *Server) listAssignments(ctx context.Context, p operate.Principal, in *AppPath) (list[Assignment], error) {
	all, err := s.Operator.Assignments(ctx, p, in.App)
	return mapped(all, "", assignmentOf), err
}

// NewAssignment assigns a user or a group: one of them.
type NewAssignment struct {
	User  string `json:"user,omitempty" maxLength:"320"`
	Group string `json:"group,omitempty" maxLength:"320"`
	Role  string `json:"role,omitempty" maxLength:"100" doc:"The app's first role when absent."`
}

func (s *Server) createAssignment(ctx context.Context, p operate.Principal, in *struct {
	AppPath
	Body NewAssignment
},
) (Assignment, error) {
	a, err := s.Operator.Assign(ctx, p, in.App, in.Body.User, in.Body.Group, in.Body.Role)
	return assignmentOf(a), err
}

func (s *Server) deleteAssignment(ctx context.Context, p operate.Principal, in *struct {
	AppPath
	Assignment string `path:"assignment" maxLength:"36"`
},
) error {
	return s.Operator.Withdraw(ctx, p, in.App, in.Assignment)
}
