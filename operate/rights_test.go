package operate_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/api"
	"lockstep/audit"
	"lockstep/console"
	"lockstep/directory"
	"lockstep/drift"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/server"
	"lockstep/session"
	"lockstep/store"
	"lockstep/store/storetest"
	"lockstep/token"
	"lockstep/undo"
)

// world is an operator over a real database with two tenants, and a clock that tests put forward.
type world struct {
	*testing.T
	*operate.Operator
	db     *store.DB
	ids    map[string]lockstep.TenantID
	engine *provision.Engine
	at     time.Time
}

func newWorld(t *testing.T, c store.Config) *world {
	t.Helper()
	w := &world{T: t, ids: map[string]lockstep.TenantID{}, at: time.Now().Truncate(time.Millisecond)}
	c.Now = func() time.Time { return w.at }
	var err error
	w.db, err = store.Open(t.Context(), c)
	w.must(err)
	t.Cleanup(func() { w.must(w.db.Close()) })
	for _, slug := range []string{"default", "other"} {
		w.ids[slug] = lockstep.NewID[lockstep.TenantID]()
		w.must(w.db.CreateTenant(t.Context(), audit.Actor{}, directory.Tenant{ID: w.ids[slug], Slug: slug, Name: slug}))
	}
	jobs := w.db.Provision()
	w.engine = &provision.Engine{Store: jobs, Log: slog.New(slog.DiscardHandler)}
	w.Operator = &operate.Operator{
		Directory: w.db, GroupFinder: w.db, Jobs: jobs, Settings: jobs, Drafts: jobs, Tenants: w.db, Tokens: server.Tokens{DB: w.db}, Notes: w.db, Standings: w.db, Reads: w.db.Mirrors(), Engine: w.engine, Drifts: &drift.Finder{Engine: w.engine, Mirrors: w.db.Mirrors(), Looks: w.db}, Undos: &undo.Undoer{Engine: w.engine}, Schemas: w.db.Schemas,
		Sessions: &session.Gate{Surface: "console", Store: w.db.Console(), Now: func() time.Time { return w.at }},
		Visits:   w.db.Console(), Admins: server.Admins{DB: w.db}, Forms: server.ConsoleForms{DB: w.db},
		Address: func() string { return "http://localhost" }, Local: "local", Now: func() time.Time { return w.at },
	}
	return w
}

func sqlite(t *testing.T) store.Config {
	return store.Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey()}
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, f func(*world)) {
	t.Run("sqlite", func(t *testing.T) { f(newWorld(t, sqlite(t))) })
	t.Run("postgres", func(t *testing.T) {
		f(newWorld(t, store.Config{Postgres: storetest.Postgres(t), Key: store.NewKey()}))
	})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(what string, err error, code lockstep.Code) {
	w.Helper()
	if lockstep.CodeOf(err) != code {
		w.Errorf("%s: %v, want code %q", what, err, code)
	}
}

// admin is whoever holds the machine, for the tenant default.
func (w *world) admin() operate.Principal { return operate.Machine(w.ids["default"]) }

// with is the principal of a new token that the maker makes.
func (w *world) with(maker operate.Principal, scopes string, days int) (operate.Principal, operate.TokenEntry, string) {
	w.Helper()
	e, text, err := w.CreateToken(w.Context(), maker, operate.NewToken{Name: "of " + maker.Actor.Name, Kind: token.KindAPI, Scopes: scopes, Days: days})
	w.must(err)
	p, err := w.Bearer(w.Context(), text)
	w.must(err)
	return p, e, text
}

// visitor is who enters by a link that the principal makes.
func (w *world) visitor(p operate.Principal) session.Grant {
	w.Helper()
	link, err := w.Link(w.Context(), p, "Ada")
	w.must(err)
	_, key, _ := strings.Cut(link, "key=")
	r := httptest.NewRequest("POST", "http://localhost/link", nil)
	s, err := w.Sessions.Enter(httptest.NewRecorder(), r, key)
	w.must(err)
	return s.Grant
}

// TestNobodyGivesWhatTheyDoNotHave: neither by a token, nor by rotating or revoking one, nor by a link into the console.
func TestNobodyGivesWhatTheyDoNotHave(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		weak, _, _ := w.with(w.admin(), "api:write", 0)
		_, strong, _ := w.with(w.admin(), "api:write scim:write", 0)
		inside, err := w.Visitor(ctx, w.visitor(weak))
		w.must(err)
		for name, p := range map[string]operate.Principal{"the token": weak, "whoever came by its link": inside} {
			_, _, err := w.CreateToken(ctx, p, operate.NewToken{Name: "x", Kind: token.KindSCIM, Scopes: "scim:write"})
			w.want(name+" makes a token with more rights", err, lockstep.CodeAuthForbidden)
			_, _, err = w.RotateToken(ctx, p, string(strong.ID), operate.Rotation{})
			w.want(name+" rotates a token with more rights", err, lockstep.CodeAuthForbidden)
			w.want(name+" revokes a token with more rights", w.RevokeToken(ctx, p, string(strong.ID)), lockstep.CodeAuthForbidden)
			if p.Scopes.Allow("scim:read") {
				w.Errorf("%s has %v", name, p.Scopes)
			}
		}
		if got := w.visitor(weak).Scopes; got != "api:write" {
			w.Errorf("a link carries %s", got)
		}
		more, err := w.Visitor(ctx, session.Grant{Tenant: weak.Tenant, Maker: weak.Maker, Scopes: "*:*"})
		if err != nil || more.Scopes.String() != "api:write" {
			w.Errorf("a session has %s, more than its maker; %v", more.Scopes, err)
		}
		_, own, _ := w.with(weak, "api:read", 0)
		w.must(w.RevokeToken(ctx, weak, string(own.ID)))
		reader, _, _ := w.with(w.admin(), "api:read", 0)
		inside, err = w.Visitor(ctx, w.visitor(reader))
		w.must(err)
		_, _, err = w.CreateToken(ctx, inside, operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "api:read"})
		w.want("whoever came by a reader's link writes", err, lockstep.CodeAuthForbidden)
	})
}

