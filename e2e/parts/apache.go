package parts

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Apache starts Apache's httpd with a module, such as auth_openidc, on loopback and returns its address, http://127.0.0.1:port. Its one page is
// "the application". configure is told the address and a folder for files that the module reads, and returns what else stands in the
// configuration. The server ends with the test.
func Apache(t testing.TB, module string, configure func(address, dir string) string) string {
	t.Helper()
	apache := Need(t, "apache2")
	needFile(t, "/usr/lib/apache2/modules/mod_"+module+".so")
	as, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "lockstep-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the supervisor does so, too
	listen, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "httpd.conf")
	files := map[string]string{
		"index.html": "the application\n",
		"httpd.conf": apacheConfiguration(dir, listen, module) + configure("http://"+listen, dir),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := give(dir, as); err != nil {
		t.Fatal(err)
	}
	server, err := supervise(dir, "TERM", "apache begins", as, "sh", "-c", "echo apache begins; exec "+apache+" -D FOREGROUND -f "+conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log")) // whatever there is of it
			t.Logf("apache2 says\n%s", log)
		}
		server.stop()
	})
	if err := awaitListener(listen); err != nil {
		t.Fatalf("apache2: %v", err)
	}
	return "http://" + listen
}

// needFile skips a test whose part is not there.
func needFile(t testing.TB, name string) {
	t.Helper()
	if exists(name) {
		return
	}
	if inCI() {
		t.Fatalf("%s is not installed; under CI=true nothing is skipped", name)
	}
	t.Skipf("%s is not installed; `make test` installs it on Debian", name)
}

// give makes a folder and its files those of the user that a server runs as.
func give(dir string, as *syscall.Credential) error {
	if as == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(as.Uid), int(as.Gid))
	})
}

func apacheConfiguration(dir, listen, module string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "ServerRoot %s\nServerName 127.0.0.1\nListen %s\nPidFile %s/pid\nErrorLog %s/error.log\nMutex file:%s default\nDocumentRoot %s\nDirectoryIndex index.html\n",
		dir, listen, dir, dir, dir, dir)
	modules := ""
	for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", module} {
		modules += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", name, name)
	}
	return modules + text.String()
}
