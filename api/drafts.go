package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lockstep/operate"
	"lockstep/plan"
	"lockstep/rule"
)

func (s *Server) draftRoutes(a huma.API) {
	route(s, a, http.MethodGet, "/jobs/{job}/draft", "get-draft", "Show the draft: what it would change, and what others have changed since", s.getDraft)
	command(s, a, http.MethodDelete, "/jobs/{job}/draft", "discard-draft", "Discard the draft", s.discardDraft)
	route(s, a, http.MethodPut, "/jobs/{job}/draft/rules", "draft-rules", "Set mappings and scoping filters in the draft, which is begun if there is none", s.draftRules)
	route(s, a, http.MethodPut, "/jobs/{job}/draft/policy", "draft-policy", "Set the policy in the draft, which is begun if there is none", s.draftPolicy)
	route(s, a, http.MethodPost, "/jobs/{job}/draft/assignments", "draft-assignments", "Change assignments in the draft, which is begun if there is none", s.draftAssignments)
	route(s, a, http.MethodPost, "/jobs/{job}/draft/apply", "apply-draft", "Put the draft into force", s.applyDraft)
	route(s, a, http.MethodPost, "/jobs/{job}/draft/rebase", "rebase-draft", "Bring the draft up to the version in force", s.rebaseDraft)
	route(s, a, http.MethodGet, "/jobs/{job}/draft/impact", "draft-impact", "Plan in memory what the draft would do, and to how many", s.draftImpact)
	route(s, a, http.MethodGet, "/jobs/{job}/versions", "list-versions", "List what the job has been set to", s.listVersions)
	route(s, a, http.MethodGet, "/jobs/{job}/versions/{number}", "get-version", "Show a version, and what it changed", s.getVersion)
	route(s, a, http.MethodPost, "/jobs/{job}/versions/{number}/draft", "roll-back", "Make a draft that goes back to a version", s.rollBack)
}

// Draft is what a job is to be set to. Without a draft its revision is 0, and rules and policy are those in force.
type Draft struct {
	Revision  int64             `json:"revision" doc:"Rises with each edit; 0 is that there is no draft."`
	Base      int64             `json:"base,omitempty" doc:"The version that it was made from."`
	InForce   int64             `json:"in_force" doc:"The version in force. When it is not base, the draft is brought up to date before it is applied."`
	By        string            `json:"by,omitempty" doc:"Who changed it last."`
	At        *time.Time        `json:"at,omitempty"`
	OpenedBy  string            `json:"opened_by,omitempty" doc:"Who began it."`
	Changes   []ConfigChange    `json:"changes" doc:"What it changes, field by field."`
	Assigned  []DraftAssignment `json:"assignments" doc:"Assignments that change with it."`
	Conflicts []DraftConflict   `json:"conflicts" doc:"Fields that others have changed since, in another way."`
	Rules     Rules             `json:"rules"`
	Policy    Policy            `json:"policy"`
}

// ConfigChange is a field before and after, as people read it.
type ConfigChange struct {
	Field string `json:"field" doc:"Such as User/attribute/title, User/scope, policy/on_leave."`
	What  string `json:"what"`
	Was   string `json:"was,omitempty"`
	Now   string `json:"now,omitempty"`
}

// DraftAssignment is an assignment that a draft makes or takes back.
type DraftAssignment struct {
	Kind string `json:"kind" enum:"User,Group"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty" doc:"Absent when there is nobody of that id any more."`
	Role string `json:"role,omitempty"`
	Gone bool   `json:"gone,omitempty" doc:"The assignment is taken back."`
}

// DraftConflict is a field that two people have changed, each in their own way, as people read it.
type DraftConflict struct {
	Field  string `json:"field"`
	What   string `json:"what"`
	Base   string `json:"base,omitempty" doc:"As both began with."`
	Theirs string `json:"theirs,omitempty" doc:"As it is in force."`
	Yours  string `json:"yours,omitempty" doc:"As the draft says."`
}

func draftOf(d operate.Drafted) Draft {
	out := Draft{
		Revision: d.Revision, Base: d.Base, InForce: d.InForce.Number, By: d.By.Name, OpenedBy: d.Opened.Name, Changes: changesIn(d.Changes),
		Assigned: []DraftAssignment{}, Conflicts: []DraftConflict{}, Rules: Rules(d.Configuration.Rules), Policy: policyOf(d.Configuration.Policy),
	}
	if d.Revision != 0 {
		out.At = &d.At
	}
	for _, a := range d.Assigned {
		out.Assigned = append(out.Assigned, DraftAssignment{Kind: a.Kind, ID: a.To, Name: a.Name, Role: a.Role, Gone: a.Gone})
	}
	for _, c := range d.Conflicts {
		out.Conflicts = append(out.Conflicts, DraftConflict{Field: string(c.Field), What: c.What, Base: c.Base, Theirs: c.Theirs, Yours: c.Yours})
	}
	return out
}

