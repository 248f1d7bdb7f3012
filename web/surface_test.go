package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lockstep"
)

// run serves one request through a surface and returns the answer and the decoded log lines.
func run(t *testing.T, s Surface, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, []map[string]string) {
	t.Helper()
	var log bytes.Buffer
	s.Log = slog.New(slog.NewJSONHandler(&log, nil))
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
				t.Errorf("panic reached the server: %v", p)
			}
		}()
		s.Wrap(h).ServeHTTP(w, r)
	}()
	var lines []map[string]string
	for line := range strings.Lines(log.String()) {
		var raw map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &raw); err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for k, v := range raw {
			fields[k] = strings.Trim(string(v), `"`)
		}
		lines = append(lines, fields)
	}
	return w, lines
}

func TestErrorsBecomeAnswers(t *testing.T) {
	secret := errors.New("dial 10.0.0.7: refused")
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, ""},
		{lockstep.ErrNotFound, 404, "There is no such object. [not_found]"},
		{fmt.Errorf("read: %w", &lockstep.Error{Code: lockstep.CodeVersion, Detail: "Ada changed.", Err: secret}), 412, "Ada changed. [version_mismatch]"},
		{lockstep.ErrConflict, 409, "taken"},
		{&lockstep.Error{Code: lockstep.CodeInvalid}, 400, "invalid_value"},
		{&lockstep.Error{Code: lockstep.CodeUnauthorized}, 401, "api.unauthorized"},
		{&lockstep.Error{Code: lockstep.CodeTimeout}, 504, "timeout"},
		{secret, 500, "[internal]"},
	} {
		var s Surface
		w, log := run(t, s, s.Handle(func(http.ResponseWriter, *http.Request) error { return c.err }), httptest.NewRequest("GET", "/x?q=hush", nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%v: %d %q", c.err, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "10.0.0.7") {
			t.Errorf("%v: the answer tells what lies beneath: %s", c.err, w.Body)
		}
		if len(log) != 1 || log[0]["status"] != fmt.Sprint(c.status) || log[0]["path"] != "/x" || log[0]["code"] != string(lockstep.CodeOf(c.err)) {
			t.Errorf("%v: log %v", c.err, log)
		}
	}
}

func TestPanicIsAnAnswerAndALogLine(t *testing.T) {
	var s Surface
	w, log := run(t, s, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the sky fell") }), httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "sky") {
		t.Errorf("answer %d %q", w.Code, w.Body)
	}
	if len(log) != 1 || log[0]["level"] != "ERROR" || !strings.Contains(log[0]["error"], "the sky fell") || !strings.Contains(log[0]["error"], "surface_test.go") {
		t.Errorf("log %v", log)
	}
}

func TestHalfAnAnswerIsCut(t *testing.T) {
	s := Surface{Log: slog.New(slog.DiscardHandler)}
	server := httptest.NewServer(s.Wrap(s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		_, _ = io.WriteString(w, "[1,")
		_ = http.NewResponseController(w).Flush()
		return errors.New("no more")
	})))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBody(resp.Body, 100); err == nil {
		t.Error("the peer took half an answer for a whole one")
	}
}

func TestRequestIDs(t *testing.T) {
	for given, taken := range map[string]bool{
		"": false, "short": false, "abcd-1234_XYZ.9": true, "bad id with spaces": false, "12345678\n": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		var s Surface
		var inside string
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(RequestIDHeader, given)
		w, log := run(t, s, s.Handle(func(_ http.ResponseWriter, r *http.Request) error { inside = RequestID(r.Context()); return nil }), r)
		id := w.Header().Get(RequestIDHeader)
		if (id == given) != taken || id == "" || id != inside || log[0]["request"] != id {
			t.Errorf("%q: answered %q, inside %q, logged %q", given, id, inside, log[0]["request"])
		}
	}
}

// TestBy: the log line names who sent the request by an id, and nobody where nobody is known.
func TestBy(t *testing.T) {
	for _, c := range []struct{ kind, id, logged string }{{"token", "01a2", "01a2"}, {"token", "", ""}, {"", "01a2", ""}} {
		var s Surface
		_, log := run(t, s, s.Handle(func(_ http.ResponseWriter, r *http.Request) error { By(r.Context(), c.kind, c.id); return nil }), httptest.NewRequest("GET", "/", nil))
		if len(log) != 1 || log[0]["token"] != c.logged {
			t.Errorf("%+v: log %v", c, log)
		}
	}
	By(t.Context(), "token", "01a2") // outside of a Surface it is nothing
}

func TestBodyLimit(t *testing.T) {
	s := Surface{MaxBody: 4}
	read := s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		return err
	})
	if w, _ := run(t, s, read, httptest.NewRequest("POST", "/", strings.NewReader("1234"))); w.Code != 200 {
		t.Errorf("at the limit: %d", w.Code)
	}
	if w, _ := run(t, s, read, httptest.NewRequest("POST", "/", strings.NewReader("12345"))); w.Code != 413 {
		t.Errorf("beyond the limit: %d", w.Code)
	}
}

func TestSecurityHeaders(t *testing.T) {
	for policy, want := range map[string]string{"": PolicyNone, PolicyPages: PolicyPages} {
		w, _ := run(t, Surface{Policy: policy}, http.NotFoundHandler(), httptest.NewRequest("GET", "/", nil))
		for name, want := range map[string]string{
			"Content-Security-Policy": want, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}
