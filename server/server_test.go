package server

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"reflect"
	"testing"

	"lockstep"
	"lockstep/api"
)

// open opens a server on a folder of its own.
func open(t *testing.T) (*Server, string) {
	t.Helper()
	dir := t.TempDir()
	n, err := Open(t.Context(), Config{
		SQLite: Database(dir), Key: NewKey(), Files: filepath.Join(dir, "files"), Local: "local", Version: "1.2.3", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, dir
}

// TestServerInProcess: a server runs in the process of whoever opens it, answers at its address and through its handler, ends
// with its context, and leaves neither listener nor database behind.
func TestServerInProcess(t *testing.T) {
	n, dir := open(t)
	if n.Address() != "" {
		t.Errorf("before Listen it is at %q", n.Address())
	}
	if _, _, err := n.FirstLink(t.Context()); lockstep.CodeOf(err) != lockstep.CodeNotFound {
		t.Errorf("a console nobody can reach: %v", err)
	}
	if err := n.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	for _, c := range []*api.Client{
		{Base: n.Address(), Token: "local"},
		{Base: "http://lockstep.local", Token: "local", HTTP: api.Local(n.Handler())},
	} {
		if _, err := c.Gallery(t.Context()); err != nil {
			t.Errorf("%s: %v", c.Base, err)
		}
	}
	if link, first, err := n.FirstLink(t.Context()); err != nil || link == "" || !first {
		t.Errorf("link %q, %v", link, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := http.Get(n.Address() + "/livez"); err == nil {
		t.Error("it still answers")
	}
	again, err := Open(t.Context(), Config{SQLite: Database(dir), Key: n.config.Key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("open once more: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestCloseWithoutRun: an address that was taken and never served is given back.
func TestCloseWithoutRun(t *testing.T) {
	n, _ := open(t)
	if err := n.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	address := n.listener.Addr().String()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	m, _ := open(t)
	if err := m.Listen(t.Context(), address); err != nil {
		t.Errorf("%s is still taken: %v", address, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestFolder: a data folder has one holder, and the card of its server is there for as long as it runs.
func TestFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	lock, err := Lock(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(folder, slog.New(slog.DiscardHandler)); lockstep.CodeOf(err) != lockstep.CodeBusy {
		t.Errorf("a second holder: %v", err)
	}
	want := Card{Address: "http://127.0.0.1:1", Token: "secret", PID: 7}
	if err := want.Write(folder); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCard(folder); err != nil || got != want {
		t.Errorf("card %v, %v", got, err)
	}
	for range 2 { // none is no error
		if err := RemoveCard(folder); err != nil {
			t.Error(err)
		}
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = Lock(folder, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("a folder that was left: %v", err)
	}
	_ = lock.Close()
}

// TestKey: a key is made once, and never beside a database that another one has sealed.
func TestKey(t *testing.T) {
	n, dir := open(t)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config", "key")
	if _, _, err := Key(t.Context(), file, Config{Log: slog.New(slog.DiscardHandler), SQLite: Database(dir)}); lockstep.CodeOf(err) != lockstep.CodeKeyMissing {
		t.Errorf("a database without its key: %v", err)
	}
	key, made, err := Key(t.Context(), file, Config{Log: slog.New(slog.DiscardHandler), SQLite: filepath.Join(dir, "none.db")})
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	if same, made, err := Key(t.Context(), file, Config{Log: slog.New(slog.DiscardHandler), SQLite: Database(dir)}); err != nil || made || !reflect.DeepEqual(same, key) {
		t.Errorf("loaded: made %v, %v", made, err)
	}
}
