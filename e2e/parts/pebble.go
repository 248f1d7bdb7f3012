package parts

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pebble is a running ACME authority for tests.
type Pebble struct {
	Directory string // its address
	Trust     string // file in PEM with what its own TLS is signed by
}

// StartPebble starts Pebble, Let's Encrypt's authority for tests, on loopback. It proves names by TLS at the given port of loopback, whatever the
// name: a name server of its own says so of all of them. It ends with the test.
func StartPebble(t testing.TB, tlsPort int) Pebble {
	t.Helper()
	pebble, names := Need(t, "pebble"), Need(t, "pebble-challtestsrv")
	dir, err := os.MkdirTemp("/tmp", "lockstep-pebble-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cert, key, _ := Certificate(t, dir, time.Now().Add(time.Hour), "127.0.0.1")
	var ports [4]string
	for i := range ports {
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = strings.Cut(address, ":")
	}
	local := func(i int) string { return net.JoinHostPort("127.0.0.1", ports[i]) }
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": local(0), "managementListenAddress": local(1), "certificate": cert, "privateKey": key, "httpPort": 1, "tlsPort": tlsPort,
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"names", "pebble"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dns, err := supervise(filepath.Join(dir, "names"), "TERM", "Starting management server", nil,
		names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", local(2), "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", local(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dns.stop)
	authority, err := supervise(filepath.Join(dir, "pebble"), "TERM", "ACME directory available", nil, "env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0",
		pebble, "-config", file, "-dnsserver", local(2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authority.stop)
	awaitListening(t, local(0))
	return Pebble{Directory: "https://" + local(0) + "/dir", Trust: cert}
}

// awaitListening waits until somebody listens at the address: some programs say that they are ready before they are.
func awaitListening(t testing.TB, address string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
