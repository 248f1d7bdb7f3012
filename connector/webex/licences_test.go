package webex

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/webexorg"
)

const stocks = `{"licences":[{"id":"MSF_1","product":"free-messaging"},{"id":"MCF_1","product":"free-meetings"},{"id":"MS_1","product":"messaging","total":2,"subscription":"Sub1"},
	{"id":"EE_1_a.webex.com","product":"meetings","total":5,"site":"a.webex.com","subscription":"Sub1"},{"id":"EE_2_b.webex.com","product":"meetings","total":5,"site":"b.webex.com","subscription":"Sub2"},
	{"id":"CXE_1","product":"customer-assist","total":3,"subscription":"Sub1"},{"id":"ATT_1","product":"attendant","total":3,"subscription":"Sub1"},{"id":"SS_1","product":"screen-share"}]}`

// licensed is a peer whose organisation has licences, and who may see and give them.
func licensed(t *testing.T, config func(*Config)) *peer {
	t.Helper()
	var o webexorg.OrgConfig
	if err := json.Unmarshal([]byte(stocks), &o); err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, o)
	token, err := p.org.IssueToken(webexorg.Everything, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.config.Token = func(context.Context) (string, error) { return token, nil }
	p.config.Manages = []string{Licences, Roles}
	if config != nil {
		config(&p.config)
	}
	if p.Target, err = New(p.config); err != nil {
		t.Fatal(err)
	}
	return p
}

// has makes values of a user with these licences, and roles, which begin with @.
func has(name string, given ...string) scim.Object {
	o := user(name)
	var licences, roles scim.List
	for _, s := range given {
		if role, is := strings.CutPrefix(s, "@"); is {
			roles = append(roles, scim.Object{{Name: "value", Value: role}})
		} else {
			licences = append(licences, s)
		}
	}
	if len(licences) > 0 {
		o.Set(UserURN, scim.Object{{Name: "licenses", Value: licences}})
	}
	if len(roles) > 0 {
		o.Set("roles", roles)
	}
	return o
}

func change(id string, before, after scim.Object) connection.Operation {
	return connection.Operation{Kind: rule.Update, Ref: connection.Ref{Type: "User", ID: id}, Name: after.Text("userName"), Before: before, After: after}
}

// holds returns the keys of the licences that the organisation says somebody has, sorted, and then their roles.
func (p *peer) holds(t *testing.T, id string) string {
	t.Helper()
	person, ok := p.org.Person(id)
	if !ok {
		t.Fatalf("there is nobody %s", id)
	}
	all := slices.Sorted(slices.Values(person.Account.Licences))
	return strings.Join(append(all, person.Roles...), " ")
}

func wantHolds(t *testing.T, p *peer, id, want string) {
	t.Helper()
	if got := p.holds(t, id); got != want {
		t.Errorf("has %q, not %q", got, want)
	}
}

func wantFault(t *testing.T, r connection.Result, code lockstep.Code, wrote string, says ...string) {
	t.Helper()
	if lockstep.CodeOf(r.Err) != code || code != "" && strings.Join(licencesOf(r.Wrote), ",") != wrote || (r.Err != nil) != (r.Wrote != nil) {
		t.Errorf("%v, wrote %v; want %q and %q", r.Err, r.Wrote, code, wrote)
	}
	for _, s := range says {
		if !strings.Contains(lockstep.Said(r.Err), s) {
			t.Errorf("%q does not say %q", lockstep.Said(r.Err), s)
		}
	}
}

