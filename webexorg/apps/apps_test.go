package apps

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockstep/webexorg/oauth"
)

// people is a company of four, in two organisations.
type people []oauth.Person

const (
	acme  = "11111111-1111-4111-8111-111111111111"
	other = "22222222-2222-4222-8222-222222222222"
)

func newPeople() people {
	return people{
		{ID: "p-ada", Org: acme, Login: "ada@acme.example", Display: "Ada", Roles: []string{oauth.FullAdmin}},
		{ID: "p-dev", Org: acme, Login: "dev@acme.example", Display: "Dev"},
		{ID: "p-eve", Org: acme, Login: "eve@acme.example", Display: "Eve"},
		{ID: "p-far", Org: other, Login: "far@other.example", Display: "Far", Roles: []string{oauth.FullAdmin}},
	}
}

func (p people) find(is func(oauth.Person) bool) (oauth.Person, bool) {
	if i := slices.IndexFunc(p, is); i >= 0 {
		return p[i], true
	}
	return oauth.Person{}, false
}

func (p people) Person(id string) (oauth.Person, bool) {
	return p.find(func(x oauth.Person) bool { return x.ID == id })
}

func (p people) Login(name string) (oauth.Person, bool) {
	return p.find(func(x oauth.Person) bool { return x.Login == name })
}

func (p people) Some(org string, _ int) []oauth.Person {
	return slices.DeleteFunc(slices.Clone(p), func(x oauth.Person) bool { return x.Org != org })
}

func (p people) Standing(id string) (int64, bool) {
	_, ok := p.Person(id)
	return 0, ok
}

func (p people) Organisation(id string) (oauth.Organisation, bool) {
	return oauth.Organisation{ID: id, Name: id}, id == acme || id == other
}

func (p people) Organisations() []oauth.Organisation {
	return []oauth.Organisation{{ID: acme, Name: "Acme"}, {ID: other, Name: "Other"}}
}

// visitor is a browser at the console.
type visitor struct {
	t      *testing.T
	site   *httptest.Server
	broker *oauth.Server
	client *http.Client
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	broker := oauth.New(oauth.Config{People: newPeople()})
	mux := http.NewServeMux()
	broker.Mount(mux)
	(&Console{Broker: broker}).Mount(mux)
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return (&visitor{t: t, site: site, broker: broker}).another()
}

// another is another browser at the same console.
func (v *visitor) another() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return &visitor{v.t, v.site, v.broker, &http.Client{Jar: jar}}
}

// as is another browser, with which somebody has signed in and, as a developer, up.
func (v *visitor) as(name string) *visitor {
	v.t.Helper()
	b := v.another()
	p := b.get("/apps")
	p = b.submit(p, 0, url.Values{"login": {name}})
	if strings.Contains(p.body, "Create a developer account") {
		p = b.submit(p, 0, nil)
	}
	if !strings.Contains(p.body, "<h1>My apps</h1>") {
		v.t.Fatalf("%d %s\n%s", p.status, p.url, p.body)
	}
	return b
}

type shownPage struct {
	status int
	url    *url.URL
	body   string
}

func (v *visitor) do(r *http.Request, err error) shownPage {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return shownPage{resp.StatusCode, resp.Request.URL, string(body)}
}

func (v *visitor) get(path string) shownPage {
	v.t.Helper()
	return v.do(http.NewRequest(http.MethodGet, v.site.URL+path, nil))
}

func (v *visitor) post(path string, values url.Values, edit ...func(*http.Request)) shownPage {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodPost, v.site.URL+path, strings.NewReader(values.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, f := range edit {
			f(r)
		}
	}
	return v.do(r, err)
}

var (
	forms  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)"(.*?)</form>`)
	fields = regexp.MustCompile(`<input type="(\w+)"[^>]*? name="(\w+)" value="([^"]*)"([^>]*)>`)
	areas  = regexp.MustCompile(`(?s)<textarea[^>]* name="(\w+)"[^>]*>(.*?)</textarea>`)
)

