package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockstep/e2e/optest"
	"lockstep/e2e/rptest"
)

var (
	inTicks  = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]*)(?:/([^`]+))?`")
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
)

// TestConformanceNamesTests: every test that a conformance page names is there, with its part if it names one.
func TestConformanceNamesTests(t *testing.T) {
	found, sources := map[string]string{}, 0
	for _, folder := range []string{"sso", "upstream", "e2e", "e2e/rptest", "operate", "server", "store", "web", "console", "scim", "cmd/lockstep"} {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources++
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] += string(text)
			}
		}
	}
	if sources < 100 {
		t.Fatalf("only %d files of tests", sources)
	}
	for _, page := range []string{"oidc-conformance.md", "scim-conformance.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := inTicks.FindAllStringSubmatch(string(text), -1)
		for _, m := range named {
			source, there := found[m[1]]
			if !there {
				t.Errorf("%s names %s, which is no test", page, m[1])
			} else if m[2] != "" && !strings.Contains(source, `"`+m[2]+`"`) {
				t.Errorf("%s names %s/%s, and there is no such part", page, m[1], m[2])
			}
		}
		if page == "oidc-conformance.md" && len(named) < 60 {
			t.Errorf("%s names only %d tests", page, len(named))
		}
	}
}

// TestModulesPage: the page has a row for every module of the driver, in its order, and none that failed.
func TestModulesPage(t *testing.T) {
	text, err := os.ReadFile("oidc-conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^\| [^|]*\| (oidcc-[a-z0-9-]+) \| ([^|]+) \| ([^|]+) \|`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
		if strings.HasPrefix(m[2], "failed") || strings.HasPrefix(m[3], "failed") {
			t.Errorf("%s failed", m[1])
		}
	}
	var want []string
	for _, m := range optest.Modules() {
		want = append(want, m.Name)
	}
	for _, m := range rptest.Modules() {
		want = append(want, m.Name)
	}
	if !slices.Equal(found, want) {
		t.Errorf("the page has %d modules, the driver %d: run `make docs`\n%v", len(found), len(want), found)
	}
}
