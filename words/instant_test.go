package words

import (
	"testing"
	"time"
)

func TestInstant(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	zone := time.FixedZone("", 3600)
	for text, want := range map[string]string{
		"2026-11-30": "2026-11-29T23:00:00Z", "2026-11-30T12:00:00+02:00": "2026-11-30T10:00:00Z", "2h": "2026-11-30T10:00:00Z",
		"7d": "2026-11-23T12:00:00Z", "1.5d": "2026-11-29T00:00:00Z", "90m": "2026-11-30T10:30:00Z",
		"": "", "yesterday": "", "-2h": "", "d": "", "2026-13-01": "", "1e9d": "", "99999999d": "", "2562047h": "",
	} {
		got, ok := Instant(text, now, zone)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v; want %q", text, got, ok, want)
		}
	}
}
