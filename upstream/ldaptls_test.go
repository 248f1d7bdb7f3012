package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"lockstep"
	"lockstep/e2e/parts"
	"lockstep/sso"
	"lockstep/web"
)

// startTLSDone is the answer to the request with the message id 1 (RFC 4511 §4.14.2).
const startTLSDone = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

// secureFront is a TLS server before an LDAP server. With a first answer it takes one message in the clear and answers so, before TLS.
func secureFront(t *testing.T, to string, config *tls.Config, first string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				if first != "" {
					if _, err := io.ReadFull(conn, make([]byte, len(startTLS))); err != nil {
						return
					}
					_, _ = io.WriteString(conn, first)
				}
				secured := tls.Server(conn, config)
				behind, err := net.Dial("tcp", u.Host)
				if err != nil {
					return
				}
				defer func() { _ = behind.Close() }()
				go func() {
					_, _ = io.Copy(behind, secured)
					_ = behind.Close()
				}()
				_, _ = io.Copy(secured, behind)
			}()
		}
	}()
	return listener.Addr().String()
}

// TestLDAPOverTLS: by ldaps and by StartTLS, with an authority of the provider's own; one that is missing is named.
func TestLDAPOverTLS(t *testing.T) {
	t.Parallel()
	l := parts.Slapd(t, staff)
	ca, caKey := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Acme Root CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	leaf, key := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "dc1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, caKey)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}
	o := &Opener{Dialer: &web.Dialer{Allow: web.Loopback()}}
	try := func(scheme, startTLS, first string, roots ...[]byte) (stages, error) {
		p := ldapProvider(l)
		p.Settings["url"], p.Settings["start_tls"], p.Roots = scheme+secureFront(t, l.URL, config, first), startTLS, roots
		var told stages
		_, err := openPasswords(t, o, p).SignIn(t.Context(), "ada", "ada's password", &told)
		return told, err
	}
	for _, c := range []struct{ scheme, startTLS, first string }{{"ldaps://", "false", ""}, {"ldap://", "true", startTLSDone}} {
		if told, err := try(c.scheme, c.startTLS, c.first, ca.Raw); err != nil || !strings.Contains(told.last().Facts["certificate 1"], "dc1, issued by Acme Root CA") {
			t.Errorf("%s: got %v, told %+v", c.scheme, err, told.last())
		}
		if told, err := try(c.scheme, c.startTLS, c.first); lockstep.CodeOf(err) != lockstep.CodeIdPCAUnknown || told.last().Facts["missing authority"] != "Acme Root CA" {
			t.Errorf("%s without the authority: got %v, told %+v", c.scheme, err, told.last())
		}
	}
	// What is said in the clear behind the answer never counts as said within TLS.
	bound := "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
	if _, err := try("ldap://", "true", startTLSDone+bound, ca.Raw); lockstep.CodeOf(err) != lockstep.CodeIdPNotTLS {
		t.Errorf("an answer put in before TLS: got %v", err)
	}
	refused := strings.Replace(startTLSDone, "\x0a\x01\x00", "\x0a\x01\x02", 1)
	if _, err := try("ldap://", "true", refused, ca.Raw); lockstep.CodeOf(err) != lockstep.CodeIdPNotTLS {
		t.Errorf("StartTLS refused: got %v", err)
	}
	if _, ok := any(&directory{}).(sso.Upstream); !ok {
		t.Error("a directory is no upstream")
	}
}