// TestLicences: licences come with the user, by whatever name, in one request and only when they change; what others have given stays.
func TestLicences(t *testing.T) {
	p, c := hostile(t)
	before := has("ada@example.com", " webex  MESSAGING ", "Customer Assist", "Webex Meetings (a.webex.com)")
	r := p.apply(t, create("User", before))
	if wantFault(t, r, "", ""); r.Requests != 3 { // the user, what licences there are, the licences
		t.Errorf("%d requests: %q", r.Requests, c.said())
	}
	if said := c.said(); strings.Contains(said[0], UserURN) || len(said) != 3 {
		t.Errorf("%q", said)
	}
	ada := r.ID
	wantHolds(t, p, ada, "CXE_1 EE_1_a.webex.com MCF_1 MSF_1 MS_1") // the free ones by the organisation

	after := has("ada@example.com", "Webex Messaging", "Single License - Webex Meetings (B.webex.com)", "single license - cx essentials")
	after.Set("title", "Countess")
	wantFault(t, p.apply(t, change(ada, before, after)), "", "")
	wantHolds(t, p, ada, "CXE_1 EE_2_b.webex.com MCF_1 MSF_1 MS_1")
	if said := c.said(); len(said) != 2 || !strings.HasPrefix(said[0], "PATCH /identity/") || strings.Count(said[1], `"id"`) != 2 {
		t.Errorf("one change of the user, one of two licences: %q", said)
	}
	other := after.Clone()
	other.Set("title", "Baroness")
	wantFault(t, p.apply(t, change(ada, after, other)), "", "")
	if said := c.said(); len(said) != 1 {
		t.Errorf("licences that do not change are sent: %q", said)
	}
	renamed := has("ada@example.com", p.id("MS_1"), "Webex Meetings (b.webex.com)", "Customer Assist")
	wantFault(t, p.apply(t, change(ada, after, renamed)), "", "")
	if said := c.said(); len(said) != 1 || strings.Contains(said[0], "/v1/") {
		t.Errorf("another name for the same licence is sent: %q", said)
	}

	seen := licencesOf(p.get(t, "User", ada).Values)
	for _, s := range []string{"Webex Messaging", "Customer Assist", "Single License - CX Essentials", "EE_2_b.webex.com", p.id("EE_2_b.webex.com"), "Basic Messaging"} {
		if !names(seen, s) {
			t.Errorf("%q is not told: %q", s, seen)
		}
	}
	if names(seen, "EE_1_a.webex.com") {
		t.Errorf("one that was taken away is told: %q", seen)
	}

	off := user("ada@example.com")
	off.Set("active", false)
	op := connection.Operation{Kind: rule.Disable, Ref: connection.Ref{Type: "User", ID: ada}, Name: "ada", Before: renamed, After: off}
	wantFault(t, p.apply(t, op), "", "")
	wantHolds(t, p, ada, "MCF_1 MSF_1")
	if p.get(t, "User", ada).Enabled {
		t.Error("who leaves is not disabled")
	}
}

// id is how the REST API calls a licence.
func (p *peer) id(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/LICENSE/" + p.org.ID() + ":" + key))
}

// TestLicenceRefusals: whatever Webex refuses, the user stands, each licence that failed is named, the others are given, and what is said to stand does.
func TestLicenceRefusals(t *testing.T) {
	p := licensed(t, nil)
	for i := range 2 {
		p.must(t, create("User", has(fmt.Sprintf("first%d@example.com", i), "Webex Messaging")))
	}
	for _, c := range []struct {
		name  string
		given []string
		code  lockstep.Code
		wrote string
		holds string
		says  []string
	}{
		{"no seat", []string{"Webex Messaging", "Customer Assist"}, lockstep.CodeTargetSeats, "Customer Assist", "CXE_1", []string{"give Webex Messaging to", "no seat is free"}},
		{"no such", []string{"Webex Megaphone", "Customer Assist"}, lockstep.CodeTargetName, "Customer Assist", "CXE_1", []string{`no licence "Webex Megaphone"`, "Webex Meetings"}},
		{"two of the name", []string{"Webex Meetings", "Customer Assist"}, lockstep.CodeTargetName, "Customer Assist", "CXE_1", []string{"2 licences", "Webex Meetings (a.webex.com), Webex Meetings (b.webex.com)"}},
		{"one that the rules forbid", []string{"Attendant Console", "Webex Meetings (a.webex.com)"}, lockstep.CodeTargetRefused, "Webex Meetings (a.webex.com)", "EE_1_a.webex.com", []string{"give Attendant Console to", "(400408)"}},
		{"all wrong", []string{"Attendant Console", "Webex Megaphone"}, lockstep.CodeTargetName, "", "", []string{"400408", "Megaphone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := strings.ReplaceAll(c.name, " ", "") + "@example.com"
			r := p.apply(t, create("User", has(name, c.given...)))
			wantFault(t, r, c.code, c.wrote, c.says...)
			if r.ID == "" || r.Wrote.Text("userName") != name {
				t.Fatalf("the user is not told of: %+v", r)
			}
			wantHolds(t, p, r.ID, strings.TrimSpace(c.holds+" MCF_1 MSF_1"))

			// What is left is tried again alone, and what was asked for before and is gone need not be taken away.
			again := p.apply(t, change(r.ID, r.Wrote, has(name, c.given...)))
			wantFault(t, again, c.code, c.wrote)
			wantFault(t, p.apply(t, change(r.ID, has(name, append(c.given, "Forgotten")...), user(name))), map[bool]lockstep.Code{true: lockstep.CodeTargetName}[c.name == "two of the name"], "Webex Meetings")
		})
	}
}

