package terminal

import (
	"strings"
	"time"
)

// Instant reads a day, an instant, or how long ago, as a flag has it. Empty is the zero instant.
func Instant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	ago, days := strings.CutSuffix(text, "d")
	if days {
		ago += "h"
	}
	d, err := time.ParseDuration(ago)
	if err != nil || d < 0 {
		return time.Time{}, Usage("%s takes a day such as 2026-11-30, an instant such as 2026-11-30T12:00:00Z, or how long ago, such as 2h or 7d.", flag)
	}
	if days {
		d *= 24
	}
	return time.Now().Add(-d), nil
}

// Seconds reads a duration; 0 is none.
func Seconds(text string) (int, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, Usage("%q is no duration; write it as 15m or 1h.", text)
	}
	return int(d / time.Second), nil
}

// Words divides what was given at commas.
func Words(text string) []string {
	out := []string{}
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