// submit sends the n-th form of the page, filled in as it stands but for the values. The first form of a page with a frame is
// the frame's: it does not count.
func (v *visitor) submit(p shownPage, n int, values url.Values) shownPage {
	v.t.Helper()
	all := slices.DeleteFunc(forms.FindAllStringSubmatch(p.body, -1), func(m []string) bool { return m[1] == "/apps/signout" })
	if n >= len(all) {
		v.t.Fatalf("%d %s: no form %d\n%s", p.status, p.url, n, p.body)
	}
	form := url.Values{}
	for _, f := range fields.FindAllStringSubmatch(all[n][2], -1) {
		if f[1] != "checkbox" || strings.Contains(f[4], "checked") {
			form.Add(f[2], html.UnescapeString(f[3]))
		}
	}
	for _, f := range areas.FindAllStringSubmatch(all[n][2], -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	for name, list := range values {
		form[name] = list
	}
	return v.post(html.UnescapeString(all[n][1]), form)
}

var (
	secretIn = regexp.MustCompile(`<code id="secret">([^<]*)</code>`)
	idIn     = regexp.MustCompile(`<code id="client-id">([^<]*)</code>`)
)

func first(m []string) string {
	if m == nil {
		return ""
	}
	return m[1]
}

// make registers an integration and returns its page.
func (v *visitor) make(name string) shownPage {
	v.t.Helper()
	return v.submit(v.get("/apps/new?type=integration"), 0, url.Values{
		"name": {name}, "redirects": {"https://a.example/cb\n\n https://b.example/cb \n"}, "scope": {"spark:people_read", "spark-admin:people_read"},
	})
}

// works reports whether the broker takes the secret.
func (v *visitor) works(id, secret string) bool {
	v.t.Helper()
	p := v.post("/v1/access_token", url.Values{"client_id": {id}, "client_secret": {secret}, "grant_type": {"authorization_code"}, "code": {"x"}})
	return p.status == http.StatusBadRequest // the code is bad, not the client
}

// TestConsole is the life of an integration on the pages: made, its secret shown once, changed, its secret made anew, deleted.
func TestConsole(t *testing.T) {
	dev := newVisitor(t).as("dev@acme.example")
	p := dev.make(`<b>"Lockstep"</b>`)
	id, secret := first(idIn.FindStringSubmatch(p.body)), first(secretIn.FindStringSubmatch(p.body))
	if len(id) != 65 || len(secret) != 64 || strings.Contains(p.body, "<b>\"") || !dev.works(id, secret) {
		t.Fatalf("id %q, secret %q\n%s", id, secret, p.body)
	}
	if again := dev.get(p.url.RequestURI()); strings.Contains(again.body, secret) {
		t.Error("the secret is shown twice")
	}
	for _, path := range []string{"/v1/authorize<", "/v1/access_token<", "/v1/userinfo<", "/idb/oauth2/v1/logout<", "/idb<", "/idb/oauth2/v2/keys/verificationjwk<"} {
		if !strings.Contains(p.body, p.url.Host+path) {
			t.Errorf("the page does not name %s", path)
		}
	}
	if len(dev.broker.Clients(acme)) != 1 {
		t.Error("loading the page again made another")
	}
	client, _ := dev.broker.Client(id)
	if !slices.Equal(client.Redirects, []string{"https://a.example/cb", "https://b.example/cb"}) || client.Owner != "p-dev" || client.Org != acme {
		t.Errorf("got %+v", client)
	}

	p = dev.submit(dev.get("/apps/"+id), 1, url.Values{"redirects": {"https://c.example/cb"}}) // everything else as the page has it
	client, _ = dev.broker.Client(id)
	if !strings.Contains(p.body, "Saved") || !slices.Equal(client.Redirects, []string{"https://c.example/cb"}) || len(client.Scopes) != 2 || client.Name != `<b>"Lockstep"</b>` {
		t.Errorf("got %+v\n%s", client, p.body)
	}
	p = dev.submit(dev.get("/apps/"+id), 1, url.Values{"redirects": {"http://evil.example/cb"}})
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, "http is for this machine alone") || !strings.Contains(p.body, "http://evil.example/cb") {
		t.Errorf("%d\n%s", p.status, p.body)
	}
	p = dev.submit(dev.get("/apps/"+id), 0, nil)
	next := first(secretIn.FindStringSubmatch(p.body))
	if len(next) != 64 || dev.works(id, secret) || !dev.works(id, next) {
		t.Errorf("the new secret: %q", next)
	}
	p = dev.submit(dev.get("/apps/"+id), 2, nil)
	if p.url.Path != "/apps" || !strings.Contains(p.body, "Nothing is registered yet") || dev.works(id, next) {
		t.Errorf("%d %s\n%s", p.status, p.url, p.body)
	}
}

// TestFormMistakes: what is missing is said on the form, and nothing that was typed is lost.
func TestFormMistakes(t *testing.T) {
	dev := newVisitor(t).as("dev@acme.example")
	for _, c := range []struct {
		edit url.Values
		want string
	}{
		{url.Values{"scope": {}}, "choose at least one"},
		{url.Values{"redirects": {""}}, "at least one redirect URI"},
		{url.Values{"scope": {"spark:made_up"}}, "there is no scope"},
		{url.Values{"type": {"webex"}}, "type:"},
	} {
		values := url.Values{"name": {"Mine"}, "redirects": {"https://a.example/cb"}, "scope": {"spark:people_read"}}
		for name, list := range c.edit {
			values[name] = list
		}
		p := dev.submit(dev.get("/apps/new?type=integration"), 0, values)
		if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, c.want) || !strings.Contains(p.body, `value="Mine"`) {
			t.Errorf("%v: %d\n%s", c.edit, p.status, p.body)
		}
	}
}

