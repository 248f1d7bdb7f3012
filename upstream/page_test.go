package upstream

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"lockstep/sso"
)

var update = flag.Bool("update", false, "write docs/identity-providers.md anew")

// TestFormPage: docs/identity-providers.md has every kind and field. After a change run `make docs`.
func TestFormPage(t *testing.T) {
	const name = "../docs/identity-providers.md"
	want := formPage()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s is not what the forms are: run `make docs` (%v)", name, err)
	}
}

const formPreface = `# Identity providers: kinds and fields

<!-- Generated from package upstream by ` + "`make docs`" + `. Do not edit. -->

An identity provider is added as a draft, gets its redirect URI at once, and lets people in after a test sign-in. These are the
fields of each kind. Console, command line and API have the same ones; a field that is left empty has the default. Addresses are
https; plain http is for this machine alone. Secrets are sealed in the database and never shown again. A server that has its
certificate from a company's own authority needs that authority's certificate among the provider's trusted certificates. LDAP, SAML and
Webex's older addresses do not say whether an e-mail address was verified: it counts as verified if the provider's addresses are trusted.

`

func formPage() string {
	var page strings.Builder
	page.WriteString(formPreface)
	for _, k := range Kinds() {
		fmt.Fprintf(&page, "## %s (`%s`)\n\n%s\n\n", k.Title, k.Kind, k.Help)
		if len(Form(k.Kind)) == 0 {
			page.WriteString("There are no fields.\n\n")
			continue
		}
		page.WriteString("| field | name | what it is | default |\n| --- | --- | --- | --- |\n")
		for _, f := range Form(k.Kind) {
			fmt.Fprintf(&page, "| %s%s | `%s` | %s%s | %s |\n", f.Title, marks(f), f.Name, cell(f.Help), cell(options(f)), code(f.Default))
		}
		page.WriteString("\n")
	}
	page.WriteString("## Presets of Webex CC\n\nThe values come from published pages and from other people's programs; none was tried against Webex itself. Each is assumed until a\ntest sign-in has worked with it, and each can be changed.\n\n")
	for _, p := range Presets(sso.KindWebexCC) {
		fmt.Fprintf(&page, "### %s (`%s`)\n\n%s Register the client at <%s>.\n\n| name | value |\n| --- | --- |\n", p.Title, p.Name, p.Note, WebexConsole(p.Name))
		for _, f := range Form(sso.KindWebexCC) {
			if v, ok := p.Settings[f.Name]; ok {
				fmt.Fprintf(&page, "| `%s` | %s |\n", f.Name, code(v))
			}
		}
		page.WriteString("\n")
	}
	return strings.TrimSuffix(page.String(), "\n")
}

func marks(f Field) string {
	mark := ""
	if f.Required {
		mark += " *"
	}
	if f.Secret {
		mark += " (secret)"
	}
	return mark
}

func options(f Field) string {
	var all []string
	for _, o := range f.Options {
		if o.Value != "" {
			all = append(all, "`"+o.Value+"`: "+o.Title)
		}
	}
	switch {
	case len(all) > 0:
		return " " + strings.Join(all, "; ") + "."
	case f.Type == Number:
		return fmt.Sprintf(" From %d to %d.", f.Min, f.Max)
	case f.Example != "":
		return " Such as `" + f.Example + "`."
	}
	return ""
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func code(value string) string {
	if value == "" {
		return ""
	}
	lines := strings.Split(cell(value), "\n")
	return "`" + strings.Join(lines, "`<br>`") + "`"
}
