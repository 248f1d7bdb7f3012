package parts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// IDP starts an identity provider of e2e/idp that is not ours, by its script (op.js or saml.js), with the environment variables, and returns
// its address without a slash at the end. The provider ends with the test.
func IDP(t testing.TB, script string, environment ...string) string {
	t.Helper()
	return Node(t, filepath.Join("e2e", "idp"), script, environment...)
}

// Node starts a script of a folder with packages of npm, which says that it is ready, and at what address. It ends with the test.
func Node(t testing.TB, folder, script string, environment ...string) string {
	t.Helper()
	node := Need(t, "node")
	NeedFile(t, filepath.Join(folder, "node_modules", ".package-lock.json"))
	path := NeedFile(t, filepath.Join(folder, script))
	dir, err := os.MkdirTemp("", "lockstep-node-")
	if err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{"NODE_NO_WARNINGS=1"}, environment...), node, path)
	server, err := supervise(dir, "TERM", "ready ", nil, "env", args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	_, url, _ := strings.Cut(server.ready, "ready ")
	return url
}