// TestLicenceAnswers: what an answer does not say for certain is not taken for done, and what may pass is tried again.
func TestLicenceAnswers(t *testing.T) {
	p, c := hostile(t)
	const patch = "PATCH /v1/licenses/users"
	for i, test := range []struct {
		name, match string
		says        []string
		code        lockstep.Code
		wrote       string
	}{
		{"a part, and not which", patch, []string{`206 {}`}, lockstep.CodeTargetSeats, ""},
		{"all, and not which", patch, []string{`200 {}`}, "", ""},
		{"all, and others", patch, []string{`200 {"licenses":["x"]}`}, lockstep.CodeTargetSeats, ""},
		{"nothing at all", patch, []string{`204 `}, "", ""},
		{"a page", patch, []string{`200 <html>`}, lockstep.CodeTargetMalformed, ""},
		{"a list", patch, []string{`200 []`}, lockstep.CodeTargetMalformed, ""},
		{"too many requests", patch, []string{`429 {}`}, lockstep.CodeTargetRateLimited, ""},
		{"a failure", patch, []string{`500 {}`}, lockstep.CodeTargetServerError, ""},
		{"not known there yet", patch, []string{`404 {"message":"Person not found."}`}, lockstep.CodeTargetNotListed, ""},
		{"not allowed", patch, []string{`403 {}`}, lockstep.CodeAuthForbidden, ""},
		{"a token that ended", patch, []string{`401 {}`}, lockstep.CodeAuthToken, ""},
		{"refused, no more is said", patch, []string{`400 nonsense`, `400 {"errors":"x"}`, `400 {"errors":[{"errorCode":"400118"}]}`}, lockstep.CodeTargetRefused, ""},
		{"one of two", patch, []string{`400 {}`, `400 {}`}, "", ""}, // the first comes round again when the second has worked
		{"refused, then slow", patch, []string{`400 {}`, `429 {}`}, lockstep.CodeTargetRateLimited, ""},
		{"does not know it any more", patch, []string{`400 {}`, `400 {"errors":[{"errorCode":400000}]}`, `400 {"errors":[{"errorCode":400000}]}`}, lockstep.CodeTargetName, ""},
		{"no list", "GET /v1/licenses", []string{`503 {}`}, lockstep.CodeTargetServerError, ""},
		{"a list that is none", "GET /v1/licenses", []string{`200 {"items":"x"}`}, lockstep.CodeTargetName, ""},
		{"no such address", "GET /v1/licenses", []string{`404 {}`}, lockstep.CodeTargetUnsupported, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now().Add(time.Duration(3*i+3) * time.Hour)
			p.now = func() time.Time { return now } // whatever is kept is old
			c.saying(test.match, test.says...)
			name := fmt.Sprintf("n%d@example.com", i)
			want := has(name, "Customer Assist", "Webex Meetings (a.webex.com)")
			r := p.apply(t, create("User", want))
			wantFault(t, r, test.code, test.wrote)
			if test.code == lockstep.CodeTargetRateLimited && r.RetryAfter != 7*time.Second {
				t.Errorf("waits %s", r.RetryAfter)
			}
			if r.ID == "" {
				t.Fatal("nobody was created")
			}
			c.saying("")
			now = now.Add(time.Hour)
			if r.Err != nil {
				wantFault(t, p.apply(t, change(r.ID, r.Wrote, want)), "", "")
				wantHolds(t, p, r.ID, "CXE_1 EE_1_a.webex.com MCF_1 MSF_1")
			}
			wantFault(t, p.apply(t, change(r.ID, want, user(name))), "", "")
			wantHolds(t, p, r.ID, "MCF_1 MSF_1")
		})
	}
}

