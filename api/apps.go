package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/directory"
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

func (s *Server) findApp(ctx context.Context, t lockstep.TenantID, name string) (directory.App, error) {
	all, err := s.Directory.Apps(ctx, t)
	if err != nil {
		return directory.App{}, err
	}
	for _, a := range all {
		if a.Slug == name || string(a.ID) == name {
			return a, nil
		}
	}
	return directory.App{}, notFound("app", name)
}

func (s *Server) listApps(ctx context.Context, c caller, _ *struct{}) (list[App], error) {
	apps, err := s.Directory.Apps(ctx, c.Tenant)
	if err != nil {
		return list[App]{}, err
	}
	jobs, err := s.Settings.ListJobs(ctx, c.Tenant)
	if err != nil {
		return list[App]{}, err
	}
	out := listOf[App](nil)
	for _, a := range apps {
		out.Items = append(out.Items, withJob(a, jobs))
	}
	return out, nil
}

func withJob(a directory.App, jobs []provision.Job) App {
	v := appOf(a)
	for _, j := range jobs {
		if j.App == a.ID && j.Direction == provision.Outbound {
			view := jobOf(j)
			v.Job = &view
		}
	}
	return v
}

func (s *Server) getApp(ctx context.Context, c caller, in *AppPath) (App, error) {
	a, err := s.findApp(ctx, c.Tenant, in.App)
	if err != nil {
		return App{}, err
	}
	jobs, err := s.Settings.ListJobs(ctx, c.Tenant)
	return withJob(a, jobs), err
}

// NewSystem is what adds an app or a source.
type NewSystem struct {
	Kind     string            `json:"kind" minLength:"1" maxLength:"40" doc:"Of the gallery's template."`
	Slug     string            `json:"slug" minLength:"1" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*$"`
	Name     string            `json:"name,omitempty" maxLength:"200" doc:"The template's name when absent."`
	Settings map[string]string `json:"settings,omitempty" maxProperties:"50"`
	Auto     bool              `json:"auto,omitempty" doc:"Mode auto from the start; an app begins in mode manual, a source in mode auto."`
}

func (s *Server) createApp(ctx context.Context, c caller, in *struct{ Body NewSystem }) (App, error) {
	t, err := s.template(in.Body.Kind, provision.Outbound)
	if err != nil {
		return App{}, err
	}
	if err := t.check(in.Body.Settings, nil); err != nil {
		return App{}, err
	}
	if err := s.free(ctx, c, in.Body.Slug); err != nil {
		return App{}, err
	}
	app := directory.App{
		ID: lockstep.NewID[lockstep.AppID](), Slug: in.Body.Slug, Name: orElse(in.Body.Name, t.Name), Template: t.Kind, Roles: t.Roles, Created: s.now(),
	}
	job := s.newJob(c, t, app.Slug, app.Name, in.Body.Settings)
	job.App, job.Manual = app.ID, !in.Body.Auto
	if err := s.commit(ctx, c, directory.PutApp{App: app}); err != nil {
		return App{}, err
	}
	if err := s.Settings.PutJob(ctx, c.Actor, job); err != nil {
		return App{}, err
	}
	return s.getApp(ctx, c, &AppPath{App: app.Slug})
}

// free reports a conflict when an app or a source has the slug already.
func (s *Server) free(ctx context.Context, c caller, slug string) error {
	_, err := s.findJob(ctx, c.Tenant, slug)
	if lockstep.CodeOf(err) == lockstep.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return &lockstep.Error{Code: lockstep.CodeConflict, Detail: "An app or source “" + slug + "” exists already."}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *Server) deleteApp(ctx context.Context, c caller, in *AppPath) error {
	a, err := s.findApp(ctx, c.Tenant, in.App)
	if err != nil {
		return err
	}
	jobs, err := s.Settings.ListJobs(ctx, c.Tenant)
	if err != nil {
		return err
	}
	for _, j := range jobs { // first, so that no job is left without its app
		if j.App == a.ID {
			if err := s.Settings.DeleteJob(ctx, c.Actor, c.Tenant, j.ID); err != nil {
				return err
			}
		}
	}
	return s.commit(ctx, c, directory.DeleteApp{ID: a.ID})
}

func (s *Server) listSources(ctx context.Context, c caller, _ *struct{}) (list[Job], error) {
	jobs, err := s.Settings.ListJobs(ctx, c.Tenant)
	if err != nil {
		return list[Job]{}, err
	}
	out := listOf[Job](nil)
	for _, j := range jobs {
		if j.Direction == provision.Inbound {
			out.Items = append(out.Items, jobOf(j))
		}
	}
	return out, nil
}

