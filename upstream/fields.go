package upstream

import (
	"slices"
	"strings"
)

// The names of fields that code asks for in more than one place.
const (
	fieldClient      = "client_id"
	fieldSecret      = "client_secret"
	fieldNextSecret  = "client_secret_next"
	fieldClientAuth  = "client_auth"
	fieldKey         = "private_key"
	fieldIssuer      = "issuer"
	fieldIssuers     = "more_issuers"
	fieldAuthorize   = "authorize_url"
	fieldToken       = "token_url"
	fieldUserInfo    = "userinfo_url"
	fieldKeys        = "jwks_url"
	fieldPastedKeys  = "jwks"
	fieldScopes      = "scopes"
	fieldPKCE        = "pkce"
	fieldAlgorithms  = "algorithms"
	fieldIssParam    = "iss_parameter"
	fieldLogout      = "logout_url"
	fieldLogoutStyle = "logout_style"
	fieldRegion      = "region"
	fieldSecretEnds  = "client_secret_ends"

	fieldEntity       = "entity_id"
	fieldCertificates = "certificates"
	fieldFollow       = "metadata_follow"
	fieldSigners      = "metadata_signers"
	fieldOpenKey      = "decryption_key"
	fieldOpenFormer   = "decryption_key_former"
	fieldOpenCert     = "decryption_certificate"
)

// How a client shows the token endpoint who it is.
const (
	authBasic      = "client_secret_basic"
	authPost       = "client_secret_post"
	authPrivateKey = "private_key_jwt"
	authNone       = "none"
)

// How the provider's own session is ended.
const (
	logoutNone   = "none"
	logoutHint   = "id_token_hint" // OpenID Connect RP-Initiated Logout 1.0
	logoutClient = "client_id"     // the same, for providers that want no hint
	logoutWebex  = "webex"         // goto and token
)

func registrationFields(auth string) []Field {
	return []Field{
		{Name: fieldClient, Title: "Client ID", Help: "As the provider's console shows it after registration.", Section: Registration, Type: Text, Required: true, Bytes: 512},
		{Name: fieldSecret, Title: "Client secret", Help: "Shown once by most providers. Not needed with a private key, or for a client without a secret.", Section: Registration, Type: Text, Secret: true, Bytes: 4096},
		{Name: fieldNextSecret, Title: "Next client secret", Help: "While secrets are changed: it is tried first, then the other one. Clear the old one when it has worked.", Section: Registration, Type: Text, Secret: true, Bytes: 4096},
		{Name: fieldSecretEnds, Title: "Client secret ends on", Help: "As the provider's console shows it, such as 2027-03-31. You are told before that day.", Section: Registration, Type: Text, Bytes: 10, check: isDay},
		{Name: fieldClientAuth, Title: "Client authentication", Help: "How the secret is sent to the token address.", Section: Registration, Type: Choice, Default: auth, Options: []Option{
			{authBasic, "Secret, HTTP Basic"}, {authPost, "Secret, in the body"}, {authPrivateKey, "Private key (JWT)"}, {authNone, "None (PKCE only)"},
		}},
		{Name: fieldKey, Title: "Private key", Help: "For authentication by private key: RSA or EC, PKCS #8. The provider gets the public half.", Section: Registration, Type: PEM, Secret: true, Bytes: 16 << 10, check: isPrivateKey},
		{Name: "key_id", Title: "Key ID", Help: "The kid under which the provider knows the key; empty sends none.", Section: Registration, Type: Text, Bytes: 256},
	}
}

// addressField makes the field of an address.
func addressField(name, title, help string, required bool) Field {
	return Field{Name: name, Title: title, Help: help, Section: Addresses, Type: Address, Required: required}
}

func requestFields(scopes string) []Field {
	return []Field{
		{Name: fieldScopes, Title: "Scopes", Help: "What is asked for, divided by blanks.", Section: Request, Type: Text, Default: scopes, check: isScopes},
		{Name: fieldPKCE, Title: "PKCE", Help: "Binds the code to this sign-in. Switch it off only for a provider that refuses it.", Section: Request, Type: Choice, Default: "S256", Options: []Option{{"S256", "Yes, S256"}, {"off", "No"}}},
		{Name: "prompt", Title: "Prompt", Help: "What the provider is to ask each time, when the application does not say.", Section: Request, Type: Choice, Options: []Option{
			{"", "As it likes"}, {"login", "Sign in again"}, {"select_account", "Choose an account"}, {"consent", "Consent"},
		}},
	}
}

// claimNames are the claims that name a person. A provider that names them otherwise has a field for each.
type claimNames struct{ user, email, verified, name, given, family, groups string }

