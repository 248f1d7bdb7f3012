package webexorg

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lockstep/e2e/parts"
)

// goSDK has the Go SDK of the Webex community, unchanged, use an organisation whose answers are changed, and returns what it says
// when it fails; see testdata/webexsdk, a module of its own.
func goSDK(t *testing.T, program string, change func(*http.Request, *httptest.ResponseRecorder)) (string, error) {
	t.Helper()
	s := newSample(t, Config{})
	s.call(200, "POST", "/v1/people", `{"emails":["fifth@example.com"],"displayName":"Fifth"}`)
	bearer, narrow := s.as(sampleAdmin, "spark-admin:people_read"), s.as(sampleAdmin, "spark:rooms_read")
	writer := s.as(sampleAdmin, "spark-admin:people_write")
	s.assign(200, samplePlain, "EE_1_site.webex.com") // the only seat
	if err := s.u.Org(sampleOrg).SetKnobs(Knobs{Faults: []Fault{
		{Kind: Fault429, Times: 1, Path: "/v1/people"}, {Kind: Fault423, Path: personID(samplePlain), Wait: 1},
	}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(parts.Changed(s.u.Handler(), change))
	t.Cleanup(server.Close)
	run := exec.CommandContext(t.Context(), program)
	run.Env = append(os.Environ(), "WEBEX_URL="+server.URL+"/v1", "WEBEX_TOKEN="+bearer.token, "WEBEX_NARROW="+narrow.token, "WEBEX_PEOPLE=5",
		"WEBEX_UUIDS="+samplePlain+" "+sampleAgent, "WEBEX_LOCKED="+personID(samplePlain),
		"WEBEX_WRITER="+writer.token, "WEBEX_FULL="+licenceID("EE_1_site.webex.com"), "WEBEX_FREE="+licenceID("MS_1"))
	out, err := run.CombinedOutput()
	return string(out), err
}

// build builds a program of testdata, a module of its own.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("testdata", name)
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// The changes of answers: a header that is missing, a field of another name, another status.
func without(name string) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Del(name) }
}

func rename(name string) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, a *httptest.ResponseRecorder) {
		a.Body = bytes.NewBufferString(strings.ReplaceAll(a.Body.String(), `"`+name+`":`, `"`+name+`_":`))
	}
}

func otherStatus(from, to int) func(*http.Request, *httptest.ResponseRecorder) {
	return func(_ *http.Request, a *httptest.ResponseRecorder) {
		if a.Code == from {
			a.Code = to
		}
	}
}

// TestGoSDK: the SDK lists, pages, looks up, waits and takes errors apart; and it fails when the organisation breaks one of the
// rules that it stands on.
func TestGoSDK(t *testing.T) {
	program := build(t, "webexsdk")
	if out, err := goSDK(t, program, func(*http.Request, *httptest.ResponseRecorder) {}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request, *httptest.ResponseRecorder)
		want   string
	}{
		{"pages without Link", without("Link"), "people on 1 pages"},
		{"429 without Retry-After", without("Retry-After"), "was followed after"},
		{"errors without a message", rename("message"), "not found"},
		{"errors without a tracking id", rename("trackingId"), "not found"},
		{"401 as 400", otherStatus(401, 400), "unauthorised"},
		{"403 as 401", otherStatus(403, 401), "forbidden"},
		{"404 as 400", otherStatus(404, 400), "not found"},
		{"423 as 503", otherStatus(423, 503), "locked"},
		{"people without addresses", rename("emails"), "get"},
		{"lists under another name", rename("items"), "list"},
		{"licences without a seat as 200", otherStatus(206, 200), "without a seat"},
		{"licences without a seat as 400", otherStatus(206, 400), "without a seat"},
		{"no list of what somebody holds", rename("licenses"), "without a seat"},
		{"refusals of licences without a number", rename("errorCode"), "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if out, err := goSDK(t, program, c.change); err == nil || !strings.Contains(out, c.want) {
				t.Errorf("it does not notice: %v %s", err, out)
			}
		})
	}
}

// goSCIM has the SCIM client of go-github, unchanged, provision into an organisation whose answers are changed; see testdata/goscim.
func goSCIM(t *testing.T, program string, change func(*http.Request, *httptest.ResponseRecorder)) (string, error) {
	t.Helper()
	p := newPeer(t, Config{}, OrgConfig{Domains: []string{"goscim.example"}, Enforce: true})
	p.group("Staff", p.user("cy@goscim.example"))
	server := httptest.NewServer(parts.Changed(p.u.Handler(), change))
	t.Cleanup(server.Close)
	run := exec.CommandContext(t.Context(), program)
	run.Env = append(os.Environ(), "SCIM_URL="+server.URL+p.base, "SCIM_TOKEN="+p.token, "SCIM_USERS=1")
	out, err := run.CombinedOutput()
	return string(out), err
}

// TestGoSCIM: a SCIM client that knows nothing of Webex provisions; and it fails when the organisation breaks a rule of SCIM.
func TestGoSCIM(t *testing.T) {
	program := build(t, "goscim")
	if out, err := goSCIM(t, program, func(*http.Request, *httptest.ResponseRecorder) {}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request, *httptest.ResponseRecorder)
		want   string
	}{
		{"no ids", rename("id"), "create"},
		{"200 for a create", otherStatus(201, 200), "create"},
		{"no locations", rename("location"), "get"},
		{"lists under another name", rename("Resources"), "search"},
		{"lists without a total", rename("totalResults"), "search"},
		{"pages that do not say where they begin", rename("startIndex"), "pages"},
		{"200 for a request without a body", otherStatus(400, 200), "no body"},
		{"a duplicate as 400", otherStatus(409, 400), "a name twice"},
		{"nobody as 400", otherStatus(404, 400), "nobody"},
		{"200 for a delete", otherStatus(204, 200), "delete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if out, err := goSCIM(t, program, c.change); err == nil || !strings.Contains(out, c.want) {
				t.Errorf("it does not notice: %v %s", err, out)
			}
		})
	}
}
