package ldap

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// CheckSettings returns what is wrong with settings, by name. What is missing is not wrong yet.
func CheckSettings(settings map[string]string) map[string]error {
	wrong := map[string]error{}
	for name, value := range settings {
		if why := checkSetting(name, strings.TrimSpace(value)); why != nil {
			wrong[name] = why
		}
	}
	return wrong
}

func checkSetting(name, value string) error {
	c, err := ParseConfig(map[string]string{name: value})
	if err == nil && value != "" {
		switch name {
		case "url":
			c.Base = "dc=example"
			_, err = newServer(c)
		case "ca", "page_size", "names_interval":
			c.URL, c.Base = "ldaps://ldap.example.com", "dc=example"
			_, err = newServer(c)
		case "people_filter", "groups_filter":
			_, err = ldap.CompileFilter(value)
		case "base":
			_, err = ldap.ParseDN(value)
		case "people_base", "groups_base":
			for _, dn := range splitDNs(value) {
				if _, bad := ldap.ParseDN(dn); bad != nil && dn != "-" {
					err = bad
				}
			}
		}
	}
	return err
}
