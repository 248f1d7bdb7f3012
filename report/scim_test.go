package report

import (
	"strings"
	"testing"

	"lockstep/api"
)

// TestExchangeIsPlain: what a client sends moves no cursor and turns no line around in the terminal of whoever looks at it.
func TestExchangeIsPlain(t *testing.T) {
	var out strings.Builder
	message(&out, &api.Message{Header: map[string][]string{"X": {"a\u009b2Jb"}}, Body: "{\"a\":\"\u009b2J\u202e\x7f\u00e4\"}"})
	if got := out.String(); strings.ContainsAny(got, "\u009b\u202e\x7f") || !strings.Contains(got, "ä") || !strings.Contains(got, "  \"a\"") {
		t.Errorf("printed %q", got)
	}
}
