package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPage: what a page is filled with is text, whatever it looks like, and everything that it loads is there.
func TestPage(t *testing.T) {
	mux := http.NewServeMux()
	Mount(mux)
	book := NewBook(`{{define "hello"}}<p>{{.}}</p>{{end}}`)
	w := httptest.NewRecorder()
	hostile := `"><script>alert(1)</script>`
	frame := Frame{Title: hostile, Place: hostile, Who: hostile, Nav: []Link{{Text: hostile, URL: "javascript:alert(1)"}}, Leave: "javascript:alert(1)"}
	if err := Write(w, http.StatusTeapot, book, frame, "hello", hostile); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if w.Code != http.StatusTeapot || strings.Contains(body, "<script>alert") || strings.Contains(body, `"javascript:`) {
		t.Errorf("%d\n%s", w.Code, body)
	}
	for _, header := range []string{"Content-Security-Policy", "Cache-Control", "Referrer-Policy", "X-Content-Type-Options"} {
		if w.Header().Get(header) == "" {
			t.Errorf("no %s", header)
		}
	}
	for _, attribute := range []string{`href="` + Prefix, `src="` + Prefix} {
		for _, rest := range strings.Split(body, attribute)[1:] {
			name, _, _ := strings.Cut(rest, `"`)
			got := httptest.NewRecorder()
			mux.ServeHTTP(got, httptest.NewRequest(http.MethodGet, Prefix+name, nil))
			if got.Code != http.StatusOK || got.Body.Len() == 0 {
				t.Errorf("%s: %d", name, got.Code)
			}
		}
	}
}
