package webexorg

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lockstep/scim/scimtest"
)

// TestExchanges replays what clients of SCIM send to Webex. The comment of a recording says which base is used.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchange/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			recording, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := newPeer(t, Config{}, OrgConfig{Name: "Example", Domains: []string{"example.com"}, Enforce: true})
			if strings.Contains(string(recording.Comment), "base: legacy") {
				p.base = "/v1/scim/" + p.org.ID()
			}
			scimtest.Play(t, recording, map[string]string{"org": p.org.ID()}, func(r *http.Request) (*http.Response, error) {
				to, err := r.URL.Parse(p.url + p.base + r.URL.RequestURI())
				if err != nil {
					return nil, err
				}
				r.URL, r.Host = to, to.Host
				r.Header.Set("Authorization", "Bearer "+p.token)
				return http.DefaultClient.Do(r)
			})
		})
	}
}
