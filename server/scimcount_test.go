package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lockstep/audit"
	"lockstep/scim/conform"
	"lockstep/token"
)

// TestSCIMStrictUnread: of a body that the server did not read, as it refused the request before, nothing is said.
func TestSCIMStrictUnread(t *testing.T) {
	b := newSCIMBench(t, SCIM{Rate: 0.5})
	id, strict := b.strict("scim:write")
	const user = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada"}`
	b.status(201, strict, "acme", "POST", "/Users", user)
	b.status(429, strict, "acme", "POST", "/Users", user)
	if got, all := b.report(id); got != "" {
		t.Errorf("report %s: %+v", got, all)
	}
}

// TestSCIMReportApart: what cannot be written of one tenant keeps no other from its report, and is written later.
func TestSCIMReportApart(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, _ := b.strict("scim:write")
	theirs, _ := b.token(token.KindSCIM, "other", "scim:write", time.Time{})
	found := []conform.Deviation{{Rule: conform.Describe(conform.BooleanText), Times: 1}}
	b.server.reports.count(counted{b.ids["acme"], id}, b.now, found)
	b.server.reports.count(counted{b.ids["other"], theirs}, b.now, found)
	if got, _ := b.report(id); got != "boolean-text=1" {
		t.Errorf("report %s", got)
	}
	if all, err := b.server.db.Tallies(t.Context(), b.ids["other"]); err != nil || len(all) != 0 {
		t.Errorf("whoever asks for one tenant's report waits for what is written of another: %v, %v", all, err)
	}
	if err := b.server.ClearReport(t.Context(), audit.Actor{}, b.ids["acme"], id); err != nil {
		t.Fatal(err)
	}
	if all, err := b.server.Report(t.Context(), b.ids["other"]); err != nil || len(all[theirs]) != 1 {
		t.Errorf("of the other tenant: %v, %v", all, err)
	}
}

// TestSCIMStrictBodies: a body that is no JSON departs, and one without a media type, which is taken for JSON, is examined.
func TestSCIMStrictBodies(t *testing.T) {
	b := newSCIMBench(t, SCIM{})
	id, strict := b.strict("scim:write")
	b.status(400, strict, "acme", "POST", "/Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada`)
	if got, all := b.report(id); got != "body-syntax=1" || all[0].Seen != "no JSON" {
		t.Errorf("report %s: %+v", got, all)
	}
	r, err := http.NewRequest(http.MethodPost, b.url+"/scim/acme/v2/Users", strings.NewReader(`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada", "active": "True"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strict)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != 201 {
		t.Fatal(res.Status, err)
	}
	if got, _ := b.report(id); got != "body-syntax=1 boolean-text=1 content-type=1" {
		t.Errorf("report %s", got)
	}
	if body := b.seen("acme")[0].Request.Body; !strings.Contains(body, `"True"`) {
		t.Errorf("of a body without a media type is kept %q", body)
	}
}