// TestNothingOutlivesItsMaker: what was made with a token that ends or is revoked ends with it, however long the line.
func TestNothingOutlivesItsMaker(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		day, made, _ := w.with(w.admin(), "*:*", 1)
		_, _, err := w.CreateToken(ctx, day, operate.NewToken{Name: "x", Kind: token.KindAPI, Scopes: "api:read", Days: 2})
		w.want("a token of a day makes one of two", err, lockstep.CodeAuthForbidden)
		_, eternal, _ := w.with(w.admin(), "api:read", 0)
		_, _, err = w.RotateToken(ctx, day, string(eternal.ID), operate.Rotation{})
		w.want("a token of a day rotates one without an end", err, lockstep.CodeAuthForbidden)
		child, childToken, _ := w.with(day, "api:write", 0)
		if !childToken.Expires.Equal(made.Expires) || childToken.Maker != made.ID {
			w.Errorf("the child ends at %v and is made by %s, its maker ends at %v", childToken.Expires, childToken.Maker, made.Expires)
		}
		grandchild, _, text := w.with(child, "api:read", 0)
		grant := w.visitor(grandchild)
		for range 2 {
			_, err := w.Bearer(ctx, text)
			w.must(err)
			_, err = w.Again(ctx, grandchild)
			w.must(err)
			_, err = w.Visitor(ctx, grant)
			w.must(err)
			w.at = w.at.Add(11 * time.Hour)
		}
		w.at = w.at.Add(3 * time.Hour)
		_, err = w.Bearer(ctx, text)
		w.want("a token whose maker's maker has expired", err, lockstep.CodeUnauthorized)
		_, err = w.Again(ctx, grandchild)
		w.want("a stream of it", err, lockstep.CodeUnauthorized)
		_, err = w.Visitor(ctx, grant)
		w.want("a session of it", err, lockstep.CodeUnauthorized)

		top, topToken, _ := w.with(w.admin(), "*:*", 0)
		below, _, _ := w.with(top, "*:*", 0)
		under, _, text := w.with(below, "api:read", 0)
		grant = w.visitor(under)
		w.must(w.RevokeToken(ctx, w.admin(), string(topToken.ID)))
		_, err = w.Bearer(ctx, text)
		w.want("a token whose maker's maker was revoked", err, lockstep.CodeUnauthorized)
		_, err = w.Again(ctx, under)
		w.want("a stream of it", err, lockstep.CodeUnauthorized)
		_, err = w.Visitor(ctx, grant)
		w.want("a session of it", err, lockstep.CodeUnauthorized)
	})
}

