package webex

import (
	"lockstep/connection/oauth"
	"lockstep/connector/scimapp"
)

// Destination names where tokens and secrets go by these settings: scheme, host and port of Webex, or of the endpoint, and where access tokens come
// from. Settings that lead nowhere have "".
func Destination(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return ""
	}
	base, _ := host(c.Region)
	if c.Endpoint != "" {
		base = c.Endpoint
	}
	to := scimapp.Origin(base)
	if rest := scimapp.Origin(c.restAddress()); rest != to {
		to += " " + rest
	}
	if more := oauth.Destination(oauth.With(settings, Presets(settings))); more != "" {
		to += " " + more
	}
	return to
}

// System names the organisation that these settings lead to: its address.
func System(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return ""
	}
	address, err := c.endpoint()
	if err != nil {
		return ""
	}
	return scimapp.System(map[string]string{"url": address})
}
