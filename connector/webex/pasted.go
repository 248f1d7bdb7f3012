package webex

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockstep"
	"lockstep/connection/oauth"
	"lockstep/connector/scimapp"
)

// TokenPage is the address at which an administrator gets a bearer token of a year, as the vendors' instructions print it: after the
// sign-in the browser is sent to where no server answers, with the token in the address.
const TokenPage = "https://idbroker.webex.com/idb/saml2/jsp/doSSO.jsp?type=login&goto=https%3A%2F%2Fidbroker.webex.com%2Fidb%2Foauth2%2Fv1%2Fauthorize" +
	"%3Fresponse_type%3Dtoken%26client_id%3DC4ca14fe00b0e51efb414ebd45aa88c1858c3bfb949b2405dba10b0ca4bc37402%26redirect_uri%3D" +
	"http%253A%252F%252Flocalhost%253A3000%252Fauth%252Fcode%26scope%3Dspark%253Apeople_read%2520spark%253Apeople_write%2520Identity%253ASCIM" +
	"%26state%3Dthis-should-be-a-random-string-for-security-purpose"

// Address is the address of the organisation's SCIM service that settings lead to: the Tenant URL, as Entra calls it. The error has the
// code invalid_value.
func Address(settings map[string]string) (string, error) {
	c, err := ParseConfig(settings)
	if err != nil {
		return "", err
	}
	return c.endpoint()
}

// ParseAddress reads what people paste for an organisation: a Tenant URL of either form (that of the instructions begins with
// https://api.ciscospark.com/v1/scim/, that of SCIM 2 with https://webexapis.com/identity/scim/), or an organisation's id, plain or
// encoded as Webex's REST API writes it. It returns the settings that this means. An address of another host, such as that of a test
// organisation, becomes the setting endpoint. The error has the code invalid_value and says what was given instead.
func ParseAddress(text string) (map[string]string, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") && !strings.Contains(text, "/") {
		id, err := parseOrganization(text)
		return map[string]string{"organization": id, "endpoint": ""}, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, invalid("%q is no address; a Tenant URL looks like https://webexapis.com/identity/scim/YOUR-ORGANISATION-ID/v2", text)
	}
	region, ours := regionOf(u.Hostname())
	if !ours {
		return map[string]string{"organization": "", "endpoint": strings.TrimRight(text, "/")}, nil
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, part := range parts {
		if part != "scim" || i+1 == len(parts) {
			continue
		}
		id, err := parseOrganization(parts[i+1])
		return map[string]string{"organization": id, "region": region, "endpoint": ""}, err
	}
	return nil, invalid("the address names no organisation; a Tenant URL looks like https://%s/identity/scim/YOUR-ORGANISATION-ID/v2", u.Host)
}

// regionOf is the region that a host of Webex serves.
func regionOf(host string) (region string, ours bool) {
	switch strings.ToLower(host) {
	case "webexapis.com", "api.ciscospark.com", "api.webex.com":
		return "commercial", true
	case "api-usgov.webex.com":
		return "government", true
	}
	return "", false
}

// idPrefix begins what an encoded id says once it is decoded: ciscospark://us/ORGANIZATION/<uuid>.
const idPrefix = "ciscospark://"

// parseOrganization reads an organisation's id, plain or encoded.
func parseOrganization(text string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(text))
	if lockstep.ValidID(id) {
		return id, nil
	}
	kind, of, ok := decodeID(text)
	switch {
	case !ok:
		return "", invalid("%q is no organisation id: it is a UUID, Control Hub shows it under the organisation's name", text)
	case kind != "ORGANIZATION":
		return "", invalid("this is the id of a %s, not of an organisation; Control Hub shows the organisation's under its name", strings.ToLower(strings.ReplaceAll(kind, "_", " ")))
	case !lockstep.ValidID(of):
		return "", invalid("%q is no organisation id: it names %q", text, of)
	}
	return of, nil
}

// decodeID reads an id as Webex's REST API writes it: Base64 of an address, with or without the padding.
func decodeID(text string) (kind, id string, ok bool) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		plain, err := coding.DecodeString(text)
		if err != nil || !strings.HasPrefix(string(plain), idPrefix) {
			continue
		}
		parts := strings.SplitN(strings.TrimPrefix(string(plain), idPrefix), "/", 3)
		if len(parts) == 3 {
			return parts[1], strings.ToLower(parts[2]), true
		}
	}
	return "", "", false
}

