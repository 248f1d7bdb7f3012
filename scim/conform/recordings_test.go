package conform_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lockstep/scim/conform"
)

// departing are the recordings of the protocol in which something is sent on purpose that departs from the RFCs and is taken all
// the same. In the others nothing departs but that bodies leave schemas out, for the sake of brevity.
var departing = map[string]string{
	"01-case":         "attribute-unqualified patch-op-case schema-unlisted",
	"02-filters":      "filter-after-brackets filter-type",
	"07-create":       "attribute-read-only",
	"13-content-type": "body-syntax content-type",
	"17-data-types":   "boolean-text",
}

// codesOf returns the codes of what a recording sends and the server takes, but schemas-missing.
func codesOf(t *testing.T, file string) []string {
	t.Helper()
	recording, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	codes, all := map[string]bool{}, types(t)
	for i := 0; i+1 < len(recording.Files); i += 2 {
		if answer := strings.TrimSpace(string(recording.Files[i+1].Data)); answer[0] != '2' && answer[0] != '3' {
			continue
		}
		for _, d := range conform.Examine(all, sent(strings.TrimSpace(string(recording.Files[i].Data)))) {
			if d.Code != conform.SchemasMissing {
				codes[string(d.Code)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(codes))
}

// TestRecordings: what the tests of the protocol send, and the server takes, is found to conform.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../scimhttp/testdata/rfc/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if got := strings.Join(codesOf(t, file), " "); got != departing[name] {
			t.Errorf("%s departs in %q, want %q", name, got, departing[name])
		}
	}
}

// TestClients: Entra ID's two dialects depart in the ways that it is known for.
func TestClients(t *testing.T) {
	for name, want := range map[string][]conform.Code{
		"entra-classic": {conform.PatchOpCase, conform.BooleanText, conform.PatchRemoveValue, conform.ComplexText, conform.AttrReadOnly, conform.SchemaUnknown},
		"entra-2020":    {conform.AttrDotted, conform.AttrURN, conform.QueryParameter},
	} {
		got := codesOf(t, "../../directory/testdata/exchange/"+name+".txtar")
		for _, code := range want {
			if !slices.Contains(got, string(code)) {
				t.Errorf("%s: %s is not among %q", name, code, got)
			}
		}
	}
}
