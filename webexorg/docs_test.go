package webexorg

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockstep/webexorg/oauth"
	"lockstep/webexorg/state"
)

// TestDocs: every test that the pages about the organisation name exists, in the package that they say if they say one; and every
// switch has a line. What is left out stands on a page that TestOperationsPage looks after.
func TestDocs(t *testing.T) {
	tests := map[string]bool{} // Test and package.Test
	for _, folder := range []string{".", "state", "page", "oauth", "apps", "../e2e", "../web"} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", folder, files, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				name := filepath.Base(folder)
				if folder == "." {
					name = "webexorg"
				}
				tests[m[1]], tests[name+"."+m[1]] = true, true
			}
		}
	}
	var assumed []string
	for i := range reflect.TypeFor[state.Assumed]().NumField() {
		one, _, _ := strings.Cut(reflect.TypeFor[state.Assumed]().Field(i).Tag.Get("json"), ",")
		assumed = append(assumed, one)
	}
	settings := map[string]any{}
	if text, err := json.Marshal((&oauth.Server{}).Settings()); err != nil || json.Unmarshal(text, &settings) != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for name, switches := range map[string][]string{"webex.md": assumed, "webex-sign-in.md": slices.Sorted(maps.Keys(settings))} {
		page, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(page)
		named := regexp.MustCompile(`(?:\b[a-z0-9]+\.)?\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(text, -1)
		if len(named) < 60 {
			t.Errorf("docs/%s names only %d tests", name, len(named))
		}
		for _, test := range named {
			if !tests[test] {
				t.Errorf("docs/%s names the test %s, which there is not", name, test)
			}
		}
		for _, one := range switches {
			if !strings.Contains(text, "| `"+one+"`") && !strings.Contains(text, ", `"+one+"`") {
				t.Errorf("docs/%s has no line for the switch %s", name, one)
			}
		}
	}
}
