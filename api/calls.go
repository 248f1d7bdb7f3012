package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lockstep"
	"lockstep/rule"
)

// Version returns the server's version. It needs no token.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return call[Version](ctx, c, http.MethodGet, at("version"), nil, nil)
}

// Tenants lists the tenants that the token may see.
func (c *Client) Tenants(ctx context.Context) ([]Tenant, error) {
	out, err := call[list[Tenant]](ctx, c, http.MethodGet, at("tenants"), nil, nil)
	return out.Items, err
}

// CreateTenant creates a tenant.
func (c *Client) CreateTenant(ctx context.Context, t NewTenant) (Tenant, error) {
	return call[Tenant](ctx, c, http.MethodPost, at("tenants"), nil, t)
}

// TenantCalled returns a tenant, by short name or id, and what it has.
func (c *Client) TenantCalled(ctx context.Context, name string) (Tenant, error) {
	return call[Tenant](ctx, c, http.MethodGet, at("tenants", name), nil, nil)
}

// ChangeTenant changes a tenant, by short name or id.
func (c *Client) ChangeTenant(ctx context.Context, name string, change TenantChange) (Tenant, error) {
	return call[Tenant](ctx, c, http.MethodPatch, at("tenants", name), nil, change)
}

// RemoveTenant removes a tenant, by short name or id, with everything that it has.
func (c *Client) RemoveTenant(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("tenants", name), nil, nil)
	return err
}

// Tokens lists the tenant's tokens.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	out, err := call[list[Token]](ctx, c, http.MethodGet, at("tokens"), nil, nil)
	return out.Items, err
}

// CreateToken creates a token; its text is returned this once.
func (c *Client) CreateToken(ctx context.Context, t NewToken) (CreatedToken, error) {
	return call[CreatedToken](ctx, c, http.MethodPost, at("tokens"), nil, t)
}

// RotateToken gives a token, by id or name, a new secret; its text is returned this once.
func (c *Client) RotateToken(ctx context.Context, name string, r RotateToken) (CreatedToken, error) {
	return call[CreatedToken](ctx, c, http.MethodPost, at("tokens", name, "rotate"), nil, r)
}

// ConsoleLink makes a one-time link into the server's web console; the audit log shows its user as holder.
func (c *Client) ConsoleLink(ctx context.Context, holder string) (ConsoleLink, error) {
	return call[ConsoleLink](ctx, c, http.MethodPost, at("console", "links"), nil, map[string]string{"holder": holder})
}

// RevokeToken ends a token, by id or name, with both its secrets.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("tokens", name), nil, nil)
	return err
}

// UserPage is a page of people.
type UserPage struct {
	Users  []User
	Next   string // "" is the end
	Notice string // what is to be known of the answer; "" is nothing
}

// Users lists or searches people, one page.
func (c *Client) Users(ctx context.Context, q ListQuery) (UserPage, error) {
	out, err := call[list[User]](ctx, c, http.MethodGet, at("users"), q.values(), nil)
	return UserPage{out.Items, out.Next, out.Notice}, err
}

// User shows one, by id, user name, address or external id.
func (c *Client) User(ctx context.Context, name string) (User, error) {
	return call[User](ctx, c, http.MethodGet, at("users", name), nil, nil)
}

// CreateUser creates a user.
func (c *Client) CreateUser(ctx context.Context, a Attributes) (User, error) {
	return call[User](ctx, c, http.MethodPost, at("users"), nil, a)
}

// PatchUser sets some attributes.
func (c *Client) PatchUser(ctx context.Context, name string, p MergePatch) (User, error) {
	return call[User](ctx, c, http.MethodPatch, at("users", name), nil, p)
}

// SetActive disables or enables a user.
func (c *Client) SetActive(ctx context.Context, name string, active bool) (User, error) {
	var p MergePatch
	p.Set("active", active)
	return c.PatchUser(ctx, name, p)
}

// SetUserPassword gives a user a password for the provider that keeps passwords here.
func (c *Client) SetUserPassword(ctx context.Context, name, password string) error {
	_, err := call[struct{}](ctx, c, http.MethodPut, at("users", name, "password"), nil, OwnerPassword{password})
	return err
}

// SetTemporaryPassword gives a user a password that they have to change at the first sign-in.
func (c *Client) SetTemporaryPassword(ctx context.Context, name string, n NewTemporaryPassword) (TemporaryPassword, error) {
	return call[TemporaryPassword](ctx, c, http.MethodPost, at("users", name, "temporary-password"), nil, n)
}

// DeleteUser deletes a user, for good when purge is set.
func (c *Client) DeleteUser(ctx context.Context, name string, purge bool) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("users", name), purged(purge), nil)
	return err
}

func purged(purge bool) url.Values {
	if !purge {
		return nil
	}
	return url.Values{"purge": {"true"}}
}

