package parts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// SCIMServer is a running SCIM 2.0 server whose protocol is not ours.
type SCIMServer struct {
	URL   string // base address, without a slash at the end
	Token string // bearer token
}

// SCIM starts the SCIM server of e2e/node (SCIMMY, from npm) on loopback: empty, with users, the enterprise extension and
// groups. Its pages hold 20 objects unless asked for more; user and group names are unique whatever their case. The server
// ends with the test.
func SCIM(t testing.TB) SCIMServer {
	t.Helper()
	node := Need(t, "node")
	NeedFile(t, filepath.Join("e2e", "node", "node_modules", "scimmy"))
	script := NeedFile(t, filepath.Join("e2e", "node", "server.js"))
	dir, err := os.MkdirTemp("", "lockstep-scim-")
	if err != nil {
		t.Fatal(err)
	}
	const token = "a-token-for-tests"
	server, err := supervise(dir, "TERM", "ready ", nil, "env", "TOKEN="+token, node, script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	_, url, _ := strings.Cut(server.ready, "ready ")
	return SCIMServer{URL: url, Token: token}
}