func (s *Server) createSource(ctx context.Context, c caller, in *struct{ Body NewSystem }) (Job, error) {
	t, err := s.template(in.Body.Kind, provision.Inbound)
	if err != nil {
		return Job{}, err
	}
	if err := t.check(in.Body.Settings, nil); err != nil {
		return Job{}, err
	}
	if err := s.free(ctx, c, in.Body.Slug); err != nil {
		return Job{}, err
	}
	job := s.newJob(c, t, in.Body.Slug, orElse(in.Body.Name, t.Name), in.Body.Settings)
	if err := s.Settings.PutJob(ctx, c.Actor, job); err != nil {
		return Job{}, err
	}
	return s.getJob(ctx, c, &JobPath{Job: job.Slug})
}

func (s *Server) deleteSource(ctx context.Context, c caller, in *JobPath) error {
	j, err := s.findJob(ctx, c.Tenant, in.Job)
	if err != nil {
		return err
	}
	if j.Direction != provision.Inbound {
		return notFound("source", in.Job)
	}
	return s.Settings.DeleteJob(ctx, c.Actor, c.Tenant, j.ID)
}

func (s *Server) listAssignments(ctx context.Context, c caller, in *AppPath) (list[Assignment], error) {
	a, err := s.findApp(ctx, c.Tenant, in.App)
	if err != nil {
		return list[Assignment]{}, err
	}
	all, err := s.Directory.Assignments(ctx, c.Tenant, a.ID)
	if err != nil {
		return list[Assignment]{}, err
	}
	to := make([]directory.Member, len(all))
	for i, as := range all {
		to[i] = directory.Member{Kind: as.Kind, ID: as.To}
	}
	names, err := s.names(ctx, c.Tenant, to)
	if err != nil {
		return list[Assignment]{}, err
	}
	out := listOf[Assignment](nil)
	for _, as := range all {
		out.Items = append(out.Items, Assignment{ID: as.ID, Kind: string(as.Kind), To: as.To, Name: names[as.To], Role: as.Role, Created: as.Created})
	}
	return out, nil
}

// NewAssignment assigns a user or a group: one of them.
type NewAssignment struct {
	User  string `json:"user,omitempty" maxLength:"320"`
	Group string `json:"group,omitempty" maxLength:"320"`
	Role  string `json:"role,omitempty" maxLength:"100" doc:"The app's first role when absent."`
}

func (s *Server) createAssignment(ctx context.Context, c caller, in *struct {
	AppPath
	Body NewAssignment
},
) (Assignment, error) {
	a, err := s.findApp(ctx, c.Tenant, in.App)
	if err != nil {
		return Assignment{}, err
	}
	if (in.Body.User == "") == (in.Body.Group == "") {
		return Assignment{}, invalid("Give either a user or a group.")
	}
	if err := hasRole(a, in.Body.Role); err != nil {
		return Assignment{}, err
	}
	as := directory.Assignment{ID: lockstep.NewID[lockstep.AssignmentID](), App: a.ID, Role: in.Body.Role, Created: s.now()}
	var name string
	if in.Body.User != "" {
		u, err := s.findUser(ctx, c.Tenant, in.Body.User, false)
		if err != nil {
			return Assignment{}, err
		}
		as.Kind, as.To, name = directory.UserKind, string(u.ID), u.Attributes.Text("userName")
	} else {
		g, err := s.findGroup(ctx, c.Tenant, in.Body.Group, false)
		if err != nil {
			return Assignment{}, err
		}
		as.Kind, as.To, name = directory.GroupKind, string(g.ID), g.Attributes.Text("displayName")
	}
	if err := s.commit(ctx, c, directory.PutAssignment{Assignment: as}); err != nil {
		return Assignment{}, err
	}
	return Assignment{ID: as.ID, Kind: string(as.Kind), To: as.To, Name: name, Role: as.Role, Created: as.Created}, nil
}

func hasRole(a directory.App, role string) error {
	if role == "" {
		return nil
	}
	var there []Setting
	for _, r := range a.Roles {
		if r.Value == role {
			return nil
		}
		there = append(there, Setting{Name: r.Value})
	}
	return invalid("The app has no role “" + clip(role) + "”; there are: " + namesOf(there) + ".")
}

func (s *Server) deleteAssignment(ctx context.Context, c caller, in *struct {
	AppPath
	Assignment string `path:"assignment" maxLength:"36"`
},
) error {
	a, err := s.findApp(ctx, c.Tenant, in.App)
	if err != nil {
		return err
	}
	all, err := s.Directory.Assignments(ctx, c.Tenant, a.ID)
	if err != nil {
		return err
	}
	for _, as := range all {
		if string(as.ID) == in.Assignment || as.To == in.Assignment {
			return s.commit(ctx, c, directory.DeleteAssignment{ID: as.ID})
		}
	}
	return notFound("assignment", in.Assignment)
}
