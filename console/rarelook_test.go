package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/audit"
	"lockstep/connection"
	"lockstep/directory"
	"lockstep/operate"
	"lockstep/plan"
	"lockstep/provision"
	"lockstep/rule"
	"lockstep/scim"
)

// consenting answers for an authorization server: how the consent to each connection stands.
type consenting map[lockstep.JobID]operate.Consented

func (c consenting) AskConsent(_ context.Context, _ audit.Actor, j provision.Job, redirect string) (string, error) {
	if j.Connection.Settings["client_id"] == "refused" {
		return "", &lockstep.Error{Code: lockstep.CodeOAuthRefused, Detail: "The client ID is unknown there."}
	}
	return "https://login.example.com/oauth2/authorize?state=" + string(j.ID) + ".x&redirect_uri=" + url.QueryEscape(redirect), nil
}

func (c consenting) FinishConsent(_ context.Context, _ audit.Actor, _ provision.Job, came operate.ConsentAnswer) error {
	if came.Error != "" {
		return &lockstep.Error{Code: lockstep.CodeConsent, Detail: "The server says " + came.Error + "."}
	}
	return nil
}

func (c consenting) Consented(_ context.Context, j provision.Job) (operate.Consented, error) {
	at := c[j.ID]
	at.Needed = j.Connection.Settings["auth"] == "authorization_code"
	return at, nil
}

// byConsent are the fields of a connection by an administrator's consent.
func byConsent(more ...string) []string {
	return append([]string{
		"set-url", "https://payroll.example.com/scim/v2", "set-auth", "authorization_code", "set-token_url", "https://login.example.com/oauth2/token", "set-client_id", "lockstep",
		"set-client_auth", "client_secret_basic", "set-oauth_scope", "offline_access", "set-authorize_url", "https://login.example.com/oauth2/authorize", "secret-client_secret", "sesame",
	}, more...)
}

// TestConsentToConnection: a connection by consent is set up, asked for and told of in the console alone.
func TestConsentToConnection(t *testing.T) {
	w := newWorld(t, 0)
	given := consenting{}
	w.operator.Consents = given
	b := w.signedIn(w.tenant)
	const at = "/apps/payroll/connection"
	b.post("/add/apps/scimapp", "name", "Payroll", "slug", "payroll").is(http.StatusSeeOther)
	form := b.get(at).is(http.StatusOK)
	checkPage(t, form)
	form.has("button", "Save and ask for consent")
	if strings.Contains(form.says(), "Nobody has consented") {
		t.Error("a connection by a token speaks of consent")
	}
	asked := b.post(at, byConsent("do", "consent")...).is(http.StatusOK)
	checkPage(t, asked)
	asked.has("h2", "Consent at")
	if to := asked.has("a", "Go to login.example.com").attr["href"]; !strings.Contains(to, url.QueryEscape(w.server.URL+operate.ConsentPath)) {
		t.Errorf("it leads to %s", to)
	}
	asked.has("span", "Nobody has consented yet.")
	asked.has("code", w.server.URL+operate.ConsentPath)
	job, err := w.operator.Job(t.Context(), operate.Machine(w.tenant), "payroll")
	w.must(err)
	for _, c := range []struct {
		stands operate.Consented
		says   string
	}{
		{operate.Consented{Given: w.now().Add(-time.Hour), Refreshed: true}, "access tokens are refreshed by themselves"},
		{operate.Consented{Given: w.now().Add(-time.Hour)}, "gave no refresh token"},
		{operate.Consented{Given: w.now().Add(-time.Hour), Ended: true}, "wants somebody to consent anew"},
	} {
		given[job.ID] = c.stands
		page := b.get(at).is(http.StatusOK)
		checkPage(t, page)
		if !strings.Contains(page.says(), c.says) || strings.Contains(page.says(), "Nobody has consented") {
			t.Errorf("%q is not said in %q", c.says, page.says())
		}
	}
	no := b.post(at, "set-url", "https://payroll.example.com/scim/v2", "set-auth", "authorization_code", "set-token_url", "https://login.example.com/oauth2/token", "set-client_id", "refused",
		"set-client_auth", "client_secret_basic", "set-authorize_url", "https://login.example.com/oauth2/authorize", "secret-client_secret", "sesame", "do", "consent").is(http.StatusUnprocessableEntity)
	checkPage(t, no)
	if !strings.Contains(no.says(), "The client ID is unknown there.") {
		t.Errorf("a refusal is not told: %q", no.says())
	}
	declined := b.get("/consent?error=access_denied&state=" + string(job.ID) + ".x").is(http.StatusUnprocessableEntity)
	checkPage(t, declined)
	declined.has("button", "Save and ask for consent")
	if !strings.Contains(declined.says(), "The server says access_denied.") {
		t.Errorf("who declines is not told: %q", declined.says())
	}
	b.get("/consent?error=access_denied&state=made-up").is(http.StatusConflict)
	given[job.ID] = operate.Consented{Needed: true, Given: w.now().Add(-time.Hour), Refreshed: true, Ends: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}
	if page := b.get(at).is(http.StatusOK); !strings.Contains(page.says(), "Unused, it ends on 2027-03-01") {
		t.Errorf("the end of the refresh token is not told: %q", page.says())
	}
}

