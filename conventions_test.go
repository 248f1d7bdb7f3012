package lockstep_test

import (
	"flag"
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"lockstep"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// memory is a tree of files for the tests of the checkers.
type memory map[string]string

func (m memory) fs() fs.FS {
	tree := fstest.MapFS{}
	for name, text := range m {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConventions(t *testing.T) {
	for _, problem := range checkConventions(os.DirFS(".")) {
		t.Error(problem)
	}
}

func TestConventionsSeesBreaches(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"// Package p has a job.\npackage p\nfunc Do() {}\ntype Thing struct{}", ""},
		{"package p", "no package comment"},
		{"// Package p has a job.\npackage p\ntype UserManager struct{}", "UserManager ends in Manager"},
		{"// Package p has a job.\npackage p\ntype userHelper interface{}", "userHelper ends in Helper"},
		{"// Package p has a job.\npackage p\nfunc (t T) SyncService() {}", "SyncService ends in Service"},
		{"// Package p has a job.\npackage p\nfunc setManager() {}", ""},
		{"// Package p has a job.\npackage p\nfunc loadData() {}", "loadData ends in Data"},
		{"// Package p has a job.\npackage p\nfunc Metadata() {}", ""},
		{"// Package p has a job.\npackage p\nfunc init() {}", "init"},
		{"// Package util has a job.\npackage util", "package util"},
	} {
		got := strings.Join(checkConventions(memory{"p/p.go": c.source}.fs()), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.source, got, c.want)
		}
	}
}

// checkConventions returns one sentence for each package without a comment, each init function and each forbidden name.
func checkConventions(tree fs.FS) []string {
	var problems []string
	documented := map[string]bool{}
	for name, file := range sources(tree, &problems) {
		dir := path.Dir(name)
		if !strings.HasSuffix(name, "_test.go") {
			documented[dir] = documented[dir] || file.Doc != nil
		}
		switch pkg := file.Name.Name; pkg {
		case "util", "utils", "common", "model", "models", "helpers", "misc":
			problems = append(problems, name+": package "+pkg+" says nothing")
		}
		for ident, isType := range declared(file) {
			if ident == "init" {
				problems = append(problems, name+": init hides an order; call a function instead")
			}
			for _, word := range []string{"Manager", "Service", "Controller", "Repository", "Helper", "Util", "Impl", "Data", "Info"} {
				if word == "Manager" && !isType || ident == "Helper" { // a person has a manager; testing.TB a method Helper
					continue
				}
				if strings.HasSuffix(ident, word) {
					problems = append(problems, fmt.Sprintf("%s: the name %s ends in %s", name, ident, word))
				}
			}
		}
	}
	for dir, ok := range documented {
		if !ok {
			problems = append(problems, dir+": no package comment")
		}
	}
	return problems
}

// declared returns the names of the file's functions, methods and types, true for a type. Generated files name what they
// like.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	if ast.IsGenerated(file) {
		return names
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = false
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if typ, ok := spec.(*ast.TypeSpec); ok {
					names[typ.Name.Name] = true
				}
			}
		}
	}
	return names
}

// TestErrorsPage: docs/errors.md is the catalogue. After a change run `go test . -update`.
func TestErrorsPage(t *testing.T) {
	const name = "docs/errors.md"
	want := errorsPage()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, name) != want {
		t.Errorf("%s is not the catalogue of code.go: run `go test . -update`", name)
	}
}

// bareCommand finds a command of the program that is not marked as code.
var bareCommand = regexp.MustCompile("(^|[^`])\\blockstep [a-z]")

// TestCatalogue: every code of code.go has exactly one entry that says something.
func TestCatalogue(t *testing.T) {
	var problems []string
	codes := map[lockstep.Code]int{}
	ast.Inspect(sources(os.DirFS("."), &problems)["code.go"], func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || len(spec.Names) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			codes[lockstep.Code(strings.Trim(lit.Value, `"`))] = 0
		}
		return true
	})
	for _, e := range lockstep.Catalogue {
		if _, ok := codes[e.Code]; !ok {
			t.Errorf("%s is in the catalogue and not among the codes", e.Code)
		}
		codes[e.Code]++
		if e.Class == "" || !strings.HasSuffix(e.Title, ".") || !strings.HasSuffix(e.Help, ".") {
			t.Errorf("%s: class, title and help must be there, the latter two as sentences", e.Code)
		}
		if bareCommand.MatchString(e.Title + " " + e.Help) {
			t.Errorf("%s: a command stands between backticks, so that it is held against those that there are: %s", e.Code, e.Help)
		}
	}
	for code, n := range codes {
		if n != 1 {
			t.Errorf("%s has %d entries in the catalogue", code, n)
		}
	}
	if len(problems) > 0 || len(codes) < 20 {
		t.Errorf("read %d codes; %v", len(codes), problems)
	}
}

func errorsPage() string {
	var page strings.Builder
	page.WriteString("# Error codes\n\n" +
		"<!-- Generated from code.go by `go test . -update`. Do not edit. -->\n\n" +
		"Every error has a stable code. It stands in brackets at the end of a message, in the field `code` of the API, in the\n" +
		"log and in the console. *Heals itself* means that Lockstep tries again without you; *needs you* means that somebody\n" +
		"has to change something first; *bug* means that we want to hear of it.\n\n" +
		"The API answers every failure with a problem (RFC 9457) that says the code, a sentence (`detail`), what to do (`hint`) and,\n" +
		"when it is about one thing that was given, its name in the request (`field`). With several things wrong `errors` has each with its field.\n\n" +
		"| code | what happened | what to do | |\n| --- | --- | --- | --- |\n")
	for _, e := range lockstep.Catalogue {
		fmt.Fprintf(&page, "| <a id=\"%s\"></a>`%s` | %s | %s | %s |\n", e.Code, e.Code, e.Title, e.Help, e.Class)
	}
	return page.String()
}
