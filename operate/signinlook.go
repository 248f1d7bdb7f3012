package operate

import (
	"context"
	"slices"

	"lockstep"
	"lockstep/directory"
	"lockstep/sso"
)

// SignInLook is what an Operator asks of the store to show what stands and what has happened. It changes nothing.
type SignInLook interface {
	Traces(ctx context.Context, t lockstep.TenantID, q sso.TraceQuery) ([]sso.Trace, sso.LoginID, error)
	LinkCount(ctx context.Context, t lockstep.TenantID, p sso.ProviderID) (int, error)
	SessionClients(ctx context.Context, t lockstep.TenantID, sessions []sso.SessionID) (map[sso.SessionID][]sso.ClientID, error)
}

// Called is something with the name by which people know it.
type Called struct{ ID, Name string }

// SeenSession is a session with the names of whom and what it concerns.
type SeenSession struct {
	sso.Session
	Person   Called
	Provider Called
	Apps     []Called
}

// SeenAttempt is a sign-in that ended, with the names of whom and what it concerns.
type SeenAttempt struct {
	sso.Trace
	Person   Called // nobody when it did not come so far
	Provider Called
	App      Called // of a test sign-in none
}

// SeenSessions lists the sessions that stand, the newest first, with names: of one person, or of everybody.
func (o *Operator) SeenSessions(ctx context.Context, p Principal, user lockstep.UserID) ([]SeenSession, error) {
	all, err := o.PersonSessions(ctx, p, user)
	if err != nil {
		return nil, err
	}
	var ids []sso.SessionID
	var users []lockstep.UserID
	for _, x := range all {
		ids, users = append(ids, x.ID), append(users, x.Person.User)
	}
	apps, err := o.SignIn.Look.SessionClients(ctx, p.Tenant, ids)
	if err != nil {
		return nil, err
	}
	names, err := o.namesOf(ctx, p, users)
	if err != nil {
		return nil, err
	}
	seen := make([]SeenSession, len(all))
	for i, x := range all {
		seen[i] = SeenSession{Session: x, Person: names.person(x.Person.User), Provider: names.provider(x.Provider)}
		for _, id := range apps[x.ID] {
			seen[i].Apps = append(seen[i].Apps, names.app(id))
		}
	}
	return seen, nil
}

// Attempts lists the sign-ins that have ended, the newest first, with names, and where the next look begins ("" is nowhere).
func (o *Operator) Attempts(ctx context.Context, p Principal, q sso.TraceQuery) ([]SeenAttempt, sso.LoginID, error) {
	s, err := o.signIn(p, false)
	if err != nil {
		return nil, "", err
	}
	q.Limit = min(max(q.Limit, 1), 200)
	all, next, err := s.Look.Traces(ctx, p.Tenant, q)
	if err != nil {
		return nil, "", err
	}
	seen, err := o.attemptsSeen(ctx, p, all...)
	return seen, next, err
}

// SeenAttempt returns one of them, by the reference that its page showed.
func (o *Operator) SeenAttempt(ctx context.Context, p Principal, reference string) (SeenAttempt, error) {
	t, err := o.Attempt(ctx, p, reference)
	if err != nil {
		return SeenAttempt{}, err
	}
	seen, err := o.attemptsSeen(ctx, p, t)
	if err != nil {
		return SeenAttempt{}, err
	}
	return seen[0], nil
}

func (o *Operator) attemptsSeen(ctx context.Context, p Principal, all ...sso.Trace) ([]SeenAttempt, error) {
	var users []lockstep.UserID
	for _, t := range all {
		users = append(users, t.User)
	}
	names, err := o.namesOf(ctx, p, users)
	if err != nil {
		return nil, err
	}
	seen := make([]SeenAttempt, len(all))
	for i, t := range all {
		seen[i] = SeenAttempt{Trace: t, Person: names.person(t.User), Provider: names.provider(t.Provider), App: names.app(t.Client)}
	}
	return seen, nil
}

// signInNames are the names of what sessions and attempts speak of by id. What is no more is called by its id.
type signInNames struct {
	people    map[lockstep.UserID]string
	providers map[sso.ProviderID]sso.Provider
	apps      map[sso.ClientID]string
}

func (n signInNames) person(id lockstep.UserID) Called {
	return Called{string(id), firstOf(n.people[id], string(id))}
}

// provider goes by the alias, which is what addresses have.
func (n signInNames) provider(id sso.ProviderID) Called {
	if one, ok := n.providers[id]; ok {
		return Called{one.Alias, one.Name}
	}
	return Called{"", string(id)}
}

func (n signInNames) app(id sso.ClientID) Called {
	return Called{string(id), firstOf(n.apps[id], string(id))}
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func (o *Operator) namesOf(ctx context.Context, p Principal, users []lockstep.UserID) (signInNames, error) {
	n := signInNames{people: map[lockstep.UserID]string{}, providers: map[sso.ProviderID]sso.Provider{}, apps: map[sso.ClientID]string{}}
	providers, err := o.SignIn.Providers.Providers(ctx, p.Tenant)
	if err != nil {
		return n, err
	}
	for _, one := range providers {
		n.providers[one.ID] = one
	}
	apps, err := o.SignIn.Clients.Clients(ctx, p.Tenant)
	if err != nil {
		return n, err
	}
	for _, c := range apps {
		n.apps[c.ID] = c.Name
	}
	slices.Sort(users)
	users = slices.DeleteFunc(slices.Compact(users), func(id lockstep.UserID) bool { return id == "" })
	for part := range slices.Chunk(users, 500) {
		found, err := o.Directory.Users(ctx, p.Tenant, directory.UserQuery{IDs: part, Deleted: true, Limit: len(part)})
		if err != nil {
			return n, err
		}
		for _, u := range found {
			n.people[u.ID] = firstOf(u.Attributes.Text("displayName"), u.Attributes.Text("userName"))
		}
	}
	return n, nil
}

// SeenSignOut is the end of somebody's sessions with names.
type SeenSignOut struct {
	sso.Ending
	Person Called
	Apps   []Called // of its Notices, one by one
}

// SeenSignOuts lists the newest ends of sessions with names.
func (o *Operator) SeenSignOuts(ctx context.Context, p Principal) ([]SeenSignOut, error) {
	all, err := o.SignOuts(ctx, p)
	if err != nil {
		return nil, err
	}
	var users []lockstep.UserID
	for _, e := range all {
		users = append(users, e.User)
	}
	names, err := o.namesOf(ctx, p, users)
	if err != nil {
		return nil, err
	}
	seen := make([]SeenSignOut, len(all))
	for i, e := range all {
		seen[i] = SeenSignOut{Ending: e, Person: names.person(e.User)}
		for _, n := range e.Notices {
			seen[i].Apps = append(seen[i].Apps, names.app(n.Client))
		}
	}
	return seen, nil
}