// TestWhoSeesWhat: one's own, or as a full administrator those of the organisation; nobody those of another; nobody by a form
// that was not made for them.
func TestWhoSeesWhat(t *testing.T) {
	v := newVisitor(t)
	dev, eve, ada, far := v.as("dev@acme.example"), v.as("eve@acme.example"), v.as("ada@acme.example"), v.as("far@other.example")
	p := dev.make("Mine")
	id := first(idIn.FindStringSubmatch(p.body))
	for _, c := range []struct {
		who  *visitor
		name string
		want int
	}{{dev, "dev", 200}, {ada, "ada", 200}, {eve, "eve", 404}, {far, "far", 404}} {
		if got := c.who.get("/apps/" + id).status; got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
		if sees := strings.Contains(c.who.get("/apps").body, "Mine"); sees != (c.want == 200) {
			t.Errorf("%s sees it in the list: %v", c.name, sees)
		}
	}
	csrf := func(who *visitor) string {
		return regexp.MustCompile(`name="csrf" value="(\w+)"`).FindStringSubmatch(who.get("/apps").body)[1]
	}
	for _, path := range []string{"/apps/" + id, "/apps/" + id + "/secret", "/apps/" + id + "/delete", "/apps/" + id + "/tokens", "/apps/new", "/apps/token"} {
		if p := dev.post(path, url.Values{"csrf": {csrf(eve)}}); p.status != http.StatusForbidden {
			t.Errorf("%s with somebody else's form: %d", path, p.status)
		}
		evil := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
		if p := dev.post(path, url.Values{"csrf": {csrf(dev)}}, evil); p.status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, p.status)
		}
		if path == "/apps/new" || path == "/apps/token" {
			continue
		}
		if p := eve.post(path, url.Values{"csrf": {csrf(eve)}}); p.status != http.StatusNotFound {
			t.Errorf("%s by somebody else: %d", path, p.status)
		}
	}
	if p := eve.get("/apps/authorize"); p.status != http.StatusForbidden {
		t.Errorf("a plain person may authorise service apps: %d", p.status)
	}
	if p := v.another().get("/apps/" + id); !strings.Contains(p.body, "<h1>Sign in</h1>") {
		t.Errorf("nobody is asked to sign in: %d %s", p.status, p.url)
	}
}

// TestServiceApp: registered by a developer, authorised by an administrator, refreshed by the app, withdrawn.
func TestServiceApp(t *testing.T) {
	v := newVisitor(t)
	dev, ada := v.as("dev@acme.example"), v.as("ada@acme.example")
	p := dev.submit(dev.get("/apps/new?type=service"), 0, url.Values{"name": {"Robot"}, "scope": {"spark-admin:people_read"}})
	id, secret := first(idIn.FindStringSubmatch(p.body)), first(secretIn.FindStringSubmatch(p.body))
	if p := dev.get("/apps/" + id); !strings.Contains(p.body, "has not authorised") {
		t.Fatal(p.body)
	}
	p = ada.submit(ada.get("/apps/authorize"), 0, nil)
	if !strings.Contains(p.body, "Withdraw") {
		t.Fatalf("%d\n%s", p.status, p.body)
	}
	p = dev.submit(dev.get("/apps/"+id), 1, nil)
	refresh := first(secretIn.FindStringSubmatch(p.body))
	exchange := func(refresh string) (access, next string) {
		var got map[string]any
		answer := dev.post("/v1/access_token", url.Values{"client_id": {id}, "client_secret": {secret}, "grant_type": {"refresh_token"}, "refresh_token": {refresh}})
		if err := json.Unmarshal([]byte(answer.body), &got); err != nil {
			t.Fatal(err)
		}
		access, _ = got["access_token"].(string)
		next, _ = got["refresh_token"].(string)
		return access, next
	}
	access, next := exchange(refresh)
	if a, err := v.broker.Check(access); err != nil || a.Org != acme || a.Person != "" {
		t.Fatalf("got %+v, %v", a, err)
	}
	ada.submit(ada.get("/apps/authorize"), 0, nil)
	if access, _ := exchange(next); access != "" {
		t.Error("works though it was withdrawn")
	}
}