// RestoreUser ends a soft delete.
func (c *Client) RestoreUser(ctx context.Context, name string) (User, error) {
	return call[User](ctx, c, http.MethodPost, at("users", name, "restore"), nil, nil)
}

// Groups lists or searches groups, one page; next "" is the end.
func (c *Client) Groups(ctx context.Context, q ListQuery) (groups []Group, next string, err error) {
	out, err := call[list[Group]](ctx, c, http.MethodGet, at("groups"), q.values(), nil)
	return out.Items, out.Next, err
}

// Group shows one, by id, name or external id.
func (c *Client) Group(ctx context.Context, name string) (Group, error) {
	return call[Group](ctx, c, http.MethodGet, at("groups", name), nil, nil)
}

// CreateGroup creates a group.
func (c *Client) CreateGroup(ctx context.Context, a Attributes) (Group, error) {
	return call[Group](ctx, c, http.MethodPost, at("groups"), nil, a)
}

// PatchGroup sets some attributes.
func (c *Client) PatchGroup(ctx context.Context, name string, p MergePatch) (Group, error) {
	return call[Group](ctx, c, http.MethodPatch, at("groups", name), nil, p)
}

// DeleteGroup deletes a group, for good when purge is set.
func (c *Client) DeleteGroup(ctx context.Context, name string, purge bool) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("groups", name), purged(purge), nil)
	return err
}

// Members lists a group's direct members, at most 10,000.
func (c *Client) Members(ctx context.Context, group string) ([]Member, error) {
	out, err := call[list[Member]](ctx, c, http.MethodGet, at("groups", group, "members"), url.Values{"limit": {"10000"}}, nil)
	return out.Items, err
}

// ChangeMembers adds and removes members.
func (c *Client) ChangeMembers(ctx context.Context, group string, m MemberChange) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, at("groups", group, "members"), nil, m)
	return err
}

// Gallery lists the kinds of source and app.
func (c *Client) Gallery(ctx context.Context) ([]Template, error) {
	out, err := call[list[Template]](ctx, c, http.MethodGet, at("gallery"), nil, nil)
	return out.Items, err
}

// Apps lists the apps.
func (c *Client) Apps(ctx context.Context) ([]App, error) {
	out, err := call[list[App]](ctx, c, http.MethodGet, at("apps"), nil, nil)
	return out.Items, err
}

// App shows an app.
func (c *Client) App(ctx context.Context, app string) (App, error) {
	return call[App](ctx, c, http.MethodGet, at("apps", app), nil, nil)
}

// CreateApp adds an app.
func (c *Client) CreateApp(ctx context.Context, n NewSystem) (App, error) {
	return call[App](ctx, c, http.MethodPost, at("apps"), nil, n)
}

// DeleteApp removes an app.
func (c *Client) DeleteApp(ctx context.Context, app string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("apps", app), nil, nil)
	return err
}

// Assignments lists who is assigned to an app.
func (c *Client) Assignments(ctx context.Context, app string) ([]Assignment, error) {
	out, err := call[list[Assignment]](ctx, c, http.MethodGet, at("apps", app, "assignments"), nil, nil)
	return out.Items, err
}

// Assign assigns a user or a group.
func (c *Client) Assign(ctx context.Context, app string, n NewAssignment) (Assignment, error) {
	return call[Assignment](ctx, c, http.MethodPost, at("apps", app, "assignments"), nil, n)
}

// Unassign withdraws an assignment, named by its id or by the id of the user or group.
func (c *Client) Unassign(ctx context.Context, app, assignment string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("apps", app, "assignments", assignment), nil, nil)
	return err
}

// Sources lists the sources.
func (c *Client) Sources(ctx context.Context) ([]Job, error) {
	out, err := call[list[Job]](ctx, c, http.MethodGet, at("sources"), nil, nil)
	return out.Items, err
}

// CreateSource adds a source.
func (c *Client) CreateSource(ctx context.Context, n NewSystem) (Job, error) {
	return call[Job](ctx, c, http.MethodPost, at("sources"), nil, n)
}

// DeleteSource removes a source.
func (c *Client) DeleteSource(ctx context.Context, source string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at("sources", source), nil, nil)
	return err
}

// Jobs lists the jobs of apps and sources.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	l, err := call[list[Job]](ctx, c, http.MethodGet, at("jobs"), nil, nil)
	return l.Items, err
}

// Job shows the job of an app or a source.
func (c *Client) Job(ctx context.Context, job string) (Job, error) {
	return call[Job](ctx, c, http.MethodGet, at("jobs", job), nil, nil)
}

// PatchJob changes name, mode or state.
func (c *Client) PatchJob(ctx context.Context, job string, p JobPatch) (Job, error) {
	return call[Job](ctx, c, http.MethodPatch, at("jobs", job), nil, p)
}

