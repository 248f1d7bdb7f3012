package expr

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/expressions.md")

// TestDocs compares docs/expressions.md with the tables; go test ./expr -run TestDocs -update writes it.
func TestDocs(t *testing.T) {
	const path = "../docs/expressions.md"
	intro, err := os.ReadFile("testdata/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(
		"{{sample}}", sampleTable(),
		"{{index}}", functionIndex(),
		"{{functions}}", functionSections(),
		"{{length}}", fmt.Sprint(MaxLength),
		"{{depth}}", fmt.Sprint(MaxDepth),
		"{{value}}", fmt.Sprintf("%d MiB", MaxValue>>20),
		"{{work}}", fmt.Sprintf("%d MiB", MaxWork>>20),
		"{{pattern}}", fmt.Sprint(MaxPattern),
		"{{match}}", maxMatch.String(),
		"{{regex}}", MaxRegexTime.String(),
	).Replace(string(intro))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run go test ./expr -run TestDocs -update", path)
	}
}

func sampleTable() string {
	var b strings.Builder
	b.WriteString("| attribute | value |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(person)) {
		for _, v := range person[name] {
			fmt.Fprintf(&b, "| `[%s]` | `%s` |\n", name, v)
		}
	}
	return strings.TrimSpace(b.String())
}

func functionIndex() string {
	var links []string
	for _, fn := range Functions() {
		links = append(links, fmt.Sprintf("[%s](#%s)", fn.Name, strings.ToLower(fn.Name)))
	}
	return strings.Join(links, " · ")
}

func functionSections() string {
	var b strings.Builder
	for _, fn := range Functions() {
		fmt.Fprintf(&b, "### %s\n\n```\n%s\n```\n\n%s\n\n```\n%s\n%s\n```\n\n", fn.Name, fn.Signature, fn.Doc, fn.Example, "→ "+fn.Result)
	}
	return strings.TrimSpace(b.String())
}