func changesIn(all []operate.Change) []ConfigChange {
	out := []ConfigChange{}
	for _, c := range all {
		out = append(out, ConfigChange{string(c.Field), c.What, c.Was, c.Now})
	}
	return out
}

// drafted shows a draft after something was done to it; without one it shows what is in force.
func (s *Server) drafted(ctx context.Context, p operate.Principal, job string, d operate.Drafted, err error) (Draft, error) {
	if err != nil || d.Revision != 0 {
		return draftOf(d), err
	}
	j, err := s.Operator.Job(ctx, p, job)
	if err != nil {
		return Draft{}, err
	}
	in, err := s.Operator.CompareVersions(ctx, p, job, 0, 0)
	d.Configuration, d.InForce, d.Changes = j.Configuration(), in.To, nil
	return draftOf(d), err
}

func (s *Server) getDraft(ctx context.Context, p operate.Principal, in *JobPath) (Draft, error) {
	d, err := s.Operator.Draft(ctx, p, in.Job)
	return s.drafted(ctx, p, in.Job, d, err)
}

// Revision is a condition on a change of a draft.
type Revision struct {
	Only string `query:"revision" maxLength:"18" pattern:"^[0-9]*$" doc:"Only if the draft has this revision, 0 for none; absent is whatever it has."`
}

func (r Revision) number() int64 {
	n, err := strconv.ParseInt(r.Only, 10, 64)
	if err != nil { // it is absent: the pattern lets nothing else through
		return operate.AnyRevision
	}
	return n
}

func (s *Server) discardDraft(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
},
) error {
	return s.Operator.DiscardDraft(ctx, p, in.Job, in.number())
}

func (s *Server) draftRules(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
	Body Rules
},
) (Draft, error) {
	d, err := s.Operator.DraftRules(ctx, p, in.Job, in.number(), rule.Rules(in.Body))
	return s.drafted(ctx, p, in.Job, d, err)
}

func (s *Server) draftPolicy(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
	Body Policy
},
) (Draft, error) {
	d, err := s.Operator.DraftPolicy(ctx, p, in.Job, in.number(), in.Body.domain())
	return s.drafted(ctx, p, in.Job, d, err)
}

// DraftAssignments are changes of assignments.
type DraftAssignments struct {
	Items []DraftAssignmentInput `json:"items" minItems:"1" maxItems:"1000"`
}

// DraftAssignmentInput says who is to be assigned, or no longer.
type DraftAssignmentInput struct {
	User  string `json:"user,omitempty" maxLength:"320" doc:"Name, address or id. Either a user or a group is given."`
	Group string `json:"group,omitempty" maxLength:"320"`
	Role  string `json:"role,omitempty" maxLength:"200"`
	Gone  bool   `json:"gone,omitempty" doc:"The assignment is taken back."`
	Keep  bool   `json:"keep,omitempty" doc:"The draft says nothing of it any more."`
}

func (s *Server) draftAssignments(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
	Body DraftAssignments
},
) (Draft, error) {
	all := make([]operate.DraftAssignment, len(in.Body.Items))
	for i, a := range in.Body.Items {
		all[i] = operate.DraftAssignment(a)
	}
	d, err := s.Operator.DraftAssign(ctx, p, in.Job, in.number(), all)
	return s.drafted(ctx, p, in.Job, d, err)
}

// ApplyDraft says why a draft is applied.
type ApplyDraft struct {
	Note string `json:"note,omitempty" maxLength:"500" doc:"What the version is about."`
}

// AppliedDraft is what has become of a draft.
type AppliedDraft struct {
	Version JobVersion `json:"version"`
	LeftOut int        `json:"left_out,omitempty" doc:"Changes of assignments of whom there is no more."`
}

func (s *Server) applyDraft(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
	Body ApplyDraft
},
) (AppliedDraft, error) {
	a, err := s.Operator.ApplyDraft(ctx, p, in.Job, in.number(), in.Body.Note)
	return AppliedDraft{versionOf(a.Version), a.LeftOut}, err
}

