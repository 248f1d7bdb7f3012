package parts

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// PgBouncer starts a PgBouncer before a database of Postgres, in transaction mode and with a handful of connections, and returns the connection
// string through it. Settings are lines of its section [pgbouncer], such as what it ignores. It ends with the test.
func PgBouncer(t testing.TB, dsn string, settings ...string) (through string) {
	t.Helper()
	program := Need(t, "pgbouncer")
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "lockstep-pgbouncer-") // as Postgres does it
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("[databases]\n* = host=%s user=%s\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nauth_type = trust\nauth_file = %s/users\n"+
		"pool_mode = transaction\ndefault_pool_size = 5\nmax_client_conn = 500\n", at.Query().Get("host"), postgresUser, dir, dir)
	for _, line := range settings {
		config += line + "\n"
	}
	for name, text := range map[string]string{"config": config, "users": `"` + postgresUser + `" ""` + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	server, err := supervise(dir, "INT", "process up", as, program, filepath.Join(dir, "config"))
	if err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	at.RawQuery = url.Values{"host": {dir}, "port": {"6432"}}.Encode()
	return at.String()
}
