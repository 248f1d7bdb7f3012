package parts

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Caddy starts Caddy on loopback and returns its address, http://127.0.0.1:port. configure is told where it listens, as a site of a Caddyfile has it, and returns the
// Caddyfile. Its log is told when the test fails.
func Caddy(t testing.TB, configure func(site string) string) string {
	t.Helper()
	caddy := Need(t, "caddy")
	dir, err := os.MkdirTemp("", "lockstep-caddy-")
	if err != nil {
		t.Fatal(err)
	}
	listen := Address(t)
	conf, log := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "log")
	text := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput file %s\n\t}\n}\n%s", log, configure("http://"+listen))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := supervise(dir, "TERM", "caddy begins", nil, "sh", "-c", "echo caddy begins; exec env HOME="+dir+" XDG_DATA_HOME="+dir+" XDG_CONFIG_HOME="+dir+" "+caddy+" run --adapter caddyfile --config "+conf+" 2>>"+log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(log) // whatever there is of it
			t.Logf("Caddy says\n%s", said)
		}
		server.stop()
	})
	if err := awaitListener(listen); err != nil {
		t.Fatalf("caddy: %v", err)
	}
	return "http://" + listen
}
