package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

const pageFile = "../docs/api.md"

// described is what the page reads of the OpenAPI document.
type described struct {
	Paths      map[string]map[string]operationDoc
	Components struct{ Schemas map[string]schemaDoc }
}

type operationDoc struct {
	Summary     string
	Parameters  []parameterDoc
	RequestBody struct {
		Content map[string]struct{ Schema schemaDoc }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schemaDoc }
	}
}

type parameterDoc struct {
	Name, In, Description string
	Required              bool
	Schema                schemaDoc
}

type schemaDoc struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []any
	Items       *schemaDoc
	Properties  map[string]schemaDoc
	Required    []string
}

// kind is a schema in a word.
func (s schemaDoc) kind() string {
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	typ := ""
	switch v := s.Type.(type) {
	case string:
		typ = v
	case []any: // of which null is one
		typ = fmt.Sprint(v[0])
	}
	switch {
	case len(s.Enum) > 0:
		var all []string
		for _, e := range s.Enum {
			all = append(all, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(all, ", ")
	case s.Items != nil:
		return "list of " + s.Items.kind()
	case s.Format != "" && typ == "string":
		return s.Format
	case typ == "":
		return "any"
	}
	return typ
}

// TestPage: the page has every call that the API's own description has.
func TestPage(t *testing.T) {
	want := page(t)
	if *update {
		if err := os.WriteFile(pageFile, []byte(want), 0o644); err != nil { //nolint:gosec // a page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(pageFile)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what make docs writes: %v", pageFile, err)
	}
}

func page(t *testing.T) string {
	t.Helper()
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.json", nil))
	var doc described
	w.must(json.Unmarshal(rec.Body.Bytes(), &doc))
	var b strings.Builder
	b.WriteString("# The API\n\nMade by `make docs` of the description that a server gives of itself, OpenAPI 3.1 at `/api/v1/openapi.json`; tools that make clients read that one.\n\n" +
		"All paths are below `/api/v1`. A call carries `Authorization: Bearer TOKEN` with a [token](how-to/administrators.md) made by `lockstep token create`;\n" +
		"`Lockstep-Tenant` names another tenant than the token's own, for tokens of all tenants. What fails answers `application/problem+json` (RFC 9457) with one of the [codes](errors.md).\n" +
		"Lists have `items` and, unless it is the end, `next`, which is given as `after` to get what follows. An application is named by its name or id, people by user name, address or id.\n\n")
	for _, area := range areas(&doc) {
		fmt.Fprintf(&b, "## %s\n\n", area)
		for _, path := range sorted(doc.Paths) {
			if areaOf(path) != area {
				continue
			}
			for _, method := range []string{"get", "post", "put", "patch", "delete"} {
				if o, ok := doc.Paths[path][method]; ok {
					o.write(&b, strings.ToUpper(method), path)
				}
			}
		}
	}
	b.WriteString("## Types\n\n")
	for _, name := range sorted(doc.Components.Schemas) {
		s := doc.Components.Schemas[name]
		if len(s.Properties) == 0 {
			fmt.Fprintf(&b, "### %s\n\n%s\n\n", name, orDash(s.Description))
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n", name)
		if s.Description != "" {
			fmt.Fprintf(&b, "%s\n\n", s.Description)
		}
		b.WriteString("| field | type | what it is |\n| --- | --- | --- |\n")
		for _, field := range sorted(s.Properties) {
			p := s.Properties[field]
			fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", field, needed(slices.Contains(s.Required, field)), p.kind(), line(p.Description))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// write tells of one call.
func (o operationDoc) write(b *strings.Builder, method, path string) {
	fmt.Fprintf(b, "### %s %s\n\n%s.\n\n", method, path, strings.TrimSuffix(o.Summary, "."))
	var rows []string
	for _, p := range o.Parameters {
		if p.In == "query" || p.In == "path" && p.Description != "" {
			rows = append(rows, fmt.Sprintf("| `%s`%s | %s | %s | %s |\n", p.Name, needed(p.Required && p.In == "query"), p.In, p.Schema.kind(), line(p.Description)))
		}
	}
	if len(rows) > 0 {
		b.WriteString("| parameter | in | type | what it is |\n| --- | --- | --- | --- |\n" + strings.Join(rows, "") + "\n")
	}
	for _, c := range sorted(o.RequestBody.Content) {
		fmt.Fprintf(b, "Takes %s. ", o.RequestBody.Content[c].Schema.kind())
		break
	}
	for _, status := range sorted(o.Responses) {
		if status[0] != '2' {
			continue
		}
		answer := "nothing"
		for _, c := range sorted(o.Responses[status].Content) {
			answer = o.Responses[status].Content[c].Schema.kind()
			break
		}
		fmt.Fprintf(b, "Answers %s with %s.", status, answer)
	}
	b.WriteString("\n\n")
}

func needed(is bool) string {
	if is {
		return ", needed"
	}
	return ""
}

func line(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}

func orDash(s string) string {
	if s == "" {
		return "Any JSON."
	}
	return s
}

func areaOf(path string) string {
	area, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	area, _, _ = strings.Cut(area, ".")
	return strings.ReplaceAll(area, "-", " ")
}

func areas(doc *described) []string {
	var all []string
	for path := range doc.Paths {
		if a := areaOf(path); !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return all
}

func sorted[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
