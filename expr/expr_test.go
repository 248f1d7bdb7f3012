package expr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"lockstep"
)

// person is the sample of the documentation.
var person = map[string]Value{
	"userPrincipalName":            {"ada.lovelace@example.com"},
	"mail":                         {"ada@example.com"},
	"mailNickname":                 {"ada"},
	"givenName":                    {"Ada"},
	"surname":                      {"Lovelace"},
	"jobTitle":                     {"Senior Analyst"},
	"department":                   {"Research"},
	"country":                      {"GB"},
	"state":                        {"QLD"},
	"employeeId":                   {"1815"},
	"telephoneNumber":              {"+44 20 7946 0000"},
	"proxyAddresses":               {"SMTP:ada.lovelace@example.com", "smtp:ada@example.com", "smtp:ada@example.com"},
	`emails[type eq "work"].value`: {"ada@example.com"},
	"appRoleAssignments": {
		`{"id":"r1","value":"Admin","displayName":"Administrator"}`,
		`{"id":"r2","value":"Auditor","displayName":"Auditor"}`,
	},
}

// odd is an attribute with a bracket in a quote.
const odd = `emails[type eq "a]"].value`

// stars is a source of randomness that yields one byte over and over.
type stars struct{}

func (stars) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '*'
	}
	return len(b), nil
}

func sampleEnv() *Env {
	return &Env{
		Attribute: func(name string) Value {
			if name == odd {
				return Value{"odd@example.com"}
			}
			return person[name]
		},
		Now:           time.Date(2021, 7, 2, 15, 33, 38, 0, time.UTC),
		Random:        stars{},
		Unique:        func(s string) (bool, error) { return s != "ada" && s != "ada1", nil },
		DefaultDomain: "example.com",
	}
}

// evaluate returns the value, or the error with its column and code, as the cases write them.
func evaluate(src string) string {
	p, err := Compile(src)
	if err == nil {
		var v Value
		if v, err = p.Eval(sampleEnv()); err == nil {
			return v.String()
		}
	}
	return "error " + string(lockstep.CodeOf(err)) + " " + err.Error()
}

// TestCases runs testdata/*.txtar. In each file a line is an expression, then => and the value.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range txtar.Parse(raw).Files {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar") + "/" + section.Name
			t.Run(name, func(t *testing.T) {
				for line := range strings.Lines(string(section.Data)) {
					if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
						continue
					}
					src, want, ok := strings.Cut(line, " => ")
					if !ok {
						t.Fatalf("no arrow in %q", line)
					}
					if got := evaluate(strings.TrimSpace(src)); got != strings.TrimSpace(want) {
						t.Errorf("%s\n got %s\nwant %s", src, got, want)
					}
				}
			})
		}
	}
}

// TestExamples evaluates the example of every function.
func TestExamples(t *testing.T) {
	for _, fn := range Functions() {
		if got := evaluate(fn.Example); got != fn.Result {
			t.Errorf("%s\n got %s\nwant %s", fn.Example, got, fn.Result)
		}
		if !strings.Contains(fn.Example, fn.Name+"(") || fn.Doc == "" {
			t.Errorf("%s has no doc, or an example that does not call it", fn.Name)
		}
	}
}

func TestErrorCodes(t *testing.T) {
	_, err := Compile("Nope()")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Column != 1 || lockstep.CodeOf(err) != lockstep.CodeMapSyntax {
		t.Errorf("Compile: %v, code %s", err, lockstep.CodeOf(err))
	}
}
