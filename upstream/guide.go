package upstream

import (
	"slices"
	"strings"

	"lockstep"
	"lockstep/sso"
)

// Step is one thing that an administrator does at the provider before the form can be filled in.
type Step struct {
	Text string
	Link string // where it is done, or ""
	Copy string // what is entered there, letter for letter, or ""
}

// CheckRedirectURI judges the address that a provider sends browsers back to. One without https is not given out: whoever registered it
// would have to begin anew.
func CheckRedirectURI(address string) error {
	if code, problem := addressProblem(address, true); problem != "" {
		return &lockstep.Error{Code: code, Detail: "the redirect URI: " + problem}
	}
	return nil
}

// Guide tells what is to be done at the provider, with the provider's redirect URI and the scopes that its settings ask for.
func Guide(p sso.Provider, redirectURI string) ([]Step, error) {
	if p.Kind == sso.KindLDAP || p.Kind == sso.KindLocal {
		return nil, nil
	}
	if err := CheckRedirectURI(redirectURI); err != nil {
		return nil, err
	}
	set := settingsOf(p)
	switch p.Kind {
	case sso.KindWebexCC:
		return webexGuide(set, redirectURI), nil
	case sso.KindEntra:
		return []Step{
			{Text: "Open the app registrations as an administrator of the tenant and register a new application.", Link: "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"},
			{Text: "Choose the platform Web and enter this redirect URI.", Copy: redirectURI},
			{Text: "Make a client secret under “Certificates & secrets”. Its value is shown once."},
			{Text: "Optionally, add the claims email and xms_edov to the ID token under “Token configuration”: without them no e-mail address counts as verified."},
			{Text: "Bring back the Application (client) ID, the Directory (tenant) ID and the secret's value."},
		}, nil
	case sso.KindSAML:
		return []Step{
			{Text: "Add a SAML 2.0 application at the provider. If it takes metadata, give it this address; the next two steps are done with that.", Copy: sso.MetadataURI(redirectURI)},
			{Text: "Else enter this address as assertion consumer service (reply URL).", Copy: redirectURI},
			{Text: "And this as entity ID (identifier, audience).", Copy: or(set.text("sp_entity_id"), redirectURI)},
			{Text: "Let it sign the assertion with SHA-256, and send a persistent name ID. It need not encrypt: TLS protects the assertion on its way. If it has to, make a decryption key below first."},
			{Text: "Bring back the provider's metadata, as an address or as a file."},
		}, nil
	}
	return []Step{
		{Text: "Register a web application (a confidential client) for the authorization code flow at the provider, with this redirect URI.", Copy: redirectURI},
		{Text: "Allow these scopes.", Copy: set.text(fieldScopes)},
		{Text: "Bring back the client ID, the client secret and the issuer's address."},
	}, nil
}

func webexGuide(set settings, redirectURI string) []Step {
	scopes := slices.DeleteFunc(strings.Fields(set.text(fieldScopes)), func(s string) bool {
		return slices.Contains([]string{"openid", "email", "profile", "phone", "address"}, s) // come with every client
	})
	steps := []Step{
		{Text: "Import users and teams first: whoever signs in is matched with the people who are there.", Link: ""},
		{Text: "Open the application registration console and sign in as an administrator of Webex Contact Center.", Link: WebexConsole(set.text(fieldRegion))},
		{Text: "Register a new client and enter this redirect URI, letter for letter.", Copy: redirectURI},
	}
	if len(scopes) > 0 {
		steps = append(steps, Step{Text: "Tick these scopes.", Copy: strings.Join(scopes, " ")})
	}
	return append(steps, Step{Text: "Bring back the client ID and the client secret, which is shown once."})
}
