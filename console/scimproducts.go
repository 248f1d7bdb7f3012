package console

import (
	"slices"

	"lockstep/token"
)

// way is how a SCIM client shows who it is.
type way string

const (
	byToken   way = "token"   // a fixed token
	bySecret  way = "secret"  // access tokens, which it gets with a client ID and a secret (RFC 6749 §4.4)
	byKey     way = "key"     // access tokens, which it gets with a key of its own (RFC 7523)
	byConsent way = "consent" // access tokens that an administrator has consented to (RFC 6749 §4.1)
	byIssuer  way = "issuer"  // access tokens that somebody else makes (RFC 9068)
)

// product is a product that pushes by SCIM, in its own words. docs/scim-clients.md has what each sends, and where that is known from.
type product struct {
	ID      token.Product
	Name    string
	Summary string
	Icon    string
	Test    string // what its button is called that sends the first request
	Later   string // what to expect of its times; "" is nothing
	Ways    []wayOf
	Know    []string
}

// place is what the product is called in a sentence.
func (p *product) place() string {
	if p.ID == token.ProductOther {
		return "the client"
	}
	return p.Name
}

// adds is the title of the page that adds it.
func (p *product) adds() string {
	if p.ID == token.ProductOther {
		return "Add a SCIM 2.0 client"
	}
	return "Add " + p.Name
}

// wayOf is a way in the words of a product: its settings in the order of its page, and the steps.
type wayOf struct {
	Way   way
	Word  string
	Help  string
	Give  []give
	Steps []string
}

// give is a setting of a client: what its page calls it, and what to write there.
type give struct {
	Label string
	Value string // "" is the one that Of names
	Of    given
	Plain bool // nothing to copy: a choice of its page
}

// given is a value that a client has of its own.
type given string

const (
	theAddress  given = "address"
	theToken    given = "token"
	theEndpoint given = "endpoint" // where access tokens are had
	theAsking   given = "asking"   // where an administrator consents
	theID       given = "id"
	theSecret   given = "secret"
	theIssuer   given = "issuer"
	theAudience given = "audience"
)

// oneLoginTemplate is what OneLogin makes a user of.
const oneLoginTemplate = `{
  "schemas": [
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
  ],
  "userName": "{$parameters.scimusername}",
  "externalId": "{$user.id}",
  "name": {
    "givenName": "{$user.firstname}",
    "familyName": "{$user.lastname}"
  },
  "displayName": "{$user.display_name}",
  "emails": [
    {"value": "{$user.email}", "type": "work", "primary": true}
  ],
  "title": "{$parameters.title}",
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
    "department": "{$parameters.department}"
  }
}`

