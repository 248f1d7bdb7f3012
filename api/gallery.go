package api

import (
	"context"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/directory"
	"lockstep/provision"
	"lockstep/rule"
)

// Template is one kind of outside system in the gallery: what it needs to be reached, and the rules to begin with.
type Template struct {
	Kind      string           `json:"kind" doc:"Of the connection, such as webex."`
	Name      string           `json:"name"`
	Summary   string           `json:"summary,omitempty"`
	Direction string           `json:"direction" enum:"inbound,outbound"`
	Settings  []Setting        `json:"settings"`
	Secrets   []Setting        `json:"secrets"`
	Roles     []directory.Role `json:"roles,omitempty"`
	Rules     Rules            `json:"rules"`
	Policy    Policy           `json:"policy"`
}

// Setting is one thing to fill in.
type Setting struct {
	Name     string `json:"name"`
	Label    string `json:"label,omitempty"`
	Help     string `json:"help,omitempty"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
}

func (s *Server) galleryRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/gallery", "list-templates", "List the kinds of source and app", s.listTemplates)
	route(s, a, http.MethodGet, "/gallery/{kind}", "get-template", "Show a kind of source or app", s.getTemplate)
}

func (s *Server) listTemplates(context.Context, caller, *struct{}) (list[Template], error) {
	return listOf(s.Gallery), nil
}

func (s *Server) getTemplate(_ context.Context, _ caller, in *struct {
	Kind string `path:"kind" maxLength:"40"`
},
) (Template, error) {
	return s.template(in.Kind, "")
}

// template finds a template; direction "" is any.
func (s *Server) template(kind string, direction provision.Direction) (Template, error) {
	for _, t := range s.Gallery {
		if t.Kind == kind && (direction == "" || t.Direction == string(direction)) {
			return t, nil
		}
	}
	return Template{}, notFound("template", kind)
}

// check refuses settings and secrets that the template does not know, and tells which required setting is missing.
func (t Template) check(settings map[string]string, secrets []string) error {
	for name := range settings {
		if !known(t.Settings, name) {
			return invalid("“" + clip(name) + "” is no setting of " + t.Kind + "; there are: " + namesOf(t.Settings) + ".")
		}
	}
	for _, name := range secrets {
		if !known(t.Secrets, name) {
			return invalid("“" + clip(name) + "” is no secret of " + t.Kind + "; there are: " + namesOf(t.Secrets) + ".")
		}
	}
	return nil
}

func known(in []Setting, name string) bool {
	for _, s := range in {
		if s.Name == name {
			return true
		}
	}
	return false
}

func namesOf(in []Setting) string {
	text := ""
	for _, s := range in {
		if text != "" {
			text += ", "
		}
		text += s.Name
	}
	if text == "" {
		return "none"
	}
	return text
}

// newJob is a job made from the template.
func (s *Server) newJob(c caller, t Template, slug, name string, settings map[string]string) provision.Job {
	all := map[string]string{}
	for _, p := range t.Settings {
		if p.Default != "" {
			all[p.Name] = p.Default
		}
	}
	maps.Copy(all, settings)
	return provision.Job{
		Tenant: c.Tenant, ID: lockstep.NewID[lockstep.JobID](), Slug: slug, Name: name, Direction: provision.Direction(t.Direction),
		Connection: provision.Connection{Kind: t.Kind, Settings: all}, Rules: rule.Rules(t.Rules), Policy: t.Policy.domain(),
		State: provision.Active, Created: s.now(),
	}
}