// SetConnection sets settings and secrets.
func (c *Client) SetConnection(ctx context.Context, job string, ch ConnectionChange) (Job, error) {
	return call[Job](ctx, c, http.MethodPut, at("jobs", job, "connection"), nil, ch)
}

// TestConnection tests the connection.
func (c *Client) TestConnection(ctx context.Context, job string) (TestResult, error) {
	return call[TestResult](ctx, c, http.MethodPost, at("jobs", job, "connection", "test"), nil, nil)
}

// Rules shows a job's rules.
func (c *Client) Rules(ctx context.Context, job string) (RulesView, error) {
	return call[RulesView](ctx, c, http.MethodGet, at("jobs", job, "rules"), nil, nil)
}

// PutRules replaces a job's rules, if their version is still the given one; 0 is whatever it is.
func (c *Client) PutRules(ctx context.Context, job string, config int64, r rule.Rules) (RulesView, error) {
	return call[RulesView](ctx, c, http.MethodPut, at("jobs", job, "rules"), url.Values{"config": {strconv.FormatInt(config, 10)}}, Rules(r))
}

// ReadRules says what a job's rules would be with a schema, to which base the draft is if draft is set.
func (c *Client) ReadRules(ctx context.Context, job string, draft bool, schema []byte) (ReadRules, error) {
	if !json.Valid(schema) {
		return ReadRules{}, &lockstep.Error{Code: lockstep.CodeMapSyntax, Detail: "This is not the JSON of a provisioning schema."}
	}
	return call[ReadRules](ctx, c, http.MethodPost, at("jobs", job, "rules", "read"), url.Values{"draft": {strconv.FormatBool(draft)}}, EntraSchema(schema))
}

// DraftRules sets the rules in the draft, if it has the revision.
func (c *Client) DraftRules(ctx context.Context, job string, rev int64, r Rules) (Draft, error) {
	return call[Draft](ctx, c, http.MethodPut, at("jobs", job, "draft", "rules"), revision(rev), r)
}

// EditRules reads the rules, lets f change the mapping of the type of source object, and writes them back if nobody else has
// changed them in the meantime.
func (c *Client) EditRules(ctx context.Context, job, typ string, f func(*rule.ObjectMapping) error) (RulesView, error) {
	v, err := c.Rules(ctx, job)
	if err != nil {
		return v, err
	}
	if err := editObject(job, typ, v.Rules.Objects, f); err != nil {
		return v, err
	}
	return c.PutRules(ctx, job, v.Config, rule.Rules(v.Rules))
}

// editObject lets f change the mapping of the type of source object.
func editObject(job, typ string, all []rule.ObjectMapping, f func(*rule.ObjectMapping) error) error {
	i := slices.IndexFunc(all, func(m rule.ObjectMapping) bool { return m.Source == typ })
	if i < 0 {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: fmt.Sprintf("The rules of %s have no mapping for %s.", job, typ)}
	}
	return f(&all[i])
}

// PutPolicy replaces a job's policy.
func (c *Client) PutPolicy(ctx context.Context, job string, p Policy) (Job, error) {
	return call[Job](ctx, c, http.MethodPut, at("jobs", job, "policy"), nil, p)
}

// EditPolicy is PutPolicy for what was read of the job, and refused when somebody else has changed that in the meantime.
func (c *Client) EditPolicy(ctx context.Context, j Job, p Policy) (Job, error) {
	return call[Job](ctx, c, http.MethodPut, at("jobs", j.Slug, "policy"), url.Values{"config": {strconv.FormatInt(j.Config, 10)}}, p)
}

// Plan shows what would be done; a job in mode manual keeps it for Apply. Limit is how many actions are shown, wait how long
// the server may take; zero values are the server's defaults.
func (c *Client) Plan(ctx context.Context, job string, limit int, wait time.Duration) (Plan, error) {
	q := url.Values{}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if wait > 0 {
		q.Set("wait", strconv.Itoa(max(1, int(wait/time.Second))))
	}
	return call[Plan](ctx, c, http.MethodPost, at("jobs", job, "plan"), q, nil)
}

// WaitingPlan shows the plan that waits for Apply, as it was made. The error has lockstep.CodeNotFound when none waits.
func (c *Client) WaitingPlan(ctx context.Context, job string, limit int) (Plan, error) {
	return call[Plan](ctx, c, http.MethodGet, at("jobs", job, "plan"), url.Values{"limit": {strconv.Itoa(limit)}}, nil)
}

// Apply carries out the plan that waits.
func (c *Client) Apply(ctx context.Context, job string, in ApplyInput) (Cycle, error) {
	return call[Cycle](ctx, c, http.MethodPost, at("jobs", job, "apply"), nil, in)
}

