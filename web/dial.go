package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Dialer connects to public addresses and to those that the operator allowed, and to no other. It judges the resolved
// address at the moment of connecting: what a name resolved to earlier does not count.
//
// The zero Dialer allows public addresses only. A Dialer may be used by many goroutines; do not change it then.
type Dialer struct {
	// Allow lists further ranges: the company's own network, say, or loopback for a demonstration. Cloud metadata services
	// are on link-local addresses; an operator has to name those ranges on purpose.
	Allow []netip.Prefix
	// Timeout bounds resolving and connecting together. 0 means 10 s.
	Timeout time.Duration
	// Resolver resolves names. Nil means the machine's.
	Resolver *net.Resolver
	// Inside refuses public addresses that Allow does not list: what goes without TLS stays in networks that the operator has allowed.
	Inside bool
	// Connect stands in for the network, for callers who have none: it gets every address, and no rule is asked. Nil is the
	// network.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
}

// BlockedError says that an address is neither public nor allowed, or that a name leads to no address that is. Which of the two a
// name does is not said: that would tell which names there are inside, and what they stand for.
type BlockedError struct {
	Addr netip.Addr // the zero Addr when a name leads nowhere
	Name string     // the name that was dialled; "" when it was an address
}

// Error names what was dialled, and nothing that it resolved to.
func (e *BlockedError) Error() string {
	if e.Name != "" {
		return fmt.Sprintf("name %s leads to no address that is public or in a range that the operator has allowed", e.Name)
	}
	return fmt.Sprintf("address %s is not public and the operator has not allowed its range", e.Addr)
}

// PlainError says that a connection without TLS would have gone to a public address.
type PlainError struct{}

// Error says so.
func (*PlainError) Error() string { return "address is public and would be reached without TLS" }

// DialContext connects to host:port over network tcp, tcp4 or tcp6. The error wraps a *BlockedError when every address was
// refused by rule.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, fmt.Errorf("dial %s %s: only tcp is allowed", network, address)
	}
	if d.Connect != nil {
		return d.Connect(ctx, network, address)
	}
	timeout := d.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	dialer := net.Dialer{
		Timeout:  timeout,
		Resolver: d.Resolver,
		// Control sees the very address that connect(2) gets next.
		Control: func(_, address string, _ syscall.RawConn) error { return d.check(address) },
	}
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, unresolved(address, err)
	}
	return c, nil
}

// unresolved makes one error of a name that there is not and a name that leads where nobody may go.
func unresolved(address string, err error) error {
	name, _, split := net.SplitHostPort(address)
	if _, literal := netip.ParseAddr(name); split != nil || literal == nil {
		return err
	}
	if blocked, ok := errors.AsType[*BlockedError](err); ok {
		return &BlockedError{Addr: blocked.Addr, Name: name}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return &BlockedError{Name: name}
	}
	return err
}

func (d *Dialer) check(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !d.Allowed(to.Addr()) {
		return &BlockedError{Addr: to.Addr()}
	}
	if d.Inside && !within(d.Allow, to.Addr().Unmap().WithZone("")) {
		return &PlainError{}
	}
	return nil
}

// Inside reports whether an address is one that only an operator can allow. What answers there may have been built to trust whoever
// can reach it, so its answers are not shown.
func Inside(a net.Addr) bool {
	to, ok := a.(*net.TCPAddr)
	return ok && !(&Dialer{}).Allowed(to.AddrPort().Addr())
}

// Allowed reports whether the Dialer would connect to the address.
func (d *Dialer) Allowed(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("") // ::ffff:10.0.0.1 is 10.0.0.1; a prefix has no zone
	if within(d.Allow, addr) {
		return true
	}
	return addr.IsGlobalUnicast() && !within(notPublic, addr)
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// notPublic is what IsGlobalUnicast lets through although it is not the public internet (IANA special-purpose registries,
// RFC 6890). The transition ranges are here because they carry an IPv4 address inside.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network
	netip.MustParsePrefix("10.0.0.0/8"),       // private
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT; Alibaba's metadata
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host, reachable from every virtual machine there
	netip.MustParsePrefix("172.16.0.0/12"),    // private
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments; Oracle's metadata
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.168.0.0/16"),   // private
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved
	netip.MustParsePrefix("64:ff9b::/96"),     // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),   // NAT64, local
	netip.MustParsePrefix("100::/64"),         // discard
	netip.MustParsePrefix("2001::/23"),        // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4
	netip.MustParsePrefix("3fff::/20"),        // documentation
	netip.MustParsePrefix("fc00::/7"),         // private; Amazon's metadata
	netip.MustParsePrefix("fec0::/10"),        // site-local, of old
}

// Why says in a clause of our own why a connection failed, or "". It tells what to mend without the words of the operating system or
// of a name server, which tell of the network here.
func Why(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by an authority that is not trusted here"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "its certificate has expired or is not valid yet"
		}
		return "its certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "it does not speak TLS there"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Sprintf("it refused TLS with alert %d", uint8(alert))
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && !e.IsNotFound {
		return "its name cannot be looked up at the moment"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refused the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ended the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no way leads there"
	}
	return ""
}

// Loopback is what a demonstration and a test allow.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}
