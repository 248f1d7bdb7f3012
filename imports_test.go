package lockstep_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// charter says what one package may import. A pattern that ends in /* means every package below.
type charter struct {
	ours string // packages of ours beside the root, divided by blanks
	must string // packages of the standard library that it must not import
	pure bool   // reads no clock: neither time.Now nor its relatives
}

// domain is what describes Lockstep's own things; surfaces and the store speak of all of them.
const domain = "directory rule connection plan mirror provision words session token scim scim/filter scim/conform expr audit notify"

// charters is the table of the architecture: who may import whom. The test fails for a package that is not in it.
var charters = map[string]charter{
	".":                   {},
	"scim/filter":         {must: "net/http context database/sql os"},
	"expr":                {must: "net net/http database/sql os context log/slog math/rand crypto/rand", pure: true},
	"audit":               {must: "net/http database/sql"},
	"web":                 {must: "database/sql"},
	"token":               {must: "net/http database/sql"},
	"session":             {must: "database/sql"},
	"queue":               {},
	"scim":                {ours: "scim/filter", must: "net net/http context database/sql os"},
	"scim/conform":        {ours: "scim scim/filter", must: "net net/http context database/sql os", pure: true},
	"scim/scimhttp":       {ours: "scim scim/filter web"},
	"directory":           {ours: "scim scim/filter audit", must: "net net/http database/sql"},
	"rule":                {ours: "scim scim/filter expr", must: "net net/http context database/sql log log/slog os", pure: true},
	"words":               {ours: "rule scim scim/filter", must: "net net/http context database/sql os", pure: true},
	"connection":          {ours: "rule scim", must: "net net/http database/sql"},
	"connection/oauth":    {ours: "token web", must: "database/sql"},
	"plan":                {ours: "rule words connection scim scim/filter expr audit", must: "net net/http database/sql os log log/slog math/rand crypto/rand", pure: true},
	"mirror":              {ours: "connection scim scim/filter", must: "net net/http database/sql os"},
	"provision":           {ours: "plan mirror connection rule words scim scim/filter expr audit", must: "net net/http database/sql"},
	"drift":               {ours: "provision plan mirror connection", must: "net net/http database/sql"},
	"undo":                {ours: "provision plan connection rule scim audit", must: "net net/http database/sql"},
	"connector/directory": {ours: "connection rule directory scim scim/filter audit"},
	"connector/*":         {ours: "connection connection/oauth rule scim scim/filter web connector/scimapp"},
	"webexorg":            {ours: "scim scim/filter scim/scimhttp token web webexorg/*"},
	"sso":                 {ours: "directory session token audit web scim scim/filter sso/saml", must: "database/sql"},
	"sso/saml":            {must: "net/http database/sql context log log/slog os"},
	"upstream":            {ours: "sso connection web"},
	"bearer":              {ours: "token web", must: "database/sql"},
	"notify":              {ours: "words audit queue web directory connection", must: "database/sql"},
	"operate":             {ours: domain + " undo sso queue web", must: "net/http database/sql html"},
	"api":                 {ours: domain + " operate sso sso/saml web", must: "database/sql"},
	"console":             {ours: domain + " undo operate sso sso/saml web api docs", must: "database/sql"},
	"docs":                {must: "net/http context"},
	"store":               {ours: domain + " sso queue store/*"},
	"store/*":             {ours: domain + " store store/*"},
	"demo":                {ours: "api reach server words rule webexorg directory scim sso token web", must: "database/sql"}, // rule for its values: the client speaks of rules in them
	"server":              {ours: "*"},
	"terminal":            {ours: "rule words", must: "net net/http database/sql"}, // rule for what is near to a mistyped word
	"reach":               {ours: "server api operate", must: "net/http database/sql"},
	"report":              {ours: "terminal api operate words rule scim sso", must: "net/http database/sql os"},
	"cli":                 {ours: "reach terminal report api operate rule", must: "net/http database/sql"},
	"cmd/lockstep/signin": {ours: "cli reach report terminal api sso sso/saml token", must: "net/http database/sql"},
	"cmd/lockstep":        {ours: "cmd/lockstep/signin cli reach terminal report server api operate words demo webexorg sso rule scim scim/filter token web", must: "database/sql"},
	"e2e/parts":           {},

	"webexorg/state": {ours: "scim scim/filter token"},
	"webexorg/scim":  {ours: "scim scim/filter scim/scimhttp webexorg/state"},
	"webexorg/rest":  {ours: "scim scim/filter scim/scimhttp webexorg/scim webexorg/state"},
	"webexorg/hub":   {ours: "scim scim/filter web webexorg/oauth webexorg/page webexorg/state"},
	"webexorg/oauth": {ours: "token web webexorg/page"},
	"webexorg/apps":  {ours: "web webexorg/oauth webexorg/page"},
	"webexorg/page":  {ours: "web"},
}