func claimFields(d claimNames) []Field {
	field := func(name, title, help, value string) Field {
		return Field{Name: "claim_" + name, Title: title, Help: help, Section: Claims, Type: Text, Default: value, Bytes: 256, check: isClaimPath}
	}
	return []Field{
		field("username", "User name", "The claim with the name that people are known by. Within another object: address.locality.", d.user),
		field("email", "E-mail address", "The claim with the e-mail address.", d.email),
		field("email_verified", "E-mail verified", "The claim that says that the provider has checked the address.", d.verified),
		field("name", "Display name", "The claim with the whole name.", d.name),
		field("given_name", "Given name", "The claim with the given name.", d.given),
		field("family_name", "Family name", "The claim with the family name.", d.family),
		field("groups", "Groups", "The claim with the groups or roles, a list or one value.", d.groups),
	}
}

func filterFields() []Field {
	return []Field{
		{Name: "require_claim", Title: "Required claim", Help: "Only people whose answer has this claim may sign in.", Section: Checks, Type: Text, Bytes: 256, check: isClaimPath},
		{Name: "require_value", Title: "Required value", Help: "A regular expression (RE2) that the whole value, or one value of a list, has to match; empty takes any value.", Section: Checks, Type: Text, Bytes: 1024, check: isPattern},
	}
}

func tokenCheckFields() []Field {
	return []Field{
		{Name: fieldAlgorithms, Title: "Signatures", Help: "Algorithms that ID tokens may be signed with, divided by blanks.", Section: Checks, Type: Text, Default: "RS256 ES256", check: isAlgorithms},
		{Name: fieldIssParam, Title: "iss in the callback", Help: "Whether the callback must name its issuer (RFC 9207). When it does, it is compared in any case.", Section: Checks, Type: Choice, Default: "if_there", Options: []Option{{"if_there", "Compared if there"}, {"required", "Required"}}},
		{Name: "max_age", Title: "Longest since sign-in", Help: "Seconds since the person typed their password at the provider; empty is any time.", Section: Checks, Type: Number, Max: 30 * 24 * 3600},
		{Name: "require_acr", Title: "Required acr", Help: "One of these values must come back as acr, divided by blanks; they are asked for, too.", Section: Checks, Type: Text, Bytes: 1024},
		{Name: "require_amr", Title: "Required amr", Help: "All of these methods must come back in amr, divided by blanks, such as mfa.", Section: Checks, Type: Text, Bytes: 1024},
		{Name: "skew", Title: "Clocks may differ by", Help: "Seconds.", Section: Checks, Type: Number, Default: "60", Max: 600},
	}
}

func logoutFields(style string, styles ...string) []Field {
	titles := map[string]string{
		logoutNone: "Not at all", logoutHint: "OpenID Connect, by ID token", logoutClient: "OpenID Connect, by client ID", logoutWebex: "Webex, goto and token",
	}
	var options []Option
	for _, s := range styles {
		options = append(options, Option{s, titles[s]})
	}
	return []Field{
		{Name: fieldLogout, Title: "Logout URL", Help: "Where the browser ends the provider's own session; empty leaves it.", Section: SignOut, Type: Address},
		{Name: fieldLogoutStyle, Title: "Logout style", Help: "How the provider is told whom to sign out, and where to come back to.", Section: SignOut, Type: Choice, Default: style, Options: options},
	}
}

var userInfoField = Field{Name: "userinfo", Title: "Ask the user-info address", Help: "Without it only the claims of the ID token are known.", Section: Request, Type: Choice, Default: "always", Options: []Option{{"always", "Always"}, {"never", "Never"}}}

func oidcFields() []Field {
	return slices.Concat(
		registrationFields(authBasic),
		[]Field{
			addressField("discovery_url", "Discovery", "The issuer's address, or that of its openid-configuration. Import fills in the rest from it; what changes there later is told.", false),
			addressField(fieldIssuer, "Issuer", "As the ID tokens name it, letter for letter.", true),
			moreIssuers,
			addressField(fieldAuthorize, "Authorization URL", "Where the browser is sent to sign in.", true),
			addressField(fieldToken, "Token URL", "Where the code is exchanged.", true),
			addressField(fieldUserInfo, "User Info URL", "Where the claims are that the ID token has not.", false),
			addressField(fieldKeys, "Keys URL", "The issuer's public keys (JWKS).", false),
			{Name: fieldPastedKeys, Title: "Keys", Help: "The key set itself, for a provider that publishes none.", Section: Addresses, Type: JSON, Bytes: 64 << 10, check: isKeySet},
		},
		requestFields("openid profile email"), []Field{userInfoField},
		claimFields(claimNames{"preferred_username", "email", "email_verified", "name", "given_name", "family_name", "groups"}),
		tokenCheckFields(), filterFields(), logoutFields(logoutHint, logoutHint, logoutClient, logoutNone),
	)
}

