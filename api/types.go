package api

import (
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// Attributes are SCIM attributes as JSON. Extensions are objects under their URN.
type Attributes scim.Object

// Schema implements huma.SchemaProvider: any JSON object.
func (Attributes) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "SCIM attributes (RFC 7643)."}
}

// MarshalJSON implements json.Marshaler.
func (a Attributes) MarshalJSON() ([]byte, error) { return scim.Object(a).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (a *Attributes) UnmarshalJSON(text []byte) error { return (*scim.Object)(a).UnmarshalJSON(text) }

// Rules are a job's rules in the JSON of Entra's synchronization schema; members that we do not know are passed over.
type Rules rule.Rules

// Schema implements huma.SchemaProvider.
func (Rules) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"objectMappings"},
		Properties:  map[string]*huma.Schema{"objectMappings": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}},
		Description: "Object mappings with scoping filters and attribute mappings, named as in microsoft.graph.synchronizationRule.",
	}
}

// Policy is what an administrator decides about a job beside its rules. The zero Policy is the default.
type Policy struct {
	Everyone     bool    `json:"everyone,omitempty" doc:"All people are in scope, not only assigned ones."`
	Nested       bool    `json:"nested,omitempty" doc:"An assigned group brings members of its groups, too."`
	DefaultRole  bool    `json:"default_role,omitempty" doc:"Holders of only an excluding role are provisioned as well."`
	Groups       bool    `json:"groups,omitempty" doc:"Group objects are provisioned."`
	OnLeave      string  `json:"on_leave,omitempty" enum:"disable,delete,keep" doc:"What happens to who leaves scope; disable when absent."`
	OnMissing    string  `json:"on_missing,omitempty" enum:"recreate,detach,fail" doc:"What happens when a linked object vanished at the target; recreate when absent."`
	GuardCount   int     `json:"guard_count,omitempty" minimum:"0" doc:"Harmful changes of a kind that may go without a decision; 5 when absent."`
	GuardPercent float64 `json:"guard_percent,omitempty" minimum:"0" maximum:"100" doc:"The same as a share of linked objects; 10 when absent."`
	GuardOff     bool    `json:"guard_off,omitempty" doc:"Nothing is ever held."`
	Interval     int     `json:"interval_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"A cycle at least this often, also without a change; 0 is only on change."`
	Rate         float64 `json:"rate,omitempty" minimum:"0" maximum:"10000" doc:"Requests a second at most; 0 is as many as the target takes."`
	Connections  int     `json:"connections,omitempty" minimum:"0" maximum:"256" doc:"Calls at the same time at most; 0 is the connector's default."`
	Drift        int     `json:"drift_seconds,omitempty" minimum:"-1" maximum:"31536000" doc:"How often the application is read to look for drift; 0 is once a day, -1 is never."`
	Order        int     `json:"order,omitempty" minimum:"0" maximum:"1000" doc:"Of a source: 1 is heard first where several have a person; 0 is after all that have an order."`
}

func policyOf(p provision.Policy) Policy {
	return Policy{
		Everyone: p.Everyone, Nested: p.Nested, DefaultRole: p.DefaultRole, Groups: p.Groups,
		OnLeave: string(p.OnLeave), OnMissing: string(p.OnMissing),
		GuardCount: p.Guard.Count, GuardPercent: p.Guard.Percent, GuardOff: p.Guard.Off,
		Interval: int(p.Interval / time.Second), Rate: p.Rate, Connections: p.Connections, Drift: int(p.DriftEvery / time.Second), Order: p.Order,
	}
}

// domain is the inverse of policyOf.
func (p Policy) domain() provision.Policy {
	return provision.Policy{
		Everyone: p.Everyone, Nested: p.Nested, DefaultRole: p.DefaultRole, Groups: p.Groups,
		OnLeave: rule.Leave(p.OnLeave), OnMissing: rule.Missing(p.OnMissing),
		Guard:    rule.GuardLimit{Count: p.GuardCount, Percent: p.GuardPercent, Off: p.GuardOff},
		Interval: time.Duration(p.Interval) * time.Second, Rate: p.Rate, Connections: p.Connections, DriftEvery: time.Duration(p.Drift) * time.Second, Order: p.Order,
	}
}

