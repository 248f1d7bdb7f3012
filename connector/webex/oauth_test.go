package webex_test

import (
	"strings"
	"testing"

	"lockstep/connection/oauth"
	"lockstep/connector/webex"
)

// TestPresets: what is not set about access tokens is what Webex has in the region, or what stands beside the address that is set; what is set stays.
func TestPresets(t *testing.T) {
	for _, c := range []struct {
		settings         map[string]string
		authorize, token string
	}{
		{map[string]string{"organization": orgID}, "https://webexapis.com/v1/authorize", "https://webexapis.com/v1/access_token"},
		{map[string]string{"region": "government"}, "https://api-usgov.webex.com/v1/authorize", "https://api-usgov.webex.com/v1/access_token"},
		{map[string]string{"endpoint": "http://127.0.0.1:8430/identity/scim/x/v2"}, "http://127.0.0.1:8430/v1/authorize", "http://127.0.0.1:8430/v1/access_token"},
		{map[string]string{"token_url": "https://idbroker.webex.com/idb/oauth2/v1/access_token"}, "https://webexapis.com/v1/authorize", "https://idbroker.webex.com/idb/oauth2/v1/access_token"},
	} {
		got, err := oauth.Parse(oauth.With(c.settings, webex.Presets(c.settings)))
		if err != nil || got.Authorize != c.authorize || got.Token != c.token || got.Auth != oauth.Post || !strings.Contains(got.Scope, "identity:people_rw") {
			t.Errorf("%v: %+v, %v", c.settings, got, err)
		}
	}
	own := map[string]string{"client_auth": "client_secret_basic", "oauth_scope": "identity:people_rw"}
	if got, _ := oauth.Parse(oauth.With(own, webex.Presets(own))); got.Auth != oauth.Basic || got.Scope != "identity:people_rw" {
		t.Errorf("what is set is overruled: %+v", got)
	}
}

// TestDestinationOfConsent: client secret and refresh tokens go where the settings say, preset or not; a pasted token goes to Webex alone.
func TestDestinationOfConsent(t *testing.T) {
	base := map[string]string{"organization": orgID, "auth": "authorization_code", "client_id": "C1"}
	for name, v := range map[string]string{"region": "government", "client_id": "C2", "auth": "refresh_token", "token_url": "https://evil.example/", "authorize_url": "https://evil.example/", "endpoint": "https://evil.example/scim"} {
		other := map[string]string{"organization": orgID, "auth": base["auth"], "client_id": base["client_id"]}
		other[name] = v
		if webex.Destination(other) == webex.Destination(base) {
			t.Errorf("another %s is the same destination", name)
		}
	}
	preset := map[string]string{"organization": orgID, "auth": "authorization_code", "client_id": "C1", "token_url": "https://webexapis.com/v1/access_token"}
	if webex.Destination(preset) != webex.Destination(base) {
		t.Error("what is preset leads elsewhere once it is written down")
	}
	if got := webex.Destination(map[string]string{"organization": orgID, "token_url": "https://evil.example/"}); got != "https://webexapis.com:443" {
		t.Errorf("a pasted token goes to %s", got)
	}
}
