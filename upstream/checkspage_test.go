package upstream

import (
	"fmt"
	"os"
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

func checksPage(t *testing.T) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(checksPreface)
	table := func(title string, rows []hostileCase) {
		fmt.Fprintf(&page, "## %s\n\n| what happens | answer |\n| --- | --- |\n", title)
		for _, c := range rows {
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
	page.WriteString("The modules of the OpenID Foundation's plans for relying parties, at the program: [oidc-conformance.md](oidc-conformance.md).\n")
	return page.String()
}

func answerOf(code lockstep.Code) string {
	if code == "" {
		return "*signs in*"
	}
	return "`" + string(code) + "`"
}