// modules says where each module of others may be imported, tests apart. The test fails for a module that is not in it.
var modules = map[string]string{
	"github.com/beevik/etree":                             "upstream sso/saml",
	"github.com/coreos/go-oidc/v3":                        "upstream",
	"github.com/crewjam/saml":                             "upstream",
	"github.com/russellhaering/goxmldsig":                 "upstream sso/saml",
	"golang.org/x/oauth2":                                 "upstream",
	"github.com/boombuler/barcode":                        "sso",
	"github.com/go-webauthn/webauthn":                     "sso",
	"github.com/pquerna/otp":                              "sso",
	"github.com/a-h/templ":                                "console",
	"github.com/yuin/goldmark":                            "docs",
	"github.com/alecthomas/kong":                          "cmd/lockstep cli terminal",
	"github.com/danielgtaylor/huma/v2":                    "api",
	"github.com/dlclark/regexp2":                          "expr",
	"github.com/go-json-experiment/json":                  "scim",
	"github.com/go-jose/go-jose/v4":                       "token upstream",
	"github.com/go-ldap/ldap/v3":                          "connector/ldap upstream",
	"github.com/google/uuid":                              "*",
	"github.com/jackc/pgx/v5":                             "store queue",
	"github.com/pressly/goose/v3":                         "store",
	"github.com/riverqueue/river":                         "queue",
	"github.com/riverqueue/river/riverdriver":             "queue",
	"github.com/riverqueue/river/riverdriver/riverpgxv5":  "queue",
	"github.com/riverqueue/river/riverdriver/riversqlite": "queue",
	"github.com/riverqueue/river/rivertype":               "queue",
	"github.com/tink-crypto/tink-go/v2":                   "store",
	"github.com/prometheus/client_golang":                 "server",
	"github.com/wneessen/go-mail":                         "notify",
	"golang.org/x/crypto":                                 "token web",
	"golang.org/x/sync":                                   "*",
	"golang.org/x/term":                                   "terminal",
	"golang.org/x/text":                                   "*",
	"golang.org/x/time":                                   "connection web webexorg/state connector/* demo server",
	"modernc.org/sqlite":                                  "store queue",
	"github.com/google/go-cmp":                            "",
	"github.com/rogpeppe/go-internal":                     "",
	"golang.org/x/tools":                                  "",
	"pgregory.net/rapid":                                  "",
}

// onlyTests are packages of ours that exist for tests alone. They answer to no charter's list and only tests import them.
const onlyTests = "mirror/mirrortest e2e/parts e2e/hostile e2e/optest e2e/rptest store/storetest scim/scimtest packaging"

// measuring are files of pure packages that may look at the clock because what they measure decides no value.
const measuring = "expr/regex.go" // the time that all matches of one evaluation may take together

// clocks are the functions that a pure package must not name.
var clocks = []string{"Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker", "Sleep", "AfterFunc"}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, problem := range checkImports(os.DirFS("."), seen) {
		t.Error(problem)
	}
	for dir := range seen {
		if _, ok := charterOf(dir); !ok && !matches(onlyTests+" e2e", dir) {
			t.Errorf("%s: a package without a charter: give it one in this file and in docs/architecture.md", dir)
		}
	}
}

// TestImportsSeesBreaches checks the checker: each file breaks one rule, or none.
func TestImportsSeesBreaches(t *testing.T) {
	for _, c := range []struct{ file, source, want string }{
		{"rule/a.go", `import ("lockstep"; "lockstep/scim"; "time")`, ""},
		{"rule/a.go", `import "lockstep/store"`, "rule must not import lockstep/store"},
		{"rule/a.go", `import "context"`, "rule must not import context"},
		{"rule/a.go", `import clock "time"; var now = clock.Now`, "rule must not use time.Now"},
		{"rule/a.go", `import . "time"`, "rule must not import time with a dot"},
		{"expr/regex.go", `import "time"; var now = time.Now`, ""},
		{"rule/a_test.go", `import ("context"; "time"; "lockstep/store"); var now = time.Now`, ""},
		{"directory/a.go", `import "database/sql/driver"`, "directory must not import database/sql/driver"},
		{"provision/a.go", `import "lockstep/connector/webex"`, "provision must not import lockstep/connector/webex"},
		{"connector/webex/a.go", `import "lockstep/connector/scimapp"`, ""},
		{"connector/webex/a.go", `import "lockstep/connector/ldap"`, "connector/webex must not import lockstep/connector/ldap"},
		{"connector/webex/a.go", `import "lockstep/directory"`, "connector/webex must not import lockstep/directory"},
		{"server/a.go", `import ("lockstep/store"; "lockstep/connector/ldap")`, ""},
		{"cmd/lockstep/a.go", `import "lockstep/store"`, "cmd/lockstep must not import lockstep/store"},
		{"cmd/lockstep/a.go", `import "lockstep/e2e/parts"`, "only tests may import lockstep/e2e/parts"},
		{"cmd/lockstep/a_test.go", `import "lockstep/e2e/parts"`, ""},
		{"api/a.go", `import "github.com/jackc/pgx/v5/stdlib"`, "api must not import github.com/jackc/pgx/v5/stdlib"},
		{"store/a.go", `import "github.com/jackc/pgx/v5/stdlib"`, ""},
		{"store/a.go", `import "github.com/riverqueue/river/riverdriver/riversqlite"`, "store must not import github.com/riverqueue/river/riverdriver/riversqlite"},
		{"web/a.go", `import "github.com/google/go-cmp/cmp"`, "web must not import github.com/google/go-cmp/cmp"},
		{"web/a_test.go", `import "github.com/google/go-cmp/cmp"`, ""},
		{"web/a.go", `import "example.org/left-pad"`, "example.org/left-pad is in no line of modules"},
		{"web/a_test.go", `import "example.org/left-pad"`, "example.org/left-pad is in no line of modules"},
		{"id.go", `import "lockstep/scim"`, ". must not import lockstep/scim"},
		{"web/testdata/a.go", `import "lockstep/store"`, ""},
	} {
		tree := memory{c.file: "package p\n" + c.source}
		got := strings.Join(checkImports(tree.fs(), map[string]bool{}), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: got %q, want %q", c.file, c.source, got, c.want)
		}
	}
}

