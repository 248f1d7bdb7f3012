package csvfile

import "strings"

// Destination names where secrets go by these settings. Files have none.
func Destination(map[string]string) string { return "" }

// System names the files that these settings lead to, and the column of their ids.
func System(settings map[string]string) string {
	return strings.Join([]string{
		or(settings["people"], "people.csv"), or(settings["groups"], "groups.csv"), or(settings["memberships"], "memberships.csv"), or(settings["id"], "id"),
	}, "\x00")
}
