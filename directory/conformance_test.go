package directory_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lockstep/scim"
	"lockstep/store"
)

// TestConformancePage: every test and recording that docs/scim-conformance.md names exists.
func TestConformancePage(t *testing.T) {
	page, err := os.ReadFile("../docs/scim-conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{
		"scim": "../scim", "scim/filter": "../scim/filter", "scimhttp": "../scim/scimhttp", "directory": ".", "store": "../store/storetest",
		"main": "../cmd/lockstep", "e2e": "../e2e",
	}
	recordings := map[string]string{"scimhttp.TestRFC": "../scim/scimhttp/testdata/rfc/", "directory.TestClients": "testdata/exchange/"}
	named := regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)(?:/([a-z0-9-]+))?`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 50 {
		t.Fatalf("the page names %d tests", len(named))
	}
	for _, m := range named {
		pkg, name, recording := m[1], m[2], m[3]
		if pkg == "store" { // the suite of every store names its tests in lower case
			name = "t" + name[1:]
		}
		if !declared(t, folders[pkg], name) {
			t.Errorf("%s does not exist", m[0])
		}
		if recording != "" {
			if _, err := os.Stat(recordings[pkg+"."+name] + recording + ".txtar"); err != nil {
				t.Errorf("%s: %v", m[0], err)
			}
		}
	}
}

func declared(t *testing.T, folder, name string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// TestLargeGroup: the answer to a change of a large group shows no members, a GET shows all.
func TestLargeGroup(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		p := newPeer(t, db, nil)
		var bulk, members strings.Builder
		for i := range 101 {
			fmt.Fprintf(&bulk, `%s{"method": "POST", "path": "/Users", "bulkId": "b%d", "data": {"userName": "u%d"}}`, comma(i), i, i)
			fmt.Fprintf(&members, `%s{"value": "bulkId:b%d"}`, comma(i), i)
		}
		status, o := p.do("POST", "/Bulk", `{"Operations": [`+bulk.String()+`, {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "G", "members": [`+members.String()+`]}}]}`)
		if status != 200 {
			t.Fatal(status, o)
		}
		_, list := p.do("GET", "/Groups?excludedAttributes=members", "")
		id := idsIn(list)[0]
		_, patched := p.do("PATCH", "/Groups/"+id, `{"Operations": [{"op": "replace", "path": "displayName", "value": "H"}]}`)
		if patched.Text("displayName") != "H" || patched.Has("members") {
			t.Errorf("the answer to the PATCH is %v", patched)
		}
		_, whole := p.do("GET", "/Groups/"+id, "")
		if all, _ := whole.Get("members").(scim.List); len(all) != 101 {
			t.Errorf("GET shows %d members", len(all))
		}
	})
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