// checkImports returns one sentence for each breach in the tree and adds the packages it has seen.
func checkImports(tree fs.FS, seen map[string]bool) []string {
	var problems []string
	for name, file := range sources(tree, &problems) {
		dir := path.Dir(name)
		seen[dir] = true
		test := strings.HasSuffix(name, "_test.go")
		report := func(format string, args ...any) {
			problems = append(problems, name+": "+fmt.Sprintf(format, args...))
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				report("%v", err)
				continue
			}
			if problem := breach(dir, imported, test); problem != "" {
				report("%s", problem)
			}
			if c, _ := charterOf(dir); c.pure && !test && imported == "time" && !matches(measuring, name) {
				checkClock(file, spec, dir, report)
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// breach judges one import; "" means that it is allowed.
func breach(dir, imported string, test bool) string {
	must := dir + " must not import " + imported
	ours, isOurs := strings.CutPrefix(imported, "lockstep/")
	c, _ := charterOf(dir)
	free := test || matches(onlyTests, dir)
	switch {
	case imported == "lockstep":
		return ""
	case isOurs && matches(onlyTests, ours) && !free:
		return "only tests may import " + imported
	case isOurs && !free && !matches(c.ours, ours):
		return must
	case isOurs:
		return ""
	case !strings.Contains(strings.SplitN(imported, "/", 2)[0], "."): // the standard library
		for banned := range strings.FieldsSeq(c.must) {
			if !test && (imported == banned || (banned != "net" && strings.HasPrefix(imported, banned+"/"))) { // net/url is text
				return must
			}
		}
		return ""
	}
	module := moduleOf(imported)
	if module == "" {
		return imported + " is in no line of modules"
	}
	if !free && !matches(modules[module], dir) {
		return must
	}
	return ""
}

// moduleOf returns the longest module that holds the package.
func moduleOf(imported string) string {
	longest := ""
	for module := range modules {
		if (imported == module || strings.HasPrefix(imported, module+"/")) && len(module) > len(longest) {
			longest = module
		}
	}
	return longest
}

// checkClock reports every use of a clock in a package that must be a function of its arguments.
func checkClock(file *ast.File, spec *ast.ImportSpec, dir string, report func(string, ...any)) {
	name := "time"
	if spec.Name != nil {
		name = spec.Name.Name
	}
	if name == "." {
		report("%s must not import time with a dot", dir)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clocks, sel.Sel.Name) {
				report("%s must not use time.%s", dir, sel.Sel.Name)
			}
		}
		return true
	})
}

func charterOf(dir string) (charter, bool) {
	if c, ok := charters[dir]; ok {
		return c, true
	}
	c, ok := charters[path.Dir(dir)+"/*"]
	return c, ok
}

// matches reports whether a package is in a list of patterns divided by blanks.
func matches(patterns, pkg string) bool {
	for p := range strings.FieldsSeq(patterns) {
		below, isTree := strings.CutSuffix(p, "*")
		if p == pkg || (isTree && strings.HasPrefix(pkg, below)) {
			return true
		}
	}
	return false
}

// sources parses every Go file of the module, tests included, by its path.
func sources(tree fs.FS, problems *[]string) map[string]*ast.File {
	files := map[string]*ast.File{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files[name], err = parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		return err
	})
	if err != nil {
		*problems = append(*problems, err.Error())
	}
	return files
}

// TestEveryModuleHasAReason: what go.mod asks for is confined above and explained in docs/adr/dependencies.md.
func TestEveryModuleHasAReason(t *testing.T) {
	reasons := read(t, "docs/adr/dependencies.md")
	required := map[string]bool{}
	for line := range strings.Lines(read(t, "go.mod")) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") && strings.Contains(fields[0], ".") {
			required[fields[0]] = true
			if !strings.Contains(reasons, "`"+fields[0]+"`") {
				t.Errorf("%s has no line in docs/adr/dependencies.md", fields[0])
			}
		}
	}
	if len(required) < 10 {
		t.Errorf("found only %d modules in go.mod", len(required))
	}
	for _, module := range slices.Sorted(maps.Keys(required)) {
		if _, ok := modules[module]; !ok {
			t.Errorf("%s is in no line of modules", module)
		}
	}
}
