package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockstep/api"
	"lockstep/e2e/parts"
	"lockstep/e2e/rptest"
	"lockstep/sso"
)

// The marks around the table of relying-party modules in the page.
const (
	partyBegin = "<!-- The modules of relying parties: written by `make docs` from what TestRelyingPartyModules found. Do not edit. -->\n"
	partyEnd   = "<!-- The end of the modules of relying parties. -->\n"
)

// partyAlso are the rows of TestHostileUpstream and TestLogoutToken that try the same as a module from within.
var partyAlso = map[string]string{
	"oidcc-client-test":                                         "TestOpenIDProvider",
	"oidcc-client-test-invalid-iss":                             "TestHostileUpstream/invalid-iss",
	"oidcc-client-test-missing-sub":                             "TestHostileUpstream/missing-sub",
	"oidcc-client-test-invalid-aud":                             "TestHostileUpstream/invalid-aud",
	"oidcc-client-test-missing-iat":                             "TestHostileUpstream/missing-iat",
	"oidcc-client-test-kid-absent-single-jwks":                  "TestHostileUpstream/kid-absent-single-jwks",
	"oidcc-client-test-kid-absent-multiple-jwks":                "TestHostileUpstream/kid-absent-multiple-jwks",
	"oidcc-client-test-idtoken-sig-rs256":                       "TestHostileUpstream/sig-rs256",
	"oidcc-client-test-idtoken-sig-none":                        "TestHostileUpstream/sig-none",
	"oidcc-client-test-invalid-sig-rs256":                       "TestHostileUpstream/invalid-sig-rs256",
	"oidcc-client-test-userinfo-invalid-sub":                    "TestHostileUpstream/userinfo-invalid-sub",
	"oidcc-client-test-nonce-invalid":                           "TestHostileUpstream/nonce-invalid",
	"oidcc-client-test-scope-userinfo-claims":                   "TestOpenIDProvider",
	"oidcc-client-test-discovery-openid-config":                 "TestImportFillsTheForm",
	"oidcc-client-test-discovery-issuer-mismatch":               "TestImportRefuses",
	"oidcc-client-test-signing-key-rotation":                    "TestKeysChange",
	"oidcc-client-test-rp-init-logout":                          "TestEndSession",
	"oidcc-client-test-rp-init-logout-other-state":              "TestEndSessionState",
	"oidcc-client-test-rp-backchannel-rpinitlogout":             "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-alg-none":    "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-no-event":    "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce":  "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg":   "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud":   "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event": "TestLogoutToken",
	"oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss":   "TestLogoutToken",
}