// TestWhoIsNamed: the audit log names the maker by id, whatever name was chosen.
func TestWhoIsNamed(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		p, e, _ := w.with(w.admin(), "*:*", 0)
		inside, err := w.Visitor(ctx, w.visitor(p))
		w.must(err)
		w.must(w.SignedIn(ctx, inside))
		w.must(w.SignedOut(ctx, inside))
		_, other, _ := w.with(w.admin(), "api:read", 0)
		w.must(w.RevokeToken(ctx, inside, string(other.ID)))
		lines, err := w.db.Audit(ctx, w.ids["default"], store.AuditQuery{Limit: 4})
		w.must(err)
		var verbs []string
		for _, l := range lines {
			if l.Verb == "created" {
				continue
			}
			verbs = append(verbs, l.Verb)
			if l.Actor.ID != string(e.ID) {
				w.Errorf("%s is by %+v, not by %s", l.Event, l.Actor, e.ID)
			}
		}
		slices.Reverse(verbs)
		if got := strings.Join(verbs, ", "); got != "signed in to, signed out of, revoked" {
			w.Errorf("recorded: %s", got)
		}
		made, err := w.db.Audit(ctx, w.ids["default"], store.AuditQuery{ID: "console"})
		w.must(err)
		if l := made[len(made)-1]; l.Verb != "made a link into" || l.Actor.ID != string(e.ID) || l.Detail != "Ada" {
			w.Errorf("the link is recorded as %+v", l)
		}
	})
}

// TestConsoleSessions: who is in the console is listed and can be ended, by id or all; whoever came by a token that is no more is not among
// them.
func TestConsoleSessions(t *testing.T) {
	w := newWorld(t, sqlite(t))
	ctx := w.Context()
	admin := w.admin()
	p, e, _ := w.with(admin, "*:*", 0)
	w.visitor(p)
	w.visitor(admin)
	all, err := w.ConsoleSessions(ctx, admin)
	w.must(err)
	if len(all) != 2 || all[0].How() != operate.ByLink || all[0].Own {
		t.Fatalf("listed %+v", all)
	}
	w.must(w.RevokeToken(ctx, admin, string(e.ID)))
	if all, err = w.ConsoleSessions(ctx, admin); err != nil || len(all) != 1 {
		t.Fatalf("after the token was revoked: %+v, %v", all, err)
	}
	w.visitor(admin)
	inside, err := w.Inside(ctx, all[0].Session)
	w.must(err)
	if n, err := w.EndConsoleSessions(ctx, inside); err != nil || n != 2 { // that of the token, which answers no more, too
		t.Errorf("ended %d, %v", n, err)
	}
	if all, err = w.ConsoleSessions(ctx, inside); err != nil || len(all) != 1 || !all[0].Own {
		t.Fatalf("left %+v, %v", all, err)
	}
	w.want("of another tenant", w.EndConsoleSession(ctx, operate.Machine(w.ids["other"]), all[0].ID), lockstep.CodeNotFound)
	w.must(w.EndConsoleSession(ctx, admin, all[0].ID))
	w.want("again", w.EndConsoleSession(ctx, admin, all[0].ID), lockstep.CodeNotFound)
	w.at = w.at.Add(9 * time.Hour)
	if all, err = w.ConsoleSessions(ctx, admin); err != nil || len(all) != 0 {
		t.Errorf("unused ones: %+v, %v", all, err)
	}
}

// TestStreamsAreCounted: one tenant takes no streams from another.
func TestStreamsAreCounted(t *testing.T) {
	w := newWorld(t, sqlite(t))
	var done []func()
	for {
		f, err := w.Stream(w.admin())
		if err != nil {
			w.want("one more", err, lockstep.CodeConflict)
			break
		}
		if done = append(done, f); len(done) > 1000 {
			t.Fatal("there is no limit")
		}
	}
	other, err := w.Stream(operate.Machine(w.ids["other"]))
	w.must(err)
	other()
	done[0]()
	again, err := w.Stream(w.admin())
	w.must(err)
	again()
	_, err = w.Stream(operate.Principal{Tenant: w.ids["default"]})
	w.want("without a right", err, lockstep.CodeAuthForbidden)
}

// open are methods that need no right: they find out who somebody is, or record what another one has done.
var open = []string{"Again", "For", "SignedIn", "SignedOut"}

