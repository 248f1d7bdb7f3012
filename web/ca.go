package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// CA is a certification authority of one's own, for servers that are tried and tested on this machine. What it may certify is
// written into its certificate (RFC 5280 §4.2.1.10), so whoever trusts it trusts it for those names alone. Safe for many
// goroutines.
type CA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// The files of a CA in its folder. Only the certificate is for others.
const (
	caFile    = "ca.pem"
	caKeyFile = "ca-key.pem"
)

// OpenCA returns the CA in the folder, and makes it if there is none. It certifies the domains, with all names below them, and the
// addresses of loopback and of the ranges. A CA that was made for fewer is an error: who trusts it would trust no more.
func OpenCA(folder string, domains []string, ranges ...net.IPNet) (*CA, error) {
	ranges = append([]net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}, ranges...)
	ca, err := readCA(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return makeCA(folder, domains, ranges)
	}
	if err != nil {
		return nil, fmt.Errorf("open the certification authority in %s: %w", folder, err)
	}
	for _, d := range domains {
		if !slices.Contains(ca.certificate.PermittedDNSDomains, d) {
			return nil, fmt.Errorf("the certification authority in %s is not for %s: remove the folder to make another", folder, d)
		}
	}
	for _, r := range ranges {
		if !ca.permits(r.IP) {
			return nil, fmt.Errorf("the certification authority in %s is not for %s: remove the folder to make another", folder, r.String())
		}
	}
	if time.Now().After(ca.certificate.NotAfter.Add(-leafLife)) {
		return nil, fmt.Errorf("the certification authority in %s expires on %s: remove the folder to make another", folder, ca.certificate.NotAfter.Format(time.DateOnly))
	}
	return ca, nil
}

// caLife is how long a CA may be trusted, leafLife how long a certificate is.
const (
	caLife   = 2 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
)

func readCA(folder string) (*CA, error) {
	text, err := os.ReadFile(filepath.Join(folder, caFile))
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(filepath.Join(folder, caKeyFile))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, secret)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is no key for ECDSA", caKeyFile)
	}
	if !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is no certification authority", caFile)
	}
	return &CA{certificate: pair.Leaf, key: key, leaves: map[string]*tls.Certificate{}}, nil
}

func makeCA(folder string, domains []string, ranges []net.IPNet) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certification authority: %w", err)
	}
	allowed := make([]*net.IPNet, len(ranges))
	for i := range ranges {
		allowed[i] = &ranges[i]
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Lockstep, for tests on this machine"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: domains, PermittedIPRanges: allowed,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certification authority: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a certification authority: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make a certification authority: %w", err)
	}
	// The certificate comes last: a folder that has it has both.
	for _, f := range []struct {
		name, kind string
		der        []byte
		mode       fs.FileMode
	}{{caKeyFile, "PRIVATE KEY", secret, 0o600}, {caFile, "CERTIFICATE", der, 0o644}} {
		if err := os.WriteFile(filepath.Join(folder, f.name), pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return nil, fmt.Errorf("make a certification authority: %w", err)
		}
	}
	return readCA(folder)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return big.NewInt(time.Now().UnixNano()) // crypto/rand does not fail
	}
	return n
}

// File is where the CA's certificate stands in its folder, for clients to trust.
func (ca *CA) File(folder string) string { return filepath.Join(folder, caFile) }

// permits reports whether the CA may certify the address.
func (ca *CA) permits(ip net.IP) bool {
	return slices.ContainsFunc(ca.certificate.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) })
}

// allows reports whether the CA may certify the name.
func (ca *CA) allows(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return ca.permits(ip)
	}
	return slices.ContainsFunc(ca.certificate.PermittedDNSDomains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// Config returns the TLS settings of a server that has whatever name a client asks for, among those that the CA may certify.
func (ca *CA) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		if name == "" { // the client came by an address, which it does not send (RFC 6066 §3)
			name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
		}
		return ca.leaf(name)
	}}
}

// maxLeaves bounds the certificates that are kept: names below a domain are as many as somebody likes to ask for.
const maxLeaves = 64

// leaf returns a certificate for the name.
func (ca *CA) leaf(name string) (*tls.Certificate, error) {
	if !ca.allows(name) {
		return nil, fmt.Errorf("no certificate for %q", name)
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	now := time.Now()
	if c := ca.leaves[name]; c != nil && now.Before(c.Leaf.NotAfter.Add(-leafLife/2)) {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", name, err)
	}
	// The subject is no name of the server: OpenSSL would hold an address there against the domains that are permitted.
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Lockstep, a server for tests"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, &key.PublicKey, ca.key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", name, err)
	}
	if len(ca.leaves) >= maxLeaves {
		clear(ca.leaves)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, ca.certificate.Raw}, PrivateKey: key, Leaf: leaf}
	ca.leaves[name] = c
	return c, nil
}