// TestAPI is the life of a client by the API.
func TestAPI(t *testing.T) {
	v := newVisitor(t)
	token := func(person, org string, scopes ...string) string {
		text, err := v.broker.Issue(oauth.Ticket{Org: org, Person: person, Scopes: scopes})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	both := []string{"spark:applications_read", "spark:applications_write"}
	dev, far := token("p-dev", acme, both...), token("p-far", other, both...)
	call := func(bearer, method, path, body string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequest(method, v.site.URL+"/apps/api"+path, strings.NewReader(body))
		if err == nil {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		p := v.do(r, err)
		got := map[string]any{}
		if p.body != "" {
			if err := json.Unmarshal([]byte(p.body), &got); err != nil {
				t.Fatalf("%s %s: %d: %v\n%s", method, path, p.status, err, p.body)
			}
		}
		if p.status >= 400 && (got["message"] == nil || got["trackingId"] == nil) {
			t.Errorf("%s %s: not an error of Webex: %v", method, path, got)
		}
		return p.status, got
	}
	const mine = `{"type":"integration","name":"Mine","redirectUrls":["https://a.example/cb"],"scopes":["spark:people_read"]}`
	var id, secret string
	for _, c := range []struct {
		name, bearer, method, path, body string
		want                             int
		then                             func(got map[string]any)
	}{
		{"not a developer", dev, "POST", "/applications", mine, 403, nil},
		{"sign up", dev, "POST", "/developers", "", 204, nil},
		{"sign up elsewhere", far, "POST", "/developers", "", 204, nil},
		{"create", dev, "POST", "/applications", mine, 201, func(got map[string]any) {
			id, _ = got["clientId"].(string)
			secret, _ = got["clientSecret"].(string)
		}},
		{"create what is wrong", dev, "POST", "/applications", `{"type":"integration"}`, 400, nil},
		{"create with a field that is none", dev, "POST", "/applications", `{"colour":"blue"}`, 400, nil},
		{"create without a token", "x", "POST", "/applications", mine, 401, nil},
		{"create with a token that may read", token("p-dev", acme, both[0]), "POST", "/applications", mine, 403, nil},
		{"create with a token for something else", token("p-dev", acme, oauth.SCIM), "POST", "/applications", mine, 403, nil},
		{"create as a service app", token("", acme, both...), "POST", "/applications", mine, 403, nil},
		{"list", dev, "GET", "/applications", "", 200, func(got map[string]any) {
			if items, _ := got["items"].([]any); len(items) != 1 {
				t.Errorf("got %v", got)
			}
		}},
		{"list elsewhere", far, "GET", "/applications", "", 200, func(got map[string]any) {
			if items, _ := got["items"].([]any); len(items) != 0 {
				t.Errorf("got %v", got)
			}
		}},
		{"get", dev, "GET", "/applications/{id}", "", 200, func(got map[string]any) {
			if got["clientSecret"] != nil || got["name"] != "Mine" {
				t.Errorf("got %v", got)
			}
		}},
		{"get elsewhere", far, "GET", "/applications/{id}", "", 404, nil},
		{"change", dev, "PUT", "/applications/{id}", strings.Replace(mine, "a.example", "b.example", 1), 200, nil},
		{"change elsewhere", far, "PUT", "/applications/{id}", mine, 404, nil},
		{"a new secret elsewhere", far, "POST", "/applications/{id}/secret", "", 404, nil},
		{"a new secret", dev, "POST", "/applications/{id}/secret", "", 200, func(got map[string]any) {
			if next, _ := got["clientSecret"].(string); v.works(id, secret) || !v.works(id, next) {
				t.Errorf("got %v", got)
			}
		}},
		{"authorise an integration", token("p-ada", acme, both...), "PUT", "/applications/{id}/authorization", "", 400, nil},
		{"authorise as nobody", dev, "PUT", "/applications/{id}/authorization", "", 403, nil},
		{"delete elsewhere", far, "DELETE", "/applications/{id}", "", 404, nil},
		{"delete", dev, "DELETE", "/applications/{id}", "", 204, nil},
		{"get what is gone", dev, "GET", "/applications/{id}", "", 404, nil},
		{"scopes", dev, "GET", "/scopes", "", 200, func(got map[string]any) {
			if items, _ := got["items"].([]any); len(items) != len(oauth.Scopes()) {
				t.Errorf("got %v", got)
			}
		}},
	} {
		status, got := call(c.bearer, c.method, strings.ReplaceAll(c.path, "{id}", id), c.body)
		if status != c.want {
			t.Errorf("%s: %d, want %d: %v", c.name, status, c.want, got)
		}
		if c.then != nil {
			c.then(got)
		}
	}
}

// TestPersonalToken: shown once, works, and says who made it.
func TestPersonalToken(t *testing.T) {
	dev := newVisitor(t).as("dev@acme.example")
	p := dev.submit(dev.get("/apps"), 0, nil)
	text := first(secretIn.FindStringSubmatch(p.body))
	if a, err := dev.broker.Check(text); err != nil || a.Person != "p-dev" || !a.Allows("spark:people_read") {
		t.Errorf("%q: %+v, %v", text, a, err)
	}
	if again := dev.get(p.url.RequestURI()); strings.Contains(again.body, text) {
		t.Error("it is shown twice")
	}
}
