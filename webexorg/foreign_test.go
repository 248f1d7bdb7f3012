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
	if err := s.u.Org(sampleOrg).SetKnobs(Knobs{Faults: []Fault{
		{Kind: Fault429, Times: 1, Path: "/v1/people"}, {Kind: Fault423, Path: personID(samplePlain), Wait: 1},
	}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(parts.Changed(s.u.Handler(), change))
	t.Cleanup(server.Close)
	run := exec.CommandContext(t.Context(), program)
	run.Env = append(os.Environ(), "WEBEX_URL="+server.URL+"/v1", "WEBEX_TOKEN="+bearer.token, "WEBEX_NARROW="+narrow.token, "WEBEX_PEOPLE=5",
		"WEBEX_UUIDS="+samplePlain+" "+sampleAgent, "WEBEX_LOCKED="+personID(samplePlain))
	out, err := run.CombinedOutput()
	return string(out), err
}

func buildGoSDK(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "webexsdk")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "testdata/webexsdk"
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestGoSDK: the SDK lists, pages, looks up, waits and takes errors apart; and it fails when the organisation breaks one of the
// rules that it stands on.
func TestGoSDK(t *testing.T) {
	program := buildGoSDK(t)
	if out, err := goSDK(t, program, func(*http.Request, *httptest.ResponseRecorder) {}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	without := func(name string) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) { a.Header().Del(name) }
	}
	rename := func(name string) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) {
			a.Body = bytes.NewBufferString(strings.ReplaceAll(a.Body.String(), `"`+name+`":`, `"`+name+`_":`))
		}
	}
	status := func(from, to int) func(*http.Request, *httptest.ResponseRecorder) {
		return func(_ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code == from {
				a.Code = to
			}
		}
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
		{"401 as 400", status(401, 400), "unauthorised"},
		{"403 as 401", status(403, 401), "forbidden"},
		{"404 as 400", status(404, 400), "not found"},
		{"423 as 503", status(423, 503), "locked"},
		{"people without addresses", rename("emails"), "get"},
		{"lists under another name", rename("items"), "list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if out, err := goSDK(t, program, c.change); err == nil || !strings.Contains(out, c.want) {
				t.Errorf("it does not notice: %v %s", err, out)
			}
		})
	}
}
