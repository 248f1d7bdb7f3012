package web

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAllowed(t *testing.T) {
	open := Dialer{}
	company := Dialer{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for _, c := range []struct {
		addr          string
		open, company bool
	}{
		{"93.184.216.34", true, true},
		{"2606:2800:220:1::1", true, true},
		{"127.0.0.1", false, false},
		{"::1", false, false},
		{"::ffff:127.0.0.1", false, false},
		{"0.0.0.0", false, false},
		{"::", false, false},
		{"10.20.1.1", false, true},
		{"::ffff:10.20.1.1", false, true},
		{"10.21.1.1", false, false},
		{"172.31.255.255", false, false},
		{"172.32.0.0", true, true},
		{"192.168.1.1", false, false},
		{"169.254.169.254", false, false}, // metadata at most clouds
		{"100.100.100.200", false, false}, // at Alibaba
		{"168.63.129.16", false, false},   // Azure's host
		{"fd00:ec2::254", false, false},   // Amazon, IPv6
		{"fd00:1::5", false, true},
		{"fe80::1%eth0", false, false},
		{"64:ff9b::7f00:1", false, false}, // 127.0.0.1 behind NAT64
		{"2002:7f00:1::", false, false},   // behind 6to4
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"ff02::1", false, false},
	} {
		addr := netip.MustParseAddr(c.addr)
		if got := open.Allowed(addr); got != c.open {
			t.Errorf("zero dialer, %s: %v", c.addr, got)
		}
		if got := company.Allowed(addr); got != c.company {
			t.Errorf("company's dialer, %s: %v", c.addr, got)
		}
	}
	if (&Dialer{}).Allowed(netip.Addr{}) {
		t.Error("the invalid address is allowed")
	}
}

// TestRebinding: a name that is public when somebody looks and the operator's own host when the connection is made.
func TestRebinding(t *testing.T) {
	inner := newCounter(t)
	name := "rebind.example:" + inner.port
	resolver := fakeDNS(t, "93.184.216.34", "127.0.0.1")
	d := &Dialer{Resolver: resolver}

	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || !d.Allowed(first[0].Unmap()) {
		t.Fatalf("a check in advance would see %v, %v", first, err)
	}
	_, err = NewClient(ClientConfig{Dialer: d}).Get("http://" + name)
	if blocked, ok := errors.AsType[*BlockedError](err); !ok || blocked.Addr.String() != "127.0.0.1" {
		t.Errorf("got %v, want the second answer blocked", err)
	}
	if n := inner.hits.Load(); n != 0 {
		t.Errorf("the inner server had %d requests", n)
	}
	if _, err := NewClient(ClientConfig{Dialer: &Dialer{Resolver: resolver, Allow: Loopback()}}).Get("http://" + name); err != nil {
		t.Errorf("with loopback allowed: %v", err)
	}
	if n := inner.hits.Load(); n != 1 {
		t.Errorf("with loopback allowed the inner server had %d requests, want 1", n)
	}
}

func TestRedirectInwardIsBlocked(t *testing.T) {
	inner := newCounter(t)
	l, err := net.Listen("tcp", "127.0.0.2:0") // stands for a public address: it alone is allowed
	if err != nil {
		t.Skip("this system has no 127.0.0.2") // only Linux has the whole of 127/8
	}
	outer := &http.Server{Handler: http.RedirectHandler("http://127.0.0.1:"+inner.port+"/", http.StatusFound)}
	go func() { _ = outer.Serve(l) }()
	defer outer.Close()
	d := &Dialer{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Resolver: fakeDNS(t, "127.0.0.2")}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_, err = NewClient(ClientConfig{Dialer: d}).Get("http://outer.example:" + port)
	if _, ok := errors.AsType[*BlockedError](err); !ok || inner.hits.Load() != 0 {
		t.Errorf("got %v and %d requests inside", err, inner.hits.Load())
	}
}

// TestNamesTellNothing: whoever names a host inside learns neither whether there is one nor what it stands for.
func TestNamesTellNothing(t *testing.T) {
	said := map[string]string{}
	for _, address := range []string{"", "10.9.8.7", "127.0.0.1", "169.254.169.254"} {
		d := &Dialer{Resolver: fakeDNS(t, address)}
		_, err := d.DialContext(t.Context(), "tcp", "intranet.example:443")
		if _, ok := errors.AsType[*BlockedError](err); !ok {
			t.Fatalf("%q: %v", address, err)
		}
		said[err.Error()] = address
	}
	if len(said) != 1 {
		t.Errorf("%q", said)
	}
	_, err := (&Dialer{}).DialContext(t.Context(), "tcp", "10.9.8.7:443") // an address tells nothing that was not said
	if err == nil || !strings.Contains(err.Error(), "10.9.8.7") {
		t.Errorf("%v", err)
	}
}

