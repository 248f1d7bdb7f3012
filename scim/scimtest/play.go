// Package scimtest plays recorded exchanges between SCIM clients and a server, so that what a vendor's client sends is data and
// every server of ours is tried with the same. Only tests import it.
//
// A recording is a txtar archive of pairs, a request and the answer that is wanted:
//
//	-- create.request --
//	POST /Users
//	Content-Type: application/json
//
//	{"userName": "ada@example.com"}
//	-- create.answer --
//	201
//	ETag: *
//	{"id": "${ada}", "userName": "ada@example.com", "nickName": null}
//
// A query is written as it is meant; Play encodes it. A header without a value is not sent. An answer lists what must be there: headers (* is any value, - is none),
// of an object some members (null: not there), of a list all elements in their order. ${name} stands for the value that it met
// first, in later requests too.
package scimtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// Play sends the requests of the recording and checks the answers. send gets requests without scheme and host, which it
// completes. vars may hold values for ${name} to begin with.
func Play(t *testing.T, recording *txtar.Archive, vars map[string]string, send func(*http.Request) (*http.Response, error)) {
	t.Helper()
	known := maps.Clone(vars)
	if known == nil {
		known = map[string]string{}
	}
	files := recording.Files
	for i := 0; i < len(files); i += 2 {
		name, ok := strings.CutSuffix(files[i].Name, ".request")
		if !ok || i+1 == len(files) || files[i+1].Name != name+".answer" {
			t.Fatalf("%s is not a request that is followed by its answer", files[i].Name)
		}
		if err := play(string(files[i].Data), string(files[i+1].Data), known, send); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func play(request, want string, vars map[string]string, send func(*http.Request) (*http.Response, error)) error {
	r, err := parseRequest(substitute(request, vars))
	if err != nil {
		return err
	}
	res, err := send(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if err := check(want, res, string(text), vars); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", r.Method, r.URL, err, text)
	}
	return nil
}

func substitute(s string, vars map[string]string) string {
	for name, value := range vars {
		s = strings.ReplaceAll(s, "${"+name+"}", value)
	}
	return s
}

// parseRequest reads a request line, headers, and the body behind a blank line.
func parseRequest(text string) (*http.Request, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	path, query, _ := strings.Cut(target, "?")
	values := url.Values{}
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			values.Add(name, value)
		}
	}
	body = strings.TrimSpace(body)
	r, err := http.NewRequestWithContext(context.Background(), method, (&url.URL{Path: path, RawQuery: values.Encode()}).String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	return r, nil
}

// check compares the answer with what is wanted.
func check(want string, res *http.Response, text string, vars map[string]string) error {
	status, want, _ := strings.Cut(strings.TrimSpace(want), "\n")
	if status != strconv.Itoa(res.StatusCode) {
		return fmt.Errorf("status %d, want %s", res.StatusCode, status)
	}
	for want != "" && want[0] != '{' {
		var line string
		line, want, _ = strings.Cut(want, "\n")
		name, value, _ := strings.Cut(line, ": ")
		if err := checkHeader(name, substitute(value, vars), res.Header); err != nil {
			return err
		}
	}
	if want == "" {
		return nil
	}
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		return fmt.Errorf("the wanted answer: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return contains("", w, g, vars)
}

func checkHeader(name, want string, header http.Header) error {
	got := header.Get(name)
	if want == "*" && got != "" || want == "-" && got == "" || want == got {
		return nil
	}
	return fmt.Errorf("header %s is %q, want %q", name, got, want)
}

// contains returns an error unless got has what want lists.
func contains(path string, want, got any, vars map[string]string) error {
	switch want := want.(type) {
	case map[string]any:
		return containsMembers(path, want, got, vars)
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
		return equalText(path, want, got, vars)
	}
	if want != got {
		return fmt.Errorf("%s is %v, want %v", path, got, want)
	}
	return nil
}

func containsMembers(path string, want map[string]any, got any, vars map[string]string) error {
	g, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %v, want an object", path, got)
	}
	for name, w := range want {
		value, has := g[name]
		if has != (w != nil) {
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
}

// equalText compares texts; a whole ${name} that is not known yet takes the value.
func equalText(path, want string, got any, vars map[string]string) error {
	text, ok := got.(string)
	if name, is := strings.CutPrefix(want, "${"); is && ok && text != "" && strings.HasSuffix(name, "}") {
		name = strings.TrimSuffix(name, "}")
		if _, known := vars[name]; !known && !strings.Contains(name, "${") {
			vars[name] = text
		}
	}
	if want = substitute(want, vars); !ok || text != want {
		return fmt.Errorf("%s is %v, want %q", path, got, want)
	}
	return nil
}
