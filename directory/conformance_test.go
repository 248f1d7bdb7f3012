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

// testNames finds what a page names: package, test, recording.
var testNames = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)(?:/([a-z0-9-]+))?`")

// The recordings of those tests that play any.
var recordings = map[string]string{
	"scimhttp.TestRFC": "../scim/scimhttp/testdata/rfc/", "scim.TestPatch": "../scim/testdata/patch/",
	"directory.TestClients": "testdata/exchange/", "directory.TestDefects": "testdata/defects/",
}

// TestConformancePages: every test and recording that the pages on SCIM name exists, and they name every recording of an exchange.
func TestConformancePages(t *testing.T) {
	folders := map[string]string{
		"scim": "../scim", "scim/filter": "../scim/filter", "scimhttp": "../scim/scimhttp", "directory": ".", "store": "../store",
		"main": "../cmd/lockstep", "server": "../server", "e2e": "../e2e", "scimapp": "../connector/scimapp", "scim/conform": "../scim/conform", "web": "../web",
	}
	seen := map[string]bool{}
	for page, least := range map[string]int{"scim-conformance": 120, "scim-clients": 100} {
		text, err := os.ReadFile("../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "<<<<<<<") || strings.HasPrefix(line, "=======") || strings.HasPrefix(line, ">>>>>>>") {
				t.Errorf("%s, line %d: two versions of the page stand side by side", page, i+1)
			}
			if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|") {
				t.Errorf("%s, line %d: a row of a table that does not end", page, i+1)
			}
		}
		named := testNames.FindAllStringSubmatch(string(text), -1)
		if len(named) < least {
			t.Fatalf("%s names %d tests", page, len(named))
		}
		for _, m := range named {
			pkg, name, recording := m[1], m[2], m[3]
			// The suite of every store names its tests in lower case.
			if !declared(t, folders[pkg], name) && (pkg != "store" || !declared(t, folders[pkg]+"/storetest", "t"+name[1:])) {
				t.Errorf("%s: %s does not exist", page, m[0])
			}
			if file := recordings[pkg+"."+name] + recording + ".txtar"; recording != "" {
				seen[file] = true
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s: %s: %v", page, m[0], err)
				}
			}
		}
	}
	for _, test := range []string{"scimhttp.TestRFC", "directory.TestClients", "directory.TestDefects"} {
		files, err := filepath.Glob(recordings[test] + "*.txtar")
		if err != nil || len(files) == 0 {
			t.Fatalf("no recordings of %s: %v", test, err)
		}
		for _, file := range files {
			if !seen[file] {
				t.Errorf("no page names %s", file)
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
		before, _ := whole.Get("members").(scim.List)
		one, _ := before[0].(scim.Object)
		status, fewer := p.do("PATCH", "/Groups/"+id, `{"Operations": [{"op": "remove", "path": "members[value eq \"`+one.Text("value")+`\"]"}]}`)
		if all, _ := fewer.Get("members").(scim.List); status != 200 || len(all) != 100 {
			t.Errorf("the answer to a PATCH that leaves 100 members is %d with %d", status, len(all))
		}
	})
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
