package storetest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/directory"
	"lockstep/session"
	"lockstep/sso"
	"lockstep/store"
)

// visitors is a company whose console is entered.
type visitors struct {
	*signing
	gate    *session.Gate
	console store.Console
}

func entering(t *testing.T, open Open) *visitors {
	t.Helper()
	v := &visitors{signing: signIns(t, open)}
	v.console = v.db.Console()
	v.gate = v.another()
	return v
}

// another is the gate of another process on the same database.
func (v *visitors) another() *session.Gate {
	return &session.Gate{Surface: "console", Store: v.db.Console(), Now: v.at}
}

// browser is a request of a browser that has the cookies.
func browser(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// enter makes a link and opens it.
func (v *visitors) enter(to session.Grant) (session.Session, *http.Cookie) {
	v.Helper()
	secret, err := v.gate.NewLink(v.Context(), to)
	v.ok(err)
	w := httptest.NewRecorder()
	x, err := v.gate.Enter(w, browser(), secret)
	v.ok(err)
	return x, w.Result().Cookies()[0]
}

func (v *visitors) grant() session.Grant {
	return session.Grant{Tenant: v.tenant, Holder: "Ada (laptop)", Maker: "m", Scopes: "api:read api:write", Ends: v.at().Add(30 * time.Hour), How: "link"}
}

// testConsole: links and sessions are kept by their hashes, whole, and other processes know them.
func testConsole(t *testing.T, open Open) {
	v := entering(t, open)
	ctx := t.Context()
	secret, err := v.gate.NewLink(ctx, v.grant())
	v.ok(err)
	var let sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		let.Go(func() { _, results[i] = v.another().Enter(httptest.NewRecorder(), browser(), secret) })
	}
	let.Wait()
	in := 0
	for _, err := range results {
		if err == nil {
			in++
		} else if !errors.Is(err, session.ErrUsed) {
			t.Errorf("a link that is used by several: %v", err)
		}
	}
	if in != 1 {
		t.Errorf("a link let in %d", in)
	}
	x, cookie := v.enter(v.grant())
	got, err := v.another().Of(browser(cookie))
	v.ok(err)
	if got != x {
		t.Errorf("kept %+v\nas   %+v", x, got)
	}
	v.later(2 * time.Minute)
	if got, err = v.another().Of(browser(cookie)); err != nil || !got.Seen.Equal(v.at()) {
		t.Errorf("seen %v, %v", got.Seen, err)
	}
	if again, _ := v.gate.Of(browser(cookie)); !again.Seen.Equal(v.at()) || !again.Proved.Equal(x.Began) {
		t.Errorf("kept as seen %v and proved %v", again.Seen, again.Proved)
	}
	v.ok(v.another().Leave(httptest.NewRecorder(), browser(cookie)))
	if _, err := v.gate.Of(browser(cookie)); !errors.Is(err, session.ErrNone) {
		t.Errorf("after leaving: %v", err)
	}
	if err := v.console.EndSession(ctx, x.Hash); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("ended again: %v", err)
	}
	if err := v.console.SeenSession(ctx, x.Hash, v.at()); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("seen after its end: %v", err)
	}
	if _, err := v.console.Link(ctx, session.Hash{1}); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("a link that nobody made: %v", err)
	}
	if err := v.console.UseLink(ctx, session.Hash{1}, v.at()); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("a link that nobody made is used: %v", err)
	}
}

// testConsoleList: a tenant's sessions are listed and ended, those of others are not.
func testConsoleList(t *testing.T, open Open) {
	v := entering(t, open)
	ctx := t.Context()
	other := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "elsewhere", Name: "Elsewhere"}
	v.ok(v.db.CreateTenant(ctx, audit.Actor{}, other))
	theirs := v.grant()
	theirs.Tenant = other.ID
	foreign, _ := v.enter(theirs)
	var ids []session.ID
	for range 3 {
		x, _ := v.enter(v.grant())
		ids = append([]session.ID{x.ID}, ids...)
		v.later(time.Second)
	}
	list := func(tenant lockstep.TenantID) (found []session.ID) {
		all, err := v.console.ConsoleSessions(ctx, tenant, v.at().Add(-time.Hour), 100)
		v.ok(err)
		for _, x := range all {
			found = append(found, x.ID)
		}
		return found
	}
	if got := list(v.tenant); !slices.Equal(got, ids) {
		t.Errorf("listed %v, want %v", got, ids)
	}
	if _, err := v.console.EndConsoleSessions(ctx, admin, other.ID, ids[0], ""); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("another tenant's session is ended: %v", err)
	}
	n, err := v.console.EndConsoleSessions(ctx, admin, v.tenant, ids[1], "")
	if err != nil || n != 1 || slices.Contains(list(v.tenant), ids[1]) {
		t.Errorf("ended %d, %v; left %v", n, err, list(v.tenant))
	}
	unopened, err := v.gate.NewLink(ctx, v.grant())
	v.ok(err)
	n, err = v.console.EndConsoleSessions(ctx, admin, v.tenant, "", ids[2])
	if err != nil || n != 1 || !slices.Equal(list(v.tenant), ids[2:]) {
		t.Errorf("ended %d, %v; left %v", n, err, list(v.tenant))
	}
	if _, err := v.gate.Check(ctx, unopened); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("a link that was not opened: %v", err)
	}
	if got := list(other.ID); !slices.Equal(got, []session.ID{foreign.ID}) {
		t.Errorf("the other tenant has %v", got)
	}
	lines, err := v.db.Audit(ctx, v.tenant, audit.Query{Object: "console session"})
	v.ok(err)
	if len(lines) != 2 || lines[0].Detail != "1 ended" || lines[1].ID != string(ids[1]) || lines[1].Name != "Ada (laptop)" {
		t.Errorf("recorded: %+v", lines)
	}
	v.later(48 * time.Hour)
	v.ok(v.console.TidyConsole(ctx, v.at().Add(-time.Hour)))
	var left int
	v.ok(v.db.WriterDB().QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM console_session) + (SELECT COUNT(*) FROM console_link)").Scan(&left))
	if left != 0 {
		t.Errorf("%d rows were left", left)
	}
}