var moreIssuers = Field{
	Name: fieldIssuers, Title: "Further issuers", Section: Addresses, Type: Lines, Bytes: 8192, check: isIssuerLines, Example: "https://login-eu.example.com https://login-eu.example.com/keys",
	Help: "For a provider whose ID tokens name the issuer of a person's region: one a line, then, after a blank, the address of its keys. Without one the keys above are used.",
}

func oauth2Fields() []Field {
	subject := Field{
		Name: "claim_subject", Title: "Subject", Section: Claims, Type: Text, Default: "id", Bytes: 256, check: isClaimPath,
		Help: "The claim that tells people apart for good. Never one that changes or is given to somebody else later, such as an e-mail address.",
	}
	return slices.Concat(
		registrationFields(authBasic),
		[]Field{
			addressField(fieldAuthorize, "Authorization URL", "Where the browser is sent to sign in.", true),
			addressField(fieldToken, "Token URL", "Where the code is exchanged.", true),
			addressField(fieldUserInfo, "User Info URL", "Answers, for the access token, who the person is.", true),
			addressField(fieldIssuer, "Issuer", "What the callback names as iss, if it does (RFC 9207).", false),
		},
		requestFields(""), []Field{subject},
		claimFields(claimNames{"login", "email", "email_verified", "name", "given_name", "family_name", "groups"}),
		[]Field{tokenCheckFields()[1]}, filterFields(),
	)
}

func entraFields() []Field {
	return slices.Concat(
		[]Field{{
			Name: "tenant", Title: "Tenant ID", Section: Registration, Type: Lines, Required: true, check: isTenants, Example: "72f988bf-86f1-41af-91ab-2d7cd011db47",
			Help: "Directory (tenant) ID from the app registration's overview. Several, one a line, for an app of several tenants.",
		}},
		slices.DeleteFunc(registrationFields(authPost), func(f Field) bool { return f.Name == fieldKey || f.Name == "key_id" || f.Name == fieldClientAuth }),
		[]Field{{
			Name: "authority", Title: "Cloud", Section: Addresses, Type: Address, Default: "https://login.microsoftonline.com",
			Help: "Microsoft's sign-in address. US Government: https://login.microsoftonline.us; China: https://login.partner.microsoftonline.cn.",
		}},
		requestFields("openid profile email"),
		claimFields(claimNames{"preferred_username", "email", "xms_edov", "name", "given_name", "family_name", "groups"}),
		slices.DeleteFunc(tokenCheckFields(), func(f Field) bool { return f.Name == fieldAlgorithms || f.Name == fieldIssParam }),
		filterFields(),
	)
}