// TestPlainStaysInside: without TLS a client reaches what the operator has allowed, and no public address unless that is meant.
func TestPlainStaysInside(t *testing.T) {
	inner := newCounter(t)
	public := netip.MustParsePrefix("93.184.216.0/24")
	for _, c := range []struct {
		name    string
		config  ClientConfig
		allow   []netip.Prefix
		url     string
		refused bool
	}{
		{"public", ClientConfig{}, nil, "http://app.example:1/", true},
		{"public, loopback allowed", ClientConfig{}, Loopback(), "http://app.example:1/", true},
		{"public, meant", ClientConfig{Plain: true}, nil, "http://app.example:1/", false},
		{"public, its range allowed", ClientConfig{}, []netip.Prefix{public}, "http://app.example:1/", false},
		{"public, TLS", ClientConfig{}, nil, "https://app.example:1/", false},
		{"inside", ClientConfig{}, Loopback(), "http://127.0.0.1:" + inner.port, false},
	} {
		patience := 100 * time.Millisecond // nobody has to answer
		if c.refused || c.name == "inside" {
			patience = 30 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c.config.Dialer = &Dialer{Allow: c.allow, Resolver: fakeDNS(t, "93.184.216.34")}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := NewClient(c.config).Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		cancel()
		if _, refused := errors.AsType[*PlainError](err); refused != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if inner.hits.Load() != 1 {
		t.Errorf("%d requests inside", inner.hits.Load())
	}
}

// TestWhy: the reasons that connections fail for are told in words of our own.
func TestWhy(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	plain := newCounter(t)
	for url, want := range map[string]string{
		secure.URL:                             "its certificate is signed by an authority that is not trusted here",
		gone.URL:                               "it refused the connection",
		"https://127.0.0.1:" + plain.port:      "it does not speak TLS there",
		"http://127.0.0.1:" + port(secure.URL): "",
	} {
		answer, err := NewClient(ClientConfig{Dialer: &Dialer{Allow: Loopback()}}).Get(url)
		if err == nil {
			_ = answer.Body.Close()
		}
		if got := Why(err); got != want {
			t.Errorf("%s: %q of %v", url, got, err)
		}
	}
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

func TestDialOnlyTCP(t *testing.T) {
	d := &Dialer{Allow: Loopback()}
	for _, network := range []string{"unix", "udp", "ip"} {
		if _, err := d.DialContext(t.Context(), network, "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), "only tcp") {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// counter is a server on loopback that counts requests.
type counter struct {
	port string
	hits atomic.Int64
}

func newCounter(t *testing.T) *counter {
	c := &counter{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.hits.Add(1) }))
	t.Cleanup(server.Close)
	_, c.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return c
}

// fakeDNS answers questions for A records with the addresses, one after another, the last one for ever, and all other
// questions with an empty answer. "" says that there is no such name.
func fakeDNS(t *testing.T, addrs ...string) *net.Resolver {
	var asked atomic.Int64
	next := func() (a netip.Addr) {
		if i := min(int(asked.Add(1)), len(addrs)) - 1; addrs[i] != "" {
			a = netip.MustParseAddr(addrs[i])
		}
		return a
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // not a packet connection, so each message has its length before it (RFC 1035 §4.2.2)
		go serveDNS(server, next)
		return client, nil
	}}
}

func serveDNS(conn net.Conn, next func() netip.Addr) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := answerDNS(query, next)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answerDNS builds the message of RFC 1035 §4.1: header, the question repeated, at most one A record that points to its name.
func answerDNS(query []byte, next func() netip.Addr) []byte {
	const header, typeA = 12, 1
	end := header
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[header : end+5] // the name's final zero, type, class
	var record []byte
	code := byte(0)
	if binary.BigEndian.Uint16(query[end+1:]) == typeA {
		if a := next(); a.IsValid() {
			record = append([]byte{0xC0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4}, a.AsSlice()...)
		} else {
			code = 3 // NXDOMAIN
		}
	}
	message := append([]byte{query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, byte(min(len(record), 1)), 0, 0, 0, 0}, question...)
	return append(message, record...)
}
