package scimapp

import (
	"strings"
)

// CheckSettings returns what is wrong with settings, by name. What is missing is not wrong yet.
func CheckSettings(settings map[string]string) map[string]error {
	wrong := map[string]error{}
	for name, value := range settings {
		one := map[string]string{name: value}
		c, err := ParseConfig(one)
		if err == nil && name == "url" && strings.TrimSpace(value) != "" {
			_, err = New(c)
		}
		if err != nil {
			wrong[name] = err
		}
	}
	return wrong
}