// TestLicencesAfterTheDeed: an answer that is lost after the deed is asked for again, and what is there already is no mistake.
func TestLicencesAfterTheDeed(t *testing.T) {
	p := licensed(t, nil)
	p.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: webexorg.Fault500, After: true, Times: 1, Path: "/licenses/users"}}})
	r := p.apply(t, create("User", has("ada@example.com", "Customer Assist")))
	wantFault(t, r, lockstep.CodeTargetServerError, "")
	wantHolds(t, p, r.ID, "CXE_1 MCF_1 MSF_1")
	wantFault(t, p.apply(t, change(r.ID, r.Wrote, has("ada@example.com", "Customer Assist"))), "", "")
	wantHolds(t, p, r.ID, "CXE_1 MCF_1 MSF_1")
	gone := user("ada@example.com")
	wantFault(t, p.apply(t, change(r.ID, has("ada@example.com", "Customer Assist"), gone)), "", "")
	wantFault(t, p.apply(t, change(r.ID, has("ada@example.com", "Customer Assist"), gone)), "", "") // once more
	wantHolds(t, p, r.ID, "MCF_1 MSF_1")
}

// TestRoles: roles are given and taken away by name or id, one by one, and what others have given stays.
func TestRoles(t *testing.T) {
	p, c := hostile(t)
	boss := p.must(t, create("User", has("boss@example.com", "@Full Administrator")))
	ada := p.must(t, create("User", has("ada@example.com", "@full  administrator")))
	wantHolds(t, p, ada, "MCF_1 MSF_1 id_full_admin")
	c.said()
	before, after := has("ada@example.com", "@id_user_admin"), has("ada@example.com", "@Device Administrator", "@id_readonly_admin")
	wantFault(t, p.apply(t, change(ada, before, after)), "", "")
	wantHolds(t, p, ada, "MCF_1 MSF_1 id_device_admin id_full_admin id_readonly_admin") // the full one was never ours in this step
	if said := c.said(); len(said) != 1 {
		t.Errorf("%q", said)
	}
	same := has("ada@example.com", "@id_device_admin", "@Read-only Administrator")
	wantFault(t, p.apply(t, change(ada, after, same)), "", "")
	if said := c.said(); len(said) != 0 {
		t.Errorf("another name for the same roles is sent: %q", said)
	}
	if seen := rolesOf(p.get(t, "User", ada).Values); !names(seen, "Full Administrator") || !names(seen, "id_device_admin") {
		t.Errorf("roles are told as %q", seen)
	}
	for _, bad := range []struct {
		role string
		code lockstep.Code
	}{{"Chief", lockstep.CodeTargetName}, {"Location Administrator", lockstep.CodeTargetUnsupported}} {
		want := has("ada@example.com", "@"+bad.role, "Customer Assist")
		want.Set("title", bad.role)
		r := p.apply(t, change(ada, same, want))
		wantFault(t, r, bad.code, "Customer Assist", bad.role)
		if strings.Join(rolesOf(r.Wrote), ",") != "id_device_admin,Read-only Administrator" || p.get(t, "User", ada).Values.Text("title") != bad.role {
			t.Errorf("%s: the rest does not stand: %v", bad.role, r.Wrote)
		}
		if out, err := p.Foresee(t.Context(), []connection.Operation{change(ada, same, want)}); err != nil || lockstep.CodeOf(out[0].Refuse) != bad.code {
			t.Errorf("%s: foreseen %+v, %v", bad.role, out, err)
		}
	}

	// Of two full administrators one may go, and of a plan with both the second is refused.
	lose := func(id, name string) connection.Operation {
		op := change(id, has(name, "@id_full_admin"), user(name))
		op.Plan = "plan"
		return op
	}
	out, err := p.Foresee(t.Context(), []connection.Operation{lose(ada, "ada@example.com"), lose(boss, "boss@example.com"), lose(ada, "ada@example.com")})
	if err != nil || out[0].Refuse != nil || lockstep.CodeOf(out[1].Refuse) != lockstep.CodeTargetAdmin || out[2].Refuse != nil || !strings.Contains(out[0].Effect.Note, "tokens") {
		t.Errorf("%+v, %v", out, err)
	}
	wantFault(t, p.apply(t, lose(ada, "ada@example.com")), "", "")
	r := p.apply(t, lose(boss, "boss@example.com"))
	wantFault(t, r, lockstep.CodeTargetAdmin, "", "no other full administrator")
	wantHolds(t, p, boss, "MCF_1 MSF_1 id_full_admin")
	if strings.Join(rolesOf(r.Wrote), "") != "id_full_admin" {
		t.Errorf("it says that %v stands", r.Wrote)
	}

	// Nor does the person go in whose name the connection signs in, nor whoever may be, nor the last as far as anybody can see.
	p.must(t, create("User", has("other@example.com", "@id_full_admin")))
	me := base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/PEOPLE/" + boss))
	for _, bad := range []struct{ match, says string }{
		{"GET /v1/people/me", `200 {"id":"` + me + `"}`}, {"GET /v1/people", `403 {}`},
	} {
		c.saying(bad.match, bad.says)
		wantFault(t, p.apply(t, lose(boss, "boss@example.com")), lockstep.CodeTargetAdmin, "")
		wantHolds(t, p, boss, "MCF_1 MSF_1 id_full_admin")
	}
	off := user("boss@example.com")
	off.Set("active", false)
	op := lose(boss, "boss@example.com")
	op.Kind, op.After = rule.Disable, off
	if out, err := p.Foresee(t.Context(), []connection.Operation{op}); err != nil || out[0].Refuse != nil {
		t.Errorf("a leaver is kept from being disabled: %+v %v", out, err)
	}
	wantFault(t, p.apply(t, op), "", "")
	wantHolds(t, p, boss, "MCF_1 MSF_1")
}

