package parts

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// SambaVariable is the environment variable that lets tests start a domain controller: making a domain takes half a minute, and the
// program insists on port 389.
const SambaVariable = "LOCKSTEP_TEST_SAMBA"

// Samba starts an Active Directory domain controller, corp.example.test, on loopback: an LDAP server that behaves like Microsoft's.
// The test is skipped when nobody has asked for it, when the programs are not installed (on Debian: samba-ad-dc samba-ad-provision
// samba-dsdb-modules winbind) or when the port is taken. The server ends with the test.
func Samba(t testing.TB) *LDAP {
	t.Helper()
	if os.Getenv(SambaVariable) == "" {
		t.Skipf("%s is not set: a domain controller takes half a minute to make", SambaVariable)
	}
	tool, err := find("samba-tool")
	if err != nil {
		t.Skip(err)
	}
	program, err := find("samba")
	if err != nil {
		t.Skip(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:389")
	if err != nil {
		t.Skip(err)
	}
	_ = listener.Close() // only the port was of interest
	dir, err := os.MkdirTemp("/tmp", "lockstep-samba-")
	if err != nil {
		t.Fatal(err)
	}
	config, err := makeDomain(tool, dir)
	if err != nil {
		_ = os.RemoveAll(dir) // the first error is the one to tell
		t.Fatal(err)
	}
	server, err := supervise(dir, "TERM", "TLS self-signed keys generated", nil, program, "-F", "-M", "single", "--debug-stdout", "-s", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.stop)
	if err := awaitListener("127.0.0.1:389"); err != nil {
		t.Fatal(err)
	}
	admin := "administrator@corp.example.test"
	return &LDAP{
		URL: "ldap://127.0.0.1:389", Base: "DC=corp,DC=example,DC=test",
		BindDN: admin, Password: sambaPassword, AdminDN: admin, AdminPassword: sambaPassword,
	}
}

const sambaPassword = "Correct-horse-7"

// makeDomain returns the path of the domain's configuration, cut down to the LDAP server.
func makeDomain(tool, dir string) (string, error) {
	out, err := exec.Command(tool, "domain", "provision", "--targetdir="+dir, "--realm=CORP.EXAMPLE.TEST", "--domain=CORP", "--adminpass="+sambaPassword,
		"--server-role=dc", "--dns-backend=NONE", "--use-rfc2307", "--host-name=dc1", "--host-ip=127.0.0.1",
		"--option=interfaces=lo", "--option=bind interfaces only=yes").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("samba-tool: %w\n%s", err, out)
	}
	path := filepath.Join(dir, "etc", "smb.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text = regexp.MustCompile(`(?m)^\s*server services = .*$`).ReplaceAll(text, []byte("\tserver services = ldap"))
	more := fmt.Sprintf("[global]\n\tldap server require strong auth = no\n\tpid directory = %s\n\tlog file = %s/log\n", dir, dir)
	text = bytes.Replace(text, []byte("[global]\n"), []byte(more), 1)
	return path, os.WriteFile(path, text, 0o600)
}
