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
// questions with an empty answer.
func fakeDNS(t *testing.T, addrs ...string) *net.Resolver {
	var asked atomic.Int64
	next := func() netip.Addr {
		i := min(int(asked.Add(1)), len(addrs)) - 1
		return netip.MustParseAddr(addrs[i])
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
	if binary.BigEndian.Uint16(query[end+1:]) == typeA {
		record = append([]byte{0xC0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4}, next().AsSlice()...)
	}
	message := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(min(len(record), 1)), 0, 0, 0, 0}, question...)
	return append(message, record...)
}
