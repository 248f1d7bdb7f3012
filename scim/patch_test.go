package scim_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"lockstep/scim"
)

// TestPatch runs testdata/patch: each file is one rule of the RFC or one thing that a client sends, and cites it.
func TestPatch(t *testing.T) {
	files, err := filepath.Glob("testdata/patch/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	types := map[string]*scim.Type{"": scim.UserType(), "Group": scim.GroupType()}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			parts := readParts(t, file)
			before := object(t, parts["before"])
			kept := before.Clone()
			patch, err := scim.ParsePatch([]byte(parts["patch"]), scim.Limits{})
			var after scim.Object
			changed := false
			if err == nil {
				_, patch.Strict = parts["strict"]
				after, changed, err = patch.Apply(types[strings.TrimSpace(parts["type"])], before)
			}
			if !scim.Equal(before, kept) {
				t.Fatalf("the original changed: %s", show(before))
			}
			if want, ok := parts["error"]; ok {
				checkError(t, err, strings.TrimSpace(want))
				if err != nil && after != nil && !scim.Equal(after, before) {
					t.Errorf("half applied: %s", show(after))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := object(t, parts["after"]); !scim.Equal(after, want) {
				t.Errorf("after (-got +want):\n%s", cmp.Diff(show(after), show(want)))
			}
			if _, same := parts["same"]; changed == same {
				t.Errorf("changed = %v", changed)
			}
		})
	}
}

func readParts(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range txtar.Parse(data).Files {
		parts[f.Name] = string(f.Data)
	}
	return parts
}

func object(t testing.TB, text string) scim.Object {
	t.Helper()
	o, err := scim.DecodeObject([]byte(text))
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return o
}

func show(o scim.Object) string { return string(scim.AppendJSON(nil, o)) }

// checkError wants an error written as "400 invalidValue", or only its status.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*scim.Error](err)
	if !ok {
		t.Errorf("error %v, want %s", err, want)
		return
	}
	if got, _, _ := strings.Cut(strings.TrimPrefix(e.Error(), "scim "), ":"); got != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
