package webexorg

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser follows redirects and keeps cookies, as a browser does.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, base, &http.Client{Jar: jar}}
}

// do sends a request and returns the page at the end of the redirects.
func (b *browser) do(status int, method, path string, form url.Values) string {
	b.t.Helper()
	r, err := http.NewRequest(method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		b.t.Fatalf("%s %s: %d %v\n%s", method, path, res.StatusCode, err, text)
	}
	return string(text)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// TestHub walks through Control Hub's pages as an administrator, and is refused as anybody else.
func TestHub(t *testing.T) {
	s := newSample(t, Config{Inspect: 10})
	s.call(200, "PATCH", scimAt+"/Users/"+samplePlain, patchHead+`{"op":"add","path":"title","value":"<script>alert(1)</script>"}]}`)
	b := newBrowser(t, s.url)
	if first := b.do(200, "GET", "/hub", nil); !strings.Contains(first, "Sign in") || strings.Contains(first, sampleOrg) {
		t.Error("whoever is not signed in sees the organisation")
	}
	page := b.do(200, "POST", "/idb/UI/Login", url.Values{"goto": {"/hub"}, "login": {"admin@example.com"}})
	for _, want := range []string{sampleOrg, "/v1/scim/" + sampleOrg, "/identity/scim/" + sampleOrg + "/v2", "example.com", "Verified", "Webex Calling", "Sub100"} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview does not show %s", want)
		}
	}
	people := b.do(200, "GET", "/hub/people", nil)
	for _, want := range []string{"agent@example.com", "Contact Center Premium Agent", "id_full_admin", "Active"} {
		if !strings.Contains(people, want) {
			t.Errorf("the list of people does not show %s", want)
		}
	}
	if found := b.do(200, "GET", "/hub/people?name=agent@example.com", nil); strings.Contains(found, "admin@example.com</bdi></small>") {
		t.Error("the search finds others")
	}
	if groups := b.do(200, "GET", "/hub/groups", nil); !strings.Contains(groups, "All Org Users") || !strings.Contains(groups, "Sales") {
		t.Error(groups)
	}
	calls := b.do(200, "GET", "/hub/calls", nil)
	if strings.Contains(calls, "<script>alert") || strings.Contains(calls, s.token) || !strings.Contains(calls, "PATCH") {
		t.Errorf("the calls: %s", calls)
	}
	faults := b.do(200, "GET", "/hub/faults", nil)
	csrf := csrfField.FindStringSubmatch(faults)
	if csrf == nil {
		t.Fatal(faults)
	}
	b.do(403, "POST", "/hub/faults", url.Values{"kind": {"500"}})
	b.do(400, "POST", "/hub/faults", url.Values{"kind": {"500"}, "every": {"x"}, "csrf": {csrf[1]}})
	b.do(200, "POST", "/hub/faults", url.Values{"kind": {"500"}, "path": {"/Users"}, "times": {"1"}, "csrf": {csrf[1]}})
	s.call(500, "GET", scimAt+"/Users", "")
	b.do(200, "POST", "/hub/faults/clear", url.Values{"csrf": {csrf[1]}})
	if k := s.u.Org(sampleOrg).Knobs(); len(k.Faults) != 0 {
		t.Errorf("%+v", k)
	}
	plain := newBrowser(t, s.url)
	if page := plain.do(403, "POST", "/idb/UI/Login", url.Values{"goto": {"/hub"}, "login": {"plain@example.com"}}); strings.Contains(page, "Sub100") {
		t.Error("anybody sees the organisation")
	}
	plain.do(403, "GET", "/hub/people", nil)
}

// TestSample: what `webexorg serve --people` begins with can be added, with and without domains.
func TestSample(t *testing.T) {
	for _, domains := range [][]string{nil, {"acme.example"}} {
		u, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		o, err := u.AddOrg(OrgConfig{Name: "Acme", Domains: domains})
		if err != nil || u.Administered() {
			t.Fatal(err, "who administers it?")
		}
		if err := AddSample(t.Context(), o, "acme.example"); err != nil {
			t.Fatal(err)
		}
		if !u.Administered() {
			t.Error("nobody can sign in to the pages")
		}
		if users, _ := o.Size(); users != 3 || len(o.Centre().Users) != 1 || len(o.Settings().Licences) != 7 {
			t.Errorf("%d users", users)
		}
	}
}
