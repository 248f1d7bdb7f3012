package webex_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"lockstep"
	"lockstep/connector/webex"
)

const orgID = "a35bfbc6-ccbd-4a17-a488-72af46c5420c"

func encoded(kind, id string) string {
	return strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("ciscospark://us/"+kind+"/"+id)), "=")
}

func TestParseAddress(t *testing.T) {
	plain := map[string]string{"organization": orgID, "region": "commercial", "endpoint": ""}
	government := map[string]string{"organization": orgID, "region": "government", "endpoint": ""}
	for _, c := range []struct {
		text string
		want map[string]string
		err  string
	}{
		{"https://api.ciscospark.com/v1/scim/" + orgID, plain, ""},
		{" https://api.ciscospark.com/v1/scim/" + strings.ToUpper(orgID) + "/ ", plain, ""},
		{"https://webexapis.com/identity/scim/" + orgID + "/v2", plain, ""},
		{"https://webexapis.com/identity/scim/" + orgID + "/v2/Users", plain, ""},
		{"https://webexapis.com/identity/scim/" + encoded("ORGANIZATION", orgID) + "/v2", plain, ""},
		{"https://api-usgov.webex.com/v1/scim/" + orgID, government, ""},
		{"https://api-usgov.webex.com/identity/scim/" + orgID + "/v2", government, ""},
		{orgID, map[string]string{"organization": orgID, "endpoint": ""}, ""},
		{encoded("ORGANIZATION", orgID) + "=", map[string]string{"organization": orgID, "endpoint": ""}, ""},
		{"http://127.0.0.1:8080/identity/scim/" + orgID + "/v2", map[string]string{"organization": "", "endpoint": "http://127.0.0.1:8080/identity/scim/" + orgID + "/v2"}, ""},
		{encoded("PEOPLE", orgID), nil, "the id of a people, not of an organisation"},
		{"https://api.ciscospark.com/v1/scim/a35bfbc6-ccbd-4a17-a488-72gf46c5420c", nil, "is no organisation id"}, // g: as in the instructions
		{"https://webexapis.com/v1/people", nil, "names no organisation"},
		{"ftp://webexapis.com/identity/scim/" + orgID, nil, "is no address"},
		{"acme", nil, "is no organisation id"},
	} {
		got, err := webex.ParseAddress(c.text)
		switch {
		case c.err != "":
			if lockstep.CodeOf(err) != lockstep.CodeInvalid || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.text, err, c.err)
			}
		case err != nil || !maps.Equal(got, c.want):
			t.Errorf("%s: %v, %v", c.text, got, err)
		default:
			if wrong := webex.CheckSettings(got); len(wrong) > 0 {
				t.Errorf("%s: settings that are refused: %v", c.text, wrong)
			}
		}
	}
}

func TestParseRedirect(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	year := now.Add(365 * 24 * time.Hour)
	for _, c := range []struct {
		text, token string
		expires     time.Time
		err         string
	}{
		{"http://localhost:3000/auth/code#access_token=abc%2Bd&token_type=Bearer&expires_in=31536000&state=x", "abc+d", year, ""},
		{"access_token=abc&expires_in=31536000", "abc", year, ""},
		{"http://localhost:3000/auth/code#access_token=abc&expires_in=soon", "abc", time.Time{}, ""},
		{" abc-def \n", "abc-def", time.Time{}, ""},
		{"http://localhost:3000/auth/code?code=abc&state=x", "", time.Time{}, "holds a code, no token"},
		{"http://localhost:3000/auth/code#error=access_denied&error_description=Not+an+administrator", "", time.Time{}, "Not an administrator"},
		{"http://localhost:3000/auth/code?state=x", "", time.Time{}, "no access_token"},
		{"abc def", "", time.Time{}, "no blanks"},
	} {
		got, err := webex.ParseRedirect(c.text, now)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.text, err, c.err)
			}
		} else if err != nil || got.Text != c.token || !got.Expires.Equal(c.expires) {
			t.Errorf("%s: %+v, %v", c.text, got, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("https://api.ciscospark.com/v1/scim/" + orgID)
	f.Add(encoded("ORGANIZATION", orgID))
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := webex.ParseAddress(text); err == nil && got["organization"] != "" && !lockstep.ValidID(got["organization"]) {
			t.Errorf("%q: %v", text, got)
		}
	})
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"organization": orgID}, "https://webexapis.com/identity/scim/" + orgID + "/v2"},
		{map[string]string{"organization": orgID, "region": "government"}, "https://api-usgov.webex.com/identity/scim/" + orgID + "/v2"},
		{map[string]string{}, ""},
	} {
		if got, _ := webex.Address(c.settings); got != c.want {
			t.Errorf("%v: %q", c.settings, got)
		}
	}
}