// testConsoleRoom: a tenant that makes sessions and links without end loses its own oldest ones, and nobody else's.
func testConsoleRoom(t *testing.T, open Open) {
	v := entering(t, open)
	ctx := t.Context()
	other := directory.Tenant{ID: lockstep.NewID[lockstep.TenantID](), Slug: "elsewhere", Name: "Elsewhere"}
	v.ok(v.db.CreateTenant(ctx, audit.Actor{}, other))
	theirs := v.grant()
	theirs.Tenant = other.ID
	_, foreign := v.enter(theirs)
	_, err := v.db.WriterDB().ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO console_session (hash, id, surface, tenant, holder, maker, scopes, ends, user_id, owner, epoch, signin, how, began, seen, proved)
		SELECT '0000000000000000000000000000000000000000000000000000000' || CAST(100000000 + i AS TEXT), CAST(i AS TEXT), 'console', $1, 'Ada', '', '', 0, '', '', 0, '', '', CAST($2 AS BIGINT), CAST($2 AS BIGINT) + i, 0 FROM n`, string(v.tenant), v.at().UnixMilli())
	v.ok(err)
	v.later(time.Minute)
	v.enter(v.grant())
	all, err := v.console.ConsoleSessions(ctx, v.tenant, time.Time{}, 5000)
	v.ok(err)
	if len(all) != 1000 || all[0].Grant.Holder != "Ada (laptop)" || all[999].ID != "2" {
		t.Errorf("%d sessions are kept, from %s", len(all), all[len(all)-1].ID)
	}
	if _, err := v.gate.Of(browser(foreign)); err != nil {
		t.Errorf("the other tenant's: %v", err)
	}
}

// testConsolePersons: a session that belongs to a person ends in the transaction that disables or deletes them, gives them another password,
// ends their sign-in or disables its provider.
func testConsolePersons(t *testing.T, open Open) {
	v := entering(t, open)
	ctx := t.Context()
	v.client("app", "")
	n := 0
	begin := func() (lockstep.UserID, sso.Session, *http.Cookie) {
		t.Helper()
		n++
		u := v.user(fmt.Sprintf("admin%d", n))
		p := v.person(u)
		x, _ := v.signIn(p, "app", fmt.Sprintf("cookie%d", n), fmt.Sprintf("code%d", n))
		g := session.Grant{Tenant: v.tenant, Holder: "Ada", Scopes: "*:*", Person: session.Person{User: u, Epoch: p.Epoch, SignIn: string(x.ID)}, How: "sign-in"}
		w := httptest.NewRecorder()
		_, err := v.gate.Begin(w, browser(), g, v.at())
		v.ok(err)
		cookie := w.Result().Cookies()[0]
		if got, err := v.gate.Of(browser(cookie)); err != nil || got.Grant != g {
			t.Fatalf("began %+v, %v", got, err)
		}
		return u, x, cookie
	}
	for name, end := range map[string]func(lockstep.UserID, sso.Session){
		"disabled": func(u lockstep.UserID, _ sso.Session) {
			was := v.get(u)
			was.Attributes.Set("active", false)
			v.commit(directory.PutUser{User: was})
		},
		"deleted": func(u lockstep.UserID, _ sso.Session) { v.commit(directory.DeleteUser{ID: u}) },
		"ended": func(_ lockstep.UserID, x sso.Session) {
			_, err := v.sso.End(ctx, admin, v.tenant, sso.Who{Session: x.ID}, "ended")
			v.ok(err)
		},
		"expired": func(lockstep.UserID, sso.Session) { v.later(13 * time.Hour) },
	} {
		u, x, cookie := begin()
		end(u, x)
		if _, err := v.gate.Of(browser(cookie)); !errors.Is(err, session.ErrNone) {
			t.Errorf("%s: the session still stands, %v", name, err)
		}
		all, err := v.console.ConsoleSessions(ctx, v.tenant, time.Time{}, 10)
		if err != nil || len(all) != 0 {
			t.Errorf("%s: listed %v, %v", name, all, err)
		}
		if _, err := v.gate.Begin(httptest.NewRecorder(), browser(), session.Grant{Tenant: v.tenant, Person: session.Person{User: u, SignIn: string(x.ID), Epoch: x.Person.Epoch}}, v.at()); !errors.Is(err, lockstep.ErrConflict) {
			t.Errorf("%s: begins anew: %v", name, err)
		}
	}
	_, _, cookie := begin()
	p, err := v.sso.Provider(ctx, v.tenant, "p")
	v.ok(err)
	p.State = sso.Disabled
	_, err = v.sso.PutProvider(ctx, admin, p)
	v.ok(err)
	if _, err := v.gate.Of(browser(cookie)); !errors.Is(err, session.ErrNone) {
		t.Errorf("its provider is disabled, and the session still stands: %v", err)
	}
}
