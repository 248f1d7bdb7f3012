package csvfile

import (
	"io/fs"
	"strings"
)

// CheckSettings returns what is wrong with settings, by name. Whether the files are there is not looked at.
func CheckSettings(settings map[string]string) map[string]error {
	wrong := map[string]error{}
	for name, value := range settings {
		if _, err := ParseConfig(nil, map[string]string{name: value}); err != nil {
			wrong[name] = err
			continue
		}
		file := name == "people" || name == "groups" || name == "memberships"
		if path := strings.TrimSpace(value); file && path != "" && !fs.ValidPath(strings.ReplaceAll(path, `\`, "/")) {
			wrong[name] = invalid("the file is named below the folder that the server reads from, without a slash before it and without ..: people.csv, company/people.csv")
		}
	}
	return wrong
}
