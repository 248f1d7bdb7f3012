package words

import (
	"strings"
	"time"
)

// InstantHelp says what Instant reads.
const InstantHelp = "a day such as 2026-11-30, an instant such as 2026-11-30T12:00:00Z, or how long ago, such as 2h or 7d"

// Instant reads what people write for a time: a day in the zone, an instant (RFC 3339), or how long before now. It reports false for
// anything else.
func Instant(text string, now time.Time, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	ago, days := strings.CutSuffix(text, "d")
	if days {
		ago += "h"
	}
	d, err := time.ParseDuration(ago)
	if err != nil || d < 0 {
		return time.Time{}, false
	}
	if days && d > 100*365*time.Hour || d > 100*365*24*time.Hour {
		return time.Time{}, false
	}
	if days {
		d *= 24
	}
	return now.Add(-d), true
}
