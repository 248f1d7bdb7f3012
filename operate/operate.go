// Package operate is what a person or a program can do with Lockstep: one function each. The management API, the console and
// the command line translate requests into calls of an Operator and answers out of them; they decide nothing.
//
// Design. Every function takes a Principal first: who asks, for which tenant, with which rights, until when. It checks the
// right, then what was asked, and then has the effect through the store, which writes the audit row in the same transaction.
// Whoever keeps something that outlives a request, a session or a stream, asks Again at each use.
//
// Invariants. Nothing can give away what it does not have: a token, a link, a session or a stream made by somebody carries the
// maker's id, at most their scopes, and ends no later; when the maker's token ends or is revoked, all of them end. The audit
// log names the maker's id, never only a name that somebody chose. What can be asked for without end (streams, links) is
// counted per tenant. There is one function that says how a job stands (State), and every surface shows its sentence.
package operate

import (
	"context"
	"strings"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/mirror"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim/conform"
	"lockstep/session"
	"lockstep/web"
	"lockstep/words"
)

// Operator carries use cases out. Its fields are set before it is used and not changed afterwards; those without a note must
// be set.
type Operator struct {
	Directory directory.Store
	People    directory.Finder // nil looks at everybody
	// GroupFinder searches for groups.
	GroupFinder directory.GroupFinder
	Jobs        provision.Store
	Settings    Settings
	Drafts      Drafts
	Engine      Engine
	Drifts      Drifts // nil looks for none
	Undos       Undos
	Tenants     Tenants
	Tokens      Tokens
	Notes       Notes
	Standings   Standings
	Reads       Reads                                                                      // nil tells of none
	Sessions    *session.Gate                                                              // of the console; nil is no console
	Visits      ConsoleSessions                                                            // what the gate keeps, as a list; nil lists none
	Admins      Admins                                                                     // nil lets nobody in by their own name
	Forms       Forms                                                                      // nil keeps none
	Schemas     func(ctx context.Context, t lockstep.TenantID) (*directory.Schemas, error) // those of a tenant's own; nil is none
	SCIM        SCIM                                                                       // nil is no SCIM endpoint
	SignIn      *SignIn                                                                    // nil signs nobody in
	Notices     *Notices                                                                   // nil tells nobody
	Files       Files                                                                      // nil keeps no files of sources
	Consents    Consents                                                                   // nil asks nobody
	Gallery     []Template

	Address func() string    // where browsers reach the console; nil or "" is nowhere
	Wake    func()           // called after a change that may give jobs work; nil is nothing
	Local   string           // a token that may do everything, made for this process alone; "" is none
	Now     func() time.Time // nil is time.Now

	Verify func(hash, password string) (bool, error) // of local owners; nil is token.CheckPassword

	streams counter
	tries   session.Tries
	impacts impacts
	warned  warned
}

// Engine is what an Operator asks of provision.Engine.
type Engine interface {
	Trials
	Test(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, report func(connection.Check)) error
	Outside(ctx context.Context, t lockstep.TenantID, job lockstep.JobID) (connection.System, error)
	Progress(job lockstep.JobID) (provision.Cycle, bool)
}

// Trials tell what would be done, and do nothing.
type Trials interface {
	Impact(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, p provision.Proposal, f func(plan.Action) error) (provision.Impact, error)
	Preview(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, f func(plan.Action) error) (provision.Counts, error)
	Explain(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, ref connection.Ref) (provision.Explanation, error)
	FindAtTarget(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, typ, value string) ([]provision.Found, error)
	TryRules(ctx context.Context, t lockstep.TenantID, job lockstep.JobID, a provision.Attempt, f func(provision.Trial) error) error
}

// Reads is what an Operator asks of the reads of outside systems, and asks for.
type Reads interface {
	Head(ctx context.Context, id mirror.ID) (mirror.Head, error)
	// Request asks for a pass over every type of the system, and returns the number of the request.
	Request(ctx context.Context, id mirror.ID, r mirror.Request) (int64, error)
	// Find returns the objects that have one of the values, as they were last seen.
	Find(ctx context.Context, id mirror.ID, typ, attribute string, values ...string) ([]mirror.Found, error)
	Seen
}

// Seen is what outside systems were seen to have.
type Seen interface {
	// Rows returns objects in their order, Numbered those with these numbers in any, and Count how many of each type are not gone.
	Rows(ctx context.Context, id mirror.ID, q mirror.Query) ([]mirror.Row, error)
	Numbered(ctx context.Context, id mirror.ID, numbers []int64) ([]mirror.Row, error)
	Count(ctx context.Context, id mirror.ID) (map[string]int, error)
	// Loose returns the numbers of the objects to which no link of the job leads, and Holding of those that have a text in a value by which they
	// are looked up, or as their id: both in their order, and without those that are gone.
	Loose(ctx context.Context, id mirror.ID, typ string) ([]int64, error)
	Holding(ctx context.Context, id mirror.ID, typ, text string) ([]int64, error)
}