// DraftImpact is what a draft would do.
type DraftImpact struct {
	Revision int64          `json:"revision" doc:"Of the draft; 0 is that there is none."`
	Says     string         `json:"says"`
	Means    []string       `json:"means" doc:"What the numbers do not say."`
	People   int            `json:"people" doc:"For whom something follows from what the draft decides otherwise."`
	Groups   int            `json:"groups"`
	Enter    int            `json:"enter" doc:"Come into scope."`
	Leave    int            `json:"leave" doc:"Leave scope."`
	LetGo    int            `json:"let_go" doc:"In scope, and of a type that is no longer sent: nothing is done with them."`
	Kinds    map[string]int `json:"kinds" doc:"What follows, by kind of action."`
	Held     int            `json:"held" doc:"Of these, what the guard would hold."`
	Failed   int            `json:"failed" doc:"Could not be planned."`
	Looked   int            `json:"looked" doc:"People and groups that were looked at."`
	Partial  bool           `json:"partial,omitempty" doc:"The time was too short for all."`
	Unread   bool           `json:"unread,omitempty" doc:"The application was never read: a create may become a link."`
	Sample   []Action       `json:"sample" doc:"Some of the rows, of each kind the first."`
	More     int            `json:"more,omitempty" doc:"Rows beside the sample."`
}

func (s *Server) draftImpact(ctx context.Context, p operate.Principal, in *JobPath) (DraftImpact, error) {
	i, err := s.Operator.DraftImpact(ctx, p, in.Job, 0)
	if err != nil {
		return DraftImpact{}, err
	}
	out := DraftImpact{
		Revision: i.Revision, Says: i.Says(), Means: i.Means(), People: i.Touched["User"], Groups: i.Touched["Group"], Enter: i.Enters, Leave: i.Leaves, LetGo: i.LetGo,
		Kinds: map[string]int{}, Held: i.Held, Failed: i.Failed, Looked: i.Looked, Partial: i.Partial, Unread: i.Unread, Sample: mapped(i.Sample, "", actionOf).Items, More: i.Rows - len(i.Sample),
	}
	for k, n := range i.Kinds {
		out.Kinds[string(k)] = n
	}
	if i.Revision == 0 {
		out.Says, out.Means = "There is no draft.", []string{}
	}
	return out, nil
}

// RebaseDraft says whose value counts of fields that two people have changed.
type RebaseDraft struct {
	Take map[string]string `json:"take,omitempty" maxProperties:"10000" doc:"By field: theirs or yours."`
}

func (s *Server) rebaseDraft(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	Revision
	Body RebaseDraft
},
) (Draft, error) {
	take := map[plan.Field]plan.Side{}
	for f, side := range in.Body.Take {
		take[plan.Field(f)] = plan.Side(side)
	}
	d, err := s.Operator.RebaseDraft(ctx, p, in.Job, in.number(), take)
	return s.drafted(ctx, p, in.Job, d, err)
}

// JobVersion is what a job has been set to. It never changes.
type JobVersion struct {
	Number      int64     `json:"number"`
	By          string    `json:"by,omitempty" doc:"Absent when it was set before there were versions."`
	At          time.Time `json:"at"`
	Note        string    `json:"note,omitempty"`
	Changed     []string  `json:"changed" doc:"Fields that are other ones than in the version before."`
	Assignments int       `json:"assignments,omitempty" doc:"Assignments that were changed with it."`
}

func versionOf(v plan.Version) JobVersion {
	out := JobVersion{Number: v.Number, By: v.By.Name, At: v.At, Note: v.Note, Changed: []string{}, Assignments: v.Assignments}
	for _, f := range v.Changed {
		out.Changed = append(out.Changed, string(f))
	}
	return out
}