// TestForeseeLicences: a plan says for whom no seat will be left and which licence there is not, and keeps nobody from being disabled.
func TestForeseeLicences(t *testing.T) {
	p := licensed(t, nil)
	leaver := p.must(t, create("User", has("leaver@example.com", "Webex Messaging")))
	joins := func(plan lockstep.CycleID, n int, licence string) connection.Operation {
		op := create("User", has(fmt.Sprintf("n%d@example.com", n), licence))
		op.Plan = plan
		return op
	}
	notes := func(ops ...connection.Operation) (all []string) {
		t.Helper()
		out, err := p.Foresee(t.Context(), ops)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out {
			s := string(lockstep.CodeOf(f.Refuse))
			if f.Refuse == nil {
				s = ""
			}
			if f.Effect != nil {
				s += f.Effect.Note
			}
			all = append(all, s)
		}
		return all
	}
	const none = "no seat of Webex Messaging will be left for them: 1 of 2 are free, this plan gives back 0, and 1 get one before them"
	a, b := joins("a", 1, "Webex Messaging"), joins("a", 2, "Webex Messaging")
	if got := notes(a, b); got[0] != "" || got[1] != none {
		t.Errorf("%q", got)
	}
	if got := notes(b, a); got[0] != none || got[1] != "" { // a page that is planned again
		t.Errorf("%q", got)
	}
	if got := notes(joins("b", 2, "Webex Messaging")); got[0] != "" { // another plan
		t.Errorf("%q", got)
	}
	off := user("leaver@example.com")
	off.Set("active", false)
	leaves := connection.Operation{Kind: rule.Disable, Plan: "c", Ref: connection.Ref{Type: "User", ID: leaver}, Name: "leaver", Before: has("leaver@example.com", "Webex Messaging"), After: off}
	c1, c2, c3 := joins("c", 1, "Webex Messaging"), joins("c", 2, "Webex Messaging"), joins("c", 3, "Webex Messaging")
	if got := notes(leaves, c1, c2, c3); got[1] != "" || got[2] != "" || !strings.Contains(got[3], "gives back 1") {
		t.Errorf("%q", got)
	}
	if got := notes(joins("d", 1, "Basic Messaging"), joins("d", 2, "Webex Megaphone"), joins("d", 3, "Webex Meetings")); got[0] != "" || got[1] != string(lockstep.CodeTargetName) || got[2] != string(lockstep.CodeTargetName) {
		t.Errorf("%q", got)
	}
	off.Set(UserURN, scim.Object{{Name: "licenses", Value: scim.List{"Webex Megaphone"}}})
	leaves.After = off
	if got := notes(leaves); got[0] != "" {
		t.Errorf("a leaver is refused: %q", got)
	}
}

