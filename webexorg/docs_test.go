package webexorg

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"lockstep/webexorg/state"
)

// TestDocs: every test that docs/webex.md names exists, and every switch of state.Assumed and of sign-in has a line there. What is left out
// stands on a page that TestOperationsPage looks after.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/webex.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	tests := map[string]bool{}
	for root, prefix := range map[string]string{".": "", "../e2e": "e2e."} {
		err = filepath.WalkDir(root, func(path string, at os.DirEntry, err error) error {
			if err == nil && at.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
				tests[prefix+m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := regexp.MustCompile(`(?:\be2e\.)?\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(text, -1)
	if len(named) < 80 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !tests[name] {
			t.Errorf("docs/webex.md names the test %s, which there is not", name)
		}
	}
	for _, switches := range []reflect.Type{reflect.TypeFor[state.Assumed](), reflect.TypeFor[signInSettings]()} {
		for i := range switches.NumField() {
			name, _, _ := strings.Cut(switches.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("docs/webex.md has no line for the switch %s", name)
			}
		}
	}
}
