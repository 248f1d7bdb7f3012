package webexorg

import (
	"os"
	"os/exec"
	"testing"
)

// TestGoSDK has the Go SDK of the Webex community, unchanged, use an organisation: see testdata/webexsdk, a module of its own.
// It was seen to fail when Link was left out, when Retry-After was, and when errors had no message.
func TestGoSDK(t *testing.T) {
	s := newSample(t, Config{})
	s.call(200, "POST", "/v1/people", `{"emails":["fifth@example.com"],"displayName":"Fifth"}`)
	bearer := s.as(sampleAdmin, "spark-admin:people_read")
	if err := s.u.Org(sampleOrg).SetKnobs(Knobs{Faults: []Fault{
		{Kind: Fault429, Times: 1, Path: "/v1/people"}, {Kind: Fault423, Path: personID(samplePlain), Wait: 1},
	}}); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("go", "run", ".")
	run.Dir = "testdata/webexsdk"
	run.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "WEBEX_URL="+s.url+"/v1", "WEBEX_TOKEN="+bearer.token, "WEBEX_PEOPLE=5",
		"WEBEX_UUIDS="+samplePlain+" "+sampleAgent, "WEBEX_LOCKED="+personID(samplePlain))
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