// TestManages: what a connection manages is asked for, and its test fails when the token does not open it; other connections are told.
func TestManages(t *testing.T) {
	for manages, want := range map[string]string{
		"": Scope, "licences": Scope + " spark-admin:people_read spark-admin:people_write spark-admin:licenses_read",
		" Roles; licenses ": Scope + " spark-admin:people_read spark-admin:people_write spark-admin:licenses_read spark-admin:roles_read",
	} {
		if got := Presets(map[string]string{"manages": manages})["oauth_scope"]; got != want {
			t.Errorf("%q asks for %q", manages, got)
		}
	}
	if wrong := CheckSettings(map[string]string{"manages": "rooms", "rest": "x"}); wrong["manages"] == nil || wrong["rest"] == nil {
		t.Errorf("%v", wrong)
	}
	here := map[string]string{"endpoint": "https://test.example/scim/v2"}
	if got := Destination(here); !strings.HasPrefix(got, "https://test.example") || strings.Contains(got, "webexapis") {
		t.Errorf("leads to %q", got)
	}
	here["rest"] = "https://other.example/v1"
	if got := Destination(here); !strings.Contains(got, "https://other.example") {
		t.Errorf("leads to %q, and licences elsewhere", got)
	}
	p := licensed(t, nil)
	steps := func(manages ...string) (list []string, err error) {
		config := p.config
		config.Manages = manages
		token, err := p.org.IssueToken(webexorg.ReadWrite, 0)
		if err != nil {
			t.Fatal(err)
		}
		config.Token = func(context.Context) (string, error) { return token, nil }
		target, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		err = target.Test(t.Context(), func(c connection.Check) {
			if c.Name == Licences || c.Name == Roles {
				list = append(list, fmt.Sprint(c.Name, " ", c.OK, " ", c.Detail))
			}
		})
		return list, err
	}
	if list, err := steps(); err != nil || len(list) != 2 || !strings.Contains(list[0], "licences true not managed") || !strings.Contains(list[0], "spark-admin:licenses_read") || !strings.Contains(list[1], "spark-admin:roles_read") {
		t.Errorf("%q, %v", list, err)
	}
	if list, err := steps(Licences); lockstep.CodeOf(err) != lockstep.CodeAuthForbidden || len(list) != 1 || !strings.Contains(list[0], "licences false") {
		t.Errorf("%q, %v", list, err)
	}
	var list []string
	if err := p.Test(t.Context(), func(c connection.Check) { list = append(list, c.Name+" "+c.Detail) }); err != nil || !strings.Contains(strings.Join(list, "|"), "licences 8: Basic Messaging, Free Meetings, Webex Messaging 2 of 2 free") {
		t.Errorf("%q, %v", list, err)
	}
}