// Discard drops the plan that waits.
func (c *Client) Discard(ctx context.Context, job string) (Cycle, error) {
	return call[Cycle](ctx, c, http.MethodPost, at("jobs", job, "discard"), nil, map[string]string{})
}

// Run begins a cycle now.
func (c *Client) Run(ctx context.Context, job string) (Job, error) {
	return call[Job](ctx, c, http.MethodPost, at("jobs", job, "run"), nil, nil)
}

// RunWhole begins a cycle now that reads the outside system from the beginning.
func (c *Client) RunWhole(ctx context.Context, job string) (Job, error) {
	return call[Job](ctx, c, http.MethodPost, at("jobs", job, "run"), url.Values{"whole": {"true"}}, nil)
}

// DecideHeld approves or rejects held actions.
func (c *Client) DecideHeld(ctx context.Context, job string, d HeldDecision) (Decided, error) {
	return call[Decided](ctx, c, http.MethodPost, at("jobs", job, "held"), nil, d)
}

// Drift shows what differs from what was written, as the last look has found it, from page to page.
func (c *Client) Drift(ctx context.Context, job string) (DriftView, error) {
	return c.allDrift(ctx, job, nil)
}

// LookForDrift has the application looked at once more, and shows what differs then.
func (c *Client) LookForDrift(ctx context.Context, job string) (DriftView, error) {
	view, err := call[DriftView](ctx, c, http.MethodPost, at("jobs", job, "drift", "read"), url.Values{"wait": {"600"}, "limit": {"1000"}}, nil)
	if err != nil {
		return view, err
	}
	return c.allDrift(ctx, job, &view)
}

// allDrift adds the other pages to the first one.
func (c *Client) allDrift(ctx context.Context, job string, all *DriftView) (DriftView, error) {
	for all == nil || all.Next != "" {
		q := url.Values{"limit": {"1000"}}
		if all != nil {
			q.Set("after", all.Next)
		}
		view, err := call[DriftView](ctx, c, http.MethodGet, at("jobs", job, "drift"), q, nil)
		if err != nil {
			return view, err
		}
		if all != nil {
			view.Items = append(all.Items, view.Items...)
		}
		all = &view
	}
	return *all, nil
}

// RestoreDrift has objects written anew.
func (c *Client) RestoreDrift(ctx context.Context, job string, in DriftRestore) (Restored, error) {
	return call[Restored](ctx, c, http.MethodPost, at("jobs", job, "drift", "restore"), nil, in)
}

// Undo takes back what was done.
func (c *Client) Undo(ctx context.Context, job string, in UndoInput) (Undone, error) {
	return call[Undone](ctx, c, http.MethodPost, at("jobs", job, "undo"), nil, in)
}

// Explain tells why an object is or is not at the target. Typ is User or Group.
func (c *Client) Explain(ctx context.Context, job, typ, object string) (Explanation, error) {
	return call[Explanation](ctx, c, http.MethodGet, at("jobs", job, "explain"), url.Values{"object": {object}, "type": {typ}}, nil)
}

// Cycles lists a job's cycles, newest first.
func (c *Client) Cycles(ctx context.Context, job string, limit int) ([]Cycle, error) {
	out, err := call[list[Cycle]](ctx, c, http.MethodGet, at("jobs", job, "cycles"), LogQuery{Limit: limit}.values(), nil)
	return out.Items, err
}

// Cycle shows a cycle.
func (c *Client) Cycle(ctx context.Context, job string, id lockstep.CycleID) (Cycle, error) {
	return call[Cycle](ctx, c, http.MethodGet, at("jobs", job, "cycles", string(id)), nil, nil)
}

// Actions searches the provisioning log, newest first, one page; next "" is the end.
func (c *Client) Actions(ctx context.Context, job string, q LogQuery) (actions []Action, next string, err error) {
	out, err := call[list[Action]](ctx, c, http.MethodGet, at("jobs", job, "actions"), q.values(), nil)
	return out.Items, out.Next, err
}

// Action shows a line of the provisioning log.
func (c *Client) Action(ctx context.Context, job string, id lockstep.ActionID) (Action, error) {
	return call[Action](ctx, c, http.MethodGet, at("jobs", job, "actions", string(id)), nil, nil)
}

// Export writes the provisioning log as JSON Lines, newest first.
func (c *Client) Export(ctx context.Context, job string, q LogQuery, w io.Writer) error {
	res, err := c.do(ctx, http.MethodGet, at("jobs", job, "actions.jsonl"), q.values(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}

// PutUser replaces a user's attributes, if the version is still the given one; 0 is whatever it is.
func (c *Client) PutUser(ctx context.Context, name string, version int64, a Attributes) (User, error) {
	return call[User](ctx, c, http.MethodPut, at("users", name), url.Values{"version": {strconv.FormatInt(version, 10)}}, a)
}
