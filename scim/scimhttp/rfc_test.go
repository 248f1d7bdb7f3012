package scimhttp_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"lockstep/scim/scimhttp"
	"lockstep/scim/scimtest"
	"lockstep/store"
)

// TestRFC plays what RFC 7643 and 7644 say and servers get wrong. Each recording cites its section.
func TestRFC(t *testing.T) {
	files, err := filepath.Glob("testdata/rfc/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			recording, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(recording.Comment), "§") {
				t.Fatal("the recording cites nothing")
			}
			server := newServer(t, newMemory(), func(h *scimhttp.Handler) {
				h.Limits = scimhttp.Limits{Body: 4 << 10, BulkBody: 8 << 10, BulkOps: 8, MaxPageSize: 20}
				h.Cursors = &scimhttp.Cursors{Box: store.NewKey().Box("test")}
			})
			scimtest.Play(t, recording, map[string]string{"base": server.URL + "/scim/v2"}, func(r *http.Request) (*http.Response, error) {
				to, err := r.URL.Parse(server.URL + "/scim/v2" + r.URL.RequestURI())
				if err != nil {
					return nil, err
				}
				r.URL, r.Host = to, to.Host
				if r.Header.Get("Authorization") == "" {
					r.Header.Set("Authorization", "Bearer good")
				}
				return http.DefaultClient.Do(r)
			})
		})
	}
}
