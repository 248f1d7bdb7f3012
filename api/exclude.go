package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/operate"
	"lockstep/provision"
	"lockstep/rule"
)

func (s *Server) byHandRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs/{job}/exclusions", "list-exclusions", "List whom somebody keeps out", s.exclusions)
	route(s, a, http.MethodPost, "/jobs/{job}/exclusions", "exclude", "Keep one person or group out, whatever assignments and filters say", s.exclude)
	command(s, a, http.MethodDelete, "/jobs/{job}/exclusions/{type}/{object}", "include", "Let somebody in again", s.include)
	route(s, a, http.MethodPost, "/jobs/{job}/link", "link-by-hand", "Link a person or group to an object of the application, or take the link away", s.linkByHand)
	route(s, a, http.MethodGet, "/jobs/{job}/target", "find-at-target", "Look in the application for whom a value names", s.findAtTarget)
}

func (s *Server) exclusions(ctx context.Context, p operate.Principal, in *JobPath) (list[rule.Exclusion], error) {
	j, err := s.Operator.Job(ctx, p, in.Job)
	return mapped(j.Policy.Excluded, "", func(e rule.Exclusion) rule.Exclusion { return e }), err
}

// ExclusionInput says whom to keep out, why, and how long.
type ExclusionInput struct {
	Object string    `json:"object" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string    `json:"type,omitempty" enum:"User,Group" default:"User"`
	Reason string    `json:"reason" minLength:"1" maxLength:"300"`
	Until  time.Time `json:"until,omitzero" doc:"Absent is for good."`
}

func (s *Server) exclude(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body ExclusionInput
},
) (rule.Exclusion, error) {
	return s.Operator.Exclude(ctx, p, in.Job, in.Body.Type, in.Body.Object, in.Body.Reason, in.Body.Until)
}

func (s *Server) include(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Type   string `path:"type" enum:"User,Group"`
	Object string `path:"object" maxLength:"320"`
},
) error {
	return s.Operator.Include(ctx, p, in.Job, in.Type, in.Object)
}

// LinkInput says who is linked to what.
type LinkInput struct {
	Object string `json:"object" minLength:"1" maxLength:"320" doc:"A person: id, user name, address. With type Group, a group: id or name."`
	Type   string `json:"type,omitempty" enum:"User,Group" default:"User"`
	To     string `json:"to,omitempty" maxLength:"300" doc:"Id of the object in the application; absent takes the link away."`
	Wait   int    `json:"wait,omitempty" minimum:"1" maximum:"600" default:"60" doc:"Seconds to wait for its end. What has not begun by then is taken back."`
}

func (s *Server) linkByHand(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Body LinkInput
},
) (Provisioned, error) {
	wait := time.Duration(in.Body.Wait) * time.Second
	if in.Body.To == "" {
		d, err := s.Operator.Unlink(ctx, p, in.Job, in.Body.Type, in.Body.Object, wait)
		return provisionedOf(d), err
	}
	d, err := s.Operator.LinkTo(ctx, p, in.Job, in.Body.Type, in.Body.Object, in.Body.To, wait)
	return provisionedOf(d), err
}

// FoundAtTarget is an object of an application.
type FoundAtTarget struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	By       string `json:"by" doc:"The attribute that has the value."`
	Active   bool   `json:"active"`
	LinkedTo string `json:"linked_to,omitempty" doc:"Who has it already."`
}

func (s *Server) findAtTarget(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Search string `query:"search" required:"true" minLength:"1" maxLength:"320" doc:"A whole value of an attribute that the application can search, or an id."`
	Type   string `query:"type" enum:"User,Group" default:"User"`
},
) (list[FoundAtTarget], error) {
	found, err := s.Operator.FindAtTarget(ctx, p, in.Job, in.Type, in.Search)
	return mapped(found, "", func(f provision.Found) FoundAtTarget {
		return FoundAtTarget{ID: f.ID, Name: f.Name, By: f.By, Active: f.Enabled, LinkedTo: f.Of}
	}), err
}

// Exclusions lists whom somebody keeps out of a job.
func (c *Client) Exclusions(ctx context.Context, job string) ([]rule.Exclusion, error) {
	out, err := call[list[rule.Exclusion]](ctx, c, http.MethodGet, at("jobs", job, "exclusions"), nil, nil)
	return out.Items, err
}

// Exclude keeps somebody out.
func (c *Client) Exclude(ctx context.Context, job string, e ExclusionInput) (rule.Exclusion, error) {
	return call[rule.Exclusion](ctx, c, http.MethodPost, at("jobs", job, "exclusions"), nil, e)
}

// Include lets somebody in again.
func (c *Client) Include(ctx context.Context, job, typ, object string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("jobs", job, "exclusions", typ, object), nil, nil)
	return err
}

// LinkByHand links somebody to an object, or takes the link away.
func (c *Client) LinkByHand(ctx context.Context, job string, l LinkInput) (Provisioned, error) {
	return call[Provisioned](ctx, c, http.MethodPost, at("jobs", job, "link"), nil, l)
}

// FindAtTarget looks in an application.
func (c *Client) FindAtTarget(ctx context.Context, job, typ, search string) ([]FoundAtTarget, error) {
	out, err := call[list[FoundAtTarget]](ctx, c, http.MethodGet, at("jobs", job, "target"), url.Values{"search": {search}, "type": {typ}}, nil)
	return out.Items, err
}
