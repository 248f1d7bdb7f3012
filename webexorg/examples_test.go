package webexorg

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestPublishedExamples sends every request that the published description shows, and holds the answer against the published shapes.
func TestPublishedExamples(t *testing.T) {
	file, err := txtar.ParseFile("testdata/examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := newSample(t, Config{})
	location := into[struct{ ID string }](t, s.call(201, "POST", "/v1/locations", denver)).ID
	s.assign(200, samplePlain, "MCF_1")
	vars := map[string]string{
		"org": sampleOrg, "orgID": restID("ORGANIZATION", sampleOrg), "person": sampleAgent, "personID": personID(sampleAgent),
		"manager": samplePlain, "managerID": personID(samplePlain), "group": sampleGroup, "groupID": restID("SCIM_GROUP", sampleGroup+":"+sampleOrg),
		"locationID": location, "roleID": restID("ROLE", "id_user_admin"), "otherRoleID": restID("ROLE", "id_readonly_admin"),
		"licenceID": licenceID("BC_1"), "otherLicenceID": licenceID("MSF_1"), "freeLicenceID": licenceID("MCF_1"),
	}
	sent := map[string]bool{}
	for _, example := range file.Files {
		head, body, _ := strings.Cut(substitute(string(example.Data), vars), "\n")
		code, path, _ := strings.Cut(head, " ")
		status, err := strconv.Atoi(code)
		if err != nil || !json.Valid([]byte(body)) {
			t.Fatalf("%s: %v: not JSON: %s", example.Name, err, body)
		}
		method, _, _ := strings.Cut(example.Name, " ")
		if op := s.published.find(method, path); op == nil || op.Operation != example.Name {
			t.Errorf("%s is sent to another call: %s", example.Name, path)
		}
		sent[example.Name] = true
		got := s.call(status, method, path, body)
		if example.Name == "POST /contacts/organizations/{orgId}/contacts" {
			vars["contact"] = into[struct{ ContactID string }](t, got).ContactID
		}
	}
	for _, op := range s.published.operations {
		_, left := leftOut[op.Operation]
		switch {
		case op.Shown && !left && !sent[op.Operation]:
			t.Errorf("%s: the description shows a request, and none is sent", op.Operation)
		case !op.Shown && sent[op.Operation]:
			t.Errorf("%s: the description shows no request", op.Operation)
		}
	}
	if len(sent) != 24 {
		t.Errorf("only %d examples", len(sent))
	}
}
