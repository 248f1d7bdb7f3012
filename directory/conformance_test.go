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

// TestLargeGroup: a PATCH of a large group answers 204, as its members are not read for it; a GET, a PUT, and a PATCH with the
// parameter attributes show what RFC 7644 §3.5.1 and §3.5.2 want.
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
		rename := func(query, name string) (int, scim.Object) {
			return p.do("PATCH", "/Groups/"+id+query, `{"Operations": [{"op": "replace", "path": "displayName", "value": "`+name+`"}]}`)
		}
		if status, o := rename("", "H"); status != 204 || o != nil {
			t.Errorf("the answer to a PATCH is %d %v", status, o)
		}
		for query, members := range map[string]int{"?attributes=displayName": 0, "?excludedAttributes=members": 0, "?attributes=displayName,members": 101} {
			status, o := rename(query, "I")
			if all, _ := o.Get("members").(scim.List); status != 200 || o.Text("displayName") != "I" || len(all) != members {
				t.Errorf("the answer to a PATCH%s is %d with %d members", query, status, len(all))
			}
		}
		_, whole := p.do("GET", "/Groups/"+id, "")
		if all, _ := whole.Get("members").(scim.List); len(all) != 101 {
			t.Errorf("GET shows %d members", len(all))
		}
		status, put := p.do("PUT", "/Groups/"+id, string(scim.AppendJSON(nil, whole)))
		if all, _ := put.Get("members").(scim.List); status != 200 || len(all) != 101 {
			t.Errorf("the answer to a PUT is %d with %d members", status, len(all))
		}
	})
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