// canned answers some requests in Webex's place.
type canned struct {
	http.RoundTripper
	mu    sync.Mutex
	match string // method and path
	next  []string
	calls []string
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	body := ""
	if r.Body != nil && strings.Contains(r.URL.Path, "/v1/") {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		body = string(b)
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	c.calls = append(c.calls, strings.TrimSpace(line+" "+body))
	if c.match == "" || !strings.HasSuffix(line, c.match) || len(c.next) == 0 {
		return c.RoundTripper.RoundTrip(r)
	}
	said := c.next[0]
	c.next = c.next[1:]
	status, rest, _ := strings.Cut(said, " ")
	var code int
	if _, err := fmt.Sscan(status, &code); err != nil {
		return nil, err
	}
	media := "application/json"
	if strings.HasPrefix(rest, "<") {
		media = "text/html"
	}
	return &http.Response{StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {media}, "Retry-After": {"7"}}, Body: io.NopCloser(strings.NewReader(rest))}, nil
}

func (c *canned) saying(match string, next ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.match, c.next, c.calls = match, next, nil
}

func (c *canned) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.calls
	c.calls = nil
	return all
}

// hostile is a licensed peer some of whose answers are made up.
func hostile(t *testing.T) (*peer, *canned) {
	c := &canned{}
	p := licensed(t, func(config *Config) {
		own := *config.HTTP
		c.RoundTripper = own.Transport
		own.Transport = c
		config.HTTP = &own
	})
	return p, c
}

// TestRemovalsThatAreNotDone: what Webex may not have taken away is asked for again, alone, and is not written down as gone.
func TestRemovalsThatAreNotDone(t *testing.T) {
	p, c := hostile(t)
	before := has("ada@example.com", "Customer Assist", "Webex Meetings (a.webex.com)")
	ada := p.must(t, create("User", before))
	both := `{"licenses":["` + p.id("CXE_1") + `","` + p.id("EE_1_a.webex.com") + `"]}`
	one := `{"licenses":["` + p.id("CXE_1") + `"]}`
	const patch = "PATCH /v1/licenses/users"
	gone := change(ada, before, user("ada@example.com"))
	for _, test := range []struct {
		says  []string
		code  lockstep.Code
		wrote string
		note  string
	}{
		{[]string{"206 " + both, "206 " + both, "206 " + both}, lockstep.CodeTargetRefused, "Customer Assist,Webex Meetings (a.webex.com)", ""},
		{[]string{"206 " + one, "206 " + one}, lockstep.CodeTargetRefused, "Customer Assist", ""},
		{[]string{"206 {}", "206 {}", "206 {}"}, lockstep.CodeTargetRefused, "Customer Assist,Webex Meetings (a.webex.com)", ""},
		{[]string{"206 " + both, "429 {}"}, lockstep.CodeTargetRateLimited, "Customer Assist,Webex Meetings (a.webex.com)", ""},
		{[]string{"206 " + one, "200 " + one}, "", "", "keeps Customer Assist"},
		{[]string{"206 " + one, `200 {"licenses":[]}`}, "", "", ""},
	} {
		c.saying(patch, test.says...)
		r := p.apply(t, gone)
		wantFault(t, r, test.code, test.wrote)
		if !strings.Contains(r.Note, test.note) || test.note == "" && r.Note != "" {
			t.Errorf("%q: the note is %q", test.says, r.Note)
		}
		if c.mu.Lock(); len(c.next) > 0 {
			t.Errorf("%q was not asked for", c.next)
		}
		c.mu.Unlock()
	}
	c.saying("")
	wantHolds(t, p, ada, "CXE_1 EE_1_a.webex.com MCF_1 MSF_1")

	now := time.Now().Add(time.Hour)
	p.now = func() time.Time { return now }
	c.saying("GET /v1/licenses", `200 {"items":[]}`)
	wantFault(t, p.apply(t, gone), lockstep.CodeTargetName, "Customer Assist,Webex Meetings (a.webex.com)")
	now = now.Add(time.Hour)
	if r := p.apply(t, change(ada, has("ada@example.com", "Forgotten"), user("ada@example.com"))); r.Err != nil || !strings.Contains(r.Note, `"Forgotten"`) {
		t.Errorf("%v, %q", r.Err, r.Note)
	}
}

