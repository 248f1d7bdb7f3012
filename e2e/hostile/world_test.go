package hostile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/hostile"
	"lockstep/server"
	"lockstep/store"
)

// world is the whole server in this process, and a target that it reaches over pipes. It lives in a bubble of testing/synctest:
// nothing in it waits for the network, so time passes as soon as everybody waits for it.
type world struct {
	*testing.T
	server http.Handler
	target *hostile.Target
	token  string // of the directory's SCIM service
}

// local is the token of the API.
const local = "the-test-itself"

// newWorld starts the server. What it started ends with the bubble.
func newWorld(t *testing.T, target *hostile.Target) *world {
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	app := &http.Server{Handler: target, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = app.Serve(listener) // ends when it is closed
	}()
	s, err := server.Open(t.Context(), server.Config{
		SQLite: filepath.Join(t.TempDir(), "lockstep.db"), Key: store.NewKey(), Local: local,
		Connect: listener.dial, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		_ = app.Close() // whoever waits for it goes on
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
		<-served
	})
	w := &world{T: t, server: s.Handler(), target: target}
	var made struct{ Text string }
	w.api(&made, http.MethodPost, "/tokens", map[string]any{"name": "hr", "kind": "scim", "scopes": "scim:write"})
	w.token = made.Text
	return w
}

// pipes is a network of two: whoever dials reaches whoever listens.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { close(p.closed); return nil }

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// call sends a request to the server and reads the answer into v, when it is not nil.
func (w *world) call(v any, method, path, token string, body any) error {
	w.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	r := httptest.NewRequestWithContext(w.Context(), method, path, strings.NewReader(string(text)))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r)
	said, err := io.ReadAll(answer.Result().Body)
	switch {
	case err != nil:
		return err
	case answer.Code > 299:
		return fmt.Errorf("%s %s: %d %s", method, path, answer.Code, said)
	case v == nil, answer.Code == http.StatusNoContent: // as to a large patch
		return nil
	}
	return json.Unmarshal(said, v)
}

// api calls the management API, which must do what it is told.
func (w *world) api(v any, method, path string, body any) {
	w.Helper()
	if err := w.call(v, method, "/api/v1"+path, local, body); err != nil {
		w.Fatal(err)
	}
}

// scim speaks to the directory as a provisioning client does, and returns the id of what it wrote.
func (w *world) scim(method, path string, body any) string {
	w.Helper()
	var o struct{ ID string }
	into := any(&o)
	if method == http.MethodDelete {
		into = nil
	}
	if err := w.call(into, method, "/scim/default/v2"+path, w.token, body); err != nil {
		w.Fatal(err)
	}
	return o.ID
}

// job is what the API says about the app's job.
type job struct {
	State, Code, Detail string
	Cycle               *struct {
		Phase string
		Ended *time.Time
	}
}

func (w *world) job() (j job) {
	w.Helper()
	w.api(&j, http.MethodGet, "/jobs/app", nil)
	return j
}

// log returns the newest rows that are not done, for people who look for a cause.
func (w *world) log() string {
	w.Helper()
	var list struct {
		Items []struct{ Kind, State, Code, Detail string }
	}
	w.api(&list, http.MethodGet, "/jobs/app/actions?"+url.Values{"limit": {"500"}}.Encode(), nil)
	var out []string
	for _, a := range list.Items {
		if a.State != "done" && len(out) < 5 {
			out = append(out, fmt.Sprintf("%s %s %s %s", a.Kind, a.State, a.Code, a.Detail))
		}
	}
	return fmt.Sprintf("%+v\n%s", w.job(), strings.Join(out, "\n"))
}