// products are those whose words we know, and any other.
var products = []product{
	{
		ID: token.ProductEntra, Name: "Microsoft Entra ID", Icon: "people", Summary: "Pushes users and groups of an enterprise application, every 40 minutes.", Test: "Test Connection",
		Later: "A cycle runs every 40 minutes; Provision on demand sends one person at once.",
		Know: []string{
			"Match users by userName and groups by displayName, as its default mappings do.",
			"Nested groups are not sent: only direct members of an assigned group are.",
			"The Tenant URL may end in ?aadOptscim062020 or not. Both forms are understood.",
		},
		Ways: []wayOf{
			{byToken, "Secret token", "The usual way: one text, good for as long as you say.", []give{{Label: "Tenant URL", Of: theAddress}, {Label: "Secret Token", Of: theToken}}, entraSteps(
				"Under *Admin Credentials* paste the Tenant URL and the Secret Token. Where it asks for an authentication method, choose *Bearer authentication*.")},
			{bySecret, "OAuth 2.0 client credentials", "Access tokens of five minutes in place of one text for a year.", []give{
				{Label: "Authentication method", Value: "OAuth2 client credentials grant", Plain: true}, {Label: "Tenant URL", Of: theAddress}, {Label: "Token Endpoint", Of: theEndpoint},
				{Label: "Client Identifier", Of: theID}, {Label: "Client Secret", Of: theSecret},
			}, entraSteps("Under *Admin Credentials* choose *OAuth2 client credentials grant*, and paste the values.")},
			{byIssuer, "Tokens of its own", "With an empty Secret Token, Entra ID shows access tokens that it makes itself. There is no secret to keep.", []give{
				{Label: "Tenant URL", Of: theAddress}, {Label: "Secret Token", Value: "leave it empty", Plain: true},
			}, entraSteps("Under *Admin Credentials* paste the Tenant URL and leave the Secret Token empty.")},
		},
	},
	{
		ID: token.ProductOkta, Name: "Okta", Icon: "people", Summary: "Pushes users and groups of an app integration, as they change.", Test: "Test Connector Configuration",
		Later: "Changes are pushed as they happen. Groups are pushed once they are chosen under Push Groups.",
		Know: []string{
			"Okta gives up at the first refusal. With the profile okta a member who does not exist is left out, and a manager is kept as text.",
			"Okta never deletes a user: it deactivates them.",
			"An app made for OpenID Connect has no provisioning. Add one with SAML or SWA.",
		},
		Ways: []wayOf{{byToken, "HTTP Header", "The usual way: one text, good for as long as you say.", []give{
			{Label: "SCIM connector base URL", Of: theAddress}, {Label: "Unique identifier field for users", Value: "userName"},
			{Label: "Supported provisioning actions", Value: "Push New Users, Push Profile Updates, Push Groups", Plain: true},
			{Label: "Authentication Mode", Value: "HTTP Header", Plain: true}, {Label: "Authorization: Bearer", Of: theToken},
		}, []string{
			"Open *Applications*, and your app; or press *Create App Integration* and choose *SAML 2.0* or *SWA*.",
			"On the tab *General* edit *App Settings*, set *Provisioning* to *SCIM*, and save.",
			"On the tab *Provisioning*, under *Integration*, press *Edit* and fill in the values to copy.",
			"Press *Test Connector Configuration*, and save.",
			"Under *To App* edit, and enable *Create Users*, *Update User Attributes* and *Deactivate Users*.",
			"Under *Assignments* assign one person first. Then others, and groups under *Push Groups*.",
		}}, {byConsent, "OAuth 2", "You consent once; Okta refreshes its access tokens of five minutes from then on.", []give{
			{Label: "SCIM connector base URL", Of: theAddress}, {Label: "Unique identifier field for users", Value: "userName"},
			{Label: "Supported provisioning actions", Value: "Push New Users, Push Profile Updates, Push Groups", Plain: true},
			{Label: "Authentication Mode", Value: "OAuth 2", Plain: true}, {Label: "Access token endpoint URI", Of: theEndpoint}, {Label: "Authorization endpoint URI", Of: theAsking},
			{Label: "Client ID", Of: theID}, {Label: "Client Secret", Of: theSecret},
		}, []string{
			"On the tab *Provisioning* of your app, under *Integration*, press *Edit*, choose *OAuth 2*, fill in the values to copy, and save.",
			"Press *Authenticate with* and the name of the app. Sign in here as an administrator, and allow it.",
			"Press *Test Connector Configuration*.",
			"Under *To App* edit, and enable *Create Users*, *Update User Attributes* and *Deactivate Users*.",
			"Under *Assignments* assign one person first. Then others, and groups under *Push Groups*.",
		}}},
	},
	{
		ID: token.ProductOneLogin, Name: "OneLogin", Icon: "people", Summary: "Pushes users by an application with SCIM.", Test: "Enable",
		Later: "Each change waits for an approval, unless you untick those under Provisioning.",
		Know: []string{
			"Take the application for SCIM v2, not the one for v1.1.",
			"What the template names as a parameter has to be there under Parameters: add title and department, or take them out.",
		},
		Ways: []wayOf{{byToken, "Bearer token", "", []give{
			{Label: "SCIM Base URL", Of: theAddress}, {Label: "SCIM JSON Template", Value: oneLoginTemplate}, {Label: "SCIM Bearer Token", Of: theToken},
		}, []string{
			"Open *Applications*, press *Add App*, and add *SCIM Provisioner with SAML (SCIM v2 Enterprise)*.",
			"On the tab *Configuration* fill in the values to copy.",
			"Under *API Connection* press *Enable*, and save.",
			"Under *Parameters* set *SCIM Username* to *Email*.",
			"Under *Provisioning* tick *Enable provisioning*. Choose what needs an approval.",
			"Under *Users*, or *Access* for whole roles, assign one person first.",
		}}},
	},
	{
		ID: token.ProductPing, Name: "Ping", Icon: "people", Summary: "PingOne and PingFederate push users and groups by an outbound connection.", Test: "Test Connection",
		Later: "Whoever a rule selects is pushed at once, and after each change.",
		Know: []string{
			"Any of its settings for updates (PUT or PATCH) and for removal (disable or delete) works.",
			"In PingFederate it is an SP connection with Outbound Provisioning of the SCIM connector: SCIM URL, SCIM Version 2.0, OAuth 2 Bearer Token, Access Token.",
		},
		Ways: []wayOf{
			{byToken, "OAuth 2 Bearer Token", "The usual way: one text, good for as long as you say.", append(pingGive("OAuth 2 Bearer Token"),
				give{Label: "OAuth Access Token", Of: theToken}, give{Label: "Auth Type Header", Value: "Bearer", Plain: true}), pingSteps},
			{bySecret, "OAuth 2 Client Credentials", "Access tokens of five minutes in place of one text for a year.", append(pingGive("OAuth 2 Client Credentials"),
				give{Label: "OAuth Token Request", Of: theEndpoint}, give{Label: "OAuth Client ID", Of: theID}, give{Label: "OAuth Client Secret", Of: theSecret},
				give{Label: "Auth Type Header", Value: "OAuth Client Credentials", Plain: true}), pingSteps},
		},
	},
	{
		ID: token.ProductOther, Name: "Any other SCIM 2.0 client", Icon: "cloud", Summary: "JumpCloud, SailPoint, Keycloak, authentik, an HR system, a script of yours.", Test: "its test, or a search for anybody",
		Know: []string{
			"One client, one entry here: so each can be told from others, and be shut out alone.",
			"The address ends in /v2. What the client adds is /Users, /Groups and the like.",
		},
		Ways: []wayOf{
			{byToken, "Token", "The usual way: one text, good for as long as you say.", []give{{Label: "Base URL", Of: theAddress}, {Label: "Bearer token", Of: theToken}}, []string{
				"Paste both values where the client asks for them.", "Where it asks for a header, it is *Authorization*, with *Bearer*, a blank, and the token.", "Have it search, or press its test: the page turns green.", "Send one person first.",
			}},
			{bySecret, "OAuth 2.0 with a secret", "It gets access tokens of five minutes by client credentials.", []give{
				{Label: "Base URL", Of: theAddress}, {Label: "Token endpoint", Of: theEndpoint}, {Label: "Client ID", Of: theID}, {Label: "Client secret", Of: theSecret}, {Label: "Scope", Value: token.ScopeSCIM},
			}, []string{"Paste the values where the client asks for them.", "Have it search, or press its test: the page turns green.", "Send one person first."}},
			{byKey, "OAuth 2.0 with a key", "It signs with a key of its own (private_key_jwt); there is no secret.", []give{
				{Label: "Base URL", Of: theAddress}, {Label: "Token endpoint, and audience of its assertions", Of: theEndpoint}, {Label: "Client ID", Of: theID}, {Label: "Scope", Value: token.ScopeSCIM},
			}, []string{"Have the client sign its assertions (private_key_jwt) with the key whose public half you gave.", "Have it search: the page turns green.", "Send one person first."}},
			{byConsent, "OAuth 2.0 with consent", "An administrator consents once (authorization code), and it refreshes its access tokens of five minutes from then on.", []give{
				{Label: "Base URL", Of: theAddress}, {Label: "Authorization endpoint", Of: theAsking}, {Label: "Token endpoint", Of: theEndpoint}, {Label: "Client ID", Of: theID}, {Label: "Client secret", Of: theSecret},
				{Label: "Scope", Value: token.ScopeSCIM},
			}, []string{"Paste the values where the client asks for them.", "Begin its sign-in. Sign in here as an administrator, and allow it.", "Have it search: the page turns green.", "Send one person first."}},
			{byIssuer, "A trusted issuer", "Somebody else makes its access tokens, such as your identity provider.", []give{
				{Label: "Base URL", Of: theAddress}, {Label: "Issuer of its tokens", Of: theIssuer}, {Label: "Audience of its tokens", Of: theAudience},
			}, []string{"Have the client get its access tokens from the issuer, for the audience to copy.", "Have it search: the page turns green.", "Send one person first."}},
		},
	},
}

