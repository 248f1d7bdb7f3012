package parts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nginx starts nginx on loopback and returns its address, http://127.0.0.1:port. configure is told the address to listen on, host:port, and
// returns what stands in the block http. The server ends with the test.
func Nginx(t testing.TB, configure func(listen string) string) string {
	t.Helper()
	nginx := Need(t, "nginx")
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "lockstep-nginx-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the supervisor does so, too
	listen, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "daemon off;\nworker_processes 1;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nevents {}\nhttp {\naccess_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&text, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	text.WriteString(configure(listen) + "}\n")
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := give(dir, as); err != nil {
		t.Fatal(err)
	}
	server, err := supervise(dir, "TERM", "nginx begins", as, "sh", "-c", "echo nginx begins; exec "+nginx+" -c "+conf+" -e "+dir+"/error.log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log")) // whatever there is of it
			t.Logf("nginx says\n%s", log)
		}
		server.stop()
	})
	if err := awaitListener(listen); err != nil {
		t.Fatalf("nginx: %v", err)
	}
	return "http://" + listen
}

// OAuth2Proxy starts oauth2-proxy on loopback and returns its address, http://127.0.0.1:port. configure is told the address and returns its
// options. The program ends with the test.
func OAuth2Proxy(t testing.TB, configure func(address string) []string) string {
	t.Helper()
	program := NeedFile(t, filepath.Join("e2e", "goparts", "bin", "oauth2-proxy"))
	dir, err := os.MkdirTemp("", "lockstep-oauth2-proxy-")
	if err != nil {
		t.Fatal(err)
	}
	listen, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", `echo "oauth2-proxy begins"; exec "$@" 2>&1`, "sh", program, "--http-address=" + listen}, configure("http://"+listen)...)
	server, err := supervise(dir, "TERM", "oauth2-proxy begins", nil, "sh", args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	if err := awaitListener(listen); err != nil {
		t.Fatalf("oauth2-proxy: %v", err)
	}
	return "http://" + listen
}
