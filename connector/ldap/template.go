package ldap

import (
	_ "embed"
	"slices"
)

//go:embed template.json
var template []byte

// Template returns the gallery's template as JSON: settings, secrets, rules and policy to begin with.
func Template() []byte { return slices.Clone(template) }
