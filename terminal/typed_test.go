package terminal

import (
	"slices"
	"testing"
	"time"

	"lockstep"
)

// TestInstant: a day begins at midnight here, an instant is itself, and how long ago counts from now.
func TestInstant(t *testing.T) {
	day := time.Date(2026, 11, 30, 0, 0, 0, 0, time.Local)
	for text, want := range map[string]time.Time{"": {}, "2026-11-30": day, day.Format(time.RFC3339): day} {
		if got, err := Instant("--since", text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, ago := range map[string]time.Duration{"2h": 2 * time.Hour, "7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour} {
		got, err := Instant("--since", text)
		if d := time.Since(got) - ago; err != nil || d < 0 || d > time.Minute {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-2h", "2026-13-01", "d"} {
		if got, err := Instant("--since", text); lockstep.CodeOf(err) != lockstep.CodeUsage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestSeconds: whole seconds, and none below nothing.
func TestSeconds(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "15m": 900, "1h": 3600, "1500ms": 1} {
		if got, err := Seconds(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "15", "-1s", "soon"} {
		if got, err := Seconds(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestWords: blanks and nothing between commas are nobody.
func TestWords(t *testing.T) {
	if got := Words(" a@x.example, ,b@x.example,"); !slices.Equal(got, []string{"a@x.example", "b@x.example"}) {
		t.Errorf("%q", got)
	}
	if got := Words(""); got == nil || len(got) > 0 {
		t.Errorf("nothing is %#v", got)
	}
}
