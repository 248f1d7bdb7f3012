package webexorg

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestExchanges replays what clients of SCIM send. Each file holds pairs of a request and the answer that is wanted:
//
//	-- create.request --
//	POST /Users
//
//	{"userName": "ada@example.com"}
//	-- create.answer --
//	201
//	{"id": "${ada}", "userName": "ada@example.com", "nickName": null}
//
// An answer lists what must be there: of an object some members (null: not there), of a list all elements. ${name} takes the
// value it meets first and stands for it from then on, in requests too. The comment of the file says which base is used.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchange/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := newPeer(t, Config{}, OrgConfig{Name: "Example", Domains: []string{"example.com"}, Enforce: true})
			if strings.Contains(string(archive.Comment), "base: legacy") {
				p.base = "/v1/scim/" + p.org.ID()
			}
			replay(t, p, archive)
		})
	}
}

func replay(t *testing.T, p *peer, archive *txtar.Archive) {
	vars := map[string]string{"org": p.org.ID()}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		name, ok := strings.CutSuffix(archive.Files[i].Name, ".request")
		if !ok || archive.Files[i+1].Name != name+".answer" {
			t.Fatalf("%s is not followed by its answer", archive.Files[i].Name)
		}
		head, body, _ := strings.Cut(substitute(string(archive.Files[i].Data), vars), "\n\n")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		method, path, _ := strings.Cut(lines[0], " ")
		var header []string
		for _, line := range lines[1:] {
			key, value, _ := strings.Cut(line, ": ")
			header = append(header, key, value)
		}
		got, err := p.send(method, path, strings.TrimSpace(body), header...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		first, want, _ := strings.Cut(strings.TrimSpace(string(archive.Files[i+1].Data)), "\n")
		if first != strconv.Itoa(got.StatusCode) {
			t.Fatalf("%s: status %d, want %s\n%s", name, got.StatusCode, first, got.text)
		}
		if want == "" {
			continue
		}
		if err := compare(want, got.text, vars); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, got.text)
		}
	}
}

func substitute(s string, vars map[string]string) string {
	for name, value := range vars {
		s = strings.ReplaceAll(s, "${"+name+"}", value)
	}
	return s
}

func compare(want, got string, vars map[string]string) error {
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		return fmt.Errorf("the wanted answer: %w", err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return contains("", w, g, vars)
}

// contains returns an error unless got has what want lists.
func contains(path string, want, got any, vars map[string]string) error {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v, want an object", path, got)
		}
		for name, w := range want {
			value, has := g[name]
			if w == nil && has || w != nil && !has {
				return fmt.Errorf("%s.%s is %v, want %v", path, name, value, w)
			}
			if w == nil {
				continue
			}
			if err := contains(path+"."+name, w, value, vars); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return fmt.Errorf("%s is %v, want %d elements", path, got, len(want))
		}
		for i := range want {
			if err := contains(fmt.Sprintf("%s[%d]", path, i), want[i], g[i], vars); err != nil {
				return err
			}
		}
		return nil
	case string:
		text, ok := got.(string)
		if name, isVar := strings.CutPrefix(want, "${"); isVar && ok && text != "" {
			name = strings.TrimSuffix(name, "}")
			if _, known := vars[name]; !known {
				vars[name] = text
			}
			want = vars[name]
		}
		if text != want {
			return fmt.Errorf("%s is %v, want %q", path, got, want)
		}
		return nil
	}
	if want != got {
		return fmt.Errorf("%s is %v, want %v", path, got, want)
	}
	return nil
}
