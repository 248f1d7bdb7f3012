package upstream

import (
	"errors"
	"strings"
	"testing"

	"lockstep"
	"lockstep/sso"
)

// good are settings of each kind that Check passes.
func good(kind sso.ProviderKind) sso.Provider {
	p := sso.Provider{ID: "p1", Tenant: "t1", Alias: "idp", Kind: kind, Settings: map[string]string{}, Secrets: map[string]string{}}
	switch kind {
	case sso.KindWebexCC:
		p.Settings["client_id"], p.Secrets["client_secret"] = "C1", "s3cret"
	case sso.KindOIDC, sso.KindOAuth2:
		p.Settings = map[string]string{
			"client_id": "C1", "authorize_url": "https://idp.example/authorize", "token_url": "https://idp.example/token",
			"userinfo_url": "https://idp.example/me", "issuer": "https://idp.example",
		}
		p.Secrets["client_secret"] = "s3cret"
		if kind == sso.KindOIDC {
			p.Settings["jwks_url"] = "https://idp.example/keys"
		}
	case sso.KindEntra:
		p.Settings = map[string]string{"client_id": "C1", "tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47"}
		p.Secrets["client_secret"] = "s3cret"
	case sso.KindSAML:
		p.Settings = map[string]string{"entity_id": "https://idp.example/saml", "sso_url": "https://idp.example/sso", "certificates": testCertificate}
	case sso.KindLDAP:
		p.Settings = map[string]string{"url": "ldaps://dc1.example.com", "base": "ou=people,dc=example,dc=com"}
	}
	return p
}

func TestFormsAreWhole(t *testing.T) {
	for _, k := range Kinds() {
		seen := map[string]bool{}
		for _, f := range Form(k.Kind) {
			if seen[f.Name] {
				t.Errorf("%s: %s is there twice", k.Kind, f.Name)
			}
			seen[f.Name] = true
			if f.Title == "" || f.Section == "" || f.Type == "" || !strings.HasSuffix(f.Help, ".") {
				t.Errorf("%s: %s has no title, section, type or sentence", k.Kind, f.Name)
			}
			if (f.Type == Choice) != (len(f.Options) > 0) || (f.Type == Number) != (f.Max > 0) {
				t.Errorf("%s: %s: choices and numbers say what they take, others do not", k.Kind, f.Name)
			}
			if f.Default != "" {
				if problem, ok := judge(f, f.Default); !ok {
					t.Errorf("%s: the default of %s is refused: %s", k.Kind, f.Name, problem.Detail)
				}
			}
			if f.Example != "" {
				if problem, ok := judge(f, f.Example); !ok {
					t.Errorf("%s: the example of %s is refused: %s", k.Kind, f.Name, problem.Detail)
				}
			}
		}
		if err := Check(good(k.Kind)); err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
		if err := CheckDraft(sso.Provider{Kind: k.Kind}); err != nil {
			t.Errorf("%s: an empty draft: %v", k.Kind, err)
		}
	}
	if Form("saml2") != nil {
		t.Error("a kind that does not exist has a form")
	}
}