func entraSteps(credentials string) []string {
	return []string{
		"Open *Enterprise applications*, *New application*, *Create your own application*. Choose the one that you do not find in the gallery (*Non-gallery*), and press *Create*.",
		"Open *Provisioning*, and *New configuration*; in the older form *Get started*, and the mode *Automatic*.",
		credentials,
		"Press *Test Connection*, and save.",
		"Under *Users and groups* assign one person first.",
		"Under *Provision on demand* choose that person, and provision. Look at the person here, under *People*.",
		"Assign the others, and press *Start provisioning*.",
	}
}

func pingGive(method string) []give {
	return []give{
		{Label: "SCIM Base URL", Of: theAddress}, {Label: "Users Resource", Value: "/Users"}, {Label: "SCIM Version", Value: "2.0", Plain: true}, {Label: "Groups Resource", Value: "/Groups"},
		{Label: "Authentication Method", Value: method, Plain: true},
	}
}

var pingSteps = []string{
	"Open *Integrations*, *Provisioning*, press *+*, and *New Connection*.",
	"Choose *Identity Store*, *SCIM Outbound*, and give it a name.",
	"Under *Configure Authentication* fill in the values to copy.",
	"Press *Test Connection*.",
	"Under *Configure Preferences* leave the user filter *userName Eq \"%s\"* and the user identifier *userName*.",
	"Enable the connection, and make a rule whose filter selects one person first.",
}

// productOf is the product of a name; the last one is any other.
func productOf(id token.Product) product {
	if i := slices.IndexFunc(products, func(p product) bool { return p.ID == id }); i >= 0 {
		return products[i]
	}
	return products[len(products)-1]
}

// way is a way of the product, or the general one that it has no words of its own for.
func (p *product) way(w way) wayOf {
	for _, all := range [][]wayOf{p.Ways, products[len(products)-1].Ways} {
		if i := slices.IndexFunc(all, func(o wayOf) bool { return o.Way == w }); i >= 0 {
			return all[i]
		}
	}
	return p.Ways[0]
}
