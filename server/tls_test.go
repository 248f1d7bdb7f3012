package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/api"
	"lockstep/e2e/parts"
	"lockstep/server"
	"lockstep/store"
	"lockstep/web"
)

// TestTLS: with a certificate others come by TLS and are told to stay with it, and commands of this machine by loopback.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := parts.Certificate(t, dir, time.Now().Add(time.Hour), "127.0.0.1", "id.example")
	n, err := server.Open(t.Context(), server.Config{
		SQLite: filepath.Join(dir, "lockstep.db"), Key: store.NewKey(), Local: "local", TLS: web.TLS{Cert: cert, Key: key},
		SCIM: server.SCIM{PublicURL: "https://id.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	address := parts.Address(t)
	if err := n.Listen(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- n.Run(ctx) }()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "id.example"
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	web.Discard(res.Body)
	if res.StatusCode != http.StatusNoContent || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("answered %d, %v", res.StatusCode, res.Header)
	}
	if !strings.HasPrefix(n.Address(), "http://127.0.0.1:") || strings.HasSuffix(n.Address(), address) {
		t.Errorf("this machine is to come by %s", n.Address())
	}
	if _, err := (&api.Client{Base: n.Address(), Token: "local"}).Apps(t.Context()); err != nil {
		t.Errorf("by loopback: %v", err)
	}
	if res, err := http.Get("http://" + address + "/livez"); err == nil {
		web.Discard(res.Body)
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("without TLS it answers %d", res.StatusCode)
		}
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
