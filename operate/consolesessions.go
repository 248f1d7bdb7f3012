package operate

import (
	"cmp"
	"context"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/session"
)

// ConsoleSessions is what an Operator asks of the store of the console's sessions.
type ConsoleSessions interface {
	// ConsoleSessions returns a tenant's sessions that were used since an instant, the newest first, at most limit.
	ConsoleSessions(ctx context.Context, t lockstep.TenantID, since time.Time, limit int) ([]session.Session, error)
	// EndConsoleSessions ends one, or all but one when id is "", and returns how many it ended.
	EndConsoleSessions(ctx context.Context, by audit.Actor, t lockstep.TenantID, id, keep session.ID) (int, error)
}

// mostConsoleSessions is how many a tenant has at most.
const mostConsoleSessions = 1000

// ConsoleSession is a session of the console as it is shown.
type ConsoleSession struct {
	session.Session
	Own  bool   // it is the one that asks
	Name string // of its holder, with their tenant when that is another one
	In   string // the tenant that they are in, when it is another one
}

// How says how its holder came in.
func (x ConsoleSession) How() How { return How(cmp.Or(x.Grant.How, string(ByLink))) }

// ConsoleSessions lists who is in the console, the newest first.
func (o *Operator) ConsoleSessions(ctx context.Context, p Principal) ([]ConsoleSession, error) {
	if err := p.may(AdminsRead); err != nil {
		return nil, err
	}
	if o.Visits == nil {
		return nil, errNoConsole()
	}
	all, err := o.Visits.ConsoleSessions(ctx, p.Tenant, o.now().Add(-o.Sessions.Unused()), mostConsoleSessions)
	if err != nil {
		return nil, err
	}
	var open []ConsoleSession
	for _, x := range all {
		if !o.Sessions.Open(x) {
			continue
		}
		who, err := o.Inside(ctx, x)
		if lockstep.CodeOf(err) == lockstep.CodeUnauthorized {
			continue // whoever made its link is no more
		}
		if err != nil {
			return nil, err
		}
		shown := ConsoleSession{Session: x, Own: x.ID == p.Session && p.Session != "", Name: who.Actor.Name}
		if x.Grant.Tenant != p.Tenant {
			t, err := o.Tenants.Tenant(ctx, x.Grant.Tenant)
			if err != nil {
				return nil, err
			}
			shown.Name, shown.In = x.Grant.Holder, t.Name
		}
		open = append(open, shown)
	}
	return open, nil
}

func errNoConsole() error {
	return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "This server has no console: start lockstep serve."}
}

// EndConsoleSession ends a session of the console, by its id.
func (o *Operator) EndConsoleSession(ctx context.Context, p Principal, id session.ID) error {
	if err := p.may(AdminsWrite); err != nil {
		return err
	}
	if o.Visits == nil {
		return errNoConsole()
	}
	if id == "" {
		return notFound("session of the console", string(id))
	}
	_, err := o.Visits.EndConsoleSessions(ctx, p.Actor, p.Tenant, id, "")
	return err
}

// EndConsoleSessions ends all sessions of the console but that of the principal, and links that were not used yet. It returns how many
// sessions it ended.
func (o *Operator) EndConsoleSessions(ctx context.Context, p Principal) (int, error) {
	if err := p.may(AdminsWrite); err != nil {
		return 0, err
	}
	if o.Visits == nil {
		return 0, errNoConsole()
	}
	if err := o.proved(p); err != nil {
		return 0, err
	}
	return o.Visits.EndConsoleSessions(ctx, p.Actor, p.Tenant, "", p.Session)
}
