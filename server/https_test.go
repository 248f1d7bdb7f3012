package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestStrictTransport: behind https, every answer has browsers use it, pages, API and SCIM, errors too; what this machine asks without
// TLS says nothing of it, nor does a server that is not behind https.
func TestStrictTransport(t *testing.T) {
	for _, c := range []struct {
		public, host string
		strict       bool
	}{
		{"https://id.example.com", "id.example.com", true},
		{"https://id.example.com/", "ID.example.com:443", true},
		{"https://id.example.com:8443", "id.example.com:8443", true},
		{"https://id.example.com:8443", "id.example.com", false},
		{"https://id.example.com", "127.0.0.1:8420", false},
		{"http://id.example.com", "id.example.com", false},
		{"", "id.example.com", false},
	} {
		n, err := Open(t.Context(), Config{SQLite: Database(t.TempDir()), Key: NewKey(), SCIM: SCIM{PublicURL: c.public}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		h := n.Handler()
		for _, path := range []string{"/", "/login", "/nowhere", "/api/v1/apps", "/scim/default/v2/Users", "/scim/", "/livez"} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Host = c.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Header().Get("Strict-Transport-Security"); got != "" != c.strict {
				t.Errorf("%+v: GET %s answers %d and %q", c, path, w.Code, got)
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
				if w.Header().Get(name) == "" {
					t.Errorf("GET %s has no %s", path, name)
				}
			}
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}
