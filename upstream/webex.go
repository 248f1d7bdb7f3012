package upstream

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"

	"lockstep/sso"
)

// Preset is a set of values that an administrator can begin with.
type Preset struct {
	Name     string // the value of the field region
	Title    string
	Note     string
	Settings map[string]string
	// Assumed says that the values come from documents and from other people's programs, and that no sign-in with them has been
	// seen. A test sign-in shows whether they hold.
	Assumed bool
}

// webexIssuer is where a region's ID tokens come from. Its keys are below it.
const (
	webexKeysPath = "/oauth2/v2/keys/verificationjwk"
	webexScopes   = "openid email profile cjp:user"
)

// webexIssuers are the issuers of Webex's regions: an ID token names that of its person's home, whichever address they came by.
func webexIssuers() []string {
	return []string{
		"https://idbroker.webex.com/idb", "https://idbroker-b-us.webex.com/idb", "https://idbroker-eu.webex.com/idb", "https://idbroker-ca.webex.com/idb",
	}
}

// issuerLines writes issuers as the field for further issuers has them, without one that stands in a field of its own.
func issuerLines(issuers []string, without string) string {
	var lines []string
	for _, i := range issuers {
		if i != without {
			lines = append(lines, i+" "+i+webexKeysPath)
		}
	}
	return strings.Join(lines, "\n")
}

// webexPreset makes the preset of a region: its id broker, and the hosts of its other addresses.
func webexPreset(name, title, note, broker, authorize, token, userInfo string, issuers []string) Preset {
	issuer := "https://" + broker + "/idb"
	return Preset{Name: name, Title: title, Note: note, Assumed: true, Settings: map[string]string{
		fieldIssuer: issuer, fieldKeys: issuer + webexKeysPath, fieldIssuers: issuerLines(issuers, issuer),
		fieldAuthorize: authorize, fieldToken: token, fieldUserInfo: userInfo,
		fieldLogout: issuer + "/oauth2/v1/logout", fieldLogoutStyle: logoutWebex, fieldScopes: webexScopes,
	}}
}

// Presets returns the presets of a kind, the default first. Only Webex has any.
func Presets(kind sso.ProviderKind) []Preset {
	if kind != sso.KindWebexCC {
		return nil
	}
	all := webexIssuers()
	const gov = "idbroker-f.webex.com"
	old := func(broker string) (authorize, token string) {
		return "https://" + broker + "/idb/oauth2/v1/authorize", "https://" + broker + "/idb/oauth2/v1/access_token"
	}
	usAuthorize, usToken := old("idbroker.webex.com")
	euAuthorize, euToken := old("idbroker-eu.webex.com")
	return []Preset{
		webexPreset("global", "Every region", "Addresses that serve every data centre.", "idbroker.webex.com",
			"https://webexapis.com/v1/authorize", "https://webexapis.com/v1/access_token", "https://webexapis.com/v1/userinfo", all),
		webexPreset("us", "US", "The addresses of the US region, as older instructions have them.", "idbroker.webex.com",
			usAuthorize, usToken, "https://identity.webex.com/identity/scim/v1/Users/me", all),
		webexPreset("eu", "EU", "The addresses of the EU region, as older instructions have them.", "idbroker-eu.webex.com",
			euAuthorize, euToken, "https://identity-eu.webex.com/identity/scim/v1/Users/me", all),
		webexPreset("gov", "Webex for Government", "A cloud of its own, with its own developer portal.", gov,
			"https://api-usgov.webex.com/v1/authorize", "https://api-usgov.webex.com/v1/access_token", "https://api-usgov.webex.com/v1/userinfo",
			[]string{"https://" + gov + "/idb"}),
	}
}

func presetOf(p sso.Provider) (Preset, bool) {
	presets := Presets(p.Kind)
	if len(presets) == 0 {
		return Preset{}, false
	}
	for _, preset := range presets {
		if preset.Name == p.Settings[fieldRegion] {
			return preset, true
		}
	}
	return presets[0], true
}