// Tenants keeps the tenants.
type Tenants interface {
	Tenants(ctx context.Context) ([]directory.Tenant, error)
	Tenant(ctx context.Context, id lockstep.TenantID) (directory.Tenant, error)
	TenantBySlug(ctx context.Context, slug string) (directory.Tenant, error)
	// CreateTenant keeps a new tenant; a slug that is taken gives lockstep.ErrConflict.
	CreateTenant(ctx context.Context, by audit.Actor, t directory.Tenant) error
	// SetTenant changes the name, and whether owners of the server may come in. change has no effects and may be asked again.
	SetTenant(ctx context.Context, by audit.Actor, id lockstep.TenantID, change func(*directory.Tenant) error) (directory.Tenant, error)
	// RemoveTenant closes one for good, and has what was kept of it removed. The log of the tenant home tells of it.
	RemoveTenant(ctx context.Context, by audit.Actor, home, id lockstep.TenantID) error
}

// Notes reads the audit log, and keeps those of its events that belong to no other change.
type Notes interface {
	Note(ctx context.Context, t lockstep.TenantID, e audit.Event) error
	Audit(ctx context.Context, t lockstep.TenantID, q audit.Query) ([]audit.Line, error)
}

// AuditLog reads who did what, newest first.
func (o *Operator) AuditLog(ctx context.Context, p Principal, q audit.Query) ([]audit.Line, error) {
	if err := p.may(AuditRead); err != nil {
		return nil, err
	}
	q.Also = words.Searched(q.Text)
	return o.Notes.Audit(ctx, p.Tenant, q)
}

// SCIM is what the SCIM endpoint of a tenant knows of its clients.
type SCIM interface {
	// Endpoint returns a tenant's address; one that begins with a slash is on the console's own host.
	Endpoint(ctx context.Context, t lockstep.TenantID) (string, error)
	// Exchanges returns the last exchanges that this node has answered, the newest first.
	Exchanges(t lockstep.TenantID) []web.Exchange
	// Examine returns where an exchange's request departs from the RFCs.
	Examine(ctx context.Context, t lockstep.TenantID, e web.Exchange) ([]conform.Deviation, error)
	// Report returns how the holders of strict tokens have departed, by token.
	Report(ctx context.Context, t lockstep.TenantID) (map[lockstep.TokenID][]conform.Tally, error)
	// Calls returns what clients have asked first, last and in vain.
	Calls(ctx context.Context, t lockstep.TenantID) (SCIMCalls, error)
	// ClearReport begins a token's count anew.
	ClearReport(ctx context.Context, by audit.Actor, t lockstep.TenantID, id lockstep.TokenID) error
}

// SCIMCalls is what the clients of a tenant have asked, as it is remembered: to the minute or so.
type SCIMCalls struct {
	Clients map[lockstep.TokenID]ClientCalls
	// Stranger is the last request that showed nothing that opens the tenant, as this node has seen it since it started, wherever it came from.
	Stranger *Stranger
	Rate     float64 // requests a second that the server lets any client send; 0 is as many as it likes
}

// ClientCalls are the requests of a client that are remembered; one that was not made has no At.
type ClientCalls struct {
	First, Last SCIMCall // that were served
	Refused     SCIMCall // the last
}

// SCIMCall is one request of a SCIM client.
type SCIMCall struct {
	At     time.Time
	Method string
	Path   string // within the endpoint, without its query
	Status int
	Agent  string // User-Agent
	Type   string // scimType of the answer; of a client that has ended why: expired, former, revoked or maker
	Detail string // of the answer, without secrets
}

// Stranger is a request that showed nothing that opens the tenant.
type Stranger struct {
	SCIMCall
	Token lockstep.TokenID // whose text it resembles; "" is nobody's
	Why   StrangerReason
}

// StrangerReason says what a request lacked.
type StrangerReason string

// The reasons.
const (
	StrangerNothing StrangerReason = "nothing" // it showed no token at all
	StrangerScheme  StrangerReason = "scheme"  // something else than a bearer token
	StrangerBroken  StrangerReason = "broken"  // a token of ours, of which a part is missing
	StrangerKind    StrangerReason = "kind"    // a token of ours for something else
	StrangerSecret  StrangerReason = "secret"  // a token whose secret is another by now
	StrangerTenant  StrangerReason = "tenant"  // a token at the address of another tenant
	StrangerAccess  StrangerReason = "access"  // an access token (OAuth 2.0) that does not fit
	StrangerText    StrangerReason = "text"    // a text that is no token of ours
)

func (o *Operator) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

func (o *Operator) wake() {
	if o.Wake != nil {
		o.Wake()
	}
}

// commit writes to the directory; the jobs that it concerns start at once.
func (o *Operator) commit(ctx context.Context, p Principal, changes ...directory.Change) error {
	if p.Visits() {
		changes = append([]directory.Change{directory.Visiting{}}, changes...)
	}
	_, err := o.Directory.Commit(ctx, p.Tenant, p.Actor, "", changes...)
	if err == nil {
		o.wake()
	}
	return err
}

func notFound(what, name string, among ...string) error {
	detail := "There is no " + what + " “" + clip(name) + "”"
	if near := rule.Nearest(name, among); near != "" {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: detail + "; did you mean “" + clip(near) + "”?"}
	}
	return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: detail + "."}
}

func invalid(detail string) error { return invalidIn("", detail) }

// invalidIn is invalid, of what has the name in the API.
func invalidIn(field, detail string) error {
	return &lockstep.Error{Code: lockstep.CodeInvalid, Field: field, Detail: detail}
}

// clip keeps what a caller sent from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// attempts is how often a change is tried again when somebody else was faster.
const attempts = 5