// TestRelyingPartyModules: what docs/oidc-conformance.md says of each module of the OpenID Foundation's plans for relying parties is what the driver of them finds at the
// program, which signs people in through the driver's issuers, and at a relying party by npm's openid-client, which is certified: nothing fails at either.
func TestRelyingPartyModules(t *testing.T) {
	t.Parallel()
	ours, theirs := listen(t), listen(t)
	results := [2][]rptest.Result{
		ours.Run(t.Context(), newProgramParty(t, ours), ""),
		theirs.Run(t.Context(), &controlParty{parts.Node(t, filepath.Join("e2e", "webex"), "rp.js", "ID="+rptest.ClientID, "SECRET="+rptest.Secret)}, ""),
	}
	for i, who := range []string{"Lockstep", "openid-client"} {
		for _, r := range results[i] {
			if r.Outcome == rptest.Failed {
				t.Errorf("%s, %s at %s: %s", r.Module.Plan, r.Module.Name, who, r)
			}
		}
	}
	var table strings.Builder
	table.WriteString(partyBegin + "\n| plan | module | Lockstep | openid-client | also |\n| --- | --- | --- | --- | --- |\n")
	plan := ""
	for i, m := range rptest.Modules() {
		first := ""
		if m.Plan != plan {
			plan, first = m.Plan, m.Plan
		}
		also := partyAlso[m.Name]
		if also != "" {
			also = "`" + also + "`"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", first, m.Name, results[0][i], results[1][i], also)
	}
	table.WriteString("\n")
	written(t, partyBegin, table.String(), partyEnd)
}

// written compares a part of docs/oidc-conformance.md with what was found, or writes it.
func written(t *testing.T, begin, table, end string) {
	t.Helper()
	path := parts.NeedFile(t, filepath.Join("docs", "oidc-conformance.md"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, there := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !there || !ends {
		t.Fatalf("%s has no place for the modules", path)
	}
	want := before + table + end + after
	if want == string(text) || t.Failed() {
		return
	}
	if !*update {
		t.Errorf("%s says something else than was found; run `make docs`. Found:\n%s", path, table)
	} else if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T) *rptest.Provider {
	t.Helper()
	p, err := rptest.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// readAll reads an answer, and closes it.
func readAll(answer *http.Response) string {
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20)) // what is cut off is noticed by whoever reads it
	return string(body)
}

// programParty is the program as a relying party: an identity provider and an application for each module, and one person.
type programParty struct {
	t        *testing.T
	issuer   string
	client   *api.Client
	refused  map[string]string // why the configuration of a module was not taken
	secrets  map[string]string // of applications
	browsers map[string]*partyBrowser
}

type partyBrowser struct {
	http *http.Client
	id   string // ID token of the application
}

const partyApp = "https://app.example"

func newProgramParty(t *testing.T, op *rptest.Provider) *programParty {
	t.Helper()
	h := newHome(t)
	_, e := h.scimServer()
	h.run("people", "add", rptest.Email, "--given", "Ada")
	base := strings.TrimSuffix(e.base, "/scim/default/v2")
	p := &programParty{
		t: t, issuer: base + "/sso/default", client: &api.Client{Base: base, Token: strings.TrimSpace(h.run("token", "create", "modules", "--scope", "admin"))},
		refused: map[string]string{}, secrets: map[string]string{}, browsers: map[string]*partyBrowser{},
	}
	ctx := t.Context()
	yes := true
	for _, m := range rptest.Modules() {
		alias := m.Path()
		_, err := p.client.AddIdentityProvider(ctx, api.AddProvider{Alias: alias, Kind: sso.KindOIDC, SetProvider: api.SetProvider{TrustEmail: &yes}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.client.ImportIdentityProvider(ctx, alias, op.Issuer(m))
		if err != nil {
			p.refused[m.Path()] = codeIn(err.Error())
			continue
		}
		got.Settings["client_id"] = rptest.ClientID
		_, err = p.client.SetIdentityProvider(ctx, alias, api.SetProvider{Settings: got.Settings, Secrets: map[string]string{"client_secret": rptest.Secret}})
		if err == nil {
			_, err = p.client.EnableIdentityProvider(ctx, alias, true)
		}
		if err != nil {
			t.Fatalf("%s: %v", m.Path(), err)
		}
		made, err := p.client.AddSSOClient(ctx, api.NewClient{
			ID: alias, Name: alias, Redirects: []string{partyApp + "/cb"}, AfterLogout: []string{partyApp + "/bye"}, Provider: sso.ProviderID(alias), NoPKCE: true, Auth: sso.AuthPost,
		})
		if err != nil {
			t.Fatalf("%s: %v", m.Path(), err)
		}
		p.secrets[alias] = made.Secret
	}
	return p
}

var codeForm = regexp.MustCompile(`\b(?:idp|sso)\.[a-z_]+`)

// codeIn is the code of an error, or all of it.
func codeIn(text string) string {
	if code := codeForm.FindString(text); code != "" {
		return code
	}
	return text
}

// follow goes from an address to the application, and returns where it comes to there; or the page at which it ends.
func (b *partyBrowser) follow(ctx context.Context, address string) (*url.URL, string, error) {
	for range 20 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, "", err
		}
		answer, err := b.http.Do(r)
		if err != nil {
			return nil, "", err
		}
		body := readAll(answer)
		to, err := answer.Location()
		if err != nil { // there is none
			return nil, body, nil //nolint:nilerr // it is a page
		}
		if strings.HasPrefix(to.String(), partyApp+"/") {
			return to, "", nil
		}
		address = to.String()
	}
	return nil, "", fmt.Errorf("sent around in circles")
}

var noticeForm = regexp.MustCompile(`<p class="notice" role="alert">([^<]*)</p>`)

var referenceForm = regexp.MustCompile(`<code>([0-9a-f-]{36})</code>`)

// why is the code with which a sign-in has ended, by the reference that its page shows.
func (p *programParty) why(ctx context.Context, page string) string {
	for _, m := range referenceForm.FindAllStringSubmatch(page, -1) {
		if trace, err := p.client.SignIn(ctx, sso.LoginID(m[1])); err == nil && trace.Code != "" {
			return string(trace.Code)
		}
	}
	if m := noticeForm.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return page
}

func (p *programParty) authorize(m rptest.Module, prompt string) string {
	v := url.Values{"client_id": {m.Path()}, "response_type": {"code"}, "redirect_uri": {partyApp + "/cb"}, "scope": {"openid email"}, "state": {"s"}}
	if prompt != "" {
		v.Set("prompt", prompt)
	}
	return p.issuer + "/authorize?" + v.Encode()
}

// SignIn implements rptest.Party.
func (p *programParty) SignIn(ctx context.Context, m rptest.Module, _ string) (bool, string, error) {
	if why, refused := p.refused[m.Path()]; refused {
		return false, why, nil
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return false, "", err
	}
	b := &partyBrowser{http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	p.browsers[m.Path()] = b
	to, page, err := b.follow(ctx, p.authorize(m, ""))
	if err != nil {
		return false, "", err
	}
	if to == nil || to.Query().Get("code") == "" {
		if to != nil {
			page = to.Query().Get("error_description")
		}
		return false, p.why(ctx, page), nil
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {partyApp + "/cb"}, "client_id": {m.Path()}, "client_secret": {p.secrets[m.Path()]}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return false, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, "", err
	}
	var got struct {
		ID string `json:"id_token"`
	}
	body := readAll(answer)
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.ID == "" {
		return false, "", fmt.Errorf("the code gives %s: %w", body, err)
	}
	b.id = got.ID
	return true, "", nil
}

// SignOut implements rptest.Party.
func (p *programParty) SignOut(ctx context.Context, m rptest.Module, _ string) (bool, string, error) {
	b := p.browsers[m.Path()]
	to, page, err := b.follow(ctx, p.issuer+"/logout?"+url.Values{"id_token_hint": {b.id}, "post_logout_redirect_uri": {partyApp + "/bye"}, "state": {"mine"}}.Encode())
	if err != nil {
		return false, "", err
	}
	if to == nil || to.Path != "/bye" || to.Query().Get("state") != "mine" {
		return false, "“" + p.why(ctx, page) + "”", nil
	}
	stands, err := p.stands(ctx, m)
	return !stands, "the session stands", err
}

func (p *programParty) stands(ctx context.Context, m rptest.Module) (bool, error) {
	to, page, err := p.browsers[m.Path()].follow(ctx, p.authorize(m, "none"))
	if err == nil && to == nil {
		err = fmt.Errorf("a page: %s", page)
	}
	if err != nil {
		return false, err
	}
	return to.Query().Get("code") != "", nil
}

// Tell implements rptest.Party.
func (p *programParty) Tell(ctx context.Context, m rptest.Module, _, token string) (int, bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.issuer+"/idp/"+m.Path()+"/logout", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return 0, false, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, false, err
	}
	readAll(answer)
	stands, err := p.stands(ctx, m)
	return answer.StatusCode, stands, err
}

// controlParty is the relying party of rp.js.
type controlParty struct{ url string }

type controlSays struct {
	Done, Stands bool
	Status       int
	Why          string
}

func (c *controlParty) does(ctx context.Context, what, issuer, token string) (says controlSays, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+what+"?"+url.Values{"issuer": {issuer}, "token": {token}}.Encode(), nil)
	if err != nil {
		return says, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return says, err
	}
	return says, json.Unmarshal([]byte(readAll(answer)), &says)
}

// SignIn implements rptest.Party.
func (c *controlParty) SignIn(ctx context.Context, _ rptest.Module, issuer string) (bool, string, error) {
	says, err := c.does(ctx, "/signin", issuer, "")
	return says.Done, says.Why, err
}

// SignOut implements rptest.Party.
func (c *controlParty) SignOut(ctx context.Context, _ rptest.Module, issuer string) (bool, string, error) {
	says, err := c.does(ctx, "/signout", issuer, "")
	return says.Done, says.Why, err
}

// Tell implements rptest.Party.
func (c *controlParty) Tell(ctx context.Context, _ rptest.Module, issuer, token string) (int, bool, error) {
	says, err := c.does(ctx, "/tell", issuer, token)
	return says.Status, says.Stands, err
}