// WebexConsole is where a client for Webex Contact Center is registered; that for Government is another.
func WebexConsole(region string) string {
	if region == "gov" {
		return "https://developer-usgov.webex.com/my-apps/new"
	}
	return "https://developer.webex.com/my-apps/new"
}

func webexFields() []Field {
	regions := Field{Name: fieldRegion, Title: "Region", Section: Addresses, Type: Choice, Default: "global", Help: "Fills in the addresses below; each can be changed."}
	for _, p := range Presets(sso.KindWebexCC) {
		regions.Options = append(regions.Options, Option{p.Name, p.Title})
	}
	fields := slices.Concat(
		slices.DeleteFunc(registrationFields(authBasic), func(f Field) bool { return f.Name == fieldKey || f.Name == "key_id" }),
		[]Field{
			regions,
			addressField(fieldAuthorize, "Authorization URL", "Where the browser is sent to sign in.", true),
			addressField(fieldToken, "Token URL", "Where the code is exchanged.", true),
			addressField(fieldUserInfo, "User Info URL", "Where the claims are that Webex does not put into the ID token: OpenID claims, or the SCIM user of older addresses.", true),
			addressField(fieldIssuer, "Issuer", "The region's own issuer.", true),
			addressField(fieldKeys, "Keys URL", "The public keys of that issuer.", true),
			moreIssuers,
		},
		requestFields(webexScopes),
		claimFields(claimNames{"email", "email", "email_verified", "name", "given_name", "family_name", "groups"}),
		tokenCheckFields(), filterFields(), logoutFields(logoutWebex, logoutWebex, logoutNone),
	)
	preset := Presets(sso.KindWebexCC)[0].Settings
	for i, f := range fields {
		if v, ok := preset[f.Name]; ok {
			fields[i].Default = v
		}
		switch {
		case f.Name == fieldClientAuth:
			fields[i].Options = slices.DeleteFunc(slices.Clone(f.Options), func(o Option) bool { return o.Value == authPrivateKey })
		case f.Name == fieldSecret:
			fields[i].Help = "Webex shows it once, when the client is registered."
		case f.Name == fieldScopes:
			fields[i].Help = "What is asked for, divided by blanks. Tick the same ones, openid apart, when you register the client."
		}
	}
	return fields
}

// webexClaims puts what a user-info address of Webex answers into the claims of OpenID Connect. There are three forms: OpenID's own,
// a SCIM user (versions 1 and 2), and a person of the REST API.
func webexClaims(answer map[string]any) map[string]any {
	if _, ok := answer["sub"]; ok {
		return answer
	}
	claims := map[string]any{}
	put := func(name string, value any) {
		if s, ok := value.(string); ok && s != "" {
			claims[name] = s
		}
	}
	id, _ := answer["id"].(string)
	put("sub", webexID(id))
	put("email", answer["userName"])
	put("preferred_username", answer["userName"])
	put("name", answer["displayName"])
	put("given_name", answer["firstName"])
	put("family_name", answer["lastName"])
	if name, ok := answer["name"].(map[string]any); ok {
		put("given_name", name["givenName"])
		put("family_name", name["familyName"])
	}
	put("email", firstEmail(answer["emails"]))
	return claims
}

// firstEmail returns the primary address of a SCIM user, else the first; a person of the REST API has plain texts.
func firstEmail(list any) string {
	emails, _ := list.([]any)
	first := ""
	for _, e := range emails {
		switch e := e.(type) {
		case string:
			first = or(first, e)
		case map[string]any:
			value, _ := e["value"].(string)
			if primary, _ := e["primary"].(bool); primary && value != "" {
				return value
			}
			first = or(first, value)
		}
	}
	return first
}

// webexID returns the UUID within an id of the REST API, which is base64 of ciscospark://us/PEOPLE/ and the UUID; another id is
// left as it is.
func webexID(id string) string {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(id, "="))
	if err == nil && strings.HasPrefix(string(text), "ciscospark://") {
		return path.Base(string(text))
	}
	return id
}