func samlFields() []Field {
	return slices.Concat([]Field{
		addressField("metadata_url", "Metadata", "The provider's metadata. Import fills in the rest from it; what changes there later is told, or taken over.", false),
		{Name: fieldEntity, Title: "Entity ID", Help: "The provider's name for itself, letter for letter.", Section: Registration, Type: Text, Required: true, Bytes: 1024},
		addressField("sso_url", "Sign-in URL", "The provider's single sign-on address.", true),
		{Name: "sso_binding", Title: "Binding", Help: "How the request goes to the provider.", Section: Addresses, Type: Choice, Default: "redirect", Options: []Option{{"redirect", "HTTP-Redirect"}, {"post", "HTTP-POST"}}},
		{Name: fieldCertificates, Title: "Certificates", Help: "What the provider signs with; the next one, too, while it changes.", Section: Registration, Type: PEM, Required: true, Bytes: 64 << 10, check: isCertificates},
		{Name: fieldFollow, Title: "Follow the certificates of the metadata", Help: "When the certificates in the metadata at the address above change, these change with them, as long as one that is trusted is among them. Whoever can change that document can sign in as anybody: give its signers, or be sure of its host.", Section: Checks, Type: Switch, Default: "false"},
		{Name: fieldSigners, Title: "Signers of the metadata", Help: "Certificates, one of which the metadata must be signed with. Without any, that it comes by TLS is enough. Signed metadata is followed only if it says until when it holds.", Section: Checks, Type: PEM, Bytes: 64 << 10, check: isCertificates},
		{Name: "sp_entity_id", Title: "Our entity ID", Help: "The name under which the provider knows this application; empty is the redirect URI.", Section: Registration, Type: Text, Bytes: 1024},
		{Name: "name_id_format", Title: "Name ID", Help: "What kind of name is asked for. Persistent ones never change and are given to nobody else.", Section: Request, Type: Choice, Default: "persistent", Options: []Option{
			{"persistent", "Persistent"}, {"email", "E-mail address"}, {"unspecified", "As the provider likes"},
		}},
		{Name: "subject_attribute", Title: "Subject attribute", Help: "An attribute that tells people apart for good, to be used instead of the name ID.", Section: Claims, Type: Text, Bytes: 512},
		{Name: "force", Title: "Sign in again", Help: "The provider is to ask for the password each time.", Section: Request, Type: Switch, Default: "false"},
		{Name: "context", Title: "Required authentication context", Help: "Class that the provider must have signed the person in by, such as urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken.", Section: Checks, Type: Text, Bytes: 512},
		{Name: "signing_key", Title: "Signing key", Help: "RSA key (PKCS #8) that signs our requests, for a provider that asks for it.", Section: Registration, Type: PEM, Secret: true, Bytes: 16 << 10, check: isPrivateKey},
		{Name: "signing_certificate", Title: "Signing certificate", Help: "The certificate of the signing key.", Section: Registration, Type: PEM, Bytes: 16 << 10, check: isCertificates},
		{Name: fieldOpenKey, Title: "Decryption key", Help: "RSA key (PKCS #8) for assertions that the provider encrypts. Lockstep can make one.", Section: Registration, Type: PEM, Secret: true, Bytes: 16 << 10, check: isDecryptionKey},
		{Name: fieldOpenCert, Title: "Decryption certificate", Help: "The certificate of the decryption key, which our metadata has.", Section: Registration, Type: PEM, Bytes: 16 << 10, check: isCertificates},
		{Name: fieldOpenFormer, Title: "Former decryption key", Help: "Still opens assertions while the provider goes over to the new one.", Section: Registration, Type: PEM, Secret: true, Bytes: 16 << 10, check: isDecryptionKey},
	},
		claimFields(claimNames{"uid", "email", "", "displayName", "givenName", "sn", "groups"}),
		filterFields(),
	)
}

func ldapFields() []Field {
	return slices.Concat([]Field{
		{Name: "url", Title: "Server", Help: "ldaps:// and the host; ldap:// only with StartTLS or on this machine.", Section: Addresses, Type: Text, Required: true, Example: "ldaps://dc1.example.com", check: isLDAPAddress},
		{Name: "start_tls", Title: "StartTLS", Help: "Begin TLS on an ldap:// address before anything else is sent.", Section: Addresses, Type: Switch, Default: "false"},
		{Name: "bind_dn", Title: "Search user", Help: "DN, or user@domain for Active Directory, that finds people by their name; empty searches anonymously.", Section: Registration, Type: Text, Bytes: 1024},
		{Name: "bind_password", Title: "Search user's password", Help: "Kept sealed.", Section: Registration, Type: Text, Secret: true, Bytes: 1024},
		{Name: "base", Title: "Base", Help: "DN under which people are.", Section: Registration, Type: Text, Required: true, Bytes: 1024, Example: "ou=people,dc=example,dc=com", check: isDN},
		{Name: "filter", Title: "Filter", Help: "Finds one person by the name that they type, which stands for {name}.", Section: Registration, Type: Text, Default: "(&(|(objectClass=person)(objectClass=user))(|(uid={name})(mail={name})(sAMAccountName={name})(userPrincipalName={name})))", check: isFilter},
		{Name: "id_attribute", Title: "ID attribute", Help: "What tells people apart for good; empty is entryUUID, objectGUID or nsUniqueId, whichever there is.", Section: Claims, Type: Text, Bytes: 128, check: isAttribute},
	},
		attributeFields(), filterFields(),
		[]Field{{Name: "timeout", Title: "Time-out", Help: "Seconds to wait for the server.", Section: Checks, Type: Number, Default: "10", Min: 1, Max: 60}},
	)
}

// attributeFields are claimFields for a directory, which does not say whether an address was checked.
func attributeFields() []Field {
	fields := claimFields(claimNames{"uid", "mail", "", "displayName", "givenName", "sn", "memberOf"})
	for i := range fields {
		fields[i].Help = strings.NewReplacer("claim", "attribute", " Within another object: address.locality.", "").Replace(fields[i].Help)
	}
	return slices.DeleteFunc(fields, func(f Field) bool { return f.Name == "claim_email_verified" })
}
