package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/directory"
	"lockstep/operate"
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

func (s *Server) listTemplates(_ context.Context, p operate.Principal, _ *struct{}) (list[Template], error) {
	all, err := s.Operator.Templates(p)
	return mapped(all, "", templateOf), err
}

func (s *Server) getTemplate(_ context.Context, p operate.Principal, in *struct {
	Kind string `path:"kind" maxLength:"40"`
},
) (Template, error) {
	t, err := s.Operator.Template(p, in.Kind)
	return templateOf(t), err
}

func templateOf(t operate.Template) Template {
	out := Template{
		Kind: t.Kind, Name: t.Name, Summary: t.Summary, Direction: string(t.Direction), Roles: t.Roles, Rules: Rules(t.Rules), Policy: policyOf(t.Policy),
		Settings: []Setting{}, Secrets: []Setting{},
	}
	for _, one := range t.Settings {
		out.Settings = append(out.Settings, Setting(one))
	}
	for _, one := range t.Secrets {
		out.Secrets = append(out.Secrets, Setting(one))
	}
	return out
}

// Domain is the template as package operate has it.
func (t Template) Domain() operate.Template {
	out := operate.Template{
		Kind: t.Kind, Name: t.Name, Summary: t.Summary, Direction: provision.Direction(t.Direction), Roles: t.Roles, Rules: rule.Rules(t.Rules), Policy: t.Policy.domain(),
	}
	for _, one := range t.Settings {
		out.Settings = append(out.Settings, operate.Setting(one))
	}
	for _, one := range t.Secrets {
		out.Secrets = append(out.Secrets, operate.Setting(one))
	}
	return out
}
