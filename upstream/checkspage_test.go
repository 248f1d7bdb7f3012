package upstream

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"lockstep"
)

// TestChecksPage: docs/identity-provider-checks.md is what the hostile tests do. After a change run `make docs`.
func TestChecksPage(t *testing.T) {
	const name = "../docs/identity-provider-checks.md"
	want := checksPage(t)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s is not what the tests do: run `make docs` (%v)", name, err)
	}
}

const checksPreface = `# What is checked of an identity provider's answers

<!-- Generated from the tests of package upstream by ` + "`make docs`" + `. Do not edit. -->

Each row is something that a provider, or somebody between it and us, does in a test; beside it stands the [error code](errors.md) that the
sign-in ends with, or *signs in*. In ` + "`TestHostileUpstream`, `TestLogoutToken`" + ` and ` + "`TestHostileSAML`" + ` every row is a test of its own.
` + "`TestEveryCheckIsNeeded`" + ` and ` + "`TestEveryLogoutCheckIsNeeded`" + ` take each check of the claims away in turn: then some row must sign in.

`

// rpModules are the relying-party plans of the OpenID foundation's suite, and where each module is reproduced.
func rpModules() [][2]string {
	const hostile = "TestHostileUpstream/"
	return [][2]string{
		{"RP Basic: client-test", "TestOpenIDProvider"}, {"RP Basic: client-secret-basic", "TestClientAuthentication"},
		{"RP Basic: invalid-iss", hostile + "invalid-iss"}, {"RP Basic: missing-sub", hostile + "missing-sub"}, {"RP Basic: invalid-aud", hostile + "invalid-aud"},
		{"RP Basic: missing-iat", hostile + "missing-iat"}, {"RP Basic: kid-absent-single-jwks", hostile + "kid-absent-single-jwks"},
		{"RP Basic: kid-absent-multiple-jwks", hostile + "kid-absent-multiple-jwks"}, {"RP Basic: sig-rs256", hostile + "sig-rs256"},
		{"RP Basic: sig-none", hostile + "sig-none"}, {"RP Basic: invalid-sig-rs256", hostile + "invalid-sig-rs256"},
		{"RP Basic: nonce-invalid", hostile + "nonce-invalid"}, {"RP Basic: userinfo-invalid-sub", hostile + "userinfo-invalid-sub"},
		{"RP Basic: userinfo-bearer-header", hostile + "sig-rs256"}, {"RP Basic: userinfo-bearer-body", "not done: the token goes in the header alone (RFC 6750 §2.2 advises against the body)"},
		{"RP Basic: scope-userinfo-claims", "TestOpenIDProvider"}, {"RP Config: discovery", "TestImportFillsTheForm"}, {"RP Config: jwks fetch", "TestKeysChange"},
		{"RP Config: issuer mismatch", "TestImportRefuses"}, {"RP Config: sig-none", hostile + "sig-none"}, {"RP Config: key rotation just before signing", "TestKeysChange"},
		{"RP Config: key rotation between logins", "TestKeysChange"}, {"RP refresh (3)", "not done: tokens of a provider are never refreshed here"},
		{"RP-initiated logout RP (3)", "TestEndSession, TestEndSessionState, TestOpenIDProvider"},
		{"Back-channel logout RP (8)", "TestLogoutToken: backchannel-rpinitlogout, alg none, no event, with nonce, wrong alg, wrong aud, wrong event, wrong iss"},
	}
}

func checksPage(t *testing.T) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(checksPreface)
	var names []string
	table := func(title string, rows []hostileCase) {
		fmt.Fprintf(&page, "## %s\n\n| what happens | answer |\n| --- | --- |\n", title)
		for _, c := range rows {
			names = append(names, c.name)
			fmt.Fprintf(&page, "| %s | %s |\n", cell(c.name), answerOf(c.want))
		}
		page.WriteString("\n")
	}
	table("Claims of an ID token", claimCases())
	table("Form and signature of an ID token", signatureCases())
	table("Callback, token endpoint, keys, user-info", exchangeCases())
	table("Logout tokens", logoutCases())
	var saml []hostileCase
	for _, c := range samlCases() {
		saml = append(saml, hostileCase{name: c.name, want: c.code})
	}
	table("SAML responses", saml)
	page.WriteString("## The OpenID foundation's relying-party plans\n\n| module | test |\n| --- | --- |\n")
	for _, m := range rpModules() {
		if _, row, ok := strings.Cut(m[1], "TestHostileUpstream/"); ok && !slices.Contains(names, row) {
			t.Errorf("%s: there is no row %s", m[0], row)
		}
		fmt.Fprintf(&page, "| %s | %s |\n", m[0], m[1])
	}
	return page.String()
}

func answerOf(code lockstep.Code) string {
	if code == "" {
		return "*signs in*"
	}
	return "`" + string(code) + "`"
}