func TestPresetsPassTheirForm(t *testing.T) {
	for _, preset := range Presets(sso.KindWebexCC) {
		p := good(sso.KindWebexCC)
		p.Settings["region"] = preset.Name
		for name, value := range preset.Settings {
			p.Settings[name] = value
		}
		if err := Check(p); err != nil || !preset.Assumed {
			t.Errorf("%s: %v, assumed %v", preset.Name, err, preset.Assumed)
		}
		delete(p.Settings, "token_url")
		if got := settingsOf(p).text("token_url"); got != preset.Settings["token_url"] {
			t.Errorf("%s: an empty token address is %q, not the preset's", preset.Name, got)
		}
	}
	// The four addresses of the provider form, as far as they are known.
	us, eu := Presets(sso.KindWebexCC)[1].Settings, Presets(sso.KindWebexCC)[2].Settings
	for _, c := range []struct{ got, want string }{
		{us["authorize_url"], "https://idbroker.webex.com/idb/oauth2/v1/authorize"},
		{us["token_url"], "https://idbroker.webex.com/idb/oauth2/v1/access_token"},
		{us["userinfo_url"], "https://identity.webex.com/identity/scim/v1/Users/me"},
		{us["logout_url"], "https://idbroker.webex.com/idb/oauth2/v1/logout"},
		{eu["authorize_url"], "https://idbroker-eu.webex.com/idb/oauth2/v1/authorize"},
		{eu["token_url"], "https://idbroker-eu.webex.com/idb/oauth2/v1/access_token"},
		{eu["userinfo_url"], "https://identity-eu.webex.com/identity/scim/v1/Users/me"},
		{eu["logout_url"], "https://idbroker-eu.webex.com/idb/oauth2/v1/logout"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	const missing, unknown, invalid, plain = lockstep.CodeIdPSettingMissing, lockstep.CodeIdPSettingUnknown, lockstep.CodeIdPSettingInvalid, lockstep.CodeIdPNotHTTPS
	for _, c := range []struct {
		kind               sso.ProviderKind
		field, value, says string
		code               lockstep.Code
	}{
		{"oidc", "client_id", "", "Client ID is empty", missing},
		{"oidc", "client_secret", "", "Client secret is empty", missing},
		{"oidc", "jwks_url", "", "no keys are pasted", missing},
		{"oidc", "clientid", "x", "did you mean client_id?", unknown},
		{"oidc", "no_such_thing_at_all", "x", "there is no field", unknown},
		{"oidc", "token_url", "http://idp.example/token", "is not https", plain},
		{"oidc", "token_url", "http://127.0.0.1:8080/token", "", ""},
		{"oidc", "token_url", "http://[::1]/token", "", ""},
		{"oidc", "token_url", "http://localhost:1/token", "", ""},
		{"oidc", "token_url", "http://127.0.0.1.evil.example/token", "is not https", plain},
		{"oidc", "token_url", "http://localhost.evil.example/token", "is not https", plain},
		{"oidc", "token_url", "ftp://idp.example/token", "begins with ftp:", invalid},
		{"oidc", "token_url", "javascript:alert(1)", "not a whole address", invalid},
		{"oidc", "token_url", "idp.example/token", "not a whole address", invalid},
		{"oidc", "token_url", "https:///token", "not a whole address", invalid},
		{"oidc", "token_url", "https://user:pw@idp.example/token", "user name or password", invalid},
		{"oidc", "token_url", "https://idp.example/token#x", "no # within", invalid},
		{"oidc", "token_url", "https://idp.example/token#", "no # within", invalid},
		{"oidc", "token_url", "https://idp.example\\@evil.example/", "backslashes", invalid},
		{"oidc", "token_url", "https://idp.example/a/../b", "..", invalid},
		{"oidc", "token_url", "https://idp.example:99999/", "port", invalid},
		{"oidc", "token_url", " https://idp.example/token", "blank", invalid},
		{"oidc", "token_url", "https://idp.exämple/token", "beyond ASCII", invalid},
		{"oidc", "token_url", "https://idp.example/token?p=B2C_1", "", ""},
		{"oidc", "issuer", "https://idp.example?x=1", "no ? within", invalid},
		{"oidc", "client_id", "a\nb", "control character", invalid},
		{"oidc", "client_id", strings.Repeat("x", 600), "longer than 512", invalid},
		{"oidc", "client_id", "\xff", "not text", invalid},
		{"oidc", "client_auth", "client_secret_posts", "did you mean client_secret_post?", invalid},
		{"oidc", "client_auth", "private_key_jwt", "Private key is empty", missing},
		{"oidc", "pkce", "plain", "none of", invalid},
		{"oidc", "scopes", "profile email", "openid is missing", invalid},
		{"oidc", "scopes", `openid "x"`, "letter that scopes do not have", invalid},
		{"oidc", "algorithms", "RS256 none", "not an algorithm with a public key", invalid},
		{"oidc", "algorithms", "HS256", "did you mean", invalid},
		{"oidc", "skew", "3600", "from 0 to 600", invalid},
		{"oidc", "max_age", "-1", "whole number", invalid},
		{"oidc", "more_issuers", "https://a.example https://a.example/keys\nhttps://b.example", "", ""},
		{"oidc", "more_issuers", "https://a.example https://a.example/keys x", "no more", invalid},
		{"oidc", "more_issuers", "http://a.example", "not https", invalid},
		{"oidc", "jwks", `{"keys":[]}`, "no key", invalid},
		{"oidc", "jwks", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`, "no key", invalid},
		{"oidc", "require_value", "a(", "regular expression", invalid},
		{"oidc", "require_value", "a", "Required claim is empty", missing},
		{"oidc", "claim_email", "a..b", "dot", invalid},
		{"oidc", "private_key", "hello", "PEM form", invalid},
		{"webexcc", "region", "asia", "none of global, us, eu, gov", invalid},
		{"webexcc", "client_secret", "", "Client secret is empty", missing},
		{"webexcc", "scopes", "cjp:user", "openid is missing", invalid},
		{"entra", "tenant", "contoso.onmicrosoft.com", "overview of the app registration", invalid},
		{"entra", "tenant", "common", "not a tenant ID", invalid},
		{"entra", "issuer", "https://x.example", "there is no field", unknown},
		{"oauth2", "userinfo_url", "", "User Info URL is empty", missing},
		{"saml", "certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read", invalid},
		{"saml", "certificates", "", "Certificates is empty", missing},
		{"saml", "force", "yes", "true or false", invalid},
		{"saml", "signing_certificate", testCertificate, "belong together", missing},
		{"ldap", "url", "https://dc1.example.com", "not the address of an LDAP server", invalid},
		{"ldap", "base", "people", "not a DN", invalid},
		{"ldap", "filter", "(uid=x)", "no {name}", invalid},
		{"ldap", "filter", "(uid={name}", "not an LDAP filter", invalid},
		{"ldap", "bind_dn", "cn=reader", "belong together", missing},
		{"ldap", "start_tls", "true", "TLS from the start", invalid},
		{"local", "anything", "x", "there is no field", unknown},
	} {
		p := good(c.kind)
		into := p.Settings
		for _, f := range Form(c.kind) {
			if f.Name == c.field && f.Secret {
				into = p.Secrets
			}
		}
		into[c.field] = c.value
		err := Check(p)
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s %s=%q: %v", c.kind, c.field, c.value, err)
		case c.code != "" && (lockstep.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s %s=%q: got %v, want %s with %q", c.kind, c.field, c.value, err, c.code, c.says)
		}
	}
}

func TestCheckTellsAllProblemsAndNoSecret(t *testing.T) {
	p := sso.Provider{Kind: sso.KindOIDC, Settings: map[string]string{"token_url": "http://idp.example", "client_secret": "hunter2-in-the-wrong-place"}, Secrets: map[string]string{"issuer": "x", "private_key": "hunter2 is no key"}}
	err := Check(p)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) < 6 {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is shown: %v", err)
	}
	for _, want := range []string{"is a secret", "is no secret", "not https", "PEM form"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
	if err := Check(sso.Provider{Kind: "odic"}); lockstep.CodeOf(err) != lockstep.CodeIdPSettingInvalid || !strings.Contains(err.Error(), "did you mean oidc?") {
		t.Errorf("got %v", err)
	}
}