// Connection says how to reach the outside system. Secrets are names only.
type Connection struct {
	Kind     string            `json:"kind"`
	Settings map[string]string `json:"settings"`
	Secrets  []string          `json:"secrets" doc:"Names of the secrets that are set; their values are never shown."`
}

// Job is what an app or a source does to keep in step.
type Job struct {
	ID         lockstep.JobID    `json:"id"`
	Slug       string            `json:"slug" doc:"Of the app or the source."`
	Name       string            `json:"name"`
	Direction  string            `json:"direction" enum:"inbound,outbound"`
	App        lockstep.AppID    `json:"app,omitempty"`
	Mode       string            `json:"mode" enum:"auto,manual" doc:"In mode manual a plan waits for apply."`
	State      string            `json:"state" enum:"active,paused,quarantined" doc:"What it may do."`
	Standing   *operate.State    `json:"standing,omitempty" doc:"How it stands, in words, and what a command that shows it ends with."`
	Code       lockstep.Code     `json:"code,omitempty" doc:"Why it is quarantined."`
	Detail     string            `json:"detail,omitempty"`
	Hint       string            `json:"hint,omitempty"`
	Connection Connection        `json:"connection"`
	Shared     []operate.Sharing `json:"shared,omitempty" doc:"Other apps that lead to the same place; when the connection was set."`
	Policy     Policy            `json:"policy"`
	Config     int64             `json:"config" doc:"Version of connection, rules and policy."`
	NextRun    *time.Time        `json:"next_run,omitempty"`
	Created    time.Time         `json:"created"`
	Cycle      *Cycle            `json:"cycle,omitempty" doc:"The open one."`
}

func jobOf(j provision.Job) Job {
	v := Job{
		ID: j.ID, Slug: j.Slug, Name: j.Name, Direction: string(j.Direction), App: j.App, Mode: "auto", State: string(j.State),
		Code: j.Code, Detail: j.Detail, Policy: policyOf(j.Policy), Config: j.Config, NextRun: instant(j.NextRun), Created: j.Created,
		Connection: Connection{Kind: j.Connection.Kind, Settings: j.Connection.Settings, Secrets: j.Connection.Secrets},
	}
	if j.Manual {
		v.Mode = "manual"
	}
	if j.Code != "" {
		v.Hint = lockstep.Describe(j.Code).Help
	}
	if j.Cycle != nil {
		c := cycleOf(*j.Cycle)
		v.Cycle = &c
	}
	return v
}

// Cycle is one run of a job.
type Cycle struct {
	ID      lockstep.CycleID `json:"id"`
	Job     lockstep.JobID   `json:"job"`
	Kind    string           `json:"kind" enum:"initial,incremental"`
	Trigger string           `json:"trigger" doc:"Why it began: change, schedule, person, configuration, first, connection."`
	Phase   string           `json:"phase" enum:"list,read,rank,review,apply,end"`
	Total   int              `json:"total" doc:"Objects to read; 0 when unknown."`
	Counts  provision.Counts `json:"counts"`
	Code    lockstep.Code    `json:"code,omitempty" doc:"Why it failed or stopped."`
	Detail  string           `json:"detail,omitempty"`
	Began   time.Time        `json:"began"`
	Ended   *time.Time       `json:"ended,omitempty"`
	By      string           `json:"by,omitempty" doc:"Who applied or discarded its plan."`
}

func cycleOf(c provision.Cycle) Cycle {
	return Cycle{
		ID: c.ID, Job: c.Job, Kind: string(c.Kind), Trigger: c.Trigger, Phase: string(c.Phase), Total: c.Total, Counts: c.Counts,
		Code: c.Code, Detail: c.Detail, Began: c.Began, Ended: instant(c.EndedAt), By: c.Decided.By.Name,
	}
}