// readers are methods that need the right to read only.
var readers = []string{
	"Accounts", "EachAccount",
	"Actions", "Administrators", "App", "Apps", "Assignments", "Attempt", "Attempts", "Attributes", "AuditLog", "ByClaims", "CheckIdentityProvider", "Claims", "Client", "Clients", "CompareVersions", "Consented", "ConsoleSessions", "CountPeople", "Cycle", "Cycles", "Draft", "DraftImpact", "Drift", "Shared", "Endpoint",
	"Examine", "Exchanges", "Explain", "ExplainRef", "Extension", "Extensions", "FindAtTarget", "FindGroups", "FindMembers", "FindUsers", "Funnel", "Group", "Groups", "GroupsOf", "EachWaiting", "Tried", "Waiting",
	"IdentityProvider", "IdentityProviders", "Issuer", "Job", "KeepForm", "KeptForm", "LocalOwners", "LastTest", "Matches", "Needs", "Link", "Links", "ListJobs", "ListTenants", "ListTokens", "Members", "Notifications", "OnDemand", "PeopleWithin", "PersonSessions", "ProviderGuide", "ProviderKind",
	"ProviderKinds", "ProviderLinks", "ProvidersEnding",
	"Report", "Review", "SCIMCalls", "SCIMConsents", "ScopeImpact", "SecondFactors", "SeenAttempt", "SeenSessions", "SeenSignOuts", "SignOuts", "State", "Stream", "Tally", "Template", "Templates", "Told", "Token", "TokensEnding", "TryRules", "User", "UserByID", "UsersByID",
	"Users", "Versions", "WaitingPlan", "LookAtTenant", "LooksAfter", "TenantCalled", "EnterTenant", "HomeOf",
	"EachLine", "Log", // of several jobs
}

// TestEveryUseCaseAsksFirst: no function of an Operator does anything for who has no right, and none that is not a reader's for
// who may only read.
func TestEveryUseCaseAsksFirst(t *testing.T) {
	w := newWorld(t, sqlite(t))
	o := reflect.ValueOf(w.Operator)
	principal := reflect.TypeFor[operate.Principal]()
	asked := 0
	for i := range o.NumMethod() {
		name, typ := o.Type().Method(i).Name, o.Method(i).Type()
		takes := slices.ContainsFunc(slices.Collect(typ.Ins()), func(in reflect.Type) bool { return in == principal })
		if !takes || slices.Contains(open, name) {
			continue
		}
		asked++
		call := func(p operate.Principal) error {
			var args []reflect.Value
			for in := range typ.Ins() {
				switch {
				case in == principal:
					args = append(args, reflect.ValueOf(p))
				case in == reflect.TypeFor[context.Context]():
					args = append(args, reflect.ValueOf(t.Context()))
				default:
					args = append(args, reflect.Zero(in))
				}
			}
			out := o.Method(i).Call(args)
			err, _ := out[len(out)-1].Interface().(error)
			return err
		}
		if err := call(operate.Principal{Tenant: w.ids["default"]}); lockstep.CodeOf(err) != lockstep.CodeAuthForbidden {
			t.Errorf("%s without a right: %v", name, err)
		}
		if slices.Contains(readers, name) {
			continue
		}
		if err := call(operate.Principal{Tenant: w.ids["default"], Scopes: token.Scopes{operate.ScopeRead}}); lockstep.CodeOf(err) != lockstep.CodeAuthForbidden {
			t.Errorf("%s with the right to read: %v", name, err)
		}
	}
	if asked < 50 {
		t.Errorf("only %d functions were asked", asked)
	}
}

// TestSurfacesHaveOneField: what the API and the console have of ours is the Operator, and nothing that it stands before.
func TestSurfacesHaveOneField(t *testing.T) {
	for _, surface := range []reflect.Type{reflect.TypeFor[api.Server](), reflect.TypeFor[console.Server]()} {
		var ours []string
		for i := range surface.NumField() {
			f := surface.Field(i)
			typ := f.Type
			for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
				typ = typ.Elem()
			}
			if strings.HasPrefix(typ.PkgPath(), "lockstep") && typ.PkgPath() != surface.PkgPath() {
				ours = append(ours, f.Name)
			}
		}
		if len(ours) != 1 || ours[0] != "Operator" {
			t.Errorf("%s has %v", surface, ours)
		}
	}
}
