package directory_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"lockstep/scim"
	"lockstep/store"
)

// TestDefects replays what has gone wrong in other servers, on both databases.
func TestDefects(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		play(t, db, "testdata/defects/*.txtar", nil)
	})
}

// TestSources: every recording says where its knowledge is from: an issue, an RFC, a document or a measurement.
func TestSources(t *testing.T) {
	cites := regexp.MustCompile(`(?s)^[^-].*?([\w.-]+#\d+|RFC \d{4} §|"[^"]+"|\(measured\)).*?\n-- `)
	for _, folder := range []string{"defects", "exchange"} {
		files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
		if err != nil || len(files) == 0 {
			t.Fatalf("no recordings in %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !cites.Match(text) {
				t.Errorf("%s cites nothing", file)
			}
		}
	}
}

// TestManagerOfExtension: a tenant's own attribute by the name of manager is not the one that is shown with a name.
func TestManagerOfExtension(t *testing.T) {
	const urn = "urn:acme:params:scim:schemas:guide:2.0:User"
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		err := p.define(`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "` + urn + `", "name": "Guide", "resourceType": "User",
			"attributes": [{"name": "manager", "type": "complex", "subAttributes": [{"name": "value", "type": "string"}]}]}`)
		if err != nil {
			t.Fatal(err)
		}
		boss := p.create("/Users", `{"userName": "grace", "displayName": "Grace"}`)
		manager := `"manager": {"value": "` + boss + `"}`
		for i, c := range []struct{ enterprise, guide, want string }{
			{`"department": "x"`, manager, ""},
			{manager, manager, "Grace"},
			{`"department": "x", ` + manager, `"manager": {"value": "nobody"}`, "Grace"},
		} {
			for j, both := range []string{ // in either order
				`"` + scim.EnterpriseUserURN + `": {` + c.enterprise + `}, "` + urn + `": {` + c.guide + `}`,
				`"` + urn + `": {` + c.guide + `}, "` + scim.EnterpriseUserURN + `": {` + c.enterprise + `}`,
			} {
				o := p.want(201, "POST", "/Users", fmt.Sprintf(`{"userName": "u%d%d", %s}`, i, j, both))
				of := func(urn string) scim.Object {
					ext, _ := o.Get(urn).(scim.Object)
					m, _ := ext.Get("manager").(scim.Object)
					return m
				}
				if of(scim.EnterpriseUserURN).Text("displayName") != c.want || len(of(urn)) != 1 {
					t.Errorf("%s is shown as %v", both, o)
				}
			}
		}
	})
}
