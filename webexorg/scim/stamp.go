package scim

import "time"

// timeFormat is that of RFC 3339 with milliseconds, as Webex writes it.
const timeFormat = "2006-01-02T15:04:05.000Z"

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(timeFormat) }
