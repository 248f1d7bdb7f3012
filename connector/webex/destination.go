package webex

import "lockstep/connector/scimapp"

// Destination names where the token goes by these settings: scheme, host and port of Webex, or of the endpoint. Settings that
// lead nowhere have "".
func Destination(settings map[string]string) string {
	c, err := ParseConfig(settings)
	if err != nil {
		return ""
	}
	if c.Endpoint != "" {
		return scimapp.Origin(c.Endpoint)
	}
	base, _ := host(c.Region)
	return scimapp.Origin(base)
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