// rarely are pages that show something only after much has happened.
func (w *world) rarely(b *browser) []looked {
	w.Helper()
	given := consenting{}
	w.operator.Consents = given
	for _, name := range []string{"Payroll", "Expenses"} {
		slug := strings.ToLower(name)
		b.post("/add/apps/scimapp", "name", name, "slug", slug).is(http.StatusSeeOther)
		b.post("/apps/"+slug+"/connection", byConsent("do", "save")...).is(http.StatusSeeOther)
	}
	j, err := w.operator.Job(w.Context(), operate.Machine(w.tenant), "expenses")
	w.must(err)
	given[j.ID] = operate.Consented{Given: w.now().Add(-49 * time.Hour), Refreshed: true}
	b.post("/add/apps/scimapp", "name", "Wiki", "slug", "wiki").is(http.StatusSeeOther)
	b.post("/add/apps/webex", "name", "Webex with domains", "slug", "domains").is(http.StatusSeeOther)
	b.post("/apps/domains/connection", "paste", "", "set-region", "commercial", "set-org", "6f3c1d5e-0000-4000-8000-000000000000", "set-domains", "acme.example, old.example", "secret-token", "x", "do", "save")
	w.lookedAt(12)
	w.longLines()
	return []looked{
		{Name: "oauth-new", Path: "/apps/wiki/connection"}, {Name: "oauth-needed", Path: "/apps/payroll/connection"}, {Name: "oauth-given", Path: "/apps/expenses/connection"},
		{Name: "connection-domains", Path: "/apps/domains/connection"}, {Name: "drift-rows", Path: "/apps/webex/drift"},
		{Name: "long-lines", Path: "/apps/webex"}, {Name: "long-activity", Path: "/activity"}, {Name: "long-audit", Path: "/activity/audit"},
		{Name: "scim-add-consent", Path: "/inbound/add/okta?by=consent"},
	}
}

// longLines are lines of the log that are hard to show: texts without a blank, from right to left, in many scripts, and of very many changes.
func (w *world) longLines() {
	w.Helper()
	j := w.state(w.out)
	value := func(v string) scim.Object {
		return scim.Object{{Name: "displayName", Value: v}, {Name: "title", Value: v}}
	}
	many := func(v string) (o scim.Object) {
		for i := range 40 {
			o.Set(fmt.Sprintf("attribute%d", i), fmt.Sprint(v, i))
		}
		return o
	}
	var rows []plan.Action
	for i, c := range []struct {
		name          string
		before, after scim.Object
		detail        string
	}{
		{"x" + strings.Repeat("yz", 150) + "@acme.example", value("Analyst"), value(strings.Repeat("abcdefghij", 60)), ""},
		{"مريم الحسيني", value("مهندسة برمجيات"), value("كبيرة المهندسين في قسم الاتصالات"), ""},
		{"👩‍🚀 Ada 🧑🏽‍💻 Lindqvist", value("🙂"), value("🙃🙃🙃 " + strings.Repeat("🎉", 80)), ""},
		{"王小明 ‮evil", value("工程师"), value(strings.Repeat("高级工程师", 40)), ""},
		{"many.changes@acme.example", many("old"), many("new"), ""},
		{"refused@acme.example", nil, value("x"), strings.Repeat("The application refused the value because of a rule that nobody remembers. ", 12)},
	} {
		a := plan.Action{
			ID: lockstep.NewID[lockstep.ActionID](), Job: j.ID, Cycle: lockstep.NewID[lockstep.CycleID](), Kind: rule.Update, State: plan.Done,
			Source: plan.End{Ref: connection.Ref{Type: "User", ID: fmt.Sprint("long", i)}, Name: c.name}, Target: plan.End{Ref: connection.Ref{Type: "User", ID: "t"}, Name: c.name},
			Before: c.before, After: c.after, Planned: w.now(), Opened: w.now(), Ended: w.now(), Detail: c.detail,
		}
		if c.detail != "" {
			a.State, a.Code = plan.Failed, lockstep.CodeTargetRefused
		}
		rows = append(rows, a)
	}
	w.must(w.db.Provision().Commit(w.Context(), w.tenant, j.ID, j.Epoch, provision.Batch{Actions: rows}))
	u := directory.User{ID: lockstep.NewID[lockstep.UserID](), Active: true}
	u.Attributes.Set("userName", strings.Repeat("verylong", 30)+"@acme.example")
	u.Attributes.Set("displayName", "مريم "+strings.Repeat("الحسيني ", 20))
	_, err := w.db.Commit(w.Context(), w.tenant, audit.Actor{Kind: audit.Admin, Name: strings.Repeat("administrator.with.a.long.name", 4) + "@acme.example"}, "", directory.PutUser{User: u})
	w.must(err)
}

// TestLookRarely: pages that show something only after much has happened look as the others do.
func TestLookRarely(t *testing.T) {
	if !*everyPage && *only == "" {
		t.Skip("with -every-page")
	}
	w := newWorld(t, 30).filled()
	b := w.signedIn(w.tenant)
	w.applied(b)
	b.look(w.rarely(b)...)
}
