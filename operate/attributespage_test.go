package operate

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"lockstep/directory"
	"lockstep/scim"
)

var updateAttributes = flag.Bool("update", false, "write docs/attributes.md anew")

const attributesFile = "../docs/attributes.md"

// TestAttributesPage: the page lists what rules can name, as the console does.
func TestAttributesPage(t *testing.T) {
	want := attributesPage(t)
	if *updateAttributes {
		if err := os.WriteFile(attributesFile, []byte(want), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(attributesFile)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what make docs writes: %v", attributesFile, err)
	}
}

func attributesPage(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Attributes\n\nMade by `make docs` of the schemas that the program has. Mappings read attributes of the directory and write attributes of an application; both are named as below.\n" +
		"Of an attribute with several values one is named by its kind, as in `emails[type eq \"work\"].value`. Attributes that a [tenant adds](how-to/scim-in.md), and those that an application\n" +
		"describes in its own schemas, stand beside these on the page *Mappings* of each app.\n\n## In the directory\n\n")
	var schemas *directory.Schemas
	for _, typ := range []string{"User", "Group"} {
		attributesTable(&b, "### "+typ, attributesOf(schemas.Type(directory.Kind(typ))))
	}
	b.WriteString("## In Webex\n\n")
	for _, typ := range []struct {
		name, urn    string
		schema, more *scim.Schema
	}{{"User", scim.UserURN, scim.UserSchema(), scim.CiscoUserSchema()}, {"Group", scim.GroupURN, scim.GroupSchema(), scim.CiscoGroupSchema()}} {
		outside, err := scim.NewType(scim.ResourceType{
			Name: typ.name, Endpoint: "/" + typ.name + "s", Schema: typ.urn, Extensions: []scim.Extension{{Schema: typ.more.ID}},
		}, typ.schema, typ.more)
		if err != nil {
			t.Fatal(err)
		}
		own := slices.DeleteFunc(attributesOf(outside), func(a Attribute) bool { return !strings.HasPrefix(a.Path, typ.more.ID) })
		attributesTable(&b, "### "+typ.name+", beside the same names as above", own)
	}
	return b.String()
}

func attributesTable(b *strings.Builder, title string, all []Attribute) {
	fmt.Fprintf(b, "%s\n\n| attribute | type | what it is |\n| --- | --- | --- |\n", title)
	for _, a := range all {
		kind := a.Type
		if a.Many {
			kind += ", several"
		}
		if a.Required {
			kind += ", required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", a.Path, kind, strings.ReplaceAll(a.Doc, "|", `\|`))
	}
	b.WriteString("\n")
}
