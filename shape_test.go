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