// Token is what the address holds to which the browser was sent.
type Token struct {
	Text    string
	Expires time.Time // zero when the address does not say
}

// ParseRedirect takes a bearer token out of the whole address to which the browser was sent after the sign-in (RFC 6749 §4.2.2). A text
// that is no address is taken as the token itself. The error has the code invalid_value; it never holds the token.
func ParseRedirect(text string, now time.Time) (Token, error) {
	text = strings.TrimSpace(text)
	_, fragment, _ := strings.Cut(text, "#")
	if !strings.Contains(text, "=") || !strings.Contains(text, "://") && !strings.Contains(text, "access_token") {
		if strings.ContainsAny(text, " \t\n") {
			return Token{}, invalid("a token has no blanks in it: paste the whole address, or the token alone")
		}
		return Token{Text: text}, nil
	}
	if fragment == "" {
		if _, query, ok := strings.Cut(text, "?"); ok {
			fragment = query
		} else {
			fragment = text
		}
	}
	q, err := url.ParseQuery(fragment)
	if err != nil {
		return Token{}, invalid("the address cannot be read")
	}
	switch {
	case q.Get("error") != "":
		return Token{}, invalid("Webex refused: %s", cmp.Or(q.Get("error_description"), q.Get("error")))
	case q.Get("access_token") == "" && q.Get("code") != "":
		return Token{}, invalid("the address holds a code, no token: open the address for the token, with response_type=token")
	case q.Get("access_token") == "":
		return Token{}, invalid("the address holds no access_token: paste all of it, with what stands behind #")
	}
	t := Token{Text: q.Get("access_token")}
	if n, err := strconv.Atoi(q.Get("expires_in")); err == nil && n > 0 {
		t.Expires = now.Add(time.Duration(n) * time.Second)
	}
	return t, nil
}

// CheckSettings returns what is wrong with settings, by name. What is missing is not wrong yet.
func CheckSettings(settings map[string]string) map[string]error {
	wrong := map[string]error{}
	for name, value := range settings {
		switch {
		case strings.TrimSpace(value) == "":
		case name == "organization":
			if _, err := parseOrganization(value); err != nil {
				wrong[name] = err
			} else if !lockstep.ValidID(strings.ToLower(strings.TrimSpace(value))) {
				wrong[name] = invalid("This is the encoded form; the plain one is a UUID")
			}
		case name == "region":
			if _, ok := host(value); !ok {
				wrong[name] = invalid("There are commercial and government")
			}
		case name == "endpoint":
			if u, err := url.Parse(strings.TrimSpace(value)); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				wrong[name] = invalid("This is no address; it looks like https://webexapis.com/identity/scim/YOUR-ORGANISATION-ID/v2")
			}
		case name == "rest":
			if u, err := url.Parse(strings.TrimSpace(value)); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				wrong[name] = invalid("This is no address; it looks like https://webexapis.com/v1")
			}
		case name == "manages":
			if _, err := parseManages(value); err != nil {
				wrong[name] = err
			}
		case name == "domains":
			if _, err := parseDomains(value); err != nil {
				wrong[name] = err
			}
		case name == "token_expires":
			if _, err := time.Parse(time.DateOnly, value); err != nil {
				wrong[name] = invalid("A date is written 2026-11-30")
			}
		case name == "timeout":
			if _, ok := scimapp.ParseTimeout(value); !ok {
				wrong[name] = invalid("It is from 5s to 10m, such as 45s")
			}
		case name == "client_auth" && value == string(oauth.PrivateKey):
			wrong[name] = invalid("Webex knows client_secret_post and client_secret_basic")
		case name == "auth" && value == string(oauth.Credentials):
			wrong[name] = invalid("Webex gives access tokens by consent (authorization_code) or for a refresh token (refresh_token), not by client credentials")
		case slices.Contains(oauth.Settings, name):
			if _, err := oauth.Parse(map[string]string{name: value}); err != nil {
				wrong[name] = err
			}
		}
	}
	return wrong
}