// TestFailuresAreKept: a system that does not say which licences there are is asked once for as long as it wants, by whoever asks.
func TestFailuresAreKept(t *testing.T) {
	p, c := hostile(t)
	now := time.Now()
	p.now = func() time.Time { return now }
	for _, says := range []struct {
		answer string
		wait   time.Duration
	}{{"429 {}", 7 * time.Second}, {"403 {}", refusalAge}} {
		c.saying("GET /v1/licenses", says.answer)
		for i := range 9 {
			op := create("User", has(fmt.Sprintf("n%d@example.com", i), "Customer Assist"))
			if _, err := p.Foresee(t.Context(), []connection.Operation{op}); err != nil {
				t.Fatal(err)
			}
		}
		if said := c.said(); len(said) != 1 {
			t.Errorf("%s: asked %d times", says.answer, len(said))
		}
		now = now.Add(says.wait - time.Second)
		if all, r := p.licences(t.Context(), stockAge); r.Err == nil || len(all) > 0 || says.wait == 7*time.Second && r.RetryAfter != time.Second {
			t.Errorf("%s: %v, %s", says.answer, r.Err, r.RetryAfter)
		}
		now = now.Add(time.Second)
		if all, r := p.licences(t.Context(), stockAge); r.Err != nil || len(all) == 0 {
			t.Errorf("%s: %v afterwards", says.answer, r.Err)
		}
		now = now.Add(time.Hour)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, r := p.licences(ended, stockAge); r.Err == nil {
		t.Error("asked by nobody")
	}
	if _, r := p.licences(t.Context(), stockAge); r.Err != nil {
		t.Errorf("somebody else's hurry is kept: %v", r.Err)
	}
}

// TestNoLockOut: nobody disables or deletes the person in whose name the connection signs in; where Webex does not say who that is, doors are closed.
func TestNoLockOut(t *testing.T) {
	p, c := hostile(t)
	boss := p.must(t, create("User", has("boss@example.com")))
	off := user("boss@example.com")
	off.Set("active", false)
	ops := []connection.Operation{
		{Kind: rule.Delete, Ref: connection.Ref{Type: "User", ID: boss}, Name: "boss", Before: user("boss@example.com")},
		{Kind: rule.Disable, Ref: connection.Ref{Type: "User", ID: boss}, Name: "boss", Before: user("boss@example.com"), After: off},
	}
	now := time.Now()
	p.now = func() time.Time { return now }
	c.saying("GET /v1/people/me", `200 {"id":"`+base64.RawURLEncoding.EncodeToString([]byte("ciscospark://us/PEOPLE/"+boss))+`"}`)
	for _, op := range ops {
		if r := p.apply(t, op); lockstep.CodeOf(r.Err) != lockstep.CodeTargetAdmin || !p.get(t, "User", boss).Enabled {
			t.Errorf("%s: %v", op.Kind, r.Err)
		}
	}
	now = now.Add(time.Hour)
	c.saying("GET /v1/people/me", `503 {}`)
	if r := p.apply(t, ops[1]); r.Err != nil || p.get(t, "User", boss).Enabled {
		t.Errorf("a door stays open: %v", r.Err)
	}
}