func (s *Server) listVersions(ctx context.Context, p operate.Principal, in *struct {
	JobPath
	After int64 `query:"after" minimum:"0" doc:"Only versions before this number."`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (list[JobVersion], error) {
	all, err := s.Operator.Versions(ctx, p, in.Job, in.After, in.Limit)
	next := ""
	if len(all) == in.Limit && all[len(all)-1].Number > 1 {
		next = strconv.FormatInt(all[len(all)-1].Number, 10)
	}
	return mapped(all, next, versionOf), err
}

// VersionView is a version with what it says, and how that differs from another one.
type VersionView struct {
	JobVersion
	Against int64          `json:"against" doc:"The version that it is compared with."`
	Changes []ConfigChange `json:"changes"`
	Rules   Rules          `json:"rules"`
	Policy  Policy         `json:"policy"`
}

// VersionPath names a version in a path.
type VersionPath struct {
	JobPath
	Number int64 `path:"number" minimum:"0" doc:"0 is the one in force."`
}

func (s *Server) getVersion(ctx context.Context, p operate.Principal, in *struct {
	VersionPath
	Against int64 `query:"against" minimum:"-1" default:"-1" doc:"Compare with this version, 0 the one in force; absent is the one before."`
},
) (VersionView, error) {
	c, err := s.Operator.CompareVersions(ctx, p, in.Job, in.Against, in.Number)
	return VersionView{
		JobVersion: versionOf(c.To), Against: c.From.Number, Changes: changesIn(c.Changes),
		Rules: Rules(c.To.Configuration.Rules), Policy: policyOf(c.To.Configuration.Policy),
	}, err
}

func (s *Server) rollBack(ctx context.Context, p operate.Principal, in *VersionPath) (Draft, error) {
	d, err := s.Operator.RollBack(ctx, p, in.Job, in.Number)
	return draftOf(d), err
}

// AnyRevision stands for whatever revision a draft has.
const AnyRevision = operate.AnyRevision

func revision(n int64) url.Values {
	if n < 0 {
		return nil
	}
	return url.Values{"revision": {strconv.FormatInt(n, 10)}}
}

// Draft shows the draft of a job.
func (c *Client) Draft(ctx context.Context, job string) (Draft, error) {
	return call[Draft](ctx, c, http.MethodGet, at("jobs", job, "draft"), nil, nil)
}

// DraftImpact plans what the draft would do.
func (c *Client) DraftImpact(ctx context.Context, job string) (DraftImpact, error) {
	return call[DraftImpact](ctx, c, http.MethodGet, at("jobs", job, "draft", "impact"), nil, nil)
}

// DiscardDraft discards it, if it has the revision.
func (c *Client) DiscardDraft(ctx context.Context, job string, rev int64) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("jobs", job, "draft"), revision(rev), nil)
	return err
}

// EditDraftRules changes the mapping of a type of source object in the draft, as EditRules does in force.
func (c *Client) EditDraftRules(ctx context.Context, job, typ string, f func(*rule.ObjectMapping) error) (Draft, error) {
	d, err := c.Draft(ctx, job)
	if err != nil {
		return d, err
	}
	if err := editObject(job, typ, d.Rules.Objects, f); err != nil {
		return d, err
	}
	return call[Draft](ctx, c, http.MethodPut, at("jobs", job, "draft", "rules"), revision(d.Revision), d.Rules)
}

// DraftPolicy sets the policy in the draft, if it has the revision.
func (c *Client) DraftPolicy(ctx context.Context, job string, rev int64, p Policy) (Draft, error) {
	return call[Draft](ctx, c, http.MethodPut, at("jobs", job, "draft", "policy"), revision(rev), p)
}

// DraftAssign changes assignments in the draft.
func (c *Client) DraftAssign(ctx context.Context, job string, items []DraftAssignmentInput) (Draft, error) {
	return call[Draft](ctx, c, http.MethodPost, at("jobs", job, "draft", "assignments"), nil, DraftAssignments{items})
}

// ApplyDraft puts the draft into force, if it has the revision.
func (c *Client) ApplyDraft(ctx context.Context, job string, rev int64, in ApplyDraft) (AppliedDraft, error) {
	return call[AppliedDraft](ctx, c, http.MethodPost, at("jobs", job, "draft", "apply"), revision(rev), in)
}

// RebaseDraft brings the draft up to the version in force, if it has the revision.
func (c *Client) RebaseDraft(ctx context.Context, job string, rev int64, take map[string]string) (Draft, error) {
	return call[Draft](ctx, c, http.MethodPost, at("jobs", job, "draft", "rebase"), revision(rev), RebaseDraft{take})
}

// JobVersions lists what a job has been set to, the newest first.
func (c *Client) JobVersions(ctx context.Context, job string) ([]JobVersion, error) {
	out, err := call[list[JobVersion]](ctx, c, http.MethodGet, at("jobs", job, "versions"), url.Values{"limit": {"1000"}}, nil)
	return out.Items, err
}

// JobVersion shows one, compared with another; less than 0 is the one before.
func (c *Client) JobVersion(ctx context.Context, job string, number, against int64) (VersionView, error) {
	q := url.Values{"against": {strconv.FormatInt(against, 10)}}
	return call[VersionView](ctx, c, http.MethodGet, at("jobs", job, "versions", strconv.FormatInt(number, 10)), q, nil)
}

// RollBack makes a draft that goes back to a version.
func (c *Client) RollBack(ctx context.Context, job string, number int64) (Draft, error) {
	return call[Draft](ctx, c, http.MethodPost, at("jobs", job, "versions", strconv.FormatInt(number, 10), "draft"), nil, map[string]string{})
}
