package webex

import (
	"slices"

	"lockstep/connection/oauth"
	"lockstep/connector/scimapp"
)

// Scope is what a connection asks for when nothing else is set: to read and write users and groups over SCIM 2.
const Scope = "identity:people_rw identity:groups_rw"

// scopes are what a connection asks for that manages this, too.
func scopes(manages []string) string {
	scope := Scope
	if len(manages) > 0 {
		scope += " spark-admin:people_read spark-admin:people_write"
	}
	if slices.Contains(manages, Licences) {
		scope += " spark-admin:licenses_read"
	}
	if slices.Contains(manages, Roles) {
		scope += " spark-admin:roles_read"
	}
	return scope
}

// Presets are what settings about access tokens mean that are not set: Webex's endpoints for integrations and service apps in the region, or
// beside the SCIM address that is set; the scopes; that the client's secret goes in the body, as Webex documents it; and that whoever consents is asked
// who they are: a browser in which another person is signed in, who consented once, would come back at once with tokens of theirs.
func Presets(settings map[string]string) map[string]string {
	c, err := ParseConfig(settings)
	if err != nil {
		return nil
	}
	base, _ := host(c.Region)
	if c.Endpoint != "" {
		base = scimapp.Origin(c.Endpoint)
	}
	return map[string]string{
		"authorize_url": base + "/v1/authorize", "token_url": base + "/v1/access_token", "oauth_scope": scopes(c.Manages), "client_auth": string(oauth.Post), "oauth_prompt": "select_account",
	}
}
