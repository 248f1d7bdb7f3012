package webex

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connection"
	"lockstep/rule"
	"lockstep/scim"
	"lockstep/web"
	"lockstep/webexorg"
)

// peer is a Webex organisation on loopback and the target that writes to it.
type peer struct {
	*Target
	org    *webexorg.Org
	config Config
}

func newPeer(t *testing.T, o webexorg.OrgConfig) *peer {
	t.Helper()
	u, err := webexorg.New(webexorg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(u.Handler())
	t.Cleanup(server.Close)
	org, err := u.AddOrg(o)
	if err != nil {
		t.Fatal(err)
	}
	token, err := org.IssueToken(webexorg.ReadWrite, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Organization: org.ID(), Endpoint: server.URL + "/identity/scim/" + org.ID() + "/v2",
		HTTP:  web.NewClient(web.ClientConfig{Dialer: &web.Dialer{Allow: web.Loopback()}, Timeout: 10 * time.Second}),
		Token: func(context.Context) (string, error) { return token, nil },
	}
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{Target: target, org: org, config: c}
}

func (p *peer) apply(t *testing.T, op connection.Operation) connection.Result {
	t.Helper()
	return p.Apply(t.Context(), []connection.Operation{op})[0]
}

// must applies an operation that has to succeed and returns the object's id.
func (p *peer) must(t *testing.T, op connection.Operation) string {
	t.Helper()
	r := p.apply(t, op)
	if r.Err != nil {
		t.Fatalf("%s %s: %v", op.Kind, op.Name, r.Err)
	}
	return r.ID
}

func user(name string) scim.Object {
	return scim.Object{{Name: "userName", Value: name}, {Name: "displayName", Value: name}, {Name: "active", Value: true}}
}

func create(typ string, o scim.Object, refs ...connection.Reference) connection.Operation {
	return connection.Operation{Kind: rule.Create, Ref: connection.Ref{Type: typ}, Name: o.Text("displayName"), After: o, Add: refs}
}

func reference(attribute, id string) connection.Reference {
	return connection.Reference{Attribute: attribute, To: connection.Ref{Type: "User", ID: id}}
}

func (p *peer) get(t *testing.T, typ, id string) connection.Object {
	t.Helper()
	o, err := p.Get(t.Context(), connection.Ref{Type: typ, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestLife(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	boss := p.must(t, create("User", user("boss@example.com")))
	ada := p.must(t, create("User", user("ada@example.com"), reference("manager", boss)))
	if got := p.get(t, "User", ada); len(got.References) != 1 || got.References[0].To.ID != boss || !got.Enabled || got.Version == "" {
		t.Errorf("created: %+v", got)
	}

	after := user("ada@example.com")
	after.Set("title", "Countess")
	after.Set("phoneNumbers", scim.List{scim.Object{{Name: "type", Value: "work"}, {Name: "value", Value: "+44 1"}}})
	after.Set(scim.EnterpriseUserURN, scim.Object{{Name: "department", Value: "Research"}})
	update := connection.Operation{Kind: rule.Update, Ref: connection.Ref{Type: "User", ID: ada}, Before: user("ada@example.com"), After: after}
	p.must(t, update)
	got := p.get(t, "User", ada)
	for path, want := range map[string]any{"title": "Countess", "userName": "ada@example.com"} {
		if got.Values.Get(path) != want {
			t.Errorf("%s is %v", path, got.Values.Get(path))
		}
	}
	if len(got.References) != 1 {
		t.Error("an update of other attributes removed the manager")
	}
	if phones, _ := got.Values.Get("phoneNumbers").(scim.List); len(phones) != 1 {
		t.Errorf("phone numbers %v", phones)
	}
	update.Before, update.After = after, user("ada@example.com")
	p.must(t, update)
	if got := p.get(t, "User", ada).Values; got.Has("title") || got.Has("phoneNumbers") || got.Has(scim.EnterpriseUserURN) {
		t.Errorf("cleared: %v", got)
	}

	off := user("ada@example.com")
	off.Set("active", false)
	p.must(t, connection.Operation{Kind: rule.Disable, Ref: connection.Ref{Type: "User", ID: ada}, Before: user("ada@example.com"), After: off})
	if p.get(t, "User", ada).Enabled {
		t.Error("disabled, yet enabled")
	}
	p.must(t, connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: "User", ID: ada}, Remove: []connection.Reference{reference("manager", boss)}})
	if e := p.get(t, "User", ada).References; len(e) != 0 {
		t.Errorf("manager removed, yet %v", e)
	}
	p.must(t, connection.Operation{Kind: rule.Delete, Ref: connection.Ref{Type: "User", ID: ada}})
	if _, err := p.Get(t.Context(), connection.Ref{Type: "User", ID: ada}); !errors.Is(err, lockstep.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if r := p.apply(t, connection.Operation{Kind: rule.Delete, Ref: connection.Ref{Type: "User", ID: ada}}); lockstep.CodeOf(r.Err) != lockstep.CodeTargetGone {
		t.Errorf("deleted twice: %v", r.Err)
	}
}

func TestGroupOfManyMembers(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	var members []connection.Reference
	for i := range 620 {
		members = append(members, reference("members", p.must(t, create("User", user(fmt.Sprintf("u%d@example.com", i))))))
	}
	r := p.apply(t, create("Group", scim.Object{{Name: "displayName", Value: "All"}}, members[:510]...))
	if r.Err != nil || r.Requests != 2 {
		t.Fatalf("create: %+v", r)
	}
	refer := connection.Operation{Kind: rule.Refer, Ref: connection.Ref{Type: "Group", ID: r.ID}, Add: members[510:], Remove: members[:300]}
	if r := p.apply(t, refer); r.Err != nil || r.Requests != 1 {
		t.Fatalf("refer: %+v", r)
	}
	if r := p.apply(t, refer); r.Err != nil { // done before: no harm
		t.Fatalf("refer again: %+v", r)
	}
	if got := p.get(t, "Group", r.ID); len(got.References) != 320 {
		t.Errorf("%d members", len(got.References))
	}
	listed := 0
	if err := p.Reads().Read(t.Context(), connection.Read{Type: "User"}, func(page connection.ReadPage) error { listed += len(page.Objects); return nil }); err != nil || listed != 620 {
		t.Errorf("listed %d, %v", listed, err)
	}
	var groups []connection.Object
	if err := p.Reads().Read(t.Context(), connection.Read{Type: "Group"}, func(page connection.ReadPage) error {
		groups = append(groups, page.Objects...)
		return nil
	}); err != nil || len(groups) != 1 || len(groups[0].References) != 0 {
		t.Errorf("%+v, %v", groups, err)
	}
	names := make([]string, orChain)
	for i := range names {
		names[i] = fmt.Sprintf("U%d@EXAMPLE.com", 2*i)
	}
	if found, err := p.Find(t.Context(), "User", "userName", names...); err != nil || len(found) != orChain {
		t.Errorf("found %d, %v", len(found), err)
	}
}

func TestRefusals(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{Domains: []string{"example.com"}, Enforce: true})
	p.must(t, create("User", user("ada@example.com")))
	for _, c := range []struct {
		name string
		op   connection.Operation
		code lockstep.Code
		says string
	}{
		{"unverified domain", create("User", user("eve@example.org")), lockstep.CodeTargetDomain, "create eve@example.org in Webex: "},
		{"taken", create("User", user("ADA@example.com")), lockstep.CodeTargetConflict, "HTTP 409 uniqueness"},
		{"no address", create("User", user("ada")), lockstep.CodeTargetRefused, "HTTP 400 invalidValue"},
		{"no such user", connection.Operation{Kind: rule.Update, Ref: connection.Ref{Type: "User", ID: "0190a000-0000-7000-8000-000000000000"}, After: user("x@example.com")}, lockstep.CodeTargetGone, ""},
	} {
		r := p.apply(t, c.op)
		if lockstep.CodeOf(r.Err) != c.code || r.MaybeSent || !strings.Contains(fmt.Sprint(r.Err), c.says) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	if err := p.org.ExpireTokens(); err != nil {
		t.Fatal(err)
	}
	if r := p.apply(t, create("User", user("new@example.com"))); lockstep.CodeOf(r.Err) != lockstep.CodeAuthToken || r.MaybeSent {
		t.Errorf("expired token: %+v", r)
	}
}

func TestFaults(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	for i, c := range []struct {
		kind      webexorg.FaultKind
		after     bool
		code      lockstep.Code
		maybeSent bool
		retry     time.Duration
	}{
		{webexorg.Fault429, false, lockstep.CodeTargetRateLimited, false, time.Second},
		{webexorg.Fault500, false, lockstep.CodeTargetServerError, true, 0},
		{webexorg.Fault503, true, lockstep.CodeTargetServerError, true, 0},
		{webexorg.FaultReset, true, lockstep.CodeTargetUnreachable, true, 0},
		{webexorg.FaultHang, false, lockstep.CodeTargetTimeout, true, 0},
		{webexorg.FaultHTML, true, lockstep.CodeTargetMalformed, true, 0},
		{webexorg.FaultTruncate, false, lockstep.CodeTargetUnreachable, true, 0},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			if err := p.org.SetKnobs(webexorg.Knobs{Faults: []webexorg.Fault{{Kind: c.kind, Times: 1, After: c.after, Method: "POST"}}}); err != nil {
				t.Fatal(err)
			}
			op := create("User", user(fmt.Sprintf("f%d@example.com", i)))
			r := p.apply(t, op)
			if lockstep.CodeOf(r.Err) != c.code || r.MaybeSent != c.maybeSent || r.RetryAfter != c.retry {
				t.Errorf("%+v", r)
			}
			r = p.apply(t, op) // what took effect is there
			if done := c.after || c.kind == webexorg.FaultTruncate; done != (lockstep.CodeOf(r.Err) == lockstep.CodeTargetConflict) {
				t.Errorf("again: %+v", r)
			}
		})
	}
}

func TestLateListing(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	if err := p.org.SetKnobs(webexorg.Knobs{LateListing: time.Hour}); err != nil {
		t.Fatal(err)
	}
	id := p.must(t, create("User", user("late@example.com")))
	if found, err := p.Find(t.Context(), "User", "userName", "late@example.com"); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
	p.get(t, "User", id) // by id it is there at once
}

func TestConnection(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	p.must(t, create("User", user("ada@example.com")))
	names := func(target *Target) (string, error) {
		var list []string
		err := target.Test(t.Context(), func(c connection.Check) {
			name := c.Name
			if !c.OK {
				name = "-" + name
			}
			list = append(list, name)
		})
		return strings.Join(list, ", "), err
	}
	if got, err := names(p.Target); err != nil || got != "reach, authenticate, organisation, search by userName, licences, roles" {
		t.Errorf("%s, %v", got, err)
	}
	other := p.config
	other.Organization = "0190a000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"another organisation", func(c *Config) { c.Organization = other.Organization }, "reach, authenticate, -organisation"},
		{"the address of another organisation", func(c *Config) {
			c.Endpoint = strings.ReplaceAll(c.Endpoint, p.org.ID(), other.Organization)
		}, "reach, authenticate, -organisation"},
		{"a wrong token", func(c *Config) { c.Token = func(context.Context) (string, error) { return "x", nil } }, "reach, -authenticate"},
		{"nobody there", func(c *Config) { c.Endpoint = "http://127.0.0.1:1/" }, "-reach"},
	} {
		config := p.config
		c.change(&config)
		target, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := names(target); err == nil || got != c.want {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	const id = "0190a000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"organization": id}, "https://webexapis.com/identity/scim/" + id + "/v2"},
		{map[string]string{"organization": " " + id, "region": "government"}, "https://api-usgov.webex.com/identity/scim/" + id + "/v2"},
		{map[string]string{"endpoint": "https://x/scim/"}, "https://x/scim/"},
		{map[string]string{"organization": "Y2lzY29zcGFyazovL3Vz"}, ""},
		{map[string]string{"organization": id, "region": "mars"}, ""},
		{map[string]string{"url": "https://x"}, ""},
	} {
		config, err := ParseConfig(c.settings)
		got := ""
		if err == nil {
			got, err = config.endpoint()
		}
		if got != c.want || (err == nil) != (c.want != "") || (err != nil && lockstep.CodeOf(err) != lockstep.CodeInvalid) {
			t.Errorf("%v: %s, %v", c.settings, got, err)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   lockstep.Code
		want   string
	}{
		{400, `{"detail":"userName: the domain x.org is not verified in this organisation"}`, lockstep.CodeTargetDomain, "userName: the domain x.org is not verified in this organisation"},
		{403, `{"` + errorURN + `":{"trackingId":"T1","errorCode":"200042","details":"Domain unclaimed"}}`, lockstep.CodeTargetDomain, "Domain unclaimed, 200042, T1"},
		{409, `{"` + errorURN + `":{"details":"exists"}}`, "", "exists"},
		{404, `{"message":"Not found.","errors":[{"description":"No user."}],"trackingId":"R9"}`, "", "No user., R9"},
		{500, `{}`, "", ""},
		{400, `{"detail":"subdomain policy"}`, "", "subdomain policy"},
	} {
		body, err := scim.DecodeObject([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if code, detail := explain(c.status, body); code != c.code || detail != c.want {
			t.Errorf("%s: %q, %q", c.body, code, detail)
		}
	}
	if code, detail := explain(http.StatusBadGateway, nil); code != "" || detail != "" {
		t.Errorf("no body: %q, %q", code, detail)
	}
}

// TestTemplate reads the template as strictly as it can be read, and compiles its rules against Webex's types.
func TestTemplate(t *testing.T) {
	var template struct {
		Kind, Name, Summary, Direction string
		Settings, Secrets              []struct {
			Name, Label, Help, Default string
			Required                   bool
		}
		Roles []struct {
			Value, Name string
			Exclude     bool
		}
		Rules  rule.Rules
		Policy map[string]any
	}
	d := json.NewDecoder(bytes.NewReader(Template()))
	d.DisallowUnknownFields()
	if err := d.Decode(&template); err != nil {
		t.Fatal(err)
	}
	known, err := types()
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, webexorg.OrgConfig{})
	system, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]*scim.Type{"User": scim.UserType(), "Group": scim.GroupType()}
	for _, m := range template.Rules.Objects {
		program, problems := rule.Compile(m, known[m.Target], rule.Options{
			Source: source[m.Source], Searchable: system.FindBy[m.Target], References: system.References,
		})
		if len(problems) > 0 {
			t.Errorf("%s: %v", m.Name, problems)
			continue
		}
		if m.Source == "User" && (!program.Blocks() || len(program.References()) != 1) {
			t.Error("users: disabling or the manager does not flow")
		}
	}
	settings := map[string]string{}
	for _, s := range template.Settings {
		settings[s.Name] = s.Default
	}
	if _, err := ParseConfig(settings); err != nil {
		t.Error(err)
	}
	if last := template.Roles[len(template.Roles)-1]; last.Name != "Default Access" || !last.Exclude || template.Roles[0].Exclude {
		t.Errorf("roles %+v", template.Roles)
	}
}

// TestFindByMail: people are found by their addresses, also where rules name that of their work, by the filter that Webex documents.
func TestFindByMail(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	id := p.must(t, create("User", user("ada@example.com")))
	p.must(t, create("User", user("ben@example.com")))
	system, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"emails.value", `emails[type eq "work"].value`} {
		if !slices.Contains(system.FindBy["User"], by) {
			t.Errorf("it cannot be matched by %s", by)
		}
		found, err := p.Find(t.Context(), "User", by, "ada@example.com", "nobody@example.com")
		if err != nil || len(found) != 1 || found[0].ID != id {
			t.Errorf("%s: %+v, %v", by, found, err)
		}
	}
}

// TestRoleOrScope: a token that is good and opens nothing has a code of its own.
func TestRoleOrScope(t *testing.T) {
	p := newPeer(t, webexorg.OrgConfig{})
	for name, scope := range map[string]webexorg.Scope{"another family": "spark-admin:people_read", "of groups alone": "identity:groups_rw"} {
		token, err := p.org.IssueToken(scope, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := p.config
		c.Token = func(context.Context) (string, error) { return token, nil }
		target, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		var last connection.Check
		err = target.Test(t.Context(), func(c connection.Check) { last = c })
		if lockstep.CodeOf(err) != lockstep.CodeAuthRole || last.Code != lockstep.CodeAuthRole || last.OK || strings.Contains(err.Error(), string(lockstep.CodeAuthForbidden)) {
			t.Errorf("%s: %+v, %v", name, last, err)
		}
	}
}