// End is one side of an action.
type End struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Action is one line of a plan and of the provisioning log.
type Action struct {
	ID      lockstep.ActionID `json:"id,omitempty"`
	Cycle   lockstep.CycleID  `json:"cycle,omitempty"`
	Kind    string            `json:"kind" enum:"create,link,update,disable,delete,release,refer,skip"`
	State   string            `json:"state" doc:"planned, held, left_out, open, done, failed, refused, rejected or skipped."`
	Source  End               `json:"source"`
	Target  End               `json:"target"`
	Changes []Change          `json:"changes" doc:"What differs, attribute by attribute."`
	Reason  rule.Reason       `json:"reason"`
	Why     string            `json:"why" doc:"The reason in words."`
	Note    string            `json:"note,omitempty" doc:"What becomes of somebody whom other sources have, too."`
	Code    lockstep.Code     `json:"code,omitempty"`
	Detail  string            `json:"detail,omitempty"`
	Class   string            `json:"class,omitempty"`
	Hint    string            `json:"hint,omitempty"`
	Attempt int               `json:"attempt,omitempty"`
	By      *audit.Actor      `json:"by,omitempty" doc:"Who approved or rejected it."`
	Planned *time.Time        `json:"planned,omitempty"`
	Ended   *time.Time        `json:"ended,omitempty"`
}

// Change is one attribute that an action changes.
type Change struct {
	Path      string `json:"path" doc:"As SCIM writes it, such as emails[type eq \"work\"].value."`
	Attribute string `json:"attribute" doc:"As people read it, such as emails[work]."`
	Before    string `json:"before,omitempty" doc:"Absent when the attribute is new."`
	After     string `json:"after,omitempty" doc:"Absent when the attribute goes."`
	Reference bool   `json:"reference,omitempty" doc:"Before and after name the other end of a reference that is taken away or written."`
}

func changesOf(a plan.Action) []Change {
	all := []Change{}
	for _, c := range a.Changes() {
		all = append(all, Change(c))
	}
	return all
}

func actionOf(a plan.Action) Action {
	v := Action{
		ID: a.ID, Cycle: a.Cycle, Kind: string(a.Kind), State: string(a.State),
		Source: End{a.Source.Type, a.Source.ID, a.Source.Name}, Target: End{a.Target.Type, a.Target.ID, a.Target.Name},
		Changes: changesOf(a), Reason: a.Reason, Why: a.Reason.Sentence(), Note: a.Note(),
		Code: a.Code, Detail: a.Detail, Attempt: a.Attempt, Planned: instant(a.Planned), Ended: instant(a.Ended),
	}
	if a.Code != "" {
		entry := lockstep.Describe(a.Code)
		v.Class, v.Hint = string(entry.Class), entry.Help
	}
	if !a.Decided.At.IsZero() {
		v.By = &a.Decided.By
	}
	return v
}

// User is one person of the directory.
type User struct {
	ID         lockstep.UserID `json:"id"`
	Version    int64           `json:"version"`
	UserName   string          `json:"user_name"`
	Active     bool            `json:"active"`
	Deleted    *time.Time      `json:"deleted,omitempty" doc:"When it was soft-deleted."`
	Created    time.Time       `json:"created"`
	Modified   time.Time       `json:"modified"`
	Attributes Attributes      `json:"attributes"`
	Claims     []Claim         `json:"claims,omitempty" doc:"Who has the user; only where one user is shown. A source that lets go deletes nobody whom another has."`
}

// Claim says who has a user or group of the directory.
type Claim struct {
	Kind   string `json:"kind" enum:"source,scim,hand" doc:"A source, a SCIM client, or a person who made it by hand."`
	ID     string `json:"id,omitempty" doc:"Of the source or of the SCIM client's token."`
	Name   string `json:"name,omitempty" doc:"Of the source or of the SCIM client's token."`
	Active bool   `json:"active" doc:"false: the owner has the user as disabled."`
	Text   string `json:"text" doc:"In words: by the source hr.csv."`
}

func claimsOf(all []directory.Claim) []Claim {
	var out []Claim
	for _, c := range all {
		one := Claim{Kind: c.Kind(), ID: strings.TrimPrefix(c.Owner, directory.SCIMOwner), Name: c.Name, Active: c.Active, Text: c.Sentence()}
		if c.Owner == directory.ByHand {
			one.ID = ""
		}
		out = append(out, one)
	}
	return out
}

