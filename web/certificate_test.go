package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockstep/e2e/parts"
	"lockstep/web"
)

// serveTLS answers with the settings at an address of loopback, and returns its port.
func serveTLS(t *testing.T, c *tls.Config, ln net.Listener) {
	t.Helper()
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = s.Serve(tls.NewListener(ln, c)) }()
	t.Cleanup(func() { _ = s.Close() })
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// shown is the certificate that a server shows for a name; no authority is asked.
func shown(t *testing.T, address, name string) (*x509.Certificate, error) {
	t.Helper()
	c, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// TestCertificateFiles: a certificate that is replaced is shown within seconds, and one that cannot be used is not.
func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key, first := parts.Certificate(t, dir, time.Now().Add(time.Hour), "id.example")
	c, err := web.TLS{Cert: cert, Key: key, Log: slog.New(slog.DiscardHandler)}.Config()
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	serveTLS(t, c, ln)
	serial := func() string {
		t.Helper()
		got, err := shown(t, ln.Addr().String(), "id.example")
		if err != nil {
			t.Fatal(err)
		}
		return got.SerialNumber.String()
	}
	old := serial()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(first))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "id.example"}, ForceAttemptHTTP2: true}}
	res, err := client.Get("https://" + ln.Addr().String())
	if err != nil || res.ProtoMajor != 2 {
		t.Fatalf("%v, %v: HTTP/2 is not spoken", res, err)
	}
	web.Discard(res.Body)

	if err := os.WriteFile(cert, []byte("half a cert"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	if got := serial(); got != old {
		t.Errorf("a file that cannot be used has replaced the certificate")
	}
	parts.Certificate(t, dir, time.Now().Add(2*time.Hour), "id.example")
	for end := time.Now().Add(10 * time.Second); serial() == old; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new certificate is not shown")
		}
	}
	for name, c := range map[string]web.TLS{
		"no file": {Cert: filepath.Join(dir, "none"), Key: key}, "no key": {Cert: cert, Key: cert},
	} {
		if _, err := c.Config(); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACME: a certificate is got from an authority that is not ours when it is first asked for, is kept over a restart, and nobody gets
// one for another name.
func TestACME(t *testing.T) {
	ln := listen(t)
	pebble := parts.StartPebble(t, ln.Addr().(*net.TCPAddr).Port)
	settings := web.TLS{
		Log:  slog.New(slog.NewTextHandler(t.Output(), nil)),
		ACME: web.ACME{Domains: []string{"id.lockstep.example"}, Directory: pebble.Directory, CA: pebble.Trust, Cache: filepath.Join(t.TempDir(), "acme")},
	}
	c, err := settings.Config()
	if err != nil {
		t.Fatal(err)
	}
	serveTLS(t, c, ln)
	got, err := shown(t, ln.Addr().String(), "id.lockstep.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := got.VerifyHostname("id.lockstep.example"); err != nil || !strings.Contains(got.Issuer.CommonName, "Pebble") {
		t.Errorf("got one of %s: %v", got.Issuer, err)
	}
	if _, err := shown(t, ln.Addr().String(), "other.lockstep.example"); err == nil {
		t.Error("there is a certificate for another name")
	}
	if c, err = settings.Config(); err != nil {
		t.Fatal(err)
	}
	again := listen(t)
	serveTLS(t, c, again) // whom the authority could not reach
	kept, err := shown(t, again.Addr().String(), "id.lockstep.example")
	if err != nil || kept.SerialNumber.Cmp(got.SerialNumber) != 0 {
		t.Errorf("after a restart: %v, %v", kept, err)
	}
	for _, name := range []string{settings.ACME.Cache} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
