package web

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCA: whoever trusts the CA's file reaches the server by the names that the CA is for, and by no others; the CA of a folder
// stays the same, and its key is nobody else's.
func TestCA(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "ca")
	ca, err := OpenCA(folder, []string{"localhost", "webex.com"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(ca.File(folder))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(folder, caKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if ca, err = OpenCA(folder, []string{"localhost"}); err != nil { // again, for less
		t.Fatal(err)
	}
	if _, err := OpenCA(folder, []string{"example.com"}); err == nil || !strings.Contains(err.Error(), "example.com") {
		t.Errorf("opened for more than it is: %v", err)
	}
	if _, err := OpenCA(folder, nil, net.IPNet{IP: net.IPv4(10, 0, 0, 1).To4(), Mask: net.CIDRMask(32, 32)}); err == nil {
		t.Error("opened for an address that it is not for")
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", ca.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM(text) {
		t.Fatal("the file has no certificate")
	}
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"127.0.0.1", true}, {"localhost", true}, {"idbroker-eu.localhost", true}, {"idbroker.webex.com", true}, {"webex.com", true},
		{"evilwebex.com", false}, {"webex.com.evil.example", false}, {"10.0.0.1", false},
	} {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: trust, ServerName: c.name, MinVersion: tls.VersionTLS12})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12}); err == nil {
		conn.Close()
		t.Error("trusted without the file")
	}
	// What is not allowed is not allowed either to a CA whose own check failed: clients look at the constraints themselves.
	ca.certificate.PermittedDNSDomains = append(ca.certificate.PermittedDNSDomains, "example.com")
	if conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: trust, ServerName: "example.com", MinVersion: tls.VersionTLS12}); err == nil {
		conn.Close()
		t.Error("the constraints of the certificate do not hold")
	}
}