func userOf(u directory.User) User {
	return User{
		ID: u.ID, Version: u.Version, UserName: u.Attributes.Text("userName"), Active: u.Active, Deleted: instant(u.Deleted),
		Created: u.Created, Modified: u.Modified, Attributes: Attributes(u.Attributes),
	}
}

// Group is one group of the directory.
type Group struct {
	ID          lockstep.GroupID `json:"id"`
	Version     int64            `json:"version"`
	DisplayName string           `json:"display_name"`
	Deleted     *time.Time       `json:"deleted,omitempty"`
	Created     time.Time        `json:"created"`
	Modified    time.Time        `json:"modified"`
	Attributes  Attributes       `json:"attributes"`
	Claims      []Claim          `json:"claims,omitempty" doc:"Who has the group; only where one group is shown."`
}

func groupOf(g directory.Group) Group {
	return Group{
		ID: g.ID, Version: g.Version, DisplayName: g.Attributes.Text("displayName"), Deleted: instant(g.Deleted),
		Created: g.Created, Modified: g.Modified, Attributes: Attributes(g.Attributes),
	}
}

// Member is one member of a group.
type Member struct {
	Kind string `json:"kind" enum:"User,Group"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// App is an application that people are assigned to.
type App struct {
	ID       lockstep.AppID   `json:"id"`
	Slug     string           `json:"slug"`
	Name     string           `json:"name"`
	Template string           `json:"template"`
	Roles    []directory.Role `json:"roles"`
	Created  time.Time        `json:"created"`
	Job      *Job             `json:"job,omitempty"`
}

func appOf(a directory.App) App {
	roles := a.Roles
	if roles == nil {
		roles = []directory.Role{}
	}
	return App{ID: a.ID, Slug: a.Slug, Name: a.Name, Template: a.Template, Roles: roles, Created: a.Created}
}

// Assignment gives a user, or the members of a group, a role in an app.
type Assignment struct {
	ID      lockstep.AssignmentID `json:"id"`
	Kind    string                `json:"kind" enum:"User,Group"`
	To      string                `json:"to" doc:"Id of the user or group."`
	Name    string                `json:"name,omitempty"`
	Role    string                `json:"role,omitempty"`
	Created time.Time             `json:"created"`
}

// Token is a bearer token without its text.
type Token struct {
	ID      lockstep.TokenID `json:"id"`
	Name    string           `json:"name"`
	Kind    string           `json:"kind,omitempty" doc:"What it opens: api or scim."`
	Scopes  []string         `json:"scopes"`
	Created time.Time        `json:"created"`
	Expires *time.Time       `json:"expires,omitempty"`
	Maker   lockstep.TokenID `json:"maker,omitempty" doc:"The token that it was made with, and ends with."`

	LastUsed *time.Time    `json:"last_used,omitempty" doc:"To the minute or so; absent when it never was."`
	Former   *FormerSecret `json:"former,omitempty" doc:"The secret of before the last rotation."`
	Profile  string        `json:"profile,omitempty" doc:"Of a SCIM token: generic, entra, okta, strict (departures from the RFCs are counted), interop or ipsie (what those profiles forbid is refused)."`
	Product  string        `json:"product,omitempty" doc:"Of a SCIM token: entra, okta, onelogin, ping or other; absent when nobody has said."`
	Rate     float64       `json:"rate,omitempty" doc:"Of a SCIM token: requests a second; absent is as many as the server lets any."`
	OAuth    *TokenOAuth   `json:"oauth,omitempty" doc:"Whose access tokens a SCIM client shows in place of a secret of its own."`
}

// FormerSecret is the secret that a token had before it was rotated.
type FormerSecret struct {
	Ends     time.Time  `json:"ends" doc:"When it stops working, or stopped."`
	LastUsed *time.Time `json:"last_used,omitempty" doc:"Since the rotation; absent when its holder has the new one."`
}

// Tenant is one company.
type Tenant struct {
	ID      lockstep.TenantID `json:"id"`
	Slug    string            `json:"slug"`
	Name    string            `json:"name"`
	Created time.Time         `json:"created"`
	Managed bool              `json:"managed" doc:"Owners of the server may come into it."`
	Has     []string          `json:"has,omitempty" doc:"What it has, in words. Only of a single one."`
}

// instant is nil for the zero time, so that JSON leaves it out.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
