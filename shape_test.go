package lockstep_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The bounds on interfaces. An interface belongs to whoever calls it, and asks for no more than they call.
const (
	widest = 7 // methods and embedded interfaces of one, unless it is in wide
	usual  = 6 // of nine in ten
)

// wide are interfaces that have more, each with the reason that docs/architecture.md gives for it.
var wide = map[string]string{}

// TestInterfacesAreSmall counts methods and embedded interfaces.
func TestInterfacesAreSmall(t *testing.T) {
	var problems []string
	counts := interfaces(sources(os.DirFS("."), &problems))
	for _, problem := range append(problems, tooWide(counts)...) {
		t.Error(problem)
	}
	if len(counts) < 50 {
		t.Errorf("only %d interfaces were found", len(counts))
	}
	architecture := read(t, "docs/architecture.md")
	for name := range wide {
		if !strings.Contains(architecture, "`"+name+"`") {
			t.Errorf("%s is not explained in docs/architecture.md", name)
		}
	}
}

// TestInterfacesSeesBreaches checks the checker.
func TestInterfacesSeesBreaches(t *testing.T) {
	for _, c := range []struct {
		methods []int
		want    string
	}{
		{[]int{1, 2, 7}, "nine in ten"},
		{[]int{1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 7}, ""},
		{[]int{1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 8}, "p.I10 has 8"},
		{[]int{1, 1, 1, 1, 1, 1, 1, 1, 7, 7}, "nine in ten"},
	} {
		source := "package p\n"
		for i, n := range c.methods {
			source += fmt.Sprintf("type I%d interface{ embedded\n", i)
			for m := range n - 1 {
				source += fmt.Sprintf("M%d()\n", m)
			}
			source += "}\n"
		}
		var problems []string
		got := strings.Join(tooWide(interfaces(sources(memory{"p/p.go": source}.fs(), &problems))), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) || len(problems) > 0 {
			t.Errorf("%v: got %q, want %q, %v", c.methods, got, c.want, problems)
		}
	}
}

// interfaces counts the methods and embedded elements of every named interface that is not empty, tests apart.
func interfaces(files map[string]*ast.File) map[string]int {
	counts := map[string]int{}
	for name, file := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > 0 {
				counts[path.Dir(name)+"."+spec.Name.Name] = i.Methods.NumFields()
			}
			return true
		})
	}
	return counts
}

// tooWide tells which interfaces are wider than they may be.
func tooWide(counts map[string]int) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if _, named := wide[name]; counts[name] > widest && !named {
			problems = append(problems, fmt.Sprintf("%s has %d methods: divide it by who calls what, or name it in wide and in docs/architecture.md with the reason", name, counts[name]))
		}
	}
	all := slices.Sorted(maps.Values(counts))
	if n := all[len(all)*9/10]; n > usual {
		problems = append(problems, fmt.Sprintf("nine in ten interfaces have up to %d methods, not %d", n, usual))
	}
	return problems
}

// TestTheTableIsWritten: section 4 of the architecture lists for each package what it may import, exactly as it is enforced.
func TestTheTableIsWritten(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/architecture.md"), "## 4.")
	section, _, _ = strings.Cut(section, "## 5.")
	rows := map[string]string{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) > 4 && strings.HasPrefix(line, "| `") {
			for _, name := range quoted(cells[1]) {
				rows[name] = strings.Join(quoted(strings.Replace(cells[3], " all ", "`*`", 1)), " ")
			}
		}
	}
	for name, c := range charters {
		if name == "." || matches(onlyTests+" store/storetest", name) || name == "store/*" {
			continue // what everybody may import, and what only tests do
		}
		want := slices.Sorted(strings.FieldsSeq(c.ours))
		if got, there := rows[name]; !there {
			t.Errorf("%s has no row in section 4 of docs/architecture.md", name)
		} else if got != strings.Join(slices.Compact(want), " ") {
			t.Errorf("%s: docs/architecture.md says\n%s\nand imports_test.go\n%s", name, got, strings.Join(want, " "))
		}
	}
	for name := range rows {
		if _, there := charters[name]; !there {
			t.Errorf("%s has a row in docs/architecture.md and no charter", name)
		}
	}
}

// quoted are the names in code quotes of a text, in order and each once.
func quoted(text string) []string {
	var all []string
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
