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

// TestDocs: every test that docs/webex.md names exists, every switch of state.Assumed has a line there, and so has every call that
// is left out.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/webex.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	tests := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(text, -1)
	if len(named) < 40 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !tests[name] {
			t.Errorf("docs/webex.md names the test %s, which there is not", name)
		}
	}
	assumed := reflect.TypeFor[state.Assumed]()
	for i := range assumed.NumField() {
		name, _, _ := strings.Cut(assumed.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/webex.md has no line for the switch %s", name)
		}
	}
	for operation := range leftOut {
		if !strings.Contains(text, "`"+operation+"`") {
			t.Errorf("docs/webex.md does not say that %s is left out", operation)
		}
	}
}
